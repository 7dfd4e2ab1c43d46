/* SPDX-License-Identifier: Apache-2.0 */
/* trocar inspect: what a model holds, and what went wrong when it was exported. */
#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "inspect.h"
#include "inspect_plan.h"
#include "plan/plan.h"
#include "verbs.h"

struct verb {
    struct tro_list args;
    const char *json_path, *html_path;
    struct tro_inspect x;
};

static int write_json(struct verb *v, struct tro_err *err)
{
    struct tro_json j = {0};
    tro_inspect_json(&v->x, &j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(v->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

static int write_html(const struct verb *v, struct tro_err *err)
{
    struct tro_buf page = {0};
    tro_inspect_html(&v->x, &page);
    const int rc = page.failed ? tro_fail_nomem(err)
                               : tro_file_write(v->html_path, page.p, page.n, err);
    tro_buf_finish(&page);
    return rc;
}

static int inspect(struct verb *v, struct tro_err *err)
{
    if (tro_plan_is_file(v->args.v[0]))
        return tro_inspect_plan(v->args.v[0], v->json_path, v->html_path, err);
    TRO_TRY(tro_inspect_open(&v->x, v->args.v[0], err));
    tro_inspect_print(&v->x);
    if (v->json_path)
        TRO_TRY(write_json(v, err));
    if (v->html_path)
        TRO_TRY(write_html(v, err));
    if (v->x.graph)
        return 0;
    *err = v->x.import_err;
    return tro_err_prefix(err, err->status, "%s: ", v->x.path);
}

int tro_verb_inspect(int argc, char **argv)
{
    struct verb v = {0};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--html", TRO_OPT_STRING, &v.html_path, "FILE", "write it as a page that stands alone"},
        {"--json", TRO_OPT_STRING, &v.json_path, "FILE", "write it as JSON"},
        {0}};
    const struct tro_usage usage = {
        .synopsis = "trocar inspect MODEL|PLAN [--html FILE] [--json FILE]",
        .about =
            "Tells what a model holds: inputs, outputs, weights, operators, multiplications\n"
            "(MACs) of each layer, memory for activations; which operators are not supported,\n"
            "all at once; and what may have gone wrong when it was exported, with what to do.\n"
            "A model that cannot be imported is told of as far as that goes; the exit code is\n"
            "then 2. Of a plan: inputs, outputs, shapes, states, passes, operators, what was "
            "tuned\n"
            "for which processor, golden samples, and the memory that a session takes here.",
        .opts = opts,
        .min_args = 1,
        .max_args = 1};
    int rc = tro_args_parse(&usage, argc, argv, &v.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = inspect(&v, &err);
    tro_inspect_close(&v.x);
    return tro_exit_with(&err, rc);
}
