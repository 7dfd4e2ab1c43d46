/* SPDX-License-Identifier: Apache-2.0 */
/* FROM_T -> TO_T. A thread writes a chunk. */
enum { CHUNK = 16 / sizeof(TO_T) };

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_gemm_pad_params &s = p.own;
    const uint32_t at = blockIdx.x * 128 + threadIdx.x;
    uint32_t chunk = at;
    uint32_t row = tro_div_rest(chunk, s.chunks);
    tro_launch_next();
    tro_wait();
    if (at >= s.n_chunks)
        return;
    const FROM_T *from = (const FROM_T *)p.ptr[0];
#pragma unroll
    for (int i = TRO_GEMM_PAD_AXES - 1; i >= 0; i--) {
        uint32_t index = row;
        row = tro_div_rest(index, s.size[i]);
        from += (int64_t)index * s.stride[i];
    }
    __align__(16) TO_T to[CHUNK];
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
        const uint32_t c = chunk * CHUNK + i;
        to[i] = tro_from_float<TO_T>(c < s.channels ? tro_float(from[(int64_t)c * s.channel_stride])
                                                    : 0.0f);
    }
    tro_store<CHUNK, CHUNK>((TO_T *)p.ptr[TRO_N_IN] + (uint64_t)at * CHUNK, to);
}
