/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src/cuda/kernels/ptx.cuh for a host: the same functions, which say there what they do.
 */
#ifndef TRO_CUDA_KERNELS_PTX_CUH
#define TRO_CUDA_KERNELS_PTX_CUH

#if __CUDA_ARCH__ == 900
#define __CUDA_ARCH_FEAT_SM90_ALL 1 /* machine code of Hopper is for sm_90a */
#endif

/* ---- between kernels ---------------------------------------------------------------------- */

static inline void tro_wait()
{
    emu_state.self->n_waits++;
}
static inline void tro_launch_next()
{
}

/* ---- conversions -------------------------------------------------------------------------- */

static inline float tro_f16_to_f32(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
    if (magnitude >= 0x7c00)
        return __uint_as_float(sign | 0x7f800000 | magnitude << 13);
    if (magnitude < 0x0400)
        return __uint_as_float(sign | __float_as_uint((float)magnitude * 0x1p-24f));
    return __uint_as_float(sign | ((magnitude << 13) + ((uint32_t)(127 - 15) << 23)));
}
/* To nearest, half to even; a NaN becomes the device's. */
static inline uint16_t tro_f32_to_f16(float x)
{
    const uint32_t all = __float_as_uint(x), bits = all & 0x7fffffff;
    const uint32_t sign = all >> 16 & 0x8000;
    if (bits > 0x7f800000)
        return 0x7fff;
    if (bits >= 0x47800000) /* 65536 */
        return (uint16_t)(sign | 0x7c00);
    if (bits < 0x38800000) { /* 2^-14: the sum's last bit is 2^-24 */
        const float sum = __uint_as_float(bits) + 0.5f;
        return (uint16_t)(sign | (__float_as_uint(sum) - 0x3f000000));
    }
    const uint32_t rounded = bits + 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | ((rounded >> 13) - ((uint32_t)(127 - 15) << 10)));
}
static inline uint16_t tro_f32_to_bf16(float x)
{
    const uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return 0x7fff;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static inline uint32_t tro_f32_to_f16x2(float x, float y)
{
    return tro_f32_to_f16(x) | (uint32_t)tro_f32_to_f16(y) << 16;
}
static inline uint32_t tro_f32_to_bf16x2(float x, float y)
{
    return tro_f32_to_bf16(x) | (uint32_t)tro_f32_to_bf16(y) << 16;
}
/* To nearest, half away from zero. */
static inline uint32_t tro_f32_to_tf32(float x)
{
    const uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7fffffff) >= 0x7f800000)
        return bits;
    return (bits + 0x1000) & 0xffffe000;
}

/* ---- memory ------------------------------------------------------------------------------- */

template <int N> static inline void tro_copy_bytes(void *to, const void *from)
{
    static_assert(N == 1 || N == 2 || N == 4 || N == 8 || N == 16, "");
    if ((uintptr_t)to % N)
        emu_state.calls->check_address(to, N);
    if ((uintptr_t)from % N)
        emu_state.calls->check_address(from, N);
    __builtin_memcpy(to, from, N);
}

template <int N> static inline void tro_copy_const_bytes(void *to, const void *from)
{
    tro_copy_bytes<N>(to, from);
}

#define TRO_SHARED(name) uint8_t *const name = emu_state.shared

static inline void tro_cp_async16(void *to, const void *from, bool is_valid)
{
    emu_state.calls->copy(to, from, 16, is_valid);
}
static inline void tro_cp_async16_cached(void *to, const void *from, bool is_valid)
{
    tro_cp_async16(to, from, is_valid);
}
static inline void tro_cp_async8(void *to, const void *from, bool is_valid)
{
    emu_state.calls->copy(to, from, 8, is_valid);
}
static inline void tro_cp_async4(void *to, const void *from, bool is_valid)
{
    emu_state.calls->copy(to, from, 4, is_valid);
}
static inline void tro_cp_async_commit()
{
    emu_state.self->group++;
}
template <int N> static inline void tro_cp_async_wait()
{
    emu_state.calls->copy_wait(N);
}

template <int N> static inline void emu_ldmatrix(enum emu_op op, uint32_t (&d)[N], const void *row)
{
    struct emu_thread *const t = emu_state.self;
    struct emu_io *const io = &t->warp->io;
    io->row[t->lane] = row;
    emu_state.calls->collective(op, 0xffffffff);
    for (int i = 0; i < N; i++)
        d[i] = io->d[i][t->lane];
}
static inline void tro_ldmatrix4(uint32_t (&d)[4], const void *row)
{
    emu_ldmatrix(EMU_LDMATRIX4, d, row);
}
static inline void tro_ldmatrix4_trans(uint32_t (&d)[4], const void *row)
{
    emu_ldmatrix(EMU_LDMATRIX4_TRANS, d, row);
}

