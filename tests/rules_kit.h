/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of the demo's networks (examples/console/rules.yaml), made by hand for tests of rules:
 * frames of 640x360, a map of 160x90 labels, all at a depth of 60 mm, where 8 pixels are 1 mm.
 */
#ifndef TRO_TESTS_RULES_KIT_H
#define TRO_TESTS_RULES_KIT_H

#include "console/rules/rules.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { KIT_WIDTH = 640, KIT_HEIGHT = 360, KIT_MAP_WIDTH = 160, KIT_MAP_HEIGHT = 90 };
enum { TISSUE, INSTRUMENTS, LANDMARKS, DEPTH, OUTSIDE, BLEEDING, KIT_NETWORKS };
enum {
    L_OUTSIDE,
    L_WALL,
    L_LIVER,
    L_GALLBLADDER,
    L_FAT,
    L_BOWEL,
    L_ARTERY,
    L_SHAFT,
    L_WRIST,
    L_TIP
};
enum { B_GRASPER, B_HOOK, B_SCISSORS };
enum { P_FUNDUS, P_NECK, P_ORIGIN, P_INSERTION };
#define KIT_MM 8.0f /* pixels */
#define KIT_FRAME_NS INT64_C(33333333)

#define KIT_KIND(id) (1 << TRO_FINDING_##id)
static const struct tro_finding_names kit_names[KIT_NETWORKS] = {
    [TISSUE] = {.n = 10,
                .name = {"outside", "abdominal-wall", "liver", "gallbladder", "fat", "bowel",
                         "artery", "instrument-shaft", "instrument-wrist", "instrument-tip"},
                .kinds = {[0 ... 9] = KIT_KIND(MASK)}},
    [INSTRUMENTS] = {.n = 3,
                     .name = {"grasper", "hook", "scissors"},
                     .kinds = {[0 ... 2] = KIT_KIND(BOX)}},
    [LANDMARKS] = {.n = 4,
                   .name = {"gallbladder-fundus", "gallbladder-neck", "artery-origin",
                            "artery-insertion"},
                   .kinds = {[0 ... 3] = KIT_KIND(LANDMARK)}},
    [DEPTH] = {.n = 1, .name = {"depth"}, .kinds = {KIT_KIND(DEPTH)}},
    [OUTSIDE] = {.n = 1, .name = {"out-of-body"}, .kinds = {KIT_KIND(SCALAR)}},
    [BLEEDING] = {.n = 1, .name = {"bleeding"}, .kinds = {KIT_KIND(SCALAR)}}};

static const char *const kit_network_names[KIT_NETWORKS] = {"tissue", "instruments", "landmarks",
                                                            "depth",  "outside",     "bleeding"};

static const struct tro_rules_network kit_networks[KIT_NETWORKS] = {
    {"tissue", &kit_names[TISSUE], false},       {"instruments", &kit_names[INSTRUMENTS], false},
    {"landmarks", &kit_names[LANDMARKS], false}, {"depth", &kit_names[DEPTH], false},
    {"outside", &kit_names[OUTSIDE], false},     {"bleeding", &kit_names[BLEEDING], false}};

static const struct tro_rules_opts kit_opts = {.n_networks = KIT_NETWORKS,
                                               .networks = kit_networks,
                                               .width = KIT_WIDTH,
                                               .height = KIT_HEIGHT,
                                               .focal_length = 0.75f,
                                               .max_age_ms = 100};

/* A scene that findings are made of; NAN: not to be seen. */
struct kit {
    uint64_t frame; /* of the next findings */
    struct tro_findings f[KIT_NETWORKS];
    uint8_t labels[KIT_MAP_WIDTH * KIT_MAP_HEIGHT];
    struct {
        float x, y, score;
    } hook, points[4]; /* the hook's tip; landmarks */
    float outside, bleeding;
};

static inline struct kit *kit_create(void)
{
    struct kit *const k = calloc(1, sizeof *k);
    k->frame = 1;
    for (int i = 0; i < KIT_NETWORKS; i++)
        CHECK_INT(tro_findings_init(&k->f[i], NULL), 0);
    memset(k->labels, L_FAT, sizeof k->labels);
    k->hook.x = NAN;
    for (int i = 0; i < 4; i++)
        k->points[i].x = NAN;
    return k;
}

static inline void kit_destroy(struct kit *k)
{
    for (int i = 0; i < KIT_NETWORKS; i++)
        tro_findings_finish(&k->f[i]);
    free(k);
}

/* Of the frame, in pixels; whole squares of 4 x 4. */
static inline void kit_rect(struct kit *k, int x0, int y0, int x1, int y1, int label)
{
    for (int y = y0 / 4; y < y1 / 4; y++)
        for (int x = x0 / 4; x < x1 / 4; x++)
            k->labels[y * KIT_MAP_WIDTH + x] = (uint8_t)label;
}

static inline struct tro_findings *kit_begin(struct kit *k, int network)
{
    struct tro_findings *const f = &k->f[network];
    tro_findings_clear(f);
    f->frame = k->frame;
    f->captured_ns = (int64_t)k->frame * KIT_FRAME_NS;
    f->started_ns = f->captured_ns + 1000000;
    f->ready_ns = f->captured_ns + 9000000;
    f->engine = 0x1000u + (uint64_t)network;
    f->network = network;
    f->width = KIT_WIDTH;
    f->height = KIT_HEIGHT;
    return f;
}

