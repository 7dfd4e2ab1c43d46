/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of graphs: what is printed reads back, what is wrong is said with its line. */
#include "base/alloc.h"
#include "base/err.h"
#include "graph/graph.h"
#include "graph/text.h"
#include "graph/text_read.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static struct tro_graph *parse(const char *text, struct tro_err *err)
{
    return tro_graph_parse((struct tro_str){text, strlen(text)}, "test", err);
}

/* Of the graph as text; the caller frees it. */
static char *print(const struct tro_graph *g, int64_t max_const)
{
    struct tro_buf b = {0};
    tro_graph_print(g, max_const, &b);
    tro_buf_u8(&b, 0);
    CHECK(!b.failed);
    return (char *)b.p;
}

/* Reads, verifies and prints the text, and does so again with what was printed. */
static void check_prints(const char *text, const char *expected)
{
    struct tro_err err = {0};
    const char *source = text;
    char *printed = NULL;
    for (int round = 0; round < 2; round++) {
        struct tro_graph *const g = parse(source, &err);
        if (!test_check(g != NULL, __FILE__, __LINE__, "%s", err.text))
            break;
        test_check(tro_graph_verify(g, &err) == 0, __FILE__, __LINE__, "%s", err.text);
        char *const now = print(g, -1);
        CHECK_STR(now, expected);
        tro_free(printed);
        source = printed = now;
        tro_graph_destroy(g);
    }
    tro_free(printed);
}

TEST(text_empty)
{
    check_prints("graph \"\"", "graph \"\"\n");
    check_prints("# a comment\n graph \"x\\\"\\\\\\x07\" # another", "graph \"x\\\"\\\\\\x07\"\n");
}

static const char whole[] = "graph \"unet\"\n"
                            "symbol N 1..8\n"
                            "symbol u3 0..\n"
                            "symbol \"odd name\" ..7\n"
                            "input %x : f32[N,3,H,W]\n"
                            "input %\"a/b:0\" : i64[\"odd name\"+1]\n"
                            "input %any : f16[*]\n"
                            "input %s : u8[]\n"
                            "const %w : f32[2,3,3,3] = splat 0.5\n"
                            "const %k : f32[2,2] = 1 0.5 nan -inf\n"
                            "const %none : i32[0,4] =\n"
                            "%y = conv(%x, %w) {strides = [2,2], dilations = [1,1], "
                            "pads = [1,1,1,1], group = 1} : f32[N,2,(H+1)/2,(W+1)/2] \"conv 1\"\n"
                            "%m, %at = pool(%y) {kernel = [2,2], strides = [2,2], "
                            "dilations = [1,1], pads = [0,0,0,0]} "
                            ": f32[N,2,(H+1)/4,(W+1)/4], i64[N,2,(H+1)/4,(W+1)/4]\n"
                            "%n = nonzero(%y) : i64[4,u3]\n"
                            "%z = neg(%any) : f16[*]\n"
                            "output %m, %n, %z, %k, %none, %m\n";

TEST(text_whole)
{
    check_prints(whole, whole);
}

TEST(text_loose)
{
    check_prints("graph\n\"g\"input%x:f32[ 2 , 3 ]%y=add(%x,%x)%0=neg(%y):f32[2,3]\"n\"output%0",
                 "graph \"g\"\n"
                 "input %x : f32[2,3]\n"
                 "%y = add(%x, %x) : f32[2,3]\n"
                 "%0 = neg(%y) : f32[2,3] \"n\"\n"
                 "output %0\n");
}

/* Types that are more general than inference stay, types with other sizes do not pass. */
TEST(text_types_agree)
{
    check_prints("graph \"\" input %x : f32[2,3] %y = neg(%x) : f32[K,3] %z = neg(%x) : f32[*]",
                 "graph \"\"\n"
                 "input %x : f32[2,3]\n"
                 "%y = neg(%x) : f32[K,3]\n"
                 "%z = neg(%x) : f32[*]\n");
}

TEST(text_absent)
{
    check_prints("graph \"\" input %x : f32[4,6] const %s : i64[3] = 1 2 3\n"
                 "_, %v1, _ = split(%x, %s) {axis = -1} : _, f32[4,2], f32[4,3] output %v1",
                 "graph \"\"\n"
                 "input %x : f32[4,6]\n"
                 "const %s : i64[3] = 1 2 3\n"
                 "_, %v1, _ = split(%x, %s) {axis = -1} : _, f32[4,2], _\n"
                 "output %v1\n");
}

