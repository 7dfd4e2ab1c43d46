/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of 8-bit convolutions as text, for engine_kit.h and cuda_kit.h. */
#ifndef TRO_TESTS_INT_KIT_H
#define TRO_TESTS_INT_KIT_H

#include "window_kit.h"

struct int_shape {
    enum tro_dtype x_type, w_type;
    int rank;
    int64_t n, c, in[3], m, group;
    int64_t kernel, stride, dilation, pad;
    const char *zero_x, *zero_w; /* of constants; "" = absent, "*" = one for each output channel */
};

static inline void kit_put_list(struct tro_buf *b, const char *name, int n, int64_t v)
{
    tro_buf_printf(b, "%s = [", name);
    for (int i = 0; i < n; i++)
        tro_buf_printf(b, i ? ",%lld" : "%lld", (long long)v);
    tro_buf_str(b, "], ");
}

static inline void kit_put_head(struct tro_buf *b, const struct int_shape *s)
{
    const int64_t x[5] = {s->n, s->c, s->in[0], s->in[1], s->in[2]};
    const int64_t w[5] = {s->m, s->c / s->group, s->kernel, s->kernel, s->kernel};
    tro_buf_str(b, "graph \"g\"\ninput %x : ");
    kit_type(b, s->x_type, s->rank, x);
    tro_buf_str(b, "\n");
    kit_const(b, "w", s->w_type, s->rank, w, 7);
    if (s->zero_x[0])
        tro_buf_printf(b, "const %%zx : %s[] = %s\n", tro_dtype_name(s->x_type), s->zero_x);
    if (s->zero_w[0] == '*')
        kit_const(b, "zw", s->w_type, 1, &s->m, 8);
    else if (s->zero_w[0])
        tro_buf_printf(b, "const %%zw : %s[] = %s\n", tro_dtype_name(s->w_type), s->zero_w);
}

static inline void kit_put_conv(struct tro_buf *b, const struct int_shape *s, const char *x)
{
    const int n = s->rank - 2;
    tro_buf_printf(b, "%%c = conv_int(%%%s, %%w, %s, %s) {", x, s->zero_x[0] ? "%zx" : "_",
                   s->zero_w[0] ? "%zw" : "_");
    kit_put_list(b, "strides", n, s->stride);
    kit_put_list(b, "dilations", n, s->dilation);
    kit_put_list(b, "pads", 2 * n, s->pad);
    tro_buf_printf(b, "group = %lld}\n", (long long)s->group);
}

/* The convolution and nodes after it as a region; the tail makes %r of %c, of rank 4. */
static inline void kit_put_region(struct tro_buf *b, const struct int_shape *s, const char *tail)
{
    kit_put_head(b, s);
    kit_const(b, "bias", TRO_I32, 3, (const int64_t[]){s->m, 1, 1}, 21);
    const int64_t extent = (s->kernel - 1) * s->dilation + 1;
    const int64_t y[4] = {s->n, s->m, (s->in[0] + 2 * s->pad - extent) / s->stride + 1,
                          (s->in[1] + 2 * s->pad - extent) / s->stride + 1};
    kit_const(b, "term", TRO_F32, 3, (const int64_t[]){s->m, 1, 1}, 24);
    kit_const(b, "skip", TRO_I8, 4, y, 25);
    kit_const(b, "wide", TRO_F32, 4, y, 26);
    kit_const(b, "table", TRO_I8, 1, (const int64_t[]){256}, 22);
    kit_const(b, "between", TRO_I32, 1, (const int64_t[]){513}, 23);
    tro_buf_printf(b,
                   "const %%zw16 : i16[] = 5\nconst %%s16 : f32[] = 0.5\nconst %%s : f32[%lld,1,1] "
                   "= splat 0.00173\nconst %%s1 : f32[] = 0.0021\n"
                   "const %%big : f32[] = 1e38\n"
                   "const %%z : u8[] = 9\nconst %%zi : i8[] = -3\nconst %%lo : u8[] = 9\n"
                   "const %%hi : u8[] = 140\nconst %%f : f32[] = 0.5\n"
                   "%%y = fused(%%x) {\ninput %%a : %s[%lld,%lld,%lld,%lld]\n",
                   (long long)s->m, tro_dtype_name(s->x_type), (long long)s->n, (long long)s->c,
                   (long long)s->in[0], (long long)s->in[1]);
    kit_put_conv(b, s, "a");
    tro_buf_printf(b, "%s\noutput %%r\n}\noutput %%y", tail);
}

/* ---- transposed convolutions whose windows meet, with something after them ---- */

struct up_shape {
    const char *x, *zeros, *args, *attrs, *y;
    int64_t w[5];
    int rank;
    const char *w_type;
};

static const struct up_shape kit_up_shapes[] = {
    {"u8[1,24,5,7]",
     "const %z : u8[] = 9",
     ", %z",
     "strides = [2,2], dilations = [1,1], "
     "pads = [0,0,0,0], group = 1, output_padding = [0,0]",
     "[1,16,10,14]",
     {24, 16, 2, 2},
     4,
     "i8"},
    {"i8[2,33,4,9]",
     "const %z : i8[] = -3\nconst %zw : i8[45] = splat 5",
     ", %z, %zw",
     "strides = [2,3], dilations = [1,1], pads = [0,0,0,0], group = 1, output_padding = [0,0]",
     "[2,45,8,27]",
     {33, 45, 2, 3},
     4,
     "i8"},
    {"u8[1,16,7,6]",
     "",
     "",
     "strides = [1,1], dilations = [1,1], pads = [0,0,0,0], group = 1, "
     "output_padding = [0,0]",
     "[1,5,7,6]",
     {16, 5, 1, 1},
     4,
     "u8"},
    {"u8[2,6,9]",
     "const %z : u8[] = 128",
     ", %z",
     "strides = [4], dilations = [1], "
     "pads = [0,0], group = 1, output_padding = [0]",
     "[2,20,36]",
     {6, 20, 4},
     3,
     "u8"},
    {"i8[1,8,2,3,4]",
     "",
     "",
     "strides = [2,2,2], dilations = [1,1,1], pads = [0,0,0,0,0,0], "
     "group = 1, output_padding = [0,0,0]",
     "[1,3,4,6,8]",
     {8, 3, 2, 2, 2},
     5,
     "i8"},
};

static inline void kit_put_up(struct tro_buf *b, const struct up_shape *s, const char *tail)
{
    tro_buf_printf(b, "graph \"g\"\ninput %%x : %s\n%s\n", s->x, s->zeros);
    kit_const(b, "w", tro_dtype_from_name(s->w_type), s->rank, s->w, 17);
    kit_const(b, "bias", TRO_I32, s->rank - 1, (const int64_t[]){s->w[1], 1, 1, 1}, 21);
    tro_buf_printf(b,
                   "const %%s : f32[] = 0.0031\nconst %%o : i8[] = 7\n"
                   "%%y = fused(%%x) {\ninput %%a : %s\n"
                   "%%c = conv_transpose_int(%%a, %%w%s) {%s}\n%s\noutput %%r\n}\noutput %%y",
                   s->x, s->args, s->attrs, tail);
}

static const char *const kit_up_tails[] = {
    "%r = add(%c, %bias)",
    "%d = add(%c, %bias)\n%r = requantize(%d, %s, %o)",
    "%d = dequantize(%c, %s)\n%r = quantize(%d, %s, %o) {to = i8}",
};

#endif
