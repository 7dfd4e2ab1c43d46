/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's message, as the daemon reads it; and what the daemon says, as a worker does. What is
 * accepted is written again the same, or refused with a reason. */
#include "base/arena.h"
#include "console/core/finding.h"
#include "console/core/hosted.h"
#include "console/core/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void try_skipped(const struct tro_wire *m, struct tro_err *err)
{
    struct tro_skipped s;
    uint8_t out[TRO_SKIPPED_BYTES];
    if (tro_skipped_read(&s, m->body, m->n, err) < 0)
        return;
    tro_skipped_write(&s, out);
    want(memcmp(out, m->body, sizeof out) == 0, "skipped is another one");
}

static void try_stage(const struct tro_wire *m, struct tro_err *err)
{
    struct tro_stage s;
    uint8_t out[TRO_STAGE_BYTES];
    if (tro_stage_read(&s, m->body, m->n, err) < 0)
        return;
    tro_stage_write(&s, out);
    want(memcmp(out, m->body, sizeof out) == 0, "stage is another one");
}

static void try_opened(const struct tro_wire *m, struct tro_err *err)
{
    struct tro_opened *const a = calloc(1, sizeof *a), *const b = calloc(1, sizeof *b);
    struct tro_json j = {.is_line = true};
    want(a && b, "no memory");
    if (tro_opened_read((const char *)m->body, m->n, a, err) >= 0) {
        tro_opened_write(a, &j);
        want(tro_opened_read((const char *)j.buf.p, j.buf.n, b, err) >= 0, err->text);
        for (int i = 0; i < a->n_networks; i++)
            want(a->networks[i].names.n == b->networks[i].names.n &&
                     a->networks[i].engine[0] == b->networks[i].engine[0],
                 "opened is another one");
    }
    tro_json_finish(&j);
    free(a);
    free(b);
}

static void try_hosted(const struct tro_wire *m, struct tro_err *err)
{
    struct tro_hosted a, b;
    struct tro_arena arena = {0};
    struct tro_json j = {.is_line = true};
    if (tro_hosted_read((const char *)m->body, m->n, &arena, &a, err) >= 0) {
        tro_hosted_write(&a, &j);
        want(tro_hosted_read((const char *)j.buf.p, j.buf.n, &arena, &b, err) >= 0, err->text);
        want(a.n_networks == b.n_networks, "hosted is another one");
    }
    tro_json_finish(&j);
    tro_arena_finish(&arena);
}

static void try_findings(const struct tro_wire *m, struct tro_err *err)
{
    struct tro_findings f;
    if (tro_findings_init(&f, err) < 0)
        return;
    tro_findings_read(&f, m->body, m->n, err);
    tro_findings_finish(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_wire m;
    struct tro_err err = {0};
    if (tro_wire_parse(data, size, &m, &err) < 0) {
        want(err.text[0] != 0, "no reason");
        return 0;
    }
    switch (m.type) {
    case TRO_WIRE_SKIPPED:
        try_skipped(&m, &err);
        break;
    case TRO_WIRE_STAGE:
        try_stage(&m, &err);
        break;
    case TRO_WIRE_OPENED:
        try_opened(&m, &err);
        break;
    case TRO_WIRE_OPEN:
    case TRO_WIRE_LOAD:
    case TRO_WIRE_UNLOAD:
        try_hosted(&m, &err);
        break;
    case TRO_WIRE_FINDINGS:
        try_findings(&m, &err);
        break;
    default:
        break;
    }
    return 0;
}
