/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use the server (docs/console.md, "Configuration"): a line for each, ROLE TOKEN NAME...,
 * empty lines and lines that begin with # aside. Messages never show a token.
 */
#ifndef TRO_CONSOLE_RULES_TOKENS_H
#define TRO_CONSOLE_RULES_TOKENS_H

#include "base/arena.h"
#include "console/core/mark.h"

#define TRO_TOKENS_MAX 256
#define TRO_TOKEN_MIN_BYTES 16
#define TRO_TOKEN_MAX_BYTES 256

/* THE list of roles: id, name. */
#define TRO_ROLES(X)                             \
    X(EXPERT, "expert")     /* sees and draws */ \
    X(OPERATOR, "operator") /* the dashboard too */

enum tro_role {
#define TRO_ROLE_ENUM(id, name) TRO_ROLE_##id,
    TRO_ROLES(TRO_ROLE_ENUM)
#undef TRO_ROLE_ENUM
        TRO_N_ROLES
};
const char *tro_role_name(enum tro_role role);

struct tro_token {
    enum tro_role role;
    const char *token; /* letters, digits and -._~+/= */
    const char *name;  /* UTF-8, shorter than TRO_MARK_NAME_BYTES */
};

struct tro_tokens {
    struct tro_arena arena;
    int n;
    struct tro_token items[TRO_TOKENS_MAX];
};

/* TRO_E_INPUT with "FILE:LINE: expected ..."; out is empty after a failure. */
int tro_tokens_read(const char *path, struct tro_tokens *out, struct tro_err *err);
int tro_tokens_parse(const char *text, size_t n, const char *path, struct tro_tokens *out,
                     struct tro_err *err);
void tro_tokens_finish(struct tro_tokens *t);

/* Whose token this is; NULL: nobody's. The time it takes follows from n and the number of tokens
 * alone. Any thread. */
const struct tro_token *tro_tokens_find(const struct tro_tokens *t, const char *token, size_t n);

#endif
