/* SPDX-License-Identifier: Apache-2.0 */
#define LEVEL(name) name##__avx2
#include "cpu/tile_int_tmpl.h"
