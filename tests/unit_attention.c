/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of the CPU backend against the reference. */
#include "engine_kit.h"

static bool run(const char *q, const char *k, const char *v, const char *mask, const char *attrs)
{
    char text[1024];
    snprintf(text, sizeof text,
             "graph \"g\"\n"
             "input %%q : f32[%s]\n"
             "input %%k : f32[%s]\n"
             "input %%v : f32[%s]\n"
             "%s%s%s"
             "%%y = attention(%%q, %%k, %%v%s)%s%s%s\n"
             "output %%y\n",
             q, k, v, *mask ? "input %mask : " : "", mask, *mask ? "\n" : "",
             *mask ? ", %mask" : "", *attrs ? " {" : "", attrs, *attrs ? "}" : "");
    return engine_check(text, 2e-5) && strstr(engine_kernels(), "attention_f32_");
}

TEST(plain)
{
    CHECK(run("1,1,1,1", "1,1,1,1", "1,1,1,1", "", ""));
    CHECK(run("2,3,7,8", "2,3,7,8", "2,3,7,8", "", ""));
    CHECK(run("1,2,49,32", "1,2,49,32", "1,2,49,32", "", ""));
    CHECK(run("1,2,13,5", "1,2,70,5", "1,2,70,19", "", "scale = 0.3"));
    CHECK(run("3,1,6,64", "3,1,33,64", "3,1,33,100", "", ""));
}

TEST(grouped_heads)
{
    CHECK(run("2,6,5,8", "2,2,9,8", "2,2,9,16", "", ""));
    CHECK(run("1,4,20,3", "1,1,17,3", "1,1,17,3", "", ""));
}

TEST(causal_and_capped)
{
    CHECK(run("2,2,18,8", "2,2,18,8", "2,2,18,8", "", "is_causal = 1"));
    CHECK(run("1,2,9,8", "1,2,30,8", "1,2,30,8", "", "is_causal = 1, softcap = 0.7"));
}

TEST(masks)
{
    CHECK(run("2,3,7,8", "2,3,21,8", "2,3,21,8", "f32[2,3,7,21]", ""));
    CHECK(run("2,3,7,8", "2,3,21,8", "2,3,21,8", "f32[1,3,7,21]", ""));
    CHECK(run("2,3,7,8", "2,3,21,8", "2,3,21,8", "f32[7,21]", "is_causal = 1"));
    CHECK(run("2,3,7,8", "2,3,21,8", "2,3,21,8", "f32[2,1,7,1]", ""));
    CHECK(run("2,3,7,8", "2,3,21,8", "2,3,21,8", "bool[2,1,1,21]", ""));
}

/* Rows of which every key is masked are NaN, as in the reference. */
TEST(rows_without_keys)
{
    ENGINE(1e-5, "graph \"g\"\n"
                 "input %q : f32[1,1,2,4]\n"
                 "input %k : f32[1,1,3,4]\n"
                 "const %mask : bool[2,3] = 0 0 0 1 0 1\n"
                 "%y = attention(%q, %k, %k, %mask)\n"
                 "output %y");
    CHECK(strstr(engine_kernels(), "attention_f32_"));
}

TEST(great_scores)
{
    ENGINE(1e-3, "graph \"g\"\n"
                 "input %q : f32[1,2,6,16]\n"
                 "input %k : f32[1,2,40,16]\n"
                 "%y = attention(%q, %k, %k) {scale = 60}\n"
                 "output %y");
}

TEST(views_of_one_product)
{
    ENGINE(2e-5, "graph \"g\"\n"
                 "input %x : f32[2,9,3,4,8]\n"
                 "%t = transpose(%x) {perm = [2,0,3,1,4]}\n"
                 "%a, %b, %c = split(%t) {axis = 0}\n"
                 "const %zero : i64[1] = 0\n"
                 "%q = squeeze(%a, %zero)\n"
                 "%k = squeeze(%b, %zero)\n"
                 "%v = squeeze(%c, %zero)\n"
                 "%y = attention(%q, %k, %v)\n"
                 "%z = transpose(%y) {perm = [0,2,1,3]}\n"
                 "const %s : i64[3] = 2 9 32\n"
                 "%r = reshape(%z, %s)\n"
                 "output %r");
}
