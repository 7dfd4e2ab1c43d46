/* SPDX-License-Identifier: Apache-2.0 */
#include "record/input.h"
#include "record/output.h"
#include "record/record.h"

#include <string.h>

#include "base/err.h"

static int read_input(void *ctx, const char *key, const struct tro_field *value)
{
    struct tro_record *const r = ctx;
    struct tro_record_input *const input = &r->inputs[r->n_inputs++];
    input->name = key;
    return tro_record_input_read(value, input);
}

static int read_inputs(struct tro_record *r, const struct tro_field *top)
{
    struct tro_field inputs;
    const int rc = tro_field_get(top, "inputs", &inputs);
    if (rc <= 0)
        return rc;
    const int64_t n = tro_field_n_members(&inputs);
    r->inputs = TRO_NEW_N(&r->arena, struct tro_record_input, n < 0 ? 1 : (size_t)n + 1);
    return r->inputs ? tro_field_each(&inputs, read_input, r) : tro_fail_nomem(top->err);
}

static int read_output(void *ctx, const char *key, const struct tro_field *value)
{
    struct tro_record *const r = ctx;
    struct tro_record_output *const output = &r->outputs[r->n_outputs++];
    output->name = key;
    return tro_record_output_read(value, output);
}

static int read_outputs(struct tro_record *r, const struct tro_field *top)
{
    struct tro_field outputs;
    const int rc = tro_field_get(top, "outputs", &outputs);
    if (rc <= 0)
        return rc;
    const int64_t n = tro_field_n_members(&outputs);
    r->outputs = TRO_NEW_N(&r->arena, struct tro_record_output, n < 0 ? 1 : (size_t)n + 1);
    return r->outputs ? tro_field_each(&outputs, read_output, r) : tro_fail_nomem(top->err);
}

/* ---- states --------------------------------------------------------------------------------- */

static bool takes_frames(const struct tro_record *r, const char *input)
{
    for (size_t i = 0; i < r->n_inputs; i++)
        if (strcmp(r->inputs[i].name, input) == 0)
            return true;
    return false;
}

static bool is_decoded(const struct tro_record *r, const char *output)
{
    for (size_t i = 0; i < r->n_outputs; i++) {
        const char *const scores = r->outputs[i].scores;
        if (strcmp(r->outputs[i].name, output) == 0 || (scores && strcmp(scores, output) == 0))
            return true;
    }
    return false;
}

/* A part whose keys are inputs that take no frames. */
struct part {
    struct tro_record *record;
    const struct tro_field *field;
};

static int refuse_frames(const struct tro_record *r, const char *input,
                         const struct tro_field *value)
{
    if (takes_frames(r, input))
        return tro_field_fail(value, "expected an input that takes no frames, found one of inputs");
    return 0;
}

static int read_state(void *ctx, const char *key, const struct tro_field *value)
{
    const struct part *const part = ctx;
    struct tro_record *const r = part->record;
    struct tro_record_state *const state = &r->states[r->n_states];
    state->input = key;
    TRO_TRY(tro_field_text(part->field, key, &state->output));
    TRO_TRY(refuse_frames(r, key, value));
    if (is_decoded(r, state->output))
        return tro_field_fail(value, "expected an output that is not decoded, found '%s', which is",
                              state->output);
    r->n_states++;
    return 0;
}

static int read_states(struct tro_record *r, const struct tro_field *top)
{
    struct tro_field field;
    struct part part = {r, &field};
    const int rc = tro_field_get(top, "states", &field);
    if (rc <= 0)
        return rc;
    const int64_t n = tro_field_n_members(&field);
    r->states = TRO_NEW_N(&r->arena, struct tro_record_state, n < 0 ? 1 : (size_t)n + 1);
    return r->states ? tro_field_each(&field, read_state, &part) : tro_fail_nomem(top->err);
}

/* ---- optics --------------------------------------------------------------------------------- */

static bool is_state(const struct tro_record *r, const char *input)
{
    for (size_t i = 0; i < r->n_states; i++)
        if (strcmp(r->states[i].input, input) == 0)
            return true;
    return false;
}

static int read_optic(void *ctx, const char *key, const struct tro_field *value)
{
    static const char *const facts[] = {[TRO_RECORD_FOCAL_LENGTH] = "focal_length", NULL};
    const struct part *const part = ctx;
    struct tro_record *const r = part->record;
    struct tro_record_optics *const optics = &r->optics[r->n_optics++];
    int what = 0;
    TRO_TRY(tro_field_choice(part->field, key, facts, &what));
    optics->input = key;
    optics->what = (enum tro_record_fact)what;
    TRO_TRY(refuse_frames(r, key, value));
    if (is_state(r, key))
        return tro_field_fail(value, "expected an input that is no state, found one of states");
    return 0;
}

/* After inputs and states. */
static int read_optics(struct tro_record *r, const struct tro_field *top)
{
    struct tro_field field;
    struct part part = {r, &field};
    const int rc = tro_field_get(top, "optics", &field);
    if (rc <= 0)
        return rc;
    const int64_t n = tro_field_n_members(&field);
    r->optics = TRO_NEW_N(&r->arena, struct tro_record_optics, n < 0 ? 1 : (size_t)n + 1);
    return r->optics ? tro_field_each(&field, read_optic, &part) : tro_fail_nomem(top->err);
}

/* Each part of a record is a row of keys and a line of calls. */
static int read_top(struct tro_record *r, const struct tro_field *top)
{
    static const char *const keys[] = {"inputs", "outputs", "states", "optics", NULL};
    TRO_TRY(tro_field_want_keys(top, keys));
    TRO_TRY(read_inputs(r, top));
    TRO_TRY(read_outputs(r, top));
    TRO_TRY(read_states(r, top));
    return read_optics(r, top);
}

static int parse(struct tro_record *r, const char *text, size_t n, struct tro_err *err)
{
    struct tro_field top;
    if (n > TRO_RECORD_MAX_BYTES)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d bytes, found %zu",
                        TRO_RECORD_MAX_BYTES, n);
    TRO_TRY(tro_field_parse(text, n, &r->arena, &top, err));
    int rc = read_top(r, &top);
    tro_field_finish(&top);
    r->text = tro_arena_strndup(&r->arena, text, n);
    if (rc >= 0 && !r->text)
        rc = tro_fail_nomem(err);
    return rc < 0 ? rc : 0;
}

int tro_record_parse(const char *text, size_t n, const char *name, struct tro_record *out,
                     struct tro_err *err)
{
    *out = (struct tro_record){0};
    const int rc = parse(out, text, n, err);
    if (rc < 0)
        tro_record_finish(out);
    return tro_err_prefix(err, rc, "%s: ", name);
}
