/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON beside a file of raw frames says (source_frames.h). Read with jansson; without it
 * checking ends in TRO_E_DEVICE. */
#ifndef TRO_CONSOLE_CORE_RAW_FORM_H
#define TRO_CONSOLE_CORE_RAW_FORM_H

#include <trocar/trocar.h>

#include "console/core/frame.h"

/* Fails unless the name ends like the format and path.json says that frames are of this form. */
int tro_raw_form_check(const char *path, const struct tro_frame_form *form, struct tro_err *err);

#endif