static const char control[] = "graph \"control\"\n"
                              "input %c : bool[]\n"
                              "input %x : f32[2]\n"
                              "const %trips : i64[] = 3\n"
                              "const %two : f32[] = 2\n"
                              "%y = if(%c, %x) {\n"
                              "  input %a : f32[2]\n"
                              "  %b = mul(%a, %two) : f32[2]\n"
                              "  output %b\n"
                              "} {\n"
                              "  input %d : f32[2]\n"
                              "  output %d\n"
                              "} : f32[2] \"choice\"\n"
                              "%last, %all = loop(%trips, %c, %y, %c) "
                              "{n_carried = 1, n_captures = 1} {\n"
                              "  input %i : i64[]\n"
                              "  input %go : bool[]\n"
                              "  input %v : f32[2]\n"
                              "  input %c2 : bool[]\n"
                              "  %w = if(%c2, %v) {\n"
                              "    input %p : f32[2]\n"
                              "    output %p\n"
                              "  } {\n"
                              "    input %q : f32[2]\n"
                              "    %r = neg(%q) : f32[2]\n"
                              "    output %r\n"
                              "  } : f32[2]\n"
                              "  output %go, %w, %w\n"
                              "} : f32[2], f32[3,2]\n"
                              "output %last, %all\n";

TEST(text_control)
{
    /* The trip count is a bound: the condition may end the loop before. */
    struct tro_err err = {0};
    struct tro_graph *const g = parse(control, &err);
    if (!test_check(g != NULL, __FILE__, __LINE__, "%s", err.text))
        return;
    char *const text = print(g, -1);
    tro_graph_destroy(g);
    check_prints(text, text);
    CHECK_HAS(text, "  %w = if(%c2, %v) {\n    input %p : f32[2]\n");
    tro_free(text);
}

TEST(text_leaves_out_large_constants)
{
    struct tro_err err = {0};
    struct tro_graph *const g = parse("graph \"\" const %a : i8[3] = 1 2 3 const %b : i8[2] = 4 5 "
                                      "output %a, %b",
                                      &err);
    CHECK_OR_RETURN(g != NULL);
    char *const text = print(g, 2);
    CHECK_STR(text, "graph \"\"\nconst %a : i8[3] = ...\nconst %b : i8[2] = 4 5\noutput %a, %b\n");
    CHECK(parse(text, &err) == NULL);
    CHECK_HAS(err.text, "test:2: expected an element of type i8, found '...'");
    tro_free(text);
    tro_graph_destroy(g);
}

/* ---- constants of every type, bit for bit ----------------------------------------------- */

static uint64_t random_state = 7;

static uint64_t random_bits(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state ^ random_state >> 29;
}

static void fill(enum tro_dtype dtype, uint8_t *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        bytes[i] = (uint8_t)(random_bits() >> 24);
        if (dtype == TRO_BOOL)
            bytes[i] &= 1;
        if (dtype == TRO_U4 || dtype == TRO_F4E2M1)
            bytes[i] &= 15;
        if (dtype == TRO_I4)
            bytes[i] = (uint8_t)((bytes[i] & 15) - 8);
    }
}

static void check_constant(enum tro_dtype dtype, int64_t n, bool is_splat)
{
    uint8_t data[8 * 100];
    struct tro_err err = {0};
    const size_t size = tro_dtype_size(dtype);
    const struct tro_tensor t = {.dtype = dtype, .rank = 1, .shape = {n}, .data = data};
    fill(dtype, data, sizeof(data));
    for (int64_t i = 1; is_splat && i < n; i++)
        memcpy(data + (size_t)i * size, data, size);
    struct tro_graph *const g = tro_graph_create("c", &err);
    tro_value_id v;
    CHECK_OR_RETURN(g && tro_graph_add_const(g, "k", &t, &v, &err) == 0);
    CHECK(tro_block_add_output(g, TRO_MAIN_BLOCK, v, &err) == 0);
    char *const text = print(g, -1);
    struct tro_graph *const again = parse(text, &err);
    if (test_check(again != NULL, __FILE__, __LINE__, "%s\n%s", err.text, text)) {
        const struct tro_tensor got = tro_const_tensor(
            again, tro_block_get(again, TRO_MAIN_BLOCK)->outputs[0]);
        test_check(got.dtype == dtype && got.shape[0] == n &&
                       memcmp(got.data, data, (size_t)n * size) == 0,
                   __FILE__, __LINE__, "%s", text);
    }
    tro_free(text);
    tro_graph_destroy(again);
    tro_graph_destroy(g);
}

