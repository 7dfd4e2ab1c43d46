/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "console/rules/yaml.h"

/* ---- keys, ranges, defaults ----------------------------------------------------------------- */

static const struct tro_config defaults = {
    .name = "Trocar",
    .language = TRO_LANGUAGE_EN,
    .source = {.form = {.format = TRO_FRAME_NV12}, .fps = 30, .has_mark = true, .loops = true},
    .budget_ms = 33,
    .max_age_ms = 100,
    .fade_ms = 200,
    .keep_ms = 1000,
    .smoothing_ms = 60,
    .privacy = {.network = -1, .above = 0.5f},
    .bitrate_kbps = 2500,
    .server = {.viewers = 16},
};

static const struct tro_config_network network_defaults = {.n_tiers = 1, .every = 1};

#define NAME(id, name) name,
static const char *const source_names[] = {TRO_SOURCES(NAME) NULL};
static const char *const display_names[] = {TRO_DISPLAYS(NAME) NULL};
static const char *const format_names[] = {TRO_FRAME_FORMATS(NAME) NULL};
#undef NAME
#define CODE(id, code) code,
static const char *const languages[] = {TRO_LANGUAGES(CODE) NULL};
#undef CODE
static const char *const matrices[] = {"bt709", "bt601", NULL};
static const char *const ranges[] = {"limited", "full", NULL};
static const char *const mps_names[] = {"auto", "never", NULL};

/* A configuration in the making: parts of the tree, and what is not yet what it will be. */
struct reading {
    struct tro_yaml y;
    struct tro_config c;
    const struct tro_yaml_node *console, *source, *networks, *workers, *findings, *tracker;
    const struct tro_yaml_node *privacy, *display, *encoder, *server;
    const struct tro_yaml_node *cpu; /* of workers */
    const char *location, *rules, *privacy_network, *listen, *certificate, *key, *tokens;
    int matrix, range, mps;
    struct tro_config_worker worker;
};

struct network_reading {
    struct tro_config_network n;
    const char *plan, *device;
    const struct tro_yaml_node *lower;
};

struct display_reading {
    int kind;
    const char *location;
};

#define PATH_BYTES 1024
#define WORD_BYTES 31 /* as names of findings */
#define MAX_THREADS 256
#define NEED true
#define OPTIONAL false

/* clang-format off */
#define TEXT(key, member, most, need) \
    {key, TRO_YAML_AS_TEXT, offsetof(OF, member), 1, most, NULL, need}
#define NUMBER(key, member, least, most) \
    {key, TRO_YAML_AS_NUMBER, offsetof(OF, member), least, most, NULL, false}
#define FLOAT(key, member, least, most) \
    {key, TRO_YAML_AS_FLOAT, offsetof(OF, member), least, most, NULL, false}
#define INT(key, member, least, most, need) \
    {key, TRO_YAML_AS_INT, offsetof(OF, member), least, most, NULL, need}
#define BOOL(key, member) \
    {key, TRO_YAML_AS_BOOL, offsetof(OF, member), 0, 0, NULL, false}
#define CHOICE(key, member, names, need) \
    {key, TRO_YAML_AS_CHOICE, offsetof(OF, member), 0, 0, names, need}
#define NODE(key, member, need) \
    {key, TRO_YAML_AS_NODE, offsetof(OF, member), 0, 0, NULL, need}

#define OF struct reading
static const struct tro_yaml_field top_rows[] = {
    NODE("console",       console,                   OPTIONAL),
    NODE("source",        source,                    NEED),
    NUMBER("budget_ms",   c.budget_ms,               1, 1000),
    BOOL("realtime",      c.is_realtime),
    NODE("networks",      networks,                  OPTIONAL),
    NODE("workers",       workers,                   OPTIONAL),
    NODE("findings",      findings,                  OPTIONAL),
    NODE("tracker",       tracker,                   OPTIONAL),
    TEXT("rules",         rules,                     PATH_BYTES, OPTIONAL),
    NODE("privacy",       privacy,                   OPTIONAL),
    NODE("display",       display,                   OPTIONAL),
    NODE("encoder",       encoder,                   OPTIONAL),
    NODE("server",        server,                    OPTIONAL),
    {.key = NULL}};
