/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an evaluation from another machine: what is accepted is written as it was read. */
#include "eval/table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_COLUMNS = 2, N_CLASSES = 2, N_LABELS = 1, N_ENGINES = 2, N_FRAMES = 3 };
#define KEY UINT64_C(0x0123456789abcdef)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tro_eval_column columns[N_COLUMNS] = {{TRO_EVAL_PIXEL_ACCURACY, ""},
                                                              {TRO_EVAL_BOX_RECALL, ""}};
    struct tro_eval_table t, again;
    struct tro_err err = {0};
    struct tro_buf first = {0}, second = {0};
    if (tro_eval_table_init(&t, columns, N_COLUMNS, N_CLASSES, N_LABELS, N_ENGINES, N_FRAMES,
                            &err) < 0)
        return 0;
    if (tro_eval_table_join(&t, KEY, data, size, &err) >= 0) {
        tro_eval_table_write(&t, KEY, &first);
        if (tro_eval_table_init(&again, columns, N_COLUMNS, N_CLASSES, N_LABELS, N_ENGINES,
                                N_FRAMES, &err) < 0 ||
            tro_eval_table_join(&again, KEY, first.p, first.n, &err) < 0)
            abort();
        tro_eval_table_write(&again, KEY, &second);
        if (first.n != second.n || memcmp(first.p, second.p, first.n) != 0)
            abort();
        tro_eval_table_finish(&again);
    } else if (!err.text[0]) {
        abort();
    }
    tro_buf_finish(&first);
    tro_buf_finish(&second);
    tro_eval_table_finish(&t);
    return 0;
}
