/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tiles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

#define MAX_ALIGN 32

/* ---- what the user asks for ------------------------------------------------------------ */

static bool parse_number(const char **p, int64_t *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    errno = 0;
    *out = strtoll(*p, &end, 10);
    *p = end;
    return !errno && *out <= INT32_MAX;
}

int tro_tile_spec_parse(const char *text, struct tro_tile_spec *out, struct tro_err *err)
{
    const char *p = text;
    bool ok = true;
    *out = (struct tro_tile_spec){0};
    do {
        ok = out->n_axes < TRO_TILES_MAX_AXES && parse_number(&p, &out->size[out->n_axes]) &&
             out->size[out->n_axes] > 0;
        out->n_axes++;
    } while (ok && *p++ == 'x');
    ok = ok && p[-1] == ':' && parse_number(&p, &out->overlap) && !*p;
    if (!ok)
        return tro_fail(err, TRO_E_INPUT,
                        "expected SIZE:OVERLAP as in 256:32, 256x192:32 or 96x96x64:16, found '%s'",
                        text);
    return 0;
}

/* ---- one axis -------------------------------------------------------------------------- */

static int64_t blend_of(int64_t overlap)
{
    return overlap / 4;
}

static int64_t margin_of(int64_t overlap)
{
    return overlap > 0 ? (overlap - 1) / 2 : 0;
}

int tro_tile_axis_init(struct tro_tile_axis *a, int64_t length, int64_t size, int64_t overlap,
                       struct tro_err *err)
{
    int64_t align = MAX_ALIGN;
    int64_t step = size - overlap - blend_of(overlap);
    if (step < 1)
        return tro_fail(err, TRO_E_INPUT,
                        "expected windows larger than the overlap and a quarter of it, %lld, found "
                        "%lld",
                        (long long)(overlap + blend_of(overlap)), (long long)size);
    while (size % align || step < align)
        align /= 2;
    step -= step % align;
    const int64_t n = length <= size ? 1 : (length - size + step - 1) / step + 1;
    *a = (struct tro_tile_axis){length, size, overlap, step, n};
    return 0;
}

int64_t tro_tile_start(const struct tro_tile_axis *a, int64_t i)
{
    const int64_t last = a->length > a->size ? a->length - a->size : 0;
    return i * a->step < last ? i * a->step : last;
}

/* At a distance from a window's edge that is a seam. */
static float ramp(const struct tro_tile_axis *a, int64_t distance)
{
    const int64_t margin = margin_of(a->overlap);
    const int64_t width = a->overlap + blend_of(a->overlap) - 2 * margin;
    if (distance < margin)
        return 0;
    return distance - margin >= width ? 1 : (float)(distance - margin + 1) / (float)(width + 1);
}

float tro_tile_weight(const struct tro_tile_axis *a, int64_t i, int64_t begin, int64_t end)
{
    const int64_t start = tro_tile_start(a, i);
    const float left = start > 0 ? ramp(a, begin) : 1;
    const float right = start + a->size < a->length ? ramp(a, a->size - end) : 1;
    return left < right ? left : right;
}

/* ---- cutting --------------------------------------------------------------------------- */

int tro_tiles_init(struct tro_tiles *t, const struct tro_tensor *whole, int first_axis, int n_axes,
                   const struct tro_tile_spec *spec, struct tro_err *err)
{
    *t = (struct tro_tiles){.n_axes = n_axes, .first_axis = first_axis, .n = 1};
    if (n_axes < 1 || n_axes > TRO_TILES_MAX_AXES || first_axis < 0 ||
        first_axis + n_axes > whole->rank)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a signal, a picture or a volume with batch and channels, found "
                        "rank %d",
                        whole->rank);
    if (spec->n_axes != 1 && spec->n_axes != n_axes)
        return tro_fail(err, TRO_E_INPUT, "expected one window size or %d, found %d", n_axes,
                        spec->n_axes);
    for (int k = 0; k < n_axes; k++) {
        const int64_t length = whole->shape[first_axis + k];
        if (length < 1)
            return tro_fail(err, TRO_E_INPUT, "expected a size of 1 or more on axis %d, found 0",
                            first_axis + k);
        TRO_TRY(tro_tile_axis_init(&t->axis[k], length, spec->size[spec->n_axes == 1 ? 0 : k],
                                   spec->overlap, err));
        t->n *= t->axis[k].n;
    }
    return 0;
}