/* Masks of all labels that are there, as decoding makes them. */
static inline void kit_masks(struct kit *k, struct tro_findings *f)
{
    struct tro_finding masks[L_TIP + 1];
    float n[L_TIP + 1] = {0};
    for (int label = 0; label <= L_TIP; label++)
        masks[label] = (struct tro_finding){.kind = TRO_FINDING_MASK,
                                            .label = label,
                                            .score = 1,
                                            .x0 = KIT_WIDTH,
                                            .y0 = KIT_HEIGHT};
    for (int i = 0; i < KIT_MAP_WIDTH * KIT_MAP_HEIGHT; i++) {
        struct tro_finding *const m = &masks[k->labels[i]];
        const float x = (float)(i % KIT_MAP_WIDTH) * 4, y = (float)(i / KIT_MAP_WIDTH) * 4;
        n[k->labels[i]]++;
        m->x += x + 2;
        m->y += y + 2;
        m->x0 = x < m->x0 ? x : m->x0;
        m->y0 = y < m->y0 ? y : m->y0;
        m->x1 = x + 4 > m->x1 ? x + 4 : m->x1;
        m->y1 = y + 4 > m->y1 ? y + 4 : m->y1;
    }
    tro_findings_pack(f, k->labels, KIT_MAP_WIDTH, KIT_MAP_HEIGHT);
    for (int label = 0; label <= L_TIP; label++) {
        if (n[label] < 1)
            continue;
        masks[label].x /= n[label];
        masks[label].y /= n[label];
        masks[label].area_px = n[label] * 16;
        tro_findings_add(f, &masks[label]);
    }
}

/* A hook comes from the right: tip 16 px, wrist 24 px, the rest shaft, all 16 px high. */
static inline void kit_draw_hook(struct kit *k)
{
    const int x = (int)k->hook.x, y = (int)k->hook.y;
    kit_rect(k, x + 40, y - 8, KIT_WIDTH, y + 8, L_SHAFT);
    kit_rect(k, x + 16, y - 8, x + 40, y + 8, L_WRIST);
    kit_rect(k, x, y - 8, x + 16, y + 8, L_TIP);
}

static inline struct tro_findings *kit_findings(struct kit *k, int network)
{
    struct tro_findings *const f = kit_begin(k, network);
    const struct tro_finding hook = {.kind = TRO_FINDING_BOX,
                                     .label = B_HOOK,
                                     .score = k->hook.score,
                                     .track = 4,
                                     .x = (k->hook.x + KIT_WIDTH) / 2,
                                     .y = k->hook.y,
                                     .x0 = k->hook.x,
                                     .y0 = k->hook.y - 8,
                                     .x1 = KIT_WIDTH,
                                     .y1 = k->hook.y + 8};
    const struct tro_finding scalar = {.kind = TRO_FINDING_SCALAR,
                                       .score = 1,
                                       .value = network == OUTSIDE ? k->outside : k->bleeding};
    if (network == TISSUE)
        kit_masks(k, f);
    if (network == INSTRUMENTS && !isnan(k->hook.x))
        tro_findings_add(f, &hook);
    for (int i = 0; network == LANDMARKS && i < 4; i++) {
        const struct tro_finding p = {.kind = TRO_FINDING_LANDMARK,
                                      .label = i,
                                      .score = k->points[i].score,
                                      .track = (uint32_t)i + 10,
                                      .x = k->points[i].x,
                                      .y = k->points[i].y};
        if (!isnan(k->points[i].x))
            tro_findings_add(f, &p);
    }
    if (network == DEPTH) {
        f->grid_width = KIT_MAP_WIDTH;
        f->grid_height = KIT_MAP_HEIGHT;
        for (int i = 0; i < KIT_MAP_WIDTH * KIT_MAP_HEIGHT; i++)
            f->grid[i] = 6000;
    }
    if (network == OUTSIDE || network == BLEEDING)
        tro_findings_add(f, &scalar);
    return f;
}

/* One frame through all networks whose bits are set, in their order. The last sentence. */
static inline struct tro_sentence kit_feed(struct kit *k, struct tro_rules *r, uint32_t networks)
{
    struct tro_sentence s = {0};
    for (int i = 0; i < KIT_NETWORKS; i++)
        if (networks >> i & 1)
            tro_rules_feed(r, kit_findings(k, i), &s);
    k->frame++;
    return s;
}

#define KIT_ALL ((1u << KIT_NETWORKS) - 1)

static inline struct tro_sentence kit_feed_n(struct kit *k, struct tro_rules *r, int n)
{
    struct tro_sentence s = {0};
    for (int i = 0; i < n; i++)
        s = kit_feed(k, r, KIT_ALL);
    return s;
}

/* Liver above, bowel below, gallbladder between; the artery left of and below its neck, which lies
 * 3 mm away. */
static inline void kit_anatomy(struct kit *k)
{
    kit_rect(k, 0, 0, 640, 80, L_LIVER);
    kit_rect(k, 0, 320, 640, 360, L_BOWEL);
    kit_rect(k, 240, 120, 400, 200, L_GALLBLADDER);
    kit_rect(k, 160, 240, 224, 260, L_ARTERY);
}

#endif
