/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: which passes run, in which order, how often. */
#include "base/alloc.h"
#include "base/err.h"
#include "passes/pass.h"

#include <string.h>
#include <time.h>

/* Rounds of a stage: rules that undo each other end here, not never. */
#define MAX_ROUNDS 12

#define MAX_DUMPED_ELEMS 16

static const struct {
    const char *name;
    int stage;
    tro_pass_fn *fn;
} passes[TRO_N_PASSES] = {
#define PASS(name, stage, doc) {#name, stage, tro_pass_##name},
#include "passes/passes.def"
#undef PASS
};

struct run {
    struct tro_graph *g;
    const struct tro_passes_opts *opts;
    struct tro_passes_report *report;
    bool is_on[TRO_N_PASSES];
    int dump_after; /* index; TRO_N_PASSES: all; -1: none */
    struct tro_err *err;
};

/* ---- selection ------------------------------------------------------------------------- */

static int fail_name(struct run *r, struct tro_str word)
{
    struct tro_buf names = {0};
    for (int i = 0; i < TRO_N_PASSES; i++)
        tro_buf_printf(&names, i ? ", %s" : "%s", passes[i].name);
    tro_buf_u8(&names, 0);
    const int rc = names.failed
                       ? tro_fail_nomem(r->err)
                       : tro_fail(r->err, TRO_E_INPUT, "expected passes out of %s, found '%.*s'",
                                  (const char *)names.p, (int)(word.n < 64 ? word.n : 64), word.p);
    tro_buf_finish(&names);
    return rc;
}

static int find_pass(struct tro_str word)
{
    for (int i = 0; i < TRO_N_PASSES; i++)
        if (tro_str_eqz(word, passes[i].name))
            return i;
    return -1;
}

static int select_word(struct run *r, struct tro_str word)
{
    const bool is_off = word.n > 0 && word.p[0] == '-';
    const struct tro_str name = is_off ? (struct tro_str){word.p + 1, word.n - 1} : word;
    const bool is_all = tro_str_eqz(name, "all"), is_none = tro_str_eqz(name, "none") && !is_off;
    const int i = find_pass(name);
    if (i < 0 && !is_all && !is_none)
        return fail_name(r, word);
    if (i >= 0)
        r->is_on[i] = !is_off;
    for (int k = 0; k < TRO_N_PASSES && i < 0; k++)
        r->is_on[k] = is_all && !is_off;
    return 0;
}

/* "all", "none", "a,b", "all,-c"; a list that only takes away takes away from all. */
static int select_passes(struct run *r)
{
    const char *p = r->opts->select ? r->opts->select : "all";
    for (int i = 0; i < TRO_N_PASSES; i++)
        r->is_on[i] = *p == '-';
    while (true) {
        const size_t n = strcspn(p, ",");
        TRO_TRY(select_word(r, (struct tro_str){p, n}));
        if (!p[n])
            return 0;
        p += n + 1;
    }
}

static int select_dump(struct run *r)
{
    const char *const name = r->opts->dump_after;
    r->dump_after = -1;
    if (!name)
        return 0;
    const struct tro_str word = {name, strlen(name)};
    r->dump_after = tro_str_eqz(word, "all") ? TRO_N_PASSES : find_pass(word);
    return r->dump_after < 0 ? fail_name(r, word) : 0;
}

/* ---- running --------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int dump(struct run *r, int i)
{
    struct tro_buf text = {0};
    FILE *const f = r->opts->dump ? r->opts->dump : stderr;
    if (r->dump_after != i && r->dump_after != TRO_N_PASSES)
        return 0;
    tro_graph_print(r->g, MAX_DUMPED_ELEMS, &text);
    const bool is_written = !text.failed && fprintf(f, "# after %s\n", passes[i].name) > 0 &&
                            fwrite(text.p, 1, text.n, f) == text.n;
    tro_buf_finish(&text);
    return is_written ? 0 : tro_fail(r->err, TRO_E_IO, "cannot print the graph after a pass");
}

/* Returns 1 when the pass changed something. */
static int run_pass(struct run *r, int i)
{
    struct tro_passes_row *const row = &r->report->rows[i];
    struct tro_pass p = {.g = r->g,
                         .err = r->err,
                         .name = passes[i].name,
                         .keeps_quantized = r->opts->keeps_quantized,
                         .limit = r->opts->bisect,
                         .n_made = &r->report->n_changes,
                         .report = r->report,
                         .is_index_stale = true};
    const int64_t start = now_ns();
    int rc = passes[i].fn(&p);
    if (rc == 0)
        rc = p.rc;
    row->ns += now_ns() - start;
    row->n_changes += p.n_changes;
    tro_free(p.uses);
    tro_free(p.users);
    if (rc == 0 && r->g->dims.failed)
        rc = tro_fail_nomem(r->err);
    if (rc == 0 && p.n_changes > 0)
        rc = tro_graph_verify(r->g, r->err);
    TRO_TRY(tro_err_prefix(r->err, rc, "pass %s: ", passes[i].name));
    return p.n_changes > 0;
}

static int run_stage(struct run *r, int first, int last)
{
    int n_on = 0, n_changed = 1;
    for (int i = first; i < last; i++)
        n_on += r->is_on[i];
    for (int round = 0; round < MAX_ROUNDS && n_changed > 0; round++) {
        n_changed = 0;
        for (int i = first; i < last; i++) {
            const int rc = r->is_on[i] ? run_pass(r, i) : 0;
            TRO_TRY(rc);
            n_changed += rc;
            if (r->is_on[i] && (rc > 0 || round == 0))
                TRO_TRY(dump(r, i));
        }
        if (n_on < 2 && last - first < 2)
            return 0;
    }
    return 0;
}

int tro_passes_run(struct tro_graph *g, const struct tro_passes_opts *opts,
                   struct tro_passes_report *report, struct tro_err *err)
{
    static const struct tro_passes_opts defaults;
    struct tro_passes_report own;
    struct run r = {
        .g = g, .opts = opts ? opts : &defaults, .report = report ? report : &own, .err = err};
    *r.report = (struct tro_passes_report){0};
    for (int i = 0; i < TRO_N_PASSES; i++)
        r.report->rows[i].name = passes[i].name;
    TRO_TRY(select_passes(&r));
    TRO_TRY(select_dump(&r));
    for (int first = 0, last; first < TRO_N_PASSES; first = last) {
        for (last = first; last < TRO_N_PASSES && passes[last].stage == passes[first].stage;)
            last++;
        TRO_TRY(run_stage(&r, first, last));
    }
    return 0;
}
