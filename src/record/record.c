/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

#include "base/err.h"
#include "base/file.h"

int tro_record_read(const char *path, struct tro_record *out, struct tro_err *err)
{
    struct tro_file file;
    *out = (struct tro_record){0};
    TRO_TRY(tro_file_read(&file, path, TRO_RECORD_MAX_BYTES, err));
    const int rc = tro_record_parse(file.data, file.n_bytes, path, out, err);
    tro_file_finish(&file);
    return rc;
}

void tro_record_finish(struct tro_record *r)
{
    tro_arena_finish(&r->arena);
    *r = (struct tro_record){0};
}
