/* SPDX-License-Identifier: Apache-2.0 */
/* trocar sim: frames of synthetic procedures into a folder. docs/dataset.md says what is in it. */
#ifndef TROCAR_SIM_H
#define TROCAR_SIM_H

#include "base/json.h"
#include "sim/endoscopy.h"

struct sim {
    const char *folder, *size, *format, *json, *disturb, *camera, *split, *strengths;
    int64_t n_frames, first, seed, n_procedures;
    double fps, every_seconds;
    bool has_truth, has_cameras;
    struct tro_endoscopy_opts opts;
    int64_t n_px_of_class[TRO_N_ENDOSCOPY_CLASSES];
    double render_seconds;
};

/* One frame's planes, width x height each. */
struct sim_planes {
    struct tro_endoscopy_frame frame;
    struct tro_endoscopy_truth truth;
    uint16_t *hundredths; /* of a millimetre of depth */
};
int sim_planes_create(struct sim_planes *p, const struct sim *s, bool has_picture,
                      struct tro_err *err);
void sim_planes_destroy(struct sim_planes *p);

/* Renders what p has planes for, and adds to the counts and times of s. */
int sim_render(struct sim *s, struct tro_endoscopy *e, int64_t index, struct sim_planes *p,
               struct tro_err *err);

/* Planes of truth: their keys in a frame's line, the ends of their files' names. */
enum { SIM_N_PLANES = 3 };
extern const char *const sim_plane_names[SIM_N_PLANES];
extern const char *const sim_plane_endings[SIM_N_PLANES];

/* DIR/NAME.ENDING of each plane; name may hold folders that exist. */
int sim_write_truth(const struct sim *s, const char *name, struct sim_planes *p,
                    struct tro_err *err);
int sim_write_picture(const struct sim *s, const char *name, const uint8_t *rgb,
                      struct tro_err *err);
/* The member "truth" of the line that describes a frame. */
void sim_put_truth(struct tro_json *j, const struct tro_endoscopy_truth *truth);
/* A member that is a file's path, NAME.ENDING. */
void sim_put_file(struct tro_json *j, const char *key, const char *name, const char *ending);
/* The member "focal_length". */
void sim_put_focal_length(struct tro_json *j, const struct tro_endoscopy *e);
/* The member "disturbances". */
void sim_put_disturbances(struct tro_json *j, const struct tro_disturbances *d);

int sim_write_labels(const struct sim *s, struct tro_err *err);

/* trocar sim dataset. */
int sim_dataset(struct sim *s, struct tro_err *err);

#endif
