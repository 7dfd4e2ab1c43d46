/* SPDX-License-Identifier: Apache-2.0 */
#define INT8_FN(kind) tro_int8_##kind##__neondot
#define INT8_ROWS 6
#define INT8_VECTORS 4
#include "cpu/int8_tmpl.h"
