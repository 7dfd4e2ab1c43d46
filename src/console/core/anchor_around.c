/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/anchor_around.h"

#include <math.h>

#define SPOTS TRO_AROUND_SPOTS
#define RADIUS 11.0f
#define R 4 /* of a spot */
#define SIDE (2 * R + 1)
#define N (SIDE * SIDE)
#define MAX_STEPS 8
#define ENOUGH_PX 0.03f
#define MIN_SLOPE 0.6f
#define DARKEST 24
#define BRIGHTEST 225
#define LEAST_SHARE 0.5f
#define BACK_PX 0.3f
#define FARTHEST 8.0f /* from where it was expected */
#define AGREE_PX 0.8f
#define LEAST_AGREE 5
#define LEARNED 0.03f

struct spot {
    float value[N], slope_x[N], slope_y[N], weight[N];
    float n, inverse[3];
};

struct similarity {
    float a, b, x, y; /* x' = a x - b y + x, y' = b x + a y + y */
};

/* ---- one spot -------------------------------------------------------------------------- */

/* side x side values, the middle at x, y. False: not all lie within the picture. */
static bool sample(const struct tro_plane *p, float x, float y, int side, float *out)
{
    x -= 0.5f * (float)side;
    y -= 0.5f * (float)side;
    if (!(x >= 0 && y >= 0 && x + (float)side + 1 < (float)p->width &&
          y + (float)side + 1 < (float)p->height))
        return false;
    const int column = (int)x, row = (int)y;
    const float wx = x - (float)column, wy = y - (float)row;
    for (int v = 0; v < side; v++) {
        const uint8_t *const q = p->p + (row + v) * p->width + column, *const r = q + p->width;
        for (int u = 0; u < side; u++) {
            const float above = (float)q[u] + wx * (float)(q[u + 1] - q[u]);
            const float below = (float)r[u] + wx * (float)(r[u + 1] - r[u]);
            out[v * side + u] = above + wy * (below - above);
        }
    }
    return true;
}

static bool take(struct spot *s, const struct tro_plane *plane, float x, float y)
{
    float round[(SIDE + 2) * (SIDE + 2)], xx = 0, xy = 0, yy = 0;
    if (!sample(plane, x, y, SIDE + 2, round))
        return false;
    s->n = 0;
    for (int i = 0; i < N; i++) {
        const float *const p = round + (i / SIDE + 1) * (SIDE + 2) + i % SIDE + 1;
        const bool is_out = *p < DARKEST || *p > BRIGHTEST ||
                            tro_plane_is_covered(plane, x + (float)(i % SIDE - R),
                                                 y + (float)(i / SIDE - R));
        s->weight[i] = is_out ? 0 : 1;
        s->value[i] = *p;
        s->slope_x[i] = s->weight[i] * (p[1] - p[-1]) / 2;
        s->slope_y[i] = s->weight[i] * (p[SIDE + 2] - p[-(SIDE + 2)]) / 2;
        s->n += s->weight[i];
        xx += s->slope_x[i] * s->slope_x[i];
        xy += s->slope_x[i] * s->slope_y[i];
        yy += s->slope_y[i] * s->slope_y[i];
    }
    const float half = (xx + yy) / 2, det = xx * yy - xy * xy;
    const float least = half - sqrtf(fmaxf(half * half - det, 0));
    if (s->n < N * LEAST_SHARE || least < MIN_SLOPE * MIN_SLOPE * s->n)
        return false;
    s->inverse[0] = yy / det;
    s->inverse[1] = -xy / det;
    s->inverse[2] = xx / det;
    return true;
}

/* Lucas and Kanade, the mean of the difference taken out. */
static bool find(const struct spot *s, const struct tro_plane *plane, float *x, float *y)
{
    float found[N], px = *x, py = *y;
    for (int step = 0; step < MAX_STEPS; step++) {
        float mean = 0, sx = 0, sy = 0;
        if (!sample(plane, px, py, SIDE, found))
            return false;
        for (int i = 0; i < N; i++) {
            found[i] = s->value[i] - found[i];
            mean += found[i] * s->weight[i];
        }
        mean /= s->n;
        for (int i = 0; i < N; i++) {
            sx += s->slope_x[i] * (found[i] - mean);
            sy += s->slope_y[i] * (found[i] - mean);
        }
        const float dx = s->inverse[0] * sx + s->inverse[1] * sy;
        const float dy = s->inverse[1] * sx + s->inverse[2] * sy;
        px += dx;
        py += dy;
        if (!(fabsf(px - *x) <= FARTHEST && fabsf(py - *y) <= FARTHEST))
            return false;
        if (fabsf(dx) < ENOUGH_PX && fabsf(dy) < ENOUGH_PX)
            break;
    }
    *x = px;
    *y = py;
    return !tro_plane_is_covered(plane, px, py);
}

