/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program on a GPU, its nodes timed one by one. Caches are warm: at batch 1 the values a kernel
 * reads have just been written and lie in the chip's 40 MB or more of cache, as in a run.
 */
#include "base/alloc.h"
#include "base/err.h"
#include "base/random.h"
#include "cuda/exec.h"
#include "tune/tune.h"

#define N_ROUNDS 20 /* in one graph, whose launch costs some microseconds */

struct tro_bench_cuda {
    const struct tro_program *program;
    struct tro_cuda_exec *exec;
    void **inputs;
};

static int init(struct tro_bench_cuda *b, const struct tro_tune_opts *o, struct tro_err *err)
{
    const struct tro_cuda_exec_opts opts = {.program = b->program, .store = o->store};
    struct tro_err ignored = {0};
    b->exec = tro_cuda_exec_create(&opts, err);
    b->inputs = tro_calloc((size_t)b->program->n_inputs + 1, sizeof(*b->inputs));
    if (!b->exec)
        return err->status;
    if (!b->inputs)
        return tro_fail_nomem(err);
    for (int i = 0; i < b->program->n_inputs; i++) {
        struct tro_tensor t = o->inputs[i];
        t.data = b->inputs[i] = tro_malloc_aligned(tro_tensor_n_bytes(&t));
        if (!t.data)
            return tro_fail_nomem(err);
        tro_random_fill(&(struct tro_random){.seed = 1, .input = (uint64_t)i}, &t);
        tro_cuda_exec_bind(b->exec, i, t.data);
    }
    /* Data of the run is what nodes are timed on; where it fails they have what it came to. */
    const int rc = tro_cuda_exec_run(b->exec, NULL, &ignored);
    return rc == TRO_E_FAULT ? tro_fail(err, TRO_E_FAULT, "%s", ignored.text) : 0;
}

struct tro_bench_cuda *tro_bench_cuda_create(const struct tro_tune_opts *o,
                                             const struct tro_program *p, struct tro_err *err)
{
    struct tro_bench_cuda *const b = tro_calloc(1, sizeof(*b));
    if (!b) {
        tro_fail_nomem(err);
        return NULL;
    }
    b->program = p;
    if (init(b, o, err) == 0)
        return b;
    tro_bench_cuda_destroy(b);
    return NULL;
}

void tro_bench_cuda_destroy(struct tro_bench_cuda *b)
{
    if (!b)
        return;
    for (int i = 0; b->inputs && i < b->program->n_inputs; i++)
        tro_free(b->inputs[i]);
    tro_free(b->inputs);
    tro_cuda_exec_destroy(b->exec);
    tro_free(b);
}

int64_t tro_bench_cuda_time_node(struct tro_bench_cuda *b, tro_node_id node)
{
    struct tro_err ignored = {0};
    int64_t ns;
    return tro_cuda_exec_time_node(b->exec, node, N_ROUNDS, &ns, &ignored) < 0 ? -1 : ns;
}
