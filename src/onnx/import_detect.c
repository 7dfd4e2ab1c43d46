/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins of TensorRT that exports of detectors end with. */
#include "onnx/import_call.h"

/* Boxes as deltas to anchors (x, y, width, height), as the plugin's decoder has them:
 * x * anchor_width + anchor_x, anchor_width * e^width. */
static tro_value_id decode(struct tro_import_call *c, tro_value_id boxes, tro_value_id anchors)
{
    const int last = tro_rank_needed(c, boxes) - 1;
    if (last != 2) {
        tro_import_fail(c, TRO_E_UNSUPPORTED,
                        "expected boxes [n, a, 4] with anchors, found rank %d", last + 1);
        return TRO_VALUE_NONE;
    }
    const tro_value_id size = tro_emit_slice(c, anchors, last, 2, 4);
    const tro_value_id at = tro_emit2(
        c, TRO_OP_ADD, tro_emit2(c, TRO_OP_MUL, tro_emit_slice(c, boxes, last, 0, 2), size),
        tro_emit_slice(c, anchors, last, 0, 2));
    const tro_value_id grown = tro_emit1(c, TRO_OP_EXP, tro_emit_slice(c, boxes, last, 2, 4));
    const tro_value_id parts[2] = {at, tro_emit2(c, TRO_OP_MUL, grown, size)};
    return tro_emit_concat(c, parts, 2, last);
}

static int64_t flag(struct tro_import_call *c, const char *name)
{
    const int64_t v = tro_attr_int(c, name, 0);
    if (v != 0 && v != 1)
        tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected 0 or 1, found %lld", name,
                        (long long)v);
    return v;
}

int tro_import_efficient_nms(struct tro_import_call *c)
{
    const int64_t background = tro_attr_int(c, "background_class", -1);
    const struct tro_attrs_detect a = {.boxes = flag(c, "box_coding") ? tro_box_code_center
                                                                      : tro_box_code_corners,
                                       .score_threshold = tro_attr_float(c, "score_threshold", 0.5),
                                       .iou_threshold = tro_attr_float(c, "iou_threshold", 0.5),
                                       .max_output = tro_attr_int(c, "max_output_boxes", 100),
                                       .is_class_agnostic = flag(c, "class_agnostic"),
                                       .is_logit = flag(c, "score_activation"),
                                       .background = background < 0 ? 0 : background + 1};
    tro_value_id in[2] = {tro_in_f32(c, 0), tro_in_f32(c, 1)}, out[4];
    tro_attr_ignore(c, "plugin_version");
    tro_attr_ignore(c, "plugin_namespace");
    if (tro_in_has(c, 2) && a.boxes != tro_box_code_center)
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected box_coding 1 where anchors are given, found 0: decode the "
                               "boxes before the node");
    if (tro_in_has(c, 2))
        in[0] = decode(c, in[0], tro_in_f32(c, 2));
    tro_emit_n(c, TRO_OP_DETECT, &a, in, 2, out, 4);
    tro_set_out(c, 0, out[0]);
    tro_set_out(c, 1, tro_back(c, 0, out[1]));
    tro_set_out(c, 2, tro_back(c, 1, out[2]));
    tro_set_out(c, 3, out[3]);
    return c->rc;
}
