/* SPDX-License-Identifier: Apache-2.0 */
/* trocar edit: ONNX to ONNX. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "edit/edit.h"
#include "edit/names.h"
#include "verbs.h"

struct edit {
    struct tro_list args, shapes, renames;
    const char *output, *extract, *layout, *normalize, *input, *json_path;
    double pixel_scale;
    bool simplify;
    struct tro_onnx_model *m;
    struct tro_edit_report report;
    int64_t n_nodes_before;
};

static struct tro_str str_of(const char *s)
{
    return (struct tro_str){s, strlen(s)};
}

/* ---- --extract ------------------------------------------------------------------------- */

#define MAX_NAMES 256

/* Splits at commas; false when a name is not in the model (names of all: NULL = none). */
static bool split_names(struct tro_str text, const struct tro_map *known, struct tro_str *out,
                        size_t *n)
{
    *n = 0;
    for (size_t begin = 0, i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != ',')
            continue;
        const struct tro_str name = {text.p + begin, i - begin};
        begin = i + 1;
        if (!name.n && text.n == 0)
            return true;
        if (*n == MAX_NAMES || !tro_map_get(known, name, NULL))
            return false;
        out[(*n)++] = name;
    }
    return true;
}

/* Names may hold ':' themselves: the colon is the first that leaves names of the model on both
 * sides. */
static int extract(struct edit *e, struct tro_err *err)
{
    struct tro_map known = {0};
    struct tro_str in[MAX_NAMES], out[MAX_NAMES];
    size_t n_in = 0, n_out = 0;
    bool is_found = false;
    int rc = tro_edit_all_names(&e->m->graph, &known) < 0 ? tro_fail_nomem(err) : 0;
    for (const char *p = strchr(e->extract, ':'); p && rc >= 0 && !is_found;
         p = strchr(p + 1, ':')) {
        const struct tro_str left = {e->extract, (size_t)(p - e->extract)};
        is_found = split_names(left, &known, in, &n_in) &&
                   split_names(str_of(p + 1), &known, out, &n_out);
    }
    tro_map_finish(&known);
    TRO_TRY(rc);
    if (!is_found)
        return tro_fail(err, TRO_E_INPUT,
                        "--extract: expected IN,..:OUT,.. with names of tensors, found '%s'",
                        e->extract);
    return tro_edit_extract(e->m, in, n_in, out, n_out, err);
}

/* ---- inputs ---------------------------------------------------------------------------- */

static int set_shapes(struct edit *e, struct tro_err *err)
{
    for (int i = 0; i < e->shapes.n; i++) {
        const char *equals = strrchr(e->shapes.v[i], '=');
        int64_t shape[TRO_MAX_RANK];
        int rank;
        if (!equals)
            return tro_fail(err, TRO_E_INPUT, "--shape: expected IN=SHAPE, found '%s'",
                            e->shapes.v[i]);
        TRO_TRY(tro_err_prefix(err, tro_parse_shape(equals + 1, shape, &rank, err), "--shape: "));
        const struct tro_str name = {e->shapes.v[i], (size_t)(equals - e->shapes.v[i])};
        TRO_TRY(tro_edit_set_shape(e->m, name, shape, rank, err));
    }
    return 0;
}

static int rename_all(struct edit *e, struct tro_err *err)
{
    for (int i = 0; i < e->renames.n; i++) {
        const char *name, *value;
        size_t n;
        tro_split_name(e->renames.v[i], &name, &n, &value);
        if (!n)
            return tro_fail(err, TRO_E_INPUT, "--rename: expected OLD=NEW, found '%s'",
                            e->renames.v[i]);
        TRO_TRY(tro_edit_rename(e->m, (struct tro_str){name, n}, str_of(value), err));
    }
    return 0;
}

/* Up to 4 numbers with commas, ending at `stop`. */
static const char *parse_numbers(const char *p, char stop, double *out, int *n)
{
    for (*n = 0; *n < 4; p++) {
        char *end;
        out[(*n)++] = strtod(p, &end);
        if (end == p)
            return NULL;
        if (*end == stop)
            return end;
        if (*end != ',')
            return NULL;
        p = end;
    }
    return NULL;
}

static int normalize(struct edit *e, struct tro_err *err)
{
    const struct tro_str layout = tro_onnx_metadata(e->m, "trocar.input.layout");
    struct tro_edit_normalize n = {.scale = e->pixel_scale, .is_nhwc = tro_str_eqz(layout, "nhwc")};
    const char *p = parse_numbers(e->normalize, '/', n.mean, &n.n_mean);
    if (!p || !parse_numbers(p + 1, '\0', n.std, &n.n_std))
        return tro_fail(
            err, TRO_E_INPUT,
            "--normalize: expected MEAN/STD, each a number or one a channel with commas, "
            "found '%s'",
            e->normalize);
    TRO_TRY(tro_edit_normalize(e->m, str_of(e->input ? e->input : ""), &n, err));
    TRO_TRY(tro_onnx_set_metadata(e->m, "trocar.input.scale", "1", err));
    TRO_TRY(tro_onnx_set_metadata(e->m, "trocar.input.mean", "0", err));
    return tro_onnx_set_metadata(e->m, "trocar.input.std", "1", err);
}

