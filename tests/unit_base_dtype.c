/* SPDX-License-Identifier: Apache-2.0 */
/* Element types: names, ranges, conversion of elements. */
#include "base/dtype.h"
#include "base/half.h"
#include "test.h"

#define N_INTS 10
static const struct {
    enum tro_dtype dtype;
    const char *name;
    int bits;
    bool is_signed;
} ints[N_INTS] = {
    {TRO_I8, "i8", 8, true},     {TRO_I16, "i16", 16, true},  {TRO_I32, "i32", 32, true},
    {TRO_I64, "i64", 64, true},  {TRO_I4, "i4", 4, true},     {TRO_U8, "u8", 8, false},
    {TRO_U16, "u16", 16, false}, {TRO_U32, "u32", 32, false}, {TRO_U64, "u64", 64, false},
    {TRO_U4, "u4", 4, false},
};

TEST(dtype_names)
{
    for (int d = TRO_DTYPE_NONE; d < TRO_N_DTYPES; d++)
        CHECK_INT(tro_dtype_from_name(tro_dtype_name((enum tro_dtype)d)), d);
    CHECK_STR(tro_dtype_name(TRO_F8E4M3FNUZ), "f8e4m3fnuz");
    CHECK_STR(tro_dtype_name(TRO_DTYPE_NONE), "none");
    CHECK_STR(tro_dtype_name(TRO_N_DTYPES), "none");
    CHECK_STR(tro_dtype_name((enum tro_dtype)(TRO_N_DTYPES + 5)), "none");
    CHECK_INT(tro_dtype_from_name("F32"), TRO_DTYPE_NONE);
    CHECK_INT(tro_dtype_from_name(""), TRO_DTYPE_NONE);
}

TEST(dtype_sizes)
{
    CHECK_INT(tro_dtype_size(TRO_F64), 8);
    CHECK_INT(tro_dtype_size(TRO_F32), 4);
    CHECK_INT(tro_dtype_size(TRO_BF16), 2);
    CHECK_INT(tro_dtype_size(TRO_F8E5M2), 1);
    CHECK_INT(tro_dtype_size(TRO_F4E2M1), 1);
    CHECK_INT(tro_dtype_size(TRO_U4), 1);
    CHECK_INT(tro_dtype_size(TRO_BOOL), 1);
    CHECK_INT(tro_dtype_size(TRO_DTYPE_NONE), 0);
    CHECK_INT(tro_dtype_size(TRO_N_DTYPES), 0);
    CHECK_INT(tro_dtype_bits(TRO_I4), 4);
    CHECK_INT(tro_dtype_bits(TRO_BOOL), 8);
}

TEST(dtype_classes)
{
    int n_floats = 0, n_signed = 0, n_unsigned = 0;
    for (int i = TRO_DTYPE_NONE; i <= TRO_N_DTYPES; i++) {
        const enum tro_dtype d = (enum tro_dtype)i;
        n_floats += tro_dtype_is_float(d);
        n_signed += tro_dtype_is_signed(d);
        n_unsigned += tro_dtype_is_unsigned(d);
        CHECK(tro_dtype_is_int(d) == (tro_dtype_is_signed(d) || tro_dtype_is_unsigned(d)));
        CHECK(tro_dtype_is_float(d) == (i && tro_dtype_name(d)[0] == 'f') || d == TRO_BF16);
    }
    CHECK_INT(n_floats, 9);
    CHECK_INT(n_signed, 5);
    CHECK_INT(n_unsigned, 5);
    for (int i = 0; i < N_INTS; i++)
        CHECK(tro_dtype_is_signed(ints[i].dtype) == ints[i].is_signed);
}

