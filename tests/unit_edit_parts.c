/* SPDX-License-Identifier: Apache-2.0 */
/* Extracting, sizes, names, layout, pixels, metadata, external data. */
#include "edit_kit.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

static struct tro_err err;

#define STR(s) ((struct tro_str){(s), strlen(s)})

/* ---- extract --------------------------------------------------------------------------- */

/* Names with commas; "" for none. */
static size_t split(const char *text, struct tro_str *names)
{
    size_t n = 0;
    while (*text) {
        const size_t length = strcspn(text, ",");
        names[n++] = (struct tro_str){text, length};
        text += length + (text[length] == ',');
    }
    return n;
}

static int extract_from(struct tro_onnx_model *m, const char *inputs, const char *outputs)
{
    struct tro_str in[8], out[8];
    err = (struct tro_err){0};
    return tro_edit_extract(m, in, split(inputs, in), out, split(outputs, out), &err);
}

/* "nodes | inputs -> outputs" of the part, or the message. */
static const char *extracted(const char *text, const char *inputs, const char *outputs)
{
    static char result[32768];
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    if (extract_from(m, inputs, outputs) < 0) {
        snprintf(result, sizeof result, "%s", err.text);
    } else {
        struct tro_onnx_model *copy = edit_copy(m);
        snprintf(result, sizeof result, "%s | ", onnx_text_of(m));
        snprintf(result + strlen(result), sizeof result - strlen(result), "%s", onnx_text_ends(m));
        tro_onnx_free(copy);
    }
    tro_onnx_free(m);
    return result;
}

#define CHAIN                                                                                   \
    "in x f32[N,4]; w k f32[4] 1 2 3 4; a:0 = Neg(x); b = Add(a:0, k); c = Exp(b); y = Mul(c, " \
    "a:0); out y"

TEST(part_between_inner_tensors)
{
    CHECK_STR(extracted(CHAIN, "b", "c"), "c = Exp(b) | b float[N,4] -> c float[N,4]");
    CHECK_STR(extracted(CHAIN, "a:0", "b"),
              "b = Add(a:0, k); w k f32[4] 1 2 3 4 | a:0 float[N,4] -> b float[N,4]");
    CHECK_STR(extracted(CHAIN, "c,a:0", "y"),
              "y = Mul(c, a:0) | c float[N,4], a:0 float[N,4] -> y float[N,4]");
}

TEST(part_with_the_models_own_ends)
{
    CHECK_STR(extracted(CHAIN, "", "b"),
              "a:0 = Neg(x); b = Add(a:0, k); w k f32[4] 1 2 3 4 | x float[N,4] -> b float[N,4]");
    CHECK_STR(extracted(CHAIN, "c,a:0", ""),
              "y = Mul(c, a:0) | c float[N,4], a:0 float[N,4] -> y float[N,4]");
    CHECK_STR(extracted(CHAIN, "", "y,c"),
              "a:0 = Neg(x); b = Add(a:0, k); c = Exp(b); y = Mul(c, a:0); w k f32[4] 1 2 3 4 |"
              " x float[N,4] -> y float[N,4], c float[N,4]");
}

TEST(part_may_not_need_more)
{
    CHECK_HAS(extracted(CHAIN, "c", "y"), "it also needs 'x': name it among the inputs");
    CHECK_HAS(extracted(CHAIN, "b", "z"), "expected a tensor of the model's main graph, found 'z'");
    CHECK_HAS(extracted(CHAIN, "b,b", "c"), "expected each tensor once, found 'b' twice");
}

TEST(weight_as_input)
{
    CHECK_STR(extracted(CHAIN, "a:0,k", "b"),
              "b = Add(a:0, k) | a:0 float[N,4], k float[4] -> b float[N,4]");
}

/* One of the outputs of a node becomes an input, the other one is still made. */
TEST(node_that_is_half_cut_off)
{
    CHECK_STR(extracted("in x f32[4]; a, b = Split(x); y = Add(a, b); out y", "x,a", "y"),
              "unused, b = Split(x); y = Add(a, b) | x float[4], a float[2] -> y float[2]");
}

