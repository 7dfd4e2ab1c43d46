/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-maximum suppression: a block for a picture. The keys that detect_filter left are gathered in
 * shared memory (of too many the greatest, found digit by digit), sorted, and looked at in tiles of
 * 64, the greatest first:
 *
 *     1  each of the tile is held against all that stay so far
 *     2  of those that are left, row i has a bit for each later one that overlaps i
 *     3  one thread takes the first that is left and drops those of its row, until none is
 *
 *     BOX_T         of boxes
 *     ROOM          keys that are sorted at most, a power of 2, at least 64
 *
 * ptr: boxes, keys, counts; then number of rows, boxes, scores, classes, anchors.
 *
 * Shared memory:
 *
 *     keys u64[ROOM]   boxes float4[NEAR]   classes u32[NEAR]   kept: keys u64, boxes float4,
 *     classes u32, [n_rows] each            of_class u32[n_classes] where there is a limit
 */
#include "boxes.cuh"

#define BLOCK 1024
#define WARPS (BLOCK / 32)
#define TILE 64
#define NEAR (ROOM < BLOCK ? ROOM : BLOCK) /* candidates whose boxes are loaded together */
#define AHEAD 4
#define ALL 0xffffffffU

struct work {
    uint64_t *keys, *kept_keys;
    float4 *boxes, *kept_boxes;
    uint32_t *classes, *kept_classes, *of_class;
};

static __device__ __forceinline__ work work_in(uint8_t *shared, const tro_detect_params &o)
{
    work w;
    w.boxes = (float4 *)shared;
    w.kept_boxes = w.boxes + NEAR;
    w.keys = (uint64_t *)(w.kept_boxes + o.n_rows);
    w.kept_keys = w.keys + ROOM;
    w.classes = (uint32_t *)(w.kept_keys + o.n_rows);
    w.kept_classes = w.classes + NEAR;
    w.of_class = w.kept_classes + o.n_rows;
    return w;
}

/* ---- gathering ----------------------------------------------------------------------------- */

/* starts[b]: keys of the blocks before b; starts[n_blocks]: all of them. */
static __device__ __forceinline__ void count_keys(const tro_detect_pieces &o,
                                                  const uint32_t *counts, uint32_t *starts)
{
    __shared__ uint32_t of_warp[WARPS];
    const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t mine = threadIdx.x < o.n_blocks ? counts[threadIdx.x] : 0;
    uint32_t sum = mine;
#pragma unroll
    for (int gap = 1; gap < 32; gap *= 2) {
        const uint32_t before = __shfl_up_sync(ALL, sum, gap);
        sum += lane >= gap ? before : 0;
    }
    if (lane == 31)
        of_warp[warp] = sum;
    __syncthreads();
    for (uint32_t i = 0; i < warp; i++)
        sum += of_warp[i];
    if (threadIdx.x < o.n_blocks)
        starts[threadIdx.x] = sum - mine;
    if (threadIdx.x == o.n_blocks - 1)
        starts[o.n_blocks] = sum;
    __syncthreads();
}

