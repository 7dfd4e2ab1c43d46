/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles the kernels that models need on GPUs, at FP32 and FP16, and tells what they take:
 *     build/tests/tool_cuda_kernels ARCH[,ARCH...] MODEL.onnx [RECORD.json...]...
 * A line for each kind of kernel and architecture: label, architecture, the most registers, the
 * most bytes of local memory (spilled registers, arrays) of a thread, kernels of the kind. Free
 * sizes of inputs are 1; a model that has no such sizes is left out. A record (record/record.h) is
 * of the model before it, which is looked at with it once more. */
#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "build/model.h"
#include "cuda/code.h"
#include "cuda/cuda.h"
#include "plan/plan.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ELF ------------------------------------------------------------------------------------ */

/* Attributes in .nv.info: u8 form, u8 attribute, u16 length or value; form 4 has that many bytes
 * more. These two have a u32 symbol and a u32 value. */
enum { INFO_SIZED = 4, INFO_FRAME_BYTES = 0x11, INFO_REGISTERS = 0x2f };

struct usage {
    uint32_t n_registers, local_bytes;
};

static void read_info(struct tro_str section, struct usage *out)
{
    struct tro_bytes b = tro_bytes_of(section.p, section.n);
    while (tro_bytes_left(&b) >= 4 && !b.failed) {
        const uint8_t form = tro_bytes_u8(&b), attribute = tro_bytes_u8(&b);
        const uint16_t n = tro_bytes_u16(&b);
        if (form != INFO_SIZED)
            continue;
        const struct tro_str value = tro_bytes_take(&b, n);
        if (b.failed || n != 8)
            continue;
        struct tro_bytes v = tro_bytes_of(value.p + 4, 4);
        const uint32_t number = tro_bytes_u32(&v);
        if (attribute == INFO_REGISTERS && number > out->n_registers)
            out->n_registers = number;
        if (attribute == INFO_FRAME_BYTES && number > out->local_bytes)
            out->local_bytes = number;
    }
}

static uint64_t number_at(struct tro_str file, uint64_t at, int n_bytes)
{
    uint64_t v = 0;
    for (int i = n_bytes; i-- > 0;)
        v = v << 8 | (at + (uint64_t)i < file.n ? (uint8_t)file.p[at + (uint64_t)i] : 0);
    return v;
}

/* The section, 64 bytes each in the table: name at 0, offset at 24, size at 32. */
static struct tro_str section_at(struct tro_str file, uint64_t header)
{
    const uint64_t offset = number_at(file, header + 24, 8), size = number_at(file, header + 32, 8);
    if (offset > file.n || size > file.n - offset)
        return (struct tro_str){0};
    return (struct tro_str){file.p + offset, (size_t)size};
}

static bool usage_of(struct tro_str cubin, struct usage *out)
{
    const uint64_t table = number_at(cubin, 40, 8), n = number_at(cubin, 60, 2);
    const struct tro_str names = section_at(cubin, table + 64 * number_at(cubin, 62, 2));
    *out = (struct usage){0};
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t name = number_at(cubin, table + 64 * i, 4);
        if (name + 9 <= names.n && memcmp(names.p + name, ".nv.info", 9) == 0)
            read_info(section_at(cubin, table + 64 * i), out);
    }
    return out->n_registers > 0;
}

/* ---- kernels of models ---------------------------------------------------------------------- */

struct lowering {
    const struct tro_plan_parts *parts;
    struct tro_lower_opts opts;
    struct tro_cuda_codes *codes;
};

static int lower_at(void *ctx, const struct tro_tensor *shapes, struct tro_err *err)
{
    const struct lowering *const l = ctx;
    struct tro_graph *own = NULL;
    struct tro_dim_env env = {0};
    const struct tro_graph *const g = tro_plan_graph_at(l->parts->graph, shapes, &own, err);
    struct tro_program *const p = g && tro_dim_env_init(&env, &g->dims) >= 0
                                      ? tro_lower(g, &env, &l->opts, err)
                                      : NULL;
    const int rc = p ? tro_cuda_codes_add(l->codes, p, l->opts.arch, false, err) : err->status;
    tro_program_destroy(p);
    tro_dim_env_finish(&env);
    tro_graph_destroy(own);
    return rc;
}

static int lower_for(const struct tro_plan_parts *parts, int arch, struct tro_cuda_codes *codes,
                     struct tro_err *err)
{
    int rc = 0;
    for (int i = 0; i < 2 && rc >= 0; i++) {
        struct lowering l = {.parts = parts,
                             .opts = {.backend = &tro_cuda_backend,
                                      .precision = i ? TRO_PRECISION_FP16 : TRO_PRECISION_FP32,
                                      .arch = arch,
                                      .n_sms = arch == 90   ? 132
                                               : arch == 87 ? 16
                                                            : 108,
                                      .n_threads = 1,
                                      .packs = tro_packs_create(err)},
                             .codes = codes};
        rc = l.opts.packs ? tro_plan_each_shapes(parts, lower_at, &l, err) : err->status;
        tro_packs_destroy(l.opts.packs);
    }
    return rc;
}

