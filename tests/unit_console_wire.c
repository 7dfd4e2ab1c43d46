/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/wire.h and hosted.h: what goes between daemon and workers, and what is refused. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console/core/hosted.h"
#include "console/core/wire.h"
#include "test.h"

TEST(messages_come_whole)
{
    struct tro_err err = {0};
    struct tro_wire m;
    int fd[2];
    uint8_t *const buf = malloc(TRO_WIRE_MAX_BYTES), *const body = malloc(300000);
    CHECK_INT(tro_wire_pair(fd, &err), 0);
    memset(body, 7, 300000);
    CHECK_INT(tro_wire_send(fd[0], TRO_WIRE_QUIT, NULL, 0, &err), 0);
    CHECK_INT(tro_wire_receive(fd[1], buf, &m, &err), 1);
    CHECK_INT(m.type, TRO_WIRE_QUIT);
    CHECK_INT(m.n, 0);
    /* The longest findings there can be. */
    CHECK_INT(tro_wire_send(fd[1], TRO_WIRE_FINDINGS, body, 300000, &err), 0);
    CHECK_INT(tro_wire_receive(fd[0], buf, &m, &err), 1);
    CHECK_INT(m.n, 300000);
    CHECK(memcmp(m.body, body, m.n) == 0);
    CHECK_INT(tro_wire_send(fd[1], TRO_WIRE_FINDINGS, body, TRO_WIRE_MAX_BYTES, &err), TRO_E_INPUT);
    close(fd[1]);
    CHECK_INT(tro_wire_receive(fd[0], buf, &m, &err), 0);
    CHECK_INT(tro_wire_send(fd[0], TRO_WIRE_QUIT, NULL, 0, &err), TRO_E_IO);
    close(fd[0]);
    free(buf);
    free(body);
}

TEST(what_is_no_message)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } cases[] = {
        {"\1\0\0\0\2\0\0", 7, "8 to"},
        {"\1\0\0\0\1\0\0\0", 8, "version 2, found 1"},
        {"\0\0\0\0\2\0\0\0", 8, "found 0"},
        {"\377\0\0\0\2\0\0\0", 8, "found 255"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tro_err err = {0};
        struct tro_wire m;
        CHECK_INT(tro_wire_parse((const uint8_t *)cases[i].bytes, cases[i].n, &m, &err),
                  TRO_E_INPUT);
        CHECK_HAS(err.text, cases[i].why);
    }
}

TEST(skipped_and_stage_round)
{
    const struct tro_skipped s = {3, TRO_SKIP_BUSY, UINT64_C(1) << 40, 12, 100, 100, 102};
    const struct tro_stage t = {2, 1, 77, 100, 200, 300, 400, INT64_MAX};
    struct tro_skipped s2;
    struct tro_stage t2;
    uint8_t b[TRO_STAGE_BYTES];
    tro_skipped_write(&s, b);
    CHECK_INT(tro_skipped_read(&s2, b, TRO_SKIPPED_BYTES, NULL), 0);
    CHECK(s2.network == 3 && s2.why == TRO_SKIP_BUSY && s2.frame == s.frame && s2.n_frames == 12 &&
          s2.captured_ns == 100 && s2.taken_ns == 100 && s2.at_ns == 102);
    CHECK_INT(tro_skipped_read(&s2, b, TRO_SKIPPED_BYTES - 1, NULL), TRO_E_INPUT);
    tro_skipped_write(&(struct tro_skipped){3, TRO_SKIP_LATE, 7, 1, 100, 102, 101}, b);
    CHECK_INT(tro_skipped_read(&s2, b, TRO_SKIPPED_BYTES, NULL), TRO_E_INPUT);
    tro_stage_write(&t, b);
    CHECK_INT(tro_stage_read(&t2, b, sizeof b, NULL), 0);
    CHECK(t2.network == 2 && t2.tier == 1 && t2.frame == 77 && t2.captured_ns == 100 &&
          t2.decoded_ns == INT64_MAX);
    CHECK_INT(tro_stage_read(&t2, b, sizeof b - 1, NULL), TRO_E_INPUT);
    tro_stage_write(&(struct tro_stage){2, 1, 77, 100, 200, 150, 400, 500}, b);
    CHECK_INT(tro_stage_read(&t2, b, sizeof b, NULL), TRO_E_INPUT);
    tro_stage_write(&(struct tro_stage){2, 1, 77, -1, 200, 250, 400, 500}, b);
    CHECK_INT(tro_stage_read(&t2, b, sizeof b, NULL), TRO_E_INPUT);
}

