/* SPDX-License-Identifier: Apache-2.0 */
/* In place of parse.c and reframe.c where jansson was not found. */
#include "record/reframe.h"

#include "base/err.h"

int tro_record_parse(const char *text, size_t n, const char *name, struct tro_record *out,
                     struct tro_err *err)
{
    (void)text, (void)n;
    *out = (struct tro_record){0};
    return tro_fail(err, TRO_E_DEVICE,
                    "%s: reading a record needs jansson, which was not there when this program was "
                    "built: install libjansson-dev and build again",
                    name);
}

/* Nothing to do: no record was read. */
int tro_record_reframe(struct tro_record *r, const struct tro_record_frames *f, struct tro_err *err)
{
    (void)r, (void)f;
    return tro_fail(err, TRO_E_DEVICE,
                    "records cannot be written: install libjansson-dev and "
                    "build again");
}
