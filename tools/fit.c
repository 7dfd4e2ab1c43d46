/* SPDX-License-Identifier: Apache-2.0 */
#include "fit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define MAX_TOLD 24 /* warnings of one kind of data; the rest is counted */

/* ---- layers at fp32 ------------------------------------------------------------------------- */

static int add_names(struct tro_fit *f, const char *text, struct tro_err *err)
{
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, ",");
        const char *const name = tro_arena_strndup(&f->arena, at, n);
        if (!name)
            return tro_fail_nomem(err);
        if (strcmp(name, "auto") == 0)
            f->is_auto = true;
        else if (n)
            f->names[f->n_names++] = name;
        at += n + (at[n] == ',');
    }
    return 0;
}

static int read_names(struct tro_fit *f, struct tro_err *err)
{
    size_t n = 1;
    for (int i = 0; i < f->layers->n; i++)
        n += strlen(f->layers->v[i]) + 1;
    f->names = TRO_NEW_N(&f->arena, const char *, n);
    if (!f->names)
        return tro_fail_nomem(err);
    for (int i = 0; i < f->layers->n; i++)
        TRO_TRY(add_names(f, f->layers->v[i], err));
    if (f->is_auto && f->calib.data->n == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "--fp32-layers auto: expected --calib DATA, which shows what overflows");
    return 0;
}

static const char *layer_at(const struct tro_fit *f, size_t i)
{
    const struct tro_block *const b = tro_block_get(f->graph, TRO_MAIN_BLOCK);
    const struct tro_node *const n = tro_node_get(f->graph, b->nodes[i]);
    for (uint32_t k = 0; k < n->n_out; k++)
        if (n->out[k].i)
            return tro_value_get(f->graph, n->out[k])->name;
    return n->name;
}

/* The builder knows them by the names of their results, which are unique. */
static int keep_wide(struct tro_fit *f, struct tro_build_opts *opts, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(f->graph, TRO_MAIN_BLOCK);
    f->names = TRO_NEW_N(&f->arena, const char *, b->n_nodes + 1);
    if (!f->names)
        return tro_fail_nomem(err);
    f->n_names = 0;
    for (size_t i = (size_t)opts->n_wide; i < b->n_nodes; i++)
        if (f->wide[i])
            f->names[f->n_names++] = layer_at(f, i);
    opts->fp32_layers = f->names;
    opts->n_fp32_layers = f->n_names;
    return 0;
}

/* ---- graphs --------------------------------------------------------------------------------- */

/* The selection of passes without the one that hides values. */
static const char *passes_without_fuse(struct tro_fit *f, const char *select)
{
    if (!select || strcmp(select, "all") == 0 || strncmp(select, "all,", 4) == 0)
        return tro_arena_printf(&f->arena, "%s,-fuse", select ? select : "all");
    char *const list = tro_arena_strdup(&f->arena, select);
    char *const fuse = list ? strstr(list, "fuse") : NULL;
    if (!fuse)
        return list;
    const bool is_first = fuse == list, is_last = !fuse[4];
    if (is_first && is_last)
        return "none";
    memmove(is_first ? fuse : fuse - 1, is_first ? fuse + 5 : fuse + 4,
            strlen(fuse + 4) + (is_first ? 0 : 1));
    return list;
}

static int make_graphs(struct tro_fit *f, const struct tro_builder *b,
                       const struct tro_build_opts *opts, struct tro_err *err)
{
    const char *const plain = passes_without_fuse(f, opts->passes);
    if (!plain)
        return tro_fail_nomem(err);
    f->graph = tro_builder_graph(b, opts->passes, err);
    f->plain = f->graph ? tro_builder_graph(b, plain, err) : NULL;
    if (!f->plain)
        return err->status;
    const size_t n = tro_block_get(f->graph, TRO_MAIN_BLOCK)->n_nodes;
    f->wide = TRO_NEW_N(&f->arena, bool, n + 1);
    return f->wide ? tro_wide_mark(f->graph, opts, f->wide, err) : tro_fail_nomem(err);
}

/* ---- what was found ------------------------------------------------------------------------- */

static int look(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_fit *const f = ctx;
    return tro_halves_observe(f->halves, s->inputs, s->name, err);
}

static void tell(void *ctx, const struct tro_half_value *v, enum tro_half_finding finding,
                 const char *text)
{
    struct tro_fit *const f = ctx;
    (void)v;
    if (finding == TRO_HALF_OVERFLOW || finding == TRO_HALF_BAD) {
        if (!f->over[0])
            snprintf(f->over, sizeof f->over, "%s", text);
        return;
    }
    if (f->n_told++ < MAX_TOLD)
        tro_build_warn(f->opts, "%s", text);
}

/* "a,b,c": layers that the values at hand, and those that then come up, need at fp32. */
static int list_needed(struct tro_fit *f, char *text, size_t n)
{
    const struct tro_block *const b = tro_block_get(f->graph, TRO_MAIN_BLOCK);
    size_t at = 0;
    int count = 0;
    text[0] = 0;
    for (size_t i = 0; i < b->n_nodes; i++) {
        if (!f->wide[i])
            continue;
        if (count++ < 6 && at < n)
            at += (size_t)snprintf(text + at, n - at, "%s%s", count > 1 ? "," : "", layer_at(f, i));
    }
    if (count > 6 && at < n)
        snprintf(text + at, n - at, " and %d more", count - 6);
    return count;
}

