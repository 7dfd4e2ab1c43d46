/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of small integer tensors known as sizes: by hand, and against the reference kernels. */
#include "base/alloc.h"
#include "graph/elems.h"
#include "graph/graph.h"
#include "ref/ref.h"
#include "test.h"

#include <stdio.h>

/* ---- by hand ---------------------------------------------------------------------------- */

/* Contents of the graph's only output as text: "[N,3]", or "?" when they are not known. */
static void check_elems(const char *nodes, const char *expected)
{
    struct tro_buf text = {0}, got = {0};
    struct tro_err err = {0};
    tro_buf_printf(&text,
                   "graph \"\" symbol P 1..9 symbol B 0..5 input %%x : f32[N,3,H,P]\n"
                   "const %%i0 : i64[] = 0 const %%i1 : i64[1] = 1 "
                   "const %%m1 : i64[1] = -1\n"
                   "%%s = shape_of(%%x)\n%s\noutput %%y\n",
                   nodes);
    struct tro_graph *const g = tro_graph_parse((struct tro_str){(const char *)text.p, text.n},
                                                "test", &err);
    if (test_check(g != NULL, __FILE__, __LINE__, "%s: %s", nodes, err.text)) {
        const struct tro_value *const y = tro_value_get(
            g, tro_block_get(g, TRO_MAIN_BLOCK)->outputs[0]);
        for (int i = 0; y->elems && i < tro_shape_small(&y->shape); i++) {
            tro_buf_str(&got, i ? "," : "");
            tro_dim_print(&g->dims, y->elems[i], &got);
        }
        tro_buf_str(&got, y->elems ? "" : "?");
        tro_buf_u8(&got, 0);
        test_check(strcmp((const char *)got.p, expected) == 0, __FILE__, __LINE__,
                   "%s\ngives %s, expected %s", nodes, (const char *)got.p, expected);
    }
    tro_graph_destroy(g);
    tro_buf_finish(&text);
    tro_buf_finish(&got);
}

TEST(elems_move)
{
    check_elems("%y = reshape(%s, %m1)", "N,3,H,P");
    check_elems("%y = gather(%s, %m1)", "P");
    check_elems("const %i : i64[2,2] = 0 2 -4 3 %y = gather(%s, %i)", "N,H,N,P");
    check_elems("%y = gather(%s, %s)", "?");
    check_elems("const %a : i64[1] = 1 const %b : i64[1] = 9223372036854775807 "
                "%y = slice(%s, %a, %b)",
                "3,H,P");
    check_elems("const %a : i64[1] = -1 const %b : i64[1] = -9223372036854775808 const %c : "
                "i64[1] = 0 %y = slice(%s, %a, %b, %c, %a)",
                "P,H,3,N");
    check_elems("const %k : i64[1] = 9223372036854775807 %b = concat(%k) %a = squeeze(%b) "
                "%c = unsqueeze(%a, %i0) %y = slice(%s, %i1, %c)",
                "3,H,P");
    check_elems("%y = concat(%s, %m1, %i1) {axis = 0}", "N,3,H,P,-1,1");
    check_elems("const %k : i64[2] = 3 1 _, %y = split(%s, %k) {axis = 0}", "P");
    check_elems("const %k : i64[2] = 2 2 %q = reshape(%s, %k) %y = transpose(%q) {perm = [1,0]}",
                "N,H,3,P");
    check_elems("const %k : i64[2] = 2 2 %q = reshape(%s, %k) %y = concat(%q, %q) {axis = 1}",
                "N,3,N,3,H,P,H,P");
    check_elems("const %k : i64[1] = 3 %y = tile(%i1, %k)", "1,1,1");
    check_elems("const %k : i64[2] = 2 2 const %r : i64[2] = 1 2 %q = reshape(%s, %k) "
                "%y = tile(%q, %r)",
                "N,3,N,3,H,P,H,P");
    check_elems("const %k : i64[2] = 2 2 const %p : i64[2,1] = 0 3 %q = gather(%s, %p) "
                "%y = expand(%q, %k)",
                "N,N,P,P");
    check_elems("const %k : i64[1] = 17 %y = expand(%i1, %k)", "?");
    check_elems("const %k : i64[1] = 0 %y = expand(%i1, %k)", "");
    check_elems("%y = dims() {values = [N*2+1,7]}", "N*2+1,7");
    check_elems("%y = dims() {values = [N/2], is_scalar = 1}", "N/2");
}

