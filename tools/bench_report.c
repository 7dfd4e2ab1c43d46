/* SPDX-License-Identifier: Apache-2.0 */
/* What bench found, for people and as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "bench.h"
#include "memory_use.h"
#include "run/session.h"
#include "table.h"

#define BAR_WIDTH 50

/* ---- text ------------------------------------------------------------------------------ */

static void side_cells(struct tro_table *t, const struct tro_bench *b, int i)
{
    const struct tro_bench_side *s = &b->sides[i];
    const struct tro_latency *l = &s->latency;
    const double ms[] = {l->min, l->mean, l->p50, l->p90, l->p99, l->p999, l->max};
    char bytes[32];
    tro_table_text(t, s->text, strlen(s->text));
    tro_table_cell(t, "%zu", s->n);
    for (size_t k = 0; k < sizeof ms / sizeof *ms; k++)
        tro_table_cell(t, "%.3f", ms[k]);
    tro_table_cell(t, "%.1f", s->throughput_hz);
    if (b->has_energy && s->n)
        tro_table_cell(t, "%.3g", s->energy_mj / (double)s->n);
    else
        tro_table_cell(t, "-");
    tro_table_cell(t, "%s", s->peak_bytes ? tro_print_bytes(s->peak_bytes, bytes) : "-");
    if (b->n_sides > 1)
        tro_table_cell(t, "%.2fx", l->p50 > 0 ? b->sides[0].latency.p50 / l->p50 : 0);
}

static void print_table(const struct tro_bench *b)
{
    static const char *const heads[] = {"side",    ">runs",   ">min ms", ">mean",   ">p50",
                                        ">p90",    ">p99",    ">p99.9",  ">max ms", ">runs/s",
                                        ">mJ/run", ">memory", ">speed"};
    struct tro_table t = {0};
    const size_t n = sizeof heads / sizeof *heads - (b->n_sides < 2);
    for (size_t i = 0; i < n; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < b->n_sides; i++)
        side_cells(&t, b, i);
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
}

static int digits_of(double width_ms)
{
    int n = 0;
    for (; width_ms < 0.99 && n < 6; n++)
        width_ms *= 10;
    return n;
}

static void print_bin(const struct tro_histogram *h, int i, bool is_last)
{
    static const char bar[BAR_WIDTH + 1] = "##################################################";
    const int digits = digits_of(h->width_ms);
    const double begin = h->begin_ms + i * h->width_ms;
    const int n = (int)((h->count[i] * BAR_WIDTH + h->most - 1) / h->most);
    if (is_last)
        printf("  %9.*f and more  ", digits, begin);
    else
        printf("  %9.*f - %-7.*f", digits, begin, digits, begin + h->width_ms);
    printf(" %7lld%s%.*s\n", (long long)h->count[i], n ? " " : "", n, bar);
}

static void print_histogram(const struct tro_bench_side *s)
{
    const struct tro_histogram h = tro_histogram_of(s->ns, s->n);
    int last = TRO_HISTOGRAM_BINS - 1;
    printf("\n%s: ms, runs\n", s->text);
    while (last > 0 && !h.count[last])
        last--;
    for (int i = 0; i <= last; i++)
        print_bin(&h, i, i == TRO_HISTOGRAM_BINS - 1);
}

static void print_device(const struct tro_bench_side *s)
{
    struct tro_session_gpu gpu;
    if (!s->has_device || !tro_session_gpu(s->streams[0].side.session, &gpu))
        return;
    printf(
        "%s: %s on %s: %.4f ms on the device (median), %d kernels in %d graph%s, %d step%s on the "
        "host\n",
        s->text, tro_side_precision(&s->streams[0].side), gpu.device->name, s->device.p50,
        gpu.exec.n_kernels, gpu.exec.n_graphs, gpu.exec.n_graphs == 1 ? "" : "s",
        gpu.exec.n_host_steps, gpu.exec.n_host_steps == 1 ? "" : "s");
}

