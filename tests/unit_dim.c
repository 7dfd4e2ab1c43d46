/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as expressions: what is known to be equal, bounds, values at run time, text. */
#include "base/alloc.h"
#include "graph/dim.h"
#include "test.h"

#include <stdio.h>

struct table {
    struct tro_arena arena;
    struct tro_dims t;
};

static void begin(struct table *x)
{
    *x = (struct table){0};
    tro_dims_init(&x->t, &x->arena);
}

static void end(struct table *x)
{
    tro_dims_finish(&x->t);
    tro_arena_finish(&x->arena);
}

static tro_dim parse(struct tro_dims *t, const char *text)
{
    size_t pos = 0;
    tro_dim d = tro_dim_const(-12345);
    const bool is_read = tro_dim_parse(t, (struct tro_str){text, strlen(text)}, &pos, &d);
    test_check(is_read && pos == strlen(text), __FILE__, __LINE__, "cannot read \"%s\"", text);
    return d;
}

static tro_dim symbol(struct tro_dims *t, int i, int64_t lo, int64_t hi)
{
    char name[16];
    const int n = snprintf(name, sizeof(name), "S%d", i);
    return tro_dim_symbol(t, (struct tro_str){name, (size_t)n}, lo, hi);
}

static const char *print(const struct tro_dims *t, tro_dim d)
{
    static char text[2000];
    struct tro_buf b = {0};
    tro_dim_print(t, d, &b);
    snprintf(text, sizeof(text), "%.*s", (int)b.n, b.p ? (const char *)b.p : "");
    tro_buf_finish(&b);
    return text;
}

/* Both texts are read into one table; expected is what print gives, and an equal entry. */
static void check_same(const char *text, const char *expected)
{
    struct table x;
    begin(&x);
    const tro_dim a = parse(&x.t, text), b = parse(&x.t, expected);
    test_check(tro_dim_eq(a, b), __FILE__, __LINE__, "%s and %s are not one entry", text, expected);
    const char *const printed = print(&x.t, a);
    test_check(strcmp(printed, expected) == 0, __FILE__, __LINE__, "%s prints as %s, expected %s",
               text, printed, expected);
    end(&x);
}

TEST(dim_sums)
{
    check_same("H+1-1", "H");
    check_same("2*H+3*W-H+4-1", "H+W*3+3");
    check_same("(H-1)*2+2", "H*2");
    check_same("W+H", "H+W");
    check_same("H-H", "0");
    check_same("3-(5-H)", "H-2");
    check_same("-H*2+3", "-H*2+3");
    check_same("(H+1)*(W-1)", "H*W-H+W-1");
    check_same("W*H*W", "H*W*W");
    check_same("H*W+H*H+1+W", "H*H+H*W+W+1");
    check_same("0*H", "0");
    check_same("7", "7");
}

TEST(dim_quotients)
{
    check_same("(H*2)/2", "H");
    check_same("N*3*4/12", "N");
    check_same("(H*3)/2", "H+H/2");
    check_same("(H-1)/2+1", "(H+1)/2");
    check_same("H/2/3", "H/6");
    check_same("(H/2+1)/2", "(H+2)/4");
    check_same("(H*4+3)/4", "H");
    check_same("(H*4+6)/4", "H+1");
    check_same("(H*6+3)/4", "H+(H+1)/2");
    check_same("(-H)/4", "-H+(H*3)/4");
    check_same("H/(-2)", "-H+H/2");
    check_same("((H+1)/2)*2", "((H+1)/2)*2");
    check_same("N*C*H/(N*C)", "H");
    check_same("(N*C*H+N*W)/N", "C*H+W");
    check_same("(H+1)*(W+2)*N/(H+1)", "N*W+N*2");
    check_same("N*3/(N*2)", "1");
    check_same("N*H/(N*2)", "H/2");
    check_same("0/N", "0");
    check_same("N/N", "1");
    check_same("7/2", "3");
    check_same("-7/2", "-3");
    check_same("(-7)/2", "-4");
    check_same("7/(-2)", "-4");
}

TEST(dim_remainders)
{
    check_same("(H*4+6)%4", "2");
    check_same("(H*5+6)%4", "(H+2)%4");
    check_same("(N*H)%N", "0");
    check_same("(-7)%3", "2");
    check_same("7%(-3)", "-2");
    check_same("H%1", "0");
    check_same("H%2%4", "H%2");
}

