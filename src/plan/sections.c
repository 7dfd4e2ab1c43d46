/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of the small sections, read. What they say about the graph is checked in check.c. */
#include "base/err.h"
#include "graph/text.h"
#include "plan/format.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "elements of plans are used as they lie in the file");
_Static_assert(TRO_F32 == 1 && TRO_I8 == 10 && TRO_U8 == 15 && TRO_BOOL == 20 && TRO_N_DTYPES == 21,
               "numbers of element types are part of the format");

static int fail_cut(struct tro_err *err)
{
    return tro_fail(err, TRO_E_INPUT, "expected more bytes, found the section's end");
}

static int check_end(const struct tro_bytes *b, struct tro_err *err)
{
    if (b->failed)
        return fail_cut(err);
    if (tro_bytes_left(b) > 0)
        return tro_fail(err, TRO_E_INPUT, "expected the section's end at byte %zu, found %zu more",
                        tro_bytes_pos(b), tro_bytes_left(b));
    return 0;
}

/* Zero-terminated in the arena; a text holds no zero byte. */
static int copy_text(struct tro_arena *a, struct tro_str text, const char **out,
                     struct tro_err *err)
{
    if (text.n > 0 && memchr(text.p, 0, text.n))
        return tro_fail(err, TRO_E_INPUT, "expected a text, found a zero byte in it");
    *out = tro_arena_strndup(a, text.n > 0 ? text.p : "", text.n);
    return *out ? 0 : tro_fail_nomem(err);
}

/* A count of things that take at least min_bytes each in the section. */
static size_t read_count(struct tro_bytes *b, size_t min_bytes)
{
    const size_t n = tro_bytes_u32(b);
    if (n <= tro_bytes_left(b) / min_bytes)
        return n;
    b->failed = true;
    return 0;
}

/* ---- meta, passes ---------------------------------------------------------------------- */

static int read_text(struct tro_bytes *b, struct tro_arena *a, const char **out,
                     struct tro_err *err)
{
    const uint32_t n = tro_bytes_u32(b);
    const struct tro_str text = tro_bytes_take(b, n);
    if (b->failed)
        return fail_cut(err);
    return copy_text(a, text, out, err);
}

/* Plans without notes end before their number. */
static int read_notes(struct tro_plan_parts *p, struct tro_arena *a, struct tro_bytes *b,
                      struct tro_err *err)
{
    const size_t n = tro_bytes_left(b) > 0 ? read_count(b, 8) : 0;
    struct tro_plan_note *const notes = TRO_NEW_N(a, struct tro_plan_note, n + 1);
    if (!notes)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        TRO_TRY(read_text(b, a, &notes[i].key, err));
        TRO_TRY(read_text(b, a, &notes[i].value, err));
    }
    p->notes = notes;
    p->n_notes = n;
    return 0;
}

int tro_plan_read_meta(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                       struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    TRO_TRY(read_text(&b, a, &p->producer, err));
    TRO_TRY(read_text(&b, a, &p->model, err));
    TRO_TRY(read_notes(p, a, &b, err));
    return check_end(&b, err);
}

int tro_plan_read_passes(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err)
{
    return copy_text(a, section, &p->passes, err);
}

/* ---- shapes, states -------------------------------------------------------------------- */

/* An index or a rank: what is no int is one that no graph has. */
static int read_index(struct tro_bytes *b)
{
    const uint32_t i = tro_bytes_u32(b);
    return i > INT32_MAX ? INT32_MAX : (int)i;
}

static int read_rank(struct tro_bytes *b)
{
    const int rank = read_index(b);
    b->failed |= rank > TRO_MAX_RANK;
    return b->failed ? 0 : rank;
}

static void read_sizes(struct tro_bytes *b, int rank, int64_t *sizes)
{
    for (int i = 0; i < rank; i++)
        sizes[i] = (int64_t)tro_bytes_u64(b);
}

