/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes do to a model, and whether the results are the same:
 *     tool_passes MODEL [PASSES [print | check [FREE_SIZE [SCALE]]]]
 *     tool_passes MODEL each [FREE_SIZE [SCALE]]
 * check also runs the reference on both graphs with random inputs; each does so with all passes,
 * with each one left out and with each one alone. Exit 1 when results differ.
 */
#include "build/model.h"
#include "passes_kit.h"

#include <stdlib.h>

static void count(const struct tro_graph *g, tro_block_id b, uint32_t *n)
{
    const struct tro_block *const block = tro_block_get(g, b);
    for (size_t i = 0; i < block->n_nodes; i++) {
        const struct tro_node *const node = tro_node_get(g, block->nodes[i]);
        n[node->op]++;
        for (int k = 0; k < 2 && node->op != TRO_OP_FUSED; k++)
            if (node->blocks[k].i)
                count(g, node->blocks[k], n);
    }
}

/* Fused nodes by their anchor. */
static void print_counts(const struct tro_graph *g, const char *what)
{
    uint32_t n[TRO_N_OPS] = {0}, total = 0;
    count(g, TRO_MAIN_BLOCK, n);
    for (int i = 0; i < TRO_N_OPS; i++)
        total += n[i];
    printf("%s: %u nodes:", what, total);
    for (int i = 0; i < TRO_N_OPS; i++)
        if (n[i])
            printf(" %s %u", tro_op_info((enum tro_op)i)->text, n[i]);
    uint32_t heads[TRO_N_OPS] = {0};
    for (size_t i = 1; i < g->n_nodes; i++)
        if (g->nodes[i].op == TRO_OP_FUSED && g->nodes[i].block.i)
            heads[tro_node_get(g, tro_block_get(g, g->nodes[i].blocks[0])->nodes[0])->op]++;
    for (int i = 0; i < TRO_N_OPS && n[TRO_OP_FUSED]; i++)
        if (heads[i])
            printf(" (%s.. %u)", tro_op_info((enum tro_op)i)->text, heads[i]);
    printf("\n");
}

static void print_report(const struct tro_graph *source, const struct tro_graph *g,
                         const struct tro_passes_report *report)
{
    print_counts(source, "before");
    print_counts(g, "after ");
    for (int i = 0; i < TRO_N_PASSES; i++)
        printf("%s %lld (%.1f ms)  ", report->rows[i].name, (long long)report->rows[i].n_changes,
               (double)report->rows[i].ns * 1e-6);
    printf("\n");
    if (report->last_pass)
        printf("last change: %s at %s\n", report->last_pass, report->last_node);
}

static void print_graph(const struct tro_graph *g)
{
    struct tro_buf text = {0};
    tro_graph_print(g, 16, &text);
    fwrite(text.p, 1, text.n, stdout);
    tro_buf_finish(&text);
}

/* NULL with a message when passes failed. */
static struct tro_graph *optimize(const struct tro_graph *source, const char *passes,
                                  struct tro_passes_report *report)
{
    const char *const bisect = getenv("BISECT");
    const struct tro_passes_opts opts = {.select = passes, .bisect = bisect ? atoll(bisect) : 0};
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_clone(source, NULL, &err);
    if (g && tro_passes_run(g, &opts, report, &err) == 0)
        return g;
    fprintf(stderr, "tool_passes: %s: %s\n", passes, err.text);
    tro_graph_destroy(g);
    return NULL;
}

/* Integers within one quantum: what is dequantized after it differs by as much. */
static int check(const struct passes_kit *kit, const struct tro_graph *g, const char *passes)
{
    struct tro_err err = {0};
    const double d = passes_kit_check(kit, g, &err);
    printf("%s: difference %.3g%s %s\n", passes, d,
           d < 0 || d > 1 ? " FAIL"
           : d > 1e-5     ? " ?"
                          : "",
           err.text);
    return d < 0 || d > 1;
}

static int run_each(const struct tro_graph *source, const struct passes_kit *kit)
{
    int rc = 0;
    for (int i = -1; i < 2 * TRO_N_PASSES; i++) {
        static const char *const names[] = {
#define PASS(name, stage, doc) "all,-" #name,
#include "passes/passes.def"
#undef PASS
#define PASS(name, stage, doc) #name,
#include "passes/passes.def"
#undef PASS
        };
        const char *const passes = i < 0 ? "all" : names[i];
        struct tro_passes_report report;
        struct tro_graph *const g = optimize(source, passes, &report);
        rc |= g ? check(kit, g, passes) : 1;
        tro_graph_destroy(g);
    }
    return rc;
}

static int run(const struct tro_graph *source, const char *passes, const char *mode,
               int64_t free_size, double scale)
{
    struct passes_kit kit = {0};
    struct tro_err err = {0};
    struct tro_passes_report report;
    const bool is_each = strcmp(passes, "each") == 0, is_check = strcmp(mode, "check") == 0;
    struct tro_graph *const g = optimize(source, is_each ? "all" : passes, &report);
    if (!g)
        return 1;
    int rc = 0;
    print_report(source, g, &report);
    if (strcmp(mode, "print") == 0)
        print_graph(g);
    if ((is_each || is_check) && passes_kit_begin(&kit, source, free_size, scale, &err) < 0)
        rc = fprintf(stderr, "tool_passes: %s\n", err.text) != 0;
    else if (is_each)
        rc = run_each(source, &kit);
    else if (is_check)
        rc = check(&kit, g, passes);
    passes_kit_end(&kit);
    tro_graph_destroy(g);
    return rc;
}

int main(int argc, char **argv)
{
    struct tro_err err = {0};
    if (argc < 2)
        return 2;
    struct tro_model *const m = tro_model_open(argv[1], &err);
    if (!m) {
        fprintf(stderr, "tool_passes: %s\n", err.text);
        return 2;
    }
    const char *const passes = argc > 2 ? argv[2] : "all", *const mode = argc > 3 ? argv[3] : "";
    const int at = strcmp(passes, "each") == 0 ? 3 : 4;
    const int rc = run(tro_model_graph(m), passes, mode, argc > at ? atoll(argv[at]) : 1,
                       argc > at + 1 ? atof(argv[at + 1]) : 1);
    tro_model_close(m);
    return rc;
}
