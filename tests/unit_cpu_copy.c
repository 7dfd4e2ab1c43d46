/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of all strides against single elements. */
#include "base/alloc.h"
#include "base/cpu.h"
#include "base/dtype.h"
#include "cpu/copy.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define GUARD 64

static int64_t span(const struct tro_arg *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n += (a->shape[i] - 1) * (a->stride[i] < 0 ? -a->stride[i] : a->stride[i]);
    return n;
}

/* Bytes from the lowest element to element [0, 0, ..]. */
static int64_t origin(const struct tro_arg *a)
{
    int64_t n = 0;
    for (int i = 0; i < a->rank; i++)
        n -= a->stride[i] < 0 ? (a->shape[i] - 1) * a->stride[i] : 0;
    return n * (int64_t)tro_dtype_size(a->dtype);
}

static void copy_slowly(const struct tro_arg *to, char *dst, const struct tro_arg *from,
                        const char *src)
{
    const int64_t elem = (int64_t)tro_dtype_size(to->dtype);
    int64_t n = tro_arg_n_elems(to);
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = k, d = 0, s = 0;
        for (int i = to->rank - 1; i >= 0; i--) {
            d += rest % to->shape[i] * to->stride[i];
            s += rest % to->shape[i] * from->stride[i];
            rest /= to->shape[i];
        }
        memcpy(dst + d * elem, src + s * elem, (size_t)elem);
    }
}

static bool check_copy(const struct tro_arg *to, const struct tro_arg *from, int n_parts)
{
    const size_t elem = tro_dtype_size(to->dtype);
    const size_t n_to = (size_t)span(to) * elem, n_from = (size_t)span(from) * elem;
    uint8_t *const src = malloc(n_from), *const got = malloc(n_to + 2 * GUARD),
                   *const want = malloc(n_to + 2 * GUARD);
    for (size_t i = 0; i < n_from; i++)
        src[i] = (uint8_t)(i * 7 + i / 251);
    memset(got, 0xa5, n_to + 2 * GUARD);
    memset(want, 0xa5, n_to + 2 * GUARD);
    copy_slowly(to, (char *)want + GUARD + origin(to), from, (char *)src + origin(from));
    for (int part = 0; part < n_parts; part++)
        tro_copy_part(to, (char *)got + GUARD + origin(to), from, (char *)src + origin(from), part,
                      n_parts);
    const bool ok = memcmp(got, want, n_to + 2 * GUARD) == 0;
    free(src);
    free(got);
    free(want);
    return ok;
}

static void check_levels(const struct tro_arg *to, const struct tro_arg *from, const char *what)
{
    static const char *const levels[] = {"generic", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < 4; i++) {
        uint32_t mask = 0;
        tro_cpu_level_mask(levels[i], &mask);
        if ((tro_cpu_flags() & mask) != mask)
            continue;
        tro_cpu_mask(mask);
        for (int n = 1; n <= 5; n += 2)
            test_check(check_copy(to, from, n), __FILE__, __LINE__, "%s, %s, %d parts", what,
                       levels[i], n);
        tro_cpu_mask(UINT32_MAX);
    }
}

static const enum tro_dtype types[] = {TRO_U8, TRO_F16, TRO_F32, TRO_I64};

TEST(copy_channels)
{
    static const int64_t sizes[][3] = {
        {3, 70, 1}, {16, 33, 5}, {64, 64, 64}, {17, 1, 130}, {5, 90, 2}};
    for (size_t t = 0; t < 4; t++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            const int64_t c = sizes[i][0], h = sizes[i][1], w = sizes[i][2];
            const struct tro_arg first = {.dtype = types[t],
                                          .rank = 4,
                                          .shape = {2, c, h, w},
                                          .stride = {c * h * w, h * w, w, 1}};
            const struct tro_arg last = {.dtype = types[t],
                                         .rank = 4,
                                         .shape = {2, c, h, w},
                                         .stride = {h * w * c, 1, w * c, c}};
            check_levels(&first, &last, "to channels first");
            check_levels(&last, &first, "to channels last");
            check_levels(&last, &last, "the same");
        }
}

TEST(copy_parts)
{
    for (size_t t = 0; t < 4; t++) {
        const struct tro_arg dense = {
            .dtype = types[t], .rank = 3, .shape = {5, 40, 30}, .stride = {1200, 30, 1}};
        const struct tro_arg inside = {
            .dtype = types[t], .rank = 3, .shape = {5, 40, 30}, .stride = {4000, 50, 1}};
        const struct tro_arg back = {
            .dtype = types[t], .rank = 3, .shape = {5, 40, 30}, .stride = {-1200, 30, -1}};
        const struct tro_arg every = {
            .dtype = types[t], .rank = 3, .shape = {5, 40, 30}, .stride = {9600, 160, 2}};
        const struct tro_arg one = {.dtype = types[t], .rank = 3, .shape = {5, 40, 30}};
        const struct tro_arg row = {
            .dtype = types[t], .rank = 3, .shape = {5, 40, 30}, .stride = {0, 0, 1}};
        const struct tro_arg turned = {
            .dtype = types[t], .rank = 3, .shape = {5, 40, 30}, .stride = {1, 150, 5}};
        check_levels(&inside, &dense, "into a larger one");
        check_levels(&dense, &inside, "out of a larger one");
        check_levels(&dense, &back, "backwards");
        check_levels(&every, &dense, "every second");
        check_levels(&dense, &every, "from every second");
        check_levels(&dense, &one, "one element");
        check_levels(&inside, &row, "one row");
        check_levels(&turned, &dense, "turned");
        check_levels(&dense, &turned, "from turned");
        check_levels(&every, &turned, "turned with gaps");
    }
}

TEST(copy_eight_axes)
{
    struct tro_arg from = {.dtype = TRO_F32, .rank = 8}, to = {.dtype = TRO_F32, .rank = 8};
    int64_t stride = 1;
    for (int i = 7; i >= 0; i--) {
        from.shape[i] = to.shape[i] = 2 + i % 2;
        to.stride[i] = stride;
        stride *= to.shape[i];
    }
    for (int i = 0; i < 8; i++)
        from.stride[i] = 2 * to.stride[7 - i] + 1;
    check_levels(&to, &from, "eight axes");
    for (int i = 0; i < 8; i++)
        to.stride[i] *= 2;
    check_levels(&to, &from, "eight axes with gaps");
    to.shape[3] = from.shape[3] = 0;
    CHECK(check_copy(&to, &from, 1));
}
