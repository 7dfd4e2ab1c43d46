/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/palette.h"

#include <math.h>
#include <string.h>

#include "sim/endoscopy.h"

/* By the golden angle. */
static void hue_of(int index, uint8_t rgb[3])
{
    const double hue = fmod(0.44 + 0.618034 * index, 1) * 6, up = hue - floor(hue), down = 1 - up;
    const double sectors[6][3] = {{1, up, 0},   {down, 1, 0}, {0, 1, up},
                                  {0, down, 1}, {up, 0, 1},   {1, 0, down}};
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)(110 + 145 * sectors[(int)hue][i]);
}

bool tro_palette_colour(const char *name, int index, uint8_t rgb[3])
{
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        if (strcmp(tro_endoscopy_classes[i].name, name) == 0) {
            memcpy(rgb, tro_endoscopy_classes[i].rgb, 3);
            return rgb[0] + rgb[1] + rgb[2] > 0;
        }
    }
    hue_of(index, rgb);
    return true;
}
