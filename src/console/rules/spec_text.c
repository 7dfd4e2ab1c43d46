/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences of a file of rules: what stands in them, and facts in braces. */
#include "console/rules/spec.h"

#include <string.h>

struct text_reading {
    struct tro_spec_reading *r;
    const struct tro_yaml_node *node;
    struct tro_spec_text *out;
    uint64_t *facts;
    char literal[TRO_SPEC_MAX_TEXT + 1];
    size_t n_literal;
    int n_facts;
};

static int end_literal(struct text_reading *t)
{
    if (t->n_literal == 0)
        return 0;
    const char *const copy = tro_arena_strndup(&t->r->spec->arena, t->literal, t->n_literal);
    if (!copy)
        return tro_fail_nomem(t->r->y.err);
    t->out->parts[t->out->n].literal = copy;
    t->out->parts[t->out->n++].fact = -1;
    t->n_literal = 0;
    return 0;
}

static int fail_fact(const struct text_reading *t, const char *inside, size_t n_name, size_t n)
{
    for (int i = 0; i < t->r->n_missing; i++)
        if (strlen(t->r->missing[i]) == n_name && memcmp(t->r->missing[i], inside, n_name) == 0)
            return TRO_SPEC_MISSING;
    return tro_yaml_fail(&t->r->y, t->node, "expected a fact in braces, found '{%.*s}'",
                         n > 80 ? 80 : (int)n, inside);
}

/* "abs" and "turn" behind the name. */
static int form_of(const struct text_reading *t, const struct tro_spec_fact *f, struct tro_str word,
                   enum tro_text_form *out)
{
    const bool is_number = tro_fact_row(f->kind)->type == TRO_FACT_IS_NUMBER;
    *out = TRO_TEXT_PLAIN;
    if (word.n == 0)
        return 0;
    if (tro_str_eqz(word, "abs") && is_number)
        *out = TRO_TEXT_ABS;
    else if (tro_str_eqz(word, "turn") && f->unit == TRO_UNIT_DEG)
        *out = TRO_TEXT_TURN;
    else
        return tro_yaml_fail(&t->r->y, t->node,
                             "expected abs behind a number or turn behind one in deg, found '%s "
                             "%.*s'",
                             f->name, word.n > 40 ? 40 : (int)word.n, word.p);
    return 0;
}

static int find_fact(const struct text_reading *t, const char *name, size_t n)
{
    const struct tro_spec *const spec = t->r->spec;
    for (int i = 0; i < spec->n_facts; i++)
        if (strlen(spec->facts[i].name) == n && memcmp(spec->facts[i].name, name, n) == 0)
            return i;
    return -1;
}

/* What stands between two braces. */
static int add_fact(struct text_reading *t, const char *inside, size_t n)
{
    const char *const space = memchr(inside, ' ', n);
    const size_t n_name = space ? (size_t)(space - inside) : n;
    const int fact = find_fact(t, inside, n_name);
    if (fact < 0)
        return fail_fact(t, inside, n_name, n);
    const struct tro_spec_fact *const f = &t->r->spec->facts[fact];
    if (tro_fact_row(f->kind)->type == TRO_FACT_IS_FLAG)
        return tro_yaml_fail(&t->r->y, t->node,
                             "expected a number, direction or side in braces, found '%s', which is "
                             "true or false",
                             f->name);
    if (t->n_facts++ == TRO_SPEC_MAX_PARTS / 2)
        return tro_yaml_fail(&t->r->y, t->node, "expected at most %d facts in a text, found more",
                             TRO_SPEC_MAX_PARTS / 2);
    TRO_TRY(end_literal(t));
    const struct tro_str word = {inside + n_name + (space != NULL), n - n_name - (space != NULL)};
    TRO_TRY(form_of(t, f, word, &t->out->parts[t->out->n].form));
    t->out->parts[t->out->n].literal = NULL;
    t->out->parts[t->out->n++].fact = fact;
    *t->facts |= (uint64_t)1 << fact;
    return 0;
}

int tro_spec_read_text(struct tro_spec_reading *r, const struct tro_yaml_node *node,
                       struct tro_spec_text *out, uint64_t *facts)
{
    struct text_reading t = {.r = r, .node = node, .out = out, .facts = facts};
    const char *p = NULL;
    TRO_TRY(tro_yaml_text(&r->y, node, TRO_SPEC_MAX_TEXT, &p));
    while (*p) {
        if (*p == '{' && p[1] != '{') {
            const char *const end = strchr(p, '}');
            if (!end)
                return tro_yaml_fail(&r->y, node,
                                     "expected '}' behind '%.40s'; a brace of the "
                                     "text is written {{",
                                     p);
            TRO_TRY(add_fact(&t, p + 1, (size_t)(end - p - 1)));
            p = end + 1;
            continue;
        }
        p += *p == '{';
        t.literal[t.n_literal++] = *p++;
    }
    return end_literal(&t);
}
