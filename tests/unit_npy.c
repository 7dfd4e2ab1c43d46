/* SPDX-License-Identifier: Apache-2.0 */
/* .npy and other tensor files. What NumPy itself writes and reads is in test_wire.py. */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "io/npy.h"
#include "io/tensor_file.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A version 1 file of this dictionary and these elements. */
static void put_npy(struct tro_buf *b, const char *dictionary, const void *data, size_t n)
{
    tro_buf_put(b, "\x93NUMPY\x01\x00", 8);
    tro_buf_u16(b, (uint16_t)strlen(dictionary));
    tro_buf_str(b, dictionary);
    tro_buf_put(b, data, n);
}

/* What went wrong, "" for nothing. The tensor is valid until the next call. */
static const char *parsing(struct tro_buf *b, struct tro_tensor *out)
{
    static struct tro_err err;
    static struct tro_arena arena;
    tro_arena_finish(&arena);
    err = (struct tro_err){0};
    if (tro_npy_parse((struct tro_str){(const char *)b->p, b->n}, &arena, out, &err) < 0)
        tro_arena_finish(&arena);
    tro_buf_finish(b);
    return err.text;
}

static const char *parsing_header(const char *dictionary, const char *data)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_npy(&b, dictionary, data, strlen(data));
    return parsing(&b, &t);
}

TEST(what_is_written_is_what_numpy_writes)
{
    int16_t data[6] = {1, -2, 3, 4, 5, 6};
    const struct tro_tensor t = {TRO_I16, 2, {2, 3}, data};
    struct tro_buf b = {0};
    tro_npy_format(&t, &b);
    CHECK_INT(b.n, 128 + 12);
    CHECK(memcmp(b.p,
                 "\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', 'fortran_order': False, "
                 "'shape': (2, 3), }  ",
                 71) == 0);
    CHECK_INT(b.p[127], '\n');
    CHECK(memcmp(b.p + 128, data, 12) == 0);
    tro_buf_finish(&b);
}

TEST(all_types_come_back_as_numpy_has_them)
{
    static const struct {
        enum tro_dtype written, read;
    } types[] = {
        {TRO_BOOL, TRO_BOOL}, {TRO_I8, TRO_I8},         {TRO_I16, TRO_I16},
        {TRO_I32, TRO_I32},   {TRO_I64, TRO_I64},       {TRO_U8, TRO_U8},
        {TRO_U16, TRO_U16},   {TRO_U32, TRO_U32},       {TRO_U64, TRO_U64},
        {TRO_F16, TRO_F16},   {TRO_F32, TRO_F32},       {TRO_F64, TRO_F64},
        {TRO_BF16, TRO_U16},  {TRO_F8E4M3FN, TRO_U8},   {TRO_F8E4M3FNUZ, TRO_U8},
        {TRO_F8E5M2, TRO_U8}, {TRO_F8E5M2FNUZ, TRO_U8}, {TRO_F4E2M1, TRO_U8},
        {TRO_I4, TRO_I8},     {TRO_U4, TRO_U8},
    };
    CHECK_INT(sizeof(types) / sizeof(*types), TRO_N_DTYPES - 1);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        static const int64_t shapes[][3] = {{0, 0, 0}, {1, 5, 0}, {2, 2, 3}, {1, 0, 0}};
        for (size_t k = 0; k < 4; k++) {
            uint64_t data[8];
            struct tro_tensor t = {types[i].written,
                                   (int)shapes[k][0],
                                   {shapes[k][1], shapes[k][2]},
                                   data},
                              back;
            for (int j = 0; j < tro_tensor_n_elems(&t); j++)
                tro_store_i64(t.dtype, data, j, j % 2);
            struct tro_buf b = {0};
            tro_npy_format(&t, &b);
            CHECK_INT((b.n - tro_tensor_n_bytes(&t)) % 64, 0);
            CHECK_STR(parsing(&b, &back), "");
            CHECK(back.dtype == types[i].read && back.rank == t.rank);
            CHECK_INT(tro_tensor_n_bytes(&back), tro_tensor_n_bytes(&t));
            CHECK(memcmp(back.data, data, tro_tensor_n_bytes(&t)) == 0);
        }
    }
}

