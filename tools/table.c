/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

#define TEXT_MAX 44

void tro_table_finish(struct tro_table *t)
{
    tro_arena_finish(&t->arena);
    tro_free((void *)t->cells);
    *t = (struct tro_table){0};
}

void tro_table_column(struct tro_table *t, const char *head)
{
    t->heads[t->n_columns++] = head;
}

static void add(struct tro_table *t, const char *text)
{
    if (!text || tro_grow(&t->cells, (size_t)t->n_cells, &t->cap, sizeof *t->cells) < 0)
        t->failed = 1;
    else
        t->cells[t->n_cells++] = text;
}

void tro_table_cell(struct tro_table *t, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(t, tro_arena_strdup(&t->arena, text));
}

/* Columns a terminal uses: one a character, wide scripts aside. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    return n;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

void tro_table_text(struct tro_table *t, const char *p, size_t n)
{
    char *text = tro_arena_strndup(&t->arena, p ? p : "", n);
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    add(t, text);
}

const char *tro_text_cut(const char *text, char *out, size_t n_out)
{
    const size_t n = strlen(text), max = n_out - 1;
    if (n <= max)
        return text;
    size_t head = max / 2 - 2, tail = n - (max - head - 3);
    while (head && is_continuation(text[head]))
        head--;
    while (is_continuation(text[tail]))
        tail++;
    snprintf(out, n_out, "%.*s...%s", (int)head, text, text + tail);
    return out;
}

/* The text of a cell as printed. */
static const char *cut(const struct tro_table *t, int column, const char *text,
                       char out[TEXT_MAX + 1])
{
    return t->heads[column][0] == '<' ? text : tro_text_cut(text, out, TEXT_MAX + 1);
}

static void print_row(const struct tro_table *t, const char *const *cells, const size_t *widths,
                      FILE *to)
{
    int last = t->n_columns - 1;
    while (last > 0 && !cells[last][0])
        last--;
    for (int i = 0; i <= last; i++) {
        char short_text[TEXT_MAX + 1];
        const char *text = cut(t, i, cells[i], short_text);
        const int pad = (int)(widths[i] - width_of(text));
        const bool is_right = t->heads[i][0] == '>';
        fprintf(to, "%*s%s", is_right ? pad : 0, "", text);
        if (i < last)
            fprintf(to, "%*s", (is_right ? 0 : pad) + 2, "");
    }
    fputc('\n', to);
}

void tro_table_print(const struct tro_table *t, FILE *to)
{
    const char *heads[TRO_TABLE_MAX_COLUMNS];
    size_t widths[TRO_TABLE_MAX_COLUMNS];
    if (t->failed) {
        fprintf(to, "(no memory for this table)\n");
        return;
    }
    for (int i = 0; i < t->n_columns; i++) {
        heads[i] = t->heads[i] + (t->heads[i][0] == '>' || t->heads[i][0] == '<');
        widths[i] = width_of(heads[i]);
    }
    for (int i = 0; i < t->n_cells; i++) {
        char short_text[TEXT_MAX + 1];
        const size_t w = width_of(cut(t, i % t->n_columns, t->cells[i], short_text));
        if (w > widths[i % t->n_columns])
            widths[i % t->n_columns] = w;
    }
    bool has_heads = false;
    for (int i = 0; i < t->n_columns; i++)
        has_heads |= heads[i][0] != 0;
    if (has_heads)
        print_row(t, heads, widths, to);
    for (int i = 0; i + t->n_columns <= t->n_cells; i += t->n_columns)
        print_row(t, t->cells + i, widths, to);
}
