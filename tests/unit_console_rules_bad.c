/* SPDX-License-Identifier: Apache-2.0 */
/* What files of rules are told when they are wrong: at load, with line and column. */
#include "rules_kit.h"

#include "base/alloc.h"

#ifdef TRO_HAVE_YAML
#define NEED_YAML
#else
#define NEED_YAML SKIP("built without libyaml")
#endif

/* Lines 1 to 18; what a test adds begins in line 19. */
static const char head[] = "depth: depth\n"
                           "places:\n"
                           "  middle: {point: [0.5, 0.5]}\n"
                           "  tip: {tip: instruments.hook, ends: tissue.instrument-tip}\n"
                           "  neck: {landmark: landmarks.gallbladder-neck}\n"
                           "  bowel: {surface: tissue.bowel}\n"
                           "facts:\n"
                           "  bleeding: {value: bleeding.bleeding}\n"
                           "  seen: {seen: neck}\n"
                           "  far: {distance: [middle, neck]}\n"
                           "  bowel-far: {distance: [tip, bowel]}\n"
                           "  turn: {roll: [middle, neck], wanted: 0 deg}\n"
                           "  direction: {direction: [middle, neck]}\n"
                           "  side: {side: neck}\n"
                           "  way: {path: [middle, neck], avoid: tissue.artery}\n"
                           "  age: {age: tissue}\n"
                           "  share: {share: tissue.liver}\n"
                           "rules:\n";

#define YES "say: {en: x, zh: x}}\n"

struct bad {
    const char *text, *message;
};

static void check_text(const char *before, const struct bad *bad)
{
    char text[8192];
    struct tro_err err = {0};
    snprintf(text, sizeof text, "%s%s", before, bad->text);
    struct tro_rules *const r = tro_rules_parse(text, strlen(text), "r.yaml", &kit_opts, &err);
    CHECK(!r);
    CHECK_STR(err.text, bad->message);
    tro_rules_destroy(r);
}

/* ---- places and facts ----------------------------------------------------------------------- */

