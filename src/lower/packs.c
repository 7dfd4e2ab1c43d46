/* SPDX-License-Identifier: Apache-2.0 */
/* Weights in the forms of kernels, made once for a plan. */
#include "lower/lowering.h"

#include "base/alloc.h"
#include "base/err.h"

#include <pthread.h>
#include <string.h>

struct pack {
    const void *source; /* the constant's data: the same in every copy of the graph */
    char *form;
    void *data;
    size_t n_bytes;
};

struct tro_packs {
    pthread_mutex_t mutex;
    struct pack *packs;
    size_t n, cap;
};

struct tro_packs *tro_packs_create(struct tro_err *err)
{
    struct tro_packs *const p = tro_calloc(1, sizeof *p);
    if (!p || pthread_mutex_init(&p->mutex, NULL) != 0) {
        tro_free(p);
        tro_fail_nomem(err);
        return NULL;
    }
    return p;
}

void tro_packs_destroy(struct tro_packs *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        tro_free(p->packs[i].form);
        tro_free(p->packs[i].data);
    }
    tro_free(p->packs);
    pthread_mutex_destroy(&p->mutex);
    tro_free(p);
}

size_t tro_packs_n_bytes(struct tro_packs *p)
{
    size_t n = 0;
    pthread_mutex_lock(&p->mutex);
    for (size_t i = 0; i < p->n; i++)
        n += p->packs[i].n_bytes;
    pthread_mutex_unlock(&p->mutex);
    return n;
}

static struct pack *find(const struct tro_packs *p, const void *source, const char *form,
                         size_t n_bytes)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->packs[i].source == source && p->packs[i].n_bytes == n_bytes &&
            !strcmp(p->packs[i].form, form))
            return &p->packs[i];
    return NULL;
}

static struct pack *add(struct tro_packs *p, const struct tro_tensor *w, const char *form,
                        size_t n_bytes, tro_pack_fn *fill, const void *ctx)
{
    struct pack new = {.source = w->data, .n_bytes = n_bytes};
    if (TRO_GROW(&p->packs, p->n, &p->cap) < 0)
        return NULL;
    new.form = tro_malloc(strlen(form) + 1);
    new.data = tro_malloc_aligned(n_bytes);
    if (!new.form || !new.data) {
        tro_free(new.form);
        tro_free(new.data);
        return NULL;
    }
    strcpy(new.form, form);
    fill(new.data, w, ctx);
    p->packs[p->n] = new;
    return &p->packs[p->n++];
}

int tro_lower_pack(struct tro_lowering *l, tro_value_id w, const char *form, size_t n_bytes,
                   tro_pack_fn *fill, const void *ctx, struct tro_arg *out)
{
    struct tro_packs *const p = l->opts.packs;
    const struct tro_tensor bytes = {.dtype = TRO_U8, .rank = 1, .shape = {(int64_t)n_bytes}};
    struct tro_tensor t;
    if (!tro_lower_const(l, w, &t))
        return tro_fail(l->err, TRO_E_INTERNAL, "value '%s' is no constant that can be packed",
                        tro_value_get(l->g, w)->name);
    *out = tro_arg_of(&bytes, TRO_FORM_DENSE);
    pthread_mutex_lock(&p->mutex);
    const struct pack *pack = find(p, t.data, form, n_bytes);
    if (!pack)
        pack = add(p, &t, form, n_bytes, fill, ctx);
    const void *const data = pack ? pack->data : NULL;
    pthread_mutex_unlock(&p->mutex);
    if (!data)
        return tro_fail_nomem(l->err);
    l->p->packed_bytes += n_bytes;
    const struct tro_buffer b = {
        .kind = TRO_BUFFER_CONST, .data = data, .is_shared = true, .n_bytes = n_bytes};
    return tro_lower_add_buffer(l, &b, &out->buffer);
}