TEST(dtype_ranges)
{
    CHECK_INT(tro_dtype_min(TRO_I4), -8);
    CHECK_INT(tro_dtype_max(TRO_I4), 7);
    CHECK_INT(tro_dtype_min(TRO_U4), 0);
    CHECK_INT(tro_dtype_max(TRO_U4), 15);
    CHECK_INT(tro_dtype_min(TRO_I8), -128);
    CHECK_INT(tro_dtype_max(TRO_U8), 255);
    CHECK_INT(tro_dtype_min(TRO_I32), INT32_MIN);
    CHECK_INT(tro_dtype_max(TRO_U32), UINT32_MAX);
    CHECK_INT(tro_dtype_min(TRO_I64), INT64_MIN);
    CHECK_INT(tro_dtype_max(TRO_I64), INT64_MAX);
    CHECK_INT(tro_dtype_max(TRO_U64), INT64_MAX);
    CHECK_INT(tro_dtype_max(TRO_BOOL), 1);
    CHECK_INT(tro_dtype_max(TRO_F32), 0);
}

TEST(tensor_sizes)
{
    const struct tro_tensor t = {.dtype = TRO_F16, .rank = 3, .shape = {2, 3, 5}};
    CHECK_INT(tro_tensor_n_elems(&t), 30);
    CHECK_INT(tro_tensor_n_bytes(&t), 60);
    const struct tro_tensor scalar = {.dtype = TRO_F64, .rank = 0, .shape = {9}};
    CHECK_INT(tro_tensor_n_elems(&scalar), 1);
    CHECK_INT(tro_tensor_n_bytes(&scalar), 8);
    const struct tro_tensor empty = {.dtype = TRO_I4, .rank = 2, .shape = {4, 0}};
    CHECK_INT(tro_tensor_n_bytes(&empty), 0);
}

/* value modulo 2^bits, in the type's range: by division, not by masks as the library does it. */
static int64_t wrapped(int64_t value, int bits, bool is_signed)
{
    if (bits == 64)
        return value;
    const int64_t n = INT64_C(1) << bits, rest = (value % n + n) % n;
    return is_signed && rest >= n / 2 ? rest - n : rest;
}

static const int64_t samples[] = {0,         1,          -1,
                                  7,         8,          -8,
                                  -9,        15,         16,
                                  127,       128,        -128,
                                  -129,      255,        256,
                                  32767,     32768,      -32768,
                                  65535,     65536,      INT32_MAX,
                                  INT32_MIN, UINT32_MAX, INT64_C(1) << 32,
                                  INT64_MAX, INT64_MIN,  INT64_C(0x123456789abcdef)};
#define N_SAMPLES (sizeof(samples) / sizeof(*samples))

/* An odd address: elements of raw file data need not be aligned. */
static _Alignas(8) char memory[1 + 8 * 8];

TEST(ints_keep_low_bits)
{
    for (int k = 0; k < N_INTS; k++) {
        for (size_t i = 0; i < N_SAMPLES; i++) {
            const enum tro_dtype d = ints[k].dtype;
            const int64_t want = wrapped(samples[i], ints[k].bits, ints[k].is_signed);
            memset(memory, 0x55, sizeof(memory));
            tro_store_i64(d, memory + 1, 3, samples[i]);
            CHECK_INT(tro_load_i64(d, memory + 1, 3), want);
            const size_t size = tro_dtype_size(d);
            CHECK(memory[3 * size] == 0x55 && memory[1 + 4 * size] == 0x55);
            if (d == TRO_U64 && want < 0)
                CHECK_NEAR(tro_load_f64(d, memory + 1, 3), (double)(uint64_t)want, 0);
            else
                CHECK_NEAR(tro_load_f64(d, memory + 1, 3), (double)want, 0);
        }
    }
}

TEST(floats_truncate_and_wrap_into_ints)
{
    static const struct {
        double v;
        int64_t truncated;
    } rows[] = {
        {0.99, 0},
        {-0.99, 0},
        {1.5, 1},
        {-1.5, -1},
        {300.7, 300},
        {-300.7, -300},
        {1e10, 10000000000},
        {-4294967297.5, -4294967297},
        {0x1p62, INT64_C(1) << 62},
        {-0x1p63, INT64_MIN},
        {-0x1.8p63, INT64_MIN},
        {1e300, INT64_MIN},
        {NAN, INT64_MIN},
        {INFINITY, INT64_MIN},
        {-INFINITY, INT64_MIN},
    };
    for (int k = 0; k < N_INTS; k++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            tro_store_f64(ints[k].dtype, memory + 1, 1, rows[i].v);
            CHECK_INT(tro_load_i64(ints[k].dtype, memory + 1, 1),
                      wrapped(rows[i].truncated, ints[k].bits, ints[k].is_signed));
        }
    }
}

