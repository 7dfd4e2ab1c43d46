/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that C++ has no name for, one function each. tests/emu has the same functions for a
 * host: every kernel uses these and no asm of its own.
 */
#ifndef TRO_CUDA_KERNELS_PTX_CUH
#define TRO_CUDA_KERNELS_PTX_CUH

/* ---- between kernels ---------------------------------------------------------------------- */

/* Before the first read of what the kernel before wrote, and before any write: waits until all it
 * depends on has ended. Every thread calls it, once. Constants may be read earlier. */
static __device__ __forceinline__ void tro_wait()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* The next kernel may be brought onto the chip; it still waits in tro_wait. */
static __device__ __forceinline__ void tro_launch_next()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* ---- conversions -------------------------------------------------------------------------- */

static __device__ __forceinline__ float tro_f16_to_f32(uint16_t bits)
{
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
static __device__ __forceinline__ uint16_t tro_f32_to_f16(float x)
{
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
static __device__ __forceinline__ uint16_t tro_f32_to_bf16(float x)
{
    uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
/* Two, the first in the low half. */
static __device__ __forceinline__ uint32_t tro_f32_to_f16x2(float x, float y)
{
    uint32_t bits;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(y), "f"(x));
    return bits;
}
static __device__ __forceinline__ uint32_t tro_f32_to_bf16x2(float x, float y)
{
    uint32_t bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(y), "f"(x));
    return bits;
}
static __device__ __forceinline__ uint32_t tro_f32_to_tf32(float x)
{
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

/* ---- memory ------------------------------------------------------------------------------- */

/* 1, 2, 4, 8 or 16 bytes, both addresses multiples of that. */
template <int N> struct tro_bytes;
template <> struct tro_bytes<1> {
    typedef uint8_t type;
};
template <> struct tro_bytes<2> {
    typedef uint16_t type;
};
template <> struct tro_bytes<4> {
    typedef uint32_t type;
};
template <> struct tro_bytes<8> {
    typedef uint2 type;
};
template <> struct tro_bytes<16> {
    typedef uint4 type;
};
template <int N> static __device__ __forceinline__ void tro_copy_bytes(void *to, const void *from)
{
    *(typename tro_bytes<N>::type *)to = *(const typename tro_bytes<N>::type *)from;
}

/* Dynamic shared memory of the block as bytes, at a multiple of 128; one name for it in a kernel. */
#define TRO_SHARED(name) extern __shared__ __align__(128) uint8_t name[]

/* From memory that no kernel writes: such loads may be moved across stores. */
template <int N>
static __device__ __forceinline__ void tro_copy_const_bytes(void *to, const void *from)
{
    *(typename tro_bytes<N>::type *)to = __ldg((const typename tro_bytes<N>::type *)from);
}

static __device__ __forceinline__ uint32_t tro_shared_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

/* 16 bytes from global to shared memory, zeros where is_valid is false (from must still be a valid
 * address); 8- and 4-byte forms for sources that are not aligned. */
static __device__ __forceinline__ void tro_cp_async16(void *to, const void *from, bool is_valid)
{
    const int n = is_valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(tro_shared_address(to)),
                 "l"(from), "r"(n)
                 : "memory");
}
static __device__ __forceinline__ void tro_cp_async8(void *to, const void *from, bool is_valid)
{
    const int n = is_valid ? 8 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(tro_shared_address(to)),
                 "l"(from), "r"(n)
                 : "memory");
}
/* The same, kept in the first-level cache. */
static __device__ __forceinline__ void tro_cp_async16_cached(void *to, const void *from,
                                                             bool is_valid)
{
    const int n = is_valid ? 16 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(tro_shared_address(to)),
                 "l"(from), "r"(n)
                 : "memory");
}
static __device__ __forceinline__ void tro_cp_async4(void *to, const void *from, bool is_valid)
{
    const int n = is_valid ? 4 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(tro_shared_address(to)),
                 "l"(from), "r"(n)
                 : "memory");
}
static __device__ __forceinline__ void tro_cp_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/* Until at most N groups of this thread are under way. */
template <int N> static __device__ __forceinline__ void tro_cp_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* Four (two, one) matrices of 8 rows x 16 bytes: lane i gives the address of row i % 8 of matrix
 * i / 8 and gets, of each, 4 bytes: row lane / 4, bytes 4 (lane % 4). */
