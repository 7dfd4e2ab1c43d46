/* SPDX-License-Identifier: Apache-2.0 */
/* In place of recording_read.c where jansson was not found. */
#include "console/rules/recording.h"

#include "base/err.h"

struct tro_recording *tro_recording_of(FILE *file, const char *name, struct tro_err *err)
{
    fclose(file);
    return tro_recording_open(name, err);
}

struct tro_recording *tro_recording_open(const char *path, struct tro_err *err)
{
    tro_fail(err, TRO_E_DEVICE,
             "%s: reading a recording needs jansson, which was not there when this program was "
             "built: install libjansson-dev and build again",
             path);
    return NULL;
}

void tro_recording_close(struct tro_recording *r)
{
    (void)r;
}

const struct tro_rules_opts *tro_recording_opts(const struct tro_recording *r)
{
    (void)r;
    return NULL;
}

int tro_recording_next(struct tro_recording *r, struct tro_findings *out, struct tro_err *err)
{
    (void)r, (void)out;
    return tro_fail(err, TRO_E_DEVICE, "a recording cannot be read without jansson");
}
