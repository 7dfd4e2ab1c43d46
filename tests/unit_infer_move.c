/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of operators that move elements, and of results whose size depends on values. */
#include "graph/picture_size.h"
#include "infer_kit.h"

#include <math.h>

TEST(infer_transpose)
{
    const struct tro_attrs_transpose nhwc = {.perm = INTS(0, 2, 3, 1)};
    INFER(TRO_OP_TRANSPOSE, &nhwc, "f32[N,3,H,W]", "f32[N,H,W,3]");
    INFER(TRO_OP_TRANSPOSE, NULL, "bool[]", "bool[]");
    INFER(TRO_OP_TRANSPOSE, &nhwc, "u4[*]", "u4[*]");
    INFER(TRO_OP_TRANSPOSE, &nhwc, "f32[N,3,H]", "!perm has 4 entries");
    INFER(TRO_OP_TRANSPOSE, &(struct tro_attrs_transpose){.perm = INTS(0, 0)}, "f32[2,3]",
          "!named twice");
    INFER(TRO_OP_TRANSPOSE, &(struct tro_attrs_transpose){.perm = INTS(0, -1)}, "f32[2,3]",
          "!perm is -1");
}

TEST(infer_expand)
{
    INFER(TRO_OP_EXPAND, NULL, "f32[3,1]; i64[3]={2,1,4}", "f32[2,3,4]");
    INFER(TRO_OP_EXPAND, NULL, "f32[1,3]; i64[2]={N,3}", "f32[N,3]");
    INFER(TRO_OP_EXPAND, NULL, "f32[]; i64[1]={0}", "f32[0]");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[0]={}", "f32[3]");
    INFER(TRO_OP_EXPAND, NULL, "f32[5,3,1,0]; i64[3]", "f32[5,3,?,0]");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[2]", "f32[?,3]");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[R]", "f32[*]");
    INFER(TRO_OP_EXPAND, NULL, "f32[*]; i64[1]={3}", "f32[*]");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[1]={4}", "!broadcast");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[1]={-1}", "!is -1");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[9]", "!rank 9");
    INFER(TRO_OP_EXPAND, NULL, "f32[3]; i64[1,1]", "!shape has rank 2");
}

TEST(infer_tile)
{
    INFER(TRO_OP_TILE, NULL, "f32[2,N]; i64[2]={3,2}", "f32[6,N*2]");
    INFER(TRO_OP_TILE, NULL, "f32[2]; i64[1]={R}", "f32[R*2]");
    INFER(TRO_OP_TILE, NULL, "f32[2,0]; i64[2]", "f32[?,0]");
    INFER(TRO_OP_TILE, NULL, "f32[2]; i64[1]={0}", "f32[0]");
    INFER(TRO_OP_TILE, NULL, "f32[2]; i64[2]={1,1}", "!repeats has 2 elements");
    INFER(TRO_OP_TILE, NULL, "f32[2]; i64[1]={-1}", "!repeat 0 is -1");
    INFER(TRO_OP_TILE, NULL, "f32[4000000000000000000]; i64[1]={4000000000000000000}", "!bytes");
}

TEST(infer_concat)
{
    const struct tro_attrs_axis one = {.axis = 1}, last = {.axis = -1};
    INFER(TRO_OP_CONCAT, &one, "N:2..2 | f32[N,3]; f32[N,K]; f32[2,1]", "f32[2,K+4]");
    INFER(TRO_OP_CONCAT, &last, "u8[3]", "u8[3]");
    INFER(TRO_OP_CONCAT, &last, "f32[*]; f32[3]", "f32[*]");
    INFER(TRO_OP_CONCAT, &one, "f32[2,3]; f32[4,3]", "!only axis 1 is joined");
    INFER(TRO_OP_CONCAT, &one, "f32[2,3]; f32[3]", "!rank");
    INFER(TRO_OP_CONCAT, &one, "f32[2,3]; f16[2,3]", "!expected type");
    INFER(TRO_OP_CONCAT, &last, "f32[]; f32[]", "!axis -1");
    INFER(TRO_OP_CONCAT, &last, "f32[2]; -", "!expected type");
}

