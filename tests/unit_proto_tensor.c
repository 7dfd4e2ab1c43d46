/* SPDX-License-Identifier: Apache-2.0 */
/* TensorProto to tensor and back: types, forms of data, sizes that lie, external data. */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "onnx/proto.h"
#include "proto_build.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_dims(struct tro_buf *b, int data_type, int rank, const int64_t *dims)
{
    for (int i = 0; i < rank; i++)
        put_int(b, 1, dims[i]);
    put_int(b, 2, data_type);
}

static void put_vector(struct tro_buf *b, int data_type, int64_t n)
{
    put_dims(b, data_type, 1, &n);
}

/* Decodes a message and empties its buffer: what went wrong, "" for nothing. The tensor is valid
 * until the next call. */
static const char *decoding(struct tro_buf *b, struct tro_tensor *out)
{
    static struct tro_err err;
    static struct tro_arena arena;
    tro_arena_finish(&arena);
    err = (struct tro_err){0};
    struct tro_onnx_tensor t;
    void *const bytes = b->n ? tro_arena_memdup(&arena, b->p, b->n) : NULL;
    const struct tro_str s = {bytes, b->n};
    tro_buf_finish(b);
    if (tro_onnx_read_tensor(&arena, s, &t, &err) >= 0)
        (void)tro_onnx_tensor_decode(NULL, &arena, &t, out, &err);
    if (err.status)
        tro_arena_finish(&arena);
    return err.text;
}

TEST(types_have_names_both_ways)
{
    for (int d = TRO_DTYPE_NONE + 1; d < TRO_N_DTYPES; d++)
        CHECK_INT(tro_onnx_to_dtype(tro_onnx_from_dtype((enum tro_dtype)d)), d);
    CHECK_INT(tro_onnx_from_dtype(TRO_DTYPE_NONE), TRO_ONNX_UNDEFINED);
    CHECK_INT(tro_onnx_to_dtype(TRO_ONNX_STRING), TRO_DTYPE_NONE);
    CHECK_INT(tro_onnx_to_dtype(-1), TRO_DTYPE_NONE);
    CHECK_INT(tro_onnx_to_dtype(99), TRO_DTYPE_NONE);
    CHECK_STR(tro_onnx_type_name(TRO_ONNX_BFLOAT16), "bfloat16");
    CHECK_STR(tro_onnx_type_name(99), "type 99");
    CHECK_STR(tro_onnx_type_name(-5), "type -5");
}

/* Values that every type can hold, through encode, write, read, decode. */
TEST(all_types_come_back)
{
    for (int d = TRO_DTYPE_NONE + 1; d < TRO_N_DTYPES; d++) {
        struct tro_arena arena = {0};
        struct tro_tensor t = {.dtype = (enum tro_dtype)d, .rank = 2, .shape = {3, 5}}, back;
        t.data = tro_arena_alloc64(&arena, 15 * 8);
        for (int i = 0; i < 15; i++)
            tro_store_i64(t.dtype, t.data, i, i % 2);
        struct tro_onnx_tensor message, read;
        struct tro_buf b = {0};
        CHECK_INT(tro_onnx_tensor_encode(&arena, TRO_STR("t"), &t, &message, NULL), 0);
        CHECK_INT(message.raw.n, tro_dtype_bits(t.dtype) == 4 ? 8 : tro_tensor_n_bytes(&t));
        tro_onnx_write_tensor(&message, &b);
        CHECK_INT(tro_onnx_read_tensor(&arena, str_of(&b), &read, NULL), 0);
        CHECK(tro_str_eqz(read.name, "t"));
        CHECK_INT(tro_onnx_tensor_decode(NULL, &arena, &read, &back, NULL), 0);
        CHECK(back.dtype == t.dtype && back.rank == 2 && back.shape[1] == 5);
        CHECK(memcmp(back.data, t.data, tro_tensor_n_bytes(&t)) == 0);
        CHECK_INT((uintptr_t)back.data % tro_dtype_size(t.dtype), 0);
        tro_arena_finish(&arena);
        tro_buf_finish(&b);
    }
}

