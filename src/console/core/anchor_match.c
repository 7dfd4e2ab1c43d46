/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/anchor_match.h"

#include <math.h>
#include <string.h>

#define R TRO_PATCH_RADIUS
#define SIDE TRO_PATCH_SIDE
#define N TRO_PATCH_PIXELS
#define MAX_STEPS 12
#define ENOUGH_PX 0.02f /* a step this small is the last one */
#define MIN_SLOPE 1.5f  /* grey levels a pixel, in the direction that has the least */
#define N_PARAMS 6
#define DARKEST 24 /* luma; black is 16 */
#define BRIGHTEST 225
#define LEAST_SHARE 0.3f /* of pixels with weight */
#define CUT 1.2f

/* Linear between four pixels; beyond the edge lies what lies at it. */
static float sample(const struct tro_plane *p, float x, float y)
{
    x = fminf(fmaxf(x - 0.5f, 0), (float)(p->width - 1) - 1e-3f);
    y = fminf(fmaxf(y - 0.5f, 0), (float)(p->height - 1) - 1e-3f);
    const int column = (int)x, row = (int)y;
    const float wx = x - (float)column, wy = y - (float)row;
    const uint8_t *const q = p->p + row * p->width + column;
    const float above = (float)q[0] + wx * (float)(q[1] - q[0]);
    const float below = (float)q[p->width] + wx * (float)(q[p->width + 1] - q[p->width]);
    return above + wy * (below - above);
}

static bool is_cell_covered(const struct tro_plane *p, int column, int row)
{
    column = (column << p->level) >> TRO_COVER_LEVEL;
    row = (row << p->level) >> TRO_COVER_LEVEL;
    column = column < p->cover_width ? column : p->cover_width - 1;
    row = row < p->cover_height ? row : p->cover_height - 1;
    return p->cover[row * p->cover_width + column];
}

bool tro_plane_is_covered(const struct tro_plane *plane, float x, float y)
{
    return plane->cover && is_cell_covered(plane, (int)fmaxf(x, 0), (int)fmaxf(y, 0));
}

/* What lies under a patch, and the patch, both where both have weight, their means taken out. */
struct pair {
    float found[N], weights[N], values[N];
    const float *weight, *value; /* the patch's own where all of it is to be seen */
    float n, energy, patch_energy;
};

static void sample_all(const struct tro_plane *p, const struct tro_patch_map *m, float out[N])
{
    int i = 0;
    for (int v = -R; v <= R; v++) {
        for (int u = -R; u <= R; u++, i++) {
            const float x = m->x + m->xx * (float)u + m->xy * (float)v;
            const float y = m->y + m->yx * (float)u + m->yy * (float)v;
            out[i] = sample(p, x, y);
        }
    }
}

/* As above, for a patch that is only shifted and lies within the picture. */
static bool sample_shifted(const struct tro_plane *p, const struct tro_patch_map *m, float out[N])
{
    const float x = m->x - 0.5f - R, y = m->y - 0.5f - R;
    if (m->xx != 1 || m->yy != 1 || m->xy != 0 || m->yx != 0 ||
        !(x >= 0 && y >= 0 && x + SIDE < (float)p->width && y + SIDE < (float)p->height))
        return false;
    const int column = (int)x, row = (int)y;
    const float wx = x - (float)column, wy = y - (float)row;
    for (int v = 0; v < SIDE; v++) {
        const uint8_t *const q = p->p + (row + v) * p->width + column, *const r = q + p->width;
        for (int u = 0; u < SIDE; u++) {
            const float above = (float)q[u] + wx * (float)(q[u + 1] - q[u]);
            const float below = (float)r[u] + wx * (float)(r[u + 1] - r[u]);
            out[v * SIDE + u] = above + wy * (below - above);
        }
    }
    return true;
}

/* Takes weight from pixels that are covered in the picture or lie outside of its round view. */
static bool leave_out(const struct tro_plane *p, const struct tro_patch *patch,
                      const struct tro_patch_map *m, struct pair *out)
{
    float n = 0, mean = 0;
    for (int i = 0; i < N; i++) {
        const float u = (float)(i % SIDE - R), v = (float)(i / SIDE - R);
        const bool is_out = out->found[i] < DARKEST ||
                            tro_plane_is_covered(p, m->x + m->xx * u + m->xy * v,
                                                 m->y + m->yx * u + m->yy * v);
        out->weights[i] = is_out ? 0 : patch->weight[i];
        n += out->weights[i];
        mean += out->weights[i] * patch->value[i];
    }
    mean /= n + 1e-6f;
    out->n = n + 1e-6f;
    out->patch_energy = 0;
    for (int i = 0; i < N; i++) {
        out->values[i] = (patch->value[i] - mean) * out->weights[i];
        out->patch_energy += out->values[i] * out->values[i];
    }
    out->weight = out->weights;
    out->value = out->values;
    return n >= N * LEAST_SHARE;
}

