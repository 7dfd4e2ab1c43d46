/* SPDX-License-Identifier: Apache-2.0 */
/* The tuner and its cache, on a backend that has one operator with three kernels. */
#include "base/alloc.h"
#include "base/file.h"
#include "test.h"
#include "tune/cache.h"
#include "tune/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- a backend ----------------------------------------------------------------------------- */

static const char *const names[] = {"first", "second", "third", NULL};

struct params {
    int candidate;
};

/* Takes its time: the third is quick, the second the slowest. */
static int run_step(const struct tro_step *s, const struct tro_step_run *r)
{
    static const int64_t turns[] = {40000, 400000, 4000};
    const struct params *const p = s->params;
    float *const out = tro_arg_ptr(r, &s->out[0]);
    volatile float sum = 0;
    for (int64_t i = 0; i < turns[p->candidate]; i++)
        sum = sum + (float)i;
    for (int64_t i = 0; i < tro_arg_n_elems(&s->out[0]); i++)
        out[i] = 0;
    return 0;
}

static int emit(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_tensor t;
    struct tro_arg in[2], out;
    char problem[64];
    struct params *p;
    if (!n->node || n->n_epilogue || !tro_lower_type(l, n->out[0], &t))
        return 0;
    snprintf(problem, sizeof(problem), "product %dx%d", (int)t.shape[0], (int)t.shape[1]);
    const int pick = tro_lower_pick(l, problem, names);
    if (pick < 0 || tro_lower_in(l, n->node->in[0], TRO_FORM_DENSE, &in[0]) < 0 ||
        tro_lower_in(l, n->node->in[1], TRO_FORM_DENSE, &in[1]) < 0 ||
        tro_lower_out(l, n, 0, TRO_FORM_DENSE, true, &out) < 0)
        return TRO_E_NOMEM;
    struct tro_step *const s = tro_lower_step(l, n, names[pick], run_step, 2, 1, sizeof(*p), &p);
    if (!s)
        return TRO_E_NOMEM;
    p->candidate = pick;
    s->in[0] = in[0];
    s->in[1] = in[1];
    s->out[0] = out;
    s->n_flops = (double)(t.shape[0] * t.shape[1]);
    return 1;
}

static const struct tro_emitter emitters[] = {{TRO_OP_MATMUL, emit, false}};
static const struct tro_backend backend = {.name = "test", .emitters = emitters, .n_emitters = 1};

/* ---- a network, a clock -------------------------------------------------------------------- */

static const char network[] = "graph \"g\"\n"
                              "input %x : f32[4,4]\n"
                              "input %w : f32[4,6]\n"
                              "%a = matmul(%x, %x)\n"
                              "%b = matmul(%a, %x)\n"
                              "%c = matmul(%b, %w)\n"
                              "output %c\n";

struct fixture {
    struct tro_graph *g;
    struct tro_tensor inputs[2];
    struct tro_build_opts build;
    struct tro_tune_opts opts;
    struct tro_tuned tuned;
    struct tro_err err;
    char cache[64];
    char asked[1024]; /* what the clock was asked for */
    char warnings[2048];
    char progress[1024];
    int n_warnings;
};

static int64_t fake_clock(void *ctx, const char *problem, const char *candidate)
{
    struct fixture *const f = ctx;
    const size_t n = strlen(f->asked);
    snprintf(f->asked + n, sizeof(f->asked) - n, "%s %s, ", problem, candidate);
    if (strcmp(problem, "product 4x4") == 0)
        return candidate[0] == 's' ? 100 : 300;
    return candidate[0] == 'f' ? 200 : 150; /* a tie of second and third */
}

static void warn(void *ctx, const char *message)
{
    struct fixture *const f = ctx;
    const size_t n = strlen(f->warnings);
    f->n_warnings++;
    snprintf(f->warnings + n, sizeof(f->warnings) - n, "%s\n", message);
}

static void progress(void *ctx, const struct tro_build_progress *p)
{
    struct fixture *const f = ctx;
    const size_t n = strlen(f->progress);
    snprintf(f->progress + n, sizeof(f->progress) - n, "%s %d/%d ", p->what, (int)p->done,
             (int)p->total);
}