TEST(int32_data_holds_narrow_types)
{
    static const struct {
        int data_type;
        int64_t in, out;
    } cases[] = {
        {TRO_ONNX_INT32, -2, -2},
        {TRO_ONNX_INT16, -300, -300},
        {TRO_ONNX_INT8, -128, -128},
        {TRO_ONNX_INT8, 255, -1},
        {TRO_ONNX_UINT8, 255, 255},
        {TRO_ONNX_UINT16, 65535, 65535},
        {TRO_ONNX_BOOL, 7, 1},
        {TRO_ONNX_BOOL, 256, 1},
        {TRO_ONNX_FLOAT16, 0x4200, 3},
        {TRO_ONNX_BFLOAT16, 0x4040, 3},
        {TRO_ONNX_FLOAT8E4M3FN, 0x38, 1},
        {TRO_ONNX_FLOAT8E5M2, 0x3c, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tro_buf b = {0};
        struct tro_tensor t;
        put_vector(&b, cases[i].data_type, 2);
        put_int(&b, 5, cases[i].in);
        put_int(&b, 5, 0);
        CHECK_STR(decoding(&b, &t), "");
        CHECK_INT(tro_load_i64(t.dtype, t.data, 0), cases[i].out);
        CHECK_INT(tro_load_i64(t.dtype, t.data, 1), 0);
    }
}

TEST(wide_types_have_fields_of_their_own)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_vector(&b, TRO_ONNX_INT64, 2);
    put_text(&b, 7, "\x05\x06");
    CHECK_STR(decoding(&b, &t), "");
    CHECK(((int64_t *)t.data)[0] == 5 && ((int64_t *)t.data)[1] == 6);
    put_vector(&b, TRO_ONNX_UINT64, 1);
    put_int(&b, 11, -1);
    CHECK_STR(decoding(&b, &t), "");
    CHECK(((uint64_t *)t.data)[0] == UINT64_MAX);
    put_vector(&b, TRO_ONNX_UINT32, 1);
    put_int(&b, 11, 0xffffffff);
    CHECK_STR(decoding(&b, &t), "");
    CHECK(((uint32_t *)t.data)[0] == UINT32_MAX);
    put_dims(&b, TRO_ONNX_DOUBLE, 0, NULL);
    tro_wire_put_bytes(&b, 10, (struct tro_str){"\0\0\0\0\0\0\xf8\x3f", 8});
    CHECK_STR(decoding(&b, &t), "");
    CHECK(t.rank == 0 && ((double *)t.data)[0] == 1.5);
    put_vector(&b, TRO_ONNX_FLOAT, 2);
    tro_wire_put_fixed32(&b, 4, 0x3f800000);
    tro_wire_put_fixed32(&b, 4, 0xbf800000);
    CHECK_STR(decoding(&b, &t), "");
    CHECK(((float *)t.data)[0] == 1 && ((float *)t.data)[1] == -1);
}

TEST(four_bits_are_taken_apart)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_vector(&b, TRO_ONNX_INT4, 3);
    put_text(&b, 9, "\xf7\x08");
    CHECK_STR(decoding(&b, &t), "");
    CHECK(memcmp(t.data, "\x07\xff\xf8", 3) == 0);
    put_vector(&b, TRO_ONNX_UINT4, 3);
    put_int(&b, 5, 0xf7);
    put_int(&b, 5, 8);
    CHECK_STR(decoding(&b, &t), "");
    CHECK(memcmp(t.data, "\x07\x0f\x08", 3) == 0);
    put_vector(&b, TRO_ONNX_UINT4, 3);
    put_text(&b, 9, "abc");
    CHECK_STR(decoding(&b, &t), "tensor '': expected 2 bytes of raw_data for u4 3, found 3");
}

