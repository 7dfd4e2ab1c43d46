/* SPDX-License-Identifier: Apache-2.0 */
/* Which input and which output of one side is which of another. */
#include "compare.h"

#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

typedef struct tro_io_info info_of(const struct tro_side *s, int i);

static int find_name(const struct tro_side *s, info_of *info, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(info(s, i).name, name) == 0)
            return i;
    return -1;
}

static bool types_agree(enum tro_dtype a, enum tro_dtype b)
{
    return a == b || (tro_dtype_is_float(a) && tro_dtype_is_float(b));
}

/* For each of `wanted`'s entries the one of `from` with its name, or all by order. */
static int match(const struct tro_side *wanted, int n_wanted, const struct tro_side *from,
                 int n_from, info_of *info, const char *what, int *map, struct tro_err *err)
{
    int missing = -1;
    for (int i = 0; i < n_wanted; i++) {
        map[i] = find_name(from, info, n_from, info(wanted, i).name);
        if (map[i] < 0 && missing < 0)
            missing = i;
    }
    if (missing < 0)
        return 0;
    bool is_same_order = n_wanted == n_from;
    for (int i = 0; i < n_wanted && is_same_order; i++)
        is_same_order = types_agree(info(wanted, i).dtype, info(from, i).dtype);
    if (!is_same_order)
        return tro_fail(err, TRO_E_INPUT,
                        "expected an %s '%s' as %s has, or as many %ss of the same types, found "
                        "%d%s%s: rename with trocar edit --rename",
                        what, info(wanted, missing).name, wanted->text, what, n_from,
                        n_from ? ", the first one " : "", n_from ? info(from, 0).name : "");
    for (int i = 0; i < n_wanted; i++)
        map[i] = i;
    return 0;
}

static int match_side(struct tro_compare *c, struct tro_compare_side *s, struct tro_err *err)
{
    const struct tro_side *first = &c->sides[0].side;
    const int n_in = tro_side_n_inputs(&s->side), n_out = tro_side_n_outputs(first);
    s->inputs = TRO_NEW_N(&c->arena, int, (size_t)n_in + 1);
    s->outputs = TRO_NEW_N(&c->arena, int, (size_t)n_out + 1);
    if (!s->inputs || !s->outputs)
        return tro_fail_nomem(err);
    if (n_in) {
        const struct tro_side *leader = &c->sides[c->leader].side;
        TRO_TRY(match(&s->side, n_in, leader, tro_side_n_inputs(leader), tro_side_input_info,
                      "input", s->inputs, err));
    }
    return match(first, n_out, &s->side, tro_side_n_outputs(&s->side), tro_side_output_info,
                 "output", s->outputs, err);
}

int tro_compare_match(struct tro_compare *c, struct tro_err *err)
{
    c->leader = -1;
    for (int i = c->n_sides; i-- > 0;)
        if (c->sides[i].side.kind != TRO_SIDE_FOLDER)
            c->leader = i;
    for (int i = 0; i < c->n_sides; i++)
        TRO_TRY(
            tro_err_prefix(err, match_side(c, &c->sides[i], err), "%s: ", c->sides[i].side.text));
    return 0;
}

static int convert(const struct tro_tensor *from, enum tro_dtype dtype, struct tro_arena *arena,
                   struct tro_tensor *out, struct tro_err *err)
{
    const int64_t n = tro_tensor_n_elems(from);
    *out = *from;
    out->dtype = dtype;
    out->data = tro_arena_alloc64(arena, tro_tensor_n_bytes(out));
    if (!out->data)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < n; i++)
        tro_store_f64(dtype, out->data, i, tro_load_f64(from->dtype, from->data, i));
    return 0;
}

int tro_compare_inputs(const struct tro_compare *c, int s, const struct tro_tensor *leading,
                       struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    const struct tro_compare_side *side = &c->sides[s];
    for (int i = 0; i < tro_side_n_inputs(&side->side); i++) {
        const struct tro_tensor *from = &leading[side->inputs[i]];
        const enum tro_dtype want = tro_side_input_info(&side->side, i).dtype;
        out[i] = *from;
        if (from->dtype != want && types_agree(from->dtype, want))
            TRO_TRY(convert(from, want, arena, &out[i], err));
    }
    return 0;
}