TEST(tensors_of_inner_graphs_are_no_ends)
{
    const char *text = "in x f32[2]; in c bool[]; y = If(c) then_branch={ t = Neg(x); out t }"
                       "else_branch={ out x }; out y";
    CHECK_HAS(extracted(text, "", "t"), "expected a tensor of the model's main graph, found 't'");
    CHECK_STR(
        extracted(text, "", "y"),
        "y = If(c) then_branch={t = Neg(x); out t} else_branch={out x} | x float[2], c bool[] ->"
        " y float[2]");
}

/* Weights of old models are inputs as well. */
TEST(part_of_a_model_whose_weights_are_inputs)
{
    struct tro_onnx_model *m = onnx_text_read(
        "in x f32[2]; in k f32[2]; w k f32[2] 1 2; a = Neg(x); y = Add(a, k); out y", 8);
    m->ir_version = 3;
    CHECK_INT(extract_from(m, "a", "y"), 0);
    CHECK_STR(onnx_text_ends(m), "a float[2] -> y float[2]");
    CHECK_STR(onnx_text_of(m), "y = Add(a, k); w k f32[2] 1 2");
    CHECK_INT(m->ir_version, 4);
    tro_onnx_free(m);
}

TEST(part_with_unknown_operators)
{
    struct tro_onnx_model *m = onnx_text_read(
        "in x f32[2]; info b f32[5]; a = my.own::Op(x); b = my.own::Op(a); c = Neg(b); out c", 13);
    onnx_text_opset(m, "my.own", 1);
    CHECK_INT(extract_from(m, "a", "c"), TRO_E_UNSUPPORTED);
    CHECK_HAS(err.text, "found 'a', which follows from operators that are not known");
    CHECK_INT(extract_from(m, "x", "a"), 0);
    CHECK_STR(onnx_text_of(m), "a = my.own::Op(x)");
    CHECK_STR(onnx_text_ends(m), "x float[2] -> a");
    tro_onnx_free(m);
    m = onnx_text_read(
        "in x f32[2]; info b f32[5]; a = my.own::Op(x); b = my.own::Op(a); c = Neg(b); out c", 13);
    onnx_text_opset(m, "my.own", 1);
    CHECK_INT(extract_from(m, "b", "c"), 0);
    CHECK_STR(onnx_text_ends(m), "b float[5] -> c float[5]");
    tro_onnx_free(m);
}

/* ---- sizes ----------------------------------------------------------------------------- */

static struct tro_onnx_model *reshaped(const char *text, const char *input, int64_t a, int64_t b)
{
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    const int64_t shape[2] = {a, b};
    err = (struct tro_err){0};
    tro_edit_set_shape(m, STR(input), shape, 2, &err);
    return m;
}

TEST(sizes_follow_the_inputs)
{
    struct tro_onnx_model *m = reshaped(
        "in x f32[N,M]; info a f32[N,M]; a = Neg(x); y = Transpose(a) perm=[1,0];"
        "out y f32[?,N]",
        "x", 5, 7);
    CHECK_STR(err.text, "");
    CHECK_STR(onnx_text_ends(m), "x float[5,7] -> y float[7,5]");
    CHECK_INT(m->graph.n_value_infos, 1);
    CHECK_INT(m->graph.value_infos[0].dims[1].value, 7);
    tro_onnx_free(m);
}

TEST(sizes_that_cannot_be_are_refused)
{
    static const char text[] = "in x f32[N,M]; w k f32[3] 1 2 3; y = Add(x, k); out y";
    struct tro_onnx_model *m = reshaped(text, "x", 5, 7);
    CHECK_INT(err.status, TRO_E_INPUT);
    CHECK_HAS(err.text, "node 'y' (Add)");
    tro_onnx_free(m);
    m = reshaped(text, "y", 5, 7);
    CHECK_HAS(err.text, "expected the name of an input, found 'y'");
    tro_onnx_free(m);
    m = reshaped(text, "k", 5, 7);
    CHECK_HAS(err.text, "expected the name of an input, found 'k'");
    tro_onnx_free(m);
    m = reshaped(text, "x", -1, 7);
    CHECK_HAS(err.text, "expected sizes of 0 or more, found -1");
    tro_onnx_free(m);
    m = reshaped("in x f32[N]; y = Neg(x); out y", "x", 5, 7);
    CHECK_HAS(err.text, "input 'x': expected 1 sizes, found 2");
    tro_onnx_free(m);
}

