/* SPDX-License-Identifier: Apache-2.0 */
/* A whole model: read, import, verify; small ones are printed, parsed again, exported and
 * simplified, and the result must import. The last byte may set when allocations begin to fail. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "onnx/export.h"
#include "onnx/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Larger graphs are imported and verified alone, so that a run stays short. */
#define MAX_NODES 200

static void through_text(const struct tro_graph *g)
{
    struct tro_buf text = {0}, again = {0};
    struct tro_err err;
    tro_graph_print(g, -1, &text);
    if (!text.failed && text.n < 1 << 20) {
        struct tro_graph *read = tro_graph_parse((struct tro_str){(const char *)text.p, text.n},
                                                 "text", &err);
        if (!read)
            abort();
        tro_graph_print(read, -1, &again);
        if (!again.failed && (again.n != text.n || memcmp(again.p, text.p, text.n) != 0))
            abort();
        tro_graph_destroy(read);
    }
    tro_buf_finish(&text);
    tro_buf_finish(&again);
}

/* What is exported can be read; whether it imports is for models that mean something. */
static void through_export(const struct tro_graph *g)
{
    struct tro_buf bytes = {0};
    struct tro_err err;
    if (tro_onnx_export_bytes(g, NULL, &bytes, &err) >= 0) {
        struct tro_onnx_model *m = tro_onnx_read_memory(bytes.p, bytes.n, "exported", &err);
        if (!m)
            abort();
        tro_onnx_free(m);
    }
    tro_buf_finish(&bytes);
}

static void through_edit(struct tro_onnx_model *m)
{
    struct tro_edit_report report;
    struct tro_graph *g = NULL;
    struct tro_err err;
    if (tro_edit_simplify(m, &report, &err) < 0)
        return;
    if (tro_onnx_import(m, &g, &err) < 0)
        abort();
    tro_graph_destroy(g);
}

static void import_model(const uint8_t *data, size_t size, bool is_failing)
{
    struct tro_err err;
    struct tro_graph *g = NULL;
    struct tro_onnx_model *m = tro_onnx_read_memory(data, size, "model", &err);
    if (!m)
        return;
    if (tro_onnx_import(m, &g, &err) >= 0 && !is_failing) {
        if (tro_graph_verify(g, &err) < 0)
            abort();
        if (g->n_nodes < MAX_NODES) {
            through_text(g);
            through_export(g);
            tro_graph_destroy(g);
            g = NULL;
            through_edit(m);
        }
    }
    tro_graph_destroy(g);
    tro_onnx_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_model(data, size, false);
    if (size) {
        tro_alloc_fail_after(data[size - 1]);
        import_model(data, size, true);
        tro_alloc_fail_after(-1);
    }
    return 0;
}
