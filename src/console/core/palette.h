/* SPDX-License-Identifier: Apache-2.0 */
/* Colours of what networks name, the same on the display, the expert's page and the dashboard. */
#ifndef TRO_CONSOLE_CORE_PALETTE_H
#define TRO_CONSOLE_CORE_PALETTE_H

#include <stdbool.h>
#include <stdint.h>

/* Classes of the simulator have its colours, all else hues far apart by their index among the names
 * of the network. False (and black): need not be marked, as what lies outside of the picture. */
bool tro_palette_colour(const char *name, int index, uint8_t rgb[3]);

#endif