TEST(infer_split)
{
    const struct tro_attrs_axis one = {.axis = 1};
    INFER(TRO_OP_SPLIT, &one, "f32[N,7]; i64[3]={2,0,5}", "f32[N,2]; f32[N,0]; f32[N,5]");
    INFER(TRO_OP_SPLIT, &one, "f32[2,K+3]; i64[2]={3,K}", "f32[2,3]; f32[2,K]");
    INFER(TRO_OP_SPLIT, &one, "N:7..7 | f32[2,N]; i64[2]={3,4}", "f32[2,3]; f32[2,4]");
    INFER(TRO_OP_SPLIT, &one, "f32[2,7]; i64[2]", "f32[2,?0..7]; f32[2,?0..7]");
    INFER(TRO_OP_SPLIT, &one, "f32[2,N]; i64[1]", "f32[2,N]");
    INFER(TRO_OP_SPLIT, NULL, "u8[18]; i64[18]={1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1}",
          "u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; "
          "u8[1]; u8[1]; u8[1]; u8[1]; u8[1]; u8[1]");
    INFER(TRO_OP_SPLIT, &one, "f32[*]; i64[2]", "f32[*]; f32[*]");
    INFER(TRO_OP_SPLIT, &one, "f32[2,7]; i64[2]={3,3}", "!2add up to 6");
    INFER(TRO_OP_SPLIT, &one, "f32[2,7]; i64[2]={8,-1}", "!2size 1 is -1");
    INFER(TRO_OP_SPLIT, &one, "f32[2,7]; i64[3]={3,3,1}", "!23 sizes for 2 outputs");
    INFER(TRO_OP_SPLIT, &one, "f32[7]; i64[2]={3,4}", "!2axis 1");
}

TEST(infer_slice)
{
    INFER(TRO_OP_SLICE, NULL, "f32[20,10,5]; i64[2]={0,0}; i64[2]={3,10}", "f32[3,10,5]");
    INFER(TRO_OP_SLICE, NULL, "f32[20,10]; i64[1]={1}; i64[1]={-1}; i64[1]={-1}; i64[1]={2}",
          "f32[20,4]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={-5}; i64[1]={9223372036854775807}", "f32[5]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={30}; i64[1]={40}", "f32[0]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={5}; i64[1]={2}", "f32[0]");
    INFER(TRO_OP_SLICE, NULL,
          "f32[0]; i64[1]={-1}; i64[1]={-9223372036854775807}; "
          "i64[1]={0}; i64[1]={-1}",
          "f32[0]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i32[1]={-1}; i32[1]={-2147483647}; i32[1]={0}; i32[1]={-3}",
          "f32[7]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={19}; i64[1]={0}; i64[1]={0}; i64[1]={-1}",
          "f32[19]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={99}; i64[1]={-30}; i64[1]={0}; i64[1]={-1}",
          "f32[20]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={0}; i64[1]={5}; i64[1]={0}; i64[1]={-1}", "f32[0]");
}

TEST(infer_slice_of_symbols)
{
    INFER(TRO_OP_SLICE, NULL, "f32[N]; i64[1]={0}; i64[1]={9223372036854775807}", "f32[N]");
    INFER(TRO_OP_SLICE, NULL, "f32[N]; i64[1]={0}; i64[1]={2147483647}; i64[1]={0}; i64[1]={2}",
          "f32[(N+1)/2]");
    INFER(TRO_OP_SLICE, NULL, "f32[N]; i64[1]={1}; i64[1]={2147483647}; i64[1]={0}; i64[1]={2}",
          "f32[N/2]");
    INFER(TRO_OP_SLICE, NULL, "N:1..99 | f32[N]; i64[1]={-1}; i64[1]={9223372036854775807}",
          "f32[1]");
    INFER(TRO_OP_SLICE, NULL, "f32[N]; i64[1]={-1}; i64[1]={9223372036854775807}", "f32[min(N,1)]");
    INFER(TRO_OP_SLICE, NULL, "N:4..99 | f32[N]; i64[1]={0}; i64[1]={-3}", "f32[N-3]");
    INFER(TRO_OP_SLICE, NULL, "N:4..99 | f32[N]; i64[1]={1}; i64[1]={3}", "f32[2]");
    INFER(TRO_OP_SLICE, NULL, "f32[N]; i64[1]={0}; i64[1]={3}", "f32[min(N,3)]");
    INFER(TRO_OP_SLICE, NULL,
          "f32[N]; i64[1]={-1}; i64[1]={-9223372036854775807}; i64[1]={0}; "
          "i64[1]={-1}",
          "f32[N]");
    INFER(TRO_OP_SLICE, NULL,
          "f32[N]; i64[1]={-1}; i64[1]={-9223372036854775807}; i64[1]={0}; "
          "i64[1]={-2}",
          "f32[(N+1)/2]");
    INFER(TRO_OP_SLICE, NULL,
          "N:0..0 | f32[N]; i64[1]={5}; i64[1]={-9223372036854775807}; i64[1]={0}; i64[1]={-1}",
          "f32[0]");
    INFER(TRO_OP_SLICE, NULL, "N:5..99 | f32[N]; i64[1]={3}; i64[1]={0}; i64[1]={0}; i64[1]={-1}",
          "f32[3]");
    INFER(TRO_OP_SLICE, NULL, "N:1..99 | f32[N]; i64[1]={3}; i64[1]={0}; i64[1]={0}; i64[1]={-1}",
          "f32[min(N-1,3)]");
    INFER(TRO_OP_SLICE, NULL, "f32[N]; i64[1]={-9223372036854775807}; i64[1]={9223372036854775807}",
          "f32[N]");
    INFER(TRO_OP_SLICE, NULL, "f32[N+K]; i64[1]={K}; i64[1]={9223372036854775807}", "f32[N]");
    INFER(TRO_OP_SLICE, NULL, "f32[100]; i64[1]={0}; i64[1]={K}", "f32[min(K,100)]");
    INFER(TRO_OP_SLICE, NULL, "f32[100]; i64[1]={0}; i64[1]={K-2}", "f32[?0..100]");
    INFER(TRO_OP_SLICE, NULL, "f32[100]; i64[1]={0}; i64[1]={-K-1}", "f32[max(99-K,0)]");
}

