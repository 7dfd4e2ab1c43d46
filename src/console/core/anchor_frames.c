/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/anchor_frames.h"

#include "base/alloc.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

#define LEVELS TRO_ANCHOR_LEVELS
#define COVER_LEVEL TRO_COVER_LEVEL
#define KEPT_S 2
#define MAX_COLUMNS 480     /* of the finest level */
#define COVER_S 0.3f        /* how long a mask counts for frames that come after its own */
#define COVER_MARGIN 0.003f /* widths of the picture that a mask is grown by */
#define COVER_SPEED 0.12f   /* and each second after its frame */

/* ---- room ------------------------------------------------------------------------------ */

static void lay_out(struct tro_anchor_frames *f, int width, int height)
{
    f->cell = 2;
    while (width / f->cell > MAX_COLUMNS)
        f->cell *= 2;
    for (int l = 0; l < LEVELS; l++) {
        f->width[l] = width / (f->cell << l);
        f->height[l] = height / (f->cell << l);
        f->offset[l] = f->n_bytes;
        f->n_bytes += (size_t)f->width[l] * (size_t)f->height[l];
    }
    f->n_cover = (size_t)f->width[COVER_LEVEL] * (size_t)f->height[COVER_LEVEL];
}

int tro_anchor_frames_init(struct tro_anchor_frames *f, int width, int height, float fps,
                           struct tro_err *err)
{
    *f = (struct tro_anchor_frames){.fps = fminf(fmaxf(fps, 1), 240)};
    lay_out(f, width, height);
    if (f->width[LEVELS - 1] < TRO_PATCH_SIDE || f->height[LEVELS - 1] < TRO_PATCH_SIDE)
        return tro_fail(err, TRO_E_INPUT,
                        "anchors: expected frames of %d x %d pixels or more, found %d x %d",
                        TRO_PATCH_SIDE << LEVELS, TRO_PATCH_SIDE << LEVELS, width, height);
    f->n_slots = 2 + (int)(f->fps * KEPT_S);
    f->ids = tro_calloc((size_t)f->n_slots, sizeof(*f->ids));
    f->has_cover = tro_calloc((size_t)f->n_slots, sizeof(*f->has_cover));
    f->pixels = tro_calloc((size_t)f->n_slots, f->n_bytes);
    f->covers = tro_calloc((size_t)f->n_slots + 2, f->n_cover);
    f->between = tro_calloc((size_t)(width / 2), (size_t)(height / 2));
    if (!f->ids || !f->has_cover || !f->pixels || !f->covers || !f->between) {
        tro_anchor_frames_finish(f);
        return tro_fail_nomem(err);
    }
    f->newest_cover = f->covers + (size_t)f->n_slots * f->n_cover;
    f->scratch = f->newest_cover + f->n_cover;
    return 0;
}

void tro_anchor_frames_finish(struct tro_anchor_frames *f)
{
    tro_free(f->ids);
    tro_free(f->has_cover);
    tro_free(f->pixels);
    tro_free(f->covers);
    tro_free(f->between);
    *f = (struct tro_anchor_frames){0};
}

struct tro_plane tro_anchor_frames_plane(const struct tro_anchor_frames *f, int64_t i, int level)
{
    const size_t slot = (size_t)(i % f->n_slots);
    return (struct tro_plane){.p = f->pixels + slot * f->n_bytes + f->offset[level],
                              .width = f->width[level],
                              .height = f->height[level],
                              .cover = f->has_cover[slot] ? f->covers + slot * f->n_cover : NULL,
                              .cover_width = f->width[COVER_LEVEL],
                              .cover_height = f->height[COVER_LEVEL],
                              .level = level};
}

int64_t tro_anchor_frames_find(const struct tro_anchor_frames *f, uint64_t frame)
{
    int64_t i = f->n_seen - 1;
    while (i > f->n_seen - f->n_frames && f->ids[i % f->n_slots] > frame)
        i--;
    return i;
}

/* ---- where instruments lie ------------------------------------------------------------- */

