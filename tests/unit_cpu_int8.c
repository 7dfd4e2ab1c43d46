/* SPDX-License-Identifier: Apache-2.0 */
/* 8-bit convolutions and products of the CPU backend against the reference, on every level. */
#include "cpu/int8.h"
#include "int_kit.h"

static void check(const struct int_shape *s, const char *kernel)
{
    struct tro_buf b = {0};
    kit_put_head(&b, s);
    kit_put_conv(&b, s, "x");
    tro_buf_str(&b, "output %c");
    CHECK(kit_run(&b, 0));
    CHECK_HAS(engine_kernels(), kernel);
}

TEST(conv_int_types_and_zeros)
{
    static const enum tro_dtype types[] = {TRO_U8, TRO_I8};
    static const char *const zeros_x[] = {"", "3", "113"}, *const zeros_w[] = {"", "5", "*"};
    for (int i = 0; i < 36; i++) {
        const struct int_shape s = {
            types[i % 2],       types[i / 2 % 2],   4, 1, 5, {6, 7}, 9, 1, 3, 1, 1, 1,
            zeros_x[i / 4 % 3], zeros_w[i / 12 % 3]};
        check(&s, "conv_int8");
    }
}

TEST(conv_int_shapes)
{
    const struct int_shape shapes[] = {
        {TRO_U8, TRO_I8, 4, 2, 64, {7, 9}, 70, 1, 1, 1, 1, 0, "128", ""},
        {TRO_U8, TRO_I8, 4, 1, 66, {7, 9}, 33, 1, 1, 1, 1, 0, "1", ""},
        {TRO_I8, TRO_I8, 4, 1, 64, {8, 8}, 31, 1, 1, 2, 1, 0, "", ""},
        {TRO_U8, TRO_U8, 4, 1, 3, {23, 21}, 16, 1, 5, 2, 1, 2, "7", "128"},
        {TRO_U8, TRO_I8, 4, 1, 16, {12, 12}, 24, 4, 3, 1, 1, 1, "100", ""},
        {TRO_I8, TRO_I8, 4, 2, 12, {9, 8}, 12, 3, 3, 2, 2, 2, "-5", "*"},
        {TRO_U8, TRO_I8, 3, 2, 17, {40}, 20, 1, 9, 1, 1, 4, "9", ""},
        {TRO_U8, TRO_I8, 5, 1, 6, {4, 5, 6}, 10, 1, 3, 1, 1, 1, "9", ""},
        {TRO_I8, TRO_U8, 4, 1, 1, {11, 10}, 5, 1, 3, 1, 2, 3, "-128", "255"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check(&shapes[i], "conv_int8");
}

/* Widths of tiles and what does not fill them, windows in lines and what hangs over them. */
TEST(conv_int_in_lines)
{
    static const int64_t outs[] = {1, 8, 10, 16, 17, 24, 25, 32, 40, 48};
    static const int64_t channels[] = {1, 2, 3, 4, 6, 16};
    for (int i = 0; i < 30; i++) {
        const struct int_shape s = {i % 2 ? TRO_I8 : TRO_U8,
                                    i % 7 == 3 ? TRO_U8 : TRO_I8,
                                    4,
                                    1 + i % 2,
                                    channels[i % 6],
                                    {8 + i % 5, 17 + i * 3},
                                    outs[i % 10],
                                    1,
                                    1 + i % 4,
                                    1 + i / 5 % 3,
                                    i % 11 == 4 ? 2 : 1,
                                    i % 3,
                                    i % 4 == 2 ? "" : "11",
                                    i == 20 ? "*" : ""};
        check(&s, "conv_int8");
    }
    const struct int_shape wide[] = {
        {TRO_I8, TRO_I8, 4, 1, 3, {5, 700}, 16, 1, 3, 1, 1, 1, "-7", ""},
        {TRO_U8, TRO_I8, 4, 1, 8, {3, 515}, 60, 2, 3, 2, 1, 1, "7", ""},
        {TRO_U8, TRO_I8, 4, 1, 4, {2, 9}, 16, 1, 3, 1, 1, 12, "7", ""},
        {TRO_I8, TRO_I8, 3, 2, 5, {600}, 24, 1, 7, 1, 1, 3, "7", ""},
        {TRO_I8, TRO_I8, 4, 3, 24, {40, 16}, 24, 1, 3, 1, 1, 1, "7", ""},
    };
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        check(&wide[i], "conv_int8");
}

/* The few channels of a picture are moved four bytes at a time: not beyond its memory. */
TEST(conv_int_of_parts_of_pixels)
{
    ENGINE(0, "graph \"g\"\ninput %x : u8[1,6,6,20]\nconst %w : i8[9,2,3,3] = splat -77\n"
              "const %z : u8[] = 100\n%n = max(%x, %z)\n%a, %b, %d = split(%n) {axis = 1}\n"
              "%c = conv_int(%d, %w, %z) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], "
              "group = 1}\noutput %c");
}

TEST(conv_int_by_channel)
{
    static const enum tro_dtype types[] = {TRO_U8, TRO_I8};
    static const int64_t channels[] = {3, 16, 20, 64, 67, 130};
    for (int i = 0; i < 24; i++) {
        const int64_t c = channels[i / 4];
        const struct int_shape s = {types[i % 2],
                                    types[i / 2 % 2],
                                    4,
                                    1,
                                    c,
                                    {9, 11},
                                    c,
                                    c,
                                    3 + i / 2 % 2,
                                    1 + i / 4 % 2,
                                    1 + (i == 9),
                                    i % 3,
                                    i % 2 ? "-3" : "131",
                                    i % 5 == 0   ? "*"
                                    : i % 5 == 1 ? ""
                                                 : "1"};
        check(&s, "depthwise_int8");
    }
}

/* Sums of pairs would leave 16 bits, and sums of all come near the end of float's integers. */
TEST(conv_int_of_extremes)
{
    static const char *const ends[] = {"max(%x, %hi)", "min(%x, %lo)"};
    for (int i = 0; i < 8; i++) {
        struct tro_buf b = {0};
        const bool is_u8 = i & 1;
        tro_buf_printf(&b,
                       "graph \"g\"\ninput %%x : %s[1,600,3,4]\nconst %%lo : %s[] = %s\n"
                       "const %%hi : %s[] = %s\nconst %%w : i8[20,600,2,2] = splat %s\n"
                       "const %%zx : %s[] = %s\n%%e = %s\n"
                       "%%c = conv_int(%%e, %%w, %%zx) {strides = [1,1], dilations = [1,1], "
                       "pads = [1,1,1,1], group = 1}\noutput %%c",
                       is_u8 ? "u8" : "i8", is_u8 ? "u8" : "i8", is_u8 ? "0" : "-128",
                       is_u8 ? "u8" : "i8", is_u8 ? "255" : "127", i & 4 ? "-128" : "127",
                       is_u8 ? "u8" : "i8", is_u8 ? "255" : "127", ends[i >> 1 & 1]);
        CHECK(kit_run(&b, 0));
        CHECK_HAS(engine_kernels(), "conv_int8");
    }
}

static void check_tail(const struct int_shape *s, const char *tail)
{
    struct tro_buf b = {0};
    kit_put_region(&b, s, tail);
    CHECK(kit_run(&b, strstr(tail, "sigmoid") ? 1e-6 : 0));
    CHECK_HAS(engine_kernels(), s->group == s->c ? "depthwise_int8" : "conv_int8");
}

TEST(conv_int_epilogues)
{
    static const char *const tails[] = {
        "%r = requantize(%c, %s, %z)",
        "%t = add(%c, %bias)\n%r = requantize(%t, %s, %zi)",
        "%t = add(%bias, %c)\n%q = requantize(%t, %s1, %z)\n%m = max(%q, %lo)\n%r = min(%m, %hi)",
        "%r = requantize(%c, %big, %zi)",
        "%t = dequantize(%c, %s)\n%u = max(%t, %f)\n%r = quantize(%u, %s1, %z) {to = u8}",
        "%q = requantize(%c, %s, %z)\n%t = dequantize(%q, %s1, %z)\n%r = sigmoid(%t)",
        "%t = add(%c, %bias)\n%q = requantize(%t, %s, %zi)\n%r = table(%q, %table)",
        "%q = requantize(%c, %s, %z)\n%m = min(%q, %hi)\n%r = table(%m, %table)",
        "%q = requantize(%c, %s16, %zw16)\n%r = table(%q, %between) {to = i8}",
        "%d = dequantize(%c, %s)\n%r = add(%d, %term)",
        "%q = requantize(%c, %s, %zi)\n%m = max(%q, %zi)\n%d = dequantize(%m, %s1, %zi)\n"
        "%k = dequantize(%skip, %s1, %zi)\n%e = add(%d, %k)\n%g = max(%e, %f)\n"
        "%r = quantize(%g, %s1, %z) {to = u8}",
        "%t = add(%c, %bias)\n%d = dequantize(%t, %s)\n%u = add(%term, %d)\n"
        "%e = add(%wide, %u)\n%r = quantize(%e, %s1, %zi) {to = i8}",
        "%d = dequantize(%c, %s)\n%u = add(%d, %term)\n%v = max(%u, %f)\n"
        "%k = dequantize(%skip, %s1, %zi)\n%e = add(%k, %v)\n%r = quantize(%e, %s1, %z) {to = u8}",
        "%d = dequantize(%c, %s)\n%v = min(%d, %f)\n%e = add(%wide, %v)\n%r = max(%e, %f)",
        "%d = dequantize(%c, %s)\n%u = add(%term, %d)\n%v = add(%f, %u)\n%r = add(%wide, %v)",
        "%d = dequantize(%c, %s)\n%e = max(%d, %f)\n%g = add(%e, %d)\n"
        "%r = quantize(%g, %s1, %zi) {to = i8}",
    };
    const struct int_shape shapes[] = {
        {TRO_U8, TRO_I8, 4, 2, 24, {9, 20}, 45, 1, 3, 1, 1, 1, "128", ""},
        {TRO_I8, TRO_I8, 4, 1, 64, {9, 7}, 160, 1, 1, 1, 1, 0, "4", ""},
        {TRO_U8, TRO_I8, 4, 1, 70, {9, 9}, 70, 70, 3, 1, 1, 1, "128", ""},
        {TRO_I8, TRO_I8, 4, 1, 12, {9, 9}, 30, 3, 3, 2, 1, 1, "", "*"},
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
            check_tail(&shapes[k], tails[i]);
}

/* The zero point may come with the picture. */
TEST(conv_int_of_a_zero_made_at_run_time)
{
    ENGINE(0, "graph \"g\"\ninput %x : u8[1,8,6,6]\ninput %z : u8[]\nconst %w : i8[9,8,3,3] = "
              "splat -77\nconst %o : u8[] = 1\n%v = add(%z, %o)\n"
              "%c = conv_int(%x, %w, %v) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], "
              "group = 1}\noutput %c");
    CHECK_HAS(engine_kernels(), "conv_int8");
}

/* Heads of one and few channels. */
TEST(conv_int_with_few_results)
{
    static const char *const tails[] = {
        "%t = dequantize(%c, %s)\n%u = add(%t, %term)\n%r = sigmoid(%u)",
        "%t = dequantize(%c, %s)\n%u = mul(%t, %wide)\n%r = quantize(%u, %s1, %z) {to = u8}",
        "%t = add(%c, %bias)\n%u = mul(%t, %t)\n%r = requantize(%u, %s, %zi)"};
    for (int i = 0; i < 15; i++) {
        const struct int_shape s = {TRO_U8,
                                    TRO_I8,
                                    4,
                                    2,
                                    i % 2 ? 8 : 3,
                                    {5, i < 6 ? 300 : 3},
                                    1 + i % 5,
                                    1,
                                    i % 2 ? 1 : 3,
                                    1,
                                    1,
                                    i % 2 ? 0 : 1,
                                    "7",
                                    ""};
        check_tail(&s, tails[i / 5]);
    }
}

TEST(conv_int_into_a_concatenation)
{
    ENGINE(0, "graph \"g\"\ninput %x : u8[1,8,6,6]\nconst %w : i8[9,8,1,1] = splat -77\n"
              "const %s : f32[] = 0.003\nconst %z : u8[] = 100\n"
              "%y = fused(%x) {\ninput %a : u8[1,8,6,6]\n%c = conv_int(%a, %w) {strides = [1,1], "
              "dilations = [1,1], pads = [0,0,0,0], group = 1}\n%r = requantize(%c, %s, %z)\n"
              "output %r\n}\n%n = max(%x, %z)\n%t = concat(%n, %y, %x) {axis = 1}\noutput %t");
}

/* ---- transposed convolutions ---------------------------------------------------------------- */

TEST(conv_transpose_int_into_its_windows)
{
    for (size_t i = 0; i < sizeof kit_up_shapes / sizeof kit_up_shapes[0]; i++)
        for (size_t k = 0; k < sizeof kit_up_tails / sizeof kit_up_tails[0]; k++) {
            struct tro_buf b = {0};
            kit_put_up(&b, &kit_up_shapes[i], kit_up_tails[k]);
            CHECK(kit_run(&b, 0));
            CHECK_HAS(engine_kernels(), "conv_int8");
        }
}

/* The reference alone does what windows that overlap need. */
TEST(conv_transpose_int_of_windows_that_overlap)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\ninput %x : u8[1,4,5,5]\nconst %z : u8[] = 3\n");
    kit_const(&b, "w", TRO_I8, 4, (const int64_t[]){4, 2, 3, 3}, 17);
    tro_buf_str(&b, "%c = conv_transpose_int(%x, %w, %z) {strides = [2,2], dilations = [1,1], "
                    "pads = [1,1,0,0], group = 2, output_padding = [0,0]}\noutput %c");
    CHECK(kit_run(&b, 0));
}

/* ---- tiles ---------------------------------------------------------------------------------- */

enum { GUARD = 77, MOST = 4096 };
static uint8_t tile_a[MOST];
static int8_t tile_b[MOST];
static int32_t tile_init[64], tile_c[MOST], tile_want[MOST];

static int32_t product(const struct tro_int8_rows *a, int i, int j, int cols, bool is_signed)
{
    uint32_t sum = (uint32_t)tile_init[j];
    for (int64_t k = 0; k < a->n_runs * a->n_k4 * 4; k++) {
        const int64_t run = k / (a->n_k4 * 4), at = k % (a->n_k4 * 4);
        const uint8_t v = a->at[i * a->pitch + run * a->run_step + at];
        sum += (uint32_t)((is_signed ? (int8_t)v : v) * tile_b[(k / 4 * cols + j) * 4 + k % 4]);
    }
    return (int32_t)sum;
}

static bool check_tile(const struct tro_int8_level *l, const struct tro_int8_tile *t)
{
    const struct tro_int8_rows a = {tile_a, 12, 3, 500, 3};
    const int64_t pitch = t->cols + 5;
    for (int n = 1; n <= t->rows; n++) {
        for (int i = 0; i < MOST; i++)
            tile_c[i] = tile_want[i] = GUARD;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < t->cols; j++)
                tile_want[i * pitch + j] = product(&a, i, j, t->cols, l->is_a_signed);
        t->gemm(&a, tile_b, tile_init, tile_c, pitch, n);
        if (memcmp(tile_c, tile_want, sizeof tile_c) != 0) {
            printf("%s: %d rows\n", t->conv_name, n);
            return false;
        }
    }
    return true;
}

static const struct tro_int8_level *level_of(const char *name)
{
    uint32_t mask;
    if (!tro_cpu_level_mask(name, &mask))
        return NULL;
    tro_cpu_mask(mask);
    const uint32_t flags = tro_cpu_flags();
    tro_cpu_mask(UINT32_MAX);
    return flags == mask ? tro_int8_pick(flags) : NULL;
}

TEST(int8_tiles_of_every_height)
{
    static const char *const names[] = {"generic",    "avx2", "avxvnni", "avx512",
                                        "avx512vnni", "neon", "neondot"};
    for (int i = 0; i < MOST; i++) {
        tile_a[i] = (uint8_t)(i * 37 % 11 ? i * 151 >> 2 : 255);
        tile_b[i] = (int8_t)(i * 53 % 13 ? i * 89 >> 1 : -128);
    }
    for (int i = 0; i < 64; i++)
        tile_init[i] = i * 77777 - 2000000;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct tro_int8_level *const l = level_of(names[i]);
        for (int t = 0; l && t < TRO_INT8_MAX_TILES && l->tile[t].gemm; t++)
            CHECK(check_tile(l, &l->tile[t]));
    }
}

