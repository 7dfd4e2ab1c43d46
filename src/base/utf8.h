/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 from outside: names in models may hold any bytes. */
#ifndef TRO_BASE_UTF8_H
#define TRO_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed character at p (n >= 1 bytes are there): 1 to 4, or 0 when it is cut,
 * overlong, a surrogate or beyond U+10FFFF. */
size_t tro_utf8_char(const char *p, size_t n);

#endif
