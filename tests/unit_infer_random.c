/* SPDX-License-Identifier: Apache-2.0 */
/* Inference with attributes, types, shapes and contents that nobody would give: it refuses with a
 * message or says a whole type, and nothing overflows (the sanitizers see to that). */
#include "infer_kit.h"

#define N_CALLS 1500

struct random {
    uint64_t state;
};

static uint32_t pick(struct random *r, uint32_t n)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->state >> 33) % n;
}

static int64_t pick_int(struct random *r)
{
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -1, 1 << 20};
    const uint32_t kind = pick(r, 8);
    return kind == 0 ? odd[pick(r, 6)] : kind < 3 ? (int64_t)pick(r, 12) - 4 : (int64_t)pick(r, 3);
}

static void fill_attr(struct random *r, struct kit *k, const struct tro_attr_field *f, char *attrs)
{
    static const char *const texts[] = {NULL, "", "ij,jk->ik", "...i->i...", "ii", "a->", "i,,->."};
    void *const at = attrs + f->offset;
    struct tro_ints *const ints = at;
    struct tro_dim_list *const dims = at;
    unsigned n = 0;
    switch (f->type) {
    case TRO_ATTR_INT:
        *(int64_t *)at = pick_int(r);
        break;
    case TRO_ATTR_FLT:
        *(double *)at = (double)pick_int(r);
        break;
    case TRO_ATTR_STR:
        *(const char **)at = texts[pick(r, 7)];
        break;
    case TRO_ATTR_DTYPE:
        *(enum tro_dtype *)at = (enum tro_dtype)pick(r, TRO_N_DTYPES + 1);
        break;
    case TRO_ATTR_INTS:
        ints->n = (int32_t)(pick(r, 8) ? pick(r, 5) : pick(r, TRO_MAX_INTS + 1));
        for (int i = 0; i < ints->n; i++)
            ints->v[i] = pick_int(r);
        break;
    case TRO_ATTR_DIMS:
        dims->n = (int32_t)pick(r, TRO_MAX_INTS + 1);
        for (int i = 0; i < dims->n; i++)
            dims->v[i] = tro_dim_symbol(&k->dims, TRO_STR("A"), 0, TRO_DIM_MAX);
        break;
    case TRO_ATTR_ENUM:
        while (f->enum_names[n])
            n++;
        *(unsigned *)at = pick(r, n);
        break;
    }
}

static tro_dim pick_size(struct random *r, struct kit *k, bool is_run_time)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 8, 0, 16, INT32_MAX, TRO_DIM_MAX};
    const uint32_t kind = pick(r, 12);
    if (kind >= 9 && is_run_time)
        return tro_dim_const(2);
    if (kind == 9)
        return tro_dim_symbol(&k->dims, TRO_STR("N"), 0, TRO_DIM_MAX);
    if (kind == 10)
        return tro_dim_symbol(&k->dims, TRO_STR("M"), 1, 9);
    if (kind == 11)
        return tro_dim_mul(&k->dims, tro_dim_symbol(&k->dims, TRO_STR("N"), 0, TRO_DIM_MAX),
                           tro_dim_const(3));
    return tro_dim_const(sizes[pick(r, 8) ? kind % 5 : kind]);
}

static void fill_input(struct random *r, struct kit *k, int i, enum tro_dtype usual,
                       bool is_run_time)
{
    struct tro_operand *const o = &k->in[i];
    const uint32_t kind = pick(r, 16);
    if (kind == 0)
        return;
    o->dtype = kind < 10 ? usual : kind < 14 ? TRO_I64 : (enum tro_dtype)(1 + pick(r, 20));
    o->shape.rank = (int32_t)pick(r, 5);
    if (pick(r, 10) == 0)
        o->shape.rank = is_run_time ? TRO_MAX_RANK : -1;
    int64_t n = 1;
    for (int d = 0; d < o->shape.rank; d++) {
        o->shape.dim[d] = pick_size(r, k, is_run_time);
        const int64_t size = tro_dim_value_or_minus1(o->shape.dim[d]);
        n = n < 0 || size < 0 || size > KIT_MAX_ELEMS ? -1 : n * size;
        n = n > KIT_MAX_ELEMS ? -1 : n;
    }
    if (o->shape.rank < 0 || n < 0 || (!is_run_time && pick(r, 3) == 0))
        return;
    for (int64_t e = 0; e < n; e++)
        tro_store_i64(o->dtype, k->data[i], e, pick_int(r));
    o->data = k->data[i];
}

static bool is_said(const struct kit *k, int rc, bool is_run_time)
{
    if (rc == TRO_E_INTERNAL)
        return is_run_time && strstr(k->err.text, "open at run time");
    if (rc < 0)
        return (rc == TRO_E_INPUT || rc == TRO_E_UNSUPPORTED) && k->err.status == rc &&
               k->err.text[0];
    return true;
}

static void call_once(struct random *r, enum tro_op op, bool is_run_time)
{
    static struct kit k;
    static char attrs[4096];
    const struct tro_op_info *const info = tro_op_info(op);
    const struct tro_dim_env env = {0};
    k = (struct kit){0};
    tro_dims_init(&k.dims, &k.arena);
    memset(attrs, 0, sizeof(attrs));
    for (const struct tro_attr_field *f = info->fields(); f->name; f++)
        fill_attr(r, &k, f, attrs);
    static const enum tro_dtype usual[] = {TRO_F32, TRO_F32, TRO_F16, TRO_U8, TRO_I64, TRO_BOOL};
    const enum tro_dtype dtype = usual[pick(r, 6)];
    const int more = info->in_max == TRO_ANY_NUMBER ? 3 : info->in_max - info->in_min;
    k.n_in = info->in_min + (int)pick(r, (uint32_t)more + 1);
    k.n_out = info->out_max == TRO_ANY_NUMBER ? 2 : info->out_max;
    for (int i = 0; i < k.n_in; i++)
        fill_input(r, &k, i, dtype, is_run_time);
    struct tro_infer_call c = {.dims = &k.dims,
                               .env = is_run_time ? &env : NULL,
                               .op = op,
                               .attrs = attrs,
                               .n_in = k.n_in,
                               .n_out = k.n_out,
                               .in = k.in,
                               .out = k.out,
                               .err = &k.err};
    const int rc = tro_infer(&c);
    test_check(is_said(&k, rc, is_run_time), __FILE__, __LINE__, "%s: status %d, '%s'", info->text,
               rc, k.err.text);
    tro_dims_finish(&k.dims);
    tro_arena_finish(&k.arena);
}

TEST(infer_random)
{
    struct random r = {1};
    for (int op = 0; op < TRO_N_OPS; op++)
        for (int i = 0; i < N_CALLS; i++)
            call_once(&r, (enum tro_op)op, i % 4 == 0);
}
