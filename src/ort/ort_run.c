/* SPDX-License-Identifier: Apache-2.0 */
#include "ort/ort_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

void tro_ort_side_clear(struct tro_ort *o, struct tro_ort_side *side)
{
    for (int i = 0; i < side->n; i++) {
        if (side->values[i])
            o->lib.api.release_value(side->values[i]);
        tro_free(side->own[i]);
        side->values[i] = NULL;
        side->own[i] = NULL;
    }
}

/* ---- 4-bit tensors: ours hold one element a byte, ONNX Runtime's two, the first one low ---- */

static bool is_nibble(enum tro_dtype dtype)
{
    return tro_dtype_bits(dtype) == 4;
}

static uint8_t *pack_nibbles(const uint8_t *in, size_t n)
{
    uint8_t *const out = tro_calloc(n / 2 + 1, 1); /* never zero bytes */
    for (size_t i = 0; out && i < n; i++)
        out[i / 2] |= (uint8_t)((in[i] & 15) << (i % 2 * 4));
    return out;
}

static uint8_t *unpack_nibbles(const uint8_t *in, size_t n, bool is_signed)
{
    uint8_t *const out = tro_malloc(n + 1);
    for (size_t i = 0; out && i < n; i++) {
        const unsigned v = in[i / 2] >> (i % 2 * 4) & 15u;
        out[i] = (uint8_t)(is_signed && v > 7 ? v | 0xf0u : v);
    }
    return out;
}

/* ---- inputs ------------------------------------------------------------------------------ */

/* "1x3x?x224", "scalar" */
static const char *shape_text(int rank, const int64_t *shape, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "%s", rank == 0 ? "scalar" : "");
    for (int d = 0; d < rank && n < size; d++) {
        const char *const x = d ? "x" : "";
        const int k = shape[d] < 0 ? snprintf(text + n, size - n, "%s?", x)
                                   : snprintf(text + n, size - n, "%s%" PRId64, x, shape[d]);
        n += (size_t)k;
    }
    return text;
}

static bool shape_fits(const struct tro_io_info *info, const struct tro_tensor *t)
{
    if (info->rank < 0)
        return true;
    if (info->rank != t->rank)
        return false;
    for (int d = 0; d < t->rank; d++)
        if (info->shape[d] >= 0 && info->shape[d] != t->shape[d])
            return false;
    return true;
}

/* False when the shape is no shape, or its bytes do not fit size_t. */
static bool shape_is_valid(const struct tro_tensor *t)
{
    if (t->rank < 0 || t->rank > TRO_MAX_RANK)
        return false;
    int64_t n = (int64_t)tro_dtype_size(t->dtype);
    bool is_valid = n > 0;
    for (int d = 0; d < t->rank && is_valid; d++)
        is_valid = t->shape[d] >= 0 && !__builtin_mul_overflow(n, t->shape[d], &n);
    return is_valid && (uint64_t)n <= SIZE_MAX;
}

static int check_input(const struct tro_io_info *info, const struct tro_tensor *t,
                       struct tro_err *err)
{
    if (t->dtype != info->dtype)
        return tro_fail(err, TRO_E_INPUT, "input '%s' takes %s, got %s", info->name,
                        tro_dtype_name(info->dtype), tro_dtype_name(t->dtype));
    if (!shape_is_valid(t))
        return tro_fail(err, TRO_E_INPUT, "input '%s': not a valid shape", info->name);
    char want[200], got[200];
    if (!shape_fits(info, t))
        return tro_fail(err, TRO_E_INPUT, "input '%s' takes shape %s, got %s", info->name,
                        shape_text(info->rank, info->shape, want, sizeof want),
                        shape_text(t->rank, t->shape, got, sizeof got));
    return 0;
}

static int make_input(struct tro_ort *o, int i, const struct tro_tensor *t, struct tro_err *err)
{
    static uint8_t nothing[8]; /* what a tensor without elements points at */
    const struct ort_api *const api = &o->lib.api;
    TRO_TRY(check_input(&o->in.info[i], t, err));
    void *data = t->data ? t->data : nothing;
    size_t n_bytes = tro_tensor_n_bytes(t);
    if (is_nibble(t->dtype)) {
        data = o->in.own[i] = pack_nibbles(t->data, n_bytes);
        if (!data)
            return tro_fail_nomem(err);
        n_bytes = n_bytes / 2 + n_bytes % 2;
    }
    return tro_ort_check(api,
                         api->create_tensor(o->memory, data, n_bytes, t->shape, (size_t)t->rank,
                                            tro_ort_type_from_dtype(t->dtype), &o->in.values[i]),
                         err);
}

/* ---- outputs ----------------------------------------------------------------------------- */