TEST(infer_slice_of_unknowns)
{
    INFER(TRO_OP_SLICE, NULL, "f32[20,10]; i64[1]; i64[1]", "f32[?0..20,10]");
    INFER(TRO_OP_SLICE, NULL, "f32[20,10]; i64[1]; i64[1]={3}; i64[1]={1}", "f32[20,?0..10]");
    INFER(TRO_OP_SLICE, NULL, "f32[20,10]; i64[1]={0}; i64[1]={3}; i64[1]", "f32[?0..20,?0..10]");
    INFER(TRO_OP_SLICE, NULL, "f32[20,10]; i64[1]={0}; i64[1]={3}; i64[1]; i64[1]={2}",
          "f32[?0..20,?0..10]");
    INFER(TRO_OP_SLICE, NULL, "f32[20,10]; i64[A]; i64[A]; i64[A]; i64[A]", "f32[?0..20,?0..10]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={0}; i64[1]={3}; i64[1]={0}; i64[1]", "f32[?0..20]");
    INFER(TRO_OP_SLICE, NULL, "f32[*]; i64[1]={0}; i64[1]={3}", "f32[*]");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={0}; i64[1]={3}; i64[1]={0}; i64[1]={0}",
          "!step 0 is 0");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={0}; i64[2]={3,4}", "!ends has 2 elements");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[2]={0,0}; i64[2]={3,4}", "!starts has 2 elements");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1]={0}; i64[1]={3}; i64[1]={1}", "!axis 1");
    INFER(TRO_OP_SLICE, NULL, "f32[20,3]; i64[2]={0,0}; i64[2]={3,3}; i64[2]={1,-1}",
          "!named twice");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; f32[1]; i64[1]={3}", "!expected type");
    INFER(TRO_OP_SLICE, NULL, "f32[20]; i64[1,1]; i64[1]={3}", "!starts has rank 2");
}

/* As the definition of ONNX Slice counts. */
static int64_t count_slice(int64_t n, int64_t start, int64_t end, int64_t step)
{
    const int64_t last = step > 0 ? n : n - 1, first_end = step > 0 ? 0 : -1;
    int64_t count = 0;
    start += start < 0 ? n : 0;
    end += end < 0 ? n : 0;
    start = start > last ? last : start < 0 ? 0 : start;
    end = end > last ? last : end < first_end ? first_end : end;
    if (n == 0)
        return 0;
    for (int64_t i = start; step > 0 ? i < end : i > end; i += step)
        count++;
    return count;
}

