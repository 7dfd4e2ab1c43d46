/* SPDX-License-Identifier: Apache-2.0 */
#include "around.h"

#include "base/alloc.h"
#include "base/err.h"
#include "ref/ref.h"

struct tro_around {
    struct tro_side *side;
    struct tro_graph *graph;
    struct tro_arena arena;
    int n_in, n_out; /* of the engine */
    int n_results;   /* the graph's outputs are these and n_in more */
    struct tro_tensor *in, *out;
    bool has_out;
};

static const struct tro_block *main_block(const struct tro_around *a)
{
    return tro_block_get(a->graph, TRO_MAIN_BLOCK);
}

static void drop_outputs(struct tro_around *a)
{
    for (int i = 0; a->has_out && i < a->n_results + a->n_in; i++)
        tro_free(a->out[i].data);
    a->has_out = false;
}

/* ---- the graph ------------------------------------------------------------------------------ */

/* An input that is an output as well, until the record puts nodes between. */
static int add_through(struct tro_around *a, const struct tro_io_info *info, tro_value_id *v,
                       struct tro_err *err)
{
    struct tro_shape shape = {.rank = info->rank};
    for (int i = 0; i < info->rank; i++)
        shape.dim[i] = tro_dim_const(info->shape[i] < 0 ? 1 : info->shape[i]);
    return tro_graph_add_input(a->graph, TRO_MAIN_BLOCK, info->name, info->dtype, &shape, v, err);
}

static int add_values(struct tro_around *a, struct tro_err *err)
{
    tro_value_id *const inputs = TRO_NEW_N(&a->arena, tro_value_id, (size_t)a->n_in + 1);
    if (!inputs)
        return tro_fail_nomem(err);
    for (int i = 0; i < a->n_in; i++) {
        const struct tro_io_info info = tro_side_input_info(a->side, i);
        TRO_TRY(add_through(a, &info, &inputs[i], err));
    }
    for (int i = 0; i < a->n_out; i++) {
        const struct tro_io_info info = tro_side_output_info(a->side, i);
        tro_value_id v;
        TRO_TRY(add_through(a, &info, &v, err));
        TRO_TRY(tro_block_add_output(a->graph, TRO_MAIN_BLOCK, v, err));
    }
    for (int i = 0; i < a->n_in; i++)
        TRO_TRY(tro_block_add_output(a->graph, TRO_MAIN_BLOCK, inputs[i], err));
    return 0;
}

/* Memory of all inputs; frames bring their own. */
static int make_inputs(struct tro_around *a, struct tro_err *err)
{
    const struct tro_block *const b = main_block(a);
    a->in = TRO_NEW_N(&a->arena, struct tro_tensor, b->n_inputs + 1);
    a->out = TRO_NEW_N(&a->arena, struct tro_tensor, b->n_outputs + 1);
    if (!a->in || !a->out)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct tro_value *const v = tro_value_get(a->graph, b->inputs[i]);
        struct tro_tensor *const t = &a->in[i];
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

static int build(struct tro_around *a, const struct tro_record *record, struct tro_err *err)
{
    a->graph = tro_graph_create("around", err);
    if (!a->graph)
        return err->status;
    TRO_TRY(add_values(a, err));
    TRO_TRY(tro_record_apply_to_graph(record, a->graph, &a->side->preprocess, err));
    a->n_results = (int)main_block(a)->n_outputs - a->n_in;
    return make_inputs(a, err);
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
    a->n_in = tro_side_n_inputs(side);
    a->n_out = tro_side_n_outputs(side);
    if (tro_err_prefix(err, build(a, record, err), "%s: ", side->text) >= 0)
        return a;
    tro_around_destroy(a);
    return NULL;
}

void tro_around_destroy(struct tro_around *a)
{
    if (!a)
        return;
    drop_outputs(a);
    tro_graph_destroy(a->graph);
    tro_arena_finish(&a->arena);
    tro_free(a);
}

/* ---- running -------------------------------------------------------------------------------- */

struct tro_io_info tro_around_input_info(const struct tro_around *a, int i)
{
    const struct tro_tensor *const t = &a->in[i];
    struct tro_io_info info = tro_side_input_info(a->side, i);
    info.dtype = t->dtype;
    info.rank = t->rank;
    for (int k = 0; k < t->rank; k++)
        info.shape[k] = t->shape[k];
    return info;
}

int tro_around_n_results(const struct tro_around *a)
{
    return a->n_results;
}

const char *tro_around_result_name(const struct tro_around *a, int i)
{
    return tro_value_get(a->graph, main_block(a)->outputs[i])->name;
}

const struct tro_graph *tro_around_graph(const struct tro_around *a)
{
    return a->graph;
}

static int run_graph(struct tro_around *a, struct tro_err *err)
{
    drop_outputs(a);
    TRO_TRY(tro_ref_run(a->graph, a->in, a->out, NULL, NULL, err));
    a->has_out = true;
    return 0;
}

/* Once for what is in front, with whatever the engine gave last, and once for what is behind. */
int tro_around_run(struct tro_around *a, const struct tro_tensor *frames, struct tro_err *err)
{
    for (int i = 0; i < a->n_in; i++)
        a->in[i] = frames[i];
    TRO_TRY(run_graph(a, err));
    TRO_TRY(tro_side_run(a->side, a->out + a->n_results, a->n_in, err));
    for (int i = 0; i < a->n_out; i++)
        TRO_TRY(tro_side_output(a->side, i, &a->in[a->n_in + i], err));
    return run_graph(a, err);
}

struct tro_tensor *tro_around_side_inputs(const struct tro_around *a)
{
    return a->out + a->n_results;
}

struct tro_tensor tro_around_result(const struct tro_around *a, int i)
{
    return a->out[i];
}
