/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What models are run on, one sample after the other:
 *   files     one sample, as `trocar run -i` takes it
 *   random    N samples, seeded (random.h); free sizes are 1 unless a shape is given
 *   a folder  each picture or tensor in it is a sample for a model of one input, and each folder in
 *             it a sample with a file for each input: NAME.npy for the input NAME, input_<i>.npy
 * for
 *             input i, else in order. A folder with a file input_0.* is one sample itself. Names
 *             that begin with output_, label_ or a dot are left out, as are other kinds of file.
 */
#ifndef TRO_TOOLS_SAMPLES_H
#define TRO_TOOLS_SAMPLES_H

#include "args.h"
#include "side.h"

struct tro_samples_opts {
    const struct tro_list *files;  /* "[NAME=]FILE" */
    const struct tro_list *shapes; /* "[NAME=]SHAPE", of random inputs */
    const char *dir;               /* NULL: none */
    int64_t n_random;              /* 0: not asked for */
    uint64_t seed;
};

struct tro_sample_entry {
    const char *path, *name; /* name: within the folder */
    bool is_folder;
};

struct tro_samples {
    int64_t n;
    /* private */
    const struct tro_side *side;
    struct tro_samples_opts opts;
    struct tro_arena arena;
    struct tro_tensor *forms; /* of random inputs, without data */
    struct tro_sample_entry *entries;
    size_t cap;
};

/* For the inputs of a side, which must outlive the samples. Files, a folder, or random inputs: at
 * most one of them; nothing asked for is one random sample. */
int tro_samples_open(struct tro_samples *s, const struct tro_side *side,
                     const struct tro_samples_opts *opts, struct tro_err *err);
void tro_samples_close(struct tro_samples *s);

/* Sample i, tensors in the side's order, data in the arena. */
int tro_samples_read(const struct tro_samples *s, int64_t i, struct tro_arena *arena,
                     struct tro_tensor *out, struct tro_err *err);

/* "frame_0003.png", "sample 3": for people. */
void tro_samples_print_name(const struct tro_samples *s, int64_t i, char *out, size_t n);

#endif
