/* SPDX-License-Identifier: Apache-2.0 */
/* COCO's file of instances: images, annotations with boxes or segmentations, categories. Pictures
 * lie beside it, or in images/ there. Crowds have no box. Labels of pixels are 0, "background", and
 * 1 + the place of a category. */
#include "eval/dataset_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "record/field.h"

#define MAX_BYTES ((size_t)1 << 30)
#define MAX_PIXELS (INT64_C(64) << 20)
#define MAX_CLASSES 256

struct annotation {
    int64_t image, number; /* number: its place in the file */
    bool is_crowd, has_box;
    int64_t size[2]; /* of runs: height and width; 0: it has none */
    struct tro_truth_box box;
    struct tro_truth_shape *shapes;
    int n_shapes;
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
    struct annotation *annotations;
    int64_t n_annotations;
    bool has_shapes; /* of any annotation */
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
    if (!width != !height || width * height > MAX_PIXELS)
        return tro_field_fail(f,
                              "expected width and height of at most %lld pixels, found %lld x "
                              "%lld",
                              (long long)MAX_PIXELS, (long long)width, (long long)height);
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

/* ---- categories ----------------------------------------------------------------------------- */

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

/* -1: there is none of this id. */
static int category_of(const struct coco *c, int64_t id)
{
    for (int i = 0; i < c->n_categories; i++)
        if (c->categories[i].id == id)
            return i;
    return -1;
}

static int name_classes(struct coco *c)
{
    struct tro_dataset *const d = c->b->d;
    if (!c->has_shapes)
        return 0;
    if (c->n_categories >= MAX_CLASSES)
        return tro_fail(c->b->err, TRO_E_INPUT,
                        "expected fewer than %d categories where annotations have segmentations, "
                        "found %d",
                        MAX_CLASSES, c->n_categories);
    d->classes[0] = "background";
    for (int i = 0; i < c->n_categories; i++)
        d->classes[1 + i] = c->categories[i].name;
    d->n_classes = 1 + c->n_categories;
    return 0;
}

/* ---- segmentations -------------------------------------------------------------------------- */

struct shapes {
    struct annotation *to;
    uint8_t label;
};

static int read_polygon(void *ctx, const char *key, const struct tro_field *f)
{
    const struct shapes *const s = ctx;
    double *v;
    (void)key;
    const int n = tro_field_all_numbers(f, TRO_SHAPE_MAX_NUMBERS, &v);
    TRO_TRY(n);
    if (n < 6 || n % 2)
        return tro_field_fail(f, "expected x and y of three corners and more, found %d numbers", n);
    for (int i = 0; i < n; i++)
        if (!(fabs(v[i]) <= TRO_SHAPE_MAX_COORDINATE))
            return tro_field_fail(f, "expected coordinates of at most %g, found %g",
                                  TRO_SHAPE_MAX_COORDINATE, v[i]);
    s->to->shapes[s->to->n_shapes++] = (struct tro_truth_shape){s->label, false, n, v};
    return 0;
}

/* {"size": [height, width], "counts": [..]} */
static int read_runs(const struct shapes *s, const struct tro_field *f, int64_t size[2])
{
    static const char *const keys[] = {"size", "counts", NULL};
    struct tro_field counts;
    double *v, sum = 0;
    TRO_TRY(tro_field_want_keys(f, keys));
    const int has_size = tro_field_ints(f, "size", 2, 1, INT16_MAX, size);
    TRO_TRY(has_size);
    const int has_counts = tro_field_get(f, "counts", &counts);
    TRO_TRY(has_counts);
    if (!has_size || !has_counts)
        return tro_field_fail(f, "expected the keys size and counts");
    const int n = tro_field_all_numbers(&counts, TRO_SHAPE_MAX_NUMBERS, &v);
    TRO_TRY(n);
    for (int i = 0; i < n; i++) {
        if (!(v[i] >= 0 && v[i] <= MAX_PIXELS && v[i] == floor(v[i])))
            return tro_field_fail(&counts, "expected numbers of pixels, found %g", v[i]);
        sum += v[i];
    }
    if (sum != (double)(size[0] * size[1]))
        return tro_field_fail(&counts, "expected %lld pixels together, found %.0f",
                              (long long)(size[0] * size[1]), sum);
    s->to->shapes[s->to->n_shapes++] = (struct tro_truth_shape){s->label, true, n, v};
    return 0;
}

static int read_segmentation(struct coco *c, const struct tro_field *annotation,
                             struct annotation *to, int category)
{
    struct tro_field f;
    const struct shapes s = {to, (uint8_t)(1 + category)};
    const int rc = tro_field_get(annotation, "segmentation", &f);
    if (rc <= 0)
        return rc;
    const int64_t n = tro_field_n_elements(&f);
    to->shapes = TRO_NEW_N(f.arena, struct tro_truth_shape, n < 1 ? 1 : (size_t)n);
    if (!to->shapes)
        return tro_fail_nomem(f.err);
    if (n >= 0) {
        TRO_TRY(tro_field_each_element(&f, read_polygon, (void *)(uintptr_t)&s));
    } else if (tro_field_n_members(&f) >= 0) {
        TRO_TRY(read_runs(&s, &f, to->size));
    } else {
        return tro_field_fail(&f, "expected a list of polygons, or an object of size and counts");
    }
    c->has_shapes |= to->n_shapes > 0;
    return 0;
}

/* ---- boxes ---------------------------------------------------------------------------------- */

/* What the corners of all polygons lie in. */
static bool find_box(const struct annotation *a, struct tro_truth_box *box)
{
    bool is_found = false;
    for (int i = 0; i < a->n_shapes && !a->shapes[i].is_runs; i++)
        for (int k = 0; k + 1 < a->shapes[i].n; k += 2) {
            const double x = a->shapes[i].numbers[k], y = a->shapes[i].numbers[k + 1];
            box->x0 = is_found ? fmin(box->x0, x) : x;
            box->y0 = is_found ? fmin(box->y0, y) : y;
            box->x1 = is_found ? fmax(box->x1, x) : x;
            box->y1 = is_found ? fmax(box->y1, y) : y;
            is_found = true;
        }
    return is_found;
}

static int read_box(const struct tro_field *f, struct annotation *to)
{
    double v[4];
    const int n = tro_field_numbers(f, "bbox", 4, v);
    TRO_TRY(n);
    to->has_box = n == 4 || (n == 0 && find_box(to, &to->box));
    if (!to->has_box && (n || !to->n_shapes))
        return tro_field_fail(f, "expected the key bbox, x, y, width and height");
    if (n == 4)
        to->box = (struct tro_truth_box){v[0], v[1], v[0] + v[2], v[1] + v[3], to->box.name};
    return 0;
}

static int read_annotation(void *ctx, const char *key, const struct tro_field *f)
{
    struct coco *const c = ctx;
    struct annotation *const to = &c->annotations[c->n_annotations];
    int64_t id, is_crowd = 0;
    (void)key;
    TRO_TRY(want_id(f, "image_id", &to->image));
    TRO_TRY(want_id(f, "category_id", &id));
    TRO_TRY(tro_field_int(f, "iscrowd", 0, 1, &is_crowd));
    const int category = category_of(c, id);
    if (category < 0)
        return tro_field_fail(f, "category_id: expected one of the categories, found %lld",
                              (long long)id);
    to->is_crowd = is_crowd;
    to->box.name = c->categories[category].name;
    TRO_TRY(read_segmentation(c, f, to, category));
    TRO_TRY(read_box(f, to));
    to->number = c->n_annotations++;
    return 0;
}

/* ---- what each picture gets ----------------------------------------------------------------- */

static int by_image(const void *a, const void *b)
{
    const struct annotation *const x = a, *const y = b;
    return x->image != y->image ? (x->image > y->image) - (x->image < y->image)
                                : (x->number > y->number) - (x->number < y->number);
}

static int64_t first_of(const struct coco *c, int64_t image)
{
    int64_t lo = 0, hi = c->n_annotations;
    while (lo < hi) {
        const int64_t mid = (lo + hi) / 2;
        if (c->annotations[mid].image < image)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int want_size(const struct coco *c, const struct annotation *a,
                     const struct tro_truth_frame *f)
{
    if (!a->size[0] || (f->height == a->size[0] && f->width == a->size[1]))
        return 0;
    return tro_fail(c->b->err, TRO_E_INPUT,
                    "%s: expected runs of the picture's size, [%d, %d], found [%lld, %lld]",
                    f->picture, f->height, f->width, (long long)a->size[0], (long long)a->size[1]);
}

/* Masks are known where each annotation has a segmentation, or where there is none at all in a file
 * whose others have them. */
static int hand_to(struct coco *c, struct tro_truth_frame *f, const struct annotation *first,
                   int64_t n)
{
    struct tro_arena *const arena = &c->b->d->arena;
    size_t n_shapes = 0;
    f->has_shapes = c->has_shapes;
    for (int64_t i = 0; i < n; i++) {
        n_shapes += (size_t)first[i].n_shapes;
        f->has_shapes &= first[i].n_shapes > 0;
    }
    f->boxes = TRO_NEW_N(arena, struct tro_truth_box, (size_t)n + 1);
    f->shapes = TRO_NEW_N(arena, struct tro_truth_shape, n_shapes + 1);
    if (!f->boxes || !f->shapes)
        return tro_fail_nomem(c->b->err);
    for (int64_t i = 0; i < n; i++) {
        TRO_TRY(want_size(c, &first[i], f));
        if (first[i].has_box && !first[i].is_crowd)
            f->boxes[f->n_boxes++] = first[i].box;
        for (int k = 0; k < first[i].n_shapes; k++)
            f->shapes[f->n_shapes++] = first[i].shapes[k];
    }
    if (f->has_shapes && !f->width)
        return tro_fail(c->b->err, TRO_E_INPUT,
                        "%s: expected width and height, since annotations have segmentations",
                        f->picture);
    return 0;
}

static int hand_out(struct coco *c)
{
    struct tro_dataset *const d = c->b->d;
    qsort(c->annotations, (size_t)c->n_annotations, sizeof(*c->annotations), by_image);
    for (int64_t i = 0; i < d->n_frames; i++) {
        const int64_t first = first_of(c, c->images[i]);
        int64_t end = first;
        while (end < c->n_annotations && c->annotations[end].image == c->images[i])
            end++;
        TRO_TRY(hand_to(c, &d->frames[i], &c->annotations[first], end - first));
    }
    return name_classes(c);
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
    c->annotations = TRO_NEW_N(arena, struct annotation, n_annotations + 1);
    c->categories = TRO_NEW_N(arena, struct category, n_categories + 1);
    if (!c->images || !c->annotations || !c->categories)
        return tro_fail_nomem(c->b->err);
    TRO_TRY(tro_field_each_element(&images, read_image, c));
    TRO_TRY(tro_field_each_element(&categories, read_category, c));
    TRO_TRY(tro_field_each_element(&annotations, read_annotation, c));
    return hand_out(c);
}

int tro_dataset_parse_coco(struct tro_dataset_build *b, const char *folder, const char *text,
                           size_t n)
{
    struct coco c = {.b = b, .folder = folder};
    struct tro_field top;
    TRO_TRY(tro_field_parse(text, n, &b->d->arena, &top, b->err));
    const int rc = read_parts(&c, &top);
    tro_field_finish(&top);
    return rc;
}

int tro_dataset_read_coco(struct tro_dataset_build *b, const char *path)
{
    struct tro_file file;
    const int n_folder = (int)(tro_path_base(path) - path);
    const char *const folder = n_folder
                                   ? tro_arena_strndup(&b->d->arena, path, (size_t)n_folder - 1)
                                   : ".";
    if (!folder)
        return tro_fail_nomem(b->err);
    TRO_TRY(tro_file_read(&file, path, MAX_BYTES, b->err));
    const int rc = tro_dataset_parse_coco(b, folder, file.data, file.n_bytes);
    tro_file_finish(&file);
    return rc;
}
