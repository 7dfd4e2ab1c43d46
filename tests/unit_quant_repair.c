/* SPDX-License-Identifier: Apache-2.0 */
/* Quantization: channels that are scaled, means that a bias makes right. */
#include "quant_kit.h"

#include "quant/chain.h"

/* Ranges from 1 to 1000 over 16 channels, not in their order. */
static float spread(int64_t channel)
{
    return powf(1000, (float)(channel * 7 % 16) / 15);
}
static float made_conv(int64_t i)
{
    return spread(i / 8);
}
static float taken_conv(int64_t i)
{
    return 1 / spread(i % 16);
}
static float depthwise(int64_t i)
{
    return 1 / spread(i / 9);
}
static float made_product(int64_t i)
{
    return spread(i % 16);
}
static float taken_product(int64_t i)
{
    return 1 / spread(i / 12);
}

/* Integers lose at least ten times the squares without the repair; in floats nothing changes. */
static void check_repair_of(const char *text, enum tro_quant_repair_kind kind, int n_layers)
{
    struct quant_kit plain, repaired;
    if (!quant_kit_open(&plain, text) || !quant_kit_open(&repaired, text))
        return;
    test_check(quant_kit_repair(&repaired) == 0, __FILE__, __LINE__, "%s", repaired.err.text);
    CHECK_INT(repaired.quant->n_repairs > 0, 1);
    if (repaired.quant->n_repairs > 0) {
        const struct tro_quant_repair *const r = &repaired.quant->repairs[0];
        CHECK(r->after < r->before / 10);
        CHECK_INT(r->n_layers, n_layers);
        if (kind == TRO_QUANT_MIGRATION)
            CHECK_INT(r->kind, kind);
    }
    CHECK(quant_kit_error(&repaired, repaired.quant->graph) < 1e-10);
    CHECK_INT(quant_kit_calibrate(&plain), 0);
    CHECK_INT(quant_kit_calibrate(&repaired), 0);
    const double before = quant_kit_int_error(&plain), after = quant_kit_int_error(&repaired);
    test_check(after < before / 10, __FILE__, __LINE__, "error %g before, %g after", before, after);
    quant_kit_close(&plain);
    quant_kit_close(&repaired);
}

static void check_repair(struct tro_buf *b, enum tro_quant_repair_kind kind, int n_layers)
{
    tro_buf_put(b, "", 1);
    check_repair_of((const char *)b->p, kind, n_layers);
    tro_buf_finish(b);
}

static void put_convs(struct tro_buf *b)
{
    tro_buf_str(b, "input %x : f32[1,8,6,6]\n");
    quant_kit_const(b, "w", "16,8,1,1", 128, made_conv, 1);
    quant_kit_const(b, "b", "16", 16, spread, 2);
    quant_kit_const(b, "v", "4,16,1,1", 64, taken_conv, 3);
    tro_buf_str(b, "const %zero : f32[] = 0\n"
                   "%y = conv(%x, %w, %b) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                   "group = 1}\n");
}

TEST(equalization_of_convolutions)
{
    struct tro_buf b = {0};
    put_convs(&b);
    tro_buf_str(&b, "%r = max(%y, %zero)\n"
                    "%z = conv(%r, %v) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                    "group = 1}\noutput %z\n");
    check_repair(&b, TRO_QUANT_EQUALIZATION, 1);
}

/* Leaky rectification as ONNX imports it, pooling, and two layers that take it. */
TEST(equalization_through_leaky_relu_and_pools)
{
    struct tro_buf b = {0};
    put_convs(&b);
    quant_kit_const(&b, "u", "3,16,1,1", 48, taken_conv, 8);
    tro_buf_str(&b, "const %a : f32[] = 0.1\n"
                    "%n = lt(%y, %zero)\n%s = mul(%y, %a)\n%l = select(%n, %s, %y)\n"
                    "%p = pool(%l) {kernel = [2,2], strides = [2,2], dilations = [1,1], "
                    "pads = [0,0,0,0]}\n"
                    "%z = conv(%p, %v) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                    "group = 1}\n"
                    "%q = conv(%p, %u) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                    "group = 1}\n"
                    "%o = concat(%z, %q) {axis = 1}\noutput %o\n");
    check_repair(&b, TRO_QUANT_EQUALIZATION, 2);
}

