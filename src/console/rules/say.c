/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/say.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---------------------------------------------------------------------------------- */

/* As they stand behind "to the" and in front of nothing. */
static const char *const directions[TRO_N_LANGUAGES][TRO_N_DIRECTIONS] = {
    [TRO_LANGUAGE_EN] = {"right", "upper right", "top", "upper left", "left", "lower left",
                         "bottom", "lower right"},
    [TRO_LANGUAGE_ZH] = {"右方", "右上方", "上方", "左上方", "左方", "左下方", "下方", "右下方"}};
static const char *const sides[TRO_N_LANGUAGES][3] = {
    [TRO_LANGUAGE_EN] = {"left", "middle", "right"}, [TRO_LANGUAGE_ZH] = {"左侧", "中间", "右侧"}};
static const char *const turns[TRO_N_LANGUAGES][2] = {
    [TRO_LANGUAGE_EN] = {"counter-clockwise", "clockwise"},
    [TRO_LANGUAGE_ZH] = {"逆时针", "顺时针"}};

/* To the nearest step, half away from zero; never "-0". */
static void print_number(const struct tro_spec_fact *fact, double value, char *text, size_t n)
{
    const double shown = round(value / fact->step) * fact->step;
    if (fabs(shown) < 1e9)
        snprintf(text, n, "%.*f", fact->digits, shown + 0.0);
    else
        snprintf(text, n, "%.3e", shown);
}

static void print_fact(const struct tro_facts *f, int i, enum tro_text_form form, int language,
                       char *text, size_t n)
{
    const struct tro_spec_fact *const fact = &f->spec->facts[i];
    const float value = f->facts[i].value;
    const char *word = NULL;
    if (form == TRO_TEXT_TURN)
        word = turns[language][value >= 0];
    else if (fact->kind == TRO_FACT_DIRECTION)
        word = directions[language][(int)value];
    else if (fact->kind == TRO_FACT_SIDE)
        word = sides[language][(int)value];
    if (word)
        snprintf(text, n, "%s", word);
    else
        print_number(fact, form == TRO_TEXT_ABS ? fabs((double)value) : (double)value, text, n);
}

static void print_text(const struct tro_facts *f, const struct tro_spec_text *t, int language,
                       char out[TRO_SENTENCE_BYTES])
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < t->n && at < TRO_SENTENCE_BYTES; i++) {
        char fact[32];
        const char *part = t->parts[i].literal;
        if (!part) {
            print_fact(f, t->parts[i].fact, t->parts[i].form, language, fact, sizeof fact);
            part = fact;
        }
        at += (size_t)snprintf(out + at, TRO_SENTENCE_BYTES - at, "%s", part);
    }
}

/* ---- provenance ----------------------------------------------------------------------------- */

static void add_why(const struct tro_facts *f, int i, struct tro_sentence *out)
{
    const struct tro_fact_now *const now = &f->facts[i];
    struct tro_sentence_why *const why = &out->why[out->n_why++];
    *why = (struct tro_sentence_why){.value = now->basis.status == TRO_FACT_KNOWN ? now->value
                                                                                  : NAN,
                                     .unit = f->spec->facts[i].unit,
                                     .n_from = now->basis.n_from};
    snprintf(why->fact, sizeof why->fact, "%s", f->spec->facts[i].name);
    memcpy(why->from, now->basis.from, sizeof why->from);
}

void tro_say(const struct tro_facts *f, const struct tro_spec_rule *rule, struct tro_sentence *out)
{
    const uint64_t facts = rule->reason_facts | rule->shown_facts;
    snprintf(out->rule, sizeof out->rule, "%s", rule->name);
    out->priority = rule->priority;
    out->frame = f->frame;
    for (int i = 0; i < TRO_N_LANGUAGES; i++)
        print_text(f, &rule->say[i], i, out->text[i]);
    out->n_why = 0;
    for (int i = 0; i < f->spec->n_facts && out->n_why < TRO_SENTENCE_MAX_WHY; i++)
        if (facts >> i & 1)
            add_why(f, i, out);
}

/* ---- drawings ------------------------------------------------------------------------------- */

static void draw_path(const struct tro_path *path, struct tro_draw *out)
{
    out->n_points = path->n;
    memcpy(out->x, path->x, sizeof out->x);
    memcpy(out->y, path->y, sizeof out->y);
}

static void draw_two(float ax, float ay, float bx, float by, struct tro_draw *out)
{
    out->n_points = 2;
    out->x[0] = ax;
    out->y[0] = ay;
    out->x[1] = bx;
    out->y[1] = by;
}

void tro_say_draw(const struct tro_facts *f, const struct tro_spec_rule *rule,
                  struct tro_sentence *out)
{
    _Static_assert(TRO_PATH_POINTS == TRO_SENTENCE_MAX_POINTS, "a path is drawn as it is");
    out->n_draw = rule->n_draw;
    for (int i = 0; i < rule->n_draw; i++) {
        const struct tro_spec_draw *const d = &rule->draw[i];
        struct tro_draw *const to = &out->draw[i];
        *to = (struct tro_draw){.kind = d->kind};
        memcpy(to->rgb, d->rgb, sizeof to->rgb);
        if (d->kind == TRO_DRAW_PATH) {
            draw_path(&f->paths[d->fact], to);
        } else if (d->kind == TRO_DRAW_ARROW) {
            const struct tro_fact_now *const fact = &f->facts[d->fact];
            draw_two(fact->ax, fact->ay, fact->bx, fact->by, to);
        } else {
            const struct tro_place_now *const p = &f->places[d->place];
            draw_two(p->x, p->y, p->x + d->radius_px, p->y, to);
        }
    }
}
