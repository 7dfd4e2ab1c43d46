/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/eval: readers of one form each. They append to the frames in any order. */
#ifndef TRO_EVAL_DATASET_KIND_H
#define TRO_EVAL_DATASET_KIND_H

#include "eval/dataset.h"

struct tro_dataset_build {
    struct tro_dataset *d;
    const char *split, *slice; /* wanted; NULL: all */
    int64_t cap;
    struct tro_err *err;
};

/* A frame to fill, NULL when memory ran out (the error is set). */
struct tro_truth_frame *tro_dataset_add(struct tro_dataset_build *b);
/* FOLDER/NAME in the arena; NULL likewise. Names that leave the folder are errors. */
const char *tro_dataset_path(struct tro_dataset_build *b, const char *folder, const char *name);

/* FOLDER/labels.tsv. 0: there is none. */
int tro_dataset_read_labels(struct tro_dataset_build *b, const char *folder);

int tro_dataset_read_lines(struct tro_dataset_build *b, const char *folder);
int tro_dataset_read_masks(struct tro_dataset_build *b, const char *folder);
int tro_dataset_read_coco(struct tro_dataset_build *b, const char *file);

/* What is in their files; pictures and planes are not opened. The build's data set has room for
 * classes. */
int tro_dataset_parse_lines(struct tro_dataset_build *b, const char *folder, const char *text,
                            size_t n);
int tro_dataset_parse_coco(struct tro_dataset_build *b, const char *folder, const char *text,
                           size_t n);

#endif
