/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/geometry.h"

#include <math.h>
#include <stddef.h>

#define DEG_PER_RAD 57.29577951308232f
#define MAX_NEAR 64

const char *tro_evidence_text(enum tro_evidence e)
{
    static const char *const texts[] = {
#define TRO_EVIDENCE_TEXT(id, text) text,
        TRO_EVIDENCES(TRO_EVIDENCE_TEXT)
#undef TRO_EVIDENCE_TEXT
    };
    return texts[e];
}

const char *tro_direction_name(enum tro_direction d)
{
    static const char *const names[] = {
#define TRO_DIRECTION_NAME(id, name) name,
        TRO_DIRECTIONS(TRO_DIRECTION_NAME)
#undef TRO_DIRECTION_NAME
    };
    return names[d];
}

struct tro_geometry tro_geometry_default(int width, int height, float focal_length)
{
    const float area = 5e-4f * (float)width * (float)height;
    return (struct tro_geometry){.focal_length = focal_length,
                                 .min_score = 0.5f,
                                 .min_area_px = fmaxf(area, 24),
                                 .max_age_ms = 100,
                                 .min_length_px = 0.02f * (float)width,
                                 .n_near = 4};
}

/* ---- evidence -------------------------------------------------------------------------- */

const struct tro_finding *tro_geometry_find(const struct tro_findings *f,
                                            enum tro_finding_kind kind, int label, uint32_t track)
{
    const struct tro_finding *best = NULL;
    for (int i = 0; i < f->n; i++) {
        const struct tro_finding *const d = &f->items[i];
        if (d->kind == kind && d->label == label && (!track || d->track == track) &&
            (!best || d->score > best->score))
            best = d;
    }
    return best;
}

static bool is_old(const struct tro_geometry *g, const struct tro_findings *f, float more_ms,
                   int64_t now_ns)
{
    return (float)((double)(now_ns - f->captured_ns) * 1e-6) + more_ms > g->max_age_ms;
}

enum tro_evidence tro_geometry_judge(const struct tro_geometry *g, const struct tro_findings *f,
                                     const struct tro_finding *item, int64_t now_ns)
{
    if (!item)
        return TRO_EVIDENCE_ABSENT;
    if (is_old(g, f, item->age_ms, now_ns))
        return TRO_EVIDENCE_OLD;
    if (item->score < g->min_score)
        return TRO_EVIDENCE_UNSURE;
    return item->kind == TRO_FINDING_MASK && item->area_px < g->min_area_px ? TRO_EVIDENCE_SMALL
                                                                            : TRO_EVIDENCE_ENOUGH;
}

enum tro_evidence tro_geometry_judge_plane(const struct tro_geometry *g,
                                           const struct tro_findings *f, int64_t now_ns)
{
    if (f->n_runs == 0 && f->grid_width == 0)
        return TRO_EVIDENCE_ABSENT;
    return is_old(g, f, 0, now_ns) ? TRO_EVIDENCE_OLD : TRO_EVIDENCE_ENOUGH;
}

/* ---- maps ------------------------------------------------------------------------------ */

/* Walks the pixels of a map that have one of some labels, in their order. */
struct walk {
    const struct tro_findings *map;
    uint64_t labels;
    int run, left;   /* pixels of this run that are still to come */
    int column, row; /* of the next pixel */
    float cell_width, cell_height;
    float x, y; /* the pixel's middle in the frame */
};

static struct walk walk_of(const struct tro_findings *map, uint64_t labels)
{
    return (struct walk){.map = map,
                         .labels = labels,
                         .run = -1,
                         .cell_width = (float)map->width / (float)map->map_width,
                         .cell_height = (float)map->height / (float)map->map_height};
}

static void skip(struct walk *w, int n)
{
    w->column += n;
    while (w->column >= w->map->map_width) {
        w->column -= w->map->map_width;
        w->row++;
    }
}

