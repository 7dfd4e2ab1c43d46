/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs, outputs and attributes of the node being imported. */
#include "onnx/import_state.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

int tro_import_fail(struct tro_import_call *c, enum tro_status status, const char *fmt, ...)
{
    if (c->rc < 0)
        return c->rc;
    char text[sizeof c->err->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->rc = tro_fail(c->err, status, "%s", text);
    return c->rc;
}

bool tro_in_has(const struct tro_import_call *c, int i)
{
    return i < c->n_in && c->in[i].i;
}

bool tro_out_wanted(const struct tro_import_call *c, int i)
{
    return i < c->n_out && c->node->outputs[i].n > 0;
}

void tro_set_out(struct tro_import_call *c, int i, tro_value_id v)
{
    if (c->rc >= 0 && tro_out_wanted(c, i))
        c->out[i] = v;
}

enum tro_dtype tro_dtype_of(const struct tro_import_call *c, tro_value_id v)
{
    return c->rc < 0 || !v.i ? TRO_DTYPE_NONE : tro_value_get(c->g, v)->dtype;
}

int tro_rank_of(const struct tro_import_call *c, tro_value_id v)
{
    return c->rc < 0 || !v.i ? -1 : tro_value_get(c->g, v)->shape.rank;
}

int tro_rank_needed(struct tro_import_call *c, tro_value_id v)
{
    const int rank = tro_rank_of(c, v);
    if (rank < 0 && c->rc >= 0)
        tro_import_fail(c, TRO_E_UNSUPPORTED,
                        "expected an input of known rank, found '%s' whose rank is known only at "
                        "run time: give the model's inputs fixed shapes",
                        v.i ? tro_value_get(c->g, v)->name : "an absent input");
    return rank < 0 ? 0 : rank;
}

tro_dim tro_dim_of(struct tro_import_call *c, tro_value_id v, int axis)
{
    const int rank = tro_rank_needed(c, v);
    if (c->rc >= 0 && axis >= 0 && axis < rank)
        return tro_value_get(c->g, v)->shape.dim[axis];
    tro_import_fail(c, TRO_E_INPUT, "expected a tensor of rank %d or more, found rank %d", axis + 1,
                    rank);
    return tro_dim_const(0);
}

int tro_axis_of(struct tro_import_call *c, int64_t axis, int rank)
{
    if (axis >= -rank && axis < rank)
        return (int)(axis < 0 ? axis + rank : axis);
    tro_import_fail(c, TRO_E_INPUT, "expected an axis in [%d, %d), found %lld", -rank, rank,
                    (long long)axis);
    return 0;
}

/* The attribute of that name with references to the enclosing function's attributes resolved. */
static const struct tro_onnx_attr *resolve(const struct tro_import_frame *frame,
                                           const struct tro_onnx_attr *a)
{
    while (a && a->ref_attr_name.n && frame) {
        const struct tro_str want = a->ref_attr_name;
        const struct tro_onnx_attr *found = NULL;
        for (size_t i = 0; i < frame->call->n_attrs && !found; i++)
            if (tro_str_eq(frame->call->attrs[i].name, want))
                found = &frame->call->attrs[i];
        if (found) {
            a = found;
            frame = frame->caller;
            continue;
        }
        for (size_t i = 0; i < frame->function->n_attr_protos && !found; i++)
            if (tro_str_eq(frame->function->attr_protos[i].name, want))
                found = &frame->function->attr_protos[i];
        return found;
    }
    return a;
}

static const struct tro_onnx_attr *find(struct tro_import_call *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attrs; i++) {
        if (!tro_str_eqz(c->node->attrs[i].name, name))
            continue;
        if (i < 64)
            c->attrs_used |= UINT64_C(1) << i;
        return resolve(c->scope->frame, &c->node->attrs[i]);
    }
    return NULL;
}

static const char *const attr_type_names[] = {
    "nothing", "float",   "int",    "string",        "tensor",         "graph", "floats", "ints",
    "strings", "tensors", "graphs", "sparse tensor", "sparse tensors", "type",  "types"};

static const char *attr_type_name(int type)
{
    const int n = (int)(sizeof attr_type_names / sizeof *attr_type_names);
    return type >= 0 && type < n ? attr_type_names[type] : "unknown";
}

static const struct tro_onnx_attr *typed(struct tro_import_call *c, const char *name, int type)
{
    if (c->rc < 0)
        return NULL;
    const struct tro_onnx_attr *a = find(c, name);
    if (!a || a->type == type)
        return a;
    /* An empty list may have been written without a type that tells ints from floats. */
    if (a->type == TRO_ONNX_ATTR_UNDEFINED &&
        (type == TRO_ONNX_ATTR_INTS || type == TRO_ONNX_ATTR_FLOATS))
        return a;
    tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected %s, found %s", name,
                    attr_type_name(type), attr_type_name(a->type));
    return NULL;
}

