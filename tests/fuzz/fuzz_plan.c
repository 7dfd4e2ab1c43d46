/* SPDX-License-Identifier: Apache-2.0 */
/* Plan files, as they come and with length and hashes made right. What is accepted is written
 * again, and that reads back and writes to the same bytes. */
#include "../plan_kit.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const struct tro_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    abort();
}

static void write_plan(const struct tro_plan *p, struct tro_buf *out)
{
    struct tro_err err = {0};
    if (tro_plan_write(tro_plan_contents(p), out, &err) < 0)
        fail("what was read does not write", &err);
}

static void check(const uint8_t *data, size_t size)
{
    struct tro_err err = {0};
    struct tro_plan *const p = tro_plan_open_memory(data, size, "input", &err);
    if (!p) {
        if (!strstr(err.text, "input: ") && err.status != TRO_E_NOMEM)
            fail("no name in the message", &err);
        return;
    }
    struct tro_buf first = {0}, second = {0};
    write_plan(p, &first);
    tro_plan_close(p);
    struct tro_plan *const again = tro_plan_open_memory(first.p, first.n, "written", &err);
    if (!again)
        fail("what was written does not read", &err);
    write_plan(again, &second);
    if (first.n != second.n || memcmp(first.p, second.p, first.n) != 0)
        fail("writes otherwise the second time", &err);
    tro_plan_close(again);
    tro_buf_finish(&first);
    tro_buf_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    uint8_t *const copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    kit_seal(copy, size);
    check(copy, size);
    free(copy);
    return 0;
}
