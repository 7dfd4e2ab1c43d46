/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame ring: one producer hands frames to readers in other processes, the newest wins.
 *
 *   control (memfd, sealed in size)      pixels (memfd, sealed in size and against further writers)
 *   +-----------------------------+      +--------+--------+--------+-----
 *   | form, newest (id and slot), |      | slot 0 | slot 1 | slot 2 | ...
 *   | a word to wait on           |      +--------+--------+--------+-----
 *   | slot: id, captured, readers |      slots begin at pages; only the producer can write them
 *   +-----------------------------+
 *
 * A reader takes the newest frame by setting its bit in the slot; the producer writes into the
 * oldest slot that has no bit set, so neither waits for the other. With two slots more than readers
 * there is always a free one. The bits of a reader that died are cleared by the producer's side.
 * What a reader writes into the control block can cost others frames, never memory safety: the
 * producer keeps its own copy of all sizes and bounds what it reads.
 */
#ifndef TRO_CONSOLE_CORE_RING_H
#define TRO_CONSOLE_CORE_RING_H

#include <trocar/trocar.h>

#include "console/core/frame.h"

#define TRO_RING_MAX_READERS 16

struct tro_ring;

/* The producer's: two slots more than readers. A process whose threads hold several frames at once
 * counts as that many readers, and sets the bit of its first one. */
struct tro_ring *tro_ring_create(const struct tro_frame_form *form, int n_readers,
                                 struct tro_err *err);
void tro_ring_destroy(struct tro_ring *r);
int tro_ring_control_fd(const struct tro_ring *r); /* owned by the ring; to be inherited */
int tro_ring_pixels_fd(const struct tro_ring *r);

/* The slot to write the next frame into, until publish. Never waits, never fails: where readers
 * hold more than they may, it is memory that no reader sees. */
uint8_t *tro_ring_begin(struct tro_ring *r);
/* Gives it the next id, which is returned, and wakes who waits. */
uint64_t tro_ring_publish(struct tro_ring *r, int64_t captured_ns);
/* No bit of this reader is set any more: its process is gone. What it wrote over the form is put
 * right. Any thread. */
void tro_ring_forget(struct tro_ring *r, int reader);
/* Frames that no reader could see. */
uint64_t tro_ring_n_unseen(const struct tro_ring *r);

/* A reader's view in another process; takes no ownership of the descriptors. Checks seals, sizes
 * and versions. */
struct tro_ring *tro_ring_open(int control_fd, int pixels_fd, int reader, struct tro_err *err);
struct tro_frame_form tro_ring_form(const struct tro_ring *r);
uint64_t tro_ring_newest(const struct tro_ring *r); /* id; 0: none yet */
/* All slots, for pinning: read-only in a reader. */
const uint8_t *tro_ring_pixels(const struct tro_ring *r, size_t *n_bytes);

/* The newest frame with an id above `after`, held until release; waits up to timeout_ns. False: no
 * newer one came. A reader's threads may each hold one frame at a time; the bit is counted inside
 * the process. */
bool tro_ring_take(struct tro_ring *r, uint64_t after, int64_t timeout_ns, struct tro_frame *out);
void tro_ring_release(struct tro_ring *r, const struct tro_frame *f);

#endif
