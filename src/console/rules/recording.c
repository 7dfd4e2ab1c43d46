/* SPDX-License-Identifier: Apache-2.0 */
/* What is written. */
#include "console/rules/recording.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "console/core/board.h"

struct tro_recorder {
    struct tro_arena arena;
    struct tro_rules_opts opts;
    struct tro_rules_network networks[TRO_BOARD_MAX_NETWORKS];
    const char *path;
    FILE *file;
    struct tro_json json;
    int error; /* errno of the first failure; 0: none */
};

/* ---- lines ---------------------------------------------------------------------------------- */

static const char *const kind_names[] = {
#define KIND_NAME(id, name) name,
    TRO_FINDING_KINDS(KIND_NAME)
#undef KIND_NAME
};

/* "" where it may be of any kind, or of several. */
static const char *kind_name(uint8_t kinds)
{
    for (int i = 0; i < TRO_N_FINDING_KINDS; i++)
        if (kinds == 1u << i)
            return kind_names[i];
    return "";
}

static void put_network(struct tro_json *j, const struct tro_rules_network *n)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", n->name);
    tro_json_bool(j, "trial", n->is_trial);
    tro_json_array_begin(j, "labels");
    for (int i = 0; i < n->names->n; i++)
        tro_json_string(j, NULL, n->names->name[i]);
    tro_json_array_end(j);
    tro_json_array_begin(j, "kinds");
    for (int i = 0; i < n->names->n; i++)
        tro_json_string(j, NULL, kind_name(n->names->kinds[i]));
    tro_json_array_end(j);
    tro_json_object_end(j);
}

static void put_head(struct tro_json *j, const struct tro_rules_opts *opts)
{
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "recording", 1);
    tro_json_int(j, "width", opts->width);
    tro_json_int(j, "height", opts->height);
    tro_json_float(j, "focal_length", opts->focal_length);
    tro_json_float(j, "max_age_ms", opts->max_age_ms);
    tro_json_array_begin(j, "networks");
    for (int i = 0; i < opts->n_networks; i++)
        put_network(j, &opts->networks[i]);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

