/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX Runtime as an engine, on models of one node written here byte by byte. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ort/ort.h"

/* ---- a model of one node ------------------------------------------------------------------- */

struct buf {
    uint8_t bytes[1500];
    size_t n;
};

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v > 127; v >>= 7)
        b->bytes[b->n++] = (uint8_t)(v | 128);
    b->bytes[b->n++] = (uint8_t)v;
}

static void put_int(struct buf *b, unsigned field, uint64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, v);
}

static void put_bytes(struct buf *b, unsigned field, const void *bytes, size_t n)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, n);
    memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
}

static void put_str(struct buf *b, unsigned field, const char *s)
{
    put_bytes(b, field, s, strlen(s));
}

static void put_msg(struct buf *b, unsigned field, const struct buf *msg)
{
    put_bytes(b, field, msg->bytes, msg->n);
}

enum { STRING = 8 }; /* ONNX numbers of element types without a name of ours */
enum { SEQUENCE = 4, OPTIONAL = 9 };

struct value {
    const char *name; /* NULL: none */
    int type;         /* ONNX number */
    const char *dims; /* one letter or digit each: "N3"; NULL: no shape at all */
    int wrapper;      /* 0, SEQUENCE or OPTIONAL of such tensors */
};

struct node {
    const char *op; /* NULL: a model without a node */
    struct value in[3], out;
    const float *init; /* one element: initializer for the last input, which stays an input */
    unsigned opset;
};

static void put_value(struct buf *graph, unsigned field, const struct value *v)
{
    struct buf info = {0}, type = {0}, tensor = {0}, shape = {0}, outer = {0}, of = {0};
    for (const char *d = v->dims; d && *d; d++) {
        struct buf dim = {0};
        if (*d >= '0' && *d <= '9')
            put_int(&dim, 1, (uint64_t)(*d - '0'));
        else
            put_bytes(&dim, 2, d, 1);
        put_msg(&shape, 1, &dim);
    }
    put_int(&tensor, 1, (uint64_t)v->type);
    if (v->dims)
        put_msg(&tensor, 2, &shape);
    put_msg(&type, 1, &tensor);
    if (v->wrapper) {
        put_msg(&of, 1, &type);
        put_msg(&outer, (unsigned)v->wrapper, &of);
    }
    put_str(&info, 1, v->name);
    put_msg(&info, 2, v->wrapper ? &outer : &type);
    put_msg(graph, field, &info);
}

static struct buf model_of(const struct node *n)
{
    struct buf model = {0}, graph = {0}, node = {0}, opset = {0};
    const char *last = NULL;
    for (int i = 0; i < 3 && n->in[i].name; i++)
        put_str(&node, 1, last = n->in[i].name);
    put_str(&node, 2, n->out.name);
    if (n->op)
        put_str(&node, 4, n->op);
    if (n->op)
        put_msg(&graph, 1, &node);
    put_str(&graph, 2, "g");
    if (n->init) {
        struct buf init = {0};
        put_int(&init, 1, 1);
        put_int(&init, 2, 1);
        put_str(&init, 8, last);
        put_bytes(&init, 9, n->init, sizeof *n->init);
        put_msg(&graph, 5, &init);
    }
    for (int i = 0; i < 3 && n->in[i].name; i++)
        put_value(&graph, 11, &n->in[i]);
    put_value(&graph, 12, &n->out);
    put_int(&opset, 2, n->opset ? n->opset : 13);
    put_int(&model, 1, n->opset > 21 ? 11 : n->opset > 18 ? 10 : 7);
    put_msg(&model, 7, &graph);
    put_msg(&model, 8, &opset);
    return model;
}

static const float three = 3;
static const struct node mul3 = {
    "Mul", {{"x", 1, "N2", 0}, {"w", 1, "1", 0}}, {"y", 1, "N2", 0}, &three, 0};

/* ---- helpers --------------------------------------------------------------------------------- */

static int open_node(struct tro_ort **o, const struct node *n, const struct tro_ort_opts *opts,
                     struct tro_err *err)
{
    const struct buf m = model_of(n);
    return tro_ort_open_memory(o, m.bytes, m.n, opts, err);
}

static struct tro_err open_err;

/* NULL when the library works, else why it cannot be tested. One that is named must work. */
static const char *missing(void)
{
    const char *const named = getenv("TROCAR_ORT_LIBRARY");
    struct tro_ort *o = NULL;
    const int rc = open_node(&o, &mul3, NULL, &open_err);
    tro_ort_close(o);
    return rc == TRO_E_DEVICE && !(named && *named) ? open_err.text : NULL;
}