TEST(orders_are_turned)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    put_npy(&b, "{'descr': '>i2', 'fortran_order': False, 'shape': (2,)}", "\x01\x02\xff\xfe", 4);
    CHECK_STR(parsing(&b, &t), "");
    CHECK(((int16_t *)t.data)[0] == 0x102 && ((int16_t *)t.data)[1] == -2);
    put_npy(&b, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "abcdef", 6);
    CHECK_STR(parsing(&b, &t), "");
    CHECK(memcmp(t.data, "acebdf", 6) == 0);
    put_npy(&b, "{'descr': '=i2', 'fortran_order': True, 'shape': (2, 1, 2)}", "\1\0\2\0\3\0\4\0",
            8);
    CHECK_STR(parsing(&b, &t), "");
    CHECK(memcmp(t.data, "\1\0\3\0\2\0\4\0", 8) == 0);
    put_npy(&b, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", "\0\1\xfe", 3);
    CHECK_STR(parsing(&b, &t), "");
    CHECK(memcmp(t.data, "\0\1\1", 3) == 0);
}

TEST(dictionaries_of_other_writers)
{
    CHECK_STR(parsing_header("{'shape': (), 'descr': '<i4', 'fortran_order': False}", "1234"), "");
    CHECK_STR(parsing_header("{\"shape\":(1,),\"descr\":\"|u1\",\"fortran_order\":True}", "1"), "");
    CHECK_STR(parsing_header(
                  "  { 'shape' : ( 2L , 1L ) ,\n'descr':'<u1','fortran_order':False , } \n", "12"),
              "");
}