/* One slice of N elements, built once, looked at for every N. */
static void check_slice(int64_t start, int64_t end, int64_t step)
{
    static struct kit k;
    char in[128];
    struct tro_dim_env env;
    k = (struct kit){0};
    snprintf(in, sizeof(in), "f32[N]; i64[1]={%d}; i64[1]={%d}; i64[1]={0}; i64[1]={%d}",
             (int)start, (int)end, (int)step);
    CHECK(!kit_infer(&k, TRO_OP_SLICE, NULL, in, "f32[-1]"));
    CHECK_OR_RETURN(tro_dim_env_init(&env, &k.dims) == 0);
    for (int64_t n = 0; n <= 7; n++) {
        int64_t found = -1;
        env.values[0] = n;
        env.known[0] = true;
        tro_dim_eval(&k.dims, &env, k.out[0].shape.dim[0], &found);
        const int64_t expected = count_slice(n, start, end, step);
        test_check(found == expected, __FILE__, __LINE__,
                   "%s of %lld: found %s = %lld, expected "
                   "%lld",
                   in, (long long)n, k.text, (long long)found, (long long)expected);
        char constant[160], out[32];
        snprintf(constant, sizeof(constant), "f32[%d]%s", (int)n, in + strlen("f32[N]"));
        snprintf(out, sizeof(out), "f32[%d]", (int)expected);
        INFER(TRO_OP_SLICE, NULL, constant, out);
    }
    tro_dim_env_finish(&env);
    tro_dims_finish(&k.dims);
    tro_arena_finish(&k.arena);
}

TEST(infer_slice_against_definition)
{
    static const int64_t bounds[] = {-2147483647, -9, -6, -3, -1, 0, 1, 2, 5, 8, 2147483647};
    static const int64_t steps[] = {1, 2, 5, -1, -2, -3};
    const size_t n = sizeof(bounds) / sizeof(bounds[0]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++)
                check_slice(bounds[i], bounds[j], steps[s]);
}

TEST(infer_pad)
{
    const struct tro_attrs_pad edge = {.mode = tro_pad_mode_edge};
    INFER(TRO_OP_PAD, NULL, "f32[N,3]; i64[4]={1,0,2,-1}", "f32[N+3,2]");
    INFER(TRO_OP_PAD, NULL, "f32[2,3,H]; i64[2]={1,P}; f32[]; i64[1]={-1}", "f32[2,3,H+P+1]");
    INFER(TRO_OP_PAD, NULL, "f32[2,3]; i64[2]; -; i64[1]={1}", "f32[2,?]");
    INFER(TRO_OP_PAD, NULL, "f32[2,3]; i64[4]", "f32[?,?]");
    INFER(TRO_OP_PAD, NULL, "f32[2,3]; i64[2]={0,1}; -; i32[1]", "f32[?,?]");
    INFER(TRO_OP_PAD, NULL, "i4[*]; i64[2]", "i4[*]");
    INFER(TRO_OP_PAD, &edge, "f32[0]; i64[2]={0,0}", "f32[0]");
    INFER(TRO_OP_PAD, &edge, "f32[0]; i64[2]={1,0}", "!axis 0 is empty");
    INFER(TRO_OP_PAD, NULL, "f32[3]; i64[2]={-2,-2}", "!crop axis 0 of size 3 to -1");
    INFER(TRO_OP_PAD, NULL, "f32[3]; i64[3]={1,2,3}", "!pads has 3 elements");
    INFER(TRO_OP_PAD, NULL, "f32[3]; i64[2]={1,1}; f16[]", "!expected type");
    INFER(TRO_OP_PAD, NULL, "f32[3]; i64[2]={1,1}; f32[2]", "!value has 2 elements");
    INFER(TRO_OP_PAD, NULL, "f32[3]; i64[2]={1,1}; -; i64[1]={1}", "!axis 1");
}

TEST(infer_center_crop_pad)
{
    const struct tro_attrs_axes hw = {.axes = INTS(-1, -2)};
    INFER(TRO_OP_CENTER_CROP_PAD, &hw, "f32[N,3,H,W]; i64[2]={10,20}", "f32[N,3,20,10]");
    INFER(TRO_OP_CENTER_CROP_PAD, NULL, "f32[4,N]; i64[2]={K,2}", "f32[K,2]");
    INFER(TRO_OP_CENTER_CROP_PAD, &hw, "f32[N,3]; i32[2]", "f32[?,?]");
    INFER(TRO_OP_CENTER_CROP_PAD, &hw, "f32[3]; i64[2]", "!axes has 2 entries");
    INFER(TRO_OP_CENTER_CROP_PAD, NULL, "f32[4,5]; i64[1]={2}", "!shape has 1 elements");
    INFER(TRO_OP_CENTER_CROP_PAD, NULL, "f32[4]; i64[1]={-2}", "!is -2");
}

/* ---- by index -------------------------------------------------------------------------- */

