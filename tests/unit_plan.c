/* SPDX-License-Identifier: Apache-2.0 */
/* Plan files: what is written reads back, and nothing damaged or hostile is used. */
#include "plan/format.h"
#include "plan_kit.h"
#include "test.h"

#include "base/cpu.h"
#include "base/file.h"
#include "graph/weights.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes of a plan of the kit; the caller finishes the buffer. */
static struct tro_buf plan_bytes(const char *name)
{
    struct tro_err err = {0};
    struct tro_buf b = {0};
    struct kit_plan k = {0};
    int rc = TRO_E_INPUT;
#define MAKE(id, text, n_samples, format) \
    if (strcmp(name, #id) == 0)           \
        rc = kit_plan_make(&k, #id, text, n_samples, &err);
    KIT_PLANS(MAKE)
#undef MAKE
    if (rc == 0)
        rc = tro_plan_write(&k.parts, &b, &err);
    test_check(rc == 0, __FILE__, __LINE__, "%s: %s", name, err.text);
    kit_plan_finish(&k);
    return b;
}

static struct tro_plan *open_bytes(const struct tro_buf *b, struct tro_err *err)
{
    *err = (struct tro_err){0};
    return tro_plan_open_memory(b->p, b->n, "test.plan", err);
}

/* Not accepted, and the message says what. */
static void check_refused(const struct tro_buf *b, const char *what)
{
    struct tro_err err;
    struct tro_plan *const p = open_bytes(b, &err);
    test_check(p == NULL, __FILE__, __LINE__, "accepted what is wrong: %s", what);
    CHECK_HAS(err.text, "test.plan: ");
    CHECK_HAS(err.text, what);
    tro_plan_close(p);
}

/* ---- contents -------------------------------------------------------------------------- */

static void check_tensor(const struct tro_tensor *a, const struct tro_tensor *b)
{
    CHECK_OR_RETURN(a->dtype == b->dtype && a->rank == b->rank);
    for (int i = 0; i < a->rank; i++)
        CHECK_INT(a->shape[i], b->shape[i]);
    CHECK(((uintptr_t)a->data & 63) == 0);
    CHECK(memcmp(a->data, b->data, tro_tensor_n_bytes(b)) == 0);
}

static void check_graph(const struct tro_graph *a, const struct tro_graph *b)
{
    struct tro_buf text_a = {0}, text_b = {0};
    tro_graph_print(a, -1, &text_a);
    tro_graph_print(b, -1, &text_b);
    tro_buf_u8(&text_a, 0);
    tro_buf_u8(&text_b, 0);
    CHECK_STR((const char *)text_a.p, (const char *)text_b.p);
    tro_buf_finish(&text_a);
    tro_buf_finish(&text_b);
}

static void check_shapes(const struct tro_plan_parts *a, const struct tro_plan_parts *b)
{
    CHECK_INT(a->n_sizes, b->n_sizes);
    for (size_t i = 0; i < a->n_sizes && i < b->n_sizes; i++)
        CHECK(memcmp(&a->sizes[i], &b->sizes[i], sizeof(a->sizes[i])) == 0);
    CHECK_INT(a->n_buckets, b->n_buckets);
    for (size_t i = 0; i < a->n_buckets && i < b->n_buckets; i++)
        CHECK(memcmp(&a->buckets[i], &b->buckets[i], sizeof(a->buckets[i])) == 0);
    CHECK_INT(a->n_states, b->n_states);
    for (size_t i = 0; i < a->n_states && i < b->n_states; i++)
        CHECK(a->states[i].input == b->states[i].input &&
              a->states[i].output == b->states[i].output);
}

static void check_tuned(const struct tro_plan_tuned *a, const struct tro_plan_tuned *b)
{
    CHECK_STR(a->chip, b->chip);
    CHECK_INT(a->n_choices, b->n_choices);
    for (size_t i = 0; i < a->n_choices && i < b->n_choices; i++) {
        CHECK_STR(a->choices[i].problem, b->choices[i].problem);
        CHECK_STR(a->choices[i].candidate, b->choices[i].candidate);
    }
}

static void check_notes(const struct tro_plan_parts *a, const struct tro_plan_parts *b)
{
    CHECK_INT(a->n_notes, b->n_notes);
    for (size_t i = 0; i < a->n_notes && a->n_notes == b->n_notes; i++) {
        CHECK_STR(a->notes[i].key, b->notes[i].key);
        CHECK_STR(a->notes[i].value, b->notes[i].value);
    }
}

static void check_gpu(const struct tro_plan_parts *a, const struct tro_plan_parts *b)
{
    CHECK_STR(a->precision, b->precision);
    CHECK_OR_RETURN(a->n_targets == b->n_targets && a->n_codes == b->n_codes);
    CHECK_INT(a->n_wide, b->n_wide);
    CHECK_OR_RETURN(a->n_wides == b->n_wides);
    for (size_t i = 0; i < a->n_wides; i++)
        CHECK_INT(a->wide[i], b->wide[i]);
    for (size_t i = 0; i < a->n_targets; i++)
        CHECK(a->targets[i].arch == b->targets[i].arch &&
              a->targets[i].n_sms == b->targets[i].n_sms);
    for (size_t i = 0; i < a->n_codes; i++) {
        const struct tro_plan_code *const x = &a->codes[i], *const y = &b->codes[i];
        CHECK(x->key == y->key && x->arch == y->arch && x->kind == y->kind);
        CHECK(x->n_bytes == y->n_bytes && memcmp(x->data, y->data, x->n_bytes) == 0);
        CHECK(((uintptr_t)x->data & 63) == 0);
    }
}

static void check_parts(const struct tro_plan_parts *a, const struct tro_plan_parts *b)
{
    check_notes(a, b);
    const struct tro_block *const block = tro_block_get(b->graph, TRO_MAIN_BLOCK);
    check_graph(a->graph, b->graph);
    check_shapes(a, b);
    CHECK_STR(a->model, b->model);
    CHECK_STR(a->passes, b->passes);
    CHECK_HAS(a->producer, "trocar ");
    CHECK_INT(a->n_tuned, b->n_tuned);
    for (size_t i = 0; i < a->n_tuned && i < b->n_tuned; i++)
        check_tuned(&a->tuned[i], &b->tuned[i]);
    check_gpu(a, b);
    CHECK_INT(a->n_samples, b->n_samples);
    for (size_t s = 0; s < a->n_samples && s < b->n_samples; s++) {
        for (size_t i = 0; i < block->n_inputs; i++)
            check_tensor(&a->samples[s].in[i], &b->samples[s].in[i]);
        for (size_t i = 0; i < block->n_outputs; i++)
            check_tensor(&a->samples[s].out[i], &b->samples[s].out[i]);
    }
}

static void check_round(const char *name, const char *text, int n_samples)
{
    struct tro_err err = {0};
    struct kit_plan k;
    struct tro_buf b = {0}, again = {0};
    CHECK_OR_RETURN(kit_plan_make(&k, name, text, n_samples, &err) == 0);
    CHECK(tro_plan_write(&k.parts, &b, &err) == 0);
    struct tro_plan *const p = open_bytes(&b, &err);
    test_check(p != NULL, __FILE__, __LINE__, "%s: %s", name, err.text);
    if (p) {
        check_parts(tro_plan_contents(p), &k.parts);
        CHECK_STR(tro_plan_name(p), "test.plan");
        CHECK(tro_plan_write(tro_plan_contents(p), &again, &err) == 0);
        CHECK(again.n == b.n && memcmp(again.p, b.p, b.n) == 0);
    }
    tro_plan_close(p);
    tro_buf_finish(&b);
    tro_buf_finish(&again);
    kit_plan_finish(&k);
}

TEST(plan_round)
{
#define ROUND(name, text, n_samples, format) check_round(#name, text, n_samples);
    KIT_PLANS(ROUND)
#undef ROUND
}

/* Files of earlier versions: they load, mean the same, and their samples are still right. */
static void check_old_file(const char *name, const char *text, int n_samples, int format)
{
    struct tro_err err = {0};
    struct kit_plan k;
    char path[256];
    snprintf(path, sizeof(path), "tests/plan_v%d/%s.plan", format, name);
    CHECK_OR_RETURN(kit_plan_make(&k, name, text, n_samples, &err) == 0);
    struct tro_plan *const p = tro_plan_open(path, &err);
    test_check(p != NULL, __FILE__, __LINE__, "%s", err.text);
    if (p)
        check_parts(tro_plan_contents(p), &k.parts);
    tro_plan_close(p);
    kit_plan_finish(&k);
}

TEST(plan_old_files)
{
    if (!tro_dir_exists("tests/plan_v1"))
        SKIP("not run in the project's folder");
#define OLD(name, text, n_samples, format) check_old_file(#name, text, n_samples, format);
    KIT_PLANS(OLD)
#undef OLD
}

TEST(plan_weights_are_shared_and_used_in_place)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes("conv");
    struct tro_plan *const p = open_bytes(&b, &err);
    CHECK_OR_RETURN(p != NULL);
    const struct tro_graph *const g = tro_plan_contents(p)->graph;
    const void *w = NULL, *same = NULL, *mask = NULL;
    for (size_t i = 1; i < g->n_values; i++) {
        if (strcmp(g->values[i].name, "w") == 0)
            w = g->values[i].data;
        if (strcmp(g->values[i].name, "same") == 0)
            same = g->values[i].data;
        if (strcmp(g->values[i].name, "mask") == 0)
            mask = g->values[i].data;
    }
    CHECK(w != NULL && w == same);
    CHECK(((uintptr_t)w & 63) == 0);
    CHECK_INT((const char *)mask - (const char *)w, 256); /* 216 bytes and a gap */
    tro_plan_close(p);
    tro_buf_finish(&b);
}

/* ---- damage ---------------------------------------------------------------------------- */

static void check_flips(const char *name)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes(name);
    for (size_t i = 0; i < b.n; i++) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        for (size_t k = 0; k < sizeof(flips); k++) {
            b.p[i] ^= flips[k];
            struct tro_plan *const p = open_bytes(&b, &err);
            test_check(p == NULL, __FILE__, __LINE__, "%s: byte %zu changed and not seen", name, i);
            tro_plan_close(p);
            b.p[i] ^= flips[k];
        }
    }
    tro_buf_finish(&b);
}