static const struct bad bad_facts[] = {
    {"places: {p: {box: tissue}}", "r.yaml:1:19: places.p.box: expected NETWORK.LABEL, found "
                                   "'tissue'"},
    {"places: {p: {box: probe.hook}}",
     "r.yaml:1:19: places.p.box: expected one of the networks tissue, instruments, landmarks, "
     "depth, outside, bleeding, found 'probe'"},
    {"places: {p: {box: instruments.probe}}",
     "r.yaml:1:19: places.p.box: expected one of the labels of instruments, which are grasper, "
     "hook, scissors, found 'probe'"},
    {"places: {p: {box: tissue.liver}}", "r.yaml:1:19: places.p.box: expected a label of kind box, "
                                         "found 'tissue.liver', which is another"},
    {"places: {p: {}}", "r.yaml:1:13: places.p: expected one of the keys tip, box, landmark, mask, "
                        "surface, point, found 0 of them"},
    {"places: {p: {point: [0.5, 1.5]}}", "r.yaml:1:27: places.p.point[1]: expected a number of 0 "
                                         "to 1, found '1.5'"},
    {"places: {p: {point: [0.5]}}", "r.yaml:1:21: places.p.point: expected a list of 2, found "
                                    "a list of 1"},
    {"places: {P: {point: [0, 0]}}", "r.yaml:1:10: places.P: expected a name of small letters, "
                                     "digits and '-', at most 63, found 'P'"},
    {"places: {p: {tip: instruments.hook}}", "r.yaml:1:13: places.p: expected the key ends, which "
                                             "is missing"},
    {"places: {p: {box: instruments.hook, ends: tissue.liver}}",
     "r.yaml:1:43: places.p.ends: expected no such key with another kind than tip"},
    {"places: {p: {surface: [tissue.liver, instruments.hook]}}",
     "r.yaml:1:38: places.p.surface[1]: expected labels of one network, found 'instruments.hook' "
     "after one of tissue"},
    {"facts: {f: {value: bleeding.bleeding, share: tissue.liver}}",
     "r.yaml:1:12: facts.f: expected one of the keys value, score, seen, share, distance, angle, "
     "roll, direction, side, path, age, rate, found 2 of them"},
    {"facts: {f: {value: tissue.liver}}", "r.yaml:1:20: facts.f.value: expected a label of kind "
                                          "scalar, found 'tissue.liver', which is another"},
    {"facts: {f: {seen: elsewhere}}", "r.yaml:1:19: facts.f.seen: expected one of the places, "
                                      "found 'elsewhere'"},
    {"facts: {f: {age: elsewhere}}",
     "r.yaml:1:18: facts.f.age: expected one of the networks tissue, instruments, landmarks, "
     "depth, outside, bleeding, found 'elsewhere'"},
    {"depth: tissue\nfacts: {}\nrules: []", "r.yaml:1:8: depth: expected a network that measures "
                                            "depth, found 'tissue', which does not"},
    {"evidence: {min_score: 2}\nfacts: {}\nrules: []",
     "r.yaml:1:23: evidence.min_score: expected a number of 0 to 1, found '2'"},
    {"evidence: {min_area: 5 mm}\nfacts: {}\nrules: []",
     "r.yaml:1:22: evidence.min_area: expected a quantity in %, such as 5 %, found '5 mm'"},
    {"evidence: {max_age: 0 ms}\nfacts: {}\nrules: []",
     "r.yaml:1:21: evidence.max_age: expected a time of 1 ms to 10000 ms, found '0 ms'"},
    {"optional: probe\nfacts: {}\nrules: []", "r.yaml:1:11: optional: expected a list of 1 to 16, "
                                              "found 'probe'"},
    {"places: {p: {point: [0, 0], max_age: 0 ms}}",
     "r.yaml:1:38: places.p.max_age: expected a time of 1 ms to 60000 ms, found '0 ms'"},
    {"places: {p: {point: [0, 0], min_score: 2}}",
     "r.yaml:1:40: places.p.min_score: expected a number of 0 to 1, found '2'"},
    {"facts: {f: {age: tissue, max_age: 1 s}}", "r.yaml:1:35: facts.f.max_age: expected no such "
                                                "key with seen, side, age or rate"},
    {"refresh: 5\nfacts: {}\nrules: []", "r.yaml:1:10: refresh: expected a quantity in ms, such as "
                                         "5 ms, found '5'"},
    {"facts: {}", "r.yaml:1:1: expected the key rules, which is missing"},
    {"facts: {}\nrules: []", "r.yaml:2:8: rules: expected a list of 1 to 64, found a list of 0"},
};

