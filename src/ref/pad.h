/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_REF_PAD_H
#define TRO_REF_PAD_H

#include "ref/ref.h"

#define TRO_PAD_OUTSIDE (-1)

/* For each place of the result along an axis the place in x, or TRO_PAD_OUTSIDE. False: the mode
 * takes from elements, and there are none. */
bool tro_pad_map(enum tro_pad_mode mode, int64_t n_in, int64_t n_out, int64_t begin, int64_t end,
                 int64_t *from);

#endif
