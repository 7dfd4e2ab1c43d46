/* SPDX-License-Identifier: Apache-2.0 */
/* How large a model is and how large it may become: functions that call each other, and bodies that
 * are imported again until their sizes fit, must not turn a small file into a huge graph. */
#include "onnx/import_state.h"

#include "base/err.h"

/* A model may expand to this many times what the file holds, and some. */
#define EXPANSION_FACTOR 64
#define EXPANSION_FREE 65536

#define BYTES_PER_ELEMENT 16

double tro_import_tensor_size(const struct tro_onnx_tensor *t)
{
    return 1 + (double)(t->raw.n + t->typed.n) / BYTES_PER_ELEMENT;
}

static double attr_size(const struct tro_onnx_attr *a)
{
    double n = 1 + (double)a->n_ints + (double)a->n_floats + (double)a->n_strings;
    n += (double)a->s.n / BYTES_PER_ELEMENT;
    return a->t ? n + tro_import_tensor_size(a->t) : n;
}

/* Graphs in attributes are not counted: their nodes are, when they are imported. */
double tro_import_node_size(const struct tro_onnx_node *node)
{
    double n = 1 + (double)node->n_inputs + (double)node->n_outputs;
    for (size_t i = 0; i < node->n_attrs; i++)
        n += attr_size(&node->attrs[i]);
    return n;
}

static double graph_size(const struct tro_onnx_graph *g);

static double nodes_size(const struct tro_onnx_node *nodes, size_t n_nodes)
{
    double n = 0;
    for (size_t i = 0; i < n_nodes; i++) {
        n += tro_import_node_size(&nodes[i]);
        for (size_t k = 0; k < nodes[i].n_attrs; k++) {
            const struct tro_onnx_attr *a = &nodes[i].attrs[k];
            if (a->g)
                n += graph_size(a->g);
        }
    }
    return n;
}

/* As deep as the reader lets graphs be nested. */
static double graph_size(const struct tro_onnx_graph *g)
{
    double n = nodes_size(g->nodes, g->n_nodes) + (double)g->n_inputs + (double)g->n_outputs;
    for (size_t i = 0; i < g->n_initializers; i++)
        n += tro_import_tensor_size(&g->initializers[i]);
    return n;
}

double tro_import_model_size(const struct tro_onnx_model *m)
{
    double n = graph_size(&m->graph);
    for (size_t i = 0; i < m->n_functions; i++)
        n += (double)m->functions[i].n_inputs +
             nodes_size(m->functions[i].nodes, m->functions[i].n_nodes);
    return n * EXPANSION_FACTOR + EXPANSION_FREE;
}

int tro_import_spend(struct tro_import *im, double size)
{
    im->size_left -= size;
    if (im->size_left >= 0)
        return 0;
    return tro_fail(im->err, TRO_E_INPUT,
                    "expected functions and loops that expand to at most %d times the file, found "
                    "more: the model multiplies itself",
                    EXPANSION_FACTOR);
}
