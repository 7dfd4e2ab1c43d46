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
    CHECK_INT(kit_feed_n(k, r, 2).id, 0);
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
        k->points[i].score = 0.2f;
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
    "  neck-too: {landmark: landmarks.gallbladder-neck, min_score: 0.4}\n"
    "  bowel: {surface: [tissue.bowel, tissue.artery]}\n"
    "  gallbladder: {mask: tissue.gallbladder}\n"
    "facts:\n"
    "  bleeding: {value: bleeding.bleeding}\n"
    "  outside: {value: outside.out-of-body}\n"
    "  seen: {seen: neck}\n"
    "  far: {distance: [middle, neck], round: 0.5 mm}\n"
    "  far-too: {distance: [middle, neck-too], round: 0.1 mm}\n"
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

TEST(rules_for_frames_that_were_looked_at)
{
    NEED_YAML;
    static const char frames[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5, for: 3 frames}" SAY;
    check_states(frames, "9..9..9", "ffffffs");
}

TEST(rules_patience)
{
    NEED_YAML;
    static const char frames[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5, for: 3 frames}" SAY;
    static const char time[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5, for: 150 ms}" SAY;
    check_states(frames, "9......99", "ffffiiifs");
    check_states(frames, "9.............99", "ffffiiiiiiiiiiff");
    check_states(time, "9......999", "ffffiiifss"); /* 133 ms before, 33 ms behind */
    struct kit *const k = kit_create();
    struct tro_rules *const r = parse(frames);
    CHECK_OR_RETURN(r != NULL);
    k->bleeding = 1;
    for (int i = 0; i < 3; i++)
        kit_feed(k, r, 1u << BLEEDING);
    for (int i = 0; i < 13; i++) { /* known for 100 ms, then patience for 300 ms */
        const struct tro_sentence s = kit_feed(k, r, 1u << OUTSIDE);
        CHECK_STR(s.rule, i < 12 ? "a" : "");
        CHECK(i >= 12 || s.seen_ns == (int64_t)(3 + (i < 3 ? i + 1 : 3)) * KIT_FRAME_NS);
        CHECK_INT(tro_rules_info(r, 0).state, i < 3 ? TRO_RULE_SPEAKING : TRO_RULE_INSUFFICIENT);
    }
    tro_rules_destroy(r);
    kit_destroy(k);
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

TEST(rules_max_age_of_a_fact)
{
    NEED_YAML;
    static const char text[] =
        "patience: 0 ms\n"
        "facts: {tissue: {age: outside}, blood: {value: bleeding.bleeding, max_age: 300 ms}}\n"
        "rules:\n"
        "  - {name: a, priority: 1, when: {fact: blood, below: 0.5}, say: {en: x, zh: x}}\n";
    struct tro_err err = {0};
    struct kit *const k = kit_create();
    struct tro_rules *const r = tro_rules_parse(text, sizeof text - 1, "r.yaml", &kit_opts, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(r != NULL);
    kit_feed(k, r, 1u << BLEEDING);
    for (int i = 1; i < 12; i++)
        CHECK_STR(kit_feed(k, r, 1u << OUTSIDE).rule, i < 10 ? "a" : "");
    CHECK_INT(tro_rules_info(r, 0).state, TRO_RULE_INSUFFICIENT);
    CHECK_INT(tro_rules_info(r, 0).why, TRO_EVIDENCE_OLD);
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_every)
{
    NEED_YAML;
    static const char rules[] =
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5}, every: 200 ms" SAY;
    check_states(rules, "9199999999", "sfrrrrrsss");
}

/* ---- sentences ------------------------------------------------------------------------------ */

#define TWO_RULES                                                                                \
    "  - {name: low, priority: 3, when: {fact: outside, above: 0.5}, say: {en: low, zh: low}}\n" \
    "  - {name: high, priority: 1, when: {fact: bleeding, above: 0.5}, say: {en: high, zh: "     \
    "high}}\n"                                                                                   \
    "  - {name: same, priority: 3, when: {fact: bleeding, below: 0.9}, say: {en: same, zh: "     \
    "same}}\n"

static void check_speaks(struct kit *k, struct tro_rules *r, float outside, float bleeding,
                         const char *rule, uint32_t id)
{
    k->outside = outside;
    k->bleeding = bleeding;
    const struct tro_sentence s = kit_feed(k, r, 1u << OUTSIDE | 1u << BLEEDING);
    CHECK_STR(s.rule, rule);
    CHECK_INT(s.id, id);
}

TEST(rules_priorities)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = parse(TWO_RULES);
    CHECK_OR_RETURN(r != NULL);
    check_speaks(k, r, 0, 1, "high", 1);
    check_speaks(k, r, 1, 1, "high", 1);
    check_speaks(k, r, 1, 0.2f, "low", 2);
    check_speaks(k, r, 1, 0.2f, "low", 2);
    check_speaks(k, r, 0, 0.2f, "same", 3);
    check_speaks(k, r, 1, 0.2f, "same", 3); /* of equals who speaks already */
    check_speaks(k, r, 1, 0.7f, "high", 4);
    check_speaks(k, r, 0, 0.95f, "high", 4);
    CHECK_INT(tro_rules_n(r), 3);
    CHECK_STR(tro_rules_info(r, 1).name, "high");
    CHECK_INT(tro_rules_info(r, 1).n_begun, 2);
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_events_and_refresh)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = parse(
        "  - {name: a, priority: 1, when: {fact: bleeding, above: 0.5}, say: {en: "
        "\"{bleeding} {{}\", zh: x}}\n");
    CHECK_OR_RETURN(r != NULL);
    struct tro_sentence s;
    int n_changed = 0, n_began = 0;
    for (int i = 0; i < 60; i++) {
        k->bleeding = 0.6f + (float)i / 1000;
        const enum tro_rules_event e = tro_rules_feed(r, kit_findings(k, BLEEDING), &s);
        n_changed += e == TRO_RULES_CHANGED;
        n_began += e == TRO_RULES_BEGAN;
        CHECK_INT(s.id, 1);
        CHECK_INT(s.made_ns, KIT_FRAME_NS);
        CHECK_INT(s.seen_ns, (int64_t)k->frame * KIT_FRAME_NS);
        if (i == 15)
            CHECK_STR(s.text[TRO_LANGUAGE_EN], "0.60 {}"); /* 499.5 ms */
        if (i == 16)
            CHECK_STR(s.text[TRO_LANGUAGE_EN], "0.62 {}");
        k->frame++;
    }
    CHECK_INT(n_began, 1);
    CHECK_INT(n_changed, 3);
    k->bleeding = 0;
    CHECK_INT(tro_rules_feed(r, kit_findings(k, BLEEDING), &s), TRO_RULES_ENDED);
    CHECK_INT(s.id, 0);
    CHECK_INT(tro_rules_feed(r, kit_findings(k, BLEEDING), &s), TRO_RULES_SAME); /* again */
    k->frame--;
    k->bleeding = 1;
    CHECK_INT(tro_rules_feed(r, kit_findings(k, BLEEDING), &s), TRO_RULES_SAME); /* older */
    tro_rules_destroy(r);
    kit_destroy(k);
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* What a fact says after a second of the same findings; "" where it is not known. */
static void check_fact(struct kit *k, const char *shown, const char *en, const char *zh)
{
    char rules[512];
    snprintf(rules, sizeof rules,
             "  - {name: a, priority: 1, when: {fact: age, below: 900 ms}, say: {en: \"%s\", zh: "
             "\"%s\"}}\n",
             shown, shown);
    struct tro_rules *const r = parse(rules);
    CHECK_OR_RETURN(r != NULL);
    const struct tro_sentence s = kit_feed_n(k, r, 30);
    CHECK_STR(s.text[TRO_LANGUAGE_EN], en);
    CHECK_STR(s.text[TRO_LANGUAGE_ZH], zh);
    tro_rules_destroy(r);
}

