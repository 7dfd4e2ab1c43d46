/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <trocar/trocar.h>

static _Atomic int64_t n_until_failure = -1;

void tro_alloc_fail_after(int64_t n)
{
    atomic_store(&n_until_failure, n);
}

/* Sizes over PTRDIFF_MAX are refused here: no object can be that large, and a sanitizer's
 * allocator would end the process over them. */
static bool is_refused(size_t n_bytes)
{
    if (n_bytes > PTRDIFF_MAX)
        return true;
    int64_t left = atomic_load_explicit(&n_until_failure, memory_order_relaxed);
    while (left > 0)
        if (atomic_compare_exchange_weak(&n_until_failure, &left, left - 1))
            return false;
    return left == 0;
}

void *tro_malloc(size_t n_bytes)
{
    return is_refused(n_bytes) ? NULL : malloc(n_bytes ? n_bytes : 1);
}

void *tro_calloc(size_t n, size_t size)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, size, &n_bytes) || is_refused(n_bytes))
        return NULL;
    return calloc(n_bytes ? n_bytes : 1, 1);
}

void *tro_realloc(void *p, size_t n_bytes)
{
    return is_refused(n_bytes) ? NULL : realloc(p, n_bytes ? n_bytes : 1);
}

void tro_free(void *p)
{
    free(p);
}

/* From this many bytes on, memory is asked for in large pages: a page fault for each 4 KiB takes
 * longer than to fill them, and weights of a network are walked from end to end. */
#define LARGE_BYTES ((size_t)8 << 20)
#define LARGE_PAGE ((uintptr_t)2 << 20)

/* A hint: what the system makes of it does not matter. */
static void use_large_pages(void *p, size_t n_bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t begin = ((uintptr_t)p + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    const uintptr_t end = ((uintptr_t)p + n_bytes) & ~(LARGE_PAGE - 1);
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)p;
    (void)n_bytes;
#endif
}

void *tro_malloc_aligned(size_t n_bytes)
{
    if (is_refused(n_bytes))
        return NULL;
    const size_t rounded = (n_bytes + 63) & ~(size_t)63;
    void *const p = aligned_alloc(64, rounded ? rounded : 64);
    if (p && n_bytes >= LARGE_BYTES)
        use_large_pages(p, n_bytes);
    return p;
}

int tro_grow(void *array_ptr, size_t n, size_t *cap, size_t elem_size)
{
    if (n < *cap)
        return 0;
    size_t new_cap = *cap ? *cap : 4, n_bytes;
    do {
        if (__builtin_mul_overflow(new_cap, 2, &new_cap))
            return TRO_E_NOMEM;
    } while (new_cap <= n);
    if (__builtin_mul_overflow(new_cap, elem_size, &n_bytes))
        return TRO_E_NOMEM;
    void *p;
    memcpy(&p, array_ptr, sizeof(p));
    p = tro_realloc(p, n_bytes);
    if (!p)
        return TRO_E_NOMEM;
    memcpy(array_ptr, &p, sizeof(p));
    *cap = new_cap;
    return 0;
}
