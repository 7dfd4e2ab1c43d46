/* SPDX-License-Identifier: Apache-2.0 */
/* What a record says of outputs: what is refused with which message, what becomes of the model. */
#include "builder_kit.h"

#include "build/model.h"
#include "plan/plan.h"
#include "record/record.h"

/* A record that was not read, which no library is needed for. */
TEST(record_made_in_memory)
{
    struct tro_record_output output = {
        .name = "y", .decode = TRO_RECORD_LINEAR, .scale = 2, .offset = 1};
    const struct tro_record r = {.text = "{}", .outputs = &output, .n_outputs = 1};
    struct tro_model *const m = kit_model("in x f32[1,3]; y = Neg(x); out y");
    struct tro_err err = {0};
    CHECK_INT(tro_record_apply(&r, m, &err), 0);
    CHECK_INT(tro_graph_verify(tro_model_graph(m), &err), 0);
    CHECK_INT(tro_model_n_outputs(m), 1);
    CHECK_STR(tro_model_output_info(m, 0).name, "y_linear");
    tro_model_close(m);
}

#ifdef TRO_HAVE_JANSSON

/* A text with ' for ". */
static const char *quoted(const char *format, const char *keys)
{
    static char text[4096];
    snprintf(text, sizeof text, format, keys);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return text;
}

