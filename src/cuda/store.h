/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan has on a device, shared by its sessions there: loaded kernels and constants. Kernels
 * come from the code that the plan carries, else from NVRTC.
 */
#ifndef TRO_CUDA_STORE_H
#define TRO_CUDA_STORE_H

#include "cuda/device.h"
#include "cuda/launch.h"

/* Code of a kernel for a chip: 1 and *code where it is there, 0 where not. */
typedef int tro_cuda_find_code(const void *ctx, uint64_t key, int arch, const void **code,
                               size_t *n_bytes);

struct tro_cuda_store;
struct tro_libraries;

/* find may be NULL; ctx lives as long as the store. The device is the store's from here on, also
 * when this fails. */
struct tro_cuda_store *tro_cuda_store_create(struct tro_cuda_device *d, tro_cuda_find_code *find,
                                             const void *ctx, struct tro_err *err);
void tro_cuda_store_destroy(struct tro_cuda_store *s);
struct tro_cuda_device *tro_cuda_store_device(const struct tro_cuda_store *s);
/* NVIDIA's, for programs of this store (cuda/library.h); none is opened before it is asked for. */
struct tro_libraries *tro_cuda_store_libraries(const struct tro_cuda_store *s);

/* Loads all kernels of the program that are not there yet; those without code are compiled, several
 * at a time. The message of a failure names the node. */
int tro_cuda_store_load(struct tro_cuda_store *s, const struct tro_program *p, struct tro_err *err);
/* The kernel of a launch, which was loaded, with room for its shared memory. */
int tro_cuda_store_function(struct tro_cuda_store *s, const struct tro_cuda_launch *launch,
                            tro_cu_function *out, struct tro_err *err);

/* Copies to the device what buffer b of the program holds, once for all programs where the buffer
 * is shared. */
int tro_cuda_store_constant(struct tro_cuda_store *s, const struct tro_buffer *b, tro_cu_ptr *out,
                            struct tro_err *err);

struct tro_cuda_store_size {
    size_t n_kernels, n_compiled; /* loaded; of them compiled here */
    size_t constant_bytes;
};
struct tro_cuda_store_size tro_cuda_store_size(struct tro_cuda_store *s);

#endif
