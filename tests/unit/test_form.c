#include "unit.h"

#include "buffer.h"
#include "form.h"

static struct arena arena;

static struct form_row {
    const char *label, *body;
    const char *want[9]; /* name, value, name, value, ..., NULL */
} rows[] = {
    {"an empty body has no field", "", {NULL}},
    {"one field", "a=1", {"a", "1"}},
    {"fields keep their order", "b=2&a=1", {"b", "2", "a", "1"}},
    {"a repeated name is two fields", "a=2&a=1", {"a", "2", "a", "1"}},
    {"a plus is a space", "a+b=c+d", {"a b", "c d"}},
    {"the plus of a number comes escaped", "To=%2B201012345678", {"To", "+201012345678"}},
    {"a bare plus of a number is lost, as in any form", "To=+2010", {"To", " 2010"}},
    {"escapes in capitals and small letters", "a=%2F%2f", {"a", "//"}},
    {"escapes in a name", "%61%3D=1", {"a=", "1"}},
    {"an escaped separator separates nothing", "a=1%26b%3D2", {"a", "1&b=2"}},
    {"escaped text is UTF-8", "a=%D9%85", {"a", "م"}},
    {"bytes above 127 stand for themselves", "a=م", {"a", "م"}},
    {"a byte that is not UTF-8 is kept", "a=%FF", {"a", "\xFF"}},
    {"an escaped percent is decoded once", "a=%2541", {"a", "%41"}},
    {"only the first equals sign separates", "a=b=c", {"a", "b=c"}},
    {"a field without equals sign is empty", "a", {"a", ""}},
    {"a field without value is empty", "a=", {"a", ""}},
    {"a value without name", "=1", {"", "1"}},
    {"an equals sign alone is a field", "=", {"", ""}},
    {"empty pieces are skipped", "&&a=1&&&b=2&", {"a", "1", "b", "2"}},
    {"only separators have no field", "&&&", {NULL}},
    {"a semicolon separates nothing", "a=1;b=2", {"a", "1;b=2"}},
    {"a question mark is part of the name", "?a=1", {"?a", "1"}},
    {"white space is not trimmed", " a = 1 \r\n", {" a ", " 1 \r\n"}},
    {"a percent at the end stands for itself", "a=1%", {"a", "1%"}},
    {"one digit behind a percent stands for itself", "a=%4", {"a", "%4"}},
    {"no digits behind a percent stand for themselves", "a=%zz", {"a", "%zz"}},
    {"a good and a bad digit stand for themselves", "a=%4z%z4", {"a", "%4z%z4"}},
    {"characters beside the digits are no digits",
     "a=%/0%:0%@0%G0%`0%g0",
     {"a", "%/0%:0%@0%G0%`0%g0"}},
    {"a percent before an escape", "a=%%41", {"a", "%A"}},
    {"an escape does not reach into the next field", "a=%4&1=2", {"a", "%4", "1", "2"}},
    {"an escape does not reach over the equals sign", "a%4=1", {"a%4", "1"}},
    {"signs and blanks are no digits", "a=%+1%-1%0x% 1", {"a", "% 1%-1%0x% 1"}},
};

static struct form parse(struct text body)
{
    struct form form = {0};
    struct fault fault = {0};

    if (!form_parse(&arena, body, &form, &fault))
        fail_msg("'%.*s' refused: %s", TEXT_ARG(body), fault.detail);
    return form;
}

static void test_row(void **state)
{
    const struct form_row *row = *state;
    struct form form = parse(text_of(row->body));
    size_t n = 0;

    for (; row->want[2 * n]; n++) {
        assert_true(n < form.n);
        assert_text_equal(form.fields[n].name, row->want[2 * n]);
        assert_text_equal(form.fields[n].value, row->want[2 * n + 1]);
    }
    assert_int_equal(form.n, n);
}

static void test_nul(void **state)
{
    struct form form = parse(TEXT("a%00b=%00&c=1\0"
                                  "2&d"));

    (void)state;
    assert_int_equal(form.n, 3);
    assert_true(text_equal(form.fields[0].name, TEXT("a\0b")));
    assert_true(text_equal(form.fields[0].value, TEXT("\0")));
    assert_true(text_equal(form.fields[1].value, TEXT("1\0"
                                                      "2")));
    assert_text_equal(form.fields[2].name, "d");
}

/** What Twilio posts for a WhatsApp message. */
static void test_callback(void **state)
{
    struct form form = parse(TEXT("SmsSid=SM1&SmsStatus=delivered&MessageStatus=delivered"
                                  "&ChannelToAddress=%2B20101234XXXX&To=whatsapp%3A%2B201012345678"
                                  "&ChannelPrefix=whatsapp&MessageSid=SM1&AccountSid=AC1"
                                  "&StructuredMessage=false&EventType=DELIVERED"
                                  "&From=whatsapp%3A%2B14155238886&ApiVersion=2010-04-01"));

    (void)state;
    assert_int_equal(form.n, 12);
    assert_text_equal(form_get(&form, TEXT("To")), "whatsapp:+201012345678");
    assert_text_equal(form_get(&form, TEXT("MessageSid")), "SM1");
    assert_text_equal(form_get(&form, TEXT("ApiVersion")), "2010-04-01");
}

