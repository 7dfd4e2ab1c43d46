/* SPDX-License-Identifier: Apache-2.0 */
/* COCO's file of instances: images, annotations with boxes, categories. Pictures lie beside it, or
 * in images/ there. Crowds are left out. */
#include "eval/dataset_kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "record/field.h"

#define MAX_BYTES ((size_t)1 << 30)

struct annotation {
    int64_t image;
    struct tro_truth_box box;
};

struct category {
    int64_t id;
    const char *name;
};

struct coco {
    struct tro_dataset_build *b;
    const char *folder;
    int64_t *images; /* ids, in the order of the frames */
    struct category *categories;
    int n_categories;
    struct annotation *boxes;
    int64_t n_boxes;
};

static int want_id(const struct tro_field *f, const char *key, int64_t *out)
{
    const int rc = tro_field_int(f, key, 0, INT64_MAX / 2, out);
    return rc == 0 ? tro_field_fail(f, "expected the key %s, found none", key) : rc;
}

/* ---- images --------------------------------------------------------------------------------- */

static const char *find_picture(struct coco *c, const char *name)
{
    const char *const inner = tro_arena_printf(&c->b->d->arena, "images/%s", name);
    const char *const path = tro_dataset_path(c->b, c->folder, name);
    if (!path || !inner)
        return NULL;
    return tro_file_exists(path) ? path : tro_dataset_path(c->b, c->folder, inner);
}

static int read_image(void *ctx, const char *key, const struct tro_field *f)
{
    struct coco *const c = ctx;
    const char *name = NULL;
    int64_t id, width = 0, height = 0;
    (void)key;
    TRO_TRY(want_id(f, "id", &id));
    TRO_TRY(tro_field_text(f, "file_name", &name));
    if (!name)
        return tro_field_fail(f, "expected the key file_name, found none");
    TRO_TRY(tro_field_int(f, "width", 1, INT16_MAX, &width));
    TRO_TRY(tro_field_int(f, "height", 1, INT16_MAX, &height));
    const char *const path = find_picture(c, name);
    if (!path)
        return c->b->err->status;
    c->images[c->b->d->n_frames] = id;
    struct tro_truth_frame *const frame = tro_dataset_add(c->b);
    if (!frame)
        return c->b->err->status;
    frame->picture = path;
    frame->width = (int)width;
    frame->height = (int)height;
    frame->has_boxes = true;
    return 0;
}

/* ---- boxes ---------------------------------------------------------------------------------- */

static int read_category(void *ctx, const char *key, const struct tro_field *f)
{
    struct coco *const c = ctx;
    struct category *const to = &c->categories[c->n_categories];
    (void)key;
    TRO_TRY(want_id(f, "id", &to->id));
    TRO_TRY(tro_field_text(f, "name", &to->name));
    if (!to->name)
        return tro_field_fail(f, "expected the key name, found none");
    c->n_categories++;
    return 0;
}

static const char *category_of(const struct coco *c, int64_t id)
{
    for (int i = 0; i < c->n_categories; i++)
        if (c->categories[i].id == id)
            return c->categories[i].name;
    return NULL;
}

static int read_annotation(void *ctx, const char *key, const struct tro_field *f)
{
    struct coco *const c = ctx;
    struct annotation *const to = &c->boxes[c->n_boxes];
    int64_t category, is_crowd = 0;
    double v[4];
    (void)key;
    TRO_TRY(want_id(f, "image_id", &to->image));
    TRO_TRY(want_id(f, "category_id", &category));
    TRO_TRY(tro_field_int(f, "iscrowd", 0, 1, &is_crowd));
    const int n = tro_field_numbers(f, "bbox", 4, v);
    TRO_TRY(n);
    to->box.name = category_of(c, category);
    if (n != 4)
        return tro_field_fail(f, "expected the key bbox, x, y, width and height");
    if (!to->box.name)
        return tro_field_fail(f, "category_id: expected one of the categories, found %lld",
                              (long long)category);
    to->box.x0 = v[0];
    to->box.y0 = v[1];
    to->box.x1 = v[0] + v[2];
    to->box.y1 = v[1] + v[3];
    c->n_boxes += !is_crowd;
    return 0;
}

static int by_image(const void *a, const void *b)
{
    const struct annotation *const x = a, *const y = b;
    return (x->image > y->image) - (x->image < y->image);
}

static int64_t first_of(const struct coco *c, int64_t image)
{
    int64_t lo = 0, hi = c->n_boxes;
    while (lo < hi) {
        const int64_t mid = (lo + hi) / 2;
        if (c->boxes[mid].image < image)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int hand_out(struct coco *c)
{
    struct tro_dataset *const d = c->b->d;
    qsort(c->boxes, (size_t)c->n_boxes, sizeof(*c->boxes), by_image);
    for (int64_t i = 0; i < d->n_frames; i++) {
        const int64_t first = first_of(c, c->images[i]);
        int64_t end = first;
        while (end < c->n_boxes && c->boxes[end].image == c->images[i])
            end++;
        struct tro_truth_frame *const f = &d->frames[i];
        f->n_boxes = (int)(end - first);
        f->boxes = TRO_NEW_N(&d->arena, struct tro_truth_box, (size_t)f->n_boxes + 1);
        if (!f->boxes)
            return tro_fail_nomem(c->b->err);
        for (int k = 0; k < f->n_boxes; k++)
            f->boxes[k] = c->boxes[first + k].box;
    }
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

static int want_list(const struct tro_field *top, const char *key, struct tro_field *out, size_t *n)
{
    const int rc = tro_field_get(top, key, out);
    TRO_TRY(rc);
    const int64_t count = rc ? tro_field_n_elements(out) : -1;
    *n = (size_t)(count > 0 ? count : 0);
    return count < 0 ? tro_field_fail(top, "expected the key %s, a list", key) : 0;
}

static int read_parts(struct coco *c, const struct tro_field *top)
{
    struct tro_arena *const arena = &c->b->d->arena;
    struct tro_field images, annotations, categories;
    size_t n_images, n_annotations, n_categories;
    TRO_TRY(want_list(top, "images", &images, &n_images));
    TRO_TRY(want_list(top, "annotations", &annotations, &n_annotations));
    TRO_TRY(want_list(top, "categories", &categories, &n_categories));
    c->images = TRO_NEW_N(arena, int64_t, n_images + 1);
    c->boxes = TRO_NEW_N(arena, struct annotation, n_annotations + 1);
    c->categories = TRO_NEW_N(arena, struct category, n_categories + 1);
    if (!c->images || !c->boxes || !c->categories)
        return tro_fail_nomem(c->b->err);
    TRO_TRY(tro_field_each_element(&images, read_image, c));
    TRO_TRY(tro_field_each_element(&categories, read_category, c));
    TRO_TRY(tro_field_each_element(&annotations, read_annotation, c));
    return hand_out(c);
}

int tro_dataset_read_coco(struct tro_dataset_build *b, const char *path)
{
    struct coco c = {.b = b};
    struct tro_file file;
    struct tro_field top;
    const int n_folder = (int)(tro_path_base(path) - path);
    c.folder = n_folder ? tro_arena_strndup(&b->d->arena, path, (size_t)n_folder - 1) : ".";
    if (!c.folder)
        return tro_fail_nomem(b->err);
    TRO_TRY(tro_file_read(&file, path, MAX_BYTES, b->err));
    int rc = tro_field_parse(file.data, file.n_bytes, &b->d->arena, &top, b->err);
    tro_file_finish(&file);
    if (rc < 0)
        return rc;
    rc = read_parts(&c, &top);
    tro_field_finish(&top);
    return rc;
}
