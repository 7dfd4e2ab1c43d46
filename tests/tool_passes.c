/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes do to a model, and whether the results are the same:
 *     tool_passes MODEL [PASSES [print|check [FREE_SIZE]]]
 * check also runs the reference on both graphs with random inputs. Exit 1 when they differ.
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

static int run(const struct tro_graph *source, const char *passes, const char *mode,
               int64_t free_size)
{
    struct tro_err err = {0};
    struct tro_passes_report report;
    const struct tro_passes_opts opts = {.select = passes,
                                         .bisect = getenv("BISECT") ? atoll(getenv("BISECT")) : 0};
    struct tro_graph *const g = tro_graph_clone(source, NULL, &err);
    int rc = g ? tro_passes_run(g, &opts, &report, &err) : -1;
    if (rc == 0) {
        print_counts(source, "before");
        print_counts(g, "after ");
        for (int i = 0; i < TRO_N_PASSES; i++)
            printf("%s %lld (%.1f ms)  ", report.rows[i].name, (long long)report.rows[i].n_changes,
                   (double)report.rows[i].ns * 1e-6);
        printf("\n");
        if (report.last_pass)
            printf("last change: %s at %s\n", report.last_pass, report.last_node);
    }
    if (rc == 0 && strcmp(mode, "print") == 0) {
        struct tro_buf text = {0};
        tro_graph_print(g, 16, &text);
        fwrite(text.p, 1, text.n, stdout);
        tro_buf_finish(&text);
    }
    if (rc == 0 && strcmp(mode, "check") == 0) {
        const double d = passes_kit_compare(source, g, free_size, &err);
        printf("difference %.3g%s\n", d, d < 0 || d > 1.01 ? " FAIL" : d > 1e-5 ? " ?" : "");
        rc = d < 0 ? -1 : d > 1.01;
    }
    if (rc < 0)
        fprintf(stderr, "tool_passes: %s\n", err.text);
    tro_graph_destroy(g);
    return rc == 0 ? 0 : 1;
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
    const int rc = run(tro_model_graph(m), argc > 2 ? argv[2] : "all", argc > 3 ? argv[3] : "",
                       argc > 4 ? atoll(argv[4]) : 1);
    tro_model_close(m);
    return rc;
}
