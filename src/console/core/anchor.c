/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/anchor.h"

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/anchor_around.h"
#include "console/core/anchor_frames.h"

#include <math.h>

#define LEVELS TRO_ANCHOR_LEVELS
#define COARSEST (LEVELS - 1)
#define FIT_LEVEL 0       /* that turn and scale are found in */
#define BACK_PX 1.0f      /* there and back again may differ by, of the finest level */
#define APART_PX 3.0f     /* and following and fitting by */
#define ASIDE_PX 3.0f     /* and a place and where the spots round it have it */
#define BESIDE_PX 5.0f    /* how far off a key must not look as it does at its place */
#define GOOD 0.85f        /* correlation below which the patch is taken anew while it is sure */
#define SUDDEN 0.03f      /* below what is usual: something is in front */
#define USUAL_SHARE 0.15f /* of the newest correlation in the usual one */
#define FOUND 0.7f        /* below which a place is lost */
#define FOUND_AGAIN 0.8f  /* from which it is there again */
#define CLEAR 0.3f        /* and how distinct it must be then, with what lies round it */
#define CLEAR_ALONE 0.6f  /* and without; measured as the next ones are */
#define KEY_ALONE 0.5f    /* confidence from which a key is taken where only the key tells */
#define WORTH_A_LOOK 0.6f
#define SEARCH_EVERY 4  /* frames */
#define SEARCH_REACH 10 /* pixels of the coarsest level */
#define NEARLY_1 1.001f

/* What a confidence is made of: docs/console.md, "Marks", has what comes of these. */
#define OF_AROUND 0.5f /* what most spots round a place say is this much of it, its key the rest */
#define ALONE 0.75f    /* of what the key says where they say nothing */
#define DISPUTED 0.8f  /* of that where the greatest group of them has it elsewhere */
#define AGAIN 0.9f     /* of it where the place was lost and found again by the key alone */
#define CERTAIN 0.85f  /* distinction of the first key from which all doubt is gone */
#define IN_BOX 0.85f   /* of it where the place is in an instrument's box and no mask is known */
#define HIDDEN 0.5f    /* of it where something is known to lie over the place */

struct anchor {
    bool is_used, is_found;
    bool is_hidden;                 /* an instrument is known to lie over it */
    bool is_in_box;                 /* of an instrument whose mask is not known */
    float x, y;                     /* of the finest level */
    float ncc, usual;               /* correlation now, and what it usually is */
    struct tro_patch key[LEVELS];   /* what its tissue looks like */
    struct tro_patch_map map;       /* from the key to the newest frame */
    float alike;                    /* correlation of the key with what lies beside it */
    struct tro_patch first;         /* the key as it was when the place was given */
    struct tro_patch_map first_map; /* from it to the key; its middle counts for nothing */
    float first_alike;
    float trust;              /* 0..1 that the key is of the right place */
    struct tro_around around; /* spots that go with it */
    bool has_around;          /* most of them went together in the last step */
    bool is_disputed;         /* not most, but as many as there are have it elsewhere */
    int n_lost;               /* frames since it was seen */
};

struct tro_anchors {
    struct tro_anchor_frames frames;
    int n_boxes;
    struct tro_instrument_box boxes[TRO_ANCHORS_MAX_BOXES]; /* pixels of the finest level */
    uint64_t boxes_frame;
    struct anchor anchors[TRO_ANCHORS_MAX];
};

struct tro_anchors *tro_anchors_create(int width, int height, float fps, struct tro_err *err)
{
    struct tro_anchors *const a = tro_calloc(1, sizeof(*a));
    if (!a) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (tro_anchor_frames_init(&a->frames, width, height, fps, err) < 0) {
        tro_free(a);
        return NULL;
    }
    return a;
}

void tro_anchors_destroy(struct tro_anchors *a)
{
    if (!a)
        return;
    tro_anchor_frames_finish(&a->frames);
    tro_free(a);
}

static struct tro_plane plane_of(const struct tro_anchors *a, int64_t i, int level)
{
    return tro_anchor_frames_plane(&a->frames, i, level);
}

/* ---- from frame to frame --------------------------------------------------------------- */