/* Free sizes are 1. */
static int set_shapes(struct tro_builder *b, const struct tro_model *m, struct tro_err *err)
{
    for (int i = 0; i < tro_model_n_inputs(m); i++) {
        struct tro_io_info info = tro_model_input_info(m, i);
        for (int k = 0; k < info.rank; k++)
            info.shape[k] = info.shape[k] < 0 ? 1 : info.shape[k];
        if (info.rank >= 0)
            TRO_TRY(tro_builder_set_shapes(b, info.name, info.rank, info.shape, info.shape,
                                           info.shape, err));
    }
    return 0;
}

/* NULL on failure. record: a path, or NULL. */
static struct tro_model *open_model(const char *path, const char *record, struct tro_err *err)
{
    struct tro_model *const m = tro_model_open(path, err);
    struct tro_record r = {0};
    int rc = m ? 0 : err->status;
    if (m && record)
        rc = tro_record_read(record, &r, err);
    if (rc == 0 && record)
        rc = tro_record_apply(&r, m, err);
    tro_record_finish(&r);
    if (rc == 0)
        return m;
    tro_model_close(m);
    return NULL;
}

static int add_model(const char *path, const char *record, const int *archs,
                     struct tro_cuda_codes *codes, struct tro_err *err)
{
    struct tro_model *const m = open_model(path, record, err);
    struct tro_builder *const b = m ? tro_builder_create(m, err) : NULL;
    struct tro_plan *p = NULL;
    if (b && set_shapes(b, m, err) >= 0)
        p = tro_builder_plan(b, &(struct tro_build_opts){.n_golden = -1}, err);
    int rc = p ? 0 : err->status;
    if (rc == TRO_E_INPUT && b) {
        fprintf(stderr, "tool_cuda_kernels: %s: left out: %s\n", path, err->text);
        rc = 0;
    }
    for (int i = 0; p && archs[i] && rc >= 0; i++)
        rc = lower_for(tro_plan_contents(p), archs[i], codes, err);
    tro_plan_close(p);
    tro_builder_destroy(b);
    tro_model_close(m);
    return tro_err_prefix(err, rc, "%s: ", path);
}

/* ---- the table ------------------------------------------------------------------------------ */

static int by_label(const void *a, const void *b)
{
    const struct tro_cuda_code *const x = a, *const y = b;
    const int order = strcmp(x->label, y->label);
    return order ? order : x->arch - y->arch;
}

static int print_table(struct tro_cuda_codes *c, struct tro_err *err)
{
    qsort(c->items, c->n, sizeof c->items[0], by_label);
    for (size_t begin = 0, i = 0; i < c->n; begin = i) {
        struct usage most = {0}, own;
        for (; i < c->n && by_label(&c->items[i], &c->items[begin]) == 0; i++) {
            const struct tro_cuda_code *const k = &c->items[i];
            if (!usage_of((struct tro_str){k->cubin, k->n_cubin_bytes}, &own))
                return tro_fail(err, TRO_E_INTERNAL, "%s: no number of registers", k->label);
            most.n_registers = own.n_registers > most.n_registers ? own.n_registers
                                                                  : most.n_registers;
            most.local_bytes = own.local_bytes > most.local_bytes ? own.local_bytes
                                                                  : most.local_bytes;
        }
        printf("%s\t%d\t%u\t%u\t%zu\n", c->items[begin].label, c->items[begin].arch,
               most.n_registers, most.local_bytes, i - begin);
    }
    return 0;
}

/* Zero-terminated. */
static void parse_archs(const char *text, int archs[9])
{
    for (int i = 0; i < 8 && text; i++) {
        archs[i] = atoi(text);
        text = strchr(text, ',');
        text += text != NULL;
    }
}

int main(int argc, char **argv)
{
    struct tro_err err = {0};
    struct tro_cuda_codes codes = {0};
    const char *model = "";
    int archs[9] = {0};
    int rc = argc < 3 ? tro_fail(&err, TRO_E_INPUT, "ARCH[,ARCH...] MODEL...") : 0;
    if (rc >= 0)
        parse_archs(argv[1], archs);
    for (int i = 2; i < argc && rc >= 0; i++) {
        const bool is_record = tro_path_has_ext(argv[i], ".json");
        model = is_record ? model : argv[i];
        rc = add_model(model, is_record ? argv[i] : NULL, archs, &codes, &err);
    }
    if (rc >= 0)
        rc = tro_cuda_codes_compile(&codes, NULL, NULL, &err);
    if (rc >= 0)
        rc = print_table(&codes, &err);
    tro_cuda_codes_finish(&codes);
    if (rc < 0)
        fprintf(stderr, "tool_cuda_kernels: %s\n", err.text);
    return rc == TRO_E_DEVICE ? 3 : rc < 0 ? 2 : 0;
}
