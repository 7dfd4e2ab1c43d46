/* SPDX-License-Identifier: Apache-2.0 */
/* The files of kernels/, as the build embedded them, in order of their names. */
#ifndef TRO_CUDA_TEXTS_H
#define TRO_CUDA_TEXTS_H

struct tro_cuda_text {
    const char *name, *text;
};
extern const struct tro_cuda_text tro_cuda_texts[];
extern const int tro_cuda_n_texts;

#endif
