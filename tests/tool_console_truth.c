/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of docs/console.md, "From frame to frame":
 *     build/tests/tool_console_truth marks SEED FIRST FRAMES WIDTH HEIGHT
 *     build/tests/tool_console_truth lengths FROM TO            procedures FROM..TO - 1
 */
#include "console_truth_kit.h"

#include <stdarg.h>
#include <stdio.h>

/* What the kit checks ends the program here. */
bool test_check(bool ok, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!ok) {
        fprintf(stderr, "%s:%d: ", file, line);
        vfprintf(stderr, fmt, args);
        fputc('\n', stderr);
        exit(3);
    }
    va_end(args);
    return ok;
}

static void print(const char *what, struct kit_errors *e, const char *unit)
{
    printf("%s: %d, half within %.2f, nine in ten within %.2f, all but one in a hundred within "
           "%.2f, all within %.2f %s\n",
           what, e->n, (double)kit_quantile(e, 0.5f), (double)kit_quantile(e, 0.9f),
           (double)kit_quantile(e, 0.99f), (double)kit_quantile(e, 1), unit);
}

static int marks(char **argv)
{
    static struct kit_points p;
    if (!kit_follow_tissue(&p, strtoull(argv[0], NULL, 10), atoll(argv[1]), atoi(argv[2]),
                           atoi(argv[3]), atoi(argv[4])))
        return 3;
    print("places", &p.errors, "px");
    printf("visible %d, lost %.1f %%\n", p.n_visible,
           100.0 * (p.n_visible - p.errors.n) / p.n_visible);
    return 0;
}

static int lengths(char **argv)
{
    static struct kit_errors of_tip, of_place;
    if (!kit_measure_lengths(strtoull(argv[0], NULL, 10), strtoull(argv[1], NULL, 10), 300, 7800,
                             &of_tip, &of_place))
        return 3;
    print("from the true end", &of_tip, "mm");
    print("from the end by depth", &of_place, "mm");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "marks") == 0)
        return marks(argv + 2);
    if (argc == 4 && strcmp(argv[1], "lengths") == 0)
        return lengths(argv + 2);
    fprintf(stderr, "tool_console_truth: expected marks SEED FIRST FRAMES WIDTH HEIGHT, or lengths "
                    "FROM TO\n");
    return 2;
}
