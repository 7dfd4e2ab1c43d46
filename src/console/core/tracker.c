/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/tracker.h"

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/assign.h"

#include <math.h>
#include <string.h>

#define GATE 1.6f       /* greatest cost of a pair, of a track that was just seen */
#define GATE_PER_S 1.0f /* more for each second that it was not */
#define COAST_MS 250    /* the velocity of what is not seen falls to 1 / e */
#define USUAL_MS 150    /* the mean velocity is over, that what is not seen goes on with */
#define JUMP 0.15f      /* widths of the frame: a landmark is elsewhere, it did not move */
#define E_BASE 2.718281828f

enum { X, Y, WIDTH, HEIGHT, N_STATES };

struct track {
    uint32_t id;
    int network, label;
    enum tro_finding_kind kind;
    float at[N_STATES], speed[N_STATES]; /* px, px/s; the middle and the size */
    float usual[N_STATES];               /* mean of the speed */
    float score;
    int64_t seen_ns, moved_ns; /* when it was last found; the time its state is of */
    int n_corrected;           /* how often */
    int item;                  /* of the findings at hand; -1: not found */
    bool is_hidden;            /* was not found in the last frame of its network */
};

struct tro_tracker {
    struct tro_tracker_opts opts;
    uint32_t n_ids;
    uint64_t last[TRO_FINDINGS_MAX_NETWORKS]; /* frame */
    int n;
    struct track tracks[TRO_TRACKER_MAX_TRACKS];
    float cost[TRO_ASSIGN_MAX_ROWS * TRO_ASSIGN_MAX_COLUMNS];
};

struct tro_tracker *tro_tracker_create(const struct tro_tracker_opts *opts, struct tro_err *err)
{
    struct tro_tracker *const t = tro_calloc(1, sizeof(*t));
    if (t)
        t->opts = *opts;
    else
        tro_fail_nomem(err);
    return t;
}

void tro_tracker_destroy(struct tro_tracker *t)
{
    tro_free(t);
}

float tro_tracker_delay_ms(const struct tro_tracker *t)
{
    return t->opts.smoothing_ms / E_BASE;
}

/* ---- one track ------------------------------------------------------------------------- */

static float seconds(int64_t ns)
{
    return (float)((double)ns * 1e-9);
}

static void measure(const struct tro_finding *d, float out[N_STATES])
{
    out[X] = d->kind == TRO_FINDING_BOX ? (d->x0 + d->x1) / 2 : d->x;
    out[Y] = d->kind == TRO_FINDING_BOX ? (d->y0 + d->y1) / 2 : d->y;
    out[WIDTH] = d->x1 - d->x0;
    out[HEIGHT] = d->y1 - d->y0;
}

/* To the time of a frame; without being seen it goes on evenly, slows down and keeps its size. */
static void move_on(struct track *k, int64_t now_ns)
{
    const float dt = seconds(now_ns - k->moved_ns);
    const float fade = k->moved_ns > k->seen_ns ? expf(-dt * 1e3f / COAST_MS) : 1;
    k->moved_ns = now_ns;
    for (int i = 0; i < N_STATES; i++) {
        k->speed[i] *= fade;
        k->at[i] += k->speed[i] * dt;
    }
    k->at[WIDTH] = fmaxf(k->at[WIDTH], 0);
    k->at[HEIGHT] = fmaxf(k->at[HEIGHT], 0);
}

/* What the filter makes of a place found `dt` after the one before. */
static void correct(struct track *k, const float found[N_STATES], float dt, float smoothing_ms)
{
    const float theta = smoothing_ms > 0 ? expf(-dt * 1e3f / smoothing_ms) : 0;
    const float alpha = 1 - theta * theta, beta = (1 - theta) * (1 - theta);
    const float share = fmaxf(1 - expf(-dt * 1e3f / USUAL_MS), 1 / (float)++k->n_corrected);
    for (int i = 0; i < N_STATES; i++) {
        const float off = found[i] - k->at[i];
        k->at[i] += alpha * off;
        k->speed[i] += beta * off / dt;
        k->usual[i] += share * (k->speed[i] - k->usual[i]);
    }
}

