/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: maps as runs, depths, bytes between processes, JSON. */
#include "base/alloc.h"
#include "base/random.h"
#include "console/core/finding.h"
#include "console/core/finding_code.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { BYTES = 524288 };

/* An 8 x 4 map of two labels and a 4 x 2 grid over a frame of 640 x 360. */
static void fill(struct tro_findings *f)
{
    static const uint8_t labels[32] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                       2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    tro_findings_clear(f);
    f->frame = 812;
    f->captured_ns = INT64_C(27066700000);
    f->started_ns = INT64_C(27067000000);
    f->ready_ns = INT64_C(27075000000);
    f->engine = UINT64_C(0x5be0c6aa01234567);
    f->network = 1;
    f->tier = 2;
    f->width = 640;
    f->height = 360;
    CHECK(tro_findings_add(f, &(struct tro_finding){.kind = TRO_FINDING_BOX,
                                                    .label = 1,
                                                    .score = 0.93f,
                                                    .track = 4,
                                                    .x = 271,
                                                    .y = 149.2f,
                                                    .x0 = 212,
                                                    .y0 = 96.5f,
                                                    .x1 = 330.1f,
                                                    .y1 = 201.9f,
                                                    .age_ms = 33.5f}));
    CHECK(tro_findings_add(f, &(struct tro_finding){.kind = TRO_FINDING_SCALAR,
                                                    .label = 0,
                                                    .score = 1,
                                                    .value = 0.02f,
                                                    .unit = TRO_UNIT_PERCENT}));
    CHECK(tro_findings_add(f, &(struct tro_finding){.kind = TRO_FINDING_MASK,
                                                    .label = 1,
                                                    .score = 0.5f,
                                                    .area_px = 50400,
                                                    .x1 = 300,
                                                    .y1 = 200}));
    tro_findings_pack(f, labels, 8, 4);
    f->grid_width = 4;
    f->grid_height = 2;
    for (int i = 0; i < 8; i++)
        f->grid[i] = (uint16_t)(i == 5 ? 0 : 1000 + i * 100);
}

static struct tro_findings *make(void)
{
    struct tro_findings *const f = calloc(1, sizeof(*f));
    struct tro_err err = {0};
    CHECK_INT(tro_findings_init(f, &err), 0);
    fill(f);
    return f;
}

static void end(struct tro_findings *f)
{
    tro_findings_finish(f);
    free(f);
}

TEST(finding_units)
{
    CHECK_STR(tro_unit_name(TRO_UNIT_NONE), "");
    CHECK_STR(tro_unit_name(TRO_UNIT_MM_PER_S), "mm/s");
    CHECK_STR(tro_unit_name(TRO_UNIT_PERCENT), "%");
}

TEST(finding_memory_may_run_out)
{
    struct tro_findings f;
    struct tro_err err = {0};
    for (int i = 0; i < 2; i++) {
        tro_alloc_fail_after(i);
        const int rc = tro_findings_init(&f, &err);
        tro_alloc_fail_after(-1);
        CHECK_INT(rc, TRO_E_NOMEM);
    }
}

TEST(finding_add_checks_numbers)
{
    struct tro_findings *const f = make();
    tro_findings_clear(f);
    CHECK(!tro_findings_add(f, &(struct tro_finding){.x = NAN}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.x0 = NAN}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.y1 = INFINITY}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.score = NAN}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.value = -INFINITY}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.area_px = -1}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.label = TRO_FINDINGS_MAX_NAMES}));
    CHECK(!tro_findings_add(f, &(struct tro_finding){.label = -1}));
    CHECK_INT(f->n, 0);
    CHECK(!f->is_cut);
    CHECK(tro_findings_add(
        f, &(struct tro_finding){.x0 = 5, .x1 = 3, .y0 = 1e9f, .y1 = 2, .score = 1.5f}));
    CHECK_NEAR(f->items[0].x0, 3, 0);
    CHECK_NEAR(f->items[0].x1, 5, 0);
    CHECK_NEAR(f->items[0].y0, 2, 0);
    CHECK_NEAR(f->items[0].y1, TRO_FINDINGS_MAX_PLACE, 0);
    CHECK_NEAR(f->items[0].score, 1, 0);
    while (f->n < TRO_FINDINGS_MAX)
        CHECK(tro_findings_add(f, &(struct tro_finding){0}));
    CHECK(!f->is_cut);
    CHECK(!tro_findings_add(f, &(struct tro_finding){0}));
    CHECK(f->is_cut);
    CHECK_INT(f->n, TRO_FINDINGS_MAX);
    end(f);
}

