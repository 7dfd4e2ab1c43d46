/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, memory, bytes, hashes and maps. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/utf8.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

TEST(version)
{
    char text[32];
    snprintf(text, sizeof(text), "%d.%d.%d", TRO_VERSION_MAJOR, TRO_VERSION_MINOR,
             TRO_VERSION_PATCH);
    CHECK_STR(tro_version(), text);
}

/* ---- errors ---------------------------------------------------------------------------- */

TEST(err_fail_and_prefix)
{
    struct tro_err err = {0};
    CHECK_INT(tro_fail(&err, TRO_E_INPUT, "expected %d, found %s", 3, "four"), TRO_E_INPUT);
    CHECK_INT(err.status, TRO_E_INPUT);
    CHECK_STR(err.text, "expected 3, found four");
    CHECK_INT(tro_err_prefix(&err, TRO_E_INPUT, "%s: ", "net.onnx"), TRO_E_INPUT);
    CHECK_STR(err.text, "net.onnx: expected 3, found four");
    CHECK_INT(tro_err_prefix(&err, 7, "not used"), 7);
    CHECK_STR(err.text, "net.onnx: expected 3, found four");
    CHECK_INT(tro_fail(&err, TRO_E_IO, "again: %s", err.text), TRO_E_IO);
    CHECK_STR(err.text, "again: net.onnx: expected 3, found four");
}

TEST(err_null_is_accepted)
{
    CHECK_INT(tro_fail(NULL, TRO_E_IO, "x"), TRO_E_IO);
    CHECK_INT(tro_err_prefix(NULL, TRO_E_IO, "x"), TRO_E_IO);
    CHECK_INT(tro_fail_nomem(NULL), TRO_E_NOMEM);
    struct tro_err err = {0};
    CHECK_INT(tro_fail_nomem(&err), TRO_E_NOMEM);
    CHECK_STR(err.text, "out of memory");
    CHECK_INT(err.status, TRO_E_NOMEM);
}