TEST(plan_every_byte_counts)
{
#define FLIPS(name, text, n_samples, format) check_flips(#name);
    KIT_PLANS(FLIPS)
#undef FLIPS
}

TEST(plan_every_cut_is_seen)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes("state");
    const size_t n = b.n;
    for (b.n = 0; b.n < n; b.n++) {
        /* From the heap at its length, so that a sanitizer sees a read past the end. */
        void *const copy = malloc(b.n ? b.n : 1);
        memcpy(copy, b.p, b.n);
        err = (struct tro_err){0};
        CHECK(tro_plan_open_memory(copy, b.n, "test.plan", &err) == NULL);
        CHECK_HAS(err.text, b.n < 12 ? "expected a plan file" : "the file is cut");
        free(copy);
    }
    b.n = n;
    tro_buf_u8(&b, 0);
    check_refused(&b, "the file is cut or damaged");
    tro_buf_finish(&b);
}

/* Sizes where lanes are full, partly full and empty. */
TEST(hash_wide_sees_each_byte)
{
    uint8_t data[200];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37);
    for (size_t n = 0; n <= sizeof(data); n++) {
        const uint64_t whole = tro_hash64_wide(data, n, 5);
        CHECK(n == 0 || whole != tro_hash64_wide(data, n - 1, 5));
        CHECK(whole != tro_hash64_wide(data, n, 6));
        for (size_t i = 0; i < n; i++) {
            data[i] ^= (uint8_t)(1 << i % 8);
            CHECK(tro_hash64_wide(data, n, 5) != whole);
            data[i] ^= (uint8_t)(1 << i % 8);
        }
    }
    /* The value is part of the format. */
    CHECK(tro_hash64_wide(data, 200, 0) == UINT64_C(0xbf707f1545a2eae6));
}

