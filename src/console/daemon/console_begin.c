/* SPDX-License-Identifier: Apache-2.0 */
/* The picture is there first; what looks at it comes when its plans are open. */
#include "base/alloc.h"
#include "base/err.h"
#include "console/daemon/console_state.h"

bool tro_console_waits(const struct tro_console *c)
{
    const enum tro_source kind = c->config->source.kind;
    const bool has_end = kind == TRO_SOURCE_FILE || kind == TRO_SOURCE_FRAMES;
    return (has_end && !c->config->source.loops) || c->opts->n_frames > 0;
}

bool tro_console_admits(struct tro_console *c)
{
    if (tro_setup_admit(&c->setup, NULL))
        return true;
    tro_setup_admit(&c->setup, stderr);
    return false;
}

/* Pages that came before names and colours were known. */
static void tell_status(struct tro_console *c)
{
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "t", "status");
    tro_console_put_status(c, "status", &j);
    tro_json_object_end(&j);
    tro_console_send(c, NULL, TRO_CHANNEL_CONTROL, &j);
}

/* Facts and findings speak of labels, which the plans tell. */
static int open_guide(struct tro_console *c, struct tro_err *err)
{
    for (int i = 0; i < c->config->n_networks; i++) {
        struct tro_supervisor_status s;
        if (tro_supervisor_network(c->setup.supervisor, i, &s))
            c->names[i] = s.opened.names;
    }
    c->guide = tro_guide_create(c->config, c->names, c->opts->record, err);
    return c->guide ? 0 : err->status;
}

int tro_console_begin_to_see(struct tro_console *c, struct tro_err *err)
{
    const int rc = tro_setup_opened(&c->setup, err);
    if (rc <= 0)
        return rc;
    if (!tro_console_admits(c))
        return 1;
    TRO_TRY(open_guide(c, err));
    atomic_store(&c->is_seeing, true);
    tell_status(c);
    return tro_console_waits(c) ? tro_media_start(c->media, err) : 0;
}
