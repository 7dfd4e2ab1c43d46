/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timings that were taken before, in a text file that people may read, merge and cut. A line is
 *
 *     problem \t chip \t version of Trocar \t candidate \t nanoseconds \n
 *
 * in strcmp order. A line that is not of this form is left out, with a warning that names it.
 */
#ifndef TRO_TUNE_CACHE_H
#define TRO_TUNE_CACHE_H

#include "base/arena.h"
#include "base/map.h"

#include <trocar/trocar.h>

struct tro_cache_entry {
    const char *line; /* without the nanoseconds: "problem\tchip\tversion\tcandidate" */
    int64_t ns;
};

struct tro_cache {
    struct tro_arena arena;
    struct tro_cache_entry *entries;
    size_t n, cap;
    struct tro_map map; /* line -> index */
};

struct tro_cache_key {
    const char *problem, *chip, *version, *candidate;
};

typedef void tro_cache_warn(void *ctx, const char *message);

/* An all-zero struct is an empty cache. */
void tro_cache_finish(struct tro_cache *c);

/* Nanoseconds, or -1. */
int64_t tro_cache_get(const struct tro_cache *c, const struct tro_cache_key *key);
/* Adds, or keeps the lesser time. */
int tro_cache_put(struct tro_cache *c, const struct tro_cache_key *key, int64_t ns);

/* Adds what is in the file, if there is one. */
int tro_cache_read(struct tro_cache *c, const char *path, tro_cache_warn *warn, void *ctx,
                   struct tro_err *err);
/* Merges with what the file holds by now, and replaces it. */
int tro_cache_write(struct tro_cache *c, const char *path, struct tro_err *err);

/* Calls fn for each entry of that problem, chip and version with its candidate. */
void tro_cache_each(const struct tro_cache *c, const struct tro_cache_key *key,
                    void (*fn)(void *ctx, const char *candidate), void *ctx);

#endif
