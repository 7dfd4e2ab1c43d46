/* SPDX-License-Identifier: Apache-2.0 */
/* Windows over large pictures and volumes (io/tiles.h): a local filter gives in windows, bit by
 * bit, what it gives on the whole. */
#include <stdlib.h>

#include "base/alloc.h"
#include "io/tiles.h"
#include "test.h"

/* ---- what the user asks for ------------------------------------------------------------ */

TEST(specs)
{
    struct tro_tile_spec s;
    struct tro_err err = {0};
    CHECK_INT(tro_tile_spec_parse("256:32", &s, &err), 0);
    CHECK_INT(s.n_axes, 1);
    CHECK_INT(s.size[0], 256);
    CHECK_INT(s.overlap, 32);
    CHECK_INT(tro_tile_spec_parse("96x80x64:0", &s, &err), 0);
    CHECK_INT(s.n_axes, 3);
    CHECK_INT(s.size[2], 64);
    static const char *const bad[] = {"",       "256",    ":32",       "256:",         "256:-1",
                                      "0:0",    "x:1",    "256x:1",    "256:1x",       "256:1:2",
                                      "+256:1", " 256:1", "1x1x1x1:0", "99999999999:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(tro_tile_spec_parse(bad[i], &s, &err), TRO_E_INPUT);
        CHECK_HAS(err.text, "SIZE:OVERLAP");
    }
}

/* ---- one axis -------------------------------------------------------------------------- */

static void check_axis(int64_t length, int64_t size, int64_t overlap)
{
    struct tro_tile_axis a;
    struct tro_err err = {0};
    CHECK_OR_RETURN(tro_tile_axis_init(&a, length, size, overlap, &err) == 0);
    CHECK_INT(tro_tile_start(&a, 0), 0);
    CHECK_INT(tro_tile_start(&a, a.n - 1), length > size ? length - size : 0);
    for (int64_t i = 1; i < a.n; i++) {
        const int64_t shared = tro_tile_start(&a, i - 1) + size - tro_tile_start(&a, i);
        CHECK(shared >= overlap + overlap / 4);
        CHECK(tro_tile_start(&a, i) > tro_tile_start(&a, i - 1));
    }
    for (int64_t x = 0; x < length; x++) {
        float sum = 0;
        for (int64_t i = 0; i < a.n; i++) {
            const int64_t at = x - tro_tile_start(&a, i);
            const float w = at >= 0 && at < size ? tro_tile_weight(&a, i, at, at + 1) : 0;
            const bool is_near_left = tro_tile_start(&a, i) > 0 && at < (overlap - 1) / 2;
            const bool is_near_right = tro_tile_start(&a, i) + size < length &&
                                       size - 1 - at < (overlap - 1) / 2;
            CHECK(w >= 0 && w <= 1);
            CHECK(w == 0 || (!is_near_left && !is_near_right));
            sum += w;
        }
        CHECK(sum > 0);
    }
}

TEST(axes_are_covered)
{
    for (int64_t length = 1; length < 90; length += 3)
        for (int64_t overlap = 0; overlap < 12; overlap++)
            check_axis(length, 16, overlap);
    check_axis(1000, 256, 32);
    check_axis(257, 256, 100);
    check_axis(100, 7, 5);
}

