/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels on lines for one level. The file that includes this sets LEVEL(name), the name with the
 * level's suffix. */
#include "cpu/line_kernels.h"
#include "cpu/math.h"

#define L VF_LANES
/* Elements (rows of cols) that are summed in f32 before double takes over. */
#define SUM_ELEMS 4096
#define SUM_ROWS 128

/* A vector of the row's elements from i on; missing lanes are 0. */
static inline vf load_rest(const float *x, int64_t i, int64_t n)
{
    return n - i >= L ? vf_load(x + i) : vf_load_n(x + i, n - i);
}

static inline void store_rest(float *y, vf v, int64_t i, int64_t n)
{
    if (n - i >= L)
        vf_store(y + i, v);
    else
        vf_store_n(y + i, v, n - i);
}

/* ---- sums ------------------------------------------------------------------------------------ */

static float sum_block(const float *x, int64_t n)
{
    vf a = vf_set(0), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
        a = a + vf_load(x + i);
        b = b + vf_load(x + i + L);
        c = c + vf_load(x + i + 2 * L);
        d = d + vf_load(x + i + 3 * L);
    }
    for (; i < n; i += L)
        a = a + load_rest(x, i, n);
    return vf_sum((a + b) + (c + d));
}

/* Adds sums of (x - mean) and of its squares. */
static void moments_block(const float *x, int64_t n, float mean, double *sum, double *squares)
{
    const vf m = vf_set(mean);
    vf a = vf_set(0), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 2 * L <= n; i += 2 * L) {
        const vf p = vf_load(x + i) - m, q = vf_load(x + i + L) - m;
        a = a + p;
        b = b + q;
        c = vf_fma(p, p, c);
        d = vf_fma(q, q, d);
    }
    for (; i + L <= n; i += L) {
        const vf p = vf_load(x + i) - m;
        a = a + p;
        c = vf_fma(p, p, c);
    }
    float s = vf_sum(a + b), t = vf_sum(c + d);
    for (; i < n; i++) {
        s += x[i] - mean;
        t += (x[i] - mean) * (x[i] - mean);
    }
    *sum += (double)s;
    *squares += (double)t;
}

static double sum_row(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += SUM_ELEMS)
        sum += (double)sum_block(x + i, n - i < SUM_ELEMS ? n - i : SUM_ELEMS);
    return sum;
}

static void moments_row(const float *x, int64_t n, float mean, double *sum, double *squares)
{
    *sum = *squares = 0;
    for (int64_t i = 0; i < n; i += SUM_ELEMS)
        moments_block(x + i, n - i < SUM_ELEMS ? n - i : SUM_ELEMS, mean, sum, squares);
}

/* ---- softmax --------------------------------------------------------------------------------- */

