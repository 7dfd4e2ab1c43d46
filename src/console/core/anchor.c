/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/anchor.h"

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/anchor_match.h"

#include <math.h>
#include <string.h>

#define LEVELS 3
#define KEPT_S 2
#define MAX_COLUMNS 480   /* of the finest level */
#define FIT_LEVEL 0       /* that turn and scale are found in */
#define BACK_PX 1.0f      /* there and back again may differ by, of the finest level */
#define APART_PX 3.0f     /* and following and fitting by */
#define GOOD 0.85f        /* correlation below which the patch is taken anew while it is sure */
#define SUDDEN 0.03f      /* below what is usual: something is in front */
#define USUAL_SHARE 0.15f /* of the newest correlation in the usual one */
#define FOUND 0.7f        /* below which a place is lost */
#define FOUND_AGAIN 0.8f  /* from which it is there again */
#define WORTH_A_LOOK 0.6f
#define SEARCH_EVERY 4  /* frames */
#define SEARCH_REACH 10 /* pixels of the coarsest level */

struct anchor {
    bool is_used, is_found;
    float x, y;                   /* of the finest level */
    float confidence, usual;      /* correlation now, and what it usually is */
    struct tro_patch key[LEVELS]; /* what its tissue looks like */
    struct tro_patch_map map;     /* from the key to the newest frame */
    int n_lost;                   /* frames since it was seen */
};

struct tro_anchors {
    int cell; /* pixels of the frame along a pixel of the finest level */
    int width[LEVELS], height[LEVELS];
    size_t offset[LEVELS], n_bytes; /* in a slot */
    int n_slots, n_frames;          /* room; frames that are there */
    int64_t n_seen;                 /* frames that came: frame i of them is in slot i % n_slots */
    uint64_t *ids;
    uint8_t *pixels;
    uint8_t *between; /* on the way to the finest level, where that takes more than one halving */
    struct anchor anchors[TRO_ANCHORS_MAX];
};

/* ---- frames ---------------------------------------------------------------------------- */

static void lay_out(struct tro_anchors *a, int width, int height)
{
    a->cell = 2;
    while (width / a->cell > MAX_COLUMNS)
        a->cell *= 2;
    for (int l = 0; l < LEVELS; l++) {
        a->width[l] = width / (a->cell << l);
        a->height[l] = height / (a->cell << l);
        a->offset[l] = a->n_bytes;
        a->n_bytes += (size_t)a->width[l] * (size_t)a->height[l];
    }
}

struct tro_anchors *tro_anchors_create(int width, int height, float fps, struct tro_err *err)
{
    struct tro_anchors *const a = tro_calloc(1, sizeof(*a));
    if (!a) {
        tro_fail_nomem(err);
        return NULL;
    }
    lay_out(a, width, height);
    if (a->width[LEVELS - 1] < TRO_PATCH_SIDE || a->height[LEVELS - 1] < TRO_PATCH_SIDE) {
        tro_fail(err, TRO_E_INPUT,
                 "anchors: expected frames of %d x %d pixels or more, found %d x %d",
                 TRO_PATCH_SIDE << LEVELS, TRO_PATCH_SIDE << LEVELS, width, height);
        tro_anchors_destroy(a);
        return NULL;
    }
    a->n_slots = 2 + (int)(fminf(fmaxf(fps, 1), 240) * KEPT_S);
    a->ids = tro_calloc((size_t)a->n_slots, sizeof(*a->ids));
    a->pixels = tro_calloc((size_t)a->n_slots, a->n_bytes);
    a->between = tro_calloc((size_t)(width / 2), (size_t)(height / 2));
    if (!a->ids || !a->pixels || !a->between) {
        tro_anchors_destroy(a);
        tro_fail_nomem(err);
        return NULL;
    }
    return a;
}

void tro_anchors_destroy(struct tro_anchors *a)
{
    if (!a)
        return;
    tro_free(a->ids);
    tro_free(a->pixels);
    tro_free(a->between);
    tro_free(a);
}

static struct tro_plane plane_of(const struct tro_anchors *a, int64_t i, int level)
{
    return (struct tro_plane){a->pixels + (size_t)(i % a->n_slots) * a->n_bytes + a->offset[level],
                              a->width[level], a->height[level]};
}

/* Means of 2 x 2 pixels. */
static void halve(const uint8_t *in, size_t stride, uint8_t *out, int width, int height)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *const p = in + (size_t)y * 2 * stride, *const q = p + stride;
        uint8_t *const to = out + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            to[x] = (uint8_t)((p[2 * x] + p[2 * x + 1] + q[2 * x] + q[2 * x + 1] + 2) / 4);
    }
}

