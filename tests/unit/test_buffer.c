#include "unit.h"

#include "buffer.h"

static struct arena arena;
static struct buffer buffer;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    buffer_init(&buffer, &arena, 100000);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct text whole(void)
{
    struct text t = {0};

    assert_true(buffer_text(&buffer, &t));
    assert_int_equal(t.s[t.n], '\0');
    return t;
}

static void expect_failed(void)
{
    struct text t = TEXT("before");

    assert_false(buffer_text(&buffer, &t));
    assert_text_equal(t, "before");
}

/* --- Encodings. --- */

static struct encoding_row {
    const char *label, *in, *want;
} jsons[] = {
    {"an empty JSON string", "", "\"\""},
    {"JSON: plain text", "a/b'c", "\"a/b'c\""},
    {"JSON: quote and backslash", "\"\\", "\"\\\"\\\\\""},
    {"JSON: line break, return and tab", "\n\r\t", "\"\\n\\r\\t\""},
    {"JSON: other control characters", "\x01\b\f\x1F\x7F",
     "\"\\u0001\\u0008\\u000c\\u001f\\u007f\""},
    {"JSON: Arabic stays as it is", "تم إرسال", "\"تم إرسال\""},
    {"JSON: an emoji stays as it is", "\U0001F600", "\"\U0001F600\""},
    {"JSON: what is no UTF-8 becomes U+FFFD",
     "a\xFF"
     "b",
     "\"a\uFFFDb\""},
    {"JSON: a sequence cut short becomes U+FFFD", "\xD9", "\"\uFFFD\""},
    {"JSON: each byte of a surrogate becomes U+FFFD", "\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
    {"JSON: a quote hidden behind a lead byte is still escaped", "\xC3\"", "\"\uFFFD\\\"\""},
};

static void test_json(void **state)
{
    const struct encoding_row *row = *state;

    buffer_add_json(&buffer, text_of(row->in));
    assert_text_equal(whole(), row->want);
}

static struct encoding_row urls[] = {
    {"an empty URL part", "", ""},
    {"URL: letters, digits and the four marks stay", "azAZ09-._~", "azAZ09-._~"},
    {"URL: a space is no plus", "a b", "a%20b"},
    {"URL: a plus is escaped", "+20", "%2B20"},
    {"URL: separators are escaped", "&=%#?/:;,", "%26%3D%25%23%3F%2F%3A%3B%2C"},
    {"URL: marks that encoders differ on are escaped", "*!'()", "%2A%21%27%28%29"},
    {"URL: line breaks are escaped", "\r\n", "%0D%0A"},
    {"URL: UTF-8 is escaped by bytes", "م", "%D9%85"},
    {"URL: any byte is escaped", "\x01\x7F\x80\xFF", "%01%7F%80%FF"},
};

static void test_url(void **state)
{
    const struct encoding_row *row = *state;

    buffer_add_urlencoded(&buffer, text_of(row->in));
    assert_text_equal(whole(), row->want);
}

static void test_nul(void **state)
{
    (void)state;
    buffer_add_json(&buffer, TEXT("a\0b"));
    buffer_add_urlencoded(&buffer, TEXT("\0"));
    buffer_add(&buffer, TEXT("\0"));
    assert_true(text_equal(whole(), TEXT("\"a\\u0000b\"%00\0")));
}

static void test_elements(void **state)
{
    (void)state;
    buffer_add_element(&buffer, TEXT("a{,}'NULL"));
    buffer_add_element(&buffer, TEXT(""));
    buffer_add_element(&buffer, TEXT("\"\\x\\\""));
    buffer_add_element(&buffer, TEXT("تم\n\xFF"));
    assert_text_equal(whole(), "\"a{,}'NULL\"NULL\"\\\"\\\\x\\\\\\\"\"\"تم\n\xFF\"");
}

/* --- Growing and its end. --- */

static void test_empty(void **state)
{
    (void)state;
    assert_text_equal(whole(), "");
    buffer_add(&buffer, (struct text){0});
    assert_text_equal(whole(), "");
}

static void test_grows(void **state)
{
    struct text t;

    (void)state;
    for (size_t i = 0; i < 100000; i++)
        buffer_add_char(&buffer, (char)('a' + i % 26));
    t = whole();
    assert_int_equal(t.n, 100000);
    for (size_t i = 0; i < t.n; i++)
        assert_int_equal(t.s[i], 'a' + i % 26);
}

static void test_terminated(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2100; i++) {
        assert_int_equal(whole().n, i);
        buffer_add_char(&buffer, 'a');
    }
}

