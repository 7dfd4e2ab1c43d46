/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic laparoscopy with exact ground truth: the view of a gallbladder operation through an
 * endoscope, with two instruments, drawn by ray marching a scene of distance fields.
 *
 * Pictures  A procedure is a seed: it fixes anatomy, materials, optics, instruments and all motion.
 *           Any frame of it can be rendered alone. The same options give the same bytes, whatever
 *           the number of threads.
 * Labels    The class of the surface that the ray through the middle of the pixel hits first.
 *           Blood, vessels and highlights keep the class of what they lie on.
 * Units     Millimetres in the scene, seconds in time.
 */
#ifndef TRO_SIM_ENDOSCOPY_H
#define TRO_SIM_ENDOSCOPY_H

#include <stdint.h>
#include <trocar/trocar.h>

/* clang-format off */
/* THE list of classes: id, name, colour in overlays. The label of a class is its row, from 0. */
#define TRO_ENDOSCOPY_CLASSES(X)                     \
    X(OUTSIDE, "outside", 0, 0, 0)                   \
    X(WALL, "abdominal-wall", 178, 112, 214)         \
    X(LIVER, "liver", 214, 64, 64)                   \
    X(GALLBLADDER, "gallbladder", 64, 200, 96)       \
    X(FAT, "fat", 240, 204, 48)                      \
    X(SHAFT, "instrument-shaft", 48, 128, 240)       \
    X(TIP, "instrument-tip", 64, 232, 240)
/* clang-format on */

enum tro_endoscopy_class {
#define TRO_ENDOSCOPY_ENUM(id, name, r, g, b) TRO_ENDOSCOPY_##id,
    TRO_ENDOSCOPY_CLASSES(TRO_ENDOSCOPY_ENUM)
#undef TRO_ENDOSCOPY_ENUM
        TRO_N_ENDOSCOPY_CLASSES
};

struct tro_endoscopy_class_info {
    const char *name; /* no spaces */
    uint8_t rgb[3];
};

/* One row for each class, by label. */
extern const struct tro_endoscopy_class_info tro_endoscopy_classes[TRO_N_ENDOSCOPY_CLASSES];

struct tro_endoscopy_opts {
    uint64_t seed;     /* the procedure */
    int width, height; /* pixels, 16 to 4096 each */
    double fps;        /* frames per second of its time, 1 to 1000; 0 = 25 */
};

struct tro_endoscopy;

/* NULL on failure, with err filled. */
struct tro_endoscopy *tro_endoscopy_create(const struct tro_endoscopy_opts *opts,
                                           struct tro_err *err);
void tro_endoscopy_destroy(struct tro_endoscopy *e);

/* Frame `index` from 0 to 1,000,000: rgb takes height x width x 3 bytes, label height x width
 * bytes, rows from the top. */
int tro_endoscopy_render(struct tro_endoscopy *e, int64_t index, uint8_t *rgb, uint8_t *label,
                         struct tro_err *err);

#endif