static int read_shape(struct tro_ort *o, const struct ort_shape *shape, const char *name,
                      struct tro_tensor *view, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    int type = 0;
    size_t rank = 0;
    TRO_TRY(tro_ort_check(api, api->element_type(shape, &type), err));
    TRO_TRY(tro_ort_check(api, api->rank(shape, &rank), err));
    if (rank > TRO_MAX_RANK)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "output '%s' has %zu dimensions, at most %d are supported", name, rank,
                        TRO_MAX_RANK);
    view->dtype = tro_ort_dtype_from_type(type);
    view->rank = (int)rank;
    return tro_ort_check(api, api->dims(shape, view->shape, rank), err);
}

static bool is_input_data(const struct tro_ort *o, const void *data)
{
    for (int i = 0; i < o->in.n; i++) {
        void *input = NULL;
        struct ort_status *const failed = o->lib.api.tensor_data(o->in.values[i], &input);
        if (failed)
            o->lib.api.release_status(failed);
        if (input == data)
            return true;
    }
    return false;
}

/* Copies what cannot be handed out as it is: half bytes, the memory of an input, which the library
 * hands back when an input is an output of the model too, and no bytes at a NULL. */
static int own_output(struct tro_ort *o, int i, struct tro_err *err)
{
    struct tro_tensor *const view = &o->views[i];
    const size_t n_bytes = tro_tensor_n_bytes(view);
    if (is_nibble(view->dtype)) {
        o->out.own[i] = unpack_nibbles(view->data, n_bytes, tro_dtype_is_signed(view->dtype));
    } else if (n_bytes == 0 || is_input_data(o, view->data)) {
        o->out.own[i] = tro_malloc(n_bytes + 1); /* never zero bytes */
        if (o->out.own[i] && n_bytes > 0)
            memcpy(o->out.own[i], view->data, n_bytes);
    } else {
        return 0;
    }
    view->data = o->out.own[i];
    return view->data ? 0 : tro_fail_nomem(err);
}

static int read_output(struct tro_ort *o, int i, struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    const char *const name = o->out.names[i];
    struct tro_tensor *const view = &o->views[i];
    struct ort_value *const value = o->out.values[i];
    struct ort_shape *shape = NULL;
    int kind = 0;
    if (value)
        TRO_TRY(tro_ort_check(api, api->value_kind(value, &kind), err));
    if (kind != ORT_KIND_TENSOR)
        return tro_fail(err, TRO_E_UNSUPPORTED, "output '%s' is not a tensor", name);
    *view = (struct tro_tensor){0};
    TRO_TRY(tro_ort_check(api, api->value_shape(value, &shape), err));
    const int rc = read_shape(o, shape, name, view, err);
    api->release_shape(shape);
    TRO_TRY(rc);
    TRO_TRY(tro_ort_check(api, api->tensor_data(value, &view->data), err));
    return own_output(o, i, err);
}

/* ---- run --------------------------------------------------------------------------------- */

static int run_session(struct tro_ort *o, const struct tro_tensor *const *inputs,
                       struct tro_err *err)
{
    const struct ort_api *const api = &o->lib.api;
    for (int i = 0; i < o->in.n; i++)
        TRO_TRY(make_input(o, i, inputs[i], err));
    return tro_ort_check(api,
                         api->run(o->session, NULL, o->in.names,
                                  (const struct ort_value *const *)o->in.values, (size_t)o->in.n,
                                  o->out.names, (size_t)o->out.n, o->out.values),
                         err);
}

int tro_ort_run(struct tro_ort *o, const struct tro_tensor *const *inputs, int n,
                struct tro_err *err)
{
    if (n != o->in.n)
        return tro_fail(err, TRO_E_INPUT, "the model takes %d inputs, got %d", o->in.n, n);
    o->has_outputs = false;
    tro_ort_side_clear(o, &o->out);
    int rc = run_session(o, inputs, err);
    for (int i = 0; i < o->out.n && rc == 0; i++)
        rc = read_output(o, i, err);
    tro_ort_side_clear(o, &o->in);
    if (rc < 0)
        tro_ort_side_clear(o, &o->out);
    o->has_outputs = rc == 0;
    return rc;
}

int tro_ort_output(const struct tro_ort *o, int i, struct tro_tensor *view, struct tro_err *err)
{
    if (i < 0 || i >= o->out.n)
        return tro_fail(err, TRO_E_INPUT, "the model has %d outputs, there is no output %d",
                        o->out.n, i);
    if (!o->has_outputs)
        return tro_fail(err, TRO_E_INPUT, "there are no outputs before a successful run");
    *view = o->views[i];
    return 0;
}
