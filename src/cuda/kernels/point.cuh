/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the texts of pointwise programs (cuda/point.h) call: operators as tro_op_<name> of
 * graph/ops.def, on values in registers; loads and stores of one operand.
 *
 * A value is of the type the graph says, f16 and bf16 are float. TRO_FAST_MATH is defined where
 * results are stored in 16 bits: functions are then good to about 2^-20.
 */
#ifndef TRO_CUDA_KERNELS_POINT_CUH
#define TRO_CUDA_KERNELS_POINT_CUH

#define TRO_POINT_FN static __device__ __forceinline__

/* ---- arithmetic of floats ------------------------------------------------------------------- */

#define TRO_POINT_BINARY(name, f32, f64)         \
    TRO_POINT_FN float name(float x, float y)    \
    {                                            \
        return f32;                              \
    }                                            \
    TRO_POINT_FN double name(double x, double y) \
    {                                            \
        return f64;                              \
    }
#define TRO_POINT_UNARY(name, f32, f64) \
    TRO_POINT_FN float name(float x)    \
    {                                   \
        return f32;                     \
    }                                   \
    TRO_POINT_FN double name(double x)  \
    {                                   \
        return f64;                     \
    }

/* The sign of the divisor, that of a zero included. */
TRO_POINT_FN double tro_point_mod(double r, double y)
{
    if (r == 0)
        return copysign(0.0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}
TRO_POINT_FN float tro_point_mod(float r, float y)
{
    if (r == 0)
        return copysignf(0.0f, y);
    return (r < 0) != (y < 0) ? r + y : r;
}
TRO_POINT_FN double tro_point_min(double x, double y)
{
    if (x != x || y != y)
        return x != x ? x : y;
    return x == y ? (copysign(1.0, x) < 0 ? x : y) : (x < y ? x : y);
}
TRO_POINT_FN double tro_point_max(double x, double y)
{
    if (x != x || y != y)
        return x != x ? x : y;
    return x == y ? (copysign(1.0, x) < 0 ? y : x) : (x > y ? x : y);
}

#ifdef TRO_FAST_MATH
#define TRO_LOG2_E 0x1.715476p+0f
#define TRO_LN_2 0x1.62e43p-1f
TRO_POINT_FN float tro_point_exp(float x)
{
    return tro_fast_exp2(x * TRO_LOG2_E);
}
TRO_POINT_FN float tro_point_log(float x)
{
    return tro_fast_log2(x) * TRO_LN_2;
}
TRO_POINT_FN float tro_point_div(float x, float y)
{
    return tro_fast_div(x, y);
}
TRO_POINT_FN float tro_point_sqrt(float x)
{
    return tro_fast_sqrt(x);
}
TRO_POINT_FN float tro_point_rcp(float x)
{
    return tro_fast_rcp(x);
}
TRO_POINT_FN float tro_point_log1p(float x)
{
    return tro_fast_log2(1 + x) * TRO_LN_2;
}
/* Infinity in the denominator gives 0, never infinity by infinity. */
TRO_POINT_FN float tro_point_tanh(float x)
{
    return fmaf(-2.0f, tro_fast_rcp(1 + tro_fast_exp2(x * (2 * TRO_LOG2_E))), 1.0f);
}
#else
TRO_POINT_FN float tro_point_exp(float x)
{
    return expf(x);
}
TRO_POINT_FN float tro_point_log(float x)
{
    return logf(x);
}
TRO_POINT_FN float tro_point_div(float x, float y)
{
    return x / y;
}
TRO_POINT_FN float tro_point_sqrt(float x)
{
    return sqrtf(x);
}
TRO_POINT_FN float tro_point_rcp(float x)
{
    return 1 / x;
}
TRO_POINT_FN float tro_point_log1p(float x)
{
    return log1pf(x);
}
TRO_POINT_FN float tro_point_tanh(float x)
{
    return tanhf(x);
}
#endif

TRO_POINT_BINARY(tro_op_add, x + y, x + y)
TRO_POINT_BINARY(tro_op_sub, x - y, x - y)
TRO_POINT_BINARY(tro_op_mul, x *y, x *y)
TRO_POINT_BINARY(tro_op_div, tro_point_div(x, y), x / y)
TRO_POINT_BINARY(tro_op_fmod, fmodf(x, y), fmod(x, y))
TRO_POINT_BINARY(tro_op_mod, tro_point_mod(fmodf(x, y), y), tro_point_mod(fmod(x, y), y))
TRO_POINT_BINARY(tro_op_min, tro_min_nan(x, y), tro_point_min(x, y))
TRO_POINT_BINARY(tro_op_max, tro_max_nan(x, y), tro_point_max(x, y))
TRO_POINT_BINARY(tro_op_pow, powf(x, y), pow(x, y))

TRO_POINT_UNARY(tro_op_neg, -x, -x)
TRO_POINT_UNARY(tro_op_abs, fabsf(x), fabs(x))
TRO_POINT_UNARY(tro_op_sign, x > 0 ? 1.0f : x < 0 ? -1.0f : x, x > 0 ? 1.0 : x < 0 ? -1.0 : x)
TRO_POINT_UNARY(tro_op_floor, floorf(x), floor(x))
TRO_POINT_UNARY(tro_op_ceil, ceilf(x), ceil(x))
TRO_POINT_UNARY(tro_op_round, rintf(x), rint(x))
TRO_POINT_UNARY(tro_op_sqrt, tro_point_sqrt(x), sqrt(x))
TRO_POINT_UNARY(tro_op_exp, tro_point_exp(x), exp(x))
TRO_POINT_UNARY(tro_op_log, tro_point_log(x), log(x))
TRO_POINT_UNARY(tro_op_erf, erff(x), erf(x))
TRO_POINT_UNARY(tro_op_sin, sinf(x), sin(x))
TRO_POINT_UNARY(tro_op_cos, cosf(x), cos(x))
TRO_POINT_UNARY(tro_op_tan, tanf(x), tan(x))
TRO_POINT_UNARY(tro_op_asin, asinf(x), asin(x))
TRO_POINT_UNARY(tro_op_acos, acosf(x), acos(x))
TRO_POINT_UNARY(tro_op_atan, atanf(x), atan(x))
TRO_POINT_UNARY(tro_op_sinh, sinhf(x), sinh(x))
TRO_POINT_UNARY(tro_op_cosh, coshf(x), cosh(x))
TRO_POINT_UNARY(tro_op_tanh, tro_point_tanh(x), tanh(x))
TRO_POINT_UNARY(tro_op_asinh, asinhf(x), asinh(x))
TRO_POINT_UNARY(tro_op_acosh, acoshf(x), acosh(x))
TRO_POINT_UNARY(tro_op_atanh, atanhf(x), atanh(x))
TRO_POINT_UNARY(tro_op_sigmoid, tro_point_rcp(1 + tro_point_exp(-x)), 1 / (1 + exp(-x)))
TRO_POINT_UNARY(tro_op_softplus, tro_max_nan(x, 0) + tro_point_log1p(tro_point_exp(-fabsf(x))),
                tro_point_max(x, 0) + log1p(exp(-fabs(x))))

/* x ^ 0.5: other than the root of -infinity and -0. */
template <typename T> TRO_POINT_FN T tro_point_root(T x)
{
    return x < 0 && x - x != 0 ? -x : tro_op_sqrt(x + 0);
}

template <typename T> TRO_POINT_FN bool tro_op_isnan(T x)
{
    return x != x;
}
template <typename T> TRO_POINT_FN bool tro_op_isinf(T x, bool negative, bool positive)
{
    return x == x && x - x != 0 && (x < 0 ? negative : positive);
}

/* ---- integers ------------------------------------------------------------------------------- */

/* What sums and products wrap in. */
template <typename T> struct tro_point_wide {
    typedef uint32_t type;
};
template <> struct tro_point_wide<int64_t> {
    typedef uint64_t type;
};
template <> struct tro_point_wide<uint64_t> {
    typedef uint64_t type;
};
template <typename T> TRO_POINT_FN constexpr bool tro_point_is_signed()
{
    return (T)-1 < (T)0;
}

#define TRO_POINT_INT_BINARY(name, expr)                \
    template <typename T> TRO_POINT_FN T name(T x, T y) \
    {                                                   \
        typedef typename tro_point_wide<T>::type wide;  \
        (void)sizeof(wide);                             \
        return (T)(expr);                               \
    }
#define TRO_POINT_INT_UNARY(name, expr)                \
    template <typename T> TRO_POINT_FN T name(T x)     \
    {                                                  \
        typedef typename tro_point_wide<T>::type wide; \
        (void)sizeof(wide);                            \
        return (T)(expr);                              \
    }

TRO_POINT_INT_BINARY(tro_op_add, (wide)x + (wide)y)
TRO_POINT_INT_BINARY(tro_op_sub, (wide)x - (wide)y)
TRO_POINT_INT_BINARY(tro_op_mul, (wide)x *(wide)y)
TRO_POINT_INT_BINARY(tro_op_min, y < x ? y : x)
TRO_POINT_INT_BINARY(tro_op_max, x < y ? y : x)
TRO_POINT_INT_BINARY(tro_op_and, x &y)
TRO_POINT_INT_BINARY(tro_op_or, x | y)
TRO_POINT_INT_BINARY(tro_op_xor, x ^ y)
TRO_POINT_INT_UNARY(tro_op_neg, (wide)0 - (wide)x)
TRO_POINT_INT_UNARY(tro_op_abs, x < 0 ? (wide)0 - (wide)x : (wide)x)
TRO_POINT_INT_UNARY(tro_op_sign, x < 0 ? -1 : x != 0)
TRO_POINT_INT_UNARY(tro_op_floor, x)
TRO_POINT_INT_UNARY(tro_op_ceil, x)
TRO_POINT_INT_UNARY(tro_op_round, x)
TRO_POINT_INT_UNARY(tro_op_not, ~x)
TRO_POINT_FN bool tro_op_not(bool x)
{
    return !x;
}

template <typename T> TRO_POINT_FN T tro_op_div(T x, T y)
{
    if (y == 0)
        return 0;
    return tro_point_is_signed<T>() && y == (T)-1 ? tro_op_neg(x) : (T)(x / y);
}
template <typename T> TRO_POINT_FN T tro_op_fmod(T x, T y)
{
    if (y == 0 || (tro_point_is_signed<T>() && y == (T)-1))
        return 0;
    return (T)(x % y);
}
template <typename T> TRO_POINT_FN T tro_op_mod(T x, T y)
{
    const T r = tro_op_fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? (T)(r + y) : r;
}
template <typename T> TRO_POINT_FN T tro_op_shl(T x, T y)
{
    typedef typename tro_point_wide<T>::type wide;
    return (uint64_t)y >= 8 * sizeof(T) ? (T)0 : (T)((wide)x << (int)y);
}
template <typename T> TRO_POINT_FN T tro_op_shr(T x, T y)
{
    if ((uint64_t)y >= 8 * sizeof(T))
        return x < 0 ? (T)-1 : (T)0;
    return (T)(x >> (int)y);
}

/* x ^ y modulo 2^64; of negative powers only those of 1 and -1 are not 0. */
template <typename T, typename E> TRO_POINT_FN T tro_op_pow_int(T x, E y)
{
    uint64_t power = 1, base = (uint64_t)x, left = (uint64_t)y;
    if (y < 0)
        return (T)(x == 1 ? 1 : tro_point_is_signed<T>() && x == (T)-1 ? (y & 1 ? -1 : 1) : 0);
    for (; left; left >>= 1) {
        if (left & 1)
            power *= base;
        base *= base;
    }
    return (T)power;
}

/* ---- any type ------------------------------------------------------------------------------- */

template <typename T> TRO_POINT_FN bool tro_op_eq(T x, T y)
{
    return x == y;
}
template <typename T> TRO_POINT_FN bool tro_op_lt(T x, T y)
{
    return x < y;
}
template <typename T> TRO_POINT_FN bool tro_op_le(T x, T y)
{
    return x <= y;
}
template <typename T> TRO_POINT_FN T tro_op_select(bool c, T x, T y)
{
    return c ? x : y;
}

/* To the nearest value of a narrow type. */
template <typename S> TRO_POINT_FN float tro_point_round(float x)
{
    return tro_float(tro_from_float<S>(x));
}

/* ---- casts ---------------------------------------------------------------------------------- */

/* Truncated to int64, the least one for NaN and beyond it; low bits are kept, u64 is right up to
 * 2^64. */
template <typename T, typename F> struct tro_point_cast {
    static __device__ __forceinline__ T of(F x)
    {
        return (T)x;
    }
};
template <typename F> TRO_POINT_FN int64_t tro_point_int64(F x)
{
    const F two63 = 9223372036854775808.0f;
    return x >= -two63 && x < two63 ? (int64_t)x : (int64_t)((uint64_t)1 << 63);
}
template <typename F> TRO_POINT_FN uint64_t tro_point_uint64(F x)
{
    const F two63 = 9223372036854775808.0f;
    return x >= two63 && x < 2 * two63 ? (uint64_t)(x - two63) + ((uint64_t)1 << 63)
                                       : (uint64_t)tro_point_int64(x);
}
#define TRO_POINT_CAST(T, F, expr)                  \
    template <> struct tro_point_cast<T, F> {       \
        static __device__ __forceinline__ T of(F x) \
        {                                           \
            return (T)(expr);                       \
        }                                           \
    };
#define TRO_POINT_CASTS(F)                              \
    TRO_POINT_CAST(int8_t, F, tro_point_int64<F>(x))    \
    TRO_POINT_CAST(uint8_t, F, tro_point_int64<F>(x))   \
    TRO_POINT_CAST(int16_t, F, tro_point_int64<F>(x))   \
    TRO_POINT_CAST(uint16_t, F, tro_point_int64<F>(x))  \
    TRO_POINT_CAST(int32_t, F, tro_point_int64<F>(x))   \
    TRO_POINT_CAST(uint32_t, F, tro_point_int64<F>(x))  \
    TRO_POINT_CAST(int64_t, F, tro_point_int64<F>(x))   \
    TRO_POINT_CAST(uint64_t, F, tro_point_uint64<F>(x)) \
    TRO_POINT_CAST(bool, F, x != 0)
TRO_POINT_CASTS(float)
TRO_POINT_CASTS(double)
template <typename T, typename F> TRO_POINT_FN T tro_op_cast(F x)
{
    return tro_point_cast<T, F>::of(x);
}

/* An integer as float such that rounding it to bf16 rounds once: what does not fit is folded into
 * the lowest bit. */
template <typename T> TRO_POINT_FN float tro_point_foldable(T x)
{
    uint64_t m = x < 0 ? (uint64_t)0 - (uint64_t)x : (uint64_t)x;
    int excess = 0;
    while (excess < 40 && m >> (24 + excess))
        excess++;
    const uint64_t low = m & (((uint64_t)1 << excess) - 1);
    m = (m - low) | (low ? (uint64_t)1 << excess : 0);
    return x < 0 ? -(float)m : (float)m;
}

/* ---- quantization --------------------------------------------------------------------------- */

/* Of types of 8 and 16 bits. */
template <typename T> TRO_POINT_FN constexpr int tro_point_most()
{
    return (1 << (8 * sizeof(T) - tro_point_is_signed<T>())) - 1;
}
template <typename T> TRO_POINT_FN constexpr int tro_point_least()
{
    return tro_point_is_signed<T>() ? -tro_point_most<T>() - 1 : 0;
}

/* The nearest integer, half to even, of |v| < 2^22. */
TRO_POINT_FN int tro_point_nearest(float v)
{
    return (int)__float_as_uint(v + 0x1.8p+23f) - 0x4b400000;
}

/* Rounded half to even, zero added, saturated; NaN gives the least value. */
template <typename T> TRO_POINT_FN T tro_point_saturate(float v, T zero)
{
    const float least = (float)(tro_point_least<T>() - (int)zero);
    const float most = (float)(tro_point_most<T>() - (int)zero);
    return (T)(tro_point_nearest(fminf(fmaxf(v, least), most)) + (int)zero);
}
template <typename T, typename X> TRO_POINT_FN T tro_op_quantize(X x, float scale, T zero)
{
    return tro_point_saturate<T>((float)x / scale, zero);
}
/* The same with the reciprocal of the scale at hand, both positive and of
 * ordinary size. The remainder corrects the quotient to the nearest (Markstein, 1990); what would
 * saturate is cut before, so that nothing is infinite. */
template <typename T, typename X>
TRO_POINT_FN T tro_point_quantize_by(X x, float scale, float reciprocal, T zero)
{
    const float least = (float)(tro_point_least<T>() - (int)zero) * scale;
    const float most = (float)(tro_point_most<T>() - (int)zero) * scale;
    const float v = fminf(fmaxf((float)x, least), most), near = v * reciprocal;
    const float exact = fmaf(fmaf(-near, scale, v), reciprocal, near);
    return (T)(tro_point_nearest(exact) + (int)zero);
}
template <typename X> TRO_POINT_FN float tro_op_dequantize(X x, float scale, X zero)
{
    const float v = sizeof(X) < 4 ? (float)((int)x - (int)zero)
                                  : (float)((int64_t)x - (int64_t)zero);
    return v * scale;
}
template <typename T> TRO_POINT_FN T tro_op_requantize(int32_t x, float scale, T zero)
{
    return tro_point_saturate<T>((float)x * scale, zero);
}

/* Between entries u / 128 and the next one, in 256ths of the result; u counts from the least x. */
template <typename T, typename X> TRO_POINT_FN T tro_op_between(const int32_t *t, X x)
{
    const int u = (int)x - tro_point_least<X>(), f = u % 128;
    const int v = (t[u / 128] * (128 - f) + t[u / 128 + 1] * f + (1 << 14)) >> 15;
    const int least = tro_point_least<T>(), most = tro_point_most<T>();
    return (T)(v < least ? least : v > most ? most : v);
}

/* ---- operands ------------------------------------------------------------------------------- */

/* Elements 0 .. n of neighbours, which may be loaded A at a time; is_whole: n is N. */
template <int N, int A, bool is_whole, typename S>
TRO_POINT_FN void tro_point_load(S (&to)[N], const S *from, int n)
{
    if (is_whole) {
        tro_load<N, (A < N ? A : N)>(to, from);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            to[i] = i < n ? from[i] : S{};
    }
}
template <int N, int A, bool is_whole, typename S>
TRO_POINT_FN void tro_point_load_const(S (&to)[N], const S *from, int n)
{
    if (is_whole) {
        tro_load_const<N, (A < N ? A : N)>(to, from);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            to[i] = i < n ? from[i] : S{};
    }
}
/* One element for all columns. */
template <bool is_whole, typename S>
TRO_POINT_FN void tro_point_load_same(S (&to)[1], const S *from, int n)
{
    to[0] = is_whole || n > 0 ? *from : S{};
}
template <bool is_whole, typename S>
TRO_POINT_FN void tro_point_load_same_const(S (&to)[1], const S *from, int n)
{
    if (is_whole || n > 0)
        tro_load_const<1, 1>(to, from);
    else
        to[0] = S{};
}
template <int N, bool is_whole, typename S>
TRO_POINT_FN void tro_point_load_strided(S (&to)[N], const S *from, int stride, int n)
{
#pragma unroll
    for (int i = 0; i < N; i++)
        to[i] = is_whole || i < n ? from[i * stride] : S{};
}

template <int R> TRO_POINT_FN int tro_point_greatest(const int (&n)[R])
{
    int most = n[0];
#pragma unroll
    for (int r = 1; r < R; r++)
        most = n[r] > most ? n[r] : most;
    return most;
}

/* As the type in memory; to is aligned to 16. */
template <typename S, typename T> struct tro_point_narrow {
    template <int N> static __device__ __forceinline__ void of(S (&to)[N], const T (&from)[N])
    {
#pragma unroll
        for (int i = 0; i < N; i++)
            to[i] = (S)from[i];
    }
};
#define TRO_POINT_NARROW_HALF(S, pack)                                                \
    template <> struct tro_point_narrow<S, float> {                                   \
        template <int N>                                                              \
        static __device__ __forceinline__ void of(S (&to)[N], const float (&from)[N]) \
        {                                                                             \
            _Pragma("unroll") for (int i = 0; i + 1 < N; i += 2)                      \
            {                                                                         \
                const uint32_t two = pack(from[i], from[i + 1]);                      \
                tro_copy_bytes<4>(&to[i], &two);                                      \
            }                                                                         \
            if (N % 2)                                                                \
                to[N - 1] = tro_from_float<S>(from[N - 1]);                           \
        }                                                                             \
    };
TRO_POINT_NARROW_HALF(tro_f16, tro_f32_to_f16x2)
TRO_POINT_NARROW_HALF(tro_bf16, tro_f32_to_bf16x2)

template <int N, int A, bool is_whole, typename S, typename T>
TRO_POINT_FN void tro_point_store(S *to, const T (&from)[N], int n)
{
    alignas(16) S narrow[N];
    tro_point_narrow<S, T>::of(narrow, from);
    if (is_whole) {
        tro_store<N, (A < N ? A : N)>(to, narrow);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            if (i < n)
                to[i] = narrow[i];
    }
}
template <int N, bool is_whole, typename S, typename T>
TRO_POINT_FN void tro_point_store_strided(S *to, const T (&from)[N], int stride, int n)
{
    alignas(16) S narrow[N];
    tro_point_narrow<S, T>::of(narrow, from);
#pragma unroll
    for (int i = 0; i < N; i++)
        if (is_whole || i < n)
            to[i * stride] = narrow[i];
}

#endif