static const struct tro_yaml_field console_rows[] = {
    TEXT("name",          c.name,                    100, OPTIONAL),
    CHOICE("language",    c.language,                languages, OPTIONAL),
    {.key = NULL}};
static const struct tro_yaml_field source_rows[] = {
    CHOICE("kind",        c.source.kind,             source_names, NEED),
    TEXT("location",      location,                  4096, NEED),
    INT("width",          c.source.form.width,       16, TRO_FRAME_MAX_SIDE, NEED),
    INT("height",         c.source.form.height,      16, TRO_FRAME_MAX_SIDE, NEED),
    NUMBER("fps",         c.source.fps,              1, 240),
    CHOICE("format",      c.source.form.format,      format_names, OPTIONAL),
    CHOICE("matrix",      matrix,                    matrices, OPTIONAL),
    CHOICE("range",       range,                     ranges, OPTIONAL),
    FLOAT("focal_length", c.source.focal_length,     0.1, 10),
    BOOL("mark",          c.source.has_mark),
    BOOL("loop",          c.source.loops),
    {.key = NULL}};
static const struct tro_yaml_field workers_rows[] = {
    NODE("cpu",           cpu,                       OPTIONAL),
    CHOICE("cuda_mps",    mps,                       mps_names, OPTIONAL),
    {.key = NULL}};
static const struct tro_yaml_field worker_rows[] = {
    INT("threads",        worker.threads,            1, MAX_THREADS, OPTIONAL),
    INT("lanes",          worker.lanes,              1, TRO_BOARD_MAX_NETWORKS, OPTIONAL),
    {.key = NULL}};
static const struct tro_yaml_field findings_rows[] = {
    FLOAT("max_age_ms",   c.max_age_ms,              1, 10000),
    FLOAT("fade_ms",      c.fade_ms,                 0, 10000),
    {.key = NULL}};
static const struct tro_yaml_field tracker_rows[] = {
    FLOAT("keep_ms",      c.keep_ms,                 0, 60000),
    FLOAT("smoothing_ms", c.smoothing_ms,            0, 1000),
    {.key = NULL}};
static const struct tro_yaml_field privacy_rows[] = {
    TEXT("network",       privacy_network,           WORD_BYTES, NEED),
    TEXT("name",          c.privacy.name,            WORD_BYTES, NEED),
    FLOAT("above",        c.privacy.above,           0, 1),
    {.key = NULL}};
static const struct tro_yaml_field encoder_rows[] = {
    INT("bitrate_kbps",   c.bitrate_kbps,            100, 100000, OPTIONAL),
    {.key = NULL}};
static const struct tro_yaml_field server_rows[] = {
    TEXT("listen",        listen,                    255, NEED),
    TEXT("certificate",   certificate,               PATH_BYTES, OPTIONAL),
    TEXT("key",           key,                       PATH_BYTES, OPTIONAL),
    TEXT("tokens",        tokens,                    PATH_BYTES, NEED),
    INT("viewers",        c.server.viewers,          1, 256, OPTIONAL),
    {.key = NULL}};
#undef OF
#define OF struct network_reading
static const struct tro_yaml_field network_rows[] = {
    TEXT("name",          n.name,                    WORD_BYTES, NEED),
    TEXT("plan",          plan,                      PATH_BYTES, NEED),
    NODE("lower",         lower,                     OPTIONAL),
    TEXT("device",        device,                    WORD_BYTES, OPTIONAL),
    INT("every",          n.every,                   1, 1000, OPTIONAL),
    NUMBER("deadline_ms", n.deadline_ms,             0.1, 10000),
    INT("priority",       n.priority,                0, 100, OPTIONAL),
    NUMBER("worst_ms",    n.worst_ms,                0.001, 10000),
    BOOL("trial",         n.is_trial),
    {.key = NULL}};