/* Not found in this frame: its last velocity was half noise. */
static void lose(struct track *k, int64_t before_ns)
{
    const float dt = seconds(k->moved_ns - before_ns);
    for (int i = 0; i < N_STATES; i++) {
        const float usual = i < WIDTH ? k->usual[i] : 0;
        k->at[i] += (usual - k->speed[i]) * dt;
        k->speed[i] = usual;
    }
}

static void write_place(const struct track *k, struct tro_finding *d)
{
    d->track = k->id;
    d->x = k->at[X];
    d->y = k->at[Y];
    if (d->kind != TRO_FINDING_BOX)
        return;
    d->x0 = k->at[X] - k->at[WIDTH] / 2;
    d->y0 = k->at[Y] - k->at[HEIGHT] / 2;
    d->x1 = k->at[X] + k->at[WIDTH] / 2;
    d->y1 = k->at[Y] + k->at[HEIGHT] / 2;
}

static void see(struct tro_tracker *t, struct track *k, struct tro_findings *f, int item)
{
    struct tro_finding *const d = &f->items[item];
    float found[N_STATES];
    measure(d, found);
    const float away = hypotf(found[X] - k->at[X], found[Y] - k->at[Y]);
    if (k->kind == TRO_FINDING_LANDMARK && away > JUMP * (float)f->width) {
        memcpy(k->at, found, sizeof(k->at));
        memset(k->speed, 0, sizeof(k->speed));
    } else {
        correct(k, found, fmaxf(seconds(f->captured_ns - k->seen_ns), 1e-3f), t->opts.smoothing_ms);
    }
    k->seen_ns = f->captured_ns;
    k->score = d->score;
    k->item = item;
    write_place(k, d);
}

static void begin(struct tro_tracker *t, struct tro_findings *f, int item)
{
    struct tro_finding *const d = &f->items[item];
    if (d->score < TRO_TRACKER_BEGIN || t->n == TRO_TRACKER_MAX_TRACKS)
        return;
    struct track *const k = &t->tracks[t->n++];
    *k = (struct track){.id = ++t->n_ids,
                        .network = f->network,
                        .label = d->label,
                        .kind = d->kind,
                        .score = d->score,
                        .seen_ns = f->captured_ns,
                        .moved_ns = f->captured_ns,
                        .item = item};
    measure(d, k->at);
    d->track = k->id;
}

/* ---- boxes to tracks ------------------------------------------------------------------- */

static float overlap(float a, float a_size, float b, float b_size)
{
    const float lo = fmaxf(a - a_size / 2, b - b_size / 2);
    return fmaxf(fminf(a + a_size / 2, b + b_size / 2) - lo, 0);
}

static float iou(const float a[N_STATES], const float b[N_STATES])
{
    const float both = overlap(a[X], a[WIDTH], b[X], b[WIDTH]) *
                       overlap(a[Y], a[HEIGHT], b[Y], b[HEIGHT]);
    const float all = a[WIDTH] * a[HEIGHT] + b[WIDTH] * b[HEIGHT] - both;
    return all > 0 ? both / all : 0;
}

static float cost_of(const struct track *k, const struct tro_finding *d, int64_t now_ns)
{
    float found[N_STATES];
    measure(d, found);
    const float size = fmaxf(hypotf(k->at[WIDTH], k->at[HEIGHT]), 1);
    const float cost = 1 - iou(k->at, found) +
                       hypotf(found[X] - k->at[X], found[Y] - k->at[Y]) / size;
    return cost <= GATE + GATE_PER_S * seconds(now_ns - k->seen_ns) ? cost : HUGE_VALF;
}

