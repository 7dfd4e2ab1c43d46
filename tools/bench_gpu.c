/* SPDX-License-Identifier: Apache-2.0 */
/* Energy and state of the GPU of a side. */
#include "bench.h"

#include <stdio.h>

#include "base/err.h"
#include "base/thread.h"
#include "run/session.h"

#define ENERGY_NS INT64_C(1500000000)
#define SLICE_NS INT64_C(5000000) /* between looks at the counter */
#define STILL_NS INT64_C(500000000)

void tro_bench_gpu_open(struct tro_bench_side *side)
{
    struct tro_bench_gpu *const g = &side->gpu;
    const struct tro_session *const s = side->streams[0].side.session;
    struct tro_session_gpu gpu;
    side->has_device = s && tro_session_gpu(s, &gpu);
    if (!side->has_device)
        return;
    g->nvml = tro_nvml_find(gpu.device, g->why_not);
    if (g->nvml)
        g->before = g->after = tro_nvml_state(g->nvml);
}

void tro_bench_gpu_look(struct tro_bench_side *side)
{
    struct tro_bench_gpu *const g = &side->gpu;
    if (!side->has_device || !g->nvml)
        return;
    g->after = tro_nvml_state(g->nvml);
    if (g->after.reasons > 0)
        g->reasons |= g->after.reasons;
}

static size_t count_runs(const struct tro_bench_side *side)
{
    size_t n = 0;
    for (int i = 0; i < side->n_streams; i++)
        n += side->streams[i].n;
    return n;
}

/* Runs until the counter moves, and says where to. */
static int run_to_step(struct tro_bench_side *side, double *mj, struct tro_err *err)
{
    struct tro_bench_gpu *const g = &side->gpu;
    const int64_t begin = tro_clock_ns();
    double first = 0;
    bool is_told = tro_nvml_energy(g->nvml, &first);
    for (*mj = first; is_told && *mj == first && tro_clock_ns() - begin < STILL_NS;) {
        TRO_TRY(tro_bench_run(side, tro_clock_ns() + SLICE_NS, err));
        is_told = tro_nvml_energy(g->nvml, mj);
    }
    if (!is_told)
        snprintf(g->why_not, sizeof g->why_not, "this GPU does not tell its energy");
    else if (*mj == first)
        snprintf(g->why_not, sizeof g->why_not, "the GPU's counter of energy stood still for %g s",
                 STILL_NS * 1e-9);
    return 0;
}

int tro_bench_gpu_energy(struct tro_bench_side *side, struct tro_err *err)
{
    struct tro_bench_gpu *const g = &side->gpu;
    double begin_mj, end_mj;
    if (!side->has_device || !g->nvml)
        return 0;
    TRO_TRY(run_to_step(side, &begin_mj, err));
    if (g->why_not[0])
        return 0;
    const size_t n_before = count_runs(side);
    TRO_TRY(tro_bench_run(side, tro_clock_ns() + ENERGY_NS, err));
    tro_bench_gpu_look(side);
    TRO_TRY(run_to_step(side, &end_mj, err));
    const size_t n = count_runs(side) - n_before;
    g->energy_mj = g->why_not[0] || !n ? 0 : (end_mj - begin_mj) / (double)n;
    return 0;
}