TEST(rules_facts_shown)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    kit_anatomy(k);
    set_view(k, 0);
    k->points[P_FUNDUS].x = 236 + 80;
    k->points[P_FUNDUS].y = 228 - 80;
    k->bleeding = 0.126f;
    check_fact(k, "{bleeding}", "0.13", "0.13");
    check_fact(k, "{score}", "0.90", "0.90");
    check_fact(k, "{angle} deg", "45 deg", "45 deg");
    check_fact(k, "{turn abs} {turn turn}", "45 counter-clockwise", "45 逆时针");
    check_fact(k, "{turn}", "-45", "-45");
    check_fact(k, "{direction}", "upper right", "右上方");
    check_fact(k, "{to-bowel}", "lower left", "左下方");
    check_fact(k, "{side}", "left", "左侧");
    check_fact(k, "{share}", "33", "33");   /* 640 x 80 and 640 x 40 of 640 x 360 */
    check_fact(k, "{far}", "12.0", "12.0"); /* 84, 48 pixels are 12.09 mm */
    check_fact(k, "{way}", "113", "113");
    check_fact(k, "{speed}", "0", "0");
    check_fact(k, "{age}", "0", "0");
    k->points[P_NECK].score = 0.4f;
    check_fact(k, "{far}", "", "");
    check_fact(k, "{far-too}", "12.1", "12.1");
    check_fact(k, "{score}", "0.40", "0.40");
    k->points[P_NECK].x = NAN;
    check_fact(k, "{score}", "", "");
    kit_destroy(k);
}

