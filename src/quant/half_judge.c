/* SPDX-License-Identifier: Apache-2.0 */
/* What does not fit 16 bits, in words, and what has to stay at f32. */
#include "quant/half_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Part of the squares that rounding may take: 3 % of a value. Where values lie in the range of f16
 * it takes 4e-8, of bf16 2e-6, and more where they stray little from a large mean. */
#define MAX_LOSS 1e-3
/* What strays less from its mean is constant but for the rounding of f32. */
#define LEAST_DEVIATION 1e-12
/* Part of the squares below the range of f16 from which on that is the cause. */
#define MUCH_SMALL 0.05

/* ---- nodes ---------------------------------------------------------------------------------- */

static int n_operands(enum tro_op op)
{
    switch (op) {
    case TRO_OP_CONV:
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_MATMUL:
        return 2;
    case TRO_OP_ATTENTION:
    case TRO_OP_RECURRENT:
        return 3;
    default:
        return 0;
    }
}

int tro_half_operands(const struct tro_graph *g, const struct tro_node *n, tro_value_id *out)
{
    const struct tro_block *const b = n->op == TRO_OP_FUSED ? tro_block_get(g, n->blocks[0]) : NULL;
    const struct tro_node *const product = b && b->n_nodes ? tro_node_get(g, b->nodes[0]) : n;
    const int most = n_operands(product->op);
    int count = 0;
    for (uint32_t i = 0; i < product->n_in && (int)i < most; i++) {
        tro_value_id v = product->in[i];
        for (size_t k = 0; b && k < b->n_inputs; k++)
            if (tro_value_eq(b->inputs[k], v)) {
                v = n->in[k];
                break;
            }
        if (v.i)
            out[count++] = v;
    }
    return count;
}

const char *tro_half_layer(const struct tro_graph *g, const struct tro_node *n)
{
    if (n->name[0])
        return n->name;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i)
            return tro_value_get(g, n->out[i])->name;
    return "";
}

bool tro_half_is_result(const struct tro_block *b, tro_value_id v)
{
    for (size_t i = 0; i < b->n_outputs; i++)
        if (tro_value_eq(b->outputs[i], v))
            return true;
    return false;
}

bool tro_half_is_output(const struct tro_graph *g, tro_value_id v)
{
    return tro_half_is_result(tro_block_get(g, TRO_MAIN_BLOCK), v);
}

bool tro_half_uses(const struct tro_node *n, tro_value_id v)
{
    for (uint32_t i = 0; i < n->n_in; i++)
        if (tro_value_eq(n->in[i], v))
            return true;
    return false;
}

/* Constants are used inside fused nodes as they are. */
static bool multiplies(const struct tro_graph *g, const struct tro_node *n, tro_value_id v)
{
    tro_value_id taken[TRO_HALF_OPERANDS];
    for (int i = tro_half_operands(g, n, taken); i-- > 0;)
        if (tro_value_eq(taken[i], v))
            return true;
    return false;
}

/* ---- findings ------------------------------------------------------------------------------- */

static bool is_narrow(const struct tro_halves *h, const struct tro_half_value *v, const bool *wide)
{
    const struct tro_block *const b = tro_block_get(h->graph, TRO_MAIN_BLOCK);
    if (v->is_stored && !(wide && wide[v->maker]))
        return true;
    for (size_t i = 0; i < b->n_nodes; i++)
        if (!(wide && wide[i]) && multiplies(h->graph, tro_node_get(h->graph, b->nodes[i]), v->id))
            return true;
    return false;
}

double tro_half_loss(const struct tro_half_value *v)
{
    const struct tro_half_stats *const s = &v->stats;
    const double deviation = v->is_weight ? 0 : tro_half_stats_deviation(s);
    const double base = deviation > LEAST_DEVIATION * s->square ? deviation : s->square;
    return base > 0 ? s->error / base : 0;
}

static enum tro_half_finding find(const struct tro_halves *h, const struct tro_half_value *v)
{
    if (v->stats.n_nan + v->stats.n_up > 0)
        return TRO_HALF_BAD;
    if (!h->is_bf16 && v->stats.peak > TRO_F16_MAX)
        return TRO_HALF_OVERFLOW;
    if (!h->is_bf16 && v->stats.peak > TRO_F16_MAX / 2)
        return TRO_HALF_NEAR;
    return tro_half_loss(v) > MAX_LOSS ? TRO_HALF_LOSES : TRO_HALF_FITS;
}

/* Its node hands elements on from a value of which the same is told. */
static bool is_repeated(const struct tro_halves *h, const struct tro_half_value *v)
{
    const tro_node_id def = tro_value_get(h->graph, v->id)->def;
    const struct tro_node *const n = def.i ? tro_node_get(h->graph, def) : NULL;
    if (!n || tro_op_info(n->op)->kind != TRO_KIND_MOVE)
        return false;
    for (int i = 0; i < h->n_values; i++)
        if (h->values[i].finding == v->finding && tro_half_uses(n, h->values[i].id))
            return true;
    return false;
}

