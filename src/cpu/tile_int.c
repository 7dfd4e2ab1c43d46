/* SPDX-License-Identifier: Apache-2.0 */
#define LEVEL(name) name
#include "cpu/tile_int_tmpl.h"
