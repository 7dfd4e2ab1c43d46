/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the readers of JSON where jansson was not found. */
#include "eval/dataset_kind.h"
#include "eval/gate.h"

#include "base/err.h"

static int fail_missing(struct tro_err *err)
{
    return tro_fail(err, TRO_E_DEVICE,
                    "reading JSON needs jansson, which was not there when this program was built: "
                    "install libjansson-dev and build again");
}

int tro_dataset_read_lines(struct tro_dataset_build *b, const char *folder)
{
    (void)folder;
    return fail_missing(b->err);
}

int tro_dataset_read_coco(struct tro_dataset_build *b, const char *file)
{
    (void)file;
    return fail_missing(b->err);
}

int tro_dataset_parse_lines(struct tro_dataset_build *b, const char *folder, const char *text,
                            size_t n)
{
    (void)folder, (void)text, (void)n;
    return fail_missing(b->err);
}

int tro_dataset_parse_coco(struct tro_dataset_build *b, const char *folder, const char *text,
                           size_t n)
{
    (void)folder, (void)text, (void)n;
    return fail_missing(b->err);
}

int tro_gates_read(const char *path, struct tro_gates *out, struct tro_err *err)
{
    (void)path;
    *out = (struct tro_gates){0};
    return fail_missing(err);
}
