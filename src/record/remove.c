/* SPDX-License-Identifier: Apache-2.0 */
/* A network without its record again. */
#include "record/record.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

struct removal {
    struct tro_graph *g;
    struct tro_err *err;
};

/* None where there is none of that name. */
static tro_value_id find_value(const struct tro_graph *g, const char *name)
{
    for (uint32_t i = 1; i < g->n_values; i++)
        if (strcmp(g->values[i].name, name) == 0 && (g->values[i].def.i || !g->values[i].data))
            return (tro_value_id){i};
    return TRO_VALUE_NONE;
}

/* The last value of those that applying the record put in front of the network. */
static tro_value_id find_front(const struct tro_graph *g, const char *input)
{
    static const char *const endings[] = {"nhwc", "narrow", "pixels"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, "%.200s_%s", input, endings[i]);
        const tro_value_id v = find_value(g, name);
        if (v.i && tro_value_get(g, v)->block.i == TRO_MAIN_BLOCK.i)
            return v;
    }
    return TRO_VALUE_NONE;
}

/* Passes join a network's own normalization with the camera's: then the numbers are others. */
static int check_numbers(struct removal *r, const char *input, tro_value_id front)
{
    tro_node_id id = tro_value_get(r->g, front)->def;
    while (id.i && tro_node_get(r->g, id)->op != TRO_OP_CAMERA)
        id = tro_value_get(r->g, tro_node_get(r->g, id)->in[0])->def;
    for (uint32_t k = 1; id.i && k < 3; k++) {
        char name[256];
        snprintf(name, sizeof name, "%.200s_%s", input, k == 1 ? "scale" : "bias");
        if (strcmp(tro_value_get(r->g, tro_node_get(r->g, id)->in[k])->name, name) != 0)
            return tro_fail(r->err, TRO_E_UNSUPPORTED,
                            "inputs.%s: the network's own scale and offset became the camera's: "
                            "quantize it without --record to export it",
                            input);
    }
    return 0;
}

static int remove_input(struct removal *r, const char *name)
{
    const tro_value_id input = find_value(r->g, name), front = find_front(r->g, name);
    if (!input.i || !front.i)
        return tro_fail(r->err, TRO_E_INTERNAL, "inputs.%s: the camera was not found again", name);
    TRO_TRY(check_numbers(r, name, front));
    tro_graph_replace_uses(r->g, front, input);
    /* What made `front` of the frames goes, the camera first: it alone takes frames. */
    for (tro_node_id id = tro_value_get(r->g, front)->def; id.i;) {
        const tro_value_id from = tro_node_get(r->g, id)->in[0];
        tro_graph_remove_node(r->g, id);
        id = tro_value_get(r->g, from)->def;
    }
    struct tro_value *const v = tro_value_get(r->g, input);
    v->dtype = tro_value_get(r->g, front)->dtype;
    v->shape = tro_value_get(r->g, front)->shape;
    return 0;
}

static int replace_outputs(struct removal *r, const struct tro_graph *plain)
{
    const struct tro_block *const to = tro_block_get(plain, TRO_MAIN_BLOCK);
    for (size_t i = tro_block_get(r->g, TRO_MAIN_BLOCK)->n_outputs; i-- > 0;)
        TRO_TRY(tro_block_replace_output(r->g, TRO_MAIN_BLOCK, i, NULL, 0, r->err));
    for (size_t i = 0; i < to->n_outputs; i++) {
        const char *const name = tro_value_get(plain, to->outputs[i])->name;
        const tro_value_id v = find_value(r->g, name);
        if (!v.i)
            return tro_fail(r->err, TRO_E_UNSUPPORTED,
                            "outputs.%s: the optimized network has it no more, but what is decoded "
                            "from it",
                            name);
        TRO_TRY(tro_block_add_output(r->g, TRO_MAIN_BLOCK, v, r->err));
    }
    return 0;
}

int tro_record_remove(const struct tro_record *record, struct tro_graph *g,
                      const struct tro_graph *plain, struct tro_err *err)
{
    struct removal r = {g, err};
    for (size_t i = 0; i < record->n_inputs; i++)
        TRO_TRY(tro_err_prefix(err, remove_input(&r, record->inputs[i].name), "record, "));
    return tro_err_prefix(err, replace_outputs(&r, plain), "record, ");
}