TEST(text_constants)
{
    for (int d = 1; d < TRO_N_DTYPES; d++)
        for (int round = 0; round < 30; round++) {
            check_constant((enum tro_dtype)d, 1 + round % 5, false);
            check_constant((enum tro_dtype)d, 62 + round % 4, false);
            check_constant((enum tro_dtype)d, 3 + round, true);
        }
}

/* Every pattern of the narrow types on its own. */
TEST(text_all_patterns)
{
    for (int d = 1; d < TRO_N_DTYPES; d++) {
        const enum tro_dtype dtype = (enum tro_dtype)d;
        if (tro_dtype_size(dtype) > 2)
            continue;
        for (uint32_t bits = 0; bits < 1u << 8 * tro_dtype_size(dtype); bits++) {
            const uint16_t before = (uint16_t)bits;
            uint16_t after = 0;
            struct tro_buf b = {0};
            if (!tro_text_is_valid(dtype, &before, 1))
                continue;
            tro_text_print_element(dtype, &before, 0, &b);
            const bool is_read = tro_text_read_element(
                dtype, (struct tro_str){(const char *)b.p, b.n}, &after, 0);
            test_check(is_read && after == before, __FILE__, __LINE__, "%s %04x prints as %.*s",
                       tro_dtype_name(dtype), bits, (int)b.n, (const char *)b.p);
            tro_buf_finish(&b);
        }
    }
}

