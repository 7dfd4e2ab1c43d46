/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LSTM, GRU and RNN: a block for each direction and picture of the batch goes through all times.
 * States are in shared memory, weights are read again each time.
 *
 *     shared memory   h, c, h reset [HIDDEN] each, then what h brings to the gates [N_GATES HIDDEN]
 *     rows            lstm i, o, f, c   gru z, r, h   rnn h
 *
 *     KIND            'l', 'g', 'r'
 *     HIDDEN, N_GATES units; gates
 *     IS_SPLIT        gru: h is reset ahead of its product
 *     INPUT_FORGET    lstm: the forget gate is what the input gate leaves
 *     HAS_BIAS, HAS_PEEPHOLE, HAS_LENGTHS, HAS_H, HAS_C
 *                     inputs, ptr from_x, r, then those in this order
 *     HAS_Y, HAS_Y_H, HAS_Y_C   outputs
 *     H_T, C_T, Y_T, Y_H_T, Y_C_T   their types; from_x and parameters are float
 */

#define BLOCK 512
#define N_WARPS (BLOCK / 32)

enum {
    BIAS = 2,
    PEEPHOLE = BIAS + HAS_BIAS,
    LENGTHS = PEEPHOLE + HAS_PEEPHOLE,
    H = LENGTHS + HAS_LENGTHS,
    C = H + HAS_H,
    Y = TRO_N_IN,
    Y_H = Y + HAS_Y,
    Y_C = Y_H + HAS_Y_H
};

/* ---- activations -------------------------------------------------------------------------- */

static __device__ float curve(const struct tro_curve &f, float v)
{
    switch (f.kind) {
    case TRO_CURVE_SIGMOID:
        return 1.0F / (1.0F + expf(-v));
    case TRO_CURVE_TANH:
        return tanhf(v);
    case TRO_CURVE_RELU:
        return v > 0 ? v : v <= 0 ? 0 : v;
    case TRO_CURVE_LEAKY_RELU:
        return v >= 0 ? v : f.alpha * v;
    case TRO_CURVE_AFFINE:
        return fmaf(f.alpha, v, f.beta);
    case TRO_CURVE_HARD_SIGMOID:
        return fminf(fmaxf(fmaf(f.alpha, v, f.beta), 0.0F), 1.0F);
    case TRO_CURVE_SCALED_TANH:
        return f.alpha * tanhf(f.beta * v);
    case TRO_CURVE_SOFTSIGN:
        return v / (1.0F + fabsf(v));
    case TRO_CURVE_ELU:
        return v >= 0 ? v : f.alpha * expm1f(v);
    case TRO_CURVE_SOFTPLUS:
        return fmaxf(v, 0.0F) + log1pf(expf(-fabsf(v)));
    default:
        return v > f.alpha ? v : 0.0F;
    }
}

static __device__ __forceinline__ float clipped(float clip, float v)
{
    return clip > 0 ? (v > clip ? clip : v < -clip ? -clip : v) : v;
}

/* ---- one time ----------------------------------------------------------------------------- */

struct cell {
    float *h, *c, *reset, *gates;     /* shared */
    const float *r, *bias, *peephole; /* of this direction; bias: that of r; NULL when absent */
    const struct tro_curve *f;
    float clip;
};

/* gates[row] = r[row] h for rows from `first` on. */
static __device__ __forceinline__ void multiply(const cell &s, const float *h, int first, int n)
{
    const int lane = threadIdx.x % 32;
#pragma unroll 4
    for (int row = first + threadIdx.x / 32; row < first + n; row += N_WARPS) {
        const float *const r = s.r + row * HIDDEN;
        float acc = 0;
#pragma unroll 8
        for (int k = lane; k < HIDDEN; k += 32)
            acc = fmaf(r[k], h[k], acc);
#pragma unroll
        for (int offset = 16; offset > 0; offset /= 2)
            acc += __shfl_xor_sync(0xffffffffU, acc, offset);
        if (lane == 0)
            s.gates[row] = acc;
    }
}

static __device__ __forceinline__ float gate(const cell &s, const float *from_x, int g, int i,
                                             int which, float c)
{
    const float v = from_x[g * HIDDEN + i] + s.gates[g * HIDDEN + i];
    return clipped(s.clip,
                   HAS_PEEPHOLE && which >= 0 ? fmaf(s.peephole[which * HIDDEN + i], c, v) : v);
}