#undef OF
#define OF struct display_reading
static const struct tro_yaml_field display_rows[] = {
    CHOICE("kind",        kind,                      display_names, NEED),
    TEXT("location",      location,                  PATH_BYTES, OPTIONAL),
    {.key = NULL}};
#undef OF
/* clang-format on */

/* ---- paths ---------------------------------------------------------------------------------- */

/* Beside the file, unless it is absolute; NULL of NULL. */
static int join_path(struct tro_config *c, const char *path, const char **out, struct tro_err *err)
{
    const int n_folder = (int)(tro_path_base(c->path) - c->path);
    if (!path)
        return 0;
    *out = tro_arena_printf(&c->arena, "%.*s%s", *path == '/' ? 0 : n_folder, c->path, path);
    return *out ? 0 : tro_fail_nomem(err);
}

/* Texts outlive the tree. */
static int keep_text(struct tro_config *c, const char **text, struct tro_err *err)
{
    if (!*text)
        return 0;
    *text = tro_arena_strdup(&c->arena, *text);
    return *text ? 0 : tro_fail_nomem(err);
}

/* ---- source --------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_path(enum tro_source kind)
{
    return kind == TRO_SOURCE_FRAMES || kind == TRO_SOURCE_FILE;
}

/* What a location of the kind must look like; NULL: it does. */
static const char *wrong_location(enum tro_source kind, const char *location)
{
    if (kind == TRO_SOURCE_RTSP && !starts_with(location, "rtsp://") &&
        !starts_with(location, "rtsps://"))
        return "a URL that begins with rtsp:// or rtsps://";
    if (kind == TRO_SOURCE_V4L2 && *location != '/')
        return "a device, such as /dev/video0";
    return NULL;
}

static int check_form(const struct reading *r)
{
    const struct tro_frame_form *const form = &r->c.source.form;
    const bool is_odd = form->width % 2 != 0;
    if (tro_frame_n_bytes(form))
        return 0;
    return tro_yaml_fail(&r->y, tro_yaml_get(r->source, is_odd ? "width" : "height"),
                         "expected an even number, as frames of %s have, found '%d'",
                         tro_frame_format_name(form->format), is_odd ? form->width : form->height);
}

static int read_source(struct reading *r)
{
    TRO_TRY(tro_yaml_fields(&r->y, r->source, source_rows, r));
    r->c.source.form.is_bt601 = r->matrix == 1;
    r->c.source.form.is_full_range = r->range == 1;
    TRO_TRY(check_form(r));
    const char *const wrong = wrong_location(r->c.source.kind, r->location);
    if (wrong)
        return tro_yaml_fail(&r->y, tro_yaml_get(r->source, "location"),
                             "expected %s, found '%.60s'", wrong, r->location);
    r->c.source.location = r->location;
    if (is_path(r->c.source.kind))
        return join_path(&r->c, r->location, &r->c.source.location, r->y.err);
    return keep_text(&r->c, &r->c.source.location, r->y.err);
}

/* ---- networks ------------------------------------------------------------------------------- */

/* Facts are called NETWORK.LABEL, so that names are words. */
static bool is_word(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == 0;
}

static bool parse_device(const char *text, struct tro_config_device *out)
{
    *out = (struct tro_config_device){.is_cuda = starts_with(text, "cuda")};
    if (!out->is_cuda)
        return strcmp(text, "cpu") == 0;
    if (text[4] == 0)
        return true;
    out->index = text[5] - '0';
    return text[4] == ':' && out->index >= 0 && out->index < 8 && text[6] == 0;
}

