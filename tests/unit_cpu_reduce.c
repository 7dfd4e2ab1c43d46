/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, softmax and normalization against the reference kernels. */
#include "engine_kit.h"

static void check_on(const char *file, int line, const char *text, double tolerance,
                     const char *kernel)
{
    char graph[1024];
    snprintf(graph, sizeof(graph), "graph \"g\"\n%s\n", text);
    test_check(engine_check(graph, tolerance), file, line, "%s", text);
    test_check(strstr(engine_kernels(), kernel) != NULL, file, line, "%s ran on %s", text,
               engine_kernels());
    test_check(strstr(engine_kernels(), "reference") == NULL, file, line, "%s ran on %s", text,
               engine_kernels());
}

#define ON(kernel, tolerance, text) check_on(__FILE__, __LINE__, text, tolerance, kernel)

/* A value that lies channels last, if the engine sees a reason for it; else as a transposed view.
 * */
#define LAST "%l = transpose(%t) {perm = [0, 3, 1, 2]}\n"

TEST(softmax_axes)
{
    ON("softmax", 1e-6, "input %x : f32[5,77]\n%y = softmax(%x) {axis = 1}\noutput %y");
    ON("softmax", 1e-6, "input %x : f32[5,1]\n%y = softmax(%x) {axis = -1}\noutput %y");
    ON("softmax", 1e-6, "input %x : f32[3,9,70]\n%y = softmax(%x) {axis = 1}\noutput %y");
    ON("softmax", 1e-6, "input %x : f32[9,3,4,2]\n%y = softmax(%x) {axis = 0}\noutput %y");
    ON("softmax", 1e-6,
       "input %x : f32[40,64,64]\n%y = softmax(%x) {axis = 2, is_log = 1}\noutput %y");
    ON("softmax", 1e-6,
       "input %x : f32[40,21,130]\n%y = softmax(%x) {axis = 1, is_log = 1}\noutput %y");
    ON("softmax", 1e-6, "input %t : f32[2,9,8,19]\n" LAST "%y = softmax(%l) {axis = 1}\noutput %y");
    ON("softmax", 1e-6, "input %t : f32[2,9,8,19]\n" LAST "%y = softmax(%l) {axis = 3}\noutput %y");
    ON("softmax", 1e-6, "input %t : f32[2,9,8,19]\n" LAST "%y = softmax(%l) {axis = 0}\noutput %y");
    ON("softmax", 0, "input %x : f32[0,7]\n%y = softmax(%x) {axis = 1}\noutput %y");
}

TEST(softmax_special)
{
    ON("softmax", 1e-6,
       "input %x : f32[1,18]\nconst %m : f32[18] = inf -inf nan 1 -inf -inf -inf -inf -inf -inf "
       "-inf "
       "-inf -inf -inf -inf -inf -inf 7\n%a = add(%x, %m)\n%y = softmax(%a) {axis = 1}\noutput %y");
    ON("softmax", 1e-6,
       "input %x : f32[1,4]\nconst %m : f32[4] = 1 -inf 90 -100\n%a = add(%x, %m)\n"
       "%y = softmax(%a) {axis = 1}\noutput %y");
    ON("softmax", 1e-6,
       "input %x : f32[4,1]\nconst %m : f32[4,1] = 1 -inf 90 -100\n%a = add(%x, %m)\n"
       "%y = softmax(%a) {axis = 0}\noutput %y");
}

