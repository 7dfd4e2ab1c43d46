/* SPDX-License-Identifier: Apache-2.0 */
#define ATTENTION_LEVEL avx512
#define ATTENTION_NAME "6x4__avx512"
#define ATTENTION_ROWS 6
#define ATTENTION_VECTORS 4
#include "cpu/attention_kernel.h"
