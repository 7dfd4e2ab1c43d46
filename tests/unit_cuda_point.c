/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise regions and copies on CUDA. */
#include "cuda_kit.h"
#include "test.h"

/* A chip that is full with less: kernels are chosen for many elements. */
__attribute__((constructor)) static void set_small_chip(void)
{
    setenv("TRO_EMU_SMS", "4", 0);
}

/* ---- graphs of several operators ------------------------------------------------------------ */

enum { MOST_RESULTS = 8 };

/* The graph of one region: `inputs` are declared in the main block and captured as they are; each
 * of ops[] is a result. */
static bool check_ops(const char *inputs, const char *const *names, const char *const *ops,
                      size_t n_ops, double tolerance, enum tro_precision precision)
{
    char text[8192], list[256] = "", results[256] = "";
    int n = snprintf(text, sizeof text, "graph \"g\"\n");
    for (size_t i = 0; names[i]; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "input %%%s : %s\n", names[i], inputs);
    for (size_t i = 0; names[i]; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%%%s", i ? ", " : "",
                 names[i]);
    for (size_t i = 0; i < n_ops; i++)
        snprintf(results + strlen(results), sizeof results - strlen(results), "%s%%r%zu",
                 i ? ", " : "", i);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s = fused(%s) {\n", results, list);
    for (size_t i = 0; names[i]; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "  input %%%s0 : %s\n", names[i], inputs);
    for (size_t i = 0; i < n_ops; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "  %%o%zu = %s\n", i, ops[i]);
    n += snprintf(text + n, sizeof text - (size_t)n, "  output ");
    for (size_t i = 0; i < n_ops; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%%o%zu", i ? ", " : "", i);
    snprintf(text + n, sizeof text - (size_t)n, "\n}\noutput %s\n", results);
    return cuda_check(text, tolerance, precision);
}

static void check_all(const char *type, const char *const *ops, size_t n_ops, double tolerance,
                      enum tro_precision precision)
{
    static const char *const names[] = {"x", "y", NULL};
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s[3,37]", type);
    for (size_t i = 0; i < n_ops; i += MOST_RESULTS) {
        const size_t n = n_ops - i < MOST_RESULTS ? n_ops - i : MOST_RESULTS;
        CHECK(check_ops(inputs, names, ops + i, n, tolerance, precision));
        CHECK(cuda_kit_device() == NULL || strcmp(cuda_kernels(), "pointwise ") == 0);
    }
}
#define CHECK_ALL(type, ops, tolerance, precision) \
    check_all(type, ops, sizeof(ops) / sizeof(ops)[0], tolerance, TRO_PRECISION_##precision)

TEST(functions)
{
    static const char *const ops[] = {
        "neg(%x0)",   "abs(%x0)",   "sign(%x0)",  "floor(%x0)", "ceil(%x0)",    "round(%x0)",
        "sqrt(%x0)",  "exp(%x0)",   "log(%x0)",   "erf(%x0)",   "sin(%x0)",     "cos(%x0)",
        "tan(%x0)",   "asin(%x0)",  "acos(%x0)",  "atan(%x0)",  "sinh(%x0)",    "cosh(%x0)",
        "tanh(%x0)",  "asinh(%x0)", "acosh(%x0)", "atanh(%x0)", "sigmoid(%x0)", "softplus(%x0)",
        "isnan(%x0)", "isinf(%x0)"};
    CHECK_ALL("f32", ops, 1e-6, FP32);
    CHECK_ALL("f32", ops, 2e-3, FP16);
    CHECK_ALL("f16", ops, 1e-3, FP32);
    CHECK_ALL("bf16", ops, 1e-2, FP32);
    CHECK_ALL("f64", ops, 1e-14, FP32);
}

TEST(arithmetic)
{
    static const char *const ops[] = {"add(%x0, %y0)", "sub(%x0, %y0)", "mul(%x0, %y0)",
                                      "div(%x0, %y0)", "min(%x0, %y0)", "max(%x0, %y0)",
                                      "lt(%x0, %y0)",  "le(%x0, %y0)",  "eq(%x0, %y0)",
                                      "mod(%x0, %y0)", "fmod(%x0, %y0)"};
    static const char *const powers[] = {"pow(%x0, %y0)"};
    CHECK_ALL("f32", ops, 0, FP32);
    CHECK_ALL("f16", ops, 0, FP32);
    CHECK_ALL("bf16", ops, 0, FP32);
    CHECK_ALL("f64", ops, 0, FP32);
    CHECK_ALL("f32", powers, 1e-6, FP32);
    CHECK_ALL("f16", powers, 1e-3, FP32);
}

TEST(integers)
{
    static const char *const types[] = {"i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"};
    static const char *const two[] = {
        "add(%x0, %y0)",  "sub(%x0, %y0)", "mul(%x0, %y0)", "div(%x0, %y0)", "mod(%x0, %y0)",
        "fmod(%x0, %y0)", "min(%x0, %y0)", "max(%x0, %y0)", "and(%x0, %y0)", "or(%x0, %y0)",
        "xor(%x0, %y0)",  "shl(%x0, %y0)", "shr(%x0, %y0)", "eq(%x0, %y0)",  "lt(%x0, %y0)",
        "le(%x0, %y0)",   "not(%x0)",      "sign(%x0)",     "pow(%x0, %y0)"};
    static const char *const one[] = {"neg(%x0)", "abs(%x0)"};
    static const char *const logic[] = {"and(%x0, %y0)", "or(%x0, %y0)", "xor(%x0, %y0)",
                                        "not(%x0)",      "eq(%x0, %y0)", "select(%x0, %y0, %x0)"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        CHECK_ALL(types[i], two, 0, FP32);
        if (types[i][0] == 'i')
            CHECK_ALL(types[i], one, 0, FP32);
    }
    CHECK_ALL("bool", logic, 0, FP32);
}

/* Values of all bits. */
TEST(integers_wrap)
{
    static const char *const types[] = {"i16", "u16", "i32", "u32", "i64", "u64"};
    static const char *const factors[] = {
        "259", "259", "16843009", "16843009", "72340172838076673", "72340172838076673"};
    static const char *const ops[] = {"add", "sub", "mul", "div", "mod", "fmod",
                                      "min", "max", "lt",  "le",  "and", "shr"};
    char text[4096];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *const t = types[i];
        int n = snprintf(text, sizeof text,
                         "graph \"g\"\ninput %%x : %s[300]\ninput %%y : %s[300]\n"
                         "const %%k : %s[] = %s\n%%u, %%v",
                         t, t, t, factors[i]);
        for (size_t k = 2; k < 8; k++)
            n += snprintf(text + n, sizeof text - (size_t)n, ", %%r%zu", k);
        n += snprintf(text + n, sizeof text - (size_t)n,
                      " = fused(%%x, %%y) {\n  input %%a : %s[300]\n  input %%b : %s[300]\n"
                      "  %%c = mul(%%a, %%k)\n  %%d = mul(%%b, %%k)\n",
                      t, t);
        for (size_t k = 2; k < 8; k++)
            n += snprintf(text + n, sizeof text - (size_t)n, "  %%o%zu = %s(%%c, %%d)\n", k,
                          ops[k]);
        snprintf(text + n, sizeof text - (size_t)n,
                 "  output %%c, %%d, %%o2, %%o3, %%o4, %%o5, %%o6, %%o7\n}\n"
                 "output %%u, %%v, %%r2, %%r3, %%r4, %%r5, %%r6, %%r7\n");
        CHECK(cuda_check(text, 0, TRO_PRECISION_FP32));
    }
}

/* Values that differ in all bytes, of either sign where there is one. */
TEST(casts)
{
    static const char *const types[] = {"f32", "f16", "bf16", "f64", "i8",  "u8",  "i16",
                                        "u16", "i32", "u32",  "i64", "u64", "bool"};
    char ops[16][64], inputs[64];
    const char *list[16];
    static const char *const names[] = {"x", NULL};
    for (size_t a = 0; a < sizeof types / sizeof types[0]; a++) {
        size_t n = 0;
        for (size_t b = 0; b < sizeof types / sizeof types[0]; b++) {
            if (a == b || (!strcmp(types[a], "f64") && (b == 1 || b == 2)))
                continue;
            snprintf(ops[n], sizeof ops[n], "cast(%%x0) {to = %s}", types[b]);
            list[n] = ops[n];
            n++;
        }
        snprintf(inputs, sizeof inputs, "%s[133]", types[a]);
        CHECK(check_ops(inputs, names, list, n / 2, 0, TRO_PRECISION_FP32));
        CHECK(check_ops(inputs, names, list + n / 2, n - n / 2, 0, TRO_PRECISION_FP32));
    }
}

/* ---- one operator --------------------------------------------------------------------------- */

static void check_op(const char *types, const char *op, double tolerance)
{
    char text[1024];
    snprintf(text, sizeof text, "graph \"g\"\n%s%%r = %s\noutput %%r\n", types, op);
    CHECK(cuda_check(text, tolerance, TRO_PRECISION_FP32));
    CHECK(cuda_kit_device() == NULL || strstr(cuda_kernels(), "reference") == NULL);
}

TEST(quantized)
{
    check_op("input %x : f32[2,50]\nconst %s : f32[] = 0.0123\nconst %z : u8[] = 7\n",
             "quantize(%x, %s, %z) {to = u8}", 0);
    check_op("input %x : f32[2,50]\nconst %s : f32[2,1] = 0.01 0.02\n",
             "quantize(%x, %s) {to = i8}", 0);
    check_op("input %x : f16[2,50]\nconst %s : f16[] = 0.01\nconst %z : i8[] = 5\n",
             "quantize(%x, %s, %z) {to = i8}", 0);
    check_op("input %x : f32[2,50]\nconst %s : f32[] = 0.00001\nconst %z : u16[] = 700\n",
             "quantize(%x, %s, %z) {to = u16}", 0);
    check_op("input %x : i32[2,50]\nconst %s : f32[] = 0.7\nconst %z : i8[] = -3\n",
             "quantize(%x, %s, %z) {to = i8}", 0);
    check_op("input %x : i8[2,50]\ninput %s : f32[50]\ninput %z : i8[50]\n",
             "dequantize(%x, %s, %z)", 0);
    check_op("input %x : u8[2,50]\ninput %s : f32[2,1]\n", "dequantize(%x, %s)", 0);
    check_op("input %x : i32[2,50]\ninput %s : f32[50]\n", "dequantize(%x, %s)", 0);
    check_op("input %x : i8[2,50]\ninput %s : f16[50]\n", "dequantize(%x, %s)", 0);
    check_op("input %x : i32[2,50]\ninput %s : f32[50]\nconst %z : u8[] = 100\n",
             "requantize(%x, %s, %z)", 0);
}

TEST(tables)
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
        CHECK(cuda_check(text, 0, TRO_PRECISION_FP32));
    }
}

