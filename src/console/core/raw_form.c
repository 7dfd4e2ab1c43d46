/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/raw_form.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "record/field.h"

static const char *const matrices[] = {"bt709", "bt601", NULL};
static const char *const ranges[] = {"limited", "full", NULL};

struct raw_form {
    int64_t width, height;
    int matrix, range; /* indexes of the lists above */
};

static int read_form(const struct tro_field *top, bool has_colours, struct raw_form *out)
{
    static const char *const keys[] = {"width", "height", "matrix", "range", NULL};
    static const char *const few[] = {"width", "height", NULL};
    TRO_TRY(tro_field_want_keys(top, has_colours ? keys : few));
    TRO_TRY(tro_field_int(top, "width", 2, TRO_FRAME_MAX_SIDE, &out->width));
    TRO_TRY(tro_field_int(top, "height", 2, TRO_FRAME_MAX_SIDE, &out->height));
    TRO_TRY(tro_field_choice(top, "matrix", matrices, &out->matrix));
    TRO_TRY(tro_field_choice(top, "range", ranges, &out->range));
    return 0;
}

static int compare(const struct tro_field *top, const struct raw_form *found,
                   const struct tro_frame_form *want, bool has_colours)
{
    if (found->width != want->width || found->height != want->height)
        return tro_field_fail(top,
                              "expected frames of %d x %d, which the configuration asks for, "
                              "found %lld x %lld",
                              want->width, want->height, (long long)found->width,
                              (long long)found->height);
    if (has_colours &&
        (found->matrix != (int)want->is_bt601 || found->range != (int)want->is_full_range))
        return tro_field_fail(top,
                              "expected matrix %s and range %s, which the configuration asks "
                              "for, found %s and %s",
                              matrices[want->is_bt601], ranges[want->is_full_range],
                              found->matrix < 0 ? "none" : matrices[found->matrix],
                              found->range < 0 ? "none" : ranges[found->range]);
    return 0;
}

static int check_text(const struct tro_file *file, const struct tro_frame_form *form,
                      struct tro_err *err)
{
    const bool has_colours = form->format != TRO_FRAME_RGB8;
    struct raw_form found = {.matrix = -1, .range = -1};
    struct tro_arena arena = {0};
    struct tro_field top;
    int rc = tro_field_parse(file->data, file->n_bytes, &arena, &top, err);
    if (rc >= 0) {
        rc = read_form(&top, has_colours, &found);
        if (rc >= 0)
            rc = compare(&top, &found, form, has_colours);
        tro_field_finish(&top);
    }
    tro_arena_finish(&arena);
    return rc;
}

int tro_raw_form_check(const char *path, const struct tro_frame_form *form, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_file file;
    const char *const want = tro_frame_format_name(form->format);
    const char *const dot = strrchr(tro_path_base(path), '.');
    const char *const beside = tro_arena_printf(&arena, "%s.json", path);
    int rc = beside ? 0 : tro_fail_nomem(err);
    if (rc >= 0 && (!dot || strcmp(dot + 1, want) != 0))
        rc = tro_fail(err, TRO_E_INPUT, "%s: expected frames of %s, found a file of another format",
                      path, want);
    if (rc >= 0)
        rc = tro_file_read(&file, beside, 65536, err);
    if (rc >= 0) {
        rc = tro_err_prefix(err, check_text(&file, form, err), "%s: ", beside);
        tro_file_finish(&file);
    }
    tro_arena_finish(&arena);
    return rc;
}
