/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/brush.h"

#include <math.h>
#include <string.h>

struct tro_brush tro_brush_of(uint8_t *nv12, int width, int height)
{
    return (struct tro_brush){width,           height, nv12, nv12 + (size_t)width * (size_t)height,
                              {235, 128, 128}, 256};
}

static uint8_t mix(uint8_t from, uint8_t to, int cover)
{
    return (uint8_t)((from * (256 - cover) + to * cover + 128) >> 8);
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* ---- shapes ---------------------------------------------------------------------------- */

void tro_brush_fill(const struct tro_brush *b, int x0, int y0, int x1, int y1)
{
    x0 = clamp(x0, 0, b->width);
    x1 = clamp(x1, 0, b->width);
    y0 = clamp(y0, 0, b->height);
    y1 = clamp(y1, 0, b->height);
    for (int y = y0; y < y1; y++) {
        uint8_t *const row = b->luma + (size_t)y * (size_t)b->width;
        for (int x = x0; x < x1; x++)
            row[x] = mix(row[x], b->colour.y, b->cover);
    }
    /* A pair of chroma belongs to what covers its upper left pixel's place or more. */
    for (int y = (y0 + 1) / 2; y < (y1 + 1) / 2; y++) {
        uint8_t *const row = b->chroma + (size_t)y * (size_t)b->width;
        for (int x = (x0 + 1) / 2; x < (x1 + 1) / 2; x++) {
            row[x * 2] = mix(row[x * 2], b->colour.cb, b->cover);
            row[x * 2 + 1] = mix(row[x * 2 + 1], b->colour.cr, b->cover);
        }
    }
}

/* Something round: how far a place is from its edge, positive inside. */
struct shape {
    float x, y, dx, dy, length2; /* of a line: where it begins, its direction */
    float inner, outer;
};

static float depth_in(const struct shape *s, float x, float y)
{
    float px = x - s->x, py = y - s->y;
    if (s->length2 > 0) {
        const float t = (px * s->dx + py * s->dy) / s->length2;
        const float at = t < 0 ? 0 : t > 1 ? 1 : t;
        px -= at * s->dx;
        py -= at * s->dy;
    }
    const float distance = sqrtf(px * px + py * py);
    const float from_outer = s->outer - distance, from_inner = distance - s->inner;
    return s->inner > 0 && from_inner < from_outer ? from_inner : from_outer;
}

static int cover_in(const struct tro_brush *b, const struct shape *s, float x, float y, float soft)
{
    const float part = depth_in(s, x, y) / soft + 0.5f;
    return part <= 0 ? 0 : part >= 1 ? b->cover : (int)(part * (float)b->cover);
}

static bool is_finite_shape(const struct shape *s)
{
    const float limit = 4 * TRO_FRAME_MAX_SIDE;
    return fabsf(s->x) < limit && fabsf(s->y) < limit && fabsf(s->dx) < limit &&
           fabsf(s->dy) < limit && s->outer < limit;
}

static void draw(const struct tro_brush *b, const struct shape *s)
{
    if (!is_finite_shape(s))
        return;
    const float reach = s->outer + 1;
    const int x0 = clamp((int)floorf(fminf(s->x, s->x + s->dx) - reach), 0, b->width) & ~1;
    const int y0 = clamp((int)floorf(fminf(s->y, s->y + s->dy) - reach), 0, b->height) & ~1;
    const int x1 = clamp((int)ceilf(fmaxf(s->x, s->x + s->dx) + reach), 0, b->width);
    const int y1 = clamp((int)ceilf(fmaxf(s->y, s->y + s->dy) + reach), 0, b->height);
    for (int y = y0; y < y1; y++) {
        uint8_t *const row = b->luma + (size_t)y * (size_t)b->width;
        for (int x = x0; x < x1; x++) {
            const int cover = cover_in(b, s, (float)x + 0.5f, (float)y + 0.5f, 1);
            if (cover > 0)
                row[x] = mix(row[x], b->colour.y, cover);
        }
    }
    for (int y = y0; y < y1; y += 2) {
        uint8_t *const row = b->chroma + (size_t)(y / 2) * (size_t)b->width;
        for (int x = x0; x < x1; x += 2) {
            const int cover = cover_in(b, s, (float)x + 1, (float)y + 1, 2);
            if (cover > 0) {
                row[x] = mix(row[x], b->colour.cb, cover);
                row[x + 1] = mix(row[x + 1], b->colour.cr, cover);
            }
        }
    }
}

void tro_brush_line(const struct tro_brush *b, float x0, float y0, float x1, float y1, float radius)
{
    const float dx = x1 - x0, dy = y1 - y0;
    const struct shape s = {x0, y0, dx, dy, dx * dx + dy * dy, 0, radius};
    draw(b, &s);
}

void tro_brush_lines(const struct tro_brush *b, const float *x, const float *y, int n, float radius)
{
    for (int i = 0; i + 1 < n; i++)
        tro_brush_line(b, x[i], y[i], x[i + 1], y[i + 1], radius);
}

void tro_brush_ring(const struct tro_brush *b, float x, float y, float inner, float outer)
{
    const struct shape s = {x, y, 0, 0, 0, inner, outer};
    draw(b, &s);
}

void tro_brush_arrow(const struct tro_brush *b, float x0, float y0, float x1, float y1,
                     float radius)
{
    const float dx = x1 - x0, dy = y1 - y0, length = sqrtf(dx * dx + dy * dy);
    tro_brush_line(b, x0, y0, x1, y1, radius);
    if (!(length > 0))
        return;
    const float head = fminf(8 * radius, length * 0.6f) / length;
    for (int side = -1; side <= 1; side += 2) {
        const float across = 0.6f * (float)side;
        tro_brush_line(b, x1, y1, x1 - head * (dx + across * dy), y1 - head * (dy - across * dx),
                       radius);
    }
}

void tro_brush_stamp(const struct tro_brush *b, int x, int y, const uint8_t *cover, int width,
                     int height)
{
    const int first_x = x < 0 ? -x : 0, first_y = y < 0 ? -y : 0;
    const int last_x = x + width > b->width ? b->width - x : width;
    const int last_y = y + height > b->height ? b->height - y : height;
    for (int v = first_y; v < last_y; v++) {
        uint8_t *const luma = b->luma + (size_t)(y + v) * (size_t)b->width + x;
        uint8_t *const chroma = b->chroma + (size_t)((y + v) / 2) * (size_t)b->width;
        const uint8_t *const row = cover + (size_t)v * (size_t)width;
        for (int u = first_x; u < last_x; u++) {
            if (row[u] == 0)
                continue;
            const int part = (row[u] + (row[u] >> 7)) * b->cover >> 8;
            luma[u] = mix(luma[u], b->colour.y, part);
            if (((x + u) | (y + v)) & 1)
                continue;
            chroma[x + u] = mix(chroma[x + u], b->colour.cb, part);
            chroma[x + u + 1] = mix(chroma[x + u + 1], b->colour.cr, part);
        }
    }
}

/* ---- maps ------------------------------------------------------------------------------- */

/* Sixteen at once; compilers make of this what the processor has. */
#define LANES 16
typedef uint8_t bytes16 __attribute__((vector_size(LANES)));
typedef uint16_t words16 __attribute__((vector_size(LANES * 2)));

/* What a row of the picture is mixed with: byte * (256 - cover) + add, both of one element. */
struct tint_row {
    uint16_t *cover, *add;
};

static void mix_row(uint8_t *row, const struct tint_row *t, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        bytes16 from;
        words16 cover, add;
        memcpy(&from, row + i, sizeof(from));
        memcpy(&cover, t->cover + i, sizeof(cover));
        memcpy(&add, t->add + i, sizeof(add));
        const words16 sum = __builtin_convertvector(from, words16) * (256 - cover) + add + 128;
        const bytes16 to = __builtin_convertvector(sum >> 8, bytes16);
        memcpy(row + i, &to, sizeof(to));
    }
    for (; i < n; i++)
        row[i] = (uint8_t)((row[i] * (256 - t->cover[i]) + t->add[i] + 128) >> 8);
}

