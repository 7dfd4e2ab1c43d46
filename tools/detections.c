/* SPDX-License-Identifier: Apache-2.0 */
#include "detections.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "plan/plan.h"
#include "record/record.h"
#include "table.h"

/* NAME_suffix; false when there is no such output, of that type. */
static bool find(const struct tro_side *s, const char *name, const char *suffix,
                 enum tro_dtype dtype, struct tro_tensor *t)
{
    char text[256];
    snprintf(text, sizeof text, "%.200s_%s", name, suffix);
    for (int i = 0; i < tro_side_n_outputs(s); i++)
        if (strcmp(tro_side_output_info(s, i).name, text) == 0)
            return tro_side_output(s, i, t, NULL) >= 0 && t->dtype == dtype;
    return false;
}

/* What the record calls number i, or the number. */
static void name_cell(struct tro_table *t, const struct tro_record_output *o, int64_t i)
{
    if (i >= 0 && i < o->n_names)
        tro_table_text(t, o->names[i], strlen(o->names[i]));
    else
        tro_table_cell(t, "%lld", (long long)i);
}

static void add_boxes(struct tro_table *t, const struct tro_side *s,
                      const struct tro_record_output *o)
{
    static const char *const heads[] = {">picture", "class", ">score", ">x1", ">y1", ">x2", ">y2"};
    struct tro_tensor count, boxes, scores, classes;
    if (!find(s, o->name, "count", TRO_I32, &count) ||
        !find(s, o->name, "boxes", TRO_F32, &boxes) ||
        !find(s, o->name, "scores", TRO_F32, &scores) ||
        !find(s, o->name, "classes", TRO_I32, &classes) || boxes.rank != 3)
        return;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(t, heads[i]);
    for (int64_t n = 0; n < boxes.shape[0]; n++)
        for (int64_t i = 0; i < ((const int32_t *)count.data)[n] && i < boxes.shape[1]; i++) {
            const int64_t row = n * boxes.shape[1] + i;
            tro_table_cell(t, "%lld", (long long)n);
            name_cell(t, o, ((const int32_t *)classes.data)[row]);
            tro_table_cell(t, "%.3f", (double)((const float *)scores.data)[row]);
            for (int64_t k = 0; k < 4; k++)
                tro_table_cell(t, "%.1f", (double)((const float *)boxes.data)[row * 4 + k]);
        }
}

/* Missing ones are left out. */
static void add_points(struct tro_table *t, const struct tro_side *s,
                       const struct tro_record_output *o)
{
    static const char *const heads[] = {">picture", "point", ">score", ">x", ">y"};
    struct tro_tensor points;
    if (!find(s, o->name, "points", TRO_F32, &points) || points.rank != 4)
        return;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(t, heads[i]);
    const int64_t n_maps = points.shape[0] * points.shape[1];
    for (int64_t i = 0; i < n_maps * points.shape[2]; i++) {
        const float *const p = (const float *)points.data + 3 * i;
        const int64_t map = i / points.shape[2];
        if (p[0] == -1 && p[1] == -1)
            continue;
        tro_table_cell(t, "%lld", (long long)(map / points.shape[1]));
        name_cell(t, o, map % points.shape[1]);
        tro_table_cell(t, "%.3f", (double)p[2]);
        tro_table_cell(t, "%.1f", (double)p[0]);
        tro_table_cell(t, "%.1f", (double)p[1]);
    }
}

int tro_detections_print(const struct tro_side *s, struct tro_err *err)
{
    const char *const text = s->plan ? tro_plan_note(tro_plan_contents(s->plan), TRO_RECORD_KEY)
                                     : NULL;
    struct tro_record r;
    if (!text)
        return 0;
    const int rc = tro_record_parse(text, strlen(text), s->path, &r, err);
    if (rc == TRO_E_DEVICE) { /* built without jansson: the outputs are there all the same */
        printf("\n%s\n", err->text);
        *err = (struct tro_err){0};
        return 0;
    }
    TRO_TRY(rc);
    for (size_t i = 0; i < r.n_outputs; i++) {
        struct tro_table t = {0};
        if (r.outputs[i].decode == TRO_RECORD_BOXES)
            add_boxes(&t, s, &r.outputs[i]);
        else if (r.outputs[i].decode == TRO_RECORD_PEAKS)
            add_points(&t, s, &r.outputs[i]);
        if (t.n_columns) {
            printf("\n%s\n", r.outputs[i].name);
            tro_table_print(&t, stdout);
        }
        tro_table_finish(&t);
    }
    tro_record_finish(&r);
    return 0;
}
