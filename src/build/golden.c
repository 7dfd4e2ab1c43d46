/* SPDX-License-Identifier: Apache-2.0 */
/* Golden samples: noise, and what the model's graph makes of it on the reference kernels. */
#include "build/builder.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/random.h"
#include "passes/passes.h"
#include "ref/ref.h"

/* Above these, samples are recorded only for those who ask for them: some seconds of reference
 * kernels, and a file that is not mostly samples. */
#define MAX_WORK 2e10
#define MAX_BYTES ((size_t)64 << 20)

struct recorder {
    const struct tro_builder *b;
    const struct tro_block *block; /* main one of the model's graph */
    struct tro_dim_env env;
    struct tro_golden *out;
    struct tro_err *err;
};

void tro_golden_finish(struct tro_golden *g)
{
    for (size_t s = 0; g->samples && s < g->n_samples; s++) {
        for (size_t i = 0; g->samples[s].in && i < g->n_tensors; i++)
            tro_free(g->samples[s].in[i].data);
        tro_free(g->samples[s].in);
    }
    tro_free(g->samples);
    *g = (struct tro_golden){0};
}

/* More than one, so that a state goes round. */
static size_t n_wanted(const struct tro_builder *b, const struct tro_build_opts *o)
{
    return o->n_golden > 0 ? (size_t)o->n_golden : b->n_states > 0 ? 2 : 1;
}

static int add_samples(struct recorder *r, size_t n)
{
    r->out->samples = tro_calloc(n, sizeof(*r->out->samples));
    if (!r->out->samples)
        return tro_fail_nomem(r->err);
    r->out->n_samples = n;
    r->out->n_tensors = r->block->n_inputs + r->block->n_outputs;
    for (size_t i = 0; i < n; i++) {
        struct tro_plan_sample *const s = &r->out->samples[i];
        s->in = tro_calloc(r->out->n_tensors, sizeof(*s->in));
        if (!s->in)
            return tro_fail_nomem(r->err);
        s->out = s->in + r->block->n_inputs;
    }
    return 0;
}

static const struct tro_plan_state *state_of(const struct tro_builder *b, size_t input)
{
    for (size_t i = 0; i < b->n_states; i++)
        if ((size_t)b->states[i].input == input)
            return &b->states[i];
    return NULL;
}

static bool is_same_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(a->shape[0])) == 0;
}

/* Noise, or for a state what the run before left. */
static int fill_input(struct recorder *r, size_t sample, size_t i)
{
    const struct tro_plan_state *const state = state_of(r->b, i);
    struct tro_tensor *const t = &r->out->samples[sample].in[i];
    tro_builder_shape(r->b, &r->env, i, t);
    const size_t n_bytes = tro_tensor_n_bytes(t);
    t->data = tro_malloc_aligned(n_bytes);
    if (!t->data)
        return tro_fail_nomem(r->err);
    if (!state) {
        tro_random_fill(&(struct tro_random){.seed = 1, .run = sample, .input = i}, t);
        return 0;
    }
    if (sample == 0) {
        memset(t->data, 0, n_bytes);
        return 0;
    }
    const struct tro_tensor *const last = &r->out->samples[sample - 1].out[state->output];
    if (!is_same_form(t, last))
        return tro_fail(r->err, TRO_E_INPUT,
                        "output '%s' to input '%s': expected one type and one shape",
                        tro_value_get(r->b->graph, r->block->outputs[state->output])->name,
                        tro_value_get(r->b->graph, r->block->inputs[i])->name);
    memcpy(t->data, last->data, n_bytes);
    return 0;
}

/* A network in integers says what it means as floats between quantize and dequantize; what its
 * engines compute are integers, which round elsewhere. NULL: it has none, or err is filled. */