TEST(elems_arithmetic)
{
    check_elems("%y = mul(%s, %s)", "N*N,9,H*H,P*P");
    check_elems("%y = sub(%s, %i1)", "N-1,2,H-1,P-1");
    check_elems("const %k : i64[] = 2 %y = div(%s, %k)", "N/2,1,H/2,P/2");
    check_elems("%a = sub(%s, %i1) const %k : i64[] = 2 %y = div(%a, %k)", "?"); /* N-1 < 0? */
    check_elems("%y = div(%i1, %i0)", "0");
    check_elems("const %a : i64[2] = -7 7 const %b : i64[2] = 2 -2 %y = div(%a, %b)", "-3,-3");
    check_elems("const %a : i64[2] = -7 7 const %b : i64[2] = 3 -3 %y = mod(%a, %b)", "2,-2");
    check_elems("%d = dims() {values = [P]} %y = div(%s, %d)", "N/P,3/P,H/P,1");
    check_elems("%d = dims() {values = [B]} %y = div(%s, %d)", "?"); /* by 0? */
    check_elems("const %k : i64[] = 4 %a = mul(%s, %k) %y = mod(%a, %k)", "0,0,0,0");
    check_elems("%y = mod(%s, %i0)", "0,0,0,0");
    check_elems("%y = min(%s, %i1)", "min(N,1),1,min(H,1),1");
    check_elems("%n = neg(%s) %y = abs(%n)", "N,3,H,P");
    check_elems("%n = neg(%s) %y = max(%n, %i0)", "0,0,0,0");
    check_elems("%y = reduce(%s)", "H+N+P+3");
    check_elems("%y = reduce(%s) {kind = prod}", "H*N*P*3");
    check_elems("const %k : i64[3] = 7 8 -2 %y = reduce(%k) {kind = mean, drop_dims = 1}", "4");
    check_elems("%y = reduce(%s, %i0) {kind = max}", "max(P,max(H,max(N,3)))");
}

TEST(elems_decide)
{
    check_elems("%y = eq(%s, %s)", "1,1,1,1");
    check_elems("%y = lt(%s, %s)", "0,0,0,0");
    check_elems("%d = dims() {values = [P]} %y = lt(%i0, %d)", "1");
    check_elems("%y = lt(%i0, %s)", "?");
    check_elems("%y = le(%i0, %s)", "1,1,1,1");
    check_elems("%d = dims() {values = [P+9,P]} const %k : i64[] = 9 %y = le(%d, %k)", "0,1");
    check_elems("%d = dims() {values = [P]} const %k : i64[] = 10 %y = eq(%d, %k)", "0");
    check_elems("%d = dims() {values = [P]} const %k : i64[] = 5 %y = eq(%d, %k)", "?");
    check_elems("%e = eq(%m1, %m1) %y = select(%e, %s, %i0)", "N,3,H,P");
    check_elems("%e = eq(%s, %s) %f = not(%e) %y = select(%f, %i1, %s)", "N,3,H,P");
    check_elems("%e = eq(%s, %i0) %y = select(%e, %i1, %s)", "?");
    check_elems("%d = dims() {values = [P,B]} %y = cast(%d) {to = bool}", "?");
    check_elems("%d = dims() {values = [P,P+1]} %y = cast(%d) {to = bool}", "1,1");
    check_elems("%d = dims() {values = [P]} %e = eq(%d, %d) %f = lt(%d, %d) %g = and(%e, %f) "
                "%h = or(%e, %f) %i = xor(%g, %h) %y = cast(%i) {to = i64}",
                "1");
}

