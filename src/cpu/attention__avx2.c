/* SPDX-License-Identifier: Apache-2.0 */
#define ATTENTION_LEVEL avx2
#define ATTENTION_NAME "6x2__avx2"
#define ATTENTION_ROWS 6
#define ATTENTION_VECTORS 2
#include "cpu/attention_kernel.h"
