/* SPDX-License-Identifier: Apache-2.0 */
/* Quantization: which tensors become integers, and with whose scale. */
#include "quant_kit.h"

#include "passes/passes.h"

static const char conv_attrs[] =
    " {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 1}\n";

static void put_input(struct tro_buf *b)
{
    tro_buf_str(b, "input %x : f32[1,4,6,6]\nconst %zero : f32[] = 0\n");
}

/* "%OUT = conv(%IN, ...)" with weights of its own from n_in to n_out channels. */
static void put_conv(struct tro_buf *b, const char *out, const char *in, int n_out, int n_in,
                     bool has_bias)
{
    char name[32], shape[32];
    snprintf(name, sizeof name, "w_%s", out);
    snprintf(shape, sizeof shape, "%d,%d,3,3", n_out, n_in);
    quant_kit_const(b, name, shape, n_out * n_in * 9, NULL, (uint64_t)out[0]);
    snprintf(name, sizeof name, "b_%s", out);
    snprintf(shape, sizeof shape, "%d", n_out);
    if (has_bias)
        quant_kit_const(b, name, shape, n_out, NULL, (uint64_t)out[0] + 99);
    tro_buf_printf(b, has_bias ? "%%%s = conv(%%%s, %%w_%s, %%b_%s)" : "%%%s = conv(%%%s, %%w_%s)",
                   out, in, out, out);
    tro_buf_str(b, conv_attrs);
}

static bool open_net(struct quant_kit *k, struct tro_buf *b)
{
    tro_buf_put(b, "", 1);
    const bool is_open = quant_kit_open(k, (const char *)b->p);
    tro_buf_finish(b);
    return is_open;
}

/* Calibrated, placed, and close to the floats; NULL otherwise. */
static struct tro_graph *place(struct quant_kit *k, double most)
{
    if (!test_check(quant_kit_calibrate(k) == 0, __FILE__, __LINE__, "%s", k->err.text))
        return NULL;
    struct tro_graph *const g = tro_quant_make(k->quant, &k->err);
    if (!test_check(g != NULL, __FILE__, __LINE__, "%s", k->err.text))
        return NULL;
    const double error = quant_kit_error(k, g);
    test_check(error <= most, __FILE__, __LINE__, "error %g", error);
    return g;
}

static const struct tro_node *def_of(const struct tro_graph *g, const char *name, uint32_t input)
{
    for (uint32_t i = 1; i < g->n_values; i++)
        if (strcmp(g->values[i].name, name) == 0) {
            const struct tro_node *const n = tro_node_get(g, g->values[i].def);
            const tro_node_id from = tro_value_get(g, n->in[input])->def;
            return from.i ? tro_node_get(g, from) : NULL;
        }
    return NULL;
}

/* Input i of the node that makes `name` is dequantized. */
static bool is_int(const struct tro_graph *g, const char *name, uint32_t input)
{
    const struct tro_node *const n = def_of(g, name, input);
    return n && n->op == TRO_OP_DEQUANTIZE;
}

static double scale_of(const struct tro_graph *g, const char *name, uint32_t input)
{
    const struct tro_node *const n = def_of(g, name, input);
    if (!n || n->op != TRO_OP_DEQUANTIZE)
        return NAN;
    return (double)*(const float *)tro_const_tensor(g, n->in[1]).data;
}

/* The pass makes integers of all layers but n_floats. */
static void check_integers(struct tro_graph *g, int n_floats)
{
    struct tro_err err = {0};
    const struct tro_passes_opts opts = {.select = "qdq,dce"};
    test_check(tro_passes_run(g, &opts, NULL, &err) >= 0, __FILE__, __LINE__, "%s", err.text);
    CHECK_INT(quant_kit_count(g, TRO_OP_CONV) + quant_kit_count(g, TRO_OP_MATMUL), n_floats);
    tro_graph_destroy(g);
}