static int settle(struct tro_fit *f, int n_over, struct tro_err *err)
{
    char first[1400], needed[1200];
    if (n_over == 0 && !f->over[0])
        return 0;
    memcpy(first, f->over, sizeof first);
    tro_halves_widen(f->halves, f->wide);
    f->over[0] = 0;
    f->n_told = MAX_TOLD; /* told already */
    const int n_left = tro_halves_judge(f->halves, f->wide, tell, f);
    const int n_wide = list_needed(f, needed, sizeof needed);
    if (f->is_auto && n_left == 0 && !f->over[0]) {
        tro_build_warn(f->opts, "%s%s: %d layers stay at fp32: %s", first,
                       n_over > 1 ? ", others too" : "", n_wide, needed);
        return 0;
    }
    return tro_fail(err, TRO_E_INPUT,
                    "%s%s: keep layers at fp32 with --fp32-layers auto (%d: %s), or the first ones "
                    "with --fp32-first N, or build with --precision bf16 or tf32",
                    first, n_over > 1 ? ", and others do" : "", n_wide, needed);
}

static void print(const struct tro_fit *f)
{
    const struct tro_halves *const h = f->halves;
    const struct tro_half_value *const v = tro_halves_greatest(h);
    int n_weights = 0, n_values = 0;
    for (int i = 0; i < h->n_values; i++) {
        n_weights += h->values[i].is_narrow && h->values[i].is_weight;
        n_values += h->values[i].is_narrow && !h->values[i].is_weight;
    }
    printf("%s: %d values and %d weights on %" PRId64 " samples", h->is_bf16 ? "bf16" : "fp16",
           n_values, n_weights, h->n_samples);
    if (v)
        printf("; the greatest is %.4g of '%s'", (double)v->stats.peak, v->name);
    if (v && !h->is_bf16)
        printf(", %.2g %% of what fp16 holds", (double)(100 * v->stats.peak / TRO_F16_MAX));
    printf("%s\n\n",
           h->is_bf16 ? "; bf16 has the range of fp32, rounding alone was looked at" : "");
}

static int judge(struct tro_fit *f, struct tro_err *err)
{
    const int n_over = tro_halves_judge(f->halves, f->wide, tell, f);
    if (f->n_told > MAX_TOLD)
        tro_build_warn(f->opts, "%d more values are like these", f->n_told - MAX_TOLD);
    if (f->halves->n_unseen)
        tro_build_warn(f->opts,
                       "%d values or blocks of loops and branches were not looked at: ranges are "
                       "known of the main block alone",
                       f->halves->n_unseen);
    return settle(f, n_over, err);
}

int tro_fit_check(struct tro_fit *f, const struct tro_builder *b, struct tro_build_opts *opts,
                  struct tro_err *err)
{
    enum tro_precision precision = TRO_PRECISION_FP32;
    f->opts = opts;
    TRO_TRY(read_names(f, err));
    opts->fp32_layers = f->names;
    opts->n_fp32_layers = f->n_names;
    if (f->calib.data->n == 0 || !tro_precision_from_name(opts->precision, &precision))
        return 0;
    TRO_TRY(make_graphs(f, b, opts, err));
    if (tro_precision_for(f->graph, precision) != precision)
        return 0; /* floats between integers stay at fp32 */
    f->halves = tro_halves_create(f->graph, f->plain, precision, err);
    if (!f->halves)
        return err->status;
    TRO_TRY(tro_calib_each(&f->calib, "ranges", 0, look, f, err));
    if (f->halves->n_samples == 0)
        return tro_fail(err, TRO_E_INPUT, "--calib: expected samples, found none");
    TRO_TRY(judge(f, err));
    print(f);
    TRO_TRY(keep_wide(f, opts, err));
    opts->is_range_checked = 1;
    return 0;
}

static void value_json(const struct tro_halves *h, const struct tro_half_value *v,
                       struct tro_json *j)
{
    const struct tro_half_stats *const s = &v->stats;
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "layer", v->layer);
    tro_json_string(j, "value", v->name);
    tro_json_bool(j, "is_weight", v->is_weight);
    tro_json_number(j, "peak", (double)s->peak);
    if (s->peak_sample >= 0)
        tro_json_string(j, "peak_sample", h->samples[s->peak_sample]);
    tro_json_number(j, "loss", sqrt(tro_half_loss(v)));
    tro_json_number(j, "vanished", s->square > 0 ? s->vanished / s->square : 0);
    tro_json_object_end(j);
}

void tro_fit_json(const struct tro_fit *f, struct tro_json *j)
{
    const struct tro_halves *const h = f->halves;
    if (!h)
        return;
    tro_json_object_begin(j, "fit");
    tro_json_int(j, "samples", h->n_samples);
    tro_json_array_begin(j, "fp32_layers");
    for (int i = 0; i < f->n_names; i++)
        tro_json_string(j, NULL, f->names[i]);
    tro_json_array_end(j);
    tro_json_array_begin(j, "values");
    for (int i = 0; i < h->n_values; i++)
        if (h->values[i].is_narrow)
            value_json(h, &h->values[i], j);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

void tro_fit_finish(struct tro_fit *f)
{
    tro_halves_destroy(f->halves);
    tro_graph_destroy(f->plain);
    tro_graph_destroy(f->graph);
    tro_arena_finish(&f->arena);
    f->halves = NULL;
    f->plain = f->graph = NULL;
}
