/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of the CPU backend against the reference, on every level. */
#include "window_kit.h"

#define POOL2(type, attrs, kernel)                            \
    do {                                                      \
        ENGINE(1e-6, "graph \"g\"\ninput %x : " type "\n"     \
                     "%y = pool(%x) {" attrs "}\noutput %y"); \
        CHECK_HAS(engine_kernels(), kernel);                  \
    } while (0)
#define MAX(type, attrs) POOL2("f32" type, "kind = max, " attrs, "pool_max_f32")
#define AVG(type, attrs) POOL2("f32" type, "kind = avg, " attrs, "pool_avg_f32")
#define INT(type, attrs) POOL2(type, "kind = max, " attrs, "pool_max_i8")

#define K2S2 "kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [0,0,0,0]"
#define K3S2 "kernel = [3,3], strides = [2,2], dilations = [1,1], pads = [1,1,1,1]"
#define K5S1 "kernel = [5,5], strides = [1,1], dilations = [1,1], pads = [2,2,2,2]"
#define K13S1 "kernel = [13,13], strides = [1,1], dilations = [1,1], pads = [6,6,6,6]"
#define ODD "kernel = [4,3], strides = [1,2], dilations = [2,3], pads = [3,1,2,4]"

TEST(pool_windows)
{
    MAX("[2,19,12,13]", K2S2);
    MAX("[1,64,17,16]", K3S2);
    MAX("[1,130,11,9]", K5S1);
    MAX("[1,33,20,20]", K13S1);
    MAX("[1,3,21,22]", ODD);
    AVG("[2,19,12,13]", K2S2);
    AVG("[1,64,17,16]", K3S2);
    AVG("[1,130,11,9]", K5S1);
    AVG("[1,33,20,20]", K13S1);
    AVG("[1,3,21,22]", ODD);
    AVG("[1,3,21,22]", ODD ", count_include_pad = 1");
    AVG("[1,16,21,22]", K3S2 ", count_include_pad = 1");
    AVG("[1,16,21,22]", K5S1 ", count_include_pad = 1");
}

TEST(pool_modes)
{
    MAX("[1,17,12,13]", K3S2 ", ceil_mode = 1");
    AVG("[1,17,12,13]", K3S2 ", ceil_mode = 1");
    AVG("[1,17,12,13]", K3S2 ", ceil_mode = 1, count_include_pad = 1");
    AVG("[1,17,12,14]", "kernel = [5,4], strides = [3,3], dilations = [1,1], pads = [2,0,1,2], "
                        "ceil_mode = 1, count_include_pad = 1");
    MAX("[1,17,12,13]", "kernel = [3,3], strides = [2,2], dilations = [1,1], pads = [0,0,0,0], "
                        "auto_pad = same_upper");
    AVG("[1,17,12,13]", "kernel = [4,4], strides = [2,2], dilations = [1,1], pads = [0,0,0,0], "
                        "auto_pad = same_lower");
}

TEST(pool_axes)
{
    MAX("[2,20,31]", "kernel = [3], strides = [2], dilations = [1], pads = [1,1]");
    AVG("[2,20,31]", "kernel = [11], strides = [1], dilations = [1], pads = [5,5]");
    MAX("[1,20,5,6,7]", "kernel = [2,2,2], strides = [2,2,2], dilations = [1,1,1], "
                        "pads = [0,0,0,0,0,0]");
    AVG("[1,20,5,6,7]", "kernel = [3,3,3], strides = [1,2,1], dilations = [1,1,1], "
                        "pads = [1,1,1,1,1,1]");
    MAX("[1,6,5,6,7]", "kernel = [3,3,3], strides = [1,1,1], dilations = [1,2,1], "
                       "pads = [1,2,1,1,2,1]");
}

TEST(pool_of_everything)
{
    AVG("[2,100,7,7]", "kernel = [7,7], strides = [1,1], dilations = [1,1], pads = [0,0,0,0]");
    MAX("[1,5,65,70]", "kernel = [65,70], strides = [1,1], dilations = [1,1], pads = [0,0,0,0]");
    AVG("[1,17,65,70]", "kernel = [65,70], strides = [1,1], dilations = [1,1], pads = [0,0,0,0]");
    AVG("[1,4,300]", "kernel = [300], strides = [300], dilations = [1], pads = [0,0]");
}

