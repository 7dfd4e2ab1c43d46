/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of a plan: the graph is lowered as sessions on each target will, and what it needs is
 * compiled. */
#include "build/target.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "build/builder.h"
#include "cuda/cuda.h"

struct maker {
    const struct tro_build_opts *o;
    const struct tro_plan_parts *parts;
    const struct tro_plan_target *target; /* at hand */
    bool is_lowest;
    struct tro_lower_opts lower;
    struct tro_choices choices;
    struct tro_build_code *out;
    int n_variants;
    int n_steps, n_host; /* of the first variant */
    struct tro_buf host; /* names of its nodes on the host */
};

void tro_build_code_finish(struct tro_build_code *c)
{
    tro_cuda_codes_finish(&c->codes);
    tro_free(c->plan);
    c->plan = NULL;
}

/* ---- lowering ----------------------------------------------------------------------------- */

static void note_host_steps(struct maker *m, const struct tro_program *p)
{
    for (int32_t i = 0; i < p->n_steps; i++) {
        const struct tro_step *const s = &p->steps[i];
        if (s->kind != TRO_STEP_KERNEL)
            continue;
        m->n_steps++;
        if (tro_cuda_launch_of(s))
            continue;
        if (m->n_host < 3)
            tro_buf_printf(&m->host, "%s'%s'", m->n_host ? ", " : "", s->name ? s->name : "");
        m->n_host++;
    }
}

static int take_program(struct maker *m, const struct tro_program *p, struct tro_err *err)
{
    if (m->n_variants++ == 0)
        note_host_steps(m, p);
    return tro_cuda_codes_add(&m->out->codes, p, m->target->arch, m->is_lowest, err);
}

static int lower_at(void *ctx, const struct tro_tensor *shapes, struct tro_err *err)
{
    struct maker *const m = ctx;
    struct tro_graph *own = NULL;
    struct tro_dim_env env = {0};
    struct tro_program *p = NULL;
    const struct tro_graph *const g = tro_plan_graph_at(m->parts->graph, shapes, &own, err);
    int rc = !g ? TRO_E_NOMEM : tro_dim_env_init(&env, &g->dims) < 0 ? tro_fail_nomem(err) : 0;
    if (rc >= 0) {
        p = tro_lower(g, &env, &m->lower, err);
        rc = p ? take_program(m, p, err) : err->status;
    }
    tro_program_destroy(p);
    tro_dim_env_finish(&env);
    tro_graph_destroy(own);
    return rc;
}

static void warn_of_target(struct maker *m)
{
    tro_buf_u8(&m->host, 0);
    if (m->n_variants == 0)
        tro_build_warn(m->o,
                       "sm_%d: no kernels in the plan, since sizes of inputs are free: give their "
                       "shapes, or the machine needs NVRTC",
                       m->target->arch);
    if (m->n_host > 0 && !m->host.failed)
        tro_build_warn(m->o, "sm_%d: %d of %d steps run on the host: %s%s", m->target->arch,
                       m->n_host, m->n_steps, (const char *)m->host.p, m->n_host > 3 ? " ..." : "");
    tro_buf_finish(&m->host);
}

/* As sessions on the target will choose. */
static int take_choices(struct maker *m, struct tro_err *err)
{
    const struct tro_plan_tuned *const t = tro_plan_gpu_tuned_for(m->parts, "", m->target->arch,
                                                                  m->target->n_sms);
    for (size_t i = 0; t && i < t->n_choices; i++)
        if (tro_choices_set(&m->choices, t->choices[i].problem, t->choices[i].candidate) < 0)
            return tro_fail_nomem(err);
    return 0;
}

static int collect_for(struct maker *m, struct tro_err *err)
{
    enum tro_precision precision;
    if (!tro_precision_from_name(m->parts->precision, &precision))
        return tro_fail(err, TRO_E_INTERNAL, "no precision '%s'", m->parts->precision);
    m->lower = (struct tro_lower_opts){.backend = &tro_cuda_backend,
                                       .precision = precision,
                                       .n_wide = m->parts->n_wide,
                                       .wide = m->parts->wide,
                                       .n_wides = m->parts->n_wides,
                                       .arch = m->target->arch,
                                       .n_sms = m->target->n_sms,
                                       .n_threads = 1,
                                       .choices = &m->choices,
                                       .packs = tro_packs_create(err)};
    m->n_variants = m->n_steps = m->n_host = 0;
    if (!m->lower.packs)
        return err->status;
    int rc = take_choices(m, err);
    if (rc >= 0)
        rc = tro_plan_each_shapes(m->parts, lower_at, m, err);
    tro_packs_destroy(m->lower.packs);
    tro_choices_finish(&m->choices);
    warn_of_target(m);
    return tro_err_prefix(err, rc, "sm_%d: ", m->target->arch);
}

/* ---- compiling ---------------------------------------------------------------------------- */

static void report(void *ctx, int64_t done, int64_t total)
{
    tro_build_progress(ctx, "kernels", done, total);
}

static int compare(const void *a, const void *b)
{
    const struct tro_plan_code *const x = a, *const y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->kind != y->kind ? x->kind - y->kind : x->arch - y->arch;
}

static int fill_parts(struct tro_build_code *c, struct tro_plan_parts *parts, struct tro_err *err)
{
    size_t n = 0;
    c->plan = tro_calloc(2 * c->codes.n + 1, sizeof *c->plan);
    if (!c->plan)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < c->codes.n; i++) {
        const struct tro_cuda_code *const k = &c->codes.items[i];
        c->plan[n++] = (struct tro_plan_code){k->kernel.key, k->arch, TRO_PLAN_CUBIN, k->cubin,
                                              k->n_cubin_bytes};
        if (k->has_ptx)
            c->plan[n++] = (struct tro_plan_code){k->kernel.key, k->arch, TRO_PLAN_PTX, k->ptx,
                                                  k->n_ptx_bytes};
    }
    if (n > 0)
        qsort(c->plan, n, sizeof c->plan[0], compare);
    parts->codes = c->plan;
    parts->n_codes = n;
    return 0;
}

int tro_build_code_check(const struct tro_build_targets *targets, struct tro_err *err)
{
    const char *const missing = targets->n_gpu ? tro_nvrtc_missing() : NULL;
    if (!missing)
        return 0;
    return tro_fail(err, TRO_E_DEVICE,
                    "expected a compiler of CUDA kernels, found none: %s; install the CUDA "
                    "toolkit's NVRTC, name it in TROCAR_NVRTC, or build for cpu alone",
                    missing);
}

int tro_build_code_make(const struct tro_build_opts *o, const struct tro_build_targets *targets,
                        struct tro_plan_parts *parts, struct tro_build_code *out,
                        struct tro_err *err)
{
    struct maker m = {.o = o, .parts = parts, .out = out};
    for (size_t i = 0; i < targets->n_gpu; i++) {
        m.target = &targets->gpu[i];
        m.is_lowest = i == 0;
        TRO_TRY(collect_for(&m, err));
    }
    parts->targets = targets->gpu;
    parts->n_targets = targets->n_gpu;
    TRO_TRY(tro_cuda_codes_compile(&out->codes, report, (void *)(uintptr_t)o, err));
    return fill_parts(out, parts, err);
}
