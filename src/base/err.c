/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Messages quote names from models: control characters and stray bytes become '?', so that a
 * message is one line of UTF-8 whatever the model holds. */
static void clean(char *s)
{
    size_t left = strlen(s);
    while (left > 0) {
        const size_t n = tro_utf8_char(s, left);
        if (n == 0 || (unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
        s += n ? n : 1;
        left -= n ? n : 1;
    }
}

int tro_fail(struct tro_err *err, enum tro_status status, const char *fmt, ...)
{
    if (!err)
        return status;
    /* Formatted aside: the arguments may quote err itself. */
    char text[sizeof(err->text)];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(text, sizeof(text), fmt, args) < 0)
        text[0] = 0;
    va_end(args);
    clean(text);
    err->status = status;
    memcpy(err->text, text, strlen(text) + 1);
    return status;
}

int tro_err_prefix(struct tro_err *err, int rc, const char *fmt, ...)
{
    if (rc >= 0 || !err)
        return rc;
    char text[sizeof(err->text)];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(text, sizeof(text), fmt, args) < 0)
        text[0] = 0;
    va_end(args);
    const size_t n = strlen(text), n_old = strnlen(err->text, sizeof(err->text) - 1);
    const size_t room = sizeof(text) - 1 - n, n_kept = n_old < room ? n_old : room;
    memcpy(text + n, err->text, n_kept);
    text[n + n_kept] = 0;
    clean(text);
    memcpy(err->text, text, n + n_kept + 1);
    return rc;
}

int tro_fail_nomem(struct tro_err *err)
{
    if (err) {
        err->status = TRO_E_NOMEM;
        strcpy(err->text, "out of memory");
    }
    return TRO_E_NOMEM;
}