TEST(text_number_forms)
{
    float f[8] = {0};
    static const char *const good[] = {"0x1p+0", "1e0", "+1.0", "1.", "@3f800000", "1", "100e-2"};
    static const char *const bad[] = {"",   "1x",   "@",        "@3f8000000", "@3F800000", "--1",
                                      "e1", "0x1p", "nan(0x1)", "..",         "one"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct tro_str word = {good[i], strlen(good[i])};
        CHECK(tro_text_read_element(TRO_F32, word, f, 1) && f[1] == 1.0f);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        test_check(!tro_text_read_element(TRO_F32, (struct tro_str){bad[i], strlen(bad[i])}, f, 1),
                   __FILE__, __LINE__, "read \"%s\"", bad[i]);
    CHECK(f[0] == 0 && f[2] == 0);
    uint64_t u = 0;
    CHECK(tro_text_read_element(TRO_U64, TRO_STR("18446744073709551615"), &u, 0));
    CHECK(u == UINT64_MAX);
    CHECK(!tro_text_read_element(TRO_U64, TRO_STR("18446744073709551616"), &u, 0));
    CHECK(!tro_text_read_element(TRO_U64, TRO_STR("-1"), &u, 0));
    CHECK(tro_text_read_element(TRO_I64, TRO_STR("-9223372036854775808"), &u, 0));
    CHECK(u == (uint64_t)1 << 63);
    CHECK(!tro_text_read_element(TRO_I64, TRO_STR("9223372036854775808"), &u, 0));
    CHECK(!tro_text_read_element(TRO_I8, TRO_STR("128"), &u, 0));
    CHECK(!tro_text_read_element(TRO_I8, TRO_STR("1.0"), &u, 0));
    CHECK(!tro_text_read_element(TRO_I4, TRO_STR("8"), &u, 0));
    CHECK(!tro_text_read_element(TRO_BOOL, TRO_STR("2"), &u, 0));
    CHECK(!tro_text_read_element(TRO_F4E2M1, TRO_STR("@10"), &u, 0));
}

TEST(text_base64)
{
    uint8_t data[7], back[7];
    for (size_t n = 0; n <= sizeof(data); n++) {
        struct tro_buf b = {0};
        fill(TRO_U8, data, sizeof(data));
        tro_text_print_base64(data, n, &b);
        CHECK(tro_text_read_base64((struct tro_str){(const char *)b.p, b.n}, back, n));
        CHECK(memcmp(data, back, n) == 0);
        CHECK(!tro_text_read_base64((struct tro_str){(const char *)b.p, b.n}, back, n + 3));
        tro_buf_finish(&b);
    }
    CHECK(tro_text_read_base64(TRO_STR("TWFu"), back, 3) && memcmp(back, "Man", 3) == 0);
    CHECK(tro_text_read_base64(TRO_STR("TWE="), back, 2) && memcmp(back, "Ma", 2) == 0);
    CHECK(!tro_text_read_base64(TRO_STR("TWF="), back, 2)); /* bits that belong to no byte */
    CHECK(!tro_text_read_base64(TRO_STR("TW=="), back, 2));
    CHECK(!tro_text_read_base64(TRO_STR("T?Fu"), back, 3));
}

/* ---- attributes of every operator ------------------------------------------------------- */

static void fill_field(struct tro_reader *r, const struct tro_attr_field *f, char *field)
{
    struct tro_ints *const ints = (void *)field;
    struct tro_dim_list *const dims = (void *)field;
    const int n = 1 + (int)(random_bits() % TRO_MAX_INTS);
    int n_names = 0;
    switch (f->type) {
    case TRO_ATTR_INT:
        *(int64_t *)(void *)field = (int64_t)(random_bits() | 1);
        break;
    case TRO_ATTR_FLT:
        *(double *)(void *)field = (double)(int64_t)random_bits() / 3e17;
        break;
    case TRO_ATTR_STR:
        *(const char **)(void *)field = "ij,\"jk\" -> \\ik\n\xc3\xa9\xff";
        break;
    case TRO_ATTR_DTYPE:
        *(enum tro_dtype *)(void *)field = (enum tro_dtype)(1 + random_bits() % (TRO_N_DTYPES - 1));
        break;
    case TRO_ATTR_INTS:
        ints->n = n;
        for (int i = 0; i < n; i++)
            ints->v[i] = (int64_t)random_bits();
        break;
    case TRO_ATTR_DIMS:
        dims->n = n;
        for (int i = 0; i < n; i++)
            dims->v[i] = tro_dim_add(&r->g->dims,
                                     tro_dim_symbol(&r->g->dims, TRO_STR("K"), 0, TRO_DIM_MAX),
                                     tro_dim_const((int64_t)(random_bits() % 100)));
        break;
    case TRO_ATTR_ENUM:
        while (f->enum_names[n_names])
            n_names++;
        *(int *)(void *)field = 1 + (int)(random_bits() % (uint64_t)(n_names - 1));
        break;
    }
}

static void check_op_attrs(struct tro_reader *r, enum tro_op op)
{
    const struct tro_op_info *const info = tro_op_info(op);
    char *const attrs = tro_arena_alloc(&r->g->arena, 1, info->attrs_size);
    char *const back = tro_arena_alloc(&r->g->arena, 1, info->attrs_size);
    CHECK_OR_RETURN(attrs && back);
    for (const struct tro_attr_field *f = info->fields(); f->name; f++)
        fill_field(r, f, attrs + f->offset);
    struct tro_buf b = {0};
    tro_text_print_attrs(&r->g->dims, op, attrs, &b);
    r->text = (struct tro_str){(const char *)b.p, b.n};
    r->pos = 0;
    if (info->fields()->name)
        test_check(tro_read_attrs(r, op, back) == 0 && r->pos == b.n, __FILE__, __LINE__,
                   "%s: %.*s: %s", info->text, (int)b.n, (const char *)b.p, r->err->text);
    CHECK(tro_attrs_equal(op, attrs, back));
    /* A change of any field is noticed. */
    for (const struct tro_attr_field *f = info->fields(); f->name; f++) {
        memcpy(back, attrs, info->attrs_size);
        back[f->offset] ^= 1;
        if (f->type == TRO_ATTR_STR)
            *(const char **)(void *)(back + f->offset) = "other";
        test_check(!tro_attrs_equal(op, attrs, back), __FILE__, __LINE__, "%s.%s", info->text,
                   f->name);
    }
    tro_buf_finish(&b);
}

TEST(text_attrs)
{
    struct tro_err err = {0};
    struct tro_reader r = {.name = "test", .g = tro_graph_create("", &err), .err = &err};
    CHECK_OR_RETURN(r.g != NULL);
    for (int op = 0; op < TRO_N_OPS; op++)
        for (int round = 0; round < 5; round++)
            check_op_attrs(&r, (enum tro_op)op);
    tro_graph_destroy(r.g);
}

/* ---- what is wrong ---------------------------------------------------------------------- */

static const struct {
    const char *text, *message;
} wrong[] = {
    {"", "test:1: expected 'graph' and a quoted name, found the end"},
    {"\n\ngrap", "test:3: expected 'graph' and a quoted name, found 'grap'"},
    {"graph x", "test:1: expected a quoted text, found 'x'"},
    {"graph \"a\"\n\nfoo", "test:3: expected a statement (symbol, input, const, %value"},
    {"graph \"a\" }", "expected a statement, found '}'"},
    {"graph \"a\"\ninput x", "test:2: expected '%', found 'x'"},
    {"graph \"a\" input %", "expected a name after %, found the end"},
    {"graph \"a\" input %\"\" : f32[]", "expected a name that is not taken"},
    {"graph \"a\" input %x : f33[]", "expected an element type, found 'f33[]'"},
    {"graph \"a\" input %x : f32", "expected '[', found the end"},
    {"graph \"a\" input %x : f32[1,", "expected a size, found the end"},
    {"graph \"a\" input %x : f32[-3]", "expected sizes of 0 and more, found -3"},
    {"graph \"a\" input %x : f32[1,1,1,1,1,1,1,1,1]", "expected at most 8 sizes"},
    {"graph \"a\" input %x : f32[3000000000,3000000000]", "more bytes than memory has addresses"},
    {"graph \"a\" input %x : f32[2] input %x : f32[2]", "expected a name that is not taken"},
    {"graph \"a\" input %x : f32[K] symbol K 1..2", "expected each symbol to be declared once"},
    {"graph \"a\" symbol K 3..2", "expected bounds in order"},
    {"graph \"a\" symbol K 1", "expected '.', found the end"},
    {"graph \"a\" const %c : f32[2] = 1 ", "expected an element of type f32, found the end"},
    {"graph \"a\" const %c : i8[2] = 1 200", "expected an element of type i8, found '200'"},
    {"graph \"a\" const %c : f32[K] = 1", "expected a constant with sizes that are numbers"},
    {"graph \"a\" const %c : f32[*] = 1", "expected a constant with a rank"},
    {"graph \"a\" const %c : f32[99999999] = 1", "expected an element for each place"},
    {"graph \"a\" const %c : f32[99999999] = splat 1", "expected at most 16777216 elements"},
    {"graph \"a\" const %c : u8[3] = base64 \"TW\"", "expected base64 of the constant's size"},
    {"graph \"a\" const %c : u8[3] = base64 \"TWFu", "expected base64 of the constant's size"},
    {"graph \"a\" const %c : bool[3] = base64 \"TWFu\"", "expected base64 of valid elements"},
    {"graph \"a\"\n%y = foo()", "test:2: expected an operator, found 'foo()'"},
    {"graph \"a\"\n%y = neg(%x)", "test:2: expected a value that is defined before, found '%x)'"},
    {"graph \"a\"\n%y = neg(%y)", "expected a value that is defined before, found '%y)'"},
    {"graph \"a\" input %x : f32[2] %y, %y = neg(%x)", "expected a name that is not taken"},
    {"graph \"a\" input %x : f32[2]\n%y, %z = neg(%x) \"n\"",
     "test:2: neg: expected 1 output, found 2"},
    {"graph \"a\" input %x : f32[2]\n%y = add(%x) \"n\"",
     "test:2: add: expected 2 inputs, found 1"},
    {"graph \"a\" input %x : f32[2]\n%y = add(%x, _) \"n\"",
     "test:2: add: expected 2 inputs, found 1"},
    {"graph \"a\" input %x : f32[2]\n%y = add(_, %x)", "input 0 is absent, but add needs it"},
    {"graph \"a\" input %x : f32[2] input %z : f32[3]\n%y = add(%x, %z)", "2 and 3"},
    {"graph \"a\" input %x : f32[2] input %z : i8[2]\n%y = add(%x, %z)",
     "test:2: add: input 0: expected type i8 as input 1, found f32"},
    {"graph \"a\" input %x : f32[2]\n\n%y = neg(%x) : f32[3]",
     "test:3: value 'y': expected a type that agrees with f32[2], found another shape"},
    {"graph \"a\" input %x : f32[N]\n%y = neg(%x) : f32[N+1]", "found another shape"},
    {"graph \"a\" input %x : f32[2]\n%y = neg(%x) : f16[2]", "found another type"},
    {"graph \"a\" input %x : f32[2]\n%y = softmax(%x) {axi = 1}",
     "expected an attribute of this operator, each once, found 'axi'"},
    {"graph \"a\" input %x : f32[2]\n%y = softmax(%x) {axis = 1, axis = 1}", "each once"},
    {"graph \"a\" input %x : f32[2]\n%y = softmax(%x) {axis = one}", "expected an integer"},
    {"graph \"a\" input %x : f32[2]\n%y = reduce(%x) {kind = sun}", "expected a name this attrib"},
    {"graph \"a\" input %x : f32[2]\n%y = cast(%x) {to = f31}", "expected an element type"},
    {"graph \"a\" %y = dims() {values = [1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7]}", "at most 16 sizes"},
    {"graph \"a\" input %x : bool[]\n%y = if(%x) { output %x } { output %x }",
     "output 'x' is no value of this block"},
    {"graph \"a\" input %x : bool[] %y = if(%x) {%z = neg(%x)} {}", "belongs to another block"},
    {"graph \"a\" input %x : bool[] %y = if(%x)", "expected 2 blocks"},
    {"graph \"a\" input %x : f32[] %y = neg(%x) {}", "expected 0 blocks"},
    {"graph \"a\" output _", "is no value of this block"},
    {"graph \"a\" output %x", "expected a value that is defined before"},
};

TEST(text_wrong)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct tro_err err = {0};
        struct tro_graph *const g = parse(wrong[i].text, &err);
        test_check(g == NULL, __FILE__, __LINE__, "accepted: %s", wrong[i].text);
        test_check(strstr(err.text, wrong[i].message) != NULL && err.status == TRO_E_INPUT,
                   __FILE__, __LINE__, "%s\ngives \"%s\" (%d)\nwanted \"%s\"", wrong[i].text,
                   err.text, err.status, wrong[i].message);
        tro_graph_destroy(g);
    }
}