TEST(dim_extremes)
{
    check_same("max(H,H+1)", "H+1");
    check_same("min(H+3,H)", "H");
    check_same("min(W,H)", "min(H,W)");
    check_same("max(3,max(H,5))", "max(H,5)");
    check_same("max(max(H,W),H)", "max(H,W)");
    check_same("max(H,0)", "H");
    check_same("min(H,0)", "0");
    check_same("min(H,8)%16", "min(H,8)");
    check_same("min(H,8)/16", "0");
    check_same("max(H,1)/max(H,1)", "1");
}

TEST(dim_text)
{
    check_same("\"floor(H/2) + 1\"*2", "\"floor(H/2) + 1\"*2");
    check_same("\"a\\\"b\\\\c\\x01\"", "\"a\\\"b\\\\c\\x01\"");
    check_same("\"H\"", "H");
    check_same(" ( H + 1 ) * 2", "H*2+2");
    check_same("H*(W/2)*3", "H*(W/2)*3");
    check_same("H/2-W%3", "H/2-W%3");
    static const char *const wrong[] = {"",
                                        "+",
                                        "(H",
                                        "max(H)",
                                        "max(H,1",
                                        "H*",
                                        "foo(H)",
                                        "\"abc",
                                        "\"\\x0\"",
                                        "\"\\q\"",
                                        "1..",
                                        "-",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct table x;
        begin(&x);
        size_t pos = 0;
        tro_dim d;
        const bool is_read = tro_dim_parse(&x.t, (struct tro_str){wrong[i], strlen(wrong[i])}, &pos,
                                           &d);
        test_check(!is_read || pos < strlen(wrong[i]), __FILE__, __LINE__, "read \"%s\"", wrong[i]);
        end(&x);
    }
}

TEST(dim_text_depth)
{
    char text[600] = "";
    struct table x;
    for (int n = 30; n <= 200; n += 170) {
        memset(text, '(', (size_t)n);
        text[n] = 'H';
        memset(text + n + 1, ')', (size_t)n);
        text[2 * n + 1] = 0;
        begin(&x);
        size_t pos = 0;
        tro_dim d;
        const bool is_read = tro_dim_parse(&x.t, (struct tro_str){text, strlen(text)}, &pos, &d);
        CHECK_INT(is_read, n == 30);
        end(&x);
    }
}

TEST(dim_symbols)
{
    struct table x;
    begin(&x);
    const tro_dim n = tro_dim_symbol(&x.t, TRO_STR("N"), 1, 8);
    CHECK(tro_dim_eq(n, tro_dim_symbol(&x.t, TRO_STR("N"), 0, 99)));
    CHECK_INT(tro_dim_lo(&x.t, n), 1);
    CHECK_INT(tro_dim_hi(&x.t, n), 8);
    const char *name = "";
    CHECK(tro_dim_is_symbol(&x.t, n, &name));
    CHECK_STR(name, "N");
    CHECK(!tro_dim_is_symbol(&x.t, tro_dim_add(&x.t, n, tro_dim_const(1)), &name));
    CHECK(!tro_dim_is_symbol(&x.t, tro_dim_const(3), &name));
    tro_dim_symbol(&x.t, TRO_STR("u1"), 0, 5);
    CHECK_STR(print(&x.t, tro_dim_fresh(&x.t, 0, 9)), "u0");
    CHECK_STR(print(&x.t, tro_dim_fresh(&x.t, 0, 9)), "u2");
    CHECK_STR(print(&x.t, tro_dim_fresh(&x.t, 4, 4)), "4");
    CHECK_INT(tro_dim_value_or_minus1(n), -1);
    CHECK_INT(tro_dim_value_or_minus1(tro_dim_const(6)), 6);
    end(&x);
}

