/* SPDX-License-Identifier: Apache-2.0 */
/* The board: ages, fading, the sentence that stays, marks, many threads. */
#include "base/alloc.h"
#include "console/core/board.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MS INT64_C(1000000)

struct kit {
    struct tro_board *board;
    struct tro_board_view *view;
    struct tro_findings findings;
};

static struct kit open_kit(int n_networks)
{
    struct tro_err err = {0};
    struct kit k = {
        .board = tro_board_create(
            &(struct tro_board_opts){.n_networks = n_networks, .max_age_ms = 100, .fade_ms = 200},
            &err)};
    k.view = tro_board_view_create(k.board, &err);
    CHECK_INT(tro_findings_init(&k.findings, &err), 0);
    return k;
}

static void close_kit(struct kit *k)
{
    tro_findings_finish(&k->findings);
    tro_board_view_destroy(k->view);
    tro_board_destroy(k->board);
}

static bool put(struct kit *k, int network, uint64_t frame, int64_t captured_ns)
{
    const uint8_t labels[4] = {0, 1, (uint8_t)(frame % 64), 1};
    tro_findings_clear(&k->findings);
    k->findings.network = network;
    k->findings.frame = frame;
    k->findings.captured_ns = captured_ns;
    k->findings.width = 64;
    k->findings.height = 36;
    tro_findings_pack(&k->findings, labels, 2, 2);
    tro_findings_add(&k->findings, &(struct tro_finding){.label = 1, .x = (float)frame});
    tro_findings_add(&k->findings, &(struct tro_finding){.label = 2, .age_ms = 250});
    return tro_board_put_findings(k->board, &k->findings);
}

TEST(board_memory_may_run_out)
{
    struct tro_err err = {0};
    const struct tro_board_opts opts = {.n_networks = 2};
    for (int i = 0; i < 5; i++) {
        tro_alloc_fail_after(i);
        CHECK(tro_board_create(&opts, &err) == NULL);
        CHECK_INT(err.status, TRO_E_NOMEM);
        tro_alloc_fail_after(-1);
    }
    struct tro_board *const b = tro_board_create(&opts, &err);
    for (int i = 0; i < 5; i++) {
        tro_alloc_fail_after(i);
        CHECK(tro_board_view_create(b, &err) == NULL);
        tro_alloc_fail_after(-1);
    }
    tro_board_destroy(b);
    tro_board_destroy(NULL);
    tro_board_view_destroy(NULL);
}

TEST(board_findings_fade_and_go)
{
    static const struct {
        int64_t age_ms;
        float opacity;
        int n;
    } cases[] = {{0, 1, 2},       {49, 1, 2},       {51, 1, 1},  {100, 1, 1},
                 {150, 0.75f, 1}, {299, 0.005f, 1}, {300, 0, 0}, {100000, 0, 0}};
    struct kit k = open_kit(2);
    tro_board_look(k.board, 5000 * MS, k.view);
    CHECK_INT(k.view->n_networks, 2);
    CHECK(k.view->findings[1].frame == 0 && k.view->opacity[1] == 0);
    CHECK(put(&k, 1, 7, 5000 * MS));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tro_board_look(k.board, (5000 + cases[i].age_ms) * MS, k.view);
        CHECK_NEAR(k.view->age_ms[1], cases[i].age_ms, 1e-3);
        CHECK_NEAR(k.view->opacity[1], cases[i].opacity, 1e-5);
        CHECK_INT(k.view->findings[1].frame, 7);
        CHECK_INT(k.view->findings[1].n, cases[i].n);
        CHECK_INT(k.view->findings[1].n_runs, cases[i].n ? 4 : 0);
        CHECK(k.view->opacity[0] == 0);
    }
    close_kit(&k);
}

