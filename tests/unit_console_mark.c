/* SPDX-License-Identifier: Apache-2.0 */
/* Marks from messages of pages, and back as JSON. */
#include "base/alloc.h"
#include "console/core/mark.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef TRO_HAVE_JANSSON
static int parse(const char *text, struct tro_mark *m, struct tro_err *err)
{
    *err = (struct tro_err){0};
    return tro_mark_parse(text, strlen(text), 640, 360, m, err);
}

TEST(mark_is_read)
{
    struct tro_mark m;
    struct tro_err err;
    CHECK_INT(parse("{\"t\": \"mark\", \"id\": \"a-7Z\", \"kind\": \"arrow\", \"frame\": 812, "
                    "\"points\": [[0.25, 0.5], [1, 0]], \"text\": \"\\u52a8\\u8109 here\"}",
                    &m, &err),
              0);
    CHECK_STR(err.text, "");
    CHECK_STR(m.id, "a-7Z");
    CHECK_STR(m.name, "");
    CHECK_INT(m.kind, TRO_MARK_ARROW);
    CHECK_INT(m.frame, 812);
    CHECK_INT(m.n, 2);
    CHECK_NEAR(m.x[0], 160, 1e-4);
    CHECK_NEAR(m.y[0], 180, 1e-4);
    CHECK_NEAR(m.x[1], 640, 0);
    CHECK_NEAR(m.y[1], 0, 0);
    CHECK_STR(m.text, "动脉 here");
    CHECK_NEAR(m.confidence, 1, 0);
}

TEST(mark_is_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "mark: line 1, column 0: expected JSON"},
        {"[]", "mark: expected an object, found"},
        {"{}", "expected a 't', found none"},
        {"{\"t\": \"erase\"}", "t: "},
        {"{\"t\": \"mark\", \"x\": 1}", "x"},
        {"{\"t\": \"mark\", \"t\": \"mark\"}", "duplicate"},
        {"{\"t\": \"mark\"}", "expected a 'kind'"},
        {"{\"t\": \"mark\", \"kind\": \"circle\"}", "circle"},
        {"{\"t\": \"mark\", \"kind\": \"point\"}", "expected a 'frame'"},
        {"{\"t\": \"mark\", \"kind\": \"point\", \"frame\": 0}", "frame: expected"},
        {"{\"t\": \"mark\", \"kind\": \"point\", \"frame\": 1.5}", "frame: expected"},
        {"{\"t\": \"mark\", \"kind\": \"point\", \"frame\": 1}", "expected a 'id'"},
#define MARK(id, kind, rest) \
    "{\"t\": \"mark\", \"frame\": 1, \"id\": \"" id "\", \"kind\": \"" kind "\"" rest "}"
        {MARK("", "point", ""), "id: expected 1 to 39 letters, digits or '-'"},
        {MARK("a b", "point", ""), "id: expected 1 to 39"},
        {MARK("0123456789012345678901234567890123456789", "point", ""), "id: expected 1 to 39"},
        {MARK("a", "point", ""), "expected a 'points'"},
        {MARK("a", "point", ", \"points\": {}"), "points: expected a list of 1 to 1 points"},
        {MARK("a", "point", ", \"points\": []"),
         "points: expected a list of 1 to 1 points, found 0"},
        {MARK("a", "arrow", ", \"points\": [[0, 0]]"), "expected a list of 2 to 2 points, found 1"},
        {MARK("a", "stroke", ", \"points\": [[0, 0]]"), "expected a list of 2 to 256 points"},
        {MARK("a", "point", ", \"points\": [7]"), "points[0]"},
        {MARK("a", "point", ", \"points\": [[0.5]]"), "points[0]: expected two numbers of 0 to 1"},
        {MARK("a", "point", ", \"points\": [[0, 1, 0]]"), "points[0]"},
        {MARK("a", "point", ", \"points\": [[0, 1.01]]"), "points[0]: expected two numbers"},
        {MARK("a", "point", ", \"points\": [[-0.01, 1]]"), "points[0]: expected two numbers"},
        {MARK("a", "point", ", \"points\": [[1e999, 1]]"), "expected JSON"},
        {MARK("a", "point", ", \"points\": [[0, \"1\"]]"), "points[0]"},
        {MARK("a", "text", ", \"points\": [[0, 1]]"), "text: expected a text, found none"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": 7"), "text: expected a text"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"a\\nb\""),
         "text: expected UTF-8 without control characters, found another at byte 1"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"\\u007f\""), "control"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"\\u0085\""), "control"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"ab\\u202e\""), "at byte 2"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"\\u2066\""), "control"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"\\u0000\""), "expected JSON"},
        {MARK("a", "point", ", \"points\": [[0, 1]], \"text\": \"\xc0\x80\""), "expected JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tro_mark m;
        struct tro_err err;
        CHECK_INT(parse(cases[i].text, &m, &err), TRO_E_INPUT);
        CHECK_HAS(err.text, cases[i].message);
        CHECK_HAS(err.text, "mark: ");
        CHECK(m.n == 0 && m.id[0] == 0);
    }
}