TEST(dim_bounds)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    const tro_dim n = tro_dim_symbol(t, TRO_STR("N"), 2, 8),
                  h = tro_dim_symbol(t, TRO_STR("H"), 1, TRO_DIM_MAX);
    const tro_dim e = parse(t, "(N*3-1)/2");
    CHECK_INT(tro_dim_lo(t, e), 2);
    CHECK_INT(tro_dim_hi(t, e), 11);
    CHECK_INT(tro_dim_lo(t, parse(t, "N*H-3")), -1);
    CHECK_INT(tro_dim_hi(t, parse(t, "N*H-3")), TRO_DIM_MAX);
    CHECK_INT(tro_dim_hi(t, parse(t, "H/2")), TRO_DIM_MAX);
    CHECK_INT(tro_dim_hi(t, parse(t, "-H")), -1);
    CHECK_INT(tro_dim_lo(t, parse(t, "-H")), -TRO_DIM_MAX);
    CHECK_INT(tro_dim_hi(t, parse(t, "H%N")), 7);
    CHECK_INT(tro_dim_lo(t, parse(t, "min(H,N)")), 1);
    CHECK_INT(tro_dim_hi(t, parse(t, "min(H,N)")), 8);
    CHECK(tro_dim_is(parse(t, "max(N,1)-N"), 0));
    CHECK(tro_dim_is(parse(t, "N/9"), 0));
    CHECK(tro_dim_eq(parse(t, "max(H-1,0)"), tro_dim_sub(t, h, tro_dim_const(1))));
    CHECK(tro_dim_eq(parse(t, "N%9"), n));
    CHECK_INT(tro_dim_value(tro_dim_mul(t, tro_dim_const(TRO_DIM_MAX), tro_dim_const(3))),
              TRO_DIM_MAX);
    CHECK_INT(tro_dim_value(tro_dim_const(INT64_MIN)), -TRO_DIM_MAX);
    end(&x);
}

/* A quotient by something that may be 0 is a new unknown each time. */
TEST(dim_by_zero)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    const char *name;
    const tro_dim a = parse(t, "H/W"), b = parse(t, "H/W"), c = parse(t, "H%W"),
                  d = parse(t, "5/0");
    CHECK(tro_dim_is_symbol(t, a, &name));
    CHECK(tro_dim_is_symbol(t, c, &name));
    CHECK(tro_dim_is_symbol(t, d, &name));
    CHECK(!tro_dim_eq(a, b));
    CHECK_INT(tro_dim_lo(t, a), 0);
    CHECK_INT(tro_dim_hi(t, d), 5);
    tro_dim_symbol(t, TRO_STR("K"), 1, 9);
    CHECK(tro_dim_eq(parse(t, "H/K"), parse(t, "H/K")));
    CHECK(tro_dim_eq(parse(t, "H%K"), parse(t, "H%K")));
    end(&x);
}

TEST(dim_ceil_div)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    for (int a = -20; a <= 20; a++)
        for (int b = -5; b <= 5; b++) {
            if (b == 0)
                continue;
            const int64_t got = tro_dim_value(
                tro_dim_ceil_div(t, tro_dim_const(a), tro_dim_const(b)));
            CHECK_INT(got, (int64_t)ceil((double)a / b));
        }
    const tro_dim h = tro_dim_symbol(t, TRO_STR("H"), 0, TRO_DIM_MAX);
    CHECK_STR(print(t, tro_dim_ceil_div(t, h, tro_dim_const(2))), "(H+1)/2");
    CHECK_STR(print(t, tro_dim_ceil_div(t, tro_dim_mul(t, h, tro_dim_const(4)), tro_dim_const(2))),
              "H*2");
    CHECK_STR(print(t, tro_dim_ceil_div(t, tro_dim_mul(t, h, h), h)), "H");
    end(&x);
}

TEST(dim_bind)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    const tro_dim n = tro_dim_symbol(t, TRO_STR("N"), 1, 8);
    const tro_dim h = tro_dim_symbol(t, TRO_STR("H"), 0, TRO_DIM_MAX);
    const tro_dim area = tro_dim_mul(t, n, h), even = parse(t, "H*2+1"), half = parse(t, "W/2");
    struct tro_dim_env env;
    CHECK_OR_RETURN(tro_dim_env_init(&env, t) == 0);
    int64_t v = 0;
    CHECK(!tro_dim_eval(t, &env, area, &v));
    CHECK(tro_dim_bind(t, &env, tro_dim_const(5), 5));
    CHECK(!tro_dim_bind(t, &env, tro_dim_const(5), 6));
    CHECK(tro_dim_bind(t, &env, area, 12)); /* two unknowns: nothing is learnt */
    CHECK(!tro_dim_eval(t, &env, n, &v));
    CHECK(!tro_dim_bind(t, &env, n, 9)); /* beyond its bounds */
    CHECK(tro_dim_bind(t, &env, n, 4));
    CHECK(!tro_dim_bind(t, &env, n, 5));
    CHECK(!tro_dim_bind(t, &env, area, 13));
    CHECK(tro_dim_bind(t, &env, area, 12));
    CHECK(tro_dim_eval(t, &env, h, &v) && v == 3);
    CHECK(tro_dim_bind(t, &env, even, 7));
    CHECK(!tro_dim_bind(t, &env, even, 8));
    CHECK(tro_dim_bind(t, &env, half, 3)); /* cannot be solved */
    CHECK(!tro_dim_eval(t, &env, half, &v));
    tro_dim_env_finish(&env);

    CHECK_OR_RETURN(tro_dim_env_init(&env, t) == 0);
    CHECK(!tro_dim_bind(t, &env, even, 8));
    CHECK(!tro_dim_bind(t, &env, even, -1));
    CHECK(tro_dim_bind(t, &env, even, 9));
    CHECK(tro_dim_eval(t, &env, h, &v) && v == 4);
    tro_dim_env_finish(&env);
    end(&x);
}