static void put_findings(struct tro_json *j, const struct tro_rules_opts *opts,
                         const struct tro_findings *f)
{
    const struct tro_rules_network *const n = &opts->networks[f->network];
    tro_json_object_begin(j, NULL);
    tro_json_object_begin(j, "findings");
    tro_findings_json(f, n->names, n->name, 0, TRO_PLANES_EXACT, j);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

void tro_recording_sentence(struct tro_json *j, const struct tro_rules_opts *opts,
                            const struct tro_findings *f, enum tro_rules_event event,
                            const struct tro_sentence *s)
{
    static const char *const events[] = {[TRO_RULES_SAME] = "same",
                                         [TRO_RULES_BEGAN] = "began",
                                         [TRO_RULES_CHANGED] = "changed",
                                         [TRO_RULES_ENDED] = "ended"};
    const char *names[TRO_BOARD_MAX_NETWORKS];
    for (int i = 0; i < opts->n_networks; i++)
        names[i] = opts->networks[i].name;
    tro_json_object_begin(j, NULL);
    tro_json_object_begin(j, "sentence");
    tro_json_string(j, "event", events[event]);
    tro_json_int(j, "at_ns", f->captured_ns);
    if (s->id)
        tro_sentence_json(s, names, opts->n_networks, j);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void write_out(struct tro_recorder *r)
{
    const struct tro_buf *const b = &r->json.buf;
    if (!r->error && b->failed)
        r->error = ENOMEM;
    errno = 0;
    if (!r->error && fwrite(b->p, 1, b->n, r->file) != b->n)
        r->error = errno ? errno : EIO;
    r->json.buf.n = 0;
    r->json.buf.failed = false;
}

static int copy_opts(struct tro_recorder *r, const struct tro_rules_opts *opts)
{
    r->opts = *opts;
    r->opts.networks = r->networks;
    for (int i = 0; i < opts->n_networks; i++) {
        struct tro_rules_network *const n = &r->networks[i];
        *n = opts->networks[i];
        n->name = tro_arena_strdup(&r->arena, n->name);
        n->names = tro_arena_memdup(&r->arena, n->names, sizeof *n->names);
        if (!n->name || !n->names)
            return TRO_E_NOMEM;
    }
    return 0;
}

struct tro_recorder *tro_recorder_of(FILE *file, const char *name,
                                     const struct tro_rules_opts *opts, struct tro_err *err)
{
    struct tro_recorder *const r = tro_calloc(1, sizeof *r);
    if (r) {
        r->file = file;
        r->path = tro_arena_strdup(&r->arena, name);
    } else {
        fclose(file);
    }
    if (!r || !r->path || copy_opts(r, opts) < 0) {
        tro_fail_nomem(err);
        tro_recorder_close(r, NULL);
        return NULL;
    }
    r->json.is_line = true;
    put_head(&r->json, &r->opts);
    write_out(r);
    return r;
}

struct tro_recorder *tro_recorder_create(const char *path, const struct tro_rules_opts *opts,
                                         struct tro_err *err)
{
    FILE *const file = fopen(path, "we");
    if (!file) {
        tro_fail(err, TRO_E_IO, "%s: cannot write: %s", path, strerror(errno));
        return NULL;
    }
    return tro_recorder_of(file, path, opts, err);
}

void tro_recorder_put(struct tro_recorder *r, const struct tro_findings *f,
                      enum tro_rules_event event, const struct tro_sentence *s)
{
    if (f->network < 0 || f->network >= r->opts.n_networks)
        return;
    put_findings(&r->json, &r->opts, f);
    if (event != TRO_RULES_SAME)
        tro_recording_sentence(&r->json, &r->opts, f, event, s);
    write_out(r);
}

int tro_recorder_close(struct tro_recorder *r, struct tro_err *err)
{
    int rc = 0;
    if (!r)
        return 0;
    if (fclose(r->file) != 0 && !r->error)
        r->error = errno;
    if (r->error)
        rc = tro_fail(err, TRO_E_IO, "%s: cannot write: %s", r->path, strerror(r->error));
    tro_json_finish(&r->json);
    tro_arena_finish(&r->arena);
    tro_free(r);
    return rc;
}

/* ---- replay --------------------------------------------------------------------------------- */

struct replay {
    struct tro_recording *recording;
    struct tro_rules *rules;
    struct tro_findings findings;
    struct tro_sentence sentence;
    struct tro_json json;
    tro_recording_line_fn *fn;
    void *ctx;
};

static int replay_one(struct replay *p, struct tro_err *err)
{
    const enum tro_rules_event event = tro_rules_feed(p->rules, &p->findings, &p->sentence);
    if (event == TRO_RULES_SAME)
        return 0;
    p->json.buf.n = 0;
    tro_recording_sentence(&p->json, tro_recording_opts(p->recording), &p->findings, event,
                           &p->sentence);
    if (p->json.buf.failed)
        return tro_fail_nomem(err);
    return p->fn(p->ctx, (const char *)p->json.buf.p, p->json.buf.n, err);
}

static int replay_all(struct replay *p, const char *recording, const char *rules,
                      struct tro_err *err)
{
    int rc;
    TRO_TRY(tro_findings_init(&p->findings, err));
    p->recording = tro_recording_open(recording, err);
    if (!p->recording)
        return err ? err->status : TRO_E_INPUT;
    p->rules = tro_rules_load(rules, tro_recording_opts(p->recording), err);
    if (!p->rules)
        return err ? err->status : TRO_E_INPUT;
    while ((rc = tro_recording_next(p->recording, &p->findings, err)) > 0)
        TRO_TRY(replay_one(p, err));
    return rc;
}

int tro_recording_replay(const char *recording, const char *rules, tro_recording_line_fn *fn,
                         void *ctx, struct tro_err *err)
{
    struct replay p = {.json = {.is_line = true}, .fn = fn, .ctx = ctx};
    const int rc = replay_all(&p, recording, rules, err);
    tro_rules_destroy(p.rules);
    tro_recording_close(p.recording);
    tro_findings_finish(&p.findings);
    tro_json_finish(&p.json);
    return rc;
}
