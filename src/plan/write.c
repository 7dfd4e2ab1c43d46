/* SPDX-License-Identifier: Apache-2.0 */
/* Plans into bytes. Small sections are made in memory first; then the file's length is known and
 * everything is put into its place once. */
#include "plan/format.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "graph/weights.h"

#include <string.h>

/* Constants of more elements are weights: what sizes and axes need stays readable in the text. */
#define MAX_LISTED 16

struct section {
    enum tro_plan_kind kind;
    struct tro_buf body; /* of all sections but golden and weights */
    uint64_t offset, n_bytes;
};

struct writer {
    const struct tro_plan_parts *parts;
    struct section *sections;
    size_t n, cap;
    struct tro_weights weights, code;
    struct tro_err *err;
};

uint64_t tro_plan_header_hash(const uint8_t *header, size_t n_bytes)
{
    const uint64_t first = tro_hash64_wide(header, TRO_PLAN_HASH_AT, 0);
    return tro_hash64_wide(header + TRO_PLAN_HASH_AT + 8, n_bytes - TRO_PLAN_HASH_AT - 8, first);
}

static struct section *add_section(struct writer *w, enum tro_plan_kind kind)
{
    if (TRO_GROW(&w->sections, w->n, &w->cap) < 0)
        return NULL;
    w->sections[w->n] = (struct section){.kind = kind};
    return &w->sections[w->n++];
}

/* A section that is made in memory: 0 or TRO_E_NOMEM. */
static int add_body(struct writer *w, enum tro_plan_kind kind, struct tro_buf *body)
{
    struct section *const s = body->failed ? NULL : add_section(w, kind);
    if (!s) {
        tro_buf_finish(body);
        return tro_fail_nomem(w->err);
    }
    s->body = *body;
    s->n_bytes = body->n;
    return 0;
}

/* ---- bodies ---------------------------------------------------------------------------- */

static void put_text(struct tro_buf *b, const char *text)
{
    tro_buf_u32(b, (uint32_t)strlen(text));
    tro_buf_str(b, text);
}

static int add_meta(struct writer *w)
{
    struct tro_buf b = {0};
    char producer[64] = "trocar ";
    put_text(&b, strcat(producer, tro_version()));
    put_text(&b, w->parts->model);
    if (w->parts->n_notes)
        tro_buf_u32(&b, (uint32_t)w->parts->n_notes);
    for (size_t i = 0; i < w->parts->n_notes; i++) {
        put_text(&b, w->parts->notes[i].key);
        put_text(&b, w->parts->notes[i].value);
    }
    return add_body(w, TRO_PLAN_META, &b);
}

static int add_graph(struct writer *w)
{
    struct tro_buf b = {0};
    tro_graph_print_apart(w->parts->graph, MAX_LISTED, &w->weights, &b);
    return add_body(w, TRO_PLAN_GRAPH, &b);
}

static void put_sizes(struct tro_buf *b, int rank, const int64_t *sizes)
{
    for (int i = 0; i < rank; i++)
        tro_buf_u64(b, (uint64_t)sizes[i]);
}

static int add_shapes(struct writer *w)
{
    const struct tro_plan_parts *const p = w->parts;
    struct tro_buf b = {0};
    if (p->n_sizes + p->n_buckets == 0)
        return 0;
    tro_buf_u32(&b, (uint32_t)p->n_sizes);
    tro_buf_u32(&b, (uint32_t)p->n_buckets);
    for (size_t i = 0; i < p->n_sizes; i++) {
        const struct tro_plan_sizes *const s = &p->sizes[i];
        tro_buf_u32(&b, (uint32_t)s->input);
        tro_buf_u32(&b, (uint32_t)s->rank);
        put_sizes(&b, s->rank, s->min);
        put_sizes(&b, s->rank, s->opt);
        put_sizes(&b, s->rank, s->max);
    }
    for (size_t i = 0; i < p->n_buckets; i++) {
        tro_buf_u32(&b, (uint32_t)p->buckets[i].input);
        tro_buf_u32(&b, (uint32_t)p->buckets[i].rank);
        put_sizes(&b, p->buckets[i].rank, p->buckets[i].shape);
    }
    return add_body(w, TRO_PLAN_SHAPES, &b);
}

