/* SPDX-License-Identifier: Apache-2.0 */
#include "around.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "ref/ref.h"

struct half {
    struct tro_graph *graph;
    struct tro_tensor *in, *out;
    int n_in, n_out;
    bool has_out;
};

struct tro_around {
    struct tro_side *side; /* NULL: outputs come from elsewhere */
    struct tro_arena arena;
    int n_in;                  /* of the engine */
    struct half front, behind; /* behind: inputs are those of the engine, then its outputs */
};

static const struct tro_block *main_block(const struct half *h)
{
    return tro_block_get(h->graph, TRO_MAIN_BLOCK);
}

static void drop_outputs(struct half *h)
{
    for (int i = 0; h->has_out && i < h->n_out; i++)
        tro_free(h->out[i].data);
    h->has_out = false;
}

/* ---- graphs --------------------------------------------------------------------------------- */

/* An input, until the record changes it; is_out: an output as well. */
static int add_value(struct half *h, const struct tro_io_info *info, bool is_out,
                     struct tro_err *err)
{
    struct tro_shape shape = {.rank = info->rank};
    tro_value_id v;
    for (int i = 0; i < info->rank; i++)
        shape.dim[i] = tro_dim_const(info->shape[i] < 0 ? 1 : info->shape[i]);
    TRO_TRY(
        tro_graph_add_input(h->graph, TRO_MAIN_BLOCK, info->name, info->dtype, &shape, &v, err));
    return is_out ? tro_block_add_output(h->graph, TRO_MAIN_BLOCK, v, err) : 0;
}

/* Positions are decoded by what the inputs see of frames, of which no node is left to run. */
static int remove_unused(struct tro_graph *g, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    uint32_t *const uses = tro_calloc(g->n_values, sizeof(*uses));
    if (!uses)
        return tro_fail_nomem(err);
    for (size_t i = b->n_nodes; i-- > 0;) {
        const struct tro_node *const n = tro_node_get(g, b->nodes[i]);
        bool is_used = false;
        memset(uses, 0, g->n_values * sizeof(*uses));
        tro_graph_count_uses(g, uses);
        for (uint32_t k = 0; k < n->n_out; k++)
            is_used |= n->out[k].i && uses[n->out[k].i] > 0;
        if (!is_used)
            tro_graph_remove_node(g, b->nodes[i]);
    }
    tro_free(uses);
    return 0;
}

/* Memory of all inputs; a run brings those that matter. */
static int make_inputs(struct tro_around *a, struct half *h, struct tro_err *err)
{
    const struct tro_block *const b = main_block(h);
    h->n_in = (int)b->n_inputs;
    h->n_out = (int)b->n_outputs;
    h->in = TRO_NEW_N(&a->arena, struct tro_tensor, b->n_inputs + 1);
    h->out = TRO_NEW_N(&a->arena, struct tro_tensor, b->n_outputs + 1);
    if (!h->in || !h->out)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct tro_value *const v = tro_value_get(h->graph, b->inputs[i]);
        struct tro_tensor *const t = &h->in[i];
        t->dtype = v->dtype;
        t->rank = v->shape.rank;
        for (int k = 0; k < t->rank; k++)
            t->shape[k] = tro_dim_value(v->shape.dim[k]);
        t->data = tro_arena_alloc64(&a->arena, tro_tensor_n_bytes(t) + 1);
        if (!t->data)
            return tro_fail_nomem(err);
    }
    return 0;
}

static int build_half(struct tro_around *a, struct half *h, const struct tro_around_form *form,
                      const struct tro_record *record, const struct tro_preprocess *notes,
                      struct tro_err *err)
{
    const bool is_front = h == &a->front;
    h->graph = tro_graph_create("around", err);
    if (!h->graph)
        return err->status;
    for (int i = 0; i < form->n_in; i++)
        TRO_TRY(add_value(h, &form->inputs[i], is_front, err));
    for (int i = 0; i < form->n_out && !is_front; i++)
        TRO_TRY(add_value(h, &form->outputs[i], true, err));
    TRO_TRY(tro_record_apply_to_graph(record, h->graph, notes, err));
    if (!is_front)
        TRO_TRY(remove_unused(h->graph, err));
    return make_inputs(a, h, err);
}

static int build_behind(struct tro_around *a, const struct tro_around_form *form,
                        const struct tro_record *record, const struct tro_preprocess *notes,
                        struct tro_err *err)
{
    struct tro_record part = *record;
    a->n_in = form->n_in;
    part.n_states = 0; /* outputs of states may not be among those that are decoded */
    part.n_optics = 0; /* inputs may not be there, to decode alone */
    return build_half(a, &a->behind, form, &part, notes, err);
}

