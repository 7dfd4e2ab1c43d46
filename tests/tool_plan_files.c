/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the plans of plan_kit.h:  build/tests/tool_plan_files FOLDER [NAME...]
 * A folder tests/plan_vN holds plans of format N, each written once, by the version that brought
 * its recipe. The same plans are the seeds of fuzz_plan. */
#include "base/bytes.h"
#include "base/file.h"
#include "plan_kit.h"

#include <stdio.h>

static int write_plan(const char *folder, const char *name, const char *text, int n_samples,
                      struct tro_err *err)
{
    struct kit_plan k;
    struct tro_buf b = {0};
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.plan", folder, name);
    int rc = kit_plan_make(&k, name, text, n_samples, err);
    if (rc == 0)
        rc = tro_plan_write(&k.parts, &b, err);
    if (rc == 0)
        rc = tro_file_write(path, b.p, b.n, err);
    tro_buf_finish(&b);
    kit_plan_finish(&k);
    return rc;
}

int main(int argc, char **argv)
{
    struct tro_err err = {0};
    int rc = argc < 2 ? TRO_E_INPUT : 0;
#define KIT_WRITE(name, text, n_samples, format)                    \
    for (int i = 2; i < argc && rc == 0; i++)                       \
        if (strcmp(argv[i], #name) == 0)                            \
            rc = write_plan(argv[1], #name, text, n_samples, &err); \
    if (argc == 2 && rc == 0)                                       \
        rc = write_plan(argv[1], #name, text, n_samples, &err);
    KIT_PLANS(KIT_WRITE)
#undef KIT_WRITE
    if (rc < 0)
        fprintf(stderr, "tool_plan_files: %s\n", *err.text ? err.text : "FOLDER [NAME...]");
    return rc < 0 ? 2 : 0;
}