/* The last step with something to choose from, of a program for two threads. */
static const char *const *candidates_of(const struct engine_kit *k, struct tro_arena *arena,
                                        const char **problem)
{
    struct tro_err err = {0};
    const char *const *names = NULL;
    struct tro_packs *const packs = tro_packs_create(&err);
    const struct tro_lower_opts opts = {
        .backend = &tro_cpu_backend, .cpu_flags = tro_cpu_flags(), .n_threads = 2, .packs = packs};
    struct tro_program *const p = tro_lower(k->g, &k->env, &opts, &err);
    for (int32_t i = 0; p && i < p->n_steps; i++) {
        const struct tro_step *const s = &p->steps[i];
        size_t n = 0;
        while (s->candidates && s->candidates[n])
            n++;
        if (n == 0)
            continue;
        const char **const copy = TRO_NEW_N(arena, const char *, n + 1);
        for (size_t j = 0; j < n; j++)
            copy[j] = tro_arena_strdup(arena, s->candidates[j]);
        *problem = tro_arena_strdup(arena, s->problem);
        names = copy;
    }
    tro_program_destroy(p);
    tro_packs_destroy(packs);
    return names;
}

static bool run_candidates_of(const struct engine_kit *k, const char *level, uint32_t mask)
{
    struct tro_arena arena = {0};
    const char *problem = "";
    uint64_t bits;
    tro_cpu_mask(mask);
    const char *const *const names = candidates_of(k, &arena, &problem);
    bool ok = engine_kit_run(k, level, mask, 1, &bits);
    for (size_t i = 0; ok && names && names[i]; i++) {
        struct tro_choices choices = {0};
        struct engine_kit own = *k;
        own.choices = &choices;
        ok = tro_choices_set(&choices, problem, names[i]) >= 0 &&
             engine_kit_run(&own, level, mask, 2, &bits);
        if (!ok)
            printf("%s: %s\n", level, names[i]);
        tro_choices_finish(&choices);
    }
    tro_arena_finish(&arena);
    return ok;
}

