/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes as text in, text out: each file tests/passes/NAME/CASE.txt holds a graph, a line "----",
 * and the graph after pass NAME (or after the passes in its first line, "# passes: a,b"). Both are
 * run on random inputs; results must be equal within rounding, integers within one quantum.
 *     TRO_REWRITE=1 build/tests/unit_passes        writes what comes out as what is expected
 */
#include "base/bytes.h"
#include "base/file.h"
#include "passes_kit.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>

#define MAX_CASES 256

static struct tro_graph *parse(struct tro_str text, const char *name)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse(text, name, &err);
    test_check(g != NULL, __FILE__, __LINE__, "%s", err.text);
    return g;
}

/* Symbols of 1 and of 3: rules that hold for constant sizes alone break. */
static void check_results(const char *name, const struct tro_graph *before,
                          const struct tro_graph *after)
{
    const tro_value_id first = tro_block_get(before, TRO_MAIN_BLOCK)->outputs[0];
    const bool is_float = tro_dtype_is_float(tro_value_get(before, first)->dtype);
    for (int64_t size = 1; size <= 3; size += 2) {
        struct tro_err err = {0};
        struct passes_kit kit;
        double d = -1;
        if (passes_kit_begin(&kit, before, size, 1, &err) == 0)
            d = passes_kit_check(&kit, after, &err);
        passes_kit_end(&kit);
        test_check(d >= 0, __FILE__, __LINE__, "%s: %s", name, err.text);
        test_check(d <= (is_float ? 2e-6 : 1), __FILE__, __LINE__, "%s: results differ by %g", name,
                   d);
    }
}

static void rewrite(const char *path, struct tro_str in, const struct tro_buf *out)
{
    struct tro_buf text = {0};
    struct tro_err err = {0};
    tro_buf_put(&text, in.p, in.n);
    tro_buf_str(&text, "----\n");
    tro_buf_put(&text, out->p, out->n);
    test_check(tro_file_write(path, text.p, text.n, &err) == 0, __FILE__, __LINE__, "%s", err.text);
    tro_buf_finish(&text);
}

static void run_case(const char *path, const char *passes, struct tro_str in, const char *want)
{
    struct tro_err err = {0};
    const struct tro_passes_opts opts = {.select = passes};
    struct tro_graph *const before = parse(in, path), *const after = parse(in, path);
    if (before && after) {
        struct tro_buf out = {0};
        test_check(tro_passes_run(after, &opts, NULL, &err) == 0, __FILE__, __LINE__, "%s: %s",
                   path, err.text);
        tro_graph_print(after, -1, &out);
        if (getenv("TRO_REWRITE"))
            rewrite(path, in, &out);
        tro_buf_u8(&out, 0);
        if (!getenv("TRO_REWRITE"))
            test_check_str((const char *)out.p, want, path, __FILE__, __LINE__);
        check_results(path, before, after);
        tro_buf_finish(&out);
    }
    tro_graph_destroy(before);
    tro_graph_destroy(after);
}

static void run_file(const char *path, const char *pass)
{
    struct tro_file file;
    struct tro_err err = {0};
    struct tro_buf text = {0};
    char passes[256];
    const int rc = tro_file_read(&file, path, 0, &err);
    test_check(rc == 0, __FILE__, __LINE__, "%s", err.text);
    if (rc < 0)
        return;
    tro_buf_put(&text, file.data, file.n_bytes);
    tro_buf_u8(&text, 0);
    tro_file_finish(&file);
    const char *const all = (const char *)text.p, *const mark = strstr(all, "----\n");
    if (sscanf(all, "# passes: %255s", passes) != 1)
        snprintf(passes, sizeof(passes), "%s", pass);
    if (mark || getenv("TRO_REWRITE"))
        run_case(path, passes, (struct tro_str){all, mark ? (size_t)(mark - all) : text.n - 1},
                 mark ? mark + 5 : "");
    else
        test_check(false, __FILE__, __LINE__, "%s: no line of dashes", path);
    tro_buf_finish(&text);
}

