/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/tokens.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

static const char text[] = "# who may see\n"
                           "\n"
                           "expert 0123456789abcdef Dr. Chen\r\n"
                           "  operator\tABCDEFGHIJKLMNOPQRST-._~+/=   Schwester M\xc3\xbcller \n"
                           "expert 0123456789abcdeg \xe9\x99\x88";

TEST(tokens_read)
{
    struct tro_tokens t;
    CHECK_OR_RETURN(tro_tokens_parse(text, sizeof text - 1, "tokens", &t, NULL) == 0);
    CHECK_INT(t.n, 3);
    CHECK_INT(t.items[0].role, TRO_ROLE_EXPERT);
    CHECK_STR(t.items[0].name, "Dr. Chen");
    CHECK_INT(t.items[1].role, TRO_ROLE_OPERATOR);
    CHECK_STR(t.items[1].token, "ABCDEFGHIJKLMNOPQRST-._~+/=");
    CHECK_STR(t.items[1].name, "Schwester M\xc3\xbcller");
    CHECK_STR(t.items[2].name, "\xe9\x99\x88");
    CHECK_STR(tro_role_name(t.items[1].role), "operator");
    tro_tokens_finish(&t);
}

TEST(tokens_found_by_all_of_their_bytes)
{
    struct tro_tokens t;
    char given[300];
    CHECK_OR_RETURN(tro_tokens_parse(text, sizeof text - 1, "tokens", &t, NULL) == 0);
    CHECK(tro_tokens_find(&t, "0123456789abcdef", 16) == &t.items[0]);
    CHECK(tro_tokens_find(&t, "0123456789abcdeg", 16) == &t.items[2]);
    CHECK(!tro_tokens_find(&t, "0123456789abcde", 15));
    CHECK(!tro_tokens_find(&t, "", 0));
    CHECK(!tro_tokens_find(&t, "0123456789abcdef0123456789abcdef", 32));
    for (int i = 0; i < 16; i++) {
        memcpy(given, "0123456789abcdef", 16);
        given[i] ^= 0x40;
        CHECK(!tro_tokens_find(&t, given, 16));
    }
    memset(given, 'x', sizeof given);
    CHECK(!tro_tokens_find(&t, given, sizeof given));
    tro_tokens_finish(&t);
}

static void check_bad(const char *bad, const char *message)
{
    struct tro_tokens t;
    struct tro_err err = {0};
    CHECK_INT(tro_tokens_parse(bad, strlen(bad), "tokens", &t, &err), TRO_E_INPUT);
    CHECK_STR(err.text, message);
    CHECK_INT(t.n, 0);
}

TEST(tokens_bad)
{
    static const char long_name[] =
        "expert 0123456789abcdef 0123456789012345678901234567890123456789012345678901234567890123";
    check_bad("", "tokens: expected a line ROLE TOKEN NAME, found none");
    check_bad("# none\n", "tokens: expected a line ROLE TOKEN NAME, found none");
    check_bad("\nchief 0123456789abcdef A", "tokens:2: expected one of the roles expert, operator "
                                            "at the line's beginning");
    check_bad("expert", "tokens:1: expected a token of 16 to 256 characters after the role, found "
                        "0");
    check_bad("expert 0123456789abcde A", "tokens:1: expected a token of 16 to 256 characters "
                                          "after the role, found 15");
    check_bad("expert 0123456789abcde\xc3\xa4 A",
              "tokens:1: expected a token of letters, digits and -._~+/=");
    check_bad("expert 0123456789abcdef", "tokens:1: expected a name of 1 to 63 bytes after the "
                                         "token, found 0");
    check_bad(long_name, "tokens:1: expected a name of 1 to 63 bytes after the token, found 64");
    check_bad("expert 0123456789abcdef A\x01", "tokens:1: expected a name in UTF-8 without control "
                                               "characters");
    check_bad("expert 0123456789abcdef A\xc2\x85", "tokens:1: expected a name in UTF-8 without "
                                                   "control characters");
    check_bad("expert 0123456789abcdef A\xff", "tokens:1: expected a name in UTF-8 without control "
                                               "characters");
    check_bad("expert 0123456789abcdef A\noperator 0123456789abcdef B",
              "tokens:2: expected a token of its own, found one that another line has");
}

TEST(tokens_too_many)
{
    struct tro_tokens t;
    struct tro_err err = {0};
    static char many[257 * 32];
    size_t n = 0;
    for (int i = 0; i < 257; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "expert 0123456789abc%03d A\n", i);
    CHECK_INT(tro_tokens_parse(many, n, "tokens", &t, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "tokens:257: expected at most 256 tokens, found more");
    CHECK_INT(tro_tokens_parse(many, n - 26, "tokens", &t, &err), 0);
    CHECK_INT(t.n, 256);
    tro_tokens_finish(&t);
}

TEST(tokens_without_memory)
{
    struct tro_tokens t;
    int rc = TRO_E_NOMEM;
    for (int n = 0; n < 20 && rc < 0; n++) {
        tro_alloc_fail_after(n);
        rc = tro_tokens_parse(text, sizeof text - 1, "tokens", &t, NULL);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
        tro_tokens_finish(&t);
    }
    CHECK_INT(rc, 0);
}