/* As load_rest; missing lanes are -inf, whose exponential is 0. */
static inline vf load_low(const float *x, int64_t i, int64_t n)
{
    static const float ramp[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (n - i >= L)
        return vf_load(x + i);
    return vf_select(vf_lt(vf_load(ramp), vf_set((float)(n - i))), vf_load_n(x + i, n - i),
                     vf_set(-INFINITY));
}

static float peak_of_row(const float *x, int64_t n)
{
    vf a = vf_set(-INFINITY), b = a;
    int64_t i = 0;
    for (; i + 2 * L <= n; i += 2 * L) {
        a = vf_max(vf_load(x + i), a);
        b = vf_max(vf_load(x + i + L), b);
    }
    for (; i < n; i += L)
        a = vf_max(load_low(x, i, n), a);
    return vf_peak(vf_max(a, b));
}

/* y = e^(x - peak), NULL: nothing is stored. Returns the sum. */
static float exp_row(float *y, const float *x, int64_t n, float peak)
{
    const vf g = vf_set(peak);
    vf a = vf_set(0), b = a;
    int64_t i = 0;
    for (; i + 2 * L <= n; i += 2 * L) {
        const vf p = vf_exp_negative(vf_load(x + i) - g);
        const vf q = vf_exp_negative(vf_load(x + i + L) - g);
        if (y) {
            vf_store(y + i, p);
            vf_store(y + i + L, q);
        }
        a = a + p;
        b = b + q;
    }
    for (; i < n; i += L) {
        const vf p = vf_exp_negative(load_low(x, i, n) - g);
        if (y)
            store_rest(y, p, i, n);
        a = a + p;
    }
    return vf_sum(a + b);
}

static void softmax_row(float *y, const float *x, int64_t n, bool is_log)
{
    const float peak = peak_of_row(x, n);
    const float sum = exp_row(is_log ? NULL : y, x, n, peak);
    if (is_log) {
        const vf g = vf_set(peak), s = vf_set((float)log((double)sum));
        for (int64_t i = 0; i < n; i += L)
            store_rest(y, (load_rest(x, i, n) - g) - s, i, n);
        return;
    }
    const vf scale = vf_set(1 / sum);
    for (int64_t i = 0; i < n; i += L)
        store_rest(y, load_rest(y, i, n) * scale, i, n);
}

static void softmax_rows(float *y, int64_t y_pitch, const float *x, int64_t x_pitch, int64_t n_rows,
                         int64_t n, bool is_log)
{
    for (int64_t i = 0; i < n_rows; i++)
        softmax_row(y + i * y_pitch, x + i * x_pitch, n, is_log);
}

static inline vf shift_of(vf sum, bool is_log)
{
    if (is_log)
        return vf_log(sum);
    return vf_set(1) / sum;
}

/* Of x, or of the exponential. */
static inline vf shifted(vf v, vf peak, vf shift, bool is_log)
{
    if (is_log)
        return (v - peak) - shift;
    return v * shift;
}

/* W vectors of lines side by side, through a buffer without gaps: elements of a line that lie a
 * power of two apart would push each other out of the cache. */
#define SOFTMAX_LANES(name, W)                                                                    \
    static void name(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,         \
                     int64_t n_cols, bool is_log, float *buffer, int64_t pitch)                   \
    {                                                                                             \
        vf peak[W], sum[W], shift[W];                                                             \
        for (int w = 0; w < W; w++) {                                                             \
            peak[w] = vf_set(-INFINITY);                                                          \
            sum[w] = vf_set(0);                                                                   \
        }                                                                                         \
        for (int64_t k = 0; k < n; k++)                                                           \
            for (int w = 0; w < W; w++) {                                                         \
                const vf v = load_rest(x + k * x_step, w * L, n_cols);                            \
                store_rest(buffer + k * pitch, v, w * L, n_cols);                                 \
                peak[w] = vf_max(v, peak[w]);                                                     \
            }                                                                                     \
        for (int64_t k = 0; k < n; k++)                                                           \
            for (int w = 0; w < W; w++) {                                                         \
                float *const p = buffer + k * pitch;                                              \
                const vf e = vf_exp_negative(load_rest(p, w * L, n_cols) - peak[w]);              \
                sum[w] = sum[w] + e;                                                              \
                if (!is_log)                                                                      \
                    store_rest(p, e, w *L, n_cols);                                               \
            }                                                                                     \
        for (int w = 0; w < W; w++)                                                               \
            shift[w] = shift_of(sum[w], is_log);                                                  \
        for (int64_t k = 0; k < n; k++)                                                           \
            for (int w = 0; w < W; w++) {                                                         \
                const vf v = load_rest(buffer + k * pitch, w * L, n_cols);                        \
                store_rest(y + k * y_step, shifted(v, peak[w], shift[w], is_log), w * L, n_cols); \
            }                                                                                     \
    }
SOFTMAX_LANES(softmax_lanes_4, 4)
SOFTMAX_LANES(softmax_lanes_1, 1)

static void softmax_cols(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                         int64_t n_cols, bool is_log, float *buffer)
{
    const bool is_small = n <= TRO_LINE_BUFFER;
    int64_t j = 0;
    for (; j + 4 * L <= n_cols; j += 4 * L)
        softmax_lanes_4(y + j, y_step, x + j, x_step, n, 4 * L, is_log, is_small ? buffer : y + j,
                        is_small ? 4 * L : y_step);
    for (; j < n_cols; j += L)
        softmax_lanes_1(y + j, y_step, x + j, x_step, n, n_cols - j < L ? n_cols - j : L, is_log,
                        is_small ? buffer : y + j, is_small ? L : y_step);
}

/* ---- normalize ------------------------------------------------------------------------------- */

static void store_stats(const struct tro_line_stats *stats, int64_t i, double mean, double scale)
{
    if (stats->mean)
        stats->mean[i * stats->mean_step] = (float)mean;
    if (stats->scale)
        stats->scale[i * stats->scale_step] = (float)scale;
}

/* Rows whose statistics are found together: their divisions and roots overlap. */
#define GROUP_ROWS 8
#define GROUP_ELEMS 4096

/* The first mean is rounded to f32 and its sum too; how far it is off, the sum of what is left
 * after it is taken away tells. */
static void normalize_group(float *y, int64_t y_pitch, const float *x, int64_t x_pitch, int n_rows,
                            int64_t n, double epsilon, bool is_rms,
                            const struct tro_line_stats *stats, int64_t first)
{
    double off[GROUP_ROWS], squares[GROUP_ROWS], scale[GROUP_ROWS];
    float mean[GROUP_ROWS] = {0};
    for (int i = 0; i < n_rows; i++) {
        if (!is_rms)
            mean[i] = (float)(sum_row(x + i * x_pitch, n) / (double)n);
        moments_row(x + i * x_pitch, n, mean[i], &off[i], &squares[i]);
    }
    for (int i = 0; i < n_rows; i++) {
        off[i] = is_rms ? 0 : off[i] / (double)n;
        scale[i] = 1 / sqrt(squares[i] / (double)n - off[i] * off[i] + epsilon);
    }
    for (int i = 0; i < n_rows; i++) {
        const float *const p = x + i * x_pitch;
        const vf m = vf_set(mean[i]), s = vf_set((float)scale[i]);
        const vf b = vf_set((float)(-off[i] * scale[i]));
        for (int64_t j = 0; y && j < n; j += L)
            store_rest(y + i * y_pitch, vf_fma(load_rest(p, j, n) - m, s, b), j, n);
        store_stats(stats, first + i, (double)mean[i] + off[i], scale[i]);
    }
}

static void normalize_rows(float *y, int64_t y_pitch, const float *x, int64_t x_pitch,
                           int64_t n_rows, int64_t n, double epsilon, bool is_rms,
                           const struct tro_line_stats *stats)
{
    const int64_t most = n * GROUP_ROWS <= GROUP_ELEMS ? GROUP_ROWS : 1;
    for (int64_t i = 0; i < n_rows; i += most)
        normalize_group(y ? y + i * y_pitch : NULL, y_pitch, x + i * x_pitch, x_pitch,
                        (int)(n_rows - i < most ? n_rows - i : most), n, epsilon, is_rms, stats, i);
}

/* Adds the lanes of a vector to their accumulators. */
static inline void add_lanes(double *acc, vf v, int64_t j, int64_t n_cols)
{
    float lanes[L];
    vf_store(lanes, v);
    for (int64_t i = 0; i < L && j + i < n_cols; i++)
        acc[j + i] += (double)lanes[i];
}

/* W vectors of columns from j on, SUM_ROWS rows at a time: sums of (x - mean), and of its squares
 * where squares is given. */
#define SUM_LANES(name, W)                                                                  \
    static void name(double *acc, double *squares, const float *x, int64_t step, int64_t n, \
                     int64_t j, int64_t n_cols, const float *mean)                          \
    {                                                                                       \
        for (int64_t from = 0; from < n; from += SUM_ROWS) {                                \
            const int64_t to = n - from < SUM_ROWS ? n : from + SUM_ROWS;                   \
            vf a[W], b[W], m[W];                                                            \
            for (int w = 0; w < W; w++) {                                                   \
                m[w] = load_rest(mean, j + w * L, n_cols);                                  \
                a[w] = b[w] = vf_set(0);                                                    \
            }                                                                               \
            for (int64_t k = from; k < to; k++)                                             \
                for (int w = 0; w < W; w++) {                                               \
                    const vf p = load_rest(x + k * step, j + w * L, n_cols) - m[w];         \
                    a[w] = a[w] + p;                                                        \
                    if (squares)                                                            \
                        b[w] = vf_fma(p, p, b[w]);                                          \
                }                                                                           \
            for (int w = 0; w < W; w++) {                                                   \
                add_lanes(acc, a[w], j + w * L, n_cols);                                    \
                if (squares)                                                                \
                    add_lanes(squares, b[w], j + w * L, n_cols);                            \
            }                                                                               \
        }                                                                                   \
    }
SUM_LANES(sum_lanes_4, 4)
SUM_LANES(sum_lanes_1, 1)

static void sum_cols(double *acc, double *squares, const float *x, int64_t step, int64_t n,
                     int64_t n_cols, const float *mean)
{
    int64_t j = 0;
    for (; j + 4 * L <= n_cols; j += 4 * L)
        sum_lanes_4(acc, squares, x, step, n, j, n_cols, mean);
    for (; j < n_cols; j += L)
        sum_lanes_1(acc, squares, x, step, n, j, n_cols, mean);
}

static void normalize_cols(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                           int64_t n_cols, double epsilon, bool is_rms,
                           const struct tro_line_stats *stats)
{
    double sum[TRO_LINE_COLS] = {0}, off[TRO_LINE_COLS] = {0}, squares[TRO_LINE_COLS] = {0};
    float mean[TRO_LINE_COLS] = {0}, scale[TRO_LINE_COLS], shift[TRO_LINE_COLS];
    if (!is_rms)
        sum_cols(sum, NULL, x, x_step, n, n_cols, mean);
    for (int64_t j = 0; j < n_cols; j++)
        mean[j] = (float)(sum[j] / (double)n);
    sum_cols(off, squares, x, x_step, n, n_cols, mean);
    for (int64_t j = 0; j < n_cols; j++) {
        const double d = is_rms ? 0 : off[j] / (double)n;
        const double s = 1 / sqrt(squares[j] / (double)n - d * d + epsilon);
        scale[j] = (float)s;
        shift[j] = (float)(-d * s);
        store_stats(stats, j, (double)mean[j] + d, s);
    }
    for (int64_t k = 0; y && k < n; k++)
        for (int64_t j = 0; j < n_cols; j += L) {
            const vf m = load_rest(mean, j, n_cols), s = load_rest(scale, j, n_cols);
            const vf v = load_rest(x + k * x_step, j, n_cols) - m;
            store_rest(y + k * y_step, vf_fma(v, s, load_rest(shift, j, n_cols)), j, n_cols);
        }
}

/* ---- reduce ---------------------------------------------------------------------------------- */

/* The greater one, NaN where either is. */
static inline vf greater(vf x, vf acc)
{
    return vf_select(vf_ne(x, x), x, vf_max(x, acc));
}

static inline vf lesser(vf x, vf acc)
{
    return vf_select(vf_ne(x, x), x, vf_min(x, acc));
}

static void fold_one(enum tro_reduction kind, double *acc, double v)
{
    switch (kind) {
    case tro_reduction_sum:
    case tro_reduction_mean:
        *acc += v;
        break;
    case tro_reduction_max:
        *acc = v > *acc || v != v ? v : *acc;
        break;
    case tro_reduction_min:
        *acc = v < *acc || v != v ? v : *acc;
        break;
    case tro_reduction_prod:
        *acc *= v;
        break;
    }
}

static void fold_row(enum tro_reduction kind, double *acc, const float *x, int64_t n)
{
    int64_t i = 0;
    if (kind == tro_reduction_sum || kind == tro_reduction_mean) {
        *acc += sum_row(x, n);
        return;
    }
    if (kind != tro_reduction_prod && n >= L) {
        const bool is_max = kind == tro_reduction_max;
        vf a = vf_load(x);
        for (i = L; i + L <= n; i += L)
            a = is_max ? greater(vf_load(x + i), a) : lesser(vf_load(x + i), a);
        fold_one(kind, acc, (double)(is_max ? vf_greatest(a) : vf_least(a)));
    }
    for (; i < n; i++)
        fold_one(kind, acc, (double)x[i]);
}

static void fold_cols(enum tro_reduction kind, double *acc, const float *x, int64_t step, int64_t n,
                      int64_t n_cols)
{
    static const float zeros[TRO_LINE_COLS] = {0};
    if (kind == tro_reduction_sum || kind == tro_reduction_mean) {
        sum_cols(acc, NULL, x, step, n, n_cols, zeros);
        return;
    }
    if (kind == tro_reduction_prod) {
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = 0; j < n_cols; j++)
                acc[j] *= (double)x[k * step + j];
        return;
    }
    for (int64_t j = 0; n > 0 && j < n_cols; j += L) {
        vf a = load_rest(x, j, n_cols);
        float lanes[L];
        for (int64_t k = 1; k < n; k++) {
            const vf v = load_rest(x + k * step, j, n_cols);
            a = kind == tro_reduction_max ? greater(v, a) : lesser(v, a);
        }
        vf_store(lanes, a);
        for (int64_t i = 0; i < L && j + i < n_cols; i++)
            fold_one(kind, &acc[j + i], (double)lanes[i]);
    }
}

