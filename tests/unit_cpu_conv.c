/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and matrix products as graphs, lowered and run at every level. */
#include "engine_kit.h"

#include <stdarg.h>

/* ---- texts of graphs ----------------------------------------------------------------------- */

static char *text;
static size_t n_text, cap_text;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
    va_list args;
    if (n_text + 4096 > cap_text) {
        cap_text = 2 * cap_text + 8192;
        text = realloc(text, cap_text);
    }
    va_start(args, fmt);
    n_text += (size_t)vsnprintf(text + n_text, cap_text - n_text, fmt, args);
    va_end(args);
}

static void begin(void)
{
    n_text = 0;
    put("graph \"g\"\n");
}

/* A constant of noise; shape "3,4" has n elements. */
static void put_const(const char *name, const char *shape, int64_t n)
{
    static uint64_t state = 3;
    put("const %%%s : f32[%s] =", name, shape);
    for (int64_t i = 0; i < n; i++)
        put(" %.4f", engine_kit_noise(&state));
    put("\n");
}

static void check_text(double tolerance, const char *kernel)
{
    CHECK(engine_check(text, tolerance));
    CHECK_HAS(engine_kernels(), kernel);
}

/* Sizes of a picture with two spatial axes and of its kernel. */
struct shape {
    int n, c, h, w, m, kh, kw, group;
    const char *attrs;
};

static void put_conv(const struct shape *s)
{
    char shape[64];
    begin();
    put("input %%x : f32[%d,%d,%d,%d]\n", s->n, s->c, s->h, s->w);
    snprintf(shape, sizeof shape, "%d,%d,%d,%d", s->m, s->c / s->group, s->kh, s->kw);
    put_const("w", shape, (int64_t)s->m * (s->c / s->group) * s->kh * s->kw);
    snprintf(shape, sizeof shape, "%d", s->m);
    put_const("b", shape, s->m);
}

#define ATTRS(s, d, p) "strides = [" s "], dilations = [" d "], pads = [" p "]"

static void check_conv(const struct shape *s)
{
    put_conv(s);
    put("%%y = conv(%%x, %%w, %%b) {%s, group = %d}\noutput %%y\n", s->attrs, s->group);
    check_text(1e-5, "gemm_f32");
}