/* ---- matrix products ---------------------------------------------------------------------- */

template <typename T>
static inline void emu_mma(enum emu_op op, T (&c)[4], const uint32_t (&a)[4],
                           const uint32_t (&b)[2])
{
    struct emu_thread *const t = emu_state.self;
    struct emu_io *const io = &t->warp->io;
    const uint32_t lane = t->lane;
    for (int i = 0; i < 4; i++) {
        io->a[i][lane] = a[i];
        io->c[i / 2][lane][i % 2] = emu_bits<uint32_t>(c[i]);
    }
    for (int i = 0; i < 2; i++)
        io->b[i][lane] = b[i];
    emu_state.calls->collective(op, 0xffffffff);
    for (int i = 0; i < 4; i++)
        c[i] = emu_bits<T>(io->c[i / 2][lane][i % 2]);
}
static inline void tro_mma_f16_16816(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    emu_mma(EMU_MMA_F16, c, a, b);
}
static inline void tro_mma_bf16_16816(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    emu_mma(EMU_MMA_BF16, c, a, b);
}
static inline void tro_mma_tf32_1688(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    emu_mma(EMU_MMA_TF32, c, a, b);
}
static inline void tro_mma_s8_16832(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    emu_mma(EMU_MMA_S8, c, a, b);
}
static inline void tro_mma_u8s8_16832(int32_t (&c)[4], const uint32_t (&a)[4],
                                      const uint32_t (&b)[2])
{
    emu_mma(EMU_MMA_U8S8, c, a, b);
}

/* A tile is known by its address; products are done when they are waited for. */
static inline uint64_t tro_wgmma_tile(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}
static inline void tro_wgmma_publish()
{
}
static inline void tro_wgmma_begin()
{
    emu_state.self->is_fenced = 1;
}
static inline void tro_wgmma_commit()
{
    emu_state.self->product_group++;
}
template <int N> static inline void tro_wgmma_wait()
{
    struct emu_thread *const t = emu_state.self;
    t->is_fenced = 0;
    t->warp->io.group[t->lane] = t->product_group > N ? t->product_group - N : 0;
    emu_state.calls->collective(EMU_WGMMA_WAIT, 0xffffffff);
}
static inline void tro_wgmma_hold(float &)
{
}
template <int N>
static inline void emu_wgmma(enum emu_op op, float (&d)[N][4], uint64_t a, uint64_t b, bool is_sum)
{
    struct emu_thread *const t = emu_state.self;
    struct emu_io *const io = &t->warp->io;
    const uint32_t lane = t->lane;
    if (!t->is_fenced)
        emu_state.calls->fail(719, "a product of a warpgroup without tro_wgmma_begin");
    io->sum[lane] = &d[0][0];
    io->tile[0][lane] = a;
    io->tile[1][lane] = b;
    io->n[lane] = N;
    io->is_sum[lane] = is_sum;
    io->group[lane] = t->product_group;
    emu_state.calls->collective(op, 0xffffffff);
}
template <int N>
static inline void tro_wgmma_f16(float (&d)[N][4], uint64_t a, uint64_t b, bool is_sum)
{
    emu_wgmma(EMU_WGMMA_F16, d, a, b, is_sum);
}
template <int N>
static inline void tro_wgmma_bf16(float (&d)[N][4], uint64_t a, uint64_t b, bool is_sum)
{
    emu_wgmma(EMU_WGMMA_BF16, d, a, b, is_sum);
}

/* ---- arithmetic --------------------------------------------------------------------------- */

static inline float tro_min_nan(float x, float y)
{
    if (x != x || y != y)
        return __uint_as_float(0x7fffffff);
    return x == y ? (__float_as_uint(x) >> 31 ? x : y) : (x < y ? x : y);
}
static inline float tro_max_nan(float x, float y)
{
    if (x != x || y != y)
        return __uint_as_float(0x7fffffff);
    return x == y ? (__float_as_uint(x) >> 31 ? y : x) : (x > y ? x : y);
}
static inline float tro_fast_log2(float x)
{
    return log2f(x);
}
static inline float tro_fast_sqrt(float x)
{
    return sqrtf(x);
}
static inline float tro_fast_div(float x, float y)
{
    return x / y;
}
static inline float tro_fast_exp2(float x)
{
    return exp2f(x);
}
static inline float tro_fast_rcp(float x)
{
    return 1.0f / x;
}

#endif