TEST(place_residual_addition)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    put_conv(&b, "a", "x", 8, 4, true);
    tro_buf_str(&b, "%r = max(%a, %zero)\n");
    put_conv(&b, "c", "r", 8, 8, true);
    tro_buf_str(&b, "%s = add(%c, %r)\n%t = max(%s, %zero)\n");
    put_conv(&b, "d", "t", 4, 8, true);
    tro_buf_str(&b, "output %d\n");
    if (!open_net(&k, &b))
        return;
    CHECK_INT(k.quant->n_layers, 3);
    struct tro_graph *const g = place(&k, 1e-3);
    CHECK_OR_RETURN(g != NULL);
    CHECK(is_int(g, "s", 1));  /* the skipped part, */
    CHECK(!is_int(g, "s", 0)); /* not the result that it is added to */
    CHECK(is_int(g, "d", 0));
    CHECK(!is_int(g, "t", 0));
    CHECK_NEAR(scale_of(g, "s", 1), scale_of(g, "c", 0), 0);
    check_integers(g, 0);
    quant_kit_close(&k);
}

/* Parts of like ranges share a scale; a part that reaches much less far and has another use does
 * not. */
TEST(place_concatenation)
{
    for (int i = 0; i < 2; i++) {
        struct tro_buf b = {0};
        struct quant_kit k;
        put_input(&b);
        put_conv(&b, "a", "x", 4, 4, true);
        put_conv(&b, "c", "x", 4, 4, true);
        tro_buf_printf(&b, "const %%k : f32[] = %s\n%%s = mul(%%c, %%k)\n", i ? "0.05" : "0.9");
        tro_buf_str(&b, "%j = concat(%a, %s) {axis = 1}\n");
        put_conv(&b, "d", "j", 4, 8, true);
        put_conv(&b, "e", "s", 4, 4, true);
        tro_buf_str(&b, "%f = add(%d, %e)\noutput %f\n");
        if (!open_net(&k, &b))
            return;
        struct tro_graph *const g = place(&k, 1e-3);
        CHECK_OR_RETURN(g != NULL);
        const double whole = scale_of(g, "d", 0), part = scale_of(g, "e", 0);
        test_check(i ? part < 0.5 * whole : part == whole, __FILE__, __LINE__,
                   "scales %g of the whole, %g of the part", whole, part);
        check_integers(g, 0);
        quant_kit_close(&k);
    }
}

TEST(place_pooling_between)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    put_conv(&b, "a", "x", 8, 4, true);
    tro_buf_str(&b, "%r = max(%a, %zero)\n%p = pool(%r) {kernel = [2,2], strides = [2,2], "
                    "dilations = [1,1], pads = [0,0,0,0]}\n");
    put_conv(&b, "c", "p", 4, 8, true);
    tro_buf_str(&b, "output %c\n");
    if (!open_net(&k, &b))
        return;
    struct tro_graph *const g = place(&k, 1e-3);
    CHECK_OR_RETURN(g != NULL);
    CHECK(is_int(g, "p", 0)); /* pooled as integers: quantized before it, and behind it again */
    CHECK_INT(quant_kit_count(g, TRO_OP_QUANTIZE), 3);
    check_integers(g, 0);
    quant_kit_close(&k);
}

TEST(place_a_float_layer_beside)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    put_conv(&b, "a", "x", 4, 4, true);
    put_conv(&b, "c", "x", 4, 4, true);
    tro_buf_str(&b, "%s = add(%a, %c)\noutput %s\n");
    if (!open_net(&k, &b))
        return;
    for (int i = 0; i < k.quant->n_layers; i++)
        k.quant->layers[i].is_int = strcmp(k.quant->layers[i].name, "a") == 0;
    struct tro_graph *const g = place(&k, 1e-3);
    CHECK_OR_RETURN(g != NULL);
    CHECK(is_int(g, "a", 0));
    CHECK(!is_int(g, "c", 0));
    check_integers(g, 1);
    /* with none in integers nothing is quantized */
    k.quant->layers[0].is_int = k.quant->layers[1].is_int = false;
    struct tro_graph *const floats = tro_quant_make(k.quant, &k.err);
    CHECK_OR_RETURN(floats != NULL);
    CHECK_INT(quant_kit_count(floats, TRO_OP_QUANTIZE), 0);
    CHECK(quant_kit_error(&k, floats) < 1e-12);
    tro_graph_destroy(floats);
    quant_kit_close(&k);
}

