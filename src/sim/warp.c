/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/warp.h"

#include <assert.h>
#include <stdbool.h>

/* The share that follows is (1 - s^2)^2 at s radii: this is how fast it falls at most. */
#define STEEPEST 1.5396008f
#define N_ROUNDS 48

void tro_warp_add(struct tro_warp *w, struct tro_pull pull)
{
    const float length = v3_length(pull.by), most = TRO_PULL_MOST * pull.radius;
    if (!(pull.radius > 0 && length > 0))
        return;
    assert(w->n < TRO_N_PULLS);
    if (length > most)
        pull.by = v3_scale(pull.by, most / length);
    w->pulls[w->n].center = v3_add(pull.at, pull.by);
    w->pulls[w->n].by = pull.by;
    w->pulls[w->n].radius = pull.radius;
    w->pulls[w->n].inv_radius2 = 1 / (pull.radius * pull.radius);
    w->pulls[w->n].shrink = 1 / (1 + STEEPEST * f_min(length, most) / pull.radius);
    w->n++;
}

static bool is_among(unsigned which, int i)
{
    return which >> i & 1;
}

/* 1 - s^2, or 0 where the pull does not reach. */
static float nearness(const struct tro_warp *w, int i, struct vec3 p)
{
    const struct vec3 d = v3_sub(p, w->pulls[i].center);
    return f_max(1 - v3_dot(d, d) * w->pulls[i].inv_radius2, 0);
}

static struct vec3 undo_pull(const struct tro_warp *w, int i, struct vec3 p)
{
    const float near = nearness(w, i, p);
    return v3_along(p, w->pulls[i].by, -near * near);
}

struct vec3 tro_warp_rest(const struct tro_warp *w, unsigned which, struct vec3 p)
{
    for (int i = w->n - 1; i >= 0; i--)
        if (is_among(which, i))
            p = undo_pull(w, i, p);
    return p;
}

/* Each pull by rounds that come 0.6 times as near or nearer. */
struct vec3 tro_warp_moved(const struct tro_warp *w, struct vec3 rest)
{
    for (int i = 0; i < w->n; i++) {
        struct vec3 p = rest;
        for (int k = 0; k < N_ROUNDS; k++)
            p = v3_add(p, v3_sub(rest, undo_pull(w, i, p)));
        rest = p;
    }
    return rest;
}

/* The transposed derivatives of the pulls, from the one nearest to rest outward. */
struct vec3 tro_warp_slope(const struct tro_warp *w, unsigned which, struct vec3 p,
                           struct vec3 slope)
{
    struct vec3 at[TRO_N_PULLS]; /* before each pull is undone */
    for (int i = w->n - 1; i >= 0; i--) {
        at[i] = p;
        if (is_among(which, i))
            p = undo_pull(w, i, p);
    }
    for (int i = 0; i < w->n; i++) {
        const float near = is_among(which, i) ? nearness(w, i, at[i]) : 0;
        const float turn = 4 * near * w->pulls[i].inv_radius2 * v3_dot(w->pulls[i].by, slope);
        slope = v3_along(slope, v3_sub(at[i], w->pulls[i].center), turn);
    }
    return slope;
}

/*
 * Up to the edges of the pulls nothing is changed, and inside one lengths shrink by its factor.
 * Pulls that move the place itself before the next one is undone reach by that much farther.
 */
float tro_warp_free(const struct tro_warp *w, unsigned which, struct vec3 p, float distance)
{
    float shrink = 1, edge = distance, moved = 0;
    for (int i = w->n - 1; i >= 0; i--) {
        if (!is_among(which, i))
            continue;
        const float gap = v3_length(v3_sub(p, w->pulls[i].center)) - w->pulls[i].radius - moved;
        if (gap < distance) {
            edge = f_min(edge, gap);
            shrink *= w->pulls[i].shrink;
            moved += v3_length(w->pulls[i].by);
        }
    }
    return f_max(edge, shrink * distance);
}

float tro_warp_shrink(const struct tro_warp *w, unsigned which)
{
    float shrink = 1;
    for (int i = 0; i < w->n; i++)
        if (is_among(which, i))
            shrink *= w->pulls[i].shrink;
    return shrink;
}

unsigned tro_warp_met(const struct tro_warp *w, struct vec3 from, struct vec3 dir, float cone)
{
    unsigned which = 0;
    float moved = 0;
    for (int i = w->n - 1; i >= 0; i--) {
        const struct vec3 to = v3_sub(w->pulls[i].center, from);
        const float radius = w->pulls[i].radius + moved, along = v3_dot(to, dir);
        const float aside = v3_length(v3_along(to, dir, -along));
        if (along + radius < 0 || aside > radius + cone * (along + radius))
            continue;
        which |= 1u << i;
        moved += v3_length(w->pulls[i].by);
    }
    return which;
}
