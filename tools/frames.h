/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_TOOLS_FRAMES_H
#define TRO_TOOLS_FRAMES_H

#include "base/arena.h"

#include <trocar/trocar.h>

/* The record in the file for frames "FORMAT:WIDTHxHEIGHT[:MATRIX[:RANGE]]" (nv12 and yuyv are bt709
 * and limited unless it says otherwise), written to another file. */
int tro_frames_write_record(const char *record_path, const char *frames, const char *path,
                            struct tro_err *err);

#endif