#ifdef TRO_HAVE_JANSSON

static const struct tro_hosted example = {
    .device = "cuda:1",
    .threads = 2,
    .lanes = 3,
    .reader = 4,
    .focal_length = 0.75f,
    .n_networks = 2,
    .networks = {{.network = 0,
                  .name = "tissue",
                  .n_tiers = 2,
                  .plans = {"a.plan", "b.plan"},
                  .worst_ns = {1000, 0},
                  .every = 2,
                  .deadline_ns = 30000000,
                  .priority = 1},
                 {.network = 5,
                  .name = "x",
                  .n_tiers = 1,
                  .plans = {"c.plan"},
                  .every = 1,
                  .deadline_ns = 1,
                  .is_trial = true}},
};

TEST(hosted_round)
{
    struct tro_json j = {.is_line = true};
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    struct tro_hosted h;
    tro_hosted_write(&example, &j);
    CHECK_INT(tro_hosted_read((const char *)j.buf.p, j.buf.n, &arena, &h, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_STR(h.device, "cuda:1");
    CHECK(h.threads == 2 && h.lanes == 3 && h.reader == 4 && h.focal_length == 0.75f);
    CHECK_INT(h.n_networks, 2);
    CHECK_STR(h.networks[0].plans[1], "b.plan");
    CHECK_INT(h.networks[0].worst_ns[0], 1000);
    CHECK_INT(h.networks[0].every, 2);
    CHECK_INT(h.networks[0].deadline_ns, 30000000);
    CHECK_INT(h.networks[1].network, 5);
    CHECK(h.networks[1].is_trial && !h.networks[0].is_trial);
    tro_json_finish(&j);
    tro_arena_finish(&arena);
}

TEST(opened_round)
{
    struct tro_opened *const o = calloc(1, sizeof *o), *const p = calloc(1, sizeof *p);
    struct tro_json j = {.is_line = true};
    struct tro_err err = {0};
    o->n_networks = 2;
    o->networks[0] = (struct tro_opened_network){.network = 3,
                                                 .n_tiers = 2,
                                                 .engine = {UINT64_MAX, 1},
                                                 .alone_ns = {5, 6},
                                                 .worst_ns = {7, 8},
                                                 .names = {.n = 2, .name = {"liver", "胆囊"}}};
    o->networks[1] = (struct tro_opened_network){.network = 4, .error = "a.plan: no such file"};
    tro_opened_write(o, &j);
    CHECK_INT(tro_opened_read((const char *)j.buf.p, j.buf.n, p, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_INT(p->n_networks, 2);
    CHECK(p->networks[0].engine[0] == UINT64_MAX && p->networks[0].engine[1] == 1);
    CHECK(p->networks[0].alone_ns[1] == 6 && p->networks[0].worst_ns[1] == 8);
    CHECK_INT(p->networks[0].names.n, 2);
    CHECK_STR(p->networks[0].names.name[1], "胆囊");
    CHECK_STR(p->networks[1].error, "a.plan: no such file");
    tro_json_finish(&j);
    free(o);
    free(p);
}

TEST(opened_that_is_refused)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "expected JSON"},
        {"{}", "expected networks"},
        {"{\"networks\": [{}]}", "network"},
        {"{\"networks\": [{\"network\": 16}]}", "0 to 15"},
        {"{\"networks\": [{\"network\": 0, \"engines\": [\"xyz\"], \"worst_ns\": "
         "[1]}]}",
         "hexadecimal"},
        {"{\"networks\": [{\"network\": 0, \"engines\": [\"12\"], \"worst_ns\": "
         "[-1]}]}",
         "worst_ns"},
        {"{\"networks\": [{\"network\": 0}]}", "neither"},
        {"{\"networks\": [{\"network\": 0, \"engines\": [\"1\"], \"names\": "
         "[\"a name of more than thirty-one bytes\"]}]}",
         "31 bytes"},
    };
    struct tro_opened *const o = calloc(1, sizeof *o);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tro_err err = {0};
        CHECK_INT(tro_opened_read(cases[i].text, strlen(cases[i].text), o, &err), TRO_E_INPUT);
        CHECK_HAS(err.text, cases[i].why);
    }
    free(o);
}

#endif
