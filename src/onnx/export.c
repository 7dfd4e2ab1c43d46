/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/export.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/dtype.h"
#include "base/err.h"
#include "graph/infer.h"
#include "onnx/export_call.h"

static struct tro_str text(const char *z)
{
    return (struct tro_str){z, strlen(z)};
}

/* ---- rows ------------------------------------------------------------------------------ */

#define ANY TRO_T_ANY
#define NUM TRO_T_NUMBER
#define FLT TRO_T_FLOAT
#define UINT TRO_T_UINT
#define I32 TRO_T(TRO_I32)
#define BYTE TRO_T_8BIT
#define INDEX TRO_T_INDEX
#define SIGNED (TRO_T_FLOAT | TRO_T_SINT)
#define LOGIC (TRO_T_INT | TRO_T_BOOL)
#define WIDE (TRO_T_FLOAT | TRO_T_INDEX | TRO_T(TRO_U32) | TRO_T(TRO_U64))
#define POW (TRO_T_FLOAT | TRO_T_INDEX)
#define RED (WIDE | TRO_T_8BIT | TRO_T_BOOL)
#define POOL (TRO_T_FLOAT | TRO_T_8BIT)
#define RANGE (TRO_T_FLOAT | TRO_T_INDEX | TRO_T(TRO_I16))
#define QFROM (TRO_T(TRO_F32) | TRO_T(TRO_F16) | TRO_T(TRO_BF16) | TRO_T(TRO_I32))

static const struct tro_export_row rows[TRO_N_OPS] = {
#define EXPORT(id, onnx, since, bf16, types, fn) \
    [TRO_OP_##id] = {onnx, since, bf16, types, tro_export_##fn},
#define ATTR(id, set, field, onnx, how)
#include "onnx/export.def"
#undef EXPORT
#undef ATTR
};

const struct tro_export_row *tro_export_row(enum tro_op op)
{
    return rows[op].fn ? &rows[op] : NULL;
}

/* ---- nodes ----------------------------------------------------------------------------- */

/* Types that came to ONNX late. */
static void need_types(struct tro_export *x, const struct tro_export_row *row)
{
    for (uint32_t i = 0; i < x->node->n_in + x->node->n_out; i++) {
        const tro_value_id v = i < x->node->n_in ? x->node->in[i] : x->node->out[i - x->node->n_in];
        const enum tro_dtype dtype = v.i ? tro_value_get(x->g, v)->dtype : TRO_DTYPE_NONE;
        if (dtype == TRO_BF16 && row->bf16 > 0)
            tro_export_need(x, row->bf16);
        if (dtype == TRO_I4 || dtype == TRO_U4)
            tro_export_need(x, 21);
        if (dtype == TRO_F4E2M1)
            tro_export_need(x, 23);
    }
}

static void check_type(struct tro_export *x, const struct tro_export_row *row)
{
    const enum tro_dtype dtype = x->node->n_in && x->node->in[0].i
                                     ? tro_export_in_value(x, 0)->dtype
                                     : TRO_DTYPE_NONE;
    if (dtype && !(row->types & TRO_T(dtype)))
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "ONNX has no such operator on %s: put a cast in front of it",
                        tro_dtype_name(dtype));
}

/* What a message calls the node: its own name, or what it makes. */
static const char *node_title(const struct tro_export *x)
{
    const struct tro_node *n = x->node;
    for (uint32_t i = 0; i < n->n_out && !n->name[0]; i++)
        if (n->out[i].i)
            return tro_value_get(x->g, n->out[i])->name;
    return n->name;
}

static void write_node(struct tro_export *x, tro_node_id id)
{
    const struct tro_node *outer = x->node;
    x->node = tro_node_get(x->g, id);
    const struct tro_op_info *info = tro_op_info(x->node->op);
    const struct tro_export_row *row = tro_export_row(x->node->op);
    if (!row) {
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "it has no form in ONNX: export the network as it was before a record, a "
                        "plugin or the pass qdq put it there");
    } else {
        check_type(x, row);
        need_types(x, row);
        if (x->node->op != TRO_OP_LOOKUP && x->node->op != TRO_OP_TREE_ENSEMBLE)
            tro_export_need(x, row->since);
        if (x->rc >= 0)
            row->fn(x);
    }
    if (x->rc < 0)
        tro_err_prefix(x->err, x->rc, "node '%s': operator `%s`: ", node_title(x), info->text);
    for (uint32_t i = 0; i < x->node->n_out; i++)
        if (x->node->out[i].i && x->node->op != TRO_OP_DIMS)
            x->is_made[x->node->out[i].i] = true;
    x->node = outer;
}