TEST(hash_wide_of_much)
{
    const size_t n = 300001;
    int n_unseen = 0;
    uint8_t *const data = malloc(n);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(i * i >> 7);
    const uint64_t whole = tro_hash64_wide(data, n, 0);
    for (size_t i = 0; i < 10000; i++) {
        const size_t at = (i * 7919 * 6271) % n;
        const uint8_t flip = (uint8_t)(1 + i % 255);
        data[at] ^= flip;
        n_unseen += tro_hash64_wide(data, n, 0) == whole;
        data[at] ^= flip;
    }
    CHECK_INT(n_unseen, 0);
    CHECK(tro_hash64_wide(data, n, 0) == whole);
    free(data);
}

/* ---- hostile files, hashes right -------------------------------------------------------- */

/* The entry of a kind in the table. */
static uint8_t *entry_of(const struct tro_buf *b, enum tro_plan_kind kind)
{
    for (uint64_t i = 0; i < kit_load(b->p + 12, 4); i++) {
        uint8_t *const entry = b->p + TRO_PLAN_HEADER + i * TRO_PLAN_ENTRY;
        if (kit_load(entry, 4) == (uint64_t)kind)
            return entry;
    }
    CHECK(!"the section is there");
    return b->p;
}

static uint8_t *body_of(const struct tro_buf *b, enum tro_plan_kind kind)
{
    return b->p + kit_load(entry_of(b, kind) + 8, 8);
}

