/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering: views, places inside concatenations, fused regions, values of unknown sizes. */
#include "engine_kit.h"

#define GRAPH(body) "graph \"g\"\n" body

TEST(views_take_no_step)
{
    ENGINE(0, GRAPH("input %x : f32[2,3,4]\n"
                    "%t = transpose(%x) {perm = [2,0,1]}\n"
                    "const %s : i64[2] = 4 6\n"
                    "%r = reshape(%t, %s)\n"
                    "output %r"));
    CHECK_STR(engine_kernels(), "copy ");
}

TEST(reshapes_of_strided_memory)
{
    ENGINE(0, GRAPH("input %x : f32[2,6,4,5]\n"
                    "%t = transpose(%x) {perm = [0,2,1,3]}\n"
                    "const %s : i64[3] = 8 6 5\n"
                    "%r = reshape(%t, %s)\n"
                    "%u = transpose(%r) {perm = [0,2,1]}\n"
                    "const %s2 : i64[4] = 4 2 10 3\n"
                    "%q = reshape(%u, %s2)\n"
                    "output %r, %q"));
}

TEST(slices_and_splits)
{
    ENGINE(0, GRAPH("input %x : f32[3,8,5]\n"
                    "const %b : i64[2] = 1 -1\n"
                    "const %e : i64[2] = 7 -100\n"
                    "const %a : i64[2] = 1 2\n"
                    "const %s : i64[2] = 2 -2\n"
                    "%y = slice(%x, %b, %e, %a, %s)\n"
                    "%p, %q = split(%x) {axis = 1}\n"
                    "output %y, %p, %q"));
}

TEST(concatenations_in_place_and_copied)
{
    ENGINE(1e-6, GRAPH("input %x : f32[2,3,4]\n"
                       "%a = exp(%x)\n"
                       "%b = neg(%x)\n"
                       "%c = concat(%a, %x, %b, %a) {axis = 1}\n"
                       "%d = tanh(%b)\n"
                       "%e = concat(%c, %d) {axis = 1}\n"
                       "%f = neg(%e)\n"
                       "output %f, %c, %x, %x"));
}

TEST(repeats)
{
    ENGINE(0, GRAPH("input %x : f32[2,3]\n"
                    "const %n : i64[2] = 2 3\n"
                    "%y = tile(%x, %n)\n"
                    "const %s : i64[3] = 4 2 3\n"
                    "%z = expand(%x, %s)\n"
                    "%w = neg(%z)\n"
                    "output %y, %z, %w"));
}

TEST(fused_regions)
{
    ENGINE(1e-5, GRAPH("input %x : f32[5,3]\n"
                       "input %r : f32[5,4]\n"
                       "const %w : f32[3,4] = splat 0.5\n"
                       "%y, %z = fused(%x, %r) {\n"
                       "  input %a : f32[5,3]\n"
                       "  input %q : f32[5,4]\n"
                       "  %b = matmul(%a, %w)\n"
                       "  %c = tanh(%b)\n"
                       "  %d = add(%c, %q)\n"
                       "  output %d, %b\n"
                       "}\n"
                       "%e = exp(%y)\n"
                       "output %e, %z, %y"));
}

TEST(sizes_of_the_run)
{
    ENGINE(1e-6, GRAPH("input %x : f32[4,5]\n"
                       "%i = nonzero(%x)\n"
                       "%t = transpose(%i) {perm = [1,0]}\n"
                       "%y = gather_nd(%x, %t)\n"
                       "%e = exp(%y)\n"
                       "%s = reduce(%e) {kind = sum}\n"
                       "%u = neg(%s)\n"
                       "output %y, %u, %i"));
}

TEST(sizes_of_the_run_as_values)
{
    ENGINE(0, GRAPH("symbol u0 0..\n"
                    "input %x : f32[4,5]\n"
                    "%i = nonzero(%x) : i64[2,u0]\n"
                    "%n = dims() {values = [u0+3]}\n"
                    "output %n, %i"));
}

