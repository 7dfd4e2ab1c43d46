/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trocar sim dataset: the same frames of the same procedures, clean and with each disturbance alone
 * and through each make of camera; truth is written once.
 *
 *     truth/PROCEDURE/FRAME.label.png      SLICE/PROCEDURE/FRAME.png      frames.jsonl
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "progress.h"

#define MAX_SLICES 256
#define MAX_SPLITS 8

struct slice {
    char name[64];
    enum tro_camera_make make;
    struct tro_disturbances disturb;
};

/* Some of the procedures, whole ones, in the order of their seeds. */
struct split {
    char name[32];
    double parts;
};

struct set {
    struct sim *sim;
    int n_splits;
    struct split splits[MAX_SPLITS];
    double n_parts;
    int n_slices;
    struct slice slices[MAX_SLICES];
    struct tro_json lines;
    struct sim_planes planes; /* of the truth, without a picture */
    uint8_t *rgb;
    struct tro_progress progress;
    int64_t n_done;
};

/* ---- slices --------------------------------------------------------------------------------- */

static struct slice *add_slice(struct set *set)
{
    struct slice *const s = &set->slices[set->n_slices++];
    s->make = set->sim->opts.make;
    s->disturb = set->sim->opts.disturb;
    return s;
}

static int add_disturbed(struct set *set, double strength, struct tro_err *err)
{
    if (set->n_slices + TRO_N_DISTURBANCES > MAX_SLICES)
        return tro_fail(err, TRO_E_INPUT, "--strengths: expected at most %d strengths",
                        (MAX_SLICES - TRO_N_CAMERA_MAKES) / TRO_N_DISTURBANCES);
    for (int i = 0; i < TRO_N_DISTURBANCES; i++) {
        struct slice *const s = add_slice(set);
        s->disturb.strength[i] = (float)strength;
        snprintf(s->name, sizeof s->name, "%s-%g", tro_disturbance_name((enum tro_disturbance)i),
                 strength);
    }
    return 0;
}

static int add_strengths(struct set *set, const char *text, struct tro_err *err)
{
    while (text && *text) {
        char *end;
        const double strength = strtod(text, &end);
        if (end == text || (*end && *end != ',') || !(strength > 0 && strength <= 1))
            return tro_fail(err, TRO_E_INPUT,
                            "--strengths: expected numbers above 0 up to 1 such as 0.5,1, found "
                            "'%s'",
                            text);
        TRO_TRY(add_disturbed(set, strength, err));
        text = *end ? end + 1 : end;
    }
    return 0;
}

static int slices_init(struct set *set, struct tro_err *err)
{
    snprintf(add_slice(set)->name, sizeof set->slices->name, "clean");
    TRO_TRY(add_strengths(set, set->sim->strengths, err));
    for (int i = 1; set->sim->has_cameras && i < TRO_N_CAMERA_MAKES; i++) {
        struct slice *const s = add_slice(set);
        s->make = (enum tro_camera_make)i;
        snprintf(s->name, sizeof s->name, "camera-%s", tro_camera_makes[i].name);
    }
    return 0;
}

/* ---- splits --------------------------------------------------------------------------------- */

/* "test", or "train=7,validation=1,test=2". */
static int splits_init(struct set *set, struct tro_err *err)
{
    const char *text = set->sim->split;
    const bool is_one = !strchr(text, '=');
    for (int n = 0; *text || set->n_splits == 0; text += n) {
        struct split *const s = &set->splits[set->n_splits];
        s->parts = 1;
        const int n_read = is_one ? sscanf(text, "%31[a-z-]%n", s->name, &n)
                                  : sscanf(text, "%31[a-z-]=%lf%n", s->name, &s->parts, &n);
        if (n_read < 2 - is_one || !(s->parts > 0 && s->parts <= 1000000) ||
            (text[n] && (is_one || text[n] != ',' || !text[n + 1])) ||
            ++set->n_splits > MAX_SPLITS - 1)
            return tro_fail(err, TRO_E_INPUT,
                            "--split: expected a name such as test, or parts such as "
                            "train=7,validation=1,test=2, found '%s'",
                            set->sim->split);
        set->n_parts += s->parts;
        n += text[n] == ',';
    }
    return 0;
}

static const char *split_of(const struct set *set, int64_t procedure)
{
    const double at = ((double)procedure + 0.5) / (double)set->sim->n_procedures * set->n_parts;
    double end = 0;
    for (int i = 0; i + 1 < set->n_splits; i++) {
        end += set->splits[i].parts;
        if (at < end)
            return set->splits[i].name;
    }
    return set->splits[set->n_splits - 1].name;
}

/* ---- frames --------------------------------------------------------------------------------- */

static int make_folder(const struct set *set, const char *slice, int64_t seed, struct tro_err *err)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/%s/%06" PRId64, set->sim->folder, slice, seed);
    if (n >= (int)sizeof path)
        return tro_fail(err, TRO_E_INPUT, "-o: expected a shorter name of a folder");
    return tro_dir_create(path, err);
}

static void name_of(char name[128], const char *slice, int64_t seed, int64_t index)
{
    snprintf(name, 128, "%s/%06" PRId64 "/%06" PRId64, slice, seed, index);
}

