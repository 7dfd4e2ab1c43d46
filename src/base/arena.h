/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocator: many small objects, freed together. */
#ifndef TRO_BASE_ARENA_H
#define TRO_BASE_ARENA_H

#include <stddef.h>

struct tro_arena_chunk;

struct tro_arena {
    struct tro_arena_chunk *last;
    size_t n_bytes; /* handed out so far */
};

/* An all-zero struct is an empty arena. finish frees everything and leaves it empty. */
void tro_arena_finish(struct tro_arena *a);

/* What `from` handed out is now a's, which frees it; `from` is left empty. */
void tro_arena_join(struct tro_arena *a, struct tro_arena *from);

/* Zeroed, aligned to 16 bytes (alloc) or 64 bytes (alloc64); NULL when memory runs out or
 * n * size overflows. Zero bytes give a valid pointer. */
void *tro_arena_alloc(struct tro_arena *a, size_t n, size_t size);
void *tro_arena_alloc64(struct tro_arena *a, size_t n_bytes);
#define TRO_NEW(arena, type) ((type *)tro_arena_alloc((arena), 1, sizeof(type)))
#define TRO_NEW_N(arena, type, n) ((type *)tro_arena_alloc((arena), (n), sizeof(type)))

/* Copies; NULL when memory runs out. */
char *tro_arena_strdup(struct tro_arena *a, const char *s);
char *tro_arena_strndup(struct tro_arena *a, const char *s, size_t n);
void *tro_arena_memdup(struct tro_arena *a, const void *p, size_t n_bytes);
char *tro_arena_printf(struct tro_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
