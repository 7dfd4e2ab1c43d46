/* SPDX-License-Identifier: Apache-2.0 */
#include "build_onnx.h"

#include "base/err.h"
#include "base/file.h"
#include "build/model.h"
#include "onnx/export.h"
#include "passes/passes.h"

int tro_build_onnx_graph(const struct tro_model *m, const char *name, const char *path,
                         struct tro_err *err)
{
    const struct tro_onnx_model *onnx = tro_model_onnx(m);
    const struct tro_onnx_export_opts opts = {.metadata = onnx->metadata,
                                              .n_metadata = onnx->n_metadata};
    struct tro_buf out = {0};
    int rc = tro_onnx_export_bytes(tro_model_graph(m), &opts, &out, err);
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
        rc = tro_build_onnx_graph(m, model_path, path, err);
    tro_model_close(m);
    return rc;
}
