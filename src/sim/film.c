/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/film.h"

#include "base/thread.h"

struct blur {
    struct tro_film *f;
    int radius, n, stride; /* elements of a line, and how far they are apart */
    const tro_f4 *from;
    tro_f4 *to;
};

/* A running sum along one line. */
static void blur_line(const struct blur *b, const tro_f4 *from, tro_f4 *to)
{
    const int last = b->n - 1, r = b->radius;
    const float share = 1 / (float)(2 * r + 1);
    tro_f4 sum = {0, 0, 0, 0};
    for (int i = -r; i <= r; i++)
        sum += from[(int64_t)(i < 0 ? 0 : i > last ? last : i) * b->stride];
    for (int i = 0; i < b->n; i++) {
        tro_f4 *const t = &to[(int64_t)i * b->stride];
        const float depth = from[(int64_t)i * b->stride][3];
        *t = sum * f4_of(share);
        (*t)[3] = depth;
        const int in = i + r + 1 > last ? last : i + r + 1, out = i - r < 0 ? 0 : i - r;
        sum += from[(int64_t)in * b->stride] - from[(int64_t)out * b->stride];
    }
}

static void blur_row(void *ctx, int64_t y)
{
    const struct blur *b = ctx;
    blur_line(b, b->from + y * b->f->width, b->to + y * b->f->width);
}

static void blur_column(void *ctx, int64_t x)
{
    const struct blur *b = ctx;
    blur_line(b, b->from + x, b->to + x);
}

void tro_film_blur(struct tro_film *f, int radius)
{
    struct blur rows = {f, radius, f->width, 1, f->px, f->spare};
    struct blur columns = {f, radius, f->height, f->width, f->spare, f->px};
    for (int i = 0; radius > 0 && i < 2; i++) {
        tro_parallel_for(f->height, blur_row, &rows);
        tro_parallel_for(f->width, blur_column, &columns);
    }
}