TEST(elems_types)
{
    check_elems("%y = cast(%s) {to = i32}", "N,3,H,P");
    check_elems("%y = cast(%s) {to = i8}", "?"); /* H may be too large */
    check_elems("%d = dims() {values = [P,B]} %y = cast(%d) {to = i8}", "P,B");
    check_elems("%d = dims() {values = [B-1]} %y = cast(%d) {to = u32}", "?");
    check_elems("const %k : i64[2] = 300 -1 %y = cast(%k) {to = u8}", "44,255");
    check_elems("const %k : u8[2] = 200 3 const %l : u8[] = 100 %y = add(%k, %l)", "44,103");
    check_elems("const %k : u8[1] = 3 const %l : u8[] = 5 %y = sub(%k, %l)", "254");
    check_elems("const %k : i64[1] = 9223372036854775807 %y = add(%k, %i1)", "?");
    check_elems("const %k : i64[1] = 9223372036854775807 %y = cast(%k) {to = i32}", "?");
    check_elems("const %k : f32[1] = 2 %y = cast(%k) {to = i64}", "?");
    check_elems("%y = cast(%s) {to = f32}", "?");
}

TEST(elems_sequences)
{
    check_elems("const %k : i64[] = 5 const %d : i64[] = 2 %y = range(%i0, %k, %d)", "0,2,4");
    check_elems("%a = dims() {values = [P], is_scalar = 1} %b = dims() {values = [P+3], "
                "is_scalar = 1} const %d : i64[] = 1 %y = range(%a, %b, %d)",
                "P,P+1,P+2");
}

/* What it is for: a flatten by hand keeps the batch, a pixel shuffle its factor. */
TEST(elems_in_networks)
{
    struct tro_err err = {0};
    static const char text[] =
        "graph \"\" input %x : f32[N,8,H,W]\n"
        "const %first : i64[1] = 0 const %rest : i64[1] = -1 %s = shape_of(%x)\n"
        "%n = gather(%s, %first) %c = concat(%n, %rest) {axis = 0} %y = reshape(%x, %c)\n"
        "const %two : i64[] = 2 const %i2 : i64[] = 2 const %i3 : i64[] = 3\n"
        "const %zero : i64[] = 0 %h = gather(%s, %i2) %w = gather(%s, %i3)\n"
        "%h2 = mul(%h, %two) %w2 = mul(%w, %two) const %cs : i64[2] = 2 2 const %c4 : i64[1] = 2\n"
        "%uh = unsqueeze(%h2, %zero) %uw = unsqueeze(%w2, %zero)\n"
        "%to = concat(%n, %c4, %uh, %uw) {axis = 0} %z = reshape(%x, %to)\n"
        "output %y, %z\n";
    struct tro_graph *const g = tro_graph_parse(TRO_STR(text), "test", &err);
    if (!test_check(g != NULL, __FILE__, __LINE__, "%s", err.text))
        return;
    struct tro_buf got = {0};
    for (int i = 0; i < 2; i++)
        tro_value_print_type(g, tro_block_get(g, TRO_MAIN_BLOCK)->outputs[i], &got);
    tro_buf_u8(&got, 0);
    CHECK_STR((const char *)got.p, "f32[N,H*W*8]f32[N,2,H*2,W*2]");
    tro_buf_finish(&got);
    tro_graph_destroy(g);
}

/* ---- random programs, against the reference ---------------------------------------------- */

#define N_SYMBOLS 3
#define N_VALUES 60

static uint64_t random_state = 3;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

struct program {
    struct tro_graph *g;
    struct tro_dim_env env;
    tro_value_id v[N_VALUES];
    struct tro_tensor t[N_VALUES]; /* what v[i] holds when it runs */
    int n;
    int n_known, n_symbolic; /* values whose contents were compared */
};

static const enum tro_op tried[] = {
    TRO_OP_ADD,     TRO_OP_SUB,       TRO_OP_MUL,     TRO_OP_DIV,       TRO_OP_MOD,
    TRO_OP_MIN,     TRO_OP_MAX,       TRO_OP_AND,     TRO_OP_OR,        TRO_OP_XOR,
    TRO_OP_EQ,      TRO_OP_LT,        TRO_OP_LE,      TRO_OP_SELECT,    TRO_OP_NOT,
    TRO_OP_NEG,     TRO_OP_ABS,       TRO_OP_CAST,    TRO_OP_REDUCE,    TRO_OP_RANGE,
    TRO_OP_RESHAPE, TRO_OP_EXPAND,    TRO_OP_SQUEEZE, TRO_OP_TILE,      TRO_OP_CONCAT,
    TRO_OP_SLICE,   TRO_OP_TRANSPOSE, TRO_OP_GATHER,  TRO_OP_UNSQUEEZE, TRO_OP_SHAPE_OF};

