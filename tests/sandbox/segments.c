#include "segments.h"

#include <stdbool.h>
#include <stdint.h>

/* The basic table without ASCII, which is told by rule below. */
static const uint16_t gsm_beyond_ascii[] = {
    0xa1, 0xa3, 0xa4, 0xa5,  0xa7,  0xbf,  0xc4,  0xc5,  0xc6,  0xc7,  0xc9,  0xd1,  0xd6,
    0xd8, 0xdc, 0xdf, 0xe0,  0xe4,  0xe5,  0xe6,  0xe8,  0xe9,  0xec,  0xf1,  0xf2,  0xf6,
    0xf8, 0xf9, 0xfc, 0x393, 0x394, 0x398, 0x39b, 0x39e, 0x3a0, 0x3a3, 0x3a6, 0x3a8, 0x3a9,
};

static uint32_t next_code_point(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    unsigned more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? s[0] : s[0] & (0x3fu >> more);

    for (unsigned i = 1; i <= more; i++)
        point = point << 6 | (s[i] & 0x3fu);
    *text += more + 1;
    return point;
}

/* Septets of a character: 1, 2 (extension table) or 0 (not in GSM 03.38). */
static unsigned gsm_septets(uint32_t point)
{
    switch (point) {
    case '\f':
    case '^':
    case '{':
    case '}':
    case '\\':
    case '[':
    case '~':
    case ']':
    case '|':
    case 0x20ac:
        return 2;
    case '\n':
    case '\r':
        return 1;
    case '`':
        return 0;
    default:
        break;
    }
    if (point >= 0x20 && point < 0x7f)
        return 1;
    for (size_t i = 0; i < sizeof gsm_beyond_ascii / sizeof *gsm_beyond_ascii; i++) {
        if (gsm_beyond_ascii[i] == point)
            return 1;
    }
    return 0;
}

static unsigned utf16_units(uint32_t point)
{
    return point >= 0x10000 ? 2 : 1;
}

size_t segments_utf16_units(const char *text)
{
    size_t units = 0;

    while (*text)
        units += utf16_units(next_code_point(&text));
    return units;
}

static unsigned count_parts(const char *text, unsigned (*width)(uint32_t), unsigned alone,
                            unsigned part)
{
    unsigned total = 0, parts = 1, used = 0;

    while (*text) {
        unsigned wide = width(next_code_point(&text));

        total += wide;
        if (used + wide > part) {
            parts++;
            used = 0;
        }
        used += wide;
    }
    return total <= alone ? 1 : parts;
}

unsigned segments_count(const char *text)
{
    bool gsm = true;

    for (const char *s = text; *s && gsm;)
        gsm = gsm_septets(next_code_point(&s)) > 0;
    return gsm ? count_parts(text, gsm_septets, 160, 153) : count_parts(text, utf16_units, 70, 67);
}