/* Quotients near halves, where a product with the reciprocal rounds the other way. */
TEST(quantized_ties)
{
    static const char *const scales[] = {"0.1", "0.0123", "3", "0.3333333", "1e-3", "77.7"};
    static const char *const types[] = {"i8", "u8", "i16", "u16"};
    char text[1024];
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : i16[3000]\nconst %%s : f32[] = %s\n"
                 "const %%h : f32[] = 0.5\n"
                 "%%f = cast(%%x) {to = f32}\n%%a = mul(%%f, %%h)\n%%b = mul(%%a, %%s)\n"
                 "const %%z : i8[] = 3\n%%y = quantize(%%b, %%s, %%z) {to = i8}\n"
                 "output %%y\n",
                 scales[i]);
        CHECK(cuda_check(text, 0, TRO_PRECISION_FP32));
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : f32[9]\nconst %%s : f32[] = 0.7\n"
                 "const %%t : f32[9] = nan 1e9 inf -inf 0 1e38 3e9 -3e9 1000\n"
                 "const %%z : %s[] = 100\n%%a = mul(%%x, %%t)\n"
                 "%%y = quantize(%%a, %%s, %%z) {to = %s}\noutput %%y\n",
                 types[i], types[i]);
        CHECK(cuda_check(text, 0, TRO_PRECISION_FP32));
    }
}