TEST(raw_data_is_viewed_where_that_will_do)
{
    _Alignas(8) static const char bytes[12] = "\1\0\2\0\0\0\0\0\0\0\0";
    struct tro_arena arena = {0};
    int64_t dim = 4;
    struct tro_onnx_tensor t = {
        .dims = &dim, .n_dims = 1, .data_type = TRO_ONNX_INT16, .has_raw = true, .raw = {bytes, 8}};
    struct tro_tensor out;
    CHECK_INT(tro_onnx_tensor_decode(NULL, &arena, &t, &out, NULL), 0);
    CHECK(out.data == bytes);
    t.raw.p = bytes + 1;
    CHECK_INT(tro_onnx_tensor_decode(NULL, &arena, &t, &out, NULL), 0);
    CHECK((uintptr_t)out.data % 2 == 0 && memcmp(out.data, bytes + 1, 8) == 0);
    t = (struct tro_onnx_tensor){
        .dims = &dim, .n_dims = 1, .data_type = TRO_ONNX_BOOL, .has_raw = true, .raw = {bytes, 4}};
    CHECK_INT(tro_onnx_tensor_decode(NULL, &arena, &t, &out, NULL), 0);
    CHECK(out.data != bytes && memcmp(out.data, "\1\0\1\0", 4) == 0);
    t.raw.p = bytes + 4;
    CHECK_INT(tro_onnx_tensor_decode(NULL, &arena, &t, &out, NULL), 0);
    CHECK(out.data == bytes + 4);
    tro_arena_finish(&arena);
}

TEST(empty_tensors)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_dims(&b, TRO_ONNX_FLOAT, 2, (int64_t[]){0, 5});
    CHECK_STR(decoding(&b, &t), "");
    CHECK(t.data != NULL && tro_tensor_n_elems(&t) == 0);
    put_dims(&b, TRO_ONNX_INT4, 1, (int64_t[]){0});
    put_text(&b, 9, "");
    CHECK_STR(decoding(&b, &t), "");
    put_dims(&b, TRO_ONNX_INT64, 1, (int64_t[]){0});
    put_text(&b, 7, "");
    CHECK_STR(decoding(&b, &t), "");
}

TEST(counts_that_do_not_match)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_dims(&b, TRO_ONNX_FLOAT, 2, (int64_t[]){2, 3});
    put_text(&b, 9, "12345678901234567890");
    put_text(&b, 8, "w");
    CHECK_STR(decoding(&b, &t), "tensor 'w': expected 24 bytes of raw_data for f32 2x3, found 20");
    put_vector(&b, TRO_ONNX_FLOAT, 2);
    tro_wire_put_fixed32(&b, 4, 0);
    CHECK_STR(decoding(&b, &t), "tensor '': expected 2 numbers for f32 2, found 1");
    put_vector(&b, TRO_ONNX_INT64, 1);
    put_text(&b, 7, "\x01\x02");
    CHECK_STR(decoding(&b, &t), "tensor '': expected 1 numbers for i64 1, found 2");
    put_dims(&b, TRO_ONNX_INT8, 0, NULL);
    CHECK_STR(decoding(&b, &t), "tensor '': expected 1 numbers, or raw_data or external_data, for "
                                "i8 scalar, found 0");
    put_vector(&b, TRO_ONNX_INT64, 1);
    put_int(&b, 5, 1);
    CHECK_STR(decoding(&b, &t),
              "tensor '': expected i64 in raw_data or int64_data, found int32_data");
    put_vector(&b, TRO_ONNX_INT64, 1);
    put_int(&b, 7, 1);
    put_text(&b, 9, "12345678");
    CHECK_HAS(decoding(&b, &t), "expected data in one field, found raw_data and int64_data");
}

TEST(sizes_that_lie)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_vector(&b, TRO_ONNX_FLOAT, -1);
    CHECK_HAS(decoding(&b, &t), "expected dimensions of 0 or more, found -1");
    put_dims(&b, TRO_ONNX_FLOAT, 2, (int64_t[]){INT64_C(1) << 40, INT64_C(1) << 40});
    CHECK_HAS(decoding(&b, &t), "expected a size that fits 64 bits");
    put_dims(&b, TRO_ONNX_FLOAT, 3, (int64_t[]){0, INT64_C(1) << 40, INT64_C(1) << 40});
    CHECK_HAS(decoding(&b, &t), "expected a size that fits 64 bits");
    put_dims(&b, TRO_ONNX_DOUBLE, 1, (int64_t[]){INT64_MAX / 4});
    CHECK_HAS(decoding(&b, &t), "expected a size that fits 64 bits");
    put_vector(&b, TRO_ONNX_UINT4, INT64_MAX);
    put_text(&b, 9, "x");
    CHECK_HAS(decoding(&b, &t), "expected 4611686018427387904 bytes of raw_data");
    put_dims(&b, TRO_ONNX_INT8, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
    CHECK_HAS(decoding(&b, &t), "expected at most 8 dimensions, found 9");
}

