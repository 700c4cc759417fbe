#include "unit.h"

/* --- Two slices compared. --- */

static struct pair_row {
    const char *label, *a, *b;
    bool equal, nocase, starts, starts_nocase; /* the last two: does a start with b */
} pairs[] = {
    {"two empty texts", "", "", true, true, true, true},
    {"every text starts with the empty one", "a", "", false, false, true, true},
    {"the empty text starts with no other", "", "a", false, false, false, false},
    {"the same text", "sms", "sms", true, true, true, true},
    {"the same text in another case", "SMS", "sms", false, true, false, true},
    {"a longer text", "smsx", "sms", false, false, true, true},
    {"a longer text in another case", "SMSX", "sms", false, false, false, true},
    {"a shorter text", "sm", "sms", false, false, false, false},
    {"the last byte differs", "smt", "sms", false, false, false, false},
    {"the first byte differs", "tms", "sms", false, false, false, false},
    {"case is folded from A to Z", "AZ", "az", false, true, false, true},
    {"the neighbours of A and Z are not folded", "@[", "`{", false, false, false, false},
    {"letters outside ASCII are not folded", "\u00C9", "\u00E9", false, false, false, false},
};

static void test_pair(void **state)
{
    const struct pair_row *row = *state;
    struct text a = text_of(row->a), b = text_of(row->b);

    assert_int_equal(text_equal(a, b), row->equal);
    assert_int_equal(text_equal(b, a), row->equal);
    assert_int_equal(text_equal_nocase(a, b), row->nocase);
    assert_int_equal(text_equal_nocase(b, a), row->nocase);
    assert_int_equal(text_equal_secret(a, b), row->equal);
    assert_int_equal(text_equal_secret(b, a), row->equal);
    assert_int_equal(text_starts(a, b), row->starts);
    assert_int_equal(text_starts_nocase(a, b), row->starts_nocase);
}

static void test_secret_any_bit(void **state)
{
    char a[28], b[28];

    (void)state;
    memset(a, 'x', sizeof(a));
    for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
        memcpy(b, a, sizeof(b));
        b[bit / 8] = (char)(b[bit / 8] ^ (1 << bit % 8));
        assert_false(text_equal_secret((struct text){a, sizeof(a)}, (struct text){b, sizeof(b)}));
    }
    /* The shorter one repeated gives the longer: only the length tells them apart. */
    assert_false(text_equal_secret(TEXT("abab"), TEXT("ab")));
    assert_false(text_equal_secret(TEXT("ab"), TEXT("abab")));
    assert_false(text_equal_secret(TEXT("a\0"), TEXT("a")));
    assert_false(text_equal_secret(TEXT("\0"), TEXT("")));
    assert_true(text_equal_secret(TEXT("a\0b"), TEXT("a\0b")));
}

static void test_of(void **state)
{
    struct text none = text_of(NULL), t = text_of("abc");

    (void)state;
    assert_int_equal(none.n, 0);
    assert_true(text_equal(none, TEXT("")));
    assert_int_equal(t.n, 3);
    assert_int_equal(TEXT("a\0b").n, 3);
    assert_false(text_equal(TEXT("a\0b"), TEXT("a\0c")));
}

static void test_skip(void **state)
{
    struct text none = {0};

    (void)state;
    assert_text_equal(text_skip(TEXT("abc"), 0), "abc");
    assert_text_equal(text_skip(TEXT("abc"), 2), "c");
    assert_text_equal(text_skip(TEXT("abc"), 3), "");
    assert_null(text_skip(none, 0).s);
}

/* --- Trimming. --- */

static struct trim_row {
    const char *label, *in, *want;
} trims[] = {
    {"nothing to trim", "a", "a"},
    {"the empty text trimmed", "", ""},
    {"only white space trimmed", " \t\r\n", ""},
    {"white space at both ends", "\r\n\t a b \t\r\n", "a b"},
    {"other control characters stay", "\v\fa\x01", "\v\fa\x01"},
    {"a no-break space stays", "\u00A0", "\u00A0"},
};

static void test_trim(void **state)
{
    const struct trim_row *row = *state;

    assert_text_equal(text_trim(text_of(row->in)), row->want);
}

/* --- Cutting. --- */