/* ---- indices --------------------------------------------------------------------------------- */

/* Whether v shall replace the best so far. NaN beats numbers, and equals NaN. */
static inline bool beats(float v, float best, bool is_min, bool is_last)
{
    if (best != best)
        return is_last && v != v;
    if (v != v || (is_min ? v < best : v > best))
        return true;
    return is_last && v == best;
}

/* Elements from i on, with the sign flipped where the least are looked for; lanes behind the end
 * lose against all. */
static inline vf load_rivals(const float *x, int64_t i, int64_t n, bool is_min)
{
    const vi flip = vi_set(is_min ? INT32_MIN : 0);
    if (n - i >= L)
        return vf_of_bits(vf_bits(vf_load(x + i)) ^ flip);
#if L == 16
    return vf_of_bits(vf_bits(_mm512_mask_loadu_ps(vf_set(is_min ? INFINITY : -INFINITY),
                                                   (__mmask16)((1U << (n - i)) - 1), x + i)) ^
                      flip);
#else
    float lanes[2 * L];
    vf_store(lanes, vf_of_bits(vf_bits(vf_load_n(x + i, n - i)) ^ flip));
    vf_store(lanes + (n - i), vf_set(-INFINITY));
    return vf_load(lanes);
#endif
}

/* The first (or last) of the lanes below n - i that are `want`, or NaN; -1: none. */
static inline int64_t find_lane(vf v, float want, bool is_nan, bool is_last, int64_t n_left)
{
    const uint32_t valid = n_left < L ? (1U << n_left) - 1 : (1U << L) - 1;
    const uint32_t found = vm_bits(is_nan ? vf_ne(v, v) : vf_eq(v, vf_set(want))) & valid;
    if (found == 0)
        return -1;
    return is_last ? 31 - __builtin_clz(found) : __builtin_ctz(found);
}