TEST(infer_gather)
{
    const struct tro_attrs_axis one = {.axis = 1};
    INFER(TRO_OP_GATHER, &one, "f32[A,B,C]; i64[2,3]", "f32[A,2,3,C]");
    INFER(TRO_OP_GATHER, &one, "f32[A,B,C]; i32[]", "f32[A,C]");
    INFER(TRO_OP_GATHER, &one, "f32[*]; i32[]", "f32[*]");
    INFER(TRO_OP_GATHER, &one, "f32[2,2,2,2,2]; i64[1,1,1,1,1]", "!rank 9");
    INFER(TRO_OP_GATHER, &one, "f32[2]; i64[1]", "!axis 1");
    INFER(TRO_OP_GATHER, NULL, "f32[]; i64[]", "!axis 0");
    INFER(TRO_OP_GATHER, NULL, "f32[2]; f32[]", "!expected type");
    INFER(TRO_OP_GATHER_ELEMENTS, &one, "f32[A,B]; i64[2,C]", "f32[2,C]");
    INFER(TRO_OP_GATHER_ELEMENTS, &one, "f32[2,3]; i64[2,9]", "f32[2,9]");
    INFER(TRO_OP_GATHER_ELEMENTS, &one, "f32[2,3]; i64[3,3]", "!indices have size 3 in axis 0");
    INFER(TRO_OP_GATHER_ELEMENTS, &one, "f32[2,3]; i64[3]", "!rank");
}

TEST(infer_gather_nd)
{
    const struct tro_attrs_gather_nd batch = {.batch_dims = 1};
    INFER(TRO_OP_GATHER_ND, NULL, "f32[A,B,C]; i64[5,2]", "f32[5,C]");
    INFER(TRO_OP_GATHER_ND, NULL, "f32[A,B]; i64[2]", "f32[]");
    INFER(TRO_OP_GATHER_ND, &batch, "A:2..2 | f32[A,B,C]; i64[2,5,1]", "f32[2,5,C]");
    INFER(TRO_OP_GATHER_ND, NULL, "K:1..2 | f32[A,B]; i64[5,K]", "f32[*]");
    INFER(TRO_OP_GATHER_ND, NULL, "f32[A,B]; i64[5,3]", "!is 3");
    INFER(TRO_OP_GATHER_ND, NULL, "f32[A,B]; i64[5,0]", "!is 0");
    INFER(TRO_OP_GATHER_ND, NULL, "f32[A,B]; i64[]", "!batch_dims");
    INFER(TRO_OP_GATHER_ND, NULL, "f32[]; i64[1]", "!batch_dims");
    INFER(TRO_OP_GATHER_ND, &batch, "f32[3,B]; i64[2,1]", "!batch of x and indices");
    INFER(TRO_OP_GATHER_ND, &(struct tro_attrs_gather_nd){.batch_dims = 2}, "f32[3,B]; i64[3,B]",
          "!batch_dims is 2");
    INFER(TRO_OP_GATHER_ND, NULL, "f32[1,1,1,1,1,1]; i64[1,1,1,1,1]", "!rank 9");
}

TEST(infer_scatter)
{
    const struct tro_attrs_scatter_elements add = {.axis = 1, .reduction = tro_scatter_add};
    const struct tro_attrs_scatter_nd mul = {.reduction = tro_scatter_mul};
    INFER(TRO_OP_SCATTER_ELEMENTS, &add, "f32[A,B]; i32[2,3]; f32[2,3]", "f32[A,B]");
    INFER(TRO_OP_SCATTER_ELEMENTS, NULL, "f8e5m2[4]; i64[9]; f8e5m2[9]", "f8e5m2[4]");
    INFER(TRO_OP_SCATTER_ELEMENTS, &add, "f8e5m2[4,1]; i64[4,1]; f8e5m2[4,1]", "!expected type");
    INFER(TRO_OP_SCATTER_ELEMENTS, &add, "f32[2,3]; i64[2,2]; f32[2,3]", "!updates and indices");
    INFER(TRO_OP_SCATTER_ELEMENTS, &add, "f32[2,3]; i64[4,2]; f32[4,2]", "!indices have size 4");
    INFER(TRO_OP_SCATTER_ELEMENTS, &add, "f32[2,3]; i64[2]; f32[2]", "!rank");
    INFER(TRO_OP_SCATTER_ND, &mul, "f32[A,B,4]; i64[5,2]; f32[5,4]", "f32[A,B,4]");
    INFER(TRO_OP_SCATTER_ND, NULL, "f32[A,B]; i64[5,K]; f32[*]", "f32[A,B]");
    INFER(TRO_OP_SCATTER_ND, NULL, "K:1..2 | f32[A,B]; i64[5,K]; f32[5]", "f32[A,B]");
    INFER(TRO_OP_SCATTER_ND, NULL, "f32[4,3]; i64[5,1]; f32[5,2]", "!updates and what");
    INFER(TRO_OP_SCATTER_ND, NULL, "f32[4,3]; i64[5,3]; f32[5]", "!is 3");
    INFER(TRO_OP_SCATTER_ND, NULL, "f32[4,3]; i32[5,1]; f32[5,3]", "!expected type i64");
    INFER(TRO_OP_SCATTER_ND, NULL, "f32[4,3]; i64[5,1]; f64[5,3]", "!expected type f32");
}