TEST(broadcast)
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
    check_op("input %x : f32[3,2,3,2,3,2,3,2]\ninput %z : f32[2,1,2,1,2,1,2]\n", "add(%x, %z)", 0);
}

/* ---- regions -------------------------------------------------------------------------------- */

/* `inputs` has one input %x of the shape; it is %i inside. */
static void check_region(const char *shape, const char *body, double tolerance,
                         enum tro_precision precision)
{
    char text[2048];
    snprintf(text, sizeof text,
             "graph \"g\"\ninput %%x : f32[%s]\nconst %%zero : f32[] = 0\nconst %%one : f32[] = 1\n"
             "const %%half : f32[] = 0.5\nconst %%three : f32[] = 3\nconst %%six : f32[] = 6\n"
             "%%y = fused(%%x) {\n  input %%i : f32[%s]\n%s  output %%o\n}\noutput %%y\n",
             shape, shape, body);
    CHECK(cuda_check(text, tolerance, precision));
    CHECK(cuda_kit_device() == NULL || strcmp(cuda_kernels(), "pointwise ") == 0);
}

TEST(fused)
{
    static const char *const bodies[] = {
        "  %a = max(%i, %zero)\n  %o = min(%a, %one)\n",
        "  %a = sigmoid(%i)\n  %o = mul(%a, %i)\n",
        "  %a = mul(%i, %half)\n  %b = add(%a, %half)\n  %c = max(%b, %zero)\n"
        "  %d = min(%c, %one)\n  %o = mul(%i, %d)\n",
        "  %a = add(%i, %three)\n  %b = max(%a, %zero)\n  %c = min(%b, %six)\n"
        "  %d = mul(%i, %c)\n  %o = div(%d, %six)\n",
        "  const %k : f32[] = 0.70710678118\n  %a = mul(%i, %k)\n  %b = erf(%a)\n"
        "  %c = add(%b, %one)\n  %d = mul(%i, %half)\n  %o = mul(%d, %c)\n",
        "  const %k : f32[] = 0.1\n  %l = lt(%i, %zero)\n  %a = mul(%i, %k)\n"
        "  %o = select(%l, %a, %i)\n",
        "  %l = lt(%i, %zero)\n  %e = exp(%i)\n  %a = sub(%e, %one)\n  %o = select(%l, %a, %i)\n",
        "  const %k : f32[] = 2\n  const %m : i32[] = 3\n  %a = pow(%i, %k)\n  %b = pow(%i, %m)\n"
        "  %o = add(%a, %b)\n",
    };
    for (size_t k = 0; k < sizeof bodies / sizeof bodies[0]; k++) {
        check_region("2,3,1000", bodies[k], 1e-6, TRO_PRECISION_FP32);
        check_region("2,3,1001", bodies[k], 2e-3, TRO_PRECISION_FP16);
        check_region("17", bodies[k], 1e-2, TRO_PRECISION_BF16);
    }
}

