/* SPDX-License-Identifier: Apache-2.0 */
/* Marks on top of anchors: what moves with the tissue, whose they are, what hides them. */
#include "console/core/marks.h"
#include "console_texture_kit.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct tro_mark mark_of(enum tro_mark_kind kind, const char *id, const char *name)
{
    struct tro_mark m = {.kind = kind, .frame = 1, .confidence = 1};
    snprintf(m.id, sizeof(m.id), "%s", id);
    snprintf(m.name, sizeof(m.name), "%s", name);
    return m;
}

TEST(marks_go_with_the_tissue)
{
    struct tro_err err = {0};
    struct tro_board *const board = tro_board_create(&(struct tro_board_opts){0}, &err);
    struct tro_board_view *const view = tro_board_view_create(board, &err);
    struct tro_marks *const marks = tro_marks_create(WIDTH, HEIGHT, FPS, board, &err);
    uint8_t *const luma = calloc(STRIDE, HEIGHT);
    struct pose p = {.zoom = 1, .light = 1};
    struct tro_mark arrow = mark_of(TRO_MARK_ARROW, "a", "Dr. Wang"), list[TRO_MARKS_MAX];
    struct tro_mark stroke = mark_of(TRO_MARK_STROKE, "s", "Dr. Wang");
    arrow.n = 2;
    arrow.x[0] = 20, arrow.y[0] = 20, arrow.x[1] = 150, arrow.y[1] = 80;
    stroke.n = 3;
    for (int i = 0; i < 3; i++)
        stroke.x[i] = 100 + 10 * (float)i, stroke.y[i] = 100;
    uint64_t frame = 0;
    for (int i = 0; i < 20; i++) {
        shift(i, &p);
        draw(&p, luma);
        tro_marks_frame(marks, (uint64_t)i + 1, luma, STRIDE);
        if (i == 10)
            CHECK_INT(tro_marks_add(marks, &arrow, &err), 0);
        if (i == 12)
            CHECK_INT(tro_marks_add(marks, &stroke, &err), 0);
    }
    CHECK_INT(tro_marks_list(marks, list, &frame), 2);
    CHECK_INT(frame, 20);
    for (int i = 0; i < 2; i++) {
        CHECK_NEAR(list[i].moved_x, p.x, 0.3);
        CHECK_NEAR(list[i].moved_y, p.y, 0.3);
        CHECK(list[i].confidence > 0.9f);
    }
    tro_board_look(board, 0, view);
    CHECK_INT(view->n_marks, 2);
    CHECK_NEAR(view->marks[0].moved_x, p.x, 0.3);
    CHECK(tro_marks_erase(marks, "a"));
    CHECK(!tro_marks_erase(marks, "a"));
    tro_board_look(board, 0, view);
    CHECK_INT(view->n_marks, 1);
    CHECK(tro_marks_erase(marks, ""));
    CHECK(!tro_marks_erase(marks, ""));
    free(luma);
    tro_marks_destroy(marks);
    tro_marks_destroy(NULL);
    tro_board_view_destroy(view);
    tro_board_destroy(board);
}

