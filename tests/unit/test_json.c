#include "unit.h"

#include <math.h>

#include "json.h"

static struct arena arena;

/** Written out again, for comparison; NULL where it cannot be. */
static const char *written(const struct json_value *value)
{
    struct buffer b;
    struct text t;

    buffer_init(&b, &arena, 1 << 20);
    json_write(&b, value);
    return buffer_text(&b, &t) ? arena_cstr(&arena, t) : NULL;
}

/* --- What is JSON, and how it is written again. --- */

static struct good_row {
    const char *label, *in, *want;
} good[] = {
    {"an empty object", "{}", "{}"},
    {"white space of all four kinds around everything",
     " \t\r\n{ \"a\" : [ 1 , 2 ] ,\n\"b\" : { } } \n", "{\"a\":[1,2],\"b\":{}}"},
    {"the three literals", "{\"a\":true,\"b\":false,\"c\":null}",
     "{\"a\":true,\"b\":false,\"c\":null}"},
    {"empty arrays and objects", "{\"a\":[],\"b\":{},\"c\":[[],{}]}",
     "{\"a\":[],\"b\":{},\"c\":[[],{}]}"},
    {"an empty name and an empty string", "{\"\":\"\"}", "{\"\":\"\"}"},
    {"members keep their order", "{\"b\":1,\"a\":2,\"B\":3}", "{\"b\":1,\"a\":2,\"B\":3}"},
    {"all simple escapes", "{\"a\":\"\\\"\\\\\\/\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\n\\r\\t\"}"},
    {"backspace and form feed", "{\"a\":\"\\b\\f\"}", "{\"a\":\"\\u0008\\u000c\"}"},
    {"an escaped letter, hexadecimal in either case", "{\"a\":\"\\u0628\\u00E9\\u00e9\"}",
     "{\"a\":\"بéé\"}"},
    {"an escaped surrogate pair", "{\"a\":\"\\uD83D\\ude00\"}", "{\"a\":\"😀\"}"},
    {"the first and the last character behind the surrogates",
     "{\"a\":\"\\ud800\\udc00\\udbff\\udfff\"}", "{\"a\":\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"}"},
    {"the neighbours of the surrogates", "{\"a\":\"\\ud7ff\\ue000\"}",
     "{\"a\":\"\xED\x9F\xBF\xEE\x80\x80\"}"},
    {"raw UTF-8 of one to four bytes", "{\"a\":\"x éب😀\"}", "{\"a\":\"x éب😀\"}"},
    {"an escape in a name", "{\"\\u0061\":1}", "{\"a\":1}"},
    {"DEL is no control character to RFC 8259", "{\"a\":\"\x7F\"}", "{\"a\":\"\\u007f\"}"},
    {"an escaped control character", "{\"a\":\"\\u0001\"}", "{\"a\":\"\\u0001\"}"},
    {"an inner object may repeat a name", "{\"a\":{\"b\":1,\"b\":2}}", "{\"a\":{\"b\":1,\"b\":2}}"},
    {"names that differ in case only", "{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}"},
    {"the same name at two levels", "{\"a\":{\"a\":1}}", "{\"a\":{\"a\":1}}"},
    {"a byte order mark in front is skipped", "\xEF\xBB\xBF {\"a\":1}", "{\"a\":1}"},
    {"a byte order mark in a string stays", "{\"a\":\"\xEF\xBB\xBFx\"}",
     "{\"a\":\"\xEF\xBB\xBFx\"}"},
    {"a lone high surrogate", "{\"a\":\"cut \\ud83d\"}", "{\"a\":\"cut \uFFFD\"}"},
    {"a high surrogate before a letter", "{\"a\":\"\\ud83dx\"}", "{\"a\":\"\uFFFDx\"}"},
    {"a high surrogate before another escape", "{\"a\":\"\\ud83d\\n\"}", "{\"a\":\"\uFFFD\\n\"}"},
    {"a high surrogate before an escaped backslash", "{\"a\":\"\\ud83d\\\\ude00\"}",
     "{\"a\":\"\uFFFD\\\\ude00\"}"},
    {"two high surrogates", "{\"a\":\"\\ud83d\\ud83d\"}", "{\"a\":\"\uFFFD\uFFFD\"}"},
    {"a high surrogate before a pair", "{\"a\":\"\\ud83d\\ud83d\\ude00\"}", "{\"a\":\"\uFFFD😀\"}"},
    {"a lone low surrogate", "{\"a\":\"\\ude00\"}", "{\"a\":\"\uFFFD\"}"},
    {"the last low surrogate alone", "{\"a\":\"\\udfff\"}", "{\"a\":\"\uFFFD\"}"},
    {"a high surrogate before the character behind the low ones", "{\"a\":\"\\ud83d\\ue000\"}",
     "{\"a\":\"\uFFFD\xEE\x80\x80\"}"},
    {"surrogates in the wrong order", "{\"a\":\"\\ude00\\ud83d\"}", "{\"a\":\"\uFFFD\uFFFD\"}"},
    {"a surrogate in a name", "{\"\\udc00\":1}", "{\"\uFFFD\":1}"},
    {"a surrogate in a name further inside", "{\"a\":[{\"\\udc00\":\"\\ud83d\"}]}",
     "{\"a\":[{\"\uFFFD\":\"\uFFFD\"}]}"},
    {"an escaped NUL", "{\"a\":\"\\u0000\"}", "{\"a\":\"\uFFFD\"}"},
    {"escaped NULs among letters", "{\"a\":\"x\\u0000y\\u0000\"}", "{\"a\":\"x\uFFFDy\uFFFD\"}"},
    {"an escaped NUL in a name", "{\"\\u0000a\":1}", "{\"\uFFFDa\":1}"},
    {"names that differ by a NUL", "{\"a\\u0000\":1,\"a\":2}", "{\"a\uFFFD\":1,\"a\":2}"},
};