static bool is_any_dark(const float found[N])
{
    float least = found[0];
    for (int i = 1; i < N; i++)
        least = fminf(least, found[i]);
    return least < DARKEST;
}

/* False: too little is to be seen. */
static bool gather(const struct tro_plane *p, const struct tro_patch *patch,
                   const struct tro_patch_map *m, struct pair *out)
{
    float sum = 0;
    if (!sample_shifted(p, m, out->found))
        sample_all(p, m, out->found);
    out->weight = patch->weight;
    out->value = patch->value;
    out->n = patch->n;
    out->patch_energy = patch->energy;
    if ((p->cover || is_any_dark(out->found)) && !leave_out(p, patch, m, out))
        return false;
    for (int i = 0; i < N; i++)
        sum += out->found[i] * out->weight[i];
    out->energy = 0;
    for (int i = 0; i < N; i++) {
        out->found[i] = (out->found[i] - sum / out->n) * out->weight[i];
        out->energy += out->found[i] * out->found[i];
    }
    return true;
}

/* ---- patches --------------------------------------------------------------------------- */

/* The change of a pixel by each of the six: middle, then the map's terms along x and y. */
static void descent(const struct tro_patch *p, int i, float out[N_PARAMS])
{
    const float u = (float)(i % SIDE - R), v = (float)(i / SIDE - R);
    out[0] = p->slope_x[i];
    out[1] = p->slope_y[i];
    out[2] = p->slope_x[i] * u;
    out[3] = p->slope_x[i] * v;
    out[4] = p->slope_y[i] * u;
    out[5] = p->slope_y[i] * v;
}

/* Gauss and Jordan; false where a pivot is next to nothing. */
static bool invert(float a[N_PARAMS][N_PARAMS], float out[N_PARAMS][N_PARAMS])
{
    memset(out, 0, sizeof(float[N_PARAMS][N_PARAMS]));
    for (int i = 0; i < N_PARAMS; i++)
        out[i][i] = 1;
    for (int i = 0; i < N_PARAMS; i++) {
        if (a[i][i] < 1e-2f)
            return false;
        const float by = 1 / a[i][i];
        for (int k = 0; k < N_PARAMS; k++) {
            a[i][k] *= by;
            out[i][k] *= by;
        }
        for (int row = 0; row < N_PARAMS; row++) {
            const float times = a[row][i];
            if (row == i)
                continue;
            for (int k = 0; k < N_PARAMS; k++) {
                a[row][k] -= times * a[i][k];
                out[row][k] -= times * out[i][k];
            }
        }
    }
    return true;
}

static bool invert_affine(struct tro_patch *p)
{
    float sums[N_PARAMS][N_PARAMS] = {{0}}, d[N_PARAMS];
    for (int i = 0; i < N; i++) {
        descent(p, i, d);
        for (int a = 0; a < N_PARAMS; a++)
            for (int b = 0; b < N_PARAMS; b++)
                sums[a][b] += d[a] * d[b];
    }
    return invert(sums, p->inverse6);
}

/* The lesser eigenvalue of the slopes' sums says how sharply a place is given. */
static bool invert_slopes(struct tro_patch *p)
{
    float xx = 0, xy = 0, yy = 0;
    for (int i = 0; i < N; i++) {
        xx += p->slope_x[i] * p->slope_x[i];
        xy += p->slope_x[i] * p->slope_y[i];
        yy += p->slope_y[i] * p->slope_y[i];
    }
    const float half = (xx + yy) / 2, det = xx * yy - xy * xy;
    const float least = half - sqrtf(fmaxf(half * half - det, 0));
    p->edge = 0.5f * atan2f(-2 * xy, yy - xx);
    if (p->n < N * LEAST_SHARE || least < MIN_SLOPE * MIN_SLOPE * p->n)
        return false;
    p->inverse[0] = yy / det;
    p->inverse[1] = -xy / det;
    p->inverse[2] = xx / det;
    return true;
}

