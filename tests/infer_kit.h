/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of inference as lines of text:
 *
 *     INFER(TRO_OP_CONV, &attrs, "f32[N,4,H,W]; f32[8,2,3,3]", "f32[N,8,H-2,W-2]");
 *
 * Inputs   TYPE[SIZES] separated by ';', "[*]" of unknown rank, "-" absent. "={1,N}" behind gives
 *          the contents. "N:2..9 |" in front bounds a symbol; symbols of tests are upper case.
 * Outputs  the same; "?" for a size of which nothing is known but that it is one, "?2..9" when it
 *          is known to be in these bounds. "!words" instead: a failure with a message that contains
 *          the words (TRO_E_INPUT).
 *
 * A call that succeeds is made again as at run time, with numbers for the symbols. What comes out
 * must be what the expressions say for these numbers, and hold as well when some of the sizes,
 * contents and ranks are not known.
 */
#ifndef TRO_TESTS_INFER_KIT_H
#define TRO_TESTS_INFER_KIT_H

#include "base/dtype.h"
#include "graph/infer.h"
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define KIT_MAX 32
#define KIT_MAX_ELEMS 64
#ifndef KIT_SEEDS
#define KIT_SEEDS 30 /* ways to forget, for each call */
#endif

#define INTS(...)                                                                                \
    {                                                                                            \
        .n = (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .v = { __VA_ARGS__ } \
    }

struct kit {
    struct tro_arena arena;
    struct tro_dims dims;
    int n_in, n_out;
    struct tro_operand in[KIT_MAX], out[KIT_MAX];
    tro_dim elems[KIT_MAX][KIT_MAX_ELEMS];
    int64_t data[KIT_MAX][KIT_MAX_ELEMS];
    int n_elems[KIT_MAX]; /* contents given; -1 none */
    struct tro_err err;
    char text[2048]; /* what was found */
};

static inline void kit_skip(const char **p)
{
    while (**p == ' ')
        ++*p;
}

static inline bool kit_accept(const char **p, char ch)
{
    kit_skip(p);
    if (**p != ch)
        return false;
    ++*p;
    return true;
}

static inline tro_dim kit_dim(struct kit *k, const char **p)
{
    kit_skip(p);
    tro_dim d = tro_dim_const(0);
    size_t pos = 0;
    if (!tro_dim_parse(&k->dims, (struct tro_str){*p, strlen(*p)}, &pos, &d)) {
        fprintf(stderr, "the test has a bad size: %s\n", *p);
        abort();
    }
    *p += pos;
    return d;
}

/* "N:2..9 M:1..4 |" */
static inline void kit_symbols(struct kit *k, const char **p)
{
    if (!strchr(*p, '|'))
        return;
    while (!kit_accept(p, '|')) {
        const char *const colon = strchr(*p, ':');
        char *end;
        const long long lo = strtoll(colon + 1, &end, 10), hi = strtoll(end + 2, &end, 10);
        tro_dim_symbol(&k->dims, (struct tro_str){*p, (size_t)(colon - *p)}, lo, hi);
        *p = end;
        kit_skip(p);
    }
}

static inline enum tro_dtype kit_dtype(const char **p)
{
    char name[16];
    size_t n = 0;
    kit_skip(p);
    while (isalnum((unsigned char)**p) && n < sizeof(name) - 1)
        name[n++] = *(*p)++;
    name[n] = 0;
    return tro_dtype_from_name(name);
}

/* Numbers, or expressions for integers. */
static inline void kit_contents(struct kit *k, int i, const char **p)
{
    struct tro_operand *const o = &k->in[i];
    const bool is_float = tro_dtype_is_float(o->dtype);
    bool is_const = true;
    int n = 0;
    while (!kit_accept(p, '}')) {
        kit_accept(p, ',');
        kit_skip(p);
        char *end;
        if (is_float) {
            tro_store_f64(o->dtype, k->data[i], n, strtod(*p, &end));
            *p = end;
        } else {
            /* Numbers first: the reader of sizes knows none beyond 62 bits. */
            int64_t v = strtoll(*p, &end, 10);
            const bool is_number = end != *p && *end && strchr(",} ", *end);
            k->elems[i][n] = is_number ? tro_dim_const(v) : kit_dim(k, p);
            if (is_number)
                *p = end;
            is_const = is_const && is_number;
            tro_store_i64(o->dtype, k->data[i], n, v);
        }
        n++;
    }
    k->n_elems[i] = n;
    if (is_const)
        o->data = k->data[i];
    else
        o->elems = k->elems[i];
}

static inline void kit_inputs(struct kit *k, const char *p)
{
    kit_symbols(k, &p);
    kit_skip(&p);
    while (*p) {
        const int i = k->n_in++;
        k->n_elems[i] = -1;
        kit_skip(&p);
        if (!kit_accept(&p, '-')) {
            struct tro_operand *const o = &k->in[i];
            o->dtype = kit_dtype(&p);
            kit_accept(&p, '[');
            if (kit_accept(&p, '*')) {
                o->shape.rank = -1;
                kit_accept(&p, ']');
            } else {
                while (!kit_accept(&p, ']')) {
                    kit_accept(&p, ',');
                    o->shape.dim[o->shape.rank++] = kit_dim(k, &p);
                }
            }
            if (kit_accept(&p, '=') && kit_accept(&p, '{'))
                kit_contents(k, i, &p);
        }
        kit_accept(&p, ';');
        kit_skip(&p);
    }
}

/* ---- what came out --------------------------------------------------------------------- */

static inline void kit_print(struct kit *k)
{
    struct tro_buf b = {0};
    for (int i = 0; i < k->n_out; i++) {
        const struct tro_shape *const s = &k->out[i].shape;
        tro_buf_printf(&b, "%s%s[", i ? "; " : "", tro_dtype_name(k->out[i].dtype));
        if (s->rank < 0)
            tro_buf_str(&b, "*");
        for (int d = 0; d < s->rank; d++) {
            if (d)
                tro_buf_str(&b, ",");
            tro_dim_print(&k->dims, s->dim[d], &b);
            if (!tro_dim_is_const(s->dim[d]))
                tro_buf_printf(&b, " in %lld..%lld", (long long)tro_dim_lo(&k->dims, s->dim[d]),
                               (long long)tro_dim_hi(&k->dims, s->dim[d]));
        }
        tro_buf_str(&b, "]");
    }
    snprintf(k->text, sizeof(k->text), "%.*s", (int)b.n, b.p ? (const char *)b.p : "");
    tro_buf_finish(&b);
}

/* "?" and "?2..9" after the question mark. */
static inline bool kit_is_open(const struct kit *k, const char **p, tro_dim d)
{
    const char *name;
    const bool is_fresh = tro_dim_is_symbol(&k->dims, d, &name) && *name == 'u';
    int64_t lo = 0, hi = TRO_DIM_MAX;
    if (isdigit((unsigned char)**p)) {
        char *end;
        lo = strtoll(*p, &end, 10);
        hi = strtoll(end + 2, &end, 10);
        *p = end;
    }
    return is_fresh && tro_dim_lo(&k->dims, d) == lo && tro_dim_hi(&k->dims, d) == hi;
}

static inline bool kit_is_output(struct kit *k, int i, const char **p)
{
    const struct tro_operand *const o = &k->out[i];
    if (kit_dtype(p) != o->dtype || !kit_accept(p, '['))
        return false;
    if (kit_accept(p, '*'))
        return o->shape.rank == -1 && kit_accept(p, ']');
    int rank = 0;
    while (!kit_accept(p, ']')) {
        kit_accept(p, ',');
        if (rank >= o->shape.rank)
            return false;
        const tro_dim found = o->shape.dim[rank++];
        if (kit_accept(p, '?') ? !kit_is_open(k, p, found) : !tro_dim_eq(kit_dim(k, p), found))
            return false;
    }
    return rank == o->shape.rank;
}

static inline bool kit_are_outputs(struct kit *k, const char *p)
{
    for (int i = 0; i < k->n_out; i++) {
        if (i && !kit_accept(&p, ';'))
            return false;
        if (!kit_is_output(k, i, &p))
            return false;
    }
    return true;
}

static inline int kit_count(const char *text)
{
    int n = 1;
    for (; *text; text++)
        n += *text == ';';
    return n;
}

/* ---- again, at run time ---------------------------------------------------------------- */

static inline bool kit_number(struct kit *k, const struct tro_dim_env *env, tro_dim *d)
{
    int64_t v;
    if (!tro_dim_eval(&k->dims, env, *d, &v))
        return false;
    *d = tro_dim_const(v);
    return true;
}

/* Sizes and contents as numbers. False when some are unknown. */
static inline bool kit_freeze(struct kit *k, const struct tro_dim_env *env, struct tro_operand *in,
                              int64_t data[KIT_MAX][KIT_MAX_ELEMS])
{
    memcpy(in, k->in, sizeof(k->in));
    for (int i = 0; i < k->n_in; i++) {
        if (in[i].shape.rank < 0)
            return false;
        for (int d = 0; d < in[i].shape.rank; d++)
            if (!kit_number(k, env, &in[i].shape.dim[d]))
                return false;
        for (int e = 0; in[i].elems && e < k->n_elems[i]; e++) {
            tro_dim v = in[i].elems[e];
            if (!kit_number(k, env, &v))
                return false;
            tro_store_i64(in[i].dtype, data[i], e, tro_dim_value(v));
        }
        if (in[i].elems)
            in[i].data = data[i];
        in[i].elems = NULL;
    }
    return true;
}

/* What was said before holds of what was found at run time. */
static inline bool kit_agree(struct kit *k, const struct tro_dim_env *env,
                             const struct tro_operand *before, const struct tro_operand *found)
{
    for (int i = 0; i < k->n_out; i++) {
        const struct tro_shape *const s = &before[i].shape;
        if (found[i].dtype != before[i].dtype || (s->rank >= 0 && s->rank != found[i].shape.rank))
            return false;
        for (int d = 0; d < s->rank; d++) {
            const int64_t v = tro_dim_value(found[i].shape.dim[d]);
            int64_t said;
            if (tro_dim_eval(&k->dims, env, s->dim[d], &said)
                    ? v != said
                    : v < tro_dim_lo(&k->dims, s->dim[d]) || v > tro_dim_hi(&k->dims, s->dim[d]))
                return false;
        }
    }
    return true;
}

/* ---- the same, with less known --------------------------------------------------------- */

struct kit_symbols {
    uint32_t seed;
    int n;
    tro_dim symbol[KIT_MAX_ELEMS];
    int64_t value[KIT_MAX_ELEMS];
};

static inline uint32_t kit_random(struct kit_symbols *s, uint32_t n)
{
    s->seed = s->seed * 1664525 + 1013904223;
    return (s->seed >> 8) % n;
}

/* A symbol instead of a number: equal numbers share one, or it has its own with bounds. */
static inline tro_dim kit_symbol_of(struct kit *k, struct kit_symbols *s, int64_t v)
{
    const uint32_t kind = kit_random(s, 4);
    if (kind > 1 || v < 0 || s->n == KIT_MAX_ELEMS)
        return tro_dim_const(v);
    char name[40];
    const int own = kind ? (int)k->dims.n : 0;
    const int64_t spread = kind ? (int64_t)kit_random(s, 4) : 0;
    snprintf(name, sizeof(name), "V%lld_%d", (long long)v, own);
    const int64_t lo = !kind || spread > v ? 0 : v - spread;
    s->symbol[s->n] = tro_dim_symbol(&k->dims, (struct tro_str){name, strlen(name)}, lo,
                                     kind && spread < 3 ? v + spread : TRO_DIM_MAX);
    s->value[s->n] = v;
    return s->symbol[s->n++];
}

/* Contents as they are, as symbols, or unknown. A 0 stays: as a size it may mean another. */
static inline void kit_forget_elems(struct kit *k, struct kit_symbols *s, struct tro_operand *o,
                                    tro_dim *elems)
{
    struct tro_dim_list v;
    const struct tro_infer_call c = {.dims = &k->dims, .n_in = 1, .in = o};
    const uint32_t kind = kit_random(s, 3);
    if (kind == 0)
        o->data = NULL;
    if (kind != 1 || !tro_known_dims(&c, 0, &v))
        return;
    for (int e = 0; e < v.n; e++)
        elems[e] = tro_dim_is(v.v[e], 0) ? v.v[e] : kit_symbol_of(k, s, tro_dim_value(v.v[e]));
    o->data = NULL;
    o->elems = elems;
}

static inline void kit_forget(struct kit *k, struct kit_symbols *s, struct tro_operand *o,
                              tro_dim *elems)
{
    bool is_const = true;
    if (o->dtype == TRO_DTYPE_NONE)
        return;
    if (kit_random(s, 16) == 0) {
        *o = (struct tro_operand){.dtype = o->dtype, .shape.rank = -1};
        return;
    }
    if (o->data)
        kit_forget_elems(k, s, o, elems);
    for (int d = 0; d < o->shape.rank; d++) {
        o->shape.dim[d] = kit_symbol_of(k, s, tro_dim_value(o->shape.dim[d]));
        is_const = is_const && tro_dim_is_const(o->shape.dim[d]);
    }
    if (!is_const)
        o->data = o->elems = NULL;
}

static inline bool kit_holds(struct kit *k, const struct tro_infer_call *built,
                             const struct tro_operand *in, const struct tro_operand *found,
                             uint32_t seed)
{
    static tro_dim elems[KIT_MAX][TRO_MAX_INTS];
    struct kit_symbols s = {.seed = seed};
    struct tro_operand less[KIT_MAX], out[KIT_MAX] = {0};
    struct tro_infer_call c = *built;
    memcpy(less, in, sizeof(less));
    for (int i = 0; i < k->n_in; i++)
        kit_forget(k, &s, &less[i], elems[i]);
    c.in = less;
    c.out = out;
    struct tro_dim_env env = {0};
    bool ok = tro_infer(&c) == 0 && tro_dim_env_init(&env, &k->dims) == 0;
    for (int i = 0; ok && i < s.n; i++) {
        env.values[s.symbol[i].bits >> 1] = s.value[i];
        env.known[s.symbol[i].bits >> 1] = true;
    }
    ok = ok && kit_agree(k, &env, out, found);
    tro_dim_env_finish(&env);
    return ok;
}

static inline bool kit_holds_in_general(struct kit *k, const struct tro_infer_call *built,
                                        const struct tro_operand *in,
                                        const struct tro_operand *found)
{
    for (uint32_t seed = 0; seed < KIT_SEEDS; seed++)
        if (!kit_holds(k, built, in, found, seed * 7919))
            return false;
    return true;
}

enum kit_result { KIT_AGREES, KIT_DIFFERS, KIT_REFUSED, KIT_UNKNOWN };

static inline enum kit_result kit_sample_in(struct kit *k, const struct tro_infer_call *built,
                                            const struct tro_dim_env *env)
{
    struct tro_operand in[KIT_MAX], out[KIT_MAX] = {0};
    static int64_t data[KIT_MAX][KIT_MAX_ELEMS];
    struct tro_err err = {0};
    if (!kit_freeze(k, env, in, data))
        return KIT_UNKNOWN;
    struct tro_infer_call c = *built;
    c.env = env;
    c.in = in;
    c.out = out;
    c.err = &err;
    const int rc = tro_infer(&c);
    if (rc == TRO_E_INTERNAL)
        return strstr(err.text, "open at run time") ? KIT_UNKNOWN : KIT_DIFFERS;
    if (rc < 0)
        return KIT_REFUSED;
    return kit_agree(k, env, k->out, out) && kit_holds_in_general(k, built, in, out) ? KIT_AGREES
                                                                                     : KIT_DIFFERS;
}

/* Symbols of the inputs get numbers within their bounds. */
static inline enum kit_result kit_sample(struct kit *k, const struct tro_infer_call *built,
                                         size_t n_given, int sample)
{
    static const int64_t sizes[] = {24, 31, 1, 8, 17};
    struct tro_dim_env env = {0};
    if (tro_dim_env_init(&env, &k->dims) < 0)
        return KIT_DIFFERS;
    for (size_t i = 0; i < n_given; i++) {
        const struct tro_dim_expr *const e = &k->dims.exprs[i];
        if (e->op != TRO_DIM_SYMBOL)
            continue;
        const int64_t v = sizes[(size_t)sample % 5] + (int64_t)i;
        env.values[i] = v < e->lo ? e->lo : v > e->hi ? e->hi : v;
        env.known[i] = true;
    }
    const enum kit_result result = kit_sample_in(k, built, &env);
    tro_dim_env_finish(&env);
    return result;
}

/* Some numbers must be accepted, unless contents are missing. */
static inline bool kit_agrees_at_run_time(struct kit *k, const struct tro_infer_call *built,
                                          size_t n_given)
{
    int n[4] = {0};
    for (int sample = 0; sample < 5; sample++)
        n[kit_sample(k, built, n_given, sample)]++;
    const bool ok = !n[KIT_DIFFERS] && (n[KIT_AGREES] || n[KIT_UNKNOWN]);
    const size_t end = strlen(k->text);
    if (!ok)
        snprintf(k->text + end, sizeof(k->text) - end,
                 n[KIT_DIFFERS] ? " (differs at run time)" : " (no numbers fit)");
    return ok;
}

/* ---- one line -------------------------------------------------------------------------- */

static inline bool kit_infer(struct kit *k, enum tro_op op, const void *attrs, const char *in,
                             const char *out)
{
    tro_dims_init(&k->dims, &k->arena);
    kit_inputs(k, in);
    k->n_out = out[0] == '!' && isdigit((unsigned char)out[1]) ? out[1] - '0' : kit_count(out);
    if (out[0] == '!' && !isdigit((unsigned char)out[1]))
        k->n_out = tro_op_info(op)->out_min;
    const size_t n_given = k->dims.n;
    static const char no_attrs[4096];
    struct tro_infer_call c = {.dims = &k->dims,
                               .op = op,
                               .attrs = attrs ? attrs : no_attrs,
                               .n_in = k->n_in,
                               .n_out = k->n_out,
                               .in = k->in,
                               .out = k->out,
                               .err = &k->err};
    const int rc = tro_infer(&c);
    if (rc < 0) {
        snprintf(k->text, sizeof(k->text), "%s", k->err.text);
        return out[0] == '!' && (rc == TRO_E_INPUT || rc == TRO_E_UNSUPPORTED) &&
               strstr(k->err.text, out + 1 + (isdigit((unsigned char)out[1]) != 0));
    }
    kit_print(k);
    return out[0] != '!' && kit_are_outputs(k, out) && kit_agrees_at_run_time(k, &c, n_given);
}

#define INFER(op, attrs, in_text, out_text)                                                    \
    do {                                                                                       \
        static struct kit kit_;                                                                \
        kit_ = (struct kit){0};                                                                \
        test_check(kit_infer(&kit_, (op), (attrs), (in_text), (out_text)), __FILE__, __LINE__, \
                   "%s of %s: expected %s, found %s", tro_op_info(op)->text, (in_text),        \
                   (out_text), kit_.text);                                                     \
        tro_dims_finish(&kit_.dims);                                                           \
        tro_arena_finish(&kit_.arena);                                                         \
    } while (0)

#endif
