/* SPDX-License-Identifier: Apache-2.0 */
/* What networks tell apart, as their records name it (docs/record.md): classes of pixels, kinds of
 * instruments, landmarks; and the colours they are drawn in. */
#ifndef DEMO_NAMES_H
#define DEMO_NAMES_H

#include "record/record.h"

#define DEMO_MAX_NAMES 32

struct demo_name {
    const char *text;
    uint8_t rgb[3];
    bool is_marked;     /* not black: black is what need not be marked */
    bool is_instrument; /* the name begins so: outlined strongly */
};

struct demo_names {
    int n;
    struct demo_name v[DEMO_MAX_NAMES];
};

/* Classes of the simulator have its colours, all else hues far apart. The names are the record's,
 * which must outlive them; a record without names or with too many is an error. */
int demo_names_init(struct demo_names *names, const struct tro_record_output *output,
                    struct tro_err *err);

/* -1 if there is none. */
int demo_names_find(const struct demo_names *names, const char *text);

#endif