/* The edge of the picture's round view stays where it is, whatever tissue does. */
static bool is_beside_black(const float *p)
{
    const float *const above = p - (SIDE + 2), *const below = p + SIDE + 2;
    float least = fminf(fminf(p[-1], p[0]), p[1]);
    for (int i = -1; i <= 1; i++)
        least = fminf(least, fminf(above[i], below[i]));
    return least < DARKEST;
}

void tro_patch_take(struct tro_patch *patch, const struct tro_plane *plane, float x, float y,
                    bool wants_affine)
{
    float around[(SIDE + 2) * (SIDE + 2)];
    float sum = 0;
    patch->n = 1e-6f;
    for (int i = 0; i < (SIDE + 2) * (SIDE + 2); i++)
        around[i] = sample(plane, x + (float)(i % (SIDE + 2) - R - 1),
                           y + (float)(i / (SIDE + 2) - R - 1));
    for (int i = 0; i < N; i++) {
        const float *const p = around + (i / SIDE + 1) * (SIDE + 2) + i % SIDE + 1;
        const bool is_out = tro_plane_is_covered(plane, x + (float)(i % SIDE - R),
                                                 y + (float)(i / SIDE - R));
        const float weight = !is_beside_black(p) && *p <= BRIGHTEST && !is_out;
        patch->weight[i] = weight;
        patch->n += weight;
        patch->value[i] = *p;
        patch->slope_x[i] = weight * (p[1] - p[-1]) / 2;
        patch->slope_y[i] = weight * (p[SIDE + 2] - p[-(SIDE + 2)]) / 2;
        sum += weight * *p;
    }
    patch->energy = 0;
    for (int i = 0; i < N; i++) {
        patch->value[i] = (patch->value[i] - sum / patch->n) * patch->weight[i];
        patch->energy += patch->value[i] * patch->value[i];
    }
    patch->has_texture = invert_slopes(patch);
    patch->has_affine = wants_affine && patch->has_texture && invert_affine(patch);
}

/* ---- matching -------------------------------------------------------------------------- */

static bool is_inside(const struct tro_plane *p, float x, float y)
{
    return x >= 0 && y >= 0 && x <= (float)p->width && y <= (float)p->height;
}

/* found := gain * found - patch, cut at some deviations, so that a highlight or an instrument that
 * covers a part of the patch pulls little. */
static void subtract(float gain, struct pair *p)
{
    float squares = 0;
    for (int i = 0; i < N; i++) {
        p->found[i] = gain * p->found[i] - p->value[i];
        squares += p->found[i] * p->found[i];
    }
    const float most = CUT * sqrtf(squares / p->n);
    for (int i = 0; i < N; i++)
        p->found[i] = fminf(fmaxf(p->found[i], -most), most);
}

bool tro_patch_follow(const struct tro_patch *patch, const struct tro_plane *plane, float *x,
                      float *y)
{
    struct tro_patch_map m = {*x, *y, 1, 0, 0, 1};
    struct pair pair;
    if (!patch->has_texture)
        return false;
    for (int step = 0; step < MAX_STEPS; step++) {
        float sx = 0, sy = 0;
        if (!gather(plane, patch, &m, &pair))
            return false;
        subtract(1, &pair);
        for (int i = 0; i < N; i++) {
            sx -= patch->slope_x[i] * pair.found[i];
            sy -= patch->slope_y[i] * pair.found[i];
        }
        const float dx = patch->inverse[0] * sx + patch->inverse[1] * sy;
        const float dy = patch->inverse[1] * sx + patch->inverse[2] * sy;
        m.x += dx;
        m.y += dy;
        if (!(fabsf(m.x - *x) <= 2 * R && fabsf(m.y - *y) <= 2 * R) || !is_inside(plane, m.x, m.y))
            return false;
        if (fabsf(dx) < ENOUGH_PX && fabsf(dy) < ENOUGH_PX)
            break;
    }
    *x = m.x;
    *y = m.y;
    return true;
}

