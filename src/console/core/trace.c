/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/trace.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"

#define MAX_NETWORKS 64
#define N_LINES 8 /* of a row, for spans that overlap; more are drawn on the last one */
#define N_ROWS (TRO_N_STAGES * (MAX_NETWORKS + 1))

/* version is odd while somebody writes; a writer that finds it so was overtaken by a whole turn of
 * the ring and gives its event up. */
struct slot {
    atomic_uint_fast64_t version;
    atomic_uint_fast64_t frame;
    atomic_int_fast64_t begin_ns, end_ns;
    atomic_int row;
};

struct tro_trace {
    atomic_uint_fast64_t next;
    struct slot slots[TRO_TRACE_EVENTS];
};

struct event {
    uint64_t frame;
    int64_t begin_ns, end_ns;
    int row, line;
};

struct text {
    const char *name, *what;
};

static const struct text stages[] = {
#define TRO_STAGE_TEXT(id, name, what) {name, what},
    TRO_STAGES(TRO_STAGE_TEXT)
#undef TRO_STAGE_TEXT
};

const char *tro_trace_stage_name(enum tro_trace_stage stage)
{
    return stages[stage].name;
}

const char *tro_trace_stage_what(enum tro_trace_stage stage)
{
    return stages[stage].what;
}

struct tro_trace *tro_trace_create(struct tro_err *err)
{
    struct tro_trace *const t = tro_calloc(1, sizeof(*t));
    if (!t)
        tro_fail_nomem(err);
    return t;
}

void tro_trace_destroy(struct tro_trace *t)
{
    tro_free(t);
}

static int row_of(enum tro_trace_stage stage, int network)
{
    const int place = network < 0 ? 0 : network < MAX_NETWORKS ? network + 1 : MAX_NETWORKS;
    return (int)stage * (MAX_NETWORKS + 1) + place;
}