static bool run_candidates(const struct engine_kit *k)
{
    static const char *const names[] = {"generic",    "avx2", "avxvnni", "avx512",
                                        "avx512vnni", "neon", "neondot"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t mask;
        if (tro_cpu_level_mask(names[i], &mask) && (tro_cpu_flags() & mask) == mask &&
            !run_candidates_of(k, names[i], mask))
            return false;
    }
    return true;
}

static void check_candidates(const struct int_shape *s, const char *tail)
{
    struct tro_err err = {0};
    struct tro_buf b = {0};
    kit_put_region(&b, s, tail);
    struct tro_graph *const g = tro_graph_parse((struct tro_str){(const char *)b.p, b.n}, "test",
                                                &err);
    CHECK(g && engine_kit_graph(g, 0, NULL, run_candidates));
    tro_graph_destroy(g);
    tro_buf_finish(&b);
}

/* What the tuner may choose from is all right, not the first guess alone. */
TEST(conv_int_by_each_candidate)
{
    static const char *const tails[] = {
        "%t = add(%c, %bias)\n%r = requantize(%t, %s, %zi)",
        "%t = dequantize(%c, %s)\n%u = max(%t, %f)\n%r = quantize(%u, %s1, %z) {to = u8}"};
    const struct int_shape shapes[] = {
        {TRO_U8, TRO_I8, 4, 2, 24, {9, 20}, 45, 1, 3, 1, 1, 1, "128", ""},
        {TRO_I8, TRO_I8, 4, 1, 3, {9, 31}, 20, 1, 3, 2, 1, 1, "4", ""},
        {TRO_I8, TRO_I8, 4, 1, 12, {9, 5}, 16, 2, 1, 1, 1, 0, "4", ""},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t k = 0; k < sizeof tails / sizeof tails[0]; k++)
            check_candidates(&shapes[i], tails[k]);
}

