/* SPDX-License-Identifier: Apache-2.0 */
#include "base/energy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_number(const char *path, uint64_t *out)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    const bool ok = fscanf(f, "%" SCNu64, out) == 1;
    fclose(f);
    return ok;
}

/* intel-rapl:0, intel-rapl:1 ... are packages (on AMD too); parts of them have a second colon. */
void tro_energy_open(struct tro_energy *e, const char *folder)
{
    *e = (struct tro_energy){0};
    if (!folder)
        folder = getenv("TROCAR_POWERCAP");
    if (!folder || !*folder)
        folder = "/sys/class/powercap";
    for (int i = 0; i < TRO_ENERGY_MAX_PACKAGES; i++) {
        const int k = e->n_packages;
        char range[256];
        snprintf(range, sizeof range, "%s/intel-rapl:%d/max_energy_range_uj", folder, i);
        snprintf(e->path[k], sizeof e->path[k], "%s/intel-rapl:%d/energy_uj", folder, i);
        if (read_number(range, &e->range_uj[k]) && read_number(e->path[k], &e->last_uj[k]))
            e->n_packages++;
    }
}

bool tro_energy_read(struct tro_energy *e, double *mj)
{
    for (int i = 0; i < e->n_packages; i++) {
        uint64_t now;
        if (!read_number(e->path[i], &now))
            return false;
        e->used_uj += (double)(now - e->last_uj[i] + (now < e->last_uj[i] ? e->range_uj[i] : 0));
        e->last_uj[i] = now;
    }
    *mj = e->used_uj * 1e-3;
    return e->n_packages > 0;
}