TEST(infer_one_hot)
{
    const struct tro_attrs_axis last = {.axis = -1}, one = {.axis = 1};
    INFER(TRO_OP_ONE_HOT, &last, "i64[N,2]; i64[]={5}; f32[2]", "f32[N,2,5]");
    INFER(TRO_OP_ONE_HOT, &one, "f32[N,2]; f32[1]={5}; bool[2]", "bool[N,5,2]");
    INFER(TRO_OP_ONE_HOT, &last, "u8[]; i64[]={K}; i4[2]", "i4[K]");
    INFER(TRO_OP_ONE_HOT, &last, "i64[N]; i64[]; f32[2]", "f32[N,?]");
    INFER(TRO_OP_ONE_HOT, &last, "i64[N]; i64[]={-1}; f32[2]", "!depth is negative");
    INFER(TRO_OP_ONE_HOT, &last, "i64[N]; f32[]={nan}; f32[2]", "!depth is negative");
    INFER(TRO_OP_ONE_HOT, &last, "i64[N]; i64[2]; f32[2]", "!depth has 2 elements");
    INFER(TRO_OP_ONE_HOT, &last, "i64[N]; i64[]; f32[3]", "!values");
    INFER(TRO_OP_ONE_HOT, &(struct tro_attrs_axis){.axis = 2}, "i64[N]; i64[]; f32[2]", "!axis 2");
    INFER(TRO_OP_ONE_HOT, &last, "i64[1,1,1,1,1,1,1,1]; i64[]; f32[2]", "!rank 9");
}

/* ---- extent ---------------------------------------------------------------------------- */

TEST(infer_nonzero)
{
    INFER(TRO_OP_NONZERO, NULL, "f32[3,4]", "i64[2,?0..12]");
    INFER(TRO_OP_NONZERO, NULL, "bool[]", "i64[0,?0..1]");
    INFER(TRO_OP_NONZERO, NULL, "N:0..9 | bool[N,2]", "i64[2,?0..18]");
    INFER(TRO_OP_NONZERO, NULL, "bool[*]", "i64[?0..8,?]");
}

TEST(infer_compress)
{
    const struct tro_attrs_compress flat = {.is_flat = 1}, one = {.axis = 1};
    INFER(TRO_OP_COMPRESS, &flat, "f32[3,4]; bool[5]", "f32[?0..5]");
    INFER(TRO_OP_COMPRESS, &flat, "f32[3,4]; bool[N]", "f32[?0..12]");
    INFER(TRO_OP_COMPRESS, &one, "f32[N,4]; bool[9]", "f32[N,?0..4]");
    INFER(TRO_OP_COMPRESS, &one, "f32[*]; bool[9]", "f32[*]");
    INFER(TRO_OP_COMPRESS, &one, "f32[4]; bool[4]", "!axis 1");
    INFER(TRO_OP_COMPRESS, &one, "f32[4,4]; bool[4,1]", "!rank");
    INFER(TRO_OP_COMPRESS, &one, "f32[4,4]; u8[4]", "!expected type bool");
}

TEST(infer_unique)
{
    const struct tro_attrs_unique flat = {.is_flat = 1}, one = {.axis = 1};
    INFER(TRO_OP_UNIQUE, &flat, "f32[3,4]", "f32[?0..12]; i64[?0..12]; i64[12]; i64[?0..12]");
    INFER(TRO_OP_UNIQUE, &one, "f32[N,4]", "f32[N,?0..4]; i64[?0..4]; i64[4]");
    INFER(TRO_OP_UNIQUE, &flat, "i8[]", "i8[?0..1]");
    INFER(TRO_OP_UNIQUE, &flat, "i8[*]", "i8[*]; i64[?]; i64[?]");
    INFER(TRO_OP_UNIQUE, &one, "f32[4]", "!axis 1");
}