/* Those that slow the chip. */
static void print_reasons(int64_t reasons)
{
    int n = 0;
#define REASON(bit, id, is_slow)      \
    if (is_slow && (reasons & (bit))) \
        printf("%s%s", n++ ? ", " : ", clock held back: ", id);
    TRO_NVML_REASONS(REASON)
#undef REASON
}

static bool is_slowed(int64_t reasons)
{
    bool is_any = false;
#define REASON(bit, id, is_slow) is_any |= is_slow && (reasons & (bit));
    TRO_NVML_REASONS(REASON)
#undef REASON
    return is_any;
}

static void print_change(int before, int after, double scale, const char *unit)
{
    if (before < 0 || after < 0)
        return;
    printf(", %.0f to %.0f %s", before * scale, after * scale, unit);
}

static void print_gpu(const struct tro_bench_side *s)
{
    const struct tro_bench_gpu *const g = &s->gpu;
    if (!s->has_device)
        return;
    if (g->why_not[0])
        printf("%s: energy of the GPU is not known: %s", s->text, g->why_not);
    else
        printf("%s: %.3g mJ of the GPU a run", s->text, g->energy_mj);
    if (g->nvml) {
        print_change(g->before.temperature_c, g->after.temperature_c, 1, "degrees C");
        print_change(g->before.sm_mhz, g->after.sm_mhz, 1, "MHz");
        print_change(g->before.power_mw, g->after.power_mw, 1e-3, "W");
        if (g->after.reasons >= 0 && !is_slowed(g->reasons))
            printf(", clock not held back");
        print_reasons(g->reasons);
    }
    printf("\n");
}

