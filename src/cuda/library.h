/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products by NVIDIA's libraries: cuDNN for convolutions, cuBLASLt for matrices; candidates of the
 * tuner beside our own kernels. A library is opened when it is first asked for; where there is none
 * it offers nothing.
 *
 * A plan of a library is a product with an algorithm: all that a call needs but the pointers. Its
 * name, "cudnn 91900 engine 41 k2=4 k13=0", makes it again where the version is the same, and then
 * it gives the same bits in every run. What sums in an order that changes, needs more than
 * TRO_LIBRARY_MAX_BYTES of workspace or compiles kernels when it is loaded is not offered.
 */
#ifndef TRO_CUDA_LIBRARY_H
#define TRO_CUDA_LIBRARY_H

#include <pthread.h>

#include "cuda/device.h"
#include "cuda/gemm.h"

#define TRO_LIBRARY_NAME_SIZE 256
#define TRO_LIBRARY_MAX_BYTES ((size_t)64 << 20)
#define TRO_LIBRARY_ALIGN 256  /* of the workspace */
enum { TRO_LIBRARY_MOST = 4 }; /* that a library offers for a product */

/* y = relu(x w + z + bias). All are of the type that math names; bias is a vector over channels or
 * columns. */
struct tro_library_product {
    enum tro_gemm_math math;
    bool has_bias, has_z, has_relu;
    bool is_conv, is_matrix; /* it can be seen as; both for a window of one element */

    /* [n, c, h, w], channels last; w is [k, c / groups, r, s], channels last and dense. */
    struct tro_arg x, z, y;
    int64_t w[4];
    int64_t pad[2], pad_end[2], stride[2], dilation[2];

    /* y[m][n] = x[m][k] w[n][k]; where is_w_turned, w[k][n]. Pitches of rows in elements. */
    int64_t m, n, k, x_pitch, w_pitch, z_pitch, y_pitch;
    bool is_w_turned;
};

/* On the device; absent ones 0. */
struct tro_library_pointers {
    tro_cu_ptr x, w, bias, z, y, workspace;
};

/* ---- a library ---------------------------------------------------------------------------- */

struct tro_library_plan {
    const struct tro_library_ops *ops;
    void *library, *own;
    const char *name;
    bool has_bias, has_z;
    size_t n_bytes; /* of workspace */
};

struct tro_library_names {
    char text[TRO_LIBRARY_MOST][TRO_LIBRARY_NAME_SIZE];
    int n;
};

struct tro_library_ops {
    const char *name; /* the first word of names of plans */
    /* For the device whose context is current. */
    void *(*open)(struct tro_err *err);
    void (*close)(void *library);
    bool (*takes)(const struct tro_library_product *q);
    /* Best guesses first. */
    int (*list)(void *library, const struct tro_library_product *q, struct tro_library_names *out,
                struct tro_err *err);
    /* Fills own and n_bytes. */
    int (*make)(void *library, const struct tro_library_product *q, const char *name,
                struct tro_library_plan *out, struct tro_err *err);
    void (*destroy)(struct tro_library_plan *p);
    int (*call)(const struct tro_library_plan *p, tro_cu_stream stream,
                const struct tro_library_pointers *at, struct tro_err *err);
};
extern const struct tro_library_ops tro_cudnn_ops, tro_cublaslt_ops;

/* ---- the libraries of a device ------------------------------------------------------------ */

struct tro_libraries;

/* Nothing is opened yet. The device outlives them. Functions may be called by several threads. */
struct tro_libraries *tro_libraries_create(struct tro_cuda_device *d, struct tro_err *err);
/* With all plans; no step of theirs may be in use. */
void tro_libraries_destroy(struct tro_libraries *s);

/* Names of plans for q, at most `most`, as long as the libraries live; returns how many. */
int tro_libraries_list(struct tro_libraries *s, const struct tro_library_product *q,
                       const char **names, int most);
/* NULL where it cannot be made here: another version, no library, an unknown name, or a call of it
 * has failed before. Lives as long as the libraries. */
const struct tro_library_plan *tro_libraries_plan(struct tro_libraries *s,
                                                  const struct tro_library_product *q,
                                                  const char *name);
/* Why the library that a name belongs to cannot be had; "" where it can or was not asked for. */
const char *tro_libraries_missing(struct tro_libraries *s, const char *name);

/* On a stream of the device, whose context is current. */
int tro_libraries_call(struct tro_libraries *s, const struct tro_library_plan *p,
                       tro_cu_stream stream, const struct tro_library_pointers *at,
                       struct tro_err *err);

/* Plans that were called and failed. */
int tro_libraries_n_failed(struct tro_libraries *s);

/* Opens the first library of the names that is there, or the one that the variable names; it stays
 * open. names end with NULL. */
void *tro_library_open(const char *variable, const char *const *names, const char *what,
                       struct tro_err *err);
void *tro_library_symbol(void *library, const char *name);

/* What a process opens once, by whichever thread comes first; why it failed is told each time. */
struct tro_library_once {
    pthread_mutex_t mutex;
    bool is_tried;
    struct tro_err err;
};
#define TRO_LIBRARY_ONCE                   \
    {                                      \
        .mutex = PTHREAD_MUTEX_INITIALIZER \
    }
int tro_library_once(struct tro_library_once *once, int (*open)(struct tro_err *err),
                     struct tro_err *err);

#endif
