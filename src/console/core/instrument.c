/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/instrument.h"

#include <string.h>

#define BIT(kind) (1u << TRO_FINDING_##kind)

bool tro_is_instrument(const char *name)
{
    static const char *const known[] = {
#define TRO_INSTRUMENT_TEXT(text) text,
        TRO_INSTRUMENT_NAMES(TRO_INSTRUMENT_TEXT)
#undef TRO_INSTRUMENT_TEXT
    };
    const size_t n = strcspn(name, " -_");
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strlen(known[i]) == n && memcmp(known[i], name, n) == 0)
            return true;
    return false;
}

/* Labels of a kind that are instruments; names without kinds may be of any. */
static uint64_t labels_of(const struct tro_finding_names *names, unsigned kind)
{
    uint64_t labels = 0;
    for (int i = 0; i < names->n; i++)
        if ((names->kinds[i] == 0 || (names->kinds[i] & kind)) && tro_is_instrument(names->name[i]))
            labels |= UINT64_C(1) << i;
    return labels;
}

bool tro_instruments_in_map(const struct tro_finding_names *names)
{
    return labels_of(names, BIT(MASK)) != 0;
}

bool tro_instruments_in_boxes(const struct tro_finding_names *names)
{
    return labels_of(names, BIT(BOX)) != 0;
}

bool tro_instruments_mask(const struct tro_findings *f, const struct tro_finding_names *names,
                          uint8_t *mask)
{
    const uint64_t labels = labels_of(names, BIT(MASK));
    const int n = f->map_width * f->map_height;
    if (!labels || f->n_runs == 0)
        return false;
    tro_findings_unpack(f, mask);
    for (int i = 0; i < n; i++)
        mask[i] = labels >> (mask[i] & 63) & 1;
    return true;
}

int tro_instruments_boxes(const struct tro_findings *f, const struct tro_finding_names *names,
                          struct tro_instrument_box *out, int n)
{
    const uint64_t labels = labels_of(names, BIT(BOX));
    int n_boxes = 0;
    for (int i = 0; i < f->n && n_boxes < n; i++) {
        const struct tro_finding *const x = &f->items[i];
        if (x->kind == TRO_FINDING_BOX && (labels >> (x->label & 63) & 1))
            out[n_boxes++] = (struct tro_instrument_box){x->x0, x->y0, x->x1, x->y1};
    }
    return n_boxes;
}
