/* SPDX-License-Identifier: Apache-2.0 */
#define INT8_FN(kind) tro_int8_##kind##__avx512
#define INT8_ROWS 12
#define INT8_VECTORS 2
#include "cpu/int8_tmpl.h"
