/* SPDX-License-Identifier: Apache-2.0 */
/* Builders: what they refuse and why, and what is in the plan. */
#include "builder_kit.h"

#include "base/alloc.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FREE_MODEL                                                                           \
    "in x f32[N,3]; in k f32[2,3]; w m f32[3,2] 1 2 3 4 5 6;"                                \
    "a = MatMul(x, m); b = Relu(a); c = MatMul(k, m); d = Add(b, b); out d f32[N,2]; out c " \
    "f32[2,2]"

#define STATE_MODEL                                                  \
    "in x f32[1,4]; in h f32[1,4]; n = Add(x, h); y = Relu(n); g = " \
    "Identity(x); out y f32[1,4]; out n f32[1,4]; out g f32[1,4]"

struct fixture {
    struct tro_model *m;
    struct tro_builder *b;
    struct tro_err err;
    struct kit_log log;
    struct tro_build_opts opts;
};

static bool setup(struct fixture *f, const char *text)
{
    *f = (struct fixture){.m = kit_model(text)};
    f->opts = (struct tro_build_opts){.warn = kit_warn, .progress = kit_progress, .ctx = &f->log};
    f->b = f->m ? tro_builder_create(f->m, &f->err) : NULL;
    return CHECK(f->b != NULL);
}

static void teardown(struct fixture *f)
{
    tro_builder_destroy(f->b);
    tro_model_close(f->m);
}

static int set(struct fixture *f, const char *input, int rank, int64_t a, int64_t b, int64_t c,
               int64_t last)
{
    const int64_t min[] = {a, last}, opt[] = {b, last}, max[] = {c, last};
    f->err = (struct tro_err){0};
    return tro_builder_set_shapes(f->b, input, rank, min, opt, max, &f->err);
}

static struct tro_plan *plan(struct fixture *f)
{
    f->err = (struct tro_err){0};
    struct tro_plan *const p = tro_builder_plan(f->b, &f->opts, &f->err);
    test_check(p != NULL, __FILE__, __LINE__, "%s", f->err.text);
    return p;
}