TEST(board_older_findings_are_dropped)
{
    struct kit k = open_kit(2);
    CHECK(put(&k, 0, 7, 700 * MS));
    CHECK(!put(&k, 0, 6, 600 * MS));
    CHECK(put(&k, 1, 6, 600 * MS));
    CHECK(put(&k, 0, 7, 701 * MS));
    CHECK(put(&k, 0, 9, 900 * MS));
    CHECK(!put(&k, 2, 10, 1000 * MS));
    CHECK(!put(&k, -1, 10, 1000 * MS));
    tro_board_look(k.board, 900 * MS, k.view);
    CHECK_INT(k.view->findings[0].frame, 9);
    CHECK_NEAR(k.view->findings[0].items[0].x, 9, 0);
    CHECK_INT(k.view->findings[1].frame, 6);
    close_kit(&k);
}

/* ---- the sentence ---------------------------------------------------------------------- */

static void say(struct kit *k, uint32_t id, int64_t seen_ms)
{
    struct tro_sentence s = {.id = id, .seen_ns = seen_ms * MS};
    snprintf(s.rule, sizeof(s.rule), "rule-%u", id);
    tro_board_put_sentence(k->board, &s);
}

static void check_state(struct kit *k, int64_t now_ms, enum tro_sentence_state state, uint32_t id,
                        float age_ms)
{
    tro_board_look(k->board, now_ms * MS, k->view);
    CHECK_INT(k->view->state, state);
    CHECK_INT(k->view->sentence.id, id);
    CHECK_NEAR(k->view->sentence_age_ms, age_ms, 1e-2);
}

TEST(board_sentence_stays)
{
    struct kit k = open_kit(1);
    check_state(&k, 0, TRO_SENTENCE_NONE, 0, 0);
    say(&k, 0, 0);
    check_state(&k, 0, TRO_SENTENCE_NONE, 0, 0);
    say(&k, 1, 1000);
    check_state(&k, 1010, TRO_SENTENCE_TRUE, 1, 10);
    say(&k, 1, 1040);
    check_state(&k, 1050, TRO_SENTENCE_TRUE, 1, 10);
    say(&k, 0, 0);
    check_state(&k, 3040, TRO_SENTENCE_HELD, 1, 2000);
    say(&k, 2, 4000);
    check_state(&k, 4000, TRO_SENTENCE_TRUE, 2, 0);
    CHECK_STR(k.view->sentence.rule, "rule-2");
    close_kit(&k);
}

TEST(board_sentence_is_interrupted)
{
    struct kit k = open_kit(1);
    tro_board_interrupt(k.board, true, 900 * MS);
    check_state(&k, 1000, TRO_SENTENCE_NONE, 0, 0);
    CHECK(k.view->is_interrupted);
    CHECK_NEAR(k.view->interrupted_ms, 100, 1e-3);
    tro_board_interrupt(k.board, false, 0);
    say(&k, 1, 1000);
    tro_board_interrupt(k.board, true, 1050 * MS);
    check_state(&k, 4000, TRO_SENTENCE_INTERRUPTED, 1, 3000);
    CHECK_NEAR(k.view->interrupted_ms, 2950, 1e-2);
    tro_board_interrupt(k.board, false, 0);
    check_state(&k, 4000, TRO_SENTENCE_TRUE, 1, 3000);
    CHECK(!k.view->is_interrupted);
    close_kit(&k);
}

TEST(board_sentence_is_dismissed)
{
    struct kit k = open_kit(1);
    tro_board_dismiss(k.board);
    say(&k, 1, 1000);
    tro_board_dismiss(k.board);
    check_state(&k, 1000, TRO_SENTENCE_NONE, 0, 0);
    say(&k, 1, 1040); /* its rule is still true */
    check_state(&k, 1040, TRO_SENTENCE_NONE, 0, 0);
    tro_board_dismiss(k.board);
    say(&k, 1, 1080);
    check_state(&k, 1080, TRO_SENTENCE_NONE, 0, 0);
    say(&k, 2, 1120);
    check_state(&k, 1120, TRO_SENTENCE_TRUE, 2, 0);
    close_kit(&k);
}

/* ---- marks ----------------------------------------------------------------------------- */