/* Its channels have scales of their own: they even out wholly. */
TEST(equalization_of_a_depthwise_layer)
{
    struct tro_buf b = {0};
    put_convs(&b);
    quant_kit_const(&b, "d", "16,1,3,3", 144, depthwise, 4);
    tro_buf_str(&b, "%r = max(%y, %zero)\n"
                    "%z = conv(%r, %d) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], "
                    "group = 16}\noutput %z\n");
    check_repair(&b, TRO_QUANT_EQUALIZATION, 1);
}

/* Layers of groups take channels of their group. */
TEST(equalization_of_groups)
{
    struct tro_buf b = {0};
    put_convs(&b);
    quant_kit_const(&b, "g", "8,8,1,1", 64, NULL, 5);
    tro_buf_str(&b, "%r = max(%y, %zero)\n"
                    "%z = conv(%r, %g) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                    "group = 2}\noutput %z\n");
    struct quant_kit k;
    tro_buf_put(&b, "", 1);
    if (!quant_kit_open(&k, (const char *)b.p))
        return;
    struct tro_arena arena = {0};
    struct tro_quant_chain *chains;
    int n;
    float factors[16];
    CHECK_INT(tro_quant_chains_find(k.quant, &arena, &chains, &n, &k.err), 0);
    CHECK_INT(n, 1);
    for (int i = 0; i < 16; i++)
        factors[i] = 0.25F * (float)(i + 1);
    CHECK_INT(tro_quant_chain_apply(k.quant, &chains[0], factors, &k.err), 0);
    CHECK(quant_kit_error(&k, k.quant->graph) < 1e-10);
    tro_arena_finish(&arena);
    tro_buf_finish(&b);
    quant_kit_close(&k);
}

TEST(equalization_of_products)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "input %x : f32[5,8]\n");
    quant_kit_const(&b, "w", "8,16", 128, made_product, 1);
    quant_kit_const(&b, "b", "16", 16, spread, 2);
    quant_kit_const(&b, "v", "16,12", 192, taken_product, 3);
    tro_buf_str(&b, "const %zero : f32[] = 0\n%m = matmul(%x, %w)\n%y = add(%m, %b)\n"
                    "%r = max(%y, %zero)\n%z = matmul(%r, %v)\noutput %z\n");
    check_repair(&b, TRO_QUANT_EQUALIZATION, 1);
}

/* A normalization, its factors and terms, and the three products of attention. */
TEST(migration_behind_a_normalization)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "input %x : f32[1,6,16]\n");
    quant_kit_const(&b, "gamma", "16", 16, spread, 1);
    quant_kit_const(&b, "beta", "16", 16, spread, 2);
    quant_kit_const(&b, "q", "16,12", 192, taken_product, 3);
    quant_kit_const(&b, "k", "16,12", 192, taken_product, 4);
    quant_kit_const(&b, "v", "16,12", 192, taken_product, 5);
    tro_buf_str(&b, "%n = normalize(%x) {axes = [2], epsilon = 1e-5}\n"
                    "%m = mul(%n, %gamma)\n%y = add(%m, %beta)\n"
                    "%a = matmul(%y, %q)\n%c = matmul(%y, %k)\n%d = matmul(%y, %v)\n"
                    "%o = concat(%a, %c, %d) {axis = 2}\noutput %o\n");
    check_repair(&b, TRO_QUANT_MIGRATION, 3);
}

/* Windows of an image as Swin cuts them: the channels stay the last axis. */
TEST(migration_through_moves)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "input %x : f32[1,4,4,16]\n");
    quant_kit_const(&b, "gamma", "16", 16, spread, 1);
    quant_kit_const(&b, "w", "16,12", 192, taken_product, 3);
    tro_buf_str(&b, "const %shape : i64[6] = 1 2 2 2 2 16\nconst %rows : i64[3] = 4 4 16\n"
                    "const %one : i64[1] = 1\nconst %four : i64[1] = 4\nconst %zero : i64[1] = 0\n"
                    "%n = normalize(%x) {axes = [3], epsilon = 1e-5}\n%m = mul(%n, %gamma)\n"
                    "%s = slice(%m, %one, %four, %one)\n%t = slice(%m, %zero, %one, %one)\n"
                    "%c = concat(%s, %t) {axis = 1}\n"
                    "%r = reshape(%c, %shape)\n%p = transpose(%r) {perm = [0,1,3,2,4,5]}\n"
                    "%u = reshape(%p, %rows)\n%z = matmul(%u, %w)\noutput %z\n");
    check_repair(&b, TRO_QUANT_MIGRATION, 1);
}