/* Two places stand above. */
static const struct bad bad_more_facts[] = {
    {"facts: {f: {distance: [a, b]}}", "r.yaml:2:23: facts.f.distance: expected the key depth at "
                                       "the top, which names the network that measures"},
    {"facts: {f: {angle: [a, s]}}", "r.yaml:2:24: facts.f.angle[1]: expected a place of one point, "
                                    "found the surface 's'"},
    {"facts: {f: {direction: [s, a]}}", "r.yaml:2:25: facts.f.direction[0]: expected a place of "
                                        "one point, found the surface 's'"},
    {"facts: {f: {roll: [a, b]}}", "r.yaml:2:12: facts.f: expected the key wanted, which is "
                                   "missing"},
    {"facts: {f: {roll: [a, b], wanted: 200 deg}}", "r.yaml:2:35: facts.f.wanted: expected -180 "
                                                    "deg to 180 deg, found '200 deg'"},
    {"facts: {f: {roll: [a, b], wanted: 20 mm}}", "r.yaml:2:35: facts.f.wanted: expected a "
                                                  "quantity in deg, such as 5 deg, found '20 mm'"},
    {"facts: {f: {path: [a, b]}}", "r.yaml:2:12: facts.f: expected the key avoid, which is "
                                   "missing"},
    {"facts: {f: {angle: [a, b], avoid: tissue.liver}}",
     "r.yaml:2:35: facts.f.avoid: expected no such key with another kind than path"},
    {"facts: {f: {rate: g, over: 1 s}, g: {path: [a, b], avoid: tissue.liver}}",
     "r.yaml:2:19: facts.f.rate: expected one of the facts, found 'g'"},
    {"facts: {g: {side: a}, f: {rate: g, over: 1 s}}",
     "r.yaml:2:33: facts.f.rate: expected a fact in mm or px, found 'g', which is not"},
    {"facts: {g: {path: [a, b], avoid: tissue.liver}, f: {rate: g}}",
     "r.yaml:2:52: facts.f: expected the key over, which is missing"},
    {"facts: {f: {side: a, round: 1}}", "r.yaml:2:29: facts.f.round: expected no such key with a "
                                        "fact that is no number"},
    {"facts: {f: {angle: [a, b], round: 0 deg}}", "r.yaml:2:35: facts.f.round: expected a step of "
                                                  "0.001 to 1000000, found '0 deg'"},
};

TEST(rules_bad_facts)
{
    NEED_YAML;
    static const char two[] = "places: {a: {point: [0, 0]}, b: {point: [1, 1]}, s: {surface: "
                              "tissue.liver}}\n";
    for (size_t i = 0; i < sizeof bad_facts / sizeof *bad_facts; i++) {
        char text[512];
        const bool has_facts = strstr(bad_facts[i].text, "facts:") != NULL;
        const bool has_rules = strstr(bad_facts[i].text, "rules:") != NULL;
        const bool is_last = strcmp(bad_facts[i].text, "facts: {}") == 0;
        snprintf(text, sizeof text, "%s%s%s", bad_facts[i].text, has_facts ? "" : "\nfacts: {}",
                 has_rules || is_last ? "" : "\nrules: []");
        check_text("", &(struct bad){text, bad_facts[i].message});
    }
    for (size_t i = 0; i < sizeof bad_more_facts / sizeof *bad_more_facts; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s\nrules: []", bad_more_facts[i].text);
        check_text(two, &(struct bad){text, bad_more_facts[i].message});
    }
}

TEST(rules_need_a_focal_length)
{
    NEED_YAML;
    struct tro_rules_opts opts = kit_opts;
    struct tro_err err = {0};
    opts.focal_length = 0;
    CHECK(!tro_rules_parse(head, sizeof head - 1, "r.yaml", &opts, &err));
    CHECK_STR(err.text, "r.yaml:10:19: facts.far.distance: expected a configuration with "
                        "source.focal_length, without which nothing is measured in mm");
}

TEST(rules_take_no_network_on_trial)
{
    NEED_YAML;
    static const char text[] = "facts: {f: {age: tissue}}\nrules: []";
    struct tro_rules_network networks[KIT_NETWORKS];
    struct tro_rules_opts opts = kit_opts;
    struct tro_err err = {0};
    memcpy(networks, kit_networks, sizeof networks);
    networks[TISSUE].is_trial = true;
    opts.networks = networks;
    CHECK(!tro_rules_parse(text, sizeof text - 1, "r.yaml", &opts, &err));
    CHECK_STR(err.text, "r.yaml:1:18: facts.f.age: expected a network that is shown, found "
                        "'tissue', which is on trial");
}

