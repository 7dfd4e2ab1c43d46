/* SPDX-License-Identifier: Apache-2.0 */
#define POOL_FN(kind) tro_pool_##kind##__avx2
#include "cpu/pool_tmpl.h"
