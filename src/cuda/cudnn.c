/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/cudnn.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 4, MAX_HELD = 128, MAX_RESULTS = 8, MAX_KNOBS = 32, MAX_NOTES = 16 };
enum { UID_X = 1, UID_W, UID_BIAS, UID_Z, UID_Y, UID_VIRTUAL };

typedef struct tro_cudnn_handle_s *tro_cudnn_handle;

struct api {
#define FN(type, name, args) type(*name) args;
#include "cuda/cudnn.def"
#undef FN
};

struct cudnn {
    const struct api *api;
    tro_cudnn_handle handle; /* NULL: for a device that is described */
    void *device;
};

/* Descriptors refer to each other: those of a plan live as long as it does. */
struct plan {
    void *held[MAX_HELD];
    int n_held;
    void *plan;
};

/* ---- opening ------------------------------------------------------------------------------ */

static struct api library;

static int find_functions(void *from, struct api *api, struct tro_err *err)
{
#define FN(type, name, args)                                                                 \
    {                                                                                        \
        void *const symbol = tro_library_symbol(from, #name);                                \
        if (!symbol)                                                                         \
            return tro_fail(err, TRO_E_DEVICE, "cuDNN: the library has no function " #name); \
        memcpy(&api->name, &symbol, sizeof symbol);                                          \
    }
#include "cuda/cudnn.def"
#undef FN
    const size_t version = api->cudnnGetVersion();
    if (version >= TRO_CUDNN_LEAST && version < 100000)
        return 0;
    return tro_fail(err, TRO_E_DEVICE, "cuDNN: expected a version from %d to 99999, found %zu",
                    TRO_CUDNN_LEAST, version);
}

static int open_library(struct tro_err *err)
{
    static const char *const names[] = {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9",
                                        "/usr/local/cuda/lib/libcudnn.so.9", NULL};
    void *const from = tro_library_open("TROCAR_CUDNN", names, "cuDNN", err);
    return from ? find_functions(from, &library, err) : err->status;
}

static const struct api *open_api(struct tro_err *err)
{
    static struct tro_library_once once = TRO_LIBRARY_ONCE;
    return tro_library_once(&once, open_library, err) < 0 ? NULL : &library;
}

static int check(const struct api *api, int rc, const char *what, struct tro_err *err)
{
    char text[512] = "";
    if (rc == 0)
        return 0;
    api->cudnnGetLastErrorString(text, sizeof text);
    return tro_fail(err, TRO_E_DEVICE, "cuDNN: %s: %s%s%.300s", what, api->cudnnGetErrorString(rc),
                    text[0] ? ": " : "", text);
}

/* ---- descriptors -------------------------------------------------------------------------- */

/* Errors stick: after the first one nothing more is done. */
struct builder {
    const struct cudnn *c;
    const struct tro_library_product *q;
    struct plan *plan;
    void *graph;
    int rc;
    struct tro_err *err;
};

static void note(struct builder *b, int rc, const char *what)
{
    if (b->rc >= 0)
        b->rc = check(b->c->api, rc, what, b->err);
}

static void *make(struct builder *b, int type)
{
    void *d = NULL;
    if (b->rc < 0)
        return NULL;
    if (b->plan->n_held == MAX_HELD) {
        b->rc = tro_fail(b->err, TRO_E_INTERNAL, "cuDNN: too many descriptors");
        return NULL;
    }
    note(b, b->c->api->cudnnBackendCreateDescriptor(type, &d), "cudnnBackendCreateDescriptor");
    if (b->rc >= 0)
        b->plan->held[b->plan->n_held++] = d;
    return d;
}

static void set(struct builder *b, void *d, int name, int type, int64_t n, const void *values)
{
    if (b->rc >= 0)
        note(b, b->c->api->cudnnBackendSetAttribute(d, name, type, n, values),
             "cudnnBackendSetAttribute");
}

static void set_descriptor(struct builder *b, void *d, int name, void *value)
{
    set(b, d, name, TRO_CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void set_int(struct builder *b, void *d, int name, int64_t value)
{
    set(b, d, name, TRO_CUDNN_TYPE_INT64, 1, &value);
}

/* An enumeration. */
static void set_choice(struct builder *b, void *d, int name, int type, int value)
{
    set(b, d, name, type, 1, &value);
}

static void finish(struct builder *b, void *d)
{
    if (b->rc >= 0)
        note(b, b->c->api->cudnnBackendFinalize(d), "cudnnBackendFinalize");
}

/* How many of at most `most` values there were; they are whole also when there are more. */
static int64_t get(struct builder *b, void *d, int name, int type, int64_t most, void *values)
{
    int64_t n = 0;
    if (b->rc >= 0)
        note(b, b->c->api->cudnnBackendGetAttribute(d, name, type, most, &n, values),
             "cudnnBackendGetAttribute");
    return b->rc < 0 ? 0 : n < most ? n : most;
}

static void release(const struct cudnn *c, struct plan *p)
{
    while (p->n_held > 0)
        c->api->cudnnBackendDestroyDescriptor(p->held[--p->n_held]);
}

/* ---- the operations ----------------------------------------------------------------------- */

static int type_of(enum tro_gemm_math math)
{
    return math == TRO_GEMM_F16    ? TRO_CUDNN_HALF
           : math == TRO_GEMM_BF16 ? TRO_CUDNN_BFLOAT16
                                   : TRO_CUDNN_FLOAT;
}

static void *add_tensor(struct builder *b, int64_t uid, int type, const int64_t *shape,
                        const int64_t *stride)
{
    void *const d = make(b, TRO_CUDNN_TENSOR);
    const bool is_virtual = uid >= UID_VIRTUAL;
    set_choice(b, d, TRO_CUDNN_ATTR_TENSOR_DATA_TYPE, TRO_CUDNN_TYPE_DATA_TYPE, type);
    set(b, d, TRO_CUDNN_ATTR_TENSOR_DIMENSIONS, TRO_CUDNN_TYPE_INT64, MAX_DIMS, shape);
    set(b, d, TRO_CUDNN_ATTR_TENSOR_STRIDES, TRO_CUDNN_TYPE_INT64, MAX_DIMS, stride);
    set_int(b, d, TRO_CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
    set_int(b, d, TRO_CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16);
    set(b, d, TRO_CUDNN_ATTR_TENSOR_IS_VIRTUAL, TRO_CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
    finish(b, d);
    return d;
}

static void *add_channels_last(struct builder *b, int64_t uid, int type, const int64_t *shape)
{
    const int64_t stride[MAX_DIMS] = {shape[1] * shape[2] * shape[3], 1, shape[1] * shape[3],
                                      shape[1]};
    return add_tensor(b, uid, type, shape, stride);
}

/* Strides of axes of size 1 mean nothing to us, but cuDNN derives the layout from them. */
static void *add_arg(struct builder *b, int64_t uid, const struct tro_arg *a)
{
    int64_t stride[MAX_DIMS], pitch = a->shape[1];
    for (int i = 3; i >= 2; i--) {
        stride[i] = a->shape[i] > 1 ? a->stride[i] : pitch;
        pitch = stride[i] * a->shape[i];
    }
    stride[0] = a->shape[0] > 1 ? a->stride[0] : pitch;
    stride[1] = 1;
    return add_tensor(b, uid, type_of(b->q->math), a->shape, stride);
}

static void *add_convolution(struct builder *b, void *x, void *w, void *y)
{
    const struct tro_library_product *const q = b->q;
    const float one = 1, zero = 0;
    void *const c = make(b, TRO_CUDNN_CONVOLUTION);
    set_choice(b, c, TRO_CUDNN_ATTR_CONVOLUTION_COMP_TYPE, TRO_CUDNN_TYPE_DATA_TYPE,
               TRO_CUDNN_FLOAT);
    set_choice(b, c, TRO_CUDNN_ATTR_CONVOLUTION_CONV_MODE, TRO_CUDNN_TYPE_CONVOLUTION_MODE,
               TRO_CUDNN_CROSS_CORRELATION);
    set_int(b, c, TRO_CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    set(b, c, TRO_CUDNN_ATTR_CONVOLUTION_DILATIONS, TRO_CUDNN_TYPE_INT64, 2, q->dilation);
    set(b, c, TRO_CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, TRO_CUDNN_TYPE_INT64, 2, q->stride);
    set(b, c, TRO_CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, TRO_CUDNN_TYPE_INT64, 2, q->pad);
    set(b, c, TRO_CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, TRO_CUDNN_TYPE_INT64, 2, q->pad_end);
    finish(b, c);
    void *const op = make(b, TRO_CUDNN_OPERATION_CONVOLUTION_FORWARD);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, c);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
    set(b, op, TRO_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, TRO_CUDNN_TYPE_FLOAT, 1, &one);
    set(b, op, TRO_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, TRO_CUDNN_TYPE_FLOAT, 1, &zero);
    finish(b, op);
    return op;
}

/* y = x + other, or relu(x) where other is NULL. */
static void *add_pointwise(struct builder *b, int mode, void *x, void *other, void *y)
{
    void *const p = make(b, TRO_CUDNN_POINTWISE);
    set_choice(b, p, TRO_CUDNN_ATTR_POINTWISE_MODE, TRO_CUDNN_TYPE_POINTWISE_MODE, mode);
    set_choice(b, p, TRO_CUDNN_ATTR_POINTWISE_MATH_PREC, TRO_CUDNN_TYPE_DATA_TYPE, TRO_CUDNN_FLOAT);
    finish(b, p);
    void *const op = make(b, TRO_CUDNN_OPERATION_POINTWISE);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, p);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (other)
        set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
    set_descriptor(b, op, TRO_CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    finish(b, op);
    return op;
}

/* The value after operation i of n: the result, or one that is in no memory. */
static void *add_result(struct builder *b, int i, int n)
{
    return i == n - 1 ? add_arg(b, UID_Y, &b->q->y)
                      : add_channels_last(b, UID_VIRTUAL + i, TRO_CUDNN_FLOAT, b->q->y.shape);
}

/* conv, + z, + bias, relu: in this order it is a form that has engines of its own. */
static void build_graph(struct builder *b)
{
    const struct tro_library_product *const q = b->q;
    const int type = type_of(q->math), n = 1 + q->has_z + q->has_bias + q->has_relu;
    const int64_t bias[MAX_DIMS] = {1, q->w[0], 1, 1};
    void *ops[4], *const x = add_arg(b, UID_X, &q->x);
    int i = 0;
    void *y = add_result(b, i, n);
    ops[i++] = add_convolution(b, x, add_channels_last(b, UID_W, type, q->w), y);
    for (int part = 0; part < 3; part++) {
        if (!(part == 0 ? q->has_z : part == 1 ? q->has_bias : q->has_relu))
            continue;
        void *const before = y, *const other = part == 0 ? add_arg(b, UID_Z, &q->z)
                                               : part == 1
                                                   ? add_channels_last(b, UID_BIAS, type, bias)
                                                   : NULL;
        y = add_result(b, i, n);
        ops[i++] = add_pointwise(b, other ? TRO_CUDNN_POINTWISE_ADD : TRO_CUDNN_POINTWISE_RELU_FWD,
                                 before, other, y);
    }
    b->graph = make(b, TRO_CUDNN_OPERATIONGRAPH);
    set(b, b->graph, TRO_CUDNN_ATTR_OPERATIONGRAPH_OPS, TRO_CUDNN_TYPE_BACKEND_DESCRIPTOR, n, ops);
    finish(b, b->graph);
}

static bool takes(const struct tro_library_product *q)
{
    return q->is_conv;
}

/* ---- engines ------------------------------------------------------------------------------ */

struct knob {
    int type;
    int64_t value;
};

struct engine {
    int64_t index;
    struct knob knobs[MAX_KNOBS];
    int n_knobs;
};

static void print_name(const struct cudnn *c, const struct engine *e,
                       char text[TRO_LIBRARY_NAME_SIZE])
{
    int n = snprintf(text, TRO_LIBRARY_NAME_SIZE, "cudnn %zu engine %lld",
                     c->api->cudnnGetVersion(), (long long)e->index);
    for (int i = 0; i < e->n_knobs && n < TRO_LIBRARY_NAME_SIZE; i++)
        n += snprintf(text + n, TRO_LIBRARY_NAME_SIZE - (size_t)n, " k%d=%lld", e->knobs[i].type,
                      (long long)e->knobs[i].value);
}

/* False: another version's, or no name that print_name makes. */
static bool parse_name(const struct cudnn *c, const char *name, struct engine *e)
{
    size_t version;
    long long index, value;
    int n = 0, type;
    char again[TRO_LIBRARY_NAME_SIZE];
    *e = (struct engine){0};
    if (sscanf(name, "cudnn %zu engine %lld%n", &version, &index, &n) != 2)
        return false;
    e->index = index;
    for (const char *at = name + n;
         e->n_knobs < MAX_KNOBS && sscanf(at, " k%d=%lld%n", &type, &value, &n) == 2; at += n)
        e->knobs[e->n_knobs++] = (struct knob){type, value};
    print_name(c, e, again);
    return !strcmp(again, name);
}

static bool has_note(const int *notes, int64_t n, int note)
{
    for (int64_t i = 0; i < n; i++)
        if (notes[i] == note)
            return true;
    return false;
}

/* Sums in f32 and in one order, and no kernels to be compiled at load. */
static bool is_wanted(struct builder *b, void *engine)
{
    int notes[MAX_NOTES], behaviors[MAX_NOTES];
    const int64_t n = get(b, engine, TRO_CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                          TRO_CUDNN_TYPE_NUMERICAL_NOTE, MAX_NOTES, notes);
    const int64_t n_behaviors = get(b, engine, TRO_CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                    TRO_CUDNN_TYPE_BEHAVIOR_NOTE, MAX_NOTES, behaviors);
    for (int64_t i = 0; i < n; i++)
        if (notes[i] != TRO_CUDNN_NOTE_STRICT_NAN_PROP &&
            (notes[i] != TRO_CUDNN_NOTE_TENSOR_CORE || b->q->math == TRO_GEMM_F32))
            return false;
    return b->rc >= 0 && !has_note(behaviors, n_behaviors, TRO_CUDNN_NOTE_RUNTIME_COMPILATION);
}

/* Engine and knobs of a configuration that the library suggests. False: not for us. */
static bool read_config(struct builder *b, void *config, struct engine *e)
{
    void *engine = make(b, TRO_CUDNN_ENGINE), *knobs[MAX_KNOBS];
    *e = (struct engine){0};
    get(b, config, TRO_CUDNN_ATTR_ENGINECFG_ENGINE, TRO_CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine);
    get(b, engine, TRO_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, TRO_CUDNN_TYPE_INT64, 1, &e->index);
    if (!is_wanted(b, engine))
        return false;
    for (int i = 0; i < MAX_KNOBS; i++)
        knobs[i] = make(b, TRO_CUDNN_KNOB_CHOICE);
    e->n_knobs = (int)get(b, config, TRO_CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                          TRO_CUDNN_TYPE_BACKEND_DESCRIPTOR, MAX_KNOBS, knobs);
    for (int i = 0; i < e->n_knobs; i++) {
        get(b, knobs[i], TRO_CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, TRO_CUDNN_TYPE_KNOB_TYPE, 1,
            &e->knobs[i].type);
        get(b, knobs[i], TRO_CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, TRO_CUDNN_TYPE_INT64, 1,
            &e->knobs[i].value);
    }
    return b->rc >= 0;
}

/* The plan of an engine; the graph is there. */
static void make_plan(struct builder *b, const struct engine *e, size_t *n_bytes)
{
    void *const engine = make(b, TRO_CUDNN_ENGINE), *knobs[MAX_KNOBS];
    int64_t workspace = 0;
    set_descriptor(b, engine, TRO_CUDNN_ATTR_ENGINE_OPERATION_GRAPH, b->graph);
    set_int(b, engine, TRO_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, e->index);
    set_descriptor(b, engine, TRO_CUDNN_ATTR_ENGINE_DEVICEPROP, b->c->device);
    finish(b, engine);
    if (!is_wanted(b, engine) && b->rc >= 0)
        b->rc = tro_fail(b->err, TRO_E_UNSUPPORTED, "cuDNN: engine %lld is none of those we take",
                         (long long)e->index);
    for (int i = 0; i < e->n_knobs; i++) {
        knobs[i] = make(b, TRO_CUDNN_KNOB_CHOICE);
        set_choice(b, knobs[i], TRO_CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, TRO_CUDNN_TYPE_KNOB_TYPE,
                   e->knobs[i].type);
        set_int(b, knobs[i], TRO_CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, e->knobs[i].value);
        finish(b, knobs[i]);
    }
    void *const config = make(b, TRO_CUDNN_ENGINECFG);
    set_descriptor(b, config, TRO_CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    if (e->n_knobs)
        set(b, config, TRO_CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, TRO_CUDNN_TYPE_BACKEND_DESCRIPTOR,
            e->n_knobs, knobs);
    finish(b, config);
    b->plan->plan = make(b, TRO_CUDNN_EXECUTION_PLAN);
    set_descriptor(b, b->plan->plan, TRO_CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    set_descriptor(b, b->plan->plan, TRO_CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, b->c->device);
    finish(b, b->plan->plan);
    get(b, b->plan->plan, TRO_CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, TRO_CUDNN_TYPE_INT64, 1,
        &workspace);
    if (b->rc >= 0 && (workspace < 0 || (uint64_t)workspace > TRO_LIBRARY_MAX_BYTES))
        b->rc = tro_fail(b->err, TRO_E_UNSUPPORTED, "cuDNN: the workspace would be %lld bytes",
                         (long long)workspace);
    *n_bytes = (size_t)workspace;
}

static int make_named(void *own, const struct tro_library_product *q, const char *name,
                      struct tro_library_plan *out, struct tro_err *err)
{
    const struct cudnn *const c = own;
    struct engine e;
    if (!parse_name(c, name, &e))
        return tro_fail(err, TRO_E_UNSUPPORTED, "cuDNN %zu has no '%s'", c->api->cudnnGetVersion(),
                        name);
    struct builder b = {.c = c, .q = q, .plan = tro_calloc(1, sizeof(struct plan)), .err = err};
    if (!b.plan)
        return tro_fail_nomem(err);
    build_graph(&b);
    make_plan(&b, &e, &out->n_bytes);
    if (b.rc >= 0) {
        out->own = b.plan;
        return 0;
    }
    release(c, b.plan);
    tro_free(b.plan);
    return b.rc;
}

/* ---- suggestions -------------------------------------------------------------------------- */

static void offer(struct builder *b, void *config, struct tro_library_names *out)
{
    struct engine e;
    struct tro_library_plan trial = {0};
    struct tro_err ignored = {0};
    char *const name = out->text[out->n];
    if (!read_config(b, config, &e))
        return;
    print_name(b->c, &e, name);
    for (int i = 0; i < out->n; i++)
        if (!strcmp(out->text[i], name))
            return;
    if (make_named((void *)(uintptr_t)b->c, b->q, name, &trial, &ignored) < 0)
        return;
    release(b->c, trial.own);
    tro_free(trial.own);
    out->n++;
}

/* At most so many names in all, of the library's best guesses in a mode. */
static int list_mode(struct builder *b, int mode, int most, struct tro_library_names *out)
{
    void *configs[MAX_RESULTS];
    void *const heuristic = make(b, TRO_CUDNN_ENGINEHEUR);
    set_descriptor(b, heuristic, TRO_CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, b->graph);
    set_choice(b, heuristic, TRO_CUDNN_ATTR_ENGINEHEUR_MODE, TRO_CUDNN_TYPE_HEUR_MODE, mode);
    set_descriptor(b, heuristic, TRO_CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, b->c->device);
    finish(b, heuristic);
    for (int i = 0; i < MAX_RESULTS; i++)
        configs[i] = make(b, TRO_CUDNN_ENGINECFG);
    const int64_t n = get(b, heuristic, TRO_CUDNN_ATTR_ENGINEHEUR_RESULTS,
                          TRO_CUDNN_TYPE_BACKEND_DESCRIPTOR, MAX_RESULTS, configs);
    for (int64_t i = 0; i < n && out->n < most && b->rc >= 0; i++) {
        const int n_held = b->plan->n_held;
        offer(b, configs[i], out);
        while (b->plan->n_held > n_held)
            b->c->api->cudnnBackendDestroyDescriptor(b->plan->held[--b->plan->n_held]);
    }
    return b->rc;
}

static int list(void *own, const struct tro_library_product *q, struct tro_library_names *out,
                struct tro_err *err)
{
    struct plan room = {.n_held = 0};
    struct builder b = {.c = own, .q = q, .plan = &room, .err = err};
    build_graph(&b);
    out->n = 0;
    list_mode(&b, TRO_CUDNN_HEUR_MODE_A, TRO_LIBRARY_MOST - 1, out);
    list_mode(&b, TRO_CUDNN_HEUR_MODE_B, TRO_LIBRARY_MOST, out);
    release(b.c, &room);
    return b.rc;
}

/* ---- calls -------------------------------------------------------------------------------- */

static void fill_pack(struct builder *b, const struct tro_library_pointers *at, void *pack)
{
    static const int64_t ids[] = {UID_X, UID_W, UID_Y, UID_BIAS, UID_Z};
    const tro_cu_ptr all[] = {at->x, at->w, at->y, at->bias, at->z};
    int64_t used[5];
    void *pointers[5], *workspace = (void *)(uintptr_t)at->workspace;
    int n = 0;
    for (int i = 0; i < 5; i++) {
        if (!all[i])
            continue;
        used[n] = ids[i];
        pointers[n++] = (void *)(uintptr_t)all[i];
    }
    set(b, pack, TRO_CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, TRO_CUDNN_TYPE_INT64, n, used);
    set(b, pack, TRO_CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, TRO_CUDNN_TYPE_VOID_PTR, n, pointers);
    set(b, pack, TRO_CUDNN_ATTR_VARIANT_PACK_WORKSPACE, TRO_CUDNN_TYPE_VOID_PTR, 1, &workspace);
    finish(b, pack);
}

static int call(const struct tro_library_plan *p, tro_cu_stream stream,
                const struct tro_library_pointers *at, struct tro_err *err)
{
    const struct cudnn *const c = p->library;
    const struct plan *const plan = p->own;
    struct plan room = {.n_held = 0};
    struct builder b = {.c = c, .plan = &room, .err = err};
    if (!c->handle)
        return tro_fail(err, TRO_E_DEVICE, "cuDNN was opened without a device");
    void *const pack = make(&b, TRO_CUDNN_VARIANT_PACK);
    fill_pack(&b, at, pack);
    if (b.rc >= 0)
        note(&b, c->api->cudnnSetStream(c->handle, stream), "cudnnSetStream");
    if (b.rc >= 0)
        note(&b, c->api->cudnnBackendExecute(c->handle, plan->plan, pack), "cudnnBackendExecute");
    release(c, &room);
    return b.rc;
}

static void destroy(struct tro_library_plan *p)
{
    release(p->library, p->own);
    tro_free(p->own);
}

/* ---- life --------------------------------------------------------------------------------- */

static void close_cudnn(void *own)
{
    struct cudnn *const c = own;
    if (c->device)
        c->api->cudnnBackendDestroyDescriptor(c->device);
    if (c->handle)
        c->api->cudnnDestroy(c->handle);
    tro_free(c);
}

/* Described by text, or the one whose context is current. */
static int init(struct cudnn *c, const char *device, struct tro_err *err)
{
    struct plan room = {.n_held = 0};
    struct builder b = {.c = c, .plan = &room, .err = err};
    if (!device)
        note(&b, c->api->cudnnCreate(&c->handle), "cudnnCreate");
    c->device = make(&b, TRO_CUDNN_DEVICEPROP);
    if (device)
        set(&b, c->device, TRO_CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, TRO_CUDNN_TYPE_CHAR,
            (int64_t)strlen(device), device);
    else
        set(&b, c->device, TRO_CUDNN_ATTR_DEVICEPROP_HANDLE, TRO_CUDNN_TYPE_HANDLE, 1, &c->handle);
    finish(&b, c->device);
    return b.rc;
}

static void *open_with(const char *device, struct tro_err *err)
{
    const struct api *const api = open_api(err);
    struct cudnn *const c = api ? tro_calloc(1, sizeof *c) : NULL;
    if (!c) {
        if (api)
            tro_fail_nomem(err);
        return NULL;
    }
    c->api = api;
    if (init(c, device, err) >= 0)
        return c;
    close_cudnn(c);
    return NULL;
}

void *tro_cudnn_open_for(const char *device, struct tro_err *err)
{
    return open_with(device, err);
}

static void *open_here(struct tro_err *err)
{
    return open_with(NULL, err);
}

const struct tro_library_ops tro_cudnn_ops = {
    .name = "cudnn",
    .open = open_here,
    .close = close_cudnn,
    .takes = takes,
    .list = list,
    .make = make_named,
    .destroy = destroy,
    .call = call,
};
