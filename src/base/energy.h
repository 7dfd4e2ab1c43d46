/* SPDX-License-Identifier: Apache-2.0 */
/* Energy that the processor packages have used, from the counters of RAPL as Linux shows them. */
#ifndef TRO_BASE_ENERGY_H
#define TRO_BASE_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

#define TRO_ENERGY_MAX_PACKAGES 16

struct tro_energy {
    int n_packages; /* 0: the machine does not tell */
    char path[TRO_ENERGY_MAX_PACKAGES][256];
    uint64_t range_uj[TRO_ENERGY_MAX_PACKAGES]; /* at which the counter begins anew */
    uint64_t last_uj[TRO_ENERGY_MAX_PACKAGES];
    double used_uj;
};

/* folder NULL: TROCAR_POWERCAP in the environment, else /sys/class/powercap. Counters that may not
 * be read (they are root's on many systems) are as if they were not there. */
void tro_energy_open(struct tro_energy *e, const char *folder);

/* Millijoules since open; false when the machine does not tell. Must be called more often than a
 * counter takes to begin anew (minutes). */
bool tro_energy_read(struct tro_energy *e, double *mj);

#endif
