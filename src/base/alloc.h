/* SPDX-License-Identifier: Apache-2.0 */
/* All heap memory of the library comes from here, so that a test can make any allocation fail. */
#ifndef TRO_BASE_ALLOC_H
#define TRO_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc, free; NULL when memory runs out or n * size overflows. */
void *tro_malloc(size_t n_bytes);
void *tro_calloc(size_t n, size_t size);
void *tro_realloc(void *p, size_t n_bytes);
void tro_free(void *p);

/* 64-byte aligned, uninitialized; ended with tro_free. */
void *tro_malloc_aligned(size_t n_bytes);

/* For tests: after n more allocations each one fails, until called again; negative = never.
 * One setting for the whole process. */
void tro_alloc_fail_after(int64_t n);

/* Doubles an array when it is full: returns 0, or TRO_E_NOMEM with the array as it was.
 *     TRO_GROW(&v.items, v.n, &v.cap)   makes room for one more at index v.n */
int tro_grow(void *array_ptr, size_t n, size_t *cap, size_t elem_size);
#define TRO_GROW(array_ptr, n, cap_ptr) tro_grow((array_ptr), (n), (cap_ptr), sizeof(**(array_ptr)))

#endif