static int read_tiers(struct reading *r, struct network_reading *in)
{
    struct tro_config_network *const n = &in->n;
    TRO_TRY(join_path(&r->c, in->plan, &n->plans[0], r->y.err));
    if (!in->lower)
        return 0;
    TRO_TRY(tro_yaml_want_list(&r->y, in->lower, 1, TRO_CONFIG_MAX_TIERS - 1));
    for (const struct tro_yaml_node *e = in->lower->first; e; e = e->next) {
        const char *path = NULL;
        TRO_TRY(tro_yaml_text(&r->y, e, PATH_BYTES, &path));
        TRO_TRY(join_path(&r->c, path, &n->plans[n->n_tiers], r->y.err));
        for (int i = 0; i < n->n_tiers; i++)
            if (strcmp(n->plans[i], n->plans[n->n_tiers]) == 0)
                return tro_yaml_fail(&r->y, e,
                                     "expected another plan than those before it, found "
                                     "'%.60s' again",
                                     path);
        n->n_tiers++;
    }
    return 0;
}

static int check_name(const struct reading *r, const struct tro_yaml_node *node, const char *name)
{
    if (!is_word(name))
        return tro_yaml_fail(&r->y, node,
                             "expected small letters, digits, '-' and '_', found '%.60s'", name);
    for (int i = 0; i < r->c.n_networks; i++)
        if (strcmp(r->c.networks[i].name, name) == 0)
            return tro_yaml_fail(&r->y, node,
                                 "expected a name of its own, found '%.60s', which is the network "
                                 "of line %d",
                                 name, r->c.networks[i].place.line);
    return 0;
}

static int read_network(struct reading *r, const struct tro_yaml_node *node)
{
    struct network_reading in = {.n = network_defaults, .device = "cpu"};
    in.n.deadline_ms = r->c.budget_ms;
    in.n.place = (struct tro_config_place){node->line, node->column};
    TRO_TRY(tro_yaml_fields(&r->y, node, network_rows, &in));
    TRO_TRY(check_name(r, tro_yaml_get(node, "name"), in.n.name));
    if (!parse_device(in.device, &in.n.device))
        return tro_yaml_fail(&r->y, tro_yaml_get(node, "device"),
                             "expected cpu, cuda or cuda:0 to cuda:7, found '%.60s'", in.device);
    TRO_TRY(read_tiers(r, &in));
    TRO_TRY(keep_text(&r->c, &in.n.name, r->y.err));
    r->c.networks[r->c.n_networks++] = in.n;
    return 0;
}

static void add_worker(struct reading *r, struct tro_config_device device)
{
    for (int i = 0; i < r->c.n_workers; i++)
        if (r->c.workers[i].device.is_cuda == device.is_cuda &&
            r->c.workers[i].device.index == device.index)
            return;
    struct tro_config_worker worker = {.device = device, .lanes = 1};
    if (!device.is_cuda)
        worker = r->worker;
    r->c.workers[r->c.n_workers++] = worker;
}

static int read_networks(struct reading *r)
{
    r->worker.lanes = 1;
    if (r->workers)
        TRO_TRY(tro_yaml_fields(&r->y, r->workers, workers_rows, r));
    if (r->cpu)
        TRO_TRY(tro_yaml_fields(&r->y, r->cpu, worker_rows, r));
    r->c.ignores_mps = r->mps == 1;
    if (!r->networks)
        return 0;
    TRO_TRY(tro_yaml_want_list(&r->y, r->networks, 1, TRO_BOARD_MAX_NETWORKS));
    for (const struct tro_yaml_node *e = r->networks->first; e; e = e->next)
        TRO_TRY(read_network(r, e));
    for (int i = 0; i < r->c.n_networks; i++)
        add_worker(r, r->c.networks[i].device);
    return 0;
}

/* ---- privacy, displays ---------------------------------------------------------------------- */

static int read_privacy(struct reading *r)
{
    if (!r->privacy)
        return 0;
    TRO_TRY(tro_yaml_fields(&r->y, r->privacy, privacy_rows, r));
    const struct tro_yaml_node *const network = tro_yaml_get(r->privacy, "network");
    const struct tro_yaml_node *const name = tro_yaml_get(r->privacy, "name");
    r->c.privacy.place = (struct tro_config_place){name->line, name->column};
    for (int i = 0; i < r->c.n_networks; i++)
        if (strcmp(r->c.networks[i].name, r->privacy_network) == 0)
            r->c.privacy.network = i;
    if (r->c.privacy.network < 0)
        return tro_yaml_fail(&r->y, network, "expected the name of one of the networks, found '%s'",
                             r->privacy_network);
    if (r->c.networks[r->c.privacy.network].is_trial)
        return tro_yaml_fail(&r->y, network,
                             "expected a network that is shown, found '%s', which is on trial",
                             r->privacy_network);
    return 0;
}

