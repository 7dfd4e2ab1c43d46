/* SPDX-License-Identifier: Apache-2.0 */
#include "build_onnx.h"

#include "base/err.h"
#include "base/file.h"
#include "build/model.h"
#include "onnx/export.h"
#include "passes/passes.h"
#include "record/record.h"

static int write(const struct tro_graph *g, const struct tro_model *m, const char *name,
                 const char *path, struct tro_err *err)
{
    const struct tro_onnx_model *onnx = tro_model_onnx(m);
    const struct tro_onnx_export_opts opts = {.metadata = onnx->metadata,
                                              .n_metadata = onnx->n_metadata};
    struct tro_buf out = {0};
    int rc = tro_onnx_export_bytes(g, &opts, &out, err);
    tro_err_prefix(err, rc, "%s: --onnx: ", name);
    if (rc >= 0)
        rc = tro_file_write(path, out.p, out.n, err);
    tro_buf_finish(&out);
    return rc;
}

int tro_build_onnx(const char *model_path, const char *path, struct tro_err *err)
{
    const struct tro_passes_opts passes = {.select = TRO_PASSES_FLOAT, .keeps_quantized = true};
    struct tro_model *m = tro_model_open(model_path, err);
    if (!m)
        return err->status;
    int rc = tro_passes_run(tro_model_edit_graph(m), &passes, NULL, err);
    if (rc >= 0)
        rc = write(tro_model_graph(m), m, model_path, path, err);
    tro_model_close(m);
    return rc;
}

static int remove_record(struct tro_graph *g, const char *record_path,
                         const struct tro_model *plain, struct tro_err *err)
{
    const struct tro_passes_opts passes = {.select = "dce", .keeps_quantized = true};
    struct tro_record record;
    if (!record_path)
        return 0;
    TRO_TRY(tro_record_read(record_path, &record, err));
    int rc = tro_record_remove(&record, g, tro_model_graph(plain), err);
    tro_record_finish(&record);
    if (rc >= 0)
        rc = tro_passes_run(g, &passes, NULL, err);
    return rc;
}

int tro_build_onnx_quantized(const struct tro_model *m, const char *model_path,
                             const char *record_path, const char *path, struct tro_err *err)
{
    struct tro_model *const plain = tro_model_open(model_path, err);
    struct tro_graph *const g = plain ? tro_graph_clone(tro_model_graph(m), NULL, err) : NULL;
    int rc = g ? tro_err_prefix(err, remove_record(g, record_path, plain, err),
                                "%s: --onnx: ", model_path)
               : err->status;
    if (rc >= 0)
        rc = write(g, plain, model_path, path, err);
    tro_graph_destroy(g);
    tro_model_close(plain);
    return rc;
}
