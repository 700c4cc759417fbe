#include "unit.h"

#include <regex.h>

#include "phone.h"

static struct arena arena;

/* --- Spellings: what people type, and what it means. --- */

static struct spelling_row {
    const char *label, *typed, *want;
    enum phone_kind kind;
} spellings[] = {
    {"a mobile as it is dialled at home", "01012345678", "+201012345678", PHONE_MOBILE},
    {"a mobile without the trunk 0", "1012345678", "+201012345678", PHONE_MOBILE},
    {"a mobile with the bare country code", "201012345678", "+201012345678", PHONE_MOBILE},
    {"a mobile in E.164", "+201012345678", "+201012345678", PHONE_MOBILE},
    {"a mobile with the international prefix", "00201012345678", "+201012345678", PHONE_MOBILE},
    {"+20 with the trunk 0 left in", "+20 0101 234 5678", "+201012345678", PHONE_MOBILE},
    {"20 with the trunk 0 left in", "2001012345678", "+201012345678", PHONE_MOBILE},
    {"0020 with the trunk 0 left in", "002001012345678", "+201012345678", PHONE_MOBILE},
    {"the trunk 0 in parentheses", "+20 (0)10 1234-5678", "+201012345678", PHONE_MOBILE},
    {"+2 before a number as dialled", "+2 010 1234 5678", "+201012345678", PHONE_MOBILE},
    {"the plus in parentheses", "(+20) 10 1234 5678", "+201012345678", PHONE_MOBILE},
    {"the plus after a direction mark", "\u202A+20 10 1234 5678\u202C", "+201012345678",
     PHONE_MOBILE},
    {"spaces, dashes and dots", " 010-1234.56 78 ", "+201012345678", PHONE_MOBILE},
    {"a line break behind the number", "01012345678\r\n", "+201012345678", PHONE_MOBILE},
    {"Arabic-Indic digits", "٠١٠١٢٣٤٥٦٧٨", "+201012345678", PHONE_MOBILE},
    {"Eastern Arabic digits", "۰۱۰۱۲۳۴۵۶۷۸", "+201012345678", PHONE_MOBILE},
    {"all ten Arabic-Indic digits", "+١٢٣٤٥٦٧٨٩٠", "+1234567890", PHONE_FOREIGN},
    {"all ten Eastern Arabic digits", "+۱۲۳۴۵۶۷۸۹۰", "+1234567890", PHONE_FOREIGN},
    {"Arabic digits with plus and spaces", "+٢٠ ١٠ ١٢٣٤ ٥٦٧٨", "+201012345678", PHONE_MOBILE},
    {"Arabic and Latin digits mixed", "٠10١٢٣٤5678", "+201012345678", PHONE_MOBILE},
    {"full-width plus and digits", "＋２０１０１２３４５６７８", "+201012345678", PHONE_MOBILE},
    {"a small plus", "\uFE62201012345678", "+201012345678", PHONE_MOBILE},
    {"Etisalat is a mobile network", "01112345678", "+201112345678", PHONE_MOBILE},
    {"Orange is a mobile network", "01212345678", "+201212345678", PHONE_MOBILE},
    {"WE is a mobile network", "01512345678", "+201512345678", PHONE_MOBILE},
    {"a Cairo landline", "02 2345 6789", "+20223456789", PHONE_LANDLINE},
    {"a Cairo landline in E.164", "+20223456789", "+20223456789", PHONE_LANDLINE},
    {"a Cairo landline that begins like the country code", "201234567", "+20201234567",
     PHONE_LANDLINE},
    {"the same with its trunk 0", "0201234567", "+20201234567", PHONE_LANDLINE},
    {"an Alexandria landline that begins like Cairo's", "03 2345678", "+2032345678",
     PHONE_LANDLINE},
    {"what is pasted around a number",
     "\u2066\uFEFF\xC2\x85\v\f\u2028 01012345678\u2029\r\n\u200F\u2069", "+201012345678",
     PHONE_MOBILE},
    {"Britain's trunk 0 in parentheses", "+44 (0)7700 900123", "+447700900123", PHONE_FOREIGN},
    {"the same with 00", "0044 (0) 7700 900123", "+447700900123", PHONE_FOREIGN},
    {"the same in Arabic digits", "+٤٤ (٠) ٧٧٠٠ ٩٠٠١٢٣", "+447700900123", PHONE_FOREIGN},
    {"the same in full width", "＋４４（０）７７００９００１２３", "+447700900123", PHONE_FOREIGN},
    {"the country code in parentheses too", "(+44)(0)7700-900123", "+447700900123", PHONE_FOREIGN},
    {"the trunk 0 and blanks in parentheses", "+49 ( 0 ) 151 23456789", "+4915123456789",
     PHONE_FOREIGN},
    {"a trunk 0 behind a code of three digits", "+966 (0)50 123 4567", "+966501234567",
     PHONE_FOREIGN},
    {"a trunk 0 behind a code of one digit", "+7 (0) 912 345 67 89", "+79123456789", PHONE_FOREIGN},
    {"Egypt's trunk 0 in parentheses", "+20 (0) 100 123 4567", "+201001234567", PHONE_MOBILE},
    {"the same with 00, in Arabic digits", "٠٠٢٠ (٠) ١٠٠ ١٢٣ ٤٥٦٧", "+201001234567", PHONE_MOBILE},
    {"a nought in parentheses further on stays", "+44 77(0)0 900123", "+447700900123",
     PHONE_FOREIGN},
    {"a nought in parentheses within the country code stays", "+4 (0) 7123 45678", "+40712345678",
     PHONE_FOREIGN},
    {"two noughts in parentheses stay", "+44 (00) 123456", "+4400123456", PHONE_FOREIGN},
    {"a nought with its area code stays", "+39 (06) 1234 5678", "+390612345678", PHONE_FOREIGN},
    {"a parenthesis that was never opened", "+440)123456", "+440123456", PHONE_FOREIGN},
    {"a short number of Damietta", "057 123456", "+2057123456", PHONE_LANDLINE},
    {"a toll-free number takes no SMS", "0800 123 4567", "+208001234567", PHONE_LANDLINE},
    {"a premium number takes no SMS", "0900 123 4567", "+209001234567", PHONE_LANDLINE},
    {"a foreign number in E.164", "+966501234567", "+966501234567", PHONE_FOREIGN},
    {"a foreign number with 00", "00 966 50 123 4567", "+966501234567", PHONE_FOREIGN},
    {"a foreign number keeps its zeros", "+39 06 1234 5678", "+390612345678", PHONE_FOREIGN},
    {"a country code that begins with 2 is not Egypt's", "+21612345678", "+21612345678",
     PHONE_FOREIGN},
    {"eight digits are the fewest", "+29012345", "+29012345", PHONE_FOREIGN},
    {"eight digits behind 00", "0029012345", "+29012345", PHONE_FOREIGN},
    {"fifteen digits are the most", "+123456789012345", "+123456789012345", PHONE_FOREIGN},
    {"fifteen digits behind 00", "00123456789012345", "+123456789012345", PHONE_FOREIGN},
};