TEST(floats_into_u64)
{
    uint64_t v[1];
    tro_store_f64(TRO_U64, v, 0, 0x1p63);
    CHECK(v[0] == UINT64_C(1) << 63);
    tro_store_f64(TRO_U64, v, 0, 0x1.fffffffffffffp63);
    CHECK(v[0] == UINT64_C(0xfffffffffffff800));
    CHECK_NEAR(tro_load_f64(TRO_U64, v, 0), 0x1.fffffffffffffp63, 0);
    tro_store_f64(TRO_U64, v, 0, 0x1p64);
    CHECK(v[0] == UINT64_C(1) << 63);
    tro_store_f64(TRO_U64, v, 0, -1);
    CHECK(v[0] == UINT64_MAX);
    tro_store_f64(TRO_I64, v, 0, 0x1p63);
    CHECK(v[0] == UINT64_C(1) << 63);
}

TEST(four_bit_memory)
{
    int8_t s[1];
    tro_store_i64(TRO_I4, s, 0, 13);
    CHECK_INT(s[0], -3); /* sign-extended in memory */
    tro_store_f64(TRO_I4, s, 0, -8.9);
    CHECK_INT(s[0], -8);
    uint8_t u[1];
    tro_store_i64(TRO_U4, u, 0, -1);
    CHECK_INT(u[0], 15);
    u[0] = 0xf9; /* upper bits that do not belong to the value are not read */
    CHECK_INT(tro_load_i64(TRO_I4, u, 0), -7);
    CHECK_INT(tro_load_i64(TRO_U4, u, 0), 9);
    CHECK_NEAR(tro_load_f64(TRO_F4E2M1, u, 0), -0.5, 0);
}

TEST(bools)
{
    uint8_t b[1] = {7};
    CHECK_INT(tro_load_i64(TRO_BOOL, b, 0), 1);
    CHECK_NEAR(tro_load_f64(TRO_BOOL, b, 0), 1, 0);
    tro_store_i64(TRO_BOOL, b, 0, 256);
    CHECK_INT(b[0], 1);
    tro_store_f64(TRO_BOOL, b, 0, 0.25);
    CHECK_INT(b[0], 1);
    tro_store_f64(TRO_BOOL, b, 0, NAN);
    CHECK_INT(b[0], 1);
    tro_store_f64(TRO_BOOL, b, 0, -0.0);
    CHECK_INT(b[0], 0);
    tro_store_i64(TRO_BOOL, b, 0, 0);
    CHECK_INT(b[0], 0);
}

/* Each pattern of each narrow type comes back through double, and through rows. */
TEST(narrow_floats_round_trip)
{
    static const enum tro_dtype types[] = {TRO_F16,    TRO_BF16,       TRO_F8E4M3FN, TRO_F8E4M3FNUZ,
                                           TRO_F8E5M2, TRO_F8E5M2FNUZ, TRO_F4E2M1};
    static double wide[65536];
    static uint16_t in[65536], out[65536];
    for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++) {
        const enum tro_dtype d = types[k];
        const int64_t n = INT64_C(1) << tro_dtype_bits(d);
        const size_t size = tro_dtype_size(d);
        for (int64_t i = 0; i < n; i++) {
            const uint16_t bits = (uint16_t)i;
            memcpy((char *)in + (size_t)i * size, &bits, size);
        }
        tro_load_row_f64(d, in, 0, n, wide);
        tro_store_row_f64(d, out, 0, n, wide);
        for (int64_t i = 0; i < n; i++) {
            const double v = tro_load_f64(d, in, i);
            CHECK_OR_RETURN(memcmp(&v, &wide[i], sizeof(v)) == 0);
            uint16_t bits = 0;
            memcpy(&bits, (char *)out + (size_t)i * size, size);
            if (isnan(v))
                CHECK_OR_RETURN(isnan(tro_load_f64(d, &bits, 0)));
            else if (isinf(v) && d == TRO_F8E5M2)
                CHECK_OR_RETURN(bits == (v > 0 ? 0x7b : 0xfb)); /* saturates */
            else
                CHECK_OR_RETURN(bits == i);
        }
    }
}