static __device__ __forceinline__ void tro_ldmatrix4(uint32_t (&d)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(tro_shared_address(row))
                 : "memory");
}
/* The same, each matrix of 16-bit elements transposed. */
static __device__ __forceinline__ void tro_ldmatrix4_trans(uint32_t (&d)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(tro_shared_address(row))
                 : "memory");
}

/* ---- matrix products ---------------------------------------------------------------------- */

/* c += a b of one warp; fragments as in the PTX manual, "Warp-level matrix instructions". */
static __device__ __forceinline__ void tro_mma_f16_16816(float (&c)[4], const uint32_t (&a)[4],
                                                         const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
static __device__ __forceinline__ void tro_mma_bf16_16816(float (&c)[4], const uint32_t (&a)[4],
                                                          const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
static __device__ __forceinline__ void tro_mma_tf32_1688(float (&c)[4], const uint32_t (&a)[4],
                                                         const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
/* 8-bit integers, A signed or unsigned, B signed; exact. */
static __device__ __forceinline__ void tro_mma_s8_16832(int32_t (&c)[4], const uint32_t (&a)[4],
                                                        const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
static __device__ __forceinline__ void tro_mma_u8s8_16832(int32_t (&c)[4], const uint32_t (&a)[4],
                                                          const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* ---- products of a warpgroup: four warps, Hopper alone -------------------------------------- */

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

/* What tro_wgmma reads a tile of rows of 128 bytes by; p: the first row at a multiple of 1024, or
 * 32, 64, 96 bytes behind it for the next slices of k. Chunk c of 16 bytes of row r lies at
 * r * 128 + (c ^ r % 8) * 16. */
static __device__ __forceinline__ uint64_t tro_wgmma_tile(const void *p)
{
    const uint64_t pitch = 1024 >> 4, swizzle = 1;
    return (tro_shared_address(p) & 0x3ffff) >> 4 | (uint64_t)1 << 16 | pitch << 32 |
           swizzle << 62;
}
/* Before the tensor cores read what this thread wrote to shared memory, before the barrier. */
static __device__ __forceinline__ void tro_wgmma_publish()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/* Before the first product after other code had the sums. */
static __device__ __forceinline__ void tro_wgmma_begin()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
static __device__ __forceinline__ void tro_wgmma_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/* Until at most N groups are under way. */
template <int N> static __device__ __forceinline__ void tro_wgmma_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}
/* The compiler must not move uses of a sum across this. */
static __device__ __forceinline__ void tro_wgmma_hold(float &x)
{
    asm volatile("" : "+f"(x)::"memory");
}

#define TRO_WGMMA_NAMES_0 \
    "%0, %1, %2, %3, %4, %5, %6, %7, " \
    "%8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, " \
    "%24, %25, %26, %27, %28, %29, %30, %31"

#define TRO_WGMMA_NAMES_1 \
    "%32, %33, %34, %35, %36, %37, %38, %39, " \
    "%40, %41, %42, %43, %44, %45, %46, %47, " \
    "%48, %49, %50, %51, %52, %53, %54, %55, " \
    "%56, %57, %58, %59, %60, %61, %62, %63"

#define TRO_WGMMA_NAMES_2 \
    "%64, %65, %66, %67, %68, %69, %70, %71, " \
    "%72, %73, %74, %75, %76, %77, %78, %79, " \
    "%80, %81, %82, %83, %84, %85, %86, %87, " \
    "%88, %89, %90, %91, %92, %93, %94, %95"

#define TRO_WGMMA_NAMES_3 \
    "%96, %97, %98, %99, %100, %101, %102, %103, " \
    "%104, %105, %106, %107, %108, %109, %110, %111, " \
    "%112, %113, %114, %115, %116, %117, %118, %119, " \
    "%120, %121, %122, %123, %124, %125, %126, %127"

#define TRO_WGMMA_4(d, i) "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3])
#define TRO_WGMMA_16(d, i) \
    TRO_WGMMA_4(d, i), TRO_WGMMA_4(d, i + 1), TRO_WGMMA_4(d, i + 2), TRO_WGMMA_4(d, i + 3)
#define TRO_WGMMA_32(d, i) TRO_WGMMA_16(d, i), TRO_WGMMA_16(d, i + 4)
#define TRO_WGMMA(type, n, names, tiles, adds, ...)                                           \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " adds ", 0;\n"                            \
                 "wgmma.mma_async.sync.aligned.m64n" n "k16.f32." type "." type " {" names     \
                 "}, " tiles ", p, 1, 1, 0, 0;\n}"                                            \
                 : __VA_ARGS__                                                                \
                 : "l"(a), "l"(b), "r"((int)is_sum))
/* d = a b', or d += a b' where is_sum is true: 64 rows of a, N rows of b, 16 elements of k, from
 * tro_wgmma_tile. Warp w of the four has rows 16 w .. 16 w + 15, as fragments of m16n8. Runs until
 * tro_wgmma_wait. */
#define TRO_WGMMA_ALL(type)                                                                    \
    static __device__ __forceinline__ void tro_wgmma_##type(float (&d)[8][4], uint64_t a,      \
                                                            uint64_t b, bool is_sum)           \
    {                                                                                          \
        TRO_WGMMA(#type, "64", TRO_WGMMA_NAMES_0, "%32, %33", "%34", TRO_WGMMA_32(d, 0));      \
    }                                                                                          \
    static __device__ __forceinline__ void tro_wgmma_##type(float (&d)[16][4], uint64_t a,     \
                                                            uint64_t b, bool is_sum)           \
    {                                                                                          \
        TRO_WGMMA(#type, "128", TRO_WGMMA_NAMES_0 ", " TRO_WGMMA_NAMES_1, "%64, %65", "%66",   \
                  TRO_WGMMA_32(d, 0), TRO_WGMMA_32(d, 8));                                     \
    }                                                                                          \
    static __device__ __forceinline__ void tro_wgmma_##type(float (&d)[32][4], uint64_t a,     \
                                                            uint64_t b, bool is_sum)           \
    {                                                                                          \
        TRO_WGMMA(#type, "256",                                                                \
                  TRO_WGMMA_NAMES_0 ", " TRO_WGMMA_NAMES_1 ", " TRO_WGMMA_NAMES_2              \
                                    ", " TRO_WGMMA_NAMES_3,                                    \
                  "%128, %129", "%130", TRO_WGMMA_32(d, 0), TRO_WGMMA_32(d, 8),                \
                  TRO_WGMMA_32(d, 16), TRO_WGMMA_32(d, 24));                                   \
    }
TRO_WGMMA_ALL(f16)
TRO_WGMMA_ALL(bf16)

#endif

/* ---- arithmetic --------------------------------------------------------------------------- */

/* NaN if either is; -0 is less than 0. */
static __device__ __forceinline__ float tro_min_nan(float x, float y)
{
    float z;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(z) : "f"(x), "f"(y));
    return z;
}
static __device__ __forceinline__ float tro_max_nan(float x, float y)
{
    float z;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(z) : "f"(x), "f"(y));
    return z;
}

/* Approximations of the special function unit: 2^x and 1 / x within 2 units in the last place. */
static __device__ __forceinline__ float tro_fast_exp2(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
static __device__ __forceinline__ float tro_fast_rcp(float x)
{
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
static __device__ __forceinline__ float tro_fast_log2(float x)
{
    float y;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
static __device__ __forceinline__ float tro_fast_sqrt(float x)
{
    float y;
    asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
/* Of any size. */
static __device__ __forceinline__ float tro_fast_div(float x, float y)
{
    float q;
    asm("div.full.f32 %0, %1, %2;" : "=f"(q) : "f"(x), "f"(y));
    return q;
}

#endif
