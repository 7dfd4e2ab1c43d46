/* SPDX-License-Identifier: Apache-2.0 */
/* trocar sim: frames of synthetic procedures, alone or as a data set. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "io/picture.h"
#include "progress.h"
#include "sim.h"
#include "verbs.h"

static int parse_size(struct sim *s, struct tro_err *err)
{
    char *end;
    const long width = strtol(s->size, &end, 10);
    const long height = *end == 'x' ? strtol(end + 1, &end, 10) : 0;
    if (*end || width < 1 || height < 1 || width > INT16_MAX || height > INT16_MAX)
        return tro_fail(err, TRO_E_INPUT,
                        "--size: expected WIDTHxHEIGHT such as 320x256, found '%s'", s->size);
    s->opts.width = (int)width;
    s->opts.height = (int)height;
    return 0;
}

static int parse_camera(struct sim *s, struct tro_err *err)
{
    for (int i = 0; i < TRO_N_CAMERA_MAKES; i++)
        if (strcmp(tro_camera_makes[i].name, s->camera) == 0) {
            s->opts.make = (enum tro_camera_make)i;
            return 0;
        }
    return tro_fail(err, TRO_E_INPUT, "--camera: expected plain, a, b, c or d, found '%s'",
                    s->camera);
}

static int check(struct sim *s, struct tro_err *err)
{
    if (!s->folder)
        return tro_fail(err, TRO_E_INPUT, "expected -o DIR for the pictures, found none");
    if (strcmp(s->format, "png") != 0 && strcmp(s->format, "ppm") != 0)
        return tro_fail(err, TRO_E_INPUT, "--format: expected png or ppm, found '%s'", s->format);
    if (s->n_frames < 1 || s->n_frames > 1000000)
        return tro_fail(err, TRO_E_INPUT, "--frames: expected 1 to 1000000, found %" PRId64,
                        s->n_frames);
    if (s->n_procedures < 1 || s->n_procedures > 100000)
        return tro_fail(err, TRO_E_INPUT, "--procedures: expected 1 to 100000, found %" PRId64,
                        s->n_procedures);
    if (s->fps == 0)
        return tro_fail(err, TRO_E_INPUT, "--fps: expected 1 to 1000, found 0");
    if (!(s->every_seconds > 0 && s->every_seconds <= 3600))
        return tro_fail(err, TRO_E_INPUT, "--every: expected seconds above 0, found %g",
                        s->every_seconds);
    s->opts.fps = s->fps;
    s->opts.seed = (uint64_t)s->seed;
    TRO_TRY(parse_camera(s, err));
    TRO_TRY(parse_size(s, err));
    return s->disturb ? tro_disturbances_parse(s->disturb, &s->opts.disturb, err) : 0;
}

/* ---- a row of frames ------------------------------------------------------------------------ */

static int write_frame(const struct sim *s, const struct tro_endoscopy *e, int64_t i,
                       struct sim_planes *p, struct tro_json *lines, struct tro_err *err)
{
    const bool is_png = strcmp(s->format, "png") == 0;
    char name[64], path[4096];
    snprintf(name, sizeof name, "frame_%04" PRId64, i);
    TRO_TRY(sim_write_picture(s, name, p->frame.rgb, err));
    snprintf(path, sizeof path, "%s/label_%04" PRId64 ".%s", s->folder, i, is_png ? "png" : "pgm");
    TRO_TRY(tro_picture_write(path, s->opts.width, s->opts.height, 1, p->frame.label, err));
    if (!s->has_truth)
        return 0;
    tro_json_object_begin(lines, NULL);
    sim_put_file(lines, "picture", name, s->format);
    for (int plane = 0; plane < SIM_N_PLANES && !p->truth.is_out_of_body; plane++)
        sim_put_file(lines, sim_plane_names[plane], name, sim_plane_endings[plane]);
    tro_json_int(lines, "frame", s->first + i);
    sim_put_focal_length(lines, e);
    sim_put_disturbances(lines, &s->opts.disturb);
    sim_put_truth(lines, &p->truth);
    tro_json_object_end(lines);
    return sim_write_truth(s, name, p, err);
}

