/* SPDX-License-Identifier: Apache-2.0 */
/* What a session of ONNX Runtime holds; shared by ort_session.c and ort_run.c. */
#ifndef TRO_ORT_ORT_SESSION_H
#define TRO_ORT_ORT_SESSION_H

#include "base/arena.h"
#include "ort/ort.h"
#include "ort/ort_api.h"

struct tro_ort_side {
    int n;
    struct tro_io_info *info;
    const char **names;
    struct ort_value **values; /* of the run under way (inputs), of the last run (outputs) */
    void **own;                /* memory of ours for the i-th tensor, NULL where the library's or
                                  the caller's serves */
};

struct tro_ort {
    struct tro_ort_lib lib;
    struct tro_arena arena; /* the arrays and strings below */
    struct ort_env *env;
    struct ort_session *session;
    struct ort_memory *memory;
    struct tro_ort_side in, out;
    struct tro_tensor *views; /* out.n, valid when has_outputs */
    bool has_outputs;
};

/* Frees values and own memory of one side. */
void tro_ort_side_clear(struct tro_ort *o, struct tro_ort_side *side);

/* The library's number for an element type and back; 0 and TRO_DTYPE_NONE for what has no twin. */
int tro_ort_type_from_dtype(enum tro_dtype dtype);
enum tro_dtype tro_ort_dtype_from_type(int type);

#endif
