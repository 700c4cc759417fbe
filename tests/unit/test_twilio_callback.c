/* Status callbacks: what is read of the form, what is refused, and what is kept of it as JSON. */

#include "fake_record.h"
#include "json.h"
#include "twilio_callback.h"
#include "unit.h"

#define SID "SM0123456789abcdef0123456789abcdef"

static struct arena arena;

/** Forms as they are posted; a '@' is 64 letters. `want`: "sid status code message to", or NULL. */
static const struct callback_row {
    const char *label, *body, *want;
} callbacks[] = {
    {"SMS delivered",
     "SmsSid=" SID "&SmsStatus=delivered&MessageStatus=delivered&To=%2B201012345678&MessageSid=" SID
     "&AccountSid=AC1&From=%2B15005550006&ApiVersion=2010-04-01&RawDlrDoneDate=2601011200",
     SID " delivered - - +201012345678"},
    {"SMS undelivered, with its error",
     "MessageSid=" SID "&MessageStatus=undelivered&ErrorCode=30003&To=%2B201012345678",
     SID " undelivered 30003 - +201012345678"},
    {"an error text, where there is one",
     "MessageSid=" SID "&MessageStatus=failed&ErrorCode=30008&ErrorMessage=Unknown+error",
     SID " failed 30008 Unknown error -"},
    {"a channel's error text",
     "MessageSid=" SID "&MessageStatus=undelivered&ErrorCode=63016&ChannelStatusMessage="
     "Outside+window&ChannelPrefix=whatsapp&EventType=UNDELIVERED",
     SID " undelivered 63016 Outside window -"},
    {"the error text goes before the channel's",
     "MessageSid=" SID "&MessageStatus=failed&ErrorMessage=a&ChannelStatusMessage=b",
     SID " failed - a -"},
    {"an empty error text gives way to the channel's",
     "MessageSid=" SID "&MessageStatus=failed&ErrorMessage=&ChannelStatusMessage=b",
     SID " failed - b -"},
    {"an MM SID", "MessageSid=MM123&MessageStatus=sent", "MM123 sent - - -"},
    {"the shortest SID", "MessageSid=SM1&MessageStatus=sent", "SM1 sent - - -"},
    {"a SID of 64 behind SM", "MessageSid=SM@&MessageStatus=sent", "SM@ sent - - -"},
    {"a status of 32 letters", "MessageSid=SM1&MessageStatus=abcdefghijklmnopqrstuvwxyzABCDEF",
     "SM1 abcdefghijklmnopqrstuvwxyzABCDEF - - -"},
    {"a status with an underscore", "MessageSid=SM1&MessageStatus=partially_delivered",
     "SM1 partially_delivered - - -"},
    {"a status nobody knows", "MessageSid=SM1&MessageStatus=teleported", "SM1 teleported - - -"},
    {"a SID that stands twice is the first", "MessageSid=SM1&MessageStatus=sent&MessageSid=SM2",
     "SM1 sent - - -"},
    {"an error code that is no number is left out",
     "MessageSid=SM1&MessageStatus=failed&ErrorCode=abc", "SM1 failed - - -"},
    {"the error code zero is none", "MessageSid=SM1&MessageStatus=sent&ErrorCode=0",
     "SM1 sent - - -"},
    {"an error code with a quote is left out", "MessageSid=SM1&MessageStatus=failed&ErrorCode=1'--",
     "SM1 failed - - -"},
    {"an error code of ten digits", "MessageSid=SM1&MessageStatus=failed&ErrorCode=1234567890",
     "SM1 failed 1234567890 - -"},
    {"an error code of eleven digits is left out",
     "MessageSid=SM1&MessageStatus=failed&ErrorCode=12345678901", "SM1 failed - - -"},
    {"an error text that is no UTF-8 is left out",
     "MessageSid=SM1&MessageStatus=failed&ErrorMessage=%FF%FE", "SM1 failed - - -"},
    {"a bare plus is a space, as forms have it",
     "MessageSid=SM123456789&MessageStatus=delivered&To=+201234567890",
     "SM123456789 delivered - -  201234567890"},

    {"a field without a name is passed over", "=x&MessageSid=SM1&MessageStatus=sent",
     "SM1 sent - - -"},

    {"nothing is refused", "", NULL},
    {"no SID is refused", "MessageStatus=sent", NULL},
    {"an empty SID is refused", "MessageSid=&MessageStatus=sent", NULL},
    {"SmsSid alone is refused", "SmsSid=SM1&MessageStatus=sent", NULL},
    {"SM alone is refused", "MessageSid=SM&MessageStatus=sent", NULL},
    {"a SID of 65 behind SM is refused", "MessageSid=SM@x&MessageStatus=sent", NULL},
    {"a SID of another thing is refused", "MessageSid=CA1&MessageStatus=sent", NULL},
    {"a SID in lower case is refused", "MessageSid=sm1&MessageStatus=sent", NULL},
    {"SQL in the SID is refused", "MessageSid=SM1'+or+1=1&MessageStatus=sent", NULL},
    {"a SID with a space behind it is refused", "MessageSid=SM1+&MessageStatus=sent", NULL},
    {"no status is refused", "MessageSid=SM1", NULL},
    {"an empty status is refused", "MessageSid=SM1&MessageStatus=", NULL},
    {"SmsStatus alone is refused", "MessageSid=SM1&SmsStatus=sent", NULL},
    {"a status of 33 letters is refused",
     "MessageSid=SM1&MessageStatus=abcdefghijklmnopqrstuvwxyzABCDEFG", NULL},
    {"a status with a digit is refused", "MessageSid=SM1&MessageStatus=sent2", NULL},
    {"a status with a dash is refused", "MessageSid=SM1&MessageStatus=se-nt", NULL},
    {"an Arabic status is refused", "MessageSid=SM1&MessageStatus=%D9%85", NULL},
    {"a NUL in the SID is refused", "MessageSid=SM1%00&MessageStatus=sent", NULL},
    {"a NUL in a value is refused", "MessageSid=SM1&MessageStatus=sent&x=a%00b", NULL},
    {"a NUL in a name is refused", "MessageSid=SM1&MessageStatus=sent&a%00b=x", NULL},
};

