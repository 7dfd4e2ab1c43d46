/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* NULL when it can be. */
static const char *why_not(const struct tro_cu_function_s *f, const unsigned grid[3],
                           const unsigned block[3], unsigned shared_bytes)
{
    const uint64_t n = (uint64_t)block[0] * block[1] * block[2];
    const size_t shared = shared_bytes +
                          (size_t)(f->kernel.static_shared_end - f->kernel.static_shared);
    if (n == 0 || n > 1024 || block[2] > 64)
        return "size of the block";
    if (n > f->max_threads)
        return "more threads than __launch_bounds__";
    if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[0] > 0x7fffffff || grid[1] > 65535 ||
        grid[2] > 65535)
        return "size of the grid";
    if (shared_bytes > f->max_shared || shared > (size_t)emu_shared_bytes_limit())
        return "shared memory";
    return NULL;
}

int emu_launch_init(struct emu_launch *l, tro_cu_function function, const unsigned grid[3],
                    const unsigned block[3], unsigned shared_bytes, const void *params)
{
    const char *const why = why_not(function, grid, block, shared_bytes);
    if (why) {
        fprintf(stderr,
                "emu: kernel %s: grid (%u, %u, %u), block (%u, %u, %u), %u bytes of shared memory "
                "(%u allowed): %s is not possible\n",
                function->kernel.name, grid[0], grid[1], grid[2], block[0], block[1], block[2],
                shared_bytes, function->max_shared, why);
        return INVALID_VALUE;
    }
    *l = (struct emu_launch){.function = function,
                             .grid = {grid[0], grid[1], grid[2]},
                             .block = {block[0], block[1], block[2]},
                             .shared_bytes = shared_bytes,
                             .params = malloc(function->params_size + 1)};
    if (!l->params)
        return OUT_OF_MEMORY;
    memcpy(l->params, params, function->params_size);
    return OK;
}

int emu_launch_copy(struct emu_launch *l, const struct emu_launch *from)
{
    return emu_launch_init(l, from->function, from->grid, from->block, from->shared_bytes,
                           from->params);
}

void emu_launch_finish(struct emu_launch *l)
{
    free(l->params);
    l->params = NULL;
}

static double clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void trace(const struct emu_launch *l, double ms)
{
    if (emu_setting("TRO_EMU_TRACE", 0))
        fprintf(stderr, "emu: %9.3f ms  %s <<<(%u, %u, %u), (%u, %u, %u), %u>>>\n", ms,
                l->function->kernel.name, l->grid[0], l->grid[1], l->grid[2], l->block[0],
                l->block[1], l->block[2], l->shared_bytes);
}

int emu_launch_run(const struct emu_launch *l)
{
    const struct emu_kernel *const k = &l->function->kernel;
    const double begin = clock_ms();
    int rc = emu_is_fault("launch")
                 ? ILLEGAL_ADDRESS
                 : emu_run(k, l->grid, l->block, l->shared_bytes, l->params, emu_is_reverse());
    const size_t damaged = rc ? 0 : emu_damaged_bytes();
    if (damaged) {
        fprintf(stderr, "emu: kernel %s wrote around an allocation of %zu bytes\n", k->name,
                damaged);
        rc = ILLEGAL_ADDRESS;
    }
    trace(l, clock_ms() - begin);
    emu_failure = rc;
    return rc;
}

int cuLaunchKernel(tro_cu_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   tro_cu_stream stream, void **params, void **extra)
{
    const unsigned grid[3] = {grid_x, grid_y, grid_z}, block[3] = {block_x, block_y, block_z};
    struct emu_work w = {.kind = EMU_LAUNCH};
    (void)extra;
    ENTER(true);
    const int rc = emu_launch_init(&w.launch, function, grid, block, shared_bytes, params[0]);
    return emu_leave(rc ? rc : emu_stream_add(stream, &w));
}