TEST(sizes_and_windows)
{
    static const struct shape shapes[] = {
        {1, 8, 9, 11, 16, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {2, 20, 7, 7, 33, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {1, 3, 23, 31, 20, 7, 7, 1, ATTRS("2,2", "1,1", "3,3,3,3")},
        {1, 5, 12, 10, 7, 3, 2, 1, ATTRS("2,3", "1,2", "0,2,1,-1")},
        {1, 17, 12, 10, 40, 2, 3, 1, ATTRS("1,2", "2,3", "2,0,3,4")},
        {3, 33, 5, 6, 65, 1, 1, 1, ATTRS("1,1", "1,1", "0,0,0,0")},
        {2, 40, 6, 6, 35, 1, 1, 1, ATTRS("2,2", "1,1", "0,0,0,0")},
        {1, 16, 4, 4, 8, 5, 5, 1, ATTRS("1,1", "1,1", "2,2,2,2")},
        {1, 1, 30, 30, 4, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {1, 16, 8, 8, 16, 3, 3, 1, ATTRS("1,1", "1,1", "-1,-2,-1,0")},
        {1, 64, 3, 2, 5, 3, 3, 1, ATTRS("1,1", "4,4", "4,4,4,4")},
        {1, 300, 13, 12, 20, 3, 3, 1, ATTRS("1,1", "12,12", "12,12,12,12")},
        {1, 30, 3, 40, 20, 3, 3, 1, ATTRS("1,1", "9,1", "19,1,19,1")},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_conv(&shapes[i]);
}

TEST(groups)
{
    static const struct shape shapes[] = {
        {1, 8, 9, 7, 16, 3, 3, 2, ATTRS("1,1", "1,1", "1,1,1,1")},
        {2, 36, 5, 6, 72, 1, 1, 4, ATTRS("1,1", "1,1", "0,0,0,0")},
        {1, 40, 6, 6, 20, 3, 3, 2, ATTRS("2,2", "1,1", "1,1,1,1")},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_conv(&shapes[i]);
}

TEST(sizes_that_need_several_blocks)
{
    check_conv(&(struct shape){1, 70, 20, 33, 40, 3, 3, 1, ATTRS("2,1", "1,1", "1,1,1,1")});
    check_conv(&(struct shape){1, 600, 4, 5, 70, 1, 1, 1, ATTRS("1,1", "1,1", "0,0,0,0")});
}

/* Windows so wide that whole blocks of k lie outside: at the begin, at the end, all of them. */
TEST(wide_windows)
{
    check_conv(&(struct shape){1, 200, 20, 20, 40, 3, 3, 1, ATTRS("1,1", "16,16", "16,16,16,16")});
    check_conv(&(struct shape){1, 200, 9, 9, 40, 3, 3, 1, ATTRS("1,1", "12,12", "12,12,12,12")});
    check_conv(&(struct shape){1, 200, 3, 3, 40, 3, 3, 1, ATTRS("1,1", "9,9", "14,14,9,9")});
    put_conv(&(struct shape){1, 200, 9, 9, 40, 3, 3, 1, ""});
    put("%%y = conv(%%x, %%w, %%b) {%s, group = 1}\n%%z = tanh(%%y)\noutput %%z\n",
        ATTRS("1,1", "12,12", "12,12,12,12"));
    check_text(1e-5, "gemm_f32");
}

/* Pictures large enough for the transform at any level and number of threads. */
TEST(transformed)
{
    static const struct shape shapes[] = {
        {1, 32, 48, 48, 32, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {2, 41, 30, 27, 53, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {1, 33, 45, 70, 130, 3, 3, 1, ATTRS("1,1", "1,1", "0,2,1,-1")},
        {1, 70, 41, 30, 65, 3, 3, 1, ATTRS("1,1", "1,1", "2,2,3,4")},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        put_conv(&shapes[i]);
        put("const %%one : f32[] = 1\n%%p = add(%%x, %%one)\n");
        put("%%y = conv(%%p, %%w, %%b) {%s, group = 1}\noutput %%y\n", shapes[i].attrs);
        check_text(2e-5, "winograd_f32");
    }
}

TEST(transformed_with_epilogue)
{
    put_conv(&(struct shape){1, 40, 33, 35, 48, 3, 3, 1, ""});
    put("input %%res : f32[1,48,33,35]\n"
        "%%y = fused(%%x, %%res) {\n  input %%a : f32[1,40,33,35]\n  input %%r : f32[1,48,33,35]\n"
        "  %%c = conv(%%a, %%w, %%b) {%s, group = 1}\n"
        "  %%s = sigmoid(%%c)\n  %%m = mul(%%c, %%s)\n  %%z = add(%%m, %%r)\n  output %%z\n}\n"
        "output %%y\n",
        ATTRS("1,1", "1,1", "1,1,1,1"));
    check_text(2e-5, "winograd_f32");
}

TEST(automatic_pads)
{
    static const char *const words[] = {"same_upper", "same_lower"};
    for (int i = 0; i < 2; i++) {
        put_conv(&(struct shape){1, 20, 10, 11, 12, 4, 3, 1, ""});
        put("%%y = conv(%%x, %%w) {%s, group = 1, auto_pad = %s}\noutput %%y\n",
            ATTRS("2,1", "1,1", "0,0,0,0"), words[i]);
        check_text(1e-5, "gemm_f32");
    }
}

TEST(one_and_three_spatial_axes)
{
    begin();
    put("input %%x : f32[2,18,40]\n");
    put_const("w", "9,18,5", 9 * 18 * 5);
    put("%%y = conv(%%x, %%w) {strides = [2], dilations = [1], pads = [2,2], group = 1}\n"
        "output %%y\n");
    check_text(1e-5, "gemm_f32");
    begin();
    put("input %%x : f32[1,17,4,5,6]\n");
    put_const("w", "9,17,2,3,3", 9 * 17 * 18);
    put("%%y = conv(%%x, %%w) {strides = [1,2,1], dilations = [1,1,1], pads = [1,1,1,0,1,1], "
        "group = 1}\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
    begin();
    put("input %%x : f32[2,2,4,5,6]\n");
    put_const("w", "9,2,2,3,3", 9 * 2 * 18);
    put("%%y = conv(%%x, %%w) {strides = [1,2,1], dilations = [1,1,1], pads = [1,1,1,0,1,1], "
        "group = 1}\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
}

TEST(chains_keep_channels_last)
{
    put_conv(&(struct shape){1, 3, 20, 20, 24, 3, 3, 1, ""});
    put_const("w2", "33,24,1,1", 33 * 24);
    put_const("w3", "24,33,3,3", 24 * 33 * 9);
    put("%%p = conv(%%x, %%w, %%b) {%s, group = 1}\n", ATTRS("2,2", "1,1", "1,1,1,1"));
    put("%%q = conv(%%p, %%w2) {%s, group = 1}\n", ATTRS("1,1", "1,1", "0,0,0,0"));
    put("%%r = conv(%%q, %%w3) {%s, group = 1}\n", ATTRS("1,1", "1,1", "1,1,1,1"));
    put("%%c = concat(%%p, %%r) {axis = 1}\n");
    put_const("w4", "7,48,3,3", 7 * 48 * 9);
    put("%%y = conv(%%c, %%w4) {%s, group = 1}\n", ATTRS("1,1", "1,1", "0,0,0,0"));
    put("output %%y\n");
    check_text(1e-5, "gemm_f32");
}

TEST(epilogues)
{
    static const char *const tails[] = {
        "  %z = max(%c, %zero)\n  output %z\n",
        "  %s = add(%c, %r)\n  %z = max(%s, %zero)\n  output %z\n",
        "  %s = sigmoid(%c)\n  %z = mul(%c, %s)\n  output %z\n",
        "  %s = tanh(%c)\n  %z = mul(%s, %r)\n  output %z\n",
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        for (int k = 1; k <= 3; k += 2) {
            put_conv(&(struct shape){2, 20, 9, 7, 45, k, k, 1, ""});
            put("const %%zero : f32[] = 0\n");
            put("input %%res : f32[2,45,%d,%d]\n", 10 - k, 8 - k);
            put("%%y = fused(%%x, %%res) {\n  input %%a : f32[2,20,9,7]\n"
                "  input %%r : f32[2,45,%d,%d]\n",
                10 - k, 8 - k);
            put("  %%c = conv(%%a, %%w, %%b) {%s, group = 1}\n%s}\noutput %%y\n",
                ATTRS("1,1", "1,1", "0,0,0,0"), tails[i]);
            check_text(1e-5, "gemm_f32");
        }
}

/* ---- transposed ----------------------------------------------------------------------------- */

static void check_transpose(int c, int h, int w, int m, int kh, int kw, int group,
                            const char *attrs, const char *tail)
{
    char shape[64];
    begin();
    put("input %%x : f32[2,%d,%d,%d]\n", c, h, w);
    snprintf(shape, sizeof shape, "%d,%d,%d,%d", c, m, kh, kw);
    put_const("w", shape, (int64_t)c * m * kh * kw);
    snprintf(shape, sizeof shape, "%d", m * group);
    put_const("b", shape, m * group);
    put("%%y = conv_transpose(%%x, %%w, %%b) {%s, group = %d}\n%s", attrs, group, tail);
    check_text(1e-5, "gemm_f32");
}

TEST(transposed)
{
    static const char *const out = "output %y\n";
    check_transpose(20, 5, 6, 35, 2, 2, 1,
                    ATTRS("2,2", "1,1", "0,0,0,0") ", output_padding = [0,0]", out);
    check_transpose(7, 5, 6, 9, 3, 3, 1, ATTRS("2,2", "1,1", "1,1,1,1") ", output_padding = [1,1]",
                    out);
    check_transpose(18, 4, 3, 5, 4, 3, 2, ATTRS("1,3", "2,1", "1,0,2,1") ", output_padding = [0,2]",
                    out);
    check_transpose(18, 4, 3, 33, 3, 2, 1,
                    ATTRS("4,3", "2,3", "0,0,0,0") ", output_padding = [0,0]", out);
    check_transpose(4, 40, 33, 6, 5, 5, 1,
                    ATTRS("3,2", "1,1", "2,1,0,3") ", output_padding = [0,0]", out);
}

TEST(transposed_in_a_line_and_a_space)
{
    begin();
    put("input %%x : f32[2,18,21]\n");
    put_const("w", "18,9,5", 9 * 18 * 5);
    put("%%y = conv_transpose(%%x, %%w) {strides = [3], dilations = [1], pads = [2,1], group = 1, "
        "output_padding = [0]}\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
    begin();
    put("input %%x : f32[1,5,3,4,5]\n");
    put_const("w", "5,4,2,3,2", 5 * 4 * 12);
    put("%%y = conv_transpose(%%x, %%w) {strides = [2,1,2], dilations = [1,1,1], "
        "pads = [0,1,0,1,1,0], group = 1, output_padding = [0,0,0]}\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
}

/* ---- matmul -------------------------------------------------------------------------------- */

static void check_matmul(const char *a, const char *b, const char *kernel)
{
    begin();
    put("input %%a : f32[%s]\ninput %%b : f32[%s]\n%%y = matmul(%%a, %%b)\noutput %%y\n", a, b);
    check_text(1e-5, kernel);
}

TEST(products_of_variables)
{
    check_matmul("5,7", "7,9", "gemm_f32");
    check_matmul("1,300", "300,70", "gemm_f32");
    check_matmul("6,49,32", "6,32,49", "gemm_f32");
    check_matmul("2,3,10,12", "3,12,20", "gemm_f32");
    check_matmul("3,10,12", "2,1,12,20", "gemm_f32");
    check_matmul("2,1,10,12", "2,4,12,20", "gemm_f32");
    check_matmul("4,5,20", "20,33", "gemm_f32");
}

TEST(products_with_constants)
{
    begin();
    put("input %%a : f32[3,50,40]\n");
    put_const("w", "40,70", 40 * 70);
    put("%%y = matmul(%%a, %%w)\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
    begin();
    put("input %%a : f32[2,3,11,8]\n");
    put_const("w", "3,8,35", 3 * 8 * 35);
    put("%%y = matmul(%%a, %%w)\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
    begin();
    put("input %%a : f32[1,700]\n");
    put_const("w", "700,130", 700 * 130);
    put("%%y = matmul(%%a, %%w)\noutput %%y\n");
    check_text(1e-5, "gemm_f32");
}

TEST(products_of_views)
{
    begin();
    put("input %%q : f32[2,3,17,16]\ninput %%k : f32[2,19,3,16]\n"
        "%%t = transpose(%%k) {perm = [0,2,3,1]}\n"
        "%%s = matmul(%%q, %%t)\n%%u = transpose(%%s) {perm = [0,2,1,3]}\n"
        "%%v = transpose(%%u) {perm = [0,1,3,2]}\n");
    put_const("w", "3,5", 15);
    put("%%y = matmul(%%v, %%w)\noutput %%y, %%s\n");
    check_text(1e-5, "gemm_f32");
}

TEST(epilogues_of_products)
{
    static const char *const tails[] = {
        "  %z = add(%c, %b)\n  output %z\n",
        "  %s = add(%c, %b)\n  %z = add(%s, %r)\n  output %z\n",
        "  %z = add(%c, %r)\n  output %z\n",
        "  %s = add(%b, %c)\n  %z = sigmoid(%s)\n  output %z, %s\n",
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        begin();
        put("input %%x : f32[4,13,24]\ninput %%res : f32[4,13,50]\n");
        put_const("w", "24,50", 24 * 50);
        put_const("b", "50", 50);
        put("%%y%s = fused(%%x, %%res) {\n  input %%a : f32[4,13,24]\n  input %%r : f32[4,13,50]\n",
            i == 3 ? ", %q" : "");
        put("  %%c = matmul(%%a, %%w)\n%s}\noutput %%y%s\n", tails[i], i == 3 ? ", %q" : "");
        check_text(1e-5, "gemm_f32");
    }
}