TEST(floats_store_saturating_where_narrow)
{
    float f[1];
    tro_store_f64(TRO_F32, f, 0, 1e300);
    CHECK(isinf(f[0]));
    tro_store_f64(TRO_F32, f, 0, 0.1);
    CHECK(f[0] == 0.1f);
    uint8_t b[2];
    tro_store_f64(TRO_F8E5M2, b, 0, INFINITY);
    CHECK_INT(b[0], 0x7b);
    tro_store_i64(TRO_F8E4M3FN, b, 0, 1000);
    CHECK_INT(b[0], 0x7e);
    tro_store_f64(TRO_F16, b, 0, 1e6);
    CHECK(tro_load_f64(TRO_F16, b, 0) == (double)INFINITY);
    CHECK_INT(tro_load_i64(TRO_F16, b, 0), INT64_MIN);
    tro_store_f64(TRO_F16, b, 0, -2.75);
    CHECK_INT(tro_load_i64(TRO_F16, b, 0), -2);
}

/* Exact halves decided by a bit far below what a double holds. */
TEST(ints_into_floats_round_once)
{
    uint16_t h[1];
    const int64_t half = (INT64_C(1) << 62) + (INT64_C(1) << 54);
    tro_store_i64(TRO_BF16, h, 0, half);
    CHECK_NEAR(tro_load_f64(TRO_BF16, h, 0), 0x1p62, 0);
    tro_store_i64(TRO_BF16, h, 0, half + 1);
    CHECK_NEAR(tro_load_f64(TRO_BF16, h, 0), 0x1p62 + 0x1p55, 0);
    tro_store_i64(TRO_BF16, h, 0, -half - 1);
    CHECK_NEAR(tro_load_f64(TRO_BF16, h, 0), -0x1p62 - 0x1p55, 0);
    tro_store_i64(TRO_BF16, h, 0, INT64_MIN);
    CHECK_NEAR(tro_load_f64(TRO_BF16, h, 0), -0x1p63, 0);
    const int64_t f32_half = (INT64_C(1) << 62) + (INT64_C(1) << 38);
    float f[1];
    tro_store_i64(TRO_F32, f, 0, f32_half + 1);
    CHECK_NEAR(f[0], 0x1p62 + 0x1p39, 0);
    int64_t v[2] = {0, f32_half + 1};
    tro_load_row_f32(TRO_I64, v, 1, 1, f);
    CHECK_NEAR(f[0], 0x1p62 + 0x1p39, 0);
}

TEST(rows_do_as_elements)
{
    for (int k = TRO_DTYPE_NONE + 1; k < TRO_N_DTYPES; k++) {
        const enum tro_dtype d = (enum tro_dtype)k;
        const double in[5] = {-3.7, 200.4, 0.5, -0.0, 1e5};
        _Alignas(8) char row[64] = {0}, single[64] = {0};
        tro_store_row_f64(d, row, 2, 5, in);
        for (int i = 0; i < 5; i++)
            tro_store_f64(d, single, 2 + i, in[i]);
        CHECK(memcmp(row, single, sizeof(row)) == 0);
        double wide[5];
        float narrow[5];
        tro_load_row_f64(d, row, 2, 5, wide);
        tro_load_row_f32(d, row, 2, 5, narrow);
        for (int i = 0; i < 5; i++) {
            CHECK(wide[i] == tro_load_f64(d, row, 2 + i));
            CHECK(narrow[i] == (float)wide[i]);
        }
    }
}