/* n bytes at p of the plan become v, and the plan is refused for that. */
static void check_patch(struct tro_buf *b, uint8_t *p, int n, uint64_t v, const char *what)
{
    uint8_t *const before = malloc(b->n);
    memcpy(before, b->p, b->n);
    kit_store(p, n, v);
    kit_seal(b->p, b->n);
    check_refused(b, what);
    memcpy(b->p, before, b->n);
    free(before);
}

TEST(plan_notes)
{
    static const struct tro_plan_note notes[2] = {{"trocar.input.scale", "0.5"}, {"trocar.x", ""}};
    struct tro_err err = {0};
    struct kit_plan k;
    struct tro_buf b = {0};
    CHECK_OR_RETURN(kit_plan_make(&k, "least", "graph \"\"\n", 0, &err) == 0);
    k.parts.notes = notes;
    k.parts.n_notes = 2;
    CHECK(tro_plan_write(&k.parts, &b, &err) == 0);
    uint8_t *const notes_at = body_of(&b, TRO_PLAN_META) + 4 + strlen("trocar ") +
                              strlen(tro_version()) + 4 + strlen(k.parts.model);
    struct tro_plan *const p = open_bytes(&b, &err);
    if (CHECK(p != NULL)) {
        check_notes(tro_plan_contents(p), &k.parts);
        CHECK_STR(tro_plan_note(tro_plan_contents(p), "trocar.input.scale"), "0.5");
        CHECK(tro_plan_note(tro_plan_contents(p), "trocar") == NULL);
        check_patch(&b, notes_at, 4, 3, "META: expected more bytes");
    }
    tro_plan_close(p);
    tro_buf_finish(&b);
    kit_plan_finish(&k);
}

TEST(plan_newer_format)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes("least");
    kit_store(b.p + 8, 4, 4);
    struct tro_plan *const p = open_bytes(&b, &err);
    CHECK(p == NULL);
    CHECK_INT(err.status, TRO_E_UNSUPPORTED);
    CHECK_HAS(err.text, "test.plan: plan format 4: this version reads up to 3");
    tro_buf_finish(&b);
}

TEST(plan_hostile_header)
{
    struct tro_buf b = plan_bytes("conv");
    check_patch(&b, b.p, 1, 0, "expected a plan file");
    check_patch(&b, b.p + 8, 4, 0, "plan format 0");
    check_patch(&b, b.p + 12, 4, UINT32_MAX, "sections do not fit");
    check_patch(&b, b.p + 12, 4, 4000, "sections do not fit");
    check_patch(&b, b.p + 12, 4, 0, "the file is cut or damaged");
    for (int i = 0; i < 32; i++)
        check_patch(&b, b.p + 32 + i, 1, 1, "the header is damaged");
    tro_buf_finish(&b);
}

TEST(plan_hostile_table)
{
    struct tro_buf b = plan_bytes("conv");
    uint8_t *const graph = entry_of(&b, TRO_PLAN_GRAPH), *const weights = entry_of(
                                                             &b, TRO_PLAN_WEIGHTS);
    check_patch(&b, graph, 4, 0, "expected a kind of 1 to 8, found 0");
    check_patch(&b, graph, 4, 9, "expected a kind of 1 to 8, found 9");
    check_patch(&b, graph, 4, TRO_PLAN_META, "sections in order");
    check_patch(&b, graph, 4, TRO_PLAN_TUNED, "section GRAPH: expected this section, found none");
    check_patch(&b, graph + 4, 4, 1, "expected a kind");
    check_patch(&b, b.p + TRO_PLAN_HEADER, 4, TRO_PLAN_GRAPH, "sections in order");
    check_patch(&b, graph + 8, 8, 0, "section GRAPH: expected it at byte");
    check_patch(&b, graph + 8, 8, UINT64_MAX - 63, "section GRAPH: expected it at byte");
    check_patch(&b, graph + 8, 8, kit_load(graph + 8, 8) + 64, "section GRAPH: expected it at");
    check_patch(&b, graph + 16, 8, kit_load(graph + 16, 8) + 64, "expected it at byte");
    check_patch(&b, graph + 16, 8, UINT64_MAX, "within the file");
    check_patch(&b, weights + 16, 8, kit_load(weights + 16, 8) + 1, "within the file");
    check_patch(&b, weights + 16, 8, kit_load(weights + 16, 8) - 1, "the file is cut or damaged");
    check_patch(&b, body_of(&b, TRO_PLAN_GRAPH) - 1, 1, 1, "before it is damaged: expected 0");
    tro_buf_finish(&b);
}

