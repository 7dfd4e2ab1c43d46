/* SPDX-License-Identifier: Apache-2.0 */
#define CAMERA_KERNELS tro_camera__neon
#include "cpu/camera_tmpl.h"
