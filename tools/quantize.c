/* SPDX-License-Identifier: Apache-2.0 */
#include "quantize.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "build/model.h"
#include "quant/calibration.h"

static void add_hash(struct tro_quantize *z, const struct tro_calib_sample *s)
{
    const struct tro_block *const b = tro_block_get(z->quant->graph, TRO_MAIN_BLOCK);
    for (size_t k = 0; k < b->n_inputs; k++)
        z->data_hash = tro_hash64_wide(s->inputs[k].data, tro_tensor_n_bytes(&s->inputs[k]),
                                       z->data_hash);
}

static int observe(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_quantize *const z = ctx;
    add_hash(z, s);
    z->n_samples++;
    TRO_TRY(tro_coverage_add(&z->coverage, s, err));
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
    if (s->index % z->keep_every == 0)
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

static int calibrate(struct tro_quantize *z, struct tro_err *err)
{
    TRO_TRY(tro_quantize_repair(z, err));
    TRO_TRY(tro_calib_each(&z->calib, "calibration", 0, observe, z, err));
    tro_coverage_warn(&z->coverage);
    TRO_TRY(tro_quant_bound(z->quant, err));
    const int64_t every = z->n_samples / z->n_probes + 1;
    z->keep_every = every * (z->n_probes / TRO_QUANTIZE_N_KEPT);
    TRO_TRY(tro_calib_each(&z->calib, "probing", z->n_samples, probe, z, err));
    tro_quant_choose(z->quant);
    if (!z->calibration_path)
        return 0;
    const struct tro_calibration c = {z->model_hash, z->data_hash, z->n_samples};
    return tro_calibration_write(&c, z->quant, z->calibration_path, err);
}

/* Looks at data that was given beside a calibration: is it the calibration's? */
static int hash_sample(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_quantize *const z = ctx;
    (void)err;
    add_hash(z, s);
    z->n_samples++;
    return s->index % z->keep_every == 0 ? keep(z, s, err) : 0;
}

static int read_calibration(struct tro_quantize *z, struct tro_err *err)
{
    struct tro_calibration c = {.model_hash = z->model_hash};
    TRO_TRY(tro_calibration_read(&c, z->quant, z->calibration_path, err));
    if (z->calib.data->n > 0) {
        z->keep_every = c.n_samples / TRO_QUANTIZE_N_KEPT + 1;
        TRO_TRY(tro_calib_each(&z->calib, "data", c.n_samples, hash_sample, z, err));
        if (z->data_hash != c.data_hash)
            return tro_fail(err, TRO_E_INPUT,
                            "%s: expected the data that it was made of, %016" PRIx64
                            ", found other data, %016" PRIx64
                            ": leave --calib out to use it, or remove the file to calibrate again",
                            z->calibration_path, c.data_hash, z->data_hash);
    }
    z->data_hash = c.data_hash;
    z->n_samples = c.n_samples;
    return 0;
}

int tro_quantize_calibrate(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    z->quant = tro_quant_create(tro_model_graph(m), err);
    if (!z->quant)
        return err->status;
    TRO_TRY(hash_model(z, err));
    return z->calibration_path && tro_file_exists(z->calibration_path) ? read_calibration(z, err)
                                                                       : calibrate(z, err);
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
    tro_coverage_finish(&z->coverage);
    z->quant = NULL;
}
