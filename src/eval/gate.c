/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/gate.h"

#include <math.h>

#include "base/err.h"
#include "base/file.h"
#include "record/field.h"

#define MAX_BYTES (1 << 20)

static int read_group(const struct tro_field *f, struct tro_gate *g)
{
    static const char *const kinds[] = {"slice", "camera", "procedure"};
    g->kind = "all";
    g->group = "";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        const char *name;
        const int rc = tro_field_text(f, kinds[i], &name);
        TRO_TRY(rc);
        if (rc && g->group[0])
            return tro_field_fail(f, "expected one of slice, camera and procedure, found two");
        if (!rc)
            continue;
        g->kind = kinds[i];
        g->group = name;
    }
    return 0;
}

static int read_gate(void *ctx, const char *key, const struct tro_field *f)
{
    static const char *const keys[] = {"engine", "metric",    "of",        "slice",
                                       "camera", "procedure", "statistic", "min",
                                       "max",    "max_loss",  "each",      NULL};
    struct tro_gates *const gates = ctx;
    struct tro_gate *const g = &gates->gates[gates->n];
    int statistic = TRO_GATE_MEAN;
    (void)key;
    *g = (struct tro_gate){.of = "", .min = -INFINITY, .max = INFINITY, .max_loss = INFINITY};
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_text(f, "engine", &g->engine));
    TRO_TRY(tro_field_text(f, "metric", &g->metric));
    TRO_TRY(tro_field_text(f, "of", &g->of));
    TRO_TRY(read_group(f, g));
    TRO_TRY(tro_field_choice(f, "statistic", tro_gate_statistics, &statistic));
    g->statistic = (enum tro_gate_statistic)statistic;
    const int has_min = tro_field_number(f, "min", &g->min);
    TRO_TRY(has_min);
    const int has_max = tro_field_number(f, "max", &g->max);
    TRO_TRY(has_max);
    const int has_max_loss = tro_field_number(f, "max_loss", &g->max_loss);
    TRO_TRY(has_max_loss);
    TRO_TRY(tro_field_bool(f, "each", &g->is_each));
    if (!g->metric || (!has_min && !has_max && !has_max_loss))
        return tro_field_fail(f, "expected the keys metric and min, max or max_loss");
    if (g->is_each && !tro_gate_is_pattern(g->group) && !tro_gate_is_pattern(g->of))
        return tro_field_fail(f, "each: expected a pattern in slice, camera, procedure or of");
    gates->n++;
    return 0;
}

static int read_gates(struct tro_gates *g, const struct tro_field *top)
{
    static const char *const keys[] = {"gates", NULL};
    struct tro_field list;
    TRO_TRY(tro_field_want_keys(top, keys));
    const int rc = tro_field_get(top, "gates", &list);
    TRO_TRY(rc);
    const int64_t n = rc ? tro_field_n_elements(&list) : -1;
    if (n < 1)
        return tro_field_fail(top, "expected the key gates, a list of at least one");
    g->gates = TRO_NEW_N(&g->arena, struct tro_gate, (size_t)n);
    return g->gates ? tro_field_each_element(&list, read_gate, g) : tro_fail_nomem(top->err);
}

int tro_gates_read(const char *path, struct tro_gates *out, struct tro_err *err)
{
    struct tro_file file;
    struct tro_field top;
    *out = (struct tro_gates){0};
    TRO_TRY(tro_file_read(&file, path, MAX_BYTES, err));
    int rc = tro_field_parse(file.data, file.n_bytes, &out->arena, &top, err);
    if (rc >= 0) {
        rc = read_gates(out, &top);
        tro_field_finish(&top);
    }
    tro_file_finish(&file);
    if (rc < 0)
        tro_gates_finish(out);
    return tro_err_prefix(err, rc, "%s: ", path);
}