/* ---- random expressions, against plain arithmetic --------------------------------------- */

#define N_SYMBOLS 4
#define N_POOL 40

struct sample {
    tro_dim d;
    int64_t v[3]; /* under three assignments of the symbols */
    bool is_known[3];
};

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static struct sample combine(struct tro_dims *t, const struct sample *a, const struct sample *b)
{
    const uint32_t op = random_below(8);
    struct sample r;
    r.d = op == 0   ? tro_dim_sub(t, a->d, b->d)
          : op == 1 ? tro_dim_mul(t, a->d, b->d)
          : op == 2 ? tro_dim_div(t, a->d, b->d)
          : op == 3 ? tro_dim_mod(t, a->d, b->d)
          : op == 4 ? tro_dim_min(t, a->d, b->d)
          : op == 5 ? tro_dim_max(t, a->d, b->d)
          : op == 6 ? tro_dim_ceil_div(t, a->d, b->d)
                    : tro_dim_add(t, a->d, b->d);
    for (int k = 0; k < 3; k++) {
        const int64_t x = a->v[k], y = b->v[k];
        const bool by_zero = (op == 2 || op == 3 || op == 6) && y == 0;
        r.is_known[k] = a->is_known[k] && b->is_known[k] && !by_zero;
        r.v[k] = !r.is_known[k] ? 0
                 : op == 0      ? x - y
                 : op == 1      ? x * y
                 : op == 2      ? floor_div(x, y)
                 : op == 3      ? x - floor_div(x, y) * y
                 : op == 4      ? (x < y ? x : y)
                 : op == 5      ? (x > y ? x : y)
                 : op == 6      ? -floor_div(-x, y)
                                : x + y;
        /* Far from where products would be cut. */
        if (r.v[k] > 1000000 || r.v[k] < -1000000)
            r.is_known[k] = false;
    }
    return r;
}

/* Value, bounds and text of one expression; returns 1 when its value could be compared. */
static int check_sample(struct tro_dims *t, struct tro_dim_env *env, const struct sample *s)
{
    int n = 0;
    for (int k = 0; k < 3; k++) {
        int64_t got;
        if (!s->is_known[k] || !tro_dim_eval(t, &env[k], s->d, &got))
            continue;
        n = 1;
        test_check(got == s->v[k] && got >= tro_dim_lo(t, s->d) && got <= tro_dim_hi(t, s->d),
                   __FILE__, __LINE__, "%s is %lld in [%lld, %lld], expected %lld", print(t, s->d),
                   (long long)got, (long long)tro_dim_lo(t, s->d), (long long)tro_dim_hi(t, s->d),
                   (long long)s->v[k]);
    }
    char text[2000];
    snprintf(text, sizeof(text), "%s", print(t, s->d));
    const tro_dim again = parse(t, text);
    test_check(tro_dim_eq(again, s->d), __FILE__, __LINE__, "%s reads back as %s", text,
               print(t, again));
    return n;
}

/* The same text in a table where everything came into being in another order. */
static void check_order(const struct tro_dims *t, const struct sample *pool)
{
    struct table other;
    begin(&other);
    for (size_t i = 0; i < t->n; i++)
        if (t->exprs[t->n - 1 - i].op == TRO_DIM_SYMBOL) {
            const struct tro_dim_expr *const e = &t->exprs[t->n - 1 - i];
            tro_dim_symbol(&other.t, (struct tro_str){e->name, strlen(e->name)}, e->lo, e->hi);
        }
    for (int i = N_POOL - 1; i >= 0; i--) {
        char text[2000];
        snprintf(text, sizeof(text), "%s", print(t, pool[i].d));
        const tro_dim d = parse(&other.t, text);
        CHECK_STR(print(&other.t, d), text);
    }
    end(&other);
}

