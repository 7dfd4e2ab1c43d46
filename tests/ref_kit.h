/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of reference kernels as lines of text:
 *
 *     EVAL(TRO_OP_ADD, NULL, "f32[2] 1 2.5; f32[] 1", "f32[2] 2 3.5");
 *
 * Tensors are TYPE[SIZES] and their elements, separated by ';' ("-" = absent, no inputs = ""). An
 * element may stand as N*VALUE for N equal ones. Integers are exact, 64 bits included; floating
 * point prints with 7 digits. "!words" instead of outputs: a failure with TRO_E_INPUT whose message
 * contains the words; "!3:words" when the operator shall have 3 outputs.
 */
#ifndef TRO_TESTS_REF_KIT_H
#define TRO_TESTS_REF_KIT_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/dtype.h"
#include "base/half.h"
#include "ref/ref.h"
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define REF_KIT_MAX 16

#define INTS(...)                                                                                \
    {                                                                                            \
        .n = (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .v = { __VA_ARGS__ } \
    }

static inline void ref_kit_die(const char *text)
{
    printf("the test has a bad tensor at: %s\n", text);
    abort();
}

static inline const char *ref_kit_skip(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

static inline void ref_kit_element(struct tro_tensor *t, int64_t i, const char *p, char **end)
{
    if (t->dtype >= TRO_F8E4M3FN && t->dtype <= TRO_F8E5M2FNUZ)
        ((uint8_t *)t->data)[i] = tro_f8_from_f64(t->dtype, strtod(p, end), false);
    else if (tro_dtype_is_float(t->dtype))
        tro_store_f64(t->dtype, t->data, i, strtod(p, end));
    else if (t->dtype == TRO_U64)
        tro_store_i64(t->dtype, t->data, i, (int64_t)strtoull(p, end, 10));
    else
        tro_store_i64(t->dtype, t->data, i, strtoll(p, end, 10));
}

/* Reads one tensor, in memory as large as its elements, so that sanitizers see overruns. */
static inline const char *ref_kit_read(const char *p, struct tro_tensor *t)
{
    char name[16] = "";
    size_t n_name = 0;
    char *end;
    *t = (struct tro_tensor){0};
    p = ref_kit_skip(p);
    if (*p == '-')
        return ref_kit_skip(p + 1);
    while (isalnum((unsigned char)*p) && n_name < sizeof(name) - 1)
        name[n_name++] = *p++;
    t->dtype = tro_dtype_from_name(name);
    if (t->dtype == TRO_DTYPE_NONE || *p++ != '[')
        ref_kit_die(p);
    while (*p != ']') {
        t->shape[t->rank++] = strtoll(p, &end, 10);
        if (end == p)
            ref_kit_die(p);
        p = *end == ',' ? end + 1 : end;
    }
    const int64_t n = tro_tensor_n_elems(t);
    t->data = malloc(tro_tensor_n_bytes(t));
    p = ref_kit_skip(p + 1);
    for (int64_t i = 0; i < n;) {
        const size_t n_digits = strspn(p, "0123456789");
        int64_t repeats = 1;
        if (n_digits > 0 && p[n_digits] == '*') {
            repeats = strtoll(p, &end, 10);
            p = end + 1;
        }
        if (repeats > n - i)
            ref_kit_die(p);
        for (int64_t k = 0; k < repeats; k++)
            ref_kit_element(t, i + k, p, &end);
        if (end == p)
            ref_kit_die(p);
        i += repeats;
        p = ref_kit_skip(end);
    }
    if (*p && *p != ';')
        ref_kit_die(p);
    return p;
}

static inline int ref_kit_read_all(const char *text, struct tro_tensor *t)
{
    int n = 0;
    for (const char *p = ref_kit_skip(text); *p; p = ref_kit_skip(p)) {
        p = ref_kit_read(p, &t[n++]);
        if (*p == ';')
            p++;
    }
    return n;
}

static inline void ref_kit_print(const struct tro_tensor *t, struct tro_buf *b)
{
    if (t->dtype == TRO_DTYPE_NONE) {
        tro_buf_str(b, "-");
        return;
    }
    tro_buf_printf(b, "%s[", tro_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        tro_buf_printf(b, i ? ",%lld" : "%lld", (long long)t->shape[i]);
    tro_buf_str(b, "]");
    const int64_t n = tro_tensor_n_elems(t);
    for (int64_t i = 0; i < n; i++) {
        const double f = tro_load_f64(t->dtype, t->data, i);
        if (f != f)
            tro_buf_str(b, " nan");
        else if (tro_dtype_is_float(t->dtype))
            tro_buf_printf(b, " %.7g", f);
        else if (t->dtype == TRO_U64)
            tro_buf_printf(b, " %llu", (unsigned long long)tro_load_i64(t->dtype, t->data, i));
        else
            tro_buf_printf(b, " %lld", (long long)tro_load_i64(t->dtype, t->data, i));
    }
}

static inline void ref_kit_print_all(const struct tro_tensor *t, int n, struct tro_buf *b)
{
    for (int i = 0; i < n; i++) {
        if (i)
            tro_buf_str(b, "; ");
        ref_kit_print(&t[i], b);
    }
    tro_buf_u8(b, 0);
}

static inline int ref_kit_count(const char *text)
{
    int n = 1;
    for (; *text; text++)
        n += *text == ';';
    return n;
}

static inline void ref_kit_eval(const char *file, int line, enum tro_op op, const void *attrs,
                                const char *in_text, const char *expected)
{
    struct tro_tensor in[REF_KIT_MAX], out[REF_KIT_MAX];
    struct tro_err err = {0};
    const bool is_failure = expected[0] == '!';
    const bool has_count = is_failure && isdigit((unsigned char)expected[1]) && expected[2] == ':';
    const int n_in = ref_kit_read_all(in_text, in);
    const int n_out = has_count    ? expected[1] - '0'
                      : is_failure ? tro_op_info(op)->out_min
                                   : ref_kit_count(expected);
    const int rc = tro_ref_eval(op, attrs, n_in, in, n_out, out, NULL, NULL, &err);
    struct tro_buf found = {0}, want = {0};
    if (rc < 0) {
        test_check(is_failure && rc == TRO_E_INPUT &&
                       strstr(err.text, expected + (has_count ? 3 : 1)),
                   file, line, "%s: expected %s, found failure %d: %s", tro_op_info(op)->text,
                   expected, rc, err.text);
    } else {
        struct tro_tensor given[REF_KIT_MAX];
        const int n_given = is_failure ? 0 : ref_kit_read_all(expected, given);
        ref_kit_print_all(out, n_out, &found);
        ref_kit_print_all(given, n_given, &want);
        test_check(strcmp((char *)found.p, (char *)want.p) == 0, file, line,
                   "%s of %s: expected %s, found %s", tro_op_info(op)->text, in_text,
                   is_failure ? expected : (char *)want.p, (char *)found.p);
        for (int i = 0; i < n_given; i++)
            free(given[i].data);
        for (int i = 0; i < n_out; i++)
            tro_free(out[i].data);
    }
    for (int i = 0; i < n_in; i++)
        free(in[i].data);
    tro_buf_finish(&found);
    tro_buf_finish(&want);
}

#define EVAL(op, attrs, in_text, out_text) \
    ref_kit_eval(__FILE__, __LINE__, (op), (attrs), (in_text), (out_text))

#endif