TEST(place_products)
{
    for (int i = 0; i < 2; i++) {
        struct tro_buf b = {0};
        struct quant_kit k;
        tro_buf_str(&b, "input %x : f32[2,5,8]\n");
        quant_kit_const(&b, "w", "8,12", 96, NULL, 1);
        quant_kit_const(&b, "b", "12", 12, NULL, 2);
        quant_kit_const(&b, "v", "12,6", 72, NULL, 3);
        tro_buf_str(&b, "const %zero : f32[] = 0\n%m = matmul(%x, %w)\n");
        tro_buf_str(&b, i ? "%a = add(%m, %b)\n%y = max(%a, %zero)\n" : "%y = max(%m, %zero)\n");
        tro_buf_str(&b, "%z = matmul(%y, %v)\noutput %z\n");
        if (!open_net(&k, &b))
            return;
        struct tro_graph *const g = place(&k, 1e-3);
        CHECK_OR_RETURN(g != NULL);
        CHECK_INT(quant_kit_count(g, TRO_OP_QUANTIZE), 2);
        check_integers(g, 0);
        quant_kit_close(&k);
    }
}

/* Zeros stay zeros: weights of a layer, and a tensor that is never anything else. */
TEST(place_zeros)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    tro_buf_str(&b, "const %w : f32[4,4,3,3] = splat 0\n%a = conv(%x, %w)");
    tro_buf_str(&b, conv_attrs);
    tro_buf_str(&b, "%r = max(%a, %zero)\n");
    put_conv(&b, "c", "r", 4, 4, true);
    put_conv(&b, "d", "x", 4, 4, true);
    tro_buf_str(&b, "%s = add(%c, %d)\noutput %s\n");
    if (!open_net(&k, &b))
        return;
    struct tro_graph *const g = place(&k, 1e-3);
    CHECK_OR_RETURN(g != NULL);
    for (int i = 0; i < k.quant->n_layers; i++)
        for (int bound = 0; bound < TRO_N_BOUNDS; bound++)
            CHECK(isfinite(k.quant->layers[i].errors[bound]));
    CHECK(scale_of(g, "c", 0) > 0);
    check_integers(g, 0);
    quant_kit_close(&k);
}

/* SiLU reaches much farther up than down: integers with a zero, and kernels that take it. */
TEST(place_offset_behind_silu)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    put_conv(&b, "a", "x", 8, 4, true);
    tro_buf_str(&b, "%g = sigmoid(%a)\n%s = mul(%a, %g)\n");
    put_conv(&b, "c", "s", 4, 8, true);
    tro_buf_str(&b, "output %c\n");
    if (!open_net(&k, &b))
        return;
    struct tro_graph *const g = place(&k, 1e-3);
    CHECK_OR_RETURN(g != NULL);
    const struct tro_node *const d = def_of(g, "c", 0);
    CHECK_OR_RETURN(d && d->op == TRO_OP_DEQUANTIZE && d->n_in == 3);
    CHECK_INT(tro_value_get(g, d->in[0])->dtype, TRO_U8);
    CHECK(*(const uint8_t *)tro_const_tensor(g, d->in[2]).data > 0);
    /* padding is the zero: the integers of the pass give what the graph of floats does */
    struct tro_graph *const ints = tro_graph_clone(g, NULL, &k.err);
    CHECK_OR_RETURN(ints != NULL);
    const struct tro_passes_opts opts = {.select = "qdq,dce"};
    CHECK(tro_passes_run(ints, &opts, NULL, &k.err) >= 0);
    CHECK_INT(quant_kit_count(ints, TRO_OP_CONV_INT), 2);
    const double as_floats = quant_kit_error(&k, g), as_ints = quant_kit_error(&k, ints);
    CHECK_NEAR(as_ints / as_floats, 1, 0.05);
    tro_graph_destroy(ints);
    check_integers(g, 0);
    quant_kit_close(&k);
}

/* ---- between layers ------------------------------------------------------------------------- */

/* After all passes: nothing of these is left in floating point, and all of the levels agree. */
static void check_all_integers(struct tro_graph *g, int n_tables, int n_resizes)
{
    static const enum tro_op floats[] = {TRO_OP_CONV, TRO_OP_MATMUL, TRO_OP_SIGMOID,
                                         TRO_OP_ERF,  TRO_OP_TANH,   TRO_OP_RESIZE};
    struct tro_err err = {0};
    const struct tro_passes_opts opts = {.select = "qdq,fold,identities,cse,dce"};
    test_check(tro_passes_run(g, &opts, NULL, &err) >= 0, __FILE__, __LINE__, "%s", err.text);
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        CHECK_INT(quant_kit_count(g, floats[i]), 0);
    CHECK_INT(quant_kit_count(g, TRO_OP_TABLE), n_tables);
    CHECK_INT(quant_kit_count(g, TRO_OP_RESIZE_INT), n_resizes);
    tro_graph_destroy(g);
}