TEST(err_is_cut_at_its_size)
{
    struct tro_err err = {0};
    char text[4000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    tro_fail(&err, TRO_E_INPUT, "%s", text);
    CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
    tro_err_prefix(&err, TRO_E_INPUT, "bb");
    CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
    CHECK(memcmp(err.text, "bbaa", 4) == 0);
    tro_err_prefix(&err, TRO_E_INPUT, "%s", text);
    CHECK_INT(strspn(err.text, "a"), sizeof(err.text) - 1);
}

TEST(err_is_one_line_of_utf8)
{
    struct tro_err err = {0};
    tro_fail(&err, TRO_E_INPUT, "a\nb\x1b[1m\x7f é €\xff\xc3");
    CHECK_STR(err.text, "a?b?[1m? é €??");
    /* A cut in the middle of a character leaves no half of one. */
    char text[1200] = "x";
    for (int i = 1; i < 1199; i += 2)
        memcpy(text + i, "é", 3);
    tro_fail(&err, TRO_E_INPUT, "%s", text);
    CHECK_INT(strlen(err.text), 1023);
    tro_fail(&err, TRO_E_INPUT, "%s", text + 1);
    CHECK_INT(strlen(err.text), 1023);
    CHECK_INT(err.text[1022], '?');
}

static int step(int rc, int *n_steps)
{
    TRO_TRY(rc);
    ++*n_steps;
    return 0;
}

TEST(try_returns_failures_only)
{
    int n_steps = 0;
    CHECK_INT(step(TRO_E_IO, &n_steps), TRO_E_IO);
    CHECK_INT(step(5, &n_steps), 0);
    CHECK_INT(n_steps, 1);
}

static size_t utf8_char(const char *s)
{
    return tro_utf8_char(s, strlen(s));
}

TEST(utf8_rejects_what_is_not_well_formed)
{
    CHECK_INT(utf8_char("a"), 1);
    CHECK_INT(utf8_char("\xc2\x80"), 2);
    CHECK_INT(utf8_char("\xe0\xa0\x80"), 3);
    CHECK_INT(utf8_char("\xed\x9f\xbf"), 3);
    CHECK_INT(utf8_char("\xf4\x8f\xbf\xbf"), 4);
    static const char *const bad[] = {
        "\x80",         "\xc1\xbf",         "\xc2",     "\xc2\x41",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xe2\x82", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",         "\xe2\x82\x41",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_INT(utf8_char(bad[i]), 0);
}

/* ---- heap ------------------------------------------------------------------------------ */

TEST(alloc_refuses_overflow)
{
    CHECK(tro_calloc(SIZE_MAX / 2, 3) == NULL);
    CHECK(tro_malloc(SIZE_MAX) == NULL);
    CHECK(tro_malloc_aligned(SIZE_MAX - 10) == NULL);
    void *p = tro_malloc(0);
    CHECK(p != NULL);
    CHECK(tro_realloc(p, SIZE_MAX) == NULL);
    p = tro_realloc(p, 0);
    CHECK(p != NULL);
    tro_free(p);
    tro_free(NULL);
}

TEST(alloc_aligned)
{
    for (size_t n = 0; n < 200; n += 7) {
        char *const p = tro_malloc_aligned(n);
        CHECK_OR_RETURN(p != NULL);
        CHECK_INT((uintptr_t)p % 64, 0);
        memset(p, 1, n);
        tro_free(p);
    }
}

TEST(alloc_fails_on_demand)
{
    tro_alloc_fail_after(2);
    void *const a = tro_malloc(1), *const b = tro_calloc(1, 1);
    void *const c = tro_malloc(1), *const d = tro_calloc(1, 1), *const e = tro_malloc_aligned(1);
    void *const f = tro_realloc(NULL, 1);
    tro_alloc_fail_after(-1);
    CHECK(a && b);
    CHECK(!c && !d && !e && !f);
    void *const g = tro_malloc(1);
    CHECK(g != NULL);
    tro_free(a);
    tro_free(b);
    tro_free(g);
}

TEST(grow_doubles_and_keeps)
{
    int *items = NULL;
    size_t cap = 0, n_moves = 0;
    for (size_t n = 0; n < 1000; n++) {
        const size_t old = cap;
        CHECK_OR_RETURN(TRO_GROW(&items, n, &cap) == 0);
        CHECK_OR_RETURN(cap > n);
        n_moves += cap != old;
        items[n] = (int)n;
    }
    CHECK(n_moves <= 10);
    for (size_t n = 0; n < 1000; n++)
        CHECK_OR_RETURN(items[n] == (int)n);
    tro_alloc_fail_after(0);
    const size_t old = cap;
    int *const before = items;
    CHECK_INT(TRO_GROW(&items, cap, &cap), TRO_E_NOMEM);
    tro_alloc_fail_after(-1);
    CHECK(items == before);
    CHECK_INT(cap, old);
    CHECK_INT(TRO_GROW(&items, SIZE_MAX / 4, &cap), TRO_E_NOMEM);
    CHECK_INT(TRO_GROW(&items, SIZE_MAX, &cap), TRO_E_NOMEM);
    tro_free(items);
}

/* ---- arena ----------------------------------------------------------------------------- */

TEST(arena_objects_are_zero_aligned_and_apart)
{
    struct tro_arena a = {0};
    char *objects[2000];
    for (size_t i = 0; i < 2000; i++) {
        const size_t n = i * 37 % 301;
        char *const p = i % 5 ? tro_arena_alloc(&a, n, 1) : tro_arena_alloc64(&a, n);
        CHECK_OR_RETURN(p != NULL);
        CHECK_OR_RETURN((uintptr_t)p % (i % 5 ? 16 : 64) == 0);
        for (size_t k = 0; k < n; k++)
            CHECK_OR_RETURN(p[k] == 0);
        memset(p, (int)(i % 251 + 1), n);
        objects[i] = p;
    }
    size_t n_bytes = 0;
    for (size_t i = 0; i < 2000; i++) {
        const size_t n = i * 37 % 301;
        n_bytes += n;
        for (size_t k = 0; k < n; k++)
            CHECK_OR_RETURN(objects[i][k] == (char)(i % 251 + 1));
    }
    CHECK_INT(a.n_bytes, n_bytes);
    tro_arena_finish(&a);
    CHECK(a.last == NULL && a.n_bytes == 0);
    tro_arena_finish(&a);
}

TEST(arena_large_objects)
{
    struct tro_arena a = {0};
    char *const small = tro_arena_alloc(&a, 1, 10);
    char *const large = tro_arena_alloc(&a, 1, 10 << 20);
    char *const next = tro_arena_alloc(&a, 1, 10);
    CHECK_OR_RETURN(small && large && next);
    CHECK(next > small && next - small < 100); /* the first chunk goes on being used */
    CHECK_INT(large[(10 << 20) - 1], 0);
    memset(large, 1, 10 << 20);
    CHECK_INT(small[0] + next[0], 0);
    tro_arena_finish(&a);
}

TEST(arena_join)
{
    struct tro_arena a = {0}, b = {0}, none = {0};
    char *const first = tro_arena_alloc(&a, 1, 10), *const other = tro_arena_alloc(&b, 1, 20000);
    CHECK_OR_RETURN(first && other);
    tro_arena_join(&a, &b);
    tro_arena_join(&a, &none);
    CHECK(b.last == NULL && b.n_bytes == 0);
    CHECK_INT(a.n_bytes, 20010);
    memset(other, 1, 20000);
    char *const next = tro_arena_alloc(&a, 1, 10);
    CHECK_OR_RETURN(next != NULL);
    CHECK(next > first && next - first < 100);
    tro_arena_join(&none, &a);
    CHECK_INT(first[0] + next[0] + other[19999], 1);
    tro_arena_finish(&none);
    tro_arena_finish(&a);
}

TEST(arena_refuses_overflow)
{
    struct tro_arena a = {0};
    CHECK(tro_arena_alloc(&a, SIZE_MAX / 2, 3) == NULL);
    CHECK(tro_arena_alloc(&a, SIZE_MAX, 1) == NULL);
    CHECK(tro_arena_alloc(&a, PTRDIFF_MAX, 1) == NULL);
    CHECK(tro_arena_alloc(&a, PTRDIFF_MAX - 65, 1) == NULL);
    CHECK(tro_arena_alloc64(&a, SIZE_MAX - 63) == NULL);
    CHECK(TRO_NEW_N(&a, uint64_t, SIZE_MAX / 4) == NULL);
    CHECK_INT(a.n_bytes, 0);
    CHECK(tro_arena_alloc(&a, 0, 8) != NULL);
    CHECK(tro_arena_alloc64(&a, 0) != NULL);
    tro_alloc_fail_after(0);
    CHECK(tro_arena_alloc(&a, 1, 1 << 20) == NULL);
    tro_alloc_fail_after(-1);
    CHECK(tro_arena_alloc(&a, 1, 1 << 20) != NULL);
    tro_arena_finish(&a);
}

TEST(arena_copies)
{
    struct tro_arena a = {0};
    CHECK_STR(tro_arena_strdup(&a, "conv"), "conv");
    CHECK_STR(tro_arena_strndup(&a, "conv1", 4), "conv");
    CHECK_STR(tro_arena_strndup(&a, "conv", 100), "conv");
    CHECK_STR(tro_arena_strndup(&a, NULL, 0), "");
    CHECK_STR(tro_arena_printf(&a, "%s_%d", "conv", 12), "conv_12");
    const uint8_t bytes[3] = {1, 0, 2};
    const uint8_t *const copy = tro_arena_memdup(&a, bytes, 3);
    CHECK(copy && memcmp(copy, bytes, 3) == 0);
    CHECK(tro_arena_memdup(&a, NULL, 0) != NULL);
    tro_arena_finish(&a);
}

/* ---- bytes ----------------------------------------------------------------------------- */

TEST(bytes_read_little_endian)
{
    const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff, 'x', 'y'};
    struct tro_bytes b = tro_bytes_of(data, sizeof(data));
    CHECK_INT(tro_bytes_u8(&b), 1);
    CHECK_INT(tro_bytes_u16(&b), 0x0302);
    CHECK_INT(tro_bytes_u32(&b), 0x07060504);
    CHECK_INT(tro_bytes_pos(&b), 7);
    CHECK(tro_bytes_left(&b) == 10);
    CHECK(tro_bytes_u64(&b) == UINT64_C(0xff0e0d0c0b0a0908));
    CHECK(tro_str_eqz(tro_bytes_take(&b, 2), "xy"));
    CHECK_INT(tro_bytes_left(&b), 0);
    CHECK_INT(tro_bytes_take(&b, 0).n, 0);
    CHECK(!b.failed);
}

TEST(bytes_errors_stick)
{
    const uint8_t data[] = {1, 2, 3};
    struct tro_bytes b = tro_bytes_of(data, 3);
    CHECK_INT(tro_bytes_u32(&b), 0);
    CHECK(b.failed);
    CHECK_INT(tro_bytes_left(&b), 0);
    CHECK_INT(tro_bytes_pos(&b), 0);
    CHECK_INT(tro_bytes_u8(&b), 0);
    CHECK_INT(tro_bytes_varint(&b), 0);
    CHECK_INT(tro_bytes_take(&b, 0).n, 0);
    CHECK(b.failed);
    b = tro_bytes_of(data, 3);
    CHECK_INT(tro_bytes_take(&b, UINT64_MAX).n, 0);
    CHECK(b.failed);
    b = tro_bytes_of(data, 3);
    CHECK_INT(tro_bytes_take(&b, 4).n, 0);
    CHECK(b.failed);
    b = tro_bytes_of(NULL, 0);
    CHECK_INT(tro_bytes_left(&b), 0);
    CHECK_INT(tro_bytes_u8(&b), 0);
    CHECK(b.failed);
}

static bool reads_varint(const uint8_t *p, size_t n, uint64_t value)
{
    struct tro_bytes b = tro_bytes_of(p, n);
    return tro_bytes_varint(&b) == value && !b.failed && tro_bytes_left(&b) == 0;
}

static bool refuses_varint(const uint8_t *p, size_t n)
{
    struct tro_bytes b = tro_bytes_of(p, n);
    return tro_bytes_varint(&b) == 0 && b.failed;
}

TEST(varint_bounds)
{
    const uint8_t max[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    CHECK(reads_varint(max, 10, UINT64_MAX));
    CHECK(reads_varint((const uint8_t[]){0x80, 0x00}, 2, 0)); /* longer than need be is allowed */
    CHECK(reads_varint((const uint8_t[]){0xac, 0x02}, 2, 300));
    for (size_t n = 0; n < 10; n++)
        CHECK(refuses_varint(max, n));
    const uint8_t beyond[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    CHECK(refuses_varint(beyond, 10));
    const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    CHECK(refuses_varint(endless, 11));
}

TEST(varint_round_trip)
{
    for (int shift = 0; shift < 64; shift++) {
        for (int delta = -1; delta <= 1; delta++) {
            const uint64_t v = (UINT64_C(1) << shift) + (uint64_t)delta;
            struct tro_buf buf = {0};
            tro_buf_varint(&buf, v);
            CHECK(!buf.failed && reads_varint(buf.p, buf.n, v));
            tro_buf_finish(&buf);
        }
    }
}

TEST(buf_writes)
{
    struct tro_buf b = {0};
    tro_buf_u8(&b, 1);
    tro_buf_u16(&b, 0x0302);
    tro_buf_u32(&b, 0x07060504);
    tro_buf_u64(&b, UINT64_C(0x0f0e0d0c0b0a0908));
    tro_buf_put(&b, NULL, 0);
    for (size_t i = 0; i < 15; i++)
        CHECK_INT(b.p[i], i + 1);
    CHECK_INT(b.n, 15);
    b.n = 0;
    tro_buf_str(&b, "x=");
    for (int i = 0; i < 100; i++)
        tro_buf_printf(&b, "%d,", i);
    CHECK_INT(b.n, 2 + 10 * 2 + 90 * 3);
    CHECK(memcmp(b.p, "x=0,1,2,", 8) == 0 && memcmp(b.p + b.n - 6, "98,99,", 6) == 0);
    CHECK(!b.failed);
    tro_buf_finish(&b);
    CHECK(b.p == NULL && b.n == 0 && b.cap == 0);
}

TEST(buf_errors_stick)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "kept");
    tro_alloc_fail_after(0);
    for (int i = 0; i < 100; i++)
        tro_buf_str(&b, "lost");
    tro_alloc_fail_after(-1);
    CHECK(b.failed);
    const size_t n = b.n;
    tro_buf_u8(&b, 1);
    tro_buf_printf(&b, "%d", 1);
    CHECK_INT(b.n, n);
    CHECK(b.n >= 4 && memcmp(b.p, "kept", 4) == 0);
    tro_buf_finish(&b);
    tro_buf_put(&b, "x", SIZE_MAX); /* refused before the source is read */
    CHECK(b.failed && b.n == 0);
    tro_buf_finish(&b);
}

TEST(str_equal)
{
    CHECK(tro_str_eq(TRO_STR("ab"), TRO_STR("ab")));
    CHECK(!tro_str_eq(TRO_STR("ab"), TRO_STR("ac")));
    CHECK(!tro_str_eq(TRO_STR("ab"), TRO_STR("abc")));
    CHECK(!tro_str_eq(TRO_STR("a\0b"), TRO_STR("a\0c")));
    CHECK(tro_str_eq((struct tro_str){NULL, 0}, TRO_STR("")));
    CHECK(tro_str_eqz(TRO_STR("ab"), "ab") && !tro_str_eqz(TRO_STR("ab"), "a"));
}

/* ---- hash and map ---------------------------------------------------------------------- */

TEST(hash_is_fixed)
{
    /* Computed apart from the library; fingerprints in files depend on them. */
    CHECK(tro_hash64("", 0, 0) == UINT64_C(0xe785922be3c82d6d));
    CHECK(tro_hash64("trocar", 6, 0) == UINT64_C(0x51a0733ab6cde7ca));
    CHECK(tro_hash64("0123456789abcdefXYZ", 19, 7) == UINT64_C(0x50870179de790926));
}

TEST(hash_depends_on_all)
{
    uint8_t data[40] = {0};
    const uint64_t h = tro_hash64(data, sizeof(data), 0);
    CHECK(tro_hash64(data, sizeof(data) - 1, 0) != h);
    CHECK(tro_hash64(data, sizeof(data), 1) != h);
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const int n_changed = __builtin_popcountll(tro_hash64(data, sizeof(data), 0) ^ h);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(n_changed >= 14 && n_changed <= 50);
    }
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

TEST(hash_spreads)
{
    enum { N = 100000, N_BINS = 1024 };
    uint64_t *const hashes = calloc(N, sizeof(*hashes));
    static int bins[N_BINS];
    for (int i = 0; i < N; i++) {
        char name[32];
        const int n = snprintf(name, sizeof(name), "/model/layer.%d/Conv_out", i);
        hashes[i] = tro_hash64(name, (size_t)n, 0);
        bins[hashes[i] % N_BINS]++;
    }
    double chi2 = 0;
    for (int i = 0; i < N_BINS; i++)
        chi2 += pow(bins[i] - (double)N / N_BINS, 2) / ((double)N / N_BINS);
    /* Chi squared of 1023 degrees: mean 1023, standard deviation 45. */
    CHECK_NEAR(chi2, 1023, 5 * 45.2);
    qsort(hashes, N, sizeof(*hashes), compare_u64);
    for (int i = 1; i < N; i++)
        CHECK_OR_RETURN(hashes[i] != hashes[i - 1]);
    free(hashes);
}

TEST(map_grows_and_finds)
{
    enum { N = 20000 };
    char(*const keys)[12] = calloc(N, sizeof(*keys));
    struct tro_map m = {0};
    uint32_t v = 99;
    CHECK(!tro_map_get(&m, TRO_STR("a"), &v));
    CHECK_INT(v, 99);
    for (uint32_t i = 0; i < N; i++) {
        const int n = snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        CHECK_OR_RETURN(tro_map_set(&m, (struct tro_str){keys[i], (size_t)n}, i) == 0);
    }
    CHECK_INT(m.n, N);
    CHECK(m.cap >= N && m.cap <= 4 * N);
    for (uint32_t i = 0; i < N; i++) {
        char key[12];
        const int n = snprintf(key, sizeof(key), "k%u", i);
        CHECK_OR_RETURN(tro_map_get(&m, (struct tro_str){key, (size_t)n}, &v));
        CHECK_OR_RETURN(v == i);
    }
    CHECK(!tro_map_get(&m, TRO_STR("k20000"), &v));
    CHECK(!tro_map_get(&m, TRO_STR("k"), NULL));
    CHECK(tro_map_get(&m, TRO_STR("k7"), NULL));
    tro_map_finish(&m);
    CHECK(!tro_map_get(&m, TRO_STR("k7"), NULL));
    free(keys);
}

TEST(map_replaces)
{
    struct tro_map m = {0};
    uint32_t v = 0;
    CHECK_INT(tro_map_set(&m, TRO_STR("a"), 1), 0);
    CHECK_INT(tro_map_set(&m, TRO_STR(""), 2), 0);
    CHECK_INT(tro_map_set(&m, TRO_STR("a"), 3), 0);
    CHECK_INT(tro_map_set(&m, (struct tro_str){NULL, 0}, 4), 0);
    CHECK_INT(m.n, 2);
    CHECK(tro_map_get(&m, TRO_STR("a"), &v) && v == 3);
    CHECK(tro_map_get(&m, TRO_STR(""), &v) && v == 4);
    tro_map_finish(&m);
}

/* Keys whose hashes end in the same bits start at one slot and lie in a row that wraps round. */
TEST(map_collisions)
{
    enum { N = 12 };
    static char keys[N][16];
    struct tro_map m = {0};
    int n_found = 0;
    for (int i = 0; n_found < N; i++) {
        const int n = snprintf(keys[n_found], sizeof(keys[0]), "c%d", i);
        n_found += tro_hash64(keys[n_found], (size_t)n, 0) % 16 == 14;
    }
    for (uint32_t i = 0; i < N; i++) {
        CHECK_INT(tro_map_set(&m, (struct tro_str){keys[i], strlen(keys[i])}, i), 0);
        for (uint32_t k = 0; k < N; k++) {
            uint32_t v = 0;
            const bool found = tro_map_get(&m, (struct tro_str){keys[k], strlen(keys[k])}, &v);
            CHECK(found == (k <= i) && (!found || v == k));
        }
    }
    CHECK_INT(m.cap, 16);
    tro_map_finish(&m);
}

TEST(map_survives_lack_of_memory)
{
    static char keys[100][8];
    struct tro_map m = {0};
    uint32_t n_set = 0;
    tro_alloc_fail_after(2);
    for (uint32_t i = 0; i < 100; i++) {
        const int n = snprintf(keys[i], sizeof(keys[i]), "%u", i);
        const int rc = tro_map_set(&m, (struct tro_str){keys[i], (size_t)n}, i);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
        n_set += rc == 0;
    }
    tro_alloc_fail_after(-1);
    CHECK_INT(n_set, 24);
    CHECK_INT(m.n, n_set);
    for (uint32_t i = 0; i < 100; i++)
        CHECK(tro_map_get(&m, (struct tro_str){keys[i], strlen(keys[i])}, NULL) == (i < n_set));
    tro_map_finish(&m);
}
