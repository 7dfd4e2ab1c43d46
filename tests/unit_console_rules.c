/* SPDX-License-Identifier: Apache-2.0 */
/* What rules say: the demo's rules on findings made by hand, and each kind of condition. */
#include "rules_kit.h"

#include "base/alloc.h"
#include "console/rules/yaml.h"

#ifdef TRO_HAVE_YAML
#define NEED_YAML
#else
#define NEED_YAML SKIP("built without libyaml")
#endif

static struct tro_rules *demo(void)
{
    struct tro_err err = {0};
    struct tro_rules *const r = tro_rules_load("examples/console/rules.yaml", &kit_opts, &err);
    CHECK_STR(err.text, "");
    return r;
}

/* Artery from left to right, turned by deg; the neck 3 mm to its upper right. */
static void set_view(struct kit *k, float deg)
{
    const float a = deg * 3.14159265f / 180;
    k->points[P_ORIGIN].x = 100;
    k->points[P_ORIGIN].y = 100;
    k->points[P_INSERTION].x = 100 + 100 * cosf(a);
    k->points[P_INSERTION].y = 100 - 100 * sinf(a);
    k->points[P_NECK].x = 236;
    k->points[P_NECK].y = 228;
    for (int i = 0; i < 4; i++)
        k->points[i].score = 0.9f;
}

static void set_hook(struct kit *k, float x, float y)
{
    k->hook.x = x;
    k->hook.y = y;
    k->hook.score = 0.9f;
    kit_draw_hook(k);
}

/* ---- golden sentences ----------------------------------------------------------------------- */

TEST(rules_golden_off_axis)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = demo();
    CHECK_OR_RETURN(r != NULL);
    kit_anatomy(k);
    set_view(k, 3);
    CHECK_INT(kit_feed_n(k, r, 4).id, 0);
    const struct tro_sentence s = kit_feed_n(k, r, 1);
    CHECK_STR(s.text[TRO_LANGUAGE_EN],
              "View is off axis: rotate the scope 15 degrees clockwise and advance along the "
              "yellow path; probable right hepatic artery 3 mm to the lower left.");
    CHECK_STR(s.text[TRO_LANGUAGE_ZH], "视野偏离轴线：请将内镜顺时针旋转 15 "
                                       "度，并沿黄色路径前进；疑似肝右动脉位于左下方 3 毫米处");
    CHECK_STR(s.rule, "view-off-axis");
    CHECK_INT(s.id, 1);
    CHECK_INT(s.priority, 5);
    CHECK_INT(s.n_draw, 2);
    CHECK_INT(s.draw[0].kind, TRO_DRAW_PATH);
    CHECK(s.draw[0].n_points >= 2);
    CHECK_NEAR(s.draw[0].x[0], 320, 0);
    CHECK_NEAR(s.draw[0].y[0], 180, 0);
    CHECK_NEAR(s.draw[0].x[s.draw[0].n_points - 1], 236, 0);
    CHECK_INT(s.draw[0].rgb[2], 60);
    CHECK_INT(s.draw[1].kind, TRO_DRAW_ARROW);
    CHECK_NEAR(s.draw[1].x[0], 236, 0);
    CHECK(s.draw[1].x[1] < 236 && s.draw[1].y[1] > 228);
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_golden_hook_close_to_bowel)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = demo();
    CHECK_OR_RETURN(r != NULL);
    kit_anatomy(k);
    set_hook(k, 400, 304);
    const struct tro_sentence s = kit_feed_n(k, r, 3);
    CHECK_STR(s.text[TRO_LANGUAGE_ZH], "电钩距离肠壁过近，请抬高操作角度");
    CHECK_STR(s.text[TRO_LANGUAGE_EN], "The hook is too close to the bowel wall: raise its angle.");
    CHECK_INT(s.n_why, 1);
    CHECK_STR(s.why[0].fact, "hook-to-bowel");
    CHECK_INT(s.why[0].unit, TRO_UNIT_MM);
    CHECK(s.why[0].value > 1 && s.why[0].value < 3);
    CHECK_INT(s.why[0].n_from, 3);
    CHECK_INT(s.why[0].from[0].network, INSTRUMENTS);
    CHECK_INT(s.why[0].from[0].track, 4);
    CHECK_INT(s.why[0].from[0].frame, 2);
    CHECK_INT(s.why[0].from[0].engine, 0x1000 + INSTRUMENTS);
    CHECK_INT(s.why[0].from[1].network, TISSUE);
    CHECK_INT(s.why[0].from[1].frame, 3);
    CHECK_INT(s.why[0].from[2].network, DEPTH);
    CHECK_INT(s.n_draw, 2);
    CHECK_NEAR(s.draw[1].x[1] - s.draw[1].x[0], 16, 0);
    tro_rules_destroy(r);
    kit_destroy(k);
}

