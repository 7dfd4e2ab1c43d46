/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/edit: models as text (onnx_text.h), edited, written, read again, and run before and
 * after on the same numbers. */
#ifndef TRO_TESTS_EDIT_KIT_H
#define TRO_TESTS_EDIT_KIT_H

#include "edit/edit.h"
#include "onnx/import.h"
#include "onnx_text.h"
#include "test.h"

static struct tro_edit_report report;
/* Set by tests of models that take forever; they are not run. */
static bool is_endless;

/* Through a file's bytes: what is written can be read. */
static inline struct tro_onnx_model *edit_copy(const struct tro_onnx_model *m)
{
    struct tro_buf out = {0};
    struct tro_err err = {0};
    struct tro_onnx_model *copy = NULL;
    if (tro_onnx_write(m, &out, &err) == 0)
        copy = tro_onnx_read_memory(out.p, out.n, "copy.onnx", &err);
    test_check(copy != NULL, __FILE__, __LINE__, "%s", err.text);
    tro_buf_finish(&out);
    return copy;
}

/* ---- running --------------------------------------------------------------------------- */

/* Sizes that are free are 3; elements are small numbers of both signs. */
static inline struct tro_tensor edit_input(const struct tro_graph *g, tro_value_id id, int which)
{
    const struct tro_value *v = tro_value_get(g, id);
    struct tro_tensor t = {.dtype = v->dtype, .rank = v->shape.rank < 0 ? 1 : v->shape.rank};
    for (int i = 0; i < t.rank; i++)
        t.shape[i] = v->shape.rank >= 0 && tro_dim_is_const(v->shape.dim[i])
                         ? tro_dim_value(v->shape.dim[i])
                         : 3;
    t.data = tro_malloc_aligned(tro_tensor_n_bytes(&t));
    for (int64_t i = 0; i < tro_tensor_n_elems(&t); i++) {
        if (tro_dtype_is_float(t.dtype))
            tro_store_f64(t.dtype, t.data, i, (double)((i * 7 + which * 3) % 11) / 4 - 1);
        else
            tro_store_i64(t.dtype, t.data, i, (i + which) % 2);
    }
    return t;
}

#define EDIT_MAX 16

/* Outputs of the model, or rc < 0. */
static inline int edit_run(struct tro_onnx_model *m, struct tro_tensor *out, struct tro_err *err)
{
    struct tro_graph *g = NULL;
    struct tro_tensor in[EDIT_MAX] = {0};
    int rc = tro_onnx_import(m, &g, err);
    if (rc < 0)
        return rc;
    const struct tro_block *b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs; i++)
        in[i] = edit_input(g, b->inputs[i], (int)i);
    rc = tro_ref_run(g, in, out, NULL, NULL, err);
    for (size_t i = 0; i < b->n_inputs; i++)
        tro_free(in[i].data);
    tro_graph_destroy(g);
    return rc;
}

static inline bool edit_is_close(const struct tro_tensor *a, const struct tro_tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank ||
        memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) != 0)
        return false;
    for (int64_t i = 0; i < tro_tensor_n_elems(a); i++) {
        const double x = tro_load_f64(a->dtype, a->data, i), y = tro_load_f64(b->dtype, b->data, i);
        if (!(fabs(x - y) <= 1e-5 * fmax(1, fabs(x))) && !(x != x && y != y))
            return false;
    }
    return true;
}

/* Both give the same, where the first can be run. */
static inline void edit_check_same(struct tro_onnx_model *before, struct tro_onnx_model *after,
                                   const char *text)
{
    struct tro_tensor a[EDIT_MAX] = {0}, b[EDIT_MAX] = {0};
    struct tro_err err = {0};
    if (edit_run(before, a, NULL) >= 0) {
        test_check(edit_run(after, b, &err) >= 0, __FILE__, __LINE__, "%s: %s", text, err.text);
        for (size_t i = 0; i < before->graph.n_outputs && b[0].data; i++)
            test_check(edit_is_close(&a[i], &b[i]), __FILE__, __LINE__,
                       "%s: output %zu differs after editing", text, i);
    }
    for (int i = 0; i < EDIT_MAX; i++) {
        tro_free(a[i].data);
        tro_free(b[i].data);
    }
}

/* ---- simplifying ----------------------------------------------------------------------- */

/* The model as text after simplifying; good until the next call. Ends the model. */
static inline const char *simplified_model(struct tro_onnx_model *m, const char *text)
{
    struct tro_err err = {0};
    struct tro_onnx_model *before = edit_copy(m);
    test_check(tro_edit_simplify(m, &report, &err) == 0, __FILE__, __LINE__, "%s: %s", text,
               err.text);
    struct tro_onnx_model *after = edit_copy(m);
    if (before && after && !is_endless)
        edit_check_same(before, after, text);
    const char *result = onnx_text_of(m);
    tro_onnx_free(before);
    tro_onnx_free(after);
    tro_onnx_free(m);
    return result;
}

static inline const char *simplified(const char *text)
{
    return simplified_model(onnx_text_read(text, 13), text);
}

/* The message when it cannot be simplified. */
static inline const char *simplify_error(const char *text)
{
    static struct tro_err err;
    err = (struct tro_err){0};
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    CHECK_INT(tro_edit_simplify(m, &report, &err), TRO_E_INPUT);
    tro_onnx_free(m);
    return err.text;
}

#endif