static int add_states(struct writer *w)
{
    struct tro_buf b = {0};
    if (w->parts->n_states == 0)
        return 0;
    tro_buf_u32(&b, (uint32_t)w->parts->n_states);
    for (size_t i = 0; i < w->parts->n_states; i++) {
        tro_buf_u32(&b, (uint32_t)w->parts->states[i].input);
        tro_buf_u32(&b, (uint32_t)w->parts->states[i].output);
    }
    return add_body(w, TRO_PLAN_STATES, &b);
}

static int add_passes(struct writer *w)
{
    struct tro_buf b = {0};
    if (!*w->parts->passes)
        return 0;
    tro_buf_str(&b, w->parts->passes);
    return add_body(w, TRO_PLAN_PASSES, &b);
}

static int add_tuned(struct writer *w)
{
    for (size_t i = 0; i < w->parts->n_tuned; i++) {
        const struct tro_plan_tuned *const t = &w->parts->tuned[i];
        struct tro_buf b = {0};
        tro_buf_printf(&b, "%s\n", t->chip);
        for (size_t k = 0; k < t->n_choices; k++)
            tro_buf_printf(&b, "%s\t%s\n", t->choices[k].problem, t->choices[k].candidate);
        TRO_TRY(add_body(w, TRO_PLAN_TUNED, &b));
    }
    return 0;
}

/* ---- golden samples -------------------------------------------------------------------- */

/* Tensor i of a sample: its inputs, then its outputs. */
static const struct tro_tensor *sample_tensor(const struct writer *w, size_t sample, size_t i)
{
    const struct tro_plan_sample *const s = &w->parts->samples[sample];
    const size_t n_in = tro_block_get(w->parts->graph, TRO_MAIN_BLOCK)->n_inputs;
    return i < n_in ? &s->in[i] : &s->out[i - n_in];
}

static size_t tensors_of_sample(const struct writer *w)
{
    const struct tro_block *const b = tro_block_get(w->parts->graph, TRO_MAIN_BLOCK);
    return b->n_inputs + b->n_outputs;
}

/* The table of tensors; data follows it, each aligned. */
static int add_golden(struct writer *w)
{
    struct tro_buf b = {0};
    const size_t n = tensors_of_sample(w);
    uint64_t end = 8;
    if (w->parts->n_samples == 0)
        return 0;
    for (size_t s = 0; s < w->parts->n_samples; s++)
        for (size_t i = 0; i < n; i++)
            end += 16 + 8 * (uint64_t)sample_tensor(w, s, i)->rank;
    tro_buf_u32(&b, (uint32_t)w->parts->n_samples);
    tro_buf_u32(&b, 0);
    for (size_t s = 0; s < w->parts->n_samples; s++) {
        for (size_t i = 0; i < n; i++) {
            const struct tro_tensor *const t = sample_tensor(w, s, i);
            end = tro_plan_align(end);
            tro_buf_u32(&b, (uint32_t)t->dtype);
            tro_buf_u32(&b, (uint32_t)t->rank);
            put_sizes(&b, t->rank, t->shape);
            tro_buf_u64(&b, end);
            end += tro_tensor_n_bytes(t);
        }
    }
    TRO_TRY(add_body(w, TRO_PLAN_GOLDEN, &b));
    w->sections[w->n - 1].n_bytes = end;
    return 0;
}

