/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a plan say about its graph. */
#include "base/err.h"
#include "plan/format.h"

#include <string.h>

struct checker {
    const struct tro_plan_parts *parts;
    const struct tro_graph *g;
    const struct tro_block *block; /* the main one */
    struct tro_err *err;
};

static const struct tro_value *input_of(const struct checker *c, int i)
{
    return tro_value_get(c->g, c->block->inputs[i]);
}

static int check_input(const struct checker *c, int i, int rank)
{
    if (i < 0 || (size_t)i >= c->block->n_inputs)
        return tro_fail(c->err, TRO_E_INPUT, "expected an input below %zu, found %d",
                        c->block->n_inputs, i);
    const struct tro_value *const v = input_of(c, i);
    if (rank < 0 || rank > TRO_MAX_RANK || (v->shape.rank >= 0 && v->shape.rank != rank))
        return tro_fail(c->err, TRO_E_INPUT, "input '%s': expected rank %d, found %d", v->name,
                        v->shape.rank, rank);
    return 0;
}

/* ---- sizes ----------------------------------------------------------------------------- */

/* The sizes fit the value, and what is known of symbols; they make more of them known. */
static int bind(const struct checker *c, struct tro_dim_env *env, tro_value_id id, int rank,
                const int64_t *sizes)
{
    const struct tro_value *const v = tro_value_get(c->g, id);
    int64_t n_bytes = (int64_t)tro_dtype_size(v->dtype);
    for (int i = 0; i < rank; i++) {
        const tro_dim d = v->shape.rank < 0 ? tro_dim_const(sizes[i]) : v->shape.dim[i];
        if (sizes[i] < 0 || sizes[i] > TRO_DIM_MAX || !tro_dim_bind(&c->g->dims, env, d, sizes[i]))
            return tro_fail(c->err, TRO_E_INPUT,
                            "'%s': size %lld of axis %d does not fit its type or other sizes",
                            v->name, (long long)sizes[i], i);
        if (sizes[i] > 1 && __builtin_mul_overflow(n_bytes, sizes[i], &n_bytes))
            n_bytes = INT64_MAX;
        if (n_bytes > TRO_DIM_MAX)
            return tro_fail(c->err, TRO_E_INPUT, "'%s': more bytes than memory has addresses",
                            v->name);
    }
    return 0;
}

/* One of the three shapes of all inputs, together. */
static int check_together(const struct checker *c, size_t offset_in_sizes)
{
    struct tro_dim_env env = {0};
    int rc = tro_dim_env_init(&env, &c->g->dims) < 0 ? tro_fail_nomem(c->err) : 0;
    for (size_t i = 0; i < c->parts->n_sizes && rc == 0; i++) {
        const struct tro_plan_sizes *const s = &c->parts->sizes[i];
        rc = bind(c, &env, c->block->inputs[s->input], s->rank,
                  (const int64_t *)(const void *)((const char *)s + offset_in_sizes));
    }
    tro_dim_env_finish(&env);
    return rc;
}

static int check_sizes(const struct checker *c)
{
    for (size_t i = 0; i < c->parts->n_sizes; i++) {
        const struct tro_plan_sizes *const s = &c->parts->sizes[i];
        TRO_TRY(check_input(c, s->input, s->rank));
        if (i > 0 && s->input <= s[-1].input)
            return tro_fail(c->err, TRO_E_INPUT, "expected sizes in the order of inputs");
        for (int k = 0; k < s->rank; k++)
            if (s->min[k] > s->opt[k] || s->opt[k] > s->max[k])
                return tro_fail(c->err, TRO_E_INPUT,
                                "input '%s': expected min <= opt <= max, found %lld, %lld, %lld "
                                "along axis %d",
                                input_of(c, s->input)->name, (long long)s->min[k],
                                (long long)s->opt[k], (long long)s->max[k], k);
    }
    TRO_TRY(check_together(c, offsetof(struct tro_plan_sizes, min)));
    TRO_TRY(check_together(c, offsetof(struct tro_plan_sizes, opt)));
    return check_together(c, offsetof(struct tro_plan_sizes, max));
}

static const struct tro_plan_sizes *sizes_of(const struct checker *c, int input)
{
    for (size_t i = 0; i < c->parts->n_sizes; i++)
        if (c->parts->sizes[i].input == input)
            return &c->parts->sizes[i];
    return NULL;
}

static int check_bucket(const struct checker *c, const struct tro_plan_bucket *b)
{
    TRO_TRY(check_input(c, b->input, b->rank));
    const struct tro_plan_sizes *const s = sizes_of(c, b->input);
    for (int k = 0; s && k < b->rank; k++)
        if (b->shape[k] < s->min[k] || b->shape[k] > s->max[k])
            return tro_fail(c->err, TRO_E_INPUT,
                            "input '%s': expected a bucket's size of axis %d within %lld and "
                            "%lld, found %lld",
                            input_of(c, b->input)->name, k, (long long)s->min[k],
                            (long long)s->max[k], (long long)b->shape[k]);
    struct tro_dim_env env = {0};
    int rc = tro_dim_env_init(&env, &c->g->dims) < 0 ? tro_fail_nomem(c->err) : 0;
    if (rc == 0)
        rc = bind(c, &env, c->block->inputs[b->input], b->rank, b->shape);
    tro_dim_env_finish(&env);
    return rc;
}