/* SiLU, GELU by erf and by tanh, sigmoid: 16 bits in front, a table behind. */
TEST(place_curves)
{
    static const char *const curves[] = {
        "%g = sigmoid(%a)\n%s = mul(%a, %g)\n",
        "%i = mul(%a, %root)\n%e = erf(%i)\n%h = add(%e, %one)\n%m = mul(%a, %h)\n"
        "%s = mul(%m, %half)\n",
        "%i = mul(%a, %a)\n%j = mul(%i, %a)\n%k = mul(%j, %cube)\n%l = add(%a, %k)\n"
        "%n = mul(%l, %root)\n%e = tanh(%n)\n%h = add(%e, %one)\n%m = mul(%a, %h)\n"
        "%s = mul(%m, %half)\n",
        "%s = sigmoid(%a)\n",
    };
    for (size_t i = 0; i < 2 * sizeof curves / sizeof *curves; i++) {
        struct tro_buf b = {0};
        struct quant_kit k;
        put_input(&b);
        tro_buf_str(&b, "const %one : f32[] = 1\nconst %half : f32[] = 0.5\n"
                        "const %root : f32[] = 0.70710678\nconst %cube : f32[] = 0.044715\n");
        put_conv(&b, "a", "x", 8, 4, i % 2 == 0);
        tro_buf_str(&b, curves[i / 2]);
        put_conv(&b, "c", "s", 4, 8, true);
        tro_buf_str(&b, "output %c\n");
        if (!open_net(&k, &b))
            return;
        struct tro_graph *const g = place(&k, 1e-3);
        CHECK_OR_RETURN(g != NULL);
        CHECK_INT(quant_kit_count(g, TRO_OP_QUANTIZE), 3);
        check_all_integers(g, 1, 0);
        quant_kit_close(&k);
    }
}

/* Squeeze and excitation: what no layer takes keeps 16 bits, its mean is exact. */
TEST(place_excitation)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    put_conv(&b, "a", "x", 8, 4, true);
    tro_buf_str(&b, "const %axes : i64[2] = 2 3\n%g = sigmoid(%a)\n%s = mul(%a, %g)\n"
                    "%m = reduce(%s, %axes) {kind = mean}\n");
    put_conv(&b, "c", "m", 8, 8, true);
    tro_buf_str(&b, "%e = sigmoid(%c)\n%p = mul(%s, %e)\n");
    put_conv(&b, "d", "p", 4, 8, true);
    tro_buf_str(&b, "output %d\n");
    if (!open_net(&k, &b))
        return;
    struct tro_graph *const g = place(&k, 1e-3);
    CHECK_OR_RETURN(g != NULL);
    CHECK(is_int(g, "m", 0) && is_int(g, "p", 0) && is_int(g, "p", 1));
    CHECK_INT(tro_value_get(g, def_of(g, "p", 1)->in[0])->dtype, TRO_I16);
    check_all_integers(g, 2, 0);
    quant_kit_close(&k);
}

/* Neither in front of an output, nor of a layer in floats, nor behind one. */
TEST(place_curves_of_floats)
{
    for (int i = 0; i < 3; i++) {
        struct tro_buf b = {0};
        struct quant_kit k;
        put_input(&b);
        put_conv(&b, "a", "x", 8, 4, true);
        tro_buf_str(&b, "%g = sigmoid(%a)\n%s = mul(%a, %g)\n");
        if (i > 0)
            put_conv(&b, "c", "s", 4, 8, true);
        tro_buf_str(&b, i > 0 ? "output %c\n" : "output %s\n");
        if (!open_net(&k, &b))
            return;
        for (int j = 0; j < k.quant->n_layers && i > 0; j++)
            k.quant->layers[j].is_int = j != i - 1;
        struct tro_graph *const g = place(&k, 1e-3);
        CHECK_OR_RETURN(g != NULL);
        for (uint32_t v = 1; v < g->n_values; v++)
            CHECK(g->values[v].dtype != TRO_I16);
        tro_graph_destroy(g);
        quant_kit_close(&k);
    }
}

