/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a record: what is accepted fits a network or is refused with a reason, and leaves a
 * graph that verifies. */
#include "graph/graph.h"
#include "record/notes.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input of pictures, maps, boxes, scores, a fact of the camera. */
static const char network[] = "graph \"g\"\n"
                              "input %x : f32[1,3,8,10]\n"
                              "input %a : f32[1,6,5]\n"
                              "input %s : f32[1,4]\n"
                              "input %f : f32[1]\n"
                              "%y = neg(%x)\n"
                              "%b = neg(%a)\n"
                              "%z = neg(%s)\n"
                              "output %y\n"
                              "output %b\n"
                              "output %z\n";

static void fail(const char *what, const struct tro_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    abort();
}

static void apply(const struct tro_record *r)
{
    const struct tro_preprocess notes = {.scale = 1, .std = {1, 1, 1, 1}};
    const struct tro_str text = {network, sizeof network - 1};
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse(text, "network", &err);
    if (!g)
        fail("the network", &err);
    if (tro_record_apply_to_graph(r, g, &notes, &err) < 0) {
        if (!err.text[0])
            fail("no reason", &err);
    } else if (tro_graph_verify(g, &err) < 0) {
        fail("does not verify", &err);
    }
    tro_graph_destroy(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_record r;
    struct tro_err err = {0};
    if (tro_record_parse((const char *)data, size, "input", &r, &err) < 0) {
        if (!strstr(err.text, "input: ") && err.status != TRO_E_NOMEM)
            fail("no name in the message", &err);
        return 0;
    }
    apply(&r);
    tro_record_finish(&r);
    return 0;
}