/* An output that is the input itself keeps its sizes when those of another input change. */
TEST(sizes_of_other_inputs_stay)
{
    struct tro_onnx_model *m = reshaped(
        "in x f32[N,M]; in z f32[4]; y = Neg(x); out y; out z f32[4]", "x", 2, 3);
    CHECK_STR(onnx_text_ends(m), "x float[2,3], z float[4] -> y float[2,3], z float[4]");
    tro_onnx_free(m);
}

/* ---- names ----------------------------------------------------------------------------- */

static const char *renamed(const char *text, const char *from, const char *to)
{
    static char result[32768];
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    err = (struct tro_err){0};
    if (tro_edit_rename(m, STR(from), STR(to), &err) < 0) {
        snprintf(result, sizeof result, "%s", err.text);
    } else {
        snprintf(result, sizeof result, "%s | ", onnx_text_of(m));
        snprintf(result + strlen(result), sizeof result - strlen(result), "%s", onnx_text_ends(m));
    }
    tro_onnx_free(m);
    return result;
}

TEST(rename_everywhere)
{
    static const char text[] =
        "in x f32[2]; in c bool[]; w k f32[2] 1 2; a = Add(x, k);"
        "y = If(c) then_branch={ t = Neg(a); out t } else_branch={ out a }; out y; out a";
    CHECK_STR(renamed(text, "a", "new"),
              "new = Add(x, k); y = If(c) then_branch={t = Neg(new); out t} else_branch={out new};"
              " w k f32[2] 1 2 | x float[2], c bool[] -> y, new");
    CHECK_HAS(renamed(text, "x", "picture"), "a = Add(picture, k)");
    CHECK_HAS(renamed(text, "k", "weight"), "w weight f32[2] 1 2 |");
    CHECK_HAS(renamed(text, "t", "inner"), "then_branch={inner = Neg(a); out inner}");
}

TEST(rename_to_what_is_no_free_name)
{
    static const char text[] = "in x f32[2]; y = Neg(x); out y";
    CHECK_HAS(renamed(text, "x", "y"), "expected a new name that is free, found 'y'");
    CHECK_HAS(renamed(text, "x", ""), "expected a new name that is free, found ''");
    CHECK_HAS(renamed(text, "x", "\xff"), "expected a new name that is free");
    CHECK_HAS(renamed(text, "z", "a"), "expected the name of a tensor, found 'z'");
}

/* ---- pictures -------------------------------------------------------------------------- */

static const char picture[] = "in x f32[1,3,4,5]; w k f32[2,3,1,1] 1 2 3 4 5 6; a = Conv(x, k);"
                              "y = Add(a, a); out y f32[1,2,4,5]";

TEST(channels_last)
{
    struct tro_onnx_model *m = onnx_text_read(picture, 13);
    CHECK_INT(tro_edit_input_nhwc(m, (struct tro_str){0}, NULL), 0);
    CHECK_STR(onnx_text_ends(m), "x float[1,4,5,3] -> y float[1,2,4,5]");
    CHECK_HAS(onnx_text_of(m), "x_nchw = Transpose(x) perm=[0,3,1,2]; a = Conv(x_nchw, k)");
    tro_onnx_free(m);
    m = onnx_text_read("in x f32[N,3,H,W]; y = Neg(x); out y", 13);
    CHECK_INT(tro_edit_input_nhwc(m, STR("x"), NULL), 0);
    CHECK_STR(onnx_text_ends(m), "x float[N,H,W,3] -> y float[N,3,H,W]");
    tro_onnx_free(m);
}