TEST(starts_keep_phase)
{
    struct tro_tile_axis a;
    struct tro_err err = {0};
    CHECK_INT(tro_tile_axis_init(&a, 1024, 256, 32, &err), 0);
    for (int64_t i = 0; i < a.n; i++)
        CHECK_INT(tro_tile_start(&a, i) % 32, 0);
    CHECK_INT(a.n, 5);
    CHECK_INT(tro_tile_axis_init(&a, 100, 32, 32, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "expected windows larger than the overlap and a quarter of it, 40");
}

/* ---- whole tensors --------------------------------------------------------------------- */

/* out = sum of elements within `radius` on each axis with weights that differ, zeros around. What
 * a network of convolutions with padding does. */
static void filter(const struct tro_tensor *in, int64_t radius, struct tro_tensor *out)
{
    const int64_t *n = in->shape + 2;
    const float *from = in->data;
    float *to = out->data;
    for (int64_t p = 0; p < in->shape[1]; p++, from += n[0] * n[1] * n[2])
        for (int64_t z = 0; z < n[0]; z++)
            for (int64_t y = 0; y < n[1]; y++)
                for (int64_t x = 0; x < n[2]; x++) {
                    float sum = 0;
                    for (int64_t dz = -radius; dz <= radius; dz++)
                        for (int64_t dy = -radius; dy <= radius; dy++)
                            for (int64_t dx = -radius; dx <= radius; dx++) {
                                const int64_t a = z + dz, b = y + dy, c = x + dx;
                                const bool is_in = a >= 0 && b >= 0 && c >= 0 && a < n[0] &&
                                                   b < n[1] && c < n[2];
                                if (is_in)
                                    sum += from[(a * n[1] + b) * n[2] + c] *
                                           (float)(1 + (dz * 5 + dy * 3 + dx * 7) % 11);
                            }
                    *to++ = sum;
                }
}

static struct tro_tensor make(int64_t c, int64_t z, int64_t y, int64_t x)
{
    struct tro_tensor t = {TRO_F32, 5, {1, c, z, y, x}, NULL};
    t.data = tro_malloc(tro_tensor_n_bytes(&t));
    return t;
}

static void check_filter(int64_t z, int64_t y, int64_t x, const char *text, int64_t radius)
{
    struct tro_tile_spec spec;
    struct tro_tiles t;
    struct tro_tile_result r = {0};
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    struct tro_tensor in = make(2, z, y, x), want = make(2, z, y, x), form;
    const int64_t n = tro_tensor_n_elems(&in);
    for (int64_t i = 0; i < n; i++)
        ((float *)in.data)[i] = (float)((i * 7919) % 1013) / 1013;
    filter(&in, radius, &want);
    CHECK_INT(tro_tile_spec_parse(text, &spec, &err), 0);
    CHECK_INT(tro_tiles_init(&t, &in, 2, 3, &spec, &err), 0);
    tro_tiles_form(&t, &in, &form);
    struct tro_tensor window = make(2, form.shape[2], form.shape[3], form.shape[4]);
    struct tro_tensor out = make(2, form.shape[2], form.shape[3], form.shape[4]);
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), 0);
    for (int64_t i = 0; i < t.n; i++) {
        tro_tiles_cut(&t, i, &in, &window);
        filter(&window, radius, &out);
        CHECK_INT(tro_tile_result_add(&r, &t, i, &out, &err), 0);
    }
    int64_t n_bad = 0;
    for (int64_t i = 0; i < n && r.whole.data; i++)
        n_bad += ((float *)r.whole.data)[i] != ((float *)want.data)[i];
    CHECK_INT(n_bad, 0);
    tro_free(in.data);
    tro_free(want.data);
    tro_free(window.data);
    tro_free(out.data);
    tro_arena_finish(&arena);
}

TEST(local_filters_are_exact)
{
    check_filter(1, 40, 53, "1x16x16:0", 0);
    check_filter(20, 21, 35, "8x10x16:3", 1);
    check_filter(17, 16, 33, "16:5", 2);
    check_filter(8, 8, 40, "8:5", 2);
}

TEST(seams_are_soft_where_windows_differ)
{
    struct tro_tile_spec spec = {1, {32}, 8};
    struct tro_tiles t;
    struct tro_tile_result r;
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    float zeros[80] = {0}, value[32];
    const struct tro_tensor whole = {TRO_F32, 3, {1, 1, 80}, zeros};
    const struct tro_tensor out = {TRO_F32, 3, {1, 1, 32}, value};
    CHECK_INT(tro_tiles_init(&t, &whole, 2, 1, &spec, &err), 0);
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), 0);
    for (int64_t i = 0; i < t.n; i++) {
        for (int k = 0; k < 32; k++)
            value[k] = (float)i;
        CHECK_INT(tro_tile_result_add(&r, &t, i, &out, &err), 0);
    }
    const float *y = r.whole.data;
    for (int i = 1; i < 80; i++)
        CHECK(y[i] >= y[i - 1] && y[i] - y[i - 1] < 0.4F);
    CHECK_NEAR(y[0], 0, 0);
    CHECK_NEAR(y[79], t.n - 1, 0);
    tro_arena_finish(&arena);
}

/* ---- forms ----------------------------------------------------------------------------- */

TEST(windows_larger_than_the_picture_repeat_its_edge)
{
    struct tro_tile_spec spec = {2, {4, 5}, 1};
    struct tro_tiles t;
    struct tro_tile_result r;
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    uint8_t picture[6] = {1, 2, 3, 4, 5, 6}, cut[20];
    const struct tro_tensor whole = {TRO_U8, 4, {1, 1, 2, 3}, picture};
    struct tro_tensor window;
    CHECK_INT(tro_tiles_init(&t, &whole, 2, 2, &spec, &err), 0);
    CHECK_INT(t.n, 1);
    tro_tiles_form(&t, &whole, &window);
    window.data = cut;
    tro_tiles_cut(&t, 0, &whole, &window);
    static const uint8_t want[20] = {1, 2, 3, 3, 3, 4, 5, 6, 6, 6, 4, 5, 6, 6, 6, 4, 5, 6, 6, 6};
    CHECK(memcmp(cut, want, 20) == 0);
    CHECK_INT(tro_tile_result_init(&r, &t, &window, &arena, &err), 0);
    CHECK_INT(tro_tile_result_add(&r, &t, 0, &window, &err), 0);
    CHECK_INT(r.whole.shape[2], 2);
    CHECK_INT(r.whole.shape[3], 3);
    CHECK(memcmp(r.whole.data, picture, 6) == 0);
    tro_arena_finish(&arena);
}

