/* SPDX-License-Identifier: Apache-2.0 */
#include "findings.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/thread.h"

/* A plane of the network's size becomes one of the frame's; pixel middles lie at halves. */
struct enlarge {
    const struct demo_findings *f;
    const void *map;
    int width, height; /* of the map */
};

static int clamp(int v, int n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : v;
}

/* ---- classes --------------------------------------------------------------------------- */

/* Three neighbours on an axis, weighed by the quadratic B-spline. */
struct spline {
    int at[3];
    float weight[3];
};

static struct spline spline_at(int i, int n_out, int n_in)
{
    const float x = ((float)i + 0.5f) * (float)n_in / (float)n_out - 0.5f;
    const float middle = floorf(x + 0.5f), t = x - middle;
    const int k = (int)middle;
    return (struct spline){
        {clamp(k - 1, n_in), clamp(k, n_in), clamp(k + 1, n_in)},
        {0.5f * (0.5f - t) * (0.5f - t), 0.75f - t * t, 0.5f * (0.5f + t) * (0.5f + t)}};
}

/* The class with the greatest weight among the nine neighbours, the lowest of equals. */
static uint8_t label_at(const uint8_t *map, int width, const struct spline *y,
                        const struct spline *x)
{
    uint8_t label[9];
    float weight[9];
    int n = 0, best = 0;
    for (int i = 0; i < 9; i++) {
        const uint8_t one = map[y->at[i / 3] * width + x->at[i % 3]];
        int k = 0;
        while (k < n && label[k] != one)
            k++;
        if (k == n) {
            label[n] = one;
            weight[n++] = 0;
        }
        weight[k] += y->weight[i / 3] * x->weight[i % 3];
    }
    for (int k = 1; k < n; k++) {
        const bool is_tie = weight[k] == weight[best];
        if (is_tie ? label[k] < label[best] : weight[k] > weight[best])
            best = k;
    }
    return label[best];
}

static void label_row(void *ctx, int64_t row)
{
    const struct enlarge *const e = ctx;
    const int width = e->f->width;
    const struct spline y = spline_at((int)row, e->f->height, e->height);
    for (int i = 0; i < width; i++) {
        const struct spline x = spline_at(i, width, e->width);
        e->f->label[row * width + i] = label_at(e->map, e->width, &y, &x);
    }
}

/* ---- depths ---------------------------------------------------------------------------- */

struct tap {
    int a, b;
    float t; /* weight of b */
};

static struct tap tap_at(int i, int n_out, int n_in)
{
    const float x = ((float)i + 0.5f) * (float)n_in / (float)n_out - 0.5f, whole = floorf(x);
    return (struct tap){clamp((int)whole, n_in), clamp((int)whole + 1, n_in), x - whole};
}

static void depth_row(void *ctx, int64_t row)
{
    const struct enlarge *const e = ctx;
    const struct tap y = tap_at((int)row, e->f->height, e->height);
    const float *const top = (const float *)e->map + y.a * e->width;
    const float *const bottom = (const float *)e->map + y.b * e->width;
    for (int i = 0; i < e->f->width; i++) {
        const struct tap x = tap_at(i, e->f->width, e->width);
        const float left = top[x.a] + (bottom[x.a] - top[x.a]) * y.t;
        const float right = top[x.b] + (bottom[x.b] - top[x.b]) * y.t;
        e->f->depth[row * e->f->width + i] = left + (right - left) * x.t;
    }
}

/* ---- the whole ------------------------------------------------------------------------- */

int demo_findings_init(struct demo_findings *f, int width, int height,
                       struct demo_network *const *networks, struct tro_arena *arena,
                       struct tro_err *err)
{
    const size_t n_px = (size_t)width * (size_t)height;
    *f = (struct demo_findings){.width = width, .height = height};
    if (networks[DEMO_PIXELS] && !(f->label = TRO_NEW_N(arena, uint8_t, n_px)))
        return tro_fail_nomem(err);
    if (networks[DEMO_DEPTH] && !(f->depth = TRO_NEW_N(arena, float, n_px)))
        return tro_fail_nomem(err);
    return 0;
}

static int want_map(const struct demo_network *n, const struct tro_tensor *t, struct tro_err *err)
{
    const int r = t->rank;
    if (r >= 2 && tro_tensor_n_elems(t) > 0 &&
        tro_tensor_n_elems(t) == t->shape[r - 1] * t->shape[r - 2])
        return 0;
    return tro_fail(err, TRO_E_INPUT, "%s: expected one map of a picture from output %s", n->path,
                    n->output->name);
}

static int add_plane(struct demo_findings *f, const struct demo_network *n,
                     const struct demo_run *run, struct tro_err *err)
{
    const struct tro_tensor *const t = &run->results[0];
    TRO_TRY(want_map(n, t, err));
    struct enlarge e = {f, t->data, (int)t->shape[t->rank - 1], (int)t->shape[t->rank - 2]};
    tro_parallel_for(f->height, n->task == DEMO_PIXELS ? label_row : depth_row, &e);
    return 0;
}

static int add_boxes(struct demo_findings *f, const struct demo_network *n,
                     const struct demo_run *run)
{
    const int32_t n_found = ((const int32_t *)run->results[0].data)[0];
    const float *const places = run->results[1].data, *const scores = run->results[2].data;
    const int32_t *const kinds = run->results[3].data;
    const float by_x = (float)f->width / (float)n->width;
    const float by_y = (float)f->height / (float)n->height;
    f->n_boxes = n_found < DEMO_MAX_BOXES ? n_found : DEMO_MAX_BOXES;
    for (int i = 0; i < f->n_boxes; i++) {
        const float *const v = places + 4 * i;
        f->boxes[i] = (struct tro_eval_box){v[0] * by_x, v[1] * by_y, v[2] * by_x,
                                            v[3] * by_y, scores[i],   kinds[i]};
    }
    return 0;
}

/* The best of each map. */
static int add_points(struct demo_findings *f, const struct demo_network *n,
                      const struct demo_run *run, struct tro_err *err)
{
    const struct tro_tensor *const t = &run->results[0];
    if (t->rank != 4 || t->shape[0] != 1 || t->shape[1] != n->names.n)
        return tro_fail(err, TRO_E_INPUT, "%s: expected points of %d maps from output %s", n->path,
                        n->names.n, n->output->name);
    f->n_points = n->names.n;
    for (int i = 0; i < f->n_points; i++) {
        const float *const v = (const float *)t->data + 3 * t->shape[2] * i;
        f->points[i] = (struct demo_point){
            v[2] > 0, (v[0] + 0.5f) * (float)f->width / (float)n->width,
            (v[1] + 0.5f) * (float)f->height / (float)n->height, v[2]};
    }
    return 0;
}

int demo_findings_add(struct demo_findings *f, const struct demo_network *n,
                      const struct demo_run *run, struct tro_err *err)
{
    if (n->task == DEMO_BOXES)
        return add_boxes(f, n, run);
    return n->task == DEMO_POINTS ? add_points(f, n, run, err) : add_plane(f, n, run, err);
}
