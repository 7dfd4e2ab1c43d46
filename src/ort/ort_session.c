/* SPDX-License-Identifier: Apache-2.0 */
#include "ort/ort_session.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

/* Where the model comes from: a path, or bytes when it is NULL. */
struct source {
    const char *path;
    const void *bytes;
    size_t n_bytes;
};

/* Its element types are numbered as in ONNX files. */
static const struct {
    enum tro_dtype dtype;
    int type;
} type_map[] = {
    {TRO_F32, 1},         {TRO_U8, 2},        {TRO_I8, 3},          {TRO_U16, 4},
    {TRO_I16, 5},         {TRO_I32, 6},       {TRO_I64, 7},         {TRO_BOOL, 9},
    {TRO_F16, 10},        {TRO_F64, 11},      {TRO_U32, 12},        {TRO_U64, 13},
    {TRO_BF16, 16},       {TRO_F8E4M3FN, 17}, {TRO_F8E4M3FNUZ, 18}, {TRO_F8E5M2, 19},
    {TRO_F8E5M2FNUZ, 20}, {TRO_U4, 21},       {TRO_I4, 22},         {TRO_F4E2M1, 23},
};
enum { N_TYPES = sizeof type_map / sizeof *type_map };

enum tro_dtype tro_ort_dtype_from_type(int type)
{
    for (int i = 0; i < N_TYPES; i++)
        if (type_map[i].type == type)
            return type_map[i].dtype;
    return TRO_DTYPE_NONE;
}

int tro_ort_type_from_dtype(enum tro_dtype dtype)
{
    for (int i = 0; i < N_TYPES; i++)
        if (type_map[i].dtype == dtype)
            return type_map[i].type;
    return 0;
}

static const char *kind_name(int kind)
{
    static const char *const names[] = {
        "a value of unknown type", "a tensor",        "a sequence",       "a map",
        "an opaque value",         "a sparse tensor", "an optional value"};
    const int n = sizeof names / sizeof *names;
    return names[kind > 0 && kind < n ? kind : 0];
}

static const char *type_name(int type)
{
    return type == 8 ? "string" : type == 14 || type == 15 ? "complex" : "an unknown type";
}

static int read_shape(struct tro_ort *o, const struct ort_shape *shape, struct tro_io_info *info,
                      struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    size_t rank = 0;
    TRO_TRY(tro_ort_check(api, api->rank(shape, &rank), err));
    if (rank > TRO_MAX_RANK)
        return tro_fail(err, TRO_E_UNSUPPORTED, "'%s' has %zu dimensions, at most %d are supported",
                        info->name, rank, TRO_MAX_RANK);
    info->rank = (int)rank;
    if (api->has_shape ? !api->has_shape(shape) : rank == 0)
        info->rank = -1;
    const char *names[TRO_MAX_RANK] = {0};
    TRO_TRY(tro_ort_check(api, api->dims(shape, info->shape, rank), err));
    TRO_TRY(tro_ort_check(api, api->dim_names(shape, names, rank), err));
    for (size_t d = 0; d < rank; d++) {
        info->dim_name[d] = tro_arena_strdup(&o->arena, names[d] ? names[d] : "");
        if (!info->dim_name[d])
            return tro_fail_nomem(err);
    }
    return 0;
}

static int read_type(struct tro_ort *o, const struct ort_type *type, struct tro_io_info *info,
                     const char *what, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    int kind = 0, element = 0;
    const struct ort_shape *shape = NULL;
    TRO_TRY(tro_ort_check(api, api->type_kind(type, &kind), err));
    if (kind != ORT_KIND_TENSOR)
        return tro_fail(err, TRO_E_UNSUPPORTED, "%s '%s' is %s: only tensors can go in and out",
                        what, info->name, kind_name(kind));
    TRO_TRY(tro_ort_check(api, api->type_to_shape(type, &shape), err));
    TRO_TRY(tro_ort_check(api, api->element_type(shape, &element), err));
    info->dtype = tro_ort_dtype_from_type(element);
    if (info->dtype == TRO_DTYPE_NONE)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "%s '%s' has elements of type %s: only numbers and bool can go in and out",
                        what, info->name, type_name(element));
    return read_shape(o, shape, info, err);
}

