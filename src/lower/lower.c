/* SPDX-License-Identifier: Apache-2.0 */
#include "lower/lowering.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

/* Some microseconds of one thread. */
#define TINY_FLOPS 150e3
#define TINY_BYTES (24u << 10)

/* ---- inputs and outputs ------------------------------------------------------------------- */

static int place_inputs(struct tro_lowering *l, const struct tro_block *b)
{
    struct tro_program *const p = l->p;
    p->n_inputs = (int)b->n_inputs;
    p->inputs = TRO_NEW_N(&p->arena, struct tro_arg, b->n_inputs + 1);
    if (!p->inputs)
        return tro_fail_nomem(l->err);
    for (size_t i = 0; i < b->n_inputs; i++) {
        struct tro_tensor t;
        if (!tro_lower_type(l, b->inputs[i], &t))
            return tro_fail(l->err, TRO_E_INPUT,
                            "input '%s': expected sizes that follow from those given, found free "
                            "ones",
                            tro_value_get(l->g, b->inputs[i])->name);
        p->inputs[i] = tro_arg_of(&t, TRO_FORM_DENSE);
        const struct tro_buffer buffer = {
            .kind = TRO_BUFFER_INPUT, .index = (int)i, .n_bytes = tro_tensor_n_bytes(&t)};
        TRO_TRY(tro_lower_add_buffer(l, &buffer, &p->inputs[i].buffer));
        tro_lower_set_place(l, b->inputs[i], &p->inputs[i]);
    }
    return 0;
}

/* Memory of outputs; the values they are go straight there where they can. */
static int prepare_outputs(struct tro_lowering *l, const struct tro_block *b)
{
    struct tro_program *const p = l->p;
    p->n_outputs = (int)b->n_outputs;
    p->outputs = TRO_NEW_N(&p->arena, struct tro_arg, b->n_outputs + 1);
    p->output_slots = TRO_NEW_N(&p->arena, int32_t, b->n_outputs + 1);
    if (!p->outputs || !p->output_slots)
        return tro_fail_nomem(l->err);
    for (size_t i = 0; i < b->n_outputs; i++) {
        struct tro_tensor t;
        p->output_slots[i] = -1;
        if (!tro_lower_type(l, b->outputs[i], &t))
            continue;
        p->outputs[i] = tro_arg_of(&t, TRO_FORM_DENSE);
        const struct tro_buffer buffer = {
            .kind = TRO_BUFFER_OUTPUT, .index = (int)i, .n_bytes = tro_tensor_n_bytes(&t)};
        TRO_TRY(tro_lower_add_buffer(l, &buffer, &p->outputs[i].buffer));
        l->values[b->outputs[i].i].output = (int32_t)i;
    }
    return 0;
}

static int finish_outputs(struct tro_lowering *l, const struct tro_block *b)
{
    struct tro_program *const p = l->p;
    for (size_t i = 0; i < b->n_outputs; i++) {
        const struct tro_lower_value *const v = tro_lower_value(l, b->outputs[i]);
        const struct tro_lower_node n = {.name = tro_value_get(l->g, b->outputs[i])->name};
        struct tro_arg at;
        if (v->is_dynamic) {
            p->output_slots[i] = v->slot;
            continue;
        }
        TRO_TRY(tro_lower_at(l, b->outputs[i], &at));
        if (!tro_arg_same_place(&at, &p->outputs[i]))
            TRO_TRY(tro_lower_copy(l, &n, &p->outputs[i], &at));
    }
    return 0;
}

/* ---- the walk ----------------------------------------------------------------------------- */

/* What taps may see: results of the node that have a place, complete after the last step so far. */
int tro_lower_note(struct tro_lowering *l, tro_node_id id)
{
    if (l->p->n_steps)
        l->p->steps[l->p->n_steps - 1].is_node_done = true;
    return tro_lower_note_inner(l, id);
}

int tro_lower_note_inner(struct tro_lowering *l, tro_node_id id)
{
    struct tro_program *const p = l->p;
    const struct tro_node *const n = tro_node_get(l->g, id);
    for (uint32_t i = 0; i < n->n_out; i++) {
        const struct tro_lower_value *const v = n->out[i].i ? tro_lower_value(l, n->out[i]) : NULL;
        if (!v || !v->is_placed || p->n_steps == 0)
            continue;
        if (TRO_GROW(&p->values, (size_t)p->n_values, &l->cap_values) < 0)
            return tro_fail_nomem(l->err);
        p->values[p->n_values++] = (struct tro_program_value){n->out[i], p->n_steps - 1, v->at};
    }
    return 0;
}

enum tro_precision tro_lower_node_precision(const struct tro_lowering *l, tro_node_id n,
                                            enum tro_precision precision)
{
    return l->is_wide && l->is_wide[n.i] ? TRO_PRECISION_FP32 : precision;
}

static int mark_wide(struct tro_lowering *l)
{
    const struct tro_block *const b = tro_block_get(l->g, TRO_MAIN_BLOCK);
    const size_t n_first = l->opts.n_wide < 0 ? 0 : (size_t)l->opts.n_wide;
    if (n_first + l->opts.n_wides == 0)
        return 0;
    l->is_wide = TRO_NEW_N(&l->p->arena, bool, l->g->n_nodes + 1);
    if (!l->is_wide)
        return tro_fail_nomem(l->err);
    for (size_t i = 0; i < b->n_nodes && i < n_first; i++)
        l->is_wide[b->nodes[i].i] = true;
    for (size_t i = 0; i < l->opts.n_wides; i++)
        l->is_wide[b->nodes[l->opts.wide[i]].i] = true;
    return 0;
}

