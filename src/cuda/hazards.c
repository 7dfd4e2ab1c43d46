/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/hazards.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

/* ---- do two args share bytes? --------------------------------------------------------------- */

void tro_hazards_extent(const struct tro_arg *a, int64_t *begin, int64_t *end)
{
    int64_t lo = 0, hi = 0;
    bool is_empty = false;
    for (int i = 0; i < a->rank; i++) {
        const int64_t reach = (a->shape[i] - 1) * a->stride[i];
        is_empty = is_empty || a->shape[i] == 0;
        lo += reach < 0 ? reach : 0;
        hi += reach > 0 ? reach : 0;
    }
    const int64_t size = (int64_t)tro_dtype_size(a->dtype);
    *begin = a->offset + lo * size;
    *end = is_empty ? *begin : a->offset + (hi + 1) * size;
}

/* Memory of a program is one line: buffers of scratch by their offset, others each on its own. */
static bool is_same_memory(const struct tro_program *p, const struct tro_arg *a,
                           const struct tro_arg *b, int64_t *shift)
{
    const struct tro_buffer *const x = &p->buffers[a->buffer], *const y = &p->buffers[b->buffer];
    *shift = 0;
    if (a->buffer == b->buffer)
        return true;
    *shift = (int64_t)y->offset - (int64_t)x->offset;
    return x->kind == TRO_BUFFER_SCRATCH && y->kind == TRO_BUFFER_SCRATCH;
}

/* Parts of one tensor along its axis without gaps, as concatenations of channels are: the same
 * pitch, and intervals within it that do not meet. */
static bool is_beside(const struct tro_arg *a, const struct tro_arg *b)
{
    const int64_t size = (int64_t)tro_dtype_size(a->dtype);
    int64_t pitch[2] = {0, 0}, width[2] = {1, 1}, at[2];
    const struct tro_arg *const args[2] = {a, b};
    if (a->buffer != b->buffer || a->dtype != b->dtype)
        return false;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < args[k]->rank; i++) {
            const int64_t stride = args[k]->stride[i], n = args[k]->shape[i];
            if (n <= 1)
                continue;
            if (stride < 1)
                return false;
            if (stride == 1)
                width[k] = n;
            else if (!pitch[k] || stride < pitch[k])
                pitch[k] = stride;
        }
    if (pitch[0] != pitch[1] || pitch[0] == 0)
        return false;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < args[k]->rank; i++)
            if (args[k]->shape[i] > 1 && args[k]->stride[i] % pitch[0] && args[k]->stride[i] != 1)
                return false;
        at[k] = args[k]->offset / size % pitch[0];
        if (args[k]->offset % size || at[k] + width[k] > pitch[0])
            return false;
    }
    return at[0] + width[0] <= at[1] || at[1] + width[1] <= at[0];
}

static bool overlap(const struct tro_program *p, const struct tro_arg *a, const struct tro_arg *b)
{
    int64_t shift, a0, a1, b0, b1;
    if (!a->buffer || !b->buffer || !is_same_memory(p, a, b, &shift))
        return false;
    tro_hazards_extent(a, &a0, &a1);
    tro_hazards_extent(b, &b0, &b1);
    return a0 < b1 + shift && b0 + shift < a1 && !is_beside(a, b);
}

static bool any_overlap(const struct tro_program *p, const struct tro_arg *a, int n_a,
                        const struct tro_arg *b, int n_b)
{
    for (int i = 0; i < n_a; i++)
        for (int k = 0; k < n_b; k++)
            if (p->buffers[a[i].buffer].kind != TRO_BUFFER_CONST && overlap(p, &a[i], &b[k]))
                return true;
    return false;
}

static bool must_wait(const struct tro_program *p, const struct tro_step *late,
                      const struct tro_step *early)
{
    return any_overlap(p, late->in, late->n_in, early->out, early->n_out) ||
           any_overlap(p, late->out, late->n_out, early->out, early->n_out) ||
           any_overlap(p, late->out, late->n_out, early->in, early->n_in);
}

/* ---- the graph ------------------------------------------------------------------------------ */

/* before[i]: set of all steps that have ended when i begins. */
static bool has_bit(const uint64_t *set, int32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

static int add_deps(const struct tro_program *p, int32_t first, int32_t i, int32_t n_words,
                    uint64_t *before, struct tro_hazards *h, size_t *n, size_t *cap)
{
    uint64_t *const own = before + (size_t)i * (size_t)n_words;
    for (int32_t k = i - 1; k >= 0; k--) {
        if (has_bit(own, k) || !must_wait(p, &p->steps[first + i], &p->steps[first + k]))
            continue;
        if (TRO_GROW(&h->deps, *n, cap) < 0)
            return TRO_E_NOMEM;
        h->deps[(*n)++] = k;
        own[k / 64] |= (uint64_t)1 << (k % 64);
        for (int32_t w = 0; w < n_words; w++)
            own[w] |= before[(size_t)k * (size_t)n_words + (size_t)w];
    }
    return 0;
}

int tro_hazards_find(const struct tro_program *p, int32_t first, int32_t end,
                     struct tro_hazards *out, struct tro_err *err)
{
    const int32_t n_steps = end - first, n_words = n_steps / 64 + 1;
    size_t n = 0, cap = 0;
    int rc = 0;
    *out = (struct tro_hazards){.offset = tro_calloc((size_t)n_steps + 1, sizeof *out->offset)};
    if (TRO_GROW(&out->deps, n, &cap) < 0)
        rc = TRO_E_NOMEM;
    uint64_t *const before = tro_calloc((size_t)n_steps * (size_t)n_words + 1, sizeof *before);
    if (!out->offset || !before)
        rc = TRO_E_NOMEM;
    for (int32_t i = 0; i < n_steps && rc >= 0; i++) {
        rc = add_deps(p, first, i, n_words, before, out, &n, &cap);
        out->offset[i + 1] = (int32_t)n;
    }
    tro_free(before);
    if (rc >= 0)
        return 0;
    tro_hazards_finish(out);
    return tro_fail_nomem(err);
}

void tro_hazards_finish(struct tro_hazards *h)
{
    tro_free(h->deps);
    tro_free(h->offset);
    *h = (struct tro_hazards){0};
}
