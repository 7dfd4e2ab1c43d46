/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transforms of cpu/conv_winograd.h for one level, with the vectors of cpu/gemm_f32_tmpl.h.
 * Constants are those of Lavin and Gray for F(4x4, 3x3): points 0, 1, -1, 2, -2.
 */

/* One line of six: d becomes B^T d. */
static inline __attribute__((always_inline)) void winograd_in_line(VEC d[6])
{
    const VEC four = vec_set(4), minus_four = vec_set(-4), minus_five = vec_set(-5);
    const VEC a = vec_fma(minus_four, d[2], d[4]), b = vec_fma(minus_four, d[1], d[3]);
    const VEC c = d[4] - d[2], e = d[3] - d[1];
    d[0] = vec_fma(four, d[0], vec_fma(minus_five, d[2], d[4]));
    d[5] = vec_fma(four, d[1], vec_fma(minus_five, d[3], d[5]));
    d[1] = a + b;
    d[2] = a - b;
    d[3] = c + (e + e);
    d[4] = c - (e + e);
}

/* One line of six: the four of A^T m. */
static inline __attribute__((always_inline)) void winograd_out_line(const VEC m[6], VEC o[4])
{
    const VEC a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    o[0] = m[0] + a + c;
    o[1] = vec_fma(vec_set(2), d, b);
    o[2] = vec_fma(vec_set(4), c, a);
    o[3] = vec_fma(vec_set(8), d, b) + m[5];
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