TEST(board_marks)
{
    struct kit k = open_kit(1);
    struct tro_mark m = {.n = 1};
    CHECK(!tro_board_erase_mark(k.board, ""));
    for (int i = 0; i < TRO_MARKS_MAX + 2; i++) {
        snprintf(m.id, sizeof(m.id), "m%d", i);
        m.x[0] = (float)i;
        tro_board_put_mark(k.board, &m);
    }
    tro_board_look(k.board, 0, k.view);
    CHECK_INT(k.view->n_marks, TRO_MARKS_MAX);
    CHECK_STR(k.view->marks[0].id, "m2");
    CHECK_STR(k.view->marks[TRO_MARKS_MAX - 1].id, "m33");
    snprintf(m.id, sizeof(m.id), "m5");
    m.x[0] = 500;
    tro_board_put_mark(k.board, &m);
    CHECK(tro_board_erase_mark(k.board, "m2"));
    CHECK(!tro_board_erase_mark(k.board, "m2"));
    tro_board_look(k.board, 0, k.view);
    CHECK_INT(k.view->n_marks, TRO_MARKS_MAX - 1);
    CHECK_STR(k.view->marks[2].id, "m5");
    CHECK_NEAR(k.view->marks[2].x[0], 500, 0);
    CHECK(tro_board_erase_mark(k.board, ""));
    tro_board_look(k.board, 0, k.view);
    CHECK_INT(k.view->n_marks, 0);
    close_kit(&k);
}

/* ---- threads --------------------------------------------------------------------------- */

enum { ROUNDS = 300 };

struct writer {
    struct tro_board *board;
    int network;
    _Atomic int *n_left;
};

static void *write_findings(void *ctx)
{
    struct writer *const w = ctx;
    struct kit k = open_kit(1);
    struct tro_board *const own = k.board;
    k.board = w->board;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct tro_mark m = {.n = 1};
        snprintf(m.id, sizeof(m.id), "w%d", w->network);
        m.x[0] = m.y[0] = (float)i;
        put(&k, w->network, i, (int64_t)i * MS);
        say(&k, (uint32_t)i, (int64_t)i);
        tro_board_put_mark(w->board, &m);
        tro_board_interrupt(w->board, i % 2, 0);
    }
    k.board = own;
    close_kit(&k);
    atomic_fetch_sub(w->n_left, 1);
    return NULL;
}

/* A view is whole: what belongs together is of one moment. */
static bool is_whole(const struct tro_board_view *v)
{
    char rule[64];
    snprintf(rule, sizeof(rule), "rule-%u", v->sentence.id);
    bool ok = v->sentence.id == 0 || strcmp(rule, v->sentence.rule) == 0;
    for (int i = 0; i < v->n_networks; i++) {
        const struct tro_findings *const f = &v->findings[i];
        ok = ok && (f->n == 0 || f->items[0].x == (float)f->frame);
        ok = ok && (f->n_runs < 4 || f->runs[2].label == f->frame % 64);
    }
    for (int i = 0; i < v->n_marks; i++)
        ok = ok && v->marks[i].x[0] == v->marks[i].y[0];
    return ok;
}

TEST(board_is_whole_for_all_threads)
{
    struct kit k = open_kit(2);
    _Atomic int n_left = 2;
    struct writer writers[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        writers[i] = (struct writer){k.board, i, &n_left};
        CHECK_INT(pthread_create(&threads[i], NULL, write_findings, &writers[i]), 0);
    }
    int n_torn = 0;
    do {
        tro_board_look(k.board, ROUNDS * MS, k.view);
        n_torn += !is_whole(k.view);
    } while (atomic_load(&n_left) > 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(n_torn, 0);
    tro_board_look(k.board, ROUNDS * MS, k.view);
    CHECK_INT(k.view->findings[0].frame, ROUNDS);
    CHECK_INT(k.view->findings[1].frame, ROUNDS);
    CHECK_INT(k.view->n_marks, 2);
    close_kit(&k);
}
