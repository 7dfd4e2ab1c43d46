/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdarg.h>
#include <stdio.h>

static struct test_case *first, **last = &first;
static int n_failed_checks;
static const char *skip_reason;

void test_register(struct test_case *t)
{
    *last = t;
    last = &t->next;
}

bool test_check(bool ok, const char *file, int line, const char *fmt, ...)
{
    if (ok)
        return true;
    n_failed_checks++;
    printf("%s:%d: ", file, line);
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    return false;
}

bool test_check_int(int64_t a, int64_t b, const char *what, const char *file, int line)
{
    return test_check(a == b, file, line, "%s = %lld, expected %lld", what, (long long)a,
                      (long long)b);
}

bool test_check_str(const char *a, const char *b, const char *what, const char *file, int line)
{
    return test_check(strcmp(a, b) == 0, file, line, "%s = \"%s\", expected \"%s\"", what, a, b);
}

bool test_check_near(double a, double b, double tol, const char *what, const char *file, int line)
{
    return test_check(fabs(a - b) <= tol, file, line, "%s = %.9g, expected %.9g within %g", what, a,
                      b, tol);
}

bool test_check_has(const char *text, const char *part, const char *file, int line)
{
    return test_check(strstr(text, part) != NULL, file, line, "\"%s\" lacks \"%s\"", text, part);
}

void test_skip(const char *reason)
{
    skip_reason = reason;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    if (argc < 2)
        return true;
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i]))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-l") == 0) {
        for (struct test_case *t = first; t; t = t->next)
            printf("%s\n", t->name);
        return 0;
    }
    int n_passed = 0, n_failed = 0, n_skipped = 0;
    for (struct test_case *t = first; t; t = t->next) {
        if (!is_wanted(t->name, argc, argv))
            continue;
        n_failed_checks = 0;
        skip_reason = NULL;
        t->fn();
        if (n_failed_checks) {
            printf("FAIL %s\n", t->name);
            n_failed++;
        } else if (skip_reason) {
            printf("SKIP %s: %s\n", t->name, skip_reason);
            n_skipped++;
        } else {
            n_passed++;
        }
    }
    printf("%d passed, %d failed, %d skipped\n", n_passed, n_failed, n_skipped);
    return n_failed != 0;
}
