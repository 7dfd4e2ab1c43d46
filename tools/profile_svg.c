/* SPDX-License-Identifier: Apache-2.0 */
#include "profile_svg.h"

#include <math.h>
#include <stdio.h>

#include "html.h"

#define WIDTH 1160.0
#define LEFT 64.0 /* of what is drawn: labels stand before it */
#define RIGHT 1150.0

static void put_text(struct tro_buf *out, double x, double y, const char *anchor, const char *text)
{
    tro_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    tro_html_text(out, text);
    tro_buf_str(out, "</text>\n");
}

static void put_line(struct tro_buf *out, double x1, double y1, double x2, double y2,
                     const char *colour)
{
    tro_buf_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
                   x1, y1, x2, y2, colour);
}

/* What a pointer that rests on it shows. */
static void put_title(struct tro_buf *out, const struct tro_profile *p,
                      const struct tro_profile_row *r)
{
    char text[160];
    tro_buf_printf(out, "<title>step %d: ", (int)(r - p->rows));
    tro_html_text(out, r->op);
    tro_buf_str(out, "\n");
    tro_html_text(out, r->name);
    tro_buf_str(out, "\n");
    tro_html_text(out, r->kernel);
    tro_buf_str(out, "\n");
    tro_html_text(out, r->shapes);
    snprintf(text, sizeof text, "\n%.3f ms, %.1f %%", r->ms, r->share * 100);
    tro_html_text(out, text);
    if (r->n_flops > 0) {
        snprintf(text, sizeof text, "\n%.1f GFLOP/s, %.0f %% of the peak", r->gflops,
                 r->of_peak * 100);
        tro_html_text(out, text);
    }
    if (r->run_ms > 0) {
        snprintf(text, sizeof text, "\nin the run %.4f ms, %.1f %% of its critical path", r->run_ms,
                 r->critical_ms / p->timeline.span_ms * 100);
        tro_html_text(out, text);
    }
    tro_buf_str(out, "</title>");
}

/* 1, 2 or 5 times a power of ten, so that about n of them make up the range. */
static double step_of(double range, double n)
{
    const double raw = range > 0 ? range / n : 1, power = pow(10, floor(log10(raw)));
    const double times = raw / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

/* ---- time line ------------------------------------------------------------------------- */

struct span {
    int64_t begin, end;
};

static struct span span_of_run(const struct tro_profile *p, int64_t run)
{
    struct span s = {INT64_MAX, 0};
    for (int t = 0; t < p->n_threads; t++)
        for (int i = 0; i < p->n_rows; i++) {
            const int64_t *ns = tro_profile_times(p, run, t, i);
            if (!ns[0])
                continue;
            s.begin = ns[0] < s.begin ? ns[0] : s.begin;
            s.end = ns[1] > s.end ? ns[1] : s.end;
        }
    return s;
}

static int64_t typical_run(const struct tro_profile *p)
{
    int64_t best = 0;
    double least = INFINITY;
    for (int64_t run = 0; run < p->n_runs; run++) {
        const struct span s = span_of_run(p, run);
        const double ms = s.end ? (double)(s.end - s.begin) * 1e-6 : INFINITY;
        const double off = fabs(ms - p->latency.p50);
        if (off < least) {
            least = off;
            best = run;
        }
    }
    return best;
}

static void put_time_axis(struct tro_buf *out, double y, double ms)
{
    const double step = step_of(ms, 10);
    for (double t = 0; t <= ms * 1.0001; t += step) {
        char text[32];
        const double x = LEFT + t / ms * (RIGHT - LEFT);
        snprintf(text, sizeof text, "%g ms", t);
        put_line(out, x, 6, x, y, "#e6e9ef");
        put_text(out, x, y + 14, t > 0 ? "middle" : "start", text);
    }
}

static void put_part(const struct tro_profile *p, int i, struct span part, struct span all,
                     double y, struct tro_buf *out)
{
    const double scale = (RIGHT - LEFT) / (double)(all.end - all.begin);
    const double x = LEFT + (double)(part.begin - all.begin) * scale;
    const double width = (double)(part.end - part.begin) * scale;
    tro_buf_printf(out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"20\" fill=\"%s\"%s>",
                   x, y, width > 0.2 ? width : 0.2, tro_profile_group_colour(p->rows[i].group),
                   width > 3 ? " stroke=\"#fff\" stroke-width=\".6\"" : "");
    put_title(out, p, &p->rows[i]);
    tro_buf_str(out, "</rect>\n");
}

/* Under the lanes: what each kernel of the critical path added to the run. */
static void put_critical(const struct tro_profile *p, struct span all, double y,
                         struct tro_buf *out)
{
    const struct tro_profile_timeline *const t = &p->timeline;
    put_text(out, LEFT - 8, y + 14, "end", "critical");
    for (size_t i = 0; i < t->n_events; i++) {
        const struct tro_profile_event *const e = &t->events[i];
        if (e->critical_ns > 0)
            put_part(p, e->row, (struct span){e->end_ns - e->critical_ns, e->end_ns}, all, y, out);
    }
}

static void put_lanes(const struct tro_profile *p, struct tro_buf *out)
{
    const struct tro_profile_timeline *const t = &p->timeline;
    const struct span all = {0, (int64_t)(t->span_ms * 1e6)};
    const double bottom = 10 + 26.0 * (t->n_lanes + 1);
    if (!all.end)
        return;
    tro_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\">\n", WIDTH, bottom + 20);
    put_time_axis(out, bottom, t->span_ms);
    put_text(out, LEFT - 8, 22, "end", "GPU");
    for (size_t i = 0; i < t->n_events; i++) {
        const struct tro_profile_event *const e = &t->events[i];
        put_part(p, e->row, (struct span){e->ready_ns, e->end_ns}, all, 8 + 26.0 * e->lane, out);
    }
    put_critical(p, all, 8 + 26.0 * t->n_lanes, out);
    tro_buf_str(out, "</svg>\n");
}

