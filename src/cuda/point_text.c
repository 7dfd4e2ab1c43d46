/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a pointwise program. */
#include "cuda/point_program.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

/* ---- operands ------------------------------------------------------------------------------- */

static const struct tro_point_operand *operand(const struct tro_point_build *b, int i)
{
    return i < b->n_in ? &b->in[i] : &b->out[i - b->n_in];
}

/* Lies elsewhere in every row. */
static bool is_by_row(const struct tro_point_build *b, const struct tro_point_operand *o)
{
    for (int i = 0; i + 1 < b->rank; i++)
        if (o->stride[i])
            return true;
    return false;
}

static bool has_same_offset(const struct tro_point_build *b, const struct tro_point_operand *x,
                            const struct tro_point_operand *y)
{
    return x->class == y->class && !memcmp(x->stride, y->stride, sizeof(int64_t) * (size_t)b->rank);
}

/* Operands that lie alike share the offset of the first one. */
static int offset_of(const struct tro_point_build *b, int i)
{
    int k = 0;
    while (!has_same_offset(b, operand(b, k), operand(b, i)))
        k++;
    return k;
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* x0, x1 ..: the row's index along each axis but the last. */
static void write_index(struct tro_point_build *b, struct tro_buf *t)
{
    if (b->rank == 2 && b->shape[0] == 1)
        return;
    tro_buf_printf(t, "        uint32_t x%d = row[r];\n", b->rank - 2);
    for (int i = b->rank - 2; i > 0; i--) {
        const struct tro_div div = tro_div_make(b->shape[i] > 0 ? b->shape[i] : 1);
        const int field = tro_point_add_field(b, "struct tro_div", &div, sizeof div);
        tro_buf_printf(t, "        uint32_t x%d = tro_div_rest(x%d, p.point.f%d);\n", i - 1, i,
                       field);
    }
}

static int add_stride(struct tro_point_build *b, int64_t stride)
{
    const int32_t s = (int32_t)stride;
    return tro_point_add_field(b, "int32_t", &s, sizeof s);
}

/* s<i>: from column to column. */
static void write_steps(struct tro_point_build *b, struct tro_buf *t)
{
    for (int i = 0; i < b->n_in + b->n_out; i++) {
        const struct tro_point_operand *const o = operand(b, i);
        if (o->class == TRO_POINT_STRIDED)
            tro_buf_printf(t, "    const int s%d = p.point.f%d;\n", i,
                           add_stride(b, o->stride[b->rank - 1]));
    }
}

/* Elements from the operand's first to column `col` of the row. */
static void write_offset(struct tro_point_build *b, struct tro_buf *t, int at)
{
    const struct tro_point_operand *const o = operand(b, at);
    const char *plus = "";
    for (int i = 0; i + 1 < b->rank; i++)
        if (o->stride[i]) {
            tro_buf_printf(t, "%s(int)x%d * p.point.f%d", plus, i, add_stride(b, o->stride[i]));
            plus = " + ";
        }
    if (o->class == TRO_POINT_VECTOR)
        tro_buf_printf(t, "%s(int)col", plus);
    else if (o->class == TRO_POINT_STRIDED)
        tro_buf_printf(t, "%s(int)col * s%d", plus, at);
    else if (!*plus)
        tro_buf_printf(t, "0");
}

/* o<i>: offsets, of those that change from row to row an array. */
static void write_offsets(struct tro_point_build *b, struct tro_buf *t, bool by_row)
{
    for (int i = 0; i < b->n_in + b->n_out; i++) {
        if (offset_of(b, i) != i || is_by_row(b, operand(b, i)) != by_row)
            continue;
        tro_buf_printf(t, by_row ? "        o%d[r] = " : "    const int o%d = ", i);
        write_offset(b, t, i);
        tro_buf_printf(t, ";\n");
    }
}

static void write_address(const struct tro_point_build *b, struct tro_buf *t, int i)
{
    const struct tro_point_operand *const o = operand(b, i);
    const bool is_in = i < b->n_in;
    tro_buf_printf(t, "(%s%s *)p.ptr[TRO_POINT_%s + %d] + o%d%s", is_in ? "const " : "",
                   tro_point_memory(o->arg.dtype), is_in ? "IN" : "OUT", is_in ? i : i - b->n_in,
                   offset_of(b, i), is_by_row(b, o) ? "[r]" : "");
}

/* ---- loads and stores ----------------------------------------------------------------------- */

/* a<i>: elements as they lie in memory; y<i> those to be stored. */
static void write_arrays(const struct tro_point_build *b, struct tro_buf *t)
{
    for (int i = 0; i < b->n_in; i++) {
        const struct tro_point_operand *const o = &b->in[i];
        tro_buf_printf(t, "    alignas(16) %s a%d%s[%s];\n", tro_point_memory(o->arg.dtype), i,
                       is_by_row(b, o) ? "[R]" : "", o->class == TRO_POINT_SAME ? "1" : "N");
    }
    for (int i = 0; i < b->n_in + b->n_out; i++)
        if (offset_of(b, i) == i && is_by_row(b, operand(b, i)))
            tro_buf_printf(t, "    int o%d[R];\n", i);
}

static void write_load(const struct tro_point_build *b, struct tro_buf *t, int i)
{
    const struct tro_point_operand *const o = &b->in[i];
    const bool by_row = is_by_row(b, o);
    const char *const indent = by_row ? "        " : "    ", *const index = by_row ? "[r]" : "";
    if (o->class == TRO_POINT_VECTOR)
        tro_buf_printf(t, "%stro_point_load%s<N, %d, is_whole>(a%d%s, ", indent,
                       o->is_const ? "_const" : "", o->align, i, index);
    else if (o->class == TRO_POINT_SAME)
        tro_buf_printf(t, "%stro_point_load_same%s<is_whole>(a%d%s, ", indent,
                       o->is_const ? "_const" : "", i, index);
    else
        tro_buf_printf(t, "%stro_point_load_strided<N, is_whole>(a%d%s, ", indent, i, index);
    write_address(b, t, i);
    if (o->class == TRO_POINT_STRIDED)
        tro_buf_printf(t, ", s%d", i);
    tro_buf_printf(t, ", %s);\n", by_row ? "n[r]" : "n_most");
}

static void write_loads(const struct tro_point_build *b, struct tro_buf *t, bool by_row)
{
    for (int i = 0; i < b->n_in; i++)
        if (is_by_row(b, &b->in[i]) == by_row)
            write_load(b, t, i);
}

/* The value of element i. */
static void write_value(const struct tro_point_build *b, struct tro_buf *t, int i)
{
    const struct tro_point_operand *const o = &b->in[i];
    const enum tro_dtype d = o->dtype;
    const bool is_single = d == TRO_F32 || d == TRO_F16 || d == TRO_BF16;
    tro_buf_printf(t, "            const %s %s = ", tro_point_register(d),
                   b->values[o->value].name);
    tro_buf_printf(t, is_single ? "tro_float(a%d%s[%s]);\n" : "a%d%s[%s];\n", i,
                   is_by_row(b, o) ? "[r]" : "", o->class == TRO_POINT_SAME ? "0" : "i");
}

static void write_store(const struct tro_point_build *b, struct tro_buf *t, int i)
{
    const struct tro_point_operand *const o = &b->out[i];
    if (o->class == TRO_POINT_STRIDED)
        tro_buf_printf(t, "        tro_point_store_strided<N, is_whole>(");
    else
        tro_buf_printf(t, "        tro_point_store<N, %d, is_whole>(", o->align);
    write_address(b, t, b->n_in + i);
    tro_buf_printf(t, ", y%d", i);
    if (o->class == TRO_POINT_STRIDED)
        tro_buf_printf(t, ", s%d", b->n_in + i);
    tro_buf_printf(t, ", n[r]);\n");
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void write_compute(const struct tro_point_build *b, struct tro_buf *t)
{
    for (int i = 0; i < b->n_out; i++)
        tro_buf_printf(t, "        alignas(16) %s y%d[N];\n",
                       tro_point_register(b->values[b->out[i].value].dtype), i);
    tro_buf_printf(t, "#pragma unroll\n        for (int i = 0; i < N; i++) {\n");
    for (int i = 0; i < b->n_in; i++)
        write_value(b, t, i);
    tro_buf_put(t, b->lines.p, b->lines.n);
    for (int i = 0; i < b->n_out; i++)
        tro_buf_printf(t, "            y%d[i] = %s;\n", i, b->values[b->out[i].value].name);
    tro_buf_printf(t, "        }\n");
}

/* Some rows at a time: everything is loaded before anything is computed or stored. */
static void write_part(struct tro_point_build *b, struct tro_buf *t)
{
    tro_buf_printf(t,
                   "template <int N, int R, bool is_whole>\n"
                   "static __device__ __forceinline__ void\n"
                   "tro_point_part(const tro_params &p, const uint32_t (&row)[R], uint32_t col,\n"
                   "               const int (&n)[R], TRO_POINT_ACC (&acc)[R][N])\n{\n"
                   "    const int n_most = is_whole ? N : tro_point_greatest(n);\n");
    write_steps(b, t);
    write_arrays(b, t);
    write_offsets(b, t, false);
    write_loads(b, t, false);
    tro_buf_printf(t, "#pragma unroll\n    for (int r = 0; r < R; r++) {\n");
    write_index(b, t);
    write_offsets(b, t, true);
    write_loads(b, t, true);
    tro_buf_printf(t, "    }\n#pragma unroll\n    for (int r = 0; r < R; r++) {\n");
    write_compute(b, t);
    for (int i = 0; i < b->n_out; i++)
        write_store(b, t, i);
    tro_buf_printf(t, "    }\n}\n");
}

static void write_text(struct tro_point_build *b, struct tro_buf *t)
{
    tro_buf_printf(t, "%s#define TRO_POINT_ACC %s\n#include \"point.cuh\"\n",
                   b->is_fast ? "#define TRO_FAST_MATH 1\n" : "",
                   b->acc_dtype == TRO_I32 ? "int32_t" : "float");
    write_part(b, t);
    tro_buf_printf(t, "#include \"point_rows.cuh\"\n");
}

static void write_types(struct tro_point_build *b, struct tro_buf *t)
{
    const int32_t none = 0;
    if (!b->n_fields)
        tro_point_add_field(b, "int32_t", &none, sizeof none);
    tro_buf_printf(t, "struct tro_point_params {\n");
    tro_buf_put(t, b->fields.p, b->fields.n);
    tro_buf_printf(t, "};\n");
}

/* The buffer's bytes in the arena, and the buffer is empty; NULL when memory ran out. */
static const char *keep(struct tro_point_build *b, struct tro_buf *t)
{
    tro_buf_u8(t, 0);
    const char *const copy = t->failed ? NULL : tro_arena_memdup(tro_lower_arena(b->l), t->p, t->n);
    tro_buf_finish(t);
    return copy;
}

static bool has_same_memory(const struct tro_arg *x, const struct tro_arg *y)
{
    if (x->dtype != y->dtype || x->rank != y->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (x->shape[i] != y->shape[i] || (x->shape[i] != 1 && x->stride[i] != y->stride[i]))
            return false;
    return true;
}

/* No other input lies in the same buffer. */
static bool is_only_view(const struct tro_point_build *b, int index)
{
    for (int i = 0; i < b->n_in; i++)
        if (i != index && b->in[i].arg.buffer == b->in[index].arg.buffer)
            return false;
    return true;
}

/* An element is read where it is written, by the same thread, before. */
static int find_inplace(const struct tro_point_build *b)
{
    for (int i = 0; i < b->n_in; i++)
        if (has_same_memory(&b->in[i].arg, &b->out[0].arg) && is_only_view(b, i))
            return i;
    return -1;
}

static void copy_args(struct tro_arg *to, const struct tro_point_operand *from, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = from[i].arg;
}

static int fill(struct tro_point_build *b, struct tro_point *point)
{
    struct tro_arena *const arena = tro_lower_arena(b->l);
    struct tro_arg *const args = TRO_NEW_N(arena, struct tro_arg, (size_t)(b->n_in + b->n_out));
    if (!args)
        return TRO_E_NOMEM;
    copy_args(args, b->in, b->n_in);
    copy_args(args + b->n_in, b->out, b->n_out);
    point->in = args;
    point->out = args + b->n_in;
    point->n_in = b->n_in;
    point->n_out = b->n_out;
    point->rank = b->rank;
    memcpy(point->shape, b->shape, sizeof point->shape);
    point->n_rows = 1;
    for (int i = 0; i + 1 < b->rank; i++)
        point->n_rows *= b->shape[i];
    point->n_cols = b->shape[b->rank - 1];
    point->inplace = find_inplace(b);
    point->n_flops = b->flops * (double)point->n_rows * (double)point->n_cols;
    point->params_size = b->params.n;
    point->params = keep(b, &b->params);
    return point->params ? 0 : TRO_E_NOMEM;
}

int tro_point_finish(struct tro_point_build *b, struct tro_point **out)
{
    struct tro_buf types = {0}, text = {0};
    struct tro_point *const point = TRO_NEW(tro_lower_arena(b->l), struct tro_point);
    if (!point)
        return tro_fail_nomem(tro_lower_err(b->l));
    if (!tro_point_classify(b, &point->vector))
        return TRO_POINT_BEYOND;
    write_text(b, &text);
    write_types(b, &types);
    point->text = keep(b, &text);
    point->types = keep(b, &types);
    if (b->lines.failed || b->fields.failed || b->params.failed || !point->text || !point->types ||
        fill(b, point) < 0)
        return tro_fail_nomem(tro_lower_err(b->l));
    *out = point;
    return 0;
}

void tro_point_drop(struct tro_point_build *b)
{
    tro_buf_finish(&b->lines);
    tro_buf_finish(&b->fields);
    tro_buf_finish(&b->params);
}