/* Values for columns x0 <= x < x1 of the picture. */
static void fill_span(const struct tint_row *luma, const struct tint_row *chroma, int x0, int x1,
                      const struct tro_brush_tint *t, uint16_t cover)
{
    const uint16_t add = (uint16_t)(cover * t->colour.y);
    for (int x = x0; x < x1; x++) {
        luma->cover[x] = cover;
        luma->add[x] = add;
    }
    const uint16_t adds[2] = {(uint16_t)(cover * t->colour.cb), (uint16_t)(cover * t->colour.cr)};
    for (int x = (x0 + 1) & ~1; x < x1; x += 2) {
        chroma->cover[x] = chroma->cover[x + 1] = cover;
        memcpy(chroma->add + x, adds, sizeof(adds));
    }
}

/* What a row of the map becomes: in its area, and in the rows at its upper edge. */
struct map_rows {
    int *starts; /* the picture's first column of each of the map's, and its width */
    struct tint_row luma[2], chroma[2]; /* chroma of pairs, Cb and Cr by turns */
};

/* At an edge, the one of two labels that is to be seen. */
static const struct tro_brush_tint *edge_of(const struct tro_brush_tint *a,
                                            const struct tro_brush_tint *b)
{
    return a->edge >= b->edge ? a : b;
}