#define NEEDS_LIBRARY        \
    do {                     \
        if (missing())       \
            SKIP(missing()); \
    } while (0)

static int run1(struct tro_ort *o, const struct tro_tensor *x, struct tro_err *err)
{
    const struct tro_tensor *const inputs[] = {x};
    return tro_ort_run(o, inputs, 1, err);
}

/* One call of the library, with the message of err when the result is another. */
#define CHECK_RC(call, want)                                                                  \
    do {                                                                                      \
        const int rc_ = (call);                                                               \
        test_check(rc_ == (want), __FILE__, __LINE__, "%s = %d, expected %d: %s", #call, rc_, \
                   (int)(want), err.text);                                                    \
    } while (0)

/* Opens and expects a refusal. */
static void check_refused(const struct node *n, int status, const char *part)
{
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    CHECK_RC(open_node(&o, n, NULL, &err), status);
    CHECK_INT(err.status, status);
    CHECK_HAS(err.text, part);
    CHECK(!o);
}

/* ---- the library ----------------------------------------------------------------------------- */

TEST(ort_missing_library_is_a_device_error)
{
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    const struct tro_ort_opts opts = {.library = "/nonexistent/libonnxruntime.so"};
    CHECK_RC(open_node(&o, &mul3, &opts, &err), TRO_E_DEVICE);
    CHECK_HAS(err.text, "/nonexistent/libonnxruntime.so");
    CHECK(!o);
}

TEST(ort_other_library_is_a_device_error)
{
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    const struct tro_ort_opts opts = {.library = "libm.so.6"};
    CHECK_RC(open_node(&o, &mul3, &opts, &err), TRO_E_DEVICE);
    CHECK_HAS(err.text, "no function OrtGetApiBase");
    CHECK_HAS(err.text, "TROCAR_ORT_LIBRARY");
}

TEST(ort_options_are_checked)
{
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    CHECK_RC(open_node(&o, &mul3, &(struct tro_ort_opts){.graph_optimization = 7}, &err),
             TRO_E_INPUT);
    CHECK_HAS(err.text, "0, 1, 2 or 99, not 7");
    CHECK_RC(open_node(&o, &mul3, &(struct tro_ort_opts){.n_threads = -1}, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "not -1");
}

/* ---- models ---------------------------------------------------------------------------------- */

TEST(ort_runs_with_symbolic_dimensions)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    CHECK_OR_RETURN(open_node(&o, &mul3, NULL, &err) == 0);
    CHECK(strncmp(tro_ort_version(o), "1.", 2) == 0);
    CHECK_INT(tro_ort_n_inputs(o), 1); /* w has an initializer */
    CHECK_INT(tro_ort_n_outputs(o), 1);
    const struct tro_io_info x = tro_ort_input_info(o, 0), y = tro_ort_output_info(o, 0);
    CHECK_STR(x.name, "x");
    CHECK_STR(y.name, "y");
    CHECK_INT(x.dtype, TRO_F32);
    CHECK_INT(x.rank, 2);
    CHECK_INT(x.shape[0], -1);
    CHECK_INT(x.shape[1], 2);
    CHECK_STR(x.dim_name[0], "N");
    CHECK_STR(x.dim_name[1], "");
    struct tro_tensor out;
    CHECK_RC(tro_ort_output(o, 0, &out, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "before a successful run");
    for (int n = 3; n >= 0; n--) { /* 0: a tensor without elements and without data */
        float data[] = {1, 2, 3, 4, 5, -6};
        CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {n, 2}, n ? data : NULL}, &err), 0);
        CHECK_OR_RETURN(tro_ort_output(o, 0, &out, &err) == 0);
        CHECK_INT(out.dtype, TRO_F32);
        CHECK_INT(out.rank, 2);
        CHECK_INT(out.shape[0], n);
        CHECK_INT(out.shape[1], 2);
        for (int i = 0; i < 2 * n; i++)
            CHECK_NEAR(((const float *)out.data)[i], 3 * data[i], 0);
    }
    CHECK_RC(tro_ort_output(o, 1, &out, &err), TRO_E_INPUT);
    CHECK_RC(tro_ort_output(o, -1, &out, &err), TRO_E_INPUT);
    tro_ort_close(o);
}

/* Bits go in and come out unchanged: the operators copy. The library has none for f4e2m1,
 * which the next test carries. */
