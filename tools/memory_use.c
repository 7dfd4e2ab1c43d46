/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_use.h"

#include "run/session.h"

#include <stdio.h>
#include <unistd.h>

size_t tro_memory_resident(void)
{
    long n_pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    const bool ok = f && fscanf(f, "%*s %ld", &n_pages) == 1;
    if (f)
        fclose(f);
    return ok ? (size_t)n_pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

size_t tro_memory_sum(const struct tro_session_memory *m)
{
    return m->scratch + m->weights + m->packed + m->outputs + m->threads;
}

size_t tro_memory_of_side(const struct tro_side *s, int n_streams, size_t before)
{
    if (s->kind == TRO_SIDE_ENGINE) {
        struct tro_session_memory m;
        struct tro_session_gpu gpu;
        tro_session_memory(s->session, &m);
        if (tro_session_gpu(s->session, &gpu))
            return gpu.store.constant_bytes + (size_t)n_streams * gpu.exec.device_bytes;
        return m.weights + m.packed + (size_t)n_streams * (m.scratch + m.outputs + m.threads);
    }
    const size_t now = tro_memory_resident();
    return before && now > before ? now - before : 0;
}

const char *tro_print_bytes(size_t n_bytes, char out[32])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double value = (double)n_bytes;
    int unit = -1;
    for (; value >= 1000 && unit < 3; unit++)
        value /= 1000;
    if (unit < 0)
        snprintf(out, 32, "%zu bytes", n_bytes);
    else
        snprintf(out, 32, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
    return out;
}
