/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transforms of cpu/conv_winograd.h for one level, with the vectors of cpu/gemm_f32_tmpl.h.
 * For the points 0, +-a, +-b and infinity, rows of B^T are the coefficients of
 * x (x^2 - a^2) (x^2 - b^2) / (x - point), those of A^T powers of the points.
 */

/* One line of six: d becomes B^T d. */
static inline __attribute__((always_inline)) void winograd_in_line(VEC d[6])
{
    const float aa = TRO_WINOGRAD_A * TRO_WINOGRAD_A, bb = TRO_WINOGRAD_B * TRO_WINOGRAD_B;
    const VEC minus_aa = vec_set(-aa), minus_bb = vec_set(-bb);
    const VEC product = vec_set(aa * bb), minus_sum = vec_set(-(aa + bb));
    const VEC e = vec_fma(minus_bb, d[2], d[4]), f = vec_fma(minus_bb, d[1], d[3]);
    const VEC g = vec_fma(minus_aa, d[2], d[4]), h = vec_fma(minus_aa, d[1], d[3]);
    d[0] = vec_fma(product, d[0], vec_fma(minus_sum, d[2], d[4]));
    d[5] = vec_fma(product, d[1], vec_fma(minus_sum, d[3], d[5]));
    d[1] = vec_fma(vec_set(TRO_WINOGRAD_A), f, e);
    d[2] = vec_fma(vec_set(-TRO_WINOGRAD_A), f, e);
    d[3] = vec_fma(vec_set(TRO_WINOGRAD_B), h, g);
    d[4] = vec_fma(vec_set(-TRO_WINOGRAD_B), h, g);
}

/* One line of six: the four of A^T m. */
static inline __attribute__((always_inline)) void winograd_out_line(const VEC m[6], VEC o[4])
{
    const float aa = TRO_WINOGRAD_A * TRO_WINOGRAD_A, bb = TRO_WINOGRAD_B * TRO_WINOGRAD_B;
    const VEC e = m[1] + m[2], f = m[1] - m[2], g = m[3] + m[4], h = m[3] - m[4];
    o[0] = m[0] + (e + g);
    o[1] = vec_fma(vec_set(TRO_WINOGRAD_A), f, vec_set(TRO_WINOGRAD_B) * h);
    o[2] = vec_fma(vec_set(aa), e, vec_set(bb) * g);
    o[3] = vec_fma(vec_set(aa * TRO_WINOGRAD_A), f, vec_fma(vec_set(bb * TRO_WINOGRAD_B), h, m[5]));
}

static void winograd_in(const float *const pixel[36], int64_t n, float *v, int64_t v_pitch)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const MASK mask = vec_mask((int)(n - i < LANES ? n - i : LANES));
        VEC d[6][6], line[6];
        UNROLL
        for (int x = 0; x < 6; x++) {
            UNROLL
            for (int y = 0; y < 6; y++)
                line[y] = vec_load_n(pixel[6 * y + x] + i, mask);
            winograd_in_line(line);
            UNROLL
            for (int y = 0; y < 6; y++)
                d[y][x] = line[y];
        }
        UNROLL
        for (int y = 0; y < 6; y++) {
            winograd_in_line(d[y]);
            UNROLL
            for (int x = 0; x < 6; x++)
                vec_store_n(v + (6 * y + x) * v_pitch + i, mask, d[y][x]);
        }
    }
}

static void winograd_out(const float *m, int64_t m_pitch, const float *bias, int64_t n, float *dst,
                         int64_t line_pitch, int64_t pixel_pitch)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const MASK mask = vec_mask((int)(n - i < LANES ? n - i : LANES));
        const VEC start = bias ? vec_load_n(bias + i, mask) : vec_zero();
        VEC half[4][6], line[6], o[4];
        UNROLL
        for (int x = 0; x < 6; x++) {
            UNROLL
            for (int y = 0; y < 6; y++)
                line[y] = vec_load_n(m + (6 * y + x) * m_pitch + i, mask);
            winograd_out_line(line, o);
            UNROLL
            for (int y = 0; y < 4; y++)
                half[y][x] = o[y];
        }
        UNROLL
        for (int y = 0; y < 4; y++) {
            winograd_out_line(half[y], o);
            UNROLL
            for (int x = 0; x < 4; x++)
                vec_store_n(dst + y * line_pitch + x * pixel_pitch + i, mask, o[x] + start);
        }
    }
}
