/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/random.h"
#include "inputs.h"

/* ---- random ---------------------------------------------------------------------------- */

static int find_input(const struct tro_samples *s, const char *spec, const char **shape, int *index,
                      struct tro_err *err)
{
    const char *name;
    size_t n_name;
    tro_split_name(spec, &name, &n_name, shape);
    const int n = tro_side_n_inputs(s->side);
    if (!n_name && n != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "--shapes: expected NAME=SHAPE as the model has %d inputs, found '%s'", n,
                        spec);
    for (*index = 0; *index < n; ++*index) {
        const char *input = tro_side_input_info(s->side, *index).name;
        if (!n_name || (strlen(input) == n_name && memcmp(input, name, n_name) == 0))
            return 0;
    }
    return tro_fail(err, TRO_E_INPUT, "--shapes: expected the name of an input, found '%.*s'",
                    (int)n_name, name);
}

/* A size that the user gives one input holds for the symbol wherever it stands. */
static int64_t size_of_symbol(const struct tro_samples *s, const char *symbol)
{
    for (int i = 0; i < tro_side_n_inputs(s->side) && symbol[0]; i++) {
        const struct tro_io_info info = tro_side_input_info(s->side, i);
        for (int a = 0; a < s->forms[i].rank && s->forms[i].dtype; a++)
            if (info.shape[a] < 0 && strcmp(info.dim_name[a], symbol) == 0)
                return s->forms[i].shape[a];
    }
    return 1;
}

static int set_given_shape(struct tro_samples *s, const char *spec, struct tro_err *err)
{
    const char *text;
    int i = 0;
    TRO_TRY(find_input(s, spec, &text, &i, err));
    const struct tro_io_info info = tro_side_input_info(s->side, i);
    struct tro_tensor *t = &s->forms[i];
    TRO_TRY(tro_err_prefix(err, tro_parse_shape(text, t->shape, &t->rank, err), "--shapes: "));
    t->dtype = info.dtype;
    bool fits = info.rank < 0 || info.rank == t->rank;
    for (int a = 0; a < t->rank && fits && info.rank >= 0; a++)
        fits = info.shape[a] < 0 || info.shape[a] == t->shape[a];
    if (!fits)
        return tro_fail(err, TRO_E_INPUT,
                        "--shapes: expected a shape that fits input '%s', found '%s'", info.name,
                        text);
    return 0;
}

static int set_free_shape(struct tro_samples *s, int i, struct tro_err *err)
{
    const struct tro_io_info info = tro_side_input_info(s->side, i);
    struct tro_tensor t = {.dtype = info.dtype, .rank = info.rank};
    if (info.rank < 0)
        return tro_fail(err, TRO_E_INPUT,
                        "input '%s': expected a rank in the model, found none: add --shapes "
                        "%s=SHAPE",
                        info.name, info.name);
    const bool is_open = !tro_side_optimal_shape(s->side, i, t.shape);
    for (int a = 0; a < info.rank && is_open; a++)
        t.shape[a] = info.shape[a] < 0 ? size_of_symbol(s, info.dim_name[a]) : info.shape[a];
    s->forms[i] = t;
    return 0;
}

static int plan_random(struct tro_samples *s, struct tro_err *err)
{
    const int n = tro_side_n_inputs(s->side);
    s->forms = TRO_NEW_N(&s->arena, struct tro_tensor, (size_t)n + 1);
    if (!s->forms)
        return tro_fail_nomem(err);
    for (int i = 0; i < s->opts.shapes->n; i++)
        TRO_TRY(set_given_shape(s, s->opts.shapes->v[i], err));
    for (int i = 0; i < n; i++)
        if (!s->forms[i].dtype)
            TRO_TRY(set_free_shape(s, i, err));
    s->n = s->opts.n_random ? s->opts.n_random : 1;
    return 0;
}

static int read_random(const struct tro_samples *s, int64_t run, struct tro_arena *arena,
                       struct tro_tensor *out, struct tro_err *err)
{
    for (int i = 0; i < tro_side_n_inputs(s->side); i++) {
        const struct tro_random r = {s->opts.seed, (uint64_t)run, (uint64_t)i};
        size_t n_bytes = tro_dtype_size(s->forms[i].dtype);
        out[i] = s->forms[i];
        for (int a = 0; a < out[i].rank; a++)
            if (__builtin_mul_overflow(n_bytes, (size_t)out[i].shape[a], &n_bytes))
                return tro_fail_nomem(err);
        out[i].data = tro_arena_alloc64(arena, n_bytes);
        if (!out[i].data)
            return tro_fail_nomem(err);
        tro_random_fill(&r, &out[i]);
    }
    return 0;
}

/* ---- folders --------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_left_out(const char *name)
{
    return name[0] == '.' || starts_with(name, "output_") || starts_with(name, "label_");
}

static bool is_data_file(const char *name)
{
    static const char *const endings[] = {".npy", ".pb", ".raw", ".bin"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (tro_path_has_ext(name, endings[i]))
            return true;
    return tro_is_picture_path(name);
}

struct listing {
    struct tro_arena *arena;
    const char *dir;
    struct tro_sample_entry *entries;
    size_t n, cap;
};

static int list_one(void *ctx, const char *name, struct tro_err *err)
{
    struct listing *l = ctx;
    struct tro_sample_entry e = {.name = tro_arena_strdup(l->arena, name),
                                 .path = tro_arena_printf(l->arena, "%s/%s", l->dir, name)};
    if (!e.name || !e.path)
        return tro_fail_nomem(err);
    e.is_folder = tro_dir_exists(e.path);
    if (is_left_out(name) || (!e.is_folder && !is_data_file(name)))
        return 0;
    if (TRO_GROW(&l->entries, l->n, &l->cap) < 0)
        return tro_fail_nomem(err);
    l->entries[l->n++] = e;
    return 0;
}

/* The entries are the heap's. */
static int list_folder(struct listing *l, struct tro_err *err)
{
    const int rc = tro_dir_list(l->dir, list_one, l, err);
    if (rc >= 0)
        return 0;
    tro_free(l->entries);
    l->entries = NULL;
    return rc;
}