static void put_line(struct set *set, const struct tro_endoscopy *e, const struct slice *slice,
                     int64_t seed, int64_t index, const struct tro_endoscopy_truth *truth)
{
    struct tro_json *const j = &set->lines;
    const struct sim *const s = set->sim;
    char name[128];
    tro_json_object_begin(j, NULL);
    name_of(name, slice->name, seed, index);
    sim_put_file(j, "picture", name, s->format);
    name_of(name, "truth", seed, index);
    for (int i = 0; i < SIM_N_PLANES && !truth->is_out_of_body; i++)
        sim_put_file(j, sim_plane_names[i], name, sim_plane_endings[i]);
    tro_json_string(j, "split", split_of(set, seed - s->seed));
    tro_json_string(j, "slice", slice->name);
    tro_json_int(j, "procedure", seed);
    tro_json_int(j, "frame", index);
    tro_json_number(j, "seconds", (double)index / s->opts.fps);
    tro_json_string(j, "camera", tro_camera_makes[slice->make].name);
    sim_put_focal_length(j, e);
    sim_put_disturbances(j, &slice->disturb);
    sim_put_truth(j, truth);
    tro_json_object_end(j);
}

static int64_t index_of(const struct sim *s, int64_t i)
{
    return s->first + (int64_t)((double)i * s->every_seconds * s->opts.fps + 0.5);
}

/* Truth of the scene itself, without a picture. */
static int write_truths(struct set *set, struct tro_endoscopy *e, int64_t seed,
                        struct tro_endoscopy_truth *truths, struct tro_err *err)
{
    struct sim *const s = set->sim;
    const struct tro_disturbances none = {0};
    int rc = tro_endoscopy_change(e, s->opts.make, &none, err);
    if (rc >= 0)
        rc = make_folder(set, "truth", seed, err);
    for (int64_t i = 0; i < s->n_frames && rc >= 0; i++) {
        const int64_t index = index_of(s, i);
        char name[128];
        name_of(name, "truth", seed, index);
        rc = sim_render(s, e, index, &set->planes, err);
        truths[i] = set->planes.truth;
        if (rc >= 0)
            rc = sim_write_truth(s, name, &set->planes, err);
        tro_progress_at(&set->progress, ++set->n_done);
    }
    return rc;
}

/* What can be seen of the scene is that of the truth's planes. */
static void take_over_pixels(struct tro_endoscopy_truth *to, const struct tro_endoscopy_truth *from)
{
    for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS && !to->is_out_of_body; i++) {
        to->tools[i].n_px = from->tools[i].n_px;
        to->tools[i].box = from->tools[i].box;
    }
}

static int write_slice(struct set *set, struct tro_endoscopy *e, const struct slice *slice,
                       int64_t seed, const struct tro_endoscopy_truth *truths, struct tro_err *err)
{
    struct sim *const s = set->sim;
    struct sim_planes p = {.frame.rgb = set->rgb};
    p.frame.truth = &p.truth;
    int rc = tro_endoscopy_change(e, slice->make, &slice->disturb, err);
    if (rc >= 0)
        rc = make_folder(set, slice->name, seed, err);
    for (int64_t i = 0; i < s->n_frames && rc >= 0; i++) {
        const int64_t index = index_of(s, i);
        char name[128];
        name_of(name, slice->name, seed, index);
        rc = sim_render(s, e, index, &p, err);
        if (rc >= 0)
            rc = sim_write_picture(s, name, set->rgb, err);
        take_over_pixels(&p.truth, &truths[i]);
        put_line(set, e, slice, seed, index, &p.truth);
        tro_progress_at(&set->progress, ++set->n_done);
    }
    return rc;
}

static int write_procedure(struct set *set, int64_t seed, struct tro_err *err)
{
    struct tro_endoscopy_opts opts = set->sim->opts;
    opts.seed = (uint64_t)seed;
    struct tro_endoscopy *const e = tro_endoscopy_create(&opts, err);
    if (!e)
        return err->status;
    struct tro_endoscopy_truth *const truths = tro_calloc((size_t)set->sim->n_frames,
                                                          sizeof(*truths));
    int rc = truths ? write_truths(set, e, seed, truths, err) : tro_fail_nomem(err);
    for (int i = 0; i < set->n_slices && rc >= 0; i++)
        rc = write_slice(set, e, &set->slices[i], seed, truths, err);
    tro_free(truths);
    tro_endoscopy_destroy(e);
    return rc;
}

static int write_lines(struct set *set, struct tro_err *err)
{
    char path[4096];
    if (set->lines.buf.failed)
        return tro_fail_nomem(err);
    snprintf(path, sizeof path, "%s/frames.jsonl", set->sim->folder);
    return tro_file_write(path, set->lines.buf.p, set->lines.buf.n, err);
}

static int write_all(struct set *set, struct tro_err *err)
{
    const struct sim *const s = set->sim;
    int rc = splits_init(set, err);
    if (rc >= 0)
        rc = slices_init(set, err);
    tro_progress_start(&set->progress, "frames",
                       s->n_procedures * s->n_frames * (1 + set->n_slices));
    for (int64_t i = 0; i < s->n_procedures && rc >= 0; i++)
        rc = write_procedure(set, s->seed + i, err);
    tro_progress_end(&set->progress);
    if (rc >= 0)
        rc = write_lines(set, err);
    return rc < 0 ? rc : sim_write_labels(s, err);
}

int sim_dataset(struct sim *s, struct tro_err *err)
{
    struct set *const set = tro_calloc(1, sizeof(*set));
    if (!set)
        return tro_fail_nomem(err);
    set->sim = s;
    set->lines.is_line = true;
    set->rgb = tro_malloc((size_t)s->opts.width * (size_t)s->opts.height * 3);
    int rc = set->rgb ? sim_planes_create(&set->planes, s, false, err) : tro_fail_nomem(err);
    if (rc >= 0)
        rc = write_all(set, err);
    sim_planes_destroy(&set->planes);
    tro_json_finish(&set->lines);
    tro_free(set->rgb);
    tro_free(set);
    return rc;
}