static const char *picture_error(const char *text, const char *input, int64_t opset)
{
    struct tro_onnx_model *m = onnx_text_read(text, opset);
    err = (struct tro_err){0};
    CHECK(tro_edit_input_nhwc(m, STR(input), &err) < 0);
    tro_onnx_free(m);
    return err.text;
}

TEST(inputs_that_are_no_pictures)
{
    CHECK_HAS(picture_error("in x f32[2]; y = Neg(x); out y", "", 13),
              "expected an input of rank 4, found none");
    CHECK_HAS(picture_error("in x f32[2]; y = Neg(x); out y", "x", 13),
              "input 'x': expected rank 4, found 1");
    CHECK_HAS(picture_error("in x f32[1,2,3,4]; in z f32[1,2,3,4]; y = Add(x, z); out y", "", 13),
              "found 'x' and 'z': say which one");
    CHECK_HAS(picture_error("in x f32[1,2,3,4]; y = Neg(x); out y; out x", "", 13),
              "expected an input that is no output");
    CHECK_HAS(picture_error("in x f32[1,2,3,4]; y = Neg(x); out y", "", 6),
              "expected opset 7 or newer, found 6");
    CHECK_HAS(picture_error(picture, "k", 13), "expected the name of an input, found 'k'");
}

/* What the network gives on pixels after editing is what it gave on (pixel * scale - mean) / std
 * before. */
static void check_normalized(const struct tro_edit_normalize *n)
{
    struct tro_onnx_model *before = onnx_text_read(picture, 13), *m = onnx_text_read(picture, 13);
    struct tro_graph *g[2] = {NULL, NULL};
    struct tro_tensor out[2] = {{0}, {0}};
    float prepared[60];
    uint8_t pixels[60];
    err = (struct tro_err){0};
    if (n->is_nhwc)
        CHECK_INT(tro_edit_input_nhwc(m, (struct tro_str){0}, &err), 0);
    CHECK_INT(tro_edit_normalize(m, (struct tro_str){0}, n, &err), 0);
    CHECK_STR(err.text, "");
    for (int i = 0; i < 60; i++) { /* at [channel, place] */
        const int channel = i / 20, place = i % 20;
        const int pixel = (i * 37) % 256;
        pixels[n->is_nhwc ? place * 3 + channel : i] = (uint8_t)pixel;
        prepared[i] = (float)((pixel * n->scale - n->mean[n->n_mean > 1 ? channel : 0]) /
                              n->std[n->n_std > 1 ? channel : 0]);
    }
    const struct tro_tensor in[2] = {
        {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 4, 5}, .data = prepared},
        {.dtype = TRO_U8, .rank = 4, .shape = {1, 3, 4, 5}, .data = pixels}};
    struct tro_tensor nhwc = in[1];
    memcpy(nhwc.shape, (int64_t[]){1, 4, 5, 3}, 4 * sizeof(int64_t));
    CHECK_INT(tro_onnx_import(before, &g[0], &err), 0);
    CHECK_INT(tro_onnx_import(m, &g[1], &err), 0);
    if (g[0] && g[1]) {
        CHECK_INT(tro_ref_run(g[0], in, &out[0], NULL, NULL, &err), 0);
        CHECK_INT(tro_ref_run(g[1], n->is_nhwc ? &nhwc : &in[1], &out[1], NULL, NULL, &err), 0);
        CHECK_STR(err.text, "");
        CHECK(out[0].data && out[1].data && edit_is_close(&out[0], &out[1]));
    }
    for (int i = 0; i < 2; i++) {
        tro_free(out[i].data);
        tro_graph_destroy(g[i]);
    }
    tro_onnx_free(before);
    tro_onnx_free(m);
}