static struct cut_row {
    const char *label, *in;
    bool found;
    const char *head, *tail;
} cuts[] = {
    {"cut in the middle", "a=b", true, "a", "b"},
    {"only the first separator cuts", "a=b=c", true, "a", "b=c"},
    {"a separator at the start", "=b", true, "", "b"},
    {"a separator at the end", "a=", true, "a", ""},
    {"no separator", "ab", false, "ab", ""},
    {"nothing to cut", "", false, "", ""},
};

static void test_cut(void **state)
{
    const struct cut_row *row = *state;
    struct text head = TEXT("before"), tail = TEXT("before");

    assert_int_equal(text_cut(text_of(row->in), '=', &head, &tail), row->found);
    assert_text_equal(head, row->head);
    assert_text_equal(tail, row->tail);
}

static void test_cut_list(void **state)
{
    struct text rest = TEXT("a,,c,"), item;
    char seen[16] = "";
    size_t n = 0;

    (void)state;
    while (rest.n) {
        text_cut(rest, ',', &item, &rest);
        seen[n++] = item.n ? item.s[0] : '-';
    }
    assert_string_equal(seen, "a-c");
}

/* --- Character classes and numbers. --- */

static struct only_row {
    const char *label, *in, *more;
    bool want;
} onlys[] = {
    {"the empty text holds nothing else", "", "", true},
    {"the bounds of letters and digits", "azAZ09", "", true},
    {"the characters beside them", "/", "", false},
    {"a colon is no digit", ":", "", false},
    {"an at sign is no letter", "@", "", false},
    {"a bracket is no letter", "[", "", false},
    {"a backquote is no letter", "`", "", false},
    {"a brace is no letter", "{", "", false},
    {"a dash where dashes are allowed", "a-b", "-._~", true},
    {"a dash where none is allowed", "a-b", "._~", false},
    {"a letter outside ASCII", "\u00E9", "", false},
};

static void test_only(void **state)
{
    const struct only_row *row = *state;

    assert_int_equal(text_only(text_of(row->in), row->more), row->want);
}

static void test_only_nul(void **state)
{
    (void)state;
    assert_false(text_only(TEXT("a\0b"), "-"));
}

