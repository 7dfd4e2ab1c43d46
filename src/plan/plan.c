/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: bytes are checked from the outside in, and nothing is used before it was checked. */
#include "plan/format.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/nvtx.h"
#include "graph/weights.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct tro_plan {
    struct tro_arena arena; /* of everything in parts but the graph */
    uint8_t *bytes;         /* the file; weights and golden tensors are used where they lie */
    size_t n_bytes;
    const char *name;
    struct tro_graph *graph;
    struct tro_plan_parts parts;
    pthread_mutex_t lock; /* of what follows */
    void *shared;
    void (*destroy_shared)(void *shared);
};

struct section {
    enum tro_plan_kind kind;
    struct tro_str body;
    uint64_t hash;
};

struct opener {
    struct tro_plan *p;
    struct section *sections; /* in the arena */
    size_t n;
    uint32_t version;
    struct tro_err *err;
};

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
#define TRO_PLAN_KIND(id, number) \
    case TRO_PLAN_##id:           \
        return #id;
        TRO_PLAN_KINDS(TRO_PLAN_KIND)
#undef TRO_PLAN_KIND
    }
    return "unknown";
}

/* ---- header and table ------------------------------------------------------------------ */

static int check_start(struct opener *o, struct tro_bytes *b)
{
    const struct tro_str magic = tro_bytes_take(b, 8);
    const uint32_t version = tro_bytes_u32(b);
    if (b->failed || memcmp(magic.p, TRO_PLAN_MAGIC, 8) != 0)
        return tro_fail(o->err, TRO_E_INPUT,
                        "expected a plan file, found a file that begins otherwise");
    if (version > TRO_PLAN_VERSION)
        return tro_fail(o->err, TRO_E_UNSUPPORTED,
                        "plan format %u: this version reads up to %d: build the plan with this "
                        "version, or use a newer one",
                        version, TRO_PLAN_VERSION);
    if (version == 0)
        return tro_fail(o->err, TRO_E_INPUT, "the header is damaged: plan format 0");
    o->version = version;
    return 0;
}

static int fail_length(struct opener *o, uint64_t expected)
{
    return tro_fail(o->err, TRO_E_INPUT,
                    "expected %llu bytes as the header says, found %zu: the file is cut or damaged",
                    (unsigned long long)expected, o->p->n_bytes);
}

static int check_header(struct opener *o, struct tro_bytes *b)
{
    TRO_TRY(check_start(o, b));
    const uint32_t n = tro_bytes_u32(b);
    const uint64_t n_bytes = tro_bytes_u64(b), hash = tro_bytes_u64(b);
    bool is_zero = true;
    for (int i = 0; i < 4; i++)
        is_zero &= tro_bytes_u64(b) == 0;
    if (b->failed || n_bytes != o->p->n_bytes)
        return fail_length(o, b->failed ? TRO_PLAN_HEADER : n_bytes);
    if (n > TRO_PLAN_MAX_SECTIONS || n > tro_bytes_left(b) / TRO_PLAN_ENTRY)
        return tro_fail(o->err, TRO_E_INPUT, "the header is damaged: %u sections do not fit", n);
    const size_t table_end = TRO_PLAN_HEADER + TRO_PLAN_ENTRY * (size_t)n;
    if (!is_zero || tro_plan_header_hash(o->p->bytes, table_end) != hash)
        return tro_fail(o->err, TRO_E_INPUT, "the header is damaged: its hash is another");
    o->n = n;
    return 0;
}

/* A section begins at the next multiple of 64 after the one before, and gaps are zeros. */
static int check_place(struct opener *o, uint64_t end, uint64_t offset, uint64_t n_bytes)
{
    if (offset != tro_plan_align(end) || offset > o->p->n_bytes || n_bytes > o->p->n_bytes - offset)
        return tro_fail(o->err, TRO_E_INPUT,
                        "expected it at byte %llu and within the file, found %llu bytes at %llu",
                        (unsigned long long)tro_plan_align(end), (unsigned long long)n_bytes,
                        (unsigned long long)offset);
    for (uint64_t i = end; i < offset; i++)
        if (o->p->bytes[i])
            return tro_fail(o->err, TRO_E_INPUT, "byte %llu before it is damaged: expected 0",
                            (unsigned long long)i);
    return 0;
}

static int check_kind(struct opener *o, uint32_t kind, uint32_t reserved, uint32_t before)
{
    const uint32_t last = tro_plan_last_kind(o->version);
    if (kind == 0 || kind > last || reserved != 0)
        return tro_fail(o->err, TRO_E_INPUT, "expected a kind of 1 to %u, found %u", last, kind);
    if (kind < before || (kind == before && kind != TRO_PLAN_TUNED))
        return tro_fail(o->err, TRO_E_INPUT, "expected sections in order, each once");
    return 0;
}