static int read_display(struct reading *r, const struct tro_yaml_node *node)
{
    struct display_reading in = {0};
    TRO_TRY(tro_yaml_fields(&r->y, node, display_rows, &in));
    const bool is_file = in.kind == TRO_DISPLAY_FILE, is_rtsp = in.kind == TRO_DISPLAY_RTSP;
    const struct tro_yaml_node *const location = tro_yaml_get(node, "location");
    if ((is_file || is_rtsp) && !location)
        return tro_yaml_fail(&r->y, node, "expected the key location, which is missing");
    if (!is_file && !is_rtsp && location)
        return tro_yaml_fail(&r->y, location, "expected no location of a %s, found '%.60s'",
                             display_names[in.kind], in.location);
    if (is_rtsp && !starts_with(in.location, "rtsp://"))
        return tro_yaml_fail(&r->y, location, "expected rtsp://HOST:PORT/NAME, found '%.60s'",
                             in.location);
    r->c.displays[r->c.n_displays].kind = (enum tro_display)in.kind;
    const char **const to = &r->c.displays[r->c.n_displays++].location;
    if (is_file)
        return join_path(&r->c, in.location, to, r->y.err);
    *to = in.location;
    return keep_text(&r->c, to, r->y.err);
}

static int read_displays(struct reading *r)
{
    if (!r->display)
        return 0;
    TRO_TRY(tro_yaml_want_list(&r->y, r->display, 1, TRO_MAX_DISPLAYS));
    for (const struct tro_yaml_node *e = r->display->first; e; e = e->next)
        TRO_TRY(read_display(r, e));
    return 0;
}

/* ---- server --------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (starts_with(host, "127.") && host[strspn(host, "0123456789.")] == 0);
}

/* "HOST:PORT", an IPv6 address in brackets. */
static bool split_address(struct tro_config *c, const char *listen)
{
    const char *const colon = strrchr(listen, ':');
    if (!colon || colon == listen || !colon[1] || strlen(colon + 1) > 5 ||
        colon[1 + strspn(colon + 1, "0123456789")])
        return false;
    const size_t n = (size_t)(colon - listen);
    const bool is_bracketed = listen[0] == '[' && n > 2 && colon[-1] == ']';
    if (!is_bracketed && (memchr(listen, ':', n) || memchr(listen, '[', n)))
        return false;
    c->server.port = atoi(colon + 1);
    c->server.host = tro_arena_strndup(&c->arena, listen + is_bracketed,
                                       n - (is_bracketed ? 2 : 0));
    return c->server.port <= 65535;
}

static int check_https(const struct reading *r)
{
    if (!r->certificate != !r->key)
        return tro_yaml_fail(&r->y, r->server,
                             "expected certificate and key together, found %s alone",
                             r->key ? "key" : "certificate");
    if (!r->certificate && !r->c.server.is_loopback)
        return tro_yaml_fail(&r->y, tro_yaml_get(r->server, "listen"),
                             "expected certificate and key, without which only a loopback address "
                             "such as 127.0.0.1 is served, found '%.60s'",
                             r->listen);
    return 0;
}

static int read_server(struct reading *r)
{
    struct tro_config *const c = &r->c;
    if (!r->server)
        return 0;
    TRO_TRY(tro_yaml_fields(&r->y, r->server, server_rows, r));
    if (!split_address(c, r->listen))
        return tro_yaml_fail(&r->y, tro_yaml_get(r->server, "listen"),
                             "expected HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443, found "
                             "'%.60s'",
                             r->listen);
    if (!c->server.host)
        return tro_fail_nomem(r->y.err);
    c->server.is_there = true;
    c->server.is_loopback = is_loopback(c->server.host);
    TRO_TRY(check_https(r));
    TRO_TRY(join_path(c, r->certificate, &c->server.certificate, r->y.err));
    TRO_TRY(join_path(c, r->key, &c->server.key, r->y.err));
    return join_path(c, r->tokens, &c->server.tokens, r->y.err);
}