static void test_good(void **state)
{
    const struct good_row *row = *state;
    struct fault fault = {0};
    json_scoped struct json_document *document = json_parse(&arena, text_of(row->in), &fault);

    assert_string_equal(fault.detail, "");
    assert_non_null(document);
    assert_string_equal(written(json_top(document)), row->want);
}

/* --- Numbers, as JavaScript writes them. --- */

static struct number_row {
    const char *label, *in, *want;
} numbers[] = {
    {"a digit", "5", "5"},
    {"a whole number with a fraction of zeros", "5.0", "5"},
    {"zero", "0", "0"},
    {"minus zero loses its sign", "-0", "0"},
    {"a negative number", "-12", "-12"},
    {"a fraction", "3.14", "3.14"},
    {"a tenth", "0.1", "0.1"},
    {"what 0.1 and 0.2 add up to", "0.30000000000000004", "0.30000000000000004"},
    {"an exponent that cancels out", "12e-1", "1.2"},
    {"an exponent with a plus and a capital", "1E+2", "100"},
    {"the largest safe integer", "9007199254740991", "9007199254740991"},
    {"an integer beyond the doubles is rounded", "9007199254740993", "9007199254740992"},
    {"twenty-one digits are written out", "123456789012345680000", "123456789012345680000"},
    {"twenty-two are not", "1000000000000000000000", "1e+21"},
    {"digits behind a large exponent's point", "1.5e300", "1.5e+300"},
    {"six zeros behind the point are written out", "0.000001", "0.000001"},
    {"seven are not", "0.0000001", "1e-7"},
    {"digits behind a small exponent's point", "-1.25e-9", "-1.25e-9"},
    {"the smallest number", "5e-324", "5e-324"},
    {"the largest number", "1.7976931348623157e308", "1.7976931348623157e+308"},
    {"what is smaller than the smallest is zero", "1e-400", "0"},
    {"seventy digits", "1234567890123456789012345678901234567890123456789012345678901234567890",
     "1.2345678901234567e+69"},
    {"a fraction of seventy digits, with more behind it",
     "-0.1234567890123456789012345678901234567890123456789012345678901234567890",
     "-0.12345678901234568"},
    {"sixty-four characters, one more than cJSON takes",
     "1000000000000000000000000000000000000000000000000000000000000.00", "1e+60"},
};

