/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compiled kernel (C++, cuda_host.h) and the machine that runs it (C, block.c) share.
 *
 * A kernel's library holds emu_state, which the machine fills before it calls emu_entry once for
 * each thread of each block. A thread is a coroutine; it gives up the processor only in calls[].
 * One launch runs at a time, its blocks one after another, so that nothing here is per system
 * thread.
 */
#ifndef TRO_EMU_STATE_H
#define TRO_EMU_STATE_H

#include <stdint.h>

enum { EMU_LANES = 32 };

/* What the 32 lanes of a warp do together. */
enum emu_op {
    EMU_SYNC,
    EMU_SHUFFLE,
    EMU_BALLOT,
    EMU_LDMATRIX4,
    EMU_LDMATRIX4_TRANS,
    EMU_MMA_F16,
    EMU_MMA_BF16,
    EMU_MMA_TF32,
    EMU_MMA_S8,
    EMU_MMA_U8S8,
    EMU_WGMMA_F16, /* begun; done by EMU_WGMMA_WAIT */
    EMU_WGMMA_BF16,
    EMU_WGMMA_WAIT
};

enum emu_barrier { EMU_BARRIER_PLAIN, EMU_BARRIER_OR, EMU_BARRIER_AND, EMU_BARRIER_COUNT };

/* Each lane writes its column before the collective and reads it after. */
struct emu_io {
    uint64_t value[EMU_LANES];   /* shuffle, ballot: in and out */
    uint32_t source[EMU_LANES];  /* shuffle: the lane to take from */
    const void *row[EMU_LANES];  /* ldmatrix */
    uint32_t d[4][EMU_LANES];    /* ldmatrix */
    uint32_t a[4][EMU_LANES];    /* mma */
    uint32_t b[2][EMU_LANES];    /* mma */
    uint32_t c[2][EMU_LANES][2]; /* mma: c[0], c[1], then c[2], c[3] of a lane */
    float *sum[EMU_LANES];       /* wgmma: [n][4] */
    uint64_t tile[2][EMU_LANES]; /* wgmma */
    /* wgmma: n, whether sum is added to; wgmma, wait: groups before this one have to end */
    uint32_t n[EMU_LANES], is_sum[EMU_LANES], group[EMU_LANES];
} __attribute__((aligned(64)));

/* A product of a warpgroup that is under way; the part of one warp. */
struct emu_product {
    float *sum[EMU_LANES];
    uint64_t tile[2];
    uint32_t n, is_sum, group, is_bf16;
};
enum { EMU_MAX_PRODUCTS = 128 };

struct emu_warp {
    struct emu_io io;
    uint32_t existing, exited; /* lanes */
    uint32_t ready;            /* can go on, not running */
    uint32_t waiting;          /* in a collective */
    uint32_t at_barrier;
    uint32_t mask[EMU_LANES]; /* of those waiting */
    uint8_t op[EMU_LANES];
    uint32_t index; /* in the block */
    uint32_t n_products;
    struct emu_product products[EMU_MAX_PRODUCTS];
};

/* A copy under way; n_bytes of zeros where from is NULL. */
struct emu_copy {
    void *to;
    const void *from;
    uint32_t n_bytes, group;
};

struct emu_thread {
    uint32_t idx[3], lane;
    struct emu_warp *warp;
    void *sp; /* NULL: not started */
    char *stack;
    uint32_t product_group;          /* number of the open group of products */
    uint32_t is_fenced;              /* tro_wgmma_begin was called */
    uint32_t n_waits;                /* calls of tro_wait */
    uint32_t group;                  /* number of the open group of copies */
    uint32_t copies_begin, n_copies; /* of copies[]: [begin, n) under way */
    uint32_t copies_capacity;
    struct emu_copy *copies;
};

struct emu_calls {
    /* Until all lanes of mask are in the same collective. */
    void (*collective)(enum emu_op op, uint32_t mask);
    int (*barrier)(enum emu_barrier kind, int predicate);
    void (*copy)(void *to, const void *from, uint32_t n_bytes, int is_valid);
    void (*copy_wait)(uint32_t n_groups); /* until at most n_groups are under way */
    /* The launch fails; does not return. */
    void (*fail)(int rc, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
    void (*check_address)(const void *p, uint32_t n_bytes); /* p is not aligned */
};

struct emu_state {
    struct emu_thread *self;
    uint32_t block_idx[3], block_dim[3], grid_dim[3];
    uint8_t *shared; /* dynamic shared memory */
    const struct emu_calls *calls;
};

#endif