TEST(finding_maps_unpack_as_packed)
{
    struct tro_findings *const f = make();
    const int width = 499, height = 331;
    uint8_t *const labels = malloc((size_t)width * height), *const again = malloc(width * height);
    uint32_t state = 7;
    for (int i = 0; i < width * height; i++) {
        state = state * 1664525u + 1013904223u;
        labels[i] = (uint8_t)(i > 70000 ? 9 : (i / 17 + (state >> 27 == 0)) % 5);
    }
    tro_findings_clear(f);
    tro_findings_pack(f, labels, width, height);
    CHECK_INT(f->map_width, width);
    CHECK_INT(f->map_height, height);
    CHECK(f->n_runs > 4000 && f->n_runs <= TRO_FINDINGS_MAX_RUNS);
    CHECK(!f->is_cut);
    memset(again, 0xee, (size_t)width * height);
    tro_findings_unpack(f, again);
    CHECK(memcmp(labels, again, (size_t)width * height) == 0);
    free(labels);
    free(again);
    end(f);
}

/* Every pixel is another label than its neighbour's: halved until it fits. */
TEST(finding_maps_are_halved_where_they_do_not_fit)
{
    struct tro_findings *const f = make();
    const int width = 640, height = 360;
    uint8_t *const labels = malloc((size_t)width * height), *const again = malloc(width * height);
    for (int i = 0; i < width * height; i++)
        labels[i] = (uint8_t)(i % width / 2 % 2 + i / width / 4 % 2 * 2);
    tro_findings_clear(f);
    tro_findings_pack(f, labels, width, height);
    CHECK(f->is_cut);
    CHECK_INT(f->map_width, 160);
    CHECK_INT(f->map_height, 90);
    tro_findings_unpack(f, again);
    int n_bad = 0;
    for (int y = 0; y < f->map_height; y++)
        for (int x = 0; x < f->map_width; x++)
            n_bad += again[y * f->map_width + x] != labels[(y * 4 + 2) * width + x * 4 + 2];
    CHECK_INT(n_bad, 0);
    free(labels);
    free(again);
    end(f);
}

TEST(finding_long_runs_and_high_labels)
{
    struct tro_findings *const f = make();
    const int width = 2048, height = 2048;
    uint8_t *const labels = calloc((size_t)width, height), *const again = malloc(width * height);
    labels[5] = TRO_FINDINGS_MAX_NAMES;
    labels[width * height - 1] = 1;
    tro_findings_clear(f);
    tro_findings_pack(f, labels, width, height);
    CHECK(!f->is_cut);
    CHECK_INT(f->n_runs, 65 + 1);
    tro_findings_unpack(f, again);
    labels[5] = 0;
    CHECK(memcmp(labels, again, (size_t)width * height) == 0);
    free(labels);
    free(again);
    end(f);
}

TEST(finding_depth_is_linear_between_what_is_known)
{
    struct tro_findings *const f = make();
    CHECK_NEAR(tro_findings_depth_at(f, 80, 90), 10, 1e-5);
    CHECK_NEAR(tro_findings_depth_at(f, 160, 90), 10.5, 1e-5);
    CHECK_NEAR(tro_findings_depth_at(f, 80, 180), 12, 1e-5);
    CHECK_NEAR(tro_findings_depth_at(f, 0, 0), 10, 1e-5);     /* beyond the first middle */
    CHECK_NEAR(tro_findings_depth_at(f, 640, 360), 17, 1e-5); /* and the last */
    CHECK_NEAR(tro_findings_depth_at(f, 240, 270), 0, 0);     /* nothing is known here */
    CHECK_NEAR(tro_findings_depth_at(f, 160, 270), 14, 1e-5); /* of its neighbour alone */
    CHECK_NEAR(tro_findings_depth_at(f, -1, 90), 0, 0);
    CHECK_NEAR(tro_findings_depth_at(f, 80, 361), 0, 0);
    CHECK_NEAR(tro_findings_depth_at(f, NAN, 90), 0, 0);
    f->grid_width = f->grid_height = 0;
    CHECK_NEAR(tro_findings_depth_at(f, 80, 90), 0, 0);
    end(f);
}

