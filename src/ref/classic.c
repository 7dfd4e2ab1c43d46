/* SPDX-License-Identifier: Apache-2.0 */
/* tfidf and lookup. */
#include "ref/kernels.h"
#include "ref/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* All elements as integers in scratch, or as integers that are ordered as they are. */
static int64_t *load_all(struct tro_ref_call *c, int i, bool as_keys)
{
    const struct tro_tensor *const t = &c->in[i];
    const int64_t n = tro_tensor_n_elems(t);
    int64_t *const all = TRO_NEW_N(c->scratch, int64_t, (size_t)n);
    if (all && as_keys)
        tro_load_row_keys(t->dtype, t->data, 0, n, all);
    else if (all)
        tro_load_row_i64(t->dtype, t->data, 0, n, all);
    return all;
}

/* ---- tfidf ----------------------------------------------------------------------------- */

struct tfidf {
    const struct tro_attrs_tfidf *a;
    const int64_t *x, *pool, *counts, *indexes;
    int64_t n_pool, n_counts, n_grams;
    int64_t n_row; /* elements of a sequence */
};

/* How often a gram of `size` elements occurs in the row, its elements `skip` places apart. */
static int64_t occurrences(const struct tfidf *t, const int64_t *row, const int64_t *gram,
                           int64_t size, int64_t skip)
{
    int64_t n = 0;
    for (int64_t first = 0; first + (size - 1) * skip < t->n_row; first++) {
        int64_t k = 0;
        while (k < size && row[first + k * skip] == gram[k])
            k++;
        n += k == size;
    }
    return n;
}

static double weighted(const struct tfidf *t, int64_t count, double weight)
{
    switch (t->a->mode) {
    case tro_tfidf_mode_tf:
        return (double)count;
    case tro_tfidf_mode_idf:
        return count > 0 ? weight : 0;
    default:
        return (double)count * weight;
    }
}

/* Grams of one size lie in pool[begin .. end) and have numbers from `gram` on. */
static void add_grams(const struct tfidf *t, const int64_t *row, int64_t begin, int64_t end,
                      int64_t size, int64_t gram, const double *weights, double *sums)
{
    const int64_t most = size == 1 || t->a->max_skip >= t->n_row ? t->n_row : t->a->max_skip + 1;
    for (; begin + size <= end; begin += size, gram++) {
        int64_t count = 0;
        for (int64_t skip = 1; skip <= (size == 1 ? 1 : most); skip++)
            count += occurrences(t, row, t->pool + begin, size, skip);
        sums[t->indexes[gram]] += weighted(t, count, weights[gram]);
    }
}

/* Calls add_grams for each size that is asked for; with row NULL checks the tables instead. */
static int each_size(const struct tro_ref_call *c, const struct tfidf *t, const int64_t *row,
                     const double *weights, double *sums)
{
    int64_t gram = 0;
    for (int64_t i = 0; i < t->n_counts; i++) {
        const int64_t size = i + 1, begin = t->counts[i];
        const int64_t end = size < t->n_counts ? t->counts[size] : t->n_pool;
        if (!row && (begin < 0 || end < begin || end > t->n_pool || (end - begin) % size != 0))
            return tro_fail(c->err, TRO_E_INPUT,
                            "counts: grams of %" PRId64 " elements lie in [%" PRId64 ", %" PRId64
                            ") of a pool of %" PRId64,
                            size, begin, end, t->n_pool);
        if (row && size >= t->a->min_gram && size <= t->a->max_gram)
            add_grams(t, row, begin, end, size, gram, weights, sums);
        gram += (end - begin) / size;
    }
    if (!row && gram > t->n_grams)
        return tro_fail(c->err, TRO_E_INPUT,
                        "the pool has %" PRId64 " grams, indexes has %" PRId64
                        " elements: expected one for each",
                        gram, t->n_grams);
    return 0;
}

static int check_tables(const struct tro_ref_call *c, const struct tfidf *t)
{
    for (int64_t i = 0; i < t->n_grams; i++)
        if (t->indexes[i] < 0 || t->indexes[i] >= t->a->n_outputs)
            return tro_fail(c->err, TRO_E_INPUT,
                            "indexes: element %" PRId64 " is %" PRId64 ": expected 0 to %" PRId64,
                            i, t->indexes[i], t->a->n_outputs - 1);
    return each_size(c, t, NULL, NULL, NULL);
}

int tro_ref_tfidf(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0];
    struct tro_tensor *const y = &c->out[0];
    struct tfidf t = {.a = c->attrs,
                      .x = load_all(c, 0, false),
                      .pool = load_all(c, 1, false),
                      .counts = load_all(c, 2, false),
                      .indexes = load_all(c, 3, false),
                      .n_pool = c->in[1].shape[0],
                      .n_counts = c->in[2].shape[0],
                      .n_grams = c->in[3].shape[0],
                      .n_row = x->shape[x->rank - 1]};
    const double *const weights = tro_ref_load_f64(c, &c->in[4]);
    double *const sums = TRO_NEW_N(c->scratch, double, (size_t)t.a->n_outputs);
    if (!t.x || !t.pool || !t.counts || !t.indexes || !weights || !sums)
        return tro_fail_nomem(c->err);
    TRO_TRY(check_tables(c, &t));
    const int64_t n_rows = x->rank == 2 ? x->shape[0] : 1;
    for (int64_t r = 0; r < n_rows; r++) {
        memset(sums, 0, (size_t)t.a->n_outputs * sizeof(*sums));
        TRO_TRY(each_size(c, &t, t.x + r * t.n_row, weights, sums));
        tro_store_row_f64(y->dtype, y->data, r * t.a->n_outputs, t.a->n_outputs, sums);
    }
    return 0;
}

/* ---- lookup ---------------------------------------------------------------------------- */

struct entry {
    int64_t key, at;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *const x = a, *const y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Place of the first of equal keys; -1 when there is none. */
static int64_t find(const struct entry *entries, int64_t n, int64_t key)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (entries[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && entries[lo].key == key ? entries[lo].at : -1;
}

int tro_ref_lookup(struct tro_ref_call *c)
{
    struct tro_tensor *const y = &c->out[0];
    const int64_t n = tro_tensor_n_elems(y), n_keys = tro_tensor_n_elems(&c->in[1]);
    const size_t size = tro_dtype_size(y->dtype);
    const int64_t *const x = load_all(c, 0, true), *const keys = load_all(c, 1, true);
    struct entry *const entries = TRO_NEW_N(c->scratch, struct entry, (size_t)n_keys);
    if (!x || !keys || !entries)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < n_keys; i++)
        entries[i] = (struct entry){keys[i], i};
    qsort(entries, (size_t)n_keys, sizeof(*entries), compare_entries);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = find(entries, n_keys, x[i]);
        const char *const from = at < 0 ? (const char *)c->in[3].data
                                        : (const char *)c->in[2].data + (size_t)at * size;
        memcpy((char *)y->data + (size_t)i * size, from, size);
    }
    return 0;
}