static void expect_phone(struct text typed, const char *want, enum phone_kind kind)
{
    struct phone phone = {0};
    struct fault fault = {0};

    if (!phone_normalize(&arena, typed, &phone, &fault))
        fail_msg("'%.*s' refused: %s", TEXT_ARG(typed), fault.detail);
    assert_text_equal(phone.e164, want);
    assert_int_equal(phone.kind, kind);
}

static void test_spelling(void **state)
{
    const struct spelling_row *row = *state;

    expect_phone(text_of(row->typed), row->want, row->kind);
}

/* --- Area codes: every one in every spelling. --- */

static struct area_row {
    const char *label, *national;
    enum phone_kind kind;
} areas[] = {
    {"Vodafone: 010", "1012345678", PHONE_MOBILE},
    {"e&: 011", "1112345678", PHONE_MOBILE},
    {"Orange: 012", "1212345678", PHONE_MOBILE},
    {"WE: 015", "1512345678", PHONE_MOBILE},
    {"Cairo: 02", "223456789", PHONE_LANDLINE},
    {"Giza: 02", "233456789", PHONE_LANDLINE},
    {"Alexandria: 03", "34567890", PHONE_LANDLINE},
    {"Banha: 013 2", "132345678", PHONE_LANDLINE},
    {"Banha: 013 3", "133345678", PHONE_LANDLINE},
    {"Tanta: 040", "402345678", PHONE_LANDLINE},
    {"Damanhur: 045", "452345678", PHONE_LANDLINE},
    {"Marsa Matruh: 046", "462345678", PHONE_LANDLINE},
    {"Kafr el-Sheikh: 047", "472345678", PHONE_LANDLINE},
    {"Shibin el-Kom: 048", "482345678", PHONE_LANDLINE},
    {"Mansoura: 050", "502345678", PHONE_LANDLINE},
    {"Zagazig: 055", "552345678", PHONE_LANDLINE},
    {"Damietta: 057, six digits", "57234567", PHONE_LANDLINE},
    {"Damietta: 057, seven digits", "572345678", PHONE_LANDLINE},
    {"Suez: 062", "622345678", PHONE_LANDLINE},
    {"Ismailia: 064", "642345678", PHONE_LANDLINE},
    {"Hurghada: 065", "652345678", PHONE_LANDLINE},
    {"Port Said: 066", "662345678", PHONE_LANDLINE},
    {"Arish: 068", "682345678", PHONE_LANDLINE},
    {"Tor: 069", "692345678", PHONE_LANDLINE},
    {"Beni Suef: 082", "822345678", PHONE_LANDLINE},
    {"Faiyum: 084", "842345678", PHONE_LANDLINE},
    {"Minya: 086", "862345678", PHONE_LANDLINE},
    {"Asyut: 088", "882345678", PHONE_LANDLINE},
    {"Kharga: 092", "922345678", PHONE_LANDLINE},
    {"Sohag: 093", "932345678", PHONE_LANDLINE},
    {"Luxor: 095", "952345678", PHONE_LANDLINE},
    {"Qena: 096", "962345678", PHONE_LANDLINE},
    {"Aswan: 097", "972345678", PHONE_LANDLINE},
    {"toll-free: 0800", "8001234567", PHONE_LANDLINE},
    {"premium: 0900", "9001234567", PHONE_LANDLINE},
};