static int check_buckets(const struct checker *c)
{
    for (size_t i = 0; i < c->parts->n_buckets; i++)
        TRO_TRY(check_bucket(c, &c->parts->buckets[i]));
    return 0;
}

/* ---- states ---------------------------------------------------------------------------- */

static bool is_static(const struct tro_shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (!tro_dim_is_const(s->dim[i]))
            return false;
    return s->rank >= 0;
}

static bool is_same_type(const struct tro_value *a, const struct tro_value *b)
{
    if (a->dtype != b->dtype || a->shape.rank != b->shape.rank)
        return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (!tro_dim_eq(a->shape.dim[i], b->shape.dim[i]))
            return false;
    return true;
}

static int check_state(const struct checker *c, const struct tro_plan_state *s)
{
    if (s->input < 0 || (size_t)s->input >= c->block->n_inputs || s->output < 0 ||
        (size_t)s->output >= c->block->n_outputs)
        return tro_fail(c->err, TRO_E_INPUT, "expected an input and an output, found %d and %d",
                        s->input, s->output);
    const struct tro_value *const in = input_of(c, s->input);
    const struct tro_value *const out = tro_value_get(c->g, c->block->outputs[s->output]);
    if (!is_same_type(in, out) || !is_static(&in->shape))
        return tro_fail(c->err, TRO_E_INPUT,
                        "output '%s' to input '%s': expected one type and one shape of known sizes",
                        out->name, in->name);
    return 0;
}

static int check_states(const struct checker *c)
{
    const struct tro_plan_state *const s = c->parts->states;
    for (size_t i = 0; i < c->parts->n_states; i++) {
        TRO_TRY(check_state(c, &s[i]));
        if (i > 0 && s[i].input <= s[i - 1].input)
            return tro_fail(c->err, TRO_E_INPUT, "expected states in the order of inputs");
        for (size_t k = 0; k < i; k++)
            if (s[k].output == s[i].output)
                return tro_fail(c->err, TRO_E_INPUT, "output %d feeds two inputs", s[i].output);
    }
    return 0;
}

/* ---- samples --------------------------------------------------------------------------- */

static int check_tensor(const struct checker *c, struct tro_dim_env *env, tro_value_id id,
                        const struct tro_tensor *t)
{
    const struct tro_value *const v = tro_value_get(c->g, id);
    if (t->dtype != v->dtype || t->rank < 0 || t->rank > TRO_MAX_RANK ||
        (v->shape.rank >= 0 && t->rank != v->shape.rank))
        return tro_fail(c->err, TRO_E_INPUT,
                        "'%s': expected type %s and rank %d, found type %s and rank %d", v->name,
                        tro_dtype_name(v->dtype), v->shape.rank, tro_dtype_name(t->dtype), t->rank);
    return bind(c, env, id, t->rank, t->shape);
}

static int check_sample(const struct checker *c, const struct tro_plan_sample *s)
{
    struct tro_dim_env env = {0};
    int rc = tro_dim_env_init(&env, &c->g->dims) < 0 ? tro_fail_nomem(c->err) : 0;
    for (size_t i = 0; i < c->block->n_inputs && rc == 0; i++)
        rc = check_tensor(c, &env, c->block->inputs[i], &s->in[i]);
    for (size_t i = 0; i < c->block->n_outputs && rc == 0; i++)
        rc = check_tensor(c, &env, c->block->outputs[i], &s->out[i]);
    tro_dim_env_finish(&env);
    return rc;
}

static int check_samples(const struct checker *c)
{
    if (c->parts->n_samples > 0 && c->block->n_inputs + c->block->n_outputs == 0)
        return tro_fail(c->err, TRO_E_INPUT, "expected no samples of a graph without any output");
    for (size_t i = 0; i < c->parts->n_samples; i++)
        TRO_TRY(tro_err_prefix(c->err, check_sample(c, &c->parts->samples[i]), "sample %zu: ", i));
    return 0;
}

/* ---- tuned ----------------------------------------------------------------------------- */

static int check_word(const struct checker *c, const char *word)
{
    if (*word && !strpbrk(word, "\t\n"))
        return 0;
    return tro_fail(c->err, TRO_E_INPUT, "expected a text without tabs and line ends");
}

