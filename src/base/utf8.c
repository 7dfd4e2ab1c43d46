/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>

/* The second byte's range depends on the first (Unicode 15, table 3-7); the rest are 80..BF. */
size_t tro_utf8_char(const char *p, size_t n)
{
    const uint8_t *const b = (const uint8_t *)p;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xc2 || b[0] > 0xf4)
        return 0;
    const size_t len = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (len > n)
        return 0;
    const uint8_t low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (b[1] < low || b[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    return len;
}
