/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a message into its struct, as schema.h describes it. */
#ifndef TRO_ONNX_READ_H
#define TRO_ONNX_READ_H

#include "onnx/schema.h"

/* Fills the all-zero struct at out. Text views bytes; arrays are the arena's. Each message is
 * walked three times: for what its parent needs in it, to count, to fill; so that every array is
 * allocated once, exactly, and after a look at what it is for. */
int tro_onnx_read_message(const struct tro_onnx_message *m, struct tro_str bytes,
                          struct tro_arena *arena, void *out, struct tro_err *err);

#endif
