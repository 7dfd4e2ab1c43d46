/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions: KD KH KW, STRIDE and DILATION along the width, SPAN; CHUNK: 4 where 4 channels of x
 * may be read at once, else 1; IS_SIGNED: x; IS_ZERO_LIVE, HAS_SUMS, HAS_ZERO_W.
 *
 * __dp4a with all but one byte of one factor zero is a product of two bytes that need not be taken
 * out of their words. Unsigned x has its sign bit flipped, which moves its zero by 128.
 */
#define BLOCK 128
#define PLACES ((SPAN - 1) * STRIDE + (KW - 1) * DILATION + 1)
#define FLIP (IS_SIGNED ? 0 : 0x80808080u)

/* What a thread makes. */
struct place {
    int channel, w, h, d, n;
    uint32_t row;
};

static __device__ __forceinline__ place find_place(const tro_depthwise_int_params &o, uint32_t i)
{
    place t;
    t.channel = (int)tro_div(i, o.n_vectors);
    uint32_t span = (uint32_t)t.channel;
    t.channel = (int)(i - span * o.n_vectors.d) * 4;
    uint32_t row = tro_div_rest(span, o.n_spans);
    t.w = (int)span * SPAN;
    t.row = row * (uint32_t)o.out_w + (uint32_t)t.w;
    uint32_t d = tro_div_rest(row, o.out_h);
    t.h = (int)row;
    t.n = (int)tro_div_rest(d, o.out_d);
    t.d = (int)d;
    return t;
}

static __device__ __forceinline__ uint32_t load_x(const uint8_t *x, int n)
{
    uint32_t v = 0;
#if CHUNK == 4
    tro_copy_bytes<4>(&v, x);
#else
#pragma unroll
    for (int i = 0; i < 4; i++)
        v |= (i < n ? (uint32_t)x[i] : 0) << (8 * i);
#endif
    return v ^ FLIP;
}

static __device__ __forceinline__ int32_t byte_of(uint32_t v, int i)
{
    return (int8_t)(v >> (8 * i));
}

/* Four weights of a tap, each ready for multiply_add. */
static __device__ __forceinline__ void load_w(const uint8_t *w, const int32_t (&zeros)[4],
                                              int32_t (&to)[4])
{
    uint32_t v;
    tro_copy_bytes<4>(&v, w);
#pragma unroll
    for (int i = 0; i < 4; i++)
        to[i] = HAS_ZERO_W ? byte_of(v, i) - zeros[i] : (int32_t)(v & 0xffu << (8 * i));
}

static __device__ __forceinline__ int32_t multiply_add(uint32_t x, int32_t w, int i, int32_t sum)
{
#if HAS_ZERO_W
    return sum + byte_of(x, i) * w;
#else
    return __dp4a((int32_t)x, w, sum);
#endif
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_depthwise_int_params &o = p.own;
    const uint32_t index = blockIdx.x * BLOCK + threadIdx.x;
    const bool is_idle = index >= o.n_threads;
    const place t = find_place(o, is_idle ? 0 : index);
    const uint8_t *const w = (const uint8_t *)p.ptr[1] + t.channel;
    const int32_t *const table = (const int32_t *)p.ptr[2 + IS_ZERO_LIVE] + t.channel;
    const int pitch = (int)o.n_vectors.d * 4, n = o.n_channels - t.channel;
    int32_t sums[4] = {0}, zeros[4] = {0}, acc[SPAN][4];
    if (HAS_SUMS)
        tro_load<4, 4>(sums, table);
    if (HAS_ZERO_W)
        tro_load<4, 4>(zeros, table + pitch);
    tro_wait();
    tro_launch_next();
    if (is_idle)
        return;
    uint32_t pad = 0x01010101u * o.zero ^ FLIP;
#if IS_ZERO_LIVE
    pad = 0x01010101u * *(const uint8_t *)p.ptr[2] ^ FLIP;
#endif
#pragma unroll
    for (int s = 0; s < SPAN; s++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            acc[s][i] = (int32_t)(0u - (uint32_t)byte_of(pad, 0) * (uint32_t)sums[i]);

    const uint8_t *const x = (const uint8_t *)p.ptr[0] + t.channel + t.n * o.x_n;
    const int d0 = t.d * o.stride[0] - o.pad[0], h0 = t.h * o.stride[1] - o.pad[1];
    const int w0 = t.w * STRIDE - o.pad[2];
#pragma unroll
    for (int kd = 0; kd < KD; kd++) {
        const int d = d0 + kd * o.dilation[0];
#pragma unroll
        for (int kh = 0; kh < KH; kh++) {
            const int h = h0 + kh * o.dilation[1];
            const bool is_row = (uint32_t)d < (uint32_t)o.in[0] && (uint32_t)h < (uint32_t)o.in[1];
            const uint8_t *const row = x + d * o.x_at[0] + h * o.x_at[1];
            uint32_t line[PLACES];
#pragma unroll
            for (int i = 0; i < PLACES; i++) {
                line[i] = pad;
                if (is_row && (uint32_t)(w0 + i) < (uint32_t)o.in[2])
                    line[i] = load_x(row + (w0 + i) * o.x_at[2], n);
            }
#pragma unroll
            for (int kw = 0; kw < KW; kw++) {
                int32_t v[4];
                load_w(w + ((kd * KH + kh) * KW + kw) * pitch, zeros, v);
#pragma unroll
                for (int s = 0; s < SPAN; s++)
#pragma unroll
                    for (int i = 0; i < 4; i++)
                        acc[s][i] = multiply_add(line[s * STRIDE + kw * DILATION], v[i], i,
                                                 acc[s][i]);
            }
        }
    }
    uint32_t rows[SPAN];
    int n_stored[SPAN];
#pragma unroll
    for (int s = 0; s < SPAN; s++) {
        rows[s] = t.row + s;
        n_stored[s] = t.w + s < o.out_w ? n < 4 ? n : 4 : 0;
    }
    tro_point_rows<4, SPAN>(p, rows, (uint32_t)t.channel, n_stored, acc);
}