TEST(text_zero_byte)
{
    struct tro_err err = {0};
    CHECK(tro_graph_parse((struct tro_str){"graph \"a\"\0foo", 13}, "test", &err) == NULL);
    CHECK_HAS(err.text, "expected a statement");
}

TEST(text_cut_anywhere)
{
    for (size_t n = 0; n + 2 < sizeof(whole); n++) {
        struct tro_err err = {0};
        /* From the heap and without a zero, so that a sanitizer sees a read past the end. */
        char *const copy = malloc(n + 1);
        memcpy(copy, whole, n);
        struct tro_graph *const g = tro_graph_parse((struct tro_str){copy, n}, "cut", &err);
        if (!g)
            CHECK_HAS(err.text, "cut:");
        tro_graph_destroy(g);
        free(copy);
    }
}

TEST(text_nesting)
{
    struct tro_buf b = {0};
    struct tro_err err = {0};
    tro_buf_str(&b, "graph \"\" input %x : bool[] %y = if(%x) {");
    for (int i = 0; i < 50000; i++)
        tro_buf_printf(&b, "input %%x%d : bool[] %%y%d = if(%%x%d) {", i, i, i);
    CHECK(tro_graph_parse((struct tro_str){(const char *)b.p, b.n}, "deep", &err) == NULL);
    CHECK_HAS(err.text, "deep:1: expected at most 32 nested blocks");
    tro_buf_finish(&b);
}

