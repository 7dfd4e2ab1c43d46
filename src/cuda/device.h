/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GPU of this process: its primary context and its memory pool, shared by all plans and sessions
 * on it. Functions may be called by several threads.
 */
#ifndef TRO_CUDA_DEVICE_H
#define TRO_CUDA_DEVICE_H

#include "cuda/driver.h"

struct tro_cuda_device {
    const struct tro_cu *cu;
    int ordinal;
    char name[128];   /* "NVIDIA H200" */
    char uuid[48];    /* "GPU-01234567-89ab-cdef-0123-456789abcdef" */
    int arch;         /* 90 for compute capability 9.0 */
    int n_sms;        /* multiprocessors */
    int shared_bytes; /* most that a block may have */
    int is_integrated;
    double tensor_gflops; /* f16 products, at the clock the driver names */
    double fp32_gflops;   /* multiply-adds of f32, two operations each */
    double gbytes;        /* of its memory, a second */
    int driver_version;   /* 13000 for 13.0 */
    struct tro_cuda_pool *pool;
    tro_cu_context context;
};

/* "cuda" or "cuda:N". Opened when it is asked for the first time; each open has its close, the last
 * of which gives all memory back. NULL with the reason in err. */
struct tro_cuda_device *tro_cuda_device_open(const char *name, struct tro_err *err);
void tro_cuda_device_close(struct tro_cuda_device *d);

/* Makes it the calling thread's device: before calls of the driver. */
int tro_cuda_device_enter(const struct tro_cuda_device *d, struct tro_err *err);

/* Memory from the pool, aligned to 256; n_bytes 0 gives one byte. The message of a failure says how
 * much is free. What is freed must not be in use by the device any more. */
int tro_cuda_alloc(struct tro_cuda_device *d, size_t n_bytes, tro_cu_ptr *out, struct tro_err *err);
void tro_cuda_free(struct tro_cuda_device *d, tro_cu_ptr p);

#endif
