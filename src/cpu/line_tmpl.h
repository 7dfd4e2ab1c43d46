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

static float greatest_of_row(const float *x, int64_t n)
{
    vf a = vf_set(-INFINITY), b = a;
    int64_t i = 0;
    for (; i + 2 * L <= n; i += 2 * L) {
        a = vf_max(vf_load(x + i), a);
        b = vf_max(vf_load(x + i + L), b);
    }
    for (; i + L <= n; i += L)
        a = vf_max(vf_load(x + i), a);
    float best = vf_greatest(vf_max(a, b));
    for (; i < n; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}

/* y = e^(x - greatest), NULL: nothing is stored. Returns the sum. */
static float exp_row(float *y, const float *x, int64_t n, float greatest)
{
    const vf g = vf_set(greatest);
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
    for (; i + L <= n; i += L) {
        const vf p = vf_exp_negative(vf_load(x + i) - g);
        if (y)
            vf_store(y + i, p);
        a = a + p;
    }
    float sum = vf_sum(a + b);
    if (i < n) {
        float lanes[L];
        const vf p = vf_exp_negative(vf_load_n(x + i, n - i) - g);
        if (y)
            vf_store_n(y + i, p, n - i);
        vf_store(lanes, p);
        for (int64_t k = 0; k < n - i; k++)
            sum += lanes[k];
    }
    return sum;
}

static void softmax_row(float *y, const float *x, int64_t n, bool is_log)
{
    const float greatest = greatest_of_row(x, n);
    const float sum = exp_row(is_log ? NULL : y, x, n, greatest);
    if (is_log) {
        const vf g = vf_set(greatest), s = vf_set((float)log((double)sum));
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

/* Up to L lines side by side. */
static void softmax_lanes(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                          int64_t n_cols, bool is_log)
{
    vf greatest = vf_set(-INFINITY), sum = vf_set(0);
    for (int64_t k = 0; k < n; k++)
        greatest = vf_max(load_rest(x + k * x_step, 0, n_cols), greatest);
    for (int64_t k = 0; k < n; k++) {
        const vf e = vf_exp_negative(load_rest(x + k * x_step, 0, n_cols) - greatest);
        sum = sum + e;
        if (!is_log)
            store_rest(y + k * y_step, e, 0, n_cols);
    }
    if (is_log) {
        const vf log_sum = vf_log(sum);
        for (int64_t k = 0; k < n; k++)
            store_rest(y + k * y_step, (load_rest(x + k * x_step, 0, n_cols) - greatest) - log_sum,
                       0, n_cols);
        return;
    }
    const vf scale = vf_set(1) / sum;
    for (int64_t k = 0; k < n; k++)
        store_rest(y + k * y_step, load_rest(y + k * y_step, 0, n_cols) * scale, 0, n_cols);
}

static void softmax_cols(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                         int64_t n_cols, bool is_log)
{
    for (int64_t j = 0; j < n_cols; j += L)
        softmax_lanes(y + j, y_step, x + j, x_step, n, n_cols - j < L ? n_cols - j : L, is_log);
}

/* ---- normalize ------------------------------------------------------------------------------- */

static void store_stats(const struct tro_line_stats *stats, int64_t i, double mean, double scale)
{
    if (stats->mean)
        stats->mean[i * stats->mean_step] = (float)mean;
    if (stats->scale)
        stats->scale[i * stats->scale_step] = (float)scale;
}

/* The first mean is rounded to f32 and its sum too; how far it is off, the sum of what is left after
 * it is taken away tells. */
static void normalize_rows(float *y, int64_t y_pitch, const float *x, int64_t x_pitch,
                           int64_t n_rows, int64_t n, double epsilon, bool is_rms,
                           const struct tro_line_stats *stats)
{
    for (int64_t i = 0; i < n_rows; i++) {
        const float *const p = x + i * x_pitch;
        float *const q = y ? y + i * y_pitch : NULL;
        const float mean = is_rms ? 0 : (float)(sum_row(p, n) / (double)n);
        double off, squares;
        moments_row(p, n, mean, &off, &squares);
        off = is_rms ? 0 : off / (double)n;
        const double scale = 1 / sqrt(squares / (double)n - off * off + epsilon);
        const vf m = vf_set(mean), s = vf_set((float)scale), b = vf_set((float)(-off * scale));
        for (int64_t j = 0; q && j < n; j += L)
            store_rest(q, vf_fma(load_rest(p, j, n) - m, s, b), j, n);
        store_stats(stats, i, (double)mean + off, scale);
    }
}

/* Adds sums of (x - mean), of SUM_ROWS rows at a time, and of its squares where squares is given. */
static void sum_cols(double *acc, double *squares, const float *x, int64_t step, int64_t n,
                     int64_t n_cols, const float *mean)
{
    for (int64_t from = 0; from < n; from += SUM_ROWS) {
        const int64_t to = n - from < SUM_ROWS ? n : from + SUM_ROWS;
        for (int64_t j = 0; j < n_cols; j += L) {
            const vf m = load_rest(mean, j, n_cols);
            vf a = vf_set(0), b = a;
            float sums[L], others[L];
            for (int64_t k = from; k < to; k++) {
                const vf p = load_rest(x + k * step, j, n_cols) - m;
                a = a + p;
                b = vf_fma(p, p, b);
            }
            vf_store(sums, a);
            vf_store(others, b);
            for (int64_t i = 0; i < L && j + i < n_cols; i++) {
                acc[j + i] += (double)sums[i];
                if (squares)
                    squares[j + i] += (double)others[i];
            }
        }
    }
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

static int64_t arg_row(const float *x, int64_t n, bool is_min, bool is_last)
{
    double best = is_min ? INFINITY : -INFINITY;
    fold_row(is_min ? tro_reduction_min : tro_reduction_max, &best, x, n);
    const float want = (float)best;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = is_last ? n - 1 - i : i;
        if (want != want ? x[at] != x[at] : x[at] == want)
            return at;
    }
    return 0;
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

const struct tro_line_kernels LEVEL(tro_line_kernels) = {
    .softmax_rows = softmax_rows,
    .softmax_cols = softmax_cols,
    .normalize_rows = normalize_rows,
    .normalize_cols = normalize_cols,
    .fold_row = fold_row,
    .fold_cols = fold_cols,
    .arg_row = arg_row,
    .arg_cols = arg_cols,
};