static const struct copy_row {
    enum tro_dtype dtype;
    int type;
    const char *op;
    unsigned opset;
    int modulus; /* of the bytes tried */
} copy_rows[] = {
    {TRO_F32, 1, "Identity", 13, 256},         {TRO_U8, 2, "Identity", 13, 256},
    {TRO_I8, 3, "Identity", 13, 256},          {TRO_U16, 4, "Identity", 13, 256},
    {TRO_I16, 5, "Identity", 13, 256},         {TRO_I32, 6, "Identity", 13, 256},
    {TRO_I64, 7, "Identity", 13, 256},         {TRO_BOOL, 9, "Identity", 13, 2},
    {TRO_F16, 10, "Identity", 13, 256},        {TRO_F64, 11, "Identity", 13, 256},
    {TRO_U32, 12, "Identity", 13, 256},        {TRO_U64, 13, "Identity", 13, 256},
    {TRO_BF16, 16, "Identity", 13, 256},       {TRO_F8E4M3FN, 17, "Identity", 19, 256},
    {TRO_F8E4M3FNUZ, 18, "Identity", 19, 256}, {TRO_F8E5M2, 19, "Identity", 19, 256},
    {TRO_F8E5M2FNUZ, 20, "Identity", 19, 256}, {TRO_U4, 21, "Transpose", 21, 16},
    {TRO_I4, 22, "Transpose", 21, 16},
};

static void check_copy(struct tro_ort *o, const struct copy_row *row, int64_t n)
{
    struct tro_err err = {0};
    uint8_t data[8 * 32];
    for (int i = 0; i < 8 * 32; i++) {
        const int v = (37 * i + 11) % row->modulus;
        data[i] = (uint8_t)(row->dtype == TRO_I4 ? v - 8 : v);
    }
    const struct tro_tensor x = {row->dtype, 1, {n}, data};
    struct tro_tensor y = {0};
    CHECK_RC(run1(o, &x, &err), 0);
    CHECK_RC(tro_ort_output(o, 0, &y, &err), 0);
    CHECK_OR_RETURN(y.data != NULL);
    CHECK_INT(y.dtype, row->dtype);
    CHECK_INT(y.rank, 1);
    CHECK_INT(y.shape[0], n);
    test_check(memcmp(y.data, data, tro_tensor_n_bytes(&x)) == 0, __FILE__, __LINE__,
               "%s: bits changed", tro_dtype_name(row->dtype));
}

TEST(ort_carries_every_element_type)
{
    NEEDS_LIBRARY;
    const int n_rows = sizeof copy_rows / sizeof *copy_rows;
    CHECK_INT(n_rows, TRO_N_DTYPES - 2); /* all but none and f4e2m1 */
    for (int r = 0; r < n_rows; r++) {
        const struct copy_row *const row = &copy_rows[r];
        const struct value x = {"x", row->type, "N", 0}, y = {"y", row->type, "N", 0};
        const struct node n = {row->op, {x}, y, NULL, row->opset};
        struct tro_err err = {0};
        struct tro_ort *o = NULL;
        CHECK_RC(open_node(&o, &n, NULL, &err), 0);
        if (!o)
            continue;
        CHECK_INT(tro_ort_input_info(o, 0).dtype, row->dtype);
        CHECK_INT(tro_ort_output_info(o, 0).dtype, row->dtype);
        check_copy(o, row, 31); /* odd: half a byte is left over in 4-bit types */
        check_copy(o, row, 32);
        tro_ort_close(o);
    }
}

/* A model whose input is its output: the library hands back the memory it was given. */
TEST(ort_copies_an_output_that_is_an_input)
{
    NEEDS_LIBRARY;
    static const struct {
        enum tro_dtype dtype;
        int type;
    } rows[] = {{TRO_U8, 2}, {TRO_I4, 22}, {TRO_F4E2M1, 23}};
    for (int r = 0; r < 3; r++) {
        const struct value x = {"x", rows[r].type, "N", 0};
        const struct node n = {NULL, {x}, x, NULL, 23};
        struct tro_err err = {0};
        struct tro_ort *o = NULL;
        CHECK_RC(open_node(&o, &n, NULL, &err), 0);
        CHECK_OR_RETURN(o != NULL);
        uint8_t data[] = {1, 0, 7, 3, 2};
        struct tro_tensor y = {0};
        CHECK_RC(run1(o, &(struct tro_tensor){rows[r].dtype, 1, {5}, data}, &err), 0);
        memset(data, 4, sizeof data);
        CHECK_RC(tro_ort_output(o, 0, &y, &err), 0);
        CHECK_OR_RETURN(y.data != NULL);
        CHECK_INT(y.dtype, rows[r].dtype);
        CHECK(memcmp(y.data, "\1\0\7\3\2", 5) == 0);
        tro_ort_close(o);
    }
}