static void test_get(void **state)
{
    struct form form = parse(TEXT("a=1&a=2&empty=&Sid=3&SidAccount=4")), none = {0};

    (void)state;
    assert_text_equal(form_get(&form, TEXT("a")), "1");
    assert_text_equal(form_get(&form, TEXT("empty")), "");
    assert_non_null(form_get(&form, TEXT("empty")).s);
    assert_text_equal(form_get(&form, TEXT("Sid")), "3");
    assert_text_equal(form_get(&form, TEXT("SidAccount")), "4");
    assert_null(form_get(&form, TEXT("A")).s);
    assert_null(form_get(&form, TEXT("Si")).s);
    assert_null(form_get(&form, TEXT("")).s);
    assert_null(form_get(&none, TEXT("a")).s);
}

/* --- Limits. --- */

static char hostile[64 << 10];

/** The hostile body: one piece again and again, as often as it fits into n bytes. */
static struct text repeat(const char *piece, size_t n)
{
    size_t length = strlen(piece);

    for (size_t i = 0; i < n; i++)
        hostile[i] = piece[i % length];
    return (struct text){hostile, n};
}

static void expect_fault(struct arena *from, struct text body, enum fault_kind kind)
{
    struct form_field before = {.name = TEXT("before")};
    struct form form = {&before, 1};
    struct fault fault = {0};

    assert_false(form_parse(from, body, &form, &fault));
    assert_int_equal(fault.kind, kind);
    assert_ptr_equal(form.fields, &before);
    assert_int_equal(form.n, 1);
}

static void test_most_fields(void **state)
{
    (void)state;
    assert_int_equal(parse(repeat("a&", 2 * FORM_FIELDS_MAX)).n, FORM_FIELDS_MAX);
    expect_fault(&arena, repeat("a&", 2 * FORM_FIELDS_MAX + 1), FAULT_BODY_TOO_LARGE);
    expect_fault(&arena, repeat("a&", 20000), FAULT_BODY_TOO_LARGE);
}

static void test_empty_pieces_do_not_count(void **state)
{
    struct text body = repeat("&", sizeof(hostile));

    (void)state;
    hostile[sizeof(hostile) - 1] = 'a';
    assert_int_equal(parse(body).n, 1);
}

static void test_no_memory(void **state)
{
    struct arena small;

    (void)state;
    arena_init(&small, 0);
    expect_fault(&small, TEXT("a=1"), FAULT_NO_MEMORY);
    arena_init(&small, 8 * sizeof(struct form_field));
    expect_fault(&small, repeat("a=1&", 36), FAULT_NO_MEMORY);
    expect_fault(&small, repeat("a", 8 * sizeof(struct form_field)), FAULT_NO_MEMORY);
    arena_release(&small);
}

/** Quadratic work on 64 KiB would take 4,000,000,000 steps a body, linear takes 65,536. */
static void test_linear(void **state)
{
    static const char *const pieces[] = {"&", "=", "%", "+", "%4", "%41", "=&", "%&", "a", "\xFF"};
    struct form form;
    struct fault fault;
    clock_t start = clock();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        arena_clear(&arena);
        bool good = form_parse(&arena, repeat(pieces[i], sizeof(hostile)), &form, &fault);
        assert_int_equal(good, strcmp(pieces[i], "=&") != 0 && strcmp(pieces[i], "%&") != 0);
    }
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
}

static void test_round_trip(void **state)
{
    struct buffer body;
    struct text encoded;
    char bytes[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    buffer_init(&body, &arena, 4096);
    buffer_add_urlencoded(&body, (struct text){bytes, sizeof(bytes)});
    buffer_add_char(&body, '=');
    buffer_add_urlencoded(&body, (struct text){bytes, sizeof(bytes)});
    assert_true(buffer_text(&body, &encoded));
    struct form form = parse(encoded);
    assert_int_equal(form.n, 1);
    assert_true(text_equal(form.fields[0].name, (struct text){bytes, sizeof(bytes)}));
    assert_true(text_equal(form.fields[0].value, (struct text){bytes, sizeof(bytes)}));
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "a NUL is a byte like others", .test_func = test_nul},
        {.name = "a callback is read whole", .test_func = test_callback},
        {.name = "get finds the first of exactly that name", .test_func = test_get},
        {.name = "a thousand fields are read, one more is refused", .test_func = test_most_fields},
        {.name = "empty pieces do not count", .test_func = test_empty_pieces_do_not_count},
        {.name = "want of memory leaves the form alone", .test_func = test_no_memory},
        {.name = "hostile bodies take linear time", .test_func = test_linear},
        {.name = "what is encoded decodes to itself", .test_func = test_round_trip},
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(singles)];
    size_t n = 0;

    for (; n < ARRAY_LEN(rows); n++)
        tests[n] = (struct CMUnitTest){
            .name = rows[n].label, .test_func = test_row, .initial_state = &rows[n]};
    memcpy(tests + n, singles, sizeof(singles));
    arena_init(&arena, 4 << 20);
    int failed = cmocka_run_group_tests_name("form", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
