/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect found, on a terminal. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "inspect_text.h"

#define LAYERS_SHOWN 10
#define FINDINGS_SHOWN 4
#define WIDTH 100

static void print_table(struct tro_table *t)
{
    tro_table_print(t, stdout);
    tro_table_finish(t);
}

/* "Conv 83, Mul 72, ...", broken into lines. */
static void print_count(int *column, const char *name, const char *domain, int64_t n, bool is_first)
{
    char text[256];
    const int width = snprintf(text, sizeof text, "%s%s%s %lld", domain, domain[0] ? "." : "", name,
                               (long long)n);
    if (!is_first && *column + 2 + width > WIDTH) {
        printf(",\n    ");
        *column = 4;
    } else if (!is_first) {
        printf(", ");
        *column += 2;
    }
    printf("%s", text);
    *column += width;
}

static void print_operators(const struct tro_inspect *x)
{
    int column = 4;
    printf("\noperators of the file\n    ");
    for (size_t i = 0; i < x->n_ops; i++)
        print_count(&column, x->ops[i].op_type, x->ops[i].domain, x->ops[i].n, i == 0);
    printf("\n");
    if (!x->graph)
        return;
    printf("operators after import\n    ");
    column = 4;
    bool is_first = true;
    int64_t last = INT64_MAX;
    /* Most frequent first: each count that occurs, in turn. */
    for (;;) {
        int64_t next = 0;
        for (int i = 0; i < TRO_N_OPS; i++)
            if (x->own_ops[i] < last && x->own_ops[i] > next)
                next = x->own_ops[i];
        if (!next)
            break;
        for (int i = 0; i < TRO_N_OPS; i++)
            if (x->own_ops[i] == next) {
                print_count(&column, tro_op_info((enum tro_op)i)->text, "", next, is_first);
                is_first = false;
            }
        last = next;
    }
    printf("\n");
}

static void print_layers(const struct tro_inspect *x)
{
    const size_t n = x->n_layers < LAYERS_SHOWN ? x->n_layers : LAYERS_SHOWN;
    const struct tro_layer **layers = tro_inspect_sorted_layers(x);
    if (layers && n) {
        struct tro_table t = {0};
        printf("\nlayers with most MACs, %zu of %zu\n", n, x->n_layers);
        tro_inspect_layers_table(x, layers, n, &t);
        print_table(&t);
    }
    tro_free(layers);
}

static void print_findings(const struct tro_inspect *x)
{
    printf("\n%s\n", x->n_findings ? "warnings" : "no warnings");
    for (int c = 0; c < TRO_N_CHECKS; c++) {
        size_t first = 0;
        const size_t n = tro_inspect_findings(x, (enum tro_check)c, &first);
        if (!n)
            continue;
        printf("  %s: %zu\n", tro_check_title((enum tro_check)c), n);
        for (size_t i = 0; i < n && i < FINDINGS_SHOWN; i++)
            printf("      %s\n", x->findings[first + i].text);
        if (n > FINDINGS_SHOWN)
            printf("      and %zu more\n", n - FINDINGS_SHOWN);
        printf("    -> %s\n", tro_check_remedy((enum tro_check)c));
    }
}

void tro_inspect_print(const struct tro_inspect *x)
{
    struct tro_summary_line lines[TRO_SUMMARY_MAX];
    struct tro_table io = {0};
    const int n = tro_inspect_summary(x, lines);
    printf("%s\n\n", x->path);
    for (int i = 0; i < n; i++)
        printf("  %-12s %s\n", lines[i].name, lines[i].text);
    printf("\n");
    tro_inspect_io_table(x, &io);
    print_table(&io);
    print_operators(x);
    print_layers(x);
    if (x->n_unsupported) {
        struct tro_table t = {0};
        printf("\nnot supported\n");
        tro_inspect_unsupported_table(x, &t);
        print_table(&t);
    }
    print_findings(x);
}