static bool step(struct walk *w)
{
    while (w->left == 0) {
        if (++w->run >= w->map->n_runs)
            return false;
        const struct tro_run *const run = &w->map->runs[w->run];
        if (w->labels >> run->label & 1)
            w->left = run->length;
        else
            skip(w, run->length);
    }
    w->x = ((float)w->column + 0.5f) * w->cell_width;
    w->y = ((float)w->row + 0.5f) * w->cell_height;
    w->left--;
    skip(w, 1);
    return true;
}

enum tro_evidence tro_geometry_share(const struct tro_findings *map, uint64_t labels, float *share)
{
    int64_t n = 0;
    if (map->n_runs == 0)
        return TRO_EVIDENCE_ABSENT;
    for (int i = 0; i < map->n_runs; i++)
        n += map->runs[i].length * (int64_t)(labels >> map->runs[i].label & 1);
    *share = (float)n / ((float)map->map_width * (float)map->map_height);
    return TRO_EVIDENCE_ENOUGH;
}

/* ---- in space -------------------------------------------------------------------------- */

struct lens {
    float mm_per_px;                   /* that a pixel takes at 1 mm */
    float x, y;                        /* the frame's middle */
    float columns_per_px, rows_per_px; /* of the grid */
};

static struct lens lens_of(const struct tro_geometry *g, const struct tro_findings *f)
{
    return (struct lens){1 / (g->focal_length * (float)f->width), (float)f->width / 2,
                         (float)f->height / 2, (float)f->grid_width / (float)f->width,
                         (float)f->grid_height / (float)f->height};
}

static struct tro_point3 point_at(struct lens l, float x, float y, float z)
{
    return (struct tro_point3){(x - l.x) * l.mm_per_px * z, (y - l.y) * l.mm_per_px * z, z};
}

/* Of the grid's element that lies there: across an edge a mean would be of neither side. */
static float depth_of(const struct tro_findings *f, struct lens lens, float x, float y)
{
    const int column = (int)(x * lens.columns_per_px);
    const int row = (int)(y * lens.rows_per_px);
    if (column < 0 || row < 0 || column >= f->grid_width || row >= f->grid_height)
        return 0;
    return (float)f->grid[row * f->grid_width + column] * 0.01f;
}

static enum tro_evidence judge_depth(const struct tro_geometry *g, const struct tro_findings *depth)
{
    if (!(g->focal_length > 0))
        return TRO_EVIDENCE_NO_OPTICS;
    return depth->grid_width > 0 ? TRO_EVIDENCE_ENOUGH : TRO_EVIDENCE_NO_DEPTH;
}

enum tro_evidence tro_geometry_place(const struct tro_geometry *g, const struct tro_findings *depth,
                                     float x, float y, struct tro_point3 *out)
{
    const enum tro_evidence e = judge_depth(g, depth);
    if (e != TRO_EVIDENCE_ENOUGH)
        return e;
    const float z = tro_findings_depth_at(depth, x, y);
    if (z <= 0)
        return TRO_EVIDENCE_NO_DEPTH;
    *out = point_at(lens_of(g, depth), x, y, z);
    return TRO_EVIDENCE_ENOUGH;
}

enum tro_evidence tro_geometry_place_of(const struct tro_geometry *g,
                                        const struct tro_findings *depth,
                                        const struct tro_findings *map, uint64_t labels, float x,
                                        float y, struct tro_point3 *out)
{
    enum tro_evidence e = judge_depth(g, depth);
    if (e != TRO_EVIDENCE_ENOUGH)
        return e;
    const struct lens lens = lens_of(g, depth);
    const float reach = 0.03f * (float)depth->width;
    float nearest = reach * reach, z = 0;
    e = TRO_EVIDENCE_ABSENT;
    for (struct walk w = walk_of(map, labels); step(&w);) {
        const float dx = w.x - x, dy = w.y - y, square = dx * dx + dy * dy;
        if (square > nearest || (e == TRO_EVIDENCE_ENOUGH && square == nearest))
            continue;
        const float there = depth_of(depth, lens, w.x, w.y);
        if (there > 0) {
            nearest = square;
            z = there;
            e = TRO_EVIDENCE_ENOUGH;
        } else if (e == TRO_EVIDENCE_ABSENT) {
            e = TRO_EVIDENCE_NO_DEPTH;
        }
    }
    if (e == TRO_EVIDENCE_ENOUGH)
        *out = point_at(lens, x, y, z);
    return e;
}