static void test_number(void **state)
{
    const struct number_row *row = *state;
    struct buffer b;
    struct text in, out;
    struct fault fault = {0};

    buffer_init(&b, &arena, 4096);
    buffer_addf(&b, "{\"a\":[%s,%s],\"z\":\"z\"}", row->in, row->in);
    assert_true(buffer_text(&b, &in));
    json_scoped struct json_document *document = json_parse(&arena, in, &fault);
    assert_string_equal(fault.detail, "");
    buffer_init(&b, &arena, 4096);
    buffer_addf(&b, "{\"a\":[%s,%s],\"z\":\"z\"}", row->want, row->want);
    assert_true(buffer_text(&b, &out));
    assert_text_equal(out, written(json_top(document)));
}

/* --- What is not JSON, or not the JSON that we take. --- */

/* A literal with NULs inside, for a table. */
#define IN(literal)                                                                                \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static struct bad_row {
    const char *label, *why;
    struct text in;
} bad[] = {
    {"nothing", "byte 0: it is empty", IN("")},
    {"white space only", "byte 2: it is empty", IN(" \n")},
    {"an array", "byte 0: not an object", IN("[]")},
    {"a string", "byte 0: not an object", IN("\"a\"")},
    {"null", "byte 0: not an object", IN("null")},
    {"a byte order mark alone", "byte 3: it is empty", IN("\xEF\xBB\xBF")},
    {"two byte order marks", "byte 3: not an object", IN("\xEF\xBB\xBF\xEF\xBB\xBF{}")},
    {"half a byte order mark", "byte 0: not valid UTF-8", IN("\xEF\xBB{}")},
    {"a byte order mark behind a blank", "byte 1: not an object", IN(" \xEF\xBB\xBF{}")},
    {"a byte order mark inside", "byte 1: string expected", IN("{\xEF\xBB\xBF}")},
    {"a mark of ours in a string", "not valid UTF-8", IN("{\"a\":\"\xC0\x31\"}")},
    {"a high surrogate before a bad escape", "byte 13: bad escape", IN("{\"a\":\"\\ud83d\\x\"}")},
    {"a high surrogate before three digits", "byte 17: bad escape",
     IN("{\"a\":\"\\ud83d\\ude0\"}")},
    {"a name with a NUL that stands twice", "twice", IN("{\"\\u0000\":1,\"\\u0000\":2}")},
    {"a form feed as white space", "byte 1: string expected", IN("{\f}")},
    {"a vertical tab in front", "byte 0: not an object", IN("\v{}")},
    {"a no-break space", "byte 1: string expected", IN("{\u00A0}")},
    {"text behind the object", "byte 3: text behind the object", IN("{} x")},
    {"a second object", "byte 2: text behind the object", IN("{}{}")},
    {"a NUL behind the object", "byte 2: text behind the object", IN("{}\0")},
    {"a NUL and more behind the object", "byte 2: text behind the object", IN("{}\0{}")},
    {"an open object", "byte 1: string expected", IN("{")},
    {"an object open behind a name", "byte 4: ':' expected", IN("{\"a\"")},
    {"an object open behind a colon", "byte 5: unexpected character", IN("{\"a\":")},
    {"an object open behind a value", "byte 6: ',' or '}' expected", IN("{\"a\":1")},
    {"an object open behind a comma", "byte 7: string expected", IN("{\"a\":1,")},
    {"an open array", "byte 7: ',' or ']' expected", IN("{\"a\":[1")},
    {"an open string", "byte 7: unfinished string", IN("{\"a\":\"x")},
    {"a string that ends in a backslash", "byte 7: bad escape", IN("{\"a\":\"\\")},
    {"a comma behind the last member", "byte 7: string expected", IN("{\"a\":1,}")},
    {"a comma behind the last element", "byte 8: unexpected character", IN("{\"a\":[1,]}")},
    {"a comma too many", "byte 6: unexpected character", IN("{\"a\":[,1]}")},
    {"brackets that cross", "byte 7: ',' or ']' expected", IN("{\"a\":[1}]")},
    {"a name without quotes", "byte 1: string expected", IN("{a:1}")},
    {"single quotes", "byte 1: string expected", IN("{'a':1}")},
    {"a comment", "byte 1: string expected", IN("{/**/}")},
    {"a literal in capitals", "byte 5: unexpected character", IN("{\"a\":True}")},
    {"a literal cut short", "byte 5: unexpected character", IN("{\"a\":nul}")},
    {"a literal with more behind it", "byte 9: ',' or '}' expected", IN("{\"a\":nullx}")},
    {"a leading zero", "byte 6: ',' or '}' expected", IN("{\"a\":01}")},
    {"a leading zero behind a minus", "byte 7: ',' or '}' expected", IN("{\"a\":-01}")},
    {"a leading plus", "byte 5: unexpected character", IN("{\"a\":+1}")},
    {"a lone minus", "byte 6: unexpected character", IN("{\"a\":-}")},
    {"a point in front", "byte 5: unexpected character", IN("{\"a\":.5}")},
    {"a point at the end", "byte 7: unfinished number", IN("{\"a\":1.}")},
    {"an exponent without digits", "byte 7: unfinished number", IN("{\"a\":1e}")},
    {"an exponent of a sign only", "byte 8: unfinished number", IN("{\"a\":1e+}")},
    {"two signs in an exponent", "byte 8: unfinished number", IN("{\"a\":1e+-1}")},
    {"a hexadecimal number", "byte 6: ',' or '}' expected", IN("{\"a\":0x10}")},
    {"NaN", "byte 5: unexpected character", IN("{\"a\":NaN}")},
    {"Infinity", "byte 6: unexpected character", IN("{\"a\":-Infinity}")},
    {"a raw newline in a string", "byte 6: control character", IN("{\"a\":\"\n\"}")},
    {"a raw control character in a string", "byte 6: control character", IN("{\"a\":\"\x1F\"}")},
    {"a raw NUL in a string", "byte 6: control character", IN("{\"a\":\"\0y\"}")},
    {"a raw control character in a name", "byte 2: control character", IN("{\"\t\":1}")},
    {"an unknown escape", "byte 7: bad escape", IN("{\"a\":\"\\x41\"}")},
    {"an escape with three digits", "byte 11: bad escape", IN("{\"a\":\"\\u123\"}")},
    {"an escape with a letter beyond F", "byte 11: bad escape", IN("{\"a\":\"\\u123g\"}")},
    {"a surrogate in UTF-8", "not valid UTF-8", IN("{\"a\":\"\xED\xA0\xBD\"}")},
    {"an overlong sequence", "not valid UTF-8", IN("{\"a\":\"\xC0\xAF\"}")},
    {"a byte of Latin-1", "not valid UTF-8", IN("{\"a\":\"caf\xE9\"}")},
    {"a sequence cut off at the end", "not valid UTF-8", IN("{\"a\":\"\xD8")},
    {"a name that stands twice", "twice", IN("{\"a\":1,\"b\":2,\"a\":1}")},
    {"a name that stands twice, once escaped", "twice", IN("{\"to\":1,\"\\u0074o\":2}")},
    {"an empty name that stands twice", "twice", IN("{\"\":1,\"\":2}")},
};

