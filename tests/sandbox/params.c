#include "params.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes into out, which must hold length + 1 bytes. */
static bool decode(char *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return false;
        *out++ = c;
    }
    *out = '\0';
    return true;
}

static char *append(struct params *params, size_t name_room, size_t value_room)
{
    struct param *param;

    if (params->count == PARAMS_MAX)
        return NULL;
    param = &params->items[params->count];
    param->name = calloc(1, name_room + value_room + 2);
    if (!param->name)
        return NULL;
    param->value = param->name + name_room + 1;
    params->count++;
    return param->name;
}

static bool parse_pair(struct params *params, const char *pair, size_t length)
{
    const char *equals = memchr(pair, '=', length);
    size_t name_length = equals ? (size_t)(equals - pair) : length;
    size_t value_length = equals ? length - name_length - 1 : 0;
    struct param *param;

    if (!append(params, name_length, value_length))
        return false;
    param = &params->items[params->count - 1];
    return decode(param->name, pair, name_length) &&
           (!equals || decode(param->value, equals + 1, value_length));
}

bool params_parse(struct params *params, const char *text, size_t length)
{
    while (length > 0) {
        const char *end = memchr(text, '&', length);
        size_t pair_length = end ? (size_t)(end - text) : length;

        if (pair_length > 0 && !parse_pair(params, text, pair_length))
            return false;
        if (!end)
            break;
        text += pair_length + 1;
        length -= pair_length + 1;
    }
    return true;
}

bool params_add(struct params *params, const char *name, const char *value)
{
    size_t name_length = strlen(name);
    size_t value_length = strlen(value);
    struct param *param;

    if (!append(params, name_length, value_length))
        return false;
    param = &params->items[params->count - 1];
    memcpy(param->name, name, name_length);
    memcpy(param->value, value, value_length);
    return true;
}

const char *params_get(const struct params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++) {
        if (strcmp(params->items[i].name, name) == 0)
            return params->items[i].value;
    }
    return NULL;
}

size_t params_times(const struct params *params, const char *name)
{
    size_t times = 0;

    for (size_t i = 0; i < params->count; i++) {
        if (strcmp(params->items[i].name, name) == 0)
            times++;
    }
    return times;
}

static char *encode_text(char *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._*", c)) {
            *out++ = (char)c;
        } else if (c == ' ') {
            *out++ = '+';
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    return out;
}

char *params_encode(const struct params *params)
{
    size_t room = 1;
    char *result, *out;

    for (size_t i = 0; i < params->count; i++)
        room += 3 * (strlen(params->items[i].name) + strlen(params->items[i].value)) + 2;
    result = out = malloc(room);
    if (!result)
        return NULL;
    for (size_t i = 0; i < params->count; i++) {
        if (i > 0)
            *out++ = '&';
        out = encode_text(out, params->items[i].name);
        *out++ = '=';
        out = encode_text(out, params->items[i].value);
    }
    *out = '\0';
    return result;
}

/* Length of the sequence that begins at s; 0 if it is not one. */
static size_t utf8_sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || (s[1] & 0xc0) != 0x80)
        return 0;
    if (s[0] < 0xe0)
        return 2;
    if ((s[2] & 0xc0) != 0x80)
        return 0;
    if (s[0] < 0xf0)
        return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
    if ((s[3] & 0xc0) != 0x80)
        return 0;
    return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
}

static bool is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s) {
        size_t length = utf8_sequence(s);

        if (length == 0)
            return false;
        s += length;
    }
    return true;
}

bool params_are_utf8(const struct params *params)
{
    for (size_t i = 0; i < params->count; i++) {
        if (!is_utf8(params->items[i].name) || !is_utf8(params->items[i].value))
            return false;
    }
    return true;
}

void params_clear(struct params *params)
{
    for (size_t i = 0; i < params->count; i++)
        free(params->items[i].name);
    params->count = 0;
}
