/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the readers of JSON where jansson was not found. */
#include "console/core/hosted.h"
#include "console/core/raw_form.h"

#include "base/err.h"
#include "console/core/mark.h"

static int fail_missing(const char *what, struct tro_err *err)
{
    return tro_fail(err, TRO_E_DEVICE,
                    "%s: reading JSON needs jansson, which was not there when this program was "
                    "built: install libjansson-dev and build again",
                    what);
}

int tro_raw_form_check(const char *path, const struct tro_frame_form *form, struct tro_err *err)
{
    (void)form;
    return fail_missing(path, err);
}

int tro_hosted_read(const char *text, size_t n, struct tro_arena *arena, struct tro_hosted *out,
                    struct tro_err *err)
{
    (void)text, (void)n, (void)arena;
    *out = (struct tro_hosted){0};
    return fail_missing("what a worker hosts", err);
}

int tro_opened_read(const char *text, size_t n, struct tro_opened *out, struct tro_err *err)
{
    (void)text, (void)n;
    *out = (struct tro_opened){0};
    return fail_missing("what a worker says", err);
}

int tro_mark_parse(const char *json, size_t n, int width, int height, struct tro_mark *out,
                   struct tro_err *err)
{
    (void)json, (void)n, (void)width, (void)height;
    *out = (struct tro_mark){0};
    return tro_fail(err, TRO_E_DEVICE,
                    "mark: reading JSON needs jansson, which was not there when this program was "
                    "built: install libjansson-dev and build again");
}
