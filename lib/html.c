#include "html.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_no_character(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0) ||
           (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

static const char *escape_of(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return is_no_character(c) || c == 0xFFFD ? "\xEF\xBF\xBD" : NULL;
    }
}

void html_text(struct buffer *b, struct text t)
{
    for (size_t at = 0; at < t.n;) {
        size_t start = at;
        uint32_t c = text_next(t, &at);
        const char *escape = escape_of(c);
        if (escape)
            buffer_add(b, text_of(escape));
        else if (!text_turns_direction(c))
            buffer_add(b, (struct text){t.s + start, at - start});
    }
}

void html_textf(struct buffer *b, const char *format, ...)
{
    char piece[256];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(piece))
        b->failed = true;
    else
        html_text(b, (struct text){piece, (size_t)n});
}

void html_open_with(struct buffer *b, const char *name, const char *const *attributes)
{
    buffer_addf(b, "<%s", name);
    for (; attributes[0] && attributes[1]; attributes += 2) {
        buffer_addf(b, " %s=\"", attributes[0]);
        html_text(b, text_of(attributes[1]));
        buffer_add_char(b, '"');
    }
    buffer_add_char(b, '>');
}

void html_close(struct buffer *b, const char *name)
{
    buffer_addf(b, "</%s>", name);
}

void html_element(struct buffer *b, const char *name, const char *class, struct text t)
{
    html_open(b, name, class ? "class" : NULL, class, NULL);
    html_text(b, t);
    html_close(b, name);
}

void html_raw(struct buffer *b, const char *html)
{
    buffer_add(b, text_of(html));
}

void html_bar(struct buffer *b, const char *class, double x, double y, double width, double height)
{
    buffer_addf(b, "<rect class=\"%s\" x=\"%.4g\" y=\"%.4g\" width=\"%.4g\" height=\"%.4g\"/>",
                class, x, y, width, height);
}