static bool setup(struct fixture *f)
{
    *f = (struct fixture){0};
    f->g = tro_graph_parse((struct tro_str){network, strlen(network)}, "network", &f->err);
    f->inputs[0] = (struct tro_tensor){TRO_F32, 2, {4, 4}, NULL};
    f->inputs[1] = (struct tro_tensor){TRO_F32, 2, {4, 6}, NULL};
    f->build = (struct tro_build_opts){.tune = 2, .progress = progress, .warn = warn, .ctx = f};
    f->opts = (struct tro_tune_opts){.graph = f->g,
                                     .inputs = f->inputs,
                                     .backend = &backend,
                                     .n_threads = 1,
                                     .build = &f->build,
                                     .clock = fake_clock,
                                     .clock_ctx = f};
    snprintf(f->cache, sizeof(f->cache), "/tmp/trocar-unit-tune-%ld", (long)getpid());
    unlink(f->cache);
    return CHECK(f->g != NULL);
}

static void teardown(struct fixture *f)
{
    unlink(f->cache);
    tro_tuned_finish(&f->tuned);
    tro_graph_destroy(f->g);
}

static void tune(struct fixture *f)
{
    tro_tuned_finish(&f->tuned);
    f->asked[0] = f->warnings[0] = f->progress[0] = 0;
    f->n_warnings = 0;
    const int rc = tro_tune(&f->opts, &f->tuned, &f->err);
    test_check(rc == 0, __FILE__, __LINE__, "%s", f->err.text);
}

static void check_choices(const struct fixture *f, const char *a, const char *b)
{
    CHECK_INT(f->tuned.plan.n_choices, 2);
    if (f->tuned.plan.n_choices != 2)
        return;
    CHECK_STR(f->tuned.plan.choices[0].problem, "product 4x4");
    CHECK_STR(f->tuned.plan.choices[0].candidate, a);
    CHECK_STR(f->tuned.plan.choices[1].problem, "product 4x6");
    CHECK_STR(f->tuned.plan.choices[1].candidate, b);
}

static void write_text(const char *path, const char *text)
{
    struct tro_err err = {0};
    CHECK_INT(tro_file_write(path, text, strlen(text), &err), 0);
}

static char *read_text(const char *path)
{
    struct tro_err err = {0};
    struct tro_file f;
    if (!CHECK(tro_file_read(&f, path, 0, &err) == 0))
        return calloc(1, 1);
    char *const text = calloc(1, f.n_bytes + 1);
    memcpy(text, f.data, f.n_bytes);
    tro_file_finish(&f);
    return text;
}

/* ---- choosing ------------------------------------------------------------------------------ */

/* Two nodes of one problem count together, so that it comes first; a tie goes to the first. */
TEST(tune_chooses)
{
    struct fixture f;
    if (!setup(&f))
        return;
    tune(&f);
    check_choices(&f, "second", "second");
    CHECK_STR(f.asked, "product 4x4 first, product 4x6 first, product 4x4 second, product 4x6 "
                       "second, product 4x4 third, product 4x6 third, ");
    CHECK_HAS(f.progress, "tuning 0/6 tuning 1/6 ");
    CHECK_HAS(f.progress, "tuning 6/6 ");
    CHECK_HAS(f.tuned.plan.chip, ", generic, 1 threads");
    CHECK_STR(f.warnings, "");
    teardown(&f);
}

TEST(tune_on_the_clock)
{
    struct fixture f;
    if (!setup(&f))
        return;
    f.opts.clock = NULL;
    tune(&f);
    check_choices(&f, "third", "third");
    f.opts.n_threads = 3;
    f.build.tune = 1;
    tune(&f);
    check_choices(&f, "third", "third");
    teardown(&f);
}

TEST(tune_within_its_time)
{
    struct fixture f;
    if (!setup(&f))
        return;
    f.build.time_budget = 1e-9;
    tune(&f);
    CHECK_STR(f.asked, "product 4x4 first, ");
    check_choices(&f, "first", "first");
    CHECK_HAS(f.warnings, "the time for tuning is over");
    teardown(&f);
}

/* ---- the cache ----------------------------------------------------------------------------- */

TEST(tune_from_the_cache)
{
    struct fixture f;
    if (!setup(&f))
        return;
    f.build.cache = f.cache;
    tune(&f);
    char *const first = read_text(f.cache);
    CHECK_HAS(first, "product 4x4\t");
    CHECK_HAS(first, ", generic, 1 threads\t");
    CHECK_HAS(first, "\tsecond\t100\n");
    tune(&f);
    CHECK_STR(f.asked, "");
    check_choices(&f, "second", "second");
    char *const again = read_text(f.cache);
    CHECK_STR(again, first);
    f.opts.n_threads = 2; /* another key */
    tune(&f);
    CHECK_HAS(f.asked, "product 4x6 third");
    char *const more = read_text(f.cache);
    CHECK_HAS(more, ", 1 threads\t");
    CHECK_HAS(more, ", 2 threads\t");
    free(first);
    free(again);
    free(more);
    teardown(&f);
}