TEST(kinds_of_tensors_that_are_refused)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_text(&b, 9, "");
    CHECK_STR(decoding(&b, &t), "expected a tensor with a data_type, found none");
    put_vector(&b, TRO_ONNX_STRING, 1);
    put_text(&b, 6, "text");
    CHECK_HAS(decoding(&b, &t), "expected elements of a real number type or bool, found string");
    put_vector(&b, TRO_ONNX_COMPLEX64, 1);
    CHECK_HAS(decoding(&b, &t), "found complex64");
    put_vector(&b, 77, 1);
    CHECK_HAS(decoding(&b, &t), "found type 77");
    put_vector(&b, TRO_ONNX_FLOAT, 0);
    put_text(&b, 3, "");
    CHECK_HAS(decoding(&b, &t), "expected a whole tensor, found a segment of one");
    put_vector(&b, TRO_ONNX_FLOAT, 0);
    put_int(&b, 14, 1);
    CHECK_HAS(decoding(&b, &t), "expected the data in the file itself, found external data");
}

/* ---- external data --------------------------------------------------------------------- */

/* folder/model.onnx is never written: only its folder counts.
 *     folder/w.bin  8 bytes      folder/sub/w.bin      folder/link -> w.bin
 *     folder/up -> sub           folder/pipe           */
struct external {
    char folder[64];
    struct tro_onnx_model model;
    struct tro_arena arena;
    struct tro_onnx_pair pairs[3];
    int64_t dim;
    struct tro_onnx_tensor t;
    struct tro_tensor out;
    struct tro_err err;
};

static char *path_in(const struct external *x, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", x->folder, name);
    return path;
}

static bool external_init(struct external *x)
{
    *x = (struct external){.folder = "/tmp/tro_unit_external_XXXXXX", .dim = 4};
    if (!CHECK(mkdtemp(x->folder) != NULL))
        return false;
    x->model.dir = x->folder;
    x->t = (struct tro_onnx_tensor){.name = TRO_STR("w"),
                                    .dims = &x->dim,
                                    .n_dims = 1,
                                    .data_type = TRO_ONNX_INT8,
                                    .is_external = true,
                                    .external = x->pairs};
    CHECK_INT(tro_file_write(path_in(x, "w.bin"), "abcdefgh", 8, NULL), 0);
    CHECK_INT(tro_dir_create(path_in(x, "sub"), NULL), 0);
    CHECK_INT(tro_file_write(path_in(x, "sub/w.bin"), "ABCDEFGH", 8, NULL), 0);
    CHECK_INT(symlink("w.bin", path_in(x, "link")), 0);
    CHECK_INT(symlink("sub", path_in(x, "up")), 0);
    CHECK_INT(mkfifo(path_in(x, "pipe"), 0600), 0);
    return true;
}