static struct tro_graph *with_integers(const struct tro_graph *g, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    const struct tro_passes_opts opts = {.select = "pad,qdq,dce"};
    bool has_integers = false;
    for (size_t i = 0; i < b->n_nodes; i++)
        has_integers |= tro_node_get(g, b->nodes[i])->op == TRO_OP_DEQUANTIZE;
    struct tro_graph *const out = has_integers ? tro_graph_clone(g, NULL, err) : NULL;
    if (out && tro_passes_run(out, &opts, NULL, err) < 0) {
        tro_graph_destroy(out);
        return NULL;
    }
    return out;
}

static int run(struct recorder *r, const struct tro_graph *g, const struct tro_build_opts *o,
               size_t n)
{
    for (size_t s = 0; s < n; s++) {
        tro_build_progress(o, "golden", (int64_t)s, (int64_t)n);
        for (size_t i = 0; i < r->block->n_inputs; i++)
            TRO_TRY(fill_input(r, s, i));
        const struct tro_plan_sample *const sample = &r->out->samples[s];
        TRO_TRY(tro_ref_run(g, sample->in, sample->out, NULL, NULL, r->err));
    }
    tro_build_progress(o, "golden", (int64_t)n, (int64_t)n);
    return 0;
}

static int record(struct recorder *r, const struct tro_build_opts *o, size_t n)
{
    if (r->block->n_inputs + r->block->n_outputs == 0)
        return 0;
    TRO_TRY(add_samples(r, n));
    *r->err = (struct tro_err){0};
    struct tro_graph *const ints = with_integers(r->b->graph, r->err);
    const int rc = r->err->status < 0 ? r->err->status : run(r, ints ? ints : r->b->graph, o, n);
    tro_graph_destroy(ints);
    return rc;
}

static size_t bytes_of(const struct tro_golden *g)
{
    size_t n = 0;
    for (size_t s = 0; s < g->n_samples; s++)
        for (size_t i = 0; i < g->n_tensors; i++)
            n += tro_tensor_n_bytes(&g->samples[s].in[i]);
    return n;
}

/* Without being asked for: failures are warnings. */
static int record_if_affordable(struct recorder *r, const struct tro_build_opts *o, size_t n)
{
    struct tro_tensor t;
    for (size_t i = 0; i < r->block->n_inputs; i++)
        tro_builder_shape(r->b, &r->env, i, &t);
    const double work = tro_graph_work(r->b->graph, &r->env) * (double)n;
    if (work > MAX_WORK) {
        tro_build_warn(o,
                       "no golden sample: the reference takes too long (%.0f G multiplications); "
                       "ask for one to have it all the same",
                       work * 1e-9);
        return 0;
    }
    const int rc = record(r, o, n);
    if (rc == TRO_E_NOMEM)
        return rc;
    if (rc < 0)
        tro_build_warn(o, "no golden sample: the model does not run on noise: %s", r->err->text);
    else if (bytes_of(r->out) > MAX_BYTES)
        tro_build_warn(o, "no golden sample: it would take %zu MB; ask for one to have it",
                       bytes_of(r->out) >> 20);
    if (rc < 0 || bytes_of(r->out) > MAX_BYTES)
        tro_golden_finish(r->out);
    return 0;
}

int tro_golden_record(const struct tro_builder *b, const struct tro_build_opts *o,
                      struct tro_golden *out, struct tro_err *err)
{
    struct tro_err own = {0};
    struct recorder r = {.b = b,
                         .block = tro_block_get(b->graph, TRO_MAIN_BLOCK),
                         .out = out,
                         .err = err ? err : &own};
    *out = (struct tro_golden){0};
    if (o->n_golden < 0)
        return 0;
    if (tro_dim_env_init(&r.env, &b->graph->dims) < 0)
        return tro_fail_nomem(err);
    const int rc = o->n_golden > 0 ? record(&r, o, n_wanted(b, o))
                                   : record_if_affordable(&r, o, n_wanted(b, o));
    tro_dim_env_finish(&r.env);
    if (rc < 0)
        tro_golden_finish(out);
    return tro_err_prefix(err, rc, "golden sample: ");
}