static const enum tro_dtype casts[] = {TRO_I64, TRO_I32, TRO_U8, TRO_I8, TRO_BOOL, TRO_U64};

union attrs {
    struct tro_attrs_cast cast;
    struct tro_attrs_reduce reduce;
    struct tro_attrs_axis axis;
    struct tro_attrs_transpose transpose;
};

static void choose_attrs(enum tro_op op, int rank, union attrs *a)
{
    memset(a, 0, sizeof(*a));
    if (op == TRO_OP_CAST)
        a->cast.to = casts[random_below(6)];
    if (op == TRO_OP_REDUCE)
        a->reduce = (struct tro_attrs_reduce){.kind = (enum tro_reduction)random_below(5),
                                              .drop_dims = random_below(2),
                                              .noop_if_empty = random_below(2)};
    if (op == TRO_OP_CONCAT || op == TRO_OP_GATHER)
        a->axis.axis = (int64_t)random_below(3) - 1;
    if (op == TRO_OP_TRANSPOSE) {
        a->transpose.perm.n = rank;
        for (int i = 0; i < rank; i++)
            a->transpose.perm.v[i] = (i + 1) % rank;
    }
}

static void add_value(struct program *p, tro_value_id v, struct tro_tensor t)
{
    p->v[p->n] = v;
    p->t[p->n++] = t;
}

static void check_value(struct program *p, enum tro_op op, tro_value_id v,
                        const struct tro_tensor *t)
{
    const struct tro_value *const value = tro_value_get(p->g, v);
    bool is_symbolic = false;
    CHECK_INT(value->dtype, t->dtype);
    CHECK(value->shape.rank < 0 || value->shape.rank == t->rank);
    for (int i = 0; i < value->shape.rank; i++) {
        int64_t size;
        if (tro_dim_eval(&p->g->dims, &p->env, value->shape.dim[i], &size))
            test_check(size == t->shape[i], __FILE__, __LINE__,
                       "%s: size %d is %lld, expected %lld", tro_op_info(op)->text, i,
                       (long long)size, (long long)t->shape[i]);
    }
    for (int64_t i = 0; value->elems && i < tro_tensor_n_elems(t); i++) {
        int64_t got;
        is_symbolic = is_symbolic || !tro_dim_is_const(value->elems[i]);
        if (!tro_dim_eval(&p->g->dims, &p->env, value->elems[i], &got))
            continue; /* a fresh symbol stands for something too long */
        int64_t expected = 0;
        memcpy(&expected, (const char *)t->data + (size_t)i * tro_dtype_size(t->dtype),
               tro_dtype_size(t->dtype));
        const int shift = 64 - 8 * (int)tro_dtype_size(t->dtype);
        const bool is_signed = t->dtype == TRO_I8 || t->dtype == TRO_I32 || t->dtype == TRO_I64;
        if (is_signed)
            expected = (int64_t)((uint64_t)expected << shift) >> shift;
        test_check(got == expected, __FILE__, __LINE__,
                   "%s of %s: element %d is %lld, expected "
                   "%lld",
                   tro_op_info(op)->text, tro_dtype_name(t->dtype), (int)i, (long long)got,
                   (long long)expected);
    }
    p->n_known += value->elems != NULL;
    p->n_symbolic += is_symbolic;
}

/* A symbol in a shape to reshape to counts as a size; when it is 0 as the program runs, the
 * operator reads it as "the input's size", so that such programs have no one shape. */
static bool is_ambiguous(const struct program *p, enum tro_op op, tro_value_id shape,
                         const struct tro_tensor *t)
{
    const struct tro_value *const value = tro_value_get(p->g, shape);
    for (int i = 0; op == TRO_OP_RESHAPE && value->elems && i < tro_shape_small(&value->shape); i++)
        if (!tro_dim_is_const(value->elems[i]) && ((const int64_t *)t->data)[i] <= 0)
            return true;
    return false;
}