TEST(plan_hostile_wide)
{
    struct tro_buf b = plan_bytes("wide");
    uint8_t *const wide = body_of(&b, TRO_PLAN_WIDE);
    check_patch(&b, wide, 4, 0, "WIDE: expected at least one node, found none");
    check_patch(&b, wide, 4, 3, "WIDE: expected more bytes");
    check_patch(&b, wide, 4, 1, "WIDE: expected the section's end");
    check_patch(&b, wide + 4, 4, 2,
                "wide: expected indexes of the 3 nodes in their order, found 2");
    check_patch(&b, wide + 8, 4, 3,
                "wide: expected indexes of the 3 nodes in their order, found 3");
    check_patch(&b, b.p + 8, 4, 2, "expected a kind of 1 to 10, found 11");
    tro_buf_finish(&b);
}

TEST(plan_hostile_sections)
{
    struct tro_buf b = plan_bytes("free");
    uint8_t *const shapes = body_of(&b, TRO_PLAN_SHAPES), *const golden = body_of(&b,
                                                                                  TRO_PLAN_GOLDEN);
    check_patch(&b, body_of(&b, TRO_PLAN_META), 4, UINT32_MAX, "META: expected more bytes");
    check_patch(&b, body_of(&b, TRO_PLAN_META) + 4, 1, 0, "META: expected a text");
    check_patch(&b, body_of(&b, TRO_PLAN_GRAPH), 1, 'f', "section GRAPH: line:1: expected");
    check_patch(&b, shapes, 4, UINT32_MAX, "SHAPES: expected more bytes");
    check_patch(&b, shapes, 4, 1, "SHAPES: ");
    check_patch(&b, shapes + 4, 4, 1000, "SHAPES: expected more bytes");
    check_patch(&b, shapes + 8, 4, 7, "sizes: expected an input below 2, found 7");
    check_patch(&b, shapes + 8, 4, UINT32_MAX, "sizes: expected an input below 2");
    check_patch(&b, shapes + 12, 4, 9, "SHAPES: expected more bytes");
    check_patch(&b, shapes + 16, 8, 3, "expected min <= opt <= max, found 3, 2, 4 along axis 0");
    check_patch(&b, shapes + 16, 8, UINT64_MAX, "size -1 of axis 0 does not fit");
    check_patch(&b, shapes + 16, 8, 0, "size 0 of axis 0 does not fit");
    check_patch(&b, shapes + 24, 8, 2, "size 2 of axis 1 does not fit");
    check_patch(&b, golden, 4, 0, "GOLDEN: expected samples");
    check_patch(&b, golden, 4, UINT32_MAX, "GOLDEN: expected samples");
    check_patch(&b, golden + 4, 4, 1, "GOLDEN: expected samples");
    check_patch(&b, golden + 8, 4, 99, "number of an element type, found 99");
    check_patch(&b, golden + 8, 4, TRO_F64, "expected");
    check_patch(&b, golden + 8, 4, TRO_I32, "expected type f32 and rank 2, found type i32");
    check_patch(&b, golden + 16, 8, INT64_MAX, "found one of more bytes");
    check_patch(&b, golden + 32, 8, UINT64_MAX - 63, "found one of more bytes");
    kit_store(golden + 24, 8, 0); /* empty, and the other size beyond all bounds */
    check_patch(&b, golden + 16, 8, INT64_MAX, "found one of more bytes");
    kit_store(golden + 24, 8, 3);
    check_patch(&b, golden + 32, 8, 64, "expected");
    tro_buf_finish(&b);
}

TEST(plan_hostile_tuned_and_states)
{
    struct tro_buf b = plan_bytes("state");
    uint8_t *const tuned = body_of(&b, TRO_PLAN_TUNED), *const states = body_of(&b,
                                                                                TRO_PLAN_STATES);
    const size_t n_tuned = kit_load(entry_of(&b, TRO_PLAN_TUNED) + 16, 8);
    char *const tab = memchr(tuned, '\t', n_tuned);
    check_patch(&b, tuned + n_tuned - 1, 1, 'x', "TUNED: expected lines");
    check_patch(&b, (uint8_t *)tab, 1, ' ', "line 2: expected problem, tab, candidate");
    check_patch(&b, tuned, 1, 0, "TUNED: expected a text");
    check_patch(&b, (uint8_t *)tab + 1, 1, '\t', "tuned: expected a text without tabs");
    check_patch(&b, tuned + 26, 1, 'z', "expected problems in order");
    check_patch(&b, states, 4, 2, "STATES: expected more bytes");
    check_patch(&b, states, 4, 0, "STATES: expected the section's end");
    check_patch(&b, states + 4, 4, 2, "states: expected an input and an output");
    check_patch(&b, states + 8, 4, UINT32_MAX, "states: expected an input and an output");
    tro_buf_finish(&b);
}