TEST(normalize_axes)
{
    ON("normalize", 2e-6, "input %x : f32[50,96]\n%y = normalize(%x) {axes = [1]}\noutput %y");
    ON("normalize", 2e-6,
       "input %x : f32[3,17,33]\n%y = normalize(%x) {axes = [-1, -2], epsilon = 1e-5}\noutput %y");
    ON("normalize", 2e-6,
       "input %x : f32[2,5,90,100]\n%y = normalize(%x) {axes = [2, 3], epsilon = 1e-5}\noutput %y");
    ON("normalize", 2e-6,
       "input %t : f32[2,40,30,70]\n" LAST
       "%y = normalize(%l) {axes = [2, 3], epsilon = 1e-5}\noutput %y");
    ON("normalize", 2e-6,
       "input %t : f32[2,5,3,70]\n" LAST "%y = normalize(%l) {axes = [1]}\noutput %y");
    ON("normalize", 2e-6,
       "input %t : f32[2,5,3,70]\n" LAST "%y = normalize(%l) {axes = [1, 2, 3]}\noutput %y");
    ON("normalize", 2e-6,
       "input %x : f32[3,50,65]\n%y = normalize(%x) {axes = [1], epsilon = 0.1}\noutput %y");
    ON("normalize", 2e-6,
       "input %x : f32[3,65]\n%y = normalize(%x) {axes = [1], is_rms = 1, epsilon = 0.1}\noutput "
       "%y");
    ON("normalize", 2e-6,
       "input %x : f32[3,50,65]\n%y, %m, %s = normalize(%x) {axes = [2], epsilon = 1e-3}\n"
       "output %y, %m, %s");
    ON("normalize", 2e-6,
       "input %x : f32[3,50,65]\n%y, %m, %s = normalize(%x) {axes = [1], epsilon = 1e-3}\n"
       "output %y, %m, %s");
}

/* A mean far from 0: what f32 loses of it must come back. */
TEST(normalize_far)
{
    ON("normalize", 1e-3,
       "input %x : f32[3,200]\nconst %c : f32[] = 1000.3\nconst %k : f32[] = 0.01\n"
       "%a = mul(%x, %k)\n%b = add(%a, %c)\n%y = normalize(%b) {axes = [1]}\noutput %y");
    ON("normalize", 1e-3,
       "input %x : f32[200,70]\nconst %c : f32[] = 1000.3\nconst %k : f32[] = 0.01\n"
       "%a = mul(%x, %k)\n%b = add(%a, %c)\n%y = normalize(%b) {axes = [0]}\noutput %y");
}

TEST(normalize_epilogue)
{
    ON("normalize", 2e-6,
       "input %x : f32[2,50,96]\ninput %g : f32[96]\ninput %b : f32[96]\n"
       "%y = fused(%x, %g, %b) {\n  input %i : f32[2,50,96]\n  input %j : f32[96]\n"
       "  input %k : f32[96]\n  %n = normalize(%i) {axes = [2], epsilon = 1e-5}\n"
       "  %m = mul(%n, %j)\n  %o = add(%m, %k)\n  output %o\n}\noutput %y");
    ON("normalize", 2e-6,
       "input %x : f32[5000]\ninput %g : f32[5000]\n"
       "%y = fused(%x, %g) {\n  input %i : f32[5000]\n  input %j : f32[5000]\n"
       "  %n = normalize(%i) {axes = [0], epsilon = 1e-5}\n"
       "  %m = mul(%n, %j)\n  output %m\n}\noutput %y");
}

