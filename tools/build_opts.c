/* SPDX-License-Identifier: Apache-2.0 */
#include "build_opts.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define TEXT_MAX 256

struct sizes {
    int rank;
    int64_t min[TRO_MAX_RANK], opt[TRO_MAX_RANK], max[TRO_MAX_RANK];
};

/* The name of the input that a specification means, and the rest of it. */
static int find_input(const struct tro_model *m, const char *option, const char *spec,
                      const char **input, const char **rest, struct tro_err *err)
{
    const char *name;
    size_t n_name;
    const int n = tro_model_n_inputs(m);
    tro_split_name(spec, &name, &n_name, rest);
    if (!n_name && n != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected NAME=SHAPE as the model has %d inputs, found '%s'", option, n,
                        spec);
    for (int i = 0; i < n; i++) {
        *input = tro_model_input_info(m, i).name;
        if (!n_name || (strlen(*input) == n_name && memcmp(*input, name, n_name) == 0))
            return 0;
    }
    return tro_fail(err, TRO_E_INPUT, "%s: expected the name of an input, found '%.*s'", option,
                    (int)n_name, name);
}

static int parse_part(const char *text, size_t n, int64_t shape[TRO_MAX_RANK], int *rank,
                      struct tro_err *err)
{
    char part[TEXT_MAX];
    snprintf(part, sizeof part, "%.*s", (int)(n < TEXT_MAX ? n : TEXT_MAX - 1), text);
    return tro_parse_shape(part, shape, rank, err);
}

/* One shape, or three with colons between. */
static int parse_sizes(const char *text, struct sizes *s, struct tro_err *err)
{
    const char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    int rank_opt, rank_max;
    if (!first) {
        TRO_TRY(tro_parse_shape(text, s->min, &s->rank, err));
        memcpy(s->opt, s->min, sizeof s->opt);
        memcpy(s->max, s->min, sizeof s->max);
        return 0;
    }
    if (!second || strchr(second + 1, ':'))
        return tro_fail(err, TRO_E_INPUT,
                        "expected SHAPE or MIN:OPT:MAX as in 1x3x224x224:4x3x384x384:8x3x512x512, "
                        "found '%s'",
                        text);
    TRO_TRY(parse_part(text, (size_t)(first - text), s->min, &s->rank, err));
    TRO_TRY(parse_part(first + 1, (size_t)(second - first - 1), s->opt, &rank_opt, err));
    TRO_TRY(tro_parse_shape(second + 1, s->max, &rank_max, err));
    if (rank_opt != s->rank || rank_max != s->rank)
        return tro_fail(err, TRO_E_INPUT, "expected three shapes of one rank, found '%s'", text);
    return 0;
}

int tro_build_set_shapes(struct tro_builder *b, const struct tro_model *m,
                         const struct tro_list *specs, struct tro_err *err)
{
    for (int i = 0; i < specs->n; i++) {
        const char *input = NULL, *text;
        struct sizes s;
        TRO_TRY(find_input(m, "--shapes", specs->v[i], &input, &text, err));
        TRO_TRY(tro_err_prefix(err, parse_sizes(text, &s, err), "--shapes: "));
        const int rc = tro_builder_set_shapes(b, input, s.rank, s.min, s.opt, s.max, err);
        TRO_TRY(tro_err_prefix(err, rc, "--shapes: "));
    }
    return 0;
}

int tro_build_add_buckets(struct tro_builder *b, const struct tro_model *m,
                          const struct tro_list *specs, struct tro_err *err)
{
    for (int i = 0; i < specs->n; i++) {
        const char *input = NULL, *text;
        int64_t shape[TRO_MAX_RANK];
        int rank;
        TRO_TRY(find_input(m, "--bucket", specs->v[i], &input, &text, err));
        TRO_TRY(tro_err_prefix(err, tro_parse_shape(text, shape, &rank, err), "--bucket: "));
        const int rc = tro_builder_add_bucket(b, input, rank, shape, err);
        TRO_TRY(tro_err_prefix(err, rc, "--bucket: "));
    }
    return 0;
}

int tro_build_add_states(struct tro_builder *b, const struct tro_list *specs, struct tro_err *err)
{
    for (int i = 0; i < specs->n; i++) {
        const char *name, *output;
        size_t n_name;
        char input[TEXT_MAX];
        tro_split_name(specs->v[i], &name, &n_name, &output);
        if (!n_name || n_name >= sizeof input)
            return tro_fail(err, TRO_E_INPUT,
                            "--state: expected INPUT=OUTPUT, the output that is the input of the "
                            "next run, found '%s'",
                            specs->v[i]);
        memcpy(input, name, n_name);
        input[n_name] = 0;
        TRO_TRY(tro_err_prefix(err, tro_builder_add_state(b, input, output, err), "--state: "));
    }
    return 0;
}
