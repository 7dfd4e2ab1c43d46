/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
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

static void colour_of(const char *name, int index, uint8_t rgb[3])
{
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        if (strcmp(tro_endoscopy_classes[i].name, name) == 0) {
            memcpy(rgb, tro_endoscopy_classes[i].rgb, 3);
            return;
        }
    }
    hue_of(index, rgb);
}

int demo_names_init(struct demo_names *names, const struct tro_record_output *output,
                    struct tro_err *err)
{
    if (output->n_names < 1 || output->n_names > DEMO_MAX_NAMES)
        return tro_fail(err, TRO_E_INPUT,
                        "record, outputs.%s: expected the key names with 1 to %d of them, found %d",
                        output->name, DEMO_MAX_NAMES, output->n_names);
    names->n = output->n_names;
    for (int i = 0; i < names->n; i++) {
        struct demo_name *const v = &names->v[i];
        v->text = output->names[i];
        colour_of(v->text, i, v->rgb);
        v->is_marked = v->rgb[0] + v->rgb[1] + v->rgb[2] > 0;
        v->is_instrument = strncmp(v->text, "instrument", strlen("instrument")) == 0;
    }
    return 0;
}

int demo_names_find(const struct demo_names *names, const char *text)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->v[i].text, text) == 0)
            return i;
    return -1;
}