/* ---- bytes ----------------------------------------------------------------------------- */

TEST(finding_reads_what_was_written)
{
    struct tro_findings *const f = make(), *const g = make();
    uint8_t *const bytes = malloc(BYTES), *const again = malloc(BYTES);
    struct tro_err err = {0};
    f->is_cut = true;
    const size_t n = tro_findings_write(f, bytes, BYTES);
    CHECK_INT(n, 88 + 3 * 48 + f->n_runs * 3 + 16);
    CHECK_INT(tro_findings_write(f, bytes, n), n);
    CHECK_INT(tro_findings_write(f, again, n - 1), 0);
    tro_findings_clear(g);
    CHECK_INT(tro_findings_read(g, bytes, n, &err), 0);
    CHECK_STR(err.text, "");
    CHECK(g->frame == f->frame && g->captured_ns == f->captured_ns && g->engine == f->engine);
    CHECK(g->tier == 2 && g->is_cut && g->n == 3 && g->items[0].track == 4);
    CHECK(memcmp(g->items, f->items, sizeof(f->items)) == 0);
    CHECK_INT(tro_findings_write(g, again, BYTES), n);
    CHECK(memcmp(bytes, again, n) == 0);
    tro_findings_clear(g);
    tro_findings_copy(g, f);
    CHECK_INT(tro_findings_write(g, again, BYTES), n);
    CHECK(memcmp(bytes, again, n) == 0);
    free(bytes);
    free(again);
    end(f);
    end(g);
}

TEST(finding_greatest_message_has_room)
{
    struct tro_findings *const f = make();
    uint8_t *const bytes = malloc(BYTES);
    while (tro_findings_add(f, &(struct tro_finding){0}))
        ;
    for (int i = 0; i < TRO_FINDINGS_MAX_RUNS; i++)
        f->runs[i] = (struct tro_run){.label = (uint8_t)(i % 2), .length = 1};
    f->n_runs = TRO_FINDINGS_MAX_RUNS;
    f->map_width = 256;
    f->map_height = 128;
    f->grid_width = f->grid_height = 256;
    const size_t n = tro_findings_write(f, bytes, BYTES);
    CHECK_INT(n, 88 + 128 * 48 + 32768 * 3 + 65536 * 2);
    struct tro_err err = {0};
    CHECK_INT(tro_findings_read(f, bytes, n, &err), 0);
    free(bytes);
    end(f);
}

TEST(finding_reader_refuses_damage)
{
    static const struct {
        size_t at; /* of a little-endian word */
        uint32_t word;
        const char *message;
    } cases[] = {
        {0, 2, "findings: expected version of 1 to 1, found 2"},
        {4, 0, "expected frame of 1 to"},
        {16, UINT32_MAX, "expected time of capture"},
        {24, UINT32_MAX, "expected time of start"},
        {32, UINT32_MAX, "expected time of end"},
        {44, 256, "expected network of 0 to 255, found 256"},
        {48, 256, "expected tier"},
        {52, 0, "expected width of 1 to 8192, found 0"},
        {56, 8193, "expected height"},
        {60, 2, "mark of what is cut"},
        {64, 129, "expected number of items of 0 to 128, found 129"},
        {64, 2, "bytes after the head"},
        {68, 0, "expected both sides of map and grid"},
        {68, 9, "expected pixels in the runs of 36 to 36, found 32"},
        {72, 8193, "expected height of the map"},
        {76, 32769, "expected number of runs"},
        {80, 8192, "bytes after the head"},
        {84, 0, "expected both sides"},
        {88, 0x00400102, "item 0: expected a kind below 5, a label below 64"},
        {88, 0x01000105, "found 5, 1, 0, 1"},
        {96, 0x40000000, "item 0: expected finite numbers, a score of 0 to 1"},
        {100, 0x7fc00000, "item 0: expected finite numbers"},
        {100, 0x4b000000, "places within 2^17 pixels"},
        {108, 0x44000000, "corners in order"},
        {124, 0xbf800000, "item 0"},
        {128, 0x7f800000, "item 0"},
        {232, 0x0a0040, "run 0: expected a label below 64 and a length of 1 or more"},
        {232, 0x00000002, "run 0"},
    };
    struct tro_findings *const f = make();
    uint8_t *const bytes = malloc(BYTES), *const bad = malloc(BYTES);
    const size_t n = tro_findings_write(f, bytes, BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tro_err err = {0};
        memcpy(bad, bytes, n);
        for (size_t k = 0; k < 4; k++)
            bad[cases[i].at + k] = (uint8_t)(cases[i].word >> (8 * k));
        CHECK_INT(tro_findings_read(f, bad, n, &err), TRO_E_INPUT);
        CHECK_HAS(err.text, cases[i].message);
        CHECK(f->n == 0 && f->n_runs == 0 && f->grid_width == 0);
    }
    free(bytes);
    free(bad);
    end(f);
}