int tro_plan_read_shapes(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    p->n_sizes = read_count(&b, 8);
    p->n_buckets = read_count(&b, 8);
    struct tro_plan_sizes *const sizes = TRO_NEW_N(a, struct tro_plan_sizes, p->n_sizes);
    struct tro_plan_bucket *const buckets = TRO_NEW_N(a, struct tro_plan_bucket, p->n_buckets);
    if (!sizes || !buckets)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < p->n_sizes; i++) {
        sizes[i].input = read_index(&b);
        sizes[i].rank = read_rank(&b);
        read_sizes(&b, sizes[i].rank, sizes[i].min);
        read_sizes(&b, sizes[i].rank, sizes[i].opt);
        read_sizes(&b, sizes[i].rank, sizes[i].max);
    }
    for (size_t i = 0; i < p->n_buckets; i++) {
        buckets[i].input = read_index(&b);
        buckets[i].rank = read_rank(&b);
        read_sizes(&b, buckets[i].rank, buckets[i].shape);
    }
    p->sizes = sizes;
    p->buckets = buckets;
    return check_end(&b, err);
}

int tro_plan_read_states(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    p->n_states = read_count(&b, 8);
    struct tro_plan_state *const states = TRO_NEW_N(a, struct tro_plan_state, p->n_states);
    if (!states)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < p->n_states; i++) {
        states[i].input = read_index(&b);
        states[i].output = read_index(&b);
    }
    p->states = states;
    return check_end(&b, err);
}

/* ---- tuned ----------------------------------------------------------------------------- */

static size_t count_lines(struct tro_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

/* Cuts the next line off and ends it with a zero. */
static char *next_line(char **at)
{
    char *const line = *at, *const end = strchr(line, '\n');
    *end = 0;
    *at = end + 1;
    return line;
}

int tro_plan_read_tuned(struct tro_plan_tuned *t, struct tro_arena *a, struct tro_str section,
                        struct tro_err *err)
{
    const char *copy;
    const size_t n_lines = count_lines(section);
    if (n_lines == 0 || section.p[section.n - 1] != '\n')
        return tro_fail(err, TRO_E_INPUT, "expected lines, found an end that ends no line");
    TRO_TRY(copy_text(a, section, &copy, err));
    struct tro_plan_choice *const choices = TRO_NEW_N(a, struct tro_plan_choice, n_lines);
    if (!choices)
        return tro_fail_nomem(err);
    char *at = (char *)(uintptr_t)copy;
    t->chip = next_line(&at);
    for (size_t i = 0; i + 1 < n_lines; i++) {
        char *const line = next_line(&at), *const tab = strchr(line, '\t');
        if (!tab)
            return tro_fail(err, TRO_E_INPUT, "line %zu: expected problem, tab, candidate", i + 2);
        *tab = 0;
        choices[i] = (struct tro_plan_choice){line, tab + 1};
    }
    t->choices = choices;
    t->n_choices = n_lines - 1;
    return 0;
}

/* ---- targets, code --------------------------------------------------------------------- */

int tro_plan_read_targets(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                          struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    TRO_TRY(read_text(&b, a, &p->precision, err));
    p->n_wide = read_index(&b);
    p->n_targets = read_count(&b, 8);
    struct tro_plan_target *const targets = TRO_NEW_N(a, struct tro_plan_target, p->n_targets + 1);
    if (!targets)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < p->n_targets; i++) {
        targets[i].arch = read_index(&b);
        targets[i].n_sms = read_index(&b);
    }
    p->targets = targets;
    return check_end(&b, err);
}

int tro_plan_read_wide(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                       struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    p->n_wides = read_count(&b, 4);
    uint32_t *const wide = TRO_NEW_N(a, uint32_t, p->n_wides + 1);
    if (!wide)
        return tro_fail_nomem(err);
    if (p->n_wides == 0 && !b.failed)
        return tro_fail(err, TRO_E_INPUT, "expected at least one node, found none");
    for (size_t i = 0; i < p->n_wides; i++)
        wide[i] = tro_bytes_u32(&b);
    p->wide = wide;
    return check_end(&b, err);
}

