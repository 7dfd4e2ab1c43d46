/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of one recurrent layer with seeded parameters. */
#ifndef TRO_TESTS_RECURRENT_KIT_H
#define TRO_TESTS_RECURRENT_KIT_H

#include "base/bytes.h"
#include "engine_kit.h"

struct recurrent_layer {
    const char *kind; /* "lstm" */
    int gates, time, batch, features, hidden;
    const char *direction; /* "forward" */
    const char *attrs;     /* ", clip = 0.5" */
    const char *with;      /* words: bias lengths states peephole batch_first final_only */
};

static inline bool recurrent_kit_has(const struct recurrent_layer *l, const char *what)
{
    return strstr(l->with, what) != NULL;
}

static inline void recurrent_kit_constant(struct tro_buf *b, const char *name, const char *shape,
                                          int n, double scale)
{
    uint64_t state = (uint64_t)n * 31 + (uint64_t)(unsigned char)name[0];
    tro_buf_printf(b, "const %%%s : f32[%s] =", name, shape);
    for (int i = 0; i < n; i++)
        tro_buf_printf(b, " %.4f", engine_kit_noise(&state) * scale);
    tro_buf_str(b, "\n");
}

static inline void recurrent_kit_parameters(struct tro_buf *b, const struct recurrent_layer *l,
                                            int dirs)
{
    const int rows = l->gates * l->hidden;
    char shape[64];
    snprintf(shape, sizeof shape, "%d,%d,%d", dirs, rows, l->features);
    recurrent_kit_constant(b, "w", shape, dirs * rows * l->features, 0.6);
    snprintf(shape, sizeof shape, "%d,%d,%d", dirs, rows, l->hidden);
    recurrent_kit_constant(b, "r", shape, dirs * rows * l->hidden, 0.6);
    snprintf(shape, sizeof shape, "%d,%d", dirs, 2 * rows);
    recurrent_kit_constant(b, "bias", shape, dirs * 2 * rows, 0.8);
    snprintf(shape, sizeof shape, "%d,%d", dirs, 3 * l->hidden);
    recurrent_kit_constant(b, "peephole", shape, dirs * 3 * l->hidden, 0.8);
    tro_buf_printf(b, "const %%lengths : i32[%d] =", l->batch);
    for (int i = 0; i < l->batch; i++)
        tro_buf_printf(b, " %d", (l->time + i * 3) % (l->time + 1));
    tro_buf_str(b, "\n");
}

static inline void recurrent_kit_node(struct tro_buf *b, const struct recurrent_layer *l)
{
    const bool is_lstm = strcmp(l->kind, "lstm") == 0;
    tro_buf_printf(b, "%%y, %%h%s = recurrent(%%x, %%w, %%r, %s, %s, %s, %s, %s)",
                   is_lstm ? ", %c" : "", recurrent_kit_has(l, "bias") ? "%bias" : "_",
                   recurrent_kit_has(l, "lengths") ? "%lengths" : "_",
                   recurrent_kit_has(l, "states") ? "%h0" : "_",
                   recurrent_kit_has(l, "states") && is_lstm ? "%c0" : "_",
                   recurrent_kit_has(l, "peephole") ? "%peephole" : "_");
    tro_buf_printf(b, " {kind = %s, direction = %s, hidden_size = %d%s%s}\n", l->kind, l->direction,
                   l->hidden, recurrent_kit_has(l, "batch_first") ? ", batch_first = 1" : "",
                   l->attrs);
    tro_buf_printf(b, "output %s%%h%s\n", recurrent_kit_has(l, "final_only") ? "" : "%y, ",
                   is_lstm ? ", %c" : "");
}

/* The graph's text; the caller finishes b. */
static inline const char *recurrent_text(const struct recurrent_layer *l, struct tro_buf *b)
{
    const int dirs = strcmp(l->direction, "bidirectional") == 0 ? 2 : 1;
    const bool is_batch_first = recurrent_kit_has(l, "batch_first");
    tro_buf_printf(b, "graph \"g\"\ninput %%x : f32[%d,%d,%d]\n",
                   is_batch_first ? l->batch : l->time, is_batch_first ? l->time : l->batch,
                   l->features);
    for (int i = 0; i < 2 && recurrent_kit_has(l, "states"); i++)
        tro_buf_printf(b, "input %%%s : f32[%d,%d,%d]\n", i ? "c0" : "h0",
                       is_batch_first ? l->batch : dirs, is_batch_first ? dirs : l->batch,
                       l->hidden);
    recurrent_kit_parameters(b, l, dirs);
    recurrent_kit_node(b, l);
    tro_buf_u8(b, 0);
    return (const char *)b->p;
}

#endif
