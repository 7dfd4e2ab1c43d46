/* SPDX-License-Identifier: Apache-2.0 */
/* What the emulated compiler gives as machine code or PTX: this header, then a shared object. */
#ifndef TRO_EMU_IMAGE_H
#define TRO_EMU_IMAGE_H

#include <stdint.h>

#define EMU_IMAGE_MAGIC "TROEMU1"

struct emu_image {
    char magic[8];
    uint32_t arch; /* 90 */
    uint32_t is_ptx;
    uint32_t is_exact; /* sm_90a: for that chip alone */
    uint32_t reserved;
    uint64_t n_bytes; /* of the shared object */
};

#endif
