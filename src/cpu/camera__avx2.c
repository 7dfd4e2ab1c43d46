/* SPDX-License-Identifier: Apache-2.0 */
#define CAMERA_KERNELS tro_camera__avx2
#include "cpu/camera_tmpl.h"