static void external_finish(struct external *x)
{
    static const char *const names[] = {"w.bin", "sub/w.bin", "sub", "link", "up", "pipe"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        CHECK_INT(remove(path_in(x, names[i])), 0);
    CHECK_INT(rmdir(x->folder), 0);
    tro_arena_finish(&x->arena);
}

static const char *reading_external(struct external *x, const char *location, const char *offset,
                                    const char *length)
{
    const char *const values[] = {location, offset, length};
    static const char *const keys[] = {"location", "offset", "length"};
    x->t.n_external = 0;
    for (int i = 0; i < 3; i++)
        if (values[i])
            x->pairs[x->t.n_external++] = (struct tro_onnx_pair){
                .key = {keys[i], strlen(keys[i])}, .value = {values[i], strlen(values[i])}};
    x->err = (struct tro_err){0};
    (void)tro_onnx_tensor_decode(&x->model, &x->arena, &x->t, &x->out, &x->err);
    return x->err.text;
}

TEST(external_data_is_read)
{
    struct external x;
    if (!external_init(&x))
        return;
    CHECK_STR(reading_external(&x, "w.bin", NULL, NULL), "");
    CHECK(memcmp(x.out.data, "abcd", 4) == 0);
    CHECK_STR(reading_external(&x, "w.bin", "4", "4"), "");
    CHECK(memcmp(x.out.data, "efgh", 4) == 0);
    CHECK_INT((uintptr_t)x.out.data % 64, 0);
    CHECK_STR(reading_external(&x, "./sub//w.bin", "2", NULL), "");
    CHECK(memcmp(x.out.data, "CDEF", 4) == 0);
    x.dim = 0;
    CHECK_STR(reading_external(&x, "w.bin", "8", "0"), "");
    external_finish(&x);
}

TEST(external_data_stays_in_the_folder)
{
    struct external x;
    if (!external_init(&x))
        return;
    static const char *const outside[] = {"/etc/passwd", "../w.bin", "sub/../w.bin", "sub/..",
                                          ".."};
    for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++)
        CHECK_HAS(reading_external(&x, outside[i], NULL, NULL),
                  "tensor 'w': external_data: expected a path within the model's folder, found '");
    CHECK_HAS(reading_external(&x, "link", NULL, NULL), "link: expected a file within the model's");
    CHECK_HAS(reading_external(&x, "up/w.bin", NULL, NULL), "up/w.bin: expected a file within");
    CHECK_HAS(reading_external(&x, "pipe", NULL, NULL), "pipe: expected a regular file");
    CHECK_HAS(reading_external(&x, "sub", NULL, NULL), "sub: expected a regular file");
    CHECK_HAS(reading_external(&x, ".", NULL, NULL), "expected a regular file");
    CHECK_HAS(reading_external(&x, "w.bin/x", NULL, NULL), "expected a file within");
    CHECK_HAS(reading_external(&x, "none", NULL, NULL), "none: cannot open: No such file");
    external_finish(&x);
}

TEST(external_data_that_does_not_match)
{
    struct external x;
    char longest[2000];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    if (!external_init(&x))
        return;
    CHECK_HAS(reading_external(&x, "w.bin", "5", NULL),
              "w.bin: expected 4 bytes from byte 5 on, found a file of 8 bytes");
    CHECK_HAS(reading_external(&x, "w.bin", "9223372036854775807", NULL),
              "found a file of 8 bytes");
    CHECK_HAS(reading_external(&x, "w.bin", NULL, "8"), "expected a length of 4 bytes, found 8");
    CHECK_HAS(reading_external(&x, "w.bin", "-1", NULL), "expected a number as offset, found '-1'");
    CHECK_HAS(reading_external(&x, "w.bin", "99999999999999999999", NULL), "a number as offset");
    CHECK_HAS(reading_external(&x, "w.bin", NULL, ""), "expected a number as length, found ''");
    CHECK_HAS(reading_external(&x, NULL, NULL, NULL), "expected a location, found none");
    CHECK_HAS(reading_external(&x, longest, NULL, NULL),
              "expected a location of at most 1023 bytes");
    x.dim = INT64_C(1) << 60;
    CHECK_HAS(reading_external(&x, "w.bin", NULL, NULL), "found a file of 8 bytes");
    external_finish(&x);
}

/* ---- memory ---------------------------------------------------------------------------- */

TEST(failing_allocations_of_decoding)
{
    struct external x;
    if (!external_init(&x))
        return;
    static const int types[] = {TRO_ONNX_INT8, TRO_ONNX_INT4, TRO_ONNX_BOOL};
    for (int form = 0; form < 3; form++) {
        bool is_done = false;
        int n = 0;
        for (; n < 20 && !is_done; n++) {
            tro_arena_finish(&x.arena);
            x.t.data_type = types[form];
            x.t.is_external = form == 0;
            x.t.typed_field = 5;
            x.t.typed = (struct tro_str){"\1\2\3\4", form == 0 ? 0 : form == 1 ? 2 : 4};
            tro_alloc_fail_after(n);
            is_done = strcmp(reading_external(&x, "w.bin", NULL, NULL), "") == 0;
            tro_alloc_fail_after(-1);
            if (!is_done)
                CHECK_HAS(x.err.text, "out of memory");
        }
        CHECK(is_done && n > 1);
    }
    external_finish(&x);
}