TEST(tune_with_a_bad_cache)
{
    struct fixture f;
    char text[2048], chip[TRO_PLAN_CHIP_SIZE];
    if (!setup(&f))
        return;
    f.build.cache = f.cache;
    tro_plan_chip(0, 1, chip);
    snprintf(text, sizeof(text),
             "product 4x4\t%s\t%s\tthird\t1\n"
             "nonsense\n"
             "product 4x4\t%s\t%s\tfirst\t-3\n"
             "product 4x6\t%s\t%s\tgone\t1\n"
             "product 4x6\t%s\t0.0.0\tthird\t1\n"
             "product 4x4\t%s\t%s\tsecond\t7",
             chip, tro_version(), chip, tro_version(), chip, tro_version(), chip, chip,
             tro_version());
    write_text(f.cache, text);
    tune(&f);
    CHECK_STR(f.asked, "product 4x4 first, product 4x6 first, product 4x6 second, product 4x6 "
                       "third, ");
    check_choices(&f, "third", "second");
    CHECK_INT(f.n_warnings, 2);
    CHECK_HAS(f.warnings, ":2: expected problem, chip, version, candidate, nanoseconds");
    CHECK_HAS(f.warnings, "'gone' is no candidate of 'product 4x6'");
    f.build.cache = "/nonexistent/cache";
    tune(&f);
    CHECK_HAS(f.warnings, "/nonexistent/cache: cannot write");
    teardown(&f);
}

TEST(cache_of_any_bytes)
{
    struct tro_err err = {0};
    char path[64];
    snprintf(path, sizeof(path), "/tmp/trocar-unit-cache-%ld", (long)getpid());
    static const char *const texts[] = {"",
                                        "\n",
                                        "\t\t\t\t\n",
                                        "a\tb\tc\td\t",
                                        "a\tb\tc\td\t9x\n",
                                        "a\tb\tc\td\t99999999999999999999\n",
                                        "a\tb\tc\t\t1\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tro_cache c = {0};
        write_text(path, texts[i]);
        CHECK_INT(tro_cache_read(&c, path, NULL, NULL, &err), 0);
        CHECK_INT(c.n, 0);
        tro_cache_finish(&c);
    }
    struct tro_cache c = {0};
    CHECK_INT(tro_file_write(path, "a\tb\tc\td\t1\n\0x\ny\0\ta\tb\tc\td\t5", 25, &err), 0);
    CHECK_INT(tro_cache_read(&c, path, NULL, NULL, &err), 0);
    CHECK_INT(c.n, 1);
    const struct tro_cache_key key = {"a", "b", "c", "d"};
    CHECK_INT(tro_cache_get(&c, &key), 1);
    CHECK_INT(tro_cache_put(&c, &key, 4), 0);
    CHECK_INT(tro_cache_get(&c, &key), 1); /* the lesser */
    tro_cache_finish(&c);
    unlink(path);
}

/* Two builds at a time: what the other wrote stays. */
TEST(cache_merges)
{
    struct tro_err err = {0};
    char path[64];
    struct tro_cache a = {0}, b = {0};
    snprintf(path, sizeof(path), "/tmp/trocar-unit-merge-%ld", (long)getpid());
    unlink(path);
    const struct tro_cache_key p = {"p", "chip", "1", "x"}, q = {"q", "chip", "1", "x"};
    CHECK_INT(tro_cache_put(&a, &p, 5), 0);
    CHECK_INT(tro_cache_put(&b, &q, 6), 0);
    CHECK_INT(tro_cache_put(&b, &p, 9), 0);
    CHECK_INT(tro_cache_write(&b, path, &err), 0);
    CHECK_INT(tro_cache_write(&a, path, &err), 0);
    char *const text = read_text(path);
    CHECK_STR(text, "p\tchip\t1\tx\t5\nq\tchip\t1\tx\t6\n");
    free(text);
    tro_cache_finish(&a);
    tro_cache_finish(&b);
    unlink(path);
}

TEST(tune_out_of_memory)
{
    struct fixture f;
    if (!setup(&f))
        return;
    int rc = -1;
    for (int64_t n = 0; rc < 0 && n < 5000; n++) {
        f.err = (struct tro_err){0};
        f.asked[0] = 0;
        tro_alloc_fail_after(n);
        rc = tro_tune(&f.opts, &f.tuned, &f.err);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
    }
    CHECK_INT(rc, 0);
    check_choices(&f, "second", "second");
    teardown(&f);
}
