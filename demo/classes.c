/* SPDX-License-Identifier: Apache-2.0 */
#include "classes.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Cuts the next item off a list with commas. */
static struct tro_str next_item(struct tro_str *list)
{
    const char *comma = list->n ? memchr(list->p, ',', list->n) : NULL;
    const size_t n = comma ? (size_t)(comma - list->p) : list->n;
    const struct tro_str item = {list->p, n};
    list->p += comma ? n + 1 : n;
    list->n -= comma ? n + 1 : n;
    return item;
}

static int read_name(struct tro_str item, struct demo_class *c, struct tro_err *err)
{
    if (!item.n || item.n >= sizeof c->name)
        return tro_fail(
            err, TRO_E_INPUT,
            "metadata 'trocar.classes': expected names of 1 to %zu letters, found '%.*s'",
            sizeof c->name - 1, (int)item.n, item.p);
    memcpy(c->name, item.p, item.n);
    c->is_instrument = strncmp(c->name, "instrument", strlen("instrument")) == 0;
    return 0;
}

static int read_colour(struct tro_str item, struct demo_class *c, struct tro_err *err)
{
    char text[8] = {0};
    unsigned r, g, b;
    int n_read = 0;
    if (item.n == 7)
        memcpy(text, item.p, item.n);
    if (sscanf(text, "#%2x%2x%2x%n", &r, &g, &b, &n_read) != 3 || n_read != 7)
        return tro_fail(err, TRO_E_INPUT,
                        "metadata 'trocar.palette': expected a colour such as #3080f0 for class "
                        "'%s', found '%.*s'",
                        c->name, (int)item.n, item.p);
    c->rgb[0] = (uint8_t)r;
    c->rgb[1] = (uint8_t)g;
    c->rgb[2] = (uint8_t)b;
    c->is_marked = r + g + b > 0;
    return 0;
}

int demo_classes_read(const struct tro_onnx_model *model, struct demo_classes *out,
                      struct tro_err *err)
{
    struct tro_str names = tro_onnx_metadata(model, "trocar.classes");
    struct tro_str colours = tro_onnx_metadata(model, "trocar.palette");
    *out = (struct demo_classes){0};
    if (!names.n || !colours.n)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a segmentation network whose metadata has 'trocar.classes' and "
                        "'trocar.palette', found no such entries");
    while (names.n) {
        if (out->n == DEMO_MAX_CLASSES)
            return tro_fail(err, TRO_E_INPUT,
                            "metadata 'trocar.classes': expected at most %d names, found more",
                            DEMO_MAX_CLASSES);
        struct demo_class *c = &out->v[out->n++];
        TRO_TRY(read_name(next_item(&names), c, err));
        TRO_TRY(read_colour(next_item(&colours), c, err));
    }
    return 0;
}

int demo_classes_find(const struct demo_classes *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->v[i].name, name) == 0)
            return i;
    return -1;
}
