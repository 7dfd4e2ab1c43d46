/* SPDX-License-Identifier: Apache-2.0 */
/* In place of all else here where GStreamer was not found: nothing can be created, so that the
 * other functions are never reached. */
#include "console/media/media.h"
#include "console/media/viewers.h"

#include "base/err.h"

static int say_none(struct tro_err *err)
{
    return tro_fail(err, TRO_E_DEVICE,
                    "video needs GStreamer, which was not there when this program was built: "
                    "install its development packages (docs/dependencies.md) and build again, or "
                    "run with --no-media");
}

struct tro_media *tro_media_create(const struct tro_media_opts *opts, struct tro_err *err)
{
    (void)opts;
    say_none(err);
    return NULL;
}

int tro_media_start(struct tro_media *m, struct tro_err *err)
{
    (void)m;
    return say_none(err);
}

void tro_media_stop(struct tro_media *m)
{
    (void)m;
}

void tro_media_destroy(struct tro_media *m)
{
    (void)m;
}

void tro_media_blur(struct tro_media *m, bool is_blurred)
{
    (void)m, (void)is_blurred;
}

void tro_media_count(struct tro_media *m, struct tro_media_counters *out)
{
    (void)m;
    *out = (struct tro_media_counters){0};
}

int tro_media_snapshot(struct tro_media *m, uint8_t **png, size_t *n_bytes, struct tro_err *err)
{
    (void)m, (void)png, (void)n_bytes;
    return say_none(err);
}

struct tro_viewers *tro_viewers_create(struct tro_media *m, const struct tro_viewers_opts *opts,
                                       struct tro_err *err)
{
    (void)m, (void)opts;
    say_none(err);
    return NULL;
}

void tro_viewers_destroy(struct tro_viewers *v)
{
    (void)v;
}

int tro_viewers_offer(struct tro_viewers *v, const char *sdp, size_t n, bool is_burned_in,
                      char id[TRO_VIEWER_ID_BYTES], char **answer, struct tro_err *err)
{
    (void)v, (void)sdp, (void)n, (void)is_burned_in, (void)id, (void)answer;
    return say_none(err);
}

int tro_viewers_trickle(struct tro_viewers *v, const char *id, const char *fragment, size_t n,
                        struct tro_err *err)
{
    (void)v, (void)id, (void)fragment, (void)n;
    return say_none(err);
}

bool tro_viewers_close(struct tro_viewers *v, const char *id)
{
    (void)v, (void)id;
    return false;
}

void tro_viewers_send(struct tro_viewers *v, const char *id, enum tro_viewer_channel channel,
                      const char *text, size_t n)
{
    (void)v, (void)id, (void)channel, (void)text, (void)n;
}

int tro_viewers_list(struct tro_viewers *v, struct tro_viewer_info *out, int n)
{
    (void)v, (void)out, (void)n;
    return 0;
}
