/* SPDX-License-Identifier: Apache-2.0 */
/* Marks from pages: what is accepted lies within the picture and reads back from its JSON. */
#include "console/core/mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 640, HEIGHT = 360 };

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void check(const struct tro_mark *m)
{
    if (m->n < 1 || m->n > TRO_MARK_MAX_POINTS || !memchr(m->id, 0, sizeof(m->id)) ||
        !memchr(m->text, 0, sizeof(m->text)))
        fail("out of bounds");
    for (int i = 0; i < m->n; i++)
        if (!(m->x[i] >= 0 && m->x[i] <= WIDTH && m->y[i] >= 0 && m->y[i] <= HEIGHT))
            fail("outside of the picture");
    for (const char *p = m->text; *p; p++)
        if ((unsigned char)*p < 0x20)
            fail("a control character");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_mark m;
    struct tro_err err = {0};
    if (tro_mark_parse((const char *)data, size, WIDTH, HEIGHT, &m, &err) < 0) {
        if (!strstr(err.text, "mark: ") && err.status != TRO_E_NOMEM)
            fail("no reason");
        return 0;
    }
    check(&m);
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_mark_json(&m, WIDTH, HEIGHT, m.frame, &j);
    tro_json_object_end(&j);
    if (j.buf.failed || memchr(j.buf.p, '\n', j.buf.n) != j.buf.p + j.buf.n - 1)
        fail("not a line of JSON");
    tro_json_finish(&j);
    return 0;
}
