/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/hosted.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "record/field.h"

/* A list of 0 to max_n texts of at most max_bytes; returns how many. */
static int read_texts(const struct tro_field *f, const char *key, int max_n, size_t max_bytes,
                      const char **out)
{
    const char *const *found;
    struct tro_field list;
    const int rc = tro_field_get(f, key, &list);
    if (rc <= 0 || tro_field_n_elements(&list) == 0)
        return rc < 0 ? rc : 0;
    const int n = tro_field_texts(f, key, max_n, &found);
    for (int i = 0; i < n; i++) {
        if (strlen(found[i]) > max_bytes)
            return tro_field_fail(&list, "expected texts of at most %zu bytes, found %zu",
                                  max_bytes, strlen(found[i]));
        out[i] = found[i];
    }
    return n;
}

/* An hour is more than any network takes. */
static int read_times(const struct tro_field *f, const char *key, int n, int64_t *out)
{
    return tro_field_ints(f, key, n, 0, INT64_C(3600000000000), out);
}

static int read_int(const struct tro_field *f, const char *key, int64_t lo, int64_t hi, int *out)
{
    int64_t v = lo;
    const int rc = tro_field_int(f, key, lo, hi, &v);
    *out = (int)v;
    return rc == 0 ? tro_field_fail(f, "expected the key %s, found none", key) : rc;
}

/* ---- open, load ----------------------------------------------------------------------------- */

static int read_network(void *ctx, const char *key, const struct tro_field *f)
{
    struct tro_hosted *const h = ctx;
    struct tro_hosted_network *const n = &h->networks[h->n_networks];
    (void)key;
    if (h->n_networks == TRO_HOSTED_MAX_NETWORKS)
        return tro_field_fail(f, "expected at most %d networks", TRO_HOSTED_MAX_NETWORKS);
    TRO_TRY(read_int(f, "network", 0, TRO_HOSTED_MAX_NETWORKS - 1, &n->network));
    TRO_TRY(tro_field_text(f, "name", &n->name));
    n->n_tiers = read_texts(f, "plans", TRO_HOSTED_MAX_TIERS, 4096, n->plans);
    TRO_TRY(n->n_tiers);
    if (!n->name || n->n_tiers == 0)
        return tro_field_fail(f, "expected a name and plans, found none");
    TRO_TRY(read_times(f, "worst_ns", n->n_tiers, n->worst_ns));
    TRO_TRY(read_int(f, "every", 1, 1000000, &n->every));
    const int rc = tro_field_int(f, "deadline_ns", 1, INT64_C(3600000000000), &n->deadline_ns);
    if (rc <= 0)
        return rc < 0 ? rc : tro_field_fail(f, "expected the key deadline_ns, found none");
    TRO_TRY(read_int(f, "priority", 0, 1000, &n->priority));
    TRO_TRY(tro_field_bool(f, "trial", &n->is_trial));
    h->n_networks++;
    return 0;
}

static int read_hosted(const struct tro_field *top, struct tro_hosted *h)
{
    struct tro_field networks;
    double focal_length = 0;
    TRO_TRY(tro_field_text(top, "device", &h->device));
    TRO_TRY(read_int(top, "threads", 0, 256, &h->threads));
    TRO_TRY(read_int(top, "lanes", 1, TRO_HOSTED_MAX_NETWORKS, &h->lanes));
    TRO_TRY(read_int(top, "reader", 0, 15, &h->reader));
    TRO_TRY(tro_field_number(top, "focal_length", &focal_length));
    if (!(focal_length >= 0 && focal_length <= 1000))
        return tro_field_fail(top, "focal_length: expected 0 to 1000 widths, found %g",
                              focal_length);
    h->focal_length = (float)focal_length;
    TRO_TRY(tro_field_bool(top, "realtime", &h->is_realtime));
    const int rc = tro_field_get(top, "networks", &networks);
    if (rc == 0 || !h->device)
        return tro_field_fail(top, "expected a device and networks, found none");
    return rc < 0 ? rc : tro_field_each_element(&networks, read_network, h);
}

