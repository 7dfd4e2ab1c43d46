/* SPDX-License-Identifier: Apache-2.0 */
/* Makes of endoscopic cameras, made up: how colours, noise and edges come out differs from one to
 * the next as much as it does in theatres. */
#ifndef TRO_SIM_MAKE_H
#define TRO_SIM_MAKE_H

/* clang-format off */
/* THE list of makes of cameras: id, name, text; then colour matrix (rows red, green, blue; each
 * sums to 1), factor of the noise, amount of sharpening, light lost at the edge of the picture. */
#define TRO_CAMERA_MAKES(X)                                                                       \
    X(PLAIN, "plain", "as the procedure has it",                                                  \
      1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0)                                                         \
    X(A, "a", "three chips: clean, sharpened, saturated",                                         \
      1.28f, -0.22f, -0.06f, -0.10f, 1.16f, -0.06f, -0.04f, -0.20f, 1.24f, 0.7f, 0.8f, 0.1f)      \
    X(B, "b", "one chip, warm, soft, noisy",                                                      \
      1.08f, -0.02f, -0.06f, 0.06f, 0.94f, 0, -0.02f, 0.12f, 0.90f, 2.2f, 0, 0.25f)               \
    X(C, "c", "pale and cold, strongly sharpened",                                                \
      0.86f, 0.10f, 0.04f, 0.06f, 0.86f, 0.08f, 0.02f, 0.06f, 0.92f, 1.3f, 1.5f, 0.05f)           \
    X(D, "d", "chip on the tip: dark corners, noisy, reds pushed",                                \
      1.42f, -0.30f, -0.12f, -0.04f, 1.04f, 0, 0.02f, -0.10f, 1.08f, 1.8f, 0.5f, 0.55f)
/* clang-format on */

enum tro_camera_make {
#define TRO_CAMERA_MAKE_ENUM(id, ...) TRO_CAMERA_##id,
    TRO_CAMERA_MAKES(TRO_CAMERA_MAKE_ENUM)
#undef TRO_CAMERA_MAKE_ENUM
        TRO_N_CAMERA_MAKES
};

struct tro_camera_make_info {
    const char *name, *text;
    float matrix[3][3], noise, sharpen, vignette;
};

extern const struct tro_camera_make_info tro_camera_makes[TRO_N_CAMERA_MAKES];

#endif
