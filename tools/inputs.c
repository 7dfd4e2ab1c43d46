/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "io/frame.h"
#include "io/tensor_file.h"

static int find_name(const char *name, size_t n_name, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strlen(names[i]) == n_name && memcmp(names[i], name, n_name) == 0)
            return i;
    return -1;
}

int tro_match_name(const char *spec, const char *const *names, bool *taken, int n, const char *what,
                   const char **file, int *index, struct tro_err *err)
{
    const char *name;
    size_t n_name;
    tro_split_name(spec, &name, &n_name, file);
    if (n_name) {
        *index = find_name(name, n_name, names, n);
        if (*index < 0 && tro_file_exists(spec)) { /* a file whose name holds '=' */
            *file = spec;
            n_name = 0;
        } else if (*index < 0) {
            return tro_fail(err, TRO_E_INPUT, "expected the name of an %s, found '%.*s'%s%s", what,
                            (int)n_name, name, n ? ": the first one is " : "", n ? names[0] : "");
        }
    }
    if (!n_name)
        for (*index = 0; *index < n && taken[*index];)
            ++*index;
    if (*index >= n)
        return tro_fail(err, TRO_E_INPUT, "expected files for %d %s%s, found '%s' besides", n, what,
                        n == 1 ? "" : "s", spec);
    if (taken[*index])
        return tro_fail(err, TRO_E_INPUT, "expected one file for %s '%s', found '%s' besides", what,
                        names[*index], spec);
    taken[*index] = true;
    return 0;
}

void tro_reinterpret_raw(struct tro_tensor *t, enum tro_dtype want)
{
    if (t->dtype == want || tro_dtype_size(t->dtype) != tro_dtype_size(want))
        return;
    const bool is_bits = want == TRO_BF16 ? t->dtype == TRO_U16 : t->dtype == TRO_U8;
    const bool has_no_numpy_type = want == TRO_BF16 || want == TRO_U4 || want == TRO_I4 ||
                                   (tro_dtype_is_float(want) && tro_dtype_size(want) == 1);
    if (has_no_numpy_type && (is_bits || (want == TRO_I4 && t->dtype == TRO_I8)))
        t->dtype = want;
}

/* What a file of raw elements holds: possible when the model fixes every size. */
static bool raw_form(const struct tro_io_info *info, struct tro_tensor *t)
{
    *t = (struct tro_tensor){.dtype = info->dtype, .rank = info->rank};
    for (int i = 0; i < info->rank; i++) {
        if (info->shape[i] < 0)
            return false;
        t->shape[i] = info->shape[i];
    }
    return info->rank >= 0;
}

/* How many numbers the text is, with commas between them; 0: it is none. */
static int64_t count_numbers(const char *text)
{
    for (int64_t n = 1;; n++) {
        char *end;
        strtod(text, &end);
        if (end == text || (*end && *end != ','))
            return 0;
        if (!*end)
            return n;
        text = end + 1;
    }
}

/* Open sizes are 1, a single one what is there. */
static int read_numbers(const char *text, int64_t n, const struct tro_io_info *info,
                        struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    *out = (struct tro_tensor){.dtype = info->dtype, .rank = info->rank};
    for (int i = 0; i < info->rank; i++)
        out->shape[i] = info->shape[i] >= 0 ? info->shape[i] : info->rank == 1 ? n : 1;
    if (tro_tensor_n_elems(out) != n)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a file or %lld numbers for input '%s', found %lld: '%s'",
                        (long long)tro_tensor_n_elems(out), info->name, (long long)n, text);
    out->data = tro_arena_alloc64(arena, tro_tensor_n_bytes(out) + 1);
    if (!out->data)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < n; i++) {
        char *end;
        tro_store_f64(out->dtype, out->data, i, strtod(text, &end));
        text = end + 1;
    }
    return 0;
}

int tro_input_read(const struct tro_side *s, const char *path, const struct tro_io_info *info,
                   struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    const struct tro_attrs_camera *const camera = tro_side_camera(s, info->name);
    struct tro_tensor raw;
    if (tro_is_picture_path(path))
        return camera ? tro_picture_to_frame(path, info, camera, arena, out, err)
                      : tro_picture_to_tensor(path, info, &s->preprocess, arena, out, err);
    const int64_t n_numbers = tro_file_exists(path) ? 0 : count_numbers(path);
    if (n_numbers && info->rank >= 0)
        return read_numbers(path, n_numbers, info, arena, out, err);
    TRO_TRY(tro_tensor_file_read(path, arena, raw_form(info, &raw) ? &raw : NULL, out, err));
    tro_reinterpret_raw(out, info->dtype);
    return 0;
}

int tro_inputs_read(const struct tro_side *s, const struct tro_list *specs, struct tro_arena *arena,
                    struct tro_tensor *out, struct tro_err *err)
{
    const int n = tro_side_n_inputs(s);
    const char **names = TRO_NEW_N(arena, const char *, (size_t)n + 1);
    bool *taken = TRO_NEW_N(arena, bool, (size_t)n + 1);
    if (!names || !taken)
        return tro_fail_nomem(err);
    for (int i = 0; i < n; i++)
        names[i] = tro_side_input_info(s, i).name;
    for (int i = 0; i < specs->n; i++) {
        const char *file;
        int at;
        TRO_TRY(tro_match_name(specs->v[i], names, taken, n, "input", &file, &at, err));
        const struct tro_io_info info = tro_side_input_info(s, at);
        TRO_TRY(tro_input_read(s, file, &info, arena, &out[at], err));
    }
    for (int i = 0; i < n; i++)
        if (!taken[i])
            return tro_fail(err, TRO_E_INPUT,
                            "expected a file or numbers for input '%s', found none: add -i %s=FILE "
                            "or -i %s=NUMBER",
                            names[i], names[i], names[i]);
    return 0;
}
