/* SPDX-License-Identifier: Apache-2.0 */
/* How engines fail: the main figure over the strength of each disturbance, from slices that are
 * named NAME-STRENGTH, with the clean slice at 0. */
#include "eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "html.h"

#define MAX_POINTS 32
#define WIDTH 240
#define HEIGHT 130
#define LEFT 34
#define BOTTOM 20
#define TOP 8
#define RIGHT 8

static const char *const colours[] = {"#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280"};

struct curve {
    const char *name; /* of the disturbance */
    size_t n_name;
    int n;
    double strength[MAX_POINTS];
    const char *slice[MAX_POINTS];
};

/* "smoke-0.5": the length of its name; 0 where it is no such slice. */
static size_t split(const char *slice, double *strength)
{
    const char *const dash = strrchr(slice, '-');
    char *end;
    if (!dash || dash == slice)
        return 0;
    *strength = strtod(dash + 1, &end);
    return end != dash + 1 && !*end && *strength > 0 && *strength <= 1 ? (size_t)(dash - slice) : 0;
}

static int find_curves(const struct eval_group *groups, int n, struct curve *curves)
{
    int n_curves = 0;
    for (int i = 0; i < n; i++) {
        double strength;
        const size_t n_name = strcmp(groups[i].kind, "slice") == 0
                                  ? split(groups[i].name, &strength)
                                  : 0;
        if (n_name == 0)
            continue;
        int at = 0;
        while (at < n_curves && (curves[at].n_name != n_name ||
                                 strncmp(curves[at].name, groups[i].name, n_name) != 0))
            at++;
        if (at == n_curves)
            curves[n_curves++] = (struct curve){.name = groups[i].name, .n_name = n_name};
        struct curve *const c = &curves[at];
        if (c->n == MAX_POINTS)
            continue;
        int to = c->n++;
        for (; to > 0 && c->strength[to - 1] > strength; to--) {
            c->strength[to] = c->strength[to - 1];
            c->slice[to] = c->slice[to - 1];
        }
        c->strength[to] = strength;
        c->slice[to] = groups[i].name;
    }
    return n_curves;
}

static double x_of(double strength)
{
    return LEFT + strength * (WIDTH - LEFT - RIGHT);
}

static double y_of(double figure)
{
    return TOP + (1 - figure) * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(struct tro_buf *out)
{
    for (int i = 0; i <= 4; i++) {
        const double v = i * 0.25;
        tro_buf_printf(
            out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e2e6ee\"/>\n",
            x_of(0), y_of(v), x_of(1), y_of(v));
        if (i % 2 == 0)
            tro_buf_printf(out,
                           "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.1f</text>\n"
                           "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.1f</text>\n",
                           LEFT - 5, y_of(v) + 4, v, x_of(v), HEIGHT - 5, v);
    }
}

static int put_line(struct eval *e, int engine, const struct curve *c, struct tro_buf *out,
                    struct tro_err *err)
{
    const char *const colour = colours[engine % (int)(sizeof(colours) / sizeof(*colours))];
    double x[MAX_POINTS + 1], y[MAX_POINTS + 1];
    int n = 0;
    for (int i = -1; i < c->n; i++) {
        const struct eval_group g = eval_group_of(e, "slice", i < 0 ? "clean" : c->slice[i]);
        double figure;
        TRO_TRY(eval_figure(e, engine, &g, eval_main_figure(e), &figure, err));
        if (isnan(figure))
            continue;
        x[n] = x_of(i < 0 ? 0 : c->strength[i]);
        y[n++] = y_of(figure);
    }
    tro_buf_printf(out, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"",
                   colour);
    for (int i = 0; i < n; i++)
        tro_buf_printf(out, "%.1f,%.1f ", x[i], y[i]);
    tro_buf_str(out, "\"/>\n");
    for (int i = 0; i < n; i++)
        tro_buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", x[i], y[i],
                       colour);
    return 0;
}

static int put_curve(struct eval *e, const struct curve *c, struct tro_buf *out,
                     struct tro_err *err)
{
    char name[128];
    const size_t n = c->n_name < sizeof name - 1 ? c->n_name : sizeof name - 1;
    memcpy(name, c->name, n);
    name[n] = 0;
    tro_buf_printf(out,
                   "<figure class=\"curve\"><svg width=\"%d\" height=\"%d\" font-size=\"10\" "
                   "fill=\"#5a6475\" role=\"img\">\n",
                   WIDTH, HEIGHT);
    put_axes(out);
    for (int i = 0; i < e->n_engines; i++)
        TRO_TRY(put_line(e, i, c, out, err));
    tro_buf_str(out, "</svg>");
    tro_html_element(out, "figcaption", name);
    tro_buf_str(out, "</figure>\n");
    return 0;
}

static void put_engines(const struct eval *e, struct tro_buf *out)
{
    tro_buf_str(out, "<p>");
    for (int i = 0; i < e->n_engines; i++) {
        tro_buf_printf(out, "<span style=\"background:%s\">&emsp;</span> ",
                       colours[i % (int)(sizeof(colours) / sizeof(*colours))]);
        tro_html_text(out, e->engines[i].text);
        tro_buf_str(out, "&emsp;");
    }
    tro_buf_str(out, "</p>\n");
}

int eval_put_curves(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    struct curve *const curves = TRO_NEW_N(&e->arena, struct curve, (size_t)e->n_groups + 1);
    if (!curves)
        return tro_fail_nomem(err);
    const int n_curves = find_curves(e->groups, e->n_groups, curves);
    if (n_curves == 0)
        return 0;
    tro_html_element(out, "h2", "Over the strength of disturbances");
    tro_buf_str(out, "<p class=\"note\">");
    tro_html_text(out, eval_figures[eval_main_figure(e)].title + 1);
    tro_buf_str(out, " from undisturbed (0) to the strongest (1).</p>\n");
    put_engines(e, out);
    for (int i = 0; i < n_curves; i++)
        TRO_TRY(put_curve(e, &curves[i], out, err));
    return 0;
}
