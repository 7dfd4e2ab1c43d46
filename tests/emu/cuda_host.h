/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA C++ for a host compiler: what NVRTC has built in and kernels of Trocar use. It is included
 * before a kernel's source; ptx.cuh beside it stands for src/cuda/kernels/ptx.cuh. The names are
 * CUDA's, see "CUDA C++ Programming Guide", "C++ Language Extensions", and "CUDA Math API".
 *
 * __shared__ variables lie in a section of their own, so that the machine can poison them.
 */
#ifndef TRO_EMU_CUDA_HOST_H
#define TRO_EMU_CUDA_HOST_H

#include "state.h"

#include <stddef.h>
#include <stdint.h>

/* ---- words -------------------------------------------------------------------------------- */

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("emu_shared")))

extern "C" {
struct emu_state emu_state;
extern uint8_t __start_emu_shared[] __attribute__((weak, visibility("hidden")));
extern uint8_t __stop_emu_shared[] __attribute__((weak, visibility("hidden")));
}

/* ---- vectors ------------------------------------------------------------------------------ */

#define EMU_VECTORS(name, type, a2, a4)                                  \
    struct __align__(sizeof(type)) name##1                               \
    {                                                                    \
        type x;                                                          \
    };                                                                   \
    struct __align__(a2) name##2                                         \
    {                                                                    \
        type x, y;                                                       \
    };                                                                   \
    struct name##3                                                       \
    {                                                                    \
        type x, y, z;                                                    \
    };                                                                   \
    struct __align__(a4) name##4                                         \
    {                                                                    \
        type x, y, z, w;                                                 \
    };                                                                   \
    static inline name##2 make_##name##2(type x, type y)                 \
    {                                                                    \
        return name##2 {x, y};                                           \
    }                                                                    \
    static inline name##3 make_##name##3(type x, type y, type z)         \
    {                                                                    \
        return name##3 {x, y, z};                                        \
    }                                                                    \
    static inline name##4 make_##name##4(type x, type y, type z, type w) \
    {                                                                    \
        return name##4 {x, y, z, w};                                     \
    }
EMU_VECTORS(char, signed char, 2, 4)
EMU_VECTORS(uchar, unsigned char, 2, 4)
EMU_VECTORS(short, short, 4, 8)
EMU_VECTORS(ushort, unsigned short, 4, 8)
EMU_VECTORS(int, int, 8, 16)
EMU_VECTORS(uint, unsigned, 8, 16)
EMU_VECTORS(float, float, 8, 16)
EMU_VECTORS(longlong, long long, 16, 16)
EMU_VECTORS(ulonglong, unsigned long long, 16, 16)
EMU_VECTORS(double, double, 16, 16)
#undef EMU_VECTORS

static inline uint3 emu_uint3(const uint32_t (&v)[3])
{
    return uint3{v[0], v[1], v[2]};
}
#define threadIdx emu_uint3(emu_state.self->idx)
#define blockIdx emu_uint3(emu_state.block_idx)
#define blockDim emu_uint3(emu_state.block_dim)
#define gridDim emu_uint3(emu_state.grid_dim)
static const int warpSize = 32;

/* ---- all threads of a block --------------------------------------------------------------- */

static inline void __syncthreads()
{
    emu_state.calls->barrier(EMU_BARRIER_PLAIN, 0);
}
static inline int __syncthreads_or(int x)
{
    return emu_state.calls->barrier(EMU_BARRIER_OR, x);
}
static inline int __syncthreads_and(int x)
{
    return emu_state.calls->barrier(EMU_BARRIER_AND, x);
}
static inline int __syncthreads_count(int x)
{
    return emu_state.calls->barrier(EMU_BARRIER_COUNT, x);
}

/* ---- lanes of a warp ---------------------------------------------------------------------- */

static inline void __syncwarp(unsigned mask = 0xffffffff)
{
    emu_state.calls->collective(EMU_SYNC, mask);
}

