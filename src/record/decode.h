/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/record: nodes behind an output that decode it. */
#ifndef TRO_RECORD_DECODE_H
#define TRO_RECORD_DECODE_H

#include "record/record.h"

int tro_record_decode_output(struct tro_graph *g, const struct tro_record_output *o,
                             struct tro_err *err);

/* ---- between the files of decoding ---------------------------------------------------------- */

struct tro_decoder {
    struct tro_graph *g;
    const struct tro_record_output *o;
    size_t index;       /* among the outputs */
    tro_value_id value; /* of the output, as f32 */
    struct tro_err *err;
};

/* The output of that name: its index, its value as f32. */
int tro_decoder_find(struct tro_decoder *d, const char *name, size_t *index, tro_value_id *value);
int tro_decoder_fail_shape(const struct tro_decoder *d, tro_value_id v, const char *expected);

/* A node at the end of the main block, its results named OUTPUT_SUFFIX; "": made-up names. */
int tro_decoder_add(struct tro_decoder *d, enum tro_op op, const void *attrs,
                    const tro_value_id *in, uint32_t n_in, const char *const *suffix,
                    tro_value_id *out, uint32_t n_out);
/* One result. */
int tro_decoder_add1(struct tro_decoder *d, enum tro_op op, const void *attrs, tro_value_id x,
                     tro_value_id y, const char *suffix, tro_value_id *out);
/* A scalar; a vector. */
int tro_decoder_const(struct tro_decoder *d, const float *v, tro_value_id *out);
int tro_decoder_ints(struct tro_decoder *d, const int64_t *v, int64_t n, tro_value_id *out);
/* Fails unless the record names as many classes as there are, or none. */
int tro_decoder_want_names(const struct tro_decoder *d, int64_t n);

/* Results take the place of the output. */
int tro_decode_boxes(struct tro_decoder *d);

#endif
