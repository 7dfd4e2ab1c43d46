/* SPDX-License-Identifier: Apache-2.0 */
#include "record/output.h"

#include "base/err.h"

#include <string.h>

#define MAX_NAMES 4096
#define MAX_ROWS 65536

/* A choice of two: true is the second one. */
static int read_flag(const struct tro_field *f, const char *key, const char *no, const char *yes,
                     bool *out)
{
    const char *const names[] = {no, yes, NULL};
    int chosen = *out;
    const int rc = tro_field_choice(f, key, names, &chosen);
    *out = chosen;
    return rc;
}

static int read_activation(const struct tro_field *f, bool *is_logit)
{
    return read_flag(f, "activation", "none", "sigmoid", is_logit);
}

static int read_fraction(const struct tro_field *f, const char *key, double *out)
{
    TRO_TRY(tro_field_number(f, key, out));
    if (*out >= 0 && *out <= 1)
        return 0;
    return tro_field_fail(f, "%s: expected 0 to 1, found %g", key, *out);
}

static int read_names(const struct tro_field *f, struct tro_record_output *out)
{
    out->n_names = tro_field_texts(f, "names", MAX_NAMES, &out->names);
    return out->n_names;
}

/* Where positions are. */
static int read_space(const struct tro_field *f, bool has_map, struct tro_record_output *out)
{
    static const char *const all[] = {"map", "network", "frame", NULL};
    int space = has_map ? 0 : TRO_RECORD_SPACE_NETWORK - 1;
    TRO_TRY(tro_field_choice(f, "space", has_map ? all : all + 1, &space));
    out->space = (enum tro_record_space)(has_map ? space : space + 1);
    return tro_field_text(f, "input", &out->input);
}

/* ---- kinds -------------------------------------------------------------------------------- */

static int read_limits(const struct tro_field *f, struct tro_attrs_detect *a)
{
    bool is_agnostic = false;
    int64_t background = -1;
    a->score_threshold = 0.25;
    a->iou_threshold = 0.45;
    a->max_output = 100;
    TRO_TRY(read_fraction(f, "score_threshold", &a->score_threshold));
    TRO_TRY(read_fraction(f, "iou_threshold", &a->iou_threshold));
    TRO_TRY(tro_field_int(f, "max", 1, MAX_ROWS, &a->max_output));
    TRO_TRY(tro_field_int(f, "max_per_class", 1, MAX_ROWS, &a->max_per_class));
    TRO_TRY(tro_field_int(f, "max_candidates", 1, MAX_ROWS, &a->max_candidates));
    TRO_TRY(tro_field_bool(f, "class_agnostic", &is_agnostic));
    TRO_TRY(tro_field_int(f, "background", 0, MAX_NAMES, &background));
    a->is_class_agnostic = is_agnostic;
    a->background = background + 1;
    return 0;
}

static int read_boxes(const struct tro_field *f, struct tro_record_output *out)
{
    static const char *const keys[] = {"decode",
                                       "scores",
                                       "layout",
                                       "boxes",
                                       "units",
                                       "space",
                                       "input",
                                       "activation",
                                       "objectness",
                                       "names",
                                       "max",
                                       "max_per_class",
                                       "iou_threshold",
                                       "max_candidates",
                                       "class_agnostic",
                                       "background",
                                       "score_threshold",
                                       NULL};
    bool is_center = true, is_logit = false;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_text(f, "scores", &out->scores));
    TRO_TRY(read_flag(f, "layout", "columns", "rows", &out->is_by_row));
    TRO_TRY(read_flag(f, "boxes", "corners", "center", &is_center));
    TRO_TRY(read_flag(f, "units", "pixels", "fraction", &out->is_fraction));
    TRO_TRY(read_space(f, false, out));
    TRO_TRY(read_activation(f, &is_logit));
    TRO_TRY(tro_field_bool(f, "objectness", &out->has_objectness));
    if (out->has_objectness && (out->scores || is_logit))
        return tro_field_fail(f, "expected objectness with neither scores nor an activation");
    TRO_TRY(read_limits(f, &out->detect));
    out->detect.boxes = is_center ? tro_box_code_center : tro_box_code_corners;
    out->detect.is_logit = is_logit;
    return read_names(f, out);
}

static int read_peaks(const struct tro_field *f, struct tro_record_output *out)
{
    static const char *const keys[] = {"decode", "max",   "radius", "threshold", "refine",
                                       "space",  "input", "names",  NULL};
    static const char *const refine[] = {"none", "quarter", "parabola", NULL};
    int chosen = tro_refine_quarter;
    struct tro_attrs_peaks *const a = &out->peaks;
    a->n_peaks = 1;
    a->radius = 1;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_int(f, "max", 1, MAX_ROWS, &a->n_peaks));
    TRO_TRY(tro_field_int(f, "radius", 0, 1024, &a->radius));
    TRO_TRY(tro_field_number(f, "threshold", &a->threshold));
    TRO_TRY(tro_field_choice(f, "refine", refine, &chosen));
    TRO_TRY(read_space(f, true, out));
    a->refine = (enum tro_refine)chosen;
    return read_names(f, out);
}

static int read_classes(const struct tro_field *f, struct tro_record_output *out)
{
    static const char *const keys[] = {"decode",     "layout", "threshold",
                                       "activation", "names",  NULL};
    out->threshold = 0.5;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(read_flag(f, "layout", "nchw", "nhwc", &out->is_nhwc));
    TRO_TRY(read_fraction(f, "threshold", &out->threshold));
    TRO_TRY(read_activation(f, &out->is_logit));
    return read_names(f, out);
}

static int read_linear(const struct tro_field *f, struct tro_record_output *out)
{
    static const char *const keys[] = {"decode", "scale", "offset", NULL};
    out->scale = 1;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_number(f, "scale", &out->scale));
    return tro_field_number(f, "offset", &out->offset);
}

static int read_scores(const struct tro_field *f, struct tro_record_output *out)
{
    static const char *const keys[] = {"decode", "activation", "threshold", "names", NULL};
    static const char *const activations[] = {"none", "sigmoid", "softmax", NULL};
    int chosen = TRO_RECORD_NO_ACTIVATION;
    out->threshold = 0.5;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_choice(f, "activation", activations, &chosen));
    TRO_TRY(read_fraction(f, "threshold", &out->threshold));
    out->activation = (enum tro_record_activation)chosen;
    return read_names(f, out);
}

int tro_record_output_read(const struct tro_field *f, struct tro_record_output *out)
{
    static const char *const decodes[] = {"boxes", "peaks", "classes", "linear", "scores", NULL};
    static int (*const read[])(const struct tro_field *, struct tro_record_output *) = {
        read_boxes, read_peaks, read_classes, read_linear, read_scores};
    int decode = -1;
    TRO_TRY(tro_field_choice(f, "decode", decodes, &decode));
    if (decode < 0)
        return tro_field_fail(f, "expected the key decode, found none");
    out->decode = (enum tro_record_decode)decode;
    return read[decode](f, out);
}