void tro_tiles_form(const struct tro_tiles *t, const struct tro_tensor *whole,
                    struct tro_tensor *window)
{
    *window = *whole;
    window->data = NULL;
    for (int k = 0; k < t->n_axes; k++)
        window->shape[t->first_axis + k] = t->axis[k].size;
}

/* Which window it is on each axis, the last axis fastest. */
static void window_index(const struct tro_tiles *t, int64_t i, int64_t at[TRO_TILES_MAX_AXES])
{
    for (int k = t->n_axes - 1; k >= 0; k--) {
        at[k] = i % t->axis[k].n;
        i /= t->axis[k].n;
    }
}

static int64_t product(const struct tro_tensor *t, int begin, int end)
{
    int64_t n = 1;
    for (int i = begin; i < end; i++)
        n *= t->shape[i];
    return n;
}

/* Any tensor as [outer, z, y, x, inner]. */
struct grid {
    int64_t outer, inner;
    int64_t size[TRO_TILES_MAX_AXES]; /* 1 for axes that are not there, which come first */
};

static struct grid grid_of(const struct tro_tensor *t, int first_axis, int n_axes)
{
    struct grid g = {.outer = product(t, 0, first_axis),
                     .inner = product(t, first_axis + n_axes, t->rank),
                     .size = {1, 1, 1}};
    for (int k = 0; k < n_axes; k++)
        g.size[TRO_TILES_MAX_AXES - n_axes + k] = t->shape[first_axis + k];
    return g;
}

static int64_t grid_row(const struct grid *g, int64_t outer, int64_t z, int64_t y)
{
    return ((outer * g->size[0] + z) * g->size[1] + y) * g->size[2] * g->inner;
}

static int64_t at_most(int64_t i, int64_t n)
{
    return i < n ? i : n - 1;
}

static void cut_row(const char *from, int64_t start, int64_t length, char *to, int64_t n,
                    size_t n_inner)
{
    const int64_t inside = start + n <= length ? n : length - start;
    memcpy(to, from + (size_t)start * n_inner, (size_t)inside * n_inner);
    for (int64_t x = inside; x < n; x++)
        memcpy(to + (size_t)x * n_inner, from + (size_t)(length - 1) * n_inner, n_inner);
}

void tro_tiles_cut(const struct tro_tiles *t, int64_t i, const struct tro_tensor *whole,
                   struct tro_tensor *window)
{
    const struct grid from = grid_of(whole, t->first_axis, t->n_axes);
    const struct grid to = grid_of(window, t->first_axis, t->n_axes);
    const size_t size = tro_dtype_size(whole->dtype), n_inner = (size_t)from.inner * size;
    int64_t at[TRO_TILES_MAX_AXES], start[TRO_TILES_MAX_AXES] = {0};
    if (!n_inner)
        return;
    window_index(t, i, at);
    for (int k = 0; k < t->n_axes; k++)
        start[TRO_TILES_MAX_AXES - t->n_axes + k] = tro_tile_start(&t->axis[k], at[k]);
    for (int64_t o = 0; o < from.outer; o++)
        for (int64_t z = 0; z < to.size[0]; z++)
            for (int64_t y = 0; y < to.size[1]; y++) {
                const int64_t row = grid_row(&from, o, at_most(start[0] + z, from.size[0]),
                                             at_most(start[1] + y, from.size[1]));
                cut_row((const char *)whole->data + (size_t)row * size, start[2], from.size[2],
                        (char *)window->data + (size_t)grid_row(&to, o, z, y) * size, to.size[2],
                        n_inner);
            }
}

/* ---- putting together ------------------------------------------------------------------ */

/* Elements of the output for each of the window: up / down. */
static bool is_scaled(int64_t output, int64_t window)
{
    return output > 0 && (output % window == 0 || window % output == 0);
}

