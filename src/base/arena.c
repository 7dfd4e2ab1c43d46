/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* With AddressSanitizer what is not handed out is poisoned, with a gap after each object, so
 * that an overrun inside the arena is found as one on the heap would be. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#define GAP 0
#endif

#define FIRST_CHUNK ((size_t)4096)
#define LARGEST_CHUNK ((size_t)1 << 20)

/*
 *   block ── 0..63 bytes ──► this header │ handed out │ free, zero ... │
 *                            64-aligned   0       used            size
 */
struct tro_arena_chunk {
    struct tro_arena_chunk *prev;
    void *block;
    size_t used, size;
};
#define HEADER 64
_Static_assert(sizeof(struct tro_arena_chunk) <= HEADER, "data begins 64 bytes after the header");

static char *chunk_data(struct tro_arena_chunk *c)
{
    return (char *)c + HEADER;
}

/* calloc and never reused, so large objects cost no clearing. */
static struct tro_arena_chunk *chunk_create(size_t size)
{
    if (size > SIZE_MAX - HEADER - 64)
        return NULL;
    char *const block = tro_calloc(1, HEADER + 64 + size);
    if (!block)
        return NULL;
    const size_t skip = (size_t)(-(uintptr_t)block & 63);
    struct tro_arena_chunk *const c = (struct tro_arena_chunk *)(void *)(block + skip);
    *c = (struct tro_arena_chunk){.block = block, .size = size};
    ASAN_POISON_MEMORY_REGION(chunk_data(c), size);
    return c;
}

void tro_arena_finish(struct tro_arena *a)
{
    struct tro_arena_chunk *c = a->last;
    while (c) {
        struct tro_arena_chunk *const prev = c->prev;
        ASAN_UNPOISON_MEMORY_REGION(chunk_data(c), c->size);
        tro_free(c->block);
        c = prev;
    }
    *a = (struct tro_arena){0};
}

void tro_arena_join(struct tro_arena *a, struct tro_arena *from)
{
    struct tro_arena_chunk **first = &a->last;
    while (*first)
        first = &(*first)->prev;
    *first = from->last;
    a->n_bytes += from->n_bytes;
    *from = (struct tro_arena){0};
}

/* Where an object of n bytes starts in the chunk; SIZE_MAX when it does not fit. */
static size_t chunk_place(const struct tro_arena_chunk *c, size_t n, size_t align)
{
    const size_t start = (c->used + align - 1) & ~(align - 1);
    return start <= c->size && n <= c->size - start ? start : SIZE_MAX;
}

/* An object that would fill much of a new chunk gets one of its own, put behind the last one,
 * whose free space stays in use. */
static struct tro_arena_chunk *chunk_add(struct tro_arena *a, size_t n)
{
    struct tro_arena_chunk *const last = a->last;
    size_t size = last && last->size >= FIRST_CHUNK ? last->size * 2 : FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    const int is_large = n > size / 4;
    struct tro_arena_chunk *const c = chunk_create(is_large ? n : size);
    if (!c)
        return NULL;
    if (is_large && last) {
        c->prev = last->prev;
        last->prev = c;
    } else {
        c->prev = last;
        a->last = c;
    }
    return c;
}

static void *alloc_aligned(struct tro_arena *a, size_t n_bytes, size_t align)
{
    if (n_bytes > PTRDIFF_MAX - 64)
        return NULL;
    const size_t n = (n_bytes ? n_bytes : 1) + GAP;
    struct tro_arena_chunk *c = a->last;
    if (!c || chunk_place(c, n, align) == SIZE_MAX)
        c = chunk_add(a, n);
    if (!c)
        return NULL;
    const size_t start = chunk_place(c, n, align);
    c->used = start + n;
    a->n_bytes += n_bytes;
    ASAN_UNPOISON_MEMORY_REGION(chunk_data(c) + start, n_bytes);
    return chunk_data(c) + start;
}

void *tro_arena_alloc(struct tro_arena *a, size_t n, size_t size)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, size, &n_bytes))
        return NULL;
    return alloc_aligned(a, n_bytes, 16);
}

void *tro_arena_alloc64(struct tro_arena *a, size_t n_bytes)
{
    return alloc_aligned(a, n_bytes, 64);
}

void *tro_arena_memdup(struct tro_arena *a, const void *p, size_t n_bytes)
{
    void *const copy = tro_arena_alloc(a, n_bytes, 1);
    if (copy && n_bytes)
        memcpy(copy, p, n_bytes);
    return copy;
}

char *tro_arena_strndup(struct tro_arena *a, const char *s, size_t n)
{
    const char *const zero = n ? memchr(s, 0, n) : NULL;
    const size_t len = zero ? (size_t)(zero - s) : n;
    char *const copy = len < SIZE_MAX ? tro_arena_alloc(a, len + 1, 1) : NULL;
    if (copy && len)
        memcpy(copy, s, len);
    return copy;
}

char *tro_arena_strdup(struct tro_arena *a, const char *s)
{
    return tro_arena_memdup(a, s, strlen(s) + 1);
}

char *tro_arena_printf(struct tro_arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, fmt, args);
    char *const text = n < 0 ? NULL : tro_arena_alloc(a, (size_t)n + 1, 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}
