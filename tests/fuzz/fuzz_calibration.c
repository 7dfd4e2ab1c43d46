/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a calibration: what is accepted makes a graph that verifies, what is not is refused
 * with a reason. */
#include "quant/calibration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two layers with a relu and a concatenation between, and weights that all differ. */
static const char network[] =
    "graph \"g\"\n"
    "input %x : f32[1,2,4,4]\n"
    "const %v : f32[2,2,1,1] = 0.5 -1 2 0.25\n"
    "const %b : f32[2] = 0.1 -0.2\n"
    "const %w : f32[1,4,1,1] = 1 -2 0.5 3\n"
    "const %zero : f32[] = 0\n"
    "%a = conv(%x, %v, %b) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], group = 1}\n"
    "%r = max(%a, %zero)\n"
    "%c = concat(%r, %x) {axis = 1}\n"
    "%y = conv(%c, %w) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], group = 1}\n"
    "output %y\n";

static void fail(const char *what, const struct tro_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    abort();
}

static void make(const struct tro_quant *q)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_quant_make(q, &err);
    if (!g && err.status != TRO_E_NOMEM)
        fail("accepted, but makes no graph", &err);
    tro_graph_destroy(g);
}

static void read(struct tro_quant *q, const uint8_t *data, size_t size)
{
    struct tro_calibration c = {.model_hash = 1};
    struct tro_err err = {0};
    if (tro_calibration_parse(&c, q, (const char *)data, size, "input", &err) >= 0)
        make(q);
    else if (!strstr(err.text, "input: ") && err.status != TRO_E_NOMEM)
        fail("no name in the message", &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tro_str text = {network, sizeof network - 1};
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse(text, "network", &err);
    if (!g)
        fail("the network", &err);
    struct tro_quant *const q = tro_quant_create(g, &err);
    if (q)
        read(q, data, size);
    else if (err.status != TRO_E_NOMEM)
        fail("the network", &err);
    tro_quant_destroy(q);
    tro_graph_destroy(g);
    return 0;
}