TEST(rules_leave_out_what_needs_an_optional_network)
{
    NEED_YAML;
    static const char text[] =
        "optional: [probe, bleeding, depth-2]\n"
        "depth: depth-2\n"
        "places: {p: {box: probe.tip}, m: {point: [0.5, 0.5]}, n: {point: [0, 0]}}\n"
        "facts: {a: {side: p}, b: {age: tissue}, c: {seen: p}, d: {distance: [m, n]}}\n"
        "rules:\n"
        "  - {name: one, priority: 1, when: {all: [{unknown: b}, {unknown: [b, c]}]}, " YES
        "  - {name: two, priority: 2, when: {unknown: b}, say: {en: \"{a}\", zh: x}}\n"
        "  - {name: three, priority: 3, when: {unknown: b}, " YES
        "  - {name: four, priority: 4, when: {not: {unknown: b}}, unless: {unknown: d}, " YES;
    struct tro_err err = {0};
    struct tro_rules *r = tro_rules_parse(text, sizeof text - 1, "r.yaml", &kit_opts, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(r != NULL);
    CHECK_INT(tro_rules_n(r), 1);
    CHECK_STR(tro_rules_info(r, 0).name, "three");
    tro_rules_destroy(r);
    struct tro_rules_opts opts = kit_opts;
    opts.n_networks = BLEEDING;
    r = tro_rules_load("examples/console/rules.yaml", &opts, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(r != NULL);
    CHECK_STR(tro_rules_info(r, 1).name, "hook-close-to-bowel");
    tro_rules_destroy(r);
}

/* ---- rules ---------------------------------------------------------------------------------- */

static const struct bad bad_rules[] = {
    {"  - {priority: 1, when: {unknown: far}, " YES, "r.yaml:19:5: rules[0]: expected the key "
                                                     "name, which is missing"},
    {"  - {name: a, when: {unknown: far}, " YES, "r.yaml:19:5: rules[0]: expected the key "
                                                 "priority, which is missing"},
    {"  - {name: a, priority: 1, " YES, "r.yaml:19:5: rules[0]: expected the key when, which is "
                                        "missing"},
    {"  - {name: a, priority: 1, when: {unknown: far}}", "r.yaml:19:5: rules[0]: expected the key "
                                                         "say, which is missing"},
    {"  - {name: a, priority: 1, when: {unknown: far}, say: {en: x}}",
     "r.yaml:19:55: rules[0].say: expected the key zh, which is missing"},
    {"  - {name: a, priority: 1, when: {unknown: far}, say: {en: x, zh: x, de: x}}",
     "r.yaml:19:70: rules[0].say: expected one of the keys en, zh, found 'de'"},
    {"  - {name: a, priority: 1, when: {unknown: nothing}, " YES,
     "r.yaml:19:44: rules[0].when.unknown: expected one of the facts, found 'nothing'"},
    {"  - {name: a, priority: 1, when: {fact: hook-to-liver, below: 5 mm}, " YES,
     "r.yaml:19:41: rules[0].when.fact: expected one of the facts, found 'hook-to-liver'"},
    {"  - {name: a, priority: 1, when: {fact: far, below: 5 deg}, " YES,
     "r.yaml:19:53: rules[0].when.below: expected a quantity in mm, such as 5 mm, found '5 deg'"},
    {"  - {name: a, priority: 1, when: {fact: far, below: 5}, " YES,
     "r.yaml:19:53: rules[0].when.below: expected a quantity in mm, such as 5 mm, found '5'"},
    {"  - {name: a, priority: 1, when: {fact: bleeding, above: 5 mm}, " YES,
     "r.yaml:19:58: rules[0].when.above: expected a number without a unit, such as 0.5, found "
     "'5 mm'"},
    {"  - {name: a, priority: 1, when: {fact: seen, above: 0.5}, " YES,
     "r.yaml:19:54: rules[0].when.above: expected the key is with 'seen', which is no number"},
    {"  - {name: a, priority: 1, when: {fact: far, is: true}, " YES,
     "r.yaml:19:50: rules[0].when.is: expected above or below with 'far', which is a number"},
    {"  - {name: a, priority: 1, when: {fact: direction, is: north}, " YES,
     "r.yaml:19:56: rules[0].when.is: expected one of right, upper-right, up, upper-left, left, "
     "lower-left, down, lower-right, found 'north'"},
    {"  - {name: a, priority: 1, when: {fact: far}, " YES,
     "r.yaml:19:34: rules[0].when: expected one of the keys above, below, is with 'far'"},
    {"  - {name: a, priority: 1, when: {fact: far, above: 5 mm, until: 6 mm}, " YES,
     "r.yaml:19:66: rules[0].when.until: expected at most '5 mm', found '6 mm'"},
    {"  - {name: a, priority: 1, when: {fact: far, below: 5 mm, until: 4 mm}, " YES,
     "r.yaml:19:66: rules[0].when.until: expected at least '5 mm', found '4 mm'"},
    {"  - {name: a, priority: 1, when: {fact: far, above: 1 mm, below: 5 mm, until: 4 mm}, " YES,
     "r.yaml:19:79: rules[0].when.until: expected until with either above or below"},
    {"  - {name: a, priority: 1, when: {all: [{unknown: far}], any: [{unknown: far}]}, " YES,
     "r.yaml:19:34: rules[0].when: expected one of the keys fact, unknown, all, any, not, found 2 "
     "of them"},
    {"  - {name: a, priority: 1, when: {unknown: far, above: 5 mm}, " YES,
     "r.yaml:19:56: rules[0].when.above: expected no such key without fact"},
    {"  - {name: a, priority: 1, when: {unknown: far, for: 1 frames}, " YES,
     "r.yaml:19:54: rules[0].when.for: expected 2 frames to 10000 frames, found '1 frames'"},
    {"  - {name: a, priority: 1, when: {unknown: far, for: 3 mm}, " YES,
     "r.yaml:19:54: rules[0].when.for: expected a quantity in ms, such as 5 ms, found '3 mm'"},
    {"  - {name: a, priority: 101, when: {unknown: far}, " YES,
     "r.yaml:19:25: rules[0].priority: expected an integer of 0 to 100, found '101'"},
    {"  - {name: a, priority: 1, when: {unknown: far}, every: 3 frames, " YES,
     "r.yaml:19:57: rules[0].every: expected a quantity in ms, such as 5 ms, found '3 frames'"},
    {"  - {name: a, priority: 1, when: {unknown: far}, " YES
     "  - {name: a, priority: 0, when: {unknown: seen}, " YES,
     "r.yaml:20:12: rules[1].name: expected a name of its own, found 'a', which is the rule of "
     "line 19"},
};

static const struct bad bad_texts[] = {
    {"{hook}", "r.yaml:19:60: rules[0].say.en: expected a fact in braces, found '{hook}'"},
    {"{}", "r.yaml:19:60: rules[0].say.en: expected a fact in braces, found '{}'"},
    {"{far", "r.yaml:19:60: rules[0].say.en: expected '}' behind '{far'; a brace of the text is "
             "written {{"},
    {"{seen}", "r.yaml:19:60: rules[0].say.en: expected a number, direction or side in braces, "
               "found 'seen', which is true or false"},
    {"{far turn}", "r.yaml:19:60: rules[0].say.en: expected abs behind a number or turn behind one "
                   "in deg, found 'far turn'"},
    {"{direction abs}", "r.yaml:19:60: rules[0].say.en: expected abs behind a number or turn "
                        "behind one in deg, found 'direction abs'"},
    {"{far}{far}{far}{far}{far}{far}{far}{far}{far}",
     "r.yaml:19:60: rules[0].say.en: expected at most 8 facts in a text, found more"},
};

static const struct bad bad_drawings[] = {
    {"{path: far}", "r.yaml:19:64: rules[0].draw[0].path: expected a path, found 'far', which is "
                    "none"},
    {"{arrow: way}", "r.yaml:19:65: rules[0].draw[0].arrow: expected a distance, direction, angle "
                     "or roll, found 'way', which is none"},
    {"{arrow: bleeding}", "r.yaml:19:65: rules[0].draw[0].arrow: expected a distance, direction, "
                          "angle or roll, found 'bleeding', which is none"},
    {"{circle: bowel, radius: 5 px}", "r.yaml:19:66: rules[0].draw[0].circle: expected a place of "
                                      "one point, found the surface 'bowel'"},
    {"{circle: neck}", "r.yaml:19:57: rules[0].draw[0]: expected the key radius, which is "
                       "missing"},
    {"{circle: neck, radius: 0 px}", "r.yaml:19:80: rules[0].draw[0].radius: expected 1 px or "
                                     "more, found '0 px'"},
    {"{path: way, radius: 5 px}", "r.yaml:19:77: rules[0].draw[0].radius: expected no such key "
                                  "without circle"},
    {"{path: way, colour: pink}", "r.yaml:19:77: rules[0].draw[0].colour: expected one of yellow, "
                                  "red, green, blue, orange, cyan, white, found 'pink'"},
    {"{colour: red}", "r.yaml:19:57: rules[0].draw[0]: expected one of the keys path, arrow, "
                      "circle, found 0 of them"},
};

TEST(rules_bad_rules)
{
    NEED_YAML;
    char text[1024];
    for (size_t i = 0; i < sizeof bad_rules / sizeof *bad_rules; i++)
        check_text(head, &bad_rules[i]);
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
        snprintf(text, sizeof text,
                 "  - {name: a, priority: 1, when: {unknown: far}, say: {en: \"%s\", zh: x}}",
                 bad_texts[i].text);
        check_text(head, &(struct bad){text, bad_texts[i].message});
    }
    for (size_t i = 0; i < sizeof bad_drawings / sizeof *bad_drawings; i++) {
        snprintf(text, sizeof text,
                 "  - {name: a, priority: 1, when: {unknown: far}, draw: [%s], " YES,
                 bad_drawings[i].text);
        check_text(head, &(struct bad){text, bad_drawings[i].message});
    }
}

/* ---- contradictions ------------------------------------------------------------------------- */

/* `when` of a rule that can never be true, and what excludes itself. */
static const struct bad contradictions[] = {
    {"{fact: far, above: 5 mm, below: 3 mm}", "far"},
    {"{all: [{fact: far, above: 5 mm}, {fact: far, below: 3 mm}]}", "far"},
    {"{all: [{fact: far, above: 5 mm}, {fact: far, below: 5 mm}]}", "far"},
    {"{all: [{fact: far, above: 5 mm}, {unknown: far}]}", "far"},
    {"{all: [{unknown: far}, {not: {unknown: far}}]}", "far"},
    {"{all: [{fact: seen, is: true}, {fact: seen, is: false}]}", "seen"},
    {"{all: [{fact: direction, is: [left, right]}, {fact: direction, is: [up, down]}]}",
     "direction"},
    {"{all: [{fact: side, is: left}, {not: {fact: side, is: [left, middle]}}]}", "side"},
    {"{all: [{fact: far, above: 5 mm}, {not: {fact: far, above: 4 mm}}]}", "far"},
    {"{all: [{any: [{fact: far, above: 5 mm}, {fact: turn, above: 9 deg}]}, {fact: far, below: 3 "
     "mm}, {fact: turn, below: 3 deg}]}",
     "turn"},
    {"{fact: far, below: 0 mm}", "far"},
    {"{fact: share, above: 100 %}", "share"},
    {"{fact: turn, below: -180 deg}", "turn"},
    {"{all: [{fact: far, above: 9 mm, until: 6 mm}, {fact: far, below: 4 mm, until: 5 mm}]}",
     "far"},
};

static const char *const possible[] = {
    "{all: [{fact: far, above: 5 mm}, {fact: far, below: 5.5 mm}]}",
    "{all: [{not: {fact: far, above: 5 mm}}, {not: {fact: far, below: 5 mm}}]}", /* absent too */
    "{any: [{fact: far, above: 5 mm}, {fact: far, below: 3 mm}]}",
    "{all: [{fact: far, above: 9 mm, until: 3 mm}, {fact: far, below: 4 mm}]}", /* while it holds */
    "{all: [{fact: far, above: 5 mm}, {not: {fact: far, above: 4 mm, for: 2 frames}}]}",
    "{all: [{fact: seen, is: true}, {unknown: far}]}",
};

TEST(rules_contradictions)
{
    NEED_YAML;
    char text[1024], message[512];
    for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++) {
        snprintf(text, sizeof text, "  - {name: a, priority: 1, when: %s, " YES,
                 contradictions[i].text);
        snprintf(
            message, sizeof message,
            "r.yaml:19:34: rules[0].when: expected a condition that can be true: what is asked "
            "of %s excludes itself",
            contradictions[i].message);
        check_text(head, &(struct bad){text, message});
    }
    for (size_t i = 0; i < sizeof possible / sizeof *possible; i++) {
        struct tro_err err = {0};
        snprintf(text, sizeof text, "%s  - {name: a, priority: 1, when: %s, " YES, head,
                 possible[i]);
        struct tro_rules *const r = tro_rules_parse(text, strlen(text), "r.yaml", &kit_opts, &err);
        CHECK_STR(err.text, "");
        tro_rules_destroy(r);
    }
}