TEST(pixels_are_normalized)
{
    check_normalized(&(struct tro_edit_normalize){
        .scale = 1.0 / 255, .mean = {.5}, .std = {.25}, .n_mean = 1, .n_std = 1});
    check_normalized(&(struct tro_edit_normalize){.scale = 1.0 / 255,
                                                  .mean = {.485, .456, .406},
                                                  .std = {.229, .224, .225},
                                                  .n_mean = 3,
                                                  .n_std = 3});
    check_normalized(&(struct tro_edit_normalize){.scale = 1,
                                                  .mean = {127, 128, 129},
                                                  .std = {-64},
                                                  .n_mean = 3,
                                                  .n_std = 1,
                                                  .is_nhwc = true});
    check_normalized(&(struct tro_edit_normalize){
        .scale = 1, .mean = {0}, .std = {1, 2, 4}, .n_mean = 1, .n_std = 3, .is_nhwc = true});
}

static const char *normalize_error(const char *text, struct tro_edit_normalize n)
{
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    err = (struct tro_err){0};
    CHECK_INT(tro_edit_normalize(m, (struct tro_str){0}, &n, &err), TRO_E_INPUT);
    tro_onnx_free(m);
    return err.text;
}

TEST(normalization_that_does_not_fit)
{
    const struct tro_edit_normalize one = {
        .scale = 1, .mean = {0}, .std = {1}, .n_mean = 1, .n_std = 1};
    struct tro_edit_normalize n = one;
    n.std[0] = 0;
    CHECK_HAS(normalize_error(picture, n), "no std of 0");
    n.std[0] = NAN;
    CHECK_HAS(normalize_error(picture, n), "finite means and stds");
    n = one;
    n.n_mean = 2;
    CHECK_HAS(normalize_error(picture, n), "one for each of its channels (3 on axis 1), found 2");
    n.n_std = 3;
    n.std[1] = n.std[2] = 1;
    CHECK_HAS(normalize_error(picture, n), "found 2 and 3");
    CHECK_HAS(normalize_error("in x u8[1,3,4,5]; y = Cast(x) to=1; out y", one),
              "expected float or float16, found uint8");
}

/* ---- metadata, external data ----------------------------------------------------------- */

TEST(metadata_is_set_once)
{
    struct tro_onnx_model *m = onnx_text_read(picture, 13);
    CHECK_INT(tro_onnx_set_metadata(m, "a", "1", NULL), 0);
    CHECK_INT(tro_onnx_set_metadata(m, "b", "2", NULL), 0);
    CHECK_INT(tro_onnx_set_metadata(m, "a", "3", NULL), 0);
    CHECK_INT(m->n_metadata, 2);
    CHECK(tro_str_eqz(tro_onnx_metadata(m, "a"), "3"));
    CHECK(tro_str_eqz(tro_onnx_metadata(m, "b"), "2"));
    tro_onnx_free(m);
}

TEST(external_data_is_read_in)
{
    char folder[] = "/tmp/trocar-edit-XXXXXX", path[64];
    CHECK_OR_RETURN(mkdtemp(folder));
    const float data[2] = {1.5F, -2};
    snprintf(path, sizeof path, "%s/weights.bin", folder);
    CHECK_INT(tro_file_write(path, data, sizeof data, NULL), 0);
    struct tro_onnx_model *m = onnx_text_read("in x f32[2]; w k f32[2] 0 0; y = Add(x, k); out y",
                                              13);
    struct tro_onnx_pair where = {.key = TRO_STR("location"), .value = TRO_STR("weights.bin")};
    struct tro_onnx_tensor *t = &m->graph.initializers[0];
    t->raw = (struct tro_str){0};
    t->has_raw = false;
    t->is_external = t->has_location = true;
    t->external = &where;
    t->n_external = 1;
    t->doc = TRO_STR("kept");
    m->dir = folder;
    CHECK_INT(tro_edit_embed(m, NULL), 0);
    CHECK_STR(onnx_text_of(m), "y = Add(x, k); w k f32[2] 1.5 -2");
    CHECK(!t->is_external && tro_str_eqz(t->doc, "kept"));
    t->is_external = true;
    t->external = &where;
    t->n_external = 1;
    t->has_raw = false;
    where.value = TRO_STR("gone.bin");
    err = (struct tro_err){0};
    CHECK(tro_edit_embed(m, &err) < 0);
    CHECK_HAS(err.text, "'k'");
    tro_onnx_free(m);
    unlink(path);
    rmdir(folder);
}
