/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what is read, what is refused with which message, what becomes of the model. */
#include "builder_kit.h"

#include "build/model.h"
#include "plan/plan.h"
#include "record/record.h"

#ifdef TRO_HAVE_JANSSON

static const char full[] =
    "{\"inputs\": {\"x\": {\"format\": \"nv12\", \"matrix\": \"bt709\", \"range\": \"limited\","
    " \"order\": \"bgr\", \"layout\": \"nchw\", \"resize\": \"letterbox\","
    " \"filter\": \"nearest\", \"anchor\": \"top_left\", \"pad\": 114, \"source\": [36, 64],"
    " \"scale\": 0.5, \"mean\": [1, 2, 3], \"std\": 4}}}";

static const char net[] = "in x f32[N,3,8,8]; y = Relu(x); out y";

/* ---- reading ------------------------------------------------------------------------------ */

TEST(record_reads_every_key)
{
    struct tro_record r;
    struct tro_err err;
    CHECK_OR_RETURN(tro_record_parse(full, strlen(full), "a.json", &r, &err) == 0);
    CHECK_STR(r.text, full);
    CHECK_INT(r.n_inputs, 1);
    const struct tro_record_input *const in = &r.inputs[0];
    CHECK_STR(in->name, "x");
    CHECK_INT(in->camera.format, tro_camera_format_nv12);
    CHECK_INT(in->camera.matrix, tro_camera_matrix_bt709);
    CHECK_INT(in->camera.range, tro_camera_range_limited);
    CHECK_INT(in->camera.order, tro_camera_order_bgr);
    CHECK_INT(in->camera.resize, tro_camera_resize_letterbox);
    CHECK_INT(in->camera.filter, tro_camera_filter_nearest);
    CHECK_INT(in->camera.anchor, tro_camera_anchor_top_left);
    CHECK_INT(in->camera.pad, 114);
    CHECK_INT(in->height, 36);
    CHECK_INT(in->width, 64);
    CHECK(in->has_order && in->has_layout && in->has_scale && in->has_mean && in->has_std);
    CHECK_NEAR(in->scale, 0.5, 0);
    CHECK_INT(in->n_mean, 3);
    CHECK_NEAR(in->mean[2], 3, 0);
    CHECK_INT(in->n_std, 1);
    CHECK_NEAR(in->std[0], 4, 0);
    tro_record_finish(&r);
}

static void refused(const char *text, const char *message)
{
    struct tro_record r;
    struct tro_err err = {0};
    CHECK_INT(tro_record_parse(text, strlen(text), "a.json", &r, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "a.json: ");
    CHECK_HAS(err.text, message);
    tro_record_finish(&r);
}

/* The keys of input x, with ' for ". */
static void refused_input(const char *keys, const char *message)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"inputs\": {\"x\": {%s}}}", keys);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    refused(text, message);
}

TEST(record_refuses_other_texts)
{
    refused("", "line 1, column 0: expected JSON");
    refused("{\"inputs\": ", "line 1, column 11: expected JSON");
    refused("[]", "expected an object, found a list");
    refused("{} {}", "expected JSON");
    refused("{\"input\": {}}",
            "expected one of the keys inputs, outputs, states, optics, found 'input'");
    refused("{\"inputs\": 3}", "inputs: expected an object, found an integer");
    refused("{\"inputs\": {\"x\": null}}", "inputs.x: expected an object, found null");
    refused("{\"inputs\": {\"x\": {\"format\": \"rgb8\"}, \"x\": {}}}", "duplicate");
    refused("{\"inputs\": {\"\\u0000\": {}}}", "expected JSON");
}

