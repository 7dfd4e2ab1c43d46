/* SPDX-License-Identifier: Apache-2.0 */
/* Picture files: what is written reads back, every kind of PNG, and hostile files end in errors. */
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/file.h"
#include "io/picture.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[200];

static const char *in_folder(const char *name)
{
    static char path[300];
    if (!folder[0]) {
        const char *const tmp = getenv("TMPDIR");
        snprintf(folder, sizeof(folder), "%s/tro_picture_XXXXXX",
                 tmp && strlen(tmp) < 150 ? tmp : "/tmp");
        CHECK(mkdtemp(folder) != NULL);
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void remove_file(const char *name)
{
    (void)remove(in_folder(name));
    (void)rmdir(folder);
    folder[0] = 0;
}

/* A smooth pattern, so that JPEG keeps it well. */
static void fill(uint8_t *data, int width, int height, int channels)
{
    for (int i = 0; i < width * height * channels; i++) {
        const int x = i / channels % width, y = i / channels / width, c = i % channels;
        data[i] = (uint8_t)(20 + 2 * x + 3 * y + 30 * c);
    }
}

static int decode(struct tro_arena *arena, const struct tro_buf *file, int channels,
                  struct tro_picture *out, struct tro_err *err)
{
    return tro_picture_decode(arena, file->p, file->n, channels, out, err);
}

static int most_different(const uint8_t *a, const uint8_t *b, int n)
{
    int most = 0;
    for (int i = 0; i < n; i++)
        most = abs(a[i] - b[i]) > most ? abs(a[i] - b[i]) : most;
    return most;
}

static void read_back(const char *name, int width, int height, int channels, int tolerance)
{
    uint8_t data[32 * 32 * 3];
    struct tro_arena arena = {0};
    struct tro_picture p = {0};
    struct tro_err err = {0};
    fill(data, width, height, channels);
    if (!CHECK_INT(tro_picture_write(in_folder(name), width, height, channels, data, &err), 0))
        printf("%s\n", err.text);
    else if (!CHECK_INT(tro_picture_read(&arena, in_folder(name), channels, &p, &err), 0))
        printf("%s\n", err.text);
    else if (CHECK(p.width == width && p.height == height && p.channels == channels))
        CHECK(most_different(p.data, data, width * height * channels) <= tolerance);
    tro_arena_finish(&arena);
    remove_file(name);
}

TEST(picture_pnm_reads_back)
{
    read_back("a.pgm", 7, 5, 1, 0);
    read_back("a.PPM", 6, 3, 3, 0);
    read_back("one.ppm", 1, 1, 3, 0);
}

static int decode_text(const char *text, size_t n, int channels, struct tro_picture *p,
                       struct tro_err *err)
{
    static struct tro_arena arena;
    tro_arena_finish(&arena);
    *err = (struct tro_err){0};
    return tro_picture_decode(&arena, text, n, channels, p, err);
}

TEST(picture_pnm_headers)
{
    static const char with_comment[] = "P5 # grey\n#second\n2\t1\n255\nab";
    static const char grey_wanted[] = "P6\n1 1\n255\n\xff\x00\x00";
    struct tro_picture p;
    struct tro_err err;
    CHECK_INT(decode_text(with_comment, sizeof(with_comment) - 1, 1, &p, &err), 0);
    CHECK(p.width == 2 && p.height == 1 && p.data[0] == 'a' && p.data[1] == 'b');
    CHECK_INT(decode_text(with_comment, sizeof(with_comment) - 1, 3, &p, &err), 0);
    CHECK(p.channels == 3 && p.data[2] == 'a' && p.data[3] == 'b');
    CHECK_INT(decode_text(grey_wanted, sizeof(grey_wanted) - 1, 1, &p, &err), 0);
    CHECK_INT(p.data[0], 76); /* 0.299 of 255 */
    CHECK_INT(decode_text(with_comment, sizeof(with_comment) - 1, 2, &p, &err), TRO_E_INPUT);
}

TEST(picture_pnm_hostile)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"P6\n2 2\n255\nabc", "cannot hold"},
        {"P5\n30000 2000\n255\nabc", "cannot hold"},
        {"P5\n99999 1\n255\na", "at most"},
        {"P5\n30000 30000\n255\na", "at most"},
        {"P5\n0 1\n255\na", "at most"},
        {"P5\n-1 1\n255\na", "header"},
        {"P5\n1 1\n65535\nab", "8-bit"},
        {"P5\n1 1\n255", "header"},
        {"P5\n1\n", "header"},
        {"P5#", "header"},
        {"P5", "expected a picture"},
        {"", "expected a picture"},
        {"BM......", "expected a picture"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tro_picture p;
        struct tro_err err;
        CHECK_INT(decode_text(rows[i].text, strlen(rows[i].text), 3, &p, &err), TRO_E_INPUT);
        CHECK_HAS(err.text, rows[i].want);
    }
}

