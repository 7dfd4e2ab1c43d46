/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer into a buffer: keys in the order given, two-space indent, numbers in the fewest
 * digits that read back to the same double, NaN and infinity as null, U+FFFD for bytes that are
 * not UTF-8. Commas and nesting are kept by the writer; a value at the top level ends its line.
 * More than 63 levels, or an end without its begin, set buf.failed. */
#ifndef TRO_BASE_JSON_H
#define TRO_BASE_JSON_H

#include "base/bytes.h"

struct tro_json {
    struct tro_buf buf;
    bool is_line; /* each value at the top level is one line */
    int depth;
    bool first[64]; /* by depth: nothing written yet at this level */
};

/* An all-zero struct is a writer at the top level. key NULL inside arrays and at the top level. */
void tro_json_finish(struct tro_json *j);
void tro_json_object_begin(struct tro_json *j, const char *key);
void tro_json_object_end(struct tro_json *j);
void tro_json_array_begin(struct tro_json *j, const char *key);
void tro_json_array_end(struct tro_json *j);
void tro_json_string(struct tro_json *j, const char *key, const char *value);
void tro_json_int(struct tro_json *j, const char *key, int64_t value);
void tro_json_number(struct tro_json *j, const char *key, double value);
/* In the fewest digits that read back to the same float. */
void tro_json_float(struct tro_json *j, const char *key, float value);
void tro_json_bool(struct tro_json *j, const char *key, bool value);
void tro_json_null(struct tro_json *j, const char *key);

#endif
