/* SPDX-License-Identifier: Apache-2.0 */
#define RESIZE_FN tro_resize_f32__avx512
#define RESIZE_PLANE_FN tro_resize_plane_f32__avx512
#include "cpu/resize_tmpl.h"
