/* SPDX-License-Identifier: Apache-2.0 */
#define DEPTHWISE_FN tro_depthwise_f32__neon
#include "cpu/depthwise_tmpl.h"