static struct form parse(const char *body)
{
    static const char letters[] =
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg";
    struct text head, tail;
    struct fault fault;
    struct buffer b;
    struct text whole;
    struct form form;

    buffer_init(&b, &arena, 1 << 20);
    if (text_cut(text_of(body), '@', &head, &tail)) {
        buffer_add(&b, head);
        buffer_add(&b, text_of(letters));
        buffer_add(&b, tail);
    } else {
        buffer_add(&b, head);
    }
    assert_true(buffer_text(&b, &whole));
    assert_true(form_parse(&arena, whole, &form, &fault));
    return form;
}

static void add(struct buffer *b, struct text value)
{
    if (b->n)
        buffer_add_char(b, ' ');
    if (value.n == 66)
        value = TEXT("SM@");
    buffer_add(b, value.n ? value : TEXT("-"));
}

static void test_callback(void **state)
{
    const struct callback_row *row = *state;
    struct form form = parse(row->body);
    struct twilio_callback callback = {.sid = TEXT("untouched")};
    struct fault fault;
    struct buffer b;
    struct text got;

    bool good = twilio_callback_read(&form, &callback, &fault);
    if (!row->want) {
        assert_false(good);
        assert_int_equal(fault.kind, FAULT_MISSING_CALLBACK_FIELDS);
        assert_text_equal(callback.sid, "untouched");
        return;
    }
    assert_true(good);
    buffer_init(&b, &arena, 4096);
    add(&b, callback.sid);
    add(&b, callback.status);
    add(&b, callback.error_code);
    add(&b, callback.error_message);
    add(&b, callback.to);
    assert_true(buffer_text(&b, &got));
    assert_text_equal(got, row->want);
}

