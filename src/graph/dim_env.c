/* SPDX-License-Identifier: Apache-2.0 */
/* Values of sizes at run time. */
#include "base/alloc.h"
#include "graph/dim_poly.h"

#include <trocar/trocar.h>

int tro_dim_env_init(struct tro_dim_env *env, const struct tro_dims *t)
{
    *env = (struct tro_dim_env){.n = t->n};
    env->values = tro_calloc(t->n, sizeof(*env->values));
    env->known = tro_calloc(t->n, sizeof(*env->known));
    if (env->values && env->known)
        return 0;
    tro_dim_env_finish(env);
    return TRO_E_NOMEM;
}

void tro_dim_env_finish(struct tro_dim_env *env)
{
    tro_free(env->values);
    tro_free(env->known);
    *env = (struct tro_dim_env){0};
}

bool tro_dim_eval(const struct tro_dims *t, const struct tro_dim_env *env, tro_dim d, int64_t *out)
{
    if (tro_dim_is_const(d)) {
        *out = tro_dim_value(d);
        return true;
    }
    const size_t entry = (size_t)(d.bits >> 1);
    const struct tro_dim_expr *const e = &t->exprs[entry];
    if (e->op == TRO_DIM_SYMBOL) {
        if (entry >= env->n || !env->known[entry])
            return false;
        *out = env->values[entry];
        return true;
    }
    int64_t a, b;
    if (!tro_dim_eval(t, env, e->a, &a) || !tro_dim_eval(t, env, e->b, &b))
        return false;
    if (b == 0 && (e->op == TRO_DIM_DIV || e->op == TRO_DIM_MOD))
        return false;
    *out = tro_dim_calc(e->op, a, b);
    return true;
}

/* The product of a term's known atoms, and the unknown one: none (0 in *n_unknown) or one. */
static int64_t known_part(const struct tro_dims *t, const struct tro_dim_env *env,
                          const struct tro_term *x, tro_dim *unknown, int *n_unknown)
{
    int64_t product = x->factor;
    *n_unknown = 0;
    for (int i = 0; i < x->n; i++) {
        int64_t v;
        if (tro_dim_eval(t, env, x->atom[i], &v)) {
            product = tro_dim_calc(TRO_DIM_MUL, product, v);
        } else {
            *unknown = x->atom[i];
            ++*n_unknown;
        }
    }
    return product;
}

bool tro_dim_bind(const struct tro_dims *t, struct tro_dim_env *env, tro_dim d, int64_t v)
{
    int64_t now;
    if (tro_dim_eval(t, env, d, &now))
        return now == v;
    struct tro_poly p;
    tro_poly_of(t, d, &p);
    tro_dim unknown = tro_dim_const(0);
    int64_t rest = v, factor = 0;
    int n_unknown_terms = 0;
    for (int i = 0; i < p.n; i++) {
        tro_dim atom = unknown;
        int n_unknown = 0;
        const int64_t part = known_part(t, env, &p.term[i], &atom, &n_unknown);
        if (n_unknown == 0) {
            rest = tro_dim_calc(TRO_DIM_ADD, rest, -part);
            continue;
        }
        if (n_unknown > 1 || ++n_unknown_terms > 1)
            return true;
        unknown = atom;
        factor = part;
    }
    if (factor == 0 || tro_dim_is_const(unknown))
        return true;
    const size_t entry = (size_t)(unknown.bits >> 1);
    if (t->exprs[entry].op != TRO_DIM_SYMBOL || entry >= env->n)
        return true;
    if (rest % factor != 0 || rest / factor < t->exprs[entry].lo ||
        rest / factor > t->exprs[entry].hi)
        return false;
    env->values[entry] = rest / factor;
    env->known[entry] = true;
    return true;
}
