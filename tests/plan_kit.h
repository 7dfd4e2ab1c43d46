/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small plans for tests: each recipe gives the same parts, and so the same contents, for ever.
 * tests/plan_v1/NAME.plan, or plan_v2 for what came with format 2, holds each as the version wrote
 * it that brought the recipe (tests/tool_plan_files.c).
 */
#ifndef TRO_TESTS_PLAN_KIT_H
#define TRO_TESTS_PLAN_KIT_H

#include "base/alloc.h"
#include "base/hash.h"
#include "plan/format.h"
#include "ref/ref.h"

#include <string.h>

/* name, network, number of samples, format */
#define KIT_PLANS(X)                                                                           \
    X(least, "graph \"\"\n", 0, 1)                                                             \
    X(conv,                                                                                    \
      "graph \"conv\"\n"                                                                       \
      "input %x : f32[1,2,4,4]\n"                                                              \
      "const %w : f32[3,2,3,3] = base64 \"" KIT_W "\"\n"                                       \
      "const %same : f32[3,2,3,3] = base64 \"" KIT_W "\"\n"                                    \
      "const %b : f32[3] = 0.5 -1 2\n"                                                         \
      "const %mask : bool[1,3,2,4] = 0 1 1 0 1 0 0 1 1 1 1 1 0 0 0 0 1 1 0 0 0 1 0 1\n"        \
      "const %zero : f32[] = 0\n"                                                              \
      "%y = conv(%x, %w, %b) {strides = [2,1], dilations = [1,1], pads = [1,1,1,1], group = "  \
      "1} \"first\"\n"                                                                         \
      "%z = conv(%x, %same, %b) {strides = [2,1], dilations = [1,1], pads = [1,1,1,1], group " \
      "= 1}\n"                                                                                 \
      "%m = select(%mask, %y, %zero)\n"                                                        \
      "%s = add(%m, %z)\n"                                                                     \
      "output %s, %m\n",                                                                       \
      1, 1)                                                                                    \
    X(free,                                                                                    \
      "graph \"free sizes\"\n"                                                                 \
      "symbol N 1..8\n"                                                                        \
      "input %x : f32[N,3]\n"                                                                  \
      "input %k : i64[N]\n"                                                                    \
      "const %w : f32[3,7] = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n"          \
      "%y = matmul(%x, %w)\n"                                                                  \
      "%n = neg(%k)\n"                                                                         \
      "output %y, %n\n",                                                                       \
      2, 1)                                                                                    \
    X(state,                                                                                   \
      "graph \"state\"\n"                                                                      \
      "input %x : i8[4]\n"                                                                     \
      "input %h : i8[4]\n"                                                                     \
      "%s = add(%x, %h)\n"                                                                     \
      "%y = neg(%s)\n"                                                                         \
      "output %y, %s\n",                                                                       \
      3, 1)                                                                                    \
    X(gpu, "graph \"gpu\"\ninput %x : f32[4]\n%y = neg(%x)\noutput %y\n", 1, 2)                \
    X(wide,                                                                                    \
      "graph \"wide\"\ninput %x : f32[4]\n%a = neg(%x)\n%b = abs(%a)\n%y = neg(%b)\n"          \
      "output %y\n",                                                                           \
      1, 3)

#define KIT_W                                                                                      \
    "AADAwAAAgD8AAKDAAAAAQAAAgMAAAEBAAABAwAAAgEAAAADAAACgQAAAgL8AAMBAAAAAAAAAwMAAAIA/AACgwAAAAEAA" \
    "AIDAAABAQAAAQMAAAIBAAAAAwAAAoEAAAIC/AADAQAAAAAAAAMDAAACAPwAAoMAAAABAAACAwAAAQEAAAEDAAACAQAAA" \
    "AMAAAKBAAACAvwAAwEAAAAAAAADAwAAAgD8AAKDAAAAAQAAAgMAAAEBAAABAwAAAgEAAAADAAACgQAAAgL8AAMBAAAAA" \
    "AAAAwMAAAIA/"

#define KIT_MAX_SAMPLES 3
#define KIT_MAX_TENSORS 4

struct kit_plan {
    struct tro_graph *graph;
    struct tro_plan_sizes sizes[2];
    struct tro_plan_bucket bucket;
    struct tro_plan_state state;
    struct tro_tensor tensors[KIT_MAX_SAMPLES][KIT_MAX_TENSORS];
    struct tro_plan_sample samples[KIT_MAX_SAMPLES];
    struct tro_plan_parts parts;
};

static inline void kit_plan_finish(struct kit_plan *k)
{
    for (int s = 0; s < KIT_MAX_SAMPLES; s++)
        for (int i = 0; i < KIT_MAX_TENSORS; i++)
            tro_free(k->tensors[s][i].data);
    tro_graph_destroy(k->graph);
}

/* Small whole numbers, other ones for each sample; free sizes are 2 and more. */
static inline int kit_fill(struct kit_plan *k, int sample, int i)
{
    struct tro_tensor *const t = &k->tensors[sample][i];
    const tro_value_id id = tro_block_get(k->graph, TRO_MAIN_BLOCK)->inputs[i];
    const struct tro_value *const v = tro_value_get(k->graph, id);
    *t = (struct tro_tensor){.dtype = v->dtype, .rank = v->shape.rank};
    for (int a = 0; a < t->rank; a++)
        t->shape[a] = tro_dim_is_const(v->shape.dim[a]) ? tro_dim_value(v->shape.dim[a])
                                                        : 2 + sample;
    t->data = tro_malloc_aligned(tro_tensor_n_bytes(t));
    for (int64_t e = 0; t->data && e < tro_tensor_n_elems(t); e++) {
        const int value = (int)((e * 5 + sample * 3 + i) % 11) - 5;
        if (t->dtype == TRO_F32)
            ((float *)t->data)[e] = (float)value;
        else if (t->dtype == TRO_I64)
            ((int64_t *)t->data)[e] = value;
        else
            ((int8_t *)t->data)[e] = (int8_t)value;
    }
    return t->data ? 0 : TRO_E_NOMEM;
}

