/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/marks.h"

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/anchor.h"

#include <pthread.h>
#include <string.h>

struct tro_marks {
    struct tro_board *board;
    pthread_mutex_t lock; /* of all that follows */
    struct tro_anchors *anchors;
    uint64_t frame;
    int n; /* the oldest first */
    struct tro_mark marks[TRO_MARKS_MAX];
    int anchor[TRO_MARKS_MAX]; /* negative: none was to be had */
    uint8_t *mask;             /* of instruments */
};

struct tro_marks *tro_marks_create(int width, int height, float fps, struct tro_board *board,
                                   struct tro_err *err)
{
    struct tro_marks *const m = tro_calloc(1, sizeof(*m));
    if (!m) {
        tro_fail_nomem(err);
        return NULL;
    }
    m->board = board;
    m->mask = tro_malloc(TRO_FINDINGS_MAX_MAP);
    if (!m->mask)
        tro_fail_nomem(err);
    m->anchors = m->mask ? tro_anchors_create(width, height, fps, err) : NULL;
    if (!m->anchors) {
        tro_free(m->mask);
        tro_free(m);
        return NULL;
    }
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void tro_marks_destroy(struct tro_marks *m)
{
    if (!m)
        return;
    tro_anchors_destroy(m->anchors);
    pthread_mutex_destroy(&m->lock);
    tro_free(m->mask);
    tro_free(m);
}

/* The point that goes with the tissue. */
static int anchored(const struct tro_mark *mark)
{
    return mark->kind == TRO_MARK_STROKE ? mark->n / 2 : mark->n - 1;
}

static void move(struct tro_marks *m, int i)
{
    struct tro_mark *const mark = &m->marks[i];
    const int point = anchored(mark);
    float x = mark->x[point], y = mark->y[point], confidence = 0;
    if (m->anchor[i] >= 0) {
        const bool is_found = tro_anchors_place(m->anchors, m->anchor[i], &x, &y, &confidence);
        confidence = is_found ? confidence : 0;
    }
    mark->moved_x = x - mark->x[point];
    mark->moved_y = y - mark->y[point];
    mark->confidence = confidence;
    if (m->board)
        tro_board_put_mark(m->board, mark);
}

void tro_marks_frame(struct tro_marks *m, uint64_t frame, const uint8_t *luma, int stride)
{
    pthread_mutex_lock(&m->lock);
    tro_anchors_frame(m->anchors, frame, luma, stride);
    m->frame = frame;
    for (int i = 0; i < m->n; i++)
        move(m, i);
    pthread_mutex_unlock(&m->lock);
}

void tro_marks_see(struct tro_marks *m, const struct tro_findings *f,
                   const struct tro_finding_names *names)
{
    struct tro_instrument_box boxes[TRO_ANCHORS_MAX_BOXES];
    pthread_mutex_lock(&m->lock);
    if (tro_instruments_mask(f, names, m->mask)) {
        tro_anchors_cover(m->anchors, f->frame, m->mask, f->map_width, f->map_height);
    } else if (tro_instruments_in_boxes(names)) {
        const int n = tro_instruments_boxes(f, names, boxes, TRO_ANCHORS_MAX_BOXES);
        tro_anchors_doubt(m->anchors, f->frame, boxes, n);
    }
    pthread_mutex_unlock(&m->lock);
}

static void take_out(struct tro_marks *m, int i)
{
    if (m->anchor[i] >= 0)
        tro_anchors_remove(m->anchors, m->anchor[i]);
    if (m->board)
        tro_board_erase_mark(m->board, m->marks[i].id);
    m->n--;
    memmove(&m->marks[i], &m->marks[i + 1], (size_t)(m->n - i) * sizeof(*m->marks));
    memmove(&m->anchor[i], &m->anchor[i + 1], (size_t)(m->n - i) * sizeof(*m->anchor));
}

static int find(const struct tro_marks *m, const char *id)
{
    int i = 0;
    while (i < m->n && strcmp(m->marks[i].id, id) != 0)
        i++;
    return i;
}

static int add(struct tro_marks *m, const struct tro_mark *mark, struct tro_err *err)
{
    const int old = find(m, mark->id);
    if (old < m->n && strcmp(m->marks[old].name, mark->name) != 0)
        return tro_fail(err, TRO_E_INPUT, "mark: id: '%s' is another expert's, expected a new one",
                        mark->id);
    if (old < m->n)
        take_out(m, old);
    else if (m->n == TRO_MARKS_MAX)
        take_out(m, 0);
    const int i = m->n++, point = anchored(mark);
    m->marks[i] = *mark;
    m->anchor[i] = tro_anchors_add(m->anchors, mark->frame, mark->x[point], mark->y[point]);
    move(m, i);
    return 0;
}

int tro_marks_add(struct tro_marks *m, const struct tro_mark *mark, struct tro_err *err)
{
    pthread_mutex_lock(&m->lock);
    const int rc = add(m, mark, err);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

bool tro_marks_erase(struct tro_marks *m, const char *id)
{
    pthread_mutex_lock(&m->lock);
    const int i = find(m, id), n = m->n;
    if (!id[0]) {
        while (m->n > 0)
            take_out(m, m->n - 1);
    } else if (i < n) {
        take_out(m, i);
    }
    const bool is_there = m->n < n;
    pthread_mutex_unlock(&m->lock);
    return is_there;
}

int tro_marks_list(struct tro_marks *m, struct tro_mark out[TRO_MARKS_MAX], uint64_t *frame)
{
    pthread_mutex_lock(&m->lock);
    const int n = m->n;
    memcpy(out, m->marks, (size_t)n * sizeof(*out));
    *frame = m->frame;
    pthread_mutex_unlock(&m->lock);
    return n;
}
