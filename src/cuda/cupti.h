/* SPDX-License-Identifier: Apache-2.0 */
/* Types of CUPTI as its ABI has them, so that no header of it is needed. */
#ifndef TRO_CUDA_CUPTI_H
#define TRO_CUDA_CUPTI_H

#include "cuda/driver.h"

typedef struct tro_cupti_subscriber_s *tro_cupti_subscriber;
typedef void tro_cupti_callback(void *ctx, int domain, uint32_t id, const void *data);
typedef void tro_cupti_request(uint8_t **buffer, size_t *n_bytes, size_t *n_most);
typedef void tro_cupti_complete(tro_cu_context context, uint32_t stream, uint8_t *buffer,
                                size_t n_bytes, size_t n_valid);

enum { TRO_CUPTI_DOMAIN_RESOURCE = 3, TRO_CUPTI_NODE_CLONED = 20 };
enum { TRO_CUPTI_KIND_CONCURRENT_KERNEL = 10 };
enum { TRO_CUPTI_FLUSH_FORCED = 1 };

/* CUpti_ResourceData; descriptor: struct tro_cupti_graph for what happens to graphs */
struct tro_cupti_resource {
    tro_cu_context context;
    void *handle;
    const void *descriptor;
};

/* CUpti_GraphData */
struct tro_cupti_graph {
    tro_cu_graph graph, original_graph;
    tro_cu_node node, original_node;
    int node_type;
    tro_cu_node dependency;
    tro_cu_graph_exec exec;
};

/* CUpti_ActivityKernel5 (11.1) to 10 (13.0), which begin alike; other kinds begin with their kind
 * too. Times are nanoseconds. */
struct tro_cupti_kernel {
    uint32_t kind;
    uint8_t cache, shared_config;
    uint16_t n_registers;
    uint32_t cache_requested, cache_executed;
    uint64_t start, end, completed;
    uint32_t device, context, stream;
    int32_t grid[3], block[3], static_shared, dynamic_shared;
    uint32_t local_per_thread, local_total, correlation;
    int64_t grid_id;
    const char *name;
    void *reserved;
    uint64_t queued, submitted;
    uint8_t launch_type, has_carveout, carveout, padding;
    uint32_t shared_executed;
    uint64_t graph_node;
};

#endif
