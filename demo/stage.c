/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "sim/instrument.h"

#define N_PX (DEMO_STAGE_WIDTH * DEMO_STAGE_HEIGHT)

static int open_all(struct demo_stage *s, uint64_t seed, struct tro_err *err)
{
    const struct tro_endoscopy_opts opts = {.seed = seed,
                                            .width = DEMO_STAGE_WIDTH,
                                            .height = DEMO_STAGE_HEIGHT,
                                            .fps = DEMO_STAGE_FPS};
    uint8_t *const rgb = tro_arena_alloc(&s->arena, N_PX, 3);
    s->frame = (struct tro_picture){DEMO_STAGE_WIDTH, DEMO_STAGE_HEIGHT, 3, rgb};
    s->label = tro_arena_alloc(&s->arena, N_PX, 1);
    s->instance = tro_arena_alloc(&s->arena, N_PX, 1);
    if (!rgb || !s->label || !s->instance)
        return tro_fail_nomem(err);
    TRO_TRY(demo_findings_init(&s->truth, DEMO_STAGE_WIDTH, DEMO_STAGE_HEIGHT, s->networks,
                               &s->arena, err));
    s->procedure = tro_endoscopy_create(&opts, err);
    if (!s->procedure)
        return err->status;
    s->focal_length = tro_endoscopy_focal_length(s->procedure);
    return 0;
}

int demo_stage_open(struct demo_stage *s, uint64_t seed, struct demo_network *const *networks,
                    struct tro_err *err)
{
    *s = (struct demo_stage){.networks = networks};
    const int rc = open_all(s, seed, err);
    if (rc < 0)
        demo_stage_close(s);
    return rc;
}

void demo_stage_close(struct demo_stage *s)
{
    tro_endoscopy_destroy(s->procedure);
    tro_arena_finish(&s->arena);
    *s = (struct demo_stage){0};
}

/* ---- truth in the names of networks ---------------------------------------------------- */

/* Labels that the network does not know are no labels, as in evaluations. */
static void take_labels(struct demo_stage *s)
{
    uint8_t label_of[TRO_N_ENDOSCOPY_CLASSES];
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        const int at = demo_names_find(&s->networks[DEMO_PIXELS]->names,
                                       tro_endoscopy_classes[i].name);
        label_of[i] = at < 0 ? DEMO_NO_LABEL : (uint8_t)at;
    }
    for (int i = 0; i < N_PX; i++)
        s->truth.label[i] = label_of[s->label[i]];
}

/* A record with one name takes instruments of any kind. */
static void take_boxes(struct demo_stage *s)
{
    const struct demo_names *const names = &s->networks[DEMO_BOXES]->names;
    s->truth.n_boxes = 0;
    for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS; i++) {
        const struct tro_endoscopy_tool *const tool = &s->scene.tools[i];
        const struct tro_endoscopy_box *const b = &tool->box;
        const int kind = names->n == 1
                             ? 0
                             : demo_names_find(names, tro_endoscopy_tool_name(tool->kind));
        if (tool->n_px > 0 && kind >= 0)
            s->truth.boxes[s->truth.n_boxes++] = (struct tro_eval_box){
                (float)b->x0, (float)b->y0, (float)b->x1, (float)b->y1, 1, kind};
    }
}

static void take_points(struct demo_stage *s)
{
    const struct demo_names *const names = &s->networks[DEMO_POINTS]->names;
    s->truth.n_points = names->n;
    memset(s->truth.points, 0, sizeof s->truth.points);
    for (int i = 0; i < TRO_N_LANDMARKS; i++) {
        const struct tro_endoscopy_point *const p = &s->scene.landmarks[i];
        const char *const name = tro_endoscopy_landmark_name((enum tro_endoscopy_landmark)i);
        const int at = demo_names_find(names, name);
        if (at >= 0)
            s->truth.points[at] = (struct demo_point){p->is_visible, p->x_px, p->y_px, 1};
    }
}

static void describe_moment(struct demo_stage *s)
{
    const struct tro_endoscopy_truth *const t = &s->scene;
    s->step = tro_endoscopy_step_name(t->step);
    snprintf(s->moment, sizeof s->moment, "%s%s%s", s->step,
             t->is_cautery_on ? ", current flows" : "", t->is_bleeding ? ", bleeding" : "");
}

int demo_stage_render(struct demo_stage *s, int64_t index, struct tro_err *err)
{
    const struct tro_endoscopy_frame drawn = {.rgb = s->frame.data,
                                              .label = s->label,
                                              .instance = s->instance,
                                              .depth = s->truth.depth,
                                              .truth = &s->scene};
    TRO_TRY(tro_endoscopy_render(s->procedure, index, &drawn, err));
    describe_moment(s);
    if (s->networks[DEMO_PIXELS])
        take_labels(s);
    if (s->networks[DEMO_BOXES])
        take_boxes(s);
    if (s->networks[DEMO_POINTS])
        take_points(s);
    return 0;
}

/* ---- names ----------------------------------------------------------------------------- */

/* NULL where there is none any more. */
static const char *shown_name(enum demo_task task, int i)
{
    if (task == DEMO_PIXELS)
        return i < TRO_N_ENDOSCOPY_CLASSES ? tro_endoscopy_classes[i].name : NULL;
    if (task == DEMO_BOXES)
        return i < TRO_N_TOOL_KINDS ? tro_endoscopy_tool_name(i) : NULL;
    return task == DEMO_POINTS && i < TRO_N_LANDMARKS
               ? tro_endoscopy_landmark_name((enum tro_endoscopy_landmark)i)
               : NULL;
}

void demo_stage_unknown(const struct demo_network *n, char *out, size_t n_out)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; shown_name(n->task, i) && at < n_out; i++) {
        const char *const name = shown_name(n->task, i);
        const bool takes_any = n->task == DEMO_BOXES && n->names.n == 1;
        if (!takes_any && demo_names_find(&n->names, name) < 0)
            at += (size_t)snprintf(out + at, n_out - at, "%s%s", at ? ", " : "", name);
    }
}