static int64_t find_long(const float *x, int64_t n, float want, bool is_nan, bool is_min,
                         bool is_last)
{
    const int64_t n_vectors = (n + L - 1) / L;
    for (int64_t k = 0; k < n_vectors; k++) {
        const int64_t i = (is_last ? n_vectors - 1 - k : k) * L;
        const int64_t at = find_lane(load_rivals(x, i, n, is_min), want, is_nan, is_last, n - i);
        if (at >= 0)
            return i + at;
    }
    return 0;
}

static void arg_rows(int64_t *y, int64_t y_pitch, const float *x, int64_t x_pitch, int64_t n_rows,
                     int64_t n, bool is_min, bool is_last)
{
    for (int64_t r = 0; r < n_rows; r++, x += x_pitch, y += y_pitch) {
        const vf first = load_rivals(x, 0, n, is_min);
        vf best = first;
        vm nan = vf_ne(first, first);
        for (int64_t i = L; i < n; i += L) {
            const vf v = load_rivals(x, i, n, is_min);
            nan |= vf_ne(v, v);
            best = vf_max(v, best);
        }
        const bool is_nan = vm_bits(nan) != 0;
        const float want = is_nan ? 0 : vf_peak(best);
        *y = n <= L ? find_lane(first, want, is_nan, is_last, n)
                    : find_long(x, n, want, is_nan, is_min, is_last);
    }
}