/* ---- products ------------------------------------------------------------------------------ */

static void check_matmul(const char *a, const char *b_type, int64_t k, int64_t n, const char *zeros,
                         const char *args, const char *tail)
{
    struct tro_buf b = {0};
    tro_buf_printf(&b, "graph \"g\"\ninput %%a : %s\n%s\n", a, zeros);
    kit_const(&b, "b", tro_dtype_from_name(b_type), 2, (const int64_t[]){k, n}, 17);
    tro_buf_printf(&b, "%%c = matmul_int(%%a, %%b%s)\n%s", args, tail);
    CHECK(kit_run(&b, 0));
    CHECK_HAS(engine_kernels(), "matmul_int8");
}

TEST(matmul_int_shapes_and_zeros)
{
    check_matmul("u8[1,64]", "i8", 64, 10, "", "", "output %c");
    check_matmul("i8[1,63]", "i8", 63, 100, "", "", "output %c");
    check_matmul("u8[37,64]", "i8", 64, 10, "const %z : u8[] = 9", ", %z", "output %c");
    check_matmul("u8[37,65]", "u8", 65, 40, "const %z : u8[] = 9\nconst %y : u8[] = 3", ", %z, %y",
                 "output %c");
    check_matmul("i8[3,5,40]", "i8", 40, 33, "const %z : i8[1] = 9\nconst %y : i8[33] = splat -7",
                 ", %z, %y", "output %c");
    check_matmul("u8[5,40]", "i8", 40, 33, "const %z : u8[5] = 1 200 3 40 255", ", %z",
                 "output %c");
    check_matmul("i8[5,40]", "u8", 40, 33,
                 "const %z : i8[5,1] = 1 -100 3 40 -128\n"
                 "const %y : u8[1,33] = splat 200",
                 ", %z, %y", "output %c");
    check_matmul("u8[150,300]", "i8", 300, 257, "const %z : u8[] = 9", ", %z", "output %c");
}

