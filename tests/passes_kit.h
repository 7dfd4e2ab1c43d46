/* SPDX-License-Identifier: Apache-2.0 */
/* A graph before and after passes on the same random inputs. */
#ifndef TRO_TESTS_PASSES_KIT_H
#define TRO_TESTS_PASSES_KIT_H

#include "base/alloc.h"
#include "base/dtype.h"
#include "passes/passes.h"
#include "ref/ref.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PASSES_KIT_MAX 64

static inline uint32_t passes_kit_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* The sizes are those of the value; symbols become `free_size`, within their bounds. */
static inline void passes_kit_input(const struct tro_graph *g, tro_value_id v, int64_t free_size,
                                    uint64_t *state, struct tro_tensor *t)
{
    const struct tro_value *const value = tro_value_get(g, v);
    *t = (struct tro_tensor){.dtype = value->dtype, .rank = value->shape.rank};
    for (int i = 0; i < t->rank; i++) {
        const tro_dim d = value->shape.dim[i];
        const int64_t lo = tro_dim_lo(&g->dims, d), hi = tro_dim_hi(&g->dims, d);
        t->shape[i] = free_size < lo ? lo : free_size > hi ? hi : free_size;
    }
    t->data = tro_malloc_aligned(tro_tensor_n_bytes(t));
    const int64_t n = tro_tensor_n_elems(t);
    for (int64_t i = 0; i < n; i++) {
        const uint32_t r = passes_kit_random(state);
        if (tro_dtype_is_float(t->dtype))
            tro_store_f64(t->dtype, t->data, i, (double)r / 0x40000000 - 1);
        else
            tro_store_i64(t->dtype, t->data, i,
                          t->dtype == TRO_BOOL           ? r & 1
                          : tro_dtype_size(t->dtype) > 1 ? r % 4
                                                         : r);
    }
}

/* Greatest difference of two outputs, as a part of the greatest value; integers in quanta. Infinity
 * when types or shapes differ, or a NaN has no twin. */
static inline double passes_kit_difference(const struct tro_tensor *a, const struct tro_tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank ||
        memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(a->shape[0])) != 0)
        return INFINITY;
    const int64_t n = tro_tensor_n_elems(a);
    double worst = 0, max = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = tro_load_f64(a->dtype, a->data, i), y = tro_load_f64(b->dtype, b->data, i);
        if (isnan(x) != isnan(y) || (isinf(x) && x != y))
            return INFINITY;
        if (isfinite(x) && fabs(x) > max)
            max = fabs(x);
        if (isfinite(x) && fabs(x - y) > worst)
            worst = fabs(x - y);
    }
    return tro_dtype_is_float(a->dtype) && max > 0 ? worst / max : worst;
}

static inline void passes_kit_free(struct tro_tensor *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tro_free(t[i].data);
}

/* Runs both; the worst difference of an output, or -1 with the message in err. */
static inline double passes_kit_compare(const struct tro_graph *a, const struct tro_graph *b,
                                        int64_t free_size, struct tro_err *err)
{
    struct tro_tensor in[PASSES_KIT_MAX] = {{0}}, x[PASSES_KIT_MAX] = {{0}},
                      y[PASSES_KIT_MAX] = {{0}};
    const struct tro_block *const block = tro_block_get(a, TRO_MAIN_BLOCK);
    uint64_t state = 1;
    double worst = 0;
    for (size_t i = 0; i < block->n_inputs; i++)
        passes_kit_input(a, block->inputs[i], free_size, &state, &in[i]);
    int rc = tro_ref_run(a, in, x, NULL, NULL, err);
    const bool ran = rc == 0;
    if (rc == 0)
        rc = tro_ref_run(b, in, y, NULL, NULL, err);
    for (size_t i = 0; i < block->n_outputs && rc == 0; i++) {
        const double d = passes_kit_difference(&x[i], &y[i]);
        worst = d > worst ? d : worst;
    }
    passes_kit_free(in, block->n_inputs);
    if (ran)
        passes_kit_free(x, block->n_outputs);
    if (rc == 0)
        passes_kit_free(y, block->n_outputs);
    return rc < 0 ? -1 : worst;
}

#endif
