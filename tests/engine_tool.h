/* SPDX-License-Identifier: Apache-2.0 */
/* What tool_engine.c and tool_cases.c share: tensors from files by name, one run of the engine, and
 * how two tensors differ. */
#ifndef TRO_TESTS_ENGINE_TOOL_H
#define TRO_TESTS_ENGINE_TOOL_H

#include "base/alloc.h"
#include "base/arena.h"
#include "base/dtype.h"
#include "base/err.h"
#include "io/tensor_file.h"

#include <trocar/build.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOOL_MAX_IO = 64 };

struct tool_inputs {
    int n;
    const char *name[TOOL_MAX_IO];
    struct tro_tensor t[TOOL_MAX_IO];
};

/* Files of types that they have no name for hold the bits as unsigned integers of that size. */
static inline void tool_read_as(struct tro_tensor *t, enum tro_dtype dtype)
{
    if (t->dtype != dtype && tro_dtype_is_unsigned(t->dtype) && tro_dtype_is_float(dtype) &&
        tro_dtype_size(t->dtype) == tro_dtype_size(dtype))
        t->dtype = dtype;
}

/* arg is [NAME=]FILE; without a name it is the model's input number i. name must live on. */
static inline int tool_input_read(struct tool_inputs *in, struct tro_model *m, char *arg,
                                  struct tro_arena *arena, struct tro_err *err)
{
    char *const sign = strchr(arg, '=');
    if (in->n >= TOOL_MAX_IO || (!sign && in->n >= tro_model_n_inputs(m)))
        return tro_fail(err, TRO_E_INPUT, "expected fewer inputs, found '%s'", arg);
    if (sign)
        *sign = 0;
    in->name[in->n] = sign ? arg : tro_model_input_info(m, in->n).name;
    TRO_TRY(tro_tensor_file_read(sign ? sign + 1 : arg, arena, NULL, &in->t[in->n], err));
    for (int i = 0; i < tro_model_n_inputs(m); i++)
        if (strcmp(tro_model_input_info(m, i).name, in->name[in->n]) == 0)
            tool_read_as(&in->t[in->n], tro_model_input_info(m, i).dtype);
    in->n++;
    return 0;
}

/* Binds what the session has an input for, runs. */
static inline int tool_run(struct tro_session *s, const struct tool_inputs *in, struct tro_err *err)
{
    for (int i = 0; i < in->n; i++)
        TRO_TRY(tro_session_bind(s, in->name[i], &in->t[i], err));
    return tro_session_run(s, err);
}

struct tool_diff {
    bool is_form_different;
    int64_t n_unequal, n_bad;    /* elements; bad: beyond tolerance */
    double max_error, max_value; /* infinite where NaN or infinity has no twin */
};

static inline bool tool_same_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    bool same = a->dtype == b->dtype && a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

static inline void tool_diff_element(struct tool_diff *d, const struct tro_tensor *got,
                                     const struct tro_tensor *want, int64_t i, double rtol,
                                     double atol)
{
    const bool is_float = tro_dtype_is_float(want->dtype);
    const double g = tro_load_f64(got->dtype, got->data, i);
    const double w = tro_load_f64(want->dtype, want->data, i);
    if (is_float
            ? (g == w || (isnan(g) && isnan(w)))
            : tro_load_i64(got->dtype, got->data, i) == tro_load_i64(want->dtype, want->data, i)) {
        if (isfinite(w))
            d->max_value = fmax(d->max_value, fabs(w));
        return;
    }
    const double error = isfinite(g) && isfinite(w) ? fabs(g - w) : INFINITY;
    d->n_unequal++;
    d->n_bad += !(error <= atol + rtol * fabs(w));
    d->max_error = fmax(d->max_error, error);
    if (isfinite(w))
        d->max_value = fmax(d->max_value, fabs(w));
}

static inline struct tool_diff tool_diff(const struct tro_tensor *got,
                                         const struct tro_tensor *want, double rtol, double atol)
{
    struct tool_diff d = {.is_form_different = !tool_same_form(got, want)};
    const int64_t n = d.is_form_different ? 0 : tro_tensor_n_elems(want);
    for (int64_t i = 0; i < n; i++)
        tool_diff_element(&d, got, want, i, rtol, atol);
    return d;
}

#endif