bool tro_attr_has(struct tro_import_call *c, const char *name)
{
    return c->rc >= 0 && find(c, name);
}

int64_t tro_attr_int(struct tro_import_call *c, const char *name, int64_t otherwise)
{
    const struct tro_onnx_attr *a = typed(c, name, TRO_ONNX_ATTR_INT);
    return a ? a->i : otherwise;
}

double tro_attr_float(struct tro_import_call *c, const char *name, double otherwise)
{
    const struct tro_onnx_attr *a = typed(c, name, TRO_ONNX_ATTR_FLOAT);
    return a ? (double)a->f : otherwise;
}

bool tro_attr_ints(struct tro_import_call *c, const char *name, struct tro_ints *out)
{
    out->n = 0;
    const struct tro_onnx_attr *a = typed(c, name, TRO_ONNX_ATTR_INTS);
    if (!a)
        return false;
    if (a->n_ints > TRO_MAX_INTS) {
        tro_import_fail(c, TRO_E_UNSUPPORTED, "attribute '%s': expected at most %d ints, found %zu",
                        name, TRO_MAX_INTS, a->n_ints);
        return false;
    }
    out->n = (int32_t)a->n_ints;
    for (size_t i = 0; i < a->n_ints; i++)
        out->v[i] = a->ints[i];
    return true;
}

const char *tro_attr_str(struct tro_import_call *c, const char *name, const char *otherwise)
{
    const struct tro_onnx_attr *a = typed(c, name, TRO_ONNX_ATTR_STRING);
    if (!a)
        return otherwise;
    const char *s = tro_arena_strndup(&c->g->arena, a->s.p, a->s.n);
    if (!s)
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
    return s ? s : otherwise;
}

int tro_attr_choice(struct tro_import_call *c, const char *name, const char *const *names,
                    int otherwise)
{
    const struct tro_onnx_attr *a = typed(c, name, TRO_ONNX_ATTR_STRING);
    if (!a)
        return otherwise;
    char list[256] = "";
    size_t n = 0;
    for (int i = 0; names[i]; i++) {
        if (tro_str_eqz(a->s, names[i]))
            return i;
        n += (size_t)snprintf(list + n, n < sizeof list ? sizeof list - n : 0, "%s%s",
                              i ? ", " : "", names[i]);
        n = n < sizeof list ? n : sizeof list - 1;
    }
    tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected one of %s, found '%.*s'", name, list,
                    (int)a->s.n, a->s.p);
    return otherwise;
}

const struct tro_onnx_attr *tro_attr_raw(struct tro_import_call *c, const char *name)
{
    return c->rc < 0 ? NULL : find(c, name);
}

void tro_attr_ignore(struct tro_import_call *c, const char *name)
{
    if (c->rc >= 0)
        find(c, name);
}

enum tro_dtype tro_attr_dtype(struct tro_import_call *c, const char *name, enum tro_dtype otherwise)
{
    const struct tro_onnx_attr *a = typed(c, name, TRO_ONNX_ATTR_INT);
    if (!a)
        return otherwise;
    const enum tro_dtype d = a->i >= 0 && a->i < 1000 ? tro_onnx_to_dtype((int)a->i)
                                                      : TRO_DTYPE_NONE;
    if (!d)
        tro_import_fail(c, TRO_E_UNSUPPORTED,
                        "attribute '%s': expected a numeric or boolean element type, found %s",
                        name, tro_onnx_type_name(a->i >= 0 && a->i < 1000 ? (int)a->i : 1000));
    return d;
}

tro_value_id tro_attr_tensor(struct tro_import_call *c, const struct tro_onnx_tensor *t)
{
    struct tro_tensor view;
    struct tro_err err = {0};
    if (c->rc < 0)
        return TRO_VALUE_NONE;
    const int rc = tro_onnx_tensor_decode(c->im->model, &c->g->arena, t, &view, &err);
    if (rc < 0) {
        tro_import_fail(c, (enum tro_status)rc, "tensor attribute: %s", err.text);
        return TRO_VALUE_NONE;
    }
    tro_value_id out = TRO_VALUE_NONE;
    const int rc2 = tro_graph_add_const(c->g, "", &view, &out, &err);
    if (rc2 < 0)
        tro_import_fail(c, (enum tro_status)rc2, "%s", err.text);
    return out;
}
