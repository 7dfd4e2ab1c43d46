/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "io/picture.h"

#define MAX_DEPTH_MM 655.35f

const char *const sim_plane_names[SIM_N_PLANES] = {"label", "instance", "depth"};
const char *const sim_plane_endings[SIM_N_PLANES] = {"label.png", "instance.png", "depth.png"};

int sim_planes_create(struct sim_planes *p, const struct sim *s, bool has_picture,
                      struct tro_err *err)
{
    const size_t n = (size_t)s->opts.width * (size_t)s->opts.height;
    *p = (struct sim_planes){0};
    p->frame.rgb = has_picture ? tro_malloc(3 * n) : NULL;
    p->frame.label = tro_malloc(n);
    p->frame.instance = tro_malloc(n);
    p->frame.depth = tro_malloc(n * sizeof(*p->frame.depth));
    p->hundredths = tro_malloc(n * sizeof(*p->hundredths));
    p->frame.truth = &p->truth;
    if ((p->frame.rgb || !has_picture) && p->frame.label && p->frame.instance && p->frame.depth &&
        p->hundredths)
        return 0;
    sim_planes_destroy(p);
    return tro_fail_nomem(err);
}

void sim_planes_destroy(struct sim_planes *p)
{
    tro_free(p->frame.rgb);
    tro_free(p->frame.label);
    tro_free(p->frame.instance);
    tro_free(p->frame.depth);
    tro_free(p->hundredths);
    *p = (struct sim_planes){0};
}

int sim_render(struct sim *s, struct tro_endoscopy *e, int64_t index, struct sim_planes *p,
               struct tro_err *err)
{
    const int64_t start = tro_clock_ns(), n_px = (int64_t)s->opts.width * s->opts.height;
    TRO_TRY(tro_endoscopy_render(e, index, &p->frame, err));
    s->render_seconds += (double)(tro_clock_ns() - start) * 1e-9;
    for (int64_t i = 0; p->frame.label && i < n_px; i++)
        s->n_px_of_class[p->frame.label[i]]++;
    return 0;
}

/* "DIR/NAME.ENDING"; names are made here and by users' short options. */
static int path_of(char path[4096], const struct sim *s, const char *name, const char *ending,
                   struct tro_err *err)
{
    const int n = snprintf(path, 4096, "%s/%s.%s", s->folder, name, ending);
    return n < 4096 ? 0 : tro_fail(err, TRO_E_INPUT, "-o: expected a shorter name of a folder");
}

int sim_write_picture(const struct sim *s, const char *name, const uint8_t *rgb,
                      struct tro_err *err)
{
    char path[4096];
    TRO_TRY(path_of(path, s, name, s->format, err));
    return tro_picture_write(path, s->opts.width, s->opts.height, 3, rgb, err);
}

int sim_write_truth(const struct sim *s, const char *name, struct sim_planes *p,
                    struct tro_err *err)
{
    const int w = s->opts.width, h = s->opts.height;
    char path[4096];
    for (int64_t i = 0; i < (int64_t)w * h; i++) {
        const float mm = p->frame.depth[i] < MAX_DEPTH_MM ? p->frame.depth[i] : MAX_DEPTH_MM;
        p->hundredths[i] = (uint16_t)(mm * 100 + 0.5f);
    }
    TRO_TRY(path_of(path, s, name, sim_plane_endings[0], err));
    TRO_TRY(tro_picture_write(path, w, h, 1, p->frame.label, err));
    TRO_TRY(path_of(path, s, name, sim_plane_endings[1], err));
    TRO_TRY(tro_picture_write(path, w, h, 1, p->frame.instance, err));
    TRO_TRY(path_of(path, s, name, sim_plane_endings[2], err));
    return tro_picture_write_16(path, w, h, p->hundredths, err);
}

void sim_put_file(struct tro_json *j, const char *key, const char *name, const char *ending)
{
    char path[256];
    snprintf(path, sizeof path, "%s.%s", name, ending);
    tro_json_string(j, key, path);
}

