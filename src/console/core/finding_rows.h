/* SPDX-License-Identifier: Apache-2.0 */
/* A map of labels in few bytes, for a page far away (docs/console.md, "Findings as JSON"). */
#ifndef TRO_CONSOLE_CORE_FINDING_ROWS_H
#define TRO_CONSOLE_CORE_FINDING_ROWS_H

#include "base/bytes.h"
#include "console/core/finding.h"

/* Every step-th pixel of every step-th row. False: a row has more than 255 runs, or it takes more
 * than most bytes; what is in out then is of no use. */
bool tro_findings_rows(const struct tro_findings *f, int step, size_t most, struct tro_buf *out);

/* The middle one of `step` neighbours; the last of n where there are fewer. */
int tro_findings_sample(int i, int step, int n);

#endif
