#include "json_scan.h"

#include <string.h>

#include "json.h"

struct scan {
    const char *s;
    size_t n, at;
    const char *why; /* what is wrong at `at` */
    char *out;
    size_t n_out;
};

static bool scan_value(struct scan *scan, int depth);

static bool wrong(struct scan *scan, const char *why)
{
    scan->why = why;
    return false;
}

/** The next byte; 0 at the end, which stands nowhere else in JSON. */
static char peek(const struct scan *scan)
{
    if (scan->at == scan->n)
        return '\0';
    return scan->s[scan->at];
}

static bool take(struct scan *scan, char c)
{
    if (scan->at == scan->n || scan->s[scan->at] != c)
        return false;
    scan->at++;
    return true;
}

static void put(struct scan *scan, struct text t)
{
    if (t.n)
        memcpy(scan->out + scan->n_out, t.s, t.n);
    scan->n_out += t.n;
}

static void put_char(struct scan *scan, char c)
{
    scan->out[scan->n_out++] = c;
}

/** What was read from `from` on. */
static struct text since(const struct scan *scan, size_t from)
{
    return (struct text){scan->s + from, scan->at - from};
}

/** Take a character that means the same to cJSON. */
static bool pass(struct scan *scan, char c)
{
    if (!take(scan, c))
        return false;
    put_char(scan, c);
    return true;
}

static void skip_space(struct scan *scan)
{
    while (take(scan, ' ') || take(scan, '\t') || take(scan, '\n') || take(scan, '\r'))
        ;
}

static bool take_digits(struct scan *scan)
{
    size_t start = scan->at;

    while (peek(scan) >= '0' && peek(scan) <= '9')
        scan->at++;
    return scan->at > start;
}

static bool scan_number(struct scan *scan)
{
    size_t start = scan->at;

    take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return wrong(scan, "unexpected character");
    if (take(scan, '.') && !take_digits(scan))
        return wrong(scan, "unfinished number");
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            take(scan, '-');
        if (!take_digits(scan))
            return wrong(scan, "unfinished number");
    }
    put_char(scan, '"');
    put_char(scan, JSON_NUMBER_MARK);
    put(scan, since(scan, start));
    put_char(scan, '"');
    return true;
}

/** The four hexadecimal digits behind \u; -1 where they are not there. */
static int take_hex4(struct scan *scan)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        char c = peek(scan);
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
        scan->at++;
    }
    return value;
}

/** The second half of a surrogate pair; what is none is left for its own turn. */
static bool take_low_surrogate(struct scan *scan)
{
    size_t start = scan->at;

    if (take(scan, '\\') && take(scan, 'u')) {
        int unit = take_hex4(scan);
        if (unit >= 0xDC00 && unit <= 0xDFFF)
            return true;
    }
    scan->at = start;
    return false;
}

/** Behind \u. *ret_unit: the code unit, 0xFFFD for half a surrogate pair. */
static bool scan_unicode_escape(struct scan *scan, int *ret_unit)
{
    int unit = take_hex4(scan);

    if (unit < 0)
        return wrong(scan, "bad escape");
    if (unit >= 0xD800 && unit <= 0xDFFF && !(unit <= 0xDBFF && take_low_surrogate(scan)))
        unit = 0xFFFD;
    *ret_unit = unit;
    return true;
}

/** Behind a backslash; `*from` is what was not put out yet. */
static bool scan_escape(struct scan *scan, size_t *from, bool *nul)
{
    size_t start = scan->at - 1;
    int unit;

    if (!take(scan, 'u')) {
        if (!peek(scan) || !strchr("\"\\/bfnrt", peek(scan)))
            return wrong(scan, "bad escape");
        scan->at++;
        return true;
    }
    if (!scan_unicode_escape(scan, &unit))
        return false;
    if (unit != 0 && unit != 0xFFFD)
        return true;
    *nul = *nul || unit == 0;
    put(scan, (struct text){scan->s + *from, start - *from});
    put(scan, TEXT("\xEF\xBF\xBD"));
    *from = scan->at;
    return true;
}