/* The block whose keys number i is among. */
static __device__ __forceinline__ uint32_t block_of(const uint32_t *starts, uint32_t n_blocks,
                                                    uint32_t i)
{
    uint32_t low = 0, high = n_blocks;
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (starts[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* f(key) for all keys, a warp for the piece of a block, some loads under way at a time. */
template <typename F>
static __device__ __forceinline__ void each_key(const tro_detect_pieces &o, const uint64_t *keys,
                                                const uint32_t *starts, F f)
{
    for (uint32_t b = threadIdx.x / 32; b < o.n_blocks; b += WARPS) {
        const uint32_t n = starts[b + 1] - starts[b];
        const uint64_t *const of_block = keys + (int64_t)b * o.piece;
        for (uint32_t i = threadIdx.x % 32; i < n; i += 32 * AHEAD) {
            uint64_t key[AHEAD];
#pragma unroll
            for (uint32_t k = 0; k < AHEAD; k++)
                key[k] = i + 32 * k < n ? of_block[i + 32 * k] : 0;
#pragma unroll
            for (uint32_t k = 0; k < AHEAD; k++)
                if (key[k])
                    f(key[k]);
        }
    }
}

/* What the threads of a block agree on while they look for the last key that is wanted. */
struct search {
    unsigned long long least, greatest;
    uint32_t of_digit[256];
    uint32_t digit, n_wanted, n_with_digit;
};

/* Which digit the key has that as many as n_wanted are not below; one warp. */
static __device__ __forceinline__ void choose_digit(search &s)
{
    const uint32_t lane = threadIdx.x, wanted = s.n_wanted;
    uint32_t mine = 0;
    for (int i = 0; i < 8; i++)
        mine += s.of_digit[255 - lane * 8 - i];
    uint32_t sum = mine;
#pragma unroll
    for (int gap = 1; gap < 32; gap *= 2) {
        const uint32_t before = __shfl_up_sync(ALL, sum, gap);
        sum += lane >= gap ? before : 0;
    }
    uint32_t above = sum - mine;
    __syncwarp();
    if (above >= wanted || sum < wanted)
        return;
    uint32_t digit = 255 - lane * 8;
    while (above + s.of_digit[digit] < wanted)
        above += s.of_digit[digit--];
    s.digit = digit;
    s.n_wanted = wanted - above;
    s.n_with_digit = s.of_digit[digit];
}

static __device__ __forceinline__ void find_range(const tro_detect_pieces &o, const uint64_t *keys,
                                                  const uint32_t *starts, search &s)
{
    unsigned long long least = ~0ULL, greatest = 0;
    if (threadIdx.x == 0) {
        s.least = least;
        s.greatest = greatest;
    }
    __syncthreads();
    each_key(o, keys, starts, [&](uint64_t key) {
        least = min(least, (unsigned long long)key);
        greatest = max(greatest, (unsigned long long)key);
    });
    atomicMin(&s.least, least);
    atomicMax(&s.greatest, greatest);
    __syncthreads();
}

/* The key that exactly `wanted` of them are not below. */
static __device__ __forceinline__ uint64_t find_last(const tro_detect_pieces &o,
                                                     const uint64_t *keys, const uint32_t *starts,
                                                     uint32_t wanted)
{
    __shared__ search s;
    find_range(o, keys, starts, s);
    const int n_same = __clzll((long long)(s.least ^ s.greatest));
    int shift = max(56 - n_same, 0);
    uint64_t mask = n_same ? ~(~(uint64_t)0 >> n_same) : 0, prefix = s.greatest & mask;
    if (threadIdx.x == 0)
        s.n_wanted = wanted;
    for (;;) {
        if (threadIdx.x < 256)
            s.of_digit[threadIdx.x] = 0;
        __syncthreads();
        each_key(o, keys, starts, [&](uint64_t key) {
            if ((key & mask) == prefix)
                atomicAdd(&s.of_digit[key >> shift & 255], 1U);
        });
        __syncthreads();
        if (threadIdx.x < 32)
            choose_digit(s);
        __syncthreads();
        mask |= (uint64_t)255 << shift;
        prefix |= (uint64_t)s.digit << shift;
        if (s.n_with_digit == s.n_wanted || shift == 0)
            return prefix;
        shift = max(shift - 8, 0);
    }
}

/* The keys of the picture in w.keys, zeros behind them up to a power of 2; their number. */
static __device__ __forceinline__ uint32_t gather(const tro_params &p, const work &w,
                                                  uint32_t &n_sorted)
{
    __shared__ uint32_t starts[TRO_DETECT_MAX_BLOCKS + 1], n_taken;
    const tro_detect_params &o = p.own;
    const uint32_t first_block = blockIdx.x * o.pieces.n_blocks;
    const uint64_t *const keys = (const uint64_t *)p.ptr[1] +
                                 (int64_t)first_block * o.pieces.piece;
    if (threadIdx.x == 0)
        n_taken = 0;
    count_keys(o.pieces, (const uint32_t *)p.ptr[2] + first_block, starts);
    const uint32_t n_all = starts[o.pieces.n_blocks], n = min(n_all, o.n_candidates);
    n_sorted = TILE;
    while (n_sorted < n)
        n_sorted *= 2;
    for (uint32_t i = n + threadIdx.x; i < n_sorted; i += BLOCK)
        w.keys[i] = 0;
    if (n_all > n) {
        const uint64_t last = find_last(o.pieces, keys, starts, n);
        each_key(o.pieces, keys, starts, [&](uint64_t key) {
            if (key >= last)
                w.keys[atomicAdd(&n_taken, 1U)] = key;
        });
    } else {
        for (uint32_t i = threadIdx.x; i < n; i += BLOCK) {
            const uint32_t b = block_of(starts, o.pieces.n_blocks, i);
            w.keys[i] = keys[(int64_t)b * o.pieces.piece + (i - starts[b])];
        }
    }
    __syncthreads();
    return n;
}

/* Greatest first (Batcher's bitonic network). Pairs at most 32 apart stay in the 64 keys of a warp.
 */
static __device__ __forceinline__ void sort(uint64_t *keys, uint32_t n)
{
    for (uint32_t size = 2; size <= n; size *= 2)
        for (uint32_t gap = size / 2; gap > 0; gap /= 2) {
            for (uint32_t i = threadIdx.x; i < n / 2; i += BLOCK) {
                const uint32_t a = 2 * i - (i & (gap - 1)), b = a + gap;
                const uint64_t low = keys[a], high = keys[b];
                const bool is_up = (a & size) != 0;
                if ((low < high) != is_up) {
                    keys[a] = high;
                    keys[b] = low;
                }
            }
            if (gap > 32 || (gap == 1 && size >= 64))
                __syncthreads();
            else
                __syncwarp();
        }
    __syncthreads();
}

/* ---- candidates ---------------------------------------------------------------------------- */

static __device__ __forceinline__ float4 load_box(const tro_params &p, uint32_t index,
                                                  uint32_t &class_of)
{
    const tro_detect_params &o = p.own;
    uint32_t anchor = index;
    class_of = tro_div_rest(anchor, o.anchors);
    const BOX_T *const x = (const BOX_T *)p.ptr[0] + (int64_t)blockIdx.x * o.of_picture +
                           (int32_t)anchor * o.of_anchor + (int32_t)class_of * o.of_class;
    const float4 v = make_float4(tro_float(x[0]), tro_float(x[o.of_coord]),
                                 tro_float(x[2 * o.of_coord]), tro_float(x[3 * o.of_coord]));
    return tro_box_of(v, o.is_center, o.to);
}

static __device__ __forceinline__ bool drops(const tro_detect_params &o, const float4 &a,
                                             uint32_t class_a, const float4 &b, uint32_t class_b)
{
    return (o.is_agnostic || class_a == class_b) && tro_boxes_overlap(a, b, o.iou);
}

/* What the threads of a block know of a tile. */
struct tile {
    uint32_t dropped[2];           /* bits: candidates that are out */
    unsigned long long rows[TILE]; /* for each that is not, those it drops */
    unsigned long long stay;       /* bits */
    uint32_t n_kept;               /* in all tiles so far, this one included */
};

/* Step 1. boxes, classes: of the tile. */
static __device__ __forceinline__ void hold_against_kept(const work &w,
                                                         const tro_detect_params &o,
                                                         const float4 *boxes,
                                                         const uint32_t *classes, uint32_t n_kept,
                                                         tile &t)
{
    const uint32_t at = threadIdx.x % TILE;
    const float4 box = boxes[at];
    const uint32_t class_of = classes[at];
    bool is_out = false;
    for (uint32_t k = threadIdx.x / TILE; k < n_kept && !is_out; k += BLOCK / TILE)
        is_out = drops(o, w.kept_boxes[k], w.kept_classes[k], box, class_of);
    const uint32_t out = __ballot_sync(ALL, is_out);
    if (out && threadIdx.x % 32 == 0)
        atomicOr(&t.dropped[threadIdx.x / 32 % 2], out);
}

/* Step 2: a row for a warp, of which lane l has candidates l and l + 32. */
static __device__ __forceinline__ void fill_rows(const tro_detect_params &o, const float4 *boxes,
                                                 const uint32_t *classes, uint32_t n, tile &t)
{
    const uint32_t lane = threadIdx.x % 32;
    for (uint32_t row = threadIdx.x / 32; row < n; row += WARPS) {
        if (t.dropped[row / 32] >> row % 32 & 1)
            continue;
        uint32_t bits[2];
#pragma unroll
        for (uint32_t half = 0; half < 2; half++) {
            const uint32_t at = half * 32 + lane;
            const bool is_dropped = at > row && drops(o, boxes[row], classes[row], boxes[at],
                                                      classes[at]);
            bits[half] = __ballot_sync(ALL, is_dropped);
        }
        if (lane == 0)
            t.rows[row] = (uint64_t)bits[1] << 32 | bits[0];
    }
}

/* Step 3: one thread. */
static __device__ __forceinline__ void choose(const work &w, const tro_detect_params &o,
                                              const uint32_t *classes, uint32_t n, tile &t)
{
    unsigned long long left = ~(((uint64_t)t.dropped[1] << 32) | t.dropped[0]), stay = 0;
    uint32_t n_kept = t.n_kept;
    left &= n < TILE ? (1ULL << n) - 1 : ~0ULL;
    while (left && n_kept < o.n_rows) {
        const int i = __ffsll((long long)left) - 1;
        left &= left - 1;
        if (o.max_per_class && w.of_class[classes[i]]++ >= o.max_per_class)
            continue;
        left &= ~t.rows[i];
        stay |= 1ULL << i;
        n_kept++;
    }
    t.stay = stay;
    t.n_kept = n_kept;
}

/* Those of the tile that stay, to the end of the list. keys, boxes, classes: of the tile. */
static __device__ __forceinline__ void keep(const work &w, const uint64_t *keys,
                                            const float4 *boxes, const uint32_t *classes,
                                            uint32_t n_before, const tile &t)
{
    const uint32_t at = threadIdx.x;
    if (at >= TILE || !(t.stay >> at & 1))
        return;
    const uint32_t to = n_before + __popcll(t.stay & ((1ULL << at) - 1));
    w.kept_boxes[to] = boxes[at];
    w.kept_classes[to] = classes[at];
    w.kept_keys[to] = keys[at];
}

/* NEAR candidates from keys[first] on, of n in all. Every thread returns how many are kept. */
static __device__ __forceinline__ uint32_t suppress(const tro_params &p, const work &w,
                                                    uint32_t first, uint32_t n, uint32_t n_kept,
                                                    tile &t)
{
    const tro_detect_params &o = p.own;
    if (threadIdx.x < NEAR && first + threadIdx.x < n)
        w.boxes[threadIdx.x] = load_box(p, ~(uint32_t)w.keys[first + threadIdx.x],
                                        w.classes[threadIdx.x]);
    else if (threadIdx.x < NEAR) {
        w.boxes[threadIdx.x] = make_float4(0, 0, 0, 0);
        w.classes[threadIdx.x] = ALL;
    }
    for (uint32_t i = 0; i < NEAR && first + i < n && n_kept < o.n_rows; i += TILE) {
        const float4 *const boxes = w.boxes + i;
        const uint32_t *const classes = w.classes + i;
        const uint32_t n_tile = min(n - first - i, (uint32_t)TILE);
        if (threadIdx.x < 2)
            t.dropped[threadIdx.x] = 0;
        __syncthreads();
        hold_against_kept(w, o, boxes, classes, n_kept, t);
        __syncthreads();
        fill_rows(o, boxes, classes, n_tile, t);
        __syncthreads();
        if (threadIdx.x == 0)
            choose(w, o, classes, n_tile, t);
        __syncthreads();
        keep(w, w.keys + first + i, boxes, classes, n_kept, t);
        n_kept = t.n_kept;
    }
    __syncthreads();
    return n_kept;
}

/* ---- results ------------------------------------------------------------------------------- */

static __device__ __forceinline__ void store(const tro_params &p, const work &w, uint32_t n_kept)
{
    const tro_detect_params &o = p.own;
    const uint32_t first = blockIdx.x * o.n_rows;
    int32_t *const count = (int32_t *)p.ptr[TRO_N_IN];
    float4 *const boxes = (float4 *)p.ptr[TRO_N_IN + 1] + first;
    float *const scores = (float *)p.ptr[TRO_N_IN + 2] + first;
    int32_t *const classes = (int32_t *)p.ptr[TRO_N_IN + 3] + first;
    int32_t *const anchors = (int32_t *)p.ptr[TRO_N_IN + 4] + first;
    if (threadIdx.x == 0)
        count[blockIdx.x] = (int32_t)n_kept;
    for (uint32_t i = threadIdx.x; i < o.n_rows; i += BLOCK) {
        const bool is_kept = i < n_kept;
        const uint64_t key = is_kept ? w.kept_keys[i] : 0;
        const float score = tro_score_of(key);
        uint32_t anchor = ~(uint32_t)key;
        const uint32_t class_of = tro_div_rest(anchor, o.anchors);
        boxes[i] = is_kept ? w.kept_boxes[i] : make_float4(0, 0, 0, 0);
        scores[i] = !is_kept ? 0 : o.is_logit ? tro_score_sigmoid(score) : score;
        classes[i] = is_kept ? (int32_t)class_of : -1;
        anchors[i] = is_kept ? (int32_t)anchor : -1;
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    __shared__ tile t;
    const tro_detect_params &o = p.own;
    const work w = work_in(shared, o);
    for (uint32_t i = threadIdx.x; i < o.n_classes && o.max_per_class; i += BLOCK)
        w.of_class[i] = 0;
    if (threadIdx.x == 0)
        t.n_kept = 0;
    tro_wait();
    tro_launch_next();
    uint32_t n_sorted, n_kept = 0;
    const uint32_t n = gather(p, w, n_sorted);
    sort(w.keys, n_sorted);
    for (uint32_t first = 0; first < n && n_kept < o.n_rows; first += NEAR)
        n_kept = suppress(p, w, first, n, n_kept, t);
    store(p, w, n_kept);
}
