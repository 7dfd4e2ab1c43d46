/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets a test use the emulated driver and compiler: emu_use() before the first call of tro_cu_open
 * or tro_nvrtc_missing in the process. See driver.c and nvrtc.c for what the environment can set.
 */
#ifndef TRO_EMU_H
#define TRO_EMU_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* False, with the reason on stdout, where kernels cannot be compiled. A driver that the environment
 * names already stays. */
static inline bool emu_use(void)
{
    if (!TRO_EMU_CAN_RUN) {
        printf("the emulated GPU needs g++ and no cross build\n");
        return false;
    }
    setenv("TROCAR_CUDA_DRIVER", TRO_EMU_DRIVER, 0);
    setenv("TROCAR_NVRTC", TRO_EMU_NVRTC, 0);
    return true;
}

#endif
