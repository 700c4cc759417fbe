#include "phone.h"

#include <string.h>

/* Bytes: fifteen digits of three bytes fit, with two such marks beside each. */
#define TYPED_MAX 160
/* "00" and the fifteen digits of E.164. */
#define DIGITS_MAX 17

#define FOREIGN_MIN 8
#define FOREIGN_MAX 15

/*
 * Egypt's numbers without the trunk 0, as libphonenumber has them (region EG), but for the area
 * code 15 (10th of Ramadan): what begins so and is no mobile is a mobile that lacks a digit. No
 * number fits two entries, so their order says nothing.
 */
static const struct plan {
    enum phone_kind kind;
    const char *prefix;
    size_t least, most; /* digits in all */
} plans[] = {
    {PHONE_MOBILE, "10", 10, 10},    /* Vodafone */
    {PHONE_MOBILE, "11", 10, 10},    /* Etisalat, now e& */
    {PHONE_MOBILE, "12", 10, 10},    /* Orange */
    {PHONE_MOBILE, "15", 10, 10},    /* WE */
    {PHONE_LANDLINE, "2", 9, 9},     /* Cairo, Giza */
    {PHONE_LANDLINE, "3", 8, 8},     /* Alexandria */
    {PHONE_LANDLINE, "132", 9, 9},   /* Banha */
    {PHONE_LANDLINE, "133", 9, 9},   /* Banha */
    {PHONE_LANDLINE, "40", 9, 9},    /* Tanta */
    {PHONE_LANDLINE, "45", 9, 9},    /* Damanhur */
    {PHONE_LANDLINE, "46", 9, 9},    /* Marsa Matruh */
    {PHONE_LANDLINE, "47", 9, 9},    /* Kafr el-Sheikh */
    {PHONE_LANDLINE, "48", 9, 9},    /* Shibin el-Kom */
    {PHONE_LANDLINE, "50", 9, 9},    /* Mansoura */
    {PHONE_LANDLINE, "55", 9, 9},    /* Zagazig */
    {PHONE_LANDLINE, "57", 8, 9},    /* Damietta */
    {PHONE_LANDLINE, "62", 9, 9},    /* Suez */
    {PHONE_LANDLINE, "64", 9, 9},    /* Ismailia */
    {PHONE_LANDLINE, "65", 9, 9},    /* Hurghada */
    {PHONE_LANDLINE, "66", 9, 9},    /* Port Said */
    {PHONE_LANDLINE, "68", 9, 9},    /* Arish */
    {PHONE_LANDLINE, "69", 9, 9},    /* Tor, Sharm el-Sheikh */
    {PHONE_LANDLINE, "82", 9, 9},    /* Beni Suef */
    {PHONE_LANDLINE, "84", 9, 9},    /* Faiyum */
    {PHONE_LANDLINE, "86", 9, 9},    /* Minya */
    {PHONE_LANDLINE, "88", 9, 9},    /* Asyut */
    {PHONE_LANDLINE, "92", 9, 9},    /* Kharga */
    {PHONE_LANDLINE, "93", 9, 9},    /* Sohag */
    {PHONE_LANDLINE, "95", 9, 9},    /* Luxor */
    {PHONE_LANDLINE, "96", 9, 9},    /* Qena */
    {PHONE_LANDLINE, "97", 9, 9},    /* Aswan */
    {PHONE_LANDLINE, "800", 10, 10}, /* toll-free */
    {PHONE_LANDLINE, "900", 10, 10}, /* premium rate */
};

/* What stands between digits and means nothing. Parentheses are looked at by themselves; line
 * breaks are not here: they part two numbers. */
static const struct range {
    uint32_t first, last;
} separators[] = {
    {'\t', '\t'},     /* tab */
    {' ', ' '},       /* space */
    {'-', '.'},       /* dash, dot */
    {0x00A0, 0x00A0}, /* no-break space */
    {0x00AD, 0x00AD}, /* soft hyphen */
    {0x00B7, 0x00B7}, /* middle dot */
    {0x061C, 0x061C}, /* Arabic letter mark */
    {0x0640, 0x0640}, /* tatweel, the dash at hand on an Arabic keyboard */
    {0x1680, 0x1680}, /* ogham space */
    {0x180E, 0x180E}, /* Mongolian vowel separator */
    {0x2000, 0x2015}, /* spaces by width, joiners, direction marks, dashes */
    {0x2024, 0x2024}, /* one dot leader */
    {0x202A, 0x202F}, /* embeddings and overrides, narrow no-break space */
    {0x2043, 0x2043}, /* hyphen bullet */
    {0x205F, 0x2060}, /* mathematical space, word joiner */
    {0x2066, 0x206F}, /* isolates, digit shapes */
    {0x2212, 0x2212}, /* minus */
    {0x3000, 0x3000}, /* ideographic space */
    {0xFE58, 0xFE58}, /* small em dash */
    {0xFE63, 0xFE63}, /* small hyphen */
    {0xFEFF, 0xFEFF}, /* byte order mark */
    {0xFF0D, 0xFF0E}, /* full-width hyphen and dot */
};

/** What was typed, bared of separators. */
struct dialled {
    bool plus;
    size_t n;
    char digits[DIGITS_MAX];
};

/** What it means: `lead` and `rest` together are the E.164 form. */
struct number {
    struct text lead, rest;
    enum phone_kind kind;
};

static bool is_separator(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(separators); i++)
        if (c >= separators[i].first && c <= separators[i].last)
            return true;
    return false;
}

/** '+', small and full-width. Arabic keyboards type the first. */
static bool is_plus(uint32_t c)
{
    return c == '+' || c == 0xFE62 || c == 0xFF0B;
}