TEST(mark_is_bounded)
{
    char *const text = malloc(TRO_MARK_MAX_BYTES + 2);
    struct tro_mark m;
    struct tro_err err = {0};
    size_t n = (size_t)snprintf(text, TRO_MARK_MAX_BYTES, "%s",
                                MARK("a", "stroke", ", \"points\": [[0,0]"));
    n--; /* the closing brace */
    for (int i = 1; i < TRO_MARK_MAX_POINTS; i++)
        n += (size_t)snprintf(text + n, 16, ",[0.5,0.%03d]", i);
    memcpy(text + n, "]}", 3);
    CHECK_INT(parse(text, &m, &err), 0);
    CHECK_INT(m.n, TRO_MARK_MAX_POINTS);
    memcpy(text + n, ",[0,0]]}", 9);
    CHECK_INT(parse(text, &m, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "found 257");
    char *const label = text + snprintf(text, 200, "%s",
                                        MARK("a", "point",
                                             ", \"points\": [[0,1]], "
                                             "\"text\": \""));
    memset(label - 1, 'x', TRO_MARK_TEXT_BYTES);
    memcpy(label - 1 + TRO_MARK_TEXT_BYTES - 1, "\"}", 3);
    CHECK_INT(parse(text, &m, &err), 0);
    CHECK_INT(strlen(m.text), TRO_MARK_TEXT_BYTES - 1);
    memcpy(label - 1 + TRO_MARK_TEXT_BYTES - 1, "x\"}", 4);
    CHECK_INT(parse(text, &m, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "text: expected at most 255 bytes, found 256");
    memset(text, ' ', TRO_MARK_MAX_BYTES + 1);
    CHECK_INT(tro_mark_parse(text, TRO_MARK_MAX_BYTES + 1, 640, 360, &m, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "expected at most 8192 bytes, found 8193");
    memset(text, '[', TRO_MARK_MAX_BYTES);
    CHECK_INT(tro_mark_parse(text, TRO_MARK_MAX_BYTES, 640, 360, &m, &err), TRO_E_INPUT);
    free(text);
}
#else
TEST(mark_wants_jansson)
{
    struct tro_mark m;
    struct tro_err err = {0};
    CHECK_INT(tro_mark_parse("{}", 2, 640, 360, &m, &err), TRO_E_DEVICE);
    CHECK_HAS(err.text, "install libjansson-dev");
}
#endif

TEST(mark_as_json)
{
    struct tro_mark m = {.id = "a",
                         .name = "Dr. \"Wang\"",
                         .kind = TRO_MARK_STROKE,
                         .frame = 3,
                         .n = 2,
                         .x = {64, 320},
                         .y = {36, 90},
                         .moved_x = 32,
                         .moved_y = -18,
                         .confidence = 0.876f};
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_mark_json(&m, 640, 360, 9, &j);
    tro_json_object_end(&j);
    tro_buf_u8(&j.buf, 0);
    CHECK_STR((char *)j.buf.p,
              "{\"id\": \"a\",\"name\": \"Dr. \\\"Wang\\\"\",\"kind\": \"stroke\",\"frame\": 9,"
              "\"points\": [[0.15,0.05],[0.55,0.2]],\"confidence\": 0.88}\n");
    tro_json_finish(&j);
}
