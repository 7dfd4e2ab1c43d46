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

void tro_bench_print(const struct tro_bench *b)
{
    const char *name = tro_cpu_name();
    printf("%s%s%lld stream%s, %g s each\n\n", name, name[0] ? ": " : "", (long long)b->n_streams,
           b->n_streams == 1 ? "" : "s", b->duration);
    print_table(b);
    for (int i = 0; i < b->n_sides; i++)
        print_device(&b->sides[i]);
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