void tro_profile_svg_timeline(const struct tro_profile *p, struct tro_buf *out)
{
    if (p->timeline.n_events) {
        put_lanes(p, out);
        return;
    }
    const int64_t run = typical_run(p);
    const struct span all = span_of_run(p, run);
    const double bottom = 10 + 26.0 * p->n_threads;
    if (!all.end || all.end == all.begin)
        return;
    tro_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\">\n", WIDTH, bottom + 20);
    put_time_axis(out, bottom, (double)(all.end - all.begin) * 1e-6);
    for (int t = 0; t < p->n_threads; t++) {
        char text[32];
        const double y = 8 + 26.0 * t;
        snprintf(text, sizeof text, "thread %d", t);
        put_text(out, LEFT - 8, y + 14, "end", text);
        for (int i = 0; i < p->n_rows; i++) {
            const int64_t *ns = tro_profile_times(p, run, t, i);
            if (ns[0])
                put_part(p, i, (struct span){ns[0], ns[1]}, all, y, out);
        }
    }
    tro_buf_str(out, "</svg>\n");
}

/* ---- steps ----------------------------------------------------------------------------- */

void tro_profile_svg_steps(const struct tro_profile *p, struct tro_buf *out)
{
    const double top = 10, bottom = 170;
    const double most = p->n_rows && p->worst[0]->ms > 0 ? p->worst[0]->ms : 1;
    const double each = (RIGHT - LEFT) / (p->n_rows ? p->n_rows : 1), step = step_of(most, 4);
    tro_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\">\n", WIDTH, bottom + 20);
    for (double v = 0; v <= most * 1.0001; v += step) {
        char text[32];
        const double y = bottom - v / most * (bottom - top);
        snprintf(text, sizeof text, v > 0 ? "%g ms" : "%g", v);
        put_line(out, LEFT, y, RIGHT, y, "#e6e9ef");
        put_text(out, LEFT - 8, y + 4, "end", text);
    }
    for (int i = 0; i < p->n_rows; i++) {
        const struct tro_profile_row *r = &p->rows[i];
        const double height = r->ms / most * (bottom - top);
        const double gap = each > 4 ? each * 0.15 : 0;
        tro_buf_printf(out,
                       "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\">",
                       LEFT + i * each + gap / 2, bottom - height, each - gap, height,
                       tro_profile_group_colour(r->group));
        put_title(out, p, r);
        tro_buf_str(out, "</rect>\n");
    }
    put_text(out, LEFT, bottom + 15, "start", "step 0");
    if (p->n_rows > 1) {
        char text[32];
        snprintf(text, sizeof text, "step %d", p->n_rows - 1);
        put_text(out, RIGHT, bottom + 15, "end", text);
    }
    tro_buf_str(out, "</svg>\n");
}

/* ---- roofline -------------------------------------------------------------------------- */

struct chart {
    double x_min, x_max, y_min, y_max; /* logarithms to base ten */
    double top, bottom;
};

static double chart_x(const struct chart *c, double v)
{
    return LEFT + (log10(v) - c->x_min) / (c->x_max - c->x_min) * (RIGHT - LEFT);
}

