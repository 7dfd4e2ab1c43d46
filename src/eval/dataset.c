/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/dataset_kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

#define MAX_LABELS_BYTES (1 << 16)
#define MAX_CLASSES 256

struct tro_truth_frame *tro_dataset_add(struct tro_dataset_build *b)
{
    struct tro_dataset *const d = b->d;
    if (d->n_frames == b->cap) {
        const int64_t cap = b->cap ? 2 * b->cap : 64;
        void *const more = tro_realloc(d->frames, (size_t)cap * sizeof(*d->frames));
        if (!more) {
            tro_fail_nomem(b->err);
            return NULL;
        }
        d->frames = more;
        b->cap = cap;
    }
    struct tro_truth_frame *const f = &d->frames[d->n_frames++];
    *f = (struct tro_truth_frame){.split = "", .slice = "", .camera = "", .procedure = ""};
    return f;
}

static bool leaves_folder(const char *name)
{
    if (name[0] == '/')
        return true;
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strcmp(at, "..") == 0 || strncmp(at, "../", 3) == 0)
            return true;
    }
    return false;
}

const char *tro_dataset_path(struct tro_dataset_build *b, const char *folder, const char *name)
{
    if (leaves_folder(name)) {
        tro_fail(b->err, TRO_E_INPUT, "expected a path within the data set, found '%.200s'", name);
        return NULL;
    }
    const char *const path = tro_arena_printf(&b->d->arena, "%s/%s", folder, name);
    if (!path)
        tro_fail_nomem(b->err);
    return path;
}

/* ---- labels.tsv ----------------------------------------------------------------------------- */

/* "3<TAB>liver<TAB>#d64040" */
static int read_label(struct tro_dataset_build *b, const char *line, size_t n)
{
    char *end;
    const long label = strtol(line, &end, 10);
    if (end == line || *end != '\t' || label < 0 || label >= MAX_CLASSES)
        return tro_fail(b->err, TRO_E_INPUT,
                        "labels.tsv: expected a number below %d, a tab and a name, found '%.*s'",
                        MAX_CLASSES, (int)n, line);
    const char *const name = end + 1;
    const size_t n_name = strcspn(name, "\t\n");
    const char *const copy = tro_arena_strndup(&b->d->arena, name, n_name);
    if (!copy)
        return tro_fail_nomem(b->err);
    b->d->classes[label] = copy;
    if (name[n_name] == '\t' && name[n_name + 1] == '#')
        b->d->colours[label] = (int32_t)(strtol(name + n_name + 2, NULL, 16) & 0xffffff);
    if (label >= b->d->n_classes)
        b->d->n_classes = (int)label + 1;
    return 0;
}

int tro_dataset_read_labels(struct tro_dataset_build *b, const char *folder)
{
    const char *const path = tro_dataset_path(b, folder, "labels.tsv");
    struct tro_file file;
    if (!path)
        return b->err->status;
    if (!tro_file_exists(path))
        return 0;
    TRO_TRY(tro_file_read(&file, path, MAX_LABELS_BYTES, b->err));
    const char *const text = tro_arena_strndup(&b->d->arena, file.data, file.n_bytes);
    tro_file_finish(&file);
    if (!text)
        return tro_fail_nomem(b->err);
    const char *line = text;
    for (bool is_head = true; *line; is_head = false) {
        const size_t n = strcspn(line, "\n");
        if (!is_head && n > 0)
            TRO_TRY(read_label(b, line, n));
        line += n + (line[n] == '\n');
    }
    return b->d->n_classes > 0;
}

/* ---- any form ------------------------------------------------------------------------------- */

static int in_order(const void *a, const void *b)
{
    const struct tro_truth_frame *const x = a, *const y = b;
    int rc = strcmp(x->slice, y->slice);
    if (rc == 0)
        rc = strcmp(x->procedure, y->procedure);
    if (rc == 0)
        rc = (x->index > y->index) - (x->index < y->index);
    return rc ? rc : strcmp(x->picture, y->picture);
}

static bool is_wanted(const struct tro_dataset_build *b, const struct tro_truth_frame *f)
{
    return (!b->split || strcmp(b->split, f->split) == 0) &&
           (!b->slice || strcmp(b->slice, f->slice) == 0);
}

static int keep_wanted(struct tro_dataset_build *b)
{
    struct tro_dataset *const d = b->d;
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_frames; i++)
        if (is_wanted(b, &d->frames[i]))
            d->frames[n++] = d->frames[i];
    if (n == 0)
        return tro_fail(b->err, TRO_E_INPUT,
                        "expected frames%s%s%s%s, found none among %lld; docs/dataset.md says how "
                        "a data set looks",
                        b->split ? " of the split " : "", b->split ? b->split : "",
                        b->slice ? " of the slice " : "", b->slice ? b->slice : "",
                        (long long)d->n_frames);
    d->n_frames = n;
    qsort(d->frames, (size_t)n, sizeof(*d->frames), in_order);
    return 0;
}

static int read_any(struct tro_dataset_build *b, const char *path)
{
    if (tro_path_has_ext(path, ".json"))
        return tro_dataset_read_coco(b, path);
    const char *const lines = tro_dataset_path(b, path, "frames.jsonl");
    if (!lines)
        return b->err->status;
    TRO_TRY(tro_dataset_read_labels(b, path));
    return tro_file_exists(lines) ? tro_dataset_read_lines(b, path)
                                  : tro_dataset_read_masks(b, path);
}

int tro_dataset_read(const char *path, const char *split, const char *slice,
                     struct tro_dataset *out, struct tro_err *err)
{
    struct tro_dataset_build b = {.d = out, .split = split, .slice = slice, .err = err};
    *out = (struct tro_dataset){.path = path};
    out->classes = TRO_NEW_N(&out->arena, const char *, MAX_CLASSES);
    out->colours = TRO_NEW_N(&out->arena, int32_t, MAX_CLASSES);
    for (int i = 0; out->colours && i < MAX_CLASSES; i++)
        out->colours[i] = -1;
    int rc = out->classes && out->colours ? read_any(&b, path) : tro_fail_nomem(err);
    if (rc >= 0)
        rc = keep_wanted(&b);
    if (rc < 0)
        tro_dataset_finish(out);
    return tro_err_prefix(err, rc < 0 ? rc : 0, "%s: ", path);
}

void tro_dataset_finish(struct tro_dataset *d)
{
    tro_arena_finish(&d->arena);
    tro_free(d->frames);
    *d = (struct tro_dataset){0};
}
