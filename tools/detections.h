/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan found, where its record (docs/record.md) says that outputs are detections or points:
 * a row for each, with the names of the record. */
#ifndef TRO_TOOLS_DETECTIONS_H
#define TRO_TOOLS_DETECTIONS_H

#include "side.h"

/* After a run. Prints nothing for sides that are no plans, or have no such outputs. */
int tro_detections_print(const struct tro_side *s, struct tro_err *err);

#endif
