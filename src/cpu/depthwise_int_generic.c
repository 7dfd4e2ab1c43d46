/* SPDX-License-Identifier: Apache-2.0 */
#define DEPTHWISE_INT_FN tro_depthwise_int_wide__generic
#include "cpu/depthwise_int_tmpl.h"
