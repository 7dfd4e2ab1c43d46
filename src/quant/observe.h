/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: statistics begin anew, of the graph as it is now. */
#ifndef TRO_QUANT_OBSERVE_H
#define TRO_QUANT_OBSERVE_H

#include "quant/quant.h"

int tro_quant_forget(struct tro_quant *q, struct tro_err *err);

#endif