static void test_area(void **state)
{
    static const char *const leads[] = {"", "0", "20", "200", "+20", "+200", "0020", "00200"};
    const struct area_row *row = *state;
    char typed[32], want[32];

    snprintf(want, sizeof(want), "+20%s", row->national);
    for (size_t i = 0; i < ARRAY_LEN(leads); i++) {
        snprintf(typed, sizeof(typed), "%s%s", leads[i], row->national);
        expect_phone(text_of(typed), want, row->kind);
    }
}

/* --- Characters that mean nothing: between all digits and at both ends. --- */

static struct dropped_row {
    const char *label, *character;
} dropped[] = {
    {"a space is dropped", " "},
    {"a tab is dropped", "\t"},
    {"a dash is dropped", "-"},
    {"a dot is dropped", "."},
    {"an opening parenthesis is dropped", "("},
    {"a closing parenthesis is dropped", ")"},
    {"U+00A0 no-break space is dropped", "\u00A0"},
    {"U+00AD soft hyphen is dropped", "\u00AD"},
    {"U+00B7 middle dot is dropped", "\u00B7"},
    {"U+061C Arabic letter mark is dropped", "\u061C"},
    {"U+0640 tatweel is dropped", "\u0640"},
    {"U+1680 ogham space is dropped", "\u1680"},
    {"U+180E Mongolian vowel separator is dropped", "\u180E"},
    {"U+2000 en quad is dropped", "\u2000"},
    {"U+2003 em space is dropped", "\u2003"},
    {"U+2007 figure space is dropped", "\u2007"},
    {"U+2009 thin space is dropped", "\u2009"},
    {"U+200A hair space is dropped", "\u200A"},
    {"U+200B zero-width space is dropped", "\u200B"},
    {"U+200C zero-width non-joiner is dropped", "\u200C"},
    {"U+200D zero-width joiner is dropped", "\u200D"},
    {"U+200E left-to-right mark is dropped", "\u200E"},
    {"U+200F right-to-left mark is dropped", "\u200F"},
    {"U+2010 hyphen is dropped", "\u2010"},
    {"U+2011 no-break hyphen is dropped", "\u2011"},
    {"U+2012 figure dash is dropped", "\u2012"},
    {"U+2013 en dash is dropped", "\u2013"},
    {"U+2014 em dash is dropped", "\u2014"},
    {"U+2015 horizontal bar is dropped", "\u2015"},
    {"U+2024 one dot leader is dropped", "\u2024"},
    {"U+202A left-to-right embedding is dropped", "\u202A"},
    {"U+202B right-to-left embedding is dropped", "\u202B"},
    {"U+202C pop directional formatting is dropped", "\u202C"},
    {"U+202D left-to-right override is dropped", "\u202D"},
    {"U+202E right-to-left override is dropped", "\u202E"},
    {"U+202F narrow no-break space is dropped", "\u202F"},
    {"U+2043 hyphen bullet is dropped", "\u2043"},
    {"U+205F mathematical space is dropped", "\u205F"},
    {"U+2060 word joiner is dropped", "\u2060"},
    {"U+2066 left-to-right isolate is dropped", "\u2066"},
    {"U+2067 right-to-left isolate is dropped", "\u2067"},
    {"U+2068 first strong isolate is dropped", "\u2068"},
    {"U+2069 pop directional isolate is dropped", "\u2069"},
    {"U+2212 minus is dropped", "\u2212"},
    {"U+3000 ideographic space is dropped", "\u3000"},
    {"U+FE58 small em dash is dropped", "\uFE58"},
    {"U+FE63 small hyphen is dropped", "\uFE63"},
    {"U+FEFF byte order mark is dropped", "\uFEFF"},
    {"U+FF08 full-width parenthesis is dropped", "\uFF08"},
    {"U+FF0D full-width hyphen is dropped", "\uFF0D"},
    {"U+FF0E full-width dot is dropped", "\uFF0E"},
};