template <typename T> static inline T emu_shuffle(unsigned mask, T x, unsigned source)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles take 4 or 8 bytes");
    struct emu_thread *const t = emu_state.self;
    struct emu_io *const io = &t->warp->io;
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &x, sizeof x);
    io->value[t->lane] = bits;
    io->source[t->lane] = source;
    emu_state.calls->collective(EMU_SHUFFLE, mask);
    __builtin_memcpy(&x, &io->value[t->lane], sizeof x);
    return x;
}
template <typename T> static inline T __shfl_sync(unsigned mask, T x, int source, int width = 32)
{
    const unsigned lane = emu_state.self->lane, w = (unsigned)width - 1;
    return emu_shuffle(mask, x, (lane & ~w) + ((unsigned)source & w));
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T x, unsigned delta, int width = 32)
{
    const unsigned lane = emu_state.self->lane, in_group = lane & ((unsigned)width - 1);
    return emu_shuffle(mask, x, in_group < delta ? lane : lane - delta);
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T x, unsigned delta, int width = 32)
{
    const unsigned lane = emu_state.self->lane, in_group = lane & ((unsigned)width - 1);
    return emu_shuffle(mask, x, in_group + delta >= (unsigned)width ? lane : lane + delta);
}
template <typename T> static inline T __shfl_xor_sync(unsigned mask, T x, int bits, int width = 32)
{
    const unsigned lane = emu_state.self->lane, source = lane ^ (unsigned)bits;
    return emu_shuffle(mask, x, source > (lane | ((unsigned)width - 1)) ? lane : source);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    struct emu_thread *const t = emu_state.self;
    t->warp->io.value[t->lane] = predicate != 0;
    emu_state.calls->collective(EMU_BALLOT, mask);
    return (unsigned)t->warp->io.value[t->lane];
}
static inline int __any_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, predicate) != 0;
}
static inline int __all_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, !predicate) == 0;
}

/* ---- bits --------------------------------------------------------------------------------- */

template <typename To, typename From> static inline To emu_bits(From x)
{
    static_assert(sizeof(To) == sizeof(From), "");
    To y;
    __builtin_memcpy(&y, &x, sizeof y);
    return y;
}
static inline unsigned __float_as_uint(float x)
{
    return emu_bits<unsigned>(x);
}
static inline int __float_as_int(float x)
{
    return emu_bits<int>(x);
}
static inline float __uint_as_float(unsigned x)
{
    return emu_bits<float>(x);
}
static inline float __int_as_float(int x)
{
    return emu_bits<float>(x);
}
static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}
static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline int __clzll(long long x)
{
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}
static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
static inline int __ffsll(long long x)
{
    return __builtin_ffsll(x);
}
static inline unsigned __brev(unsigned x)
{
    unsigned y = 0;
    for (int i = 0; i < 32; i++)
        y |= (x >> i & 1) << (31 - i);
    return y;
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector)
{
    const uint64_t bytes = (uint64_t)y << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned s = selector >> 4 * i & 15;
        unsigned byte = (unsigned)(bytes >> 8 * (s & 7)) & 255;
        if (s & 8)
            byte = byte & 128 ? 255 : 0;
        r |= byte << 8 * i;
    }
    return r;
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n)
{
    return (unsigned)(((uint64_t)high << 32 | low) >> (n & 31));
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n)
{
    return (unsigned)((((uint64_t)high << 32 | low) << (n & 31)) >> 32);
}

/* ---- integers ----------------------------------------------------------------------------- */

