/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a builder. */
#include "build/builder.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "build/model.h"

static const struct tro_block *main_block(const struct tro_builder *b)
{
    return tro_block_get(b->graph, TRO_MAIN_BLOCK);
}

struct tro_builder *tro_builder_create(struct tro_model *m, struct tro_err *err)
{
    struct tro_builder *const b = tro_calloc(1, sizeof(*b));
    if (b) {
        b->model = m;
        b->graph = tro_model_graph(m);
        b->sizes = tro_calloc(main_block(b)->n_inputs + 1, sizeof(*b->sizes));
    }
    if (!b || !b->sizes) {
        tro_builder_destroy(b);
        tro_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < main_block(b)->n_inputs; i++)
        b->sizes[i] = (struct tro_plan_sizes){.input = (int)i, .rank = -1};
    return b;
}

void tro_builder_destroy(struct tro_builder *b)
{
    if (!b)
        return;
    tro_free(b->sizes);
    tro_free(b->buckets);
    tro_free(b->states);
    tro_free(b);
}

/* ---- names ------------------------------------------------------------------------------- */

static int fail_name(const struct tro_builder *b, const char *what, const char *name,
                     const tro_value_id *ids, size_t n, struct tro_err *err)
{
    struct tro_buf names = {0};
    for (size_t i = 0; i < n; i++)
        tro_buf_printf(&names, "%s'%s'", i ? ", " : ": ", tro_value_get(b->graph, ids[i])->name);
    tro_buf_u8(&names, 0);
    const int rc = tro_fail(err, TRO_E_INPUT, "expected the name of an %s, found '%s'%s", what,
                            name, names.failed ? "" : (const char *)names.p);
    tro_buf_finish(&names);
    return rc;
}

/* Index among the values of that name. */
static int find(const struct tro_builder *b, const char *what, const char *name,
                const tro_value_id *ids, size_t n, struct tro_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tro_value_get(b->graph, ids[i])->name, name) == 0)
            return (int)i;
    return fail_name(b, what, name, ids, n, err);
}

static int find_input(const struct tro_builder *b, const char *name, struct tro_err *err)
{
    return find(b, "input", name, main_block(b)->inputs, main_block(b)->n_inputs, err);
}

/* ---- sizes ------------------------------------------------------------------------------- */

static int check_size(const struct tro_builder *b, const struct tro_value *v, int axis,
                      int64_t size, struct tro_err *err)
{
    const tro_dim d = v->shape.dim[axis];
    const int64_t lo = tro_dim_lo(&b->graph->dims, d), hi = tro_dim_hi(&b->graph->dims, d);
    if (tro_dim_is_const(d) && size != tro_dim_value(d))
        return tro_fail(err, TRO_E_INPUT,
                        "input '%s', axis %d: expected %lld, which the model fixes, found %lld",
                        v->name, axis, (long long)tro_dim_value(d), (long long)size);
    if (size < 0 || size < lo || size > hi)
        return tro_fail(err, TRO_E_INPUT,
                        "input '%s', axis %d: expected a size of %lld and more, found %lld",
                        v->name, axis, (long long)(lo > 0 ? lo : 0), (long long)size);
    return 0;
}

static int check_shape(const struct tro_builder *b, int input, int rank, const int64_t *shape,
                       struct tro_err *err)
{
    const struct tro_value *const v = tro_value_get(b->graph, main_block(b)->inputs[input]);
    if (rank < 0 || rank > TRO_MAX_RANK || (v->shape.rank >= 0 && rank != v->shape.rank))
        return tro_fail(err, TRO_E_INPUT, "input '%s': expected %d sizes, found %d", v->name,
                        v->shape.rank >= 0 ? v->shape.rank : TRO_MAX_RANK, rank);
    for (int i = 0; i < v->shape.rank; i++)
        TRO_TRY(check_size(b, v, i, shape[i], err));
    return 0;
}

int tro_builder_set_shapes(struct tro_builder *b, const char *input, int rank, const int64_t *min,
                           const int64_t *opt, const int64_t *max, struct tro_err *err)
{
    const int i = find_input(b, input, err);
    TRO_TRY(i);
    if (b->sizes[i].rank >= 0)
        return tro_fail(err, TRO_E_INPUT, "input '%s': its shapes are given twice", input);
    TRO_TRY(check_shape(b, i, rank, min, err));
    TRO_TRY(check_shape(b, i, rank, opt, err));
    TRO_TRY(check_shape(b, i, rank, max, err));
    struct tro_plan_sizes s = {.input = i, .rank = rank};
    for (int k = 0; k < rank; k++) {
        if (min[k] > opt[k] || opt[k] > max[k])
            return tro_fail(err, TRO_E_INPUT,
                            "input '%s', axis %d: expected min <= opt <= max, found %lld, %lld, "
                            "%lld",
                            input, k, (long long)min[k], (long long)opt[k], (long long)max[k]);
        s.min[k] = min[k];
        s.opt[k] = opt[k];
        s.max[k] = max[k];
    }
    b->sizes[i] = s;
    return 0;
}

int tro_builder_add_bucket(struct tro_builder *b, const char *input, int rank, const int64_t *shape,
                           struct tro_err *err)
{
    const int i = find_input(b, input, err);
    TRO_TRY(i);
    TRO_TRY(check_shape(b, i, rank, shape, err));
    if (TRO_GROW(&b->buckets, b->n_buckets, &b->cap_buckets) < 0)
        return tro_fail_nomem(err);
    struct tro_plan_bucket bucket = {.input = i, .rank = rank};
    for (int k = 0; k < rank; k++)
        bucket.shape[k] = shape[k];
    b->buckets[b->n_buckets++] = bucket;
    return 0;
}

/* ---- states ------------------------------------------------------------------------------ */

int tro_builder_add_state(struct tro_builder *b, const char *input, const char *output,
                          struct tro_err *err)
{
    const int in = find_input(b, input, err);
    TRO_TRY(in);
    const int out = find(b, "output", output, main_block(b)->outputs, main_block(b)->n_outputs,
                         err);
    TRO_TRY(out);
    size_t place = 0;
    for (size_t i = 0; i < b->n_states; i++) {
        if (b->states[i].input == in || b->states[i].output == out)
            return tro_fail(err, TRO_E_INPUT, "state '%s' from '%s': one of them is in a state",
                            input, output);
        place += b->states[i].input < in;
    }
    if (TRO_GROW(&b->states, b->n_states, &b->cap_states) < 0)
        return tro_fail_nomem(err);
    memmove(&b->states[place + 1], &b->states[place], (b->n_states - place) * sizeof(b->states[0]));
    b->states[place] = (struct tro_plan_state){in, out};
    b->n_states++;
    return 0;
}
