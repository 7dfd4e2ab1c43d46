/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/spatial.h"

#include "base/dtype.h"

bool tro_spatial_is_float(enum tro_dtype dtype)
{
    return dtype == TRO_F32 || dtype == TRO_F16 || dtype == TRO_BF16;
}

const char *tro_spatial_type(enum tro_dtype dtype)
{
    switch (dtype) {
    case TRO_F32:
        return "float";
    case TRO_F16:
        return "tro_f16";
    case TRO_BF16:
        return "tro_bf16";
    case TRO_I8:
        return "int8_t";
    case TRO_U8:
        return "uint8_t";
    case TRO_I32:
        return "int32_t";
    default:
        return NULL;
    }
}

int tro_spatial_in(struct tro_lowering *l, tro_value_id v, struct tro_arg *out)
{
    const struct tro_arg at = tro_lower_place(l, v);
    if (tro_arg_is_channels_last(&at))
        return tro_lower_in(l, v, TRO_FORM_CHANNELS_LAST, out);
    return tro_lower_in_as(l, v, TRO_FORM_CHANNELS_LAST, tro_lower_stored(l, at.dtype), out);
}

int tro_spatial_point(struct tro_lowering *l, const struct tro_lower_node *n,
                      enum tro_dtype acc_dtype, int rank, struct tro_point **out)
{
    int axes[TRO_MAX_RANK] = {0};
    for (int i = 2; i < rank; i++)
        axes[i - 1] = i;
    axes[rank - 1] = 1;
    return tro_point_compile(l, n, acc_dtype, axes, rank, TRO_FORM_CHANNELS_LAST, out);
}

int tro_spatial_aligned(const struct tro_arg *a, int most)
{
    int64_t all = a->shape[1] | a->offset / (int64_t)tro_dtype_size(a->dtype);
    for (int i = 0; i < a->rank; i++)
        if (i != 1 && a->shape[i] > 1)
            all |= a->stride[i];
    int n = most;
    while (all & (n - 1))
        n /= 2;
    return n;
}

bool tro_spatial_fits(const struct tro_arg *a)
{
    int64_t last = 0;
    for (int i = 0; i < a->rank; i++)
        last += (a->shape[i] - 1) * a->stride[i];
    return last < INT32_MAX;
}

static bool fits(int64_t v)
{
    return v >= INT32_MIN / 2 && v <= INT32_MAX / 2;
}

bool tro_spatial_window(const struct tro_win *win, const struct tro_arg *x, int64_t n_channels,
                        int v, int p, struct tro_window_space *out)
{
    const struct tro_pitch pitch = tro_pitch_of(x);
    const int64_t n_vectors = (n_channels + v - 1) / v, n_spans = (win->out[TRO_W] + p - 1) / p;
    const double n_threads = (double)n_vectors * (double)n_spans * (double)win->n *
                             (double)(win->out[TRO_D] * win->out[TRO_H]);
    *out = (struct tro_window_space){.out_w = (int32_t)win->out[TRO_W],
                                     .n_channels = (int32_t)n_channels};
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        const int64_t reach = (win->kernel[i] - 1) * win->dilation[i];
        const int64_t last = (win->out[i] - 1) * win->stride[i] + reach;
        if (!fits(reach) || !fits(last) || !fits(win->pad[i]) ||
            !fits(win->in[i] + win->pad_end[i]))
            return false;
        out->in[i] = (int32_t)win->in[i];
        out->kernel[i] = (int32_t)win->kernel[i];
        out->stride[i] = (int32_t)win->stride[i];
        out->dilation[i] = (int32_t)win->dilation[i];
        out->pad[i] = (int32_t)win->pad[i];
        out->pad_end[i] = (int32_t)win->pad_end[i];
        out->pitch[i] = (int32_t)pitch.at[i];
    }
    if (n_threads >= INT32_MAX || !fits(n_channels) || !tro_spatial_fits(x))
        return false;
    out->batch_pitch = (int32_t)pitch.n;
    out->n_threads = (uint32_t)n_threads;
    out->n_vectors = tro_div_make(n_vectors);
    out->n_spans = tro_div_make(n_spans);
    out->out_h = tro_div_make(win->out[TRO_H]);
    out->out_d = tro_div_make(win->out[TRO_D]);
    return true;
}

void tro_spatial_threads(struct tro_cuda_launch *launch, int64_t n_threads)
{
    launch->block[0] = TRO_SPATIAL_BLOCK;
    launch->grid[0] = (uint32_t)((n_threads + TRO_SPATIAL_BLOCK - 1) / TRO_SPATIAL_BLOCK);
}

void tro_spatial_set_inplace(struct tro_step *s, const struct tro_point *point, int n_own)
{
    s->inplace = tro_win_inplace(s, n_own, point->inplace);
}