TEST(text_out_of_memory)
{
    struct tro_err err;
    struct tro_graph *g = NULL;
    static const char *const texts[] = {whole, control};
    for (size_t i = 0; i < 2; i++) {
        int64_t n = 0;
        for (; !g && n < 5000; n++) {
            err = (struct tro_err){0};
            tro_alloc_fail_after(n);
            g = parse(texts[i], &err);
            tro_alloc_fail_after(-1);
            if (!g)
                CHECK_INT(err.status, TRO_E_NOMEM);
        }
        CHECK(g != NULL && n > 10);
        tro_graph_destroy(g);
        g = NULL;
    }
}

TEST(text_print_and_verify_out_of_memory)
{
    struct tro_err err = {0};
    struct tro_graph *const g = parse(whole, &err);
    CHECK_OR_RETURN(g != NULL);
    for (int64_t n = 0;; n++) {
        struct tro_buf b = {0};
        tro_alloc_fail_after(n);
        tro_graph_print(g, -1, &b);
        const int rc = b.failed ? 0 : tro_graph_verify(g, &err);
        tro_alloc_fail_after(-1);
        const bool is_done = !b.failed && rc == 0;
        tro_buf_finish(&b);
        if (is_done)
            break;
        CHECK_OR_RETURN(n < 5000 && (rc == 0 || rc == TRO_E_NOMEM));
    }
    tro_graph_destroy(g);
}
