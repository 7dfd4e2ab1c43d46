/* SPDX-License-Identifier: Apache-2.0 */
/* Energy of a frame: an engine runs one again and again while the machine's counters are watched,
 * apart from the runs that are timed. */
#include "bench.h"
#include "eval.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"

#define CPU_NS INT64_C(500000000)

static int measure_cpu(struct tro_bench_side *side, struct eval_energy *out, struct tro_err *err)
{
    struct tro_energy counters;
    double before = 0, after = 0;
    tro_energy_open(&counters, NULL);
    if (!tro_energy_read(&counters, &before)) {
        snprintf(out->why_not, sizeof out->why_not,
                 "the processor's counters of energy are not there or may not be read");
        return 0;
    }
    TRO_TRY(tro_bench_run(side, 0, err));
    TRO_TRY(tro_bench_run(side, tro_clock_ns() + CPU_NS, err));
    if (!tro_energy_read(&counters, &after) || side->streams[0].n == 0)
        snprintf(out->why_not, sizeof out->why_not, "the processor's counters stopped");
    else
        out->mj = (after - before) / (double)side->streams[0].n;
    return 0;
}

static int measure(struct tro_bench_side *side, struct eval_energy *out, struct tro_err *err)
{
    out->why_not[0] = 0;
    tro_bench_gpu_open(side);
    if (!side->has_device)
        return measure_cpu(side, out, err);
    TRO_TRY(tro_bench_gpu_energy(side, err));
    out->mj = side->gpu.energy_mj;
    snprintf(out->why_not, sizeof out->why_not, "%s", side->gpu.why_not);
    return 0;
}

int eval_measure_energy(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_bench_stream stream = {0};
    struct tro_bench_side side = {.text = x->text, .streams = &stream, .n_streams = 1};
    if (x->recorded) {
        snprintf(x->energy.why_not, sizeof x->energy.why_not, "its outputs were recorded");
        return 0;
    }
    int rc = eval_run(e, x, frame, &arena, err);
    stream.side = x->side;
    stream.inputs = eval_side_inputs(x);
    if (rc >= 0)
        rc = measure(&side, &x->energy, err);
    tro_free(stream.ns);
    tro_arena_finish(&arena);
    return rc;
}
