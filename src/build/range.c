/* SPDX-License-Identifier: Apache-2.0 */
/* Do values fit the type that they will be stored in? Looked at on the golden inputs, in the
 * optimized graph, whose values are those that are stored. */
#include "build/builder.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "ref/ref.h"

#define F16_MAX 65504.0

static bool is_output(const struct tro_graph *g, tro_value_id v)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_outputs; i++)
        if (b->outputs[i].i == v.i)
            return true;
    return false;
}

/* Some nodes may stay at fp32; nodes of inner blocks go with none of them. */
static bool is_wide(const struct tro_range *r, tro_node_id id)
{
    const struct tro_block *const b = tro_block_get(r->graph, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes && i < (size_t)r->opts->n_wide; i++)
        if (b->nodes[i].i == id.i)
            return true;
    for (size_t i = 0; i < r->n_wides; i++)
        if (b->nodes[r->wide[i]].i == id.i)
            return true;
    return false;
}

/* Values inside a fused node are not stored. */
static bool is_inside_fused(const struct tro_graph *g, const struct tro_node *n)
{
    const tro_node_id owner = tro_block_get(g, n->block)->owner;
    return owner.i && tro_node_get(g, owner)->op == TRO_OP_FUSED;
}

/* Infinities were there before: masks are made of them. */
static double greatest_of(const struct tro_tensor *t)
{
    const float *const x = t->data;
    double greatest = 0;
    for (int64_t i = 0; i < tro_tensor_n_elems(t); i++)
        if (isfinite(x[i]))
            greatest = fmax(greatest, fabs((double)x[i]));
    return greatest;
}

static int check_node(void *ctx, const struct tro_graph *g, tro_node_id id,
                      const struct tro_tensor *out, struct tro_err *err)
{
    const struct tro_range *const r = ctx;
    const struct tro_node *const n = tro_node_get(g, id);
    if (is_wide(r, id) || is_inside_fused(g, n))
        return 0;
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (!n->out[i].i || !out[i].data || out[i].dtype != TRO_F32 || is_output(g, n->out[i]))
            continue;
        const char *const value = tro_value_get(g, n->out[i])->name;
        const double greatest = greatest_of(&out[i]);
        if (greatest > F16_MAX)
            return tro_fail(err, TRO_E_INPUT,
                            "node '%s': value '%s' is as large as %.4g, beyond the %.0f that fp16 "
                            "holds: build with --precision bf16, tf32 or fp32, or keep "
                            "the layer at fp32 with --fp32-layers",
                            *n->name ? n->name : value, value, greatest, F16_MAX);
    }
    return 0;
}

static int check_sample(const struct tro_range *r, const struct tro_plan_sample *s,
                        struct tro_err *err)
{
    const size_t n = tro_block_get(r->graph, TRO_MAIN_BLOCK)->n_outputs;
    struct tro_tensor *const out = tro_calloc(n + 1, sizeof *out);
    if (!out)
        return tro_fail_nomem(err);
    const int rc = tro_ref_run(r->graph, s->in, out, check_node, (void *)(uintptr_t)r, err);
    for (size_t i = 0; i < n && rc >= 0; i++)
        tro_free(out[i].data);
    tro_free(out);
    return rc;
}

int tro_range_check(const struct tro_range *r, struct tro_err *err)
{
    const char *const name = tro_precision_name(r->precision);
    if ((r->precision != TRO_PRECISION_FP16 && r->precision != TRO_PRECISION_BF16) ||
        r->opts->is_range_checked)
        return 0;
    if (r->golden->n_samples == 0) {
        tro_build_warn(r->opts, "%s: no golden sample, so that ranges of values were not checked",
                       name);
        return 0;
    }
    tro_build_warn(r->opts,
                   "%s: checked on the golden inputs only, which are noise: give it what the "
                   "network sees in use (--calib)",
                   name);
    for (size_t i = 0; i < r->golden->n_samples && r->precision == TRO_PRECISION_FP16; i++)
        TRO_TRY(check_sample(r, &r->golden->samples[i], err));
    return 0;
}