static struct number_row {
    const char *label, *in;
    uint64_t max;
    bool good;
    uint64_t want;
} numbers[] = {
    {"zero", "0", 10, true, 0},
    {"leading zeros", "007", 10, true, 7},
    {"many leading zeros", "0000000000000000000000000000001", 10, true, 1},
    {"the maximum", "65536", 65536, true, 65536},
    {"one above the maximum", "65537", 65536, false, 0},
    {"one digit more than the maximum", "655360", 65536, false, 0},
    {"a digit above a small maximum", "7", 5, false, 0},
    {"zero where the maximum is zero", "0", 0, true, 0},
    {"one where the maximum is zero", "1", 0, false, 0},
    {"the greatest of 64 bits", "18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"one above 64 bits", "18446744073709551616", UINT64_MAX, false, 0},
    {"ten times 64 bits", "184467440737095516150", UINT64_MAX, false, 0},
    {"no digit", "", 10, false, 0},
    {"a plus sign", "+1", 10, false, 0},
    {"a minus sign", "-1", 10, false, 0},
    {"a space in front", " 1", 10, false, 0},
    {"a space behind", "1 ", 10, false, 0},
    {"a letter behind", "1a", 100, false, 0},
    {"hexadecimal", "0x1", 10, false, 0},
    {"the character before 0", "/", 10, false, 0},
    {"the character behind 9", ":", 10, false, 0},
    {"an Arabic digit", "١", 10, false, 0},
};

static void test_number(void **state)
{
    const struct number_row *row = *state;
    uint64_t value = 42;

    assert_int_equal(text_number(text_of(row->in), row->max, &value), row->good);
    assert_int_equal(value, row->good ? row->want : 42);
}

static struct yes_row {
    const char *label, *in;
    bool want;
} uuids[] = {
    {"a UUID in small letters", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", true},
    {"a UUID in capitals", "0199A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B", true},
    {"the nil UUID", "00000000-0000-0000-0000-000000000000", true},
    {"no UUID: empty", "", false},
    {"no UUID: one digit short", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5", false},
    {"no UUID: one digit long", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0", false},
    {"no UUID: a letter that is no digit", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g", false},
    {"no UUID: without dashes", "0199a1b2c3d47e5f8a9b0c1d2e3f4a5b0000", false},
    {"no UUID: a dash too early", "0199a1b-2c3d4-7e5f-8a9b-0c1d2e3f4a5b", false},
    {"no UUID: a dash for a digit", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a--", false},
    {"no UUID: in braces", "{0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}", false},
    {"no UUID: with a line break", "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5\n", false},
};

static void test_uuid(void **state)
{
    const struct yes_row *row = *state;

    assert_int_equal(text_is_uuid(text_of(row->in)), row->want);
}

/* --- UTF-8, after the table of well-formed sequences in the Unicode standard (3-7). --- */

static struct yes_row utf8s[] = {
    {"the empty text is UTF-8", "", true},
    {"ASCII is UTF-8", "a~\x7F", true},
    {"Arabic is UTF-8", "مرحبا", true},
    {"the first and last of two bytes", "\xC2\x80\xDF\xBF", true},
    {"the first and last of three bytes", "\xE0\xA0\x80\xEF\xBF\xBF", true},
    {"the neighbours of the surrogates", "\xED\x9F\xBF\xEE\x80\x80", true},
    {"the first and last of four bytes", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", true},
    {"a continuation byte alone", "\x80", false},
    {"a continuation byte too many", "a\xC2\x80\x80", false},
    {"two bytes cut short", "\xC2", false},
    {"three bytes cut short", "\xE0\xA0", false},
    {"four bytes cut short", "\xF0\x90\x80", false},
    {"a letter instead of a continuation",
     "\xC3"
     "a",
     false},
    {"a lead byte instead of a continuation", "\xE0\xA0\xC2", false},
    {"two bytes for ASCII", "\xC0\xAF", false},
    {"two bytes for the last of ASCII", "\xC1\xBF", false},
    {"three bytes for two", "\xE0\x9F\xBF", false},
    {"four bytes for three", "\xF0\x8F\xBF\xBF", false},
    {"the first surrogate", "\xED\xA0\x80", false},
    {"the last surrogate", "\xED\xBF\xBF", false},
    {"one above U+10FFFF", "\xF4\x90\x80\x80", false},
    {"a lead byte above F4", "\xF5\x80\x80\x80", false},
    {"five bytes", "\xF8\x88\x80\x80\x80", false},
    {"the byte FE", "\xFE", false},
    {"the byte FF", "a\xFF", false},
};

static void test_utf8(void **state)
{
    const struct yes_row *row = *state;

    assert_int_equal(text_is_utf8(text_of(row->in)), row->want);
}

/** A slice that ends inside a sequence must not be read beyond its end. */
static void test_utf8_at_the_end(void **state)
{
    size_t at = 0;

    (void)state;
    assert_false(text_is_utf8((struct text){"\xC3\xA9", 1}));
    assert_int_equal(text_next((struct text){"\xC3\xA9", 1}, &at), 0xFFFD);
    assert_int_equal(at, 1);
}

static void test_next(void **state)
{
    static const struct {
        uint32_t c;
        size_t at; /* behind it */
    } want[] = {{'a', 1},     {0x645, 3}, {0x20AC, 6}, {0x1F600, 10}, {0xFFFD, 11},
                {0xFFFD, 12}, {'b', 13},  {0, 14},     {0xFFFD, 15}};
    struct text t = TEXT("a\xD9\x85\xE2\x82\xAC\xF0\x9F\x98\x80\xE2\x82"
                         "b\0\xC3");
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(text_next(t, &at), want[i].c);
        assert_int_equal(at, want[i].at);
    }
    assert_int_equal(at, t.n);
}

static struct units_row {
    const char *label, *in;
    size_t want;
} units[] = {
    {"no unit", "", 0},
    {"a unit for each ASCII character", "abc", 3},
    {"a unit for each Arabic character", "مرحبا", 5},
    {"a unit for the last of the basic plane", "\uFFFF", 1},
    {"two units for the first above it", "\U00010000", 2},
    {"two units for an emoji", "a\U0001F600b", 4},
    {"a family of emoji is the sum of its parts", "\U0001F468\u200D\U0001F469", 5},
};

static void test_units(void **state)
{
    const struct units_row *row = *state;

    assert_int_equal(text_utf16_units(text_of(row->in)), row->want);
}

static struct clip_row {
    const char *label, *in;
    size_t max;
    const char *want;
} clips[] = {
    {"a short text is not clipped", "abc", 3, "abc"},
    {"ASCII is clipped anywhere", "abc", 2, "ab"},
    {"nothing is left of nothing", "", 0, ""},
    {"nothing fits into nothing", "abc", 0, ""},
    {"two bytes are not parted", "aé", 2, "a"},
    {"two bytes that fit stay", "aéb", 3, "aé"},
    {"three bytes are not parted", "a\u20AC", 3, "a"},
    {"four bytes are not parted", "\U0001F600", 3, ""},
    {"nothing is left of continuation bytes alone", "\x80\x80\x80", 2, ""},
    {"four bytes that fit stay", "\U0001F600a", 4, "\U0001F600"},
};

static void test_clip(void **state)
{
    const struct clip_row *row = *state;

    assert_text_equal(text_clip(text_of(row->in), row->max), row->want);
}

/* --- What nobody sees at both ends. --- */

static struct strip_row {
    const char *label, *in, *want;
} strips[] = {
    {"nothing is stripped of nothing", "", ""},
    {"blanks alone leave nothing", " \u3000\t\u200F", ""},
    {"blanks inside stay", "\u00A0a b\u200Bc\u00A0", "a b\u200Bc"},
    {"marks, joiners and line ends go",
     "\uFEFF\u202A\u2068\u2028\xC2\x85\v\f\ra\n\u2029\u2069\u202C\u200D\u2060\u061C\u180E", "a"},
    {"the last letter has several bytes", "م\u200F", "م"},
    {"letters like these stay", "\u200A\u2010a\u2070\u2027", "\u2010a\u2070\u2027"},
    {"a broken end stays", "a \x80", "a \x80"},
    {"half a character stays", "\xE2\x80", "\xE2\x80"},
    {"a start of broken bytes stays", "\x80\x80\x80\x80 ", "\x80\x80\x80\x80"},
};

static void test_strip(void **state)
{
    const struct strip_row *row = *state;

    assert_text_equal(text_strip(text_of(row->in)), row->want);
}

/** Unicode 15, property White_Space. */
static void test_space(void **state)
{
    static const uint32_t spaces[] = {0x9,    0xA,    0xB,    0xC,    0xD,    0x20,   0x85,
                                      0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                      0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
                                      0x2029, 0x202F, 0x205F, 0x3000};
    size_t n = 0;

    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++)
        if (text_is_space(c)) {
            assert_true(n < ARRAY_LEN(spaces));
            assert_int_equal(c, spaces[n++]);
        }
    assert_int_equal(n, ARRAY_LEN(spaces));
    assert_true(text_is_line_end(0x85) && text_is_line_end(0x2029) && !text_is_line_end('\t'));
}

#define ADD_ROWS(rows, test)                                                                       \
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)                                                   \
        tests[n++] = (struct CMUnitTest)                                                           \
        {                                                                                          \
            .name = (rows)[i].label, .test_func = (test), .initial_state = &(rows)[i]              \
        }

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "secrets differ by any bit, and by length", .test_func = test_secret_any_bit},
        {.name = "a C string becomes a slice", .test_func = test_of},
        {.name = "skipping takes bytes from the front", .test_func = test_skip},
        {.name = "a loop over a list ends by itself", .test_func = test_cut_list},
        {.name = "a NUL is never among what is allowed", .test_func = test_only_nul},
        {.name = "decoding stops at the slice's end", .test_func = test_utf8_at_the_end},
        {.name = "white space is Unicode's", .test_func = test_space},
        {.name = "characters are decoded one by one", .test_func = test_next},
    };
    struct CMUnitTest tests[ARRAY_LEN(pairs) + ARRAY_LEN(trims) + ARRAY_LEN(cuts) +
                            ARRAY_LEN(onlys) + ARRAY_LEN(numbers) + ARRAY_LEN(uuids) +
                            ARRAY_LEN(utf8s) + ARRAY_LEN(units) + ARRAY_LEN(clips) +
                            ARRAY_LEN(strips) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(pairs, test_pair);
    ADD_ROWS(trims, test_trim);
    ADD_ROWS(cuts, test_cut);
    ADD_ROWS(onlys, test_only);
    ADD_ROWS(numbers, test_number);
    ADD_ROWS(uuids, test_uuid);
    ADD_ROWS(utf8s, test_utf8);
    ADD_ROWS(units, test_units);
    ADD_ROWS(clips, test_clip);
    ADD_ROWS(strips, test_strip);
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
