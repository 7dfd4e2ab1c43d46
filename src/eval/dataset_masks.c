/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures with masks beside them: images/ and masks/ of equal names, or NAME_endo.png with
 * NAME_endo_watershed_mask.png in folders of folders, whose name is the procedure. */
#include "eval/dataset_kind.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"

#define MAX_DEPTH 4

static const char endo[] = "_endo.png", watershed[] = "_endo_watershed_mask.png";

struct walk {
    struct tro_dataset_build *b;
    const char *folder, *name; /* name: its own, of the procedure */
    int depth;
};

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        if (tro_path_has_ext(name, endings[i]))
            return true;
    return false;
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t n = strlen(name), m = strlen(ending);
    return n > m && strcmp(name + n - m, ending) == 0;
}

/* "frame_80_endo.png": 80; 0 where there is no number. */
static int64_t number_in(const char *name)
{
    const char *const digits = name + strcspn(name, "0123456789");
    return strtoll(digits, NULL, 10);
}

static int add(struct walk *w, const char *picture, const char *label, int64_t index)
{
    struct tro_truth_frame *const f = tro_dataset_add(w->b);
    if (!f)
        return w->b->err->status;
    f->picture = picture;
    f->label = label;
    f->index = index;
    f->procedure = w->name;
    return 0;
}

/* ---- images/ and masks/ --------------------------------------------------------------------- */

/* The mask of equal name, whatever its ending. */
static const char *mask_of(struct walk *w, const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".tif", ".tiff"};
    const char *const dot = strrchr(name, '.');
    const int n = (int)(dot ? dot - name : (ptrdiff_t)strlen(name));
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        const char *const path = tro_arena_printf(&w->b->d->arena, "%s/masks/%.*s%s", w->folder, n,
                                                  name, endings[i]);
        if (path && tro_file_exists(path))
            return path;
    }
    tro_fail(w->b->err, TRO_E_INPUT, "images/%s: expected masks/%.*s.png beside it, found none",
             name, n, name);
    return NULL;
}

static int add_image(void *ctx, const char *name, struct tro_err *err)
{
    struct walk *const w = ctx;
    if (!is_picture(name))
        return 0;
    const char *const picture = tro_arena_printf(&w->b->d->arena, "%s/images/%s", w->folder, name);
    const char *const mask = mask_of(w, name);
    if (!picture)
        return tro_fail_nomem(err);
    return mask ? add(w, picture, mask, 0) : err->status;
}

/* ---- frames with watershed masks ------------------------------------------------------------ */

static int visit(void *ctx, const char *name, struct tro_err *err)
{
    struct walk *const w = ctx;
    struct tro_arena *const arena = &w->b->d->arena;
    const char *const path = tro_arena_printf(arena, "%s/%s", w->folder, name);
    const char *const copy = tro_arena_strdup(arena, name);
    if (!path || !copy)
        return tro_fail_nomem(err);
    if (tro_dir_exists(path)) {
        struct walk inner = {w->b, path, copy, w->depth + 1};
        return inner.depth < MAX_DEPTH ? tro_dir_list(path, visit, &inner, err) : 0;
    }
    if (!ends_with(name, endo))
        return 0;
    const char *const mask = tro_arena_printf(arena, "%.*s%s", (int)(strlen(path) - strlen(endo)),
                                              path, watershed);
    if (!mask)
        return tro_fail_nomem(err);
    return tro_file_exists(mask) ? add(w, path, mask, number_in(name)) : 0;
}

int tro_dataset_read_masks(struct tro_dataset_build *b, const char *folder)
{
    struct walk w = {b, folder, "", 0};
    const char *const images = tro_arena_printf(&b->d->arena, "%s/images", folder);
    if (!images)
        return tro_fail_nomem(b->err);
    if (b->d->n_classes == 0) {
        b->d->classes[0] = "background";
        b->d->classes[1] = "foreground";
        b->d->n_classes = 2;
        b->d->is_binary = true;
    }
    return tro_dir_exists(images) ? tro_dir_list(images, add_image, &w, b->err)
                                  : tro_dir_list(folder, visit, &w, b->err);
}