static int plan_folder(struct tro_samples *s, struct tro_err *err)
{
    struct listing l = {.arena = &s->arena, .dir = s->opts.dir};
    TRO_TRY(list_folder(&l, err));
    s->entries = l.entries;
    s->n = (int64_t)l.n;
    bool is_one = false;
    for (size_t i = 0; i < l.n; i++)
        is_one |= !l.entries[i].is_folder && starts_with(l.entries[i].name, "input_0.");
    if (is_one) {
        s->entries[0] = (struct tro_sample_entry){s->opts.dir, tro_path_base(s->opts.dir), true};
        s->n = 1;
    }
    if (!s->n)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected pictures, .npy or .pb files, or folders of them, found none",
                        s->opts.dir);
    return 0;
}

/* The input that a file's name means: "NAME.npy" or "input_<i>.npy"; -1: neither. */
static int input_of_file(const struct tro_samples *s, const char *file)
{
    const char *dot = strrchr(file, '.');
    const size_t n_stem = dot ? (size_t)(dot - file) : strlen(file);
    for (int i = 0; i < tro_side_n_inputs(s->side); i++) {
        const char *name = tro_side_input_info(s->side, i).name;
        char numbered[32];
        snprintf(numbered, sizeof numbered, "input_%d", i);
        if ((strlen(name) == n_stem && memcmp(name, file, n_stem) == 0) ||
            (strlen(numbered) == n_stem && memcmp(numbered, file, n_stem) == 0))
            return i;
    }
    return -1;
}

/* Files that name their input go first, so that the others take what is left. */
static int add_specs(const struct tro_samples *s, const struct listing *l, bool is_named,
                     struct tro_arena *arena, struct tro_list *specs, struct tro_err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        const int input = input_of_file(s, l->entries[i].name);
        if (l->entries[i].is_folder || (input >= 0) != is_named)
            continue;
        const char *spec = l->entries[i].path;
        if (is_named)
            spec = tro_arena_printf(arena, "%s=%s", tro_side_input_info(s->side, input).name, spec);
        if (!spec)
            return tro_fail_nomem(err);
        if (specs->n == TRO_LIST_MAX)
            return tro_fail(err, TRO_E_INPUT, "%s: expected at most %d files, found more", l->dir,
                            TRO_LIST_MAX);
        specs->v[specs->n++] = spec;
    }
    return 0;
}

static int read_folder(const struct tro_samples *s, const char *dir, struct tro_arena *arena,
                       struct tro_tensor *out, struct tro_err *err)
{
    struct listing l = {.arena = arena, .dir = dir};
    struct tro_list *specs = TRO_NEW(arena, struct tro_list);
    if (!specs)
        return tro_fail_nomem(err);
    TRO_TRY(list_folder(&l, err));
    int rc = add_specs(s, &l, true, arena, specs, err);
    if (rc >= 0)
        rc = add_specs(s, &l, false, arena, specs, err);
    tro_free(l.entries);
    TRO_TRY(rc);
    return tro_inputs_read(s->side, specs, arena, out, err);
}

static int read_entry(const struct tro_samples *s, const struct tro_sample_entry *e,
                      struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    if (e->is_folder)
        return tro_err_prefix(err, read_folder(s, e->path, arena, out, err), "%s: ", e->name);
    if (tro_side_n_inputs(s->side) != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected a folder with a file for each of the %d inputs, found a file",
                        e->path, tro_side_n_inputs(s->side));
    const struct tro_io_info info = tro_side_input_info(s->side, 0);
    return tro_input_read(s->side, e->path, &info, arena, out, err);
}

/* ---- all ------------------------------------------------------------------------------- */

int tro_samples_open(struct tro_samples *s, const struct tro_side *side,
                     const struct tro_samples_opts *opts, struct tro_err *err)
{
    *s = (struct tro_samples){.side = side, .opts = *opts, .n = 1};
    if ((opts->files->n > 0) + (opts->dir != NULL) + (opts->n_random > 0) > 1)
        return tro_fail(err, TRO_E_INPUT,
                        "expected one of -i, --data and --random, found more than one");
    if (opts->shapes->n && (opts->files->n || opts->dir))
        return tro_fail(err, TRO_E_INPUT,
                        "expected --shapes with random inputs, found it with files, which have "
                        "shapes");
    const int rc = opts->files->n ? 0 : opts->dir ? plan_folder(s, err) : plan_random(s, err);
    if (rc < 0)
        tro_samples_close(s);
    return rc;
}

void tro_samples_close(struct tro_samples *s)
{
    tro_free(s->entries);
    tro_arena_finish(&s->arena);
    *s = (struct tro_samples){0};
}

int tro_samples_read(const struct tro_samples *s, int64_t i, struct tro_arena *arena,
                     struct tro_tensor *out, struct tro_err *err)
{
    if (s->opts.files->n)
        return tro_inputs_read(s->side, s->opts.files, arena, out, err);
    if (s->opts.dir)
        return read_entry(s, &s->entries[i], arena, out, err);
    return read_random(s, i, arena, out, err);
}

void tro_samples_print_name(const struct tro_samples *s, int64_t i, char *out, size_t n)
{
    if (s->entries)
        snprintf(out, n, "%s", s->entries[i].name);
    else
        snprintf(out, n, "sample %lld", (long long)i);
}
