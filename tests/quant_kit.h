/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs as text that are calibrated on seeded noise, and what their integers give. */
#ifndef TRO_TESTS_QUANT_KIT_H
#define TRO_TESTS_QUANT_KIT_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"
#include "quant/engine.h"
#include "quant/quant.h"
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define QUANT_KIT_SAMPLES 4

/* A graph of one input, samples of it, and its quantization. */
struct quant_kit {
    struct tro_graph *graph;
    struct tro_quant *quant;
    struct tro_tensor samples[QUANT_KIT_SAMPLES];
    struct tro_err err;
};

/* From -1 to 1. */
static inline float quant_kit_noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 40) / (double)(1 << 24) * 2 - 1);
}

/* "const %NAME : f32[SHAPE] = ..." of seeded noise; element i is multiplied by scale(i). */
static inline void quant_kit_const(struct tro_buf *b, const char *name, const char *shape,
                                   int64_t n, float (*scale)(int64_t i), uint64_t seed)
{
    tro_buf_printf(b, "const %%%s : f32[%s] =", name, shape);
    for (int64_t i = 0; i < n; i++)
        tro_buf_printf(b, " %.9g", (double)(quant_kit_noise(&seed) * (scale ? scale(i) : 1)));
    tro_buf_str(b, "\n");
}

static inline void quant_kit_fill(struct quant_kit *k, float low, float high)
{
    const struct tro_block *const b = tro_block_get(k->graph, TRO_MAIN_BLOCK);
    const struct tro_shape *const s = &tro_value_get(k->graph, b->inputs[0])->shape;
    for (int i = 0; i < QUANT_KIT_SAMPLES; i++) {
        struct tro_tensor *const t = &k->samples[i];
        uint64_t state = 1000 + (uint64_t)i;
        *t = (struct tro_tensor){.dtype = TRO_F32, .rank = s->rank};
        for (int a = 0; a < s->rank; a++)
            t->shape[a] = tro_dim_value(s->dim[a]);
        t->data = malloc(tro_tensor_n_bytes(t) + 1);
        for (int64_t e = 0; e < tro_tensor_n_elems(t); e++)
            ((float *)t->data)[e] = low + (high - low) * (quant_kit_noise(&state) + 1) / 2;
    }
}

/* Text without the line of the graph's name; samples from -1 to 1. */
static inline bool quant_kit_open(struct quant_kit *k, const char *text)
{
    struct tro_buf b = {0};
    *k = (struct quant_kit){0};
    tro_buf_str(&b, "graph \"net\"\n");
    tro_buf_str(&b, text);
    k->graph = tro_graph_parse((struct tro_str){(const char *)b.p, b.n}, "test", &k->err);
    tro_buf_finish(&b);
    if (!test_check(k->graph != NULL, __FILE__, __LINE__, "%s", k->err.text))
        return false;
    quant_kit_fill(k, -1, 1);
    k->quant = tro_quant_create(k->graph, &k->err);
    return test_check(k->quant != NULL, __FILE__, __LINE__, "%s", k->err.text);
}

static inline void quant_kit_close(struct quant_kit *k)
{
    tro_quant_destroy(k->quant);
    tro_graph_destroy(k->graph);
    for (int i = 0; i < QUANT_KIT_SAMPLES; i++)
        free(k->samples[i].data);
}

static inline int quant_kit_repair(struct quant_kit *k)
{
    return tro_quant_repair(k->quant, k->samples, QUANT_KIT_SAMPLES, &k->err);
}

static inline int quant_kit_calibrate(struct quant_kit *k)
{
    for (int i = 0; i < QUANT_KIT_SAMPLES; i++)
        TRO_TRY(tro_quant_observe(k->quant, &k->samples[i], &k->err));
    TRO_TRY(tro_quant_bound(k->quant, &k->err));
    for (int i = 0; i < QUANT_KIT_SAMPLES; i++)
        TRO_TRY(tro_quant_probe(k->quant, &k->samples[i], &k->err));
    tro_quant_choose(k->quant);
    return 0;
}

/* |y - want|^2 / |want|^2 of output 0 over the samples; NaN where one of them cannot run. */
static inline double quant_kit_error(struct quant_kit *k, const struct tro_graph *g)
{
    struct tro_quant_engine want, found;
    struct tro_tensor a, b;
    double off = 0, all = 0;
    if (tro_quant_engine_init(&want, k->graph, &k->err) < 0)
        return NAN;
    if (tro_quant_engine_init(&found, g, &k->err) < 0) {
        tro_quant_engine_finish(&want);
        return NAN;
    }
    for (int i = 0; i < QUANT_KIT_SAMPLES; i++) {
        if (tro_quant_engine_run(&want, &k->samples[i], &k->err) < 0 ||
            tro_quant_engine_run(&found, &k->samples[i], &k->err) < 0 ||
            tro_quant_engine_output(&want, 0, &a, &k->err) < 0 ||
            tro_quant_engine_output(&found, 0, &b, &k->err) < 0)
            all = NAN;
        for (int64_t e = 0; !isnan(all) && e < tro_tensor_n_elems(&a); e++) {
            const double x = (double)((float *)a.data)[e], y = (double)((float *)b.data)[e];
            off += (x - y) * (x - y);
            all += x * x;
        }
    }
    tro_quant_engine_finish(&want);
    tro_quant_engine_finish(&found);
    return isnan(all) ? NAN : off == 0 ? 0 : off / all;
}

/* The error of the graph with integers. */
static inline double quant_kit_int_error(struct quant_kit *k)
{
    struct tro_graph *const g = tro_quant_make(k->quant, &k->err);
    const double error = g ? quant_kit_error(k, g) : NAN;
    tro_graph_destroy(g);
    return error;
}

/* Nodes of an operator in the main block. */
static inline int quant_kit_count(const struct tro_graph *g, enum tro_op op)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    int n = 0;
    for (size_t i = 0; i < b->n_nodes; i++)
        n += tro_node_get(g, b->nodes[i])->op == op;
    return n;
}

#endif
