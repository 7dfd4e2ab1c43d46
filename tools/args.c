/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Is text this option, in its long or short form? value points behind "--name=" or is NULL. */
static bool matches(const struct tro_opt *o, const char *text, const char **value)
{
    const char *comma = strchr(o->name, ',');
    const size_t n = comma ? (size_t)(comma - o->name) : strlen(o->name);
    *value = NULL;
    if (comma && strcmp(text, comma + 1) == 0)
        return true;
    if (strncmp(text, o->name, n) != 0)
        return false;
    if (text[n] == '=')
        *value = text + n + 1;
    return text[n] == '=' || !text[n];
}

static int set_int(const struct tro_opt *o, const char *value, struct tro_err *err)
{
    char *end;
    errno = 0;
    const long long v = strtoll(value, &end, 10);
    if (end == value || *end || errno || v < 0)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a whole number, found '%s'", o->name,
                        value);
    *(int64_t *)o->target = v;
    return 0;
}

static int set_double(const struct tro_opt *o, const char *value, struct tro_err *err)
{
    char *end;
    const double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v) || v < 0)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a number of 0 or more, found '%s'", o->name,
                        value);
    *(double *)o->target = v;
    return 0;
}

static int add_to_list(struct tro_list *list, const char *value, struct tro_err *err)
{
    if (list->n == TRO_LIST_MAX)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d values, found more", TRO_LIST_MAX);
    list->v[list->n++] = value;
    return 0;
}

static int set(const struct tro_opt *o, const char *value, struct tro_err *err)
{
    switch (o->type) {
    case TRO_OPT_FLAG:
        *(bool *)o->target = true;
        return 0;
    case TRO_OPT_STRING:
        *(const char **)o->target = value;
        return 0;
    case TRO_OPT_INT:
        return set_int(o, value, err);
    case TRO_OPT_DOUBLE:
        return set_double(o, value, err);
    case TRO_OPT_LIST:
        return add_to_list(o->target, value, err);
    }
    return 0;
}

static void print_help(const struct tro_usage *u)
{
    printf("usage: %s\n\n%s\n\noptions\n", u->synopsis, u->about);
    for (const struct tro_opt *o = u->opts; o->name; o++) {
        char left[64];
        const char *comma = strchr(o->name, ',');
        const int n = comma ? (int)(comma - o->name) : (int)strlen(o->name);
        snprintf(left, sizeof left, "%s%s%.*s%s%s", comma ? comma + 1 : "", comma ? ", " : "", n,
                 o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %-28s %s\n", left, o->help);
    }
    printf("  %-28s %s\n", "--help", "this text");
    printf("\nexit code: 0 success, 1 a comparison or gate failed, 2 bad use or bad input, "
           "3 the machine cannot\n");
}

static int parse_option(const struct tro_usage *u, int argc, char **argv, int *i,
                        struct tro_err *err)
{
    for (const struct tro_opt *o = u->opts; o->name; o++) {
        const char *value;
        if (!matches(o, argv[*i], &value))
            continue;
        if (o->type == TRO_OPT_FLAG && value)
            return tro_fail(err, TRO_E_INPUT, "%s: expected no value, found '%s'", o->name, value);
        if (o->type != TRO_OPT_FLAG && !value) {
            if (*i + 1 >= argc)
                return tro_fail(err, TRO_E_INPUT, "%s: expected %s after it, found nothing",
                                argv[*i], o->arg);
            value = argv[++*i];
        }
        return set(o, value, err);
    }
    return tro_fail(err, TRO_E_INPUT,
                    "expected an option of 'trocar %s', found '%s': see trocar %s "
                    "--help",
                    argv[0], argv[*i], argv[0]);
}

int tro_args_parse(const struct tro_usage *u, int argc, char **argv, struct tro_list *args,
                   bool *is_help, struct tro_err *err)
{
    bool only_args = false;
    *is_help = false;
    for (int i = 1; i < argc; i++) {
        if (only_args || argv[i][0] != '-' || !argv[i][1]) {
            TRO_TRY(add_to_list(args, argv[i], err));
        } else if (strcmp(argv[i], "--") == 0) {
            only_args = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            print_help(u);
            *is_help = true;
            return 0;
        } else {
            TRO_TRY(parse_option(u, argc, argv, &i, err));
        }
    }
    if (args->n < u->min_args || (u->max_args >= 0 && args->n > u->max_args))
        return tro_fail(err, TRO_E_INPUT, "expected %s, found %d argument%s: see trocar %s --help",
                        u->synopsis, args->n, args->n == 1 ? "" : "s", argv[0]);
    return 0;
}

int tro_parse_shape(const char *text, int64_t shape[TRO_MAX_RANK], int *rank, struct tro_err *err)
{
    *rank = 0;
    if (strcmp(text, "scalar") == 0)
        return 0;
    for (const char *p = text;; p++) {
        char *end;
        errno = 0;
        const long long v = strtoll(p, &end, 10);
        if (end == p || errno || v < 0 || v > INT32_MAX || *p == '+' || *p == '-' || *p == ' ' ||
            *rank == TRO_MAX_RANK)
            return tro_fail(err, TRO_E_INPUT,
                            "expected a shape like 1x3x224x224 of at most %d sizes or 'scalar', "
                            "found '%s'",
                            TRO_MAX_RANK, text);
        shape[(*rank)++] = v;
        p = end;
        if (!*p)
            return 0;
        if (*p != 'x')
            return tro_fail(err, TRO_E_INPUT,
                            "expected a shape like 1x3x224x224 or 'scalar', found '%s'", text);
    }
}

void tro_split_name(const char *text, const char **name, size_t *name_n, const char **value)
{
    const char *equals = strchr(text, '=');
    *name = text;
    *name_n = equals ? (size_t)(equals - text) : 0;
    *value = equals ? equals + 1 : text;
}
