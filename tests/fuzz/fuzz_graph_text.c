/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a graph: what is accepted verifies, and prints to a text that reads back and prints the
 * same again. */
#include "base/alloc.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *detail, const struct tro_buf *text)
{
    fprintf(stderr, "%s: %s\n", what, detail);
    fwrite(text->p, 1, text->n, stderr);
    abort();
}

static void print(const struct tro_graph *g, struct tro_buf *out)
{
    tro_graph_print(g, -1, out);
    if (out->failed)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_err err = {0};
    struct tro_buf first = {0}, second = {0};
    const struct tro_str text = {(const char *)data, size};
    struct tro_graph *const g = tro_graph_parse(text, "input", &err);
    if (!g) {
        if (!strstr(err.text, "input:") && err.status != TRO_E_NOMEM)
            fail("no place in the message", err.text, &first);
        return 0;
    }
    print(g, &first);
    if (tro_graph_verify(g, &err) < 0)
        fail("does not verify", err.text, &first);
    tro_graph_destroy(g);

    struct tro_graph *const again = tro_graph_parse(
        (struct tro_str){(const char *)first.p, first.n}, "printed", &err);
    if (!again)
        fail("does not read back", err.text, &first);
    print(again, &second);
    if (first.n != second.n || memcmp(first.p, second.p, first.n) != 0)
        fail("prints otherwise the second time", (tro_buf_u8(&second, 0), (char *)second.p),
             &first);
    tro_graph_destroy(again);
    tro_buf_finish(&first);
    tro_buf_finish(&second);
    return 0;
}