#if KIND == 'l'
static __device__ __forceinline__ void update(const cell &s, const float *from_x, int i)
{
    const float c = s.c[i], in = curve(s.f[0], gate(s, from_x, 0, i, 0, c));
    const float forget = INPUT_FORGET ? 1.0F - in : curve(s.f[0], gate(s, from_x, 2, i, 2, c));
    const float now = fmaf(forget, c, in * curve(s.f[1], gate(s, from_x, 3, i, -1, c)));
    s.c[i] = now;
    s.h[i] = curve(s.f[0], gate(s, from_x, 1, i, 1, now)) * curve(s.f[2], now);
}
#elif KIND == 'g'
static __device__ __forceinline__ void update(const cell &s, const float *from_x, int i)
{
    const float z = curve(s.f[0], gate(s, from_x, 0, i, -1, 0));
    float recurrent = s.gates[2 * HIDDEN + i] + (HAS_BIAS ? s.bias[2 * HIDDEN + i] : 0.0F);
#if !IS_SPLIT
    recurrent *= curve(s.f[0], gate(s, from_x, 1, i, -1, 0));
#endif
    const float hidden = curve(s.f[1], clipped(s.clip, from_x[2 * HIDDEN + i] + recurrent));
    s.h[i] = fmaf(1.0F - z, hidden, z * s.h[i]);
}
#else
static __device__ __forceinline__ void update(const cell &s, const float *from_x, int i)
{
    s.h[i] = curve(s.f[0], gate(s, from_x, 0, i, -1, 0));
}
#endif

static __device__ __forceinline__ void step(const cell &s, const float *from_x)
{
    __syncthreads();
    multiply(s, s.h, 0, (IS_SPLIT ? 2 : N_GATES) * HIDDEN);
    __syncthreads();
#if IS_SPLIT
    for (int i = threadIdx.x; i < HIDDEN; i += BLOCK)
        s.reset[i] = s.h[i] * curve(s.f[0], gate(s, from_x, 1, i, -1, 0));
    __syncthreads();
    multiply(s, s.reset, 2 * HIDDEN, HIDDEN);
    __syncthreads();
#endif
    for (int i = threadIdx.x; i < HIDDEN; i += BLOCK)
        update(s, from_x, i);
}

/* ---- all times ---------------------------------------------------------------------------- */

static __device__ __forceinline__ int32_t row_of(const struct tro_recurrent_place &p, uint32_t time)
{
    return (int32_t)time * p.time + (int32_t)blockIdx.x * p.direction +
           (int32_t)blockIdx.y * p.batch;
}

static __device__ __forceinline__ void load_states(const tro_params &p, const cell &s)
{
    for (int i = threadIdx.x; i < HIDDEN; i += BLOCK) {
        s.h[i] = s.c[i] = 0;
#if HAS_H
        s.h[i] = tro_float(((const H_T *)p.ptr[H])[row_of(p.own.h, 0) + i]);
#endif
#if HAS_C
        s.c[i] = tro_float(((const C_T *)p.ptr[C])[row_of(p.own.c, 0) + i]);
#endif
    }
}

static __device__ __forceinline__ void store_y(const tro_params &p, const cell &s, uint32_t time,
                                               bool is_zero)
{
#if HAS_Y
    Y_T *const y = (Y_T *)p.ptr[Y] + row_of(p.own.y, time);
    for (int i = threadIdx.x; i < HIDDEN; i += BLOCK)
        y[i] = tro_from_float<Y_T>(is_zero ? 0.0F : s.h[i]);
#endif
}

static __device__ __forceinline__ void store_states(const tro_params &p, const cell &s)
{
    for (int i = threadIdx.x; i < HIDDEN; i += BLOCK) {
#if HAS_Y_H
        ((Y_H_T *)p.ptr[Y_H])[row_of(p.own.y_h, 0) + i] = tro_from_float<Y_H_T>(s.h[i]);
#endif
#if HAS_Y_C
        ((Y_C_T *)p.ptr[Y_C])[row_of(p.own.y_c, 0) + i] = tro_from_float<Y_C_T>(s.c[i]);
#endif
    }
}

static __device__ __forceinline__ uint32_t length_of(const tro_params &p)
{
#if HAS_LENGTHS
    const int32_t n = ((const int32_t *)p.ptr[LENGTHS])[blockIdx.y];
    return n < 0 ? 0 : (uint32_t)n < p.own.n_times ? (uint32_t)n : p.own.n_times;
#else
    return p.own.n_times;
#endif
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    const tro_recurrent_params &o = p.own;
    const uint32_t d = blockIdx.x;
    const bool is_reverse = o.is_reverse[d] != 0;
    float *const h = (float *)shared;
    const float *const bias = HAS_BIAS ? (const float *)p.ptr[BIAS] : nullptr;
    const float *const peephole = HAS_PEEPHOLE ? (const float *)p.ptr[PEEPHOLE] : nullptr;
    const cell s = {h,
                    h + HIDDEN,
                    h + 2 * HIDDEN,
                    h + 3 * HIDDEN,
                    (const float *)p.ptr[1] + d * N_GATES * HIDDEN * HIDDEN,
                    bias + (2 * d + 1) * N_GATES * HIDDEN,
                    peephole + d * 3 * HIDDEN,
                    o.curve[d],
                    o.clip};
    tro_wait();
    tro_launch_next();
    load_states(p, s);
    const uint32_t n = length_of(p);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t time = is_reverse ? n - 1 - i : i;
        step(s, (const float *)p.ptr[0] +
                    ((d * o.n_times + time) * o.n_batch + blockIdx.y) * N_GATES * HIDDEN);
        store_y(p, s, time, false);
    }
    for (uint32_t time = n; time < o.n_times; time++)
        store_y(p, s, time, true);
    store_states(p, s);
}