/* ---- the demo's other rules ----------------------------------------------------------------- */

static void check_rule(const struct tro_sentence *s, const char *rule, const char *text)
{
    CHECK_STR(s->rule, rule);
    CHECK_STR(s->text[TRO_LANGUAGE_EN], text);
    CHECK(s->text[TRO_LANGUAGE_ZH][0] != 0 || !*text);
}

TEST(rules_of_the_demo)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = demo();
    CHECK_OR_RETURN(r != NULL);
    kit_anatomy(k);
    set_view(k, 18);
    set_hook(k, 430, 160);
    struct tro_sentence s = kit_feed_n(k, r, 10);
    check_rule(&s, "", "");
    k->bleeding = 0.8f;
    s = kit_feed_n(k, r, 5);
    check_rule(&s, "bleeding", "Bleeding in view: stop, find its source and hold it.");
    k->bleeding = 0.5f; /* above where it ends */
    s = kit_feed_n(k, r, 20);
    check_rule(&s, "bleeding", "Bleeding in view: stop, find its source and hold it.");
    k->outside = 0.9f;
    s = kit_feed_n(k, r, 3);
    check_rule(&s, "out-of-body", "The scope is out of the body: nothing is guided.");
    k->outside = k->bleeding = 0;
    s = kit_feed_n(k, r, 1);
    check_rule(&s, "", "");
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_of_the_demo_near_organs)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = demo();
    CHECK_OR_RETURN(r != NULL);
    kit_anatomy(k);
    set_hook(k, 240, 244);
    struct tro_sentence s = kit_feed_n(k, r, 3);
    check_rule(&s, "hook-close-to-artery", "The hook is 3 mm from the artery: draw it back.");
    memset(k->labels, L_FAT, sizeof k->labels);
    kit_anatomy(k);
    set_hook(k, 400, 88);
    s = kit_feed_n(k, r, 8);
    check_rule(&s, "hook-close-to-liver", "The hook is 2 mm from the liver: mind its surface.");
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_of_the_demo_without_evidence)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = demo();
    CHECK_OR_RETURN(r != NULL);
    kit_anatomy(k);
    set_view(k, 18);
    set_hook(k, 430, 160);
    for (int i = 0; i < 4; i++)
        k->points[i].score = 0.3f;
    k->hook.score = 0.3f; /* smoke */
    CHECK_INT(kit_feed_n(k, r, 28).id, 0);
    struct tro_sentence s = kit_feed_n(k, r, 8);
    check_rule(&s, "view-unclear",
               "Insufficient evidence: clear the view of smoke or clean the lens.");
    k->hook.score = 0.9f;
    CHECK_INT(kit_feed_n(k, r, 1).id, 0);
    for (int i = 0; i < 20; i++)
        s = kit_feed(k, r, KIT_ALL & ~(1u << TISSUE));
    check_rule(&s, "not-analysed",
               "Insufficient evidence: parts of the picture are not being analysed.");
    k->hook.x = NAN;
    memset(k->labels, L_FAT, sizeof k->labels);
    s = kit_feed_n(k, r, 100);
    check_rule(&s, "instruments-out-of-sight",
               "No instrument in sight: bring the tips back into view before moving them.");
    tro_rules_destroy(r);
    kit_destroy(k);
}

/* ---- small rules ---------------------------------------------------------------------------- */