static void match_boxes(struct tro_tracker *t, struct tro_findings *f, int label)
{
    int items[TRO_ASSIGN_MAX_ROWS], tracks[TRO_ASSIGN_MAX_COLUMNS], column[TRO_ASSIGN_MAX_ROWS];
    int n_items = 0, n_tracks = 0;
    for (int i = 0; i < f->n; i++)
        if (f->items[i].kind == TRO_FINDING_BOX && f->items[i].label == label)
            items[n_items++] = i;
    for (int i = 0; i < t->n; i++)
        if (t->tracks[i].network == f->network && t->tracks[i].label == label &&
            t->tracks[i].kind == TRO_FINDING_BOX)
            tracks[n_tracks++] = i;
    for (int i = 0; i < n_items; i++)
        for (int j = 0; j < n_tracks; j++)
            t->cost[i * TRO_ASSIGN_MAX_COLUMNS + j] = cost_of(&t->tracks[tracks[j]],
                                                              &f->items[items[i]], f->captured_ns);
    tro_assign(n_items, n_tracks, t->cost, GATE + GATE_PER_S * t->opts.keep_ms * 1e-3f, column);
    for (int i = 0; i < n_items; i++) {
        if (column[i] >= 0)
            see(t, &t->tracks[tracks[column[i]]], f, items[i]);
        else
            begin(t, f, items[i]);
    }
}

static void match_landmark(struct tro_tracker *t, struct tro_findings *f, int label)
{
    int best = -1;
    for (int i = 0; i < f->n; i++) {
        const struct tro_finding *const d = &f->items[i];
        if (d->kind == TRO_FINDING_LANDMARK && d->label == label &&
            (best < 0 || d->score > f->items[best].score))
            best = i;
    }
    for (int i = 0; best >= 0 && i < t->n; i++) {
        struct track *const k = &t->tracks[i];
        if (k->network == f->network && k->label == label && k->kind == TRO_FINDING_LANDMARK) {
            see(t, k, f, best);
            return;
        }
    }
    if (best >= 0)
        begin(t, f, best);
}

/* ---- all of them ----------------------------------------------------------------------- */

static bool is_in_frame(const struct track *k, const struct tro_findings *f)
{
    return k->at[X] + k->at[WIDTH] / 2 >= 0 && k->at[Y] + k->at[HEIGHT] / 2 >= 0 &&
           k->at[X] - k->at[WIDTH] / 2 <= (float)f->width &&
           k->at[Y] - k->at[HEIGHT] / 2 <= (float)f->height;
}

/* Moves the network's tracks to the frame and gives up those that were not seen for too long. */
static void move_all(struct tro_tracker *t, const struct tro_findings *f)
{
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        struct track *const k = &t->tracks[i];
        if (k->network == f->network) {
            move_on(k, f->captured_ns);
            k->item = -1;
            if (seconds(f->captured_ns - k->seen_ns) * 1e3f > t->opts.keep_ms)
                continue;
        }
        t->tracks[n++] = *k;
    }
    t->n = n;
}

/* Adds what was not found, or gives it up where it has left the picture. */
static void carry_on(struct tro_tracker *t, struct tro_findings *f)
{
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        struct track *const k = &t->tracks[i];
        const bool is_hidden = k->network == f->network && k->item < 0;
        if (is_hidden && !k->is_hidden)
            lose(k, k->seen_ns);
        if (k->network == f->network)
            k->is_hidden = is_hidden;
        if (is_hidden && !is_in_frame(k, f))
            continue;
        if (is_hidden && f->n < TRO_FINDINGS_MAX) {
            struct tro_finding *const d = &f->items[f->n++];
            *d = (struct tro_finding){.kind = k->kind,
                                      .label = k->label,
                                      .score = k->score,
                                      .age_ms = seconds(f->captured_ns - k->seen_ns) * 1e3f};
            write_place(k, d);
        }
        t->tracks[n++] = *k;
    }
    t->n = n;
}

void tro_tracker_update(struct tro_tracker *t, struct tro_findings *f)
{
    if (f->frame <= t->last[f->network])
        return;
    t->last[f->network] = f->frame;
    move_all(t, f);
    for (int label = 0; label < TRO_FINDINGS_MAX_NAMES; label++) {
        match_boxes(t, f, label);
        match_landmark(t, f, label);
    }
    carry_on(t, f);
}
