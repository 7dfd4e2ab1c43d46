/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions: BM BN BK STAGES WARPS_M WARPS_N WARPS_K, POINT_N;
 * CHUNK: bytes of k that lie together in a and at a multiple of that, 4, 8 or 16, or 1: none;
 * IS_A_SIGNED IS_B_LIVE IS_B_SIGNED HAS_ZERO_A IS_ZERO_A_LIVE HAS_ZERO_B IS_WINDOWS.
 */
#define THREADS (32 * WARPS_M * WARPS_N * WARPS_K)
#define PIECES (BK / 16)
#define STAGE_BYTES ((BM + BN) * BK)
#define SUMS_PITCH (BN + 8)
#define SUMS_BYTES (BM * SUMS_PITCH * 4)
#define PIPE_BYTES (STAGES * STAGE_BYTES > SUMS_BYTES ? STAGES * STAGE_BYTES : SUMS_BYTES)
#define WARP_M (BM / WARPS_M)
#define WARP_N (BN / WARPS_N)
#define M_TILES (WARP_M / 16)
#define N_TILES (WARP_N / 8)
#define K_STEPS (BK / 32 / WARPS_K)
/* Bytes of k that a thread fills at once. */
#define WRITE (CHUNK == 1 ? 4 : CHUNK)
#define ONES 0x01010101u

/* Where the window of a row begins; d, h, w may be outside. */
struct row {
    int32_t at, d, h, w;
};

struct tap {
    int32_t at, d, h, w;
    bool is_real;
};

/* What the block makes. */
struct part {
    uint32_t row, col, group;
    const uint8_t *a, *b;
};

static __device__ __forceinline__ part find_part(const tro_params &p)
{
    const tro_int_mma_params &o = p.own;
    part t;
    t.row = blockIdx.x * BM;
    t.col = blockIdx.y * BN;
    t.group = blockIdx.z;
    t.a = (const uint8_t *)p.ptr[0];
    t.b = (const uint8_t *)p.ptr[1];
#if IS_B_LIVE
    uint32_t rest = t.group;
    uint32_t outer = tro_div_rest(rest, o.batch[1]);
    const uint32_t outermost = tro_div_rest(outer, o.batch[0]);
    const int32_t i[3] = {(int32_t)outermost, (int32_t)outer, (int32_t)rest};
#pragma unroll
    for (int d = 0; d < 3; d++) {
        t.a += i[d] * o.a_batch[d];
        t.b += i[d] * o.b_batch[d];
    }
#else
    t.a += (int32_t)t.group * o.a_group;
    t.b += (size_t)t.group * o.n * o.w_pitch;
#endif
    return t;
}

/* Byte k of a row of a tile. */
static __device__ __forceinline__ int place(int r, int k)
{
    return r * BK + (((k / 16) ^ (r * PIECES / 8 % PIECES)) * 16) + k % 16;
}

template <int N>
static __device__ __forceinline__ void copy_async(void *to, const void *from, bool is_valid)
{
    if (N == 16)
        tro_cp_async16(to, from, is_valid);
    else if (N == 8)
        tro_cp_async8(to, from, is_valid);
    else
        tro_cp_async4(to, from, is_valid);
}

/* ---- a ------------------------------------------------------------------------------------- */

static __device__ __forceinline__ void find_rows(const tro_int_mma_params &o, const part &t,
                                                 row *rows)
{
    for (int i = threadIdx.x; i < BM; i += THREADS) {
        uint32_t w = t.row + i;
        const bool is_real = w < o.m;
        uint32_t h = tro_div_rest(w, o.out[2]);
        uint32_t d = tro_div_rest(h, o.out[1]);
        const uint32_t n = tro_div_rest(d, o.out[0]);
        row r;
        r.d = (int32_t)d * o.stride[0] - o.pad[0];
        r.h = (int32_t)h * o.stride[1] - o.pad[1];
        r.w = (int32_t)w * o.stride[2] - o.pad[2];
        r.at = (int32_t)n * o.a_n + r.d * o.a_at[0] + r.h * o.a_at[1] + r.w * o.a_at[2];
        r.d = is_real ? r.d : -0x40000000;
        rows[i] = r;
    }
}

