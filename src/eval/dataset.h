/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data sets to evaluate on, of three forms:
 *
 *   a folder with frames.jsonl    docs/dataset.md
 *   a folder of masks             images/NAME.png with masks/NAME.png (Kvasir-SEG), or
 *                                 frame_N_endo.png with frame_N_endo_watershed_mask.png
 *                                 (CholecSeg8k) in folders of folders; labels.tsv beside them names
 *                                 the values of masks. Without it a mask is 0 or not:
 *                                 "background", "foreground"
 *   a file NAME.json              COCO: pictures, boxes and classes, polygons and runs
 *
 * Files are untrusted. The reader of JSON is jansson; without it, masks alone.
 */
#ifndef TRO_EVAL_DATASET_H
#define TRO_EVAL_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "eval/shape.h"
#include <trocar/trocar.h>

struct tro_truth_point {
    const char *name; /* "gallbladder-neck"; of instruments "tip-1", "wrist-1" and so on */
    bool is_visible;
    double x, y; /* pixels from the upper left corner */
};

struct tro_truth_box {
    double x0, y0, x1, y1;
    const char *name; /* of its class */
};

struct tro_truth_flag {
    const char *name; /* "out-of-body": the key with - for _ */
    bool is_yes;
};

struct tro_truth_frame {
    const char *picture;                            /* path */
    const char *label, *depth;                      /* paths of planes; NULL: none */
    const char *split, *slice, *camera, *procedure; /* "" where not known */
    float focal_length;                             /* in widths of the picture; 0: not known */
    int64_t index;                                  /* in its procedure */
    int width, height;                              /* of the picture; 0: not told */
    bool has_shapes;                                /* in place of label: over 0, the last on top */
    struct tro_truth_shape *shapes;
    int n_shapes;
    const char *step; /* of the operation; NULL: not known */
    struct tro_truth_flag *flags;
    int n_flags;
    bool has_boxes, has_points;
    struct tro_truth_box *boxes;
    int n_boxes;
    struct tro_truth_point *points;
    int n_points;
};

struct tro_dataset {
    struct tro_arena arena;
    const char *path;
    struct tro_truth_frame *frames; /* sorted by slice, procedure, index, picture */
    int64_t n_frames;
    const char **classes; /* by label; NULL: no such label */
    int n_classes;        /* at most 256 */
    int32_t *colours;     /* by label, 0xrrggbb; -1: not given */
    bool is_binary;       /* masks are 0 or not, whatever the value */
};

/* split, slice: only frames of them; NULL: all. No frame at all is an error. */
int tro_dataset_read(const char *path, const char *split, const char *slice,
                     struct tro_dataset *out, struct tro_err *err);
void tro_dataset_finish(struct tro_dataset *d);

#endif