static int build(struct tro_around *a, const struct tro_record *record, struct tro_err *err)
{
    const int n_in = tro_side_n_inputs(a->side), n_out = tro_side_n_outputs(a->side);
    struct tro_io_info *const infos = TRO_NEW_N(&a->arena, struct tro_io_info,
                                                (size_t)(n_in + n_out) + 1);
    if (!infos)
        return tro_fail_nomem(err);
    for (int i = 0; i < n_in; i++)
        infos[i] = tro_side_input_info(a->side, i);
    for (int i = 0; i < n_out; i++)
        infos[n_in + i] = tro_side_output_info(a->side, i);
    const struct tro_around_form form = {infos, infos + n_in, n_in, n_out};
    struct tro_record inputs = *record;
    inputs.n_outputs = inputs.n_states = 0;
    TRO_TRY(build_half(a, &a->front, &form, &inputs, &a->side->preprocess, err));
    return build_behind(a, &form, record, &a->side->preprocess, err);
}

struct tro_around *tro_around_create(struct tro_side *side, const struct tro_record *record,
                                     struct tro_err *err)
{
    struct tro_around *const a = tro_calloc(1, sizeof(*a));
    if (!a) {
        tro_fail_nomem(err);
        return NULL;
    }
    a->side = side;
    if (tro_err_prefix(err, build(a, record, err), "%s: ", side->text) >= 0)
        return a;
    tro_around_destroy(a);
    return NULL;
}

struct tro_around *tro_around_create_behind(const struct tro_around_form *form,
                                            const struct tro_record *record, struct tro_err *err)
{
    static const struct tro_preprocess plain = {.scale = 1, .std = {1, 1, 1, 1}};
    struct tro_around *const a = tro_calloc(1, sizeof(*a));
    if (!a) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (build_behind(a, form, record, &plain, err) >= 0)
        return a;
    tro_around_destroy(a);
    return NULL;
}

void tro_around_destroy(struct tro_around *a)
{
    if (!a)
        return;
    drop_outputs(&a->front);
    drop_outputs(&a->behind);
    tro_graph_destroy(a->front.graph);
    tro_graph_destroy(a->behind.graph);
    tro_arena_finish(&a->arena);
    tro_free(a);
}

/* ---- running -------------------------------------------------------------------------------- */

struct tro_io_info tro_around_input_info(const struct tro_around *a, int i)
{
    const struct tro_tensor *const t = &a->front.in[i];
    struct tro_io_info info = tro_side_input_info(a->side, i);
    info.dtype = t->dtype;
    info.rank = t->rank;
    for (int k = 0; k < t->rank; k++)
        info.shape[k] = t->shape[k];
    return info;
}

bool tro_around_frames(const struct tro_around *a, const char *name, struct tro_tensor *out)
{
    const struct tro_block *const b = main_block(&a->behind);
    for (int i = 0; i < a->n_in; i++)
        if (strcmp(tro_value_get(a->behind.graph, b->inputs[i])->name, name) == 0) {
            *out = a->behind.in[i];
            return true;
        }
    return false;
}

int tro_around_n_results(const struct tro_around *a)
{
    return a->behind.n_out;
}

const char *tro_around_result_name(const struct tro_around *a, int i)
{
    return tro_value_get(a->behind.graph, main_block(&a->behind)->outputs[i])->name;
}

const struct tro_graph *tro_around_graph(const struct tro_around *a)
{
    return a->front.graph;
}

static int run_half(struct half *h, struct tro_err *err)
{
    drop_outputs(h);
    TRO_TRY(tro_ref_run(h->graph, h->in, h->out, NULL, NULL, err));
    h->has_out = true;
    return 0;
}

int tro_around_decode(struct tro_around *a, const struct tro_tensor *outputs, struct tro_err *err)
{
    struct half *const h = &a->behind;
    for (int i = a->n_in; i < h->n_in; i++)
        h->in[i] = outputs[i - a->n_in];
    return run_half(h, err);
}

int tro_around_run(struct tro_around *a, const struct tro_tensor *frames, struct tro_err *err)
{
    struct half *const front = &a->front, *const behind = &a->behind;
    for (int i = 0; i < front->n_in; i++)
        front->in[i] = frames[i];
    TRO_TRY(run_half(front, err));
    TRO_TRY(tro_side_run(a->side, front->out, front->n_out, err));
    for (int i = front->n_in; i < behind->n_in; i++)
        TRO_TRY(tro_side_output(a->side, i - front->n_in, &behind->in[i], err));
    return run_half(behind, err);
}

struct tro_tensor *tro_around_side_inputs(const struct tro_around *a)
{
    return a->front.out;
}

struct tro_tensor tro_around_result(const struct tro_around *a, int i)
{
    return a->behind.out[i];
}