/** Forms and the JSON object that is kept of them. */
static const struct json_row {
    const char *label, *body, *want;
} objects[] = {
    {"an empty form is an empty object", "", "{}"},
    {"parameters keep their order and their empty values",
     "b=2&a=1&c=", "{\"b\":\"2\",\"a\":\"1\",\"c\":\"\"}"},
    {"values are strings, whatever they look like", "a=1&b=true&c={}",
     "{\"a\":\"1\",\"b\":\"true\",\"c\":\"{}\"}"},
    {"a repeated name becomes an array", "a=1&b=x&a=2&a=1",
     "{\"a\":[\"1\",\"2\",\"1\"],\"b\":\"x\"}"},
    {"two repeated names", "a=1&b=1&b=2&a=2", "{\"a\":[\"1\",\"2\"],\"b\":[\"1\",\"2\"]}"},
    {"names that begin alike are two", "a=1&ab=2&A=3", "{\"a\":\"1\",\"ab\":\"2\",\"A\":\"3\"}"},
    {"quotes, backslashes and controls are escaped", "a%22=b%5C%0A%01",
     "{\"a\\\"\":\"b\\\\\\n\\u0001\"}"},
    {"Arabic stays as it is", "Body=%D9%85%D8%B1", "{\"Body\":\"مر\"}"},
    {"bytes that are no UTF-8 are mended", "a%FF=b%C3&c=%ED%A0%80",
     "{\"a\xEF\xBF\xBD\":\"b\xEF\xBF\xBD\",\"c\":\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}"},
};

static void test_object(void **state)
{
    const struct json_row *row = *state;
    struct form form = parse(row->body);
    struct fault fault;
    struct text json;

    assert_true(twilio_callback_json(&arena, &form, &json, &fault));
    assert_text_equal(json, row->want);
    json_scoped struct json_document *document = json_parse(&arena, json, &fault);
    assert_non_null(document);
}

static void test_error_is_clipped(void **state)
{
    char body[1024];
    struct twilio_callback callback;
    struct fault fault;

    (void)state;
    snprintf(body, sizeof(body), "MessageSid=SM1&MessageStatus=failed&ErrorMessage=%0499d%%D9%%85",
             0);
    struct form form = parse(body);
    assert_true(twilio_callback_read(&form, &callback, &fault));
    assert_int_equal(callback.error_message.n, 499);
}

static void test_largest_body(void **state)
{
    static char body[65537];
    struct form form;
    struct fault fault;
    struct text json;

    (void)state;
    memset(body, 0x01, sizeof(body) - 1);
    assert_true(form_parse(&arena, text_of(body), &form, &fault));
    assert_true(twilio_callback_json(&arena, &form, &json, &fault));
    assert_int_equal(json.n, 6 * 65536 + 7);
}

static void test_no_memory(void **state)
{
    struct form form = parse("a=1&b=2");
    struct fault fault;
    struct arena small;
    struct text json;

    (void)state;
    arena_init(&small, 8);
    assert_false(twilio_callback_json(&small, &form, &json, &fault));
    assert_int_equal(fault.kind, FAULT_NO_MEMORY);
    arena_release(&small);
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "a long error text is cut between characters", .test_func = test_error_is_clipped},
        {.name = "64 KiB of controls fit", .test_func = test_largest_body},
        {.name = "want of memory is our fault", .test_func = test_no_memory},
    };
    struct CMUnitTest tests[ARRAY_LEN(callbacks) + ARRAY_LEN(objects) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, callbacks, test_callback);
    ADD_ROWS(tests, n, objects, test_object);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    arena_init(&arena, 8 << 20);
    int failed = cmocka_run_group_tests_name("twilio_callback", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