/* Linear resizing in front of a layer, of a sum, and of an output, which keeps its floats. */
TEST(place_linear_resizing)
{
    static const char *const coords[] = {"half_pixel", "align_corners", "asymmetric",
                                         "pytorch_half_pixel"};
    for (int i = 0; i < 12; i++) {
        struct tro_buf b = {0};
        struct quant_kit k;
        put_input(&b);
        tro_buf_printf(&b, "const %%sizes : i64[4] = 1 8 %s\n", i % 2 ? "11 3" : "12 12");
        put_conv(&b, "a", "x", 8, 4, true);
        tro_buf_printf(&b, "%%r = resize(%%a, _, _, %%sizes) {mode = linear, coord = %s}\n",
                       coords[i % 4]);
        if (i >= 4)
            tro_buf_str(&b, "%s = add(%r, %r)\n");
        if (i < 8)
            put_conv(&b, "c", i >= 4 ? "s" : "r", 4, 8, true);
        tro_buf_str(&b, i < 8 ? "output %c\n" : "output %s\n");
        if (!open_net(&k, &b))
            return;
        struct tro_graph *const g = place(&k, 1e-3);
        CHECK_OR_RETURN(g != NULL);
        CHECK(is_int(g, "r", 0) == (i < 8));
        if (i < 8)
            check_all_integers(g, i >= 4, 1); /* the sum of both is a table */
        else
            tro_graph_destroy(g);
        quant_kit_close(&k);
    }
}

/* ---- what is refused ------------------------------------------------------------------------ */

TEST(values_that_are_not_finite_are_named)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    put_input(&b);
    put_conv(&b, "a", "x", 4, 4, true);
    tro_buf_str(&b, "%s = sqrt(%a)\n");
    put_conv(&b, "c", "s", 4, 4, true);
    tro_buf_str(&b, "output %c\n");
    if (!open_net(&k, &b))
        return;
    CHECK_INT(quant_kit_calibrate(&k), TRO_E_INPUT);
    CHECK_HAS(k.err.text, "of 's'");
    CHECK_HAS(k.err.text, "sample 0");
    k.err = (struct tro_err){0};
    CHECK_INT(quant_kit_repair(&k), TRO_E_INPUT);
    CHECK_HAS(k.err.text, "of 's'");
    quant_kit_close(&k);
}

TEST(no_samples_and_no_layers_are_refused)
{
    struct quant_kit k;
    struct tro_err err = {0};
    struct tro_buf b = {0};
    put_input(&b);
    put_conv(&b, "a", "x", 4, 4, true);
    tro_buf_str(&b, "output %a\n");
    if (!open_net(&k, &b))
        return;
    CHECK_INT(tro_quant_bound(k.quant, &k.err), TRO_E_INPUT);
    CHECK_HAS(k.err.text, "--calib");
    quant_kit_close(&k);
    static const char text[] = "graph \"g\" input %x : f32[2] %y = exp(%x) output %y";
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, sizeof text - 1}, "t", &err);
    CHECK_OR_RETURN(g != NULL);
    CHECK(tro_quant_create(g, &err) == NULL);
    CHECK_HAS(err.text, "nothing to quantize");
    tro_graph_destroy(g);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int all_steps(struct quant_kit *k)
{
    k->quant = tro_quant_create(k->graph, &k->err);
    if (!k->quant)
        return k->err.status;
    TRO_TRY(quant_kit_calibrate(k));
    struct tro_graph *const g = tro_quant_make(k->quant, &k->err);
    tro_graph_destroy(g);
    return g ? 0 : k->err.status;
}

TEST(out_of_memory)
{
    struct tro_buf b = {0};
    struct quant_kit k;
    int rc = -1;
    put_input(&b);
    put_conv(&b, "a", "x", 4, 4, false);
    tro_buf_str(&b, "%p = concat(%a, %x) {axis = 1}\n");
    put_conv(&b, "c", "p", 4, 8, true);
    tro_buf_str(&b, "output %c\n");
    if (!open_net(&k, &b))
        return;
    for (int64_t n = 0; rc < 0 && n < 50000; n += 1 + n / 40) {
        tro_quant_destroy(k.quant);
        k.quant = NULL;
        tro_alloc_fail_after(n);
        rc = all_steps(&k);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
    }
    CHECK_INT(rc, 0);
    quant_kit_close(&k);
}