TEST(finding_reader_refuses_cut_messages)
{
    struct tro_findings *const f = make();
    uint8_t *const bytes = malloc(BYTES);
    const size_t n = tro_findings_write(f, bytes, BYTES);
    for (size_t i = 0; i < n; i++) {
        struct tro_err err = {0};
        uint8_t *const part = malloc(i + 1); /* of its own, so that sanitizers see its end */
        memcpy(part, bytes, i);
        CHECK_INT(tro_findings_read(f, part, i, &err), TRO_E_INPUT);
        free(part);
    }
    struct tro_err err = {0};
    bytes[n] = 0;
    CHECK_INT(tro_findings_read(f, bytes, n + 1, &err), TRO_E_INPUT);
    free(bytes);
    end(f);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static char *json_of(const struct tro_findings *f, enum tro_findings_planes planes, int64_t now_ns)
{
    static const struct tro_finding_names names = {.n = 2, .name = {"liver", "hook"}};
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_findings_json(f, &names, "instruments", now_ns, planes, &j);
    tro_json_object_end(&j);
    tro_buf_u8(&j.buf, 0);
    CHECK(!j.buf.failed);
    return (char *)j.buf.p;
}

TEST(finding_json)
{
    struct tro_findings *const f = make();
    char *text = json_of(f, TRO_PLANES_NONE, f->captured_ns + 21440000);
    CHECK_STR(text,
              "{\"frame\": 812,\"network\": \"instruments\",\"tier\": 2,\"engine\": "
              "\"5be0c6aa01234567\",\"age_ms\": 21.4,\"items\": [{\"kind\": \"box\",\"name\": "
              "\"hook\",\"score\": 0.93,\"track\": 4,\"age_ms\": 33.5,\"box\": "
              "[212,96.5,330.1,201.9],\"x\": 271,\"y\": 149.2},{\"kind\": \"scalar\",\"name\": "
              "\"liver\",\"score\": 1,\"value\": 0.02,\"unit\": \"%\"},{\"kind\": "
              "\"mask\",\"name\": \"hook\",\"score\": 0.5,\"area_px\": 50400,\"box\": "
              "[0,0,300,200],\"x\": 0,\"y\": 0}]}\n");
    tro_free(text);
    text = json_of(f, TRO_PLANES_EXACT, 0);
    CHECK_HAS(text, "\"captured_ns\": 27066700000,\"started_ns\": 27067000000,\"ready_ns\": "
                    "27075000000,\"width\": 640,\"height\": 360,");
    CHECK_HAS(text, "\"map\": {\"width\": 8,\"height\": 4,\"runs\": "
                    "\"AgoAAQMAAgUAAQQAAgoA\"}");
    CHECK_HAS(text, "\"grid\": {\"width\": 4,\"height\": 2,\"mm\": \"6ANMBLAEFAV4BQAAQAakBg==\"}");
    tro_free(text);
    end(f);
}

/* As the page reads them. */
struct reader {
    const struct tro_buf *bytes;
    size_t at;
    uint32_t range, code;
};

static uint32_t next_byte(struct reader *r)
{
    return r->at < r->bytes->n ? r->bytes->p[r->at++] : (CHECK(!"enough bytes"), 0);
}

static unsigned bit_read(struct reader *r, uint16_t *model)
{
    const uint32_t zeros = (r->range >> 11) * *model;
    const bool bit = r->code >= zeros;
    r->code -= bit ? zeros : 0;
    r->range = bit ? r->range - zeros : zeros;
    *model = (uint16_t)(bit ? *model - (*model >> 4) : *model + ((2048 - *model) >> 4));
    for (; r->range < 1u << 24; r->range <<= 8)
        r->code = r->code << 8 | next_byte(r);
    return bit;
}

static unsigned bits_read(struct reader *r, uint16_t *models, int n)
{
    unsigned node = 1;
    for (int i = 0; i < n; i++)
        node = node << 1 | bit_read(r, &models[node]);
    return node - (1u << n);
}

static struct reader reader_of(const struct tro_buf *b, uint16_t *models, size_t n)
{
    struct reader r = {.bytes = b, .range = UINT32_MAX};
    for (int i = 0; i < 5; i++)
        r.code = r.code << 8 | next_byte(&r);
    for (size_t i = 0; i < n; i++)
        models[i] = 1024;
    return r;
}

static void labels_read(const struct tro_buf *b, int width, int height, uint8_t *labels)
{
    uint16_t models[8 + 1 + 256];
    struct reader r = reader_of(b, models, 8 + 1 + 256);
    for (int i = 0; i < width * height; i++) {
        const int x = i % width, y = i / width;
        uint8_t *const at = labels + i;
        const uint8_t left = x ? at[-1] : y ? at[-width] : 0, above = y ? at[-width] : left;
        const uint8_t before = x && y ? at[-width - 1] : above;
        const uint8_t after = y && x + 1 < width ? at[1 - width] : above;
        const int around = (left == above) + 2 * (before == above) + 4 * (after == above);
        if (!bit_read(&r, &models[around]))
            *at = above;
        else if (left != above && !bit_read(&r, &models[8]))
            *at = left;
        else
            *at = (uint8_t)bits_read(&r, models + 9, 8);
    }
    CHECK_INT(r.at, b->n);
}

static void compare_map(struct tro_findings *f, const uint8_t *labels, int width, int height,
                        int step)
{
    const int w = (width + step - 1) / step, h = (height + step - 1) / step;
    uint8_t *const got = malloc((size_t)w * h);
    struct tro_buf coded = {0};
    tro_findings_pack(f, labels, width, height);
    tro_findings_code_map(f, step, &coded);
    CHECK(!coded.failed);
    labels_read(&coded, w, h, got);
    int n_wrong = 0;
    for (int i = 0; i < w * h; i++)
        n_wrong += got[i] != labels[tro_findings_sample(i / w, step, height) * width +
                                    tro_findings_sample(i % w, step, width)];
    CHECK_INT(n_wrong, 0);
    tro_buf_finish(&coded);
    free(got);
}

/* Every step-th pixel of random shapes, or, without shapes, of noise. */
static void check_map(struct tro_findings *f, int width, int height, int step, unsigned n_shapes)
{
    uint8_t *const labels = malloc((size_t)width * height);
    for (int i = 0; i < width * height; i++)
        labels[i] = n_shapes ? 3 : (uint8_t)(tro_random_word(5, (uint64_t)width, (uint64_t)i) % 64);
    for (unsigned k = 0; k < n_shapes; k++) {
        const int x0 = (int)(tro_random_word(7, (uint64_t)width, 2 * k) % (unsigned)width);
        const int y0 = (int)(tro_random_word(7, (uint64_t)width, 2 * k + 1) % (unsigned)height);
        for (int i = 0; i < width * height; i++)
            if (abs(i % width - x0) + 2 * abs(i / width - y0) < width / 3)
                labels[i] = (uint8_t)k;
    }
    compare_map(f, labels, width, height, step);
    free(labels);
}

TEST(finding_labels_are_the_map)
{
    struct tro_findings *const f = make();
    for (int step = 1; step <= 4; step *= 2) {
        check_map(f, 256, 144, step, 6);
        check_map(f, 1, 9, step, 6);
        check_map(f, 301, 7, step, 6);
        check_map(f, 120, 70, step, 0);
    }
    end(f);
}

static void steps_read(const struct tro_buf *b, int width, int height, uint8_t *steps)
{
    uint16_t models[8 + 9 * 256];
    struct reader r = reader_of(b, models, 8 + 9 * 256);
    for (int i = 0; i < width * height; i++) {
        const int x = i % width, y = i / width;
        uint8_t *const at = steps + i;
        const int left = x ? at[-1] : y ? at[-width] : 128, above = y ? at[-width] : left;
        const int before = x && y ? at[-width - 1] : left;
        const int low = left < above ? left : above, high = left < above ? above : left;
        const int plane = left + above - before;
        int n = 0;
        while (n < 8 && bit_read(&r, &models[n]))
            n++;
        const int folded = 1 << n | (int)bits_read(&r, models + 8 + 256 * n, n);
        *at = (uint8_t)((plane < low    ? low
                         : plane > high ? high
                                        : plane) +
                        (folded % 2 ? folded / 2 : -folded / 2));
    }
    CHECK_INT(r.at, b->n);
}

/* Smooth, noise, and all differences that there can be. */
TEST(finding_steps_are_the_grid)
{
    enum { WIDTH = 32, HEIGHT = 18, N = WIDTH * HEIGHT };
    static const int bytes_at_most[] = {250, 800, 800};
    for (int kind = 0; kind < 3; kind++) {
        uint8_t steps[N], got[N];
        struct tro_buf coded = {0};
        for (int i = 0; i < N; i++) {
            const int x = i % WIDTH, y = i / WIDTH;
            const int values[] = {40 + 5 * x + (y - 9) * (y - 9),
                                  (int)(tro_random_word(3, 1, (uint64_t)i) & 255),
                                  i % 2 ? 255 - i / 2 % 256 : i / 2 % 256};
            steps[i] = (uint8_t)values[kind];
        }
        tro_findings_code_steps(steps, WIDTH, HEIGHT, &coded);
        CHECK(coded.n < (size_t)bytes_at_most[kind]);
        steps_read(&coded, WIDTH, HEIGHT, got);
        CHECK(memcmp(steps, got, N) == 0);
        tro_buf_finish(&coded);
    }
}

/* What the page gets stays within a message of a data channel, however busy the map is. */
TEST(finding_json_for_the_page)
{
    struct tro_findings *const f = make();
    char *const text = json_of(f, TRO_PLANES_SMALL, 0);
    CHECK_HAS(text, "\"map\": {\"width\": 8,\"height\": 4,\"labels\": "
                    "\"AIEApLLZf0w0UAA=\"}");
    CHECK_HAS(text, "\"grid\": {\"width\": 4,\"height\": 2,\"near\": 10,\"far\": 17,\"steps\": "
                    "\"AP798VS4RtmNh4L9adKTFQQ=\"}");
    CHECK(!strstr(text, "area_px"));
    tro_free(text);
    end(f);
}

TEST(finding_json_for_the_page_is_bounded)
{
    struct tro_findings *const f = make();
    const int width = 256, height = 127;
    uint8_t *const labels = malloc((size_t)width * height);
    for (int i = 0; i < width * height; i++)
        labels[i] = (uint8_t)(i * 7 % 13);
    tro_findings_pack(f, labels, width, height);
    CHECK_INT(f->n_runs, width * height);
    while (tro_findings_add(f, &(struct tro_finding){.kind = TRO_FINDING_BOX,
                                                     .score = 0.123f,
                                                     .x = 100.12f,
                                                     .y = 99.123f,
                                                     .x1 = 200.34f,
                                                     .y1 = 198.78f}))
        ;
    f->grid_width = f->grid_height = 256;
    char *const text = json_of(f, TRO_PLANES_SMALL, 0);
    CHECK(strlen(text) < 61440);
    CHECK_HAS(text, "\"cut\": true");
    CHECK_HAS(text, "\"map\": {\"width\": 128,\"height\": 64,\"labels\": ");
    CHECK_HAS(text, "\"grid\": {\"width\": 32,\"height\": 32,\"near\": 0,\"far\": 0,\"steps\": ");
    tro_free(text);
    free(labels);
    end(f);
}
