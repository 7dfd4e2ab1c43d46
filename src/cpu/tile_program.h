/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a pointwise program.
 *
 *     places   where elements lie: memory of inputs and outputs, the anchor's block, constants, and
 *              values, each of which gets a slot of the thread's memory or is an output
 *     instrs   in order, each from up to three places to one
 *
 * Made in three steps: nodes become instructions (tile_compile.c, tile_node.c), instructions are
 * fused (tile_fuse.c), places get memory for the axes chosen (tile_finish.c).
 */
#ifndef TRO_CPU_TILE_PROGRAM_H
#define TRO_CPU_TILE_PROGRAM_H

#include "cpu/tile.h"
#include "cpu/tile_code.h"

enum tro_tile_place_kind {
    TRO_PLACE_IN,    /* in[index] */
    TRO_PLACE_OUT,   /* out[index] */
    TRO_PLACE_ACC,   /* the anchor's block */
    TRO_PLACE_CONST, /* one element: value */
    TRO_PLACE_VALUE  /* made by an instruction; slot[index] once it is finished */
};

struct tro_tile_place {
    enum tro_tile_place_kind kind;
    enum tro_dtype dtype;
    int index;
    int64_t stride[TRO_MAX_RANK]; /* IN, OUT: in bytes along the axes of the space */
    union {
        float f32;
        int32_t i32;
        int64_t i64;
        uint8_t bytes[8];
    } value;
};

struct tro_tile_instr {
    enum tro_tile_code code;
    tro_tile_fn *fn;
    int n_src;
    int dst, src[3]; /* places */
    float imm[4];
};

struct tro_tile {
    struct tro_arena *arena;
    int rank; /* of the space: the result's axes, or what they were merged to */
    int64_t shape[TRO_MAX_RANK];
    int row_axis, col_axis;
    int64_t row_every; /* elements from row to row of a block, 0 = 1 */
    struct tro_tile_place *places;
    size_t n_places, cap_places;
    struct tro_tile_instr *instrs;
    size_t n_instrs, cap_instrs;
    struct tro_arg *in, *out;
    int n_in, n_out;
    size_t cap_in, cap_out;
    int *result; /* by output: the place of its value */
    size_t cap_result;
    int *moving; /* places of memory and of the anchor's block, which each block has elsewhere */
    int n_moving;
    int n_slots, slot_elem; /* bytes of the largest element in a slot */
    int64_t block;          /* elements of a block at most */
    int inplace;
    double flops;
    /* Simple kinds. */
    enum tro_tile_kind kind;
    float lo, hi;
    int other;
};

/* Arrays grow in the arena. Returns the index, or a negative status. */
int tro_tile_add_place(struct tro_tile *t, const struct tro_tile_place *p);
int tro_tile_add_instr(struct tro_tile *t, const struct tro_tile_instr *i);
int tro_tile_splat(enum tro_tile_code code);

/* One node: places of its inputs are known. 1: the place of its result is *out; 0: beyond this. */
int tro_tile_node(struct tro_tile *t, const struct tro_node *n, const void *attrs, const int *in,
                  enum tro_dtype to, int *out);
/* Replaces sequences of instructions by fused ones. */
void tro_tile_fuse(struct tro_tile *t);
/* Sets kind, lo, hi and other. */
void tro_tile_classify(struct tro_tile *t);
/* Gives places their memory: row_axis and col_axis are final. */
int tro_tile_finish(struct tro_tile *t, uint32_t cpu_flags, struct tro_err *err);

/* The instructions of a region without anchor, outputs in the form of the largest input; axes and
 * memory are still to be chosen. */
int tro_tile_begin_region(struct tro_lowering *l, const struct tro_lower_node *n,
                          struct tro_tile **out);

#endif
