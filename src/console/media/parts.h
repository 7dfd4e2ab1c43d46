/* SPDX-License-Identifier: Apache-2.0 */
/* What viewers.c takes from media.c. */
#ifndef TRO_CONSOLE_MEDIA_PARTS_H
#define TRO_CONSOLE_MEDIA_PARTS_H

#include "console/media/encoder.h"
#include "console/media/media.h"

/* The encoder of the plain stream, or of the one with overlays in the picture. */
struct tro_encoder *tro_media_encoder(struct tro_media *m, bool is_burned_in);
/* Pipelines' running time is monotonic time minus this. */
int64_t tro_media_t0_ns(const struct tro_media *m);

#endif