TEST(ort_tells_scalars_from_unknown_rank)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    const struct node n = {"Add", {{"x", 1, NULL, 0}, {"s", 1, "", 0}}, {"y", 1, NULL, 0}, NULL, 0};
    CHECK_OR_RETURN(open_node(&o, &n, NULL, &err) == 0);
    CHECK_INT(tro_ort_input_info(o, 0).rank, -1);
    CHECK_INT(tro_ort_input_info(o, 1).rank, 0);
    float data[] = {1, 2}, half = 0.5f;
    const struct tro_tensor x = {TRO_F32, 3, {1, 2, 1}, data}, s = {TRO_F32, 0, {0}, &half};
    struct tro_tensor y;
    CHECK_RC(tro_ort_run(o, (const struct tro_tensor *const[]){&x, &s}, 2, &err), 0);
    CHECK_OR_RETURN(tro_ort_output(o, 0, &y, &err) == 0);
    CHECK_INT(y.rank, 3);
    CHECK_NEAR(((const float *)y.data)[1], 2.5, 0);
    CHECK_RC(tro_ort_run(o, (const struct tro_tensor *const[]){&x, &x}, 2, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "input 's' takes shape scalar, got 1x2x1");
    tro_ort_close(o);
}

TEST(ort_refuses_what_is_no_tensor_of_numbers)
{
    NEEDS_LIBRARY;
    const struct node strings = {
        "Identity", {{"x", STRING, "N", 0}}, {"y", STRING, "N", 0}, NULL, 0};
    check_refused(&strings, TRO_E_UNSUPPORTED, "input 'x' has elements of type string");
    const struct node sequence = {
        "SequenceConstruct", {{"x", 1, "N", 0}}, {"y", 1, "N", SEQUENCE}, NULL, 0};
    check_refused(&sequence, TRO_E_UNSUPPORTED, "output 'y' is a sequence");
    const struct node optional = {
        "OptionalHasElement", {{"x", 1, "N", OPTIONAL}}, {"y", 9, "", 0}, NULL, 18};
    check_refused(&optional, TRO_E_UNSUPPORTED, "input 'x' is an optional value");
}

TEST(ort_refuses_inputs_that_do_not_fit)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    CHECK_OR_RETURN(open_node(&o, &mul3, NULL, &err) == 0);
    double data[4] = {0};
    struct tro_tensor out;
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {2, 2}, data}, &err), 0);
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F64, 2, {2, 2}, data}, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "input 'x' takes f32, got f64");
    CHECK_RC(tro_ort_output(o, 0, &out, &err), TRO_E_INPUT);
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {2, 1}, data}, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "input 'x' takes shape ?x2, got 2x1");
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 1, {2}, data}, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "input 'x' takes shape ?x2, got 2");
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {-1, 2}, data}, &err), TRO_E_INPUT);
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {INT64_MAX / 4, 2}, data}, &err),
             TRO_E_INPUT);
    CHECK_STR(err.text, "input 'x': not a valid shape");
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, TRO_MAX_RANK + 1, {0}, data}, &err),
             TRO_E_INPUT);
    CHECK_RC(tro_ort_run(o, NULL, 0, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "the model takes 1 inputs, got 0");
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {2, 2}, data}, &err), 0);
    tro_ort_close(o);
}

TEST(ort_errors_become_ours)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    CHECK_RC(tro_ort_open_memory(&o, "no model", 8, NULL, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "onnxruntime: ");
    CHECK_RC(tro_ort_open(&o, "/nonexistent/net.onnx", NULL, &err), TRO_E_IO);
    CHECK_HAS(err.text, "/nonexistent/net.onnx");
    const struct node unknown = {"NoSuch", {{"x", 1, "N", 0}}, {"y", 1, "N", 0}, NULL, 0};
    check_refused(&unknown, TRO_E_INPUT, "NoSuch");

    const struct node gather = {
        "Gather", {{"x", 1, "N", 0}, {"i", 7, "M", 0}}, {"y", 1, "M", 0}, NULL, 0};
    CHECK_OR_RETURN(open_node(&o, &gather, NULL, &err) == 0);
    float data[2] = {0};
    int64_t index = 5;
    const struct tro_tensor x = {TRO_F32, 1, {2}, data}, i = {TRO_I64, 1, {1}, &index};
    CHECK_RC(tro_ort_run(o, (const struct tro_tensor *const[]){&x, &i}, 2, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "onnxruntime: ");
    CHECK_HAS(err.text, "Gather");
    CHECK(!strchr(err.text, '\n'));
    tro_ort_close(o);
}

TEST(ort_keeps_subnormal_numbers)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    CHECK_OR_RETURN(open_node(&o, &mul3, NULL, &err) == 0);
    float data[] = {1e-41f, -1e-45f};
    struct tro_tensor y;
    CHECK_RC(run1(o, &(struct tro_tensor){TRO_F32, 2, {1, 2}, data}, &err), 0);
    CHECK_OR_RETURN(tro_ort_output(o, 0, &y, &err) == 0);
    CHECK(((const float *)y.data)[0] == 3 * data[0]);
    CHECK(((const float *)y.data)[1] == 3 * data[1]);
    tro_ort_close(o);
}

