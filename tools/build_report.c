/* SPDX-License-Identifier: Apache-2.0 */
#include "build_report.h"

#include <string.h>

#include "base/cpu.h"
#include "base/err.h"
#include "memory_use.h"
#include "run/session.h"

/* ---- gathering ------------------------------------------------------------------------- */

static void count_nodes(struct tro_plan_report *r)
{
    const struct tro_graph *g = r->parts->graph;
    for (size_t b = 1; b < g->n_blocks; b++) {
        const struct tro_block *block = tro_block_get(g, (tro_block_id){(uint32_t)b});
        const bool is_main = b == TRO_MAIN_BLOCK.i;
        if (is_main)
            r->n_nodes = (int64_t)block->n_nodes;
        else if (block->owner.i && tro_node_get(g, block->owner)->block.i)
            r->n_inner += (int64_t)block->n_nodes;
        for (size_t i = 0; i < block->n_nodes; i++)
            r->n_fused += tro_node_get(g, block->nodes[i])->op == TRO_OP_FUSED;
    }
    for (size_t v = 1; v < g->n_values; v++)
        if (g->values[v].data) {
            const struct tro_tensor t = tro_const_tensor(g, (tro_value_id){(uint32_t)v});
            r->const_bytes += tro_tensor_n_bytes(&t);
        }
}

static bool is_reference(const struct tro_step *s)
{
    return s->kernel && strncmp(s->kernel, "reference", 9) == 0;
}

/* Steps whose sizes only the run tells are named first: nothing but the model can change them. */
static bool has_sizes_of_run(const struct tro_step *s)
{
    return is_reference(s) && strstr(s->kernel, "sizes of the run");
}

static void note_growing(struct tro_plan_report *r, const struct tro_program *p, bool is_of_run)
{
    for (int i = 0; i < p->n_steps && r->n_growing < TRO_PLAN_REPORT_REASONS; i++) {
        const struct tro_step *s = &p->steps[i];
        char name[45];
        if (!is_reference(s) || has_sizes_of_run(s) != is_of_run)
            continue;
        const char *op = s->node.i ? tro_op_info(tro_node_get(p->graph, s->node)->op)->text
                                   : "a step";
        const char *text = tro_arena_printf(
            &r->arena, "%s '%s' (%s)", op, tro_text_cut(s->name ? s->name : "", name, sizeof name),
            is_of_run ? "its sizes follow from data" : "a reference kernel");
        if (text)
            r->growing[r->n_growing++] = text;
    }
}

static int look_at_program(struct tro_plan_report *r, struct tro_session *s, struct tro_err *err)
{
    struct tro_err why = {0};
    const struct tro_program *p = tro_session_program(s, &why);
    r->n_threads = tro_session_n_threads(s);
    r->is_growing = tro_session_is_growing(s);
    tro_session_memory(s, &r->memory);
    r->is_open = !p && why.status == TRO_E_INPUT;
    if (r->is_open)
        return 0;
    if (!p) {
        *err = why;
        return why.status;
    }
    r->n_steps = p->n_steps;
    for (int i = 0; i < p->n_steps; i++)
        r->n_reference += is_reference(&p->steps[i]);
    note_growing(r, p, true);
    note_growing(r, p, false);
    return 0;
}

int tro_plan_report_open(struct tro_plan_report *r, const char *path, struct tro_plan *p,
                         const struct tro_session_opts *opts, struct tro_err *err)
{
    *r = (struct tro_plan_report){.path = path,
                                  .parts = tro_plan_contents(p),
                                  .file_bytes = tro_plan_n_bytes(p),
                                  .hash = tro_plan_hash(p)};
    count_nodes(r);
    struct tro_session *s = tro_session_create(p, opts, err);
    const int rc = s ? look_at_program(r, s, err) : err->status;
    tro_session_destroy(s);
    r->tuned = tro_plan_tuned_for(r->parts, tro_cpu_flags(), r->n_threads);
    return tro_err_prefix(err, rc, "%s: ", path);
}

void tro_plan_report_close(struct tro_plan_report *r)
{
    tro_arena_finish(&r->arena);
    *r = (struct tro_plan_report){0};
}