/* Inputs from kit_fill, but a state's from the sample before; outputs from the reference. */
static inline int kit_sample(struct kit_plan *k, int s, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(k->graph, TRO_MAIN_BLOCK);
    const int n_in = (int)b->n_inputs;
    for (int i = 0; i < n_in; i++)
        if (kit_fill(k, s, i) < 0)
            return TRO_E_NOMEM;
    if (k->parts.n_states) {
        const struct tro_tensor *const t = &k->tensors[s][k->state.input];
        if (s == 0)
            memset(t->data, 0, tro_tensor_n_bytes(t));
        else
            memcpy(t->data, k->samples[s - 1].out[k->state.output].data, tro_tensor_n_bytes(t));
    }
    k->samples[s] = (struct tro_plan_sample){k->tensors[s], k->tensors[s] + n_in};
    return tro_ref_run(k->graph, k->samples[s].in, k->samples[s].out, NULL, NULL, err);
}

static inline int kit_plan_make(struct kit_plan *k, const char *name, const char *text,
                                int n_samples, struct tro_err *err)
{
    static const struct tro_plan_choice choices[] = {{"conv f32 1x2x4x4", "wide"},
                                                     {"matmul f32 2x3x7", "narrow"}};
    static const struct tro_plan_tuned tuned[] = {{"chip one, avx2, 2 threads", choices, 2},
                                                  {"chip two, generic, 1 threads", choices, 1}};
    static const struct tro_plan_target targets[] = {{80, 108}, {90, 132}};
    static const struct tro_plan_code codes[] = {{5, 80, TRO_PLAN_CUBIN, "machine code", 12},
                                                 {5, 90, TRO_PLAN_CUBIN, "newer code", 10},
                                                 {5, 80, TRO_PLAN_PTX, "ptx", 4},
                                                 {UINT64_MAX, 80, TRO_PLAN_CUBIN, "other", 5},
                                                 {UINT64_MAX, 90, TRO_PLAN_CUBIN, "other", 5}};
    const bool is_free = strcmp(name, "free") == 0, is_state = strcmp(name, "state") == 0;
    const bool is_gpu = strcmp(name, "gpu") == 0, is_wide = strcmp(name, "wide") == 0;
    static const uint32_t wide[] = {0, 2};
    *k = (struct kit_plan){0};
    k->graph = tro_graph_parse((struct tro_str){text, strlen(text)}, name, err);
    if (!k->graph)
        return err->status;
    k->sizes[0] = (struct tro_plan_sizes){0, 2, {1, 3}, {2, 3}, {4, 3}};
    k->sizes[1] = (struct tro_plan_sizes){1, 1, {1}, {2}, {4}};
    k->bucket = (struct tro_plan_bucket){0, 2, {3, 3}};
    k->state = (struct tro_plan_state){1, 1};
    k->parts = (struct tro_plan_parts){.graph = k->graph,
                                       .model = name,
                                       .passes = is_free ? "fold: 2 changes\n" : "",
                                       .sizes = k->sizes,
                                       .buckets = &k->bucket,
                                       .states = &k->state,
                                       .samples = k->samples,
                                       .tuned = tuned,
                                       .precision = is_gpu || is_wide ? "fp16" : "fp32",
                                       .n_wide = is_gpu ? 2 : 0,
                                       .wide = wide,
                                       .n_wides = is_wide ? 2 : 0,
                                       .targets = targets,
                                       .codes = codes,
                                       .n_targets = is_gpu ? 2 : 0,
                                       .n_codes = is_gpu ? 5 : 0,
                                       .n_sizes = is_free ? 2 : 0,
                                       .n_buckets = is_free ? 1 : 0,
                                       .n_states = is_state ? 1 : 0,
                                       .n_samples = (size_t)n_samples,
                                       .n_tuned = n_samples > 0 ? 2 : 0};
    for (int s = 0; s < n_samples; s++)
        if (kit_sample(k, s, err) < 0)
            return TRO_E_NOMEM;
    return 0;
}

/* ---- damage that hashes do not show ----------------------------------------------------- */

static inline uint64_t kit_load(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static inline void kit_store(uint8_t *p, int n, uint64_t v)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* Makes length and hashes right, as far as the table says where sections are. */
static inline void kit_seal(uint8_t *file, size_t n)
{
    if (n < TRO_PLAN_HEADER)
        return;
    uint64_t n_sections = kit_load(file + 12, 4);
    const uint64_t most = (n - TRO_PLAN_HEADER) / TRO_PLAN_ENTRY;
    n_sections = n_sections > most ? most : n_sections;
    kit_store(file + 16, 8, n);
    for (uint64_t i = 0; i < n_sections; i++) {
        uint8_t *const entry = file + TRO_PLAN_HEADER + TRO_PLAN_ENTRY * i;
        const uint64_t offset = kit_load(entry + 8, 8), n_bytes = kit_load(entry + 16, 8);
        if (offset <= n && n_bytes <= n - offset)
            kit_store(entry + 24, 8, tro_hash64_wide(file + offset, n_bytes, 0));
    }
    const size_t table_end = TRO_PLAN_HEADER + TRO_PLAN_ENTRY * (size_t)n_sections;
    kit_store(file + TRO_PLAN_HASH_AT, 8, tro_plan_header_hash(file, table_end));
}

#endif