TEST(reduce_axes)
{
    static const char *const kinds[] = {"sum", "mean", "max", "min", "prod"};
    static const char *const cases[] = {
        "input %x : f32[7,130]\nconst %a : i64[1] = 1\n",
        "input %x : f32[37,130]\nconst %a : i64[1] = 0\n",
        "input %x : f32[5,6,7,8]\nconst %a : i64[2] = 1 3\n",
        "input %x : f32[5,6,7,8]\nconst %a : i64[2] = 0 2\n",
        "input %x : f32[2,20,9,11]\nconst %a : i64[2] = 2 3\n",
        "input %x : f32[2,3,4]\nconst %a : i64[0] =\n",
        "input %x : f32[3,1,4]\nconst %a : i64[1] = 1\n",
        "input %x : f32[6,1]\nconst %a : i64[1] = 0\n",
    };
    char text[512];
    for (size_t k = 0; k < 5; k++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
            for (int drop = 0; drop < 2; drop++) {
                snprintf(text, sizeof(text),
                         "%s%%y = reduce(%%x, %%a) {kind = %s, drop_dims = %d}\noutput %%y",
                         cases[i], kinds[k], drop);
                ON("reduce", 1e-6, text);
            }
}

TEST(reduce_bytes)
{
    static const char *const cases[] = {
        "[7,130]\nconst %a : i64[1] = 1\n",         "[37,130]\nconst %a : i64[1] = 0\n",
        "[5,6,7,8]\nconst %a : i64[2] = 1 3\n",     "[5,6,7,8]\nconst %a : i64[2] = 0 2\n",
        "[2,20,9,11]\nconst %a : i64[2] = 2 3\n",   "[2,3,4]\nconst %a : i64[0] =\n",
        "[1,300,300,3]\nconst %a : i64[2] = 1 2\n", "[6,1]\nconst %a : i64[1] = 0\n",
    };
    static const char *const types[] = {"i8", "u8"};
    char text[512];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int t = 0; t < 4; t++) {
            snprintf(text, sizeof text,
                     "input %%x : %s%s%%y = reduce(%%x, %%a) {widens = 1, drop_dims = %d}\n"
                     "output %%y",
                     types[t % 2], cases[i], t / 2);
            ON("reduce_bytes", 0, text);
        }
    ON("reduce_bytes", 0,
       "input %t : i8[2,9,7,200]\nconst %a : i64[2] = 2 3\n" LAST
       "%y = reduce(%l, %a) {widens = 1}\noutput %y");
}

TEST(reduce_other_integers)
{
    static const char *const sizes[] = {"[5,6,7,8]\nconst %a : i64[2] = 1 3\n",
                                        "[5,6,7,70]\nconst %a : i64[2] = 0 2\n",
                                        "[4,130]\nconst %a : i64[1] = 1\n"};
    static const char *const types[] = {"i8", "u8"};
    char text[512];
    for (int i = 0; i < 6; i++) {
        snprintf(text, sizeof text,
                 "input %%x : %s%s%%y = reduce(%%x, %%a) {kind = max}\noutput %%y", types[i % 2],
                 sizes[i / 2]);
        ON("reduce_max_bytes", 0, text);
        snprintf(text, sizeof text,
                 "input %%x : i32%s%%y = reduce(%%x, %%a) {drop_dims = %d}\n"
                 "output %%y",
                 sizes[i / 2], i % 2);
        ON("reduce_i32", 0, text);
    }
}

TEST(reduce_pictures)
{
    ON("reduce", 1e-6,
       "input %t : f32[1,7,7,200]\nconst %a : i64[2] = 2 3\n" LAST
       "%y = reduce(%l, %a) {kind = mean}\noutput %y");
    ON("reduce_join", 1e-6,
       "input %t : f32[1,60,50,24]\nconst %a : i64[2] = 2 3\n" LAST
       "%y = reduce(%l, %a) {kind = mean}\noutput %y");
    ON("reduce_join", 1e-6,
       "input %t : f32[2,60,50,70]\nconst %a : i64[2] = 2 3\n" LAST
       "%y = reduce(%l, %a) {kind = max, drop_dims = 1}\noutput %y");
    ON("reduce", 1e-6,
       "input %t : f32[2,6,5,7]\nconst %a : i64[1] = 1\n" LAST
       "%y = reduce(%l, %a) {kind = mean}\noutput %y");
    ON("reduce", 1e-6,
       "input %x : f32[20]\nconst %n : f32[20] = 1 1 1 1 1 1 1 1 1 1 1 1 1 nan 1 1 1 1 1 1\n"
       "const %a : i64[1] = 0\n%m = mul(%x, %n)\n"
       "%y = reduce(%m, %a) {kind = max}\n%w = reduce(%m, %a) {kind = min}\noutput %y, %w");
}

