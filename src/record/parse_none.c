/* SPDX-License-Identifier: Apache-2.0 */
/* In place of parse.c where jansson was not found. */
#include "record/record.h"

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
