/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/err.h"
#include "onnx/read.h"

#include <string.h>

/* ---- opening --------------------------------------------------------------------------- */

void tro_onnx_free(struct tro_onnx_model *m)
{
    if (!m)
        return;
    tro_arena_finish(&m->arena);
    tro_file_finish(&m->file);
    tro_free(m);
}

/* What people have in place of a model when they meet it for the first time. */
static int check_is_model(struct tro_str bytes, struct tro_err *err)
{
    static const struct tro_str lfs = {"version https://git-lfs", 23};
    if (bytes.n == 0)
        return tro_fail(err, TRO_E_INPUT, "expected an ONNX model, found an empty file");
    if (bytes.n >= lfs.n && memcmp(bytes.p, lfs.p, lfs.n) == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected an ONNX model, found a Git LFS pointer: run \"git lfs pull\"");
    return 0;
}

static int read_file(struct tro_onnx_model *m, struct tro_err *err)
{
    const struct tro_str bytes = {m->file.data, m->file.n_bytes};
    TRO_TRY(check_is_model(bytes, err));
    return tro_onnx_read_message(tro_onnx_model_message, bytes, &m->arena, m, err);
}

static int set_folder(struct tro_onnx_model *m, const char *path, struct tro_err *err)
{
    const size_t n = (size_t)(tro_path_base(path) - path);
    m->dir = n ? tro_arena_strndup(&m->arena, path, n) : tro_arena_strdup(&m->arena, "./");
    return m->dir ? 0 : tro_fail_nomem(err);
}

/* Takes the model over: gives it back read, or frees it. */
static struct tro_onnx_model *read_or_free(struct tro_onnx_model *m, const char *name,
                                           struct tro_err *err)
{
    if (tro_err_prefix(err, read_file(m, err), "%s: ", name) >= 0)
        return m;
    tro_onnx_free(m);
    return NULL;
}

struct tro_onnx_model *tro_onnx_read(const char *path, struct tro_err *err)
{
    struct tro_onnx_model *const m = tro_calloc(1, sizeof(*m));
    if (!m) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (tro_file_read(&m->file, path, 0, err) >= 0 && set_folder(m, path, err) >= 0)
        return read_or_free(m, path, err);
    tro_onnx_free(m);
    return NULL;
}

struct tro_onnx_model *tro_onnx_read_memory(const void *bytes, size_t n, const char *name,
                                            struct tro_err *err)
{
    struct tro_onnx_model *const m = tro_calloc(1, sizeof(*m));
    if (m)
        m->file = (struct tro_file){tro_malloc_aligned(n), n};
    if (!m || !m->file.data) {
        tro_fail_nomem(err);
        tro_onnx_free(m);
        return NULL;
    }
    if (n)
        memcpy(m->file.data, bytes, n);
    return read_or_free(m, name, err);
}

int tro_onnx_read_tensor(struct tro_arena *arena, struct tro_str bytes, struct tro_onnx_tensor *t,
                         struct tro_err *err)
{
    *t = (struct tro_onnx_tensor){0};
    TRO_TRY(tro_onnx_read_message(tro_onnx_tensor_message, bytes, arena, t, err));
    if (!t->has_data_type)
        return tro_fail(err, TRO_E_INPUT, "expected a tensor with a data_type, found none");
    return 0;
}

/* ---- looking up ------------------------------------------------------------------------ */

const struct tro_onnx_attr *tro_onnx_find_attr(const struct tro_onnx_node *n, const char *name)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (tro_str_eqz(n->attrs[i].name, name))
            return &n->attrs[i];
    return NULL;
}

static struct tro_str plain_domain(struct tro_str d)
{
    return tro_str_eqz(d, "ai.onnx") ? TRO_STR("") : d;
}

/* The last entry counts, as in ONNX's own checker. */
int64_t tro_onnx_opset_version(const struct tro_onnx_model *m, struct tro_str domain)
{
    for (size_t i = m->n_opsets; i-- > 0;)
        if (tro_str_eq(plain_domain(m->opsets[i].domain), plain_domain(domain)))
            return m->opsets[i].version;
    return 0;
}

struct tro_str tro_onnx_metadata(const struct tro_onnx_model *m, const char *key)
{
    for (size_t i = 0; i < m->n_metadata; i++)
        if (tro_str_eqz(m->metadata[i].key, key))
            return m->metadata[i].value;
    return TRO_STR("");
}

int tro_onnx_set_metadata(struct tro_onnx_model *m, const char *key, const char *value,
                          struct tro_err *err)
{
    const struct tro_str v = {tro_arena_strdup(&m->arena, value), strlen(value)};
    const struct tro_str k = {tro_arena_strdup(&m->arena, key), strlen(key)};
    if (!v.p || !k.p)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < m->n_metadata; i++) {
        if (!tro_str_eq(m->metadata[i].key, k))
            continue;
        m->metadata[i].value = v;
        return 0;
    }
    struct tro_onnx_pair *all = TRO_NEW_N(&m->arena, struct tro_onnx_pair, m->n_metadata + 1);
    if (!all)
        return tro_fail_nomem(err);
    if (m->n_metadata)
        memcpy(all, m->metadata, m->n_metadata * sizeof *all);
    all[m->n_metadata++] = (struct tro_onnx_pair){.key = k, .value = v};
    m->metadata = all;
    return 0;
}