static double chart_y(const struct chart *c, double v)
{
    return c->bottom - (log10(v) - c->y_min) / (c->y_max - c->y_min) * (c->bottom - c->top);
}

static bool is_drawn(const struct tro_profile_row *r)
{
    return r->n_flops > 0 && r->n_bytes > 0 && r->gflops > 0;
}

static struct chart chart_of(const struct tro_profile *p)
{
    struct chart c = {0, 2, 1, 2, 10, 330};
    for (int i = 0; i < p->n_rows; i++) {
        const struct tro_profile_row *r = &p->rows[i];
        if (!is_drawn(r))
            continue;
        const double x = log10(r->n_flops / r->n_bytes), y = log10(r->gflops);
        c.x_min = fmin(c.x_min, floor(x));
        c.x_max = fmax(c.x_max, ceil(x + 0.05));
        c.y_min = fmin(c.y_min, floor(y));
        c.y_max = fmax(c.y_max, ceil(fmax(y, log10(r->peak_gflops + 1))));
    }
    c.x_min = fmax(c.x_min, -3);
    c.y_min = fmax(c.y_min, c.y_max - 5);
    c.y_max = fmax(c.y_max, ceil(log10(p->roof_gflops + 1)));
    return c;
}

static void put_grid(const struct chart *c, struct tro_buf *out)
{
    char text[32];
    for (int e = (int)c->x_min; e <= (int)c->x_max; e++) {
        const double x = chart_x(c, pow(10, e));
        snprintf(text, sizeof text, "%g", pow(10, e));
        put_line(out, x, c->top, x, c->bottom, "#e6e9ef");
        put_text(out, x, c->bottom + 15, "middle", text);
    }
    for (int e = (int)c->y_min; e <= (int)c->y_max; e++) {
        const double y = chart_y(c, pow(10, e));
        snprintf(text, sizeof text, "%g", pow(10, e));
        put_line(out, LEFT, y, RIGHT, y, "#e6e9ef");
        put_text(out, LEFT - 8, y + 4, "end", text);
    }
    put_text(out, RIGHT, c->bottom + 30, "end", "operations a byte");
    put_text(out, LEFT + 4, c->top + 10, "start", "GFLOP/s");
}

/* The slope is the memory's: operations a byte times bytes a second. */
static void put_roof(const struct tro_profile *p, const struct chart *c, struct tro_buf *out)
{
    const double gflops = p->roof_gflops, gbytes = p->peak.gbytes;
    if (gflops <= 0 || gbytes <= 0)
        return;
    const double ridge = gflops / gbytes, first = pow(10, c->x_min), last = pow(10, c->x_max);
    const double low = fmax(first, pow(10, c->y_min) / gbytes);
    const double turn = fmin(fmax(ridge, low), last);
    char text[64];
    tro_buf_printf(out,
                   "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1f\" fill=\"none\" stroke=\"#1c2330\" "
                   "stroke-width=\"1.6\"/>\n",
                   chart_x(c, low), chart_y(c, low * gbytes), chart_x(c, turn),
                   chart_y(c, fmin(turn * gbytes, gflops)), chart_x(c, last),
                   chart_y(c, fmin(last * gbytes, gflops)));
    snprintf(text, sizeof text, "%.0f GFLOP/s", gflops);
    put_text(out, RIGHT - 4, chart_y(c, gflops) - 6, "end", text);
    snprintf(text, sizeof text, "%.0f GB/s", gbytes);
    put_text(out, chart_x(c, low) + 14, chart_y(c, low * gbytes) - 10, "start", text);
}

void tro_profile_svg_roofline(const struct tro_profile *p, struct tro_buf *out)
{
    const struct chart c = chart_of(p);
    tro_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\">\n", WIDTH, c.bottom + 36);
    put_grid(&c, out);
    put_roof(p, &c, out);
    for (int i = 0; i < p->n_rows; i++) { /* slowest first, so that small dots lie on large ones */
        const struct tro_profile_row *r = p->worst[i];
        if (!is_drawn(r))
            continue;
        tro_buf_printf(out,
                       "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" fill-opacity=\".6\" "
                       "stroke=\"#fff\" stroke-width=\".8\">",
                       chart_x(&c, r->n_flops / r->n_bytes), chart_y(&c, r->gflops),
                       3 + 34 * sqrt(r->share), tro_profile_group_colour(r->group));
        put_title(out, p, r);
        tro_buf_str(out, "</circle>\n");
    }
    tro_buf_str(out, "</svg>\n");
}
