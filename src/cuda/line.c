/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/line.h"

#include "cuda/launch.h"

enum { MOST_KEPT = 32 }; /* values of a thread */

static int append(int *to, int n, const int *axes, int n_axes)
{
    for (int i = 0; i < n_axes; i++)
        to[n++] = axes[i];
    return n;
}

bool tro_cuda_line_init(struct tro_cuda_line *k, const struct tro_arg *x, uint32_t set, int c)
{
    int axes[TRO_MAX_RANK];
    const uint32_t all = (1U << x->rank) - 1;
    int64_t n_runs = 1, n_lines = 1;
    int n = tro_cuda_axes(x, all & ~set, false, axes);
    *k = (struct tro_cuda_line){.vector = tro_cuda_vector(x, c)};
    for (int i = 0; i < n; i++)
        n_lines *= x->shape[axes[i]];
    k->n_axes = append(k->axes, 0, axes, n);
    if (!tro_cuda_path(&k->line.kept, x, axes, n))
        return false;
    n = tro_cuda_axes(x, set & ~(1U << c), true, axes);
    for (int i = 0; i < n; i++)
        n_runs *= x->shape[axes[i]];
    k->n_axes = append(k->axes, k->n_axes, axes, n);
    if (!tro_cuda_path(&k->line.runs, x, axes, n))
        return false;
    k->axes[k->n_axes++] = c;
    k->line.n_vectors = tro_div_make(x->shape[c] / k->vector);
    k->line.n_lines = (uint32_t)n_lines;
    k->line.n_runs = (uint32_t)n_runs;
    k->line.n_all = (uint32_t)(n_runs * k->line.n_vectors.d);
    k->line.step = x->shape[c] == 1 ? 1 : (int32_t)x->stride[c];
    k->team = tro_cuda_team(k->line.n_all);
    k->kept = (int)((k->line.n_all + (uint32_t)k->team - 1) / (uint32_t)k->team);
    k->kept = k->kept * k->vector > MOST_KEPT ? 0 : k->kept;
    return true;
}

const char *tro_cuda_line_defines(struct tro_lowering *l, const struct tro_cuda_line *k,
                                  enum tro_dtype x, const char *more)
{
    return tro_cuda_defines(l,
                            "#define TEAM %d\n#define VECTOR %d\n#define KEPT %d\n"
                            "#define IS_LINE %d\n#define IN_T %s\n%s",
                            k->team, k->vector, k->kept, k->line.n_runs == 1, tro_cuda_type(x),
                            more);
}