static inline unsigned __umulhi(unsigned x, unsigned y)
{
    return (unsigned)((uint64_t)x * y >> 32);
}
static inline int __mulhi(int x, int y)
{
    return (int)((int64_t)x * y >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y)
{
    return (unsigned long long)((unsigned __int128)x * y >> 64);
}
static inline int __dp4a(int a, int b, int c)
{
    unsigned sum = (unsigned)c;
    for (int i = 0; i < 4; i++)
        sum += (unsigned)((int)(int8_t)((unsigned)a >> 8 * i) * (int8_t)((unsigned)b >> 8 * i));
    return (int)sum;
}
static inline unsigned __dp4a(unsigned a, unsigned b, unsigned c)
{
    for (int i = 0; i < 4; i++)
        c += (a >> 8 * i & 255) * (b >> 8 * i & 255);
    return c;
}
static inline int abs(int x)
{
    return x < 0 ? (int)(0u - (unsigned)x) : x;
}

#define EMU_MIN_MAX(type)                  \
    static inline type min(type a, type b) \
    {                                      \
        return b < a ? b : a;              \
    }                                      \
    static inline type max(type a, type b) \
    {                                      \
        return a < b ? b : a;              \
    }
EMU_MIN_MAX(int)
EMU_MIN_MAX(unsigned)
EMU_MIN_MAX(long)
EMU_MIN_MAX(unsigned long)
EMU_MIN_MAX(long long)
EMU_MIN_MAX(unsigned long long)
#undef EMU_MIN_MAX
/* As CUDA has them: the result is unsigned. */
static inline unsigned min(int a, unsigned b)
{
    return min((unsigned)a, b);
}
static inline unsigned min(unsigned a, int b)
{
    return min(a, (unsigned)b);
}
static inline unsigned max(int a, unsigned b)
{
    return max((unsigned)a, b);
}
static inline unsigned max(unsigned a, int b)
{
    return max(a, (unsigned)b);
}

/* ---- floating point ----------------------------------------------------------------------- */

extern "C" {
double exp(double x) noexcept;
float expf(float x) noexcept;
double exp2(double x) noexcept;
float exp2f(float x) noexcept;
double exp10(double x) noexcept;
float exp10f(float x) noexcept;
double expm1(double x) noexcept;
float expm1f(float x) noexcept;
double log(double x) noexcept;
float logf(float x) noexcept;
double log2(double x) noexcept;
float log2f(float x) noexcept;
double log10(double x) noexcept;
float log10f(float x) noexcept;
double log1p(double x) noexcept;
float log1pf(float x) noexcept;
double sqrt(double x) noexcept;
float sqrtf(float x) noexcept;
double cbrt(double x) noexcept;
float cbrtf(float x) noexcept;
double sin(double x) noexcept;
float sinf(float x) noexcept;
double cos(double x) noexcept;
float cosf(float x) noexcept;
double tan(double x) noexcept;
float tanf(float x) noexcept;
double asin(double x) noexcept;
float asinf(float x) noexcept;
double acos(double x) noexcept;
float acosf(float x) noexcept;
double atan(double x) noexcept;
float atanf(float x) noexcept;
double sinh(double x) noexcept;
float sinhf(float x) noexcept;
double cosh(double x) noexcept;
float coshf(float x) noexcept;
double tanh(double x) noexcept;
float tanhf(float x) noexcept;
double asinh(double x) noexcept;
float asinhf(float x) noexcept;
double acosh(double x) noexcept;
float acoshf(float x) noexcept;
double atanh(double x) noexcept;
float atanhf(float x) noexcept;
double erf(double x) noexcept;
float erff(float x) noexcept;
double erfc(double x) noexcept;
float erfcf(float x) noexcept;
double lgamma(double x) noexcept;
float lgammaf(float x) noexcept;
double tgamma(double x) noexcept;
float tgammaf(float x) noexcept;
double floor(double x) noexcept;
float floorf(float x) noexcept;
double ceil(double x) noexcept;
float ceilf(float x) noexcept;
double trunc(double x) noexcept;
float truncf(float x) noexcept;
double round(double x) noexcept;
float roundf(float x) noexcept;
double rint(double x) noexcept;
float rintf(float x) noexcept;
double nearbyint(double x) noexcept;
float nearbyintf(float x) noexcept;
double fabs(double x) noexcept;
float fabsf(float x) noexcept;
double pow(double x, double y) noexcept;
float powf(float x, float y) noexcept;
double fmod(double x, double y) noexcept;
float fmodf(float x, float y) noexcept;
double remainder(double x, double y) noexcept;
float remainderf(float x, float y) noexcept;
double fmin(double x, double y) noexcept;
float fminf(float x, float y) noexcept;
double fmax(double x, double y) noexcept;
float fmaxf(float x, float y) noexcept;
double atan2(double x, double y) noexcept;
float atan2f(float x, float y) noexcept;
double hypot(double x, double y) noexcept;
float hypotf(float x, float y) noexcept;
double copysign(double x, double y) noexcept;
float copysignf(float x, float y) noexcept;
double fdim(double x, double y) noexcept;
float fdimf(float x, float y) noexcept;
double nextafter(double x, double y) noexcept;
float nextafterf(float x, float y) noexcept;
double fma(double x, double y, double z) noexcept;
float fmaf(float x, float y, float z) noexcept;
double ldexp(double x, int n) noexcept;
float ldexpf(float x, int n) noexcept;
double scalbn(double x, int n) noexcept;
float scalbnf(float x, int n) noexcept;
double frexp(double x, int *n) noexcept;
float frexpf(float x, int *n) noexcept;
double modf(double x, double *n) noexcept;
float modff(float x, float *n) noexcept;
}
#define EMU_FLOAT1(name)              \
    static inline float name(float x) \
    {                                 \
        return name##f(x);            \
    }
EMU_FLOAT1(exp)
EMU_FLOAT1(exp2)
EMU_FLOAT1(exp10)
EMU_FLOAT1(expm1)
EMU_FLOAT1(log)
EMU_FLOAT1(log2)
EMU_FLOAT1(log10)
EMU_FLOAT1(log1p)
EMU_FLOAT1(sqrt)
EMU_FLOAT1(cbrt)
EMU_FLOAT1(sin)
EMU_FLOAT1(cos)
EMU_FLOAT1(tan)
EMU_FLOAT1(asin)
EMU_FLOAT1(acos)
EMU_FLOAT1(atan)
EMU_FLOAT1(sinh)
EMU_FLOAT1(cosh)
EMU_FLOAT1(tanh)
EMU_FLOAT1(asinh)
EMU_FLOAT1(acosh)
EMU_FLOAT1(atanh)
EMU_FLOAT1(erf)
EMU_FLOAT1(erfc)
EMU_FLOAT1(lgamma)
EMU_FLOAT1(tgamma)
EMU_FLOAT1(floor)
EMU_FLOAT1(ceil)
EMU_FLOAT1(trunc)
EMU_FLOAT1(round)
EMU_FLOAT1(rint)
EMU_FLOAT1(nearbyint)
EMU_FLOAT1(fabs)
#undef EMU_FLOAT1
#define EMU_FLOAT2(name)                       \
    static inline float name(float x, float y) \
    {                                          \
        return name##f(x, y);                  \
    }
EMU_FLOAT2(pow)
EMU_FLOAT2(fmod)
EMU_FLOAT2(remainder)
EMU_FLOAT2(fmin)
EMU_FLOAT2(fmax)
EMU_FLOAT2(atan2)
EMU_FLOAT2(hypot)
EMU_FLOAT2(copysign)
EMU_FLOAT2(fdim)
EMU_FLOAT2(nextafter)
#undef EMU_FLOAT2
static inline float fma(float x, float y, float z)
{
    return fmaf(x, y, z);
}
static inline float ldexp(float x, int n)
{
    return ldexpf(x, n);
}
/* A NaN loses, as in CUDA. */
static inline float min(float a, float b)
{
    return fminf(a, b);
}
static inline float max(float a, float b)
{
    return fmaxf(a, b);
}
static inline double min(double a, double b)
{
    return fmin(a, b);
}
static inline double max(double a, double b)
{
    return fmax(a, b);
}
template <typename T> static inline bool isnan(T x)
{
    return __builtin_isnan(x);
}
template <typename T> static inline bool isinf(T x)
{
    return __builtin_isinf_sign(x) != 0;
}
template <typename T> static inline bool isfinite(T x)
{
    return __builtin_isfinite(x);
}
template <typename T> static inline bool signbit(T x)
{
    return __builtin_signbit(x) != 0;
}

static inline float rsqrtf(float x)
{
    return (float)(1.0 / sqrt((double)x));
}
static inline float __frcp_rn(float x)
{
    return 1.0f / x;
}
static inline float __frsqrt_rn(float x)
{
    return rsqrtf(x);
}
static inline float __fsqrt_rn(float x)
{
    return sqrtf(x);
}
static inline float __fmul_rn(float x, float y)
{
    return x * y;
}
static inline float __fadd_rn(float x, float y)
{
    return x + y;
}
static inline float __fsub_rn(float x, float y)
{
    return x - y;
}
static inline float __fdiv_rn(float x, float y)
{
    return x / y;
}
static inline float __fdividef(float x, float y)
{
    return x / y;
}
static inline float __fmaf_rn(float x, float y, float z)
{
    return fmaf(x, y, z);
}
static inline double __dmul_rn(double x, double y)
{
    return x * y;
}
static inline double __dadd_rn(double x, double y)
{
    return x + y;
}
static inline double __fma_rn(double x, double y, double z)
{
    return fma(x, y, z);
}
static inline float __expf(float x)
{
    return expf(x);
}
static inline float __exp10f(float x)
{
    return exp10f(x);
}
static inline float __logf(float x)
{
    return logf(x);
}
static inline float __log2f(float x)
{
    return log2f(x);
}
static inline float __sinf(float x)
{
    return sinf(x);
}
static inline float __cosf(float x)
{
    return cosf(x);
}
static inline float __powf(float x, float y)
{
    return powf(x, y);
}
static inline float __saturatef(float x)
{
    return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f;
}

/* Conversions to integers saturate on the device; NaN becomes 0 (32 bits). */
template <typename To> static inline To emu_saturate(double x, double low, double high)
{
    return __builtin_isnan(x) ? 0 : (To)(x < low ? low : x > high ? high : x);
}
static inline int emu_int(double x)
{
    return emu_saturate<int>(x, -2147483648.0, 2147483647.0);
}
static inline unsigned emu_unsigned(double x)
{
    return emu_saturate<unsigned>(x, 0.0, 4294967295.0);
}
static inline int __float2int_rn(float x)
{
    return emu_int(rintf(x));
}
static inline int __float2int_rz(float x)
{
    return emu_int(truncf(x));
}
static inline int __float2int_rd(float x)
{
    return emu_int(floorf(x));
}
static inline int __float2int_ru(float x)
{
    return emu_int(ceilf(x));
}
static inline unsigned __float2uint_rn(float x)
{
    return emu_unsigned(rintf(x));
}
static inline unsigned __float2uint_rz(float x)
{
    return emu_unsigned(truncf(x));
}
static inline int __double2int_rn(double x)
{
    return emu_int(rint(x));
}
static inline int __double2int_rz(double x)
{
    return emu_int(trunc(x));
}
static inline long long __float2ll_rn(float x)
{
    return x >= 0x1p63f ? INT64_MAX : x >= -0x1p63f ? (long long)rintf(x) : INT64_MIN;
}
static inline long long __float2ll_rz(float x)
{
    return x >= 0x1p63f ? INT64_MAX : x >= -0x1p63f ? (long long)truncf(x) : INT64_MIN;
}
static inline float __int2float_rn(int x)
{
    return (float)x;
}
static inline float __uint2float_rn(unsigned x)
{
    return (float)x;
}
static inline float __ll2float_rn(long long x)
{
    return (float)x;
}
static inline double __int2double_rn(int x)
{
    return x;
}
static inline float __double2float_rn(double x)
{
    return (float)x;
}

/* ---- memory ------------------------------------------------------------------------------- */

template <typename T> static inline T __ldg(const T *p)
{
    return *p;
}
template <typename T> static inline T __ldcg(const T *p)
{
    return *p;
}
template <typename T> static inline T __ldcs(const T *p)
{
    return *p;
}
template <typename T> static inline void __stcs(T *p, T x)
{
    *p = x;
}

/* Threads change only in collectives, so that these need no more. Not for floats: their sum would
 * depend on the order. */
#define EMU_ATOMICS(type)                                     \
    static inline type atomicAdd(type *p, type x)             \
    {                                                         \
        const type old = *p;                                  \
        *p = old + x;                                         \
        return old;                                           \
    }                                                         \
    static inline type atomicMax(type *p, type x)             \
    {                                                         \
        const type old = *p;                                  \
        *p = max(old, x);                                     \
        return old;                                           \
    }                                                         \
    static inline type atomicMin(type *p, type x)             \
    {                                                         \
        const type old = *p;                                  \
        *p = min(old, x);                                     \
        return old;                                           \
    }                                                         \
    static inline type atomicOr(type *p, type x)              \
    {                                                         \
        const type old = *p;                                  \
        *p = old | x;                                         \
        return old;                                           \
    }                                                         \
    static inline type atomicExch(type *p, type x)            \
    {                                                         \
        const type old = *p;                                  \
        *p = x;                                               \
        return old;                                           \
    }                                                         \
    static inline type atomicCAS(type *p, type what, type by) \
    {                                                         \
        const type old = *p;                                  \
        if (old == what)                                      \
            *p = by;                                          \
        return old;                                           \
    }
EMU_ATOMICS(int)
EMU_ATOMICS(unsigned)
EMU_ATOMICS(unsigned long long)
#undef EMU_ATOMICS

static inline void __threadfence()
{
}
static inline void __threadfence_block()
{
}
static inline void __nanosleep(unsigned)
{
}
[[noreturn]] static inline void __trap()
{
    emu_state.calls->fail(719, "__trap");
}
static inline long long clock64()
{
#ifdef __x86_64__
    return (long long)__builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

#endif