TEST(builder_refuses_sizes)
{
    struct fixture f;
    if (!setup(&f, FREE_MODEL))
        return;
    CHECK_INT(set(&f, "z", 2, 1, 1, 1, 3), TRO_E_INPUT);
    CHECK_STR(f.err.text, "expected the name of an input, found 'z': 'x', 'k'");
    CHECK_INT(set(&f, "x", 1, 1, 1, 1, 3), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'x': expected 2 sizes, found 1");
    CHECK_INT(set(&f, "x", 9, 1, 1, 1, 3), TRO_E_INPUT);
    CHECK_INT(set(&f, "x", 2, 1, 1, 1, 4), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'x', axis 1: expected 3, which the model fixes, found 4");
    CHECK_INT(set(&f, "k", 2, 2, 5, 5, 3), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'k', axis 0: expected 2, which the model fixes, found 5");
    CHECK_INT(set(&f, "x", 2, -1, 1, 1, 3), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'x', axis 0: expected a size of 0 and more, found -1");
    CHECK_INT(set(&f, "x", 2, 2, 1, 4, 3), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'x', axis 0: expected min <= opt <= max, found 2, 1, 4");
    CHECK_INT(set(&f, "x", 2, 1, 2, 4, 3), 0);
    CHECK_INT(set(&f, "x", 2, 1, 2, 4, 3), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'x': its shapes are given twice");
    CHECK_INT(set(&f, "k", 2, 2, 2, 2, 3), 0); /* as it is */
    CHECK_INT(tro_builder_add_bucket(f.b, "x", 2, (const int64_t[]){3, 4}, &f.err), TRO_E_INPUT);
    CHECK_STR(f.err.text, "input 'x', axis 1: expected 3, which the model fixes, found 4");
    CHECK_INT(tro_builder_add_bucket(f.b, "x", 2, (const int64_t[]){5, 3}, &f.err), 0);
    CHECK(tro_builder_plan(f.b, NULL, &f.err) == NULL);
    CHECK_HAS(f.err.text, "expected a bucket's size of axis 0 within 1 and 4, found 5");
    teardown(&f);
}

TEST(builder_keeps_sizes)
{
    struct fixture f;
    if (!setup(&f, FREE_MODEL))
        return;
    CHECK_INT(set(&f, "x", 2, 1, 2, 4, 3), 0);
    CHECK_INT(tro_builder_add_bucket(f.b, "x", 2, (const int64_t[]){3, 3}, &f.err), 0);
    struct tro_plan *const p = plan(&f);
    if (p) {
        const struct tro_plan_parts *const parts = tro_plan_contents(p);
        CHECK_INT(parts->n_sizes, 1);
        CHECK_INT(parts->sizes[0].opt[0], 2);
        CHECK_INT(parts->sizes[0].max[0], 4);
        CHECK_INT(parts->n_buckets, 1);
        CHECK_INT(parts->n_samples, 1);
        CHECK_INT(parts->samples[0].in[0].shape[0], 2);
        CHECK_INT(parts->samples[0].out[0].shape[0], 2);
        const tro_value_id x = tro_block_get(parts->graph, TRO_MAIN_BLOCK)->inputs[0];
        CHECK_INT(tro_dim_hi(&parts->graph->dims, tro_value_get(parts->graph, x)->shape.dim[0]), 4);
        CHECK_STR(f.log.warnings, "");
        CHECK_HAS(f.log.progress, "passes 1/1");
        CHECK_HAS(f.log.progress, "golden 1/1");
    }
    tro_plan_close(p);
    teardown(&f);
}

TEST(builder_pins_sizes)
{
    struct fixture f;
    if (!setup(&f, FREE_MODEL))
        return;
    CHECK_INT(set(&f, "x", 2, 5, 5, 5, 3), 0);
    struct tro_plan *const p = plan(&f);
    if (p) {
        const struct tro_plan_parts *const parts = tro_plan_contents(p);
        const tro_value_id out = tro_block_get(parts->graph, TRO_MAIN_BLOCK)->outputs[0];
        CHECK(tro_dim_is(tro_value_get(parts->graph, out)->shape.dim[0], 5));
        CHECK_INT(parts->n_sizes, 0);
    }
    tro_plan_close(p);
    teardown(&f);
}

/* Without sizes the plan's stay free, and a sample has the least ones. */
TEST(builder_leaves_sizes_free)
{
    struct fixture f;
    if (!setup(&f, FREE_MODEL))
        return;
    struct tro_plan *const p = plan(&f);
    if (p) {
        const struct tro_plan_parts *const parts = tro_plan_contents(p);
        const tro_value_id x = tro_block_get(parts->graph, TRO_MAIN_BLOCK)->inputs[0];
        CHECK(!tro_dim_is_const(tro_value_get(parts->graph, x)->shape.dim[0]));
        CHECK_INT(parts->samples[0].in[0].shape[0], 1);
    }
    tro_plan_close(p);
    teardown(&f);
}

TEST(builder_states)
{
    struct fixture f;
    if (!setup(&f, STATE_MODEL))
        return;
    CHECK_INT(tro_builder_add_state(f.b, "no", "n", &f.err), TRO_E_INPUT);
    CHECK_HAS(f.err.text, "expected the name of an input, found 'no': 'x', 'h'");
    CHECK_INT(tro_builder_add_state(f.b, "h", "x", &f.err), TRO_E_INPUT);
    CHECK_HAS(f.err.text, "expected the name of an output, found 'x': 'y', 'n', 'g'");
    CHECK_INT(tro_builder_add_state(f.b, "h", "n", &f.err), 0);
    CHECK_INT(tro_builder_add_state(f.b, "h", "y", &f.err), TRO_E_INPUT);
    CHECK_INT(tro_builder_add_state(f.b, "x", "n", &f.err), TRO_E_INPUT);
    struct tro_plan *const p = plan(&f);
    if (p) {
        const struct tro_plan_parts *const parts = tro_plan_contents(p);
        CHECK_INT(parts->n_states, 1);
        CHECK_INT(parts->states[0].input, 1);
        CHECK_INT(parts->states[0].output, 1);
        CHECK_INT(parts->n_samples, 2);
        static const float zeros[4];
        CHECK(memcmp(parts->samples[0].in[1].data, zeros, 16) == 0);
        CHECK(memcmp(parts->samples[1].in[1].data, parts->samples[0].out[1].data, 16) == 0);
        CHECK(memcmp(parts->samples[0].in[0].data, parts->samples[1].in[0].data, 16) != 0);
    }
    tro_plan_close(p);
    teardown(&f);
}

TEST(builder_refuses_states)
{
    struct fixture f;
    if (!setup(&f, "in x f32[N,4]; in h f32[N,4]; n = Add(x, h); c = Cast(x) to=1; m = "
                   "Transpose(x); out n f32[N,4]; out m f32[4,N]"))
        return;
    CHECK_INT(tro_builder_add_state(f.b, "h", "n", &f.err), 0);
    f.opts.n_golden = -1;
    CHECK(tro_builder_plan(f.b, &f.opts, &f.err) == NULL);
    CHECK_HAS(f.err.text, "output 'n' to input 'h': expected one type and one shape of known");
    tro_builder_destroy(f.b);
    f.b = tro_builder_create(f.m, &f.err);
    CHECK_INT(set(&f, "x", 2, 3, 3, 3, 4), 0);
    CHECK_INT(tro_builder_add_state(f.b, "h", "m", &f.err), 0);
    CHECK(tro_builder_plan(f.b, &f.opts, &f.err) == NULL);
    CHECK_HAS(f.err.text, "output 'm' to input 'h': expected one type and one shape");
    teardown(&f);
}

TEST(builder_golden)
{
    struct fixture f;
    if (!setup(&f, "in x f32[1,1024,1024]; in y i64[1]; a = MatMul(x, x); b = MatMul(a, a); c = "
                   "MatMul(b, b); d = MatMul(c, c); e = MatMul(d, d); g = MatMul(e, e); h = "
                   "MatMul(g, g); i = MatMul(h, h); j = MatMul(i, i); k = MatMul(j, j); l = "
                   "MatMul(k, k); m = MatMul(l, l); n = MatMul(m, m); o = MatMul(n, n); p = "
                   "MatMul(o, o); q = MatMul(p, p); r = MatMul(q, q); s = MatMul(r, r); t = "
                   "MatMul(s, s); out t f32[1,1024,1024]; out y i64[1]"))
        return;
    struct tro_plan *p = plan(&f);
    CHECK_HAS(f.log.warnings, "no golden sample: the reference takes too long (20 G mult");
    if (p)
        CHECK_INT(tro_plan_contents(p)->n_samples, 0);
    tro_plan_close(p);
    teardown(&f);
    /* A model that does not run on noise: indices beyond the table. */
    if (!setup(&f, "in x i64[64]; w t f32[1,2] 1 2; y = Gather(t, x); out y f32[64,2]"))
        return;
    p = plan(&f);
    CHECK_HAS(f.log.warnings, "no golden sample: the model does not run on noise: ");
    tro_plan_close(p);
    f.opts.n_golden = 1;
    CHECK(tro_builder_plan(f.b, &f.opts, &f.err) == NULL);
    CHECK_HAS(f.err.text, "golden sample: ");
    teardown(&f);
}

TEST(builder_same_bytes)
{
    struct fixture f;
    char path[2][64];
    struct tro_file file[2] = {{0}};
    if (!setup(&f, FREE_MODEL))
        return;
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "/tmp/trocar-unit-%ld-%d.plan", (long)getpid(), i);
        CHECK_INT(tro_builder_write(f.b, path[i], &f.opts, &f.err), 0);
        CHECK_INT(tro_file_read(&file[i], path[i], 0, &f.err), 0);
    }
    CHECK(file[0].n_bytes == file[1].n_bytes && file[0].n_bytes > 0 &&
          memcmp(file[0].data, file[1].data, file[0].n_bytes) == 0);
    struct tro_plan *const p = tro_plan_open(path[0], &f.err);
    CHECK(p != NULL);
    tro_plan_close(p);
    for (int i = 0; i < 2; i++) {
        tro_file_finish(&file[i]);
        unlink(path[i]);
    }
    CHECK_INT(tro_builder_write(f.b, "/nonexistent/x.plan", &f.opts, &f.err), TRO_E_IO);
    teardown(&f);
}

TEST(builder_options)
{
    struct fixture f;
    if (!setup(&f, FREE_MODEL))
        return;
    f.opts.device = "cuda";
    CHECK(tro_builder_plan(f.b, &f.opts, &f.err) == NULL);
    CHECK_INT(f.err.status, TRO_E_DEVICE);
    f.opts.device = "cpu";
    f.opts.tune = 4;
    CHECK(tro_builder_plan(f.b, &f.opts, &f.err) == NULL);
    CHECK_HAS(f.err.text, "expected a tuning level of 0 to 3, found 4");
    f.opts.tune = 0;
    f.opts.passes = "nothing";
    CHECK(tro_builder_plan(f.b, &f.opts, &f.err) == NULL);
    CHECK_INT(f.err.status, TRO_E_INPUT);
    f.opts.passes = "none";
    struct tro_plan *p = plan(&f);
    if (p)
        CHECK_STR(tro_plan_contents(p)->passes, "");
    tro_plan_close(p);
    f.opts.passes = NULL;
    p = plan(&f);
    if (p)
        CHECK_HAS(tro_plan_contents(p)->passes, "\t");
    tro_plan_close(p);
    tro_builder_destroy(NULL);
    teardown(&f);
}

TEST(builder_out_of_memory)
{
    struct fixture f;
    if (!setup(&f, STATE_MODEL))
        return;
    CHECK_INT(tro_builder_add_state(f.b, "h", "n", &f.err), 0);
    struct tro_plan *p = NULL;
    for (int64_t n = 0; !p && n < 5000; n++) {
        f.err = (struct tro_err){0};
        tro_alloc_fail_after(n);
        p = tro_builder_plan(f.b, NULL, &f.err);
        tro_alloc_fail_after(-1);
        if (!p)
            CHECK_INT(f.err.status, TRO_E_NOMEM);
    }
    CHECK(p != NULL);
    tro_plan_close(p);
    teardown(&f);
}