static int check_tuned(const struct checker *c, const struct tro_plan_tuned *t)
{
    TRO_TRY(check_word(c, t->chip));
    for (size_t i = 0; i < t->n_choices; i++) {
        TRO_TRY(check_word(c, t->choices[i].problem));
        TRO_TRY(check_word(c, t->choices[i].candidate));
        if (i > 0 && strcmp(t->choices[i - 1].problem, t->choices[i].problem) >= 0)
            return tro_fail(c->err, TRO_E_INPUT,
                            "expected problems in order, found '%s' after '%s'",
                            t->choices[i].problem, t->choices[i - 1].problem);
    }
    for (const struct tro_plan_tuned *other = c->parts->tuned; other < t; other++)
        if (strcmp(other->chip, t->chip) == 0)
            return tro_fail(c->err, TRO_E_INPUT, "chip '%s' stands twice", t->chip);
    return 0;
}

static int check_all_tuned(const struct checker *c)
{
    for (size_t i = 0; i < c->parts->n_tuned; i++)
        TRO_TRY(check_tuned(c, &c->parts->tuned[i]));
    return 0;
}

/* ---- targets, code --------------------------------------------------------------------- */

/* Lower-case letters and digits: names of precisions. */
static bool is_word(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= '0' && text[n] <= '9'))
        n++;
    return n > 0 && n < 32 && !text[n];
}

static int check_targets(const struct checker *c)
{
    const struct tro_plan_target *const t = c->parts->targets;
    if (c->parts->precision && !is_word(c->parts->precision))
        return tro_fail(c->err, TRO_E_INPUT, "expected the name of a precision, found another");
    if (c->parts->n_wide < 0 || c->parts->n_wide == INT32_MAX)
        return tro_fail(c->err, TRO_E_INPUT, "expected a number of nodes at fp32, found %d",
                        c->parts->n_wide);
    for (size_t i = 0; i < c->parts->n_targets; i++)
        if (t[i].arch <= (i ? t[i - 1].arch : 0) || t[i].n_sms <= 0)
            return tro_fail(c->err, TRO_E_INPUT,
                            "expected architectures in order and multiprocessors of each, found "
                            "sm_%d with %d",
                            t[i].arch, t[i].n_sms);
    return 0;
}

static int check_wide(const struct checker *c)
{
    const size_t n = tro_block_get(c->parts->graph, TRO_MAIN_BLOCK)->n_nodes;
    const uint32_t *const wide = c->parts->wide;
    for (size_t i = 0; i < c->parts->n_wides; i++)
        if (wide[i] >= n || (i && wide[i] <= wide[i - 1]))
            return tro_fail(c->err, TRO_E_INPUT,
                            "expected indexes of the %zu nodes in their order, found %u", n,
                            wide[i]);
    return 0;
}

static bool is_after(const struct tro_plan_code *a, const struct tro_plan_code *b)
{
    return b->key != a->key     ? b->key > a->key
           : b->kind != a->kind ? b->kind > a->kind
                                : b->arch > a->arch;
}

static int check_code(const struct checker *c, const struct tro_plan_code *k)
{
    const char *const bytes = k->data;
    if (k->kind != TRO_PLAN_CUBIN && k->kind != TRO_PLAN_PTX)
        return tro_fail(c->err, TRO_E_INPUT, "expected kind %d or %d, found %d", TRO_PLAN_CUBIN,
                        TRO_PLAN_PTX, k->kind);
    if (k->arch <= 0 || k->n_bytes == 0)
        return tro_fail(c->err, TRO_E_INPUT, "expected code for an architecture, found none");
    if (k->kind == TRO_PLAN_PTX && bytes[k->n_bytes - 1])
        return tro_fail(c->err, TRO_E_INPUT, "expected PTX that ends with a zero, found another");
    return 0;
}

static int check_codes(const struct checker *c)
{
    for (size_t i = 0; i < c->parts->n_codes; i++) {
        const struct tro_plan_code *const k = &c->parts->codes[i];
        TRO_TRY(check_code(c, k));
        if (i > 0 && !is_after(k - 1, k))
            return tro_fail(c->err, TRO_E_INPUT, "expected kernels in order, each once");
    }
    return 0;
}

int tro_plan_check(const struct tro_plan_parts *parts, struct tro_err *err)
{
    const struct checker c = {parts, parts->graph, tro_block_get(parts->graph, TRO_MAIN_BLOCK),
                              err};
    TRO_TRY(tro_err_prefix(err, check_sizes(&c), "sizes: "));
    TRO_TRY(tro_err_prefix(err, check_buckets(&c), "buckets: "));
    TRO_TRY(tro_err_prefix(err, check_states(&c), "states: "));
    TRO_TRY(tro_err_prefix(err, check_samples(&c), "golden: "));
    TRO_TRY(tro_err_prefix(err, check_all_tuned(&c), "tuned: "));
    TRO_TRY(tro_err_prefix(err, check_targets(&c), "targets: "));
    TRO_TRY(tro_err_prefix(err, check_codes(&c), "code: "));
    return tro_err_prefix(err, check_wide(&c), "wide: ");
}