/* map := map after the inverse of the small map with these parameters. */
static bool compose_inverse(struct tro_patch_map *m, const float d[N_PARAMS])
{
    const float a = 1 + d[2], b = d[3], c = d[4], e = 1 + d[5], det = a * e - b * c;
    if (fabsf(det) < 0.1f)
        return false;
    const float ia = e / det, ib = -b / det, ic = -c / det, ie = a / det;
    const float tx = -(ia * d[0] + ib * d[1]), ty = -(ic * d[0] + ie * d[1]);
    const struct tro_patch_map old = *m;
    m->x = old.x + old.xx * tx + old.xy * ty;
    m->y = old.y + old.yx * tx + old.yy * ty;
    m->xx = old.xx * ia + old.xy * ic;
    m->xy = old.xx * ib + old.xy * ie;
    m->yx = old.yx * ia + old.yy * ic;
    m->yy = old.yx * ib + old.yy * ie;
    return true;
}

/* Neither mirrored, nor blown up or shrunk beyond what following can mean. */
static bool is_sane(const struct tro_patch_map *m)
{
    const float det = m->xx * m->yy - m->xy * m->yx;
    return det > 0.25f && det < 4 && fabsf(m->xy) < 1.2f && fabsf(m->yx) < 1.2f;
}

bool tro_patch_fit(const struct tro_patch *patch, const struct tro_plane *plane,
                   struct tro_patch_map *map)
{
    struct tro_patch_map m = *map;
    struct pair pair;
    if (!patch->has_affine)
        return false;
    for (int step = 0; step < MAX_STEPS; step++) {
        if (!gather(plane, patch, &m, &pair))
            return false;
        const float gain = pair.energy > 0 ? sqrtf(pair.patch_energy / pair.energy) : 1;
        float sums[N_PARAMS] = {0}, d[N_PARAMS] = {0}, each[N_PARAMS];
        subtract(gain, &pair);
        for (int i = 0; i < N; i++) {
            descent(patch, i, each);
            for (int k = 0; k < N_PARAMS; k++)
                sums[k] += each[k] * pair.found[i];
        }
        for (int k = 0; k < N_PARAMS; k++)
            for (int l = 0; l < N_PARAMS; l++)
                d[k] += patch->inverse6[k][l] * sums[l];
        if (!compose_inverse(&m, d) || !is_sane(&m) || !is_inside(plane, m.x, m.y) ||
            !(fabsf(m.x - map->x) <= R && fabsf(m.y - map->y) <= R))
            return false;
        if (fabsf(d[0]) < ENOUGH_PX && fabsf(d[1]) < ENOUGH_PX)
            break;
    }
    *map = m;
    return true;
}

float tro_patch_compare(const struct tro_patch *patch, const struct tro_plane *plane,
                        const struct tro_patch_map *map)
{
    struct pair p;
    float both = 0;
    if (!gather(plane, patch, map, &p) ||
        !(p.energy > p.n && p.patch_energy > p.n)) /* a grey level of deviation */
        return 0;
    for (int i = 0; i < N; i++)
        both += p.value[i] * p.found[i];
    return both / sqrtf(p.energy * p.patch_energy);
}

/* As compare, for a patch whose pixels fall onto those of the picture, the first at column, row. */
static float compare_at(const struct tro_patch *patch, const struct tro_plane *plane, int column,
                        int row)
{
    float sum = 0, squares = 0, both = 0;
    for (int v = 0; v < SIDE; v++) {
        const uint8_t *const p = plane->p + (row + v) * plane->width + column;
        const float *const q = patch->value + v * SIDE, *const w = patch->weight + v * SIDE;
        for (int u = 0; u < SIDE; u++) {
            const float found = p[u] * w[u];
            sum += found;
            squares += found * found;
            both += found * q[u];
        }
    }
    const float energy = squares - sum * sum / patch->n;
    return energy > patch->n && patch->energy > patch->n ? both / sqrtf(energy * patch->energy) : 0;
}

float tro_patch_search(const struct tro_patch *patch, const struct tro_plane *plane, int reach,
                       float *x, float *y)
{
    const int column0 = (int)floorf(*x) - R, row0 = (int)floorf(*y) - R;
    float best = -1;
    for (int row = row0 - reach; row <= row0 + reach; row++) {
        for (int column = column0 - reach; column <= column0 + reach; column++) {
            if (row < 0 || column < 0 || row + SIDE > plane->height || column + SIDE > plane->width)
                continue;
            const float ncc = compare_at(patch, plane, column, row);
            if (ncc > best) {
                best = ncc;
                *x = (float)(column + R) + 0.5f;
                *y = (float)(row + R) + 0.5f;
            }
        }
    }
    return best;
}
