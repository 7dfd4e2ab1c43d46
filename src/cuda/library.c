/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/library.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N_LIBRARIES = 2 };

static const struct tro_library_ops *const all_ops[N_LIBRARIES] = {&tro_cudnn_ops,
                                                                   &tro_cublaslt_ops};

struct library {
    bool is_tried;
    void *own;          /* NULL: not to be had, or not tried */
    struct tro_err err; /* why not */
};

struct made {
    char *key; /* the name, then the product */
    bool has_failed;
    struct tro_library_plan plan;
};

struct tro_libraries {
    pthread_mutex_t mutex; /* also of calls: a library's handle has one stream at a time */
    struct tro_cuda_device *device;
    struct library of[N_LIBRARIES];
    struct made **plans;
    size_t n, cap;
    struct tro_arena arena; /* of plans and names */
};

/* ---- opening ------------------------------------------------------------------------------ */

void *tro_library_open(const char *variable, const char *const *names, const char *what,
                       struct tro_err *err)
{
    const char *const path = getenv(variable);
    const char *const own[] = {path, NULL};
    for (const char *const *name = path ? own : names; *name; name++) {
        void *const library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
    }
    const char *const why = dlerror();
    tro_fail(err, TRO_E_DEVICE, "%s was not found (%s)", what, why ? why : "no name");
    return NULL;
}

void *tro_library_symbol(void *library, const char *name)
{
    return dlsym(library, name);
}

/* Opens it when it is asked for the first time. */
static void *open_one(struct tro_libraries *s, int i)
{
    struct library *const l = &s->of[i];
    if (!l->is_tried) {
        l->is_tried = true;
        if (tro_cuda_device_enter(s->device, &l->err) >= 0)
            l->own = all_ops[i]->open(&l->err);
    }
    return l->own;
}

static int library_of(const char *name)
{
    for (int i = 0; i < N_LIBRARIES; i++) {
        const size_t n = strlen(all_ops[i]->name);
        if (!strncmp(name, all_ops[i]->name, n) && name[n] == ' ')
            return i;
    }
    return -1;
}

/* ---- life --------------------------------------------------------------------------------- */

struct tro_libraries *tro_libraries_create(struct tro_cuda_device *d, struct tro_err *err)
{
    struct tro_libraries *const s = tro_calloc(1, sizeof *s);
    if (!s || pthread_mutex_init(&s->mutex, NULL) != 0) {
        tro_free(s);
        tro_fail_nomem(err);
        return NULL;
    }
    s->device = d;
    return s;
}

void tro_libraries_destroy(struct tro_libraries *s)
{
    if (!s)
        return;
    tro_cuda_device_enter(s->device, NULL);
    for (size_t i = 0; i < s->n; i++) {
        s->plans[i]->plan.ops->destroy(&s->plans[i]->plan);
        tro_free(s->plans[i]->key);
    }
    for (int i = 0; i < N_LIBRARIES; i++)
        if (s->of[i].own)
            all_ops[i]->close(s->of[i].own);
    tro_free(s->plans);
    tro_arena_finish(&s->arena);
    pthread_mutex_destroy(&s->mutex);
    tro_free(s);
}

const char *tro_libraries_missing(struct tro_libraries *s, const char *name)
{
    const int i = library_of(name);
    return i >= 0 && s->of[i].is_tried && !s->of[i].own ? s->of[i].err.text : "";
}

/* ---- suggestions -------------------------------------------------------------------------- */

int tro_libraries_list(struct tro_libraries *s, const struct tro_library_product *q,
                       const char **names, int most)
{
    struct tro_library_names found;
    struct tro_err ignored = {0};
    int n = 0;
    pthread_mutex_lock(&s->mutex);
    for (int i = 0; i < N_LIBRARIES; i++) {
        found.n = 0;
        if (!all_ops[i]->takes(q) || !open_one(s, i) ||
            all_ops[i]->list(s->of[i].own, q, &found, &ignored) < 0)
            continue;
        for (int k = 0; k < found.n && n < most; k++) {
            names[n] = tro_arena_strdup(&s->arena, found.text[k]);
            n += names[n] != NULL;
        }
    }
    pthread_mutex_unlock(&s->mutex);
    return n;
}

/* ---- plans -------------------------------------------------------------------------------- */

static void print_numbers(struct tro_buf *b, const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        tro_buf_printf(b, " %lld", (long long)v[i]);
}