/* Pieces of code in the section; several kernels may share one. */
struct pieces {
    struct tro_str section;
    struct tro_str *list; /* in order, without gaps but those of alignment, which are zeros */
    size_t n;
    uint64_t end;
    struct tro_err *err;
};

static int compare_places(const void *a, const void *b)
{
    const struct tro_str *const x = a, *const y = b;
    return x->p < y->p ? -1 : x->p > y->p;
}

static bool is_zero(struct tro_str section, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++)
        if (section.p[i])
            return false;
    return true;
}

static int take_piece(struct pieces *s, uint64_t offset, uint64_t n_bytes, struct tro_str *out)
{
    if (offset > s->section.n || n_bytes > s->section.n - offset)
        return tro_fail(s->err, TRO_E_INPUT, "expected code within the section, found more bytes");
    *out = (struct tro_str){s->section.p + offset, (size_t)n_bytes};
    const struct tro_str *const known = s->n ? bsearch(out, s->list, s->n, sizeof *s->list,
                                                       compare_places)
                                             : NULL;
    if (known && known->n == n_bytes)
        return 0;
    if (offset != tro_plan_align(s->end) || !is_zero(s->section, s->end, offset))
        return tro_fail(s->err, TRO_E_INPUT,
                        "expected the next code at byte %llu after zeros, found it at %llu",
                        (unsigned long long)tro_plan_align(s->end), (unsigned long long)offset);
    s->list[s->n++] = *out;
    s->end = offset + n_bytes;
    return 0;
}

static int read_code(struct tro_bytes *b, struct tro_plan_code *c, struct pieces *pieces)
{
    struct tro_str piece;
    c->key = tro_bytes_u64(b);
    c->kind = read_index(b);
    c->arch = read_index(b);
    const uint64_t offset = tro_bytes_u64(b), n_bytes = tro_bytes_u64(b);
    TRO_TRY(take_piece(pieces, offset, n_bytes, &piece));
    c->data = piece.p;
    c->n_bytes = piece.n;
    return 0;
}

int tro_plan_read_code(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                       struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    const size_t n = read_count(&b, TRO_PLAN_CODE_ENTRY);
    if (tro_bytes_u32(&b) != 0 || b.failed || n == 0)
        return tro_fail(err, TRO_E_INPUT, "expected kernels, found none");
    struct tro_plan_code *const codes = TRO_NEW_N(a, struct tro_plan_code, n);
    struct pieces pieces = {.section = section,
                            .list = TRO_NEW_N(a, struct tro_str, n),
                            .end = 8 + TRO_PLAN_CODE_ENTRY * (uint64_t)n,
                            .err = err};
    if (!codes || !pieces.list)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        TRO_TRY(read_code(&b, &codes[i], &pieces));
    p->codes = codes;
    p->n_codes = n;
    if (pieces.end != section.n)
        return tro_fail(err, TRO_E_INPUT, "expected the section's end at byte %llu, found %zu more",
                        (unsigned long long)pieces.end, (size_t)(section.n - pieces.end));
    return 0;
}

/* ---- golden ---------------------------------------------------------------------------- */

struct golden {
    struct tro_bytes b;
    struct tro_str section;
    uint64_t end; /* of the data that was met so far; 0 before the first tensor */
    struct tro_err *err;
};

/* Bytes of the tensor, or -1 when there are more than the section has. The other sizes of an empty
 * one must have a product too. */
