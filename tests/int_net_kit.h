/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quantized network that has everything between its integer layers, as exporters write it (Q and
 * D nodes), and what the passes make of it: U-Net's upsampling, pooling and concatenation, a
 * detector's resizing and splits, linear resizing, MobileNet's depthwise layers, means and
 * excitation, curves by tables of 8 and 16 bits, residual sums, softmax and layer normalization.
 * Outputs must be the same bytes wherever it runs.
 */
#ifndef TRO_TESTS_INT_NET_KIT_H
#define TRO_TESTS_INT_NET_KIT_H

#include "graph/text.h"
#include "passes/passes.h"
#include "window_kit.h"

#define INT_NET_CONV(stride, pad, group)                                                        \
    " {strides = [" #stride "," #stride "], dilations = [1,1], pads = [" #pad "," #pad "," #pad \
    "," #pad "], group = " #group "}\n"

/* FNV-1a of the reference's output bytes, the same on every machine. */
#define INT_NET_HASH UINT64_C(0x67b2be04b06a7095)

/* Weights of one layer with a scale for each channel: %w<name>, dequantized. */
static inline void int_net_weights(struct tro_buf *b, const char *name, int rank,
                                   const int64_t *shape, int channel_axis)
{
    char full[32];
    int64_t n_each = 1, along[4] = {1, 1, 1, 1};
    for (int i = 0; i < rank; i++)
        n_each *= i == channel_axis ? 1 : shape[i];
    along[channel_axis] = shape[channel_axis];
    snprintf(full, sizeof full, "w%s_8", name);
    kit_const(b, full, TRO_I8, rank, shape, (uint64_t)name[0] * 31 + (uint64_t)name[1]);
    tro_buf_printf(b, "const %%w%s_s : ", name);
    kit_type(b, TRO_F32, rank, along);
    tro_buf_str(b, " =");
    for (int64_t i = 0; i < shape[channel_axis]; i++)
        tro_buf_printf(
            b, " %.9g",
            (double)(float)((1 + 0.01 * (double)(i % 7)) * 0.06 / (double)(1 + n_each / 9)));
    tro_buf_printf(b, "\n%%w%s = dequantize(%%w%s_8, %%w%s_s)\n", name, name, name);
}

/* %y = D(Q(%x)) with a scale and a zero of this type. */
static inline void int_net_qdq(struct tro_buf *b, const char *y, const char *x, const char *scale,
                               const char *zero, const char *type)
{
    tro_buf_printf(b,
                   "%%%s_q = quantize(%%%s, %%%s, %%%s) {to = %s}\n"
                   "%%%s = dequantize(%%%s_q, %%%s, %%%s)\n",
                   y, x, scale, zero, type, y, y, scale, zero);
}

static inline void int_net_head(struct tro_buf *b)
{
    tro_buf_str(b,
                "graph \"int_net\"\ninput %x : f32[1,3,16,24]\n"
                "const %s1 : f32[] = 0.0157\nconst %s2 : f32[] = 0.03\nconst %s3 : f32[] = 0.011\n"
                "const %s16 : f32[] = 0.0002\nconst %z8 : u8[] = 128\nconst %z0 : u8[] = 0\n"
                "const %zi : i8[] = 0\nconst %zn : i8[] = -7\nconst %z16 : i16[] = 0\n"
                "const %zero : f32[] = 0\nconst %three : f32[] = 3\nconst %six : f32[] = 6\n"
                "const %sixth : f32[] = 0.16666667\nconst %axes : i64[2] = 2 3\n"
                "const %twice : f32[4] = 1 1 2 2\nconst %flat : i64[2] = 1 24\n"
                "const %odd : i64[4] = 1 24 13 7\n"
                "const %s255 : f32[] = 0.00392157\nconst %grid : i64[3] = 1 24 96\n"
                "const %b16 : f32[16] = splat 0.07\nconst %b10 : f32[10] = splat -0.3\n");
    int_net_weights(b, "a1", 4, (const int64_t[]){16, 3, 3, 3}, 0);
    int_net_weights(b, "b1", 4, (const int64_t[]){24, 16, 3, 3}, 0);
    int_net_weights(b, "c1", 4, (const int64_t[]){24, 1, 3, 3}, 0);
    int_net_weights(b, "d1", 4, (const int64_t[]){8, 24, 1, 1}, 0);
    int_net_weights(b, "d2", 4, (const int64_t[]){24, 8, 1, 1}, 0);
    int_net_weights(b, "e1", 4, (const int64_t[]){24, 24, 1, 1}, 0);
    int_net_weights(b, "f1", 4, (const int64_t[]){32, 24, 3, 3}, 0);
    int_net_weights(b, "g1", 4, (const int64_t[]){24, 56, 3, 3}, 0);
    int_net_weights(b, "h1", 4, (const int64_t[]){24, 16, 2, 2}, 1);
    int_net_weights(b, "i1", 4, (const int64_t[]){8, 32, 3, 3}, 0);
    int_net_weights(b, "j1", 4, (const int64_t[]){10, 8, 1, 1}, 0);
    int_net_weights(b, "k1", 2, (const int64_t[]){24, 10}, 1);
}