TEST(marks_belong_to_who_drew_them)
{
    struct tro_err err = {0};
    struct tro_marks *const marks = tro_marks_create(WIDTH, HEIGHT, FPS, NULL, &err);
    struct tro_mark m = mark_of(TRO_MARK_POINT, "m0", "A"), list[TRO_MARKS_MAX];
    uint8_t *const luma = calloc(STRIDE, HEIGHT);
    uint64_t frame = 7;
    m.n = 1;
    m.x[0] = m.y[0] = 50;
    CHECK_INT(tro_marks_add(marks, &m, &err),
              0); /* before the first frame: it stays in its place */
    CHECK_INT(tro_marks_list(marks, list, &frame), 1);
    CHECK(frame == 0 && list[0].confidence == 0 && list[0].moved_x == 0);
    tro_marks_frame(marks, 1, luma, STRIDE);
    const struct tro_mark other = mark_of(TRO_MARK_POINT, "m0", "B");
    CHECK_INT(tro_marks_add(marks, &other, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "mark: id: 'm0' is another expert's, expected a new one");
    m.x[0] = 60;
    CHECK_INT(tro_marks_add(marks, &m, &err), 0);
    CHECK_INT(tro_marks_list(marks, list, &frame), 1);
    CHECK_NEAR(list[0].x[0], 60, 0);
    for (int i = 1; i < TRO_MARKS_MAX + 3; i++) {
        snprintf(m.id, sizeof(m.id), "m%d", i);
        CHECK_INT(tro_marks_add(marks, &m, &err), 0);
    }
    CHECK_INT(tro_marks_list(marks, list, &frame), TRO_MARKS_MAX);
    CHECK_STR(list[0].id, "m3");
    free(luma);
    tro_marks_destroy(marks);
}

/* Findings of a network whose map has an instrument over the whole picture but a corner, or whose
 * box does. */
static void see(struct tro_marks *marks, uint64_t frame, const char *name, bool is_box)
{
    struct tro_err err = {0};
    struct tro_findings f;
    struct tro_finding_names names = {.n = 2, .name = {"outside"}};
    const uint8_t labels[] = {0, 1, 1, 1};
    snprintf(names.name[1], sizeof(names.name[1]), "%s", name);
    names.kinds[1] = is_box ? 1 << TRO_FINDING_BOX : 1 << TRO_FINDING_MASK;
    CHECK_INT(tro_findings_init(&f, &err), 0);
    f.frame = frame;
    if (is_box)
        tro_findings_add(
            &f, &(struct tro_finding){
                    .kind = TRO_FINDING_BOX, .label = 1, .score = 1, .x1 = WIDTH, .y1 = HEIGHT});
    else
        tro_findings_pack(&f, labels, 2, 2);
    tro_marks_see(marks, &f, &names);
    tro_findings_finish(&f);
}

/* Confidence of a mark after a network has seen something and the next frame has come. */
static float confidence_after(const char *name, bool is_box)
{
    struct tro_err err = {0};
    struct tro_marks *const marks = tro_marks_create(WIDTH, HEIGHT, FPS, NULL, &err);
    struct tro_mark m = mark_of(TRO_MARK_POINT, "m", "A"), list[TRO_MARKS_MAX];
    uint8_t *const luma = calloc(STRIDE, HEIGHT);
    uint64_t frame = 0;
    m.n = 1;
    m.x[0] = 200;
    m.y[0] = 110;
    draw(&(struct pose){.zoom = 1, .light = 1}, luma);
    tro_marks_frame(marks, 1, luma, STRIDE);
    CHECK_INT(tro_marks_add(marks, &m, &err), 0);
    if (name)
        see(marks, 1, name, is_box);
    tro_marks_frame(marks, 2, luma, STRIDE);
    CHECK_INT(tro_marks_list(marks, list, &frame), 1);
    free(luma);
    tro_marks_destroy(marks);
    return list[0].confidence;
}

TEST(marks_hide_behind_instruments)
{
    const float usual = confidence_after(NULL, false);
    CHECK(usual > 0.9f);
    CHECK_NEAR(confidence_after("liver", false), usual, 1e-6);
    CHECK_NEAR(confidence_after("hooked-bowel", false), usual, 1e-6);
    CHECK(confidence_after("instrument-shaft", false) < TRO_MARK_SURE);
    CHECK_NEAR(confidence_after("grasper", true), 0.85f * usual, 0.01);
    CHECK_NEAR(confidence_after("spleen", true), usual, 1e-6);
}

TEST(instruments_have_names)
{
    static const char *const are[] = {"instrument", "instrument-wrist", "hook", "needle driver"};
    static const char *const not [] = {"", "liver", "hooks", "outside", "gallbladder-hook"};
    for (size_t i = 0; i < sizeof(are) / sizeof(*are); i++)
        CHECK(tro_is_instrument(are[i]));
    for (size_t i = 0; i < sizeof(not ) / sizeof(*not ); i++)
        CHECK(!tro_is_instrument(not [i]));
}

struct drawer {
    struct tro_marks *marks;
    char name;
};

static void *draw_and_erase(void *ctx)
{
    const struct drawer *const d = ctx;
    static const int n_rounds = 60;
    for (int i = 0; i < n_rounds; i++) {
        const char name[2] = {d->name, 0};
        char id[16];
        struct tro_err err = {0};
        snprintf(id, sizeof(id), "%c-%d", d->name, i % 5);
        struct tro_mark m = mark_of(TRO_MARK_POINT, id, name);
        m.n = 1;
        m.x[0] = 60 + (float)(i % 20) * 10;
        m.y[0] = 90;
        CHECK_INT(tro_marks_add(d->marks, &m, &err), 0);
        if (i % 3 == 2)
            CHECK(tro_marks_erase(d->marks, id));
    }
    return NULL;
}

/* Two experts draw while frames come. */
TEST(marks_of_many_threads)
{
    struct tro_err err = {0};
    struct tro_board *const board = tro_board_create(&(struct tro_board_opts){0}, &err);
    struct tro_board_view *const view = tro_board_view_create(board, &err);
    struct tro_marks *const marks = tro_marks_create(WIDTH, HEIGHT, FPS, board, &err);
    struct tro_mark list[TRO_MARKS_MAX];
    struct drawer drawers[2] = {{marks, 'A'}, {marks, 'B'}};
    pthread_t threads[2];
    uint8_t *const luma = calloc(STRIDE, HEIGHT);
    uint64_t frame = 0;
    draw(&(struct pose){.zoom = 1, .light = 1}, luma);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, draw_and_erase, &drawers[i]), 0);
    for (uint64_t i = 1; i <= 20; i++) {
        tro_marks_frame(marks, i, luma, STRIDE);
        tro_board_look(board, 0, view);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    const int n = tro_marks_list(marks, list, &frame);
    tro_board_look(board, 0, view);
    CHECK(n >= 2 && n <= 10 && view->n_marks == n && frame == 20);
    for (int i = 0; i < n; i++)
        CHECK(list[i].id[0] == list[i].name[0]);
    free(luma);
    tro_marks_destroy(marks);
    tro_board_view_destroy(view);
    tro_board_destroy(board);
}
