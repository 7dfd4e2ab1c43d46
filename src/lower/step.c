/* SPDX-License-Identifier: Apache-2.0 */
/* Steps, and the questions of emitters that are one line each. */
#include "lower/lowering.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"

#include <stdio.h>
#include <string.h>

const struct tro_graph *tro_lower_graph(const struct tro_lowering *l)
{
    return l->g;
}

uint32_t tro_lower_cpu(const struct tro_lowering *l)
{
    return l->opts.cpu_flags;
}

int tro_lower_n_threads(const struct tro_lowering *l)
{
    return l->opts.n_threads;
}

enum tro_precision tro_lower_precision(const struct tro_lowering *l)
{
    return l->opts.precision;
}

int tro_lower_arch(const struct tro_lowering *l)
{
    return l->opts.arch;
}

int tro_lower_n_sms(const struct tro_lowering *l)
{
    return l->opts.n_sms;
}

struct tro_libraries *tro_lower_libraries(const struct tro_lowering *l)
{
    return l->opts.libraries;
}

bool tro_lower_is_tuning(const struct tro_lowering *l)
{
    return l->opts.is_tuning;
}

struct tro_err *tro_lower_err(const struct tro_lowering *l)
{
    return l->err;
}

struct tro_arena *tro_lower_arena(struct tro_lowering *l)
{
    return &l->p->arena;
}

static struct tro_step *add_step(struct tro_lowering *l)
{
    struct tro_program *const p = l->p;
    if (TRO_GROW(&p->steps, (size_t)p->n_steps, &l->cap_steps) < 0)
        return NULL;
    struct tro_step *const s = &p->steps[p->n_steps];
    *s = (struct tro_step){.kind = TRO_STEP_KERNEL, .n_parts = 1, .inplace = -1};
    return s;
}

struct tro_step *tro_lower_step(struct tro_lowering *l, const struct tro_lower_node *n,
                                const char *kernel, tro_step_fn *run, int n_in, int n_out,
                                size_t params_size, void *params)
{
    struct tro_arena *const arena = &l->p->arena;
    struct tro_step *const s = add_step(l);
    void *const own = tro_arena_alloc64(arena, params_size);
    struct tro_arg *const args = TRO_NEW_N(arena, struct tro_arg, (size_t)(n_in + n_out + 1));
    if (!s || !own || !args) {
        tro_fail_nomem(l->err);
        return NULL;
    }
    if (params_size)
        memset(own, 0, params_size);
    s->name = n->name;
    s->kernel = kernel;
    s->run = run;
    s->node = n->id;
    s->in = args;
    s->out = args + n_in;
    s->n_in = n_in;
    s->n_out = n_out;
    s->params = own;
    s->problem = l->problem;
    s->candidates = l->candidates;
    l->problem = NULL;
    l->candidates = NULL;
    l->p->n_steps++;
    if (params)
        memcpy(params, &own, sizeof own);
    return s;
}

/* ---- copies ------------------------------------------------------------------------------- */

static int run_copy(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_arg *const to = &s->out[0], *const from = &s->in[0];
    struct tro_copy c = {.elem_size = tro_dtype_size(to->dtype),
                         .dst = tro_arg_ptr(r, to),
                         .src = tro_arg_ptr(r, from),
                         .rank = to->rank};
    if (r->part > 0)
        return 0;
    memcpy(c.shape, to->shape, sizeof to->shape);
    memcpy(c.dst_stride, to->stride, sizeof to->stride);
    memcpy(c.src_stride, from->stride, sizeof from->stride);
    tro_copy_run(&c);
    return 0;
}

int tro_lower_copy(struct tro_lowering *l, const struct tro_lower_node *n, const struct tro_arg *to,
                   const struct tro_arg *from)
{
    const struct tro_backend *const b = l->opts.backend;
    tro_step_fn *const fn = b && b->copy ? b->copy : run_copy;
    if (tro_arg_n_elems(to) == 0)
        return 0;
    if (b && b->emit_copy)
        return b->emit_copy(l, n, to, from);
    struct tro_step *const s = tro_lower_step(l, n, "copy", fn, 1, 1, 0, NULL);
    if (!s)
        return l->err->status;
    s->in[0] = *from;
    s->out[0] = *to;
    s->n_parts = fn != run_copy && tro_arg_n_bytes(to) > 16384 ? l->opts.n_threads : 1;
    return 0;
}

/* ---- choices ------------------------------------------------------------------------------ */

void tro_choices_finish(struct tro_choices *c)
{
    tro_map_finish(&c->map);
    tro_free(c->names);
    tro_arena_finish(&c->arena);
    *c = (struct tro_choices){0};
}

int tro_choices_set(struct tro_choices *c, const char *problem, const char *name)
{
    uint32_t at;
    char *const copy = tro_arena_strdup(&c->arena, name);
    if (!copy)
        return TRO_E_NOMEM;
    if (tro_map_get(&c->map, (struct tro_str){problem, strlen(problem)}, &at)) {
        c->names[at] = copy;
        return 0;
    }
    char *const key = tro_arena_strdup(&c->arena, problem);
    if (!key || TRO_GROW(&c->names, c->n, &c->cap) < 0 ||
        tro_map_set(&c->map, (struct tro_str){key, strlen(key)}, (uint32_t)c->n) < 0)
        return TRO_E_NOMEM;
    c->names[c->n++] = copy;
    return 0;
}

const char *tro_choices_get(const struct tro_choices *c, const char *problem)
{
    uint32_t at;
    if (!c || !tro_map_get(&c->map, (struct tro_str){problem, strlen(problem)}, &at))
        return NULL;
    return c->names[at];
}

/* Both texts live as long as the program: the tuner reads them there. */
static int keep_problem(struct tro_lowering *l, const char *problem, const char *const *names)
{
    size_t n = 0;
    while (names[n])
        n++;
    const char **const copy = TRO_NEW_N(&l->p->arena, const char *, n + 1);
    l->problem = tro_arena_strdup(&l->p->arena, problem);
    if (!copy || !l->problem)
        return tro_fail_nomem(l->err);
    for (size_t i = 0; i < n; i++) {
        copy[i] = tro_arena_strdup(&l->p->arena, names[i]);
        if (!copy[i])
            return tro_fail_nomem(l->err);
    }
    l->candidates = copy;
    return 0;
}

bool tro_choice_is_library(const char *name)
{
    return strchr(name, ' ') != NULL;
}

const char *tro_lower_choice(const struct tro_lowering *l, const char *problem)
{
    return tro_choices_get(l->opts.choices, problem);
}

/* -1: none of that name, or no name. */
static int find_name(const char *const *names, const char *name)
{
    for (int i = 0; name && names[i]; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

int tro_lower_pick(struct tro_lowering *l, const char *problem, const char *const *names)
{
    char own[1024];
    TRO_TRY(keep_problem(l, problem, names));
    const char *const chosen = tro_lower_choice(l, problem);
    int pick = find_name(names, chosen);
    if (pick < 0 && chosen && tro_choice_is_library(chosen)) {
        snprintf(own, sizeof own, "%s%s", TRO_CHOICE_OWN, problem);
        pick = find_name(names, tro_lower_choice(l, own));
        l->p->n_replaced++;
        l->p->replaced = chosen;
    }
    return pick < 0 ? 0 : pick;
}