/* Down: a convolution, pooling, SiLU by way of 16 bits, depthwise, hard swish of 8 bits. */
static inline void int_net_down(struct tro_buf *b)
{
    int_net_qdq(b, "x8", "x", "s1", "z8", "u8");
    tro_buf_str(b, "%a = conv(%x8, %wa1, %b16)" INT_NET_CONV(1, 1, 1) "%ar = max(%a, %zero)\n");
    int_net_qdq(b, "a8", "ar", "s2", "z0", "u8");
    tro_buf_str(b, "%p = pool(%a8) {kernel = [2,2], strides = [2,2], dilations = [1,1], "
                   "pads = [0,0,0,0]}\n%b = conv(%p, %wb1)" INT_NET_CONV(1, 1, 1));
    int_net_qdq(b, "b16w", "b", "s16", "z16", "i16");
    tro_buf_str(b, "%bs = sigmoid(%b16w)\n%bm = mul(%b16w, %bs)\n");
    int_net_qdq(b, "b8", "bm", "s2", "zn", "i8");
    tro_buf_str(b, "%c = conv(%b8, %wc1)" INT_NET_CONV(1, 1, 24));
    int_net_qdq(b, "c8", "c", "s3", "zi", "i8");
    tro_buf_str(b, "%ca = add(%c8, %three)\n%cl = max(%ca, %zero)\n%ch = min(%cl, %six)\n"
                   "%cm = mul(%ch, %c8)\n%cd = mul(%cm, %sixth)\n");
    int_net_qdq(b, "h8", "cd", "s3", "zi", "i8");
}

/* Squeeze and excite, then a residual sum. */
static inline void int_net_excite(struct tro_buf *b)
{
    tro_buf_str(b, "%m = reduce(%h8, %axes) {kind = mean}\n");
    int_net_qdq(b, "m8", "m", "s3", "zi", "i8");
    tro_buf_str(b, "%d = conv(%m8, %wd1)" INT_NET_CONV(1, 0, 1) "%dr = max(%d, %zero)\n");
    int_net_qdq(b, "d8", "dr", "s3", "z0", "u8");
    tro_buf_str(b, "%e = conv(%d8, %wd2)" INT_NET_CONV(1, 0, 1));
    int_net_qdq(b, "e8", "e", "s2", "zi", "i8");
    tro_buf_str(b, "%g = sigmoid(%e8)\n");
    int_net_qdq(b, "g8", "g", "s3", "z0", "u8");
    tro_buf_str(b, "%t = mul(%h8, %g8)\n");
    int_net_qdq(b, "t8", "t", "s3", "zi", "i8");
    tro_buf_str(b, "%r = conv(%t8, %we1)" INT_NET_CONV(1, 0, 1));
    int_net_qdq(b, "r8", "r", "s3", "zi", "i8");
    tro_buf_str(b, "%ra = add(%r8, %t8)\n%rr = max(%ra, %zero)\n");
    int_net_qdq(b, "rr8", "rr", "s3", "zi", "i8");
}