static void test_bad(void **state)
{
    const struct bad_row *row = *state;
    struct fault fault = {0};

    /* In a piece of memory that ends with the text, so that reading on is seen. */
    char *exact = malloc(row->in.n ? row->in.n : 1);
    memcpy(exact, row->in.s, row->in.n);
    struct json_document *document = json_parse(&arena, (struct text){exact, row->in.n}, &fault);
    free(exact);
    assert_null(document);
    assert_int_equal(fault.kind, FAULT_INVALID_JSON);
    if (!strstr(fault.detail, row->why))
        fail_msg("got '%s', want '%s'", fault.detail, row->why);
}

/* --- What people are told. --- */

static struct told_row {
    const char *label, *want;
    struct text in;
} told[] = {
    {"of an empty body", "Request body must be a JSON object: it is empty", IN("")},
    {"of an array", "Request body must be a JSON object: not an object", IN("[]")},
    {"of bad UTF-8", "Request body must be a JSON object: not valid UTF-8", IN("{\"a\":\"\xE9\"}")},
    {"of a comma too many", "Request body must be a JSON object: string expected at byte 7",
     IN("{\"a\":1,}")},
    {"of a member that stands twice", "Request body has 'to' twice", IN("{\"to\":1,\"to\":2}")},
    {"of a name that may be a number", "Request body has a member twice",
     IN("{\"+201012345678\":1,\"+201012345678\":2}")},
    {"of a long name", "Request body has a member twice",
     IN("{\"abcdefghijklmnopqrstuvwxyzabcdefg\":1,\"abcdefghijklmnopqrstuvwxyzabcdefg\":2}")},
};

