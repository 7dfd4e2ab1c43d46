/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "record/reframe.h"

#define MAX_PARTS 4
#define TEXT_MAX 64

struct parts {
    char text[TEXT_MAX];
    char *part[MAX_PARTS];
    int n;
};

static int fail(const char *frames, struct tro_err *err)
{
    return tro_fail(err, TRO_E_INPUT,
                    "--frames: expected FORMAT:WIDTHxHEIGHT[:MATRIX[:RANGE]] as in "
                    "nv12:1920x1080:bt709:limited, found '%s'",
                    frames);
}

static int split(const char *frames, struct parts *p, struct tro_err *err)
{
    const size_t n = strlen(frames);
    if (n >= sizeof p->text)
        return fail(frames, err);
    memcpy(p->text, frames, n + 1);
    p->n = 0;
    for (char *at = p->text; at; p->n++) {
        if (p->n == MAX_PARTS)
            return fail(frames, err);
        p->part[p->n] = at;
        at = strchr(at, ':');
        if (at)
            *at++ = 0;
    }
    return p->n >= 2 ? 0 : fail(frames, err);
}

/* Strings are those of the parts. */
static int parse(const char *frames, struct parts *p, struct tro_record_frames *out,
                 struct tro_err *err)
{
    char rest;
    TRO_TRY(split(frames, p, err));
    *out = (struct tro_record_frames){.format = p->part[0]};
    if (sscanf(p->part[1], "%dx%d%c", &out->width, &out->height, &rest) != 2)
        return fail(frames, err);
    const bool is_coded = strcmp(out->format, "nv12") == 0 || strcmp(out->format, "yuyv") == 0;
    if (!is_coded)
        return p->n == 2 ? 0 : fail(frames, err);
    out->matrix = p->n > 2 ? p->part[2] : "bt709";
    out->range = p->n > 3 ? p->part[3] : "limited";
    return 0;
}

int tro_frames_write_record(const char *record_path, const char *frames, const char *path,
                            struct tro_err *err)
{
    struct tro_record_frames f;
    struct tro_record record;
    struct parts parts;
    TRO_TRY(parse(frames, &parts, &f, err));
    TRO_TRY(tro_record_read(record_path, &record, err));
    int rc = tro_err_prefix(err, tro_record_reframe(&record, &f, err), "%s: ", record_path);
    if (rc >= 0)
        rc = tro_file_write(path, record.text, strlen(record.text), err);
    tro_record_finish(&record);
    return rc;
}