/* NaN and infinity go through as in the reference kernels. */
TEST(special)
{
    static const char *const ops[] = {"max(%v, %zero)",
                                      "min(%one, %v)",
                                      "max(%v, %w)",
                                      "min(%v, %w)",
                                      "sign(%v)",
                                      "floor(%v)",
                                      "lt(%v, %w)",
                                      "le(%v, %w)",
                                      "div(%v, %w)",
                                      "eq(%v, %w)",
                                      "isnan(%v)",
                                      "isinf(%v) {skip_negative = 1}",
                                      "cast(%v) {to = i32}",
                                      "cast(%v) {to = u8}",
                                      "cast(%v) {to = bool}",
                                      "cast(%v) {to = u64}",
                                      "sigmoid(%v)",
                                      "tanh(%v)",
                                      "exp(%v)",
                                      "softplus(%v)",
                                      "quantize(%v, %one) {to = i8}",
                                      "sqrt(%v)",
                                      "pow(%v, %half)",
                                      "div(%v, %six)"};
    static const char head[] = "graph \"g\"\ninput %x : f32[9]\nconst %zero : f32[] = 0\n"
                               "const %one : f32[] = 1\nconst %half : f32[] = 0.5\n"
                               "const %six : f32[] = 6\n"
                               "const %m : f32[9] = nan 1 inf -inf 0 nan 3e9 -3e9 1e20\n"
                               "const %n : f32[9] = 1 nan inf 1 nan nan 0 -inf 1\n"
                               "%v = mul(%x, %m)\n%w = mul(%x, %n)\n";
    char text[4096];
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i += 6) {
        int n = snprintf(text, sizeof text, "%s", head);
        for (size_t k = i; k < i + 6; k++)
            n += snprintf(text + n, sizeof text - (size_t)n, "%%y%zu = %s\n", k, ops[k]);
        snprintf(text + n, sizeof text - (size_t)n,
                 "output %%y%zu, %%y%zu, %%y%zu, %%y%zu, %%y%zu, %%y%zu\n", i, i + 1, i + 2, i + 3,
                 i + 4, i + 5);
        CHECK(cuda_check(text, 1e-6, TRO_PRECISION_FP32));
    }
}