void tro_trace_put(struct tro_trace *t, enum tro_trace_stage stage, uint64_t frame, int network,
                   int64_t begin_ns, int64_t end_ns)
{
    if (!t)
        return;
    const uint64_t ticket = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
    struct slot *const s = &t->slots[ticket % TRO_TRACE_EVENTS];
    uint_fast64_t version = atomic_load_explicit(&s->version, memory_order_relaxed);
    if (version & 1 ||
        !atomic_compare_exchange_strong_explicit(&s->version, &version, version + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    /* Released each, so that who sees a new value sees the odd version before it. */
    atomic_store_explicit(&s->frame, frame, memory_order_release);
    atomic_store_explicit(&s->begin_ns, begin_ns, memory_order_release);
    atomic_store_explicit(&s->end_ns, end_ns, memory_order_release);
    atomic_store_explicit(&s->row, row_of(stage, network), memory_order_release);
    atomic_store_explicit(&s->version, version + 2, memory_order_release);
}

static bool read_slot(const struct slot *s, struct event *out)
{
    const uint64_t version = atomic_load_explicit(&s->version, memory_order_acquire);
    if (version == 0 || version & 1)
        return false;
    *out = (struct event){
        .frame = atomic_load_explicit(&s->frame, memory_order_acquire),
        .begin_ns = atomic_load_explicit(&s->begin_ns, memory_order_acquire),
        .end_ns = atomic_load_explicit(&s->end_ns, memory_order_acquire),
        .row = atomic_load_explicit(&s->row, memory_order_acquire),
    };
    return atomic_load_explicit(&s->version, memory_order_relaxed) == version;
}

static int compare(const void *a, const void *b)
{
    const struct event *const x = a, *const y = b;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static size_t gather(const struct tro_trace *t, int64_t from_ns, int64_t to_ns,
                     struct event *events)
{
    size_t n = 0;
    for (size_t i = 0; i < TRO_TRACE_EVENTS; i++) {
        struct event e;
        if (read_slot(&t->slots[i], &e) && e.end_ns >= from_ns && e.end_ns <= to_ns)
            events[n++] = e;
    }
    qsort(events, n, sizeof(*events), compare);
    return n;
}

/* The first line of the row that is free when the span begins. */
static void lay_out(struct event *events, size_t n, int64_t (*free_at)[N_LINES])
{
    for (int row = 0; row < N_ROWS; row++)
        for (int line = 0; line < N_LINES; line++)
            free_at[row][line] = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        struct event *const e = &events[i];
        int64_t *const lines = free_at[e->row];
        while (e->line < N_LINES - 1 && lines[e->line] > e->begin_ns)
            e->line++;
        lines[e->line] = e->end_ns;
    }
}

static const char *network_of(int row, const char *const *names, int n_names)
{
    const int network = row % (MAX_NETWORKS + 1) - 1;
    return network < 0 ? "" : network < n_names ? names[network] : "?";
}

static int thread_of(const struct event *e)
{
    return e->row * N_LINES + e->line + 1;
}

static void write_rows(struct tro_json *j, int64_t (*free_at)[N_LINES], const char *const *names,
                       int n_names)
{
    for (int row = 0; row < N_ROWS; row++) {
        for (int line = 0; line < N_LINES && free_at[row][line] != INT64_MIN; line++) {
            const char *const network = network_of(row, names, n_names);
            struct tro_buf text = {0};
            tro_buf_printf(&text, "%s%s%s", stages[row / (MAX_NETWORKS + 1)].name,
                           *network ? " " : "", network);
            tro_buf_u8(&text, 0);
            j->buf.failed = j->buf.failed || text.failed;
            tro_json_object_begin(j, NULL);
            tro_json_string(j, "name", "thread_name");
            tro_json_string(j, "ph", "M");
            tro_json_int(j, "pid", 1);
            tro_json_int(j, "tid", row * N_LINES + line + 1);
            tro_json_object_begin(j, "args");
            tro_json_string(j, "name", text.failed ? "" : (const char *)text.p);
            tro_json_object_end(j);
            tro_json_object_end(j);
            tro_buf_finish(&text);
        }
    }
}

static void write_event(struct tro_json *j, const struct event *e, int64_t origin_ns,
                        const char *network)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", stages[e->row / (MAX_NETWORKS + 1)].name);
    tro_json_string(j, "cat", *network ? network : "frame");
    tro_json_string(j, "ph", "X");
    tro_json_number(j, "ts", (double)(e->begin_ns - origin_ns) / 1e3);
    tro_json_number(j, "dur", (double)(e->end_ns - e->begin_ns) / 1e3);
    tro_json_int(j, "pid", 1);
    tro_json_int(j, "tid", thread_of(e));
    tro_json_object_begin(j, "args");
    tro_json_int(j, "frame", (int64_t)e->frame);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

int tro_trace_write(const struct tro_trace *t, int64_t from_ns, int64_t to_ns, int64_t origin_ns,
                    const char *const *names, int n_names, struct tro_buf *out, struct tro_err *err)
{
    struct event *const events = tro_malloc(TRO_TRACE_EVENTS * sizeof(*events));
    int64_t(*const free_at)[N_LINES] = tro_malloc(N_ROWS * sizeof(*free_at));
    struct tro_json j = {.is_line = true};
    bool failed = !events || !free_at;
    if (!failed) {
        const size_t n = gather(t, from_ns, to_ns, events);
        lay_out(events, n, free_at);
        tro_json_object_begin(&j, NULL);
        tro_json_string(&j, "displayTimeUnit", "ms");
        tro_json_array_begin(&j, "traceEvents");
        write_rows(&j, free_at, names, n_names);
        for (size_t i = 0; i < n; i++)
            write_event(&j, &events[i], origin_ns, network_of(events[i].row, names, n_names));
        tro_json_array_end(&j);
        tro_json_object_end(&j);
        tro_buf_put(out, j.buf.p, j.buf.n);
        failed = j.buf.failed || out->failed;
    }
    tro_json_finish(&j);
    tro_free(events);
    tro_free(free_at);
    return failed ? tro_fail_nomem(err) : 0;
}
