/* SPDX-License-Identifier: Apache-2.0 */
/* What the user says of inputs when a model is built: sizes, buckets, states. */
#ifndef TRO_TOOLS_BUILD_OPTS_H
#define TRO_TOOLS_BUILD_OPTS_H

#include "args.h"

#include <trocar/build.h>

/* "[IN=]SHAPE" pins an input's sizes, "[IN=]MIN:OPT:MAX" is a profile; without a name when the
 * model has one input. */
int tro_build_set_shapes(struct tro_builder *b, const struct tro_model *m,
                         const struct tro_list *specs, struct tro_err *err);

/* "[IN=]SHAPE" */
int tro_build_add_buckets(struct tro_builder *b, const struct tro_model *m,
                          const struct tro_list *specs, struct tro_err *err);

/* "IN=OUT" */
int tro_build_add_states(struct tro_builder *b, const struct tro_list *specs, struct tro_err *err);

#endif