TEST(arg_reduce)
{
    ON("arg_reduce", 0, "input %x : f32[9,70]\n%y = arg_reduce(%x) {axis = 1}\noutput %y");
    ON("arg_reduce", 0,
       "input %x : f32[9,70]\n%y = arg_reduce(%x) {axis = 0, is_min = 1, drop_dims = 1}\noutput "
       "%y");
    ON("arg_reduce", 0,
       "input %t : f32[2,9,8,19]\n" LAST
       "%y = arg_reduce(%l) {axis = 1, drop_dims = 1}\noutput %y");
    ON("arg_reduce", 0,
       "input %x : f32[40,3]\n%r = round(%x)\n%a = arg_reduce(%r) {axis = 0}\n"
       "%b = arg_reduce(%r) {axis = 0, select_last = 1}\n%c = arg_reduce(%r) {axis = 1}\n"
       "%d = arg_reduce(%r) {axis = 1, select_last = 1, is_min = 1}\noutput %a, %b, %c, %d");
    ON("arg_reduce", 0,
       "input %x : f32[20]\nconst %n : f32[20] = 1 1 1 1 1 nan 1 1 1 1 1 1 1 nan 1 1 1 1 1 1\n%m = "
       "mul(%x, %n)\n"
       "%a = arg_reduce(%m) {axis = 0}\n"
       "%b = arg_reduce(%m) {axis = 0, select_last = 1, is_min = 1}\noutput %a, %b");
}

/* Lines of all lengths about a vector's, with ties and NaN. */
TEST(arg_reduce_of_short_lines)
{
    static const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33};
    char text[512];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(text, sizeof text,
                 "input %%t : f32[2,3,19,%d]\n"
                 "%%l = transpose(%%t) {perm = [0, 3, 1, 2]}\n"
                 "%%r = round(%%l)\n%%n = div(%%r, %%r)\n%%m = mul(%%n, %%l)\n"
                 "%%a = arg_reduce(%%r) {axis = 1}\n"
                 "%%b = arg_reduce(%%r) {axis = 1, select_last = 1, is_min = 1}\n"
                 "%%c = arg_reduce(%%m) {axis = 1, is_min = 1}\n"
                 "%%d = arg_reduce(%%m) {axis = 1, select_last = 1, drop_dims = 1}\n"
                 "output %%a, %%b, %%c, %%d",
                 sizes[i]);
        ON("arg_reduce", 0, text);
    }
}

TEST(running_sums)
{
    ON("cumsum", 1e-6,
       "input %x : f32[3,70]\nconst %a : i64[] = 1\n%y = cumsum(%x, %a)\noutput %y");
    ON("cumsum", 1e-6,
       "input %x : f32[30,70]\nconst %a : i64[] = -2\n"
       "%y = cumsum(%x, %a) {is_exclusive = 1, is_reverse = 1}\noutput %y");
    ON("cumsum", 0,
       "input %x : i64[3,70]\nconst %a : i32[] = 1\n%y = cumsum(%x, %a) {is_reverse = 1}\noutput "
       "%y");
}

TEST(topk)
{
    ON("topk", 0,
       "input %x : f32[3,700]\nconst %k : i64[1] = 9\n%y, %i = topk(%x, %k) {axis = 1}\n"
       "output %y, %i");
    ON("topk", 0,
       "input %x : f32[40,3]\nconst %k : i64[1] = 40\n%r = round(%x)\n"
       "%y, %i = topk(%r, %k) {axis = 0, is_smallest = 1}\noutput %y, %i");
    ON("topk", 0,
       "input %x : f32[1,6]\nconst %m : f32[6] = 1 nan 0 -0 inf -inf\nconst %k : i64[1] = 4\n"
       "%r = mul(%x, %m)\n%y, %i = topk(%r, %k) {axis = 1}\n"
       "%z, %j = topk(%r, %k) {axis = 1, is_smallest = 1}\noutput %y, %i, %z, %j");
    ON("topk", 0,
       "input %x : f32[3,70]\nconst %k : i64[1] = 1\n_, %i = topk(%x, %k) {axis = 1}\noutput %i");
}

TEST(local_response)
{
    ON("lrn", 2e-6,
       "input %x : f32[2,9,5,37]\n%y = lrn(%x) {size = 5, alpha = 0.3, beta = 0.75, bias = 1}\n"
       "output %y");
    ON("lrn", 2e-6,
       "input %x : f32[1,3,70]\n%y = lrn(%x) {size = 4, alpha = 0.01, beta = 0.5, bias = 2}\n"
       "output %y");
}
