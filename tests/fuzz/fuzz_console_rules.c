/* SPDX-License-Identifier: Apache-2.0 */
/* The text of rules: what is accepted runs on some findings and says what can be shown, what is
 * refused has a reason with its place. */
#include "base/utf8.h"
#include "console/rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 64, HEIGHT = 36, N_NETWORKS = 4 };

static const struct tro_finding_names names[N_NETWORKS] = {
    {.n = 4, .name = {"liver", "bowel", "tip", "shaft"}},
    {.n = 2, .name = {"hook", "neck"}},
    {.n = 1, .name = {"mm"}},
    {.n = 1, .name = {"bleeding"}}};
static const struct tro_rules_network networks[N_NETWORKS] = {{"tissue", &names[0], false},
                                                              {"points", &names[1], false},
                                                              {"depth", &names[2], false},
                                                              {"blood", &names[3], false}};
static const struct tro_rules_opts opts = {.n_networks = N_NETWORKS,
                                           .networks = networks,
                                           .width = WIDTH,
                                           .height = HEIGHT,
                                           .focal_length = 0.75f,
                                           .max_age_ms = 100};

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

static void check_text(const char *text)
{
    const size_t n = strnlen(text, TRO_SENTENCE_BYTES);
    if (n == TRO_SENTENCE_BYTES)
        fail("a text without an end", "");
    for (size_t i = 0, step; i < n; i += step)
        if ((step = tro_utf8_char(text + i, n - i)) == 0)
            fail("a text that is no UTF-8", text);
}

static void check_sentence(const struct tro_sentence *s)
{
    if (!s->id)
        return;
    for (int i = 0; i < TRO_N_LANGUAGES; i++)
        check_text(s->text[i]);
    if (!s->text[0][0] || s->n_why > TRO_SENTENCE_MAX_WHY || s->n_draw > TRO_SENTENCE_MAX_DRAW)
        fail("a sentence that cannot be shown", s->rule);
}

/* Masks and boxes that move, so that conditions change; frame 5 has nothing. */
static void fill(struct tro_findings *f, int network, int frame)
{
    static uint8_t labels[WIDTH * HEIGHT];
    tro_findings_clear(f);
    f->frame = (uint64_t)frame;
    f->captured_ns = (int64_t)frame * 33333333;
    f->network = network;
    f->width = WIDTH;
    f->height = HEIGHT;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        labels[i] = (uint8_t)(i % WIDTH < 4 * frame ? 0 : i / WIDTH % 4);
    if (network == 0)
        tro_findings_pack(f, labels, WIDTH, HEIGHT);
    f->grid_width = f->grid_height = network == 2 ? 8 : 0;
    for (int i = 0; network == 2 && i < 64; i++)
        f->grid[i] = (uint16_t)(5000 + 10 * i);
    for (int i = 0; frame != 5 && i < names[network].n; i++) {
        const struct tro_finding item = {.kind = network == 0   ? TRO_FINDING_MASK
                                                 : network == 3 ? TRO_FINDING_SCALAR
                                                 : i            ? TRO_FINDING_LANDMARK
                                                                : TRO_FINDING_BOX,
                                         .label = i,
                                         .score = 0.9f,
                                         .x = (float)(8 * frame % WIDTH),
                                         .y = 20,
                                         .x1 = WIDTH,
                                         .y1 = HEIGHT,
                                         .area_px = 100,
                                         .value = (float)(frame % 4) / 4};
        tro_findings_add(f, &item);
    }
}

static void run(struct tro_rules *r)
{
    static struct tro_findings f;
    struct tro_sentence s;
    if (!f.runs && tro_findings_init(&f, NULL) < 0)
        fail("no memory", "");
    for (int frame = 1; frame <= 8; frame++) {
        for (int i = 0; i < N_NETWORKS; i++) {
            fill(&f, i, frame);
            tro_rules_feed(r, &f, &s);
            check_sentence(&s);
        }
    }
    for (int i = 0; i < tro_rules_n(r); i++)
        if (!tro_rules_info(r, i).name[0])
            fail("a rule without a name", "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_err err = {0};
    struct tro_rules *const r = tro_rules_parse((const char *)data, size, "input", &opts, &err);
    if (r)
        run(r);
    else if (strncmp(err.text, "input:", 6) != 0)
        fail("no place in the message", err.text);
    tro_rules_destroy(r);
    return 0;
}
