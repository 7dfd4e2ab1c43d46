/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside src/console/core/anchor.c: the last two seconds of frames, each as means of 2 x 2 pixels
 * (more, so that at most 480 columns are left) and two coarser levels, and where instruments lie in
 * them as far as that is known.
 */
#ifndef TRO_CONSOLE_CORE_ANCHOR_FRAMES_H
#define TRO_CONSOLE_CORE_ANCHOR_FRAMES_H

#include "console/core/anchor_match.h"

#include <trocar/trocar.h>

#define TRO_ANCHOR_LEVELS 3

struct tro_anchor_frames {
    int cell; /* pixels of the frame along a pixel of the finest level */
    float fps;
    int width[TRO_ANCHOR_LEVELS], height[TRO_ANCHOR_LEVELS];
    size_t offset[TRO_ANCHOR_LEVELS], n_bytes; /* in a slot */
    size_t n_cover;                            /* as many as the second level has pixels */
    int n_slots, n_frames;                     /* room; frames that are there */
    int64_t n_seen; /* frames that came: frame i of them is in slot i % n_slots */
    uint64_t *ids;
    uint8_t *pixels, *covers; /* covers: a byte for each pixel of the second level, 0: free */
    bool *has_cover;          /* of a slot */
    uint8_t *between; /* on the way to the finest level, where that takes more than one halving */
    uint8_t *newest_cover, *scratch; /* as it came, not grown */
    uint64_t covered_frame;          /* that it is of; 0: there is none */
};

int tro_anchor_frames_init(struct tro_anchor_frames *f, int width, int height, float fps,
                           struct tro_err *err);
void tro_anchor_frames_finish(struct tro_anchor_frames *f);

/* False: not newer than what is there. */
bool tro_anchor_frames_put(struct tro_anchor_frames *f, uint64_t frame, const uint8_t *luma,
                           int stride);
/* Where instruments lie in a frame that has come: bytes but 0 of a mask that lies over all of it.
 * In that frame and those after it they are grown by what an instrument can move until then. */
void tro_anchor_frames_cover(struct tro_anchor_frames *f, uint64_t frame, const uint8_t *mask,
                             int width, int height);

/* Does what was seen in frame `seen` still say something of frame `id`? */
bool tro_anchor_frames_is_near(const struct tro_anchor_frames *f, uint64_t seen, uint64_t id);

struct tro_plane tro_anchor_frames_plane(const struct tro_anchor_frames *f, int64_t i, int level);
/* Of the frames that are kept: the last one up to this id. */
int64_t tro_anchor_frames_find(const struct tro_anchor_frames *f, uint64_t frame);

#endif