static int64_t bytes_within(const struct tro_tensor *t, uint64_t limit)
{
    int64_t n = (int64_t)tro_dtype_size(t->dtype);
    bool is_empty = false;
    for (int i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0 || (t->shape[i] > 1 && __builtin_mul_overflow(n, t->shape[i], &n)))
            return -1;
        is_empty |= t->shape[i] == 0;
    }
    return is_empty ? 0 : (uint64_t)n > limit ? -1 : n;
}

static int read_tensor(struct golden *g, struct tro_tensor *t)
{
    const uint32_t dtype = tro_bytes_u32(&g->b);
    t->dtype = dtype < TRO_N_DTYPES ? (enum tro_dtype)dtype : TRO_DTYPE_NONE;
    t->rank = read_rank(&g->b);
    read_sizes(&g->b, t->rank, t->shape);
    const uint64_t offset = tro_bytes_u64(&g->b);
    if (g->b.failed)
        return fail_cut(g->err);
    if (t->dtype == TRO_DTYPE_NONE)
        return tro_fail(g->err, TRO_E_INPUT, "expected the number of an element type, found %u",
                        dtype);
    const int64_t n_bytes = bytes_within(t, g->section.n);
    if (n_bytes < 0 || offset > g->section.n || (uint64_t)n_bytes > g->section.n - offset)
        return tro_fail(g->err, TRO_E_INPUT,
                        "expected tensors within the section, found one of "
                        "more bytes");
    if (g->end > 0 && offset != tro_plan_align(g->end))
        return tro_fail(g->err, TRO_E_INPUT,
                        "expected the next tensor at byte %llu, found it at %llu",
                        (unsigned long long)tro_plan_align(g->end), (unsigned long long)offset);
    g->end = offset + (uint64_t)n_bytes;
    t->data = (void *)(uintptr_t)(g->section.p + offset);
    if (!tro_text_is_valid(t->dtype, t->data, tro_tensor_n_elems(t)))
        return tro_fail(g->err, TRO_E_INPUT, "expected valid elements of type %s, found others",
                        tro_dtype_name(t->dtype));
    return 0;
}

static int read_tensors(struct golden *g, struct tro_tensor *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        TRO_TRY(read_tensor(g, &t[i]));
    return 0;
}

/* The table ends where the first tensor may begin, the section with the last one. */
static int check_golden_end(struct golden *g, const struct tro_tensor *first)
{
    const uint64_t begin = (uint64_t)((const char *)first->data - g->section.p);
    if (begin != tro_plan_align(tro_bytes_pos(&g->b)) || g->end != g->section.n)
        return tro_fail(g->err, TRO_E_INPUT,
                        "expected tensors to fill the section after their table, found gaps");
    return 0;
}

int tro_plan_read_golden(struct tro_plan_parts *p, struct tro_arena *a, struct tro_str section,
                         struct tro_err *err)
{
    const struct tro_block *const block = tro_block_get(p->graph, TRO_MAIN_BLOCK);
    const size_t n_in = block->n_inputs, n_out = block->n_outputs;
    struct golden g = {.b = tro_bytes_of(section.p, section.n), .section = section, .err = err};
    p->n_samples = read_count(&g.b, (n_in + n_out) * 16 + 1);
    if (tro_bytes_u32(&g.b) != 0 || g.b.failed || p->n_samples == 0 || n_in + n_out == 0)
        return tro_fail(err, TRO_E_INPUT, "expected samples of the graph's inputs and outputs");
    struct tro_plan_sample *const samples = TRO_NEW_N(a, struct tro_plan_sample, p->n_samples);
    if (!samples)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < p->n_samples; i++) {
        samples[i].in = TRO_NEW_N(a, struct tro_tensor, n_in + n_out);
        if (!samples[i].in)
            return tro_fail_nomem(err);
        samples[i].out = samples[i].in + n_in;
        TRO_TRY(
            tro_err_prefix(err, read_tensors(&g, samples[i].in, n_in + n_out), "sample %zu: ", i));
    }
    p->samples = samples;
    return check_golden_end(&g, samples[0].in);
}