TEST(dictionaries_that_are_none)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "expected a dictionary in the header, found ''"},
        {"[]", "expected a dictionary in the header, found '[]'"},
        {"{", "expected text in quotes"},
        {"{}", "expected descr, fortran_order and shape in the header, found not all"},
        {"{'descr': '<f4', 'shape': ()}", "found not all"},
        {"{'descr': '<f4', 'descr': '<f4'", "once each in the header, found 'descr'"},
        {"{'color': 'red'", "once each in the header, found 'color'"},
        {"{'descr'", "expected ':' after a key"},
        {"{'descr: 1}", "expected text in quotes"},
        {"{'descr': 4", "expected text in quotes in the header, found '4'"},
        {"{'descr': [('a', '<f4')]", "expected text in quotes in the header, found '[("},
        {"{'descr': '<f4' 'shape'", "expected ',' or '}' after a value"},
        {"{'fortran_order': 0", "expected True or False"},
        {"{'shape': 3", "expected a shape in parentheses"},
        {"{'shape': (3", "expected ',' or ')' after a dimension"},
        {"{'shape': (3 4)", "expected ',' or ')' after a dimension"},
        {"{'shape': (-1,)", "expected a dimension of 0 or more in the header, found '-1,)'"},
        {"{'shape': (,)", "expected a dimension of 0 or more"},
        {"{'shape': (99999999999999999999,)", "expected dimensions that fit 64 bits"},
        {"{'shape': (1,1,1,1,1,1,1,1,1)", "expected at most 8 dimensions, found more"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "expected nothing after"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
         "4 bytes of data for f32 1, found 0"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
         "expected a size that fits 64 bits"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "expected a descr like '<f4'"},
        {"{'descr': '<U5', 'fortran_order': False, 'shape': ()}", "found '<U5'"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': ()}", "found '|O'"},
        {"{'descr': '|V2', 'fortran_order': False, 'shape': ()}", "found '|V2'"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': ()}", "found '|f4'"},
        {"{'descr': 'f4', 'fortran_order': False, 'shape': ()}", "found 'f4'"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': ()}", "found '<f16'"},
        {"{'descr': '', 'fortran_order': False, 'shape': ()}", "found ''"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        CHECK_HAS(parsing_header(cases[i].text, ""), cases[i].message);
    CHECK_HAS(parsing_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "12"),
              "expected 1 bytes of data for u8 1, found 2");
}

TEST(files_that_are_none)
{
    struct tro_buf b = {0};
    struct tro_tensor t;
    CHECK_HAS(parsing(&b, &t), "expected a .npy file, found no \"NUMPY\" at its start");
    tro_buf_str(&b, "PK\3\4 a zip file");
    CHECK_HAS(parsing(&b, &t), "expected a .npy file");
    tro_buf_put(&b, "\x93NUMPY\x04\x00\x10\x00\x00\x00", 12);
    CHECK_HAS(parsing(&b, &t), "expected .npy version 1 to 3, found 4.0");
    tro_buf_put(&b, "\x93NUMPY\x01", 7);
    CHECK_HAS(parsing(&b, &t), "the file is cut");
    tro_buf_put(&b, "\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14);
    CHECK_HAS(parsing(&b, &t), "expected a header of 4294967295 bytes, found 2: the file is cut");
}

TEST(versions_2_and_3_have_longer_headers)
{
    static const char text[] = "{'descr': '|u1', 'fortran_order': False, 'shape': ()}";
    for (uint8_t version = 2; version <= 3; version++) {
        struct tro_buf b = {0};
        struct tro_tensor t;
        tro_buf_put(&b, "\x93NUMPY", 6);
        tro_buf_u8(&b, version);
        tro_buf_u8(&b, 0);
        tro_buf_u32(&b, sizeof(text) - 1);
        tro_buf_str(&b, text);
        tro_buf_u8(&b, 'x');
        CHECK_STR(parsing(&b, &t), "");
        CHECK_INT(*(char *)t.data, 'x');
    }
}

/* ---- files ----------------------------------------------------------------------------- */

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static bool folder_create(void)
{
    strcpy(folder, "/tmp/tro_unit_npy_XXXXXX");
    return CHECK(mkdtemp(folder) != NULL);
}

TEST(tensor_files)
{
    if (!folder_create())
        return;
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    float data[3] = {1, 2, 3};
    const struct tro_tensor t = {TRO_F32, 1, {3}, data};
    static const char *const names[] = {"t.npy", "t.PB"};
    for (int i = 0; i < 2; i++) {
        struct tro_tensor back;
        CHECK_INT(tro_tensor_file_write(in_folder(names[i]), &t, &err), 0);
        CHECK_INT(tro_tensor_file_read(in_folder(names[i]), &arena, NULL, &back, &err), 0);
        CHECK(back.dtype == TRO_F32 && back.shape[0] == 3 && memcmp(back.data, data, 12) == 0);
        CHECK_INT((uintptr_t)back.data % 64, 0);
        CHECK_INT(unlink(in_folder(names[i])), 0);
    }
    CHECK_INT(tro_tensor_file_write(in_folder("t.txt"), &t, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "t.txt: expected a name that ends in .npy or .pb");
    CHECK_INT(rmdir(folder), 0);
    tro_arena_finish(&arena);
}

TEST(raw_files_take_their_type_from_the_caller)
{
    if (!folder_create())
        return;
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    struct tro_tensor as = {.dtype = TRO_BOOL, .rank = 2, .shape = {2, 3}}, back;
    CHECK_INT(tro_file_write(in_folder("x.bin"), "\0\1\2\0\1\0", 6, NULL), 0);
    CHECK_INT(tro_tensor_file_read(in_folder("x.bin"), &arena, &as, &back, &err), 0);
    CHECK(back.shape[1] == 3 && memcmp(back.data, "\0\1\1\0\1\0", 6) == 0);
    as.dtype = TRO_I16;
    CHECK_INT(tro_tensor_file_read(in_folder("x.bin"), &arena, &as, &back, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "x.bin: expected 12 bytes for i16 2x3, found 6");
    as.shape[0] = -1;
    CHECK_INT(tro_tensor_file_read(in_folder("x.bin"), &arena, &as, &back, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "x.bin: expected dimensions of 0 or more, found -1");
    CHECK_INT(tro_tensor_file_read(in_folder("x.bin"), &arena, NULL, &back, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "x.bin: expected a .npy or .pb file");
    CHECK_INT(unlink(in_folder("x.bin")), 0);
    CHECK_INT(tro_tensor_file_read(in_folder("x.npy"), &arena, NULL, &back, &err), TRO_E_IO);
    CHECK_HAS(err.text, "x.npy: cannot read");
    CHECK_INT(rmdir(folder), 0);
    tro_arena_finish(&arena);
}

TEST(failing_allocations_of_tensor_files)
{
    if (!folder_create())
        return;
    uint8_t data[3] = {1, 2, 3};
    const struct tro_tensor t = {TRO_U4, 1, {3}, data};
    static const char *const names[] = {"t.npy", "t.pb"};
    for (int i = 0; i < 2; i++) {
        bool is_done = false;
        int n = 0;
        for (; n < 50 && !is_done; n++) {
            struct tro_arena arena = {0};
            struct tro_err err = {0};
            struct tro_tensor back;
            tro_alloc_fail_after(n);
            is_done = tro_tensor_file_write(in_folder(names[i]), &t, &err) == 0 &&
                      tro_tensor_file_read(in_folder(names[i]), &arena, NULL, &back, &err) == 0;
            tro_alloc_fail_after(-1);
            if (!is_done)
                CHECK_HAS(err.text, "out of memory");
            tro_arena_finish(&arena);
        }
        CHECK(is_done && n > 2);
        CHECK_INT(unlink(in_folder(names[i])), 0);
    }
    CHECK_INT(rmdir(folder), 0);
}
