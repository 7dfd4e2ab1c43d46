/* SPDX-License-Identifier: Apache-2.0 */
#define RNN_LEVEL avx512
#define RNN_NAME "2x4__avx512"
#define RNN_ROWS 2
#include "cpu/recurrent_kernel.h"
