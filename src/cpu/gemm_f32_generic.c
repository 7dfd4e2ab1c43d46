/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of four as the compiler has them on any machine: products are rounded before they are
 * added. */
#include <stdint.h>
#include <string.h>

typedef float vec4 __attribute__((vector_size(16)));

static inline vec4 load_some(const float *p, int n)
{
    float x[4] = {0};
    if (n > 0)
        memcpy(x, p, sizeof x[0] * (size_t)(n < 4 ? n : 4));
    vec4 v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void store_some(float *p, int n, vec4 v)
{
    if (n > 0)
        memcpy(p, &v, sizeof p[0] * (size_t)(n < 4 ? n : 4));
}

static inline vec4 min4(vec4 a, vec4 b)
{
    for (int i = 0; i < 4; i++)
        b[i] = a[i] < b[i] ? a[i] : b[i];
    return b;
}

static inline vec4 max4(vec4 a, vec4 b)
{
    for (int i = 0; i < 4; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
}

#define VEC vec4
#define LANES 4
#define MASK int
#define vec_mask(n) (n)
#define vec_load(p) load_some(p, LANES)
#define vec_store(p, x) store_some(p, LANES, x)
#define vec_load_n(p, mask) load_some(p, mask)
#define vec_store_n(p, mask, x) store_some(p, mask, x)
#define vec_zero() ((vec4){0})
#define vec_set(f) ((vec4){0} + (f))
#define vec_fma(a, b, c) ((a) * (b) + (c))
#define vec_min(a, b) min4(a, b)
#define vec_max(a, b) max4(a, b)

#define MR 4
#define NV 2
#define ROWS(X, nv) X(1, nv) X(2, nv) X(3, nv) X(4, nv)
#define VECTORS(X) ROWS(X, 1) ROWS(X, 2)
#define SET tro_gemm_f32__generic
#define SET_NAME "gemm_f32_4x8"
#define WINOGRAD_NAME "winograd_f32_4x4"
#include "cpu/gemm_f32_tmpl.h"
