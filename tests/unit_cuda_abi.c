/* SPDX-License-Identifier: Apache-2.0 */
/* What we declare of CUDA's libraries, against NVIDIA's headers where they are. */
#include "cuda/cupti.h"
#include "test.h"

#if TRO_HAVE_CUDA_HEADERS

#include <cuda.h>
#include <cupti.h>

#define CHECK_PLACE(ours, a, theirs, b)                        \
    do {                                                       \
        CHECK_INT(offsetof(ours, a), offsetof(theirs, b));     \
        CHECK_INT(sizeof((ours){0}.a), sizeof((theirs){0}.b)); \
    } while (0)

#define CHECK_KERNEL(theirs)                                                           \
    do {                                                                               \
        CHECK_PLACE(struct tro_cupti_kernel, kind, theirs, kind);                      \
        CHECK_PLACE(struct tro_cupti_kernel, n_registers, theirs, registersPerThread); \
        CHECK_PLACE(struct tro_cupti_kernel, start, theirs, start);                    \
        CHECK_PLACE(struct tro_cupti_kernel, end, theirs, end);                        \
        CHECK_PLACE(struct tro_cupti_kernel, correlation, theirs, correlationId);      \
        CHECK_PLACE(struct tro_cupti_kernel, name, theirs, name);                      \
        CHECK_PLACE(struct tro_cupti_kernel, graph_node, theirs, graphNodeId);         \
    } while (0)

TEST(cupti)
{
    CHECK_KERNEL(CUpti_ActivityKernel5);
    CHECK_KERNEL(CUpti_ActivityKernel6);
    CHECK_KERNEL(CUpti_ActivityKernel7);
    CHECK_KERNEL(CUpti_ActivityKernel8);
    CHECK_KERNEL(CUpti_ActivityKernel9);
    CHECK_PLACE(struct tro_cupti_resource, context, CUpti_ResourceData, context);
    CHECK_PLACE(struct tro_cupti_resource, descriptor, CUpti_ResourceData, resourceDescriptor);
    CHECK_PLACE(struct tro_cupti_graph, node, CUpti_GraphData, node);
    CHECK_PLACE(struct tro_cupti_graph, original_node, CUpti_GraphData, originalNode);
    CHECK_INT(TRO_CUPTI_DOMAIN_RESOURCE, CUPTI_CB_DOMAIN_RESOURCE);
    CHECK_INT(TRO_CUPTI_NODE_CLONED, CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED);
    CHECK_INT(TRO_CUPTI_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
    CHECK_INT(TRO_CUPTI_FLUSH_FORCED, CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
}

#if CUPTI_API_VERSION >= 130000
TEST(cupti_13)
{
    CHECK_KERNEL(CUpti_ActivityKernel10);
}
#endif

TEST(driver)
{
    CHECK_INT(sizeof(struct tro_cu_node_params), sizeof(CUgraphNodeParams));
    CHECK_PLACE(struct tro_cu_node_params, u.kernel, CUgraphNodeParams, kernel);
    CHECK_INT(offsetof(struct tro_cu_kernel_node, context),
              offsetof(CUDA_KERNEL_NODE_PARAMS_v3, ctx));
    CHECK_INT(sizeof(struct tro_cu_edge), sizeof(CUgraphEdgeData));
    CHECK_INT(sizeof(struct tro_cu_uuid), sizeof(CUuuid));
}

#else

TEST(abi)
{
    SKIP("NVIDIA's headers are not there");
}

#endif
