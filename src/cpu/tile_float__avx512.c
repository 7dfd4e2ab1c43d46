/* SPDX-License-Identifier: Apache-2.0 */
#define LEVEL(name) name##__avx512
#include "cpu/tile_float_tmpl.h"
