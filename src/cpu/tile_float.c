/* SPDX-License-Identifier: Apache-2.0 */
#define LEVEL(name) name
#include "cpu/tile_float_tmpl.h"
