/* SPDX-License-Identifier: Apache-2.0 */
/* A program on the machine, its steps timed one by one. */
#include "tune/tune.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/random.h"
#include "run/exec.h"

/* Values keep their own memory, so that a step finds what it will find in a run, as long as that is
 * not more than this. */
#define MAX_KEPT ((size_t)1 << 30)
/* A cache of the second level where the system does not say. */
#define LEVEL2_BYTES ((size_t)1 << 20)

struct tro_bench {
    const struct tro_tune_opts *o;
    struct tro_program *program;
    struct tro_team *team;
    struct tro_exec_state *exec;
    struct tro_bench_cuda *cuda; /* instead of all below */
    void *scratch;
    char *thread_scratch;
    void **inputs;
    char *flush; /* what members walk to empty their caches */
    size_t flush_bytes;
};

/* ---- the program --------------------------------------------------------------------------- */

static int bind_symbols(const struct tro_tune_opts *o, struct tro_dim_env *env)
{
    const struct tro_block *const block = tro_block_get(o->graph, TRO_MAIN_BLOCK);
    if (tro_dim_env_init(env, &o->graph->dims) < 0)
        return TRO_E_NOMEM;
    for (size_t i = 0; i < block->n_inputs; i++) {
        const struct tro_shape *const s = &tro_value_get(o->graph, block->inputs[i])->shape;
        for (int k = 0; k < s->rank; k++)
            tro_dim_bind(&o->graph->dims, env, s->dim[k], o->inputs[i].shape[k]);
    }
    return 0;
}

struct tro_libraries *tro_tune_libraries(const struct tro_tune_opts *o)
{
    const bool are_wanted = o->store && !o->build->no_libraries && o->build->tune >= 2;
    return are_wanted ? tro_cuda_store_libraries(o->store) : NULL;
}

struct tro_program *tro_bench_lower(const struct tro_tune_opts *o,
                                    const struct tro_choices *choices, struct tro_packs *packs,
                                    struct tro_err *err)
{
    struct tro_dim_env env;
    struct tro_lower_opts opts = {.backend = o->backend,
                                  .cpu_flags = o->cpu_flags,
                                  .n_threads = o->n_threads,
                                  .choices = choices,
                                  .packs = packs,
                                  .keep_all = true};
    if (o->store) {
        const struct tro_cuda_device *const d = tro_cuda_store_device(o->store);
        opts.precision = o->precision;
        opts.n_wide = o->n_wide;
        opts.wide = o->wide;
        opts.n_wides = o->n_wides;
        opts.arch = d->arch;
        opts.n_sms = d->n_sms;
        opts.is_tuning = true;
        opts.libraries = tro_tune_libraries(o);
    }
    if (bind_symbols(o, &env) < 0) {
        tro_fail_nomem(err);
        return NULL;
    }
    struct tro_program *p = tro_lower(o->graph, &env, &opts, err);
    if (p && p->scratch_bytes > MAX_KEPT) {
        tro_program_destroy(p);
        opts.keep_all = false;
        p = tro_lower(o->graph, &env, &opts, err);
    }
    tro_dim_env_finish(&env);
    return p;
}

/* Dense memory of an input's type and shape, with noise. */
static int bind_inputs(struct tro_bench *b, struct tro_err *err)
{
    b->inputs = tro_calloc((size_t)b->program->n_inputs + 1, sizeof(*b->inputs));
    if (!b->inputs)
        return tro_fail_nomem(err);
    for (int i = 0; i < b->program->n_inputs; i++) {
        struct tro_tensor t = b->o->inputs[i];
        t.data = b->inputs[i] = tro_malloc_aligned(tro_tensor_n_bytes(&t));
        if (!t.data)
            return tro_fail_nomem(err);
        tro_random_fill(&(struct tro_random){.seed = 1, .input = (uint64_t)i}, &t);
        tro_exec_bind(b->exec, i, t.data);
    }
    return 0;
}

static size_t level2_bytes(void)
{
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long n = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return n > 0 ? (size_t)n : LEVEL2_BYTES;
#else
    return LEVEL2_BYTES;
#endif
}

