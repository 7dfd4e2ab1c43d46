/* SPDX-License-Identifier: Apache-2.0 */
/* What a data set says of its frames: one JSON text in COCO's form, or lines of them. What is
 * accepted can be drawn: each shape's pixels stay within the picture. */
#include "base/alloc.h"
#include "eval/dataset_kind.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_PIXELS 65536
#define GUARD 64

static void draw(const struct tro_truth_frame *f)
{
    const size_t n = (size_t)f->width * (size_t)f->height;
    struct tro_err err = {0};
    if (n == 0 || n > MAX_PIXELS)
        return;
    uint8_t *const labels = tro_malloc(n + 2 * GUARD);
    if (!labels)
        return;
    memset(labels, 0, n + 2 * GUARD);
    for (int i = 0; i < f->n_shapes; i++)
        if (tro_shape_draw(&f->shapes[i], f->width, f->height, labels + GUARD, &err) < 0 &&
            err.status != TRO_E_NOMEM)
            abort();
    for (int i = 0; i < GUARD; i++)
        if (labels[i] || labels[GUARD + n + (size_t)i])
            abort();
    tro_free(labels);
}

static void read(const char *text, size_t n, bool is_lines)
{
    static const char *classes[256];
    struct tro_dataset d = {.path = "set", .classes = classes};
    struct tro_err err = {0};
    struct tro_dataset_build b = {.d = &d, .err = &err};
    const int rc = is_lines ? tro_dataset_parse_lines(&b, "set", text, n)
                            : tro_dataset_parse_coco(&b, "set", text, n);
    if (rc < 0 && !err.text[0])
        abort();
    for (int64_t i = 0; rc >= 0 && i < d.n_frames; i++)
        if (d.frames[i].has_shapes)
            draw(&d.frames[i]);
    tro_dataset_finish(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read((const char *)data, size, false);
    read((const char *)data, size, true);
    return 0;
}