/* tests/passes, from the repository or from the folder of the build. */
static const char *folder(void)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s", __FILE__);
    char *const slash = strrchr(path, '/');
    snprintf(slash ? slash : path, 16, "%s", slash ? "/passes" : "passes");
    DIR *const d = opendir(path);
    if (!d)
        return "tests/passes";
    closedir(d);
    return path;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files of the pass, in alphabetical order. */
static void run_pass(const char *pass)
{
    char path[1024], *names[MAX_CASES];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/%s", folder(), pass);
    DIR *const d = opendir(path);
    test_check(d != NULL, __FILE__, __LINE__, "no folder %s", path);
    for (struct dirent *e = d ? readdir(d) : NULL; e && n < MAX_CASES; e = readdir(d))
        if (e->d_name[0] != '.')
            names[n++] = strdup(e->d_name);
    if (d)
        closedir(d);
    qsort(names, n, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s/%s", folder(), pass, names[i]);
        run_file(path, pass);
        free(names[i]);
    }
    test_check(n > 0, __FILE__, __LINE__, "no cases of pass %s", pass);
}

#define PASS(name, stage, doc) \
    TEST(passes_##name)        \
    {                          \
        run_pass(#name);       \
    }
#include "passes/passes.def"
#undef PASS

/* ---- the driver -------------------------------------------------------------------------- */

static const char chain[] = "graph \"g\"\n"
                            "input %x : f32[2]\n"
                            "const %a : f32[] = 2\n"
                            "const %b : f32[] = 3\n"
                            "%c = add(%a, %b)\n"
                            "%d = mul(%c, %c)\n"
                            "%y = mul(%x, %d) \"last\"\n"
                            "output %y\n";

static int64_t n_changes(const char *select, int64_t bisect, struct tro_passes_report *report)
{
    struct tro_err err = {0};
    const struct tro_passes_opts opts = {.select = select, .bisect = bisect};
    struct tro_graph *const g = parse(TRO_STR(chain), "chain");
    const int rc = tro_passes_run(g, &opts, report, &err);
    test_check(rc == 0, __FILE__, __LINE__, "%s", err.text);
    tro_graph_destroy(g);
    return report->n_changes;
}

TEST(passes_select)
{
    struct tro_passes_report r;
    CHECK_INT(n_changes("fold", 0, &r), 2);
    CHECK_INT(r.rows[TRO_PASS_fold].n_changes, 2);
    CHECK_STR(r.rows[TRO_PASS_fold].name, "fold");
    CHECK_INT(n_changes(NULL, 0, &r), 2);
    CHECK_INT(n_changes("none", 0, &r), 0);
    CHECK_INT(n_changes("all,-fold,-fuse", 0, &r), 0);
    CHECK_INT(n_changes("-fold,-fuse", 0, &r), 0);
    CHECK_INT(n_changes("dce,fold", 0, &r), 2);
}

TEST(passes_bisect)
{
    struct tro_passes_report r;
    CHECK_INT(n_changes("fold", 1, &r), 1);
    CHECK_STR(r.last_pass, "fold");
    CHECK_STR(r.last_node, "c (add)");
    CHECK_INT(n_changes("fold", 2, &r), 2);
    CHECK_STR(r.last_node, "d (mul)");
    CHECK_INT(n_changes("fold", 3, &r), 2);
    CHECK(r.last_pass == NULL);
}

TEST(passes_bad_names)
{
    struct tro_graph *const g = parse(TRO_STR(chain), "chain");
    struct tro_err err = {0};
    CHECK_INT(tro_passes_run(g, &(struct tro_passes_opts){.select = "all,-fol"}, NULL, &err),
              TRO_E_INPUT);
    CHECK_HAS(err.text, "expected passes out of pad, qdq");
    CHECK_HAS(err.text, "found '-fol'");
    CHECK_INT(tro_passes_run(g, &(struct tro_passes_opts){.dump_after = "x"}, NULL, &err),
              TRO_E_INPUT);
    tro_graph_destroy(g);
}

TEST(passes_dump)
{
    char *text = NULL;
    size_t n = 0;
    FILE *const f = open_memstream(&text, &n);
    struct tro_graph *const g = parse(TRO_STR(chain), "chain");
    const struct tro_passes_opts opts = {.dump_after = "fold", .dump = f};
    CHECK(tro_passes_run(g, &opts, NULL, NULL) == 0);
    fclose(f);
    CHECK_HAS(text, "# after fold\ngraph \"g\"\n");
    free(text);
    tro_graph_destroy(g);
}

TEST(passes_without_memory)
{
    int rc = TRO_E_NOMEM;
    for (int n = 0; n < 3000 && rc < 0; n++) {
        struct tro_err err = {0};
        struct tro_graph *const g = parse(TRO_STR(chain), "chain");
        tro_alloc_fail_after(n);
        rc = tro_passes_run(g, NULL, NULL, &err);
        tro_alloc_fail_after(-1);
        if (rc < 0)
            CHECK_INT(rc, TRO_E_NOMEM);
        tro_graph_destroy(g);
    }
    CHECK_INT(rc, 0);
}

/* Tables of 16-bit tensors are at most a quantum off, for every value of the tensor. */
static void check_wide(const char *f, const char *x_type, const char *scale, const char *y_type,
                       const char *y_scale)
{
    struct tro_err err = {0};
    char text[1024];
    snprintf(text, sizeof text,
             "graph \"g\"\ninput %%x : %s[65536]\nconst %%s : f32[] = %s\nconst %%t : f32[] = %s\n"
             "const %%three : f32[] = 3\nconst %%six : f32[] = 6\nconst %%zero : f32[] = 0\n"
             "const %%half : f32[] = 0.5\nconst %%one : f32[] = 1\nconst %%leak : f32[] = 0.1\n"
             "const %%root : f32[] = 0.70710678\n"
             "%%d = dequantize(%%x, %%s)\n%s\n%%q = quantize(%%y, %%t) {to = %s}\noutput %%q\n",
             x_type, scale, y_scale, f, y_type);
    struct tro_graph *const g = parse((struct tro_str){text, strlen(text)}, "wide");
    struct tro_graph *const exact = parse((struct tro_str){text, strlen(text)}, "wide");
    const struct tro_passes_opts opts = {.select = "qdq"};
    CHECK_INT(tro_passes_run(g, &opts, NULL, &err), 0);
    const tro_value_id out = tro_block_get(g, TRO_MAIN_BLOCK)->outputs[0];
    CHECK(tro_node_get(g, tro_value_get(g, out)->def)->op == TRO_OP_TABLE);
    struct passes_kit kit;
    CHECK(passes_kit_begin(&kit, exact, 1, 1, &err) == 0);
    for (int i = 0; i < 65536; i++)
        ((uint16_t *)kit.in[0].data)[i] = (uint16_t)i;
    passes_kit_free(kit.out, kit.n_out);
    CHECK(tro_ref_run(exact, kit.in, kit.out, NULL, NULL, &err) >= 0);
    const double worst = passes_kit_check(&kit, g, &err);
    test_check(worst >= 0 && worst <= 1, __FILE__, __LINE__, "%s: %g quanta off", f, worst);
    passes_kit_end(&kit);
    tro_graph_destroy(g);
    tro_graph_destroy(exact);
}

TEST(wide_tables_are_within_a_quantum)
{
    static const char *const functions[] = {
        "%y = sigmoid(%d)",
        "%y = tanh(%d)",
        "%a = sigmoid(%d)\n%y = mul(%d, %a)",
        "%a = add(%d, %three)\n%b = max(%a, %zero)\n%c = min(%b, %six)\n%e = mul(%d, %c)\n"
        "%y = div(%e, %six)",
        "%a = mul(%d, %root)\n%b = erf(%a)\n%c = add(%b, %one)\n%e = mul(%d, %c)\n"
        "%y = mul(%e, %half)",
        "%a = lt(%d, %zero)\n%b = mul(%d, %leak)\n%y = select(%a, %b, %d)",
        "%y = max(%d, %zero)",
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const char *const fine = i < 2 ? "0.0078" : "0.06", *const fine_u8 = i < 2 ? "0.004"
                                                                                   : "0.03";
        check_wide(functions[i], "i16", "0.00025", "i8", fine);
        check_wide(functions[i], "i16", "0.0002", "u8", fine_u8);
        check_wide(functions[i], "u16", "0.0001", "u8", fine_u8);
    }
}
