/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format: fields, and what is none. */
#include "onnx/wire.h"
#include "test.h"

static struct tro_bytes bytes_of(const char *p, size_t n)
{
    return tro_bytes_of(p, n);
}

TEST(wire_reads_fields)
{
    static const char m[] = "\x08\x96\x01\x12\x02hi\x1d\x01\x02\x03\x04\x21\x01\0\0\0\0\0\0\x80";
    struct tro_bytes b = bytes_of(m, sizeof(m) - 1);
    struct tro_wire_field f;
    CHECK_INT(tro_wire_next(&b, m, &f, NULL), 1);
    CHECK_INT(f.number, 1);
    CHECK_INT(f.type, TRO_WIRE_VARINT);
    CHECK_INT(f.value, 150);
    CHECK_INT(f.whole.n, 3);
    CHECK_INT(tro_wire_next(&b, m, &f, NULL), 1);
    CHECK_INT(f.type, TRO_WIRE_BYTES);
    CHECK(tro_str_eqz(f.body, "hi"));
    CHECK_INT(f.whole.n, 4);
    CHECK_INT(tro_wire_next(&b, m, &f, NULL), 1);
    CHECK_INT(f.type, TRO_WIRE_FIXED32);
    CHECK_INT(f.value, 0x04030201);
    CHECK_INT(f.body.n, 4);
    CHECK_INT(tro_wire_next(&b, m, &f, NULL), 1);
    CHECK_INT(f.number, 4);
    CHECK(f.value == UINT64_C(0x8000000000000001));
    CHECK_INT(tro_wire_next(&b, m, &f, NULL), 0);
}

TEST(wire_refuses_damage)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } cases[] = {
        {"\x0b\x0c", 2, "expected no group, found field 1 as one at byte 0"},
        {"\x0c", 1, "no group"},
        {"\x0e", 1, "expected wire type 0, 1, 2 or 5, found 6 at byte 0"},
        {"\x0f", 1, "found 7"},
        {"\x00\x00", 2, "expected a field number of 1 to 536870911, found 0"},
        {"\x80\x80\x80\x80\x10\x00", 6, "found 536870912"},
        {"\x08", 1, "field 1 at byte 0: expected a varint, found it cut"},
        {"\x08\x80", 2, "expected a varint"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "expected a varint"},
        {"\x80", 1, "cut or endless tag"},
        {"\x0d\x01\x02\x03", 4, "expected a fixed32"},
        {"\x09\x01\x02\x03", 4, "expected a fixed64"},
        {"\x0a\x05hi", 4, "field 1 at byte 0: expected 5 bytes, found 2"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "expected 18446744073709551615 bytes"},
        {"\x0a", 1, "expected a bytes"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tro_bytes b = bytes_of(cases[i].bytes, cases[i].n);
        struct tro_wire_field f;
        struct tro_err err = {0};
        CHECK_INT(tro_wire_next(&b, cases[i].bytes, &f, &err), TRO_E_INPUT);
        CHECK_HAS(err.text, cases[i].message);
        b = bytes_of(cases[i].bytes, cases[i].n);
        CHECK(!tro_wire_skim(&b, &f));
    }
}

TEST(wire_writes_lengths_of_any_size)
{
    static const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct tro_buf b = {0};
        tro_buf_u8(&b, 0x42);
        const size_t mark = tro_wire_begin(&b, 100);
        for (size_t j = 0; j < sizes[i]; j++)
            tro_buf_u8(&b, (uint8_t)(j * 7));
        tro_wire_end(&b, mark);
        struct tro_bytes r = tro_bytes_of(b.p + 1, b.n - 1);
        struct tro_wire_field f = {0};
        CHECK(tro_wire_skim(&r, &f));
        CHECK_INT(f.number, 100);
        CHECK_INT(f.body.n, sizes[i]);
        CHECK_INT(tro_bytes_left(&r), 0);
        bool is_same = true;
        for (size_t j = 0; j < f.body.n; j++)
            is_same = is_same && (uint8_t)f.body.p[j] == (uint8_t)(j * 7);
        CHECK(is_same);
        tro_buf_finish(&b);
    }
}
