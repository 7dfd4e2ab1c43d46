/* SPDX-License-Identifier: Apache-2.0 */
/* When an anchor is sure of its place: not where all looks alike, and not where an instrument hides
 * it or drags at it. */
#include "console/core/anchor.h"
#include "console/core/mark.h"
#include "console_texture_kit.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

static bool is_sure_of(const struct kit *k, int id, float *x, float *y)
{
    float confidence;
    return tro_anchors_place(k->anchors, id, x, y, &confidence) && confidence >= TRO_MARK_SURE;
}

/* Frames of a picture that goes by along x; how often the place in its middle was sure. */
static int count_sure(float (*luma_at)(float x, float y), float along_y)
{
    struct kit k = open_kit();
    float x, y;
    int id = -1, n_sure = 0;
    for (int i = 0; i < 20; i++) {
        for (int row = 0; row < HEIGHT; row++)
            for (int c = 0; c < WIDTH; c++)
                k.luma[row * STRIDE + c] = (uint8_t)luma_at((float)(c - i),
                                                            (float)row - along_y * (float)i);
        tro_anchors_frame(k.anchors, ++k.frame, k.luma, STRIDE);
        if (i == 0)
            id = tro_anchors_add(k.anchors, 1, WIDTH / 2, HEIGHT / 2);
        n_sure += i > 0 && is_sure_of(&k, id, &x, &y);
    }
    close_kit(&k);
    return n_sure;
}

static float smooth_at(float x, float y)
{
    return 110 + 30 * sinf(x / 60) + 30 * cosf(y / 70);
}

static float edge_at(float x, float y)
{
    const float off = y - HEIGHT / 2.0f - 0.2f * (x - WIDTH / 2.0f);
    return 110 + 50 * tanhf(off / 2);
}

static float texture_of(float x, float y)
{
    return 40 + 0.25f * smooth_noise(x / 7, y / 7) + 0.35f * smooth_noise(x / 31, y / 31);
}

/* A high correlation says nothing where all looks alike. */
TEST(anchor_is_unsure_on_what_is_smooth)
{
    CHECK_INT(count_sure(smooth_at, 0), 0);
}

TEST(anchor_is_unsure_along_an_edge)
{
    CHECK_INT(count_sure(edge_at, 0.2f), 0);
}

TEST(anchor_is_sure_on_texture)
{
    CHECK_INT(count_sure(texture_of, 0), 19);
}

/* An instrument comes from the left, rests over the place for `rest` frames and leaves. */
struct pass {
    int rest;
    bool has_mask, has_box;
};

enum { ROD = 60, ARRIVED = 170 };

static int rod_left(const struct pass *p, int i)
{
    const int going = 2 * i - ROD;
    if (going < ARRIVED - ROD / 2)
        return going;
    const int since = i - (ARRIVED + ROD / 2) / 2;
    return since < p->rest ? ARRIVED - ROD / 2 : ARRIVED - ROD / 2 - 2 * (since - p->rest);
}

/* With a texture of its own, and a shadow's soft edge. */
static void draw_rod(uint8_t *luma, int left)
{
    for (int row = 0; row < 130; row++)
        for (int c = left < 0 ? 0 : left; c < left + ROD && c < WIDTH; c++)
            luma[row * STRIDE + c] = (uint8_t)(150 + (row / 3 * 7 + (c - left) / 3 * 13) % 40);
}

static void tell_rod(const struct kit *k, const struct pass *p, int i)
{
    enum { COLUMNS = WIDTH / 4, ROWS = HEIGHT / 4, AGE = 2 };
    uint8_t mask[COLUMNS * ROWS];
    const int left = rod_left(p, i - AGE);
    const struct tro_instrument_box box = {(float)left, 0, (float)(left + ROD), 130};
    if (i < AGE)
        return;
    for (int n = 0; n < COLUMNS * ROWS; n++) {
        const int x = n % COLUMNS * 4, y = n / COLUMNS * 4;
        mask[n] = x + 3 >= left && x < left + ROD && y < 130;
    }
    if (p->has_mask)
        tro_anchors_cover(k->anchors, (uint64_t)(i - AGE) + 1, mask, COLUMNS, ROWS);
    if (p->has_box)
        tro_anchors_doubt(k->anchors, (uint64_t)(i - AGE) + 1, &box, 1);
}

struct passed {
    int n_wrong;       /* frames in which it was sure and off by more than 4 px */
    int n_sure_behind; /* in which it was sure with the rod over it */
    int n_sure_after;  /* of the last ten, in which it was sure */
    float worst_after;
};

static struct passed pass(const struct pass *p)
{
    struct kit k = open_kit();
    struct pose pose = {.zoom = 1, .light = 1};
    struct passed out = {0};
    const int n = (ARRIVED + ROD) / 2 + p->rest + 110;
    int id = -1;
    for (int i = 0; i < n; i++) {
        const int left = rod_left(p, i);
        float x, y;
        pose.x = 6 * sinf((float)i / 15);
        draw(&pose, k.luma);
        draw_rod(k.luma, left);
        tell_rod(&k, p, i);
        tro_anchors_frame(k.anchors, ++k.frame, k.luma, STRIDE);
        if (i == 0)
            id = tro_anchors_add(k.anchors, 1, ARRIVED, 90);
        const bool is_sure = is_sure_of(&k, id, &x, &y);
        const float want_x = ARRIVED + pose.x, off = hypotf(x - want_x, y - 90);
        out.n_wrong += is_sure && off > 4;
        out.n_sure_behind += is_sure && want_x > (float)left && want_x < (float)(left + ROD);
        out.n_sure_after += i >= n - 10 && is_sure;
        out.worst_after = fmaxf(out.worst_after, i >= n - 10 ? off : 0);
    }
    close_kit(&k);
    return out;
}

TEST(anchor_is_not_dragged_by_an_instrument)
{
    const struct passed alone = pass(&(struct pass){.rest = 20});
    const struct passed boxed = pass(&(struct pass){.rest = 20, .has_box = true});
    CHECK_INT(alone.n_wrong, 0);
    CHECK_INT(boxed.n_wrong, 0);
    CHECK(boxed.n_sure_behind <= alone.n_sure_behind);
    CHECK(alone.n_sure_after == 10 && alone.worst_after < 0.5f);
    CHECK(boxed.n_sure_after == 10 && boxed.worst_after < 0.5f);
}

/* For longer than what is lost is looked for. */
TEST(anchor_waits_behind_an_instrument)
{
    const struct passed p = pass(&(struct pass){.rest = 150, .has_mask = true});
    CHECK_INT(p.n_wrong, 0);
    CHECK_INT(p.n_sure_behind, 0);
    CHECK(p.n_sure_after == 10 && p.worst_after < 0.5f);
}

/* A network that has stopped hides nothing for ever. */
TEST(anchor_forgets_old_masks)
{
    struct kit k = open_kit();
    const struct pose p = {.zoom = 1, .light = 1};
    const uint8_t all = 1;
    float x, y;
    show(&k, &p);
    const int id = tro_anchors_add(k.anchors, 1, 160, 90);
    CHECK(is_sure_of(&k, id, &x, &y));
    tro_anchors_cover(k.anchors, 1, &all, 1, 1);
    show(&k, &p);
    CHECK(!is_sure_of(&k, id, &x, &y));
    for (int i = 0; i < 14; i++)
        show(&k, &p);
    CHECK(is_sure_of(&k, id, &x, &y));
    CHECK_NEAR(x, 160, 0.2);
    close_kit(&k);
}
