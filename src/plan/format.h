/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/plan: the file's layout (docs/plan-format.md) and what reading and writing share. */
#ifndef TRO_PLAN_FORMAT_H
#define TRO_PLAN_FORMAT_H

#include "plan/plan.h"

#define TRO_PLAN_MAGIC "\x89TROP\r\n\x1a"
#define TRO_PLAN_VERSION 3
#define TRO_PLAN_ALIGN 64
#define TRO_PLAN_HEADER 64     /* bytes before the table */
#define TRO_PLAN_ENTRY 32      /* bytes of an entry of the table */
#define TRO_PLAN_CODE_ENTRY 32 /* bytes of an entry of the table of kernels */
#define TRO_PLAN_HASH_AT 24
#define TRO_PLAN_MAX_SECTIONS 4096

/* In the file's order; tuned sections alone may come more than once. A file is of the lowest format
 * that has all its kinds: 1 up to WEIGHTS, 2 up to CODE, 3. */
#define TRO_PLAN_KINDS(X) \
    X(META, 1)            \
    X(GRAPH, 2)           \
    X(SHAPES, 3)          \
    X(STATES, 4)          \
    X(PASSES, 5)          \
    X(TUNED, 6)           \
    X(GOLDEN, 7)          \
    X(WEIGHTS, 8)         \
    X(TARGETS, 9)         \
    X(CODE, 10)           \
    X(WIDE, 11)

enum tro_plan_kind {
#define TRO_PLAN_KIND(id, number) TRO_PLAN_##id = number,
    TRO_PLAN_KINDS(TRO_PLAN_KIND)
#undef TRO_PLAN_KIND
        TRO_PLAN_N_KINDS
};

/* The last kind of a format. */
static inline uint32_t tro_plan_last_kind(uint32_t version)
{
    return version == 1 ? TRO_PLAN_WEIGHTS : version == 2 ? TRO_PLAN_CODE : TRO_PLAN_N_KINDS - 1;
}

static inline uint64_t tro_plan_align(uint64_t n)
{
    return (n + TRO_PLAN_ALIGN - 1) / TRO_PLAN_ALIGN * TRO_PLAN_ALIGN;
}

/* Of the header and its table; the field of the hash itself is left out. */
uint64_t tro_plan_header_hash(const uint8_t *header, size_t n_bytes);

/* Every rule about the parts, given that graph is a verified one. */
int tro_plan_check(const struct tro_plan_parts *parts, struct tro_err *err);

/* Contents of sections into an empty struct; all memory but that of tensors is the arena's. */
int tro_plan_read_meta(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                       struct tro_err *err);
int tro_plan_read_shapes(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err);
int tro_plan_read_states(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err);
int tro_plan_read_passes(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err);
int tro_plan_read_tuned(struct tro_plan_tuned *t, struct tro_arena *a, struct tro_str section,
                        struct tro_err *err);
int tro_plan_read_targets(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                          struct tro_err *err);
/* Code views the section, which is aligned to 64. */
int tro_plan_read_code(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                       struct tro_err *err);
int tro_plan_read_wide(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                       struct tro_err *err);
/* The graph must be known; tensors view the section, which is aligned to 64. */
int tro_plan_read_golden(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err);

#endif
