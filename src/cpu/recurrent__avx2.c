/* SPDX-License-Identifier: Apache-2.0 */
#define RNN_LEVEL avx2
#define RNN_NAME "1x4__avx2"
#define RNN_ROWS 1
#include "cpu/recurrent_kernel.h"
