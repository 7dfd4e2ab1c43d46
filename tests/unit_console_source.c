/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/source_frames.h: what files become, and the pace of frames. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/thread.h"
#include "console/core/source_frames.h"
#include "io/picture.h"
#include "test.h"

#define MAX_SEEN 64

struct seen {
    uint64_t id[MAX_SEEN];
    int64_t captured_ns[MAX_SEEN];
    uint8_t first[MAX_SEEN];
    int n, n_ended;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void see(void *ctx, const struct tro_frame *f)
{
    struct seen *const s = ctx;
    pthread_mutex_lock(&s->lock);
    if (s->n < MAX_SEEN) {
        s->id[s->n] = f->id;
        s->captured_ns[s->n] = f->captured_ns;
        s->first[s->n++] = f->bytes[0];
    }
    pthread_mutex_unlock(&s->lock);
}

static void see_end(void *ctx)
{
    struct seen *const s = ctx;
    pthread_mutex_lock(&s->lock);
    s->n_ended++;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/trocar-source-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

static int remove_file(void *ctx, const char *name, struct tro_err *err)
{
    (void)ctx, (void)err;
    return unlink(path_of(name));
}

static void remove_folder(void)
{
    tro_dir_list(folder, remove_file, NULL, NULL);
    CHECK_INT(rmdir(folder), 0);
}

/* A PPM of one colour. */
static void write_picture(const char *name, int width, int height, int r, int g, int b)
{
    uint8_t *const rgb = malloc((size_t)width * (size_t)height * 3);
    for (int i = 0; i < width * height; i++) {
        rgb[3 * i] = (uint8_t)r;
        rgb[3 * i + 1] = (uint8_t)g;
        rgb[3 * i + 2] = (uint8_t)b;
    }
    CHECK_INT(tro_picture_write(path_of(name), width, height, 3, rgb, NULL), 0);
    free(rgb);
}

static void write_text(const char *name, const char *text, size_t n)
{
    CHECK_INT(tro_file_write(path_of(name), text, n, NULL), 0);
}

static struct tro_source_frames_opts opts_of(const char *location)
{
    return (struct tro_source_frames_opts){
        .location = location,
        .form = {.format = TRO_FRAME_NV12, .width = 4, .height = 2},
        .fps = 200,
        .frame = see,
        .ended = see_end,
    };
}

static void expect_refused(const struct tro_source_frames_opts *o, const char *why)
{
    struct tro_err err = {0};
    struct tro_source_frames *const s = tro_source_frames_create(o, &err);
    CHECK(!s);
    CHECK_HAS(err.text, why);
    tro_source_frames_destroy(s);
}

TEST(pictures_become_frames)
{
    struct tro_err err = {0};
    make_folder();
    write_picture("b.ppm", 4, 2, 255, 0, 0);
    write_picture("a.ppm", 4, 2, 255, 255, 255);
    write_picture("c.ppm", 8, 4, 0, 0, 255);
    write_text("notes.txt", "x", 1);
    const struct tro_source_frames_opts o = opts_of(folder);
    struct tro_source_frames *const s = tro_source_frames_create(&o, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(s);
    CHECK_INT(tro_source_frames_count(s), 3);
    /* BT.709, limited: white, red, blue. */
    static const uint8_t want[3][3] = {{235, 128, 128}, {63, 102, 240}, {32, 240, 118}};
    for (int i = 0; i < 3; i++) {
        const uint8_t *const f = tro_source_frames_bytes(s, i);
        for (int k = 0; k < 8; k++)
            CHECK_INT(f[k], want[i][0]);
        for (int k = 8; k < 12; k++)
            CHECK_INT(f[k], want[i][1 + k % 2]);
    }
    tro_source_frames_destroy(s);
    remove_folder();
}

TEST(planes_beside_frames_are_left_out)
{
    make_folder();
    write_picture("frame_0.ppm", 4, 2, 9, 9, 9);
    write_picture("label_0.ppm", 4, 2, 1, 1, 1);
    const struct tro_source_frames_opts o = opts_of(folder);
    struct tro_source_frames *const s = tro_source_frames_create(&o, NULL);
    CHECK_OR_RETURN(s);
    CHECK_INT(tro_source_frames_count(s), 1);
    tro_source_frames_destroy(s);
    remove_folder();
}

/* By slice, procedure and number, whatever the names of files say. */
TEST(frames_of_a_data_set)
{
#ifndef TRO_HAVE_JANSSON
    SKIP("built without jansson");
#endif
    static const char lines[] =
        "{\"picture\": \"a.ppm\", \"slice\": \"clean\", \"procedure\": 1, \"frame\": 9, "
        "\"split\": \"test\", \"truth\": {\"out_of_body\": true, \"bleeding\": false}}\n"
        "{\"picture\": \"b.ppm\", \"slice\": \"clean\", \"procedure\": 1, \"frame\": 2, "
        "\"split\": \"test\", \"truth\": {\"out_of_body\": true, \"bleeding\": false}}\n";
    static const char labels[] = "id\tname\tcolour\n0\toutside\t#000000\n";
    struct tro_err err = {0};
    make_folder();
    write_picture("a.ppm", 4, 2, 200, 200, 200);
    write_picture("b.ppm", 4, 2, 100, 100, 100);
    write_picture("c.ppm", 4, 2, 0, 0, 0);
    write_text("frames.jsonl", lines, sizeof lines - 1);
    write_text("labels.tsv", labels, sizeof labels - 1);
    const struct tro_source_frames_opts o = opts_of(folder);
    struct tro_source_frames *const s = tro_source_frames_create(&o, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(s);
    CHECK_INT(tro_source_frames_count(s), 2);
    CHECK_INT(tro_source_frames_bytes(s, 0)[0], 102);
    CHECK_INT(tro_source_frames_bytes(s, 1)[0], 188);
    tro_source_frames_destroy(s);
    remove_folder();
}

TEST(there_and_back)
{
    struct tro_err err = {0};
    static const int64_t want[] = {0, 1, 2, 1, 0, 1, 2, 1};
    make_folder();
    for (int i = 0; i < 3; i++)
        write_picture((char[]){(char)('a' + i), '.', 'p', 'p', 'm', 0}, 4, 2, 50 * i, 50 * i,
                      50 * i);
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    struct tro_source_frames_opts o = opts_of(folder);
    o.loops = true;
    o.n_frames = 20;
    o.ctx = &seen;
    struct tro_source_frames *const s = tro_source_frames_create(&o, &err);
    CHECK_OR_RETURN(s);
    for (uint64_t i = 0; i < 8; i++)
        CHECK_INT(tro_source_frames_at(s, i + 1), want[i]);
    const int64_t begin_ns = tro_clock_ns();
    CHECK_INT(tro_source_frames_start(s, &err), 0);
    pthread_mutex_lock(&seen.lock);
    while (!seen.n_ended)
        pthread_cond_wait(&seen.wake, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
    CHECK_INT(seen.n, 20);
    for (int i = 0; i < seen.n; i++) {
        CHECK_INT(seen.id[i], i + 1);
        CHECK_INT(seen.first[i], tro_source_frames_bytes(s, want[i % 4])[0]);
        CHECK(seen.captured_ns[i] >= begin_ns + i * INT64_C(5000000));
    }
    tro_source_frames_destroy(s);
    CHECK_INT(seen.n_ended, 1);
    remove_folder();
}

TEST(a_source_that_is_stopped_does_not_end)
{
    make_folder();
    write_picture("a.ppm", 4, 2, 1, 2, 3);
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    struct tro_source_frames_opts o = opts_of(folder);
    o.loops = true;
    o.fps = 0.1;
    o.ctx = &seen;
    struct tro_source_frames *const s = tro_source_frames_create(&o, NULL);
    CHECK_OR_RETURN(s);
    CHECK_INT(tro_source_frames_start(s, NULL), 0);
    const int64_t begin_ns = tro_clock_ns();
    tro_source_frames_destroy(s);
    CHECK(tro_clock_ns() - begin_ns < INT64_C(5000000000));
    CHECK_INT(seen.n_ended, 0);
    remove_folder();
}

static const char form_text[] =
    "{\"width\": 4, \"height\": 2, \"matrix\": \"bt709\", \"range\": \"limited\"}";

TEST(raw_frames)
{
    struct tro_err err = {0};
    make_folder();
    write_text("x.nv12", "abcdefghijklABCDEFGHIJKL", 24);
    write_text("x.nv12.json", form_text, sizeof form_text - 1);
    char location[128];
    strcpy(location, path_of("x.nv12"));
    const struct tro_source_frames_opts o = opts_of(location);
    struct tro_source_frames *const s = tro_source_frames_create(&o, &err);
#ifndef TRO_HAVE_JANSSON
    CHECK(!s);
    CHECK_HAS(err.text, "jansson");
    remove_folder();
    SKIP("built without jansson");
#endif
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(s);
    CHECK_INT(tro_source_frames_count(s), 2);
    CHECK_INT(tro_source_frames_bytes(s, 1)[0], 'A');
    tro_source_frames_destroy(s);
    remove_folder();
}

TEST(what_is_refused)
{
    make_folder();
    struct tro_source_frames_opts o = opts_of(folder);
    expect_refused(&o, "expected pictures");
    write_text("a.png", "no picture", 10);
    expect_refused(&o, "a.png");
    o.form.width = 5;
    expect_refused(&o, "5 x 2");
    o.form.width = 4;
    o.fps = 0;
    expect_refused(&o, "frames a second");
    o.fps = 30;
    o.location = "/nonexistent/folder";
    expect_refused(&o, "/nonexistent/folder");
    remove_folder();
}

TEST(raw_frames_that_are_refused)
{
#ifndef TRO_HAVE_JANSSON
    SKIP("built without jansson");
#endif
    static const char wide[] =
        "{\"width\": 8, \"height\": 2, \"matrix\": \"bt709\", \"range\": \"limited\"}";
    static const char full[] =
        "{\"width\": 4, \"height\": 2, \"matrix\": \"bt709\", \"range\": \"full\"}";
    make_folder();
    char location[128];
    strcpy(location, path_of("x.nv12"));
    struct tro_source_frames_opts o = opts_of(location);
    write_text("x.nv12", "abcdefghijklm", 13);
    expect_refused(&o, "x.nv12.json");
    write_text("x.nv12.json", wide, sizeof wide - 1);
    expect_refused(&o, "found 8 x 2");
    write_text("x.nv12.json", full, sizeof full - 1);
    expect_refused(&o, "found bt709 and full");
    write_text("x.nv12.json", "{\"width\": 4}", 12);
    expect_refused(&o, "found 4 x 0");
    write_text("x.nv12.json", form_text, sizeof form_text - 1);
    expect_refused(&o, "found 13 bytes");
    o.form.format = TRO_FRAME_YUYV;
    expect_refused(&o, "another format");
    remove_folder();
}