TEST(branches)
{
    ENGINE(1e-6, GRAPH("input %x : f32[4]\n"
                       "input %c : bool[]\n"
                       "%y = if(%c, %x) {\n"
                       "  input %a : f32[4]\n"
                       "  %b = exp(%a)\n"
                       "  output %b\n"
                       "} {\n"
                       "  input %a2 : f32[4]\n"
                       "  %b2 = neg(%a2)\n"
                       "  output %b2\n"
                       "}\n"
                       "%z = neg(%y)\n"
                       "output %z"));
    CHECK(!strstr(engine_kernels(), "run"));
}

TEST(loops_that_swap_and_stop)
{
    ENGINE(1e-6, GRAPH("input %x : f32[4]\n"
                       "input %w : f32[4]\n"
                       "const %n : i64[] = 100\n"
                       "const %one : f32[1] = 1.5\n"
                       "const %axes : i64[1] = 0\n"
                       "%y, %z = loop(%n, _, %x, %w) {n_carried = 2} {\n"
                       "  input %i : i64[]\n"
                       "  input %c : bool[]\n"
                       "  input %a : f32[4]\n"
                       "  input %b : f32[4]\n"
                       "  %m = mul(%a, %one)\n"
                       "  %s = reduce(%m, %axes) {kind = max, drop_dims = 1}\n"
                       "  const %hundred : f32[] = 100\n"
                       "  %go = lt(%s, %hundred)\n"
                       "  output %go, %b, %m\n"
                       "}\n"
                       "output %z, %y"));
    CHECK(!strstr(engine_kernels(), "run"));
}

TEST(loops_without_iterations)
{
    ENGINE(0, GRAPH("input %x : f32[4]\n"
                    "const %n : i64[] = 0\n"
                    "const %true : bool[] = 1\n"
                    "%y, %all = loop(%n, _, %x) {n_carried = 1} {\n"
                    "  input %i : i64[]\n"
                    "  input %c : bool[]\n"
                    "  input %a : f32[4]\n"
                    "  %b = neg(%a)\n"
                    "  output %true, %b, %a\n"
                    "}\n"
                    "output %y, %all"));
}

TEST(scans_of_slices)
{
    ENGINE(1e-6, GRAPH("input %x : f32[3,5]\n"
                       "input %h : f32[3]\n"
                       "input %k : f32[3]\n"
                       "%last, %all = scan(%h, %x, %k) {n_scan_inputs = 1, n_scan_outputs = 1, "
                       "n_captures = 1, input_axes = [1], output_axes = [1], "
                       "input_reversed = [1]} {\n"
                       "  input %s : f32[3]\n"
                       "  input %e : f32[3]\n"
                       "  input %c : f32[3]\n"
                       "  %t = mul(%s, %c)\n"
                       "  %u = add(%t, %e)\n"
                       "  output %u, %u\n"
                       "}\n"
                       "output %last, %all"));
    CHECK(!strstr(engine_kernels(), "run"));
}

TEST(loops)
{
    ENGINE(1e-6, GRAPH("input %x : f32[4]\n"
                       "const %n : i64[] = 5\n"
                       "const %true : bool[] = 1\n"
                       "%y, %all = loop(%n, _, %x) {n_carried = 1} {\n"
                       "  input %i : i64[]\n"
                       "  input %c : bool[]\n"
                       "  input %a : f32[4]\n"
                       "  %b = tanh(%a)\n"
                       "  output %true, %b, %a\n"
                       "}\n"
                       "%z = neg(%y)\n"
                       "output %z, %all"));
}

TEST(memory_is_reused)
{
    ENGINE(1e-5, GRAPH("input %x : f32[64,64]\n"
                       "%a = matmul(%x, %x)\n"
                       "%b = matmul(%a, %x)\n"
                       "%c = matmul(%b, %a)\n"
                       "%d = matmul(%c, %x)\n"
                       "%e = matmul(%d, %c)\n"
                       "output %e"));
}