TEST(plan_hostile_targets_and_code)
{
    struct tro_buf b = plan_bytes("gpu");
    uint8_t *const targets = body_of(&b, TRO_PLAN_TARGETS), *const code = body_of(&b,
                                                                                  TRO_PLAN_CODE);
    check_patch(&b, entry_of(&b, TRO_PLAN_CODE), 4, 11, "expected a kind of 1 to 10, found 11");
    check_patch(&b, b.p + 8, 4, 1, "expected a kind of 1 to 8, found 9");
    check_patch(&b, targets, 4, UINT32_MAX, "TARGETS: expected more bytes");
    check_patch(&b, targets + 4, 1, 'F', "targets: expected the name of a precision");
    check_patch(&b, targets + 8, 4, UINT32_MAX, "targets: expected a number of nodes at fp32");
    check_patch(&b, targets + 12, 4, 3, "TARGETS: expected more bytes");
    check_patch(&b, targets + 12, 4, 1, "TARGETS: expected the section's end");
    check_patch(&b, targets + 16, 4, 90, "targets: expected architectures in order");
    check_patch(&b, targets + 20, 4, 0, "found sm_80 with 0");
    check_patch(&b, code, 4, 0, "CODE: expected kernels, found none");
    check_patch(&b, code, 4, UINT32_MAX, "CODE: expected kernels, found none");
    check_patch(&b, code + 4, 4, 1, "CODE: expected kernels, found none");
    check_patch(&b, code + 8, 8, 6, "code: expected kernels in order, each once");
    check_patch(&b, code + 16, 4, 2, "code: expected kind 0 or 1, found 2");
    check_patch(&b, code + 20, 4, 0, "code: expected code for an architecture");
    check_patch(&b, code + 24, 8, 8, "CODE: expected the next code at byte 192");
    check_patch(&b, code + 24, 8, UINT64_MAX, "CODE: expected code within the section");
    check_patch(&b, code + 32, 8, UINT64_MAX, "CODE: expected code within the section");
    check_patch(&b, code + 32, 8, 0, "CODE: expected the next code at byte");
    check_patch(&b, code + 128 + 32, 8, 4, "CODE: expected the next code at byte");
    check_patch(&b, code + 191, 1, 1, "CODE: expected the next code at byte 192 after zeros");
    check_patch(&b, code + 192 + 128 + 3, 1, 'x', "code: expected PTX that ends with a zero");
    tro_buf_finish(&b);
}

/* Any byte may be anything, with hashes made right: refused, or a graph that verifies. */
static void check_hostile_anywhere(const char *name)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes(name);
    uint8_t *const before = malloc(b.n);
    memcpy(before, b.p, b.n);
    for (size_t i = 8; i < b.n; i++) {
        for (int k = 0; k < 3; k++) {
            b.p[i] = (uint8_t)(k == 0 ? 0 : k == 1 ? 0xff : before[i] ^ 1);
            kit_seal(b.p, b.n);
            struct tro_plan *const p = open_bytes(&b, &err);
            CHECK(p || strstr(err.text, "test.plan: "));
            if (p)
                CHECK(tro_graph_verify(tro_plan_contents(p)->graph, NULL) == 0);
            tro_plan_close(p);
            memcpy(b.p, before, b.n);
        }
    }
    free(before);
    tro_buf_finish(&b);
}

TEST(plan_hostile_anywhere)
{
    check_hostile_anywhere("free");
    check_hostile_anywhere("gpu");
}

/* ---- weights in the text ---------------------------------------------------------------- */