void tro_export_block(struct tro_export *x, tro_block_id b)
{
    const struct tro_block *block = tro_block_get(x->g, b);
    x->is_open[b.i] = true;
    for (size_t i = 0; i < block->n_nodes && x->rc >= 0; i++)
        if (!x->is_clipped[block->nodes[i].i])
            write_node(x, block->nodes[i]);
}

void tro_export_direct(struct tro_export *x)
{
    tro_export_as(x, tro_export_row(x->node->op)->onnx);
}

/* ---- inputs and outputs ---------------------------------------------------------------- */

/* Whether all symbols of a size are some that inputs of the network have as they are: others are
 * numbered by us and would mean nothing to a reader. */
static bool is_tellable(const struct tro_export *x, tro_dim d)
{
    const struct tro_block *main = tro_block_get(x->g, TRO_MAIN_BLOCK);
    if (tro_dim_is_const(d))
        return true;
    for (size_t i = 0; i < main->n_inputs; i++) {
        const struct tro_shape *s = &tro_value_get(x->g, main->inputs[i])->shape;
        for (int a = 0; a < s->rank; a++)
            if (tro_dim_eq(s->dim[a], d))
                return true;
    }
    const struct tro_dim_expr *e = &x->g->dims.exprs[d.bits >> 1];
    return e->op != TRO_DIM_SYMBOL && is_tellable(x, e->a) && is_tellable(x, e->b);
}

static struct tro_str dim_text(struct tro_export *x, tro_dim d)
{
    struct tro_buf buf = {0};
    tro_dim_print(&x->g->dims, d, &buf);
    char *out = buf.failed ? NULL : tro_arena_strndup(&x->m->arena, (const char *)buf.p, buf.n);
    const struct tro_str s = {out, buf.n};
    tro_buf_finish(&buf);
    if (!out)
        tro_export_no_memory(x);
    return s;
}

void tro_export_info(struct tro_export *x, tro_value_id v, const char *name, bool is_main,
                     struct tro_onnx_value_info *out)
{
    const struct tro_value *value = tro_value_get(x->g, v);
    const int rank = value->shape.rank;
    *out = (struct tro_onnx_value_info){.name = text(name),
                                        .kind = "tensor",
                                        .has_type = true,
                                        .is_tensor = true,
                                        .has_elem_type = true,
                                        .elem_type = tro_onnx_from_dtype(value->dtype),
                                        .has_shape = rank >= 0};
    if (rank < 0)
        return;
    out->n_dims = (size_t)rank;
    out->dims = TRO_NEW_N(&x->m->arena, struct tro_onnx_dim, out->n_dims);
    if (!out->dims) {
        tro_export_no_memory(x);
        return;
    }
    for (int i = 0; i < rank; i++) {
        const tro_dim d = value->shape.dim[i];
        if (tro_dim_is_const(d))
            out->dims[i] = (struct tro_onnx_dim){.has_value = true, .value = tro_dim_value(d)};
        else if (is_main && is_tellable(x, d))
            out->dims[i].param = dim_text(x, d);
    }
}

bool tro_export_is_output(const struct tro_export *x, tro_value_id v)
{
    const struct tro_block *main = tro_block_get(x->g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < main->n_outputs; i++)
        if (tro_value_eq(main->outputs[i], v))
            return true;
    return false;
}

static struct tro_onnx_value_info *main_infos(struct tro_export *x, const tro_value_id *v, size_t n)
{
    struct tro_onnx_value_info *out = TRO_NEW_N(&x->m->arena, struct tro_onnx_value_info, n);
    if (!out)
        tro_export_no_memory(x);
    for (size_t i = 0; i < n && x->rc >= 0; i++)
        tro_export_info(x, v[i], tro_value_get(x->g, v[i])->name, true, &out[i]);
    return out;
}

/* Outputs that are constants are nodes without inputs: not every reader takes an initializer. */
static void constant_outputs(struct tro_export *x, const struct tro_block *main)
{
    for (size_t i = 0; i < main->n_outputs; i++) {
        const tro_value_id v = main->outputs[i];
        if (!tro_is_const(x->g, v) || x->is_made[v.i])
            continue;
        const struct tro_tensor t = tro_const_tensor(x->g, v);
        tro_export_node(x, "Constant", NULL, 0, &x->names[v.i], 1);
        tro_export_tensor_attr(x, "value", &t);
        x->is_made[v.i] = true;
    }
}