TEST(rules_rate)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = parse(
        "  - {name: a, priority: 1, when: {fact: speed, above: 1 mm/s}, say: {en: "
        "\"{speed}\", zh: x}}\n");
    CHECK_OR_RETURN(r != NULL);
    struct tro_sentence s = {0};
    set_view(k, 0);
    k->points[P_NECK].y = 180;
    for (int i = 0; i < 8; i++) {
        k->points[P_NECK].x = 320 + 8 * (float)i; /* 1 mm a frame, 30 frames a second */
        s = kit_feed(k, r, KIT_ALL);
        CHECK(i > 3 || s.id == 0); /* not known before 100 ms */
    }
    CHECK_STR(s.text[TRO_LANGUAGE_EN], "30");
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_absent_is_false_and_known)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = parse(
        "  - {name: a, priority: 1, when: {not: {fact: far, below: 900 mm}}, say: {en: x, "
        "zh: x}}\n"
        "  - {name: b, priority: 2, when: {fact: seen, is: false}, unless: {unknown: far}, "
        "say: {en: x, zh: x}}\n");
    CHECK_OR_RETURN(r != NULL);
    CHECK_STR(kit_feed_n(k, r, 1).rule, "a");
    set_view(k, 0);
    CHECK_STR(kit_feed_n(k, r, 1).rule, "");
    CHECK_INT(tro_rules_info(r, 1).state, TRO_RULE_FALSE);
    k->points[P_NECK].score = 0.2f;
    CHECK_STR(kit_feed_n(k, r, 1).rule, "");
    CHECK_INT(tro_rules_info(r, 0).state, TRO_RULE_INSUFFICIENT);
    CHECK_STR(tro_rules_info(r, 0).fact, "far");
    CHECK_INT(tro_rules_info(r, 0).why, TRO_EVIDENCE_UNSURE);
    tro_rules_destroy(r);
    kit_destroy(k);
}

TEST(rules_allocate_nothing_once_loaded)
{
    NEED_YAML;
    struct kit *const k = kit_create();
    struct tro_rules *const r = demo();
    CHECK_OR_RETURN(r != NULL);
    kit_anatomy(k);
    set_view(k, 3);
    set_hook(k, 240, 244);
    tro_alloc_fail_after(0);
    const struct tro_sentence s = kit_feed_n(k, r, 40);
    tro_alloc_fail_after(-1);
    CHECK_STR(s.rule, "hook-close-to-artery");
    tro_rules_destroy(r);
    kit_destroy(k);
}
