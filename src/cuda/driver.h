/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA driver, opened at run time: libcuda.so.1, or the library that TROCAR_CUDA_DRIVER names.
 * Types are declared here as the driver's ABI has them, so that no CUDA header is needed.
 */
#ifndef TRO_CUDA_DRIVER_H
#define TRO_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>
#include <trocar/trocar.h>

typedef int tro_cu_device;
typedef uint64_t tro_cu_ptr;
typedef struct tro_cu_context_s *tro_cu_context;
typedef struct tro_cu_module_s *tro_cu_module;
typedef struct tro_cu_function_s *tro_cu_function;
typedef struct tro_cu_stream_s *tro_cu_stream;
typedef struct tro_cu_event_s *tro_cu_event;
typedef struct tro_cu_graph_s *tro_cu_graph;
typedef struct tro_cu_graph_exec_s *tro_cu_graph_exec;
typedef struct tro_cu_node_s *tro_cu_node;

/* CUuuid */
struct tro_cu_uuid {
    unsigned char bytes[16];
};

/* CUgraphEdgeData */
struct tro_cu_edge {
    unsigned char from_port, to_port, type, reserved[5];
};
enum { TRO_CU_PORT_PROGRAMMATIC = 1, TRO_CU_EDGE_PROGRAMMATIC = 1 };

/* CUDA_KERNEL_NODE_PARAMS_v3 */
struct tro_cu_kernel_node {
    tro_cu_function function;
    unsigned grid[3], block[3], shared_bytes;
    void **params, **extra;
    void *kernel;
    tro_cu_context context;
};

/* CUDA_CHILD_GRAPH_NODE_PARAMS: the graph is copied. */
struct tro_cu_child_node {
    tro_cu_graph graph;
    int ownership;
};

/* CUgraphNodeParams */
enum { TRO_CU_NODE_KERNEL = 0, TRO_CU_NODE_GRAPH = 4, TRO_CU_NODE_EMPTY = 5 };
struct tro_cu_node_params {
    int type, reserved0[3];
    union {
        long long reserved1[29];
        struct tro_cu_kernel_node kernel;
        struct tro_cu_child_node child;
    } u;
    long long reserved2;
};

/* CUresult values that are told apart. */
enum { TRO_CU_SUCCESS = 0, TRO_CU_OUT_OF_MEMORY = 2, TRO_CU_NOT_READY = 600 };

/* CUdevice_attribute */
enum {
    TRO_CU_ATTR_SHARED_BYTES = 97, /* of a block, opted in */
    TRO_CU_ATTR_MAJOR = 75,
    TRO_CU_ATTR_MINOR = 76,
    TRO_CU_ATTR_N_SMS = 16,
    TRO_CU_ATTR_INTEGRATED = 18,
    TRO_CU_ATTR_L2_BYTES = 38,
    TRO_CU_ATTR_MEMORY_KHZ = 36,
    TRO_CU_ATTR_MEMORY_BITS = 37,
    TRO_CU_ATTR_CLOCK_KHZ = 13
};
enum { TRO_CU_FUNC_MAX_SHARED = 8 };    /* CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES */
enum { TRO_CU_REGISTER_READ_ONLY = 8 }; /* CU_MEMHOSTREGISTER_READ_ONLY */
enum { TRO_CU_POINTER_MEMORY_TYPE = 2, TRO_CU_MEMORY_HOST = 1, TRO_CU_MEMORY_DEVICE = 2 };
enum { TRO_CU_STREAM_NON_BLOCKING = 1, TRO_CU_CAPTURE_RELAXED = 2 };

struct tro_cu {
#define FN(name, args) int(*name) args;
#include "cuda/driver.def"
#undef FN
};

/* The driver, initialized; the same for every caller. NULL with the reason in err: no library, a
 * function that is missing in it, no device, a driver that refuses. */
const struct tro_cu *tro_cu_open(struct tro_err *err);

/* 0 when rc is success; else "cuMemAlloc: out of memory (CUDA_ERROR_OUT_OF_MEMORY)" as
 * TRO_E_NOMEM or TRO_E_DEVICE. */
int tro_cu_check(const struct tro_cu *cu, int rc, const char *what, struct tro_err *err);
#define TRO_CU(cu, err, fn, ...) TRO_TRY(tro_cu_check((cu), (cu)->fn(__VA_ARGS__), #fn, (err)))

#endif