static void test_large_piece(void **state)
{
    static char piece[50000];

    (void)state;
    memset(piece, 'x', sizeof(piece));
    buffer_add(&buffer, TEXT("a"));
    buffer_add(&buffer, (struct text){piece, sizeof(piece)});
    buffer_add(&buffer, TEXT("b"));
    struct text t = whole();
    assert_int_equal(t.n, sizeof(piece) + 2);
    assert_int_equal(t.s[0], 'a');
    assert_memory_equal(t.s + 1, piece, sizeof(piece));
    assert_int_equal(t.s[t.n - 1], 'b');
}

static void test_format(void **state)
{
    (void)state;
    buffer_addf(&buffer, "%s=%d", "a", -1);
    buffer_addf(&buffer, "%s", "");
    buffer_addf(&buffer, ";%zu", (size_t)7);
    assert_text_equal(whole(), "a=-1;7");
}

static void test_format_bound(void **state)
{
    (void)state;
    buffer_addf(&buffer, "%1023d", 7);
    assert_int_equal(whole().n, 1023);
    buffer_addf(&buffer, "%1024d", 7);
    expect_failed();
}

static void test_cap(void **state)
{
    (void)state;
    buffer_init(&buffer, &arena, 5);
    buffer_add(&buffer, TEXT("abc"));
    buffer_add(&buffer, TEXT("de"));
    assert_text_equal(whole(), "abcde");
    buffer_add(&buffer, TEXT("f"));
    expect_failed();
}

static void test_cap_zero(void **state)
{
    (void)state;
    buffer_init(&buffer, &arena, 0);
    assert_text_equal(whole(), "");
    buffer_add_char(&buffer, 'a');
    expect_failed();
}

/** Otherwise a middle part would be missing from a text that looks whole. */
static void test_stays_failed(void **state)
{
    (void)state;
    buffer_init(&buffer, &arena, 5);
    buffer_add(&buffer, TEXT("abcdef"));
    buffer_add(&buffer, TEXT("a"));
    buffer_addf(&buffer, "b");
    buffer_add(&buffer, TEXT(""));
    expect_failed();
}

static void test_encodings_hold_to_the_cap(void **state)
{
    (void)state;
    buffer_init(&buffer, &arena, 4);
    buffer_add_json(&buffer, TEXT("ab"));
    assert_text_equal(whole(), "\"ab\"");
    buffer_init(&buffer, &arena, 3);
    buffer_add_json(&buffer, TEXT("ab"));
    expect_failed();
    buffer_init(&buffer, &arena, 5);
    buffer_add_urlencoded(&buffer, TEXT("  "));
    expect_failed();
}

static void test_no_memory(void **state)
{
    struct arena small;

    (void)state;
    arena_init(&small, 1000);
    buffer_init(&buffer, &small, 100000);
    buffer_add(&buffer, TEXT("abc"));
    assert_text_equal(whole(), "abc");
    for (int i = 0; i < 1000; i++)
        buffer_add_char(&buffer, 'x');
    expect_failed();
    arena_release(&small);
}

static void test_two_in_one_arena(void **state)
{
    struct buffer other;
    struct text t;

    (void)state;
    buffer_init(&other, &arena, 10000);
    for (int i = 0; i < 1000; i++) {
        buffer_add_char(&buffer, 'a');
        buffer_add_char(&other, 'b');
    }
    assert_true(buffer_text(&other, &t));
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(whole().s[i], 'a');
        assert_int_equal(t.s[i], 'b');
    }
}

#define CASE(sentence, test)                                                                       \
    {                                                                                              \
        .name = (sentence), .test_func = (test), .setup_func = start, .teardown_func = end         \
    }

int main(void)
{
    static const struct CMUnitTest singles[] = {
        CASE("a NUL is escaped, or kept as it is", test_nul),
        CASE("an array's elements are quoted, and NULL", test_elements),
        CASE("an empty buffer is the empty text", test_empty),
        CASE("a buffer grows byte by byte", test_grows),
        CASE("a buffer ends with a NUL at every length", test_terminated),
        CASE("a buffer grows by a large piece", test_large_piece),
        CASE("printf adds at the end", test_format),
        CASE("printf adds a piece whole or fails", test_format_bound),
        CASE("the cap is reached and not passed", test_cap),
        CASE("a cap of nothing holds nothing", test_cap_zero),
        CASE("what has failed stays failed", test_stays_failed),
        CASE("encoded text holds to the cap", test_encodings_hold_to_the_cap),
        CASE("want of memory is a failure", test_no_memory),
        CASE("two buffers share an arena", test_two_in_one_arena),
    };
    struct CMUnitTest tests[ARRAY_LEN(jsons) + ARRAY_LEN(urls) + ARRAY_LEN(singles)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(jsons); i++)
        tests[n++] = (struct CMUnitTest){jsons[i].label, test_json, start, end, &jsons[i]};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        tests[n++] = (struct CMUnitTest){urls[i].label, test_url, start, end, &urls[i]};
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
