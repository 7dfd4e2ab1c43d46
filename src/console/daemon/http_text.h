/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of requests that are ours to read: header values, sessions, offers and fragments. All come
 * from outside. Header values are zero-terminated and may be NULL: absent. */
#ifndef TRO_CONSOLE_DAEMON_HTTP_TEXT_H
#define TRO_CONSOLE_DAEMON_HTTP_TEXT_H

#include <stdbool.h>
#include <trocar/trocar.h>

#include "base/bytes.h"

#define TRO_HTTP_MAX_TOKEN 256

/* "Bearer TOKEN". */
bool tro_http_bearer(const char *header, struct tro_str *token);

/* "type/subtype; parameters", whatever its case. */
bool tro_http_is_type(const char *header, const char *type);

enum tro_http_match {
    TRO_HTTP_ABSENT,
    TRO_HTTP_ANY, /* "*" */
    TRO_HTTP_MATCH,
    TRO_HTTP_MISMATCH /* malformed lists too */
};

/* If-Match and If-None-Match against an entity tag with its quotes. is_weak: W/"x" is "x" too. */
enum tro_http_match tro_http_if_match(const char *header, const char *etag, bool is_weak);

/* Decimal digits alone. */
bool tro_http_number(const char *text, int64_t lo, int64_t hi, int64_t *out);

/* "/whep/ID", ID 32 hex digits in lower case. */
bool tro_http_session(const char *path, char id[33]);

/* Does this Origin name the server that Host names? */
bool tro_http_is_same_origin(const char *origin, const char *host, bool is_tls);

/* Lines of SDP in printable UTF-8 that begin with "v=0"; lines of a fragment of candidates, at
 * least one of them. Bounded; what is in them is for others to read. */
int tro_http_check_offer(const char *text, size_t n, struct tro_err *err);
int tro_http_check_fragment(const char *text, size_t n, struct tro_err *err);

#endif