static int read_entry(struct opener *o, struct tro_bytes *b, struct section *s, uint32_t before,
                      uint64_t *end)
{
    const uint32_t kind = tro_bytes_u32(b), reserved = tro_bytes_u32(b);
    const uint64_t offset = tro_bytes_u64(b), n_bytes = tro_bytes_u64(b);
    s->hash = tro_bytes_u64(b);
    TRO_TRY(check_kind(o, kind, reserved, before));
    TRO_TRY(tro_err_prefix(o->err, check_place(o, *end, offset, n_bytes),
                           "section %s: ", kind_name(kind)));
    *end = offset + n_bytes;
    s->kind = (enum tro_plan_kind)kind;
    s->body = (struct tro_str){(const char *)o->p->bytes + offset, (size_t)n_bytes};
    return 0;
}

static int read_table(struct opener *o, struct tro_bytes *b)
{
    uint64_t end = TRO_PLAN_HEADER + TRO_PLAN_ENTRY * (uint64_t)o->n;
    uint32_t before = 0;
    o->sections = TRO_NEW_N(&o->p->arena, struct section, o->n);
    if (!o->sections)
        return tro_fail_nomem(o->err);
    for (size_t i = 0; i < o->n; i++) {
        TRO_TRY(read_entry(o, b, &o->sections[i], before, &end));
        before = (uint32_t)o->sections[i].kind;
    }
    return end == o->p->n_bytes ? 0 : fail_length(o, end);
}

static int check_hashes(struct opener *o)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct section *const s = &o->sections[i];
        const uint64_t found = tro_hash64_wide(s->body.p, s->body.n, 0);
        if (found != s->hash)
            return tro_fail(o->err, TRO_E_INPUT,
                            "section %s is damaged: expected hash %016llx, found %016llx: copy or "
                            "build the plan again",
                            kind_name((uint32_t)s->kind), (unsigned long long)s->hash,
                            (unsigned long long)found);
    }
    return 0;
}

/* ---- sections -------------------------------------------------------------------------- */

static struct tro_str find(const struct opener *o, enum tro_plan_kind kind)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->sections[i].kind == kind)
            return o->sections[i].body;
    return (struct tro_str){0};
}

static int read_graph(struct opener *o)
{
    struct tro_plan *const p = o->p;
    const struct tro_str text = find(o, TRO_PLAN_GRAPH);
    if (!text.p)
        return tro_fail(o->err, TRO_E_INPUT, "expected this section, found none");
    p->graph = tro_graph_parse_apart(text, "line", find(o, TRO_PLAN_WEIGHTS), o->err);
    p->parts.graph = p->graph;
    if (!p->graph)
        return o->err->status;
    const int rc = tro_graph_verify(p->graph, o->err);
    return rc == TRO_E_INTERNAL ? (o->err->status = TRO_E_INPUT) : rc;
}

static int read_tuned(struct opener *o)
{
    struct tro_plan_parts *const parts = &o->p->parts;
    struct tro_plan_tuned *const tuned = TRO_NEW_N(&o->p->arena, struct tro_plan_tuned, o->n);
    if (!tuned)
        return tro_fail_nomem(o->err);
    parts->tuned = tuned;
    for (size_t i = 0; i < o->n; i++) {
        if (o->sections[i].kind != TRO_PLAN_TUNED)
            continue;
        TRO_TRY(
            tro_plan_read_tuned(&tuned[parts->n_tuned], &o->p->arena, o->sections[i].body, o->err));
        parts->n_tuned++;
    }
    return 0;
}

/* Sections that may be missing. */
static int read_optional(struct opener *o, enum tro_plan_kind kind,
                         int (*read)(struct tro_plan_parts *, struct tro_arena *, struct tro_str,
                                     struct tro_err *))
{
    const struct tro_str body = find(o, kind);
    if (!body.p)
        return 0;
    return tro_err_prefix(o->err, read(&o->p->parts, &o->p->arena, body, o->err),
                          "section %s: ", kind_name((uint32_t)kind));
}