TEST(rules_contradiction_of_a_branch)
{
    NEED_YAML;
    check_text(head,
               &(struct bad){"  - name: a\n"
                             "    priority: 1\n"
                             "    when:\n"
                             "      any:\n"
                             "        - {fact: far, below: 5 mm}\n"
                             "        - all:\n"
                             "            - {fact: turn, above: 5 deg}\n"
                             "            - {fact: turn, below: 5 deg}\n"
                             "    say: {en: x, zh: x}\n",
                             "r.yaml:24:11: rules[0].when.any[1]: expected a condition that can be "
                             "true: what is asked of turn excludes itself"});
}

/* ---- rules that never speak ----------------------------------------------------------------- */

struct pair {
    const char *first, *second;
    bool is_covered; /* the second one never speaks */
};

static const struct pair pairs[] = {
    {"priority: 1, when: {fact: far, below: 5 mm}", "priority: 2, when: {fact: far, below: 4 mm}",
     true},
    {"priority: 1, when: {fact: far, below: 5 mm}", "priority: 1, when: {fact: far, below: 5 mm}",
     true},
    {"priority: 1, when: {fact: far, below: 5 mm}", "priority: 2, when: {fact: far, below: 6 mm}",
     false},
    {"priority: 2, when: {fact: far, below: 5 mm}", "priority: 1, when: {fact: far, below: 4 mm}",
     false},
    {"priority: 1, when: {fact: far, below: 5 mm}",
     "priority: 2, when: {all: [{fact: far, below: 4 mm}, {fact: turn, above: 5 deg}]}", true},
    {"priority: 1, when: {fact: far, below: 5 mm}",
     "priority: 2, when: {any: [{fact: far, below: 4 mm}, {fact: turn, above: 5 deg}]}", false},
    /* It may hold up to 6 mm. */
    {"priority: 1, when: {fact: far, below: 5 mm}",
     "priority: 2, when: {fact: far, below: 4 mm, until: 6 mm}", false},
    {"priority: 1, when: {fact: far, below: 5 mm}",
     "priority: 2, when: {fact: far, below: 4 mm, until: 4.5 mm}", true},
    {"priority: 1, when: {fact: far, below: 5 mm, for: 2 frames}",
     "priority: 2, when: {fact: far, below: 4 mm}", false},
    {"priority: 1, when: {fact: far, below: 5 mm}",
     "priority: 2, when: {fact: far, below: 4 mm, for: 2 frames}", true},
    {"priority: 1, when: {fact: far, below: 5 mm}, every: 1 s",
     "priority: 2, when: {fact: far, below: 4 mm}", false},
    {"priority: 1, when: {fact: far, below: 5 mm}, unless: {fact: seen, is: false}",
     "priority: 2, when: {fact: far, below: 4 mm}", false},
    {"priority: 1, when: {fact: far, below: 5 mm}, unless: {fact: seen, is: false}",
     "priority: 2, when: {fact: far, below: 4 mm}, unless: {fact: seen, is: false}", true},
    {"priority: 1, when: {not: {unknown: far}}", "priority: 2, when: {fact: far, below: 4 mm}",
     true},
    {"priority: 1, when: {not: {fact: far, above: 5 mm}}", "priority: 2, when: {unknown: far}",
     false},
    {"priority: 1, when: {fact: far, below: 5 mm}, draw: [{circle: neck, radius: 5 px}]",
     "priority: 2, when: {fact: far, below: 4 mm}", false},
    {"priority: 1, when: {fact: far, below: 5 mm}, draw: [{path: way}]",
     "priority: 2, when: {fact: far, below: 4 mm}", false},
};

