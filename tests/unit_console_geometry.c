/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths and directions from findings: against exact geometry and against the simulator. */
#include "console/core/geometry.h"
#include "console_truth_kit.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 640, HEIGHT = 360, MAP_WIDTH = 160, MAP_HEIGHT = 90 };
enum { TISSUE, ARTERY, SHAFT, TIP };
#define FOCAL 0.75f
#define BIT(label) (UINT64_C(1) << (label))

static const struct tro_geometry rules = {.focal_length = FOCAL,
                                          .min_score = 0.5f,
                                          .min_area_px = 100,
                                          .max_age_ms = 100,
                                          .min_length_px = 10,
                                          .n_near = 4};

/* A frame that shows tissue at a depth that grows to the right. */
struct world {
    struct tro_findings f;
    uint8_t labels[MAP_WIDTH * MAP_HEIGHT];
};

static float slope_depth(float x, float slope)
{
    return 100 / (1 - slope * (x - WIDTH / 2.0f) / (FOCAL * WIDTH));
}

static void rect(struct world *w, int x0, int y0, int x1, int y1, int label)
{
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            w->labels[y * MAP_WIDTH + x] = (uint8_t)label;
    tro_findings_pack(&w->f, w->labels, MAP_WIDTH, MAP_HEIGHT);
}

/* z = 100 + slope * x, in mm. */
static struct world *world(float slope)
{
    struct world *const w = calloc(1, sizeof(*w));
    struct tro_err err = {0};
    CHECK_INT(tro_findings_init(&w->f, &err), 0);
    w->f.width = WIDTH;
    w->f.height = HEIGHT;
    w->f.grid_width = MAP_WIDTH;
    w->f.grid_height = MAP_HEIGHT;
    for (int i = 0; i < MAP_WIDTH * MAP_HEIGHT; i++) {
        const float x = ((float)(i % MAP_WIDTH) + 0.5f) * WIDTH / MAP_WIDTH;
        w->f.grid[i] = (uint16_t)(slope_depth(x, slope) * 100 + 0.5f);
    }
    rect(w, 0, 0, MAP_WIDTH, MAP_HEIGHT, TISSUE);
    return w;
}

static void end(struct world *w)
{
    tro_findings_finish(&w->f);
    free(w);
}

/* ---- evidence -------------------------------------------------------------------------- */

TEST(geometry_names)
{
    CHECK_STR(tro_evidence_text(TRO_EVIDENCE_ENOUGH), "enough");
    CHECK_STR(tro_evidence_text(TRO_EVIDENCE_BLOCKED), "no way around");
    CHECK_STR(tro_direction_name(TRO_DIRECTION_LOWER_LEFT), "lower left");
}

TEST(geometry_judges_items)
{
    struct tro_findings f = {.captured_ns = INT64_C(5000000000)};
    const struct tro_finding good = {
        .kind = TRO_FINDING_MASK, .score = 0.5f, .area_px = 100, .age_ms = 20};
    struct tro_finding bad = good;
    const int64_t now = f.captured_ns + 80000000;
    CHECK_INT(tro_geometry_judge(&rules, &f, &good, now), TRO_EVIDENCE_ENOUGH);
    CHECK_INT(tro_geometry_judge(&rules, &f, &good, now + 100000), TRO_EVIDENCE_OLD);
    CHECK_INT(tro_geometry_judge(&rules, &f, NULL, now), TRO_EVIDENCE_ABSENT);
    bad.score = 0.49f;
    CHECK_INT(tro_geometry_judge(&rules, &f, &bad, now), TRO_EVIDENCE_UNSURE);
    bad = good;
    bad.area_px = 99;
    CHECK_INT(tro_geometry_judge(&rules, &f, &bad, now), TRO_EVIDENCE_SMALL);
    bad.kind = TRO_FINDING_BOX;
    CHECK_INT(tro_geometry_judge(&rules, &f, &bad, now), TRO_EVIDENCE_ENOUGH);
    CHECK_INT(tro_geometry_judge_plane(&rules, &f, now), TRO_EVIDENCE_ABSENT);
    f.n_runs = 1;
    CHECK_INT(tro_geometry_judge_plane(&rules, &f, now + 20000000), TRO_EVIDENCE_ENOUGH);
    CHECK_INT(tro_geometry_judge_plane(&rules, &f, now + 21000000), TRO_EVIDENCE_OLD);
}

