#include "unit.h"

/* --- The contract's table of errors: status, word and, where it is fixed, text. --- */

static struct fault_row {
    const char *label;
    enum fault_kind kind;
    int status;
    const char *code, *text; /* text: NULL, any */
} rows[] = {
    {"a body that is no JSON object", FAULT_INVALID_JSON, 400, "invalid_json", NULL},
    {"missing fields of a message", FAULT_MISSING_FIELDS, 400, "missing_fields",
     "Missing required fields: to, message"},
    {"missing fields of a callback", FAULT_MISSING_CALLBACK_FIELDS, 400, "missing_fields", NULL},
    {"a phone number", FAULT_INVALID_PHONE, 400, "invalid_phone",
     "Invalid phone number format. Use international format: +201234567890"},
    {"a landline", FAULT_LANDLINE, 400, "invalid_phone",
     "This is a landline number and cannot receive SMS"},
    {"a message", FAULT_INVALID_MESSAGE, 400, "invalid_message",
     "Message must be between 1 and 1600 characters"},
    {"a type", FAULT_INVALID_TYPE, 400, "invalid_type", NULL},
    {"a template", FAULT_INVALID_TEMPLATE, 400, "invalid_template", NULL},
    {"a media URL", FAULT_INVALID_MEDIA_URL, 400, "invalid_media_url", NULL},
    {"a request id", FAULT_INVALID_REQUEST_ID, 400, "invalid_request_id", NULL},
    {"a tag", FAULT_INVALID_TAG, 400, "invalid_tag", NULL},
    {"a dead number", FAULT_DEAD_NUMBER, 422, "dead_number", NULL},
    {"a validity", FAULT_INVALID_VALIDITY, 400, "invalid_validity", NULL},
    {"an idempotency key", FAULT_INVALID_IDEMPOTENCY_KEY, 400, "invalid_idempotency_key", NULL},
    {"no token", FAULT_MISSING_AUTHORIZATION, 401, "missing_authorization",
     "Missing authorization header"},
    {"a bad token", FAULT_UNAUTHORIZED, 401, "unauthorized", "Unauthorized"},
    {"a good token without the right", FAULT_FORBIDDEN, 403, "forbidden", NULL},
    {"a signature", FAULT_INVALID_SIGNATURE, 403, "invalid_signature", NULL},
    {"a method", FAULT_METHOD_NOT_ALLOWED, 405, "method_not_allowed", NULL},
    {"a repetition too early", FAULT_IN_PROGRESS, 409, "in_progress", NULL},
    {"a large body", FAULT_BODY_TOO_LARGE, 413, "body_too_large", NULL},
    {"a content type", FAULT_UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type", NULL},
    {"a key with another request", FAULT_IDEMPOTENCY_MISMATCH, 422, "idempotency_mismatch", NULL},
    {"a maintenance request", FAULT_UNKNOWN_REQUEST, 422, "unknown_request", NULL},
    {"a message that Twilio rejects", FAULT_TWILIO_REJECTED, 422, "twilio_rejected", NULL},
    {"too many messages", FAULT_RATE_LIMITED, 429, "rate_limited",
     "Rate limit exceeded. Maximum 5 messages per minute."},
    {"a header too large", FAULT_HEADERS_TOO_LARGE, 431, "headers_too_large", NULL},
    {"a setting", FAULT_MISCONFIGURED, 500, "misconfigured", "Missing Twilio configuration"},
    {"a fault of our own", FAULT_INTERNAL, 500, "internal", NULL},
    {"no memory", FAULT_NO_MEMORY, 500, "internal", NULL},
    {"Twilio out of reach", FAULT_TWILIO_UNAVAILABLE, 502, "twilio_unavailable", NULL},
    {"Twilio refuses us", FAULT_TWILIO_AUTH, 502, "twilio_auth", NULL},
    {"no database", FAULT_DATABASE_UNAVAILABLE, 503, "database_unavailable", NULL},
    {"a database in which something is locked", FAULT_DATABASE_BUSY, 503, "database_unavailable",
     NULL},
    {"Twilio is busy", FAULT_TWILIO_BUSY, 503, "twilio_busy", NULL},
    {"no database and no spool", FAULT_SPOOL_UNAVAILABLE, 503, "database_unavailable", NULL},
    {"an unknown outcome", FAULT_OUTCOME_UNKNOWN, 504, "outcome_unknown", NULL},
};

static void test_row(void **state)
{
    const struct fault_row *row = *state;
    const struct fault_entry *entry = fault_entry(row->kind);
    struct fault fault = {.kind = row->kind};

    assert_int_equal(entry->status, row->status);
    assert_string_equal(entry->code, row->code);
    assert_true(entry->text[0] != '\0');
    if (row->text)
        assert_string_equal(entry->text, row->text);
    assert_string_equal(fault_text(&fault), entry->text);
}

static void test_every_kind(void **state)
{
    bool seen[FAULT__MAX] = {false};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        seen[rows[i].kind] = true;
    for (size_t kind = 0; kind < FAULT__MAX; kind++)
        if (!seen[kind])
            fail_msg("'%s' has no row", fault_entry((enum fault_kind)kind)->code);
}

static void test_unknown_kind(void **state)
{
    (void)state;
    assert_ptr_equal(fault_entry(FAULT__MAX), fault_entry(FAULT_INTERNAL));
    assert_ptr_equal(fault_entry((enum fault_kind)1000), fault_entry(FAULT_INTERNAL));
}

static void test_set(void **state)
{
    struct fault fault;

    (void)state;
    memset(&fault, 0xAA, sizeof(fault));
    assert_false(fault_set(&fault, FAULT_RATE_LIMITED, "%d of %s", 6, "five"));
    assert_int_equal(fault.kind, FAULT_RATE_LIMITED);
    assert_string_equal(fault.detail, "6 of five");
    assert_string_equal(fault.text, "");
    assert_string_equal(fault.id, "");
    assert_int_equal(fault.twilio_code, 0);
    assert_int_equal(fault.retry_after, 0);
}

static void test_set_null(void **state)
{
    (void)state;
    assert_false(fault_set(NULL, FAULT_INTERNAL, "%s", "nobody asks"));
}

static void test_long_detail(void **state)
{
    struct fault fault;

    (void)state;
    assert_false(fault_set(&fault, FAULT_INTERNAL, "%1000d", 7));
    assert_int_equal(strlen(fault.detail), sizeof(fault.detail) - 1);
}

static void test_own_text(void **state)
{
    struct fault fault = {.kind = FAULT_TWILIO_REJECTED, .text = "The 'To' number is blocked"};

    (void)state;
    assert_string_equal(fault_text(&fault), "The 'To' number is blocked");
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "every fault has a row here", .test_func = test_every_kind},
        {.name = "an unknown kind is ours to answer for", .test_func = test_unknown_kind},
        {.name = "setting a fault fills all of it", .test_func = test_set},
        {.name = "a caller may not care why", .test_func = test_set_null},
        {.name = "a long detail is cut", .test_func = test_long_detail},
        {.name = "Twilio's own words go before the table's", .test_func = test_own_text},
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(singles)];
    size_t n = 0;

    for (; n < ARRAY_LEN(rows); n++)
        tests[n] = (struct CMUnitTest){
            .name = rows[n].label, .test_func = test_row, .initial_state = &rows[n]};
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
