/* SPDX-License-Identifier: Apache-2.0 */
/* What one layer in integers does to the results of the network. */
#include "quant/quant.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "quant/engine.h"

static double difference(const struct tro_tensor *want, const struct tro_tensor *found)
{
    const int64_t n = tro_tensor_n_elems(want);
    double squares = 0, off_squares = 0;
    int64_t n_others = 0;
    if (tro_tensor_n_elems(found) != n)
        return 1;
    for (int64_t i = 0; i < n; i++) {
        const double a = tro_load_f64(want->dtype, want->data, i);
        const double b = tro_load_f64(found->dtype, found->data, i);
        squares += a * a;
        off_squares += (a - b) * (a - b);
        n_others += a != b;
    }
    if (!tro_dtype_is_float(want->dtype))
        return n ? (double)n_others / (double)n : 0;
    return off_squares > 0 ? sqrt(off_squares / fmax(squares, off_squares)) : 0;
}

/* What outputs are off by: of all together, of the worst. */
struct off {
    double sum, worst;
};

static int compare(const struct tro_quant *q, struct tro_quant_engine *whole,
                   struct tro_quant_engine *part, const struct tro_tensor *inputs, struct off *off,
                   struct tro_err *err)
{
    const int n = (int)tro_block_get(q->graph, TRO_MAIN_BLOCK)->n_outputs;
    TRO_TRY(tro_quant_engine_run(whole, inputs, err));
    TRO_TRY(tro_quant_engine_run(part, inputs, err));
    for (int i = 0; i < n; i++) {
        struct tro_tensor want, found;
        TRO_TRY(tro_quant_engine_output(whole, i, &want, err));
        TRO_TRY(tro_quant_engine_output(part, i, &found, err));
        const double by = difference(&want, &found);
        off->sum += by;
        off->worst = by > off->worst ? by : off->worst;
    }
    return 0;
}

/* The graph is destroyed. */
static int compare_all(const struct tro_quant *q, struct tro_graph *g,
                       const struct tro_tensor *const *samples, int n_samples, struct off *off,
                       struct tro_err *err)
{
    struct tro_quant_engine whole = {0}, part = {0};
    int rc = g ? tro_quant_engine_init(&part, g, err) : err->status;
    tro_graph_destroy(g);
    if (rc >= 0)
        rc = tro_quant_engine_init(&whole, q->graph, err);
    *off = (struct off){0};
    for (int i = 0; i < n_samples && rc >= 0; i++)
        rc = compare(q, &whole, &part, samples[i], off, err);
    tro_quant_engine_finish(&whole);
    tro_quant_engine_finish(&part);
    return rc;
}

/* q with this layer alone in integers. */
static struct tro_graph *make_part(const struct tro_quant *q, int layer, struct tro_err *err)
{
    struct tro_quant part = *q;
    part.layers = tro_malloc(((size_t)q->n_layers + 1) * sizeof(*part.layers));
    if (!part.layers) {
        tro_fail_nomem(err);
        return NULL;
    }
    memcpy(part.layers, q->layers, (size_t)q->n_layers * sizeof(*part.layers));
    for (int i = 0; i < q->n_layers; i++)
        part.layers[i].is_int = i == layer;
    struct tro_graph *const g = tro_quant_make(&part, err);
    tro_free(part.layers);
    return g;
}

int tro_quant_damage(const struct tro_quant *q, int layer, const struct tro_tensor *const *samples,
                     int n_samples, double *out, struct tro_err *err)
{
    struct off off;
    TRO_TRY(compare_all(q, make_part(q, layer, err), samples, n_samples, &off, err));
    *out = n_samples ? off.sum / n_samples : 0;
    return 0;
}

int tro_quant_error(const struct tro_quant *q, const struct tro_tensor *const *samples,
                    int n_samples, double *out, struct tro_err *err)
{
    struct off off;
    TRO_TRY(compare_all(q, tro_quant_make(q, err), samples, n_samples, &off, err));
    *out = off.worst;
    return 0;
}