static void put_point(struct tro_json *j, const char *key, const struct tro_endoscopy_point *p)
{
    tro_json_object_begin(j, key);
    tro_json_bool(j, "visible", p->is_visible);
    tro_json_array_begin(j, "px");
    tro_json_number(j, NULL, (double)p->x_px);
    tro_json_number(j, NULL, (double)p->y_px);
    tro_json_array_end(j);
    tro_json_array_begin(j, "mm");
    for (int i = 0; i < 3; i++)
        tro_json_number(j, NULL, (double)p->mm[i]);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

static void put_tool(struct tro_json *j, int i, const struct tro_endoscopy_tool *t)
{
    const int box[4] = {t->box.x0, t->box.y0, t->box.x1, t->box.y1};
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "instance", i + 1);
    tro_json_string(j, "kind", tro_endoscopy_tool_name(t->kind));
    tro_json_int(j, "pixels", t->n_px);
    tro_json_array_begin(j, "box");
    for (int k = 0; k < 4; k++)
        tro_json_int(j, NULL, box[k]);
    tro_json_array_end(j);
    put_point(j, "tip", &t->tip);
    put_point(j, "wrist", &t->wrist);
    tro_json_object_begin(j, "distance_mm");
    for (int k = 0; k < TRO_ENDOSCOPY_N_ORGANS; k++)
        tro_json_number(j, tro_endoscopy_classes[tro_endoscopy_organs[k]].name,
                        (double)t->distance_mm[k]);
    tro_json_object_end(j);
    tro_json_bool(j, "contact", t->is_touching);
    tro_json_object_end(j);
}

static void put_course(struct tro_json *j, const struct tro_endoscopy_truth *truth)
{
    tro_json_bool(j, "cautery", truth->is_cautery_on);
    tro_json_string(j, "step", tro_endoscopy_step_name(truth->step));
    tro_json_array_begin(j, "events");
    for (int i = 0; i < TRO_N_ENDOSCOPY_EVENTS; i++)
        if (truth->events >> i & 1)
            tro_json_string(j, NULL, tro_endoscopy_event_name(i));
    tro_json_array_end(j);
}

void sim_put_truth(struct tro_json *j, const struct tro_endoscopy_truth *truth)
{
    tro_json_object_begin(j, "truth");
    tro_json_bool(j, "out_of_body", truth->is_out_of_body);
    tro_json_bool(j, "bleeding", truth->is_bleeding);
    if (!truth->is_out_of_body) {
        put_course(j, truth);
        tro_json_array_begin(j, "instruments");
        for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS; i++)
            put_tool(j, i, &truth->tools[i]);
        tro_json_array_end(j);
        tro_json_object_begin(j, "landmarks");
        for (int i = 0; i < TRO_N_LANDMARKS; i++)
            put_point(j, tro_endoscopy_landmark_name((enum tro_endoscopy_landmark)i),
                      &truth->landmarks[i]);
        tro_json_object_end(j);
    }
    tro_json_object_end(j);
}

void sim_put_focal_length(struct tro_json *j, const struct tro_endoscopy *e)
{
    tro_json_number(j, "focal_length", (double)tro_endoscopy_focal_length(e));
}

void sim_put_disturbances(struct tro_json *j, const struct tro_disturbances *d)
{
    tro_json_object_begin(j, "disturbances");
    for (int i = 0; i < TRO_N_DISTURBANCES; i++)
        if (d->strength[i] > 0)
            tro_json_number(j, tro_disturbance_name((enum tro_disturbance)i),
                            (double)d->strength[i]);
    tro_json_object_end(j);
}

int sim_write_labels(const struct sim *s, struct tro_err *err)
{
    struct tro_buf buf = {0};
    tro_buf_str(&buf, "id\tname\tcolour\n");
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        const struct tro_endoscopy_class_info *c = &tro_endoscopy_classes[i];
        tro_buf_printf(&buf, "%d\t%s\t#%02x%02x%02x\n", i, c->name, c->rgb[0], c->rgb[1],
                       c->rgb[2]);
    }
    char path[4096];
    int rc = path_of(path, s, "labels", "tsv", err);
    if (rc >= 0)
        rc = buf.failed ? tro_fail_nomem(err) : tro_file_write(path, buf.p, buf.n, err);
    tro_buf_finish(&buf);
    return rc;
}