static __device__ __forceinline__ tap find_tap(const tro_int_mma_params &o, uint32_t k)
{
    tap t;
    t.is_real = k < o.k;
    uint32_t c = k;
    uint32_t w = tro_div_rest(c, o.channels);
    uint32_t h = tro_div_rest(w, o.kernel_w);
    const uint32_t d = tro_div_rest(h, o.kernel_h);
    t.d = (int32_t)d * o.dilation[0];
    t.h = (int32_t)h * o.dilation[1];
    t.w = (int32_t)w * o.dilation[2];
    t.at = t.d * o.a_at[0] + t.h * o.a_at[1] + t.w * o.a_at[2] + (int32_t)c * o.a_channel;
    return t;
}

static __device__ __forceinline__ bool is_inside(const tro_int_mma_params &o, const row &r,
                                                 const tap &t)
{
    return t.is_real && (uint32_t)(r.d + t.d) < (uint32_t)o.in[0] &&
           (uint32_t)(r.h + t.h) < (uint32_t)o.in[1] && (uint32_t)(r.w + t.w) < (uint32_t)o.in[2];
}

/* Step k0 of a; pad: zero_a in each byte. */
static __device__ __forceinline__ void load_a(const tro_int_mma_params &o, const part &t,
                                              const row *rows, uint8_t *to, uint32_t k0,
                                              uint32_t pad)
{
    constexpr int writes = BK / WRITE;
    const int k = threadIdx.x % writes * WRITE;
#if CHUNK == 1
    tap taps[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
        taps[i] = find_tap(o, k0 + k + i);
#pragma unroll 4
    for (int i = threadIdx.x / writes; i < BM; i += THREADS / writes) {
        const row r = rows[i];
        uint32_t v = 0;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            uint32_t byte = taps[j].is_real ? pad & 0xff : 0;
            if (is_inside(o, r, taps[j]))
                byte = t.a[r.at + taps[j].at];
            v |= byte << (8 * j);
        }
        tro_copy_bytes<4>(to + place(i, k), &v);
    }
#else
    const tap at = find_tap(o, k0 + k);
    const uint32_t v = at.is_real ? pad : 0;
    const __align__(16) uint32_t outside[4] = {v, v, v, v};
#pragma unroll
    for (int i = threadIdx.x / writes; i < BM; i += THREADS / writes) {
        const row r = rows[i];
        uint8_t *const dst = to + place(i, k);
        if (is_inside(o, r, at))
            copy_async<CHUNK>(dst, t.a + r.at + at.at, true);
        else
            tro_copy_bytes<WRITE>(dst, outside);
    }
#endif
}

/* ---- b ------------------------------------------------------------------------------------- */

#if IS_B_LIVE
/* Made signed and turned: four bytes of a column at a time. */
static __device__ __forceinline__ void load_b(const tro_int_mma_params &o, const part &t,
                                              uint8_t *to, uint32_t k0)
{
    for (int i = threadIdx.x; i < BN * BK / 4; i += THREADS) {
        const uint32_t c = i % BN, k = i / BN * 4, col = t.col + c;
        uint32_t v = 0;
#pragma unroll
        for (uint32_t j = 0; j < 4; j++) {
            uint32_t byte = 0;
            if (col < o.n && k0 + k + j < o.k)
                byte = t.b[(int32_t)(k0 + k + j) * o.b_k + (int32_t)col * o.b_n] ^
                       (IS_B_SIGNED ? 0 : 0x80);
            v |= byte << (8 * j);
        }
        tro_copy_bytes<4>(to + place(c, k), &v);
    }
}
#else
static __device__ __forceinline__ void load_b(const tro_int_mma_params &o, const part &t,
                                              uint8_t *to, uint32_t k0)
{
#pragma unroll
    for (int i = threadIdx.x; i < BN * PIECES; i += THREADS) {
        const uint32_t c = i / PIECES, k = i % PIECES * 16;
        const bool is_real = t.col + c < o.n && k0 + k < o.w_pitch;
        const uint32_t at = is_real ? (t.col + c) * o.w_pitch + k0 + k : 0;
        tro_cp_async16(to + place(c, k), t.b + at, is_real);
    }
}
#endif