/* There, and back again to the same place. */
static bool follow(const struct tro_plane *before, const struct tro_plane *after, float dx,
                   float dy, float *x, float *y)
{
    struct spot spot;
    float there_x = *x + dx, there_y = *y + dy;
    if (!take(&spot, before, *x, *y) || !find(&spot, after, &there_x, &there_y))
        return false;
    float back_x = *x, back_y = *y;
    if (!take(&spot, after, there_x, there_y) || !find(&spot, before, &back_x, &back_y) ||
        hypotf(back_x - *x, back_y - *y) > BACK_PX)
        return false;
    *x = there_x;
    *y = there_y;
    return true;
}

/* ---- what they share ------------------------------------------------------------------- */

static void apply(const struct similarity *s, float x, float y, float *to_x, float *to_y)
{
    *to_x = s->a * x - s->b * y + s->x;
    *to_y = s->b * x + s->a * y + s->y;
}

/* The best one of the spots in the set. */
static struct similarity fit(const struct tro_around *r, unsigned set)
{
    float n = 0, fx = 0, fy = 0, tx = 0, ty = 0, a = 0, b = 0, squares = 1e-6f;
    for (int i = 0; i < SPOTS; i++) {
        if (!(set >> i & 1))
            continue;
        n++;
        fx += r->from_x[i];
        fy += r->from_y[i];
        tx += r->x[i];
        ty += r->y[i];
    }
    fx /= n, fy /= n, tx /= n, ty /= n;
    for (int i = 0; i < SPOTS; i++) {
        const float x = r->from_x[i] - fx, y = r->from_y[i] - fy;
        if (!(set >> i & 1))
            continue;
        a += x * (r->x[i] - tx) + y * (r->y[i] - ty);
        b += x * (r->y[i] - ty) - y * (r->x[i] - tx);
        squares += x * x + y * y;
    }
    struct similarity s = {.a = a / squares, .b = b / squares};
    s.x = tx - s.a * fx + s.b * fy;
    s.y = ty - s.b * fx - s.a * fy;
    return s;
}

static unsigned who_agrees(const struct tro_around *r, const struct similarity *s, unsigned seen)
{
    unsigned agree = 0;
    for (int i = 0; i < SPOTS; i++) {
        float x, y;
        apply(s, r->from_x[i], r->from_y[i], &x, &y);
        if ((seen >> i & 1) && hypotf(x - r->x[i], y - r->y[i]) <= AGREE_PX)
            agree |= 1u << i;
    }
    return agree;
}

/* Of all pairs, the one that most agree with. */
static unsigned agreement(const struct tro_around *r, unsigned seen)
{
    unsigned best = 0;
    for (int i = 0; i < SPOTS; i++) {
        for (int k = i + 1; k < SPOTS; k++) {
            const unsigned two = 1u << i | 1u << k;
            if ((seen & two) != two)
                continue;
            const struct similarity s = fit(r, two);
            const unsigned agree = who_agrees(r, &s, seen);
            if (__builtin_popcount(agree) > __builtin_popcount(best))
                best = agree;
        }
    }
    return best;
}

/* ---- in and out ------------------------------------------------------------------------ */

void tro_around_begin(struct tro_around *r, float x, float y)
{
    for (int i = 0; i < SPOTS; i++) {
        const float angle = (float)i * 6.2831853f / SPOTS;
        r->from_x[i] = RADIUS * cosf(angle);
        r->from_y[i] = RADIUS * sinf(angle);
        r->x[i] = x + r->from_x[i];
        r->y[i] = y + r->from_y[i];
    }
}

enum tro_around_said tro_around_step(struct tro_around *r, const struct tro_plane *before,
                                     const struct tro_plane *after, float dx, float dy, float *x,
                                     float *y)
{
    unsigned seen = 0;
    for (int i = 0; i < SPOTS; i++) {
        if (follow(before, after, dx, dy, &r->x[i], &r->y[i])) {
            seen |= 1u << i;
        } else {
            r->x[i] += dx;
            r->y[i] += dy;
        }
    }
    const unsigned agree = agreement(r, seen);
    const int n_agree = __builtin_popcount(agree);
    if (n_agree < LEAST_AGREE)
        return TRO_AROUND_NOTHING;
    const struct similarity s = fit(r, agree);
    *x = s.x;
    *y = s.y;
    if (n_agree * 3 < __builtin_popcount(seen) * 2)
        return TRO_AROUND_SOME;
    for (int i = 0; i < SPOTS; i++)
        if (!(agree >> i & 1))
            apply(&s, r->from_x[i], r->from_y[i], &r->x[i], &r->y[i]);
    return TRO_AROUND_MOST;
}

void tro_around_learn(struct tro_around *r, float off_x, float off_y)
{
    for (int i = 0; i < SPOTS; i++) {
        r->from_x[i] -= LEARNED * off_x;
        r->from_y[i] -= LEARNED * off_y;
    }
}
