/* SPDX-License-Identifier: Apache-2.0 */
#include "build_onnx.h"

#include "base/err.h"
#include "base/file.h"
#include "build/model.h"
#include "onnx/export.h"
#include "passes/passes.h"

static int export_model(struct tro_model *m, struct tro_buf *out, struct tro_err *err)
{
    const struct tro_passes_opts passes = {.select = TRO_PASSES_FLOAT, .keeps_quantized = true};
    const struct tro_onnx_model *onnx = tro_model_onnx(m);
    const struct tro_onnx_export_opts opts = {.metadata = onnx->metadata,
                                              .n_metadata = onnx->n_metadata};
    TRO_TRY(tro_passes_run(tro_model_edit_graph(m), &passes, NULL, err));
    return tro_onnx_export_bytes(tro_model_graph(m), &opts, out, err);
}

int tro_build_onnx(const char *model_path, const char *path, struct tro_err *err)
{
    struct tro_buf out = {0};
    struct tro_model *m = tro_model_open(model_path, err);
    if (!m)
        return err->status;
    int rc = tro_err_prefix(err, export_model(m, &out, err), "%s: --onnx: ", model_path);
    if (rc >= 0)
        rc = tro_file_write(path, out.p, out.n, err);
    tro_buf_finish(&out);
    tro_model_close(m);
    return rc;
}
