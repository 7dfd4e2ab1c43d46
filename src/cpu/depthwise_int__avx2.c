/* SPDX-License-Identifier: Apache-2.0 */
#define DEPTHWISE_INT_FN tro_depthwise_int_wide__avx2
#include "cpu/depthwise_int_tmpl.h"