TEST(rules_that_never_speak)
{
    NEED_YAML;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[2048];
        struct tro_err err = {0};
        snprintf(text, sizeof text, "%s  - {name: first, %s, " YES "  - {name: second, %s, " YES,
                 head, pairs[i].first, pairs[i].second);
        struct tro_rules *const r = tro_rules_parse(text, strlen(text), "r.yaml", &kit_opts, &err);
        CHECK_STR(err.text, pairs[i].is_covered
                                ? "r.yaml:20:5: rules[1]: expected a rule that can speak: whenever "
                                  "it is true, so is 'first' of line 19, which goes first"
                                : "");
        tro_rules_destroy(r);
    }
}

TEST(rules_barred_by_themselves)
{
    NEED_YAML;
    check_text(head, &(struct bad){"  - {name: a, priority: 1, when: {fact: far, below: 4 mm}, "
                                   "unless: {fact: far, below: 5 mm}, " YES,
                                   "r.yaml:19:5: rules[0]: expected a rule that can speak: when, "
                                   "unless and what it shows ask of far what excludes itself"});
    check_text(head, &(struct bad){"  - {name: a, priority: 1, when: {unknown: far}, say: {en: "
                                   "\"{far}\", zh: x}}",
                                   "r.yaml:19:5: rules[0]: expected a rule that can speak: when, "
                                   "unless and what it shows ask of far what excludes itself"});
}