static bool axes_match(const struct tro_tiles *t, const struct tro_tensor *output, int first)
{
    if (first < 0 || first + t->n_axes > output->rank)
        return false;
    for (int k = 0; k < t->n_axes; k++) {
        const int64_t n = output->shape[first + k];
        /* The same scale on all axes: otherwise it is chance that they match. */
        if (!is_scaled(n, t->axis[k].size) ||
            n * t->axis[0].size != output->shape[first] * t->axis[k].size)
            return false;
    }
    return true;
}

static int find_axes(const struct tro_tiles *t, const struct tro_tensor *output)
{
    const int last = output->rank - t->n_axes;
    const bool is_channels_last = t->first_axis == 1 && output->rank == t->n_axes + 2;
    if (is_channels_last)
        return axes_match(t, output, last - 1) ? last - 1 : -1;
    return axes_match(t, output, last) ? last : -1;
}

static int check_starts(const struct tro_tile_axis *a, int64_t output, struct tro_err *err)
{
    const int64_t down = output < a->size ? a->size / output : 1;
    for (int64_t i = 0; i < a->n; i++)
        if (tro_tile_start(a, i) % down)
            return tro_fail(err, TRO_E_INPUT,
                            "the network makes one element of %lld: expected a size that is a "
                            "multiple of it, found %lld: crop the input",
                            (long long)down, (long long)a->length);
    return 0;
}

int tro_tile_result_init(struct tro_tile_result *r, const struct tro_tiles *t,
                         const struct tro_tensor *output, struct tro_arena *arena,
                         struct tro_err *err)
{
    int64_t n_places = 1;
    *r = (struct tro_tile_result){.whole = *output, .first_axis = find_axes(t, output)};
    if (r->first_axis < 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected an output whose last sizes are those of the window, or whole "
                        "multiples or parts of them, found other ones: it cannot be put together "
                        "from windows");
    for (int k = 0; k < t->n_axes; k++) {
        const struct tro_tile_axis *a = &t->axis[k];
        const int64_t n = output->shape[r->first_axis + k];
        TRO_TRY(check_starts(a, n, err));
        r->whole.shape[r->first_axis + k] = (a->length * n + a->size - 1) / a->size;
        n_places *= r->whole.shape[r->first_axis + k];
    }
    r->whole.data = tro_arena_alloc64(arena, tro_tensor_n_bytes(&r->whole));
    r->weight = TRO_NEW_N(arena, float, (size_t)n_places);
    return r->whole.data && r->weight ? 0 : tro_fail_nomem(err);
}

/* One place of the result: inner elements, for each of the outer ones. */
struct place {
    char *to;
    const char *from;
    int64_t outer, inner, to_stride, from_stride; /* strides of outer in elements */
    enum tro_dtype dtype;
};

static void take(const struct place *p)
{
    const size_t size = tro_dtype_size(p->dtype);
    for (int64_t o = 0; o < p->outer; o++)
        memcpy(p->to + (size_t)(o * p->to_stride) * size,
               p->from + (size_t)(o * p->from_stride) * size, (size_t)p->inner * size);
}

static void blend_f32(const struct place *p, float share)
{
    for (int64_t o = 0; o < p->outer; o++) {
        float *to = (float *)(void *)p->to + o * p->to_stride;
        const float *from = (const float *)(const void *)p->from + o * p->from_stride;
        for (int64_t i = 0; i < p->inner; i++)
            if (to[i] != from[i])
                to[i] += share * (from[i] - to[i]);
    }
}

static void blend_f64(const struct place *p, double share)
{
    for (int64_t o = 0; o < p->outer; o++) {
        double *to = (double *)(void *)p->to + o * p->to_stride;
        const double *from = (const double *)(const void *)p->from + o * p->from_stride;
        for (int64_t i = 0; i < p->inner; i++)
            if (to[i] != from[i])
                to[i] += share * (from[i] - to[i]);
    }
}

/* The weights of a place sum to `so_far` before. */
static void add_place(const struct place *p, float weight, float *so_far)
{
    const bool is_blended = p->dtype == TRO_F32 || p->dtype == TRO_F64;
    if (!*so_far || (!is_blended && weight > *so_far))
        take(p);
    else if (is_blended && weight > 0 && p->dtype == TRO_F32)
        blend_f32(p, weight / (*so_far + weight));
    else if (is_blended && weight > 0)
        blend_f64(p, (double)weight / ((double)*so_far + (double)weight));
    if (is_blended)
        *so_far += weight;
    else if (weight > *so_far)
        *so_far = weight;
}