static void keep(struct tro_anchors *a, uint64_t frame, const uint8_t *luma, int stride)
{
    const int64_t i = a->n_seen;
    uint8_t *const slot = a->pixels + (size_t)(i % a->n_slots) * a->n_bytes;
    const uint8_t *from = luma;
    size_t from_stride = (size_t)stride;
    for (int cell = 2; cell < a->cell; cell *= 2) {
        const int width = a->width[0] * (a->cell / cell), height = a->height[0] * (a->cell / cell);
        halve(from, from_stride, a->between, width, height);
        from = a->between;
        from_stride = (size_t)width;
    }
    halve(from, from_stride, slot, a->width[0], a->height[0]);
    for (int l = 1; l < LEVELS; l++)
        halve(slot + a->offset[l - 1], (size_t)a->width[l - 1], slot + a->offset[l], a->width[l],
              a->height[l]);
    a->ids[i % a->n_slots] = frame;
    a->n_seen++;
    a->n_frames += a->n_frames < a->n_slots;
}

/* ---- one step -------------------------------------------------------------------------- */

/* From one frame to another, coarse to fine. False: no level has texture, or it got lost. */
static bool follow(const struct tro_anchors *a, int64_t from, int64_t to, float from_x,
                   float from_y, float *x, float *y)
{
    struct tro_patch patch;
    bool has_any = false;
    for (int l = LEVELS - 1; l >= 0; l--) {
        const struct tro_plane before = plane_of(a, from, l), after = plane_of(a, to, l);
        const float scale = (float)(1 << l);
        float lx = *x / scale, ly = *y / scale;
        tro_patch_take(&patch, &before, from_x / scale, from_y / scale, false);
        if (!patch.has_texture)
            continue;
        if (!tro_patch_follow(&patch, &after, &lx, &ly))
            return false;
        *x = lx * scale;
        *y = ly * scale;
        has_any = true;
    }
    return has_any;
}

/* There, and back again to the same place. */
static bool follow_surely(const struct tro_anchors *a, int64_t from, int64_t to,
                          const struct anchor *k, float *x, float *y)
{
    *x = k->x;
    *y = k->y;
    if (!follow(a, from, to, k->x, k->y, x, y))
        return false;
    float back_x = *x, back_y = *y;
    return follow(a, to, from, *x, *y, &back_x, &back_y) &&
           hypotf(back_x - k->x, back_y - k->y) <= BACK_PX;
}

static void take_key(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    for (int l = 0; l < LEVELS; l++) {
        const struct tro_plane plane = plane_of(a, i, l);
        const float scale = (float)(1 << l);
        tro_patch_take(&k->key[l], &plane, k->x / scale, k->y / scale, l == FIT_LEVEL);
    }
    k->map = (struct tro_patch_map){0, 0, 1, 0, 0, 1};
    k->usual = 1;
}

/* How well the key lies at a place; turn, scale and the place become better where they can. */
static float settle(const struct tro_anchors *a, int64_t i, const struct anchor *k, float *x,
                    float *y, struct tro_patch_map *map)
{
    const struct tro_plane plane = plane_of(a, i, FIT_LEVEL);
    const float scale = (float)(1 << FIT_LEVEL);
    *map = k->map;
    map->x = *x / scale;
    map->y = *y / scale;
    struct tro_patch_map fitted = *map;
    const float plain = tro_patch_compare(&k->key[FIT_LEVEL], &plane, map);
    if (!tro_patch_fit(&k->key[FIT_LEVEL], &plane, &fitted) ||
        hypotf(fitted.x - map->x, fitted.y - map->y) * scale > APART_PX)
        return plain;
    const float better = tro_patch_compare(&k->key[FIT_LEVEL], &plane, &fitted);
    if (better < plain)
        return plain;
    *map = fitted;
    *x = fitted.x * scale;
    *y = fitted.y * scale;
    return better;
}

static void place(struct anchor *k, float x, float y, float confidence,
                  const struct tro_patch_map *map)
{
    k->x = x;
    k->y = y;
    k->map = *map;
    k->confidence = confidence;
    k->usual += (confidence - k->usual) * USUAL_SHARE;
    k->is_found = true;
    k->n_lost = 0;
}

/* Tissue that turns away or comes nearer looks otherwise after a while; what suddenly looks
 * otherwise is something else in front of it. */
static bool has_changed(const struct anchor *k)
{
    const struct tro_patch_map *const m = &k->map;
    const float det = m->xx * m->yy - m->xy * m->yx;
    if (k->confidence < k->usual - SUDDEN)
        return false;
    return k->confidence < GOOD || det < 0.7f || det > 1.4f || fabsf(m->xy - m->yx) > 0.7f;
}