/* ---- the whole ------------------------------------------------------------------------------ */

struct section {
    const struct tro_yaml_node *node;
    const struct tro_yaml_field *rows;
};

static int read_sections(struct reading *r)
{
    TRO_TRY(tro_yaml_fields(&r->y, r->y.top, top_rows, r));
    const struct section sections[] = {{r->console, console_rows},
                                       {r->findings, findings_rows},
                                       {r->tracker, tracker_rows},
                                       {r->encoder, encoder_rows}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (sections[i].node)
            TRO_TRY(tro_yaml_fields(&r->y, sections[i].node, sections[i].rows, r));
    TRO_TRY(read_source(r));
    TRO_TRY(read_networks(r));
    TRO_TRY(read_privacy(r));
    TRO_TRY(read_displays(r));
    return read_server(r);
}

static int read_all(struct reading *r)
{
    struct tro_config *const c = &r->c;
    TRO_TRY(keep_text(c, &c->path, r->y.err));
    TRO_TRY(read_sections(r));
    TRO_TRY(keep_text(c, &c->name, r->y.err));
    TRO_TRY(keep_text(c, &c->privacy.name, r->y.err));
    return join_path(c, r->rules, &c->rules, r->y.err);
}

int tro_config_parse(const char *text, size_t n, const char *path, struct tro_config *out,
                     struct tro_err *err)
{
    struct reading r = {.c = defaults};
    r.c.path = path;
    int rc = tro_yaml_parse(&r.y, text, n, path, err);
    if (rc == 0)
        rc = read_all(&r);
    tro_yaml_finish(&r.y);
    if (rc < 0)
        tro_config_finish(&r.c);
    *out = r.c;
    return rc;
}

int tro_config_read(const char *path, struct tro_config *out, struct tro_err *err)
{
    struct tro_file f;
    *out = (struct tro_config){0};
    TRO_TRY(tro_file_read(&f, path, TRO_YAML_MAX_BYTES, err));
    const int rc = tro_config_parse(f.data, f.n_bytes, path, out, err);
    tro_file_finish(&f);
    return rc;
}

void tro_config_finish(struct tro_config *c)
{
    tro_arena_finish(&c->arena);
    *c = (struct tro_config){0};
}

/* ---- what the program adds ------------------------------------------------------------------ */

int tro_config_set_source(struct tro_config *c, const char *text, struct tro_err *err)
{
    const char *const colon = strchr(text, ':');
    const size_t n = colon ? (size_t)(colon - text) : 0;
    for (int i = 0; colon && source_names[i]; i++) {
        if (strlen(source_names[i]) != n || strncmp(source_names[i], text, n) != 0)
            continue;
        const char *const wrong = wrong_location((enum tro_source)i, colon + 1);
        if (wrong || !colon[1])
            return tro_fail(err, TRO_E_INPUT, "--source: expected %s after '%s:', found '%.60s'",
                            wrong ? wrong : "a place", source_names[i], colon + 1);
        c->source.kind = (enum tro_source)i;
        c->source.location = colon + 1;
        return keep_text(c, &c->source.location, err);
    }
    return tro_fail(err, TRO_E_INPUT,
                    "--source: expected KIND:LOCATION with one of frames, file, rtsp, v4l2, gst, "
                    "found '%.60s'",
                    text);
}

int tro_config_fail(const struct tro_config *c, struct tro_config_place place, struct tro_err *err,
                    const char *fmt, ...)
{
    char text[800];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return tro_fail(err, TRO_E_INPUT, "%s:%d:%d: %s", c->path, place.line, place.column, text);
}
