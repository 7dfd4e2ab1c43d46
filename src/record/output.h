/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/record: the description of an output. */
#ifndef TRO_RECORD_OUTPUT_H
#define TRO_RECORD_OUTPUT_H

#include "record/field.h"
#include "record/record.h"

/* From the object at f; the name is set by the caller. */
int tro_record_output_read(const struct tro_field *f, struct tro_record_output *out);

#endif