int tro_hosted_read(const char *text, size_t n, struct tro_arena *arena, struct tro_hosted *out,
                    struct tro_err *err)
{
    struct tro_field top;
    *out = (struct tro_hosted){0};
    TRO_TRY(tro_field_parse(text, n, arena, &top, err));
    const int rc = read_hosted(&top, out);
    tro_field_finish(&top);
    return rc;
}

/* ---- opened --------------------------------------------------------------------------------- */

static int read_engines(const struct tro_field *f, struct tro_opened_network *n)
{
    const char *engines[TRO_HOSTED_MAX_TIERS];
    n->n_tiers = read_texts(f, "engines", TRO_HOSTED_MAX_TIERS, 16, engines);
    TRO_TRY(n->n_tiers);
    for (int i = 0; i < n->n_tiers; i++) {
        char *end;
        n->engine[i] = strtoull(engines[i], &end, 16);
        if (*end || end == engines[i])
            return tro_field_fail(f, "engines: expected hexadecimal numbers");
    }
    if (n->n_tiers == 0)
        return 0;
    TRO_TRY(read_times(f, "alone_ns", n->n_tiers, n->alone_ns));
    return read_times(f, "worst_ns", n->n_tiers, n->worst_ns);
}

static int read_names(const struct tro_field *f, struct tro_finding_names *to)
{
    const char *names[TRO_FINDINGS_MAX_NAMES];
    int64_t kinds[TRO_FINDINGS_MAX_NAMES] = {0};
    to->n = read_texts(f, "names", TRO_FINDINGS_MAX_NAMES, TRO_FINDINGS_NAME_BYTES - 1, names);
    TRO_TRY(to->n);
    TRO_TRY(tro_field_ints(f, "kinds", to->n, 0, (1 << TRO_N_FINDING_KINDS) - 1, kinds));
    for (int i = 0; i < to->n; i++) {
        strcpy(to->name[i], names[i]);
        to->kinds[i] = (uint8_t)kinds[i];
    }
    return 0;
}

/* As much as there is room for. */
static void copy_text(const char *from, char *to, size_t n_to)
{
    const size_t n = strlen(from);
    const size_t n_kept = n < n_to ? n : n_to - 1;
    memcpy(to, from, n_kept);
    to[n_kept] = 0;
}

static int read_opened(void *ctx, const char *key, const struct tro_field *f)
{
    struct tro_opened *const o = ctx;
    struct tro_opened_network *const n = &o->networks[o->n_networks];
    const char *error = "";
    (void)key;
    if (o->n_networks == TRO_HOSTED_MAX_NETWORKS)
        return tro_field_fail(f, "expected at most %d networks", TRO_HOSTED_MAX_NETWORKS);
    TRO_TRY(read_int(f, "network", 0, TRO_HOSTED_MAX_NETWORKS - 1, &n->network));
    TRO_TRY(read_engines(f, n));
    TRO_TRY(read_names(f, &n->names));
    TRO_TRY(tro_field_text(f, "error", &error));
    if (n->n_tiers == 0 && !*error)
        return tro_field_fail(f, "expected engines or an error, found neither");
    copy_text(error, n->error, sizeof n->error);
    o->n_networks++;
    return 0;
}

static int read_all_opened(const struct tro_field *top, struct tro_opened *out)
{
    struct tro_field networks;
    const char *notice = "";
    TRO_TRY(tro_field_text(top, "notice", &notice));
    copy_text(notice, out->notice, sizeof out->notice);
    const int rc = tro_field_get(top, "networks", &networks);
    if (rc == 0)
        return tro_field_fail(top, "expected networks, found none");
    return rc < 0 ? rc : tro_field_each_element(&networks, read_opened, out);
}

int tro_opened_read(const char *text, size_t n, struct tro_opened *out, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_field top;
    *out = (struct tro_opened){0};
    int rc = tro_field_parse(text, n, &arena, &top, err);
    if (rc >= 0) {
        rc = read_all_opened(&top, out);
        tro_field_finish(&top);
    }
    tro_arena_finish(&arena);
    return tro_err_prefix(err, rc, "opened: ");
}
