/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/finding_code.h"

#include "base/alloc.h"

/* ---- bits ----------------------------------------------------------------------------------- */

/* The range coder of LZMA (I. Pavlov, "LZMA specification", 2015): each bit costs about -log2 of
 * the share that bits of its model have had so far. */
#define ONE 2048 /* of a model: the share of zeros */
#define RATE 4   /* 1/16 of the way to what has come */
#define TOP (1u << 24)

struct coder {
    struct tro_buf *out;
    uint64_t low;
    uint32_t range;
    uint8_t held;  /* may still be carried into, */
    size_t n_held; /* with this many, itself counted, of which all others are 255 */
};

static void coder_begin(struct coder *c, struct tro_buf *out)
{
    *c = (struct coder){.out = out, .range = UINT32_MAX, .n_held = 1};
}

static void put_top(struct coder *c)
{
    if (c->low < UINT64_C(0xff000000) || c->low > UINT32_MAX) {
        const uint8_t carry = (uint8_t)(c->low >> 32);
        for (uint8_t byte = c->held; c->n_held > 0; c->n_held--, byte = 255)
            tro_buf_u8(c->out, (uint8_t)(byte + carry));
        c->held = (uint8_t)(c->low >> 24);
    }
    c->n_held++;
    c->low = (c->low & 0xffffff) << 8;
}

static void coder_end(struct coder *c)
{
    for (int i = 0; i < 5; i++)
        put_top(c);
}

static void put_bit(struct coder *c, uint16_t *model, bool bit)
{
    const uint32_t zeros = (c->range / ONE) * *model;
    if (bit) {
        c->low += zeros;
        c->range -= zeros;
        *model = (uint16_t)(*model - (*model >> RATE));
    } else {
        c->range = zeros;
        *model = (uint16_t)(*model + ((ONE - *model) >> RATE));
    }
    for (; c->range < TOP; c->range <<= 8)
        put_top(c);
}

/* The upper bits choose the model of the lower ones. */
static void put_bits(struct coder *c, uint16_t *models, unsigned value, int n)
{
    unsigned node = 1;
    for (int i = n - 1; i >= 0; i--) {
        put_bit(c, &models[node], value >> i & 1);
        node = node << 1 | (value >> i & 1);
    }
}

static void reset(uint16_t *models, size_t n)
{
    for (size_t i = 0; i < n; i++)
        models[i] = ONE / 2;
}

/* ---- neighbours ----------------------------------------------------------------------------- */

/* What is written before: at the left, above, above at the left and above at the right. */
struct around {
    int left, above, before, after;
};

/* Those that are not there are like those that are; all are `first` for the first of all. */
static struct around look_around(const uint8_t *plane, int i, int width, int first)
{
    const int x = i % width;
    const bool has_above = i >= width;
    const uint8_t *const at = plane + i;
    struct around n;
    n.left = x > 0 ? at[-1] : has_above ? at[-width] : first;
    n.above = has_above ? at[-width] : n.left;
    n.before = has_above && x > 0 ? at[-width - 1] : n.above;
    n.after = has_above && x + 1 < width ? at[-width + 1] : n.above;
    return n;
}

/* ---- labels --------------------------------------------------------------------------------- */

struct label_models {
    uint16_t differs_above[8], differs_left, label[256];
};

static void put_label(struct coder *c, struct label_models *m, const uint8_t *labels, int i,
                      int width)
{
    const struct around n = look_around(labels, i, width, 0);
    const int model = (n.left == n.above) | (n.before == n.above) << 1 | (n.after == n.above) << 2;
    const int label = labels[i];
    put_bit(c, &m->differs_above[model], label != n.above);
    if (label == n.above)
        return;
    if (n.left != n.above) {
        put_bit(c, &m->differs_left, label != n.left);
        if (label == n.left)
            return;
    }
    put_bits(c, m->label, (unsigned)label, 8);
}

static void sample_map(const struct tro_findings *f, int step, int width, int height, uint8_t *to)
{
    int at = 0;
    int64_t end = f->runs[0].length; /* the place behind run `at` */
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int64_t row = tro_findings_sample(y, step, f->map_height);
            const int64_t place = row * f->map_width + tro_findings_sample(x, step, f->map_width);
            while (end <= place)
                end += f->runs[++at].length;
            *to++ = f->runs[at].label;
        }
}

void tro_findings_code_map(const struct tro_findings *f, int step, struct tro_buf *out)
{
    const int width = (f->map_width + step - 1) / step, height = (f->map_height + step - 1) / step;
    uint8_t *const labels = tro_malloc((size_t)width * (size_t)height);
    struct label_models m;
    struct coder c;
    if (!labels) {
        out->failed = true;
        return;
    }
    sample_map(f, step, width, height, labels);
    reset((uint16_t *)&m, sizeof m / sizeof(uint16_t));
    coder_begin(&c, out);
    for (int i = 0; i < width * height; i++)
        put_label(&c, &m, labels, i, width);
    coder_end(&c);
    tro_free(labels);
}

/* ---- depths --------------------------------------------------------------------------------- */

#define MAX_BITS 8 /* of a difference of two bytes, folded and 1 more */

struct step_models {
    uint16_t is_longer[MAX_BITS], bits[MAX_BITS + 1][1 << MAX_BITS];
};

/* The plane through the neighbours, if it lies between them (LOCO-I: M. J. Weinberger, G. Seroussi
 * and G. Sapiro, IEEE Transactions on Image Processing 9(8), 2000). */
static int predict(const struct around *n)
{
    const int low = n->left < n->above ? n->left : n->above;
    const int high = n->left < n->above ? n->above : n->left;
    const int plane = n->left + n->above - n->before;
    return plane < low ? low : plane > high ? high : plane;
}

/* 0, -1, 1, -2 ... as 1, 2, 3, 4 ...: how many bits follow the first, then these. */
static void put_difference(struct coder *c, struct step_models *m, int difference)
{
    const unsigned folded = (unsigned)(difference < 0 ? -2 * difference : 2 * difference + 1);
    int n = 0;
    for (; n < MAX_BITS; n++) {
        const bool is_longer = folded >> (n + 1) != 0;
        put_bit(c, &m->is_longer[n], is_longer);
        if (!is_longer)
            break;
    }
    put_bits(c, m->bits[n], folded & ((1u << n) - 1), n);
}

void tro_findings_code_steps(const uint8_t *steps, int width, int height, struct tro_buf *out)
{
    struct step_models m;
    struct coder c;
    reset((uint16_t *)&m, sizeof m / sizeof(uint16_t));
    coder_begin(&c, out);
    for (int i = 0; i < width * height; i++) {
        const struct around n = look_around(steps, i, width, 128);
        put_difference(&c, &m, steps[i] - predict(&n));
    }
    coder_end(&c);
}
