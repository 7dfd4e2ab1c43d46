/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a plan as ONNX, for other tools. */
#ifndef TRO_TOOLS_BUILD_ONNX_H
#define TRO_TOOLS_BUILD_ONNX_H

#include <trocar/build.h>

/* Reads the model, runs the passes of TRO_PASSES_FLOAT and writes it as ONNX with the model's
 * metadata. A record is not applied: other tools have no cameras. */
int tro_build_onnx(const char *model_path, const char *path, struct tro_err *err);

/* The same of an open model, whose graph, to which the record of the path was applied, was
 * quantized; NULL: none was. The graph stays as it is. */
int tro_build_onnx_quantized(const struct tro_model *m, const char *model_path,
                             const char *record_path, const char *path, struct tro_err *err);

#endif