static void test_told(void **state)
{
    const struct told_row *row = *state;
    struct fault fault = {0};

    assert_null(json_parse(&arena, row->in, &fault));
    assert_string_equal(fault_text(&fault), row->want);
}

/* --- Sizes. --- */

/** {"a":[[…]]} with so many levels, the object counted. */
static struct text nested(size_t levels)
{
    struct buffer b;
    struct text t = {0};

    buffer_init(&b, &arena, 1 << 20);
    buffer_add(&b, TEXT("{\"a\":"));
    for (size_t i = 1; i < levels; i++)
        buffer_add_char(&b, '[');
    for (size_t i = 1; i < levels; i++)
        buffer_add_char(&b, ']');
    buffer_add_char(&b, '}');
    assert_true(buffer_text(&b, &t));
    return t;
}

static void test_depth(void **state)
{
    struct fault fault = {0};

    (void)state;
    json_scoped struct json_document *document = json_parse(&arena, nested(JSON_DEPTH_MAX), &fault);
    assert_non_null(document);
    assert_null(json_parse(&arena, nested(JSON_DEPTH_MAX + 1), &fault));
    assert_non_null(strstr(fault.detail, "nested too deeply"));
    assert_null(json_parse(&arena, nested(10000), &fault));
    assert_non_null(strstr(fault.detail, "nested too deeply"));
}

static struct text many_members(int n, const char *last)
{
    struct buffer b;
    struct text t = {0};

    buffer_init(&b, &arena, 1 << 20);
    buffer_add(&b, TEXT("{"));
    for (int i = 0; i < n; i++)
        buffer_addf(&b, "\"%d\":0,", i);
    buffer_addf(&b, "\"%s\":0}", last);
    assert_true(buffer_text(&b, &t));
    return t;
}

static void test_many_members(void **state)
{
    struct fault fault = {0};

    (void)state;
    for (int n = 1; n < 40; n++) {
        json_scoped struct json_document *document =
            json_parse(&arena, many_members(n, "x"), &fault);
        assert_non_null(document);
        assert_null(json_parse(&arena, many_members(n, "0"), &fault));
    }
    json_scoped struct json_document *document =
        json_parse(&arena, many_members(10000, "x"), &fault);
    assert_non_null(document);
    assert_null(json_parse(&arena, many_members(10000, "5000"), &fault));
}

static void test_400_digits(void **state)
{
    struct fault fault = {0};
    struct buffer b;
    struct text t;

    (void)state;
    buffer_init(&b, &arena, 4096);
    buffer_addf(&b, "{\"a\":1%0399d,\"b\":-1%0399d,\"c\":7}", 0, 0);
    assert_true(buffer_text(&b, &t));
    json_scoped struct json_document *document = json_parse(&arena, t, &fault);
    assert_non_null(document);
    const struct json_value *a = json_get(json_top(document), "a");
    assert_true(isinf(json_number(a)) && json_number(a) > 0);
    assert_true(json_number(json_get(json_top(document), "b")) < -1e308);
    assert_true(json_number(json_get(json_top(document), "c")) == 7);
    assert_null(written(a));
}

static void test_no_memory(void **state)
{
    struct arena small;
    struct fault fault = {0};

    (void)state;
    arena_init(&small, 8);
    assert_null(json_parse(&small, TEXT("{\"a\":\"12345678\"}"), &fault));
    assert_int_equal(fault.kind, FAULT_NO_MEMORY);
    arena_release(&small);
}

static void test_input_is_left_alone(void **state)
{
    char text[] = "{\"a\":1000000000000000000000000000000000000000000000000000000000000000000000}";
    char before[sizeof(text)];
    struct fault fault = {0};

    (void)state;
    memcpy(before, text, sizeof(text));
    json_scoped struct json_document *document = json_parse(&arena, text_of(text), &fault);
    assert_non_null(document);
    assert_memory_equal(text, before, sizeof(text));
}

