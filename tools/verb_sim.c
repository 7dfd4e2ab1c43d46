/* SPDX-License-Identifier: Apache-2.0 */
/* trocar sim endoscopy: frames of a synthetic procedure and what each pixel shows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/thread.h"
#include "io/picture.h"
#include "progress.h"
#include "sim/endoscopy.h"
#include "verbs.h"

struct sim {
    const char *folder, *size, *format, *json;
    int64_t n_frames, first, seed;
    double fps;
    int width, height;
    int64_t n_px_of_class[TRO_N_ENDOSCOPY_CLASSES];
    double render_seconds;
};

static int parse_size(struct sim *s, struct tro_err *err)
{
    char *end;
    const long width = strtol(s->size, &end, 10);
    const long height = *end == 'x' ? strtol(end + 1, &end, 10) : 0;
    if (*end || width < 1 || height < 1 || width > INT16_MAX || height > INT16_MAX)
        return tro_fail(err, TRO_E_INPUT,
                        "--size: expected WIDTHxHEIGHT such as 320x256, found '%s'", s->size);
    s->width = (int)width;
    s->height = (int)height;
    return 0;
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
    if (s->fps == 0)
        return tro_fail(err, TRO_E_INPUT, "--fps: expected 1 to 1000, found 0");
    return parse_size(s, err);
}

static int write_frame(const struct sim *s, int64_t i, const uint8_t *rgb, const uint8_t *label,
                       struct tro_err *err)
{
    const bool is_png = strcmp(s->format, "png") == 0;
    char path[4096];
    snprintf(path, sizeof path, "%s/frame_%04" PRId64 ".%s", s->folder, i, is_png ? "png" : "ppm");
    TRO_TRY(tro_picture_write(path, s->width, s->height, 3, rgb, err));
    snprintf(path, sizeof path, "%s/label_%04" PRId64 ".%s", s->folder, i, is_png ? "png" : "pgm");
    return tro_picture_write(path, s->width, s->height, 1, label, err);
}

static int write_frames(struct sim *s, struct tro_endoscopy *e, uint8_t *rgb, uint8_t *label,
                        struct tro_err *err)
{
    const int64_t n_px = (int64_t)s->width * s->height;
    struct tro_progress progress;
    tro_progress_start(&progress, "frames", s->n_frames);
    int rc = 0;
    for (int64_t i = 0; i < s->n_frames && rc >= 0; i++) {
        const int64_t start = tro_clock_ns();
        rc = tro_endoscopy_render(e, s->first + i, rgb, label, err);
        s->render_seconds += (double)(tro_clock_ns() - start) * 1e-9;
        for (int64_t k = 0; k < n_px && rc >= 0; k++)
            s->n_px_of_class[label[k]]++;
        if (rc >= 0)
            rc = write_frame(s, i, rgb, label, err);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

static int write_labels_tsv(const struct sim *s, struct tro_err *err)
{
    struct tro_buf buf = {0};
    tro_buf_str(&buf, "id\tname\tcolour\n");
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        const struct tro_endoscopy_class_info *c = &tro_endoscopy_classes[i];
        tro_buf_printf(&buf, "%d\t%s\t#%02x%02x%02x\n", i, c->name, c->rgb[0], c->rgb[1],
                       c->rgb[2]);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/labels.tsv", s->folder);
    const int rc = buf.failed ? tro_fail_nomem(err) : tro_file_write(path, buf.p, buf.n, err);
    tro_buf_finish(&buf);
    return rc;
}

static int write_json(const struct sim *s, struct tro_err *err)
{
    struct tro_json j = {0};
    const double n_px = (double)s->n_frames * s->width * s->height;
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "folder", s->folder);
    tro_json_int(&j, "seed", s->seed);
    tro_json_int(&j, "frames", s->n_frames);
    tro_json_int(&j, "width", s->width);
    tro_json_int(&j, "height", s->height);
    tro_json_number(&j, "fps", s->fps);
    tro_json_number(&j, "rendered_hz", (double)s->n_frames / s->render_seconds);
    tro_json_array_begin(&j, "classes");
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        tro_json_object_begin(&j, NULL);
        tro_json_int(&j, "id", i);
        tro_json_string(&j, "name", tro_endoscopy_classes[i].name);
        tro_json_number(&j, "share", (double)s->n_px_of_class[i] / n_px);
        tro_json_object_end(&j);
    }
    tro_json_array_end(&j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(s->json, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

static int simulate(struct sim *s, struct tro_err *err)
{
    const struct tro_endoscopy_opts opts = {
        .seed = (uint64_t)s->seed, .width = s->width, .height = s->height, .fps = s->fps};
    struct tro_endoscopy *e = tro_endoscopy_create(&opts, err);
    if (!e)
        return err->status;
    const size_t n_px = (size_t)s->width * (size_t)s->height;
    uint8_t *const rgb = tro_malloc(n_px * 3), *const label = tro_malloc(n_px);
    int rc = rgb && label ? tro_dir_create(s->folder, err) : tro_fail_nomem(err);
    if (rc >= 0)
        rc = write_frames(s, e, rgb, label, err);
    if (rc >= 0)
        rc = write_labels_tsv(s, err);
    if (rc >= 0 && s->json)
        rc = write_json(s, err);
    tro_free(rgb);
    tro_free(label);
    tro_endoscopy_destroy(e);
    return rc;
}

int tro_verb_sim(int argc, char **argv)
{
    struct sim s = {.size = "320x256", .format = "png", .n_frames = 25, .seed = 1, .fps = 25};
    const struct tro_opt opts[] = {
        {"--output,-o", TRO_OPT_STRING, &s.folder, "DIR", "where pictures and labels.tsv go"},
        {"--frames", TRO_OPT_INT, &s.n_frames, "N", "how many frames (25)"},
        {"--first", TRO_OPT_INT, &s.first, "N", "number of the first one in the procedure (0)"},
        {"--size", TRO_OPT_STRING, &s.size, "WxH", "size of a frame in pixels (320x256)"},
        {"--seed", TRO_OPT_INT, &s.seed, "S", "the procedure: anatomy, instruments, motion (1)"},
        {"--fps", TRO_OPT_DOUBLE, &s.fps, "F", "frames per second of its time (25)"},
        {"--format", TRO_OPT_STRING, &s.format, "png|ppm", "kind of picture file (png)"},
        {"--json", TRO_OPT_STRING, &s.json, "FILE",
         "what was written, and the share of each class"},
        {NULL, TRO_OPT_FLAG, NULL, NULL, NULL},
    };
    const struct tro_usage usage = {
        .synopsis = "trocar sim endoscopy -o DIR [--frames N] [--size WxH] [--seed S]",
        .about =
            "Draws a synthetic laparoscopic procedure: DIR/frame_0000.png is what the endoscope\n"
            "sees, DIR/label_0000.png what each pixel shows, as a number that DIR/labels.tsv\n"
            "explains. The same seed gives the same pictures.",
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
    if (rc >= 0 && strcmp(args.v[0], "endoscopy") != 0)
        rc = tro_fail(&err, TRO_E_INPUT, "expected 'endoscopy', found '%s'", args.v[0]);
    if (rc >= 0)
        rc = check(&s, &err);
    if (rc >= 0)
        rc = simulate(&s, &err);
    return tro_exit_with(&err, rc);
}
