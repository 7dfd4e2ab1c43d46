/* SPDX-License-Identifier: Apache-2.0 */
/* What a network sees in use: the samples of data sets (docs/dataset.md) and of folders
 * (samples.h), one after the other, as they come in front of its inputs. */
#ifndef TRO_TOOLS_CALIB_H
#define TRO_TOOLS_CALIB_H

#include "args.h"

#include <trocar/trocar.h>

struct tro_calib {
    const char *model_path, *record_path; /* record_path: NULL for none */
    const struct tro_list *data;          /* data sets, folders of samples */
    int n_threads;
    int64_t n_most; /* samples that are looked at; 0: all */
};

struct tro_calib_sample {
    int64_t index;              /* over all of the data */
    const char *name;           /* "smoke-0.5/000012.png", "sample 3": for people */
    const char *slice, *camera; /* of a frame of a data set; "" where that does not say */
    const struct tro_tensor *inputs;
};

typedef int tro_calib_look_fn(void *ctx, const struct tro_calib_sample *s, struct tro_err *err);

/* Shows progress under the name `what`; n_total 0: not known. States are handed on between frames
 * of a data set. The first failure of look ends it. */
int tro_calib_each(const struct tro_calib *c, const char *what, int64_t n_total,
                   tro_calib_look_fn *look, void *ctx, struct tro_err *err);

#endif