static void arg_cols(int64_t *y, const float *x, int64_t step, int64_t n, int64_t n_cols,
                     bool is_min, bool is_last)
{
    float best[TRO_LINE_COLS];
    memcpy(best, x, (size_t)n_cols * sizeof(*best));
    memset(y, 0, (size_t)n_cols * sizeof(*y));
    for (int64_t k = 1; k < n; k++)
        for (int64_t j = 0; j < n_cols; j++) {
            const float v = x[k * step + j];
            const bool wins = beats(v, best[j], is_min, is_last);
            best[j] = wins ? v : best[j];
            y[j] = wins ? k : y[j];
        }
}

/* ---- local response normalization ----------------------------------------------------------- */

static void lrn_cols(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                     int64_t n_cols, const struct tro_line_lrn *lrn)
{
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < n_cols; j += L) {
            const int64_t first = k < lrn->before ? 0 : k - lrn->before;
            const int64_t last = n - 1 - k < lrn->after ? n - 1 : k + lrn->after;
            vf sum = vf_set(0);
            for (int64_t i = first; i <= last; i++) {
                const vf v = load_rest(x + i * x_step, j, n_cols);
                sum = vf_fma(v, v, sum);
            }
            const vf base = vf_fma(sum, vf_set(lrn->alpha), vf_set(lrn->bias));
            const vf scale = vf_exp(vf_log(base) * vf_set(-lrn->beta));
            store_rest(y + k * y_step, load_rest(x + k * x_step, j, n_cols) * scale, j, n_cols);
        }
}

const struct tro_line_kernels LEVEL(tro_line_kernels) = {
    .softmax_rows = softmax_rows,
    .softmax_cols = softmax_cols,
    .normalize_rows = normalize_rows,
    .normalize_cols = normalize_cols,
    .fold_row = fold_row,
    .fold_cols = fold_cols,
    .arg_rows = arg_rows,
    .arg_cols = arg_cols,
    .lrn_cols = lrn_cols,
};
