/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolutions of the CPU backend against the reference, on every level. */
#include "window_kit.h"

struct shape {
    int rank;
    int64_t n, c, in[3];
    int64_t kernel, stride, dilation, pad_begin, pad_end;
    bool has_bias;
};

static void put_list(struct tro_buf *b, const char *name, int n, int64_t v)
{
    tro_buf_printf(b, "%s = [", name);
    for (int i = 0; i < n; i++)
        tro_buf_printf(b, i ? ",%lld" : "%lld", (long long)v);
    tro_buf_str(b, "], ");
}

static void put_conv(struct tro_buf *b, const struct shape *s)
{
    const int n = s->rank - 2;
    const int64_t x[5] = {s->n, s->c, s->in[0], s->in[1], s->in[2]};
    const int64_t w[5] = {s->c, 1, s->kernel, s->kernel, s->kernel};
    tro_buf_str(b, "graph \"g\"\ninput %x : ");
    kit_type(b, TRO_F32, s->rank, x);
    tro_buf_str(b, "\n");
    kit_const(b, "w", TRO_F32, s->rank, w, 11);
    kit_const(b, "b", TRO_F32, 1, &s->c, 12);
    tro_buf_printf(b, "%%y = conv(%%x, %%w%s) {", s->has_bias ? ", %b" : "");
    put_list(b, "strides", n, s->stride);
    put_list(b, "dilations", n, s->dilation);
    tro_buf_str(b, "pads = [");
    for (int i = 0; i < 2 * n; i++)
        tro_buf_printf(b, i ? ",%lld" : "%lld", (long long)(i < n ? s->pad_begin : s->pad_end));
    tro_buf_printf(b, "], group = %lld}\n", (long long)s->c);
}

static void check(const struct shape *s)
{
    struct tro_buf b = {0};
    put_conv(&b, s);
    tro_buf_str(&b, "output %y");
    CHECK(kit_run(&b, 1e-5));
    CHECK_HAS(engine_kernels(), "depthwise_f32");
}

TEST(depthwise_kernels_and_strides)
{
    for (int64_t kernel = 1; kernel <= 7; kernel++) {
        for (int64_t stride = 1; stride <= 3; stride++) {
            const struct shape s = {.rank = 4,
                                    .n = 1,
                                    .c = 19,
                                    .in = {11, 23},
                                    .kernel = kernel,
                                    .stride = stride,
                                    .dilation = 1,
                                    .pad_begin = kernel / 2,
                                    .pad_end = (kernel - 1) / 2,
                                    .has_bias = kernel % 2};
            check(&s);
        }
    }
}

TEST(depthwise_channels)
{
    static const int64_t channels[] = {2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 72, 127, 130, 257};
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        const struct shape s = {4, 2, channels[i], {5, 14}, 3, 1 + (int64_t)i % 2, 1, 1, 1, true};
        check(&s);
    }
}

TEST(depthwise_dilations_and_pads)
{
    const struct shape shapes[] = {
        {4, 1, 20, {20, 21}, 3, 1, 2, 2, 2, true},   {4, 1, 20, {20, 21}, 5, 1, 2, 4, 4, false},
        {4, 1, 20, {20, 21}, 3, 2, 3, 0, 5, true},   {4, 1, 20, {9, 9}, 3, 1, 1, -1, -2, true},
        {4, 1, 20, {3, 3}, 5, 1, 1, 6, 6, true},     {4, 1, 20, {2, 2}, 3, 1, 4, 4, 4, false},
        {4, 1, 20, {1, 1}, 3, 1, 1, 1, 1, true},     {3, 2, 18, {37}, 9, 2, 1, 4, 4, true},
        {5, 1, 18, {5, 6, 11}, 3, 1, 1, 1, 1, true}, {5, 1, 9, {5, 6, 11}, 3, 2, 1, 1, 1, true},
        {5, 1, 18, {6, 7, 9}, 2, 2, 2, 0, 1, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check(&shapes[i]);
}

TEST(depthwise_epilogues)
{
    static const char *const tails[] = {
        "%z = max(%c, %zero)",
        "%p = max(%c, %zero)\n%z = min(%p, %six)",
        "%p = add(%c, %r)\n%z = max(%p, %zero)",
        "%p = add(%c, %six)\n%q = max(%p, %zero)\n%t = min(%q, %six)\n%z = mul(%c, %t)",
        "%p = sigmoid(%c)\n%q = mul(%p, %c)\n%z = sub(%q, %r)",
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct tro_buf b = {0};
        tro_buf_str(&b, "graph \"g\"\ninput %x : f32[2,150,9,37]\n");
        kit_const(&b, "w", TRO_F32, 4, (const int64_t[]){150, 1, 3, 3}, 3);
        tro_buf_printf(&b,
                       "const %%zero : f32[] = 0\nconst %%six : f32[] = 6\n%%u = neg(%%x)\n"
                       "%%y = fused(%%x, %%u) {\ninput %%a : f32[2,150,9,37]\n"
                       "input %%r : f32[2,150,9,37]\n%%c = conv(%%a, %%w) {strides = [1,1], "
                       "dilations = [1,1], pads = [1,1,1,1], group = 150}\n%s\noutput %%z\n}\n"
                       "output %%y",
                       tails[i]);
        CHECK(kit_run(&b, 1e-5));
        CHECK_HAS(engine_kernels(), "depthwise_f32");
    }
}

TEST(depthwise_into_a_concatenation)
{
    const struct shape s = {4, 1, 13, {9, 10}, 3, 1, 1, 1, 1, true};
    struct tro_buf b = {0};
    put_conv(&b, &s);
    tro_buf_str(&b, "%z = neg(%x)\n"
                    "%t = conv(%z, %w, %b) {strides = [1,1], dilations = [1,1], "
                    "pads = [1,1,1,1], group = 13}\n"
                    "%c = concat(%y, %t, %y) {axis = 1}\n"
                    "output %c");
    CHECK(kit_run(&b, 1e-5));
}
