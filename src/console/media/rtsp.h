/* SPDX-License-Identifier: Apache-2.0 */
/* The burned-in stream as an RTSP server gives it to players. */
#ifndef TRO_CONSOLE_MEDIA_RTSP_H
#define TRO_CONSOLE_MEDIA_RTSP_H

#include "console/media/encoder.h"

struct tro_rtsp;

/* rtsp://HOST:PORT/NAME, an address of this machine. */
struct tro_rtsp *tro_rtsp_create(const char *location, int64_t t0_ns, struct tro_encoder *burned,
                                 struct tro_err *err);
/* NULL is fine. */
void tro_rtsp_destroy(struct tro_rtsp *r);

#endif