TEST(record_refuses_wrong_inputs)
{
    refused_input("", "inputs.x: expected the key format");
    refused_input("'format': 'rgb8', 'colour': 'rgb'",
                  "inputs.x: expected one of the keys format,");
    refused_input("'format': 'yuv'", "inputs.x.format: expected one of rgb8, bgr8, rgba8, bgra8, "
                                     "gray8, nv12, yuyv, found 'yuv'");
    refused_input("'format': 3", "inputs.x.format: expected one of rgb8");
    refused_input("'format': 'nv12'", "inputs.x: expected the keys matrix and range");
    refused_input("'format': 'rgb8', 'matrix': 'bt601'",
                  "matrix and range with nv12 and yuyv alone");
    refused_input("'format': 'rgb8', 'filter': 'nearest'", "no key filter with this resize");
    refused_input("'format': 'rgb8', 'resize': 'stretch', 'source': [2, 2], 'pad': 3",
                  "no key pad with this resize");
    refused_input("'format': 'rgb8', 'resize': 'stretch', 'source': [2, 2], 'anchor': 'center'",
                  "no key anchor with this resize");
    refused_input("'format': 'rgb8', 'resize': 'letterbox'", "expected the key source");
    refused_input("'format': 'rgb8', 'resize': 'letterbox', 'source': [2, 2], 'pad': 256",
                  "inputs.x.pad: expected 0 to 255, found 256");
    refused_input("'format': 'rgb8', 'source': [2]",
                  "inputs.x.source: expected a list of 2 integers, found a list of 1");
    refused_input("'format': 'rgb8', 'source': [2, 2.5]",
                  "inputs.x.source[1]: expected an integer, found a number");
    refused_input("'format': 'rgb8', 'source': [0, 2]", "inputs.x.source[0]: expected 1 to 32768");
    refused_input("'format': 'nv12', 'matrix': 'bt601', 'range': 'full', 'source': [3, 2]",
                  "expected an even height and width");
    refused_input("'format': 'yuyv', 'matrix': 'bt601', 'range': 'full', 'source': [2, 3]",
                  "expected an even width");
    refused_input("'format': 'rgb8', 'scale': '1/255'", "inputs.x.scale: expected a number");
    refused_input("'format': 'rgb8', 'scale': 1e999", "expected JSON");
    refused_input("'format': 'rgb8', 'mean': []", "inputs.x.mean: expected a number or a list");
    refused_input("'format': 'rgb8', 'mean': [1, 'a']", "inputs.x.mean[1]: expected a number");
    refused_input("'format': 'rgb8', 'std': [1, 1, 1, 1]", "inputs.x.std: expected a number or");
    refused_input("'format': 'rgb8', 'std': 0", "std: expected numbers above 0, found 0");
    refused_input("'format': 'rgb8', 'layout': 'chw'",
                  "inputs.x.layout: expected one of nchw, nhwc");
}

TEST(record_reads_optics)
{
    static const char text[] = "{\"optics\": {\"f\": \"focal_length\"}}";
    struct tro_record r;
    struct tro_err err;
    CHECK_OR_RETURN(tro_record_parse(text, strlen(text), "a.json", &r, &err) == 0);
    CHECK_INT(r.n_optics, 1);
    CHECK_STR(r.optics[0].input, "f");
    CHECK_INT(r.optics[0].what, TRO_RECORD_FOCAL_LENGTH);
    tro_record_finish(&r);
}

TEST(record_refuses_wrong_optics)
{
    refused("{\"optics\": [\"f\"]}", "optics: expected an object, found a list");
    refused("{\"optics\": {\"f\": 0.75}}", "optics.f: expected one of focal_length");
    refused("{\"optics\": {\"f\": \"focal\"}}",
            "optics.f: expected one of focal_length, found 'focal'");
    refused("{\"inputs\": {\"x\": {\"format\": \"rgb8\"}}, \"optics\": {\"x\": \"focal_length\"}}",
            "optics.x: expected an input that takes no frames, found one of inputs");
    refused("{\"states\": {\"h\": \"g\"}, \"optics\": {\"h\": \"focal_length\"}}",
            "optics.h: expected an input that is no state, found one of states");
}

static size_t below(uint32_t *random, size_t n)
{
    *random = *random * 1664525 + 1013904223;
    return (*random >> 8) % n;
}

/* Bytes exchanged, cut, doubled: read or refused with a message, nothing else. */
TEST(record_mutated)
{
    uint32_t random = 7;
    int n_read = 0, n_refused = 0;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof full];
        struct tro_record r;
        struct tro_err err = {0};
        size_t n = sizeof full - 1;
        memcpy(text, full, sizeof full);
        for (size_t i = below(&random, 3) + 1; i > 0; i--) {
            const size_t at = below(&random, n), from = below(&random, n);
            const size_t kind = below(&random, 4);
            if (kind == 0)
                text[at] = (char)below(&random, 256);
            else if (kind == 1)
                n = at + 1;
            else if (kind == 2)
                text[at] = text[from];
            else
                memmove(text + at, text + from, n - (at > from ? at : from));
        }
        if (tro_record_parse(text, n, "a.json", &r, &err) == 0)
            n_read++;
        else
            n_refused += err.status == TRO_E_INPUT && strstr(err.text, "a.json: ") == err.text;
        tro_record_finish(&r);
    }
    CHECK_INT(n_read + n_refused, 20000);
    CHECK(n_read > 100 && n_refused > 10000);
}

