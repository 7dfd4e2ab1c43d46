/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of plans made from graphs as text, against the reference; counts of allocations.
 */
#ifndef TRO_TESTS_SESSION_KIT_H
#define TRO_TESTS_SESSION_KIT_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/dtype.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "ref/ref.h"
#include "test.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- allocations ----------------------------------------------------------------------- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KIT_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KIT_SANITIZED 1
#endif

static atomic_llong kit_calls;

/* The program's own malloc in front of the C library's; sanitizers bring theirs. */
#if defined(__GLIBC__) && !defined(KIT_SANITIZED)
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

void *malloc(size_t n)
{
    atomic_fetch_add(&kit_calls, 1);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    atomic_fetch_add(&kit_calls, 1);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    atomic_fetch_add(&kit_calls, 1);
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    atomic_fetch_add(&kit_calls, 1);
    return __libc_memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    atomic_fetch_add(&kit_calls, 1);
    *out = __libc_memalign(alignment, n);
    return *out ? 0 : 12;
}
#endif

/* Calls of malloc and its kind by all threads; 0 under sanitizers. */
static inline int64_t kit_allocations(void)
{
    return atomic_load(&kit_calls);
}

/* Pages that are mapped, without allocating; the same number where the system does not tell. */
static inline size_t kit_mapped(void)
{
    char text[64] = "";
    FILE *const f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    setvbuf(f, NULL, _IONBF, 0);
    const bool ok = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    return ok ? strtoull(text, NULL, 10) : 0;
}

/* ---- tensors --------------------------------------------------------------------------- */

/* In [0, 1). */
static inline double kit_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1 << 24);
}

static inline void kit_noise(struct tro_tensor *t, uint64_t seed)
{
    uint64_t state = seed * 77 + 5;
    t->data = tro_malloc_aligned(tro_tensor_n_bytes(t) + 64);
    for (int64_t i = 0; t->data && i < tro_tensor_n_elems(t); i++)
        tro_store_f64(t->dtype, t->data, i, kit_random(&state) * 4 - 2);
}

/* Greatest |difference| over the greatest |value|; infinite where forms differ. */
static inline double kit_error(const struct tro_tensor *got, const struct tro_tensor *want)
{
    double error = 0, greatest = 0;
    bool same = got->dtype == want->dtype && got->rank == want->rank;
    for (int i = 0; same && i < got->rank; i++)
        same = got->shape[i] == want->shape[i];
    for (int64_t i = 0; same && i < tro_tensor_n_elems(want); i++) {
        const double g = tro_load_f64(got->dtype, got->data, i);
        const double w = tro_load_f64(want->dtype, want->data, i);
        error = isfinite(g) ? fmax(error, fabs(g - w)) : INFINITY;
        greatest = fmax(greatest, fabs(w));
    }
    return !same ? INFINITY : error == 0 ? 0 : error / greatest;
}

/* ---- sessions -------------------------------------------------------------------------- */

struct kit_session {
    struct tro_graph *graph; /* as it was, for the reference */
    struct tro_plan *plan;
    struct tro_session *session;
};

static inline struct tro_plan *kit_plan(const char *text, const struct tro_plan_parts *given,
                                        struct tro_err *err)
{
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "test", err);
    struct tro_plan_parts parts = given ? *given : (struct tro_plan_parts){0};
    struct tro_plan *plan = NULL;
    struct tro_buf bytes = {0};
    parts.graph = g;
    parts.model = "test";
    parts.passes = "";
    if (g && tro_passes_run(g, NULL, NULL, err) >= 0 && tro_plan_write(&parts, &bytes, err) >= 0)
        plan = tro_plan_open_memory(bytes.p, bytes.n, "test", err);
    tro_buf_finish(&bytes);
    tro_graph_destroy(g);
    return plan;
}

/* All passes run first. On failure session is NULL and the reason printed. */
static inline struct kit_session kit_session_open(const char *text,
                                                  const struct tro_plan_parts *parts,
                                                  const struct tro_session_opts *opts)
{
    struct tro_err err = {0};
    struct kit_session k = {0};
    k.graph = tro_graph_parse((struct tro_str){text, strlen(text)}, "test", &err);
    k.plan = k.graph ? kit_plan(text, parts, &err) : NULL;
    k.session = k.plan ? tro_session_create(k.plan, opts, &err) : NULL;
    if (!k.session)
        printf("%s\n", err.text);
    return k;
}

static inline void kit_session_close(struct kit_session *k)
{
    tro_session_destroy(k->session);
    tro_plan_close(k->plan);
    tro_graph_destroy(k->graph);
}

/* One run on these inputs, in the graph's order, against the reference. */
static inline bool kit_agrees(struct kit_session *k, const struct tro_tensor *in, int n,
                              double tolerance)
{
    struct tro_err err = {0};
    struct tro_tensor want[8];
    const int n_out = tro_session_n_outputs(k->session);
    if (tro_ref_run(k->graph, in, want, NULL, NULL, &err) < 0) {
        printf("reference: %s\n", err.text);
        return false;
    }
    bool ok = n == tro_session_n_inputs(k->session);
    for (int i = 0; i < n && ok; i++)
        ok = tro_session_bind(k->session, tro_session_input_info(k->session, i).name, &in[i],
                              &err) >= 0;
    ok = ok && tro_session_run(k->session, &err) >= 0;
    for (int i = 0; i < n_out; i++) {
        struct tro_tensor got;
        const double error = ok && tro_session_output(k->session, i, &got, &err) >= 0
                                 ? kit_error(&got, &want[i])
                                 : INFINITY;
        if (!(error <= tolerance))
            printf("output %d: error %g, at most %g expected %s\n", i, error, tolerance, err.text);
        ok = ok && error <= tolerance;
        tro_free(want[i].data);
    }
    return ok;
}

#endif