static bool scan_string(struct scan *scan)
{
    bool nul = false;

    if (!pass(scan, '"'))
        return wrong(scan, "string expected");
    size_t from = scan->at, first = scan->n_out;
    while (!take(scan, '"')) {
        if (scan->at == scan->n)
            return wrong(scan, "unfinished string");
        unsigned char c = (unsigned char)peek(scan);
        if (c < 0x20)
            return wrong(scan, "control character in a string");
        scan->at++;
        if (c == '\\' && !scan_escape(scan, &from, &nul))
            return false;
    }
    put(scan, since(scan, from));
    if (!nul)
        return true;
    memmove(scan->out + first + 1, scan->out + first, scan->n_out - first);
    scan->out[first] = JSON_NUL_MARK;
    scan->n_out++;
    return true;
}

static bool scan_array(struct scan *scan, int depth)
{
    skip_space(scan);
    if (pass(scan, ']'))
        return true;
    do {
        if (!scan_value(scan, depth))
            return false;
    } while (pass(scan, ','));
    return pass(scan, ']') || wrong(scan, "',' or ']' expected");
}

static bool scan_object(struct scan *scan, int depth)
{
    skip_space(scan);
    if (pass(scan, '}'))
        return true;
    do {
        skip_space(scan);
        if (!scan_string(scan))
            return false;
        skip_space(scan);
        if (!pass(scan, ':'))
            return wrong(scan, "':' expected");
        if (!scan_value(scan, depth))
            return false;
    } while (pass(scan, ','));
    return pass(scan, '}') || wrong(scan, "',' or '}' expected");
}

static bool scan_word(struct scan *scan, struct text word)
{
    if (!text_starts(text_skip((struct text){scan->s, scan->n}, scan->at), word))
        return wrong(scan, "unexpected character");
    scan->at += word.n;
    put(scan, word);
    return true;
}

static bool scan_plain(struct scan *scan)
{
    switch (peek(scan)) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, TEXT("true"));
    case 'f':
        return scan_word(scan, TEXT("false"));
    case 'n':
        return scan_word(scan, TEXT("null"));
    default:
        return scan_number(scan);
    }
}

/** A value with the white space around it; `depth` counts the arrays and objects that it is in. */
static bool scan_value(struct scan *scan, int depth)
{
    skip_space(scan);
    bool object = pass(scan, '{');
    if (object || pass(scan, '[')) {
        if (depth >= JSON_DEPTH_MAX)
            return wrong(scan, "nested too deeply");
        if (!(object ? scan_object : scan_array)(scan, depth + 1))
            return false;
    } else if (!scan_plain(scan)) {
        return false;
    }
    skip_space(scan);
    return true;
}

static bool scan_text(struct scan *scan)
{
    static const struct text mark = {"\xEF\xBB\xBF", 3}; /* byte order */

    if (!text_is_utf8((struct text){scan->s, scan->n}))
        return wrong(scan, "not valid UTF-8");
    if (text_starts((struct text){scan->s, scan->n}, mark))
        scan->at = mark.n;
    skip_space(scan);
    if (peek(scan) != '{')
        return wrong(scan, scan->at == scan->n ? "it is empty" : "not an object");
    if (!scan_value(scan, 0))
        return false;
    return scan->at == scan->n || wrong(scan, "text behind the object");
}

static void say_wrong(const struct scan *scan, struct fault *reterr)
{
    fault_set(reterr, FAULT_INVALID_JSON, "bad JSON at byte %zu: %s", scan->at, scan->why);
    if (scan->at)
        fault_say(reterr, "Request body must be a JSON object: %s at byte %zu", scan->why,
                  scan->at);
    else
        fault_say(reterr, "Request body must be a JSON object: %s", scan->why);
}

bool json_scan(struct text text, char *out, size_t *ret_n, struct fault *reterr)
{
    struct scan scan = {.s = text.s, .n = text.n};

    scan.out = out;

    if (!scan_text(&scan)) {
        say_wrong(&scan, reterr);
        return false;
    }
    put_char(&scan, '\0');
    *ret_n = scan.n_out;
    return true;
}
