/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise nodes alone and regions of them. */
#include "cuda/pointwise.h"

#include "base/dtype.h"
#include "cuda/cuda.h"
#include "cuda/kernels/pointwise.h"

#include <stdio.h>

#define BLOCK 256
#define VECTOR_BYTES 16 /* of the narrowest operand */
#define SM_THREADS 2048

static int64_t ceil_div(int64_t n, int64_t d)
{
    return (n + d - 1) / d;
}

/* ---- columns of a thread -------------------------------------------------------------------- */

static size_t least_size(const struct tro_point *point)
{
    size_t least = 8;
    for (int i = 0; i < point->n_in + point->n_out; i++) {
        const struct tro_arg *const a = i < point->n_in ? &point->in[i]
                                                        : &point->out[i - point->n_in];
        const size_t size = tro_dtype_size(a->dtype);
        least = size < least ? size : least;
    }
    return least;
}

/* As wide as loads are, no wider than a row, at most 8 where registers would run out. */
static int vector_of(const struct tro_point *point)
{
    int vector = VECTOR_BYTES / (int)least_size(point);
    const int most = point->n_in + point->n_out > 2 ? 8 : 16;
    vector = vector < point->vector ? vector : point->vector;
    vector = vector < most ? vector : most;
    while (vector > 1 && vector / 2 >= point->n_cols)
        vector /= 2;
    return vector;
}

/* ---- the step ------------------------------------------------------------------------------- */

/* Rows of a thread: more than one where there are threads to fill the chip several times. */
static int rows_of(const struct tro_lowering *l, const struct tro_point *point, int64_t n_vectors)
{
    const int64_t all_threads = (int64_t)tro_lower_n_sms(l) * SM_THREADS;
    return point->n_rows > 1 && n_vectors >= 4 * all_threads ? 2 : 1;
}

int tro_cuda_point_step(struct tro_lowering *l, const struct tro_lower_node *n,
                        const struct tro_point *point, const char *label)
{
    const int vector = vector_of(point);
    const int64_t row_vectors = ceil_div(point->n_cols, vector);
    const int rows = rows_of(l, point, row_vectors * point->n_rows);
    const int64_t n_vectors = row_vectors * ceil_div(point->n_rows, rows);
    const bool is_whole = point->n_cols % vector == 0 && point->n_rows % rows == 0;
    const struct tro_pointwise_params params = {
        .n_vectors = (uint32_t)n_vectors,
        .n_rows = (uint32_t)point->n_rows,
        .n_cols = (uint32_t)point->n_cols,
        .row_vectors = tro_div_make(row_vectors ? row_vectors : 1),
    };
    const struct tro_cuda_source source = {
        .name = "pointwise",
        .defines = tro_cuda_defines(l,
                                    "#define VECTOR %d\n#define ROWS %d\n#define IS_ONE_ROW %d\n"
                                    "#define HAS_WHOLE_ROWS %d\n",
                                    vector, rows, point->n_rows == 1, is_whole),
        .point = point,
        .params = &params,
        .params_size = sizeof params,
    };
    struct tro_cuda_launch *launch;
    if (!source.defines)
        return tro_lower_err(l)->status;
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, 0, 0, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    const int64_t n_blocks = ceil_div(n_vectors, BLOCK);
    launch->grid[0] = (uint32_t)(n_blocks ? n_blocks : 1);
    launch->block[0] = BLOCK;
    s->inplace = point->inplace;
    s->n_flops = point->n_flops;
    return 1;
}

int tro_cuda_emit_pointwise(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_point *point;
    const int rc = tro_point_compile(l, n, TRO_DTYPE_NONE, NULL, 0, TRO_FORM_ANY, &point);
    if (rc <= 0)
        return rc;
    return tro_cuda_point_step(l, n, point, "pointwise");
}