TEST(dim_random)
{
    int n_compared = 0;
    for (int round = 0; round < 400; round++) {
        struct table x;
        struct sample pool[N_POOL];
        struct tro_dim_env env[3];
        begin(&x);
        for (int i = 0; i < N_POOL; i++) {
            const int64_t lo = (int64_t)random_below(3) - 1;
            if (i >= 2 * N_SYMBOLS) {
                pool[i] = combine(&x.t, &pool[random_below((uint32_t)i)],
                                  &pool[random_below((uint32_t)i)]);
                continue;
            }
            for (int k = 0; k < 3; k++) {
                pool[i].is_known[k] = true;
                pool[i].v[k] = i < N_SYMBOLS ? lo + random_below(12) : lo * 3;
            }
            pool[i].d = i < N_SYMBOLS ? symbol(&x.t, i, lo, lo + 11) : tro_dim_const(lo * 3);
        }
        for (int k = 0; k < 3; k++) {
            CHECK_OR_RETURN(tro_dim_env_init(&env[k], &x.t) == 0);
            for (int i = 0; i < N_SYMBOLS; i++)
                CHECK(tro_dim_bind(&x.t, &env[k], pool[i].d, pool[i].v[k]));
        }
        for (int i = 0; i < N_POOL; i++)
            n_compared += check_sample(&x.t, env, &pool[i]);
        check_order(&x.t, pool);
        for (int k = 0; k < 3; k++)
            tro_dim_env_finish(&env[k]);
        end(&x);
    }
    CHECK(n_compared > 5000);
}

/* ---- what hostile input can ask for ----------------------------------------------------- */

/* Each step uses the one before twice: as a tree it would have 2^1000 nodes. */
TEST(dim_shared_growth)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    tro_dim d = tro_dim_symbol(t, TRO_STR("H"), 1, TRO_DIM_MAX);
    for (int i = 0; i < 1000; i++)
        d = tro_dim_max(t, tro_dim_div(t, d, tro_dim_const(3 + i % 5)),
                        tro_dim_mod(t, d, tro_dim_const(7 + i % 3)));
    CHECK(!t->failed);
    CHECK(strlen(print(t, d)) < 1990);
    struct tro_dim_env env;
    CHECK_OR_RETURN(tro_dim_env_init(&env, t) == 0);
    int64_t v;
    CHECK(!tro_dim_eval(t, &env, d, &v));
    tro_dim_env_finish(&env);
    end(&x);
}

TEST(dim_large_sums)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    tro_dim sum = tro_dim_const(0), product = tro_dim_const(1);
    for (int i = 0; i < 200; i++) {
        const tro_dim s = symbol(t, i, 0, 10);
        sum = tro_dim_add(t, sum, s);
        product = tro_dim_mul(t, product, tro_dim_add(t, s, tro_dim_const(1)));
    }
    CHECK(!t->failed);
    CHECK_INT(tro_dim_hi(t, sum), 2000);
    CHECK_INT(tro_dim_hi(t, product), TRO_DIM_MAX);
    CHECK_INT(tro_dim_lo(t, product), 1);
    end(&x);
}

/* A small text whose sizes are long must not fill memory. */
TEST(dim_table_is_bounded)
{
    struct table x;
    begin(&x);
    struct tro_dims *const t = &x.t;
    tro_dim long_sum = tro_dim_const(0);
    for (int i = 0; i < 20; i++) {
        long_sum = tro_dim_add(t, long_sum, symbol(t, i, 0, 9));
    }
    for (int i = 0; i < 20000; i++)
        long_sum = tro_dim_add(t, long_sum, symbol(t, 0, 0, 9));
    CHECK(!t->failed);
    CHECK(t->n < 200000);
    end(&x);
}

TEST(dim_out_of_memory)
{
    for (int64_t n = 0; n < 40; n++) {
        struct table x;
        begin(&x);
        tro_alloc_fail_after(n);
        tro_dim d = tro_dim_symbol(&x.t, TRO_STR("H"), 0, 100);
        for (int i = 0; i < 50; i++)
            d = tro_dim_div(&x.t, tro_dim_mul(&x.t, d, tro_dim_add(&x.t, d, tro_dim_const(i))),
                            tro_dim_const(7));
        tro_alloc_fail_after(-1);
        if (n < 4)
            CHECK(x.t.failed);
        end(&x);
    }
}
