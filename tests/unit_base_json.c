/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer. */
#include "base/alloc.h"
#include "base/json.h"
#include "test.h"

#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static void check_text(struct tro_json *j, const char *want)
{
    tro_buf_u8(&j->buf, 0);
    if (CHECK(!j->buf.failed))
        CHECK_STR((const char *)j->buf.p, want);
    tro_json_finish(j);
}

TEST(json_nesting)
{
    struct tro_json j = {0};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "device", "cpu");
    tro_json_array_begin(&j, "shape");
    tro_json_int(&j, NULL, 1);
    tro_json_int(&j, NULL, INT64_MIN);
    tro_json_array_end(&j);
    tro_json_object_begin(&j, "latency_ms");
    tro_json_number(&j, "p50", 0.25);
    tro_json_null(&j, "energy");
    tro_json_object_end(&j);
    tro_json_array_begin(&j, "none");
    tro_json_array_end(&j);
    tro_json_object_begin(&j, "empty");
    tro_json_object_end(&j);
    tro_json_bool(&j, "pass", true);
    tro_json_bool(&j, "late", false);
    tro_json_object_end(&j);
    CHECK_INT(j.depth, 0);
    check_text(&j, "{\n"
                   "  \"device\": \"cpu\",\n"
                   "  \"shape\": [\n"
                   "    1,\n"
                   "    -9223372036854775808\n"
                   "  ],\n"
                   "  \"latency_ms\": {\n"
                   "    \"p50\": 0.25,\n"
                   "    \"energy\": null\n"
                   "  },\n"
                   "  \"none\": [],\n"
                   "  \"empty\": {},\n"
                   "  \"pass\": true,\n"
                   "  \"late\": false\n"
                   "}\n");
}

TEST(json_top_level_values)
{
    struct tro_json j = {0};
    tro_json_int(&j, NULL, 7);
    tro_json_array_begin(&j, NULL);
    tro_json_array_begin(&j, NULL);
    tro_json_array_end(&j);
    tro_json_array_end(&j);
    tro_json_string(&j, NULL, "");
    check_text(&j, "7\n[\n  []\n]\n\"\"\n");
}

TEST(json_escapes)
{
    struct tro_json j = {0};
    tro_json_string(&j, NULL, "a\"b\\c/\n\t\r\x01\x1f\x7f é€😀");
    check_text(&j, "\"a\\\"b\\\\c/\\n\\t\\u000d\\u0001\\u001f\x7f é€😀\"\n");
    tro_json_object_begin(&j, NULL);
    tro_json_int(&j, "k\"\xff", 1);
    tro_json_object_end(&j);
    check_text(&j, "{\n  \"k\\\"\xef\xbf\xbd\": 1\n}\n");
    tro_json_string(&j, NULL, "\xc3\xed\xa0\x80x"); /* cut, and a surrogate: three stray bytes */
    check_text(&j, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"\n");
}

static void number_text(double v, char *text, size_t n)
{
    struct tro_json j = {0};
    tro_json_number(&j, NULL, v);
    snprintf(text, n, "%.*s", (int)j.buf.n - 1, (const char *)j.buf.p);
    tro_json_finish(&j);
}

TEST(json_numbers)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {100, "100"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {1e21, "1e+21"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "5e-324"},
        {1e-310, "1e-310"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {9007199254740992, "9007199254740992"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[64];
        number_text(rows[i].v, text, sizeof(text));
        CHECK_STR(text, rows[i].text);
    }
}

static int n_digits(const char *text)
{
    int n = 0;
    for (; *text && *text != 'e'; text++)
        n += (*text >= '1' && *text <= '9') || (*text == '0' && n > 0);
    return n;
}

/* Random bit patterns: each reads back, and no print with fewer digits does. */
TEST(json_numbers_read_back)
{
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = state ^ state >> 29;
        if (i % 4 == 1)
            bits &= 0x800fffffffffffff; /* subnormal */
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (i % 4 == 2)
            v = (double)(int64_t)(bits % 2000000) / 1000;
        if (!isfinite(v) || v == 0)
            continue;
        char text[64], fewer[400];
        number_text(v, text, sizeof(text));
        CHECK_OR_RETURN(strtod(text, NULL) == v);
        const int n = n_digits(text);
        if (n > 1 && strchr(text, '.')) {
            snprintf(fewer, sizeof(fewer), "%.*g", n - 1, v);
            CHECK_OR_RETURN(strtod(fewer, NULL) != v);
        }
    }
}

TEST(json_numbers_in_a_locale_with_comma)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
    bool has_comma = false;
    for (size_t i = 0; i < 4 && !has_comma; i++)
        has_comma = setlocale(LC_NUMERIC, names[i]) && localeconv()->decimal_point[0] == ',';
    if (!has_comma)
        SKIP("no locale with a decimal comma is installed (de_DE.UTF-8)");
    char text[64], exponent[64];
    number_text(-2.5, text, sizeof(text));
    number_text(1.25e-7, exponent, sizeof(exponent));
    setlocale(LC_NUMERIC, "C");
    CHECK_STR(text, "-2.5");
    CHECK_STR(exponent, "1.25e-07");
}

TEST(json_depth_is_bounded)
{
    struct tro_json j = {0};
    for (int i = 0; i < 63; i++)
        tro_json_array_begin(&j, NULL);
    CHECK(!j.buf.failed);
    tro_json_array_begin(&j, NULL);
    CHECK(j.buf.failed);
    for (int i = 0; i < 100; i++)
        tro_json_array_begin(&j, NULL);
    for (int i = 0; i < 200; i++)
        tro_json_array_end(&j);
    CHECK(j.buf.failed);
    tro_json_finish(&j);
    CHECK(!j.buf.failed && j.depth == 0);
    tro_json_object_end(&j);
    CHECK(j.buf.failed);
    tro_json_finish(&j);
}

TEST(json_lack_of_memory_is_seen)
{
    for (int n = 0; n < 100; n++) {
        struct tro_json j = {0};
        tro_alloc_fail_after(n);
        tro_json_array_begin(&j, NULL);
        for (int i = 0; i < 50; i++)
            tro_json_string(&j, NULL, "0123456789");
        tro_json_array_end(&j);
        tro_alloc_fail_after(-1);
        const bool failed = j.buf.failed;
        tro_json_finish(&j);
        if (!failed) {
            CHECK(n > 3);
            return;
        }
    }
    CHECK(!"never enough memory");
}
