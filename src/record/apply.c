/* SPDX-License-Identifier: Apache-2.0 */
/* Records put into a model. */
#include "record/decode.h"
#include "record/notes.h"
#include "record/record.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct picture {
    const struct tro_record_input *in;
    struct tro_graph *g;
    tro_value_id value; /* the input */
    const char *name;
    enum tro_dtype dtype; /* that the network takes */
    tro_dim batch;
    bool is_nhwc;
    int64_t channels, height, width; /* of the network */
    struct tro_attrs_camera attrs;
    float scale[TRO_CAMERA_CHANNELS], bias[TRO_CAMERA_CHANNELS];
    struct tro_err *err;
};

/* ---- the input ---------------------------------------------------------------------------- */

static int find_input(struct picture *p)
{
    const struct tro_block *const b = tro_block_get(p->g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs; i++) {
        p->value = b->inputs[i];
        p->name = tro_value_get(p->g, p->value)->name;
        if (strcmp(p->name, p->in->name) == 0)
            return 0;
    }
    return tro_fail(p->err, TRO_E_INPUT, "expected the name of an input, found '%s'%s%s%s",
                    p->in->name, b->n_inputs ? ": the last one is '" : "",
                    b->n_inputs ? p->name : "", b->n_inputs ? "'" : "");
}

static int fail_shape(const struct picture *p, const char *expected)
{
    struct tro_buf type = {0};
    tro_value_print_type(p->g, p->value, &type);
    tro_buf_u8(&type, 0);
    const int rc = type.failed ? tro_fail_nomem(p->err)
                               : tro_fail(p->err, TRO_E_INPUT, "expected %s, found %s", expected,
                                          (const char *)type.p);
    tro_buf_finish(&type);
    return rc;
}

static int read_shape(struct picture *p, const struct tro_preprocess *notes)
{
    const struct tro_value *const v = tro_value_get(p->g, p->value);
    int64_t shape[4];
    p->dtype = v->dtype;
    if (v->shape.rank != 4 || !tro_dtype_is_float(v->dtype))
        return fail_shape(p, "an input of pictures, four axes of floats");
    for (int i = 0; i < 4; i++)
        shape[i] = tro_dim_value_or_minus1(v->shape.dim[i]);
    p->is_nhwc = p->in->has_layout ? p->in->layout == TRO_RECORD_LAYOUT_NHWC
                                   : tro_preprocess_is_nhwc(notes, shape);
    p->batch = v->shape.dim[0];
    p->channels = shape[p->is_nhwc ? 3 : 1];
    p->height = shape[p->is_nhwc ? 1 : 2];
    p->width = shape[p->is_nhwc ? 2 : 3];
    if (p->channels != 1 && p->channels != 3)
        return fail_shape(p, "an input of 1 or 3 channels");
    if (p->height < 1 || p->width < 1)
        return fail_shape(p, "an input whose height and width are fixed (trocar edit --shape)");
    return 0;
}

/* ---- what the node says ------------------------------------------------------------------- */

static int set_order(struct picture *p, const struct tro_preprocess *notes)
{
    struct tro_attrs_camera *const a = &p->attrs;
    if (!p->in->has_order)
        a->order = p->channels == 1 ? tro_camera_order_gray
                   : notes->is_bgr  ? tro_camera_order_bgr
                                    : tro_camera_order_rgb;
    if (tro_camera_n_channels(a) != p->channels)
        return tro_fail(p->err, TRO_E_INPUT,
                        "order: expected one of %d channels, which the network takes, found %d",
                        (int)p->channels, tro_camera_n_channels(a));
    return 0;
}

static int set_sizes(struct picture *p)
{
    struct tro_attrs_camera *const a = &p->attrs;
    const int64_t height = p->in->height ? p->in->height : p->height;
    const int64_t width = p->in->width ? p->in->width : p->width;
    const bool is_same = height == p->height && width == p->width;
    if (a->format == tro_camera_format_nv12 && (height % 2 || width % 2))
        return tro_fail(p->err, TRO_E_INPUT,
                        "source: expected an even height and width for nv12, found %" PRId64
                        " x %" PRId64,
                        height, width);
    if (a->format == tro_camera_format_yuyv && width % 2)
        return tro_fail(p->err, TRO_E_INPUT,
                        "source: expected an even width for yuyv, found %" PRId64 " x %" PRId64,
                        height, width);
    if (a->resize == tro_camera_resize_none && !is_same)
        return tro_fail(p->err, TRO_E_INPUT,
                        "source: expected %" PRId64 " x %" PRId64 ", which the network takes, "
                        "or a resize, found %" PRId64 " x %" PRId64,
                        p->height, p->width, height, width);
    if (a->resize != tro_camera_resize_none) {
        a->height = p->height;
        a->width = p->width;
    }
    p->height = height;
    p->width = width;
    return 0;
}

