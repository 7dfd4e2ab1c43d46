/* SPDX-License-Identifier: Apache-2.0 */
/* What emitters of operators over channels-last [n, c, spatial..] share. */
#ifndef TRO_CUDA_SPATIAL_H
#define TRO_CUDA_SPATIAL_H

#include "cuda/kernels/window.h"
#include "cuda/launch.h"
#include "cuda/point.h"
#include "lower/window.h"

enum { TRO_SPATIAL_BLOCK = 128 /* threads */ };

/* f32, f16, bf16. */
bool tro_spatial_is_float(enum tro_dtype dtype);
/* As kernels name it: "tro_f16", "int8_t"; NULL: none of theirs. */
const char *tro_spatial_type(enum tro_dtype dtype);

/* Where v lies, channels last; what has to be copied for it is stored as the precision says. */
int tro_spatial_in(struct tro_lowering *l, tro_value_id v, struct tro_arg *out);

/* tro_point_compile over (n, spatial.., c). */
int tro_spatial_point(struct tro_lowering *l, const struct tro_lower_node *n,
                      enum tro_dtype acc_dtype, int rank, struct tro_point **out);

/* Elements that lie aligned together everywhere in a (its address is a multiple of 64): the
 * greatest power of 2, up to `most`, that divides the channels and all offsets. */
int tro_spatial_aligned(const struct tro_arg *a, int most);

/* Every offset of an element is below 2^31. */
bool tro_spatial_fits(const struct tro_arg *a);

/* For threads that make v channels of p results along the width. False: beyond 31 bits. */
bool tro_spatial_window(const struct tro_win *win, const struct tro_arg *x, int64_t n_channels,
                        int v, int p, struct tro_window_space *out);

/* Blocks of TRO_SPATIAL_BLOCK threads. */
void tro_spatial_threads(struct tro_cuda_launch *launch, int64_t n_threads);

/* A step may not overwrite what its windows read again. n_own: inputs before the program's. */
void tro_spatial_set_inplace(struct tro_step *s, const struct tro_point *point, int n_own);

#endif
