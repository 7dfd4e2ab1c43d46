/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_LINE_H
#define TRO_CUDA_KERNELS_LINE_H

#include "path.h"

/* A line is what belongs together: runs of elements along one axis, taken in vectors. The result's
 * rows are the runs of all lines, one line after the other. */
struct tro_line {
    struct tro_path kept, runs;      /* line -> its beginning, run -> from there */
    struct tro_div n_vectors;        /* of a run */
    uint32_t n_lines, n_runs, n_all; /* runs and vectors of a line */
    int32_t step;                    /* between elements of a run */
};

#endif
