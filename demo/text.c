/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <math.h>
#include <stdbool.h>

#define GAP 2.0f   /* units after a letter */
#define SPACE 3.0f /* units a blank takes, gap included */
#define STROKE 0.9f

/* Strokes with blanks between; a stroke is points of two digits, x and y; a lone one is a dot. */
static const char *const glyphs[128] = {
    ['A'] = "062046 1434",
    ['B'] = "03334241300006364544 3344",
    ['C'] = "4130100105163645",
    ['D'] = "00304145360600",
    ['E'] = "40000646 0333",
    ['F'] = "400006 0333",
    ['G'] = "413010010516364523 4323",
    ['H'] = "0006 4046 0343",
    ['I'] = "0020 1016 0626",
    ['J'] = "4045361605",
    ['K'] = "0006 4003 1346",
    ['L'] = "000646",
    ['M'] = "0600234046",
    ['N'] = "06004640",
    ['O'] = "103041453616050110",
    ['P'] = "06003041423303",
    ['Q'] = "103041453616050110 2446",
    ['R'] = "06003041423303 2346",
    ['S'] = "413010010213334445361605",
    ['T'] = "0040 2026",
    ['U'] = "000516364540",
    ['V'] = "002640",
    ['W'] = "0016223640",
    ['X'] = "0046 4006",
    ['Y'] = "002340 2326",
    ['Z'] = "00400646",
    ['a'] = "4246 43321203051636 3645",
    ['b'] = "0006 03123243453616 1605",
    ['c'] = "4332120305163645",
    ['d'] = "4046 43321203051636 3645",
    ['e'] = "04444332120305163645",
    ['f'] = "30201116 0232",
    ['g'] = "4247381807 4332120305163645",
    ['h'] = "0006 0312324346",
    ['i'] = "0206 00",
    ['j'] = "121708 10",
    ['k'] = "0006 320436",
    ['l'] = "000516",
    ['m'] = "0206 03122326 23324346",
    ['n'] = "0206 0312324346",
    ['o'] = "123243453616050312",
    ['p'] = "0208 0312324345361605",
    ['q'] = "4248 4332120305163645",
    ['r'] = "0206 031232",
    ['s'] = "43321203143445361605",
    ['t'] = "10152636 0232",
    ['u'] = "0205163645 4246",
    ['v'] = "022642",
    ['w'] = "0216233642",
    ['x'] = "0246 4206",
    ['y'] = "0226 4218",
    ['z'] = "02420646",
    ['0'] = "103041453616050110",
    ['1'] = "022026",
    ['2'] = "01103041420646",
    ['3'] = "0110304142331333 3344453616 1605",
    ['4'] = "300444 3036",
    ['5'] = "4000033344453616 1605",
    ['6'] = "413010010516364544330304",
    ['7'] = "004016",
    ['8'] = "13020110304142331304051636454433",
    ['9'] = "051636454130100102134342",
    ['-'] = "0434",
    ['_'] = "0747",
    ['.'] = "06",
    [','] = "1608",
    [':'] = "03 06",
    ['/'] = "4006",
    ['%'] = "4006 00100111 0010 35454636 3536",
    ['+'] = "0444 2226",
    ['='] = "0343 0545",
    ['('] = "20111526",
    [')'] = "00111506",
    ['?'] = "01103041422324 26",
};

static const char *glyph_of(char c)
{
    const unsigned char i = (unsigned char)c;
    return i < 128 && glyphs[i] ? glyphs[i] : glyphs['?'];
}

static float advance_of(char c)
{
    if (c == ' ')
        return SPACE;
    int widest = 0;
    for (const char *p = glyph_of(c); *p; p += *p == ' ' ? 1 : 2)
        if (*p != ' ' && *p - '0' > widest)
            widest = *p - '0';
    return (float)widest + GAP;
}

float demo_text_width(float unit, const char *text)
{
    float width = 0;
    for (; *text; text++)
        width += advance_of(*text) * unit;
    return width;
}

struct point {
    float x, y;
};

struct pen {
    struct tro_picture *canvas;
    const uint8_t *rgb;
    float radius;
};

static float distance_to(struct point p, struct point a, struct point b)
{
    const float dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
    float t = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
    t = fminf(fmaxf(t, 0), 1);
    return hypotf(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/* A pixel is inked fully when its middle lies half a pixel inside the stroke, and not at all when
 * it lies half a pixel outside. */
static void draw_segment(const struct pen *pen, struct point a, struct point b)
{
    const struct tro_picture *c = pen->canvas;
    const float reach = pen->radius + 1;
    const int x0 = (int)fmaxf(fminf(a.x, b.x) - reach, 0);
    const int y0 = (int)fmaxf(fminf(a.y, b.y) - reach, 0);
    const int x1 = (int)fminf(fmaxf(a.x, b.x) + reach, (float)c->width - 1);
    const int y1 = (int)fminf(fmaxf(a.y, b.y) + reach, (float)c->height - 1);
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            const struct point p = {(float)x + 0.5f, (float)y + 0.5f};
            const float ink = fminf(pen->radius + 0.5f - distance_to(p, a, b), 1);
            uint8_t *px = c->data + ((size_t)y * (size_t)c->width + (size_t)x) * 3;
            for (int k = 0; k < 3 && ink > 0; k++)
                px[k] = (uint8_t)lrintf((float)px[k] + ink * (float)(pen->rgb[k] - px[k]));
        }
    }
}

static void draw_glyph(const struct pen *pen, float x, float y, float unit, const char *glyph)
{
    bool is_start = true;
    struct point last = {0, 0};
    for (const char *p = glyph; *p; p += *p == ' ' ? 1 : 2) {
        if (*p == ' ') {
            is_start = true;
            continue;
        }
        const struct point at = {x + (float)(p[0] - '0') * unit, y + (float)(p[1] - '0') * unit};
        const bool is_dot = is_start && (p[2] == ' ' || !p[2]);
        if (!is_start || is_dot)
            draw_segment(pen, is_dot ? at : last, at);
        last = at;
        is_start = false;
    }
}

void demo_text_draw(struct tro_picture *canvas, float x, float y, float unit, const char *text,
                    const uint8_t rgb[3])
{
    const struct pen pen = {canvas, rgb, 0.5f * STROKE * unit};
    for (; *text; text++) {
        if (*text != ' ')
            draw_glyph(&pen, x, y, unit, glyph_of(*text));
        x += advance_of(*text) * unit;
    }
}