static void test_dropped(void **state)
{
    const struct dropped_row *row = *state;
    const char *c = row->character;
    char typed[128];

    snprintf(typed, sizeof(typed), "%s+%s2%s0%s1%s0%s1%s2%s3%s4%s5%s6%s7%s8%s", c, c, c, c, c, c, c,
             c, c, c, c, c, c, c);
    expect_phone(text_of(typed), "+201012345678", PHONE_MOBILE);
}

/* --- Refusals. --- */

static struct refused_row {
    const char *label, *typed;
} refusals[] = {
    {"nothing is refused", ""},
    {"only separators are refused", " - () . "},
    {"a plus alone is refused", "+"},
    {"the international prefix alone is refused", "00"},
    {"one zero is refused", "0"},
    {"a mobile one digit short is refused", "0101234567"},
    {"a mobile one digit long is refused", "010123456789"},
    {"a mobile of 015 one digit short is refused", "0152649592"},
    {"a mobile of 015 two digits short is refused", "015264959"},
    {"the same without the trunk 0", "152649592"},
    {"the same with +20", "+20152649592"},
    {"the same with 0020", "0020152649592"},
    {"the same with a bare country code", "20152649592"},
    {"two digits short with +20", "+2015264959"},
    {"the same with +20 and the trunk 0", "+20 (0) 15 264959"},
    {"a mobile of 013 is refused", "01312345678"},
    {"a mobile of 014 is refused", "01412345678"},
    {"a mobile of 016 is refused", "01612345678"},
    {"a mobile of 019 is refused", "01912345678"},
    {"+20 and a short mobile is refused, not foreign", "+20101234567"},
    {"+20 and a long mobile is refused, not foreign", "+2010123456789"},
    {"0020 and a short mobile is refused, not foreign", "0020101234567"},
    {"+20 and an unknown prefix is refused, not foreign", "+201312345678"},
    {"+20 alone is refused", "+20"},
    {"two trunk zeros behind +20 are refused", "+20001012345678"},
    {"a trunk zero before the bare country code is refused", "0201012345678"},
    {"a subscriber number without its area code is refused", "2345 6789"},
    {"a Cairo number one digit short is refused", "02 345 6789"},
    {"a Cairo number one digit long is refused", "02 2345 67890"},
    {"an Alexandria number one digit long is refused", "03 23456789"},
    {"an unknown area code is refused", "041 2345678"},
    {"Banha begins 013 2 or 013 3", "013 4345678"},
    {"a toll-free number one digit short is refused", "0800 123 456"},
    {"a short code is refused", "19123"},
    {"an emergency number is refused", "122"},
    {"a foreign number without plus is refused", "966501234567"},
    {"an American number without plus is refused", "14155551234"},
    {"a British number as dialled at home is refused", "07911 123456"},
    {"seven digits are too few for abroad", "+2901234"},
    {"seven digits behind 00 are too few", "002901234"},
    {"sixteen digits are too many", "+1234567890123456"},
    {"sixteen digits behind 00 are too many", "001234567890123456"},
    {"a country code that begins with 0 is refused", "+01012345678"},
    {"plus and 00 together are refused", "+00201012345678"},
    {"three zeros are refused", "000201012345678"},
    {"two pluses are refused", "++201012345678"},
    {"a plus in the middle is refused", "20+1012345678"},
    {"a plus at the end is refused", "201012345678+"},
    {"a name before the number is refused", "Ahmed 01012345678"},
    {"an Arabic name behind the number is refused", "01012345678 أحمد"},
    {"a note in parentheses is refused", "01012345678 (home)"},
    {"two numbers with a slash are refused", "01012345678 / 01112345678"},
    {"two numbers with a comma are refused", "01012345678, 01112345678"},
    {"two numbers with an Arabic comma are refused", "01012345678، 01112345678"},
    {"two numbers with a space are refused", "01012345678 01112345678"},
    {"two numbers on two lines are refused", "02 234\n56789"},
    {"a line separator between digits is refused", "010123\u202845678"},
    {"a next line between digits is refused", "010123\xC2\x85"
                                              "45678"},
    {"a vertical tab between digits is refused", "010123\v45678"},
    {"two international numbers are refused", "+201012345678 +201112345678"},
    {"a number and its last digits again are refused", "01012345678-79"},
    {"an extension is refused", "0223456789 ext. 12"},
    {"an extension by x is refused", "+14155551234x12"},
    {"an extension by # is refused", "0223456789#12"},
    {"an extension by ; is refused", "0223456789;12"},
    {"a star is refused", "*01012345678"},
    {"a tilde is refused", "010~12345678"},
    {"letters for digits are refused", "0101234567O"},
    {"letters of a keypad are refused", "+1 800 FLOWERS"},
    {"a tel: URI is refused", "tel:+201012345678"},
    {"a channel prefix is refused", "whatsapp:+201012345678"},
    {"hexadecimal is refused", "0x201012345678"},
    {"an exponent is refused", "1.01234567E+9"},
    {"a superscript digit is refused", "0101234567\u2078"},
    {"a Devanagari digit is refused", "0101234567\u096E"},
    {"a keycap digit is refused", "0101234567"
                                  "8\uFE0F\u20E3"},
    {"U+FFFD itself is refused", "0101234\uFFFD5678"},
    {"a byte that is not UTF-8 is refused", "0101234\xFF"
                                            "5678"},
    {"a character cut in half is refused", "01012345678\xD9"},
    {"an overlong space is refused", "010\xC0\xA0"
                                     "12345678"},
    {"an encoded surrogate is refused", "010\xED\xA0\x80"
                                        "12345678"},
};

