/* SPDX-License-Identifier: Apache-2.0 */
/* Where an inner tensor of an engine may have its error from. */
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "compare.h"
#include "run/session.h"
#include "step_text.h"
#include "table.h"
#include "tap.h"

#define NEAR_OVERFLOW 1e30
#define SMALL_PART 1e-4 /* of the inputs' values: what is left after they cancel */
#define ROUNDING 1e-5   /* relative errors below are what another order of adding gives */

struct causes {
    struct tro_compare *c;
    const struct tro_program *program;
    struct tro_map layers; /* name -> index */
    struct tro_map values; /* name -> value of the engine's graph */
};

static struct tro_str str_of(const char *text)
{
    return (struct tro_str){text, strlen(text)};
}

static int index_names(struct causes *k, struct tro_err *err)
{
    const struct tro_program *p = k->program;
    for (size_t i = 0; i < k->c->n_layers; i++)
        if (tro_map_set(&k->layers, str_of(k->c->layers[i].tensor), (uint32_t)i) < 0)
            return tro_fail_nomem(err);
    for (int32_t i = 0; i < p->n_values; i++) {
        const char *name = tro_value_get(p->graph, p->values[i].value)->name;
        if (tro_map_set(&k->values, str_of(name), p->values[i].value.i) < 0)
            return tro_fail_nomem(err);
    }
    return 0;
}

/* Of the tensors that the node reads and that were compared: the one with the greatest relative
 * error, and the greatest value of all. NULL: none was compared. */
static const struct tro_compare_layer *worst_input(const struct causes *k, const struct tro_node *n,
                                                   double *max_value)
{
    const struct tro_compare_layer *worst = NULL;
    *max_value = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        uint32_t at;
        if (!n->in[i].i ||
            !tro_map_get(&k->layers, str_of(tro_value_get(k->program->graph, n->in[i])->name), &at))
            continue;
        const struct tro_compare_layer *l = &k->c->layers[at];
        if (!l->diff.is_same_form)
            continue;
        if (!worst || tro_diff_relative(&l->diff) > tro_diff_relative(&worst->diff))
            worst = l;
        *max_value = l->diff.max_value > *max_value ? l->diff.max_value : *max_value;
    }
    return worst;
}

static const char *kernel_of(const struct causes *k, tro_node_id node)
{
    const char *kernel = NULL;
    for (int32_t i = 0; i < k->program->n_steps; i++)
        if (k->program->steps[i].node.i == node.i && k->program->steps[i].kernel)
            kernel = k->program->steps[i].kernel;
    return kernel;
}

static void print_kernel(const struct causes *k, const struct tro_value *v, double relative,
                         struct tro_buf *out)
{
    const char *kernel = kernel_of(k, v->def);
    tro_buf_str(out, relative < ROUNDING ? "rounding in " : "");
    tro_buf_str(out, kernel ? kernel : "a view of");
    tro_buf_str(out, kernel ? " (" : " ");
    tro_step_print_ops(k->program->graph, v->def, out);
    tro_buf_str(out, kernel ? ")" : "");
}

static void print_cause(const struct causes *k, const struct tro_compare_layer *l,
                        const struct tro_value *v, struct tro_buf *out)
{
    const struct tro_diff *d = &l->diff;
    const double relative = tro_diff_relative(d);
    double max_value;
    char name[45];
    const struct tro_compare_layer *from = worst_input(k, tro_node_get(k->program->graph, v->def),
                                                       &max_value);
    if (!d->is_same_form)
        tro_buf_str(out, "another type or shape");
    else if (d->max_value > NEAR_OVERFLOW)
        tro_buf_printf(out, "values near overflow: up to %.3g", d->max_value);
    else if (from && (from->diff.n_nan_alone || tro_diff_relative(&from->diff) >= 0.5 * relative))
        tro_buf_printf(out, "inherited from '%s'", tro_text_cut(from->tensor, name, sizeof name));
    else if (d->n_nan_alone)
        print_kernel(k, v, 1, out);
    else if (!tro_dtype_is_float(v->dtype) && d->max_abs <= 1)
        tro_buf_str(out, "one quantum: rounded the other way at a half");
    else if (max_value > 0 && d->max_value < SMALL_PART * max_value)
        tro_buf_printf(out, "small values, up to %.3g, left of inputs up to %.3g", d->max_value,
                       max_value);
    else
        print_kernel(k, v, relative, out);
}

static int explain(struct causes *k, struct tro_err *err)
{
    for (size_t i = 0; i < k->c->n_layers; i++) {
        struct tro_compare_layer *l = &k->c->layers[i];
        struct tro_buf text = {0};
        uint32_t value;
        const bool is_equal = l->diff.is_same_form && !l->diff.n_nan_alone && l->diff.max_abs == 0;
        if (is_equal || !tro_map_get(&k->values, str_of(l->tensor), &value))
            continue;
        print_cause(k, l, tro_value_get(k->program->graph, (tro_value_id){value}), &text);
        const char *copy = text.failed
                               ? NULL
                               : tro_arena_strndup(&k->c->arena, (const char *)text.p, text.n);
        tro_buf_finish(&text);
        if (!copy)
            return tro_fail_nomem(err);
        l->cause = copy;
    }
    return 0;
}

int tro_compare_causes(struct tro_compare *c, struct tro_err *err)
{
    struct causes k = {.c = c};
    const struct tro_side *engine = NULL;
    for (int i = 0; i < c->n_sides && i < 2; i++)
        if (c->sides[i].side.kind == TRO_SIDE_ENGINE)
            engine = &c->sides[i].side;
    if (!engine)
        return 0;
    k.program = tro_session_program(engine->session, err);
    if (!k.program)
        return err->status;
    int rc = index_names(&k, err);
    if (rc >= 0)
        rc = explain(&k, err);
    tro_map_finish(&k.layers);
    tro_map_finish(&k.values);
    return rc;
}