/* From one frame to another, coarse to fine. False: no level has texture, or it got lost. */
static bool follow(const struct tro_anchors *a, int64_t from, int64_t to, float from_x,
                   float from_y, float *x, float *y)
{
    struct tro_patch patch;
    bool has_any = false;
    for (int l = COARSEST; l >= 0; l--) {
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

/* What hides a place is smaller than what lies round it: the coarsest level goes on with that. */
static void drift(const struct tro_anchors *a, int64_t i, float *x, float *y)
{
    const struct tro_plane before = plane_of(a, i - 1, COARSEST), after = plane_of(a, i, COARSEST);
    const float scale = (float)(1 << COARSEST);
    float lx = *x / scale, ly = *y / scale;
    struct tro_patch patch;
    tro_patch_take(&patch, &before, lx, ly, false);
    if (tro_patch_follow(&patch, &after, &lx, &ly)) {
        *x = lx * scale;
        *y = ly * scale;
    }
}

/* ---- spots round a place --------------------------------------------------------------- */

static const float around_scale = (float)(1 << TRO_AROUND_LEVEL);

static void begin_around(struct anchor *k)
{
    tro_around_begin(&k->around, k->x / around_scale, k->y / around_scale);
}

/* From frame i - 1 to i, where all goes some dx, dy; x, y: where they have the place now. */
static void look_around(const struct tro_anchors *a, int64_t i, struct anchor *k, float dx,
                        float dy, float *x, float *y)
{
    const struct tro_plane before = plane_of(a, i - 1, TRO_AROUND_LEVEL);
    const struct tro_plane after = plane_of(a, i, TRO_AROUND_LEVEL);
    float lx = (k->x + dx) / around_scale, ly = (k->y + dy) / around_scale;
    const enum tro_around_said said = tro_around_step(
        &k->around, &before, &after, dx / around_scale, dy / around_scale, &lx, &ly);
    const float off = hypotf(lx * around_scale - k->x - dx, ly * around_scale - k->y - dy);
    k->has_around = said == TRO_AROUND_MOST;
    k->is_disputed = said == TRO_AROUND_SOME && off > ASIDE_PX;
    *x = k->has_around ? lx * around_scale : k->x + dx;
    *y = k->has_around ? ly * around_scale : k->y + dy;
}

/* ---- keys ------------------------------------------------------------------------------ */

/* How well the key lies beside itself, where that is best: near 1 on smooth tissue and along edges,
 * on which a high correlation says little. */
static float likeness(const struct tro_anchors *a, int64_t i, const struct anchor *k)
{
    const struct tro_plane plane = plane_of(a, i, FIT_LEVEL);
    float most = 0;
    for (int d = 0; d < 8; d++) {
        const float angle = k->key[FIT_LEVEL].edge + (float)d * 0.785398f;
        const struct tro_patch_map beside = {
            k->x + BESIDE_PX * cosf(angle), k->y + BESIDE_PX * sinf(angle), 1, 0, 0, 1};
        most = fmaxf(most, tro_patch_compare(&k->key[FIT_LEVEL], &plane, &beside));
    }
    return most;
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
    k->alike = likeness(a, i, k);
}

/* 0..1: how much better a key lies at its place than beside it. */
static float distinction(float ncc, float alike)
{
    return fmaxf((ncc - alike) / (NEARLY_1 - alike), 0);
}

static float confidence_of(const struct anchor *k)
{
    const float sharp = distinction(k->ncc, k->alike);
    float all = k->has_around ? OF_AROUND + (1 - OF_AROUND) * sharp : ALONE * sharp;
    if (k->is_disputed)
        all *= DISPUTED;
    return k->trust * all * (k->is_hidden ? HIDDEN : 1) * (k->is_in_box ? IN_BOX : 1);
}

/* How well the key lies at a place; turn, scale and the place become better where they can. */
static float settle(const struct tro_anchors *a, int64_t i, const struct anchor *k, float *x,
                    float *y, struct tro_patch_map *map)
{
    const struct tro_plane plane = plane_of(a, i, FIT_LEVEL);
    *map = k->map;
    map->x = *x;
    map->y = *y;
    struct tro_patch_map fitted = *map;
    const float plain = tro_patch_compare(&k->key[FIT_LEVEL], &plane, map);
    if (!tro_patch_fit(&k->key[FIT_LEVEL], &plane, &fitted) ||
        hypotf(fitted.x - map->x, fitted.y - map->y) > APART_PX)
        return plain;
    const float better = tro_patch_compare(&k->key[FIT_LEVEL], &plane, &fitted);
    if (better < plain)
        return plain;
    *map = fitted;
    *x = fitted.x;
    *y = fitted.y;
    return better;
}

/* Tissue that turns away or comes nearer looks otherwise after a while; what suddenly looks
 * otherwise is something else in front of it. */
static bool has_changed(const struct anchor *k)
{
    const struct tro_patch_map *const m = &k->map;
    const float det = m->xx * m->yy - m->xy * m->yx;
    if (k->ncc < k->usual - SUDDEN)
        return false;
    return k->ncc < GOOD || det < 0.7f || det > 1.4f || fabsf(m->xy - m->yx) > 0.7f;
}

/* `base` and `map` after it, with the middle of `map`. */
static struct tro_patch_map compose(const struct tro_patch_map *map,
                                    const struct tro_patch_map *base)
{
    return (struct tro_patch_map){.x = map->x,
                                  .y = map->y,
                                  .xx = map->xx * base->xx + map->xy * base->yx,
                                  .xy = map->xx * base->xy + map->xy * base->yy,
                                  .yx = map->yx * base->xx + map->yy * base->yx,
                                  .yy = map->yx * base->xy + map->yy * base->yy};
}

/* A key that is taken anew is as much to be trusted as the place it is taken at. */
static void renew_key(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    const float sharp = distinction(k->ncc, k->alike);
    if (k->is_disputed || (!k->has_around && k->trust * sharp < KEY_ALONE))
        return;
    k->trust *= k->has_around ? OF_AROUND + (1 - OF_AROUND) * sharp : sharp;
    k->first_map = compose(&k->map, &k->first_map);
    take_key(a, i, k);
}

/* Where the first key still fits, the doubts that later ones brought are gone. */
static void regain_trust(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    const struct tro_plane plane = plane_of(a, i, FIT_LEVEL);
    struct tro_patch_map map = compose(&k->map, &k->first_map);
    if (!tro_patch_fit(&k->first, &plane, &map) || hypotf(map.x - k->x, map.y - k->y) > APART_PX)
        return;
    const float ncc = tro_patch_compare(&k->first, &plane, &map);
    const float sharp = distinction(ncc, k->first_alike);
    if (sharp >= CERTAIN)
        k->trust = fmaxf(k->trust, sharp);
}

/* ---- one step -------------------------------------------------------------------------- */

static void place(struct anchor *k, float x, float y, float ncc, const struct tro_patch_map *map)
{
    k->x = x;
    k->y = y;
    k->map = *map;
    k->ncc = ncc;
    k->usual += (ncc - k->usual) * USUAL_SHARE;
    k->is_found = true;
    k->n_lost = 0;
}

static void lose(struct anchor *k, float x, float y)
{
    k->x = x;
    k->y = y;
    k->is_found = false;
    k->n_lost = 1;
}

static void look_on(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    float x, y, around_x, around_y;
    struct tro_patch_map map;
    const bool is_sure = follow_surely(a, i - 1, i, k, &x, &y);
    if (!is_sure) {
        x = k->x;
        y = k->y;
        drift(a, i, &x, &y);
    }
    look_around(a, i, k, x - k->x, y - k->y, &around_x, &around_y);
    float ncc = settle(a, i, k, &x, &y, &map);
    if (k->has_around && (ncc < FOUND || hypotf(x - around_x, y - around_y) > ASIDE_PX)) {
        x = around_x;
        y = around_y;
        ncc = settle(a, i, k, &x, &y, &map);
    }
    const bool is_aside = k->has_around && hypotf(x - around_x, y - around_y) > ASIDE_PX;
    if (is_aside || ncc < FOUND || (!k->has_around && !is_sure && ncc < FOUND_AGAIN)) {
        lose(k, k->has_around ? around_x : x, k->has_around ? around_y : y);
        return;
    }
    place(k, x, y, ncc, &map);
    if (k->has_around)
        tro_around_learn(&k->around, (x - around_x) / around_scale, (y - around_y) / around_scale);
    if (k->trust < 1)
        regain_trust(a, i, k);
    if (is_sure && has_changed(k))
        renew_key(a, i, k);
}

/* From a place of the coarsest level on, by what the key shows. */
static float look_at(const struct tro_anchors *a, int64_t i, const struct anchor *k, float *x,
                     float *y, struct tro_patch_map *map)
{
    for (int l = COARSEST; l >= 0; l--) {
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

/* In reach of where it is thought to be. */
static float search(const struct tro_anchors *a, int64_t i, const struct anchor *k, float *x,
                    float *y, struct tro_patch_map *map)
{
    const struct tro_plane plane = plane_of(a, i, COARSEST);
    const float scale = (float)(1 << COARSEST);
    float lx = k->x / scale, ly = k->y / scale;
    if (tro_patch_search(&k->key[COARSEST], &plane, SEARCH_REACH, &lx, &ly) < WORTH_A_LOOK)
        return 0;
    *x = lx * scale;
    *y = ly * scale;
    return look_at(a, i, k, x, y, map);
}

/* What an instrument hides, or what lies round it holds, is waited for without end. */
static void miss(const struct tro_anchors *a, struct anchor *k)
{
    k->n_lost++;
    if (k->n_lost >= a->frames.n_slots && (k->has_around || k->is_hidden))
        k->n_lost -= SEARCH_EVERY;
}

static void look_again(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    float x = k->x, y = k->y;
    struct tro_patch_map map;
    if (k->n_lost >= a->frames.n_slots) {
        k->has_around = false;
        return;
    }
    drift(a, i, &x, &y);
    look_around(a, i, k, x - k->x, y - k->y, &x, &y);
    const float around_x = k->x = x, around_y = k->y = y;
    float ncc = look_at(a, i, k, &x, &y, &map);
    if (ncc < FOUND_AGAIN && k->n_lost % SEARCH_EVERY == 0)
        ncc = search(a, i, k, &x, &y, &map);
    const float sharp = distinction(ncc, k->alike);
    const bool is_aside = k->has_around && hypotf(x - around_x, y - around_y) > ASIDE_PX;
    if (ncc < FOUND_AGAIN || is_aside || sharp < (k->has_around ? CLEAR : CLEAR_ALONE)) {
        miss(a, k);
        return;
    }
    place(k, x, y, ncc, &map);
    if (!k->has_around) {
        k->trust = fminf(k->trust, AGAIN * sharp);
        begin_around(k);
    }
}

/* What is known of instruments at the place of frame i. */
static void look_for_instruments(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    const struct tro_plane plane = plane_of(a, i, 0);
    const uint64_t id = a->frames.ids[i % a->frames.n_slots];
    k->is_hidden = tro_plane_is_covered(&plane, k->x, k->y);
    k->is_in_box = false;
    if (plane.cover || !tro_anchor_frames_is_near(&a->frames, a->boxes_frame, id))
        return;
    for (int b = 0; b < a->n_boxes; b++) {
        const struct tro_instrument_box *const box = &a->boxes[b];
        k->is_in_box |= k->x >= box->x0 && k->x <= box->x1 && k->y >= box->y0 && k->y <= box->y1;
    }
}

static void step(const struct tro_anchors *a, int64_t i, struct anchor *k)
{
    if (k->is_found)
        look_on(a, i, k);
    else
        look_again(a, i, k);
    look_for_instruments(a, i, k);
}

/* ---- in and out ------------------------------------------------------------------------ */

void tro_anchors_frame(struct tro_anchors *a, uint64_t frame, const uint8_t *luma, int stride)
{
    if (!tro_anchor_frames_put(&a->frames, frame, luma, stride))
        return;
    for (int k = 0; a->frames.n_seen > 1 && k < TRO_ANCHORS_MAX; k++)
        if (a->anchors[k].is_used)
            step(a, a->frames.n_seen - 1, &a->anchors[k]);
}

void tro_anchors_cover(struct tro_anchors *a, uint64_t frame, const uint8_t *mask, int width,
                       int height)
{
    tro_anchor_frames_cover(&a->frames, frame, mask, width, height);
}

void tro_anchors_doubt(struct tro_anchors *a, uint64_t frame,
                       const struct tro_instrument_box *boxes, int n)
{
    const float scale = 1 / (float)a->frames.cell;
    a->n_boxes = n < TRO_ANCHORS_MAX_BOXES ? n : TRO_ANCHORS_MAX_BOXES;
    a->boxes_frame = frame;
    for (int b = 0; b < a->n_boxes; b++)
        a->boxes[b] = (struct tro_instrument_box){boxes[b].x0 * scale, boxes[b].y0 * scale,
                                                  boxes[b].x1 * scale, boxes[b].y1 * scale};
}

int tro_anchors_add(struct tro_anchors *a, uint64_t frame, float x, float y)
{
    int n = 0;
    while (n < TRO_ANCHORS_MAX && a->anchors[n].is_used)
        n++;
    if (n == TRO_ANCHORS_MAX || a->frames.n_frames == 0)
        return -1;
    struct anchor *const k = &a->anchors[n];
    const int64_t first = tro_anchor_frames_find(&a->frames, frame);
    *k = (struct anchor){.is_used = true,
                         .is_found = true,
                         .x = x / (float)a->frames.cell,
                         .y = y / (float)a->frames.cell,
                         .ncc = 1,
                         .trust = 1,
                         .has_around = true};
    look_for_instruments(a, first, k);
    take_key(a, first, k);
    k->first = k->key[FIT_LEVEL];
    k->first_map = k->map;
    k->first_alike = k->alike;
    begin_around(k);
    for (int64_t i = first + 1; i < a->frames.n_seen; i++)
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
    *x = k->x * (float)a->frames.cell;
    *y = k->y * (float)a->frames.cell;
    *confidence = fminf(confidence_of(k), 1);
    return k->is_found;
}
