/* SPDX-License-Identifier: Apache-2.0 */
#define LEVEL(name) name##__avx2
#include "cpu/line_tmpl.h"
