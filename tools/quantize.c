/* SPDX-License-Identifier: Apache-2.0 */
#include "quantize.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "build/model.h"

static int observe(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_quantize *const z = ctx;
    const struct tro_block *const b = tro_block_get(z->quant->graph, TRO_MAIN_BLOCK);
    for (size_t k = 0; k < b->n_inputs; k++)
        z->data_hash = tro_hash64_wide(s->inputs[k].data, tro_tensor_n_bytes(&s->inputs[k]),
                                       z->data_hash);
    z->n_samples++;
    return tro_quant_observe(z->quant, s->inputs, err);
}

static int keep(struct tro_quantize *z, const struct tro_calib_sample *s, struct tro_err *err)
{
    const size_t n = tro_block_get(z->quant->graph, TRO_MAIN_BLOCK)->n_inputs;
    if (z->n_kept == TRO_QUANTIZE_N_KEPT)
        return 0;
    struct tro_tensor *const t = TRO_NEW_N(&z->kept, struct tro_tensor, n + 1);
    for (size_t i = 0; t && i < n; i++) {
        const size_t n_bytes = tro_tensor_n_bytes(&s->inputs[i]);
        t[i] = s->inputs[i];
        t[i].data = tro_arena_alloc64(&z->kept, n_bytes + 1);
        if (!t[i].data)
            return tro_fail_nomem(err);
        memcpy(t[i].data, s->inputs[i].data, n_bytes);
    }
    z->kept_samples[z->n_kept++] = t;
    return t ? 0 : tro_fail_nomem(err);
}

/* Some of the samples, from all over the data. */
static int probe(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_quantize *const z = ctx;
    const int64_t every = z->n_samples / z->n_probes + 1;
    if (s->index % every != 0)
        return 0;
    if (s->index / every % (z->n_probes / TRO_QUANTIZE_N_KEPT) == 0)
        TRO_TRY(keep(z, s, err));
    return tro_quant_probe(z->quant, s->inputs, err);
}

/* Of the files of the model and of its record. */
static int hash_model(struct tro_quantize *z, struct tro_err *err)
{
    const char *const paths[] = {z->calib.model_path, z->calib.record_path};
    z->model_hash = 0;
    for (int i = 0; i < 2 && paths[i]; i++) {
        struct tro_file file;
        TRO_TRY(tro_file_read(&file, paths[i], 0, err));
        z->model_hash = tro_hash64_wide(file.data, file.n_bytes, z->model_hash);
        tro_file_finish(&file);
    }
    return 0;
}

int tro_quantize_calibrate(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    z->quant = tro_quant_create(tro_model_graph(m), err);
    if (!z->quant)
        return err->status;
    TRO_TRY(hash_model(z, err));
    TRO_TRY(tro_calib_each(&z->calib, "calibration", 0, observe, z, err));
    TRO_TRY(tro_quant_bound(z->quant, err));
    TRO_TRY(tro_calib_each(&z->calib, "probing", z->n_samples, probe, z, err));
    tro_quant_choose(z->quant);
    return 0;
}

int tro_quantize_apply(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    struct tro_graph *const g = tro_quant_make(z->quant, err);
    if (!g)
        return err->status;
    tro_model_replace_graph(m, g);
    return 0;
}

void tro_quantize_finish(struct tro_quantize *z)
{
    tro_quant_destroy(z->quant);
    tro_arena_finish(&z->kept);
    z->quant = NULL;
}