/* Where a window's output lies in the whole one, on three axes. */
struct span {
    struct grid from, to;
    int64_t start[TRO_TILES_MAX_AXES], n[TRO_TILES_MAX_AXES]; /* n: as far as the whole reaches */
    const struct tro_tile_axis *axis[TRO_TILES_MAX_AXES];     /* NULL: not there */
    int64_t index[TRO_TILES_MAX_AXES];
};

static struct span span_of(const struct tro_tile_result *r, const struct tro_tiles *t, int64_t i,
                           const struct tro_tensor *output)
{
    struct span s = {.from = grid_of(output, r->first_axis, t->n_axes),
                     .to = grid_of(&r->whole, r->first_axis, t->n_axes)};
    int64_t at[TRO_TILES_MAX_AXES];
    window_index(t, i, at);
    for (int k = 0; k < TRO_TILES_MAX_AXES; k++) {
        const int axis = k - (TRO_TILES_MAX_AXES - t->n_axes);
        if (axis >= 0) {
            s.axis[k] = &t->axis[axis];
            s.index[k] = at[axis];
            s.start[k] = tro_tile_start(s.axis[k], at[axis]) * s.from.size[k] / s.axis[k]->size;
        }
        const int64_t room = s.to.size[k] - s.start[k];
        s.n[k] = s.from.size[k] < room ? s.from.size[k] : room;
    }
    return s;
}

static float weight_at(const struct span *s, int k, int64_t j)
{
    const struct tro_tile_axis *a = s->axis[k];
    if (!a)
        return 1;
    const int64_t n = s->from.size[k];
    return tro_tile_weight(a, s->index[k], j * a->size / n, ((j + 1) * a->size + n - 1) / n);
}

static void add_row(struct tro_tile_result *r, const struct span *s, int64_t z, int64_t y,
                    float weight, const struct tro_tensor *output)
{
    const int64_t to_z = s->start[0] + z, to_y = s->start[1] + y;
    const size_t size = tro_dtype_size(output->dtype);
    const int64_t to_row = grid_row(&s->to, 0, to_z, to_y) + s->start[2] * s->to.inner;
    const int64_t from_row = grid_row(&s->from, 0, z, y);
    float *so_far = r->weight + (to_z * s->to.size[1] + to_y) * s->to.size[2] + s->start[2];
    struct place p = {.outer = s->from.outer,
                      .inner = s->from.inner,
                      .to_stride = grid_row(&s->to, 1, 0, 0),
                      .from_stride = grid_row(&s->from, 1, 0, 0),
                      .dtype = output->dtype};
    for (int64_t x = 0; x < s->n[2]; x++) {
        p.to = (char *)r->whole.data + (size_t)(to_row + x * p.inner) * size;
        p.from = (const char *)output->data + (size_t)(from_row + x * p.inner) * size;
        add_place(&p, weight * weight_at(s, 2, x), &so_far[x]);
    }
}

static bool has_form(const struct tro_tile_result *r, const struct tro_tiles *t,
                     const struct tro_tensor *output)
{
    bool ok = output->dtype == r->whole.dtype && output->rank == r->whole.rank;
    for (int a = 0; a < output->rank && ok; a++)
        ok = (a >= r->first_axis && a < r->first_axis + t->n_axes) ||
             output->shape[a] == r->whole.shape[a];
    return ok && axes_match(t, output, r->first_axis);
}

int tro_tile_result_add(struct tro_tile_result *r, const struct tro_tiles *t, int64_t i,
                        const struct tro_tensor *output, struct tro_err *err)
{
    if (!has_form(r, t, output))
        return tro_fail(err, TRO_E_INPUT,
                        "expected outputs of one form from all windows, found another one");
    const struct span s = span_of(r, t, i, output);
    for (int64_t z = 0; z < s.n[0]; z++)
        for (int64_t y = 0; y < s.n[1]; y++)
            add_row(r, &s, z, y, weight_at(&s, 0, z) * weight_at(&s, 1, y), output);
    return 0;
}
