/* SPDX-License-Identifier: Apache-2.0 */
/* A quantized network with everything between its integers: one number everywhere. */
#include "int_net_kit.h"

TEST(int_net_is_of_integers)
{
    static const enum tro_op floats[] = {TRO_OP_CONV, TRO_OP_CONV_TRANSPOSE, TRO_OP_MATMUL,
                                         TRO_OP_SIGMOID, TRO_OP_POOL};
    struct tro_graph *const g = int_net_make();
    CHECK(g != NULL);
    for (int i = 0; g && i < 4; i++)
        CHECK_INT(int_net_count(g, floats[i]), 0);
    CHECK_INT(int_net_count(g, TRO_OP_POOL), 1);
    CHECK_INT(int_net_count(g, TRO_OP_CONV_TRANSPOSE_INT), 1);
    CHECK_INT(int_net_count(g, TRO_OP_MATMUL_INT), 1);
    CHECK_INT(int_net_count(g, TRO_OP_RESIZE_INT), 2);
    CHECK_INT(int_net_count(g, TRO_OP_RESIZE), 1); /* of the nearest */
    CHECK(int_net_count(g, TRO_OP_TABLE) >= 3);
    CHECK_INT(int_net_count(g, TRO_OP_SOFTMAX), 0);
    CHECK_INT(int_net_count(g, TRO_OP_NORMALIZE), 0);
    tro_graph_destroy(g);
}

/* Every level of this machine, any number of threads. */
TEST(int_net_on_every_level)
{
    struct tro_graph *const g = int_net_make();
    CHECK(g && engine_check_graph(g, 0, NULL));
    CHECK(strstr(engine_kernels(), "reference") == NULL);
    tro_graph_destroy(g);
}

/* The reference itself gives these bytes on every machine. */
TEST(int_net_reference_bytes)
{
    struct tro_err err = {0};
    struct tro_tensor in = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 16, 24}}, out[8] = {{0}};
    struct tro_graph *const g = int_net_make();
    uint64_t hash = UINT64_C(14695981039346656037);
    engine_kit_fill(&in, 1);
    CHECK(g && tro_ref_run(g, &in, out, NULL, NULL, &err) >= 0);
    for (int i = 0; i < 8; i++) {
        int n_values = 0;
        for (size_t k = 0; k < tro_tensor_n_bytes(&out[i]); k++) {
            const uint8_t byte = ((const uint8_t *)out[i].data)[k];
            hash = (hash ^ byte) * UINT64_C(1099511628211);
            n_values += byte != ((const uint8_t *)out[i].data)[0];
        }
        CHECK(n_values > 4); /* not all one value */
        tro_free(out[i].data);
    }
    test_check(hash == INT_NET_HASH, __FILE__, __LINE__, "hash 0x%llx, expected 0x%llx",
               (unsigned long long)hash, (unsigned long long)INT_NET_HASH);
    free(in.data);
    tro_graph_destroy(g);
}