static int apply(struct tro_model *m, const char *text, struct tro_err *err)
{
    struct tro_record r;
    int rc = tro_record_parse(text, strlen(text), "a.json", &r, err);
    if (rc >= 0)
        rc = tro_record_apply(&r, m, err);
    tro_record_finish(&r);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------ */

TEST(output_reads_every_key)
{
    const char *const text = quoted(
        "{'outputs': {'y': {%s}, 'h': {'decode': 'peaks', 'max': 3, 'radius': 2, 'threshold': 0.1,"
        " 'refine': 'parabola', 'space': 'frame', 'input': 'x', 'names': ['tip']}}}",
        "'decode': 'boxes', 'scores': 's', 'layout': 'rows', 'boxes': 'corners',"
        " 'units': 'fraction', 'space': 'frame', 'input': 'x', 'activation': 'sigmoid',"
        " 'score_threshold': 0.5, 'iou_threshold': 0.25, 'max': 7, 'max_per_class': 2,"
        " 'max_candidates': 99, 'class_agnostic': true, 'background': 0, 'names': ['a', 'b']");
    struct tro_record r;
    struct tro_err err = {0};
    CHECK_INT(tro_record_parse(text, strlen(text), "a.json", &r, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(r.n_outputs == 2);
    const struct tro_record_output *const y = &r.outputs[0], *const h = &r.outputs[1];
    CHECK(y->decode == TRO_RECORD_BOXES && y->is_by_row && y->is_fraction && !y->has_objectness);
    CHECK(y->space == TRO_RECORD_SPACE_FRAME && y->detect.is_logit && y->n_names == 2);
    CHECK_STR(y->scores, "s");
    CHECK_STR(y->input, "x");
    CHECK_STR(y->names[1], "b");
    CHECK_INT(y->detect.boxes, tro_box_code_corners);
    CHECK_NEAR(y->detect.score_threshold, 0.5, 0);
    CHECK_NEAR(y->detect.iou_threshold, 0.25, 0);
    CHECK(y->detect.max_output == 7 && y->detect.max_per_class == 2 &&
          y->detect.max_candidates == 99 && y->detect.is_class_agnostic &&
          y->detect.background == 1);
    CHECK(h->decode == TRO_RECORD_PEAKS && h->space == TRO_RECORD_SPACE_FRAME);
    CHECK(h->peaks.n_peaks == 3 && h->peaks.radius == 2 && h->peaks.refine == tro_refine_parabola);
    CHECK_NEAR(h->peaks.threshold, 0.1, 0);
    tro_record_finish(&r);
}

static void refused(const char *keys, const char *message)
{
    const char *const text = quoted("{'outputs': {'y': {%s}}}", keys);
    struct tro_record r;
    struct tro_err err = {0};
    CHECK_INT(tro_record_parse(text, strlen(text), "a.json", &r, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, message);
    tro_record_finish(&r);
}

TEST(output_refuses_other_texts)
{
    refused("", "a.json: outputs.y: expected the key decode, found none");
    refused(
        "'decode': 'yolo'",
        "outputs.y.decode: expected one of boxes, peaks, classes, linear, scores, found 'yolo'");
    refused("'decode': 'boxes', 'radius': 1", "outputs.y: expected one of the keys decode,");
    refused("'decode': 'boxes', 'iou_threshold': 1.5", "iou_threshold: expected 0 to 1, found 1.5");
    refused("'decode': 'boxes', 'max': 0", "outputs.y.max: expected 1 to 65536, found 0");
    refused("'decode': 'boxes', 'space': 'map'",
            "outputs.y.space: expected one of network, frame, found 'map'");
    refused("'decode': 'boxes', 'objectness': true, 'scores': 's'",
            "expected objectness with neither scores nor an activation");
    refused("'decode': 'boxes', 'names': []",
            "outputs.y.names: expected a list of 1 to 4096 texts, found a list of 0");
    refused("'decode': 'boxes', 'names': ['a', 3]",
            "outputs.y.names[1]: expected a text, found an integer");
    refused("'decode': 'peaks', 'refine': 'dark'",
            "outputs.y.refine: expected one of none, quarter, parabola, found 'dark'");
    refused("'decode': 'classes', 'layout': 'chw'", "expected one of nchw, nhwc");
    refused("'decode': 'linear', 'scale': '2'", "outputs.y.scale: expected a number");
}

/* ---- applying ----------------------------------------------------------------------------- */

static void check_graph(const char *model, const char *text, const char *expected)
{
    struct tro_model *const m = kit_model(model);
    struct tro_err err = {0};
    struct tro_buf graph = {0};
    CHECK_INT(apply(m, quoted("%s", text), &err), 0);
    CHECK_STR(err.text, "");
    CHECK_INT(tro_graph_verify(tro_model_graph(m), &err), 0);
    tro_graph_print(tro_model_graph(m), -1, &graph);
    tro_buf_u8(&graph, 0);
    CHECK_HAS((const char *)graph.p, expected);
    tro_buf_finish(&graph);
    tro_model_close(m);
}

TEST(boxes_of_one_output)
{
    check_graph("in x f32[1,3,8,8]; in b f32[1,6,9]; z = Neg(x); y = Neg(b); out z; out y; out b",
                "{'outputs': {'y': {'decode': 'boxes', 'names': ['a', 'b']}}}",
                "%v4, %v5 = split(%y, %v3) {axis = 1} : f32[1,4,9], f32[1,2,9]\n"
                "%v6 = transpose(%v4) {perm = [0,2,1]} : f32[1,9,4]\n"
                "%v7 = transpose(%v5) {perm = [0,2,1]} : f32[1,9,2]\n"
                "%y_count, %y_boxes, %y_scores, %y_classes, %y_anchors = detect(%v6, %v7)"
                " {boxes = center, score_threshold = 0.25, iou_threshold = 0.45, max_output = 100}"
                " : i32[1,1], f32[1,100,4], f32[1,100], i32[1,100], i32[1,100] \"y_count\"\n"
                "output %z, %y_count, %y_boxes, %y_scores, %y_classes, %y_anchors, %b\n");
}

/* A frame of 16 x 32 in an input of 8 x 8: 4 rows of it, 2 rows above. */
#define LETTERBOX                                                                      \
    "{'inputs': {'x': {'format': 'rgb8', 'resize': 'letterbox', 'source': [16, 32]}}," \
    " 'outputs': {%s}}"

static const char *in_letterbox(const char *keys)
{
    static char text[2048];
    snprintf(text, sizeof text, LETTERBOX, keys);
    return text;
}

#define TWO                                                                 \
    "in x f32[1,3,8,8]; r = Relu(x); b = Reshape(r, k); w k i64[3] 1 48 4;" \
    "s = Sigmoid(b); out s; out b"

TEST(boxes_of_two_outputs)
{
    check_graph(TWO,
                in_letterbox("'b': {'decode': 'boxes', 'scores': 's', 'layout': 'rows',"
                             " 'boxes': 'corners', 'units': 'fraction', 'space': 'frame'}"),
                "max_output = 100, x_scale = 32, y_scale = 32, y_offset = -8}");
    check_graph(TWO,
                in_letterbox("'b': {'decode': 'boxes', 'scores': 's', 'layout': 'rows',"
                             " 'objectness': false, 'space': 'frame'}"),
                "{boxes = center, score_threshold = 0.25, iou_threshold = 0.45, max_output = 100, "
                "x_scale = 4, y_scale = 4, y_offset = -8}");
    check_graph(TWO, in_letterbox("'b': {'decode': 'boxes', 'scores': 's', 'layout': 'rows'}"),
                "output %b_count, %b_boxes, %b_scores, %b_classes, %b_anchors\n");
}

static void not_applied(const char *model, const char *text, const char *message)
{
    struct tro_model *const m = kit_model(model);
    struct tro_err err = {0};
    CHECK_INT(apply(m, quoted("%s", text), &err), TRO_E_INPUT);
    CHECK_HAS(err.text, message);
    tro_model_close(m);
}

TEST(outputs_that_do_not_suit_the_model)
{
    not_applied("in x f32[1,3,8,8]; y = Relu(x); out y", "{'outputs': {'z': {'decode': 'linear'}}}",
                "record, outputs.z: expected the name of an output, found 'z'");
    not_applied("in x i32[1,3,8]; y = Identity(x); out y",
                "{'outputs': {'y': {'decode': 'linear'}}}",
                "an output of floats, found i32[1,3,8]");
    not_applied(
        "in x f32[1,3,8]; y = Relu(x); out y", "{'outputs': {'y': {'decode': 'boxes'}}}",
        "expected boxes and scores [N, 4 + C, A], C fixed (layout columns), found f32[1,3,8]");
    not_applied("in x f32[1,8,6]; y = Relu(x); out y",
                "{'outputs': {'y': {'decode': 'boxes', 'names': ['a'], 'layout': 'rows'}}}",
                "names: expected 2 texts, found 1");
    not_applied("in x f32[1,8,6]; y = Relu(x); out y",
                "{'outputs': {'y': {'decode': 'boxes', 'scores': 'q'}}}",
                "record, outputs.y: scores: expected the name of an output, found 'q'");
    not_applied("in x f32[1,8,6]; y = Relu(x); out y",
                "{'outputs': {'y': {'decode': 'boxes', 'background': 4}}}",
                "background: expected a class below 4, found 4");
    not_applied("in x f32[1,3,8,8]; y = Relu(x); out y",
                "{'outputs': {'y': {'decode': 'peaks', 'space': 'frame'}}}",
                "space: expected frame where the record speaks of the input alone");
    not_applied("in x f32[1,3,H,8]; y = Relu(x); out y", "{'outputs': {'y': {'decode': 'peaks'}}}",
                "maps [N, K, H, W] of fixed height and width");
    not_applied("in x f32[1,300,8,8]; y = Relu(x); out y",
                "{'outputs': {'y': {'decode': 'classes'}}}", "C 1 to 256");
}

/* ---- running ------------------------------------------------------------------------------ */

struct run {
    struct tro_model *model;
    struct tro_builder *builder;
    struct tro_plan *plan;
    struct tro_session *session;
};

/* Frames of noise from a seed, or zeros with some bytes set. */
static bool begin(struct run *r, const char *model, const char *text, struct tro_tensor *x)
{
    struct tro_err err = {0};
    *r = (struct run){.model = kit_model(model)};
    if (apply(r->model, quoted("%s", text), &err) == 0)
        r->builder = tro_builder_create(r->model, &err);
    r->plan = r->builder ? tro_builder_plan(r->builder, NULL, &err) : NULL;
    r->session = r->plan ? tro_session_create(r->plan, NULL, &err) : NULL;
    const bool ok = r->session && tro_session_bind(r->session, "x", x, &err) == 0 &&
                    tro_session_run(r->session, &err) == 0;
    CHECK_STR(err.text, "");
    return ok;
}

static void check_floats(struct run *r, int output, const float *want, int n)
{
    struct tro_tensor t;
    struct tro_err err;
    CHECK_OR_RETURN(tro_session_output(r->session, output, &t, &err) == 0);
    CHECK(t.dtype == TRO_F32);
    for (int i = 0; i < n; i++)
        CHECK_NEAR(((const float *)t.data)[i], want[i], 1e-6);
}

static void end(struct run *r)
{
    tro_session_destroy(r->session);
    tro_plan_close(r->plan);
    tro_builder_destroy(r->builder);
    tro_model_close(r->model);
}

/* Row 3, column 5 of an 8 x 8 input; of a frame of 16 x 32, whose row 0 is row 2 and whose pixels
 * are 4 to one: (5.5 * 4 - 0.5, (3.5 - 2) * 4 - 0.5). */
TEST(peaks_in_the_frame)
{
    uint8_t frame[16 * 32 * 3] = {0};
    struct tro_tensor x = {.dtype = TRO_U8, .rank = 4, .shape = {1, 16, 32, 3}, .data = frame};
    struct run r;
    for (int row = 4; row < 8; row++)
        for (int column = 20; column < 24; column++)
            frame[(row * 32 + column) * 3 + 1] = 200;
    if (begin(&r, "in x f32[1,3,8,8]; y = Relu(x); out y",
              in_letterbox("'y': {'decode': 'peaks', 'refine': 'none', 'threshold': 1,"
                           " 'space': 'frame', 'names': ['red', 'green', 'blue']}"),
              &x))
        check_floats(&r, 0, (const float[]){-1, -1, 0, 21.5F, 5.5F, 200, -1, -1, 0}, 9);
    end(&r);
    if (begin(&r, "in x f32[1,3,8,8]; y = MaxPool(x) kernel_shape=[2,2] strides=[2,2]; out y",
              in_letterbox("'y': {'decode': 'peaks', 'refine': 'none', 'threshold': 1,"
                           " 'space': 'network'}"),
              &x))
        check_floats(&r, 0, (const float[]){-1, -1, 0, 4.5F, 2.5F, 200, -1, -1, 0}, 9);
    end(&r);
}

TEST(classes_and_depth)
{
    float v[8] = {1, -1, 3, 0, 2, 0, 1, 0.5F};
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {1, 2, 2, 2}, .data = v}, y;
    struct tro_err err;
    struct run r;
    if (begin(&r, "in x f32[1,2,2,2]; y = Identity(x); z = Neg(x); out y; out z",
              "{'outputs': {'y': {'decode': 'classes'},"
              " 'z': {'decode': 'linear', 'scale': 2, 'offset': 1}}}",
              &x) &&
        tro_session_output(r.session, 0, &y, &err) == 0) {
        CHECK(y.dtype == TRO_U8 && y.rank == 3 && memcmp(y.data, "\1\1\0\1", 4) == 0);
        check_floats(&r, 1, (const float[]){-1, 3, -5, 1, -3, 1, -1, 0}, 8);
    }
    end(&r);
    x.shape[1] = 1;
    x.shape[2] = 4;
    if (begin(&r, "in x f32[1,1,4,2]; y = Neg(x); out y",
              "{'outputs': {'y': {'decode': 'classes', 'activation': 'sigmoid'}}}", &x) &&
        tro_session_output(r.session, 0, &y, &err) == 0)
        CHECK(y.rank == 3 && memcmp(y.data, "\0\1\0\1\0\1\0\0", 8) == 0);
    end(&r);
}

TEST(scores_of_pictures)
{
    float v[3] = {0, 1, -1};
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 2, .shape = {1, 3}, .data = v};
    struct run r;
    if (begin(&r, "in x f32[1,3]; y = Identity(x); out y",
              "{'outputs': {'y': {'decode': 'scores', 'activation': 'sigmoid'}}}", &x))
        check_floats(&r, 0, (const float[]){0.5F, 0.7310586F, 0.26894143F}, 3);
    end(&r);
    if (begin(&r, "in x f32[1,3]; y = Identity(x); out y",
              "{'outputs': {'y': {'decode': 'scores', 'activation': 'softmax'}}}", &x))
        check_floats(&r, 0, (const float[]){0.24472848F, 0.66524094F, 0.09003057F}, 3);
    end(&r);
    if (begin(&r, "in x f32[1,3]; y = Identity(x); out y",
              "{'outputs': {'y': {'decode': 'scores', 'names': ['a', 'b', 'c']}}}", &x))
        check_floats(&r, 0, v, 3);
    end(&r);
}

/* Objectness 0.5 halves the scores. */
TEST(boxes_with_objectness)
{
    float v[12] = {0.5F, 0.5F, 0.25F, 0.25F, 0.5F, 0.9F, 0.5F, 0.5F, 0.25F, 0.25F, 0.25F, 0.6F};
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 3, .shape = {1, 2, 6}, .data = v}, y;
    struct tro_err err;
    struct run r;
    if (begin(&r, "in x f32[1,2,6]; y = Identity(x); out y",
              "{'outputs': {'y': {'decode': 'boxes', 'layout': 'rows', 'objectness': true,"
              " 'max': 2}}}",
              &x)) {
        CHECK(tro_session_output(r.session, 0, &y, &err) == 0 && *(const int32_t *)y.data == 1);
        check_floats(&r, 1, (const float[]){0.375F, 0.375F, 0.625F, 0.625F, 0, 0, 0, 0}, 8);
        check_floats(&r, 2, (const float[]){0.45F, 0}, 2);
    }
    end(&r);
}

#endif
