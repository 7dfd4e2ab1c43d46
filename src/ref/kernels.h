/* SPDX-License-Identifier: Apache-2.0 */
/* Prototypes of the kernels: one for each `ref` column of ops.def. The names in rows of kind
 * CONTROL have no kernel: the executor (ref/exec.h) runs them. */
#ifndef TRO_REF_KERNELS_H
#define TRO_REF_KERNELS_H

#include "ref/ref.h"

#define OP(id, text, in_min, in_max, out_min, out_max, kind, attrs, infer, ref, doc) \
    tro_ref_fn tro_ref_##ref;
#include "graph/ops.def"
#undef OP

#endif