/* All that a plan depends on. */
static char *make_key(const struct tro_library_product *q, const char *name)
{
    struct tro_buf b = {0};
    const struct tro_arg *const args[] = {&q->x, &q->z, &q->y};
    const int64_t matrix[] = {q->m, q->n, q->k, q->x_pitch, q->w_pitch, q->z_pitch, q->y_pitch};
    tro_buf_printf(&b, "%s: %d %d%d%d%d%d%d", name, q->math, q->has_bias, q->has_z, q->has_relu,
                   q->is_conv, q->is_matrix, q->is_w_turned);
    for (int i = 0; i < 3 && q->is_conv; i++) {
        print_numbers(&b, args[i]->shape, args[i]->rank);
        print_numbers(&b, args[i]->stride, args[i]->rank);
    }
    print_numbers(&b, q->w, 4);
    print_numbers(&b, q->pad, 2);
    print_numbers(&b, q->pad_end, 2);
    print_numbers(&b, q->stride, 2);
    print_numbers(&b, q->dilation, 2);
    print_numbers(&b, matrix, 7);
    tro_buf_u8(&b, 0);
    if (!b.failed)
        return (char *)b.p;
    tro_buf_finish(&b);
    return NULL;
}

/* Takes key. */
static int add(struct tro_libraries *s, int i, const struct tro_library_product *q,
               const char *name, char *key, struct tro_err *err)
{
    struct made *const made = TRO_NEW(&s->arena, struct made);
    const char *const copy = tro_arena_strdup(&s->arena, name);
    void *const own = open_one(s, i);
    if (!own)
        return TRO_E_DEVICE;
    if (!made || !copy || TRO_GROW(&s->plans, s->n, &s->cap) < 0)
        return TRO_E_NOMEM;
    *made = (struct made){key, false, {.ops = all_ops[i], .library = own, .name = copy}};
    made->plan.has_bias = q->has_bias;
    made->plan.has_z = q->has_z;
    TRO_TRY(all_ops[i]->make(own, q, name, &made->plan, err));
    s->plans[s->n++] = made;
    return 0;
}

static const struct tro_library_plan *find_or_add(struct tro_libraries *s, int i,
                                                  const struct tro_library_product *q,
                                                  const char *name)
{
    struct tro_err ignored = {0};
    char *const key = make_key(q, name);
    for (size_t k = 0; k < s->n && key; k++)
        if (!strcmp(s->plans[k]->key, key)) {
            tro_free(key);
            return s->plans[k]->has_failed ? NULL : &s->plans[k]->plan;
        }
    if (key && add(s, i, q, name, key, &ignored) >= 0)
        return &s->plans[s->n - 1]->plan;
    tro_free(key);
    return NULL;
}

const struct tro_library_plan *tro_libraries_plan(struct tro_libraries *s,
                                                  const struct tro_library_product *q,
                                                  const char *name)
{
    const int i = library_of(name);
    if (i < 0 || !all_ops[i]->takes(q))
        return NULL;
    pthread_mutex_lock(&s->mutex);
    const struct tro_library_plan *const plan = find_or_add(s, i, q, name);
    pthread_mutex_unlock(&s->mutex);
    return plan;
}

static void note_failure(struct tro_libraries *s, const struct tro_library_plan *p)
{
    for (size_t i = 0; i < s->n; i++)
        if (&s->plans[i]->plan == p)
            s->plans[i]->has_failed = true;
}

int tro_libraries_call(struct tro_libraries *s, const struct tro_library_plan *p,
                       tro_cu_stream stream, const struct tro_library_pointers *at,
                       struct tro_err *err)
{
    pthread_mutex_lock(&s->mutex);
    const int rc = p->ops->call(p, stream, at, err);
    if (rc < 0)
        note_failure(s, p);
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

int tro_libraries_n_failed(struct tro_libraries *s)
{
    int n = 0;
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->n; i++)
        n += s->plans[i]->has_failed;
    pthread_mutex_unlock(&s->mutex);
    return n;
}

int tro_library_once(struct tro_library_once *once, int (*open)(struct tro_err *err),
                     struct tro_err *err)
{
    pthread_mutex_lock(&once->mutex);
    if (!once->is_tried)
        open(&once->err);
    once->is_tried = true;
    pthread_mutex_unlock(&once->mutex);
    if (once->err.status >= 0)
        return 0;
    return tro_fail(err, (enum tro_status)once->err.status, "%s", once->err.text);
}