static int read_sections(struct opener *o)
{
    if (!find(o, TRO_PLAN_META).p)
        return tro_fail(o->err, TRO_E_INPUT, "section META: expected this section, found none");
    TRO_TRY(read_optional(o, TRO_PLAN_META, tro_plan_read_meta));
    TRO_TRY(tro_err_prefix(o->err, read_graph(o), "section GRAPH: "));
    TRO_TRY(read_optional(o, TRO_PLAN_SHAPES, tro_plan_read_shapes));
    TRO_TRY(read_optional(o, TRO_PLAN_STATES, tro_plan_read_states));
    TRO_TRY(read_optional(o, TRO_PLAN_PASSES, tro_plan_read_passes));
    TRO_TRY(tro_err_prefix(o->err, read_tuned(o), "section TUNED: "));
    TRO_TRY(read_optional(o, TRO_PLAN_GOLDEN, tro_plan_read_golden));
    TRO_TRY(read_optional(o, TRO_PLAN_TARGETS, tro_plan_read_targets));
    TRO_TRY(read_optional(o, TRO_PLAN_CODE, tro_plan_read_code));
    return read_optional(o, TRO_PLAN_WIDE, tro_plan_read_wide);
}

static int read_plan(struct opener *o)
{
    struct tro_bytes b = tro_bytes_of(o->p->bytes, o->p->n_bytes);
    TRO_TRY(check_header(o, &b));
    TRO_TRY(read_table(o, &b));
    TRO_TRY(check_hashes(o));
    TRO_TRY(read_sections(o));
    return tro_plan_check(&o->p->parts, o->err);
}

/* ---- plans ----------------------------------------------------------------------------- */

struct tro_plan *tro_plan_open_owned(void *bytes, size_t n_bytes, const char *name,
                                     struct tro_err *err)
{
    struct tro_err own;
    struct tro_plan *const p = tro_calloc(1, sizeof(*p));
    if (!p) {
        tro_fail_nomem(err);
        tro_free(bytes);
        return NULL;
    }
    p->bytes = bytes;
    p->n_bytes = n_bytes;
    pthread_mutex_init(&p->lock, NULL);
    p->parts.passes = "";
    p->parts.precision = "fp32";
    p->name = tro_arena_strdup(&p->arena, name);
    struct opener o = {.p = p, .err = err ? err : &own};
    tro_range_begin("load", name);
    const int rc = p->name ? read_plan(&o) : tro_fail_nomem(err);
    tro_range_end();
    if (tro_err_prefix(o.err, rc, "%s: ", name) == 0)
        return p;
    tro_plan_close(p);
    return NULL;
}

struct tro_plan *tro_plan_open(const char *path, struct tro_err *err)
{
    struct tro_file f;
    if (tro_file_read(&f, path, 0, err) < 0)
        return NULL;
    return tro_plan_open_owned(f.data, f.n_bytes, path, err);
}

struct tro_plan *tro_plan_open_memory(const void *bytes, size_t n_bytes, const char *name,
                                      struct tro_err *err)
{
    void *const copy = tro_malloc_aligned(n_bytes);
    if (!copy) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    return tro_plan_open_owned(copy, n_bytes, name, err);
}

void tro_plan_close(struct tro_plan *p)
{
    if (!p)
        return;
    if (p->shared)
        p->destroy_shared(p->shared);
    pthread_mutex_destroy(&p->lock);
    tro_graph_destroy(p->graph);
    tro_arena_finish(&p->arena);
    tro_free(p->bytes);
    tro_free(p);
}

const struct tro_plan_parts *tro_plan_contents(const struct tro_plan *p)
{
    return &p->parts;
}

const char *tro_plan_note(const struct tro_plan_parts *parts, const char *key)
{
    for (size_t i = 0; i < parts->n_notes; i++)
        if (strcmp(parts->notes[i].key, key) == 0)
            return parts->notes[i].value;
    return NULL;
}

const char *tro_plan_name(const struct tro_plan *p)
{
    return p->name;
}

uint64_t tro_plan_hash(const struct tro_plan *p)
{
    struct tro_bytes b = tro_bytes_of(p->bytes + TRO_PLAN_HASH_AT, 8);
    return tro_bytes_u64(&b);
}

size_t tro_plan_n_bytes(const struct tro_plan *p)
{
    return p->n_bytes;
}

bool tro_plan_is_file(const char *path)
{
    char magic[8] = {0};
    FILE *const f = fopen(path, "rbe");
    const size_t n = f ? fread(magic, 1, sizeof magic, f) : 0;
    if (f)
        fclose(f);
    return n == sizeof magic && memcmp(magic, TRO_PLAN_MAGIC, sizeof magic) == 0;
}

void *tro_plan_shared(struct tro_plan *p, void *(*make)(struct tro_err *err),
                      void (*destroy)(void *shared), struct tro_err *err)
{
    pthread_mutex_lock(&p->lock);
    if (!p->shared) {
        p->shared = make(err);
        p->destroy_shared = destroy;
    }
    void *const shared = p->shared;
    pthread_mutex_unlock(&p->lock);
    return shared;
}
