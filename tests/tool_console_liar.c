/* SPDX-License-Identifier: Apache-2.0 */
/* In place of trocar-worker: opens what it is asked for, in words, and then says what no worker may
 * say: one thing of a list, another one each time (by the time of day). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/thread.h"
#include "console/core/hosted.h"
#include "console/core/wire.h"

static void say_opened(int fd, const struct tro_hosted *h)
{
    struct tro_opened *const o = calloc(1, sizeof *o);
    struct tro_json j = {.is_line = true};
    o->n_networks = h->n_networks;
    for (int i = 0; i < h->n_networks; i++)
        o->networks[i] = (struct tro_opened_network){.network = h->networks[i].network,
                                                     .n_tiers = h->networks[i].n_tiers,
                                                     .engine = {7},
                                                     .worst_ns = {1000}};
    tro_opened_write(o, &j);
    tro_wire_send(fd, TRO_WIRE_OPENED, j.buf.p, j.buf.n, NULL);
    tro_json_finish(&j);
    free(o);
}

static void say_findings(int fd, int network, uint64_t frame)
{
    struct tro_findings f;
    uint8_t *const out = malloc(TRO_WIRE_MAX_BYTES);
    if (tro_findings_init(&f, NULL) < 0)
        exit(1);
    f.frame = frame;
    f.network = network;
    f.width = 128;
    f.height = 72;
    f.engine = 7;
    tro_wire_send(fd, TRO_WIRE_FINDINGS, out, tro_findings_write(&f, out, TRO_WIRE_MAX_BYTES),
                  NULL);
    tro_findings_finish(&f);
    free(out);
}

static void lie(int fd, unsigned how)
{
    uint8_t body[TRO_STAGE_BYTES] = {0};
    const int64_t now_ns = tro_clock_ns();
    switch (how) {
    case 0: /* no message at all */
        tro_wire_send(fd, (enum tro_wire_type)99, "x", 1, NULL);
        break;
    case 1: /* findings of a frame that no stage told of */
        say_findings(fd, 0, 1);
        break;
    case 2: /* a frame that is yet to come */
        tro_stage_write(&(struct tro_stage){.frame = 1u << 30,
                                            .captured_ns = now_ns,
                                            .taken_ns = now_ns,
                                            .started_ns = now_ns,
                                            .ran_ns = now_ns,
                                            .decoded_ns = now_ns},
                        body);
        tro_wire_send(fd, TRO_WIRE_STAGE, body, sizeof body, NULL);
        break;
    case 3: /* what the daemon says */
        tro_wire_send(fd, TRO_WIRE_QUIT, NULL, 0, NULL);
        break;
    default: /* noise where findings are expected */
        for (size_t i = 0; i < sizeof body; i++)
            body[i] = (uint8_t)(now_ns >> (i % 32));
        tro_wire_send(fd, TRO_WIRE_FINDINGS, body, sizeof body, NULL);
    }
}

int main(int argc, char **argv)
{
    uint8_t *const in = malloc(TRO_WIRE_MAX_BYTES);
    const int fd = argc == 4 ? atoi(argv[3]) : -1;
    struct tro_arena arena = {0};
    struct tro_hosted h;
    struct tro_wire m;
    if (fd < 0 || tro_wire_receive(fd, in, &m, NULL) <= 0 ||
        tro_hosted_read((const char *)m.body, m.n, &arena, &h, NULL) < 0)
        return 1;
    say_opened(fd, &h);
    lie(fd, (unsigned)(tro_clock_ns() / 1000) % 5);
    while (tro_wire_receive(fd, in, &m, NULL) > 0)
        continue;
    tro_arena_finish(&arena);
    free(in);
    return 0;
}