/* (v * scale - mean) / std as one multiplication and one addition. */
static int set_numbers(struct picture *p, const struct tro_preprocess *notes)
{
    const struct tro_record_input *const in = p->in;
    const double scale = in->has_scale ? in->scale : notes->scale;
    const int n = (int)p->channels;
    if (in->n_mean > 1 && in->n_mean != n)
        return tro_fail(p->err, TRO_E_INPUT, "mean: expected 1 or %d numbers, found %d", n,
                        in->n_mean);
    if (in->n_std > 1 && in->n_std != n)
        return tro_fail(p->err, TRO_E_INPUT, "std: expected 1 or %d numbers, found %d", n,
                        in->n_std);
    for (int i = 0; i < n; i++) {
        const double mean = in->has_mean ? in->mean[in->n_mean > 1 ? i : 0] : notes->mean[i];
        const double std = in->has_std ? in->std[in->n_std > 1 ? i : 0] : notes->std[i];
        p->scale[i] = (float)(scale / std);
        p->bias[i] = (float)(0 - mean / std);
    }
    return 0;
}

/* ---- the graph ---------------------------------------------------------------------------- */

static struct tro_shape frame_shape(const struct picture *p)
{
    struct tro_camera_colour colour;
    tro_camera_colour_init(&p->attrs, &colour);
    const bool is_nv12 = p->attrs.format == tro_camera_format_nv12;
    const int64_t rows = is_nv12 ? p->height / 2 * 3 : p->height;
    struct tro_shape s = {.rank = 3,
                          .dim = {p->batch, tro_dim_const(rows), tro_dim_const(p->width)}};
    if (colour.pixel_bytes > 1)
        s.dim[s.rank++] = tro_dim_const(colour.pixel_bytes);
    return s;
}

static int add_numbers(struct picture *p, const char *what, float *numbers, tro_value_id *out)
{
    char name[256];
    snprintf(name, sizeof name, "%.200s_%s", p->name, what);
    const struct tro_tensor t = {
        .dtype = TRO_F32, .rank = 1, .shape = {p->channels}, .data = numbers};
    return tro_graph_add_const_copy(p->g, name, &t, out, p->err);
}

/* A node in front of all others. */
static int add_node(struct picture *p, enum tro_op op, const void *attrs, const tro_value_id *in,
                    uint32_t n_in, const char *what, tro_node_id before, tro_value_id *out)
{
    char name[256];
    snprintf(name, sizeof name, "%.200s_%s", p->name, what);
    const char *const names[] = {name};
    const struct tro_node_spec spec = {.op = op,
                                       .name = name,
                                       .attrs = attrs,
                                       .in = in,
                                       .n_in = n_in,
                                       .n_out = 1,
                                       .out_names = names,
                                       .before = before};
    return tro_graph_add_node(p->g, TRO_MAIN_BLOCK, &spec, out, p->err);
}

/* What the network took, made of the frames. */
static int add_nodes(struct picture *p, tro_value_id *out)
{
    static const struct tro_attrs_transpose to_nhwc = {.perm = {.n = 4, .v = {0, 2, 3, 1}}};
    const struct tro_attrs_cast cast = {.to = p->dtype};
    const struct tro_block *const b = tro_block_get(p->g, TRO_MAIN_BLOCK);
    const tro_node_id before = b->n_nodes ? b->nodes[0] : TRO_NODE_NONE;
    tro_value_id in[3] = {p->value}, v;
    TRO_TRY(add_numbers(p, "scale", p->scale, &in[1]));
    TRO_TRY(add_numbers(p, "bias", p->bias, &in[2]));
    TRO_TRY(add_node(p, TRO_OP_CAMERA, &p->attrs, in, 3, "pixels", before, &v));
    if (p->dtype != TRO_F32)
        TRO_TRY(add_node(p, TRO_OP_CAST, &cast, &v, 1, "narrow", before, &v));
    if (p->is_nhwc)
        TRO_TRY(add_node(p, TRO_OP_TRANSPOSE, &to_nhwc, &v, 1, "nhwc", before, &v));
    *out = v;
    return 0;
}

/* The input keeps its place and its name. */
static int rewrite(struct picture *p)
{
    struct tro_value *const v = tro_value_get(p->g, p->value);
    tro_value_id made;
    v->dtype = TRO_U8;
    v->shape = frame_shape(p);
    const size_t camera = p->g->n_nodes;
    TRO_TRY(add_nodes(p, &made));
    tro_graph_replace_uses(p->g, p->value, made);
    tro_graph_set_input(p->g, (tro_node_id){(uint32_t)camera}, 0, p->value);
    return 0;
}