static void write_main(struct tro_export *x)
{
    const struct tro_block *main = tro_block_get(x->g, TRO_MAIN_BLOCK);
    struct tro_export_scope scope = {.graph = &x->m->graph};
    x->scope = &scope;
    for (size_t i = 0; i < main->n_inputs; i++)
        x->is_made[main->inputs[i].i] = true;
    constant_outputs(x, main);
    tro_export_block(x, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < main->n_outputs; i++)
        tro_export_value(x, main->outputs[i]);
    x->m->graph.name = text(x->g->name[0] ? x->g->name : "graph");
    x->m->graph.inputs = main_infos(x, main->inputs, main->n_inputs);
    x->m->graph.n_inputs = main->n_inputs;
    x->m->graph.outputs = main_infos(x, main->outputs, main->n_outputs);
    x->m->graph.n_outputs = main->n_outputs;
    x->scope = NULL;
}

/* ---- the model ------------------------------------------------------------------------- */

static void write_header(struct tro_export *x, const struct tro_onnx_export_opts *opts)
{
    struct tro_onnx_model *m = x->m;
    struct tro_onnx_opset *opsets = TRO_NEW_N(&m->arena, struct tro_onnx_opset, 3);
    if (!opsets) {
        tro_export_no_memory(x);
        return;
    }
    opsets[0] = (struct tro_onnx_opset){.domain = TRO_STR(""), .version = x->opset};
    m->n_opsets = 1;
    if (x->ml_opset)
        opsets[m->n_opsets++] = (struct tro_onnx_opset){.domain = TRO_STR("ai.onnx.ml"),
                                                        .version = x->ml_opset};
    if (x->ms_opset)
        opsets[m->n_opsets++] = (struct tro_onnx_opset){.domain = TRO_STR("com.microsoft"),
                                                        .version = x->ms_opset};
    m->opsets = opsets;
    m->ir_version = x->opset < 23 ? 10 : 11; /* that of the ONNX release that brought the opset */
    m->producer_name = TRO_STR("trocar");
    m->producer_version = text(tro_version());
    m->n_metadata = opts->n_metadata;
    m->metadata = tro_arena_memdup(&m->arena, opts->n_metadata ? (const void *)opts->metadata : "",
                                   opts->n_metadata * sizeof *opts->metadata);
    if (!m->metadata)
        tro_export_no_memory(x);
}

static void init(struct tro_export *x)
{
    x->names = TRO_NEW_N(&x->m->arena, const char *, x->g->n_values);
    x->is_made = TRO_NEW_N(&x->m->arena, bool, x->g->n_values);
    x->is_open = TRO_NEW_N(&x->m->arena, bool, x->g->n_blocks);
    if (!x->names || !x->is_made || !x->is_open) {
        tro_export_no_memory(x);
        return;
    }
    for (size_t i = 1; i < x->g->n_values; i++)
        x->names[i] = x->g->values[i].name;
    tro_export_find_clips(x);
}

int tro_onnx_export(const struct tro_graph *g, const struct tro_onnx_export_opts *opts,
                    struct tro_onnx_model **out, struct tro_err *err)
{
    static const struct tro_onnx_export_opts otherwise = {0};
    struct tro_export x = {.g = g, .m = tro_calloc(1, sizeof *x.m), .err = err};
    opts = opts ? opts : &otherwise;
    *out = NULL;
    if (!x.m)
        return tro_fail_nomem(err);
    x.opset = opts->opset ? opts->opset : TRO_ONNX_EXPORT_OPSET;
    init(&x);
    if (x.rc >= 0)
        write_main(&x);
    if (x.rc >= 0)
        write_header(&x, opts);
    tro_map_finish(&x.taken);
    tro_map_finish(&x.node_names);
    if (x.rc < 0)
        tro_onnx_free(x.m);
    else
        *out = x.m;
    return x.rc;
}

int tro_onnx_export_bytes(const struct tro_graph *g, const struct tro_onnx_export_opts *opts,
                          struct tro_buf *out, struct tro_err *err)
{
    struct tro_onnx_model *m;
    TRO_TRY(tro_onnx_export(g, opts, &m, err));
    const int rc = tro_onnx_write(m, out, err);
    tro_onnx_free(m);
    return rc;
}