/* Copies a name the library allocated, and frees it there. */
static int take_name(struct tro_ort *o, char *lib_name, const char **name, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    struct ort_allocator *allocator = NULL;
    *name = tro_arena_strdup(&o->arena, lib_name);
    TRO_TRY(tro_ort_check(api, api->default_allocator(&allocator), err));
    TRO_TRY(tro_ort_check(api, api->allocator_free(allocator, lib_name), err));
    return *name ? 0 : tro_fail_nomem(err);
}

static int read_info(struct tro_ort *o, bool is_input, size_t i, struct tro_io_info *info,
                     struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    struct ort_allocator *allocator = NULL;
    char *name = NULL;
    struct ort_type *type = NULL;
    TRO_TRY(tro_ort_check(api, api->default_allocator(&allocator), err));
    TRO_TRY(tro_ort_check(api,
                          is_input ? api->input_name(o->session, i, allocator, &name)
                                   : api->output_name(o->session, i, allocator, &name),
                          err));
    TRO_TRY(take_name(o, name, &info->name, err));
    TRO_TRY(tro_ort_check(api,
                          is_input ? api->input_type(o->session, i, &type)
                                   : api->output_type(o->session, i, &type),
                          err));
    const int rc = read_type(o, type, info, is_input ? "input" : "output", err);
    api->release_type(type);
    return rc;
}

static int read_side(struct tro_ort *o, struct tro_ort_side *side, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    const bool is_input = side == &o->in;
    size_t n = 0;
    TRO_TRY(tro_ort_check(
        api, is_input ? api->n_inputs(o->session, &n) : api->n_outputs(o->session, &n), err));
    side->info = TRO_NEW_N(&o->arena, struct tro_io_info, n);
    side->names = TRO_NEW_N(&o->arena, const char *, n);
    side->values = TRO_NEW_N(&o->arena, struct ort_value *, n);
    side->own = TRO_NEW_N(&o->arena, void *, n);
    if (!side->info || !side->names || !side->values || !side->own)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        TRO_TRY(read_info(o, is_input, i, &side->info[i], err));
        side->names[i] = side->info[i].name;
    }
    side->n = (int)n;
    return 0;
}

static int set_options(struct tro_ort *o, struct ort_options *options,
                       const struct tro_ort_opts *opts, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    const char *const spin = opts->spin ? "1" : "0";
    struct ort_status *(*const set)(struct ort_options *, const char *,
                                    const char *) = api->set_config;
    TRO_TRY(tro_ort_check(api, api->set_optimization(options, opts->graph_optimization), err));
    TRO_TRY(tro_ort_check(api, api->set_intra_threads(options, opts->n_threads), err));
    TRO_TRY(tro_ort_check(api, api->set_deterministic(options, true), err));
    TRO_TRY(tro_ort_check(api, set(options, "session.intra_op.allow_spinning", spin), err));
    return tro_ort_check(api, set(options, "session.inter_op.allow_spinning", spin), err);
}

static int create_session(struct tro_ort *o, const struct source *src,
                          const struct ort_options *options, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    if (src->path)
        return tro_ort_check(api, api->create_session(o->env, src->path, options, &o->session),
                             err);
    return tro_ort_check(
        api,
        api->create_session_from_memory(o->env, src->bytes, src->n_bytes, options, &o->session),
        err);
}

/* The library writes the optimized graph while it creates the session. */
static int create_session_and_save(struct tro_ort *o, const struct source *src,
                                   struct ort_options *options, const char *path,
                                   struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    char *const part = tro_arena_printf(&o->arena, "%s.part", path);
    if (!part)
        return tro_fail_nomem(err);
    TRO_TRY(tro_ort_check(api, api->set_optimized_path(options, part), err));
    const int rc = create_session(o, src, options, err);
    if (rc == 0 && rename(part, path) == 0)
        return 0;
    remove(part);
    return rc < 0 ? rc : tro_fail(err, TRO_E_IO, "%s: cannot write the optimized graph", path);
}

