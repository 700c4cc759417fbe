#include "text.h"

#include <string.h>

struct text text_of(const char *cstr)
{
    return (struct text){cstr, cstr ? strlen(cstr) : 0};
}

bool text_equal(struct text a, struct text b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool text_equal_nocase(struct text a, struct text b)
{
    return a.n == b.n && text_starts_nocase(a, b);
}

bool text_starts(struct text t, struct text prefix)
{
    return t.n >= prefix.n && text_equal((struct text){t.s, prefix.n}, prefix);
}

bool text_starts_nocase(struct text t, struct text prefix)
{
    if (t.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (lower(t.s[i]) != lower(prefix.s[i]))
            return false;
    return true;
}

struct text text_skip(struct text t, size_t n)
{
    return n ? (struct text){t.s + n, t.n - n} : t;
}

struct text text_without(struct text t, struct text prefix)
{
    return text_starts(t, prefix) ? text_skip(t, prefix.n) : t;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text text_trim(struct text t)
{
    while (t.n && is_space(t.s[0]))
        t = text_skip(t, 1);
    while (t.n && is_space(t.s[t.n - 1]))
        t.n--;
    return t;
}

bool text_is_line_end(uint32_t c)
{
    return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool text_turns_direction(uint32_t c)
{
    return c == 0x200E || c == 0x200F || c == 0x061C || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

bool text_is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || text_is_line_end(c) || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

/** White space, or what takes no room: joiners, direction marks, embeddings, isolates. */
static bool is_invisible(uint32_t c)
{
    return text_is_space(c) || c == 0xAD || c == 0x61C || c == 0x180E ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

/** Where the last character begins; needs t.n > 0. */
static size_t last_start(struct text t)
{
    size_t at = t.n - 1;

    while (at > 0 && t.n - at < 4 && ((unsigned char)t.s[at] & 0xC0) == 0x80)
        at--;
    return at;
}

struct text text_strip(struct text t)
{
    size_t at = 0, start = 0;

    while (at < t.n && is_invisible(text_next(t, &at)))
        start = at;
    t = text_skip(t, start);
    while (t.n) {
        size_t last = at = last_start(t);
        if (!is_invisible(text_next(t, &at)) || at != t.n)
            break;
        t.n = last;
    }
    return t;
}

bool text_cut(struct text t, char sep, struct text *ret_head, struct text *ret_tail)
{
    const char *at = t.n ? memchr(t.s, sep, t.n) : NULL;

    if (!at) {
        *ret_head = t;
        *ret_tail = (struct text){0};
        return false;
    }
    *ret_head = (struct text){t.s, (size_t)(at - t.s)};
    *ret_tail = text_skip(t, ret_head->n + 1);
    return true;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_only(struct text t, const char *more)
{
    for (size_t i = 0; i < t.n; i++)
        if (!is_alnum(t.s[i]) && !(t.s[i] && strchr(more, t.s[i])))
            return false;
    return true;
}

bool text_number(struct text t, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (t.n == 0)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.s[i] < '0' || t.s[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(t.s[i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

bool text_is_hex(struct text t)
{
    for (size_t i = 0; i < t.n; i++)
        if (!is_hex(t.s[i]))
            return false;
    return true;
}

bool text_is_uuid(struct text t)
{
    if (t.n != 36)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? t.s[i] != '-' : !is_hex(t.s[i]))
            return false;
    }
    return true;
}

/** How long the sequence is that starts with this byte; 0 where none can. */
static size_t utf8_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    if (lead >= 0xF0 && lead <= 0xF4)
        return 4;
    return 0;
}

/** The character at the slice's start; false where it is not well formed. */
static bool utf8_decode(struct text t, uint32_t *ret_char, size_t *ret_length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)t.s[0];
    size_t n = utf8_length(lead);

    if (n == 0 || n > t.n)
        return false;
    uint32_t c = n == 1 ? lead : lead & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)t.s[i];
        if ((next & 0xC0) != 0x80)
            return false;
        c = (c << 6) | (next & 0x3Fu);
    }
    if (c < least[n] || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
        return false;
    *ret_char = c;
    *ret_length = n;
    return true;
}

bool text_is_utf8(struct text t)
{
    uint32_t c;
    size_t n;

    while (t.n) {
        if (!utf8_decode(t, &c, &n))
            return false;
        t = text_skip(t, n);
    }
    return true;
}

uint32_t text_next(struct text t, size_t *at)
{
    uint32_t c = 0xFFFD;
    size_t n = 1;

    if (!utf8_decode(text_skip(t, *at), &c, &n))
        n = 1;
    *at += n;
    return c;
}

size_t text_utf16_units(struct text t)
{
    size_t units = 0;

    for (size_t at = 0; at < t.n;)
        units += text_next(t, &at) > 0xFFFF ? 2 : 1;
    return units;
}

struct text text_clip(struct text t, size_t max)
{
    if (t.n <= max)
        return t;
    while (max && ((unsigned char)t.s[max] & 0xC0) == 0x80)
        max--;
    return (struct text){t.s, max};
}

const char *text_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

bool text_equal_secret(struct text a, struct text b)
{
    volatile unsigned char differ = a.n == b.n ? 0 : 1;

    for (size_t i = 0; i < a.n; i++)
        differ |= (unsigned char)(a.s[i] ^ (b.n ? b.s[i % b.n] : 0));
    return differ == 0;
}
