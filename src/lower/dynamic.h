/* SPDX-License-Identifier: Apache-2.0 */
/* What a session keeps of values whose sizes only a run tells. It lies in the program's buffer
 * `dynamic_buffer`, zeroed before the first run. */
#ifndef TRO_LOWER_DYNAMIC_H
#define TRO_LOWER_DYNAMIC_H

#include "lower/program.h"

struct tro_dynamic {
    struct tro_dim_env env;   /* symbols known so far in this run */
    struct tro_tensor *slots; /* own memory; type none: not made yet */
    int n_slots;
};

/* Symbols as the program was made for, empty slots. */
int tro_dynamic_begin(struct tro_dynamic *d, const struct tro_program *p, struct tro_err *err);
void tro_dynamic_finish(struct tro_dynamic *d);

#endif