static int open_session(struct tro_ort *o, const struct source *src,
                        const struct tro_ort_opts *opts, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    struct ort_options *options = NULL;
    TRO_TRY(tro_ort_check(api, api->create_env(ORT_LOG_FATAL, "trocar", &o->env), err));
    TRO_TRY(tro_ort_check(
        api, api->create_cpu_memory(ORT_ALLOCATOR_DEVICE, ORT_MEMORY_DEFAULT, &o->memory), err));
    TRO_TRY(tro_ort_check(api, api->create_options(&options), err));
    int rc = set_options(o, options, opts, err);
    if (rc == 0)
        rc = opts->save_optimized
                 ? create_session_and_save(o, src, options, opts->save_optimized, err)
                 : create_session(o, src, options, err);
    api->release_options(options);
    return rc;
}

static int check_opts(const struct tro_ort_opts *opts, struct tro_err *err)
{
    const int level = opts->graph_optimization;
    if (level != 0 && level != 1 && level != 2 && level != 99)
        return tro_fail(err, TRO_E_INPUT, "graph optimization is 0, 1, 2 or 99, not %d", level);
    if (opts->n_threads < 0)
        return tro_fail(err, TRO_E_INPUT, "the number of threads is 0 or more, not %d",
                        opts->n_threads);
    return 0;
}

static int open_source(struct tro_ort **out, const struct source *src,
                       const struct tro_ort_opts *opts, struct tro_err *err)
{
    const struct tro_ort_opts defaults = TRO_ORT_OPTS_DEFAULT;
    if (!opts)
        opts = &defaults;
    *out = NULL;
    TRO_TRY(check_opts(opts, err));
    struct tro_ort *const o = tro_calloc(1, sizeof *o);
    if (!o)
        return tro_fail_nomem(err);
    int rc = tro_ort_lib_open(&o->lib, opts->library, err);
    if (rc == 0)
        rc = open_session(o, src, opts, err);
    if (rc == 0)
        rc = read_side(o, &o->in, err);
    if (rc == 0)
        rc = read_side(o, &o->out, err);
    if (rc == 0) {
        o->views = TRO_NEW_N(&o->arena, struct tro_tensor, (size_t)o->out.n);
        rc = o->views ? 0 : tro_fail_nomem(err);
    }
    if (rc < 0) {
        tro_ort_close(o);
        return rc;
    }
    *out = o;
    return 0;
}

int tro_ort_open(struct tro_ort **out, const char *model_path, const struct tro_ort_opts *opts,
                 struct tro_err *err)
{
    return open_source(out, &(struct source){.path = model_path}, opts, err);
}

int tro_ort_open_memory(struct tro_ort **out, const void *bytes, size_t n_bytes,
                        const struct tro_ort_opts *opts, struct tro_err *err)
{
    return open_source(out, &(struct source){.bytes = bytes, .n_bytes = n_bytes}, opts, err);
}

void tro_ort_close(struct tro_ort *o)
{
    if (!o)
        return;
    const struct ort_api *const api = &o->lib.api;
    tro_ort_side_clear(o, &o->in);
    tro_ort_side_clear(o, &o->out);
    if (o->session)
        api->release_session(o->session);
    if (o->memory)
        api->release_memory(o->memory);
    if (o->env)
        api->release_env(o->env);
    tro_ort_lib_close(&o->lib);
    tro_arena_finish(&o->arena);
    tro_free(o);
}

const char *tro_ort_version(const struct tro_ort *o)
{
    return o->lib.version;
}

int tro_ort_n_inputs(const struct tro_ort *o)
{
    return o->in.n;
}

int tro_ort_n_outputs(const struct tro_ort *o)
{
    return o->out.n;
}

struct tro_io_info tro_ort_input_info(const struct tro_ort *o, int i)
{
    return o->in.info[i];
}

struct tro_io_info tro_ort_output_info(const struct tro_ort *o, int i)
{
    return o->out.info[i];
}