static int make_memory(struct tro_bench *b, struct tro_err *err)
{
    const size_t n = (size_t)tro_team_size(b->team);
    const size_t thread_bytes = (b->program->thread_bytes + 63) / 64 * 64;
    b->flush_bytes = 4 * level2_bytes();
    b->scratch = tro_malloc_aligned(b->program->scratch_bytes + 64);
    b->thread_scratch = tro_malloc_aligned(n * thread_bytes + 64);
    b->flush = tro_malloc_aligned(n * b->flush_bytes);
    if (!b->scratch || !b->thread_scratch || !b->flush)
        return tro_fail_nomem(err);
    memset(b->scratch, 0, b->program->scratch_bytes + 64);
    memset(b->thread_scratch, 0, n * thread_bytes + 64);
    memset(b->flush, 1, n * b->flush_bytes);
    b->exec = tro_exec_create(&(struct tro_exec_opts){.program = b->program,
                                                      .team = b->team,
                                                      .scratch = b->scratch,
                                                      .thread_scratch = b->thread_scratch,
                                                      .thread_bytes = thread_bytes},
                              err);
    return b->exec ? 0 : err->status;
}

static int init(struct tro_bench *b, const struct tro_choices *choices, struct tro_packs *packs,
                struct tro_err *err)
{
    b->program = tro_bench_lower(b->o, choices, packs, err);
    if (b->program && b->o->store) {
        b->cuda = tro_bench_cuda_create(b->o, b->program, err);
        return b->cuda ? 0 : err->status;
    }
    b->team = tro_team_create(b->o->n_threads, false, err);
    if (!b->program || !b->team)
        return err->status;
    TRO_TRY(make_memory(b, err));
    TRO_TRY(bind_inputs(b, err));
    /* Data of the run is what steps are timed on; where it fails they have what it came to. */
    struct tro_err ignored = {0};
    (void)tro_exec_run(b->exec, NULL, &ignored);
    return 0;
}

struct tro_bench *tro_bench_create(const struct tro_tune_opts *o, const struct tro_choices *choices,
                                   struct tro_packs *packs, struct tro_err *err)
{
    struct tro_bench *const b = tro_calloc(1, sizeof(*b));
    if (!b) {
        tro_fail_nomem(err);
        return NULL;
    }
    b->o = o;
    if (init(b, choices, packs, err) == 0)
        return b;
    tro_bench_destroy(b);
    return NULL;
}

void tro_bench_destroy(struct tro_bench *b)
{
    if (!b)
        return;
    for (int i = 0; b->inputs && i < b->program->n_inputs; i++)
        tro_free(b->inputs[i]);
    tro_free(b->inputs);
    tro_exec_destroy(b->exec);
    tro_bench_cuda_destroy(b->cuda);
    tro_team_destroy(b->team);
    tro_program_destroy(b->program);
    tro_free(b->scratch);
    tro_free(b->thread_scratch);
    tro_free(b->flush);
    tro_free(b);
}

const struct tro_program *tro_bench_program(const struct tro_bench *b)
{
    return b->program;
}

/* ---- times --------------------------------------------------------------------------------- */

/* Writes, so that the compiler keeps it and other caches lose their lines. */
static void walk(void *ctx, int part, int member)
{
    const struct tro_bench *const b = ctx;
    char *const p = b->flush + (size_t)part * b->flush_bytes;
    (void)member;
    for (size_t i = 0; i < b->flush_bytes; i += 64)
        p[i] = (char)(p[i] + 1);
}

static bool is_of_node(const struct tro_bench *b, const struct tro_step *s, tro_node_id node)
{
    return s->node.i == node.i && s->kind == TRO_STEP_KERNEL && s->run != b->o->backend->copy;
}

int64_t tro_bench_time_node(struct tro_bench *b, tro_node_id node)
{
    int64_t sum = 0, ns;
    struct tro_err ignored = {0};
    if (b->cuda)
        return tro_bench_cuda_time_node(b->cuda, node);
    /* Once: what one step of a node leaves in a cache, the next one finds there in a run too. */
    tro_team_run(b->team, tro_team_size(b->team), walk, b);
    for (int32_t i = 0; i < b->program->n_steps; i++) {
        if (!is_of_node(b, &b->program->steps[i], node))
            continue;
        if (tro_exec_time_step(b->exec, i, &ns, &ignored) < 0)
            return -1;
        sum += ns;
    }
    return sum;
}
