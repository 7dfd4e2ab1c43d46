/* SPDX-License-Identifier: Apache-2.0 */
/* Size of an encoded picture, from its header alone. */
#ifndef TRO_GRAPH_PICTURE_SIZE_H
#define TRO_GRAPH_PICTURE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PNG, JPEG, BMP, PNM, TIFF, WebP and JPEG 2000; false when it is none of them or cut short. The
 * sizes are what the header says: they may be 0 or absurd. */
bool tro_picture_size(const void *data, size_t n, int64_t *width, int64_t *height);

#endif
