/* SPDX-License-Identifier: Apache-2.0 */
/* max_unpool and col2im, which put elements of windows back to their places. */
#include "ref/kernels.h"
#include "ref/parts.h"
#include "ref/rows.h"
#include "ref/windows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

/* ---- max_unpool ------------------------------------------------------------------------ */

/* The shape that indices speak of: what windows without overlap cover. */
static void covered(const struct tro_ref_call *c, struct tro_tensor *t)
{
    const struct tro_attrs_max_unpool *const a = c->attrs;
    const int n = c->in[0].rank - 2;
    *t = c->in[0];
    for (int i = 0; i < n; i++)
        t->shape[2 + i] = (c->in[0].shape[2 + i] - 1) * a->strides.v[i] - a->pads.v[i] -
                          a->pads.v[n + i] + a->kernel.v[i];
}

int tro_ref_max_unpool(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0], *const indices = &c->in[1];
    struct tro_tensor *const y = &c->out[0], from;
    const size_t size = tro_dtype_size(x->dtype);
    covered(c, &from);
    memset(y->data, 0, tro_tensor_n_bytes(y));
    const int64_t n = tro_tensor_n_elems(x);
    for (int64_t i = 0; i < n; i++) {
        int64_t left = tro_load_i64(indices->dtype, indices->data, i), at = 0, stride = 1;
        bool is_inside = left >= 0;
        for (int d = x->rank - 1; d >= 0 && is_inside; d--) {
            const int64_t k = from.shape[d] > 0 ? left % from.shape[d] : left;
            is_inside = k < y->shape[d] && from.shape[d] > 0;
            left = is_inside ? left / from.shape[d] : left;
            at += k * stride;
            stride *= y->shape[d];
        }
        if (!is_inside || left != 0)
            return tro_fail(c->err, TRO_E_INPUT,
                            "index %" PRId64 " (element %" PRId64
                            ") is outside of the unpooled tensor: expected indices of a max "
                            "pooling with the same windows",
                            tro_load_i64(indices->dtype, indices->data, i), i);
        memcpy((char *)y->data + (size_t)at * size, (const char *)x->data + (size_t)i * size, size);
    }
    return 0;
}

/* ---- col2im ---------------------------------------------------------------------------- */

struct col2im {
    struct tro_windows windows; /* over the image */
    const struct tro_tensor *x;
    struct tro_tensor *y;
};

/* One place of the image for each element of a block and each window; -1 outside. Adds elements of
 * x from `first` on, in double or as integers. */
static void add_blocks(const struct col2im *m, int64_t first, double *sums, uint64_t *int_sums)
{
    const struct tro_windows *const w = &m->windows;
    int64_t k[TRO_MAX_SPATIAL] = {0}, o[TRO_MAX_SPATIAL] = {0};
    for (int64_t tap = 0; tap < w->n_taps; tap++) {
        for (int64_t i = 0; i < w->n_out; i++, first++) {
            int64_t at = 0;
            bool is_inside = true;
            for (int a = 0; a < w->n_axes; a++) {
                const int64_t p = o[a] * w->stride[a] - w->pad[a] + k[a] * w->dilation[a];
                is_inside = is_inside && p >= 0 && p < w->in[a];
                at = is_inside ? at * w->in[a] + p : 0;
            }
            if (is_inside && sums)
                sums[at] += tro_load_f64(m->x->dtype, m->x->data, first);
            else if (is_inside)
                int_sums[at] += (uint64_t)tro_load_i64(m->x->dtype, m->x->data, first);
            tro_windows_step(w->n_axes, w->out, o);
        }
        tro_windows_step(w->n_axes, w->kernel, k);
    }
}

static void add_plane(void *ctx, int64_t plane, void *memory)
{
    const struct col2im *const m = ctx;
    const struct tro_windows *const w = &m->windows;
    const int64_t first = plane * w->n_taps * w->n_out;
    memset(memory, 0, (size_t)w->n_in * sizeof(double));
    if (tro_dtype_is_float(m->y->dtype)) {
        add_blocks(m, first, memory, NULL);
        tro_store_row_f64(m->y->dtype, m->y->data, plane * w->n_in, w->n_in, memory);
    } else {
        add_blocks(m, first, NULL, memory);
        tro_store_row_i64(m->y->dtype, m->y->data, plane * w->n_in, w->n_in, memory);
    }
}

int tro_ref_col2im(struct tro_ref_call *c)
{
    const struct tro_attrs_col2im *const a = c->attrs;
    struct col2im m = {.x = &c->in[0], .y = &c->out[0]};
    struct tro_ints block;
    int64_t n_windows[TRO_MAX_SPATIAL];
    TRO_TRY(tro_ref_ints(c, 2, &block));
    const int64_t *const image = c->out[0].shape + 2;
    for (int i = 0; i < block.n; i++) {
        const struct tro_window at = {.kernel = block.v[i],
                                      .stride = a->strides.v[i],
                                      .dilation = a->dilations.v[i],
                                      .pad_begin = a->pads.v[i],
                                      .pad_end = a->pads.v[block.n + i]};
        const int64_t n = tro_dim_value(tro_window_out(NULL, tro_dim_const(image[i]), &at));
        if (n < 1)
            return tro_fail(c->err, TRO_E_INPUT,
                            "no block of %" PRId64
                            " fits into axis %d of the image, of size %" PRId64,
                            block.v[i], i, image[i]);
        n_windows[i] = n;
    }
    tro_windows_init(&m.windows, image, n_windows, block.v, &a->strides, &a->dilations, &a->pads,
                     tro_auto_pad_explicit);
    const int64_t n_planes = c->out[0].shape[0] * c->out[0].shape[1];
    return tro_ref_parts(n_planes, 10 * (double)tro_tensor_n_elems(m.x),
                         (size_t)m.windows.n_in * sizeof(double), add_plane, &m, c->err);
}
