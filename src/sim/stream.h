/* SPDX-License-Identifier: Apache-2.0 */
/* Which frame a stream shows when some are lost, and when there is none or another scene. */
#ifndef TRO_SIM_STREAM_H
#define TRO_SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/disturb.h"

struct tro_stream {
    uint64_t key;
    double fps;
    struct tro_disturbances disturb;
};

/* The frame whose picture is on the screen at frame `index`: this or an earlier one. */
int64_t tro_stream_shown(const struct tro_stream *s, int64_t index);
bool tro_stream_is_black(const struct tro_stream *s, int64_t index);
bool tro_stream_is_out_of_body(const struct tro_stream *s, int64_t index);

#endif