/* ---- products ------------------------------------------------------------------------------ */

/* Each warp's sums; of rows and columns where a zero of the other side needs them. */
struct sums {
    int32_t c[M_TILES][N_TILES][4];
    int32_t rows[M_TILES][4];
    int32_t cols[N_TILES][4];
};

static __device__ __forceinline__ void add_products(int32_t (&c)[4], const uint32_t (&a)[4],
                                                    const uint32_t (&b)[2])
{
#if IS_A_SIGNED
    tro_mma_s8_16832(c, a, b);
#else
    tro_mma_u8s8_16832(c, a, b);
#endif
}

#define HAS_ROW_SUMS HAS_ZERO_B
#define HAS_COL_SUMS (IS_B_LIVE && HAS_ZERO_A)

static __device__ __forceinline__ void multiply(const uint8_t *a, const uint8_t *b, int k, int m0,
                                                int n0, sums &s)
{
    const int lane = threadIdx.x % 32;
    const uint32_t ones_a[4] = {ONES, ONES, ONES, ONES}, ones_b[2] = {ONES, ONES};
    uint32_t fa[M_TILES][4], fb[N_TILES / 2][4];
#pragma unroll
    for (int i = 0; i < M_TILES; i++)
        tro_ldmatrix4(fa[i], a + place(m0 + i * 16 + lane % 16, k + lane / 16 * 16));
#pragma unroll
    for (int j = 0; j < N_TILES / 2; j++)
        tro_ldmatrix4(fb[j],
                      b + place(n0 + j * 16 + lane / 16 * 8 + lane % 8, k + lane / 8 % 2 * 16));
#pragma unroll
    for (int j = 0; j < N_TILES; j++) {
        const uint32_t one[2] = {fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]};
#pragma unroll
        for (int i = 0; i < M_TILES; i++)
            add_products(s.c[i][j], fa[i], one);
        if (HAS_COL_SUMS)
            add_products(s.cols[j], ones_a, one);
    }
#pragma unroll
    for (int i = 0; i < M_TILES && HAS_ROW_SUMS; i++)
        add_products(s.rows[i], fa[i], ones_b);
}

/* ---- results ------------------------------------------------------------------------------- */

/* Of the block, in shared memory. */
struct block_sums {
    int32_t *c, *rows, *cols;
};

static __device__ __forceinline__ void put(int32_t *to, int32_t v, bool is_first)
{
    *to = is_first ? v : *to + v;
}

static __device__ __forceinline__ void put_pair(int32_t *to, int32_t v, int32_t w, bool is_first)
{
    int32_t pair[2] = {0, 0};
    if (!is_first)
        tro_load<2, 2>(pair, to);
    pair[0] += v;
    pair[1] += w;
    tro_store<2, 2>(to, pair);
}