/* ---- words ---------------------------------------------------------------------------------- */

static const char *sample_of(const struct tro_halves *h, int64_t sample, char *text, size_t n)
{
    if (sample < 0)
        return "";
    snprintf(text, n, " in sample '%s'", h->samples[sample]);
    return text;
}

static void describe_loss(const struct tro_halves *h, const struct tro_half_value *v,
                          const char *subject, char *text, size_t n)
{
    const struct tro_half_stats *const s = &v->stats;
    char where[300];
    const double loss = fmin(100 * sqrt(tro_half_loss(v)), 100);
    if (!h->is_bf16 && s->square > 0 && s->small / s->square > MUCH_SMALL)
        snprintf(text, n,
                 "%s %s small and lose%s %.3g %% at fp16: of its squares %.3g %% are of elements "
                 "below %.2g, which have fewer bits, and %.3g %% of elements below %.2g, which "
                 "become 0; the greatest is %.3g%s",
                 subject, v->is_weight ? "are" : "is", v->is_weight ? "" : "s", loss,
                 100 * s->small / s->square, (double)TRO_F16_NORMAL, 100 * s->vanished / s->square,
                 (double)TRO_F16_VANISHING, (double)s->peak,
                 sample_of(h, s->peak_sample, where, sizeof where));
    else
        snprintf(text, n, "%s lose%s %.3g %% at %s%s", subject, v->is_weight ? "" : "s", loss,
                 h->is_bf16 ? "bf16" : "fp16",
                 v->is_weight ? "" : " of what it strays from its mean, which is large beside it");
}

static void describe(const struct tro_halves *h, const struct tro_half_value *v,
                     enum tro_half_finding finding, char *text, size_t n)
{
    const struct tro_half_stats *const s = &v->stats;
    char subject[600], where[300];
    snprintf(subject, sizeof subject, "layer '%s': %s '%s'", v->layer,
             v->is_weight ? "weights" : "value", v->name);
    const char *const place = sample_of(h, s->peak_sample, where, sizeof where);
    if (finding == TRO_HALF_BAD)
        snprintf(text, n, "%s: NaN or infinity", subject);
    else if (finding == TRO_HALF_OVERFLOW)
        snprintf(text, n, "%s reach%s %.6g%s, beyond the %.0f that fp16 holds", subject,
                 v->is_weight ? "" : "es", (double)s->peak, place, (double)TRO_F16_MAX);
    else if (finding == TRO_HALF_NEAR)
        snprintf(text, n, "%s reach%s %.6g%s, more than half of the %.0f that fp16 holds", subject,
                 v->is_weight ? "" : "es", (double)s->peak, place, (double)TRO_F16_MAX);
    else
        describe_loss(h, v, subject, text, n);
}

int tro_halves_judge(struct tro_halves *h, const bool *wide, tro_half_report_fn *report, void *ctx)
{
    int n_over = 0;
    for (int i = 0; i < h->n_values; i++) {
        struct tro_half_value *const v = &h->values[i];
        v->is_narrow = is_narrow(h, v, wide);
        v->finding = v->is_narrow ? find(h, v) : TRO_HALF_FITS;
        n_over += v->finding == TRO_HALF_OVERFLOW;
    }
    for (int i = 0; i < h->n_values; i++) {
        const struct tro_half_value *const v = &h->values[i];
        char text[1400];
        if (v->finding == TRO_HALF_FITS || is_repeated(h, v))
            continue;
        describe(h, v, v->finding, text, sizeof text);
        report(ctx, v, v->finding, text);
    }
    return n_over;
}

void tro_halves_widen(const struct tro_halves *h, bool *wide)
{
    const struct tro_block *const b = tro_block_get(h->graph, TRO_MAIN_BLOCK);
    for (int i = 0; i < h->n_values; i++) {
        const struct tro_half_value *const v = &h->values[i];
        if (v->finding != TRO_HALF_OVERFLOW)
            continue;
        if (v->maker >= 0)
            wide[v->maker] = true;
        for (size_t k = 0; k < b->n_nodes; k++) {
            const struct tro_node *const n = tro_node_get(h->graph, b->nodes[k]);
            if (tro_half_uses(n, v->id) || multiplies(h->graph, n, v->id))
                wide[k] = true;
        }
    }
}

const struct tro_half_value *tro_halves_greatest(const struct tro_halves *h)
{
    const struct tro_half_value *greatest = NULL;
    for (int i = 0; i < h->n_values; i++)
        if (h->values[i].is_narrow && (!greatest || h->values[i].stats.peak > greatest->stats.peak))
            greatest = &h->values[i];
    return greatest;
}
