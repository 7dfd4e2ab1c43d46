/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/launch.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"
#include "cuda/library.h"
#include "cuda/point.h"
#include "cuda/texts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- small things ------------------------------------------------------------------------- */

struct tro_div tro_div_make(int64_t d)
{
    struct tro_div r = {.d = (uint32_t)d};
    while (((uint64_t)1 << r.shift) < (uint64_t)d)
        r.shift++;
    r.mul = (uint32_t)((((uint64_t)1 << 32) * (((uint64_t)1 << r.shift) - (uint64_t)d)) /
                           (uint64_t)d +
                       1);
    return r;
}

const char *tro_cuda_defines(struct tro_lowering *l, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *const copy = n < (int)sizeof text ? tro_arena_strdup(tro_lower_arena(l), text)
                                                  : NULL;
    if (!copy)
        tro_fail_nomem(tro_lower_err(l));
    return copy;
}

/* ---- kernels ------------------------------------------------------------------------------ */

/* Fingerprint of all files of kernels/. */
static uint64_t hash_texts(void)
{
    uint64_t h = 0;
    for (int i = 0; i < tro_cuda_n_texts; i++)
        h = tro_hash64(tro_cuda_texts[i].text, strlen(tro_cuda_texts[i].text), h);
    return h;
}

static void write_source(struct tro_buf *b, const struct tro_cuda_source *s, int n_in, int n_out)
{
    const int point_in = s->point ? s->point->n_in : 0, point_out = s->point ? s->point->n_out : 0;
    const int all_in = n_in + point_in, all_out = n_out + point_out;
    tro_buf_printf(b, "#include \"base.cuh\"\n%s", s->defines ? s->defines : "");
    if (s->params)
        tro_buf_printf(b, "#include \"%s.h\"\n", s->name);
    tro_buf_printf(b,
                   "#define TRO_N_IN %d\n#define TRO_N_OUT %d\n#define TRO_POINT_IN %d\n"
                   "#define TRO_POINT_OUT %d\n",
                   all_in, all_out, n_in, all_in + n_out);
    if (s->point)
        tro_buf_printf(b, "%s", s->point->types);
    tro_buf_printf(b, "struct tro_params {\n    void *ptr[%d];\n", all_in + all_out);
    if (s->params)
        tro_buf_printf(b, "    __align__(8) struct tro_%s_params own;\n", s->name);
    if (s->point)
        tro_buf_printf(b, "    __align__(8) struct tro_point_params point;\n");
    tro_buf_printf(b, "};\n");
    if (s->point)
        tro_buf_printf(b, "%s", s->point->text);
    tro_buf_printf(b, "#include \"%s.cu\"\n", s->name);
}

static const struct tro_cuda_kernel *make_kernel(struct tro_lowering *l,
                                                 const struct tro_cuda_source *s, int n_in,
                                                 int n_out)
{
    struct tro_arena *const arena = tro_lower_arena(l);
    struct tro_cuda_kernel *const k = TRO_NEW(arena, struct tro_cuda_kernel);
    struct tro_buf b = {0};
    write_source(&b, s, n_in, n_out);
    tro_buf_u8(&b, 0);
    if (k && !b.failed) {
        k->name = s->name;
        k->source = tro_arena_memdup(arena, b.p, b.n);
        k->key = tro_hash64(b.p, b.n, hash_texts());
    }
    tro_buf_finish(&b);
    if (!k || !k->source) {
        tro_fail_nomem(tro_lower_err(l));
        return NULL;
    }
    return k;
}

/* ---- steps -------------------------------------------------------------------------------- */

static int run_on_host(const struct tro_step *s, const struct tro_step_run *r)
{
    return tro_fail(r->err, TRO_E_INTERNAL, "step '%s' is a kernel of the GPU", s->name);
}

const struct tro_cuda_launch *tro_cuda_launch_of(const struct tro_step *s)
{
    return s->kind == TRO_STEP_KERNEL && s->run == run_on_host ? s->params : NULL;
}

static size_t aligned8(size_t n)
{
    return (n + 7) / 8 * 8;
}

/* own, then point, each at a multiple of 8. */
static int copy_params(struct tro_lowering *l, const struct tro_cuda_source *s,
                       struct tro_cuda_launch *launch)
{
    const size_t point_size = s->point ? s->point->params_size : 0;
    const size_t own = aligned8(s->params_size);
    char *const p = tro_arena_alloc64(tro_lower_arena(l), own + aligned8(point_size) + 8);
    if (!p)
        return tro_fail_nomem(tro_lower_err(l));
    memset(p, 0, own + aligned8(point_size) + 8);
    if (s->params_size)
        memcpy(p, s->params, s->params_size);
    if (point_size)
        memcpy(p + own, s->point->params, point_size);
    launch->params = p;
    launch->params_size = own + aligned8(point_size);
    return 0;
}

struct tro_step *tro_cuda_step(struct tro_lowering *l, const struct tro_lower_node *n,
                               const char *label, const struct tro_cuda_source *source, int n_in,
                               int n_out, struct tro_cuda_launch **launch)
{
    const struct tro_point *const point = source->point;
    const int point_in = point ? point->n_in : 0, point_out = point ? point->n_out : 0;
    const char *const name = tro_arena_strdup(tro_lower_arena(l), label);
    const struct tro_cuda_kernel *const kernel = make_kernel(l, source, n_in, n_out);
    if (!name || !kernel) {
        tro_fail_nomem(tro_lower_err(l));
        return NULL;
    }
    struct tro_step *const s = tro_lower_step(l, n, name, run_on_host, n_in + point_in,
                                              n_out + point_out, sizeof **launch, launch);
    if (!s || copy_params(l, source, *launch) < 0)
        return NULL;
    (*launch)->kernel = kernel;
    for (int i = 0; i < 3; i++)
        (*launch)->grid[i] = (*launch)->block[i] = 1;
    for (int i = 0; i < point_in; i++)
        s->in[n_in + i] = point->in[i];
    for (int i = 0; i < point_out; i++)
        s->out[n_out + i] = point->out[i];
    return s;
}

struct tro_step *tro_cuda_library_step(struct tro_lowering *l, const struct tro_lower_node *n,
                                       const struct tro_library_plan *plan, int n_in, int n_out)
{
    struct tro_cuda_launch *launch;
    const char *const name = tro_arena_strdup(tro_lower_arena(l), plan->name);
    struct tro_step *const s = name ? tro_lower_step(l, n, name, run_on_host, n_in, n_out,
                                                     sizeof *launch, &launch)
                                    : NULL;
    if (!s) {
        tro_fail_nomem(tro_lower_err(l));
        return NULL;
    }
    launch->plan = plan;
    for (int i = 0; i < 3; i++)
        launch->grid[i] = launch->block[i] = 1;
    return s;
}