/* Up: average pooling, resizing, concatenations of different scales, a transposed convolution. */
static inline void int_net_up(struct tro_buf *b)
{
    tro_buf_str(b, "%q = pool(%rr8) {kind = avg, kernel = [2,2], strides = [2,2], "
                   "dilations = [1,1], pads = [0,0,0,0]}\n");
    int_net_qdq(b, "q8", "q", "s3", "zi", "i8");
    tro_buf_str(b, "%f = conv(%q8, %wf1)" INT_NET_CONV(1, 1, 1) "%fr = max(%f, %zero)\n");
    int_net_qdq(b, "f8", "fr", "s3", "z0", "u8");
    tro_buf_str(b, "%u = resize(%f8, _, %twice) {mode = nearest, coord = asymmetric, "
                   "nearest = floor}\n%v = concat(%u, %rr8) {axis = 1}\n");
    int_net_qdq(b, "v8", "v", "s2", "zi", "i8");
    tro_buf_str(b, "%i = conv(%v8, %wg1)" INT_NET_CONV(1, 1, 1));
    int_net_qdq(b, "i8v", "i", "s2", "zi", "i8");
    tro_buf_str(b, "%y = conv_transpose(%i8v, %wh1, %b16) {strides = [2,2], dilations = [1,1], "
                   "pads = [0,0,0,0], group = 1, output_padding = [0,0]}\n");
    int_net_qdq(b, "y8", "y", "s2", "zi", "i8");
    tro_buf_str(b, "%j = concat(%y8, %a8) {axis = 1}\n");
    int_net_qdq(b, "j8", "j", "s2", "zn", "i8");
    tro_buf_str(b, "%k = conv(%j8, %wi1)" INT_NET_CONV(1, 1, 1));
    int_net_qdq(b, "k8", "k", "s2", "zi", "i8");
}

/* Linear resizing of convolutions' results, in front of another and at the end. */
static inline void int_net_linear(struct tro_buf *b)
{
    tro_buf_str(b, "%la = resize(%rr8, _, _, %odd) {mode = linear, coord = align_corners}\n");
    int_net_qdq(b, "la8", "la", "s3", "zi", "i8");
    tro_buf_str(b, "%lb = conv(%la8, %we1)" INT_NET_CONV(1, 0, 1));
    int_net_qdq(b, "lb8", "lb", "s3", "zn", "i8");
    tro_buf_str(b, "%o7 = quantize(%lb8, %s3, %zn) {to = i8}\n"
                   "%lc = resize(%f8, _, %twice) {mode = linear}\n"
                   "%o8 = quantize(%lc, %s2, %z8) {to = u8}\n");
}

/* Parts in another order, bytes; a head in floating point; a product of means, bytes. */
static inline void int_net_ends(struct tro_buf *b)
{
    tro_buf_str(b,
                "%l1, %l2 = split(%k8) {axis = 1}\n%l = concat(%l2, %l1) {axis = 1}\n"
                "%o1 = quantize(%l, %s2, %zi) {to = i8}\n"
                "%o2 = conv(%k8, %wj1, %b10)" INT_NET_CONV(
                    1, 0, 1) "%n = reduce(%rr8, %axes) {kind = mean}\n%nf = reshape(%n, %flat)\n");
    int_net_qdq(b, "n8", "nf", "s3", "zi", "i8");
    tro_buf_str(b, "%nm = matmul(%n8, %wk1)\n%o3 = quantize(%nm, %s3, %zn) {to = i8}\n");
    tro_buf_str(b, "%rg = reshape(%rr8, %grid)\n%rs = softmax(%rg) {axis = -1}\n"
                   "%o4 = quantize(%rs, %s255, %z0) {to = u8}\n"
                   "%rl = normalize(%rg) {axes = [2], epsilon = 1e-05}\n"
                   "%o5 = quantize(%rl, %s2, %zi) {to = i8}\n"
                   "%cs = softmax(%h8) {axis = 1}\n%o6 = quantize(%cs, %s255, %z0) {to = u8}\n");
    int_net_linear(b);
    tro_buf_str(b, "output %o1, %o2, %o3, %o4, %o5, %o6, %o7, %o8\n");
}

static inline struct tro_graph *int_net_parse(struct tro_err *err)
{
    struct tro_buf b = {0};
    int_net_head(&b);
    int_net_down(&b);
    int_net_excite(&b);
    int_net_up(&b);
    int_net_ends(&b);
    struct tro_graph *const g = tro_graph_parse((struct tro_str){(const char *)b.p, b.n}, "int_net",
                                                err);
    tro_buf_finish(&b);
    return g;
}

/* After all passes; NULL with a message when they fail. */
static inline struct tro_graph *int_net_make(void)
{
    struct tro_err err = {0};
    struct tro_graph *const g = int_net_parse(&err);
    const struct tro_passes_opts opts = {0};
    if (g && tro_passes_run(g, &opts, NULL, &err) == 0)
        return g;
    printf("int_net: %s\n", err.text);
    tro_graph_destroy(g);
    return NULL;
}

/* Nodes of this operator in all blocks. */
static inline int int_net_count(const struct tro_graph *g, enum tro_op op)
{
    int n = 0;
    for (size_t i = 1; i < g->n_nodes; i++)
        n += g->nodes[i].block.i && g->nodes[i].op == op;
    return n;
}

#endif
