/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside src/record: values of a JSON text with their place, so that messages name it. Getters of
 * optional keys return 1 when the key is there, 0 when it is not (*out stays as it was), or a
 * negative status.
 */
#ifndef TRO_RECORD_FIELD_H
#define TRO_RECORD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct tro_field {
    void *json;       /* json_t */
    const char *path; /* "inputs.images"; "" at the top */
    struct tro_arena *arena;
    struct tro_err *err;
};

/* Parses the text, at most one object; finish frees it. Keys may not come twice. */
int tro_field_parse(const char *text, size_t n, struct tro_arena *arena, struct tro_field *out,
                    struct tro_err *err);
void tro_field_finish(struct tro_field *top);

/* TRO_E_INPUT with the place in front. */
__attribute__((format(printf, 2, 3))) int tro_field_fail(const struct tro_field *f, const char *fmt,
                                                         ...);

/* Fails unless it is an object that has no keys but these (the list ends with NULL). */
int tro_field_want_keys(const struct tro_field *f, const char *const *keys);

/* The value of a key; 0: absent. */
int tro_field_get(const struct tro_field *f, const char *key, struct tro_field *out);
/* The members of an object whose keys are free, in their order: fn is called for each, with the
 * key, which lives in the arena. */
typedef int tro_field_fn(void *ctx, const char *key, const struct tro_field *value);
int tro_field_each(const struct tro_field *f, tro_field_fn *fn, void *ctx);
/* The elements of a list, in order; the key is NULL. */
int tro_field_each_element(const struct tro_field *f, tro_field_fn *fn, void *ctx);
/* Elements of a list; -1: it is none. */
int64_t tro_field_n_elements(const struct tro_field *f);
/* Members of an object; -1: it is none. */
int64_t tro_field_n_members(const struct tro_field *f);

int tro_field_text(const struct tro_field *f, const char *key, const char **out);
/* A list of texts, 1 to max_n: returns how many. */
int tro_field_texts(const struct tro_field *f, const char *key, int max_n, const char *const **out);
/* Is this value true or false, and which? */
bool tro_field_is_bool(const struct tro_field *f, bool *out);
int tro_field_bool(const struct tro_field *f, const char *key, bool *out);
int tro_field_int(const struct tro_field *f, const char *key, int64_t lo, int64_t hi, int64_t *out);
int tro_field_number(const struct tro_field *f, const char *key, double *out);
/* One of the names (the list ends with NULL): its index. */
int tro_field_choice(const struct tro_field *f, const char *key, const char *const *names,
                     int *out);
/* A number, or a list of 1 to max_n: returns how many. */
int tro_field_numbers(const struct tro_field *f, const char *key, int max_n, double *out);
/* All of this value, a list of numbers, at most max_n: returns how many. */
int tro_field_all_numbers(const struct tro_field *f, int max_n, double **out);
/* A list of exactly n integers. */
int tro_field_ints(const struct tro_field *f, const char *key, int n, int64_t lo, int64_t hi,
                   int64_t *out);

#endif