TEST(plan_text_with_weights)
{
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"data 1", "a multiple of 64"},    {"data -64", "a multiple of 64"},
        {"data 128", "a multiple of 64"},  {"data 9223372036854775807", "a multiple of 64"},
        {"data x", "expected an integer"}, {"data 64", "data of valid elements"},
    };
    uint8_t *const block = tro_malloc_aligned(128);
    memset(block, 0, 128);
    block[64] = 2;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct tro_err err = {0};
        char text[128];
        snprintf(text, sizeof(text), "graph \"\"\nconst %%b : bool[64] = %s\noutput %%b",
                 wrong[i].text);
        const struct tro_str s = {text, strlen(text)};
        CHECK(tro_graph_parse_apart(s, "t", (struct tro_str){(char *)block, 128}, &err) == NULL);
        CHECK_HAS(err.text, wrong[i].message);
        CHECK_HAS(err.text, "t:");
        CHECK(tro_graph_parse(s, "t", &err) == NULL);
    }
    struct tro_err err = {0};
    CHECK(tro_graph_parse(TRO_STR("graph \"\" const %b : f32[1] = data 0"), "t", &err) == NULL);
    CHECK_HAS(err.text, "no weights beside this text");
    tro_free(block);
}

TEST(plan_text_that_asks_for_endless_checks)
{
    struct tro_err err = {0};
    struct tro_buf text = {0};
    uint8_t *const block = tro_malloc_aligned(64);
    memset(block, 0, 64);
    tro_buf_str(&text, "graph \"\"\n");
    for (int i = 0; i < 2000; i++)
        tro_buf_printf(&text, "const %%b%d : bool[64] = data 0\n", i);
    CHECK(tro_graph_parse_apart((struct tro_str){(char *)text.p, text.n}, "t",
                                (struct tro_str){(char *)block, 64}, &err) == NULL);
    CHECK_HAS(err.text, "t:1042: expected constants that share the same data less often");
    tro_buf_finish(&text);
    tro_free(block);
}

/* ---- writing what is wrong -------------------------------------------------------------- */

