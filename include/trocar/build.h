/* SPDX-License-Identifier: Apache-2.0 */
/* Trocar, build-time half: models as research groups leave them. See trocar.h for the rules on
 * errors, threads and ownership. */
#ifndef TROCAR_BUILD_H
#define TROCAR_BUILD_H

#include <trocar/trocar.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An imported network, checked: every operator known, every shape consistent. */
struct tro_model;

/* Reads FILE.onnx. NULL with err filled when the file cannot be read, is damaged, contradicts
 * itself, or holds an operator that is not supported (the message names it). Memory is bounded
 * by a small multiple of the file's size (external data included). */
TRO_API struct tro_model *tro_model_open(const char *path, struct tro_err *err);

/* The same from memory, which is copied; name stands in messages instead of a path. External
 * data files are refused. */
TRO_API struct tro_model *tro_model_open_memory(const void *bytes, size_t n_bytes, const char *name,
                                                struct tro_err *err);

TRO_API void tro_model_close(struct tro_model *m);

TRO_API int tro_model_n_inputs(const struct tro_model *m);
TRO_API int tro_model_n_outputs(const struct tro_model *m);

/* 0 <= i < n; the strings live as long as the model. */
TRO_API struct tro_io_info tro_model_input_info(const struct tro_model *m, int i);
TRO_API struct tro_io_info tro_model_output_info(const struct tro_model *m, int i);

/* A session that runs the model on the reference kernels, node by node, unoptimized: the golden
 * truth, without speed. The model must outlive the session. opts may be NULL. NULL with err
 * filled when opts names a device that cannot run models. */
TRO_API struct tro_session *tro_model_session(struct tro_model *m,
                                              const struct tro_session_opts *opts,
                                              struct tro_err *err);

#ifdef __cplusplus
}
#endif
#endif
