/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise programs against the reference kernels. */
#include "engine_kit.h"

/* One operator, on sizes that leave a rest in every vector length. */
static void check_op(const char *types, const char *op, double tolerance)
{
    char text[512];
    snprintf(text, sizeof(text), "graph \"g\"\n%s%%y = %s\noutput %%y\n", types, op);
    test_check(engine_check(text, tolerance), __FILE__, __LINE__, "%s", op);
    test_check(strstr(engine_kernels(), "reference") == NULL, __FILE__, __LINE__, "%s ran on %s",
               op, engine_kernels());
}

#define X "input %x : f32[3,37]\n"
#define XY "input %x : f32[3,37]\ninput %y0 : f32[3,37]\n"

TEST(tile_f32)
{
    static const char *const exact[] = {"neg", "abs", "sign", "floor", "ceil", "round", "sqrt"};
    static const char *const near[] = {"exp",   "log",   "erf",   "sin",     "cos",     "tan",
                                       "asin",  "acos",  "atan",  "sinh",    "cosh",    "tanh",
                                       "asinh", "acosh", "atanh", "sigmoid", "softplus"};
    static const char *const two[] = {"add", "sub", "mul", "div", "min", "max", "mod", "fmod"};
    char op[64];
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
        snprintf(op, sizeof(op), "%s(%%x)", exact[i]);
        check_op(X, op, 0);
    }
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        snprintf(op, sizeof(op), "%s(%%x)", near[i]);
        check_op(X, op, 5e-7);
    }
    for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++) {
        snprintf(op, sizeof(op), "%s(%%x, %%y0)", two[i]);
        check_op(XY, op, 0);
    }
    check_op(XY, "pow(%x, %y0)", 1e-6);
    check_op(XY, "lt(%x, %y0)", 0);
    check_op(XY, "le(%x, %y0)", 0);
    check_op(XY, "eq(%x, %y0)", 0);
    check_op(X, "isnan(%x)", 0);
    check_op(X, "isinf(%x) {skip_negative = 1}", 0);
}

TEST(tile_int)
{
    static const char *const types[] = {"i32", "i64", "i8", "u8"};
    static const char *const two[] = {"add", "sub", "mul", "div", "mod", "fmod", "min", "max",
                                      "and", "or",  "xor", "shl", "shr", "eq",   "lt",  "le"};
    static const char *const one[] = {"not", "neg", "abs", "sign"};
    char in[128], op[64];
    for (size_t t = 0; t < 4; t++) {
        snprintf(in, sizeof(in), "input %%x : %s[5,41]\ninput %%y0 : %s[41]\n", types[t], types[t]);
        for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++) {
            snprintf(op, sizeof(op), "%s(%%x, %%y0)", two[i]);
            check_op(in, op, 0);
        }
        for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
            snprintf(op, sizeof(op), "%s(%%x)", one[i]);
            if (strcmp(types[t], "u8") != 0 || i != 1)
                check_op(in, op, 0);
        }
    }
    check_op("input %x : bool[70]\n", "not(%x)", 0);
    check_op("input %x : bool[70]\ninput %z : bool[70]\n", "xor(%x, %z)", 0);
}

TEST(tile_casts)
{
    static const char *const types[] = {"f32", "i32", "i64", "i8", "u8", "bool"};
    char in[64], op[64];
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 6; b++) {
            if (a == b)
                continue;
            snprintf(in, sizeof(in), "input %%x : %s[133]\n", types[a]);
            snprintf(op, sizeof(op), "cast(%%x) {to = %s}", types[b]);
            check_op(in, op, 0);
        }
}

TEST(tile_quantized)
{
    check_op("input %x : f32[2,50]\nconst %s : f32[] = 0.0123\nconst %z : u8[] = 7\n",
             "quantize(%x, %s, %z) {to = u8}", 0);
    check_op("input %x : f32[2,50]\nconst %s : f32[2,1] = 0.01 0.02\n",
             "quantize(%x, %s) {to = i8}", 0);
    check_op("input %x : i32[2,50]\nconst %s : f32[] = 0.7\nconst %z : i8[] = -3\n",
             "quantize(%x, %s, %z) {to = i8}", 0);
    check_op("input %x : i8[2,50]\ninput %s : f32[50]\ninput %z : i8[50]\n",
             "dequantize(%x, %s, %z)", 0);
    check_op("input %x : u8[2,50]\ninput %s : f32[2,1]\n", "dequantize(%x, %s)", 0);
    check_op("input %x : i32[2,50]\ninput %s : f32[50]\n", "dequantize(%x, %s)", 0);
    check_op("input %x : i32[2,50]\ninput %s : f32[50]\nconst %z : u8[] = 100\n",
             "requantize(%x, %s, %z)", 0);
}

TEST(tile_broadcast)
{
    check_op("input %x : f32[2,3,5,7]\ninput %z : f32[3,1,1]\n", "add(%x, %z)", 0);
    check_op("input %x : f32[2,3,5,7]\ninput %z : f32[7]\n", "sub(%z, %x)", 0);
    check_op("input %x : f32[2,1,5,1]\ninput %z : f32[3,1,7]\n", "mul(%x, %z)", 0);
    check_op("input %x : f32[5,1]\ninput %z : f32[1,6]\n", "div(%x, %z)", 0);
    check_op("input %x : f32[]\ninput %z : f32[]\n", "div(%x, %z)", 0);
    check_op("input %x : f32[9,0]\ninput %z : f32[]\n", "add(%x, %z)", 0);
    check_op("input %c : bool[4,1,9]\ninput %a : f32[]\ninput %b : f32[6,1]\n",
             "select(%c, %a, %b)", 0);
    check_op("input %c : bool[4,1,9]\ninput %a : i64[9]\ninput %b : i64[6,1]\n",
             "select(%c, %a, %b)", 0);
    check_op("input %c : bool[100]\ninput %a : u8[100]\ninput %b : u8[1]\n", "select(%c, %a, %b)",
             0);
}
