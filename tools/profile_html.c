/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as a page: summary, time line, time of each step, roofline, tables. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "html.h"
#include "memory_use.h"
#include "profile.h"
#include "profile_svg.h"

#define STEPS_OPEN 25

static const char style[] =
    "<style>\n"
    "body{max-width:1180px}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.7em;"
    "margin:1em 0 1.4em}\n"
    ".card{border:1px solid #e1e5ec;border-radius:8px;padding:.6em .9em;background:#f8f9fb}\n"
    ".card b{display:block;font-size:1.45em;font-weight:600;font-variant-numeric:tabular-nums;"
    "white-space:nowrap}\n"
    ".card b small{font-size:.6em;font-weight:400;color:#5a6475}\n"
    ".card span{color:#5a6475;font-size:.87em}\n"
    ".legend{margin:.5em 0 .2em;color:#5a6475;font-size:.87em}\n"
    ".legend i{display:inline-block;width:.75em;height:.75em;border-radius:2px;"
    "margin:0 .35em 0 1.1em}\n"
    ".legend i:first-child{margin-left:0}\n"
    "svg{display:block;width:100%;height:auto}\n"
    "svg text{font:11px system-ui,sans-serif;fill:#5a6475}\n"
    ".wide{overflow-x:auto}\n"
    "td .k{font:.88em ui-monospace,monospace;white-space:nowrap}\n"
    "td i.g{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.5em}\n"
    "table.steps td,table.steps th{padding-right:.8em;font-size:.92em}\n"
    "table.steps td.l{max-width:17em}\n"
    "table.steps td div{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}\n"
    ".share{position:relative;min-width:6.5em}\n"
    ".share u{position:absolute;right:.7em;bottom:.1em;height:3px;border-radius:2px;"
    "background:#3b76c4}\n"
    "</style>\n";

const char *tro_profile_group_name(enum tro_profile_group group)
{
    static const char *const names[] = {
#define GROUP_NAME(id, text, colour) text,
        TRO_PROFILE_GROUPS(GROUP_NAME)
#undef GROUP_NAME
    };
    return names[group];
}

const char *tro_profile_group_colour(enum tro_profile_group group)
{
    static const char *const colours[] = {
#define GROUP_COLOUR(id, text, colour) colour,
        TRO_PROFILE_GROUPS(GROUP_COLOUR)
#undef GROUP_COLOUR
    };
    return colours[group];
}

/* ---- summary --------------------------------------------------------------------------- */

static void put_card(struct tro_buf *out, const char *value, const char *unit, const char *what)
{
    tro_buf_str(out, "<div class=\"card\"><b>");
    tro_html_text(out, value);
    tro_buf_str(out, " <small>");
    tro_html_text(out, unit);
    tro_buf_str(out, "</small></b><span>");
    tro_html_text(out, what);
    tro_buf_str(out, "</span></div>\n");
}

