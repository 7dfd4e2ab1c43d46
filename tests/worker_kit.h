/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of workers: a folder of small plans, and where programs lie. */
#ifndef TRO_TESTS_WORKER_KIT_H
#define TRO_TESTS_WORKER_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trocar/build.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "console/core/frame.h"
#include "record/record.h"
#include "record/reframe.h"
#include "test.h"

static const struct tro_frame_form kit_form = {
    .format = TRO_FRAME_NV12, .width = 128, .height = 72};

static char kit_folder[64];

static inline const char *kit_path(const char *name)
{
    static char path[4][160];
    static int turn;
    char *const out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", kit_folder, name);
    return out;
}

/* "build/NAME", from where the test lies: build/tests. */
static inline const char *kit_program(const char *name)
{
    static char path[4096];
    char self[4000];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *const slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    snprintf(path, sizeof path, "%s/%s", self, name);
    return path;
}

static inline int kit_apply(struct tro_model *m, const char *record_path,
                            const struct tro_frame_form *form, struct tro_err *err)
{
    const struct tro_record_frames frames = {"nv12", "bt709", "limited", form->width, form->height};
    struct tro_record r;
    TRO_TRY(tro_record_read(record_path, &r, err));
    int rc = tro_record_reframe(&r, &frames, err);
    if (rc >= 0)
        rc = tro_record_apply(&r, m, err);
    tro_record_finish(&r);
    return rc;
}

/* A plan of models/NAME for frames of nv12; its path. */
static inline const char *kit_plan_for(const char *name, const struct tro_frame_form *form)
{
    char from[128], plan[80];
    struct tro_err err = {0};
    snprintf(from, sizeof from, "models/%s.onnx", name);
    snprintf(plan, sizeof plan, "%s.plan", name);
    struct tro_model *const m = tro_model_open(from, &err);
    snprintf(from, sizeof from, "models/%s.json", name);
    int rc = m ? kit_apply(m, from, form, &err) : -1;
    struct tro_builder *const b = rc >= 0 ? tro_builder_create(m, &err) : NULL;
    const struct tro_build_opts opts = {.n_golden = -1, .n_threads = 1};
    rc = b ? tro_builder_write(b, kit_path(plan), &opts, &err) : -1;
    CHECK_STR(err.text, "");
    CHECK_INT(rc, 0);
    tro_builder_destroy(b);
    tro_model_close(m);
    return kit_path(plan);
}

static inline const char *kit_plan(const char *name)
{
    return kit_plan_for(name, &kit_form);
}

static inline void kit_begin(void)
{
    strcpy(kit_folder, "/tmp/trocar-console-XXXXXX");
    CHECK(mkdtemp(kit_folder) != NULL);
}

static inline int kit_remove(void *ctx, const char *name, struct tro_err *err)
{
    (void)ctx, (void)err;
    return unlink(kit_path(name));
}

static inline void kit_end(void)
{
    tro_dir_list(kit_folder, kit_remove, NULL, NULL);
    CHECK_INT(rmdir(kit_folder), 0);
}

#endif
