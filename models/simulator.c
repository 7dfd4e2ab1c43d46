/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endoscopy simulator as training sees it: flat arrays, and the truth of a frame as a row of
 * numbers with names. models/simulator.py compiles this together with src/sim and calls it.
 */
#include "sim/endoscopy.h"
#include "sim/instrument.h"

/* clang-format off */
#define POINT_FACTS(X, name, point)                                                               \
    X(name "-visible", (point).is_visible)                                                        \
    X(name "-x", (point).x_px)                                                                    \
    X(name "-y", (point).y_px)
#define TOOL_FACTS(X, name, tool)                                                                 \
    X(name "-kind", (tool).kind)                                                                  \
    X(name "-pixels", (tool).n_px)                                                                \
    X(name "-x0", (tool).box.x0)                                                                  \
    X(name "-y0", (tool).box.y0)                                                                  \
    X(name "-x1", (tool).box.x1)                                                                  \
    X(name "-y1", (tool).box.y1)                                                                  \
    POINT_FACTS(X, name "-tip", (tool).tip)
/* THE list of facts of a frame: name, value in the truth `t` of the procedure `e`. Tools 0 and 1
 * come from the left and from the right. */
#define FACTS(X)                                                                                  \
    X("out-of-body", t->is_out_of_body)                                                           \
    X("focal-length", tro_endoscopy_focal_length(e))                                              \
    X("bleeding", t->is_bleeding)                                                                 \
    X("step", t->step)                                                                            \
    TOOL_FACTS(X, "left", t->tools[0])                                                            \
    TOOL_FACTS(X, "right", t->tools[1])                                                           \
    POINT_FACTS(X, "fundus", t->landmarks[TRO_LANDMARK_FUNDUS])                                   \
    POINT_FACTS(X, "neck", t->landmarks[TRO_LANDMARK_NECK])                                       \
    POINT_FACTS(X, "origin", t->landmarks[TRO_LANDMARK_ARTERY_ORIGIN])                            \
    POINT_FACTS(X, "insertion", t->landmarks[TRO_LANDMARK_ARTERY_INSERTION])
/* clang-format on */

#define FACT_NAME(name, value) name,
static const char *const fact_names[] = {FACTS(FACT_NAME)};

/* NULL after the last one; as for all names here. */
const char *train_fact_name(int i)
{
    return i < (int)(sizeof(fact_names) / sizeof(*fact_names)) ? fact_names[i] : NULL;
}

const char *train_class_name(int i)
{
    return i < TRO_N_ENDOSCOPY_CLASSES ? tro_endoscopy_classes[i].name : NULL;
}

int train_class_rgb(int i)
{
    const uint8_t *const c = tro_endoscopy_classes[i].rgb;
    return c[0] << 16 | c[1] << 8 | c[2];
}

const char *train_tool_name(int i)
{
    return i < TRO_N_TOOL_KINDS ? tro_endoscopy_tool_name(i) : NULL;
}

const char *train_landmark_name(int i)
{
    return i < TRO_N_LANDMARKS ? tro_endoscopy_landmark_name((enum tro_endoscopy_landmark)i) : NULL;
}

const char *train_step_name(int i)
{
    return i < TRO_N_ENDOSCOPY_STEPS ? tro_endoscopy_step_name(i) : NULL;
}

const char *train_disturbance_name(int i)
{
    return i < TRO_N_DISTURBANCES ? tro_disturbance_name((enum tro_disturbance)i) : NULL;
}

int train_n_makes(void)
{
    return TRO_N_CAMERA_MAKES;
}

/* The next two give NULL and less than 0 on failure. */
struct tro_endoscopy *train_create(uint64_t seed, int width, int height)
{
    const struct tro_endoscopy_opts opts = {.seed = seed, .width = width, .height = height};
    return tro_endoscopy_create(&opts, NULL);
}

/* Frame `index` of 25 a second, seen through a camera of that make with these disturbances. */
int train_render(struct tro_endoscopy *e, int64_t index, int make, const float *strengths,
                 const struct tro_endoscopy_frame *planes, float *facts)
{
    struct tro_endoscopy_truth truth;
    const struct tro_endoscopy_truth *const t = &truth;
    struct tro_endoscopy_frame out = *planes;
    struct tro_disturbances disturb;
    for (int i = 0; i < TRO_N_DISTURBANCES; i++)
        disturb.strength[i] = strengths[i];
    out.truth = &truth;
    int rc = tro_endoscopy_change(e, (enum tro_camera_make)make, &disturb, NULL);
    if (rc >= 0)
        rc = tro_endoscopy_render(e, index, &out, NULL);
    if (rc < 0)
        return rc;
#define FACT_VALUE(name, value) *facts++ = (float)(value);
    FACTS(FACT_VALUE)
#undef FACT_VALUE
    return 0;
}
