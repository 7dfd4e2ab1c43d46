/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of operators with windows, written as text with seeded constants, for engine_kit.h. */
#ifndef TRO_TESTS_WINDOW_KIT_H
#define TRO_TESTS_WINDOW_KIT_H

#include "engine_kit.h"

#include "base/bytes.h"

/* "f32[2,3]" */
static inline void kit_type(struct tro_buf *b, enum tro_dtype d, int rank, const int64_t *shape)
{
    tro_buf_printf(b, "%s[", tro_dtype_name(d));
    for (int i = 0; i < rank; i++)
        tro_buf_printf(b, i ? ",%lld" : "%lld", (long long)shape[i]);
    tro_buf_str(b, "]");
}

/* A constant of noise: floats in -2 .. 2, integers of 8 bits over their range. */
static inline void kit_const(struct tro_buf *b, const char *name, enum tro_dtype d, int rank,
                             const int64_t *shape, uint64_t seed)
{
    struct tro_tensor t = {.dtype = d, .rank = rank};
    memcpy(t.shape, shape, (size_t)rank * sizeof(*shape));
    engine_kit_fill(&t, seed);
    tro_buf_printf(b, "const %%%s : ", name);
    kit_type(b, d, rank, shape);
    tro_buf_str(b, " =");
    for (int64_t i = 0; i < tro_tensor_n_elems(&t); i++)
        tro_buf_printf(b, " %.9g", tro_load_f64(d, t.data, i));
    tro_buf_str(b, "\n");
    free(t.data);
}

static inline bool kit_run(struct tro_buf *b, double tolerance)
{
    tro_buf_u8(b, 0);
    const bool ok = engine_check((const char *)b->p, tolerance);
    tro_buf_finish(b);
    return ok;
}

#endif