/* Along a row or a column: all within reach of what is covered. */
static void grow_line(const uint8_t *in, uint8_t *out, int n, size_t step, int reach)
{
    int last = -reach - 1; /* covered one */
    for (int i = 0; i < n; i++) {
        last = in[(size_t)i * step] ? i : last;
        out[(size_t)i * step] = i - last <= reach;
    }
    last = n + reach;
    for (int i = n - 1; i >= 0; i--) {
        last = in[(size_t)i * step] ? i : last;
        out[(size_t)i * step] |= last - i <= reach;
    }
}

static void grow(struct tro_anchor_frames *f, uint8_t *out, int reach)
{
    const int width = f->width[COVER_LEVEL], height = f->height[COVER_LEVEL];
    for (int y = 0; y < height; y++)
        grow_line(f->newest_cover + y * width, f->scratch + y * width, width, 1, reach);
    for (int x = 0; x < width; x++)
        grow_line(f->scratch + x, out + x, height, (size_t)width, reach);
}

bool tro_anchor_frames_is_near(const struct tro_anchor_frames *f, uint64_t seen, uint64_t id)
{
    return seen > 0 && id >= seen && (float)(id - seen) / f->fps <= COVER_S;
}

/* Of frame i, by the newest mask; none where that is of another time. */
static void cover_slot(struct tro_anchor_frames *f, int64_t i)
{
    const size_t slot = (size_t)(i % f->n_slots);
    const uint64_t id = f->ids[slot];
    f->has_cover[slot] = tro_anchor_frames_is_near(f, f->covered_frame, id);
    if (!f->has_cover[slot])
        return;
    const float age_s = (float)(id - f->covered_frame) / f->fps;
    const float widths = COVER_MARGIN + age_s * COVER_SPEED;
    grow(f, f->covers + slot * f->n_cover, (int)ceilf(widths * (float)f->width[COVER_LEVEL]));
}

/* Cells of the cover that a pixel of the mask touches. */
static void take_mask(struct tro_anchor_frames *f, const uint8_t *mask, int width, int height)
{
    const int columns = f->width[COVER_LEVEL], rows = f->height[COVER_LEVEL];
    memset(f->newest_cover, 0, f->n_cover);
    for (int y = 0; y < rows; y++) {
        const int y1 = ((y + 1) * height + rows - 1) / rows;
        for (int v = y * height / rows; v < y1; v++) {
            for (int x = 0; x < columns; x++) {
                const int x1 = ((x + 1) * width + columns - 1) / columns;
                for (int u = x * width / columns; u < x1; u++)
                    f->newest_cover[y * columns + x] |= mask[v * width + u] != 0;
            }
        }
    }
}

void tro_anchor_frames_cover(struct tro_anchor_frames *f, uint64_t frame, const uint8_t *mask,
                             int width, int height)
{
    if (frame == 0 || frame < f->covered_frame)
        return;
    take_mask(f, mask, width, height);
    f->covered_frame = frame;
    for (int64_t i = f->n_seen - f->n_frames; i < f->n_seen; i++)
        if (f->ids[i % f->n_slots] >= frame)
            cover_slot(f, i);
}

/* ---- frames ---------------------------------------------------------------------------- */

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

bool tro_anchor_frames_put(struct tro_anchor_frames *f, uint64_t frame, const uint8_t *luma,
                           int stride)
{
    const int64_t i = f->n_seen;
    if (i > 0 && frame <= f->ids[(i - 1) % f->n_slots])
        return false;
    uint8_t *const slot = f->pixels + (size_t)(i % f->n_slots) * f->n_bytes;
    const uint8_t *from = luma;
    size_t from_stride = (size_t)stride;
    for (int cell = 2; cell < f->cell; cell *= 2) {
        const int width = f->width[0] * (f->cell / cell), height = f->height[0] * (f->cell / cell);
        halve(from, from_stride, f->between, width, height);
        from = f->between;
        from_stride = (size_t)width;
    }
    halve(from, from_stride, slot, f->width[0], f->height[0]);
    for (int l = 1; l < LEVELS; l++)
        halve(slot + f->offset[l - 1], (size_t)f->width[l - 1], slot + f->offset[l], f->width[l],
              f->height[l]);
    f->ids[i % f->n_slots] = frame;
    cover_slot(f, i);
    f->n_seen++;
    f->n_frames += f->n_frames < f->n_slots;
    return true;
}