static int apply_input(struct tro_graph *g, const struct tro_record_input *in,
                       const struct tro_preprocess *notes, struct tro_err *err)
{
    struct picture p = {.in = in, .g = g, .attrs = in->camera, .err = err};
    TRO_TRY(find_input(&p));
    TRO_TRY(read_shape(&p, notes));
    TRO_TRY(set_order(&p, notes));
    TRO_TRY(set_sizes(&p));
    TRO_TRY(set_numbers(&p, notes));
    return rewrite(&p);
}

/* ---- states --------------------------------------------------------------------------------- */

static int find_value(const struct tro_graph *g, const tro_value_id *values, size_t n,
                      const char *name, const char *what, tro_value_id *out, struct tro_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tro_value_get(g, values[i])->name, name) == 0) {
            *out = values[i];
            return 0;
        }
    return tro_fail(err, TRO_E_INPUT, "expected the name of an %s, found '%s'", what, name);
}

static bool is_same_type(const struct tro_value *a, const struct tro_value *b)
{
    bool is_same = a->dtype == b->dtype && a->shape.rank == b->shape.rank;
    for (int i = 0; is_same && i < a->shape.rank; i++)
        is_same = tro_dim_eq(a->shape.dim[i], b->shape.dim[i]);
    return is_same;
}

static int fail_types(const struct tro_graph *g, tro_value_id in, tro_value_id out,
                      struct tro_err *err)
{
    struct tro_buf want = {0}, found = {0};
    tro_value_print_type(g, in, &want);
    tro_value_print_type(g, out, &found);
    tro_buf_u8(&want, 0);
    tro_buf_u8(&found, 0);
    const int rc = want.failed || found.failed
                       ? tro_fail_nomem(err)
                       : tro_fail(err, TRO_E_INPUT,
                                  "expected an output of the input's type, %s, found '%s', %s",
                                  (const char *)want.p, tro_value_get(g, out)->name,
                                  (const char *)found.p);
    tro_buf_finish(&want);
    tro_buf_finish(&found);
    return rc;
}

/* Before outputs are decoded: those of states stay as they are. */
static int check_state(const struct tro_graph *g, const struct tro_record_state *s,
                       struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    tro_value_id in, out;
    TRO_TRY(find_value(g, b->inputs, b->n_inputs, s->input, "input", &in, err));
    TRO_TRY(find_value(g, b->outputs, b->n_outputs, s->output, "output", &out, err));
    return is_same_type(tro_value_get(g, in), tro_value_get(g, out)) ? 0
                                                                     : fail_types(g, in, out, err);
}

/* ---- optics --------------------------------------------------------------------------------- */

static bool is_one_number(const struct tro_value *v)
{
    bool is_one = v->dtype == TRO_F32 && v->shape.rank >= 0;
    for (int i = 0; is_one && i < v->shape.rank; i++)
        is_one = tro_dim_value_or_minus1(v->shape.dim[i]) == 1;
    return is_one;
}

static int check_optics(struct tro_graph *g, const struct tro_record_optics *o, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    struct picture p = {.g = g, .err = err};
    TRO_TRY(find_value(g, b->inputs, b->n_inputs, o->input, "input", &p.value, err));
    return is_one_number(tro_value_get(g, p.value))
               ? 0
               : fail_shape(&p, "an input of one number, f32[1]");
}

int tro_record_apply_to_graph(const struct tro_record *r, struct tro_graph *g,
                              const struct tro_preprocess *notes, struct tro_err *err)
{
    for (size_t i = 0; i < r->n_states; i++)
        TRO_TRY(tro_err_prefix(err, check_state(g, &r->states[i], err),
                               "record, states.%s: ", r->states[i].input));
    for (size_t i = 0; i < r->n_optics; i++)
        TRO_TRY(tro_err_prefix(err, check_optics(g, &r->optics[i], err),
                               "record, optics.%s: ", r->optics[i].input));
    for (size_t i = 0; i < r->n_inputs; i++)
        TRO_TRY(tro_err_prefix(err, apply_input(g, &r->inputs[i], notes, err),
                               "record, inputs.%s: ", r->inputs[i].name));
    for (size_t i = 0; i < r->n_outputs; i++)
        TRO_TRY(tro_err_prefix(err, tro_record_decode_output(g, &r->outputs[i], err),
                               "record, outputs.%s: ", r->outputs[i].name));
    return 0;
}

int tro_record_apply(const struct tro_record *r, struct tro_model *m, struct tro_err *err)
{
    struct tro_onnx_model *const onnx = tro_model_edit_onnx(m);
    struct tro_preprocess notes;
    TRO_TRY(tro_preprocess_from_onnx(onnx, &notes, err));
    TRO_TRY(tro_record_apply_to_graph(r, tro_model_edit_graph(m), &notes, err));
    return tro_onnx_set_metadata(onnx, TRO_RECORD_KEY, r->text, err);
}