TEST(pool_of_bytes)
{
    INT("i8[1,70,12,13]", K2S2);
    INT("u8[1,70,12,13]", K3S2);
    INT("i8[1,16,6,9]", K2S2);
    INT("u8[1,24,6,8]", K2S2);
    INT("i8[2,15,5,8]", K2S2);
    INT("i8[1,168,6,8]", K2S2);
    INT("u8[1,48,9]", "kernel = [2], strides = [2], dilations = [1], pads = [0,0]");
    INT("i8[1,17,4,4,4]", "kernel = [1,2,2], strides = [1,2,2], dilations = [1,1,1], "
                          "pads = [0,0,0,0,0,0]");
    INT("i8[1,3,12,13]", K5S1);
    INT("u8[2,131,12,13]", K5S1);
    INT("i8[1,64,21,22]", ODD);
    INT("i8[1,19,9,9]", "kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [2,2,2,2]");
    INT("u8[1,19,9,9]", "kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [2,2,2,2]");
}

TEST(pool_windows_with_nothing_inside)
{
    MAX("[1,19,9,9]", "kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [2,2,2,2]");
    AVG("[1,19,9,9]", "kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [2,2,2,2], "
                      "count_include_pad = 1");
}

/* NaN wins wherever it stands in a window, infinities are numbers. */
static void check_special(const char *attrs)
{
    struct tro_buf b = {0};
    tro_buf_printf(&b,
                   "graph \"g\"\ninput %%x : f32[1,21,12,12]\nconst %%z : f32[1] = 0\n"
                   "const %%t : f32[1] = 1.7\nconst %%u : f32[1] = -1.9\n"
                   "%%d = div(%%x, %%z)\n%%h = lt(%%t, %%x)\n%%l = lt(%%x, %%u)\n"
                   "%%n = sub(%%d, %%d)\n%%i = select(%%l, %%d, %%x)\n"
                   "%%v = select(%%h, %%n, %%i)\n%%y = pool(%%v) {%s}\noutput %%y",
                   attrs);
    CHECK(kit_run(&b, 1e-6));
}

TEST(pool_of_nan_and_infinity)
{
    check_special("kind = max, " K2S2);
    check_special("kind = max, " K5S1);
    check_special("kind = avg, " K3S2);
}

TEST(pool_into_a_concatenation)
{
    ENGINE(1e-6, "graph \"g\"\ninput %x : f32[1,21,10,10]\n"
                 "%a = pool(%x) {kind = max, " K5S1 "}\n"
                 "%b = pool(%a) {kind = max, " K5S1 "}\n"
                 "%c = concat(%x, %a, %b) {axis = 1}\noutput %c");
}

TEST(pool_epilogues)
{
    static const char *const tails[] = {"%z = min(%c, %half)", "%p = neg(%c)\n%z = add(%p, %r)",
                                        "%z = sigmoid(%c)"};
    static const char *const windows[] = {"kind = avg, " K3S2, "kind = max, " K5S1};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        for (int k = 0; k < 2; k++) {
            struct tro_buf b = {0};
            const int h = k ? 9 : 5, w = k ? 70 : 35;
            tro_buf_printf(&b,
                           "graph \"g\"\ninput %%x : f32[2,37,9,70]\n"
                           "input %%o : f32[2,37,%d,%d]\nconst %%half : f32[] = 0.5\n"
                           "%%u = neg(%%o)\n%%y = fused(%%x, %%u) {\n"
                           "input %%a : f32[2,37,9,70]\ninput %%r : f32[2,37,%d,%d]\n"
                           "%%c = pool(%%a) {%s}\n%s\noutput %%z\n}\noutput %%y",
                           h, w, h, w, windows[k], tails[i]);
            CHECK(kit_run(&b, 1e-5));
            CHECK_HAS(engine_kernels(), k ? "pool_max" : "pool_avg");
        }
    }
}

TEST(pools_left_to_the_reference)
{
    ENGINE(1e-5, "graph \"g\"\ninput %x : f32[1,5,9,9]\n"
                 "%y, %i = pool(%x) {kind = max, " K2S2 "}\noutput %y, %i");
    ENGINE(1e-5, "graph \"g\"\ninput %x : f32[1,5,9,9]\n"
                 "%y = pool(%x) {kind = lp, p = 2, " K2S2 "}\noutput %y");
}
