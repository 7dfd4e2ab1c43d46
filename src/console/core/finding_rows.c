/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/finding_rows.h"

#define MAX_RUNS 255
#define FARTHEST 127 /* that an end moves from one row to the next in the short form */

struct row {
    int n;
    uint8_t label[MAX_RUNS];
    int end[MAX_RUNS]; /* column behind the run */
};

struct cursor {
    int at;      /* run of the map */
    int64_t end; /* place behind it */
};

int tro_findings_sample(int i, int step, int n)
{
    const int at = i * step + step / 2;
    return at < n ? at : n - 1;
}

static bool take_row(const struct tro_findings *f, int step, int y, struct cursor *c,
                     struct row *row)
{
    const int width = (f->map_width + step - 1) / step;
    row->n = 0;
    for (int x = 0; x < width; x++) {
        const int64_t place = (int64_t)tro_findings_sample(y, step, f->map_height) * f->map_width +
                              tro_findings_sample(x, step, f->map_width);
        while (c->end <= place)
            c->end += f->runs[++c->at].length;
        const uint8_t label = f->runs[c->at].label;
        if (row->n == 0 || row->label[row->n - 1] != label) {
            if (row->n == MAX_RUNS)
                return false;
            row->label[row->n++] = label;
        }
        row->end[row->n - 1] = x + 1;
    }
    return true;
}

static bool is_like(const struct row *row, const struct row *above)
{
    bool is = row->n == above->n;
    for (int i = 0; is && i < row->n; i++) {
        const int moved = row->end[i] - above->end[i];
        is = row->label[i] == above->label[i] && moved >= -FARTHEST && moved <= FARTHEST;
    }
    return is;
}

static void put_length(struct tro_buf *out, unsigned length)
{
    for (; length >= 128; length >>= 7)
        tro_buf_u8(out, (uint8_t)(128 | (length & 127)));
    tro_buf_u8(out, (uint8_t)length);
}

static void put_row(struct tro_buf *out, const struct row *row, const struct row *above)
{
    if (is_like(row, above)) {
        tro_buf_u8(out, 0);
        for (int i = 0; i + 1 < row->n; i++)
            tro_buf_u8(out, (uint8_t)(row->end[i] - above->end[i] + 128));
        return;
    }
    tro_buf_u8(out, (uint8_t)row->n);
    for (int i = 0; i < row->n; i++) {
        tro_buf_u8(out, row->label[i]);
        put_length(out, (unsigned)(row->end[i] - (i > 0 ? row->end[i - 1] : 0)));
    }
}

bool tro_findings_rows(const struct tro_findings *f, int step, size_t most, struct tro_buf *out)
{
    struct row rows[2] = {{0}};
    struct cursor c = {.end = f->runs[0].length};
    const int height = (f->map_height + step - 1) / step;
    for (int y = 0; y < height; y++) {
        struct row *const row = &rows[y % 2];
        if (!take_row(f, step, y, &c, row))
            return false;
        put_row(out, row, &rows[1 - y % 2]);
        if (out->n > most)
            return false;
    }
    return true;
}
