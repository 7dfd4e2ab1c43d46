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

/* The sizes are those of the value; symbols become `free_size`, within their bounds. Floating-point
 * elements are in -scale .. scale. */
static inline void passes_kit_input(const struct tro_graph *g, tro_value_id v, int64_t free_size,
                                    double scale, uint64_t *state, struct tro_tensor *t)
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
            tro_store_f64(t->dtype, t->data, i, scale * ((double)r / 0x40000000 - 1));
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

/* A graph's inputs and what it makes of them. */
struct passes_kit {
    size_t n_in, n_out;
    struct tro_tensor in[PASSES_KIT_MAX], out[PASSES_KIT_MAX];
};

static inline void passes_kit_end(struct passes_kit *k)
{
    passes_kit_free(k->in, k->n_in);
    passes_kit_free(k->out, k->n_out);
    *k = (struct passes_kit){0};
}

static inline int passes_kit_begin(struct passes_kit *k, const struct tro_graph *g,
                                   int64_t free_size, double scale, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    uint64_t state = 1;
    *k = (struct passes_kit){.n_in = b->n_inputs};
    for (size_t i = 0; i < k->n_in; i++)
        passes_kit_input(g, b->inputs[i], free_size, scale, &state, &k->in[i]);
    const int rc = tro_ref_run(g, k->in, k->out, NULL, NULL, err);
    k->n_out = rc < 0 ? 0 : b->n_outputs;
    return rc;
}

/* Runs another graph on the inputs: the worst difference of an output, or -1 with the message. */
static inline double passes_kit_check(const struct passes_kit *k, const struct tro_graph *g,
                                      struct tro_err *err)
{
    struct tro_tensor out[PASSES_KIT_MAX] = {{0}};
    double worst = 0;
    if (tro_ref_run(g, k->in, out, NULL, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < k->n_out; i++) {
        const double d = passes_kit_difference(&k->out[i], &out[i]);
        worst = d > worst ? d : worst;
    }
    passes_kit_free(out, k->n_out);
    return worst;
}

#endif
