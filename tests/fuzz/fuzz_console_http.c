/* SPDX-License-Identifier: Apache-2.0 */
/* What the server reads of requests itself: the first byte says which text it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "console/daemon/http_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_header(int kind, const char *text)
{
    struct tro_str token;
    char id[33];
    int64_t number;
    switch (kind) {
    case 0:
        if (tro_http_bearer(text, &token) && (token.n == 0 || token.n > TRO_HTTP_MAX_TOKEN))
            abort();
        break;
    case 1:
        if (tro_http_if_match(text, "\"5be0c6aa01234567\"", false) == TRO_HTTP_MATCH &&
            tro_http_if_match(text, "\"5be0c6aa01234567\"", true) != TRO_HTTP_MATCH)
            abort();
        break;
    case 2:
        if (tro_http_number(text, 1, 10000, &number) && (number < 1 || number > 10000))
            abort();
        break;
    case 3:
        if (tro_http_session(text, id) && strlen(id) != 32)
            abort();
        break;
    case 4:
        tro_http_is_type(text, "application/sdp");
        break;
    default:
        tro_http_is_same_origin(text, "console:8443", true);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const int kind = data[0] % 8;
    if (kind >= 6) {
        struct tro_err err = {0};
        const char *const text = (const char *)data + 1;
        const int rc = kind == 6 ? tro_http_check_offer(text, size - 1, &err)
                                 : tro_http_check_fragment(text, size - 1, &err);
        if (rc > 0 || (rc < 0 && !err.text[0]))
            abort();
        return 0;
    }
    char *const text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    read_header(kind, text);
    free(text);
    return 0;
}
