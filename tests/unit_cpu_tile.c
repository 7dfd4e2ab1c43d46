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

TEST(tile_tables)
{
    static const char *const bytes[] = {"i8", "u8"}, *const words[] = {"i16", "u16"};
    static const char *const entries[] = {"i8", "u8", "f32", "i32"};
    char text[512];
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "input %%x : %s[3,67]\ninput %%t : %s[256]\n", bytes[i % 2],
                 entries[i / 2]);
        check_op(text, "table(%x, %t)", 0);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : %s[3,67]\ninput %%t : i32[513]\nconst %%k : %s[] = 257\n"
                 "const %%l : i32[] = 400\n%%a = mul(%%x, %%k)\n%%b = mul(%%t, %%l)\n"
                 "%%y = table(%%a, %%b) {to = %s}\noutput %%y\n",
                 words[i % 2], words[i % 2], i < 4 ? bytes[i / 2] : "i16");
        CHECK(engine_check(text, 0));
        CHECK_HAS(engine_kernels(), "pointwise");
    }
}

TEST(tile_quantized_to_words)
{
    static const char *const types[] = {"i16", "u16"};
    char text[512], op[64];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "input %%x : f32[2,50]\nconst %%s : f32[] = 0.00003\nconst %%z : %s[] = 7\n",
                 types[i]);
        snprintf(op, sizeof op, "quantize(%%x, %%s, %%z) {to = %s}", types[i]);
        check_op(text, op, 0);
        snprintf(text, sizeof text,
                 "input %%x : i32[2,50]\ninput %%s : f32[50]\nconst %%z : %s[] = 100\n", types[i]);
        check_op(text, "requantize(%x, %s, %z)", 0);
        snprintf(text, sizeof text, "input %%x : %s[2,50]\ninput %%s : f32[2,1]\n", types[i]);
        check_op(text, "dequantize(%x, %s)", 0);
    }
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

/* Regions of several nodes. `inputs` has one input %x of the shape; it is %i inside. */
static void check_region(const char *shape, const char *body, double tolerance)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "graph \"g\"\ninput %%x : f32[%s]\nconst %%zero : f32[] = 0\nconst %%one : f32[] = 1\n"
             "const %%half : f32[] = 0.5\nconst %%three : f32[] = 3\nconst %%six : f32[] = 6\n"
             "%%y = fused(%%x) {\n  input %%i : f32[%s]\n%s  output %%o\n}\noutput %%y\n",
             shape, shape, body);
    test_check(engine_check(text, tolerance), __FILE__, __LINE__, "%s", body);
    test_check(strcmp(engine_kernels(), "pointwise ") == 0, __FILE__, __LINE__, "%s ran on %s",
               body, engine_kernels());
}

TEST(tile_fused)
{
    static const char *const bodies[] = {
        "  %a = max(%i, %zero)\n  %o = min(%a, %one)\n",
        "  %a = min(%one, %i)\n  %b = max(%half, %a)\n  %o = min(%b, %three)\n",
        "  %a = sigmoid(%i)\n  %o = mul(%a, %i)\n",
        "  %a = mul(%i, %half)\n  %o = add(%a, %one)\n",
        "  %a = mul(%i, %half)\n  %b = add(%a, %half)\n  %c = max(%b, %zero)\n"
        "  %d = min(%c, %one)\n  %o = mul(%i, %d)\n",
        "  %a = add(%i, %three)\n  %b = max(%a, %zero)\n  %c = min(%b, %six)\n"
        "  %d = mul(%i, %c)\n  %o = div(%d, %six)\n",
        "  const %k : f32[] = 0.70710678118\n  %a = mul(%i, %k)\n  %b = erf(%a)\n"
        "  %c = add(%b, %one)\n  %d = mul(%i, %half)\n  %o = mul(%d, %c)\n",
        "  const %k : f32[] = 1.41421356237\n  %a = div(%i, %k)\n  %b = erf(%a)\n"
        "  %c = add(%b, %one)\n  %d = mul(%i, %c)\n  %o = mul(%d, %half)\n",
        "  const %k : f32[] = 0.1\n  %l = lt(%i, %zero)\n  %a = mul(%i, %k)\n"
        "  %o = select(%l, %a, %i)\n",
        "  %l = lt(%i, %zero)\n  %e = exp(%i)\n  %a = sub(%e, %one)\n  %o = select(%l, %a, %i)\n",
        "  %a = sigmoid(%i)\n  %b = mul(%a, %i)\n  %o = add(%b, %a)\n",
        "  %a = sub(%three, %i)\n  %b = abs(%a)\n  %c = sqrt(%b)\n  %d = mul(%c, %a)\n"
        "  %e = div(%d, %i)\n  %o = add(%e, %b)\n",
    };
    for (size_t k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
        check_region("2,3,1000", bodies[k], 1e-6);
        check_region("17", bodies[k], 1e-6);
    }
}

/* NaN and infinity go through as in the reference kernels. */
TEST(tile_special)
{
    static const char *const ops[] = {
        "max(%v, %zero)",      "min(%one, %v)",      "max(%v, %w)",
        "min(%v, %w)",         "sign(%v)",           "floor(%v)",
        "sigmoid(%v)",         "lt(%v, %w)",         "le(%v, %w)",
        "eq(%v, %w)",          "isnan(%v)",          "isinf(%v)",
        "cast(%v) {to = i32}", "cast(%v) {to = u8}", "cast(%v) {to = bool}",
        "div(%v, %w)"};
    char text[1024];
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        snprintf(text, sizeof(text),
                 "graph \"g\"\ninput %%x : f32[9]\nconst %%zero : f32[] = 0\n"
                 "const %%one : f32[] = 1\n"
                 "const %%m : f32[9] = nan 1 inf -inf 0 nan 3e9 -3e9 1e20\n"
                 "const %%n : f32[9] = 1 nan inf 1 nan nan 0 -inf 1\n"
                 "%%v = mul(%%x, %%m)\n%%w = mul(%%x, %%n)\n%%y = %s\noutput %%y\n",
                 ops[i]);
        test_check(engine_check(text, 1e-6), __FILE__, __LINE__, "%s", ops[i]);
    }
}

TEST(tile_outputs)
{
    CHECK(engine_check("graph \"g\"\ninput %x : f32[40,50]\ninput %z : f32[50]\n"
                       "%p, %q, %r = fused(%x, %z) {\n  input %i : f32[40,50]\n"
                       "  input %j : f32[50]\n  %a = add(%i, %j)\n  %b = mul(%a, %i)\n"
                       "  %c = lt(%b, %a)\n  output %a, %b, %c\n}\noutput %p, %q, %r\n",
                       0));
    /* Channels last in, channels last inside, transposed out. */
    CHECK(engine_check("graph \"g\"\ninput %t : f32[2,6,7,16]\ninput %s : f32[16,1,1]\n"
                       "%x = transpose(%t) {perm = [0, 3, 1, 2]}\n%a = mul(%x, %s)\n"
                       "%b = neg(%a)\n%y = transpose(%b) {perm = [0, 2, 3, 1]}\noutput %y, %b\n",
                       0));
    /* Operands that lie across each other. */
    CHECK(engine_check("graph \"g\"\ninput %x : f32[33,70]\ninput %z : f32[70,33]\n"
                       "%t = transpose(%z) {perm = [1, 0]}\n%y = sub(%x, %t)\noutput %y\n",
                       0));
}