static const char *number(char out[32], double value)
{
    snprintf(out, 32, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
    return out;
}

static void put_cards(const struct tro_profile *p, struct tro_buf *out)
{
    char text[32], what[96];
    const double gflops = p->latency.p50 > 0 ? p->n_flops / p->latency.p50 * 1e-6 : 0;
    tro_buf_str(out, "<div class=\"cards\">\n");
    snprintf(text, sizeof text, "%.*f", p->latency.p50 < 10 ? 3 : 1, p->latency.p50);
    snprintf(what, sizeof what, "a run%s, median of %lld",
             p->tensor_gflops > 0 ? " with transfers" : "", (long long)p->n_timed);
    put_card(out, text, "ms", what);
    put_card(out, number(text, p->latency.p50 > 0 ? 1000 / p->latency.p50 : 0), "/s", "runs");
    snprintf(what, sizeof what, "%.0f %% of the peak, %.0f",
             p->roof_gflops > 0 ? gflops / p->roof_gflops * 100 : 0, p->roof_gflops);
    if (gflops > 0)
        put_card(out, number(text, gflops), "GFLOP/s", what);
    snprintf(what, sizeof what, "steps, %d kernel%s", p->n_kernels, p->n_kernels == 1 ? "" : "s");
    snprintf(text, sizeof text, "%d", p->n_rows);
    put_card(out, text, "", what);
    put_card(out, tro_print_bytes(p->memory.scratch, text), "",
             p->is_growing ? "scratch memory; runs may take more" : "scratch memory");
    put_card(out, tro_print_bytes(p->memory.weights + p->memory.packed, text), "", "weights");
    tro_buf_str(out, "</div>\n");
}

static void put_head(const struct tro_profile *p, struct tro_buf *out)
{
    char text[256];
    if (p->tensor_gflops > 0)
        snprintf(text, sizeof text,
                 "%s. By its clocks: %.0f GFLOP/s of f16, %.0f of f32, memory %.0f GB/s.",
                 p->machine, p->tensor_gflops, p->peak.gflops, p->peak.gbytes);
    else
        snprintf(text, sizeof text,
                 "%s%s%d thread%s. Peak measured at the start: %.0f GFLOP/s, copies "
                 "%.1f GB/s.",
                 p->machine, p->machine[0] ? ", " : "", p->n_threads, p->n_threads == 1 ? "" : "s",
                 p->peak.gflops, p->peak.gbytes);
    tro_buf_str(out, style);
    tro_buf_str(out, "<p class=\"note\">");
    tro_html_text(out, text);
    tro_buf_str(out, "</p>\n");
    put_cards(p, out);
}

/* ---- pictures -------------------------------------------------------------------------- */

static void put_legend(const struct tro_profile *p, struct tro_buf *out)
{
    double ms[TRO_N_PROFILE_GROUPS] = {0};
    int n[TRO_N_PROFILE_GROUPS] = {0};
    for (int i = 0; i < p->n_rows; i++) {
        ms[p->rows[i].group] += p->rows[i].ms;
        n[p->rows[i].group]++;
    }
    tro_buf_str(out, "<p class=\"legend\">");
    for (int g = 0; g < TRO_N_PROFILE_GROUPS; g++) {
        if (!n[g])
            continue;
        tro_buf_printf(out, "<i style=\"background:%s\"></i>",
                       tro_profile_group_colour((enum tro_profile_group)g));
        tro_html_text(out, tro_profile_group_name((enum tro_profile_group)g));
        tro_buf_printf(out, " %.0f&nbsp;%%", p->steps_ms > 0 ? ms[g] / p->steps_ms * 100 : 0);
    }
    tro_buf_str(out, "</p>\n");
}

static void put_note(struct tro_buf *out, const char *text)
{
    tro_buf_str(out, "<p class=\"note\">");
    tro_html_text(out, text);
    tro_buf_str(out, "</p>\n");
}

static void put_run_note(const struct tro_profile *p, struct tro_buf *out)
{
    const struct tro_profile_timeline *const t = &p->timeline;
    char text[640];
    if (t->missing) {
        snprintf(text, sizeof text,
                 "Each step alone, one after the other; no time line of a run: %s", t->missing);
        put_note(out, text);
    }
    if (t->n_events == 0)
        return;
    snprintf(
        text, sizeof text,
        "The run of median length of %d: %.4f ms from the first kernel's begin to the last one's "
        "end; %.1f %% of it no kernel works, %.1f %% two or more do. A run takes the device "
        "%.4f ms with tracing and %.4f ms without.",
        t->n_runs, t->span_ms, (1 - t->busy_ms / t->span_ms) * 100,
        t->overlap_ms / t->span_ms * 100, t->traced_ms, t->untraced_ms);
    put_note(out, text);
    put_note(out, "Kernels are drawn from when all that they wait for has ended, though they come "
                  "onto the chip before. The critical path leads back from the last one through "
                  "those that were waited for.");
}

static void put_pictures(const struct tro_profile *p, struct tro_buf *out)
{
    tro_html_element(out, "h2", "A run");
    put_run_note(p, out);
    put_legend(p, out);
    tro_profile_svg_timeline(p, out);
    tro_html_element(out, "h2", "Steps in their order");
    tro_profile_svg_steps(p, out);
    if (p->n_flops <= 0)
        return;
    tro_html_element(out, "h2", "Roofline");
    tro_buf_str(out, "<p class=\"note\">Each step that computes, by its operations for each byte "
                     "it reads or writes. The line is what the machine can do; the area is the "
                     "step's share of the time. Dots above the slope are fed by caches.</p>\n");
    tro_profile_svg_roofline(p, out);
}

/* ---- tables ---------------------------------------------------------------------------- */

static void put_number(struct tro_buf *out, bool is_there, const char *format, double value)
{
    char text[32];
    snprintf(text, sizeof text, format, value);
    tro_buf_printf(out, "<td class=\"r\">%s</td>", is_there ? text : "");
}

static void put_row(const struct tro_profile *p, const struct tro_profile_row *r,
                    struct tro_buf *out)
{
    char bytes[32];
    const double most = p->n_rows ? p->worst[0]->share : 1;
    tro_buf_printf(out, "<tr><td class=\"r\">%d</td>", (int)(r - p->rows));
    put_number(out, true, "%.3f", r->ms);
    tro_buf_printf(out, "<td class=\"r share\">%.1f&nbsp;%%<u style=\"width:%.1f%%\"></u></td>",
                   r->share * 100, most > 0 ? r->share / most * 88 : 0);
    if (p->timeline.n_events) {
        put_number(out, r->run_ms > 0, "%.4f", r->run_ms);
        put_number(out, r->run_ms > 0, "%.1f&nbsp;%%", r->critical_ms / p->timeline.span_ms * 100);
    }
    put_number(out, r->n_flops > 0, "%.1f", r->gflops);
    put_number(out, r->n_flops > 0, "%.0f&nbsp;%%", r->of_peak * 100);
    put_number(out, r->ms > 0, "%.1f", r->gbytes);
    tro_buf_printf(out, "<td class=\"r\">%s</td>", tro_print_bytes((size_t)r->n_bytes, bytes));
    tro_buf_printf(out, "<td class=\"l\"><i class=\"g\" style=\"background:%s\"></i>",
                   tro_profile_group_colour(r->group));
    tro_html_text(out, r->op);
    tro_buf_str(out, "</td><td class=\"l\"><span class=\"k\">");
    tro_html_text(out, r->kernel);
    tro_buf_str(out, "</span></td><td class=\"l\">");
    tro_html_text(out, r->shapes);
    tro_buf_str(out, "</td><td class=\"l\"><div title=\"");
    tro_html_text(out, r->name);
    tro_buf_str(out, "\">");
    tro_html_text(out, r->name);
    tro_buf_str(out, "</div></td></tr>\n");
}

static void put_rows(const struct tro_profile *p, int begin, int end, struct tro_buf *out)
{
    tro_buf_str(out, "<div class=\"wide\"><table class=\"steps\">\n<tr><th class=\"r\">step</th>"
                     "<th class=\"r\">ms</th><th class=\"r\">share</th>");
    if (p->timeline.n_events)
        tro_buf_str(out, "<th class=\"r\">in run</th><th class=\"r\">critical</th>");
    tro_buf_str(out, "<th class=\"r\">GFLOP/s</th><th class=\"r\">of peak</th>"
                     "<th class=\"r\">GB/s</th><th class=\"r\">bytes</th><th>operator</th>"
                     "<th>kernel</th><th>shapes</th><th>node</th></tr>\n");
    for (int i = begin; i < end; i++)
        put_row(p, p->worst[i], out);
    tro_buf_str(out, "</table></div>\n");
}

static void put_steps(const struct tro_profile *p, struct tro_buf *out)
{
    const int n = p->n_rows < STEPS_OPEN ? p->n_rows : STEPS_OPEN;
    tro_html_element(out, "h2", "Slowest steps");
    put_rows(p, 0, n, out);
    if (p->n_rows == n)
        return;
    tro_buf_printf(out, "<details><summary>and %d more</summary>\n", p->n_rows - n);
    put_rows(p, n, p->n_rows, out);
    tro_buf_str(out, "</details>\n");
}

static void put_kernels(const struct tro_profile *p, struct tro_buf *out)
{
    static const char *const heads[] = {"kernel", ">steps", ">ms", ">share", ">GFLOP/s"};
    struct tro_table t = {0};
    double *shares = tro_calloc((size_t)p->n_kernels + 1, sizeof *shares);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < p->n_kernels; i++) {
        const struct tro_profile_kernel *k = &p->kernels[i];
        char gflops[32] = "";
        if (k->gflops > 0)
            snprintf(gflops, sizeof gflops, "%.1f", k->gflops);
        tro_table_text(&t, k->kernel, strlen(k->kernel));
        tro_table_cell(&t, "%d", k->n_steps);
        tro_table_cell(&t, "%.3f", k->ms);
        tro_table_cell(&t, "%.1f %%", k->share * 100);
        tro_table_cell(&t, "%s", gflops);
        if (shares)
            shares[i] = p->kernels[0].share > 0 ? k->share / p->kernels[0].share : 0;
    }
    tro_html_element(out, "h2", "Kernels");
    tro_html_table(out, &t, shares);
    tro_table_finish(&t);
    tro_free(shares);
}

void tro_profile_html(const struct tro_profile *p, struct tro_buf *out)
{
    tro_html_begin(out, p->path);
    put_head(p, out);
    put_pictures(p, out);
    put_steps(p, out);
    put_kernels(p, out);
    tro_html_end(out);
}
