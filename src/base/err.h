/* SPDX-License-Identifier: Apache-2.0 */
/* Error messages: made once where the failure is known, prefixed where the context is known. */
#ifndef TRO_BASE_ERR_H
#define TRO_BASE_ERR_H

#include <trocar/trocar.h>

/* Formats the message into err (cut at its size; err may be NULL) and returns status. */
int tro_fail(struct tro_err *err, enum tro_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix" in front of the message when rc < 0; returns rc. The format brings its own ": ". */
int tro_err_prefix(struct tro_err *err, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory ran out: one fixed message, so that it needs no memory. */
int tro_fail_nomem(struct tro_err *err);

#define TRO_TRY(expr)           \
    do {                        \
        const int rc_ = (expr); \
        if (rc_ < 0)            \
            return rc_;         \
    } while (0)

#endif
