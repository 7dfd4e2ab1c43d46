/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/stream.h"

#include "sim/rand.h"

#define FREEZE_SECONDS 2
#define OUT_SECONDS 4.0 /* it stays in or out at least so long */

enum { STREAM_DROP, STREAM_BLACK, STREAM_OUT };

static bool happens(const struct tro_stream *s, uint64_t what, int64_t when, float share)
{
    const uint64_t word = tro_rand_at(tro_rand_key(s->key, what), (uint64_t)when);
    return tro_rand_unit(word) < share;
}

int64_t tro_stream_shown(const struct tro_stream *s, int64_t index)
{
    const float *const strength = s->disturb.strength;
    const double freeze = FREEZE_SECONDS * strength[TRO_DISTURB_FROZEN] * s->fps;
    index -= index % (1 + (int64_t)(freeze + 0.5));
    while (index > 0 && happens(s, STREAM_DROP, index, 0.5f * strength[TRO_DISTURB_DROPPED]))
        index--;
    return index;
}

bool tro_stream_is_black(const struct tro_stream *s, int64_t index)
{
    const int64_t second = (int64_t)((double)index / s->fps);
    return happens(s, STREAM_BLACK, second, s->disturb.strength[TRO_DISTURB_BLACK]);
}

bool tro_stream_is_out_of_body(const struct tro_stream *s, int64_t index)
{
    const int64_t span = (int64_t)((double)index / s->fps / OUT_SECONDS);
    return happens(s, STREAM_OUT, span, s->disturb.strength[TRO_DISTURB_OUT_OF_BODY]);
}