/* ---- bounds --------------------------------------------------------------------------------- */

TEST(rules_too_involved)
{
    NEED_YAML;
    static char text[65536];
    struct tro_err err = {0};
    size_t at = (size_t)snprintf(text, sizeof text, "%s  - {name: a, priority: 1, when: {all: [",
                                 head);
    for (int i = 0; i < 12; i++)
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "%s{any: [{fact: far, above: %d mm}, {fact: turn, above: %d deg}]}",
                               i ? ", " : "", i + 1, i + 1);
    snprintf(text + at, sizeof text - at, "]}, " YES);
    CHECK(!tro_rules_parse(text, strlen(text), "r.yaml", &kit_opts, &err));
    CHECK_STR(err.text, "r.yaml:19:34: rules[0].when: expected a condition that is less involved: "
                        "it has too many alternatives to check");
}

TEST(rules_without_memory)
{
    NEED_YAML;
    struct tro_rules *r = NULL;
    for (int n = 0; n < 20000 && !r; n += 1 + n / 40) {
        struct tro_err err = {0};
        tro_alloc_fail_after(n);
        r = tro_rules_load("examples/console/rules.yaml", &kit_opts, &err);
        tro_alloc_fail_after(-1);
        CHECK(r ? n > 20 : err.status == TRO_E_NOMEM);
    }
    CHECK(r != NULL);
    tro_rules_destroy(r);
}