/* ---- applying ----------------------------------------------------------------------------- */

/* A part of the record, and its keys with ' for ". */
static int apply_part(struct tro_model *m, const char *part, const char *keys, struct tro_err *err)
{
    char text[1024];
    struct tro_record r;
    snprintf(text, sizeof text, "{\"%s\": {%s}}", part, keys);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    int rc = tro_record_parse(text, strlen(text), "a.json", &r, err);
    if (rc >= 0)
        rc = tro_record_apply(&r, m, err);
    tro_record_finish(&r);
    return rc;
}

static int apply(struct tro_model *m, const char *keys, struct tro_err *err)
{
    return apply_part(m, "inputs", keys, err);
}

static void check_graph(const char *model, const char *keys, const char *expected)
{
    struct tro_model *const m = kit_model(model);
    struct tro_err err = {0};
    struct tro_buf text = {0};
    CHECK_INT(apply(m, keys, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_INT(tro_graph_verify(tro_model_graph(m), &err), 0);
    tro_graph_print(tro_model_graph(m), -1, &text);
    tro_buf_u8(&text, 0);
    CHECK_STR((const char *)text.p, expected);
    tro_buf_finish(&text);
    tro_model_close(m);
}

TEST(record_puts_a_node_in_front)
{
    check_graph(net, "'x': {'format': 'rgb8', 'scale': 0.5, 'mean': 1, 'std': [1, 2, 4]}",
                "graph \"main\"\n"
                "symbol N 0..2147483647\n"
                "input %x : u8[N,8,8,3]\n"
                "const %v1 : f32[] = 0\n"
                "const %x_scale : f32[3] = 0.5 0.25 0.125\n"
                "const %x_bias : f32[3] = -1 -0.5 -0.25\n"
                "%x_pixels = camera(%x, %x_scale, %x_bias) : f32[N,3,8,8] \"x_pixels\"\n"
                "%y = max(%x_pixels, %v1) : f32[N,3,8,8]\n"
                "output %y\n");
    check_graph("in x f16[1,8,8,1]; out x",
                "'x': {'format': 'nv12', 'matrix': 'bt709', 'range': 'full', 'source': [4, 6],"
                " 'resize': 'letterbox', 'pad': 9}",
                "graph \"main\"\n"
                "input %x : u8[1,6,6]\n"
                "const %x_scale : f32[1] = 1\n"
                "const %x_bias : f32[1] = 0\n"
                "%x_pixels = camera(%x, %x_scale, %x_bias) {format = nv12, matrix = bt709,"
                " range = full, order = gray, resize = letterbox, pad = 9, height = 8, width = 8}"
                " : f32[1,1,8,8] \"x_pixels\"\n"
                "%x_narrow = cast(%x_pixels) {to = f16} : f16[1,1,8,8] \"x_narrow\"\n"
                "%x_nhwc = transpose(%x_narrow) {perm = [0,2,3,1]} : f16[1,8,8,1] \"x_nhwc\"\n"
                "output %x_nhwc\n");
}

static void not_applied(const char *model, const char *keys, const char *message)
{
    struct tro_model *const m = kit_model(model);
    struct tro_err err = {0};
    CHECK_INT(apply(m, keys, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, message);
    tro_model_close(m);
}

TEST(record_that_does_not_suit_the_model)
{
    not_applied(net, "'z': {'format': 'rgb8'}",
                "record, inputs.z: expected the name of an input, found 'z': the last one is 'x'");
    not_applied("in x f32[N,3]; y = Relu(x); out y", "'x': {'format': 'rgb8'}",
                "expected an input of pictures, four axes of floats, found f32[N,3]");
    not_applied("in x i32[1,3,8,8]; y = Identity(x); out y", "'x': {'format': 'rgb8'}",
                "four axes of floats, found i32[1,3,8,8]");
    not_applied("in x f32[1,4,8,8]; y = Relu(x); out y", "'x': {'format': 'rgb8'}",
                "expected an input of 1 or 3 channels, found f32[1,4,8,8]");
    not_applied("in x f32[1,3,H,8]; y = Relu(x); out y", "'x': {'format': 'rgb8'}",
                "expected an input whose height and width are fixed");
    not_applied(net, "'x': {'format': 'rgb8', 'order': 'gray'}",
                "order: expected one of 3 channels, which the network takes, found 1");
    not_applied(net, "'x': {'format': 'rgb8', 'source': [8, 9]}",
                "source: expected 8 x 8, which the network takes, or a resize, found 8 x 9");
    not_applied(net, "'x': {'format': 'rgb8', 'mean': [1, 2]}",
                "mean: expected 1 or 3 numbers, found 2");
    not_applied(net, "'x': {'format': 'rgb8', 'std': [1, 2]}",
                "std: expected 1 or 3 numbers, found 2");
    not_applied("in x f32[1,3,7,8]; y = Relu(x); out y",
                "'x': {'format': 'nv12', 'matrix': 'bt601', 'range': 'full'}",
                "source: expected an even height and width for nv12, found 7 x 8");
}

/* The network stays as it is. */
TEST(record_with_optics)
{
    static const char *const models[] = {
        "in x f32[1,3,8,8]; in f f32[1]; y = Mul(x, f); out y",
        "in x f32[1,3,8,8]; in f f32[]; y = Mul(x, f); out y",
        "in x f32[1,3,8,8]; in f f32[1,1]; y = Mul(x, f); out y",
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct tro_model *const m = kit_model(models[i]);
        struct tro_err err = {0};
        struct tro_buf before = {0}, after = {0};
        tro_graph_print(tro_model_graph(m), -1, &before);
        CHECK_INT(apply_part(m, "optics", "'f': 'focal_length'", &err), 0);
        CHECK_STR(err.text, "");
        tro_graph_print(tro_model_graph(m), -1, &after);
        tro_buf_u8(&before, 0);
        tro_buf_u8(&after, 0);
        CHECK_STR((const char *)after.p, (const char *)before.p);
        tro_buf_finish(&before);
        tro_buf_finish(&after);
        tro_model_close(m);
    }
}

static void no_optics(const char *model, const char *message)
{
    struct tro_model *const m = kit_model(model);
    struct tro_err err = {0};
    CHECK_INT(apply_part(m, "optics", "'f': 'focal_length'", &err), TRO_E_INPUT);
    CHECK_HAS(err.text, message);
    tro_model_close(m);
}

TEST(record_with_optics_that_do_not_suit)
{
    no_optics(net, "record, optics.f: expected the name of an input, found 'f'");
    no_optics("in f f32[2]; y = Relu(f); out y",
              "record, optics.f: expected an input of one number, f32[1], found f32[2]");
    no_optics("in f f32[N]; y = Relu(f); out y", "of one number, f32[1], found f32[N]");
    no_optics("in f f16[1]; y = Relu(f); out y", "of one number, f32[1], found f16[1]");
}

/* The plan keeps the text, and runs on frames. */
TEST(record_in_a_plan)
{
    struct tro_model *const m = kit_model("in x f32[1,3,2,2]; y = Relu(x); out y");
    struct tro_err err = {0};
    CHECK_INT(apply(m, "'x': {'format': 'bgr8', 'scale': 0.5, 'mean': 8}", &err), 0);
    struct tro_builder *const b = tro_builder_create(m, &err);
    struct tro_plan *const p = tro_builder_plan(b, NULL, &err);
    CHECK_OR_RETURN(p != NULL);
    CHECK_HAS(tro_plan_note(tro_plan_contents(p), TRO_RECORD_KEY), "\"format\": \"bgr8\"");
    struct tro_session *const s = tro_session_create(p, NULL, &err);
    CHECK_OR_RETURN(s != NULL);
    uint8_t frame[12] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120};
    const struct tro_tensor x = {.dtype = TRO_U8, .rank = 4, .shape = {1, 2, 2, 3}, .data = frame};
    struct tro_tensor y;
    CHECK_INT(tro_session_bind(s, "x", &x, &err), 0);
    CHECK_INT(tro_session_run(s, &err), 0);
    CHECK_INT(tro_session_output(s, 0, &y, &err), 0);
    const float expected[12] = {7, 22, 37, 52, 2, 17, 32, 47, 0, 12, 27, 42};
    for (int i = 0; i < 12; i++)
        CHECK_NEAR(((const float *)y.data)[i], expected[i], 0);
    tro_session_destroy(s);
    tro_plan_close(p);
    tro_builder_destroy(b);
    tro_model_close(m);
}

#else

TEST(record_without_jansson)
{
    struct tro_record r;
    struct tro_err err = {0};
    CHECK_INT(tro_record_parse("{}", 2, "a.json", &r, &err), TRO_E_DEVICE);
    CHECK_HAS(err.text, "a.json: reading a record needs jansson");
}

#endif