TEST(infer_nms)
{
    INFER(TRO_OP_NMS, NULL, "f32[2,100,4]; f32[2,3,100]; i64[1]={5}", "i64[?0..30,3]");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,4]; f32[1,3,4]; i64[]={50}; f32[1]; f32[]", "i64[?0..12,3]");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,4]; f32[1,3,4]; i64[]", "i64[?0..12,3]");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,4]; f32[1,3,4]", "i64[0,3]");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,4]; f32[1,3,4]; i64[]={-2}", "i64[0,3]");
    INFER(TRO_OP_NMS, NULL, "f32[*]; f32[1,3,4]", "i64[?,3]");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,5]; f32[1,3,4]", "!coordinates of a box");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,4]; f32[1,3,5]", "!number of boxes");
    INFER(TRO_OP_NMS, NULL, "f32[2,4,4]; f32[1,3,4]", "!batch of boxes");
    INFER(TRO_OP_NMS, NULL, "f32[4,4]; f32[1,3,4]", "!rank");
    INFER(TRO_OP_NMS, NULL, "f32[1,4,4]; f32[1,3,4]; i64[2]", "!max_output has 2 elements");
    INFER(TRO_OP_NMS, NULL, "f16[1,4,4]; f16[1,3,4]", "!expected type f32");
}

TEST(infer_detect)
{
    const struct tro_attrs_detect five = {.max_output = 5},
                                  above = {.max_output = 5, .iou_threshold = 1.5};
    const struct tro_attrs_detect logit = {.max_output = 5, .is_logit = 1, .score_threshold = -1};
    const struct tro_attrs_detect nan = {.max_output = 5, .score_threshold = NAN};
    const struct tro_attrs_detect negative = {.max_output = 5, .max_candidates = -1};
    INFER(TRO_OP_DETECT, &five, "f32[N,A,4]; f32[N,A,3]",
          "i32[N,1]; f32[N,5,4]; f32[N,5]; i32[N,5]; i32[N,5]");
    INFER(TRO_OP_DETECT, &five, "f32[2,9,3,4]; f32[2,9,3]", "i32[2,1]; f32[2,5,4]");
    INFER(TRO_OP_DETECT, &five, "f32[2,9,1,4]; f32[2,9,3]", "i32[2,1]");
    INFER(TRO_OP_DETECT, &five, "f32[*]; f32[2,9,3]", "i32[*]; f32[*]; f32[*]");
    INFER(TRO_OP_DETECT, &five, "f32[2,9,5]; f32[2,9,3]", "!coordinates of a box");
    INFER(TRO_OP_DETECT, &five, "f32[2,8,4]; f32[2,9,3]", "!number of boxes and scores");
    INFER(TRO_OP_DETECT, &five, "f32[1,9,4]; f32[2,9,3]", "!batch of boxes and scores");
    INFER(TRO_OP_DETECT, &five, "f32[2,9,2,4]; f32[2,9,3]", "!classes of boxes and scores");
    INFER(TRO_OP_DETECT, &five, "f32[9,4]; f32[2,9,3]", "!rank");
    INFER(TRO_OP_DETECT, &five, "f16[2,9,4]; f32[2,9,3]", "!expected type f32");
    INFER(TRO_OP_DETECT, NULL, "f32[2,9,4]; f32[2,9,3]", "!max_output");
    INFER(TRO_OP_DETECT, &above, "f32[2,9,4]; f32[2,9,3]", "!iou_threshold is 1.5");
    INFER(TRO_OP_DETECT, &logit, "f32[2,9,4]; f32[2,9,3]", "!score_threshold with is_logit is -1");
    INFER(TRO_OP_DETECT, &nan, "f32[2,9,4]; f32[2,9,3]",
          "!score_threshold is nan: expected a number");
    INFER(TRO_OP_DETECT, &negative, "f32[2,9,4]; f32[2,9,3]", "!max_candidates");
}

TEST(infer_peaks)
{
    const struct tro_attrs_peaks three = {.n_peaks = 3}, wide = {.n_peaks = 1, .radius = -1};
    const struct tro_attrs_peaks nan = {.n_peaks = 1, .threshold = NAN};
    INFER(TRO_OP_PEAKS, &three, "f32[N,17,H,W]", "f32[N,17,3,3]");
    INFER(TRO_OP_PEAKS, &three, "f32[*]", "f32[*]");
    INFER(TRO_OP_PEAKS, &three, "f32[17,64,48]", "!rank");
    INFER(TRO_OP_PEAKS, &three, "i32[1,17,64,48]", "!expected type f32");
    INFER(TRO_OP_PEAKS, NULL, "f32[1,17,64,48]", "!n_peaks");
    INFER(TRO_OP_PEAKS, &wide, "f32[1,17,64,48]", "!radius");
    INFER(TRO_OP_PEAKS, &nan, "f32[1,17,64,48]", "!threshold is nan");
}

