/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALIGNMENT = 256, GUARD = 0xa5, POISON = 0xff };

/*
 *   block                     at                         block + n_mapped
 *     | forbidden page | guard | n_bytes | guard | forbidden page |
 */
struct memory {
    struct memory *next;
    char *block, *at;
    size_t n_bytes, n_mapped;
    bool is_host;
    bool is_registered; /* the caller's: no pages of ours around it */
};

static struct memory *memories;
static size_t n_in_use; /* of the device */

static struct memory *find_memory(uintptr_t p, size_t n_bytes, bool is_host)
{
    for (struct memory *m = memories; m; m = m->next) {
        const uintptr_t offset = p - (uintptr_t)m->at;
        if (m->is_host == is_host && offset < m->n_bytes && m->n_bytes - offset >= n_bytes)
            return m;
    }
    return NULL;
}

bool emu_is_device(uintptr_t p, size_t n_bytes)
{
    return find_memory(p, n_bytes, false);
}

bool emu_is_pinned(uintptr_t p, size_t n_bytes)
{
    return find_memory(p, n_bytes, true);
}

bool emu_check_device(uintptr_t p, size_t n_bytes, const char *what)
{
    if (n_bytes == 0 || emu_is_device(p, n_bytes))
        return true;
    fprintf(stderr, "emu: %s: %zu bytes at 0x%llx are not all in one allocation\n", what, n_bytes,
            (unsigned long long)p);
    return false;
}

/* At most a page. */
static bool is_guard(const char *begin, const char *end)
{
    static unsigned char guard[PAGE];
    if (!guard[0])
        memset(guard, GUARD, sizeof guard);
    return memcmp(begin, guard, (size_t)(end - begin)) == 0;
}

static bool has_guards(const struct memory *m)
{
    if (m->is_registered)
        return true;
    return is_guard(m->block + PAGE, m->at) &&
           is_guard(m->at + m->n_bytes, m->block + m->n_mapped - PAGE);
}

size_t emu_damaged_bytes(void)
{
    for (const struct memory *m = memories; m; m = m->next)
        if (!has_guards(m))
            return m->n_bytes;
    return 0;
}

static int allocate(size_t n_bytes, bool is_host, void **p)
{
    struct memory *const m = calloc(1, sizeof *m);
    const size_t aligned = (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t pages = (aligned + PAGE - 1) / PAGE * PAGE;
    char *const block = mmap(NULL, pages + 2 * PAGE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!m || block == MAP_FAILED) {
        free(m);
        return OUT_OF_MEMORY;
    }
    *m = (struct memory){.next = memories,
                         .block = block,
                         .at = block + PAGE + pages - aligned,
                         .n_bytes = n_bytes,
                         .n_mapped = pages + 2 * PAGE,
                         .is_host = is_host};
    memset(block + PAGE, GUARD, (size_t)(m->at - block) - PAGE);
    memset(m->at, POISON, n_bytes);
    memset(m->at + n_bytes, GUARD, aligned - n_bytes);
    mprotect(block, PAGE, PROT_NONE);
    mprotect(block + PAGE + pages, PAGE, PROT_NONE);
    memories = m;
    n_in_use += is_host ? 0 : n_bytes;
    *p = m->at;
    return OK;
}

static int release(const void *p, bool is_host)
{
    for (struct memory **at = &memories; *at; at = &(*at)->next) {
        struct memory *const m = *at;
        if (m->at != p || m->is_host != is_host || m->is_registered)
            continue;
        *at = m->next;
        n_in_use -= is_host ? 0 : m->n_bytes;
        if (!has_guards(m))
            fprintf(stderr, "emu: bytes around an allocation of %zu were written\n", m->n_bytes);
        munmap(m->block, m->n_mapped);
        free(m);
        return OK;
    }
    return INVALID_VALUE;
}

int cuMemGetInfo_v2(size_t *n_free, size_t *n_total)
{
    ENTER(true);
    *n_total = emu_device_bytes();
    *n_free = *n_total > n_in_use ? *n_total - n_in_use : 0;
    return emu_leave(OK);
}

int cuMemAlloc_v2(tro_cu_ptr *p, size_t n_bytes)
{
    void *at = NULL;
    ENTER(true);
    if (n_bytes == 0)
        return emu_leave(INVALID_VALUE);
    if (n_bytes > emu_device_bytes() || n_in_use > emu_device_bytes() - n_bytes)
        return emu_leave(OUT_OF_MEMORY);
    const int rc = allocate(n_bytes, false, &at);
    *p = (tro_cu_ptr)(uintptr_t)at;
    return emu_leave(rc);
}

/* What goes back is not in use: like the real one these wait for all that is under way. */
int cuMemFree_v2(tro_cu_ptr p)
{
    emu_enter_release();
    emu_drain();
    const int rc = p ? release((const void *)(uintptr_t)p, false) : OK;
    return emu_leave(emu_failure ? emu_failure : rc);
}

int cuMemHostAlloc(void **p, size_t n_bytes, unsigned flags)
{
    (void)flags;
    ENTER(true);
    return emu_leave(n_bytes ? allocate(n_bytes, true, p) : INVALID_VALUE);
}

int cuMemFreeHost(void *p)
{
    emu_enter_release();
    emu_drain();
    const int rc = release(p, true);
    return emu_leave(emu_failure ? emu_failure : rc);
}

int cuMemHostRegister_v2(void *p, size_t n_bytes, unsigned flags)
{
    ENTER(true);
    if (flags & ~(unsigned)TRO_CU_REGISTER_READ_ONLY || n_bytes == 0 ||
        find_memory((uintptr_t)p, 1, true))
        return emu_leave(INVALID_VALUE);
    struct memory *const m = calloc(1, sizeof *m);
    if (!m)
        return emu_leave(OUT_OF_MEMORY);
    *m = (struct memory){
        .next = memories, .at = p, .n_bytes = n_bytes, .is_host = true, .is_registered = true};
    memories = m;
    return emu_leave(OK);
}

int cuMemHostUnregister(void *p)
{
    int rc = INVALID_VALUE;
    emu_enter_release();
    emu_drain();
    for (struct memory **at = &memories; *at; at = &(*at)->next) {
        struct memory *const m = *at;
        if (m->at != p || !m->is_registered)
            continue;
        *at = m->next;
        free(m);
        rc = OK;
        break;
    }
    return emu_leave(emu_failure ? emu_failure : rc);
}

int cuPointerGetAttributes(unsigned n, int *attributes, void **values, tro_cu_ptr p)
{
    ENTER(true);
    const bool is_on_device = find_memory((uintptr_t)p, 1, false);
    const bool is_pinned = !is_on_device && find_memory((uintptr_t)p, 1, true);
    const unsigned type = is_on_device ? TRO_CU_MEMORY_DEVICE : is_pinned ? TRO_CU_MEMORY_HOST : 0;
    for (unsigned i = 0; i < n; i++) {
        if (attributes[i] != TRO_CU_POINTER_MEMORY_TYPE)
            return emu_leave(NOT_SUPPORTED);
        memcpy(values[i], &type, sizeof type);
    }
    return emu_leave(OK);
}