/* One node with random inputs; most do not fit together and are refused, which is fine. */
static void try_node(struct program *p)
{
    const enum tro_op op = tried[random_below(sizeof(tried) / sizeof(tried[0]))];
    const struct tro_op_info *const info = tro_op_info(op);
    const int n_max = info->in_max == TRO_ANY_NUMBER ? 3 : info->in_max;
    const int n_in = info->in_min + (int)random_below((uint32_t)(n_max - info->in_min + 1));
    tro_value_id in[8], out;
    struct tro_tensor tensors[8] = {{0}}, result = {0};
    union attrs attrs;
    struct tro_err err = {0};
    for (int i = 0; i < n_in; i++) {
        const uint32_t k = random_below((uint32_t)p->n);
        in[i] = p->v[k];
        tensors[i] = p->t[k];
    }
    if (n_in > 1 && tensors[1].dtype == TRO_I64 && is_ambiguous(p, op, in[1], &tensors[1]))
        return;
    choose_attrs(op, tensors[0].rank, &attrs);
    const struct tro_node_spec spec = {
        .op = op, .attrs = &attrs, .n_in = (uint32_t)n_in, .n_out = 1, .in = in};
    if (tro_graph_add_node(p->g, TRO_MAIN_BLOCK, &spec, &out, &err) < 0)
        return;
    if (tro_ref_eval(op, &attrs, n_in, tensors, 1, &result, NULL, NULL, &err) < 0)
        return;
    check_value(p, op, out, &result);
    if (tro_tensor_n_elems(&result) > 30 || result.dtype == TRO_F32)
        tro_free(result.data);
    else
        add_value(p, out, result);
}

static void add_constant(struct program *p, int rank, int64_t n)
{
    struct tro_tensor t = {.dtype = TRO_I64, .rank = rank, .shape = {n, n}};
    int64_t data[16];
    tro_value_id v;
    t.data = data;
    for (int64_t i = 0; i < tro_tensor_n_elems(&t); i++)
        data[i] = (int64_t)random_below(6) - 2;
    CHECK(tro_graph_add_const_copy(p->g, "", &t, &v, NULL) == 0);
    t.data = tro_malloc_aligned(tro_tensor_n_bytes(&t));
    memcpy(t.data, data, tro_tensor_n_bytes(&t));
    add_value(p, v, t);
}

/* dims [A, B, C] whose values when it runs are 1..8. */
static void add_sizes(struct program *p)
{
    struct tro_attrs_dims attrs = {.values.n = N_SYMBOLS};
    int64_t *const data = tro_malloc_aligned(N_SYMBOLS * sizeof(*data));
    for (int i = 0; i < N_SYMBOLS; i++) {
        const char name = (char)('A' + i);
        const int64_t lo = random_below(3);
        attrs.values.v[i] = tro_dim_symbol(&p->g->dims, (struct tro_str){&name, 1}, lo, lo + 5);
        data[i] = lo + random_below(6);
    }
    CHECK(tro_dim_env_init(&p->env, &p->g->dims) == 0);
    for (int i = 0; i < N_SYMBOLS; i++)
        CHECK(tro_dim_bind(&p->g->dims, &p->env, attrs.values.v[i], data[i]));
    const struct tro_node_spec spec = {.op = TRO_OP_DIMS, .attrs = &attrs, .n_out = 1};
    tro_value_id v;
    CHECK(tro_graph_add_node(p->g, TRO_MAIN_BLOCK, &spec, &v, NULL) == 0);
    add_value(p, v,
              (struct tro_tensor){.dtype = TRO_I64, .rank = 1, .shape = {N_SYMBOLS}, .data = data});
}

TEST(elems_random)
{
    int n_known = 0, n_symbolic = 0;
    for (int round = 0; round < 300; round++) {
        struct program p = {.g = tro_graph_create("", NULL)};
        add_sizes(&p);
        for (int i = 0; i < 4; i++)
            add_constant(&p, i % 3, i == 1 ? 3 : 2);
        for (int i = 0; i < 300 && p.n < N_VALUES; i++)
            try_node(&p);
        CHECK(tro_graph_verify(p.g, NULL) == 0);
        for (int i = 0; i < p.n; i++)
            tro_free(p.t[i].data);
        n_known += p.n_known;
        n_symbolic += p.n_symbolic;
        tro_dim_env_finish(&p.env);
        tro_graph_destroy(p.g);
    }
    test_check(n_known > 3000 && n_symbolic > 800, __FILE__, __LINE__,
               "only %d values known, %d of them with symbols", n_known, n_symbolic);
}
