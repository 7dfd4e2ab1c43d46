/* SPDX-License-Identifier: Apache-2.0 */
#include "coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/disturb.h"

#define LEAST_KINDS 5
#define LEAST_FRAMES 200

static int count(struct tro_coverage *c, struct tro_coverage_kinds *kinds, const char *name,
                 size_t n_name, struct tro_err *err)
{
    for (int i = 0; i < kinds->n; i++)
        if (strncmp(kinds->all[i].name, name, n_name) == 0 && !kinds->all[i].name[n_name]) {
            kinds->all[i].n++;
            return 0;
        }
    if (kinds->n == kinds->cap) {
        const int cap = kinds->cap ? 2 * kinds->cap : 32;
        struct tro_coverage_kind *const all = TRO_NEW_N(&c->arena, struct tro_coverage_kind,
                                                        (size_t)cap);
        if (!all)
            return tro_fail_nomem(err);
        if (kinds->n)
            memcpy(all, kinds->all, (size_t)kinds->n * sizeof(*all));
        kinds->all = all;
        kinds->cap = cap;
    }
    kinds->all[kinds->n].name = tro_arena_strndup(&c->arena, name, n_name);
    if (!kinds->all[kinds->n].name)
        return tro_fail_nomem(err);
    kinds->all[kinds->n++].n = 1;
    return 0;
}

/* "smoke-0.5": the length of "smoke"; 0: it is no disturbance at a strength. */
static size_t kind_length(const char *slice)
{
    const char *const dash = strrchr(slice, '-');
    char *end;
    if (!dash || dash == slice)
        return 0;
    const double strength = strtod(dash + 1, &end);
    return end > dash + 1 && !*end && strength > 0 ? (size_t)(dash - slice) : 0;
}

int tro_coverage_add(struct tro_coverage *c, const struct tro_calib_sample *s, struct tro_err *err)
{
    const size_t n = kind_length(s->slice);
    c->n_samples++;
    if (n > 0)
        TRO_TRY(count(c, &c->disturbances, s->slice, n, err));
    return s->camera[0] ? count(c, &c->cameras, s->camera, strlen(s->camera), err) : 0;
}

static bool has(const struct tro_coverage_kinds *kinds, const char *name)
{
    for (int i = 0; i < kinds->n; i++)
        if (strcmp(kinds->all[i].name, name) == 0)
            return true;
    return false;
}

static void warn_missing(const struct tro_coverage_kinds *kinds)
{
    bool is_first = true;
    for (int i = 0; i < TRO_N_DISTURBANCES; i++) {
        const char *const name = tro_disturbance_name((enum tro_disturbance)i);
        if (has(kinds, name))
            continue;
        fprintf(stderr, "%s%s", is_first ? "trocar: warning: calibration: no frames of " : ", ",
                name);
        is_first = false;
    }
    if (!is_first)
        fprintf(stderr, ": what they do to the network is not known\n");
}

static void warn_few(const struct tro_coverage_kinds *kinds)
{
    bool is_first = true;
    for (int i = 0; i < kinds->n; i++) {
        if (kinds->all[i].n >= LEAST_FRAMES)
            continue;
        if (is_first)
            fprintf(stderr,
                    "trocar: warning: calibration: expected at least %d frames of each, found ",
                    LEAST_FRAMES);
        fprintf(stderr, "%s%" PRId64 " of %s", is_first ? "" : ", ", kinds->all[i].n,
                kinds->all[i].name);
        is_first = false;
    }
    if (!is_first)
        fprintf(stderr, "\n");
}

void tro_coverage_warn(const struct tro_coverage *c)
{
    const struct tro_coverage_kinds *const d = &c->disturbances;
    if (d->n < LEAST_KINDS)
        fprintf(stderr,
                "trocar: warning: calibration: expected at least %d kinds of disturbance (slices "
                "NAME-STRENGTH), found %d\n",
                LEAST_KINDS, d->n);
    warn_missing(d);
    warn_few(d);
    if (c->cameras.n < 2)
        fprintf(stderr,
                "trocar: warning: calibration: expected several makes of camera, found %s\n",
                c->cameras.n ? c->cameras.all[0].name : "none that is named");
}

void tro_coverage_finish(struct tro_coverage *c)
{
    tro_arena_finish(&c->arena);
    *c = (struct tro_coverage){0};
}
