/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of labels and grids of depth in few bytes, for a page far away (docs/console.md, "Planes of
 * the page"). Where memory runs out, out->failed is set. */
#ifndef TRO_CONSOLE_CORE_FINDING_CODE_H
#define TRO_CONSOLE_CORE_FINDING_CODE_H

#include "base/bytes.h"
#include "console/core/finding.h"

/* The map's labels at every step-th pixel of every step-th row. */
void tro_findings_code_map(const struct tro_findings *f, int step, struct tro_buf *out);

/* steps: height rows of width elements. */
void tro_findings_code_steps(const uint8_t *steps, int width, int height, struct tro_buf *out);

#endif
