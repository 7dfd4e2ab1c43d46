/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests. A test file holds TEST(name) { ... } blocks; tests/test_main.c runs them all:
 *     build/tests/unit_base [-l] [SUBSTRING...]
 * and ends with the line "N passed, N failed, N skipped". A failed CHECK prints file, line and
 * values, and the test goes on; CHECK_OR_RETURN leaves it. SKIP prints its reason and leaves.
 */
#ifndef TRO_TESTS_TEST_H
#define TRO_TESTS_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*fn)(void);
    struct test_case *next;
};
void test_register(struct test_case *t);
bool test_check(bool ok, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool test_check_int(int64_t a, int64_t b, const char *what, const char *file, int line);
bool test_check_str(const char *a, const char *b, const char *what, const char *file, int line);
bool test_check_near(double a, double b, double tol, const char *what, const char *file, int line);
bool test_check_has(const char *text, const char *part, const char *file, int line);
void test_skip(const char *reason);

#define TEST(id)                                                        \
    static void test_fn_##id(void);                                     \
    static struct test_case test_case_##id = {#id, test_fn_##id, NULL}; \
    __attribute__((constructor)) static void test_reg_##id(void)        \
    {                                                                   \
        test_register(&test_case_##id);                                 \
    }                                                                   \
    static void test_fn_##id(void)

#define CHECK(cond) test_check((cond), __FILE__, __LINE__, "%s", #cond)
#define CHECK_OR_RETURN(cond) \
    do {                      \
        if (!CHECK(cond))     \
            return;           \
    } while (0)
#define CHECK_INT(a, b) test_check_int((int64_t)(a), (int64_t)(b), #a, __FILE__, __LINE__)
#define CHECK_STR(a, b) test_check_str((a), (b), #a, __FILE__, __LINE__)
#define CHECK_NEAR(a, b, tol) \
    test_check_near((double)(a), (double)(b), (double)(tol), #a, __FILE__, __LINE__)
#define CHECK_HAS(text, part) test_check_has((text), (part), __FILE__, __LINE__)
#define SKIP(reason)       \
    do {                   \
        test_skip(reason); \
        return;            \
    } while (0)

#endif