/* ---- text ------------------------------------------------------------------------------ */

/* A line of the plan's report of passes: name, tab, number. False after the last. */
static bool next_pass(const char **text, struct tro_str *name, struct tro_str *count)
{
    const char *end = strchr(*text, '\n'), *tab = strchr(*text, '\t');
    if (!end || !tab || tab > end)
        return false;
    *name = (struct tro_str){*text, (size_t)(tab - *text)};
    *count = (struct tro_str){tab + 1, (size_t)(end - tab - 1)};
    *text = end + 1;
    return true;
}

void tro_plan_report_passes(const struct tro_plan_report *r, struct tro_table *t)
{
    struct tro_str name, count;
    tro_table_column(t, "pass");
    tro_table_column(t, ">changes");
    for (const char *text = r->parts->passes; next_pass(&text, &name, &count);) {
        tro_table_text(t, name.p, name.n);
        tro_table_text(t, count.p, count.n);
    }
}

void tro_plan_report_memory(const struct tro_plan_report *r, struct tro_table *t)
{
    const struct tro_session_memory *m = &r->memory;
    const struct {
        const char *what, *note;
        size_t n_bytes;
    } rows[] = {
        {"scratch", "tensors between steps; sessions may share it", m->scratch},
        {"  least possible", "the most that is alive at one step", m->live},
        {"weights", "as in the plan", m->weights},
        {"packed", "weights in the form of kernels", m->packed},
        {"outputs", "and states", m->outputs},
        {"threads", "scratch of threads", m->threads},
    };
    char text[32];
    tro_table_column(t, "memory");
    tro_table_column(t, ">bytes");
    tro_table_column(t, ">");
    tro_table_column(t, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tro_table_cell(t, "%s", rows[i].what);
        tro_table_cell(t, "%zu", rows[i].n_bytes);
        tro_table_cell(t, "%s", tro_print_bytes(rows[i].n_bytes, text));
        tro_table_cell(t, "%s", rows[i].note);
    }
}

/* ---- GPUs ------------------------------------------------------------------------------ */

static struct tro_plan_code_size *size_for(const struct tro_plan_code *c, int *n,
                                           struct tro_plan_code_size *list)
{
    const bool is_ptx = c->kind == TRO_PLAN_PTX;
    int at = 0;
    while (at < *n &&
           (list[at].is_ptx < is_ptx || (list[at].is_ptx == is_ptx && list[at].arch < c->arch)))
        at++;
    if (at < *n && list[at].arch == c->arch && list[at].is_ptx == is_ptx)
        return &list[at];
    if (*n == TRO_PLAN_CODE_SIZES)
        return NULL;
    memmove(&list[at + 1], &list[at], (size_t)(*n - at) * sizeof *list);
    list[at] = (struct tro_plan_code_size){.arch = c->arch, .is_ptx = is_ptx};
    ++*n;
    return &list[at];
}

int tro_plan_report_code(const struct tro_plan_report *r,
                         struct tro_plan_code_size out[TRO_PLAN_CODE_SIZES])
{
    int n = 0;
    for (size_t i = 0; i < r->parts->n_codes; i++) {
        struct tro_plan_code_size *size = size_for(&r->parts->codes[i], &n, out);
        if (!size)
            continue;
        size->n_kernels++;
        size->n_bytes += (int64_t)r->parts->codes[i].n_bytes;
    }
    return n;
}

const char *tro_plan_report_target(const struct tro_plan_report *r, int target,
                                   char text[TRO_PLAN_TARGET_TEXT])
{
    const struct tro_plan_target *t = &r->parts->targets[target];
    struct tro_plan_code_size sizes[TRO_PLAN_CODE_SIZES], size = {0};
    const int n = tro_plan_report_code(r, sizes);
    char bytes[32];
    for (int i = 0; i < n; i++)
        if (sizes[i].arch == t->arch && !sizes[i].is_ptx)
            size = sizes[i];
    snprintf(text, TRO_PLAN_TARGET_TEXT, "sm_%d, %d multiprocessors: %lld kernel%s, %s", t->arch,
             t->n_sms, (long long)size.n_kernels, size.n_kernels == 1 ? "" : "s",
             tro_print_bytes((size_t)size.n_bytes, bytes));
    return text;
}