/** ASCII, Arabic-Indic, Eastern Arabic or full-width. */
static bool read_digit(uint32_t c, char *ret_digit)
{
    static const uint32_t zeros[] = {'0', 0x0660, 0x06F0, 0xFF10};

    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        if (c >= zeros[i] && c <= zeros[i] + 9) {
            *ret_digit = (char)('0' + (c - zeros[i]));
            return true;
        }
    return false;
}

/** Is this a country code of another country, whole? (ITU-T E.164, assigned codes) */
static bool is_country_code(struct text digits)
{
    /* by the first digit, the second digits of codes of two; all other codes have three */
    static const char *const twos[10] = {
        [2] = "07",      [3] = "0123469", [4] = "013456789", [5] = "12345678",
        [6] = "0123456", [8] = "1246",    [9] = "0123458"};
    if (digits.n == 0)
        return false;
    if (digits.s[0] == '1' || digits.s[0] == '7')
        return digits.n == 1;
    const char *two = twos[digits.s[0] - '0'];
    bool short_code = digits.n > 1 && two && strchr(two, digits.s[1]);
    return digits.s[0] != '0' && digits.n == (short_code ? 2 : 3) &&
           !text_equal(digits, TEXT("20"));
}

/** Has so much of it called another country, and nothing else yet? */
static bool has_called_abroad(const struct dialled *dialled, size_t n)
{
    struct text digits = {dialled->digits, n};

    if (!dialled->plus && !text_starts(digits, TEXT("00")))
        return false;
    return is_country_code(text_skip(digits, dialled->plus ? 0 : 2));
}

/** A nought alone in parentheses behind the country code is not dialled from abroad: it goes. */
static void drop_trunk_zero(struct dialled *dialled, size_t opened)
{
    if (dialled->n == opened + 1 && dialled->digits[opened] == '0' &&
        has_called_abroad(dialled, opened))
        dialled->n--;
}

static bool read_dialled(struct text typed, struct dialled *ret_dialled, struct fault *reterr)
{
    struct dialled dialled = {0};
    size_t opened = DIGITS_MAX; /* the digits before the last parenthesis; none opened: all */
    char digit;

    if (typed.n > TYPED_MAX)
        return fault_set(reterr, FAULT_INVALID_PHONE, "phone has %zu bytes", typed.n);
    for (size_t at = 0; at < typed.n;) {
        uint32_t c = text_next(typed, &at);
        if (read_digit(c, &digit)) {
            if (dialled.n == DIGITS_MAX)
                return fault_set(reterr, FAULT_INVALID_PHONE, "phone has too many digits");
            dialled.digits[dialled.n++] = digit;
        } else if (is_plus(c) && !dialled.plus && dialled.n == 0) {
            dialled.plus = true;
        } else if (c == '(' || c == 0xFF08) {
            opened = dialled.n;
        } else if (c == ')' || c == 0xFF09) {
            drop_trunk_zero(&dialled, opened);
            opened = DIGITS_MAX;
        } else if (!is_separator(c)) {
            return fault_set(reterr, FAULT_INVALID_PHONE, "phone has U+%04X inside", (unsigned)c);
        }
    }
    *ret_dialled = dialled;
    return true;
}

static const struct plan *find_plan(struct text national)
{
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        if (text_starts(national, text_of(plans[i].prefix)) && national.n >= plans[i].least &&
            national.n <= plans[i].most)
            return &plans[i];
    return NULL;
}

/** A number inside Egypt, with or without the trunk 0. */
static bool read_egyptian(struct text digits, struct number *ret_number)
{
    if (text_starts(digits, TEXT("0")))
        digits = text_skip(digits, 1);
    const struct plan *plan = find_plan(digits);
    if (plan)
        *ret_number = (struct number){TEXT("+20"), digits, plan->kind};
    return plan != NULL;
}

/** A number that begins with its country code, which never begins with 0. */
static bool read_international(struct text digits, struct number *ret_number)
{
    if (text_starts(digits, TEXT("20")))
        return read_egyptian(text_skip(digits, 2), ret_number);
    if (digits.n < FOREIGN_MIN || digits.n > FOREIGN_MAX || digits.s[0] == '0')
        return false;
    *ret_number = (struct number){TEXT("+"), digits, PHONE_FOREIGN};
    return true;
}

static bool read_number(const struct dialled *dialled, struct number *ret_number)
{
    struct text digits = {dialled->digits, dialled->n};

    if (dialled->plus)
        return read_international(digits, ret_number);
    if (text_starts(digits, TEXT("00")))
        return read_international(text_skip(digits, 2), ret_number);
    if (read_egyptian(digits, ret_number))
        return true;
    return text_starts(digits, TEXT("20")) && read_egyptian(text_skip(digits, 2), ret_number);
}

bool phone_normalize(struct arena *arena, struct text typed, struct phone *ret_phone,
                     struct fault *reterr)
{
    struct dialled dialled = {0};
    struct number number = {0};

    if (!read_dialled(text_strip(typed), &dialled, reterr))
        return false;
    if (!read_number(&dialled, &number))
        return fault_set(reterr, FAULT_INVALID_PHONE, "phone of %zu digit%s fits no numbering plan",
                         dialled.n, text_plural(dialled.n));
    size_t n = number.lead.n + number.rest.n;
    char *e164 = arena_new(arena, char, n + 1);
    if (!e164)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a phone number");
    memcpy(e164, number.lead.s, number.lead.n);
    memcpy(e164 + number.lead.n, number.rest.s, number.rest.n);
    *ret_phone = (struct phone){{e164, n}, number.kind};
    return true;
}