static const char head[] =
    "depth: depth\n"
    "places:\n"
    "  middle: {point: [0.5, 0.5]}\n"
    "  tip: {tip: instruments.hook, ends: tissue.instrument-tip, rest: tissue.instrument-wrist}\n"
    "  hook: {box: instruments.hook}\n"
    "  neck: {landmark: landmarks.gallbladder-neck}\n"
    "  fundus: {landmark: landmarks.gallbladder-fundus}\n"
    "  bowel: {surface: [tissue.bowel, tissue.artery]}\n"
    "  gallbladder: {mask: tissue.gallbladder}\n"
    "facts:\n"
    "  bleeding: {value: bleeding.bleeding}\n"
    "  outside: {value: outside.out-of-body}\n"
    "  seen: {seen: neck}\n"
    "  far: {distance: [middle, neck], round: 0.5 mm}\n"
    "  bowel-far: {distance: [middle, bowel]}\n"
    "  share: {share: [tissue.liver, tissue.bowel]}\n"
    "  score: {score: landmarks.gallbladder-neck}\n"
    "  angle: {angle: [neck, fundus]}\n"
    "  turn: {roll: [neck, fundus], wanted: 0 deg}\n"
    "  direction: {direction: [neck, fundus]}\n"
    "  to-bowel: {direction: [neck, bowel]}\n"
    "  side: {side: neck}\n"
    "  way: {path: [neck, fundus], avoid: tissue.artery}\n"
    "  age: {age: tissue}\n"
    "  speed: {rate: far, over: 100 ms}\n"
    "rules:\n";

#define SAY ", say: {en: yes, zh: yes}}\n"

static struct tro_rules *parse(const char *rules)
{
    char text[8192];
    struct tro_err err = {0};
    snprintf(text, sizeof text, "%s%s", head, rules);
    struct tro_rules *const r = tro_rules_parse(text, strlen(text), "r.yaml", &kit_opts, &err);
    CHECK_STR(err.text, "");
    return r;
}

/* bleeding by frame, as the hundredth of what a digit says; the rule's states by frame, by their
 * first letter. */
static void check_states(const char *rules, const char *values, const char *states)
{
    struct kit *const k = kit_create();
    struct tro_rules *const r = parse(rules);
    CHECK_OR_RETURN(r != NULL);
    char seen[128] = "";
    for (int i = 0; values[i]; i++) {
        k->bleeding = (float)(values[i] - '0') / 10;
        kit_feed(k, r, values[i] == '.' ? 1u << OUTSIDE : 1u << BLEEDING | 1u << OUTSIDE);
        const char *const name = tro_rule_state_name(tro_rules_info(r, 0).state);
        seen[i] = name[0];
        seen[i + 1] = 0;
    }
    CHECK_STR(seen, states);
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_limits_are_outside)
{
    NEED_YAML;
    static const char above[] = "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5}" SAY;
    static const char below[] = "  - {name: a, priority: 1, when: {fact: bleeding, below: 0.5}" SAY;
    static const char both[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.2, below: 0.5}" SAY;
    check_states(above, "456545", "ffsfff");
    check_states(below, "654", "ffs");
    check_states(both, "1234567", "ffssfff");
}

TEST(rules_hysteresis)
{
    NEED_YAML;
    static const char above[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.6, until: 0.3}" SAY;
    static const char below[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, below: 0.3, until: 0.6}" SAY;
    check_states(above, "5675432356", "ffssssffff");
    check_states(below, "4325678", "ffsssff");
}

TEST(rules_for_frames_and_time)
{
    NEED_YAML;
    static const char frames[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5, for: 3 frames}" SAY;
    static const char time[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5, for: 100 ms}" SAY;
    check_states(frames, "9939999", "fffffss");
    check_states(time, "999939999999", "fffffffffsss");
}

TEST(rules_unknown_is_not_false)
{
    NEED_YAML;
    static const char plain[] = "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5}" SAY;
    static const char negated[] =
        "  - {name: a, priority: 1, when: {not: {fact: bleeding, above: 0.5}}" SAY;
    static const char unknown[] = "  - {name: a, priority: 1, when: {unknown: bleeding}" SAY;
    static const char any[] = "  - {name: a, priority: 1, when: {any: [{fact: bleeding, above: "
                              "0.5}, {fact: outside, below: 0.5}]}" SAY;
    static const char all[] = "  - {name: a, priority: 1, when: {all: [{fact: bleeding, above: "
                              "0.5}, {fact: outside, above: 0.5}]}" SAY;
    static const char barred[] = "  - {name: a, priority: 1, when: {fact: outside, below: 0.5}, "
                                 "unless: {fact: bleeding, above: 0.5}" SAY;
    check_states(plain, "9.....", "ssssii");
    check_states(negated, "1.....", "ssssii");
    check_states(unknown, "9.....9", "ffffssf");
    check_states(any, ".9", "ss");
    check_states(all, ".9", "ff");
    check_states(barred, ".919", "ibsb");
}

TEST(rules_every)
{
    NEED_YAML;
    static const char rules[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5}, every: 200 ms" SAY;
    check_states(rules, "9199999999", "sfrrrrrsss");
}