/* Approximations are right at the ends too: nothing becomes NaN on the way. */
TEST(special_fast)
{
    CUDA_ENGINE(2e-3, FP16,
                "graph \"g\"\ninput %x : f32[9]\n"
                "const %m : f32[9] = nan 1 inf -inf 0 50 3e9 -3e9 1e20\n"
                "const %one : f32[] = 1\nconst %six : f32[] = 6\n"
                "%a, %b, %c, %d, %e, %f, %g = fused(%x) {\n  input %i : f32[9]\n"
                "  %v = mul(%i, %m)\n  %w = abs(%v)\n  %a0 = sigmoid(%v)\n  %b0 = tanh(%v)\n"
                "  %c0 = div(%one, %v)\n  %d0 = softplus(%v)\n  %e0 = erf(%v)\n"
                "  %n = neg(%w)\n  %f0 = exp(%n)\n  %l = mul(%v, %a0)\n  %h = sigmoid(%l)\n"
                "  %g0 = div(%h, %six)\n  output %a0, %b0, %c0, %d0, %e0, %f0, %g0\n}\n"
                "output %a, %b, %c, %d, %e, %f, %g\n");
}

TEST(outputs)
{
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : f32[40,50]\ninput %z : f32[50]\n"
                "%p, %q, %r = fused(%x, %z) {\n  input %i : f32[40,50]\n"
                "  input %j : f32[50]\n  %a = add(%i, %j)\n  %b = mul(%a, %i)\n"
                "  %c = lt(%b, %a)\n  output %a, %b, %c\n}\noutput %p, %q, %r\n");
    /* Channels last in, channels last inside, transposed out. */
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %t : f32[2,6,7,16]\ninput %s : f32[16,1,1]\n"
                "%x = transpose(%t) {perm = [0, 3, 1, 2]}\n%a = mul(%x, %s)\n"
                "%b = neg(%a)\n%y = transpose(%b) {perm = [0, 2, 3, 1]}\noutput %y, %b\n");
    /* Operands that lie across each other. */
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : f32[33,70]\ninput %z : f32[70,33]\n"
                "%t = transpose(%z) {perm = [1, 0]}\n%y = sub(%x, %t)\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : f32[130,70]\ninput %z : f32[70,130]\n"
                "%t = transpose(%z) {perm = [1, 0]}\n%y = sub(%x, %t)\noutput %y\n");
    CHECK(cuda_kit_device() == NULL || cuda_has("copy transpose"));
    /* Into a concatenation and out of it. */
    CUDA_ENGINE(1e-3, FP16,
                "graph \"g\"\ninput %x : f32[2,5,4,4]\ninput %z : f32[2,8,4,4]\n"
                "%a = neg(%x)\n%b = exp(%z)\n%c = concat(%a, %b) {axis = 1}\n"
                "%d = mul(%c, %c)\noutput %d\n");
}

