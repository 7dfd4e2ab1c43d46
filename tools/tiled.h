/* SPDX-License-Identifier: Apache-2.0 */
/* A side that runs on windows of a large picture or volume (io/tiles.h). */
#ifndef TRO_TOOLS_TILED_H
#define TRO_TOOLS_TILED_H

#include "io/tiles.h"
#include "side.h"

struct tro_tiled {
    struct tro_tile_spec spec;
    int input; /* which one is cut; others go to each window as they are */
    int first_axis, n_axes;
    bool is_size_free[TRO_TILES_MAX_AXES]; /* windows may be smaller than asked for */
    struct tro_arena arena;                /* of the last run, as are the following */
    struct tro_tile_result *results;       /* by output */
    bool is_done;                          /* results are whole */
};

/* spec: "SIZE:OVERLAP". The side is open; NULL on failure. */
struct tro_tiled *tro_tiled_create(const struct tro_side *s, const char *spec, struct tro_err *err);
void tro_tiled_destroy(struct tro_tiled *t);

/* What is cut may have any size on the tiled axes. */
void tro_tiled_input_info(const struct tro_tiled *t, int i, struct tro_io_info *info);

/* Runs every window by `run` and puts the outputs together. */
typedef int tro_tiled_fn(struct tro_side *s, const struct tro_tensor *inputs, int n,
                         struct tro_err *err);
int tro_tiled_run(struct tro_tiled *t, struct tro_side *s, tro_tiled_fn *run,
                  const struct tro_tensor *inputs, int n, struct tro_err *err);

#endif
