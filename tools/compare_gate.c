/* SPDX-License-Identifier: Apache-2.0 */
/* Gates: limits that a user sets on what compare measures. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"

static double max_abs(const struct tro_compare_check *k)
{
    return k->max_abs;
}

static double unequal(const struct tro_compare_check *k)
{
    return k->n ? (double)k->n_unequal / (double)k->n : 0;
}

static const struct {
    const char *name;
    double (*fn)(const struct tro_compare_check *k);
} metrics[] = {
    {"max_abs", max_abs},
    {"max_rel", tro_check_relative},
    {"rmse", tro_check_rmse},
    {"unequal", unequal},
};
#define N_METRICS (int)(sizeof metrics / sizeof *metrics)

const char *tro_gate_metric(const struct tro_compare_gate *g)
{
    return metrics[g->metric].name;
}

bool tro_gate_applies(const struct tro_compare_gate *g, const struct tro_compare_check *k)
{
    return !g->output || strcmp(g->output, k->name) == 0;
}

double tro_gate_value(const struct tro_compare_gate *g, const struct tro_compare_check *k)
{
    return metrics[g->metric].fn(k);
}

/* ---- reading --------------------------------------------------------------------------- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t n = strlen(text); n && strchr(" \t\r", text[n - 1]);)
        text[--n] = 0;
    return text;
}

static int find_metric(const char *name, struct tro_err *err)
{
    for (int i = 0; i < N_METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0)
            return i;
    return tro_fail(err, TRO_E_INPUT,
                    "expected max_abs, max_rel, rmse or unequal at the start, found '%s'", name);
}

static int check_output(const struct tro_compare *c, const char *name, struct tro_err *err)
{
    const struct tro_side *s = &c->sides[0].side;
    const int n = tro_side_n_outputs(s);
    for (int i = 0; i < n; i++)
        if (strcmp(tro_side_output_info(s, i).name, name) == 0)
            return 0;
    return tro_fail(err, TRO_E_INPUT, "expected the name of an output, found '%s'%s%s", name,
                    n ? ": the first one is " : "", n ? tro_side_output_info(s, 0).name : "");
}

/* METRIC [OUTPUT] <= NUMBER */
static int parse_gate(const struct tro_compare *c, char *line, struct tro_compare_gate *g,
                      struct tro_err *err)
{
    char *sign = strstr(line, "<=");
    if (!sign)
        return tro_fail(err, TRO_E_INPUT, "expected METRIC [OUTPUT] <= NUMBER, found '%s'", line);
    *sign = 0;
    char *end;
    const char *number = trim(sign + 2);
    g->limit = strtod(number, &end);
    if (end == number || *end || !(g->limit >= 0) || isinf(g->limit))
        return tro_fail(err, TRO_E_INPUT, "expected a number of 0 or more after <=, found '%s'",
                        number);
    char *metric = trim(line);
    char *output = metric + strcspn(metric, " \t");
    if (*output)
        *output++ = 0;
    output = trim(output);
    TRO_TRY(g->metric = find_metric(metric, err));
    if (!*output)
        return 0;
    g->output = output;
    return check_output(c, output, err);
}

static int parse_gates(struct tro_compare *c, char *text, struct tro_err *err)
{
    int n_lines = 1;
    for (const char *p = text; *p; p++)
        n_lines += *p == '\n';
    c->gates = TRO_NEW_N(&c->arena, struct tro_compare_gate, (size_t)n_lines);
    if (!c->gates)
        return tro_fail_nomem(err);
    for (int number = 1; number <= n_lines; number++) {
        char *end = text + strcspn(text, "\n");
        char *next = *end ? end + 1 : end;
        *end = 0;
        text[strcspn(text, "#")] = 0;
        char *line = trim(text);
        struct tro_compare_gate *g = &c->gates[c->n_gates];
        g->line = number;
        if (*line)
            TRO_TRY(tro_err_prefix(err, parse_gate(c, line, g, err), "%d: ", number));
        c->n_gates += *line != 0;
        text = next;
    }
    return c->n_gates ? 0 : tro_fail(err, TRO_E_INPUT, " expected at least one gate, found none");
}

int tro_compare_read_gates(struct tro_compare *c, const char *path, struct tro_err *err)
{
    struct tro_file f;
    TRO_TRY(tro_file_read(&f, path, 0, err));
    char *text = tro_arena_strndup(&c->arena, f.data, f.n_bytes);
    tro_file_finish(&f);
    const int rc = text ? parse_gates(c, text, err) : tro_fail_nomem(err);
    return tro_err_prefix(err, rc, "%s:", path);
}

/* ---- judging --------------------------------------------------------------------------- */

static bool holds(const struct tro_compare *c, const struct tro_compare_check *k)
{
    if (k->is_form_different || k->n_nan)
        return false;
    for (int i = 0; i < c->n_gates; i++)
        if (tro_gate_applies(&c->gates[i], k) &&
            !(tro_gate_value(&c->gates[i], k) <= c->gates[i].limit))
            return false;
    const bool has_quality = k->is_float && k->max_abs <= c->quality * k->max_value;
    return c->n_gates || k->n_bad == 0 || has_quality;
}

void tro_compare_judge(struct tro_compare *c)
{
    c->passes = true;
    for (int i = 0; i < c->n_checks; i++) {
        c->checks[i].passes = holds(c, &c->checks[i]);
        c->passes &= c->checks[i].passes;
    }
}