TEST(matmul_int_of_strided_rows)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\ninput %x : u8[4,3,2,20]\n");
    kit_const(&b, "b", TRO_I8, 2, (const int64_t[]){20, 30}, 17);
    tro_buf_str(&b, "%t = transpose(%x) {perm = [1,2,0,3]}\n%c = matmul_int(%t, %b)\noutput %c");
    CHECK(kit_run(&b, 0));
    CHECK_HAS(engine_kernels(), "matmul_int8");
}

TEST(matmul_int_requantized)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\ninput %x : u8[2,9,40]\nconst %zx : u8[] = 77\n");
    kit_const(&b, "w", TRO_I8, 2, (const int64_t[]){40, 70}, 17);
    kit_const(&b, "bias", TRO_I32, 1, (const int64_t[]){70}, 18);
    tro_buf_str(&b, "const %s : f32[70] = splat 0.0017\nconst %z : i8[] = 5\n%y = fused(%x) {\n"
                    "input %a : u8[2,9,40]\n%c = matmul_int(%a, %w, %zx)\n%d = add(%c, %bias)\n"
                    "%r = requantize(%d, %s, %z)\noutput %r\n}\noutput %y");
    CHECK(kit_run(&b, 0));
    CHECK_HAS(engine_kernels(), "matmul_int8");
}

/* Attention has products of two tensors that are made at run time. */
TEST(matmul_int_of_two_tensors)
{
    static const char *const cases[] = {
        "input %a : i8[2,3,70,16]\ninput %b : i8[2,3,16,72]\n%c = matmul_int(%a, %b)\n",
        "input %a : u8[5,9,33]\ninput %b : u8[5,33,7]\nconst %z : u8[] = 9\n"
        "const %y : u8[] = 130\n%c = matmul_int(%a, %b, %z, %y)\n",
        "input %a : i8[4,1,30,20]\ninput %k : i8[3,41,20]\nconst %y : i8[] = -7\n"
        "%b = transpose(%k) {perm = [0,2,1]}\n%c = matmul_int(%a, %b, _, %y)\n",
        "input %a : u8[3,1]\ninput %b : i8[1,5]\ninput %z : u8[]\n%c = matmul_int(%a, %b, %z)\n",
        "input %a : i8[130,64]\ninput %b : u8[64,40]\n%c = matmul_int(%a, %b)\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tro_buf b = {0};
        tro_buf_printf(&b, "graph \"g\"\n%soutput %%c", cases[i]);
        CHECK(kit_run(&b, 0));
        CHECK_HAS(engine_kernels(), "matmul_int8");
    }
}
