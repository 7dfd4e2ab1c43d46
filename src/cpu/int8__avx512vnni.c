/* SPDX-License-Identifier: Apache-2.0 */
#define INT8_FN(kind) tro_int8_##kind##__avx512vnni
#define INT8_TILES TRO_INT8_TILES__avx512vnni
#include "cpu/int8_tmpl.h"