/* ---- pictures -------------------------------------------------------------------------- */

TEST(infer_image_decode)
{
    const struct tro_attrs_image_decode gray = {.format = tro_pixel_format_grayscale};
    INFER(TRO_OP_IMAGE_DECODE, NULL, "u8[N]", "u8[?,?,3]");
    INFER(TRO_OP_IMAGE_DECODE, &gray, "u8[*]", "u8[?,?,1]");
    INFER(TRO_OP_IMAGE_DECODE, NULL, "u8[9]={80,53,32,55,32,52,50,10,49}", "u8[?0..42,?0..7,3]");
    INFER(TRO_OP_IMAGE_DECODE, NULL, "u8[8]={80,53,32,48,32,52,50,10}", "!x 42 pixels");
    INFER(TRO_OP_IMAGE_DECODE, NULL, "u8[4]={1,2,3,4}", "!not the start of a picture");
    INFER(TRO_OP_IMAGE_DECODE, NULL, "u8[4]={80,53,32,55}", "!not the start of a picture");
    INFER(TRO_OP_IMAGE_DECODE, NULL, "u8[2,2]", "!rank");
    INFER(TRO_OP_IMAGE_DECODE, NULL, "i8[2]", "!expected type u8");
}

struct header {
    const char *name;
    size_t n;
    const char *bytes;
};
#define HEADER(name, bytes)            \
    {                                  \
        name, sizeof(bytes) - 1, bytes \
    }

/* Headers of pictures of 300 x 200, alone and cut short anywhere. */
TEST(picture_size)
{
    static const struct header headers[] = {
        HEADER("png", "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x2c\0\0\0\xc8"),
        HEADER("bmp", "BM0123456789ab\x28\0\0\0\x2c\x01\0\0\xc8\0\0\0"),
        HEADER("bmp from top", "BM0123456789ab\x28\0\0\0\x2c\x01\0\0\x38\xff\xff\xff"),
        HEADER("bmp of os/2", "BM0123456789ab\x0c\0\0\0\x2c\x01\xc8\0"),
        HEADER("pnm", "P6\n# 1 2\n# 3\n300 200\n"),
        HEADER("jpeg",
               "\xff\xd8\xff\xe0\0\x04yy\xff\xff\xc4\0\x03y\xff\xc2\0\x11\x08\0\xc8\x01\x2c"),
        HEADER("webp", "RIFFxxxxWEBPVP8 xxxx\x30\x01\0\x9d\x01\x2a\x2c\x41\xc8\0"),
        HEADER("webp, lossless", "RIFFxxxxWEBPVP8Lxxxx\x2f\x2b\xc1\x31\x10"),
        HEADER("webp, extended", "RIFFxxxxWEBPVP8Xxxxx\0\0\0\0\x2b\x01\0\xc7\0\0"),
        HEADER("tiff", "II*\0\x08\0\0\0\x02\0\0\x01\x03\0\x01\0\0\0\x2c\x01\0\0"
                       "\x01\x01\x04\0\x01\0\0\0\xc8\0\0\0"),
        HEADER("tiff, big", "MM\0*\0\0\0\x08\0\x03\0\xfe\0\x04\0\0\0\x01\0\0\0\0"
                            "\x01\0\0\x04\0\0\0\x01\0\0\x01\x2c\x01\x01\0\x03\0\0\0\x01\0\xc8\0\0"),
        HEADER("j2k", "\xff\x4f\xff\x51\0\x29\0\0\0\0\x01\x36\0\0\0\xcb\0\0\0\x0a\0\0\0\x03"),
        HEADER("jp2", "\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x0c"
                      "ftypjp2 \0\0\0\x2djp2h\0\0\0\x16ihdr\0\0\0\xc8\0\0\x01\x2c"),
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        const struct header *const h = &headers[i];
        int64_t width = 0, height = 0;
        const bool is_read = tro_picture_size(h->bytes, h->n, &width, &height);
        test_check(is_read && width == 300 && height == 200, __FILE__, __LINE__,
                   "%s: found %lld x %lld", h->name, (long long)width, (long long)height);
        for (size_t n = 0; n < h->n; n++) {
            char *const cut = malloc(n ? n : 1);
            memcpy(cut, h->bytes, n);
            test_check(!tro_picture_size(cut, n, &width, &height), __FILE__, __LINE__,
                       "%s cut to %zu bytes: accepted", h->name, n);
            free(cut);
        }
    }
}
