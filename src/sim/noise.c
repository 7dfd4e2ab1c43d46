/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/noise.h"

#include "sim/rand.h"

#define SIDE TRO_NOISE_SIDE
#define CELLS TRO_NOISE_CELLS
#define VOXELS_PER_CELL (SIDE / CELLS)

/* One random vector for each cell of a volume, 0..1 each way. */
struct cells {
    struct vec3 at[CELLS * CELLS * CELLS];
};

static struct vec3 unit_cube(uint64_t word)
{
    const float scale = 1.0f / 2097152;
    return v3((float)(word & 0x1fffff) * scale, (float)(word >> 21 & 0x1fffff) * scale,
              (float)(word >> 42 & 0x1fffff) * scale);
}

static void cells_fill(struct cells *cells, uint64_t key)
{
    for (int i = 0; i < CELLS * CELLS * CELLS; i++)
        cells->at[i] = unit_cube(tro_rand_at(key, (uint64_t)i));
}

static struct vec3 cell(const struct cells *cells, int x, int y, int z)
{
    const int m = CELLS - 1;
    return cells->at[((z & m) * CELLS + (y & m)) * CELLS + (x & m)];
}

static float fade(float t)
{
    return t * t * t * (t * (t * 6 - 15) + 10);
}

/* The contribution of one corner of the cell to gradient noise; f is the position from it. */
static float corner(const struct cells *cells, int x, int y, int z, struct vec3 f)
{
    const struct vec3 g = cell(cells, x, y, z);
    return (2 * g.x - 1) * f.x + (2 * g.y - 1) * f.y + (2 * g.z - 1) * f.z;
}

static float gradient_noise(const struct cells *cells, struct vec3 p)
{
    const int x = f_floor(p.x), y = f_floor(p.y), z = f_floor(p.z);
    const struct vec3 f = v3(p.x - (float)x, p.y - (float)y, p.z - (float)z);
    float row[4];
    for (int i = 0; i < 4; i++) {
        const int dy = i & 1, dz = i >> 1;
        const struct vec3 from = v3(f.x, f.y - (float)dy, f.z - (float)dz);
        row[i] = f_mix(corner(cells, x, y + dy, z + dz, from),
                       corner(cells, x + 1, y + dy, z + dz, v3_sub(from, v3(1, 0, 0))), fade(f.x));
    }
    const float near_z = f_mix(row[0], row[1], fade(f.y)), far_z = f_mix(row[2], row[3], fade(f.y));
    return 1.6f * f_mix(near_z, far_z, fade(f.z));
}

static float nearest_point(const struct cells *cells, struct vec3 p)
{
    const int x = f_floor(p.x), y = f_floor(p.y), z = f_floor(p.z);
    float best = 8;
    for (int i = 0; i < 27; i++) {
        const int cx = x + i % 3 - 1, cy = y + i / 3 % 3 - 1, cz = z + i / 9 - 1;
        const struct vec3 origin = v3((float)cx, (float)cy, (float)cz);
        const struct vec3 to = v3_sub(v3_add(cell(cells, cx, cy, cz), origin), p);
        best = f_min(best, v3_dot(to, to));
    }
    return sqrtf(best);
}

static int voxel_index(int x, int y, int z)
{
    const int m = SIDE - 1;
    return ((z & m) * SIDE + (y & m)) * SIDE + (x & m);
}

/* Slopes from the values of the neighbours on both sides. */
static void slopes_fill(struct tro_noise_volume *volume)
{
    tro_f4 *const v = volume->voxels;
    const float half = 0.5f * VOXELS_PER_CELL;
    for (int i = 0; i < SIDE * SIDE * SIDE; i++) {
        const int x = i % SIDE, y = i / SIDE % SIDE, z = i / (SIDE * SIDE);
        const float dx = v[voxel_index(x + 1, y, z)][0] - v[voxel_index(x - 1, y, z)][0];
        const float dy = v[voxel_index(x, y + 1, z)][0] - v[voxel_index(x, y - 1, z)][0];
        const float dz = v[voxel_index(x, y, z + 1)][0] - v[voxel_index(x, y, z - 1)][0];
        v[i] = (tro_f4){v[i][0], dx * half, dy * half, dz * half};
    }
}

void tro_noise_bake(struct tro_noise *noise, uint64_t seed)
{
    const uint64_t key = tro_rand_key(seed, TRO_STREAM_NOISE);
    struct cells slopes, points;
    cells_fill(&slopes, key);
    cells_fill(&points, key + 1);
    for (int i = 0; i < SIDE * SIDE * SIDE; i++) {
        const struct vec3 voxel = v3((float)(i % SIDE), (float)(i / SIDE % SIDE),
                                     (float)(i / (SIDE * SIDE)));
        const struct vec3 p = v3_scale(voxel, 1.0f / VOXELS_PER_CELL);
        noise->smooth.voxels[i][0] = gradient_noise(&slopes, p);
        noise->lobes.voxels[i][0] = nearest_point(&points, p);
    }
    slopes_fill(&noise->smooth);
    slopes_fill(&noise->lobes);
}

static inline tro_f4 lookup(const struct tro_noise_volume *volume, struct vec3 cell)
{
    const struct vec3 p = v3_scale(cell, VOXELS_PER_CELL);
    const int x = f_floor(p.x), y = f_floor(p.y), z = f_floor(p.z), m = SIDE - 1;
    const float fx = p.x - (float)x, fy = p.y - (float)y, fz = p.z - (float)z;
    const int x0 = x & m, x1 = (x + 1) & m;
    const int y0 = (y & m) * SIDE, y1 = ((y + 1) & m) * SIDE;
    const tro_f4 *const near_z = volume->voxels + (z & m) * SIDE * SIDE;
    const tro_f4 *const far_z = volume->voxels + ((z + 1) & m) * SIDE * SIDE;
    const tro_f4 a = f4_mix(near_z[y0 + x0], far_z[y0 + x0], fz);
    const tro_f4 b = f4_mix(near_z[y0 + x1], far_z[y0 + x1], fz);
    const tro_f4 c = f4_mix(near_z[y1 + x0], far_z[y1 + x0], fz);
    const tro_f4 d = f4_mix(near_z[y1 + x1], far_z[y1 + x1], fz);
    return f4_mix(f4_mix(a, b, fx), f4_mix(c, d, fx), fy);
}

struct tro_noise_sample tro_noise_at(const struct tro_noise_volume *volume, struct vec3 cell)
{
    const tro_f4 v = lookup(volume, cell);
    return (struct tro_noise_sample){v[0], v3(v[1], v[2], v[3])};
}

float tro_noise_value(const struct tro_noise_volume *volume, struct vec3 cell)
{
    return lookup(volume, cell)[0];
}

float tro_motion(uint64_t key, uint64_t channel, double t)
{
    const int64_t whole = (int64_t)t - (t < (double)(int64_t)t);
    const uint64_t lane = tro_rand_key(key, channel);
    const float a = tro_rand_unit(tro_rand_at(lane, (uint64_t)whole));
    const float b = tro_rand_unit(tro_rand_at(lane, (uint64_t)whole + 1));
    return 2 * f_mix(a, b, fade((float)(t - (double)whole))) - 1;
}
