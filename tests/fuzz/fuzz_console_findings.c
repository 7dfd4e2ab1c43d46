/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of a worker: what is accepted is written as it was read, and can be drawn and told. */
#include "console/core/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void use(const struct tro_findings *f)
{
    static uint8_t labels[TRO_FINDINGS_MAX_MAP];
    struct tro_json j = {0};
    tro_findings_unpack(f, labels);
    const float depth = tro_findings_depth_at(f, (float)f->width / 3, (float)f->height);
    if (!(depth >= 0 && depth < 656))
        fail("a depth out of range");
    tro_json_object_begin(&j, NULL);
    tro_findings_json(f, NULL, "network", 1, TRO_PLANES_SMALL, &j);
    tro_json_object_end(&j);
    if (j.buf.failed)
        fail("JSON that does not close");
    tro_json_finish(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tro_findings f;
    static uint8_t again[524288];
    struct tro_err err = {0};
    if (!f.runs && tro_findings_init(&f, &err) < 0)
        fail(err.text);
    if (tro_findings_read(&f, data, size, &err) < 0) {
        if (!strstr(err.text, "findings: "))
            fail("no reason");
        return 0;
    }
    if (tro_findings_write(&f, again, sizeof(again)) != size || memcmp(again, data, size) != 0)
        fail("written otherwise than read");
    use(&f);
    return 0;
}
