/* SPDX-License-Identifier: Apache-2.0 */
#include "tiled.h"

#include "base/alloc.h"
#include "base/err.h"

/* ---- which input, which axes ----------------------------------------------------------- */

static int find_input(const struct tro_side *s, struct tro_err *err)
{
    for (int i = 0; i < tro_side_n_inputs(s); i++) {
        const int rank = tro_side_input_info(s, i).rank;
        if (rank >= 3 && rank <= 2 + TRO_TILES_MAX_AXES)
            return i;
    }
    return tro_fail(err, TRO_E_INPUT,
                    "--tile: expected a model with a signal, picture or volume as input (rank 3, 4 "
                    "or 5), found none");
}

static int check_sizes(struct tro_tiled *t, const struct tro_io_info *info, struct tro_err *err)
{
    if (t->spec.n_axes != 1 && t->spec.n_axes != t->n_axes)
        return tro_fail(err, TRO_E_INPUT,
                        "--tile: expected one size or %d for input '%s', found %d", t->n_axes,
                        info->name, t->spec.n_axes);
    for (int k = 0; k < t->n_axes; k++) {
        const int64_t fixed = info->shape[t->first_axis + k];
        const int64_t size = t->spec.size[t->spec.n_axes == 1 ? 0 : k];
        t->is_size_free[k] = fixed < 0;
        if (fixed >= 0 && fixed != size)
            return tro_fail(err, TRO_E_INPUT,
                            "--tile: expected windows of size %lld on axis %d as the model has for "
                            "input '%s', found %lld",
                            (long long)fixed, t->first_axis + k, info->name, (long long)size);
    }
    return 0;
}

static int init(struct tro_tiled *t, const struct tro_side *s, const char *spec,
                struct tro_err *err)
{
    TRO_TRY(tro_err_prefix(err, tro_tile_spec_parse(spec, &t->spec, err), "--tile: "));
    t->input = find_input(s, err);
    TRO_TRY(t->input);
    const struct tro_io_info info = tro_side_input_info(s, t->input);
    t->n_axes = info.rank - 2;
    t->first_axis = s->preprocess.is_nhwc ? 1 : 2;
    return check_sizes(t, &info, err);
}

struct tro_tiled *tro_tiled_create(const struct tro_side *s, const char *spec, struct tro_err *err)
{
    struct tro_tiled *t = tro_calloc(1, sizeof *t);
    if (!t) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (init(t, s, spec, err) < 0) {
        tro_free(t);
        return NULL;
    }
    return t;
}

void tro_tiled_destroy(struct tro_tiled *t)
{
    if (!t)
        return;
    tro_arena_finish(&t->arena);
    tro_free(t);
}

void tro_tiled_input_info(const struct tro_tiled *t, int i, struct tro_io_info *info)
{
    for (int k = 0; i == t->input && k < t->n_axes; k++) {
        info->shape[t->first_axis + k] = -1;
        info->dim_name[t->first_axis + k] = "";
    }
}

/* ---- running --------------------------------------------------------------------------- */

/* A model without a size of its own takes a picture that is smaller than a window as it is. */
static int plan_windows(const struct tro_tiled *t, const struct tro_tensor *whole,
                        struct tro_tiles *tiles, struct tro_err *err)
{
    struct tro_tile_spec spec = {.n_axes = t->n_axes, .overlap = t->spec.overlap};
    if (whole->rank != t->n_axes + 2)
        return tro_fail(err, TRO_E_INPUT, "--tile: expected a tensor of rank %d, found %d",
                        t->n_axes + 2, whole->rank);
    for (int k = 0; k < t->n_axes; k++)
        spec.size[k] = t->spec.size[t->spec.n_axes == 1 ? 0 : k];
    TRO_TRY(tro_tiles_init(tiles, whole, t->first_axis, t->n_axes, &spec, err));
    for (int k = 0; k < t->n_axes; k++) {
        struct tro_tile_axis *a = &tiles->axis[k];
        if (t->is_size_free[k] && a->length < a->size)
            a->size = a->length;
    }
    return 0;
}

static int add_outputs(struct tro_tiled *t, const struct tro_side *s, const struct tro_tiles *tiles,
                       int64_t window, struct tro_err *err)
{
    for (int i = 0; i < tro_side_n_outputs(s); i++) {
        struct tro_tensor out;
        TRO_TRY(tro_side_output(s, i, &out, err));
        int rc = window ? 0 : tro_tile_result_init(&t->results[i], tiles, &out, &t->arena, err);
        if (rc >= 0)
            rc = tro_tile_result_add(&t->results[i], tiles, window, &out, err);
        TRO_TRY(tro_err_prefix(err, rc, "output '%s': ", tro_side_output_info(s, i).name));
    }
    return 0;
}

/* inputs are the caller's copy, in which a window takes the place of the whole. */
static int run_windows(struct tro_tiled *t, struct tro_side *s, tro_tiled_fn *run,
                       struct tro_tensor *inputs, int n, struct tro_err *err)
{
    const struct tro_tensor whole = inputs[t->input];
    struct tro_tensor *window = &inputs[t->input];
    struct tro_tiles tiles;
    struct tro_progress progress;
    int rc = 0;
    TRO_TRY(plan_windows(t, &whole, &tiles, err));
    tro_tiles_form(&tiles, &whole, window);
    window->data = tro_arena_alloc64(&t->arena, tro_tensor_n_bytes(window));
    if (!window->data)
        return tro_fail_nomem(err);
    tro_progress_start(&progress, "windows", tiles.n);
    for (int64_t i = 0; i < tiles.n && rc >= 0; i++) {
        tro_tiles_cut(&tiles, i, &whole, window);
        rc = run(s, inputs, n, err);
        if (rc >= 0)
            rc = add_outputs(t, s, &tiles, i, err);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

int tro_tiled_run(struct tro_tiled *t, struct tro_side *s, tro_tiled_fn *run,
                  const struct tro_tensor *inputs, int n, struct tro_err *err)
{
    tro_arena_finish(&t->arena);
    t->is_done = false;
    t->results = TRO_NEW_N(&t->arena, struct tro_tile_result, (size_t)tro_side_n_outputs(s) + 1);
    struct tro_tensor *own = tro_arena_memdup(&t->arena, inputs, (size_t)n * sizeof *inputs);
    if (!t->results || !own)
        return tro_fail_nomem(err);
    TRO_TRY(run_windows(t, s, run, own, n, err));
    t->is_done = true;
    return 0;
}
