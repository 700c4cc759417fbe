#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buffer_init(struct buffer *b, struct arena *arena, size_t cap)
{
    *b = (struct buffer){.arena = arena, .cap = cap};
}

static bool make_room(struct buffer *b, size_t more)
{
    if (b->failed || more > b->cap - b->n) {
        b->failed = true;
        return false;
    }
    if (b->n + more + 1 <= b->room)
        return true;
    size_t room = b->room ? b->room * 2 : 256;
    while (room < b->n + more + 1)
        room *= 2;
    char *grown = arena_new(b->arena, char, room);
    if (!grown) {
        b->failed = true;
        return false;
    }
    if (b->n)
        memcpy(grown, b->s, b->n);
    b->s = grown;
    b->room = room;
    return true;
}

void buffer_add(struct buffer *b, struct text t)
{
    if (t.n == 0 || !make_room(b, t.n))
        return;
    memcpy(b->s + b->n, t.s, t.n);
    b->n += t.n;
}

void buffer_add_char(struct buffer *b, char c)
{
    buffer_add(b, (struct text){&c, 1});
}

void buffer_addf(struct buffer *b, const char *format, ...)
{
    char piece[1024];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(piece)) {
        b->failed = true;
        return;
    }
    buffer_add(b, (struct text){piece, (size_t)n});
}

static void add_json_char(struct buffer *b, uint32_t c, struct text bytes)
{
    switch (c) {
    case '"':
        buffer_add(b, TEXT("\\\""));
        return;
    case '\\':
        buffer_add(b, TEXT("\\\\"));
        return;
    case '\n':
        buffer_add(b, TEXT("\\n"));
        return;
    case '\r':
        buffer_add(b, TEXT("\\r"));
        return;
    case '\t':
        buffer_add(b, TEXT("\\t"));
        return;
    case 0xFFFD:
        buffer_add(b, TEXT("\xEF\xBF\xBD"));
        return;
    default:
        if (c < 0x20 || c == 0x7F)
            buffer_addf(b, "\\u%04x", (unsigned)c);
        else
            buffer_add(b, bytes);
    }
}

/** How many characters, from the start, are ASCII that stands for itself: nearly all of them. */
static size_t plain_run(struct text t)
{
    size_t n = 0;

    while (n < t.n && t.s[n] >= ' ' && t.s[n] < 0x7F && t.s[n] != '"' && t.s[n] != '\\')
        n++;
    return n;
}

void buffer_add_json(struct buffer *b, struct text t)
{
    buffer_add_char(b, '"');
    for (size_t at = 0; at < t.n;) {
        size_t start = at, run = plain_run(text_skip(t, at));
        if (run) {
            buffer_add(b, (struct text){t.s + at, run});
            at += run;
            continue;
        }
        uint32_t c = text_next(t, &at);
        add_json_char(b, c, (struct text){t.s + start, at - start});
    }
    buffer_add_char(b, '"');
}

void buffer_add_member(struct buffer *b, const char *name, struct text value)
{
    if (value.n == 0)
        return;
    buffer_addf(b, ",\"%s\":", name);
    buffer_add_json(b, value);
}

void buffer_add_element(struct buffer *b, struct text t)
{
    if (t.n == 0) {
        buffer_add(b, TEXT("NULL"));
        return;
    }
    buffer_add_char(b, '"');
    for (size_t i = 0, start = 0; i < t.n; i++) {
        if (t.s[i] == '"' || t.s[i] == '\\') {
            buffer_add(b, (struct text){t.s + start, i - start});
            buffer_add_char(b, '\\');
            start = i;
        }
        if (i + 1 == t.n)
            buffer_add(b, text_skip(t, start));
    }
    buffer_add_char(b, '"');
}

void buffer_add_urlencoded(struct buffer *b, struct text t)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < t.n; i++) {
        struct text one = {t.s + i, 1};
        unsigned char byte = (unsigned char)t.s[i];
        if (text_only(one, "-._~"))
            buffer_add(b, one);
        else
            buffer_add(b, (struct text){(char[]){'%', hex[byte >> 4], hex[byte & 15]}, 3});
    }
}

bool buffer_text(const struct buffer *b, struct text *ret_text)
{
    if (b->failed)
        return false;
    *ret_text = b->n ? (struct text){b->s, b->n} : TEXT("");
    return true;
}
