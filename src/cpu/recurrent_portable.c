/* SPDX-License-Identifier: Apache-2.0 */
/* What every machine of a kind has: SSE2, or NEON with its twice as many registers. */
#define RNN_LEVEL generic
#if defined(__ARM_NEON)
#define RNN_NAME "2x4__neon"
#define RNN_ROWS 2
#else
#define RNN_NAME "1x4__generic"
#define RNN_ROWS 1
#endif
#include "cpu/recurrent_kernel.h"