void tro_bench_print(const struct tro_bench *b)
{
    const char *name = tro_cpu_name();
    printf("%s%s%lld stream%s, %g s each\n\n", name, name[0] ? ": " : "", (long long)b->n_streams,
           b->n_streams == 1 ? "" : "s", b->duration);
    print_table(b);
    for (int i = 0; i < b->n_sides; i++)
        print_device(&b->sides[i]);
    for (int i = 0; i < b->n_sides; i++)
        print_gpu(&b->sides[i]);
    for (int i = 0; i < b->n_sides; i++)
        print_histogram(&b->sides[i]);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void json_latency(const struct tro_latency *l, struct tro_json *j)
{
    tro_json_object_begin(j, "latency_ms");
    tro_json_number(j, "min", l->min);
    tro_json_number(j, "mean", l->mean);
    tro_json_number(j, "p50", l->p50);
    tro_json_number(j, "p90", l->p90);
    tro_json_number(j, "p95", l->p95);
    tro_json_number(j, "p99", l->p99);
    tro_json_number(j, "p999", l->p999);
    tro_json_number(j, "max", l->max);
    tro_json_number(j, "tail", l->max - l->p95);
    tro_json_number(j, "flatness", l->p90 - l->p10);
    tro_json_object_end(j);
}

static void json_known(struct tro_json *j, const char *key, int value, double scale)
{
    if (value >= 0)
        tro_json_number(j, key, value * scale);
    else
        tro_json_null(j, key);
}

static void json_state(const struct tro_nvml_state *s, const char *key, struct tro_json *j)
{
    tro_json_object_begin(j, key);
    json_known(j, "temperature_c", s->temperature_c, 1);
    json_known(j, "sm_mhz", s->sm_mhz, 1);
    json_known(j, "power_w", s->power_mw, 1e-3);
    tro_json_object_end(j);
}

static void json_reasons(int64_t reasons, bool is_slow_only, const char *key, struct tro_json *j)
{
    tro_json_array_begin(j, key);
#define REASON(bit, id, is_slow)                         \
    if ((reasons & (bit)) && (is_slow || !is_slow_only)) \
        tro_json_string(j, NULL, id);
    TRO_NVML_REASONS(REASON)
#undef REASON
    tro_json_array_end(j);
}

/* Energy, state, and what held the clock back at any look. */
static void json_nvml(const struct tro_bench_gpu *g, struct tro_json *j)
{
    if (g->why_not[0]) {
        tro_json_null(j, "energy_mj");
        tro_json_string(j, "energy_missing", g->why_not);
    } else {
        tro_json_number(j, "energy_mj", g->energy_mj);
    }
    if (!g->nvml)
        return;
    json_state(&g->before, "before", j);
    json_state(&g->after, "after", j);
    if (g->after.reasons < 0) {
        tro_json_null(j, "clock_reasons");
        tro_json_null(j, "throttled_by");
        return;
    }
    json_reasons(g->reasons, false, "clock_reasons", j);
    json_reasons(g->reasons, true, "throttled_by", j);
}

static void json_gpu(const struct tro_bench_side *s, struct tro_json *j)
{
    struct tro_session_gpu gpu;
    if (!s->has_device || !tro_session_gpu(s->streams[0].side.session, &gpu)) {
        tro_json_null(j, "gpu");
        return;
    }
    tro_json_object_begin(j, "gpu");
    tro_json_string(j, "name", gpu.device->name);
    tro_json_int(j, "arch", gpu.device->arch);
    tro_json_int(j, "multiprocessors", gpu.device->n_sms);
    tro_json_number(j, "device_ms_min", s->device.min);
    tro_json_number(j, "device_ms_p50", s->device.p50);
    tro_json_number(j, "device_ms_p90", s->device.p90);
    tro_json_int(j, "kernels", gpu.exec.n_kernels);
    tro_json_int(j, "graphs", gpu.exec.n_graphs);
    tro_json_int(j, "host_steps", gpu.exec.n_host_steps);
    tro_json_int(j, "kernels_compiled", (int64_t)gpu.store.n_compiled);
    tro_json_int(j, "device_bytes", (int64_t)gpu.exec.device_bytes);
    tro_json_int(j, "constant_bytes", (int64_t)gpu.store.constant_bytes);
    tro_json_int(j, "pinned_bytes", (int64_t)gpu.exec.pinned_bytes);
    json_nvml(&s->gpu, j);
    tro_json_object_end(j);
}

static void json_side(const struct tro_bench *b, const struct tro_bench_side *s, struct tro_json *j)
{
    const struct tro_side *side = &s->streams[0].side;
    char hash[32];
    tro_json_string(j, "side", s->text);
    tro_json_string(j, "kind", tro_side_kind_name(side->kind));
    json_latency(&s->latency, j);
    tro_json_number(j, "throughput_hz", s->throughput_hz);
    tro_json_int(j, "runs", (int64_t)s->n);
    if (s->peak_bytes)
        tro_json_int(j, "peak_bytes", (int64_t)s->peak_bytes);
    else
        tro_json_null(j, "peak_bytes");
    if (b->has_energy && s->n)
        tro_json_number(j, "energy_mj", s->energy_mj / (double)s->n);
    else
        tro_json_null(j, "energy_mj");
    tro_json_string(j, "device", tro_side_device(side));
    tro_json_string(j, "precision", tro_side_precision(side));
    json_gpu(s, j);
    if (tro_side_hash(side, hash))
        tro_json_string(j, "engine_hash", hash);
    else
        tro_json_null(j, "engine_hash");
    tro_json_number(j, "speed", s->latency.p50 > 0 ? b->sides[0].latency.p50 / s->latency.p50 : 0);
}

/* The fields of the first side stand at the top, where readers of a single one look. */
void tro_bench_json(const struct tro_bench *b, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    json_side(b, &b->sides[0], j);
    tro_json_string(j, "processor", tro_cpu_name());
    tro_json_number(j, "duration_s", b->duration);
    tro_json_int(j, "streams", b->n_streams);
    tro_json_int(j, "idle_ms", b->idle_ms);
    tro_json_array_begin(j, "sides");
    for (int i = 0; i < b->n_sides; i++) {
        tro_json_object_begin(j, NULL);
        json_side(b, &b->sides[i], j);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
    tro_json_object_end(j);
}