/* Squeeze and excitation behind SiLU: the gates are divided. */
TEST(migration_through_gates)
{
    struct tro_buf b = {0};
    put_convs(&b);
    quant_kit_const(&b, "f", "16,16,1,1", 256, NULL, 6);
    tro_buf_str(&b, "const %axes : i64[2] = 2 3\n"
                    "%i = sigmoid(%y)\n%s = mul(%y, %i)\n"
                    "%p = reduce(%s, %axes) {kind = mean}\n%t = tanh(%p)\n"
                    "%c = conv(%t, %f) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                    "group = 1}\n"
                    "%g = sigmoid(%c)\n%m = mul(%s, %g)\n"
                    "%z = conv(%m, %v) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], "
                    "group = 1}\noutput %z\n");
    check_repair(&b, TRO_QUANT_MIGRATION, 1);
}

/* ---- what is left alone --------------------------------------------------------------------- */

static int count_repairs(struct tro_buf *b)
{
    struct quant_kit k;
    tro_buf_put(b, "", 1);
    if (!quant_kit_open(&k, (const char *)b->p))
        return -1;
    test_check(quant_kit_repair(&k) == 0, __FILE__, __LINE__, "%s", k.err.text);
    const int n = k.quant->n_repairs;
    const double off = quant_kit_error(&k, k.quant->graph);
    test_check(off < 1e-10, __FILE__, __LINE__, "error %g; %s", off, k.err.text);
    CHECK_INT(k.quant->n_observed, 0);
    tro_buf_finish(b);
    quant_kit_close(&k);
    return n;
}

static const char second[] =
    "%z = conv(%r, %v) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], group = 1}\n";

TEST(no_repair_of_what_others_take)
{
    static const char *const others[] = {
        "%r = max(%y, %zero)\noutput %r\n", /* an output */
        "%r = sigmoid(%y)\n",               /* not homogeneous */
        "%r = mul(%y, %y)\n",               /* of degree two */
        "const %one : f32[] = 1\n%r = max(%y, %one)\n",
        "%e = tanh(%y)\noutput %e\n%r = max(%y, %zero)\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct tro_buf b = {0};
        put_convs(&b);
        tro_buf_str(&b, others[i]);
        tro_buf_str(&b, second);
        tro_buf_str(&b, "output %z\n");
        test_check(count_repairs(&b) == 0, __FILE__, __LINE__, "%s was repaired", others[i]);
    }
}

/* An upper limit that samples reach is in the way; one that none reaches moves up. */
TEST(repair_of_clamped_channels)
{
    for (int i = 0; i < 2; i++) {
        struct tro_buf b = {0};
        put_convs(&b);
        tro_buf_str(&b, i ? "const %most : f32[] = 1e6\n" : "const %most : f32[] = 500\n");
        tro_buf_str(&b, "%c = max(%y, %zero)\n%r = min(%c, %most)\n");
        tro_buf_str(&b, second);
        tro_buf_str(&b, "output %z\n");
        CHECK_INT(count_repairs(&b) > 0, i);
    }
}

TEST(no_repair_where_channels_are_alike)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "input %x : f32[5,8]\n"
                    "const %w : f32[8,16] = splat 0.1\nconst %v : f32[16,12] = splat 0.1\n"
                    "%r = matmul(%x, %w)\n%z = matmul(%r, %v)\noutput %z\n");
    CHECK_INT(count_repairs(&b), 0);
}