/* --- Asking. --- */

static void test_types(void **state)
{
    struct fault fault = {0};
    json_scoped struct json_document *document = json_parse(
        &arena,
        TEXT("{\"n\":null,\"t\":true,\"f\":false,\"1\":2.5,\"s\":\"x\",\"a\":[1],\"o\":{}}"),
        &fault);
    const struct json_value *top = json_top(document);

    (void)state;
    assert_int_equal(json_type(top), JSON_OBJECT);
    assert_int_equal(json_type(json_get(top, "n")), JSON_NULL);
    assert_int_equal(json_type(json_get(top, "t")), JSON_BOOL);
    assert_int_equal(json_type(json_get(top, "f")), JSON_BOOL);
    assert_int_equal(json_type(json_get(top, "1")), JSON_NUMBER);
    assert_int_equal(json_type(json_get(top, "s")), JSON_STRING);
    assert_int_equal(json_type(json_get(top, "a")), JSON_ARRAY);
    assert_int_equal(json_type(json_get(top, "o")), JSON_OBJECT);
    assert_int_equal(json_type(json_get(top, "S")), JSON_ABSENT);
    assert_true(json_true(json_get(top, "t")));
    assert_false(json_true(json_get(top, "f")) || json_true(json_get(top, "1")) || json_true(NULL));
    assert_true(json_number(json_get(top, "1")) == 2.5);
    assert_true(json_number(json_get(top, "s")) == 0 && json_number(NULL) == 0);
    assert_text_equal(json_string(json_get(top, "s")), "x");
    assert_int_equal(json_string(json_get(top, "1")).n + json_string(NULL).n, 0);
    assert_null(json_get(NULL, "a"));
}

static void test_walk(void **state)
{
    struct fault fault = {0};
    json_scoped struct json_document *document =
        json_parse(&arena, TEXT("{\"a\":[10,20],\"b\":{\"c\":1},\"d\":[]}"), &fault);
    const struct json_value *a = json_first(json_top(document)), *b = json_next(a);

    (void)state;
    assert_text_equal(json_name(a), "a");
    assert_text_equal(json_name(b), "b");
    assert_true(json_number(json_first(a)) == 10);
    assert_true(json_number(json_next(json_first(a))) == 20);
    assert_null(json_next(json_next(json_first(a))));
    assert_null(json_first(json_next(b)));
    assert_null(json_next(json_next(b)));
    assert_null(json_get(a, "a"));
    assert_null(json_get(NULL, "a"));
    assert_non_null(json_get(b, "c"));
    assert_null(json_first(json_first(a)));
    assert_null(json_next(NULL));
    assert_null(json_first(NULL));
    assert_int_equal(json_name(json_first(a)).n + json_name(NULL).n, 0);
}

static void test_nul(void **state)
{
    struct fault fault = {0};
    json_scoped struct json_document *document = json_parse(
        &arena, TEXT("{\"a\":\"x\\u0000\",\"b\\u0000\":\"\",\"c\":5,\"d\":\"\uFFFD\"}"), &fault);
    const struct json_value *top = json_top(document), *b = json_next(json_first(top));

    (void)state;
    assert_true(json_has_nul(json_get(top, "a")));
    assert_text_equal(json_string(json_get(top, "a")), "x\uFFFD");
    assert_false(json_name_has_nul(json_first(top)) || json_has_nul(b));
    assert_true(json_name_has_nul(b));
    assert_text_equal(json_name(b), "b\uFFFD");
    assert_false(json_has_nul(json_get(top, "c")) || json_has_nul(json_get(top, "d")));
    assert_false(json_has_nul(NULL) || json_name_has_nul(NULL) || json_name_has_nul(top));
}

