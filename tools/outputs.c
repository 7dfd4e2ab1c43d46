/* SPDX-License-Identifier: Apache-2.0 */
#include "outputs.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/file.h"
#include "io/npy.h"

void tro_shape_print(const struct tro_tensor *t, char *out, size_t n)
{
    size_t at = (size_t)snprintf(out, n, "%s", t->rank ? "" : "scalar");
    for (int i = 0; i < t->rank && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%lld", i ? "x" : "", (long long)t->shape[i]);
}

int tro_outputs_write(const char *dir, const struct tro_side *s, struct tro_err *err)
{
    struct tro_buf table = {0};
    int rc = tro_dir_create(dir, err);
    for (int i = 0; i < tro_side_n_outputs(s) && rc >= 0; i++) {
        char path[4096], shape[256];
        struct tro_tensor t;
        snprintf(path, sizeof path, "%s/output_%d.npy", dir, i);
        rc = tro_side_output(s, i, &t, err);
        if (rc >= 0)
            rc = tro_npy_write(path, &t, err);
        tro_shape_print(&t, shape, sizeof shape);
        tro_buf_printf(&table, "%d\t%s\t%s\t%s\n", i, tro_side_output_info(s, i).name,
                       tro_dtype_name(t.dtype), shape);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/outputs.tsv", dir);
    if (rc >= 0)
        rc = table.failed ? tro_fail_nomem(err) : tro_file_write(path, table.p, table.n, err);
    tro_buf_finish(&table);
    return rc;
}