TEST(ort_sessions_live_side_by_side)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *a = NULL, *b = NULL;
    const struct tro_ort_opts opts = {.graph_optimization = 1, .n_threads = 2, .spin = true};
    float data[] = {1, 2};
    const struct tro_tensor x = {TRO_F32, 2, {1, 2}, data};
    struct tro_tensor y;
    CHECK_RC(open_node(&a, &mul3, NULL, &err), 0);
    CHECK_RC(open_node(&b, &mul3, &opts, &err), 0);
    CHECK_OR_RETURN(a && b);
    tro_ort_close(a);
    CHECK_OR_RETURN(run1(b, &x, &err) == 0);
    CHECK_RC(tro_ort_output(b, 0, &y, &err), 0);
    CHECK_NEAR(((const float *)y.data)[1], 6, 0);
    tro_ort_close(b);
    tro_ort_close(NULL);
}

/* ---- files and memory ------------------------------------------------------------------------ */

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *const f = fopen(path, "wb");
    CHECK_OR_RETURN(f != NULL);
    CHECK(fwrite(bytes, 1, n, f) == n);
    CHECK(fclose(f) == 0);
}

TEST(ort_saves_the_optimized_graph)
{
    NEEDS_LIBRARY;
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    char dir[] = P_tmpdir "/unit_ort_XXXXXX", model[64], saved[64], part[70];
    CHECK_OR_RETURN(mkdtemp(dir) != NULL);
    snprintf(model, sizeof model, "%s/model.onnx", dir);
    snprintf(saved, sizeof saved, "%s/saved.onnx", dir);
    snprintf(part, sizeof part, "%s.part", saved);
    const struct tro_ort_opts opts = {.graph_optimization = 1, .save_optimized = saved};

    write_file(model, "garbage", 7);
    write_file(saved, "before", 6);
    CHECK_RC(tro_ort_open(&o, model, &opts, &err), TRO_E_INPUT);
    char before[7] = {0};
    FILE *const f = fopen(saved, "rb");
    CHECK(f && fread(before, 1, 6, f) == 6);
    if (f)
        fclose(f);
    CHECK_STR(before, "before");

    const struct buf m = model_of(&mul3);
    write_file(model, m.bytes, m.n);
    CHECK_RC(tro_ort_open(&o, model, &opts, &err), 0);
    tro_ort_close(o);
    CHECK_RC(tro_ort_open(&o, saved, NULL, &err), 0);
    tro_ort_close(o);
    CHECK(access(part, F_OK) != 0);

    const struct tro_ort_opts nowhere = {.save_optimized = "/nonexistent/saved.onnx"};
    CHECK(tro_ort_open(&o, model, &nowhere, &err) < 0);
    CHECK_HAS(err.text, "/nonexistent/saved.onnx");
    remove(model);
    remove(saved);
    CHECK(rmdir(dir) == 0);
}

TEST(ort_survives_failing_allocations)
{
    NEEDS_LIBRARY;
    const struct node n = {"Transpose", {{"x", 22, "N", 0}}, {"y", 22, "N", 0}, NULL, 21};
    int8_t data[] = {1, -2, 7};
    const struct tro_tensor x = {TRO_I4, 1, {3}, data};
    int n_failed = 0, rc = TRO_E_NOMEM;
    for (int64_t after = 0; rc == TRO_E_NOMEM && after < 1000; after++) {
        struct tro_err err = {0};
        struct tro_ort *o = NULL;
        tro_alloc_fail_after(after);
        rc = open_node(&o, &n, NULL, &err);
        if (rc == 0)
            rc = run1(o, &x, &err);
        tro_ort_close(o);
        tro_alloc_fail_after(-1);
        n_failed += rc == TRO_E_NOMEM;
    }
    CHECK_INT(rc, 0);
    CHECK(n_failed >= 4); /* the object, its arena, the packed input, the unpacked output */
}
