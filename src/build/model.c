/* SPDX-License-Identifier: Apache-2.0 */
#include "build/model.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "onnx/import.h"
#include "run/session.h"

struct tro_model {
    struct tro_onnx_model *onnx;     /* constants of the graph view its bytes */
    struct tro_graph *graph, *first; /* first: what it replaced, or NULL */
};

static struct tro_model *import_model(struct tro_onnx_model *onnx, const char *name,
                                      struct tro_err *err)
{
    struct tro_model *m = onnx ? tro_calloc(1, sizeof *m) : NULL;
    if (!m) {
        if (onnx)
            tro_fail_nomem(err);
        tro_onnx_free(onnx);
        return NULL;
    }
    m->onnx = onnx;
    const int rc = tro_onnx_import(onnx, &m->graph, err);
    if (tro_err_prefix(err, rc, "%s: ", name) < 0) {
        tro_model_close(m);
        return NULL;
    }
    return m;
}

struct tro_model *tro_model_open(const char *path, struct tro_err *err)
{
    return import_model(tro_onnx_read(path, err), path, err);
}

struct tro_model *tro_model_open_memory(const void *bytes, size_t n_bytes, const char *name,
                                        struct tro_err *err)
{
    return import_model(tro_onnx_read_memory(bytes, n_bytes, name, err), name, err);
}

void tro_model_close(struct tro_model *m)
{
    if (!m)
        return;
    tro_graph_destroy(m->graph);
    tro_graph_destroy(m->first);
    tro_onnx_free(m->onnx);
    tro_free(m);
}

const struct tro_graph *tro_model_graph(const struct tro_model *m)
{
    return m->graph;
}

const struct tro_onnx_model *tro_model_onnx(const struct tro_model *m)
{
    return m->onnx;
}

struct tro_graph *tro_model_edit_graph(struct tro_model *m)
{
    return m->graph;
}

struct tro_onnx_model *tro_model_edit_onnx(struct tro_model *m)
{
    return m->onnx;
}

void tro_model_replace_graph(struct tro_model *m, struct tro_graph *g)
{
    if (m->first)
        tro_graph_destroy(m->graph);
    else
        m->first = m->graph;
    m->graph = g;
}

int tro_model_n_inputs(const struct tro_model *m)
{
    return (int)tro_block_get(m->graph, TRO_MAIN_BLOCK)->n_inputs;
}

int tro_model_n_outputs(const struct tro_model *m)
{
    return (int)tro_block_get(m->graph, TRO_MAIN_BLOCK)->n_outputs;
}

struct tro_io_info tro_model_input_info(const struct tro_model *m, int i)
{
    return tro_value_io_info(m->graph, tro_block_get(m->graph, TRO_MAIN_BLOCK)->inputs[i]);
}

struct tro_io_info tro_model_output_info(const struct tro_model *m, int i)
{
    return tro_value_io_info(m->graph, tro_block_get(m->graph, TRO_MAIN_BLOCK)->outputs[i]);
}

struct tro_session *tro_model_session(struct tro_model *m, const struct tro_session_opts *opts,
                                      struct tro_err *err)
{
    if (opts && opts->device && strcmp(opts->device, "ref") != 0) {
        tro_fail(err, TRO_E_DEVICE, "expected device ref, found '%s': models run on ref",
                 opts->device);
        return NULL;
    }
    return tro_session_create_ref(m->graph, err);
}