TEST(plan_write_checks)
{
    struct tro_err err = {0};
    struct kit_plan k;
    struct tro_buf b = {0};
    const char *text = NULL;
#define TEXT(id, t, n_samples, format) text = strcmp(#id, "free") == 0 ? t : text;
    KIT_PLANS(TEXT)
#undef TEXT
    CHECK_OR_RETURN(kit_plan_make(&k, "free", text, 1, &err) == 0);
    k.bucket.shape[0] = 5;
    CHECK_INT(tro_plan_write(&k.parts, &b, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "input 'x': expected a bucket's size of axis 0 within 1 and 4, found 5");
    k.bucket.shape[0] = 4;
    k.sizes[1].max[0] = 3;
    CHECK_INT(tro_plan_write(&k.parts, &b, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "'k': size 3 of axis 0 does not fit its type or other sizes");
    k.sizes[1].max[0] = 4;
    const struct tro_plan_choice choice = {"a\tb", "c"};
    const struct tro_plan_tuned tuned = {"chip", &choice, 1};
    k.parts.tuned = &tuned;
    k.parts.n_tuned = 1;
    CHECK_INT(tro_plan_write(&k.parts, &b, &err), TRO_E_INPUT);
    CHECK(b.p == NULL);
    kit_plan_finish(&k);
}

/* ---- GPUs ------------------------------------------------------------------------------ */

static const struct tro_plan_code some_codes[] = {
    {1, 80, TRO_PLAN_CUBIN, "a", 1},  {1, 86, TRO_PLAN_CUBIN, "b", 1},
    {1, 90, TRO_PLAN_CUBIN, "c", 1},  {1, 75, TRO_PLAN_PTX, "", 1},
    {1, 80, TRO_PLAN_PTX, "", 1},     {2, 87, TRO_PLAN_CUBIN, "d", 1},
    {3, 100, TRO_PLAN_CUBIN, "e", 1}, {3, 103, TRO_PLAN_CUBIN, "f", 1},
};

TEST(plan_code_for_a_chip)
{
    static const struct {
        uint64_t key;
        int arch, at; /* -1: none */
    } cases[] = {{1, 80, 0},  {1, 86, 1},  {1, 89, 1},   {1, 87, 4},  {1, 88, 1},  {1, 90, 2},
                 {1, 100, 4}, {1, 75, 3},  {1, 70, -1},  {2, 87, 5},  {2, 89, -1}, {3, 100, 6},
                 {3, 101, 6}, {3, 103, 7}, {3, 120, -1}, {3, 90, -1}, {4, 90, -1}, {0, 90, -1}};
    const struct tro_plan_parts parts = {.codes = some_codes, .n_codes = 8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tro_plan_code *const c = tro_plan_code_find(&parts, cases[i].key,
                                                                 cases[i].arch);
        test_check((c ? c - some_codes : -1) == cases[i].at, __FILE__, __LINE__,
                   "key %d for sm_%d: expected %d, found %td", (int)cases[i].key, cases[i].arch,
                   cases[i].at, c ? c - some_codes : -1);
    }
}

TEST(plan_target_for_a_chip)
{
    static const struct tro_plan_target targets[] = {{80, 108}, {86, 84}, {90, 132}};
    const struct tro_plan_parts parts = {.targets = targets, .n_targets = 3};
    CHECK(tro_plan_target_for(&parts, 80) == &targets[0]);
    CHECK(tro_plan_target_for(&parts, 89) == &targets[1]);
    CHECK(tro_plan_target_for(&parts, 87) == &targets[0]);
    CHECK(tro_plan_target_for(&parts, 90) == &targets[2]);
    CHECK(tro_plan_target_for(&parts, 100) == &targets[0]);
    CHECK(tro_plan_target_for(&parts, 75) == NULL);
    CHECK(tro_plan_target_for(&(struct tro_plan_parts){0}, 90) == NULL);
}

/* ---- chips, shared, memory -------------------------------------------------------------- */

TEST(plan_chip)
{
    char chips[3][TRO_PLAN_CHIP_SIZE];
    tro_plan_chip(0, 2, chips[0]);
    tro_plan_chip(TRO_CPU_AVX2, 2, chips[1]);
    tro_plan_chip(TRO_CPU_AVX2, 12, chips[2]);
    CHECK_HAS(chips[0], ", generic, 2 threads");
    CHECK_HAS(chips[2], ", avx2, 12 threads");
    const struct tro_plan_tuned tuned[] = {
        {chips[0], NULL, 0}, {chips[1], NULL, 0}, {chips[2], NULL, 0}};
    const struct tro_plan_parts parts = {.tuned = tuned, .n_tuned = 3};
    CHECK(tro_plan_tuned_for(&parts, 0, 2) == &tuned[0]);
    CHECK(tro_plan_tuned_for(&parts, TRO_CPU_AVX2, 12) == &tuned[2]);
    CHECK(tro_plan_tuned_for(&parts, TRO_CPU_AVX2, 3) == &tuned[1]);
    CHECK(tro_plan_tuned_for(&parts, TRO_CPU_AVX2 | TRO_CPU_AVX512, 2) == NULL);
}

static int n_destroyed;

static void *make_shared(struct tro_err *err)
{
    (void)err;
    return &n_destroyed;
}

static void destroy_shared(void *p)
{
    ++*(int *)p;
}

TEST(plan_shared)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes("least");
    struct tro_plan *const p = open_bytes(&b, &err);
    CHECK_OR_RETURN(p != NULL);
    n_destroyed = 0;
    CHECK(tro_plan_shared(p, make_shared, destroy_shared, &err) == &n_destroyed);
    CHECK(tro_plan_shared(p, make_shared, destroy_shared, &err) == &n_destroyed);
    CHECK_INT(n_destroyed, 0);
    tro_plan_close(p);
    CHECK_INT(n_destroyed, 1);
    tro_plan_close(NULL);
    tro_buf_finish(&b);
}

TEST(plan_files_that_are_none)
{
    struct tro_err err = {0};
    CHECK(tro_plan_open("/nonexistent.plan", &err) == NULL);
    CHECK_INT(err.status, TRO_E_IO);
    CHECK_HAS(err.text, "/nonexistent.plan: cannot read");
    CHECK(tro_plan_open_memory(NULL, 0, "empty", &err) == NULL);
    CHECK_HAS(err.text, "empty: expected a plan file");
    CHECK(tro_plan_open_memory("", 0, "empty", NULL) == NULL);
}

TEST(plan_out_of_memory)
{
    struct tro_err err;
    struct tro_buf b = plan_bytes("free");
    struct tro_plan *p = NULL;
    for (int64_t n = 0; !p && n < 3000; n++) {
        tro_alloc_fail_after(n);
        p = open_bytes(&b, &err);
        tro_alloc_fail_after(-1);
        if (!p)
            CHECK_INT(err.status, TRO_E_NOMEM);
    }
    CHECK_OR_RETURN(p != NULL);
    struct tro_buf again = {0};
    int rc = -1;
    for (int64_t n = 0; rc < 0 && n < 3000; n++) {
        tro_alloc_fail_after(n);
        rc = tro_plan_write(tro_plan_contents(p), &again, &err);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
    }
    CHECK(again.n == b.n && memcmp(again.p, b.p, b.n) == 0);
    tro_buf_finish(&again);
    tro_buf_finish(&b);
    tro_plan_close(p);
}