static int set_layout(struct edit *e, struct tro_err *err)
{
    if (strcmp(e->layout, "nhwc") != 0)
        return tro_fail(err, TRO_E_INPUT, "--input-layout: expected nhwc, found '%s'", e->layout);
    TRO_TRY(tro_edit_input_nhwc(e->m, str_of(e->input ? e->input : ""), err));
    return tro_onnx_set_metadata(e->m, "trocar.input.layout", "nhwc", err);
}

/* ---- the result ------------------------------------------------------------------------ */

static void print_report(const struct edit *e)
{
    printf("%s: %" PRId64 " nodes, %" PRId64 " before\n", e->output, tro_edit_n_nodes(&e->m->graph),
           e->n_nodes_before);
#define ROW(id, text)     \
    if (e->report.n_##id) \
        printf("%8" PRId64 "  %s\n", e->report.n_##id, text);
    TRO_EDIT_STEPS(ROW)
#undef ROW
}

static int write_json(const struct edit *e, struct tro_err *err)
{
    struct tro_json j = {0};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "model", e->args.v[0]);
    tro_json_string(&j, "output", e->output);
    tro_json_int(&j, "nodes_before", e->n_nodes_before);
    tro_json_int(&j, "nodes_after", tro_edit_n_nodes(&e->m->graph));
    tro_json_object_begin(&j, "changes");
#define ROW(id, text) tro_json_int(&j, #id, e->report.n_##id);
    TRO_EDIT_STEPS(ROW)
#undef ROW
    tro_json_object_end(&j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(e->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

static int write_model(const struct edit *e, struct tro_err *err)
{
    struct tro_buf bytes = {0};
    int rc = tro_onnx_write(e->m, &bytes, err);
    if (rc >= 0)
        rc = tro_file_write(e->output, bytes.p, bytes.n, err);
    tro_buf_finish(&bytes);
    return rc;
}

static int apply(struct edit *e, struct tro_err *err)
{
    TRO_TRY(tro_edit_check(e->m, err));
    TRO_TRY(tro_edit_embed(e->m, err));
    if (e->extract)
        TRO_TRY(extract(e, err));
    TRO_TRY(set_shapes(e, err));
    TRO_TRY(rename_all(e, err));
    if (e->layout)
        TRO_TRY(set_layout(e, err));
    if (e->normalize)
        TRO_TRY(normalize(e, err));
    return e->simplify ? tro_edit_simplify(e->m, &e->report, err) : 0;
}

static int edit(struct edit *e, struct tro_err *err)
{
    if (!e->output)
        return tro_fail(err, TRO_E_INPUT, "expected -o MODEL for the result, found none");
    e->m = tro_onnx_read(e->args.v[0], err);
    if (!e->m)
        return err->status;
    e->n_nodes_before = tro_edit_n_nodes(&e->m->graph);
    TRO_TRY(tro_err_prefix(err, apply(e, err), "%s: ", e->args.v[0]));
    TRO_TRY(write_model(e, err));
    print_report(e);
    return e->json_path ? write_json(e, err) : 0;
}

int tro_verb_edit(int argc, char **argv)
{
    struct edit e = {.pixel_scale = 1.0 / 255};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--output,-o", TRO_OPT_STRING, &e.output, "MODEL", "where the result goes"},
        {"--simplify", TRO_OPT_FLAG, &e.simplify, NULL,
         "fold constants and shapes, drop no-operations, duplicates, dead code"},
        {"--extract", TRO_OPT_STRING, &e.extract, "IN,..:OUT,..",
         "the part between these tensors; nothing before or after ':' keeps the model's own"},
        {"--shape", TRO_OPT_LIST, &e.shapes, "IN=SHAPE",
         "fix an input's sizes, e.g. x=1x3x224x224"},
        {"--rename", TRO_OPT_LIST, &e.renames, "OLD=NEW", "rename a tensor"},
        {"--input", TRO_OPT_STRING, &e.input, "IN",
         "the picture of the options below (the only input of rank 4)"},
        {"--input-layout", TRO_OPT_STRING, &e.layout, "nhwc", "take pictures with channels last"},
        {"--normalize", TRO_OPT_STRING, &e.normalize, "MEAN/STD",
         "take 8-bit pixels; (pixel * scale - mean) / std, one number or one a channel"},
        {"--pixel-scale", TRO_OPT_DOUBLE, &e.pixel_scale, "S", "scale of --normalize (1/255)"},
        {"--json", TRO_OPT_STRING, &e.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {
        .synopsis = "trocar edit MODEL -o MODEL [--simplify] [--extract IN,..:OUT,..] ...",
        .about =
            "Changes a model and writes it as ONNX, external data included. Options apply in the "
            "order\nextract, shape, rename, input-layout, normalize, simplify. Operators that are "
            "not known here\nstay as they are. 'trocar compare OLD NEW --random 3' shows that both "
            "give the same.",
        .opts = opts,
        .min_args = 1,
        .max_args = 1};
    int rc = tro_args_parse(&usage, argc, argv, &e.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = edit(&e, &err);
    tro_onnx_free(e.m);
    return tro_exit_with(&err, rc);
}