TEST(geometry_finds_the_best_item)
{
    const struct tro_findings f = {
        .n = 5,
        .items = {{.kind = TRO_FINDING_BOX, .label = 1, .score = 0.7f, .track = 1},
                  {.kind = TRO_FINDING_MASK, .label = 1, .score = 0.95f},
                  {.kind = TRO_FINDING_BOX, .label = 1, .score = 0.9f, .track = 2},
                  {.kind = TRO_FINDING_BOX, .label = 1, .score = 0.9f, .track = 3},
                  {.kind = TRO_FINDING_BOX, .label = 2, .score = 1}}};
    CHECK(tro_geometry_find(&f, TRO_FINDING_BOX, 1, 0) == &f.items[2]);
    CHECK(tro_geometry_find(&f, TRO_FINDING_BOX, 1, 1) == &f.items[0]);
    CHECK(tro_geometry_find(&f, TRO_FINDING_BOX, 1, 9) == NULL);
    CHECK(tro_geometry_find(&f, TRO_FINDING_LANDMARK, 1, 0) == NULL);
}

/* ---- in space -------------------------------------------------------------------------- */

TEST(geometry_places_in_space)
{
    struct world *const w = world(0);
    struct tro_point3 a, b;
    CHECK_INT(tro_geometry_place(&rules, &w->f, 320, 180, &a), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(a.x, 0, 1e-4);
    CHECK_NEAR(a.z, 100, 1e-3);
    /* 48 pixels right and 36 down, where 480 pixels are 100 mm */
    CHECK_INT(tro_geometry_place(&rules, &w->f, 368, 216, &b), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(b.x, 10, 1e-4);
    CHECK_NEAR(b.y, 7.5, 1e-4);
    CHECK_NEAR(tro_geometry_distance_mm(&a, &b), 12.5, 1e-3);
    const struct tro_geometry blind = {0};
    CHECK_INT(tro_geometry_place(&blind, &w->f, 320, 180, &a), TRO_EVIDENCE_NO_OPTICS);
    memset(w->f.grid, 0, MAP_WIDTH * MAP_HEIGHT * sizeof(*w->f.grid));
    CHECK_INT(tro_geometry_place(&rules, &w->f, 320, 180, &a), TRO_EVIDENCE_NO_DEPTH);
    w->f.grid_width = 0;
    CHECK_INT(tro_geometry_place(&rules, &w->f, 320, 180, &a), TRO_EVIDENCE_NO_DEPTH);
    end(w);
}

/* From a point above a plane that is tilted by 45 degrees the nearest place is straight below it,
 * and not where it is seen. */
TEST(geometry_distance_to_a_tilted_surface)
{
    struct world *const w = world(1);
    const struct tro_point3 tip = {0, 0, 90};
    float mm = 0, x = 0, y = 0;
    rect(w, 20, 20, 140, 70, ARTERY);
    CHECK_INT(tro_geometry_surface_mm(&rules, &w->f, &w->f, BIT(ARTERY), &tip, &mm, &x, &y),
              TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(mm, 10 / sqrtf(2), 0.1);
    CHECK_NEAR(x, 320 - 5 * FOCAL * WIDTH / 95, 6);
    CHECK_NEAR(y, 180, 6);
    end(w);
}

/* A strip of an artery beside the point, and a map of another size than the grid. */
TEST(geometry_distance_to_a_strip)
{
    struct world *const w = world(0), *const depth = world(0);
    const struct tro_point3 tip = {0, 0, 100};
    float mm = 0;
    rect(w, 100, 0, 104, MAP_HEIGHT, ARTERY);
    depth->f.grid_width = depth->f.grid_height = 2;
    /* its first column of pixels has its middle at 402; the fourth nearest is two rows off */
    CHECK_INT(tro_geometry_surface_mm(&rules, &depth->f, &w->f, BIT(ARTERY), &tip, &mm, NULL, NULL),
              TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(mm, hypotf(82, 6) * 100 / 480, 0.01);
    struct tro_geometry nearest = rules;
    nearest.n_near = 1;
    CHECK_INT(
        tro_geometry_surface_mm(&nearest, &depth->f, &w->f, BIT(ARTERY), &tip, &mm, NULL, NULL),
        TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(mm, hypotf(82, 2) * 100 / 480, 0.01);
    end(w);
    end(depth);
}

TEST(geometry_distance_wants_evidence)
{
    struct world *const w = world(0);
    const struct tro_point3 tip = {0, 0, 100};
    float mm = -1;
    CHECK_INT(tro_geometry_surface_mm(&rules, &w->f, &w->f, BIT(ARTERY), &tip, &mm, NULL, NULL),
              TRO_EVIDENCE_ABSENT);
    rect(w, 10, 10, 13, 11, ARTERY);
    CHECK_INT(tro_geometry_surface_mm(&rules, &w->f, &w->f, BIT(ARTERY), &tip, &mm, NULL, NULL),
              TRO_EVIDENCE_SMALL);
    rect(w, 10, 10, 20, 20, ARTERY);
    for (int i = 0; i < MAP_WIDTH * 30; i++)
        w->f.grid[i] = 0;
    CHECK_INT(tro_geometry_surface_mm(&rules, &w->f, &w->f, BIT(ARTERY), &tip, &mm, NULL, NULL),
              TRO_EVIDENCE_NO_DEPTH);
    w->f.grid_width = w->f.grid_height = 0;
    CHECK_INT(tro_geometry_surface_mm(&rules, &w->f, &w->f, BIT(ARTERY), &tip, &mm, NULL, NULL),
              TRO_EVIDENCE_NO_DEPTH);
    CHECK_NEAR(mm, -1, 0);
    end(w);
}

/* Between the jaws tissue is seen; the depth is theirs. */
TEST(geometry_place_of_an_instrument)
{
    struct world *const w = world(0);
    struct tro_point3 p = {0};
    rect(w, 78, 44, 79, 46, TIP);
    w->f.grid[44 * MAP_WIDTH + 78] = w->f.grid[45 * MAP_WIDTH + 78] = 6000;
    CHECK_INT(tro_geometry_place_of(&rules, &w->f, &w->f, BIT(TIP), 322, 182, &p),
              TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(p.z, 60, 1e-3);
    CHECK_NEAR(p.x, 2.0 / 480 * 60, 1e-3);
    CHECK_INT(tro_geometry_place_of(&rules, &w->f, &w->f, BIT(TIP), 340, 182, &p),
              TRO_EVIDENCE_ABSENT);
    w->f.grid[44 * MAP_WIDTH + 78] = w->f.grid[45 * MAP_WIDTH + 78] = 0;
    CHECK_INT(tro_geometry_place_of(&rules, &w->f, &w->f, BIT(TIP), 322, 182, &p),
              TRO_EVIDENCE_NO_DEPTH);
    end(w);
}

/* ---- in the picture -------------------------------------------------------------------- */

TEST(geometry_tip_of_a_hook_is_where_it_ends)
{
    struct world *const w = world(0);
    const struct tro_finding box = {.x0 = 160, .y0 = 120, .x1 = 640, .y1 = 200};
    float x = 0, y = 0;
    rect(w, 90, 36, 160, 40, SHAFT);
    rect(w, 50, 36, 90, 40, TIP); /* to the left */
    rect(w, 50, 40, 53, 49, TIP); /* and down */
    rect(w, 42, 31, 46, 33, TIP); /* not of it: hangs together with nothing */
    CHECK_INT(tro_geometry_tip(&rules, &w->f, BIT(TIP), BIT(SHAFT), &box, &x, &y),
              TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(x, 206, 8);
    CHECK_NEAR(y, 193, 8);
    const struct tro_finding elsewhere = {.x0 = 400, .y0 = 240, .x1 = 500, .y1 = 300};
    CHECK_INT(tro_geometry_tip(&rules, &w->f, BIT(TIP), BIT(SHAFT), &elsewhere, &x, &y),
              TRO_EVIDENCE_ABSENT);
    CHECK_INT(tro_geometry_tip(&rules, &w->f, BIT(TIP), BIT(SHAFT), NULL, &x, &y),
              TRO_EVIDENCE_ABSENT);
    /* no shaft is seen: from the right edge */
    CHECK_INT(tro_geometry_tip(&rules, &w->f, BIT(TIP), 0, &box, &x, &y), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(x, 206, 8);
    CHECK_NEAR(y, 193, 8);
    end(w);
}

TEST(geometry_tip_of_a_grasper_is_between_its_jaws)
{
    struct world *const w = world(0);
    const struct tro_finding box = {.x0 = 0, .y0 = 120, .x1 = 240, .y1 = 220};
    float x = 0, y = 0;
    rect(w, 0, 40, 40, 46, SHAFT);
    rect(w, 40, 38, 60, 41, TIP);
    rect(w, 40, 45, 60, 48, TIP);
    CHECK_INT(tro_geometry_tip(&rules, &w->f, BIT(TIP), BIT(SHAFT), &box, &x, &y),
              TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(x, 237, 5);
    CHECK_NEAR(y, 172, 3);
    end(w);
}

TEST(geometry_share_of_the_frame)
{
    struct world *const w = world(0);
    float share = 0;
    rect(w, 0, 0, 80, 45, ARTERY);
    rect(w, 80, 45, 120, 90, TIP);
    CHECK_INT(tro_geometry_share(&w->f, BIT(ARTERY) | BIT(TIP), &share), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(share, 0.375, 1e-6);
    w->f.n_runs = 0;
    CHECK_INT(tro_geometry_share(&w->f, BIT(ARTERY), &share), TRO_EVIDENCE_ABSENT);
    end(w);
}

TEST(geometry_directions)
{
    static const struct {
        float dx, dy, deg;
        enum tro_direction direction;
    } cases[] = {{100, 0, 0, TRO_DIRECTION_RIGHT},   {100, -100, 45, TRO_DIRECTION_UPPER_RIGHT},
                 {0, -100, 90, TRO_DIRECTION_UP},    {-100, -100, 135, TRO_DIRECTION_UPPER_LEFT},
                 {-100, 0, 180, TRO_DIRECTION_LEFT}, {-100, 100, -135, TRO_DIRECTION_LOWER_LEFT},
                 {0, 100, -90, TRO_DIRECTION_DOWN},  {100, 100, -45, TRO_DIRECTION_LOWER_RIGHT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        float deg = 0;
        CHECK_INT(tro_geometry_angle(&rules, 300, 200, 300 + cases[i].dx, 200 + cases[i].dy, &deg),
                  TRO_EVIDENCE_ENOUGH);
        CHECK_NEAR(deg, cases[i].deg, 1e-4);
        CHECK_INT(tro_geometry_direction(deg + 22), cases[i].direction);
        CHECK_INT(tro_geometry_direction(deg - 22), cases[i].direction);
        CHECK_INT(tro_geometry_direction(deg + 360), cases[i].direction);
    }
    float deg = 7;
    CHECK_INT(tro_geometry_angle(&rules, 300, 200, 306, 207, &deg), TRO_EVIDENCE_TOO_CLOSE);
    CHECK_NEAR(deg, 7, 0);
    CHECK_INT(tro_geometry_side(640, 250), TRO_SIDE_LEFT);
    CHECK_INT(tro_geometry_side(640, 260), TRO_SIDE_MIDDLE);
    CHECK_INT(tro_geometry_side(640, 390), TRO_SIDE_RIGHT);
}

/* A line that should be level rises by 15 degrees to the right in the picture: its content has to
 * turn clockwise, the scope counter-clockwise. */
TEST(geometry_roll_of_the_view)
{
    const float c = cosf(0.2617994f) * 100, s = sinf(0.2617994f) * 100;
    float deg = 0;
    CHECK_INT(tro_geometry_roll(&rules, 200, 200, 200 + c, 200 - s, 0, &deg), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(deg, -15, 1e-3);
    CHECK_INT(tro_geometry_roll(&rules, 200, 200, 200 + c, 200 + s, 0, &deg), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(deg, 15, 1e-3);
    CHECK_INT(tro_geometry_roll(&rules, 200, 200, 200 - c, 200 - s, -170, &deg),
              TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(deg, 25, 1e-3);
    CHECK_INT(tro_geometry_roll(&rules, 200, 200, 300, 200, 180, &deg), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(deg, 180, 1e-3);
    CHECK_INT(tro_geometry_roll(&rules, 200, 200, 201, 200, 0, &deg), TRO_EVIDENCE_TOO_CLOSE);
}

/* ---- paths ----------------------------------------------------------------------------- */

TEST(geometry_path_is_straight_where_nothing_is_in_the_way)
{
    struct world *const w = world(0);
    struct tro_path p;
    float mm = 0;
    rect(w, 0, 0, MAP_WIDTH, 5, ARTERY);
    CHECK_INT(tro_geometry_path(&w->f, BIT(ARTERY), 101, 99, 501, 302, &p), TRO_EVIDENCE_ENOUGH);
    CHECK_INT(p.n, 2);
    CHECK_NEAR(p.x[0], 101, 0);
    CHECK_NEAR(p.y[1], 302, 0);
    CHECK_NEAR(p.length_px, hypotf(400, 203), 1e-3);
    CHECK_INT(tro_geometry_path_mm(&rules, &w->f, &p, &mm), TRO_EVIDENCE_ENOUGH);
    CHECK_NEAR(mm, p.length_px * 100 / 480, 0.01);
    w->f.grid[45 * MAP_WIDTH + 70] = 0;
    memset(w->f.grid, 0, (size_t)MAP_WIDTH * 60 * sizeof(*w->f.grid));
    CHECK_INT(tro_geometry_path_mm(&rules, &w->f, &p, &mm), TRO_EVIDENCE_NO_DEPTH);
    CHECK_INT(tro_geometry_path(&w->f, BIT(ARTERY), 101, 99, 101, 99, &p), TRO_EVIDENCE_ENOUGH);
    CHECK_INT(p.n, 2);
    end(w);
}

static int n_on(const struct world *w, const struct tro_path *p, int label)
{
    int n = 0;
    for (int i = 1; i < p->n; i++)
        for (int k = 0; k <= 100; k++) {
            const float t = (float)k / 100;
            const float x = p->x[i - 1] + t * (p->x[i] - p->x[i - 1]);
            const float y = p->y[i - 1] + t * (p->y[i] - p->y[i - 1]);
            n += w->labels[(int)(y / 4) * MAP_WIDTH + (int)(x / 4)] == label;
        }
    return n;
}

TEST(geometry_path_goes_around)
{
    struct world *const w = world(0);
    struct tro_path p;
    rect(w, 70, 0, 90, 70, ARTERY);
    CHECK_INT(tro_geometry_path(&w->f, BIT(ARTERY), 100, 100, 540, 100, &p), TRO_EVIDENCE_ENOUGH);
    CHECK_INT(n_on(w, &p, ARTERY), 0);
    CHECK(p.n >= 3 && p.n <= 8);
    CHECK(p.length_px > 590 && p.length_px < 720); /* 590: along its corners */
    /* one whose end lies in it */
    CHECK_INT(tro_geometry_path(&w->f, BIT(ARTERY), 100, 100, 320, 100, &p), TRO_EVIDENCE_ENOUGH);
    CHECK(n_on(w, &p, ARTERY) > 0);
    CHECK(p.length_px < 240);
    rect(w, 70, 70, 90, 90, ARTERY);
    CHECK_INT(tro_geometry_path(&w->f, BIT(ARTERY), 100, 100, 540, 100, &p), TRO_EVIDENCE_BLOCKED);
    w->f.n_runs = 0;
    CHECK_INT(tro_geometry_path(&w->f, BIT(ARTERY), 100, 100, 540, 100, &p), TRO_EVIDENCE_ABSENT);
    end(w);
}

/* ---- against the simulator ------------------------------------------------------------- */

TEST(geometry_distances_of_the_simulator)
{
    static struct kit_errors of_tip, of_place;
    CHECK_OR_RETURN(kit_measure_lengths(20, 26, 1800, 6300, &of_tip, &of_place));
    CHECK(of_tip.n >= 25);
    CHECK(kit_quantile(&of_tip, 0.5f) < 0.3f);
    CHECK(kit_quantile(&of_tip, 0.9f) < 1.5f);
    CHECK(kit_quantile(&of_place, 0.5f) < 0.6f);
    CHECK(kit_quantile(&of_place, 0.9f) < 2);
}