const char *tro_plan_report_growing(struct tro_plan_report *r)
{
    struct tro_buf text = {0};
    if (!r->is_growing)
        return NULL;
    tro_buf_str(&text, "runs may allocate memory");
    if (r->is_open)
        tro_buf_str(&text, ": sizes of inputs are free; --shapes IN=MIN:OPT:MAX bounds them");
    for (int i = 0; i < r->n_growing; i++)
        tro_buf_printf(&text, "%s%s", i ? ", " : ": ", r->growing[i]);
    if (r->n_reference > r->n_growing)
        tro_buf_printf(&text, " and %d more", r->n_reference - r->n_growing);
    const char *copy = text.failed ? NULL
                                   : tro_arena_strndup(&r->arena, (const char *)text.p, text.n);
    tro_buf_finish(&text);
    return copy ? copy : "runs may allocate memory";
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void json_passes(const struct tro_plan_report *r, struct tro_json *j)
{
    struct tro_str name, count;
    tro_json_array_begin(j, "passes");
    for (const char *text = r->parts->passes; next_pass(&text, &name, &count);) {
        int64_t n = 0;
        char pass[64] = "";
        for (size_t i = 0; i < count.n && count.p[i] >= '0' && count.p[i] <= '9'; i++)
            n = n * 10 + (count.p[i] - '0');
        memcpy(pass, name.p, name.n < sizeof pass ? name.n : sizeof pass - 1);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "name", pass);
        tro_json_int(j, "changes", n);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void json_targets(const struct tro_plan_report *r, struct tro_json *j)
{
    tro_json_array_begin(j, "targets");
    for (size_t i = 0; i < r->parts->n_targets; i++) {
        tro_json_object_begin(j, NULL);
        tro_json_int(j, "arch", r->parts->targets[i].arch);
        tro_json_int(j, "multiprocessors", r->parts->targets[i].n_sms);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void json_code(const struct tro_plan_report *r, struct tro_json *j)
{
    struct tro_plan_code_size sizes[TRO_PLAN_CODE_SIZES];
    const int n = tro_plan_report_code(r, sizes);
    tro_json_array_begin(j, "code");
    for (int i = 0; i < n; i++) {
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "kind", sizes[i].is_ptx ? "ptx" : "cubin");
        tro_json_int(j, "arch", sizes[i].arch);
        tro_json_int(j, "kernels", sizes[i].n_kernels);
        tro_json_int(j, "bytes", sizes[i].n_bytes);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

void tro_plan_report_json(const struct tro_plan_report *r, struct tro_json *j)
{
    const struct tro_session_memory *m = &r->memory;
    char hash[32];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)r->hash);
    tro_json_string(j, "plan", r->path);
    tro_json_int(j, "file_bytes", (int64_t)r->file_bytes);
    tro_json_string(j, "engine_hash", hash);
    tro_json_string(j, "device", "cpu");
    tro_json_string(j, "precision", r->parts->precision);
    json_targets(r, j);
    json_code(r, j);
    json_passes(r, j);
    tro_json_int(j, "nodes", r->n_nodes);
    tro_json_int(j, "nodes_inside", r->n_inner);
    tro_json_int(j, "steps", r->n_steps);
    tro_json_int(j, "steps_on_reference_kernels", r->n_reference);
    tro_json_int(j, "threads", r->n_threads);
    tro_json_object_begin(j, "memory_bytes");
    tro_json_int(j, "scratch", (int64_t)m->scratch);
    tro_json_int(j, "live", (int64_t)m->live);
    tro_json_int(j, "weights", (int64_t)m->weights);
    tro_json_int(j, "packed", (int64_t)m->packed);
    tro_json_int(j, "outputs", (int64_t)m->outputs);
    tro_json_int(j, "threads", (int64_t)m->threads);
    tro_json_object_end(j);
    tro_json_bool(j, "growing", r->is_growing);
    tro_json_int(j, "tuned_choices", r->tuned ? (int64_t)r->tuned->n_choices : 0);
    tro_json_int(j, "golden_samples", (int64_t)r->parts->n_samples);
}