static void expect_refusal(struct text typed)
{
    static char before[] = "before";
    struct phone phone = {{before, 6}, PHONE_FOREIGN};
    struct fault fault = {0};

    if (phone_normalize(&arena, typed, &phone, &fault))
        fail_msg("'%.*s' became '%.*s'", TEXT_ARG(typed), TEXT_ARG(phone.e164));
    assert_int_equal(fault.kind, FAULT_INVALID_PHONE);
    assert_true(fault.detail[0] != '\0');
    assert_ptr_equal(phone.e164.s, before);
    assert_int_equal(phone.kind, PHONE_FOREIGN);
}

static void test_refused(void **state)
{
    const struct refused_row *row = *state;

    expect_refusal(text_of(row->typed));
}

static void test_nul(void **state)
{
    (void)state;
    expect_refusal(TEXT("01012345678\0"));
    expect_refusal(TEXT("0101234\0"
                        "5678"));
    expect_refusal(TEXT("\0"
                        "01012345678"));
}

static void test_length(void **state)
{
    static char typed[1 << 20];

    (void)state;
    memset(typed, ' ', sizeof(typed));
    memcpy(typed, "01012345678", 11);
    typed[159] = typed[160] = '.';
    expect_phone((struct text){typed, 160}, "+201012345678", PHONE_MOBILE);
    expect_refusal((struct text){typed, 161});
    memset(typed, '1', sizeof(typed));
    expect_refusal((struct text){typed, sizeof(typed)});
}

