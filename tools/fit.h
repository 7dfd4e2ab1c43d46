/* SPDX-License-Identifier: Apache-2.0 */
/* trocar build --precision fp16|bf16 --calib DATA: does the network fit 16 bits on the user's data
 * (docs/quantization.md), and which layers stay at fp32. */
#ifndef TRO_TOOLS_FIT_H
#define TRO_TOOLS_FIT_H

#include "base/arena.h"
#include "base/json.h"
#include "build/builder.h"
#include "calib.h"
#include "quant/halves.h"

struct tro_fit {
    /* options */
    struct tro_calib calib;        /* no data: nothing is looked at */
    const struct tro_list *layers; /* of --fp32-layers: names with commas between, or "auto" */
    /* private */
    struct tro_arena arena;
    struct tro_graph *graph, *plain;
    struct tro_halves *halves;
    const char **names; /* of layers at fp32 */
    int n_names;
    bool is_auto;
    bool *wide;
    const struct tro_build_opts *opts;
    int n_told;
    char over[1400]; /* the first value that overflows, in words; empty: none does */
};

/* Layers at fp32 go into the options of the build, and that the data was looked at. A value that
 * overflows is an error unless layers are chosen automatically; what else is found are warnings. */
int tro_fit_check(struct tro_fit *f, const struct tro_builder *b, struct tro_build_opts *opts,
                  struct tro_err *err);
/* "fit": what was looked at, in the object at hand; nothing where nothing was. */
void tro_fit_json(const struct tro_fit *f, struct tro_json *j);
void tro_fit_finish(struct tro_fit *f);

#endif