/* Each element of the output says which input element it comes from. */
static void check_scaled(int64_t up, int64_t down, bool is_channels_last)
{
    struct tro_tile_spec spec = {1, {16}, 4};
    struct tro_tiles t;
    struct tro_tile_result r = {0};
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    int32_t in[40], window_data[16], out_data[64];
    struct tro_tensor whole = {TRO_I32, 3, {1, 1, 40}, in}, window;
    struct tro_tensor out = {TRO_I32, 3, {1, 1, 16 * up / down}, out_data};
    if (is_channels_last) {
        whole = (struct tro_tensor){TRO_I32, 3, {1, 40, 1}, in};
        out = (struct tro_tensor){TRO_I32, 3, {1, 16 * up / down, 1}, out_data};
    }
    for (int i = 0; i < 40; i++)
        in[i] = i;
    CHECK_INT(tro_tiles_init(&t, &whole, is_channels_last ? 1 : 2, 1, &spec, &err), 0);
    tro_tiles_form(&t, &whole, &window);
    window.data = window_data;
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), 0);
    for (int64_t i = 0; i < t.n; i++) {
        tro_tiles_cut(&t, i, &whole, &window);
        for (int64_t k = 0; k < 16 * up / down; k++)
            out_data[k] = window_data[k * down / up];
        CHECK_INT(tro_tile_result_add(&r, &t, i, &out, &err), 0);
    }
    CHECK_INT(tro_tensor_n_elems(&r.whole), 40 * up / down);
    for (int64_t k = 0; k < 40 * up / down && r.whole.data; k++)
        CHECK_INT(((int32_t *)r.whole.data)[k], k * down / up);
    tro_arena_finish(&arena);
}

TEST(outputs_of_other_sizes)
{
    check_scaled(1, 1, false);
    check_scaled(3, 1, false);
    check_scaled(1, 4, false);
    check_scaled(2, 1, true);
}

TEST(what_cannot_be_put_together)
{
    struct tro_tile_spec spec = {1, {16}, 4};
    struct tro_tiles t;
    struct tro_tile_result r;
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    float data[64] = {0};
    const struct tro_tensor whole = {TRO_F32, 3, {1, 1, 41}, data};
    struct tro_tensor out = {TRO_F32, 2, {1, 10}, data};
    CHECK_INT(tro_tiles_init(&t, &whole, 2, 1, &spec, &err), 0);
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "cannot be put together");
    out.shape[1] = 4;
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "one element of 4");
    out.shape[1] = 16;
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), 0);
    out.dtype = TRO_I32;
    CHECK_INT(tro_tile_result_add(&r, &t, 0, &out, &err), TRO_E_INPUT);
    CHECK_INT(tro_tiles_init(&t, &out, 2, 1, &spec, &err), TRO_E_INPUT);
    spec.n_axes = 2;
    spec.size[1] = 16;
    CHECK_INT(tro_tiles_init(&t, &whole, 2, 1, &spec, &err), TRO_E_INPUT);
    tro_arena_finish(&arena);
}

TEST(infinities_do_not_become_nan)
{
    struct tro_tile_spec spec = {1, {16}, 4};
    struct tro_tiles t;
    struct tro_tile_result r;
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    float data[40] = {0}, value[16];
    const struct tro_tensor whole = {TRO_F32, 3, {1, 1, 40}, data};
    const struct tro_tensor out = {TRO_F32, 3, {1, 1, 16}, value};
    for (int i = 0; i < 16; i++)
        value[i] = INFINITY;
    CHECK_INT(tro_tiles_init(&t, &whole, 2, 1, &spec, &err), 0);
    CHECK_INT(tro_tile_result_init(&r, &t, &out, &arena, &err), 0);
    for (int64_t i = 0; i < t.n; i++)
        CHECK_INT(tro_tile_result_add(&r, &t, i, &out, &err), 0);
    for (int i = 0; i < 40; i++)
        CHECK(((float *)r.whole.data)[i] == INFINITY);
    tro_arena_finish(&arena);
}