static void test_no_number_in_detail(void **state)
{
    static const char *const typed[] = {"010123456", "+2010123456x", "010123456010123456010123456"};
    struct phone phone;
    struct fault fault = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
        assert_false(phone_normalize(&arena, text_of(typed[i]), &phone, &fault));
        assert_null(strstr(fault.detail, "10123456"));
    }
}

static void test_no_memory(void **state)
{
    struct arena none;
    struct phone phone = {.kind = PHONE_FOREIGN};
    struct fault fault = {0};

    (void)state;
    arena_init(&none, 0);
    assert_false(phone_normalize(&none, TEXT("01012345678"), &phone, &fault));
    assert_int_equal(fault.kind, FAULT_NO_MEMORY);
    assert_int_equal(phone.kind, PHONE_FOREIGN);
    assert_null(phone.e164.s);
}

/* --- Properties, over numbers made from a fixed seed. --- */

static uint32_t random_below(uint32_t n)
{
    static uint32_t seed = 1;

    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/** Any mixture of pieces that numbers are made of, good and bad. */
static struct text random_typed(char *typed, size_t size)
{
    static const char *const pieces[] = {"0", "1",      "2",      "3",  "5", "8",
                                         "9", "010",    "20",     "00", "+", "+2",
                                         "٠", "\u200F", "\uFF11", " 1", "x", "\x80"};
    uint32_t n = random_below(16);
    size_t used = 0;

    used += (size_t)snprintf(typed, size, "%s", (const char *[]){"", "+", "00", "+20"}[n % 4]);
    for (uint32_t i = 0; i < n; i++)
        used += (size_t)snprintf(typed + used, size - used, "%s",
                                 pieces[random_below(random_below(8) ? 9 : ARRAY_LEN(pieces))]);
    return (struct text){typed, used};
}

static void test_idempotent(void **state)
{
    struct phone once, twice;
    struct fault fault;
    char typed[128];
    size_t accepted = 0;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        struct text t = random_typed(typed, sizeof(typed));
        arena_clear(&arena);
        if (!phone_normalize(&arena, t, &once, &fault))
            continue;
        accepted++;
        if (!phone_normalize(&arena, once.e164, &twice, &fault))
            fail_msg("'%.*s' from '%.*s' is refused", TEXT_ARG(once.e164), TEXT_ARG(t));
        assert_true(text_equal(once.e164, twice.e164));
        assert_int_equal(once.kind, twice.kind);
    }
    assert_true(accepted > 5000);
}

