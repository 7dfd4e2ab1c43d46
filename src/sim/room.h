/* SPDX-License-Identifier: Apache-2.0 */
/* What the endoscope sees outside of the body: drapes, gauze, the lamp. */
#ifndef TRO_SIM_ROOM_H
#define TRO_SIM_ROOM_H

#include "sim/film.h"

void tro_room_draw(struct tro_film *f, const struct tro_noise *noise, uint64_t key, double seconds);

#endif
