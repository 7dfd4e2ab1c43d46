/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/disturb.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const char *const names[TRO_N_DISTURBANCES] = {
#define TRO_DISTURBANCE_ROW(id, name, text) name,
    TRO_DISTURBANCES(TRO_DISTURBANCE_ROW)
#undef TRO_DISTURBANCE_ROW
};

const char *tro_disturbance_name(enum tro_disturbance d)
{
    return names[d];
}

static int find(const char *name, size_t n)
{
    for (int i = 0; i < TRO_N_DISTURBANCES; i++)
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return i;
    return -1;
}

int tro_disturbances_parse(const char *text, struct tro_disturbances *out, struct tro_err *err)
{
    while (*text) {
        const size_t n_name = strcspn(text, "=,");
        const int i = find(text, n_name);
        if (i < 0 || text[n_name] != '=')
            return tro_fail(err, TRO_E_INPUT,
                            "expected NAME=STRENGTH with a disturbance such as smoke=0.5, found "
                            "'%s'; 'trocar sim --help' lists them",
                            text);
        char *end;
        const double strength = strtod(text + n_name + 1, &end);
        if (end == text + n_name + 1 || (*end && *end != ',') || !(strength >= 0 && strength <= 1))
            return tro_fail(err, TRO_E_INPUT, "%s: expected a strength from 0 to 1, found '%s'",
                            names[i], text + n_name + 1);
        out->strength[i] = (float)strength;
        text = *end ? end + 1 : end;
    }
    return 0;
}