/* From a file: the factors that were found, in their order. */
TEST(repairs_again)
{
    struct quant_kit a, c;
    struct tro_buf b = {0};
    put_convs(&b);
    tro_buf_str(&b, "%r = max(%y, %zero)\n");
    tro_buf_str(&b, second);
    tro_buf_str(&b, "output %z\n");
    tro_buf_put(&b, "", 1);
    if (!quant_kit_open(&a, (const char *)b.p) || !quant_kit_open(&c, (const char *)b.p))
        return;
    CHECK_INT(quant_kit_repair(&a), 0);
    for (int i = 0; i < a.quant->n_repairs; i++)
        CHECK_INT(tro_quant_repair_again(c.quant, &a.quant->repairs[i], &c.err), 0);
    CHECK_INT(c.quant->n_repairs, a.quant->n_repairs);
    CHECK_STR(c.quant->repairs[0].to, a.quant->repairs[0].to);
    struct tro_buf x = {0}, y = {0};
    tro_graph_print(a.quant->graph, -1, &x);
    tro_graph_print(c.quant->graph, -1, &y);
    CHECK(x.n == y.n && memcmp(x.p, y.p, x.n) == 0);
    const struct tro_quant_repair other = {.from = "r", .n_channels = 1};
    CHECK_INT(tro_quant_repair_again(c.quant, &other, &c.err), TRO_E_INPUT);
    CHECK_HAS(c.err.text, "'r' with 1 channels");
    tro_buf_finish(&x);
    tro_buf_finish(&y);
    tro_buf_finish(&b);
    quant_kit_close(&a);
    quant_kit_close(&c);
}

/* ---- means ---------------------------------------------------------------------------------- */

/* Sums of each of n channels of output 0 over the samples, which are the last or axis 1. */
static bool sum_channels(struct quant_kit *k, const struct tro_graph *g, int n, int n_inner,
                         double *sums)
{
    struct tro_quant_engine e;
    struct tro_tensor y;
    bool is_right = tro_quant_engine_init(&e, g, &k->err) == 0;
    if (!is_right)
        return false;
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int i = 0; i < QUANT_KIT_SAMPLES && is_right; i++) {
        is_right = tro_quant_engine_run(&e, &k->samples[i], &k->err) == 0 &&
                   tro_quant_engine_output(&e, 0, &y, &k->err) == 0;
        for (int64_t v = 0; is_right && v < tro_tensor_n_elems(&y); v++)
            sums[v / n_inner % n] += (double)((float *)y.data)[v];
    }
    tro_quant_engine_finish(&e);
    return is_right;
}

/* Of a layer with a bias and of one without. */
TEST(means_are_right_with_integers)
{
    for (int i = 0; i < 2; i++) {
        struct tro_buf b = {0};
        struct quant_kit k;
        double want[4], found[4];
        tro_buf_str(&b, "input %x : f32[1,3,8,8]\n");
        quant_kit_const(&b, "w", "4,3,3,3", 108, NULL, 1);
        quant_kit_const(&b, "b", "4", 4, NULL, 2);
        tro_buf_str(&b, i ? "%y = conv(%x, %w)" : "%y = conv(%x, %w, %b)");
        tro_buf_str(&b, " {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 1}\n"
                        "output %y\n");
        tro_buf_put(&b, "", 1);
        if (!quant_kit_open(&k, (const char *)b.p))
            return;
        for (int s = 0; s < QUANT_KIT_SAMPLES; s++)
            for (int e = 0; e < 192; e++)
                ((float *)k.samples[s].data)[e] += 0.7F;
        CHECK_INT(quant_kit_calibrate(&k), 0);
        struct tro_graph *const g = tro_quant_make(k.quant, &k.err);
        CHECK_OR_RETURN(g != NULL);
        CHECK(sum_channels(&k, k.graph, 4, 64, want));
        CHECK(sum_channels(&k, g, 4, 64, found));
        for (int c = 0; c < 4; c++)
            CHECK_NEAR(found[c] / 256, want[c] / 256, 1e-6);
        /* and it was needed */
        const double *const shift = k.quant->layers[0].shift +
                                    4 * k.quant->groups[k.quant->layers[0].group].chosen;
        CHECK(fabs(shift[0]) + fabs(shift[1]) + fabs(shift[2]) + fabs(shift[3]) > 1e-4);
        tro_graph_destroy(g);
        tro_buf_finish(&b);
        quant_kit_close(&k);
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

TEST(repair_out_of_memory)
{
    struct tro_buf b = {0};
    int rc = -1;
    put_convs(&b);
    tro_buf_str(&b, "%r = max(%y, %zero)\n");
    tro_buf_str(&b, second);
    tro_buf_str(&b, "output %z\n");
    tro_buf_put(&b, "", 1);
    for (int64_t n = 0; rc < 0 && n < 20000; n += 1 + n / 40) {
        struct quant_kit k;
        if (!quant_kit_open(&k, (const char *)b.p))
            return;
        tro_alloc_fail_after(n);
        rc = quant_kit_repair(&k);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
        quant_kit_close(&k);
    }
    CHECK_INT(rc, 0);
    tro_buf_finish(&b);
}
