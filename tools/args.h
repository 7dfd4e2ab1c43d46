/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a verb: one table gives parsing, checks and --help. */
#ifndef TRO_TOOLS_ARGS_H
#define TRO_TOOLS_ARGS_H

#include <stdbool.h>
#include <trocar/trocar.h>

enum tro_opt_type {
    TRO_OPT_FLAG,   /* bool */
    TRO_OPT_STRING, /* const char * */
    TRO_OPT_INT,    /* int64_t, not negative */
    TRO_OPT_DOUBLE, /* double, not negative */
    TRO_OPT_LIST    /* struct tro_list: may be given several times */
};

#define TRO_LIST_MAX 256
struct tro_list {
    int n;
    const char *v[TRO_LIST_MAX];
};

struct tro_opt {
    const char *name; /* "--rtol"; a one-letter form may follow a comma: "--input,-i" */
    enum tro_opt_type type;
    void *target;
    const char *arg; /* "FILE"; NULL for flags */
    const char *help;
};

struct tro_usage {
    const char *synopsis;       /* "trocar run MODEL [-i [NAME=]FILE]..." */
    const char *about;          /* paragraphs */
    const struct tro_opt *opts; /* ends with name NULL */
    int min_args, max_args;     /* positional; max_args -1 = any */
};

/* Fills targets and collects positional arguments. --help prints and sets *is_help. Options may
 * stand
 * anywhere; "--" ends them; "--name=value" and "--name value" are the same. */
int tro_args_parse(const struct tro_usage *u, int argc, char **argv, struct tro_list *args,
                   bool *is_help, struct tro_err *err);

/* "1x3x224x224" or "scalar". */
int tro_parse_shape(const char *text, int64_t shape[TRO_MAX_RANK], int *rank, struct tro_err *err);

/* Splits "NAME=VALUE" at the first '=': name_n is 0 where there is no name. */
void tro_split_name(const char *text, const char **name, size_t *name_n, const char **value);

#endif