static int lower_main(struct tro_lowering *l)
{
    const struct tro_block *const b = tro_block_get(l->g, TRO_MAIN_BLOCK);
    TRO_TRY(mark_wide(l));
    TRO_TRY(place_inputs(l, b));
    TRO_TRY(prepare_outputs(l, b));
    TRO_TRY(tro_lower_guess_block(l, TRO_MAIN_BLOCK));
    const enum tro_precision precision = l->opts.precision;
    for (size_t i = 0; i < b->n_nodes; i++) {
        l->opts.precision = tro_lower_node_precision(l, b->nodes[i], precision);
        TRO_TRY(tro_lower_node(l, b->nodes[i]));
        TRO_TRY(tro_lower_note(l, b->nodes[i]));
    }
    l->opts.precision = precision;
    TRO_TRY(finish_outputs(l, b));
    l->p->n_slots = l->n_slots;
    return tro_lower_plan_memory(l);
}

/* What takes hardly longer than it takes a thread to hear of it is one part. */
static bool is_tiny(const struct tro_step *s)
{
    size_t n_bytes = 0;
    for (int i = 0; i < s->n_in; i++)
        n_bytes += tro_arg_n_bytes(&s->in[i]);
    for (int i = 0; i < s->n_out; i++)
        n_bytes += tro_arg_n_bytes(&s->out[i]);
    return s->n_flops < TINY_FLOPS && n_bytes < TINY_BYTES;
}

static void choose_parts(struct tro_program *p)
{
    for (int32_t i = 0; i < p->n_steps; i++)
        if (is_tiny(&p->steps[i]))
            p->steps[i].n_parts = 1;
}

static void sum_bytes(struct tro_program *p)
{
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        p->output_bytes += p->buffers[i].kind == TRO_BUFFER_OUTPUT ? p->buffers[i].n_bytes : 0;
        p->keep_bytes += p->buffers[i].kind == TRO_BUFFER_KEEP ? p->buffers[i].n_bytes : 0;
    }
    for (int32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].scratch_bytes > p->thread_bytes)
            p->thread_bytes = p->steps[i].scratch_bytes;
}

static int copy_symbols(struct tro_program *p, const struct tro_dim_env *symbols)
{
    p->symbols.n = symbols->n;
    p->symbols.values = tro_arena_memdup(&p->arena, symbols->values,
                                         symbols->n * sizeof *symbols->values);
    p->symbols.known = tro_arena_memdup(&p->arena, symbols->known,
                                        symbols->n * sizeof *symbols->known);
    return p->symbols.values && p->symbols.known ? 0 : TRO_E_NOMEM;
}

static int copy_env(struct tro_lowering *l, const struct tro_dim_env *symbols)
{
    if (tro_dim_env_init(&l->env, &l->g->dims) < 0)
        return TRO_E_NOMEM;
    for (size_t i = 0; i < l->env.n && i < symbols->n; i++) {
        l->env.known[i] = symbols->known[i];
        l->env.values[i] = symbols->values[i];
    }
    return copy_symbols(l->p, symbols);
}

static int init(struct tro_lowering *l, const struct tro_dim_env *symbols)
{
    const struct tro_buffer none = {.kind = TRO_BUFFER_CONST};
    uint32_t zero;
    l->values = tro_calloc(l->g->n_values + 1, sizeof *l->values);
    l->opts.precision = tro_precision_for(l->g, l->opts.precision);
    if (!l->values || copy_env(l, symbols) < 0)
        return tro_fail_nomem(l->err);
    for (size_t i = 0; i <= l->g->n_values; i++) {
        l->values[i].output = -1;
        l->values[i].guess = TRO_FORM_DENSE;
    }
    return tro_lower_add_buffer(l, &none, &zero); /* so that 0 means no buffer */
}

struct tro_program *tro_lower(const struct tro_graph *g, const struct tro_dim_env *symbols,
                              const struct tro_lower_opts *opts, struct tro_err *err)
{
    struct tro_err own;
    struct tro_lowering l = {.g = g,
                             .opts = *opts,
                             .err = err ? err : &own,
                             .name = "",
                             .p = tro_calloc(1, sizeof *l.p)};
    if (!l.p) {
        tro_fail_nomem(err);
        return NULL;
    }
    l.p->graph = g;
    int rc = init(&l, symbols);
    if (rc >= 0)
        rc = lower_main(&l);
    tro_free(l.values);
    tro_dim_env_finish(&l.env);
    if (rc < 0) {
        tro_program_destroy(l.p);
        return NULL;
    }
    choose_parts(l.p);
    sum_bytes(l.p);
    return l.p;
}

void tro_program_destroy(struct tro_program *p)
{
    if (!p)
        return;
    tro_arena_finish(&p->arena);
    tro_free(p->steps);
    tro_free(p->buffers);
    tro_free(p->values);
    tro_free(p);
}
