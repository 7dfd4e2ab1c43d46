/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements, against the reference kernels. */
#include "engine_kit.h"

static void check_on(const char *file, int line, const char *text, const char *kernel)
{
    char graph[1024];
    snprintf(graph, sizeof(graph), "graph \"g\"\n%s\n", text);
    test_check(engine_check(graph, 0), file, line, "%s", text);
    test_check(strstr(engine_kernels(), kernel) != NULL, file, line, "%s ran on %s", text,
               engine_kernels());
    test_check(strstr(engine_kernels(), "reference") == NULL, file, line, "%s ran on %s", text,
               engine_kernels());
}

#define ON(kernel, text) check_on(__FILE__, __LINE__, text, kernel)

TEST(move_gather)
{
    ON("gather", "input %x : f32[9,70]\nconst %i : i64[3] = 8 -9 2\n"
                 "%y = gather(%x, %i) {axis = 0}\noutput %y");
    ON("gather", "input %x : u8[3,9,70]\nconst %i : i32[2,2] = 8 -9 2 2\n"
                 "%y = gather(%x, %i) {axis = -2}\noutput %y");
    ON("gather", "input %x : i64[3,9]\nconst %i : i64[1] = -1\n"
                 "%y = gather(%x, %i) {axis = 1}\noutput %y");
    ON("", "input %x : f32[3,9,5]\nconst %i : i64[] = -2\n"
           "%y = gather(%x, %i) {axis = 1}\n%z = neg(%y)\noutput %z");
    ON("gather", "input %x : f32[3,9,5]\nconst %i : i64[0] =\n"
                 "%y = gather(%x, %i) {axis = 1}\noutput %y");
}

TEST(move_pad)
{
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    char text[512];
    for (int m = 0; m < 4; m++) {
        snprintf(text, sizeof(text),
                 "input %%x : f32[2,3,7,9]\nconst %%p : i64[8] = 0 1 2 3 1 0 3 0\n"
                 "%%y = pad(%%x, %%p) {mode = %s}\noutput %%y",
                 modes[m]);
        ON("pad", text);
        snprintf(text, sizeof(text),
                 "input %%t : i8[2,7,9,40]\nconst %%p : i64[4] = 3 2 4 1\n"
                 "const %%v : i8[] = -5\nconst %%a : i64[2] = 2 -1\n"
                 "%%x = transpose(%%t) {perm = [0, 3, 1, 2]}\n"
                 "%%y = pad(%%x, %%p, %%v, %%a) {mode = %s}\noutput %%y",
                 modes[m]);
        ON("pad", text);
    }
    ON("pad", "input %x : f32[5,8]\ninput %v : f32[]\nconst %p : i64[4] = -1 2 3 -3\n"
              "%y = pad(%x, %p, %v)\noutput %y");
    ON("pad", "input %x : f32[5,8]\nconst %p : i64[4] = -5 2 3 1\n%y = pad(%x, %p)\noutput %y");
    ON("pad", "input %x : f32[0,8]\nconst %p : i64[4] = 1 2 1 1\n%y = pad(%x, %p)\noutput %y");
    ON("pad", "input %x : bool[70]\nconst %p : i64[2] = 60 0\n%y = pad(%x, %p) {mode = reflect}\n"
              "output %y");
}

TEST(move_tile_and_turn)
{
    ON("copy", "input %x : f32[3,40]\nconst %r : i64[2] = 2 3\n%y = tile(%x, %r)\noutput %y");
    ON("copy", "input %x : f32[2,33,65]\n%y = transpose(%x) {perm = [2, 0, 1]}\noutput %y");
}
