/* SPDX-License-Identifier: Apache-2.0 */
#define RESIZE_FN tro_resize_i8__avx512
#define T int8_t
#include "cpu/resize_int_tmpl.h"

#define RESIZE_FN tro_resize_u8__avx512
#define T uint8_t
#include "cpu/resize_int_tmpl.h"