static void put_golden(const struct writer *w, const struct section *section, uint8_t *p)
{
    size_t at = section->body.n;
    for (size_t s = 0; s < w->parts->n_samples; s++) {
        for (size_t i = 0; i < tensors_of_sample(w); i++) {
            const struct tro_tensor *const t = sample_tensor(w, s, i);
            const size_t n_bytes = tro_tensor_n_bytes(t);
            at = tro_plan_align(at);
            if (n_bytes > 0)
                memcpy(p + at, t->data, n_bytes);
            at += n_bytes;
        }
    }
}

static int add_weights(struct writer *w)
{
    if (w->weights.n_bytes == 0)
        return 0;
    struct section *const s = add_section(w, TRO_PLAN_WEIGHTS);
    if (!s)
        return tro_fail_nomem(w->err);
    s->n_bytes = w->weights.n_bytes;
    return 0;
}

/* ---- targets, code --------------------------------------------------------------------- */

static const char *precision_of(const struct writer *w)
{
    return w->parts->precision ? w->parts->precision : "fp32";
}

static int add_targets(struct writer *w)
{
    struct tro_buf b = {0};
    if (w->parts->n_targets == 0 && strcmp(precision_of(w), "fp32") == 0)
        return 0;
    put_text(&b, precision_of(w));
    tro_buf_u32(&b, (uint32_t)w->parts->n_wide);
    tro_buf_u32(&b, (uint32_t)w->parts->n_targets);
    for (size_t i = 0; i < w->parts->n_targets; i++) {
        tro_buf_u32(&b, (uint32_t)w->parts->targets[i].arch);
        tro_buf_u32(&b, (uint32_t)w->parts->targets[i].n_sms);
    }
    return add_body(w, TRO_PLAN_TARGETS, &b);
}

static size_t code_begin(const struct writer *w)
{
    return tro_plan_align(8 + TRO_PLAN_CODE_ENTRY * (uint64_t)w->parts->n_codes);
}

/* The table of kernels; their code follows it, each piece aligned. */
static int add_code(struct writer *w)
{
    struct tro_buf b = {0};
    if (w->parts->n_codes == 0)
        return 0;
    tro_buf_u32(&b, (uint32_t)w->parts->n_codes);
    tro_buf_u32(&b, 0);
    for (size_t i = 0; i < w->parts->n_codes; i++) {
        const struct tro_plan_code *const c = &w->parts->codes[i];
        size_t offset = 0;
        b.failed |= tro_weights_add(&w->code, c->data, c->n_bytes, &offset) < 0;
        tro_buf_u64(&b, c->key);
        tro_buf_u32(&b, (uint32_t)c->kind);
        tro_buf_u32(&b, (uint32_t)c->arch);
        tro_buf_u64(&b, code_begin(w) + offset);
        tro_buf_u64(&b, c->n_bytes);
    }
    TRO_TRY(add_body(w, TRO_PLAN_CODE, &b));
    w->sections[w->n - 1].n_bytes = code_begin(w) + w->code.n_bytes;
    return 0;
}

/* An empty section would be one more file of the same meaning. */
static int add_wide(struct writer *w)
{
    struct tro_buf b = {0};
    if (w->parts->n_wides == 0)
        return 0;
    tro_buf_u32(&b, (uint32_t)w->parts->n_wides);
    for (size_t i = 0; i < w->parts->n_wides; i++)
        tro_buf_u32(&b, w->parts->wide[i]);
    return add_body(w, TRO_PLAN_WIDE, &b);
}

/* ---- the file -------------------------------------------------------------------------- */

static int add_sections(struct writer *w)
{
    TRO_TRY(add_meta(w));
    TRO_TRY(add_graph(w));
    TRO_TRY(add_shapes(w));
    TRO_TRY(add_states(w));
    TRO_TRY(add_passes(w));
    TRO_TRY(add_tuned(w));
    TRO_TRY(add_golden(w));
    TRO_TRY(add_weights(w));
    TRO_TRY(add_targets(w));
    TRO_TRY(add_code(w));
    TRO_TRY(add_wide(w));
    if (w->n > TRO_PLAN_MAX_SECTIONS)
        return tro_fail(w->err, TRO_E_INPUT, "expected at most %d chips, found %zu",
                        TRO_PLAN_MAX_SECTIONS - TRO_PLAN_N_KINDS, w->parts->n_tuned);
    return 0;
}