TEST(picture_write_errors)
{
    const uint8_t data[3] = {1, 2, 3};
    struct tro_err err = {0};
    CHECK_INT(tro_picture_write(in_folder("a.bmp"), 1, 1, 3, data, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "a.bmp: expected a name that ends in");
    CHECK_INT(tro_picture_write(in_folder("a.pgm"), 1, 1, 3, data, &err), TRO_E_INPUT);
    CHECK_INT(tro_picture_write(in_folder("a.ppm"), 1, 1, 2, data, &err), TRO_E_INPUT);
    CHECK_INT(tro_picture_write(in_folder("a.ppm"), 0, 1, 3, data, &err), TRO_E_INPUT);
    CHECK_INT(tro_picture_write(in_folder("none/a.ppm"), 1, 1, 3, data, &err), TRO_E_IO);
    remove_file("a.bmp");
    struct tro_arena arena = {0};
    struct tro_picture p;
    CHECK_INT(tro_picture_read(&arena, "/nowhere/a.png", 3, &p, &err), TRO_E_IO);
    CHECK_HAS(err.text, "/nowhere/a.png");
    tro_arena_finish(&arena);
}

/* ---- PNG ---------------------------------------------------------------------------------- */

static void put_be32(struct tro_buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        tro_buf_u8(b, (uint8_t)(v >> shift));
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void put_chunk(struct tro_buf *b, const char *kind, const void *data, size_t n)
{
    put_be32(b, (uint32_t)n);
    const size_t start = b->n;
    tro_buf_put(b, kind, 4);
    tro_buf_put(b, data, n);
    put_be32(b, crc32_of(b->p + start, b->n - start));
}

/* A zlib stream that stores its bytes as they are. */
static void put_stored(struct tro_buf *b, const uint8_t *data, size_t n)
{
    uint32_t low = 1, high = 0;
    tro_buf_put(b, "\x78\x01\x01", 3);
    tro_buf_u16(b, (uint16_t)n);
    tro_buf_u16(b, (uint16_t)~n);
    tro_buf_put(b, data, n);
    for (size_t i = 0; i < n; i++) {
        low = (low + data[i]) % 65521;
        high = (high + low) % 65521;
    }
    put_be32(b, high << 16 | low);
}

struct png {
    uint32_t width, height;
    uint8_t bits, kind, interlace;
    const char *palette; /* or NULL; 3 bytes a colour */
    size_t n_palette;
    const char *rows; /* each begins with its filter, 0 */
    size_t n_rows;
};

static struct tro_buf make_png(const struct png *p)
{
    struct tro_buf b = {0}, header = {0}, body = {0};
    put_be32(&header, p->width);
    put_be32(&header, p->height);
    tro_buf_u8(&header, p->bits);
    tro_buf_u8(&header, p->kind);
    tro_buf_put(&header, "\0\0", 2);
    tro_buf_u8(&header, p->interlace);
    tro_buf_put(&b, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&b, "IHDR", header.p, header.n);
    if (p->palette)
        put_chunk(&b, "PLTE", p->palette, p->n_palette);
    put_stored(&body, (const uint8_t *)p->rows, p->n_rows);
    put_chunk(&b, "IDAT", body.p, body.n);
    put_chunk(&b, "IEND", "", 0);
    tro_buf_finish(&header);
    tro_buf_finish(&body);
    return b;
}

#define BYTES(text) (text), sizeof(text) - 1

#ifdef TRO_HAVE_PNG

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };

TEST(picture_png_reads_back)
{
    read_back("a.png", 17, 9, 3, 0);
    read_back("a.PNG", 32, 32, 1, 0);
    read_back("one.png", 1, 1, 1, 0);
}

TEST(picture_png_kinds)
{
    static const struct {
        struct png png;
        const char *want; /* as RGB */
        size_t n_want;
    } rows[] = {
        {{2, 1, 8, RGB, 0, NULL, 0, BYTES("\0abcdef")}, BYTES("abcdef")},
        {{2, 1, 8, GREY, 0, NULL, 0, BYTES("\0ab")}, BYTES("aaabbb")},
        {{1, 2, 8, GREY_ALPHA, 0, NULL, 0, BYTES("\0a\x10\0b\x20")}, BYTES("aaabbb")},
        {{1, 1, 8, RGB_ALPHA, 0, NULL, 0, BYTES("\0abc\0")}, BYTES("abc")},
        {{2, 1, 16, GREY, 0, NULL, 0, BYTES("\0\x12\x00\xff\xff")},
         BYTES("\x12\x12\x12\xff\xff\xff")},
        {{1, 1, 16, RGB, 0, NULL, 0, BYTES("\0\x80\x80\x00\x00\xff\xff")}, BYTES("\x80\x00\xff")},
        {{3, 1, 1, GREY, 0, NULL, 0, BYTES("\0\xa0")}, BYTES("\xff\xff\xff\0\0\0\xff\xff\xff")},
        {{2, 1, 2, PALETTE, 0, BYTES("abcdefghi"), BYTES("\0\x60")}, BYTES("defghi")},
        /* Adam7: pixel 0 comes in pass 1, pixel 2 in pass 4, pixel 1 in pass 6 */
        {{3, 1, 8, GREY, 1, NULL, 0, BYTES("\0a\0c\0b")}, BYTES("aaabbbccc")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tro_buf file = make_png(&rows[i].png);
        struct tro_arena arena = {0};
        struct tro_picture p = {0};
        struct tro_err err = {0};
        if (!CHECK_INT(decode(&arena, &file, 3, &p, &err), 0))
            printf("row %zu: %s\n", i, err.text);
        else
            test_check((size_t)(p.width * p.height * 3) == rows[i].n_want &&
                           memcmp(p.data, rows[i].want, rows[i].n_want) == 0,
                       __FILE__, __LINE__, "row %zu differs", i);
        tro_arena_finish(&arena);
        tro_buf_finish(&file);
    }
}

TEST(picture_png_hostile)
{
    static const struct png rows[] = {
        {40000, 40000, 8, RGB, 0, NULL, 0, BYTES("\0abc")},
        {0x7fffffff, 1, 1, GREY, 0, NULL, 0, BYTES("\0a")},
        {8000, 8000, 8, RGB, 0, NULL, 0, BYTES("\0abc")},
        {0, 1, 8, RGB, 0, NULL, 0, BYTES("\0abc")},
        {1, 1, 7, RGB, 0, NULL, 0, BYTES("\0abc")},
        {2, 2, 8, RGB, 0, NULL, 0, BYTES("\0abcdef")},
        {1, 1, 8, PALETTE, 0, NULL, 0, BYTES("\0a")},
        {1, 1, 8, RGB, 0, NULL, 0, BYTES("\x09zzz")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tro_buf file = make_png(&rows[i]);
        struct tro_arena arena = {0};
        struct tro_picture p = {0};
        struct tro_err err = {0};
        test_check(decode(&arena, &file, 3, &p, &err) == TRO_E_INPUT && err.text[0], __FILE__,
                   __LINE__, "row %zu: status %d", i, err.status);
        test_check(arena.n_bytes < 1000, __FILE__, __LINE__, "row %zu: took %zu bytes", i,
                   arena.n_bytes);
        tro_arena_finish(&arena);
        tro_buf_finish(&file);
    }
}

#endif

/* ---- JPEG --------------------------------------------------------------------------------- */

#ifdef TRO_HAVE_JPEG
TEST(picture_jpeg_reads_back)
{
    read_back("a.jpg", 32, 24, 3, 4);
    read_back("a.jpeg", 31, 17, 1, 4);
}
#endif

/* ---- cut and damaged files ---------------------------------------------------------------- */

/* Every file cut at every length must fail, and with any one byte changed must not crash. */
static void cut_and_damage(const char *name, int channels, size_t n_tail)
{
    uint8_t data[24 * 16 * 3];
    struct tro_file file;
    struct tro_err err = {0};
    fill(data, 24, 16, channels);
    CHECK_OR_RETURN(tro_picture_write(in_folder(name), 24, 16, channels, data, &err) == 0);
    CHECK_OR_RETURN(tro_file_read(&file, in_folder(name), 0, &err) == 0);
    struct tro_arena arena = {0};
    struct tro_picture p;
    for (size_t n = 0; n + n_tail < file.n_bytes; n++) {
        void *exact = tro_malloc(n + 1);
        CHECK_OR_RETURN(exact);
        memcpy(exact, file.data, n);
        test_check(tro_picture_decode(&arena, exact, n, 3, &p, &err) < 0, __FILE__, __LINE__,
                   "%s cut to %zu of %zu bytes was accepted", name, n, file.n_bytes);
        tro_arena_finish(&arena);
        tro_free(exact);
    }
    int n_refused = 0;
    for (size_t i = 0; i < file.n_bytes; i++) {
        uint8_t *const byte = (uint8_t *)file.data + i;
        *byte ^= 0x41;
        n_refused += tro_picture_decode(&arena, file.data, file.n_bytes, 3, &p, &err) < 0;
        tro_arena_finish(&arena);
        *byte ^= 0x41;
    }
    CHECK(n_refused > 4);
    CHECK_INT(tro_picture_decode(&arena, file.data, file.n_bytes, 3, &p, &err), 0);
    tro_arena_finish(&arena);
    tro_file_finish(&file);
    remove_file(name);
}

TEST(picture_cut_and_damaged)
{
    cut_and_damage("a.ppm", 3, 0);
#ifdef TRO_HAVE_PNG
    cut_and_damage("a.png", 3, 0);
#endif
#ifdef TRO_HAVE_JPEG
    cut_and_damage("a.jpg", 3, 2); /* the end marker may be missing */
#endif
}

TEST(picture_memory_runs_out)
{
    static const char ppm[] = "P6\n1 1\n255\nabc";
    struct tro_picture p;
    struct tro_err err = {0};
    struct tro_arena arena = {0};
    tro_alloc_fail_after(0);
    CHECK_INT(tro_picture_decode(&arena, ppm, sizeof(ppm) - 1, 3, &p, &err), TRO_E_NOMEM);
    tro_alloc_fail_after(-1);
#ifdef TRO_HAVE_PNG
    struct tro_buf file = make_png(&(struct png){2, 1, 8, RGB, 1, NULL, 0, BYTES("\0abc\0def")});
    int n_failed = 0;
    for (int64_t n = 0; n < 100; n++) {
        tro_alloc_fail_after(n);
        const int rc = decode(&arena, &file, 3, &p, &err);
        tro_alloc_fail_after(-1);
        tro_arena_finish(&arena);
        if (rc == 0)
            break;
        n_failed++;
    }
    CHECK(n_failed >= 3 && n_failed < 100);
    tro_buf_finish(&file);
#endif
    tro_arena_finish(&arena);
}

/* ---- what this build lacks ---------------------------------------------------------------- */

#ifndef TRO_HAVE_PNG
TEST(picture_png_says_what_is_missing)
{
    struct tro_buf file = make_png(&(struct png){1, 1, 8, 2, 0, NULL, 0, BYTES("\0abc")});
    struct tro_arena arena = {0};
    struct tro_picture p;
    struct tro_err err = {0};
    CHECK_INT(decode(&arena, &file, 3, &p, &err), TRO_E_DEVICE);
    CHECK_HAS(err.text, "libpng");
    tro_buf_finish(&file);
}
#endif

#ifndef TRO_HAVE_JPEG
TEST(picture_jpeg_says_what_is_missing)
{
    struct tro_picture p;
    struct tro_err err = {0};
    CHECK_INT(decode_text("\xff\xd8\xff\xe0", 4, 3, &p, &err), TRO_E_DEVICE);
    CHECK_HAS(err.text, "libturbojpeg");
}
#endif