static __device__ __forceinline__ void put_sums(const block_sums &b, const sums &s, int m0, int n0,
                                                bool is_first)
{
    const int row = threadIdx.x % 32 / 4, col = threadIdx.x % 4 * 2;
#pragma unroll
    for (int i = 0; i < M_TILES; i++)
#pragma unroll
        for (int j = 0; j < N_TILES; j++)
#pragma unroll
            for (int e = 0; e < 4; e += 2)
                put_pair(&b.c[(m0 + i * 16 + row + e * 4) * SUMS_PITCH + n0 + j * 8 + col],
                         s.c[i][j][e], s.c[i][j][e + 1], is_first);
    if (HAS_ROW_SUMS && n0 == 0 && col == 0)
#pragma unroll
        for (int i = 0; i < M_TILES; i++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                put(&b.rows[m0 + i * 16 + row + e * 8], s.rows[i][e * 2], is_first);
    if (HAS_COL_SUMS && m0 == 0 && row == 0)
#pragma unroll
        for (int j = 0; j < N_TILES; j++)
            put_pair(&b.cols[n0 + j * 8 + col], s.cols[j][0], s.cols[j][1], is_first);
}

static __device__ __forceinline__ int32_t zero_a_at(const tro_params &p, uint32_t row)
{
    uint8_t v = (uint8_t)p.own.zero_a;
#if IS_ZERO_A_LIVE
    tro_div_rest(row, p.own.n_zeros_a);
    v = ((const uint8_t *)p.ptr[2])[row];
#endif
    return IS_A_SIGNED ? (int32_t)(int8_t)v : (int32_t)v;
}

/* Of the columns from c of the block on: zeros, as the tensor cores see them, and sums of b less
 * its zeros. */
struct columns {
    int32_t zeros[POINT_N], sums[POINT_N];
};

#if IS_B_LIVE
static __device__ __forceinline__ int32_t zero_b_at(const tro_params &p, uint32_t col)
{
    const uint8_t flip = IS_B_SIGNED ? 0 : 0x80;
    if (p.own.n_zeros_b == 0)
        return (int8_t)flip;
    const uint8_t v = ((const uint8_t *)p.ptr[2 + IS_ZERO_A_LIVE])[p.own.n_zeros_b == 1 ? 0 : col];
    return (int8_t)(v ^ flip);
}

static __device__ __forceinline__ void find_columns(const tro_params &p, const part &t,
                                                    const block_sums &b, uint32_t c, int n,
                                                    columns &to)
{
#pragma unroll
    for (int e = 0; e < POINT_N; e++) {
        to.zeros[e] = HAS_ZERO_B && e < n ? zero_b_at(p, t.col + c + e) : 0;
        to.sums[e] = 0;
        if (HAS_ZERO_A)
            to.sums[e] = (int32_t)((uint32_t)b.cols[c + e] - p.own.k * (uint32_t)to.zeros[e]);
    }
}
#else
static __device__ __forceinline__ void find_columns(const tro_params &p, const part &t,
                                                    const block_sums &b, uint32_t c, int n,
                                                    columns &to)
{
#if HAS_ZERO_A || HAS_ZERO_B
    const uint32_t pitch = (p.own.n_groups * p.own.n + 15) / 16 * 16;
    const int32_t *const table = (const int32_t *)p.ptr[2 + IS_ZERO_A_LIVE] + t.group * p.own.n +
                                 t.col + c;
    if (HAS_ZERO_A)
        tro_load_const<POINT_N, POINT_N>(to.sums, table);
    if (HAS_ZERO_B)
        tro_load_const<POINT_N, POINT_N>(to.zeros, table + pitch);
#endif
}
#endif

#define CHUNKS (BN / POINT_N) /* of columns, a thread has the same in all its rows */
#define ROW_STEP (THREADS / CHUNKS)
#define ROWS (BM / ROW_STEP % 2 == 0 ? 2 : 1)

static __device__ __forceinline__ void take_off_zeros(const tro_params &p, const block_sums &b,
                                                      const columns &cols, uint32_t r,
                                                      uint32_t all_row, int32_t (&acc)[POINT_N])
{
    const uint32_t zero_a = (uint32_t)zero_a_at(p, all_row);
#pragma unroll
    for (int e = 0; e < POINT_N; e++) {
        uint32_t v = (uint32_t)acc[e];
        if (HAS_ZERO_A)
            v -= zero_a * (uint32_t)cols.sums[e];
        if (HAS_ZERO_B)
            v -= (uint32_t)cols.zeros[e] * (uint32_t)b.rows[r];
        acc[e] = (int32_t)v;
    }
}

/* Row of the epilogue that a row has for a tap of its window. */
static __device__ __forceinline__ uint32_t row_of(const tro_int_mma_params &o, uint32_t row,
                                                  uint32_t tap)
{
#if IS_WINDOWS
    uint32_t w = row, kw = tap;
    uint32_t h = tro_div_rest(w, o.out[2]), kh = tro_div_rest(kw, o.each[2]);
    uint32_t d = tro_div_rest(h, o.out[1]);
    const uint32_t kd = tro_div_rest(kh, o.each[1]), n = tro_div_rest(d, o.out[0]);
    const uint32_t to_d = (n * o.out[0].d + d) * o.each[0].d + kd;
    const uint32_t to_h = (to_d * o.out[1].d + h) * o.each[1].d + kh;
    return (to_h * o.out[2].d + w) * o.each[2].d + kw;
#else
    return row;
#endif
}

static __device__ __forceinline__ void finish(const tro_params &p, const part &t,
                                              const block_sums &b)
{
    const uint32_t c = threadIdx.x % CHUNKS * POINT_N, col = t.col + c;
    const uint32_t row0 = IS_B_LIVE ? t.group * p.own.m : 0;
    const uint32_t col0 = IS_B_LIVE ? 0 : t.group * p.own.n;
    if (col >= p.own.n)
        return;
    const int n_cols = p.own.n - col < POINT_N ? (int)(p.own.n - col) : POINT_N;
    columns cols;
    find_columns(p, t, b, c, n_cols, cols);
    uint32_t to_col = col0 + col, tap = 0;
    if (IS_WINDOWS)
        tap = tro_div_rest(to_col, p.own.n_each);
#pragma unroll 1
    for (uint32_t r = threadIdx.x / CHUNKS; r < BM && t.row + r < p.own.m; r += ROWS * ROW_STEP) {
        uint32_t row[ROWS];
        int n[ROWS];
        int32_t acc[ROWS][POINT_N];
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const uint32_t at = r + i * ROW_STEP;
            const bool is_real = t.row + at < p.own.m;
            n[i] = is_real ? n_cols : 0;
            row[i] = row0 + (is_real ? t.row + at : t.row);
            tro_load<POINT_N, POINT_N>(acc[i], &b.c[at * SUMS_PITCH + c]);
            take_off_zeros(p, b, cols, at, row[i], acc[i]);
            row[i] = row_of(p.own, row[i], tap);
        }
        tro_point_rows<POINT_N, ROWS>(p, row, to_col, n, acc);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    row *const rows = (row *)(shared + PIPE_BYTES);
    const block_sums b = {(int32_t *)shared, (int32_t *)(rows + BM), (int32_t *)(rows + BM) + BM};
    const tro_int_mma_params &o = p.own;
    const part t = find_part(p);
    const int warp = threadIdx.x / 32, wk = warp / (WARPS_M * WARPS_N);
    const int m0 = warp % WARPS_M * WARP_M, n0 = warp / WARPS_M % WARPS_N * WARP_N;
    const int n_steps = (int)((o.k + BK - 1) / BK);
    sums s = {};
    find_rows(o, t, rows);
    if (!IS_B_LIVE)
        for (int i = 0; i < STAGES - 1 && i < n_steps; i++)
            load_b(o, t, shared + i * STAGE_BYTES + BM * BK, (uint32_t)i * BK);
    tro_wait();
    tro_launch_next();
    const uint32_t pad = ONES * (uint32_t)(uint8_t)zero_a_at(p, 0);
    __syncthreads();
    for (int i = 0; i < STAGES - 1; i++) {
        if (i < n_steps) {
            load_a(o, t, rows, shared + i * STAGE_BYTES, (uint32_t)i * BK, pad);
            if (IS_B_LIVE)
                load_b(o, t, shared + i * STAGE_BYTES + BM * BK, (uint32_t)i * BK);
        }
        tro_cp_async_commit();
    }
    int at = 0;
    for (int i = 0; i < n_steps; i++) {
        tro_cp_async_wait<STAGES - 2>();
        __syncthreads();
        const int next = i + STAGES - 1;
        if (next < n_steps) {
            uint8_t *const to = shared + (at == 0 ? STAGES - 1 : at - 1) * STAGE_BYTES;
            load_a(o, t, rows, to, (uint32_t)next * BK, pad);
            load_b(o, t, to + BM * BK, (uint32_t)next * BK);
        }
        tro_cp_async_commit();
        const uint8_t *const a = shared + at * STAGE_BYTES;
#pragma unroll
        for (int k = 0; k < K_STEPS; k++)
            multiply(a, a + BM * BK, (k * WARPS_K + wk) * 32, m0, n0, s);
        at = at == STAGES - 1 ? 0 : at + 1;
    }
    __syncthreads();
    for (int i = 0; i < WARPS_K; i++) {
        if (i == wk)
            put_sums(b, s, m0, n0, i == 0);
        __syncthreads();
    }
    finish(p, t, b);
}
