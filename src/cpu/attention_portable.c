/* SPDX-License-Identifier: Apache-2.0 */
/* What every machine of a kind has: SSE2, or NEON with its twice as many registers. */
#define ATTENTION_LEVEL generic
#if defined(__ARM_NEON)
#define ATTENTION_NAME "6x4__neon"
#define ATTENTION_ROWS 6
#define ATTENTION_VECTORS 4
#else
#define ATTENTION_NAME "4x2__generic"
#define ATTENTION_ROWS 4
#define ATTENTION_VECTORS 2
#endif
#include "cpu/attention_kernel.h"