static void test_digits(void **state)
{
    static const char *const written_so[] = {"0",     "-0",       "1200.50",         "1E5",
                                             "1e400", "-1.0e-07", "9007199254740993"};
    struct fault fault = {0};
    struct buffer b;
    struct text in;

    (void)state;
    buffer_init(&b, &arena, 4096);
    buffer_add(&b, TEXT("{\"a\":["));
    for (size_t i = 0; i < ARRAY_LEN(written_so); i++)
        buffer_addf(&b, "%s %s", i ? " ," : "", written_so[i]);
    buffer_add(&b, TEXT("],\"s\":\"5\"}"));
    assert_true(buffer_text(&b, &in));
    json_scoped struct json_document *document = json_parse(&arena, in, &fault);
    const struct json_value *v = json_first(json_get(json_top(document), "a"));
    for (size_t i = 0; i < ARRAY_LEN(written_so); i++, v = json_next(v))
        assert_text_equal(json_digits(v), written_so[i]);
    assert_int_equal(json_digits(json_get(json_top(document), "s")).n + json_digits(NULL).n, 0);
}

static void test_repeats(void **state)
{
    struct fault fault = {0};
    json_scoped struct json_document *document = json_parse(
        &arena, TEXT("{\"a\":{\"x\":1,\"y\":2,\"x\":3},\"b\":{\"x\":{\"x\":1}},\"c\":[1,1]}"),
        &fault);
    const struct json_value *top = json_top(document);

    (void)state;
    assert_false(json_repeats(top));
    assert_true(json_repeats(json_get(top, "a")));
    assert_false(json_repeats(json_get(top, "b")));
    assert_false(json_repeats(json_get(top, "c")));
    assert_false(json_repeats(NULL));
}

static void test_texts(void **state)
{
    struct fault fault;
    json_scoped struct json_document *document = json_parse(
        &arena, TEXT("{\"a\":\"x\",\"b\":[1,\"y\",\"x\"],\"c\":[[\"x\"]],\"d\":{\"x\":\"x\"}}"),
        &fault);
    const struct json_value *top = json_top(document);

    (void)state;
    assert_true(json_is_text(json_get(top, "a"), TEXT("x")));
    assert_false(json_is_text(json_get(top, "a"), TEXT("xx")));
    assert_false(json_is_text(json_get(top, "b"), TEXT("x")));
    assert_false(json_is_text(NULL, TEXT("")));
    assert_true(json_has_text(json_get(top, "a"), TEXT("x")));
    assert_true(json_has_text(json_get(top, "b"), TEXT("x")));
    assert_false(json_has_text(json_get(top, "b"), TEXT("1")));
    assert_false(json_has_text(json_get(top, "c"), TEXT("x")));
    assert_false(json_has_text(json_get(top, "d"), TEXT("x")));
    assert_false(json_has_text(NULL, TEXT("x")));
}

static void test_write_absent(void **state)
{
    (void)state;
    assert_string_equal(written(NULL), "null");
}

#define ROW(row, test)                                                                             \
    {                                                                                              \
        .name = (row).label, .test_func = test, .initial_state = &(row)                            \
    }

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "32 levels are read, 33 and 10,000 are not", .test_func = test_depth},
        {.name = "a repetition is found among few and many", .test_func = test_many_members},
        {.name = "a number of 400 digits is infinite, and not written",
         .test_func = test_400_digits},
        {.name = "want of memory is no fault of the text", .test_func = test_no_memory},
        {.name = "what is read is not written to", .test_func = test_input_is_left_alone},
        {.name = "every type is known, none poses as another", .test_func = test_types},
        {.name = "children are walked in order", .test_func = test_walk},
        {.name = "an escaped NUL is told", .test_func = test_nul},
        {.name = "a number's digits are those that were written", .test_func = test_digits},
        {.name = "repetition is a matter of one object", .test_func = test_repeats},
        {.name = "a string is compared, and looked for in an array", .test_func = test_texts},
        {.name = "an absent value is written as null", .test_func = test_write_absent},
    };
    struct CMUnitTest tests[ARRAY_LEN(good) + ARRAY_LEN(numbers) + ARRAY_LEN(bad) +
                            ARRAY_LEN(told) + ARRAY_LEN(singles)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        tests[n++] = (struct CMUnitTest)ROW(good[i], test_good);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        tests[n++] = (struct CMUnitTest)ROW(numbers[i], test_number);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        tests[n++] = (struct CMUnitTest)ROW(bad[i], test_bad);
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        tests[n++] = (struct CMUnitTest)ROW(told[i], test_told);
    memcpy(tests + n, singles, sizeof(singles));
    arena_init(&arena, 16 << 20);
    int failed = cmocka_run_group_tests_name("json", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
