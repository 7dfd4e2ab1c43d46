/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/record: the description of an input. */
#ifndef TRO_RECORD_INPUT_H
#define TRO_RECORD_INPUT_H

#include "record/field.h"
#include "record/record.h"

/* From the object at f; the name is set by the caller. */
int tro_record_input_read(const struct tro_field *f, struct tro_record_input *out);

#endif