static void test_shape(void **state)
{
    struct phone phone;
    struct fault fault;
    regex_t e164;
    char typed[128], copy[32];

    (void)state;
    assert_int_equal(regcomp(&e164, "^\\+[1-9][0-9]{7,14}$", REG_EXTENDED | REG_NOSUB), 0);
    for (int i = 0; i < 50000; i++) {
        arena_clear(&arena);
        if (!phone_normalize(&arena, random_typed(typed, sizeof(typed)), &phone, &fault))
            continue;
        snprintf(copy, sizeof(copy), "%.*s", TEXT_ARG(phone.e164));
        assert_int_equal(regexec(&e164, copy, 0, NULL, 0), 0);
        assert_int_equal(phone.kind == PHONE_FOREIGN, strncmp(copy, "+20", 3) != 0);
    }
    regfree(&e164);
}

/* The patterns of libphonenumber's region EG, but for area code 15. */
#define EG_MOBILE "^1[0-25][0-9]{8}$"
#define EG_OTHER                                                                                   \
    "^(13[23][0-9]{6}|57[0-9]{6,7}|"                                                               \
    "(2[0-9]|3|4[05-8]|5[05]|6[24-689]|8[2468]|9[235-7])[0-9]{7}|[89]00[0-9]{7})$"

static void test_plan(void **state)
{
    regex_t mobile, other;
    char typed[24] = "+20", *national = typed + 3;
    size_t seen[2] = {0};

    (void)state;
    assert_int_equal(regcomp(&mobile, EG_MOBILE, REG_EXTENDED | REG_NOSUB), 0);
    assert_int_equal(regcomp(&other, EG_OTHER, REG_EXTENDED | REG_NOSUB), 0);
    for (uint32_t i = 0; i < 30000; i++) {
        snprintf(national, 16, "%03u%08u", 100 + i % 900, random_below(100000000));
        national[7 + random_below(5)] = '\0';
        bool is_mobile = regexec(&mobile, national, 0, NULL, 0) == 0;
        bool is_other = regexec(&other, national, 0, NULL, 0) == 0;
        arena_clear(&arena);
        if (is_mobile || is_other)
            expect_phone(text_of(typed), typed, is_mobile ? PHONE_MOBILE : PHONE_LANDLINE);
        else
            expect_refusal(text_of(typed));
        seen[0] += is_mobile;
        seen[1] += is_other;
    }
    assert_true(seen[0] > 200 && seen[1] > 1000);
    regfree(&mobile);
    regfree(&other);
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
        {.name = "a NUL anywhere is refused", .test_func = test_nul},
        {.name = "absurd length is refused", .test_func = test_length},
        {.name = "what the log gets holds no number", .test_func = test_no_number_in_detail},
        {.name = "want of memory is our fault, not the number's", .test_func = test_no_memory},
        {.name = "what normalises, normalises to itself", .test_func = test_idempotent},
        {.name = "what comes out is E.164, foreign unless +20", .test_func = test_shape},
        {.name = "Egypt's numbers are those of libphonenumber", .test_func = test_plan},
    };
    struct CMUnitTest tests[ARRAY_LEN(spellings) + ARRAY_LEN(areas) + ARRAY_LEN(dropped) +
                            ARRAY_LEN(refusals) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(spellings, test_spelling);
    ADD_ROWS(areas, test_area);
    ADD_ROWS(dropped, test_dropped);
    ADD_ROWS(refusals, test_refused);
    memcpy(tests + n, singles, sizeof(singles));
    arena_init(&arena, 1 << 20);
    int failed = cmocka_run_group_tests_name("phone", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