static int write_frames(struct sim *s, struct tro_endoscopy *e, struct sim_planes *p,
                        struct tro_json *lines, struct tro_err *err)
{
    struct tro_progress progress;
    tro_progress_start(&progress, "frames", s->n_frames);
    int rc = 0;
    for (int64_t i = 0; i < s->n_frames && rc >= 0; i++) {
        rc = sim_render(s, e, s->first + i, p, err);
        if (rc >= 0)
            rc = write_frame(s, e, i, p, lines, err);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

static int write_lines(const struct sim *s, const struct tro_json *lines, struct tro_err *err)
{
    char path[4096];
    if (!s->has_truth)
        return 0;
    if (lines->buf.failed)
        return tro_fail_nomem(err);
    snprintf(path, sizeof path, "%s/frames.jsonl", s->folder);
    return tro_file_write(path, lines->buf.p, lines->buf.n, err);
}

static int simulate(struct sim *s, struct tro_err *err)
{
    struct tro_json lines = {.is_line = true};
    struct sim_planes p = {0};
    struct tro_endoscopy *const e = tro_endoscopy_create(&s->opts, err);
    int rc = e ? sim_planes_create(&p, s, true, err) : err->status;
    if (rc >= 0)
        rc = tro_dir_create(s->folder, err);
    if (rc >= 0)
        rc = write_frames(s, e, &p, &lines, err);
    if (rc >= 0)
        rc = write_lines(s, &lines, err);
    if (rc >= 0)
        rc = sim_write_labels(s, err);
    sim_planes_destroy(&p);
    tro_json_finish(&lines);
    tro_endoscopy_destroy(e);
    return rc;
}

/* ---- report --------------------------------------------------------------------------------- */

static int write_json(const struct sim *s, struct tro_err *err)
{
    struct tro_json j = {0};
    int64_t n_px = 0;
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++)
        n_px += s->n_px_of_class[i];
    const double n_frames = (double)n_px / s->opts.width / s->opts.height;
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "folder", s->folder);
    tro_json_int(&j, "seed", s->seed);
    tro_json_int(&j, "frames", s->n_frames);
    tro_json_int(&j, "width", s->opts.width);
    tro_json_int(&j, "height", s->opts.height);
    tro_json_number(&j, "fps", s->fps);
    tro_json_number(&j, "rendered_hz", n_frames / s->render_seconds);
    tro_json_array_begin(&j, "classes");
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        tro_json_object_begin(&j, NULL);
        tro_json_int(&j, "id", i);
        tro_json_string(&j, "name", tro_endoscopy_classes[i].name);
        tro_json_number(&j, "share", (double)s->n_px_of_class[i] / (double)n_px);
        tro_json_object_end(&j);
    }
    tro_json_array_end(&j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(s->json, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

int tro_verb_sim(int argc, char **argv)
{
    struct sim s = {.size = "320x256",
                    .format = "png",
                    .camera = "plain",
                    .split = "test",
                    .n_frames = 25,
                    .n_procedures = 10,
                    .seed = 1,
                    .fps = 25,
                    .every_seconds = 3};
    const struct tro_opt opts[] = {
        {"--output,-o", TRO_OPT_STRING, &s.folder, "DIR", "where pictures and labels.tsv go"},
        {"--frames", TRO_OPT_INT, &s.n_frames, "N", "how many frames, of each procedure (25)"},
        {"--first", TRO_OPT_INT, &s.first, "N", "number of the first one in the procedure (0)"},
        {"--size", TRO_OPT_STRING, &s.size, "WxH", "size of a frame in pixels (320x256)"},
        {"--seed", TRO_OPT_INT, &s.seed, "S",
         "the procedure, of a data set the first: anatomy, instruments, motion (1)"},
        {"--fps", TRO_OPT_DOUBLE, &s.fps, "F", "frames per second of its time (25)"},
        {"--disturb", TRO_OPT_STRING, &s.disturb, "D=X,...",
         "disturbances with strengths from 0 to 1: smoke=0.5,defocus=0.2"},
        {"--camera", TRO_OPT_STRING, &s.camera, "MAKE", "make of the camera: plain, a, b, c, d"},
        {"--truth", TRO_OPT_FLAG, &s.has_truth, NULL,
         "instances, depths, and a line of frames.jsonl for each frame"},
        {"--procedures", TRO_OPT_INT, &s.n_procedures, "N",
         "dataset: how many, seeds in a row (10)"},
        {"--every", TRO_OPT_DOUBLE, &s.every_seconds, "SECONDS", "dataset: between frames (3)"},
        {"--strengths", TRO_OPT_STRING, &s.strengths, "X,...",
         "dataset: a slice for each disturbance at each of these strengths"},
        {"--cameras", TRO_OPT_FLAG, &s.has_cameras, NULL, "dataset: a slice for each make"},
        {"--split", TRO_OPT_STRING, &s.split, "NAME",
         "dataset: train, validation, test (test), or parts: train=7,validation=1,test=2"},
        {"--format", TRO_OPT_STRING, &s.format, "png|ppm", "kind of picture file (png)"},
        {"--json", TRO_OPT_STRING, &s.json, "FILE",
         "what was written, and the share of each class"},
        {NULL, TRO_OPT_FLAG, NULL, NULL, NULL},
    };
    const struct tro_usage usage = {
        .synopsis = "trocar sim endoscopy|dataset -o DIR [--frames N] [--size WxH] [--seed S]",
        .about =
            "Draws synthetic laparoscopic procedures. endoscopy: DIR/frame_0000.png is what the\n"
            "endoscope sees, DIR/label_0000.png what each pixel shows, as a number that\n"
            "DIR/labels.tsv explains. dataset: the folder of docs/dataset.md, with the same "
            "frames\n"
            "clean and disturbed. The same seed gives the same pictures.\n"
            "Disturbances:\n" TRO_SIM_DISTURBANCE_NAMES,
        .opts = opts,
        .min_args = 1,
        .max_args = 1,
    };
    struct tro_list args = {0};
    struct tro_err err = {0};
    bool is_help = false;
    int rc = tro_args_parse(&usage, argc, argv, &args, &is_help, &err);
    if (is_help)
        return TRO_EXIT_OK;
    const bool is_dataset = rc >= 0 && strcmp(args.v[0], "dataset") == 0;
    if (rc >= 0 && !is_dataset && strcmp(args.v[0], "endoscopy") != 0)
        rc = tro_fail(&err, TRO_E_INPUT, "expected 'endoscopy' or 'dataset', found '%s'",
                      args.v[0]);
    if (rc >= 0)
        rc = check(&s, &err);
    if (rc >= 0)
        rc = is_dataset ? sim_dataset(&s, &err) : simulate(&s, &err);
    if (rc >= 0 && s.json)
        rc = write_json(&s, &err);
    return tro_exit_with(&err, rc);
}