static float square_of(const struct tro_point3 *a, const struct tro_point3 *b)
{
    const float x = a->x - b->x, y = a->y - b->y, z = a->z - b->z;
    return x * x + y * y + z * z;
}

float tro_geometry_distance_mm(const struct tro_point3 *a, const struct tro_point3 *b)
{
    return sqrtf(square_of(a, b));
}

/* The least of many squared distances, in order; n of them, at most max. */
struct nearest {
    int n, max;
    struct {
        float square, x, y;
    } at[MAX_NEAR];
};

static void keep(struct nearest *list, float square, float x, float y)
{
    if (list->n == list->max && square >= list->at[list->n - 1].square)
        return;
    int i = list->n < list->max ? list->n++ : list->n - 1;
    for (; i > 0 && list->at[i - 1].square > square; i--)
        list->at[i] = list->at[i - 1];
    list->at[i].square = square;
    list->at[i].x = x;
    list->at[i].y = y;
}

enum tro_evidence tro_geometry_surface_mm(const struct tro_geometry *g,
                                          const struct tro_findings *depth,
                                          const struct tro_findings *map, uint64_t labels,
                                          const struct tro_point3 *from, float *mm, float *x,
                                          float *y)
{
    const enum tro_evidence e = judge_depth(g, depth);
    if (e != TRO_EVIDENCE_ENOUGH)
        return e;
    const struct lens lens = lens_of(g, depth);
    struct nearest list = {.max = g->n_near < MAX_NEAR ? g->n_near : MAX_NEAR};
    int64_t n = 0;
    for (struct walk w = walk_of(map, labels); step(&w); n++) {
        const float z = depth_of(depth, lens, w.x, w.y);
        if (z <= 0)
            continue;
        const struct tro_point3 there = point_at(lens, w.x, w.y, z);
        keep(&list, square_of(from, &there), w.x, w.y);
    }
    if (n == 0)
        return TRO_EVIDENCE_ABSENT;
    if (n < list.max)
        return TRO_EVIDENCE_SMALL;
    if (list.n < list.max)
        return TRO_EVIDENCE_NO_DEPTH;
    *mm = sqrtf(list.at[list.n - 1].square);
    if (x && y) {
        *x = list.at[list.n - 1].x;
        *y = list.at[list.n - 1].y;
    }
    return TRO_EVIDENCE_ENOUGH;
}

/* ---- in the picture -------------------------------------------------------------------- */

enum tro_evidence tro_geometry_angle(const struct tro_geometry *g, float ax, float ay, float bx,
                                     float by, float *deg)
{
    const float dx = bx - ax, dy = ay - by;
    if (!(hypotf(dx, dy) >= g->min_length_px) || (dx == 0 && dy == 0))
        return TRO_EVIDENCE_TOO_CLOSE;
    *deg = atan2f(dy, dx) * DEG_PER_RAD;
    return TRO_EVIDENCE_ENOUGH;
}

enum tro_direction tro_geometry_direction(float deg)
{
    const int sector = (int)floorf(deg / 45 + 0.5f) % TRO_N_DIRECTIONS;
    return (enum tro_direction)((sector + TRO_N_DIRECTIONS) % TRO_N_DIRECTIONS);
}

enum tro_side tro_geometry_side(int width, float x)
{
    const float off = x / (float)width - 0.5f;
    return off < -0.1f ? TRO_SIDE_LEFT : off > 0.1f ? TRO_SIDE_RIGHT : TRO_SIDE_MIDDLE;
}

enum tro_evidence tro_geometry_roll(const struct tro_geometry *g, float ax, float ay, float bx,
                                    float by, float wanted_deg, float *deg)
{
    float now = 0;
    const enum tro_evidence e = tro_geometry_angle(g, ax, ay, bx, by, &now);
    if (e != TRO_EVIDENCE_ENOUGH)
        return e;
    const float turn = remainderf(wanted_deg - now, 360);
    *deg = turn <= -180 ? 180 : turn;
    return TRO_EVIDENCE_ENOUGH;
}