/* ---- copies --------------------------------------------------------------------------------- */

/* %x of the shape, transposed by a copy; `kernel` must do it. */
static void check_transpose(const char *type, const char *shape, const char *perm,
                            const char *kernel)
{
    char text[512];
    snprintf(text, sizeof text,
             "graph \"g\"\ninput %%x : %s[%s]\n%%y = transpose(%%x) {perm = [%s]}\noutput %%y\n",
             type, shape, perm);
    CHECK(cuda_check(text, 0, TRO_PRECISION_FP32));
    CHECK(cuda_kit_device() == NULL || cuda_has(kernel));
}

TEST(copy_transposes)
{
    check_transpose("f32", "2,65,130", "0, 2, 1", "copy transpose");
    check_transpose("f16", "2,64,128", "0, 2, 1", "copy transpose");
    check_transpose("u8", "3,20,72", "0, 2, 1", "copy transpose");
    check_transpose("i64", "33,70", "1, 0", "copy transpose");
    check_transpose("f32", "2,21,300", "0, 2, 1", "copy transpose");
    check_transpose("f32", "300,16", "1, 0", "copy transpose");
    check_transpose("u8", "12,11", "1, 0", "copy transpose");
    check_transpose("f32", "2,3,70,40", "1, 3, 0, 2", "copy transpose");
    check_transpose("f32", "2,3,9,16", "0, 2, 3, 1", "copy planes");
    check_transpose("f32", "2,9,16,3", "0, 3, 1, 2", "copy planes");
    check_transpose("u8", "3,13,15", "1, 2, 0", "copy planes");
    check_transpose("i64", "1,8,9,9", "0, 2, 3, 1", "copy planes");
    check_transpose("f32", "2,3,4,5,6", "4, 2, 0, 3, 1", "copy");
}

/* Between networks' inputs and outputs and values stored in 16 bits, channels last. */
TEST(copy_converts)
{
    static const int channels[] = {1, 3, 4, 7, 20, 64};
    char text[512];
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        const int c = channels[i];
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : f32[2,%d,12,11]\n%%t = transpose(%%x) {perm = [0, 2, 3, "
                 "1]}\n%%c = concat(%%t, %%t) {axis = 0}\n%%y = neg(%%c)\noutput %%y\n",
                 c);
        CHECK(cuda_check(text, 1e-3, TRO_PRECISION_FP16));
        CHECK(cuda_kit_device() == NULL || c == 1 || cuda_has(c < 9 ? "planes" : "transpose"));
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : f32[2,%d,12,11]\n%%n = neg(%%x)\n"
                 "%%y = transpose(%%n) {perm = [0, 2, 3, 1]}\noutput %%y\n",
                 c);
        CHECK(cuda_check(text, 1e-2, TRO_PRECISION_BF16));
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : f32[2,12,11,%d]\n%%n = neg(%%x)\n"
                 "%%y = transpose(%%n) {perm = [0, 3, 1, 2]}\noutput %%y\n",
                 c);
        CHECK(cuda_check(text, 1e-3, TRO_PRECISION_FP16));
    }
}

TEST(copy_views)
{
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : f32[3,40,10]\nconst %s : i64[2] = -1 8\n"
                "const %e : i64[2] = -100 1\nconst %a : i64[2] = 1 2\nconst %t : i64[2] = -3 -2\n"
                "%y = slice(%x, %s, %e, %a, %t)\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : u8[3,1,10]\nconst %s : i64[3] = 3 7 10\n"
                "%y = expand(%x, %s)\noutput %y\n");
}

/* So many elements that threads take several rows: in one row, in rows, with a rest. */
TEST(several_rows)
{
    CUDA_ENGINE(1e-3, FP16,
                "graph \"g\"\ninput %x : f32[16,16,64,64]\ninput %z : f32[64]\n%a = add(%x, %z)\n"
                "%b = neg(%a)\n%y = mul(%b, %a)\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : u8[1025,1025]\ninput %z : u8[1025]\n%a = add(%x, %z)\n"
                "output %a\n");
}
