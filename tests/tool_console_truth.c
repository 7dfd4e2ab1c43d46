/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of docs/console.md, "From frame to frame":
 *     build/tests/tool_console_truth marks SEED FIRST FRAMES WIDTH HEIGHT [masks|boxes]
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

static void print_count(const char *what, struct kit_count *c)
{
    const double n = c->n > 0 ? c->n : 1;
    printf("%s: %d, lost %.1f %%, unsure %.1f %%, sure %.1f %%\n", what, c->n, 100 * c->n_lost / n,
           100 * c->n_unsure / n, 100 * c->sure.n / n);
    if (c->sure.n == 0)
        return;
    print("  sure", &c->sure, "px");
    printf("  sure and off by more than 13 px: %d, 30 px: %d\n", kit_beyond(&c->sure, 13),
           kit_beyond(&c->sure, 30));
}

/* What networks know of instruments comes two frames late. */
static int marks(int argc, char **argv)
{
    static struct kit_points p;
    enum kit_known known = KIT_NOTHING;
    if (argc > 5)
        known = strcmp(argv[5], "masks") == 0 ? KIT_MASKS : KIT_BOXES;
    if (!kit_follow_tissue(&p, strtoull(argv[0], NULL, 10), atoll(argv[1]), atoi(argv[2]),
                           atoi(argv[3]), atoi(argv[4]), known))
        return 3;
    print_count("visible", &p.visible);
    printf("  lost or unsure, but within 8 px: %.1f %%\n", 100.0 * p.n_right / p.visible.n);
    print_count("behind instruments", &p.behind);
    printf("%.3f ms for a place and frame\n", (double)p.follow_ns * 1e-6 / (double)p.n_steps);
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
    if ((argc == 7 || argc == 8) && strcmp(argv[1], "marks") == 0 && atoi(argv[4]) >= KIT_STARTS)
        return marks(argc - 2, argv + 2);
    if (argc == 4 && strcmp(argv[1], "lengths") == 0)
        return lengths(argv + 2);
    fprintf(stderr, "tool_console_truth: expected marks SEED FIRST FRAMES WIDTH HEIGHT "
                    "[masks|boxes] with 3 frames or more, or lengths FROM TO\n");
    return 2;
}