/* Offsets of sections; the length of the file. */
static uint64_t place(struct writer *w)
{
    uint64_t end = TRO_PLAN_HEADER + TRO_PLAN_ENTRY * (uint64_t)w->n;
    for (size_t i = 0; i < w->n; i++) {
        w->sections[i].offset = tro_plan_align(end);
        end = w->sections[i].offset + w->sections[i].n_bytes;
    }
    return end;
}

static void put_section(const struct writer *w, const struct section *s, uint8_t *p)
{
    if (s->body.n > 0)
        memcpy(p, s->body.p, s->body.n);
    if (s->kind == TRO_PLAN_GOLDEN)
        put_golden(w, s, p);
    if (s->kind == TRO_PLAN_WEIGHTS)
        tro_weights_copy(&w->weights, p);
    if (s->kind == TRO_PLAN_CODE)
        tro_weights_copy(&w->code, p + code_begin(w));
}

static uint32_t version_of(const struct writer *w)
{
    uint32_t version = 1;
    while ((uint32_t)w->sections[w->n - 1].kind > tro_plan_last_kind(version))
        version++;
    return version;
}

/* Header and table; bytes of sections are in place. */
static int put_header(const struct writer *w, uint8_t *file, uint64_t n_bytes)
{
    struct tro_buf b = {0};
    tro_buf_put(&b, TRO_PLAN_MAGIC, 8);
    tro_buf_u32(&b, version_of(w));
    tro_buf_u32(&b, (uint32_t)w->n);
    tro_buf_u64(&b, n_bytes);
    for (int i = 0; i < 5; i++)
        tro_buf_u64(&b, 0);
    for (size_t i = 0; i < w->n; i++) {
        const struct section *const s = &w->sections[i];
        tro_buf_u32(&b, (uint32_t)s->kind);
        tro_buf_u32(&b, 0);
        tro_buf_u64(&b, s->offset);
        tro_buf_u64(&b, s->n_bytes);
        tro_buf_u64(&b, tro_hash64_wide(file + s->offset, s->n_bytes, 0));
    }
    const int rc = b.failed ? tro_fail_nomem(w->err) : 0;
    if (rc == 0)
        memcpy(file, b.p, b.n);
    const uint64_t hash = rc == 0 ? tro_plan_header_hash(file, b.n) : 0;
    for (int i = 0; i < 8; i++)
        file[TRO_PLAN_HASH_AT + i] = (uint8_t)(hash >> (8 * i));
    tro_buf_finish(&b);
    return rc;
}

static int write_file(struct writer *w, struct tro_buf *out)
{
    TRO_TRY(tro_plan_check(w->parts, w->err));
    TRO_TRY(add_sections(w));
    const uint64_t n_bytes = place(w);
    out->p = n_bytes <= SIZE_MAX ? tro_malloc_aligned(n_bytes) : NULL;
    if (!out->p)
        return tro_fail_nomem(w->err);
    out->n = out->cap = n_bytes;
    memset(out->p, 0, n_bytes);
    for (size_t i = 0; i < w->n; i++)
        put_section(w, &w->sections[i], out->p + w->sections[i].offset);
    return put_header(w, out->p, n_bytes);
}

int tro_plan_write(const struct tro_plan_parts *parts, struct tro_buf *out, struct tro_err *err)
{
    struct writer w = {.parts = parts, .err = err};
    *out = (struct tro_buf){0};
    const int rc = write_file(&w, out);
    for (size_t i = 0; i < w.n; i++)
        tro_buf_finish(&w.sections[i].body);
    tro_free(w.sections);
    tro_weights_finish(&w.weights);
    tro_weights_finish(&w.code);
    if (rc < 0)
        tro_buf_finish(out);
    return rc;
}