static void fill_areas(const struct map_rows *r, const uint8_t *labels, int n,
                       const struct tro_brush_tint *tints)
{
    for (int i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && labels[next] == labels[i]; next++)
            ;
        const struct tro_brush_tint *const t = &tints[labels[i]];
        fill_span(&r->luma[0], &r->chroma[0], r->starts[i], r->starts[next], t, t->area);
    }
}

/* Returns whether there is an edge. */
static bool fill_upper_edges(const struct map_rows *r, const uint8_t *labels, const uint8_t *above,
                             int n, const struct tro_brush_tint *tints)
{
    bool has_edge = false;
    for (int i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && labels[next] == labels[i] && above[next] == above[i]; next++)
            ;
        const bool is_edge = labels[i] != above[i];
        const struct tro_brush_tint *const here = &tints[labels[i]];
        const struct tro_brush_tint *const t = is_edge ? edge_of(here, &tints[above[i]]) : here;
        fill_span(&r->luma[1], &r->chroma[1], r->starts[i], r->starts[next], t,
                  is_edge ? t->edge : t->area);
        has_edge |= is_edge;
    }
    return has_edge;
}

/* Between two columns of the map, edge_px wide in the picture. */
static void fill_upright_edges(const struct map_rows *r, const uint8_t *labels, int n,
                               const struct tro_brush_tint *tints, int edge_px)
{
    const int width = r->starts[n];
    for (int i = 1; i < n; i++) {
        if (labels[i] == labels[i - 1])
            continue;
        const struct tro_brush_tint *const t = edge_of(&tints[labels[i - 1]], &tints[labels[i]]);
        const int x0 = clamp(r->starts[i] - edge_px / 2, 0, width);
        const int x1 = clamp(x0 + edge_px, 0, width);
        for (int which = 0; which < 2; which++)
            fill_span(&r->luma[which], &r->chroma[which], x0, x1, t, t->edge);
    }
}

static bool is_all_clear(const uint8_t *labels, const uint8_t *above, int n,
                         const struct tro_brush_tint *tints)
{
    uint16_t any = 0;
    for (int i = 0; i < n; i++)
        any |= tints[labels[i]].area | tints[labels[i]].edge | tints[above[i]].edge;
    return any == 0;
}

size_t tro_brush_map_bytes(int width, int map_width)
{
    return ((size_t)map_width + 1) * sizeof(int) + (size_t)width * 8 * sizeof(uint16_t);
}

static struct map_rows rows_in(void *scratch, int width, int map_width)
{
    struct map_rows r = {.starts = scratch};
    for (int i = 0; i <= map_width; i++)
        r.starts[i] = (int)(((int64_t)i * width + map_width - 1) / map_width);
    uint16_t *at = (uint16_t *)(r.starts + map_width + 1);
    for (int i = 0; i < 2; i++) {
        r.luma[i] = (struct tint_row){at, at + width};
        r.chroma[i] = (struct tint_row){at + 2 * width, at + 3 * width};
        at += 4 * width;
    }
    return r;
}

void tro_brush_map(const struct tro_brush *b, const uint8_t *labels, int map_width, int map_height,
                   const struct tro_brush_tint *tints, int edge_px, void *scratch)
{
    const struct map_rows r = rows_in(scratch, b->width, map_width);
    for (int at = 0; at < map_height; at++) {
        const uint8_t *const row = labels + (size_t)at * (size_t)map_width;
        const uint8_t *const above = at > 0 ? row - map_width : row;
        const int y0 = (int)(((int64_t)at * b->height + map_height - 1) / map_height);
        const int y1 = (int)(((int64_t)(at + 1) * b->height + map_height - 1) / map_height);
        if (y0 == y1 || is_all_clear(row, above, map_width, tints))
            continue;
        fill_areas(&r, row, map_width, tints);
        const int upper = fill_upper_edges(&r, row, above, map_width, tints) ? edge_px : 0;
        fill_upright_edges(&r, row, map_width, tints, edge_px);
        for (int y = y0; y < y1; y++) {
            const int which = y < y0 + upper;
            mix_row(b->luma + (size_t)y * (size_t)b->width, &r.luma[which], b->width);
            if (y % 2 == 0)
                mix_row(b->chroma + (size_t)(y / 2) * (size_t)b->width, &r.chroma[which], b->width);
        }
    }
}
