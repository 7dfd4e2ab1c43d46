/* SPDX-License-Identifier: Apache-2.0 */
#include "lower/lower.h"

#include <string.h>

static const char *const names[] = {
#define TRO_PRECISION_TEXT(id, text) text,
    TRO_PRECISIONS(TRO_PRECISION_TEXT)
#undef TRO_PRECISION_TEXT
};

const char *tro_precision_name(enum tro_precision precision)
{
    return names[precision];
}

bool tro_precision_from_name(const char *name, enum tro_precision *out)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *out = (enum tro_precision)i;
        return true;
    }
    return false;
}

double tro_precision_allowance(enum tro_precision precision)
{
    switch (precision) {
    case TRO_PRECISION_TF32:
        return 5e-3;
    case TRO_PRECISION_FP16:
        return 2e-2;
    case TRO_PRECISION_BF16:
        return 0.15;
    case TRO_PRECISION_FP32:
    default:
        return 1e-4;
    }
}

/* A network that brings its own integers: what is between them was chosen for f32, and one bit less
 * in it is a whole quantum after the next rounding. */
static bool has_integers(const struct tro_graph *g)
{
    for (size_t i = 1; i < g->n_nodes; i++) {
        const enum tro_op op = g->nodes[i].op;
        if (op == TRO_OP_CONV_INT || op == TRO_OP_CONV_TRANSPOSE_INT || op == TRO_OP_MATMUL_INT ||
            op == TRO_OP_TABLE)
            return true;
    }
    return false;
}

enum tro_precision tro_precision_for(const struct tro_graph *g, enum tro_precision precision)
{
    return has_integers(g) ? TRO_PRECISION_FP32 : precision;
}