static void look_on(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    float x, y;
    struct tro_patch_map map;
    const bool is_sure = follow_surely(a, i - 1, i, k, &x, &y);
    if (!is_sure) {
        x = k->x;
        y = k->y;
    }
    const float ncc = settle(a, i, k, &x, &y, &map);
    if (ncc < FOUND || (!is_sure && ncc < FOUND_AGAIN)) {
        k->is_found = false;
        k->n_lost = 1;
        return;
    }
    place(k, x, y, ncc, &map);
    if (is_sure && has_changed(k))
        take_key(a, i, k);
}

/* From a place of the coarsest level on, by what the key shows. */
static float look_at(const struct tro_anchors *a, int64_t i, const struct anchor *k, float *x,
                     float *y, struct tro_patch_map *map)
{
    for (int l = LEVELS - 1; l >= 0; l--) {
        const struct tro_plane plane = plane_of(a, i, l);
        const float scale = (float)(1 << l);
        float lx = *x / scale, ly = *y / scale;
        if (k->key[l].has_texture && tro_patch_follow(&k->key[l], &plane, &lx, &ly)) {
            *x = lx * scale;
            *y = ly * scale;
        }
    }
    return settle(a, i, k, x, y, map);
}

/* What hides a place is smaller than what lies round it: the coarsest level goes on with that. */
static void go_along(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    const struct tro_plane before = plane_of(a, i - 1, LEVELS - 1);
    const struct tro_plane after = plane_of(a, i, LEVELS - 1);
    const float scale = (float)(1 << (LEVELS - 1));
    struct tro_patch patch;
    float x = k->x / scale, y = k->y / scale;
    tro_patch_take(&patch, &before, x, y, false);
    if (tro_patch_follow(&patch, &after, &x, &y)) {
        k->x = x * scale;
        k->y = y * scale;
    }
}

static void look_again(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    if (k->n_lost >= a->n_slots)
        return;
    const struct tro_plane coarsest = plane_of(a, i, LEVELS - 1);
    const float scale = (float)(1 << (LEVELS - 1));
    struct tro_patch_map map;
    go_along(a, i, k);
    float x = k->x, y = k->y;
    float ncc = look_at(a, i, k, &x, &y, &map);
    if (ncc < FOUND_AGAIN && k->n_lost % SEARCH_EVERY == 0) {
        float lx = k->x / scale, ly = k->y / scale;
        if (tro_patch_search(&k->key[LEVELS - 1], &coarsest, SEARCH_REACH, &lx, &ly) >=
            WORTH_A_LOOK) {
            x = lx * scale;
            y = ly * scale;
            ncc = look_at(a, i, k, &x, &y, &map);
        }
    }
    if (ncc >= FOUND_AGAIN)
        place(k, x, y, ncc, &map);
    else
        k->n_lost++;
}

static void step(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    if (k->is_found)
        look_on(a, i, k);
    else
        look_again(a, i, k);
}

/* ---- in and out ------------------------------------------------------------------------ */

void tro_anchors_frame(struct tro_anchors *a, uint64_t frame, const uint8_t *luma, int stride)
{
    if (a->n_seen > 0 && frame <= a->ids[(a->n_seen - 1) % a->n_slots])
        return;
    keep(a, frame, luma, stride);
    for (int k = 0; a->n_seen > 1 && k < TRO_ANCHORS_MAX; k++)
        if (a->anchors[k].is_used)
            step(a, a->n_seen - 1, &a->anchors[k]);
}

/* Of the frames that are kept: the last one up to this id. */
static int64_t find_frame(const struct tro_anchors *a, uint64_t frame)
{
    int64_t i = a->n_seen - 1;
    while (i > a->n_seen - a->n_frames && a->ids[i % a->n_slots] > frame)
        i--;
    return i;
}

int tro_anchors_add(struct tro_anchors *a, uint64_t frame, float x, float y)
{
    int n = 0;
    while (n < TRO_ANCHORS_MAX && a->anchors[n].is_used)
        n++;
    if (n == TRO_ANCHORS_MAX || a->n_frames == 0)
        return -1;
    struct anchor *const k = &a->anchors[n];
    const int64_t first = find_frame(a, frame);
    *k = (struct anchor){.is_used = true,
                         .is_found = true,
                         .x = x / (float)a->cell,
                         .y = y / (float)a->cell,
                         .confidence = 1,
                         .usual = 1};
    take_key(a, first, k);
    for (int64_t i = first + 1; i < a->n_seen; i++)
        step(a, i, k);
    return n;
}

void tro_anchors_remove(struct tro_anchors *a, int anchor)
{
    a->anchors[anchor].is_used = false;
}

bool tro_anchors_place(const struct tro_anchors *a, int anchor, float *x, float *y,
                       float *confidence)
{
    const struct anchor *const k = &a->anchors[anchor];
    *x = k->x * (float)a->cell;
    *y = k->y * (float)a->cell;
    *confidence = k->confidence;
    return k->is_found;
}
