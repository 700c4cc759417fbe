/* Requests and answers as a web server sees them: bodies, limits, CORS, headers, what is written.
 */

#include "buffer.h"
#include "cgi.h"
#include "fake_clock.h"
#include "fake_connection.h"
#include "fake_record.h"
#include "unit.h"

static struct arena arena;

static bool read_request(struct fake_connection *fake, const char *const *variables,
                         struct text body, struct cgi_request *request, struct fault *fault)
{
    struct fake_clock time = {.dice = 0x11111111};
    const struct clock clock = fake_clock(&time);

    fake->variables = variables;
    fake->body = body;
    const struct cgi_connection connection = fake_connection(fake);
    return cgi_read(&connection, &arena, &clock, request, fault);
}

/** Bodies. `body` is what standard input holds. */
static const struct body_row {
    const char *label;
    const char *variables[4];
    const char *body;
    size_t most_at_once, breaks_at;
    const char *want, *fault; /* the body, or why not */
} bodies[] = {
    {"a body of its announced length", {"CONTENT_LENGTH=5"}, "hello", 0, 0, "hello"},
    {"what stands behind the body is not read",
     {"CONTENT_LENGTH=5"},
     "hello, world",
     0,
     0,
     "hello"},
    {"a body that comes byte by byte", {"CONTENT_LENGTH=5"}, "hello", 1, 0, "hello"},
    {"no length, no body", {NULL}, "hello", 0, 0, ""},
    {"an empty length, no body", {"CONTENT_LENGTH="}, "hello", 0, 0, ""},
    {"a length of 0", {"CONTENT_LENGTH=0"}, "hello", 0, 0, ""},
    {"leading zeros", {"CONTENT_LENGTH=0005"}, "hello", 0, 0, "hello"},
    {"a body in chunks", {"HTTP_TRANSFER_ENCODING=chunked"}, "hello", 2, 0, "hello"},
    {"a body in chunks with a length has that length",
     {"HTTP_TRANSFER_ENCODING=chunked", "CONTENT_LENGTH=2"},
     "hello",
     0,
     0,
     "he"},
    {"a body shorter than announced", {"CONTENT_LENGTH=6"}, "hello", 0, 0, NULL, "invalid_json"},
    {"a body that breaks off", {"CONTENT_LENGTH=5"}, "hello", 1, 3, NULL, "invalid_json"},
    {"a length with a sign", {"CONTENT_LENGTH=+5"}, "hello", 0, 0, NULL, "invalid_json"},
    {"a negative length", {"CONTENT_LENGTH=-1"}, "hello", 0, 0, NULL, "invalid_json"},
    {"a length in hexadecimal", {"CONTENT_LENGTH=0x5"}, "hello", 0, 0, NULL, "invalid_json"},
    {"a length with a space", {"CONTENT_LENGTH= 5"}, "hello", 0, 0, NULL, "invalid_json"},
    {"two lengths", {"CONTENT_LENGTH=5, 5"}, "hello", 0, 0, NULL, "invalid_json"},
    {"a length beyond 64 bits",
     {"CONTENT_LENGTH=99999999999999999999"},
     "hello",
     0,
     0,
     NULL,
     "invalid_json"},
    {"a length of 64 bits, all of them",
     {"CONTENT_LENGTH=18446744073709551615"},
     "hello",
     0,
     0,
     NULL,
     "body_too_large"},
    {"a length above the cap", {"CONTENT_LENGTH=65537"}, "hello", 0, 0, NULL, "body_too_large"},
};

static void test_body(void **state)
{
    const struct body_row *row = *state;
    struct fake_connection fake = {.most_at_once = row->most_at_once, .breaks_at = row->breaks_at};
    struct cgi_request request;
    struct fault fault = {0};

    bool good = read_request(&fake, row->variables, text_of(row->body), &request, &fault);
    if (good != !row->fault)
        fail_msg("%s", good ? "was read" : fault.detail);
    if (good)
        assert_text_equal(request.body, row->want);
    else
        assert_string_equal(fault_code(&fault), row->fault);
}

/** Whose body was read as it was announced hears of it, and else nobody does. */
static void test_end_of_body(void **state)
{
    static const struct {
        const char *variables[2];
        size_t n_ended;
    } rows[] = {{{"CONTENT_LENGTH=5"}, 1},
                {{"CONTENT_LENGTH=4"}, 1},
                {{"CONTENT_LENGTH=6"}, 0},
                {{"CONTENT_LENGTH=5x"}, 0},
                {{"CONTENT_LENGTH=65537"}, 0},
                {{"CONTENT_LENGTH="}, 0},
                {{NULL}, 0},
                {{"HTTP_TRANSFER_ENCODING=chunked"}, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_connection fake = {0};
        struct cgi_request request;
        struct fault fault;
        (void)!read_request(&fake, rows[i].variables, TEXT("hello"), &request, &fault);
        if (fake.n_ended != rows[i].n_ended)
            fail_msg("row %zu: %zu", i, fake.n_ended);
    }
}

static void test_largest(void **state)
{
    static const char *const announced[] = {"CONTENT_LENGTH=65536", NULL};
    static const char *const chunks[] = {"HTTP_TRANSFER_ENCODING=chunked", NULL};
    static char body[CGI_BODY_MAX + 1];
    struct cgi_request request;
    struct fault fault;

    (void)state;
    memset(body, 'x', sizeof(body));
    struct fake_connection fake = {0};
    assert_true(
        read_request(&fake, announced, (struct text){body, CGI_BODY_MAX}, &request, &fault));
    assert_int_equal(request.body.n, CGI_BODY_MAX);
    fake = (struct fake_connection){0};
    assert_true(read_request(&fake, chunks, (struct text){body, CGI_BODY_MAX}, &request, &fault));
    assert_int_equal(request.body.n, CGI_BODY_MAX);
    fake = (struct fake_connection){0};
    assert_false(
        read_request(&fake, chunks, (struct text){body, CGI_BODY_MAX + 1}, &request, &fault));
    assert_int_equal(fault.kind, FAULT_BODY_TOO_LARGE);
}

/* fcgiwrap answers 502 when an answer comes before the body was taken */
static void test_too_large_is_read_away(void **state)
{
    static const char *const variables[] = {"CONTENT_LENGTH=1000000", NULL};
    static const char *const endless[] = {"CONTENT_LENGTH=999999999999", NULL};
    static char body[16 << 20];
    struct fake_connection fake = {0};
    struct cgi_request request;
    struct fault fault;

    (void)state;
    assert_false(read_request(&fake, variables, (struct text){body, 1000000}, &request, &fault));
    assert_int_equal(fault.kind, FAULT_BODY_TOO_LARGE);
    assert_int_equal(fake.n_read, 1000000);
    fake = (struct fake_connection){0};
    assert_false(read_request(&fake, endless, (struct text){body, sizeof(body)}, &request, &fault));
    assert_int_equal(fake.n_read, 8 << 20);
}

static void test_variables(void **state)
{
    static const char *const variables[] = {"REQUEST_METHOD=POST",
                                            "QUERY_STRING=id=1&x=%20",
                                            "CONTENT_TYPE=application/json",
                                            "REMOTE_ADDR=127.0.0.1",
                                            "HTTP_AUTHORIZATION=Bearer a.b.c",
                                            "HTTP_ORIGIN=https://a.example",
                                            "HTTP_IDEMPOTENCY_KEY=key",
                                            "HTTP_X_TWILIO_SIGNATURE=c2ln",
                                            "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=apikey",
                                            "HTTP_X_REQUEST_ID=abc",
                                            NULL};
    struct fake_connection fake = {0};
    struct cgi_request request;
    struct fault fault;

    (void)state;
    assert_true(read_request(&fake, variables, TEXT(""), &request, &fault));
    assert_text_equal(request.method, "POST");
    assert_text_equal(request.query, "id=1&x=%20");
    assert_text_equal(request.content_type, "application/json");
    assert_text_equal(request.remote_addr, "127.0.0.1");
    assert_text_equal(request.authorization, "Bearer a.b.c");
    assert_text_equal(request.origin, "https://a.example");
    assert_text_equal(request.idempotency_key, "key");
    assert_text_equal(request.twilio_signature, "c2ln");
    assert_text_equal(request.asked_headers, "apikey");
    assert_string_equal(request.id, "abc");
}

static void test_known_on_failure(void **state)
{
    static const char *const variables[] = {"REQUEST_METHOD=POST", "HTTP_X_REQUEST_ID=abc",
                                            "HTTP_ORIGIN=https://a.example", "CONTENT_LENGTH=x",
                                            NULL};
    struct fake_connection fake = {0};
    struct cgi_request request;
    struct fault fault;

    (void)state;
    assert_false(read_request(&fake, variables, TEXT(""), &request, &fault));
    assert_string_equal(request.id, "abc");
    assert_text_equal(request.method, "POST");
    assert_text_equal(request.origin, "https://a.example");
}

#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define NEW "019b796d-d600-7111-9111-111111111111"

static const struct id_row {
    const char *label, *variable, *want;
} ids[] = {
    {"a sane request id is kept", "HTTP_X_REQUEST_ID=aZ09-_.:+/=", "aZ09-_.:+/="},
    {"a request id of 128", "HTTP_X_REQUEST_ID=" X32 X32 X32 X32, X32 X32 X32 X32},
    {"without one there is a new one", "X=", NEW},
    {"for an empty one there is a new one", "HTTP_X_REQUEST_ID=", NEW},
    {"for one of 129 there is a new one", "HTTP_X_REQUEST_ID=" X32 X32 X32 X32 "x", NEW},
    {"for one with a space there is a new one", "HTTP_X_REQUEST_ID=a b", NEW},
    {"for one with a line end there is a new one", "HTTP_X_REQUEST_ID=a\r\nSet-Cookie: b", NEW},
    {"for one with a quote there is a new one", "HTTP_X_REQUEST_ID=a\"b", NEW},
    {"for one with letters that are not ASCII there is a new one", "HTTP_X_REQUEST_ID=م", NEW},
};

static void test_id(void **state)
{
    const struct id_row *row = *state;
    const char *const variables[] = {row->variable, NULL};
    struct fake_connection fake = {0};
    struct cgi_request request;
    struct fault fault;

    assert_true(read_request(&fake, variables, TEXT(""), &request, &fault));
    assert_string_equal(request.id, row->want);
}

static const struct memory_row {
    const char *label, *body; /* the variable that tells of it */
} memories[] = {
    {"for want of memory nothing is read", "CONTENT_LENGTH=60000"},
    {"for want of memory nothing is read in chunks", "HTTP_TRANSFER_ENCODING=chunked"},
};

static void test_read_without_memory(void **state)
{
    const struct memory_row *row = *state;
    const char *const variables[] = {"REQUEST_METHOD=POST", row->body, NULL};
    static char body[60000];
    struct fake_connection fake = {.variables = variables, .body = {body, sizeof(body)}};
    const struct cgi_connection connection = fake_connection(&fake);
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct cgi_request request;
    struct arena small;
    struct fault fault;

    for (size_t cap = 8; cap < 60000; cap *= 20) {
        arena_init(&small, cap);
        assert_false(cgi_read(&connection, &small, &clock, &request, &fault));
        assert_int_equal(fault.kind, FAULT_NO_MEMORY);
        assert_int_equal(fake.n_asked, 0);
        arena_release(&small);
    }
}

#define EXPOSED                                                                                    \
    "Access-Control-Expose-Headers: X-Request-Id, RateLimit-Limit, RateLimit-Remaining, "          \
    "RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate\r\n"
#define METHODS "Access-Control-Allow-Methods: POST, OPTIONS\r\n"
#define AGE     "Access-Control-Max-Age: 86400\r\n"
#define ANY     "Access-Control-Allow-Origin: *\r\n"
#define ALL                                                                                        \
    "Access-Control-Allow-Headers: authorization, x-client-info, apikey, content-type, "           \
    "idempotency-key, x-request-id, x-region, traceparent, tracestate, baggage, sentry-trace, "    \
    "x-supabase-api-version\r\n"

static const struct cors_row {
    const char *label, *allowed, *method, *origin, *asked, *want;
} cors[] = {
    {"any origin", "*", "POST", "https://a.example", "", ANY EXPOSED},
    {"any origin, white space around it", " * ", "POST", "", "", ANY EXPOSED},
    {"any origin, asked for nothing in particular", "*", "OPTIONS", "https://a.example", "",
     ANY METHODS ALL AGE EXPOSED},
    {"an origin that is listed is echoed", "https://a.example,https://b.example", "POST",
     "https://b.example", "",
     "Vary: Origin\r\nAccess-Control-Allow-Origin: https://b.example\r\n" EXPOSED},
    {"white space in the list", " https://a.example , https://b.example ", "POST",
     "https://b.example", "",
     "Vary: Origin\r\nAccess-Control-Allow-Origin: https://b.example\r\n" EXPOSED},
    {"an origin that is not listed gets nothing", "https://a.example", "OPTIONS",
     "https://b.example", "apikey", "Vary: Origin\r\n"},
    {"an origin that begins like a listed one gets nothing", "https://a.example", "POST",
     "https://a.example.org", "", "Vary: Origin\r\n"},
    {"no origin, a list", "https://a.example", "POST", "", "", "Vary: Origin\r\n"},
    {"the null origin gets nothing from a list", "https://a.example", "POST", "null", "",
     "Vary: Origin\r\n"},
    {"no list at all lets nobody in", "", "POST", "https://a.example", "", "Vary: Origin\r\n"},
    {"a preflight for a list", "https://a.example", "OPTIONS", "https://a.example",
     "authorization,content-type",
     "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n" METHODS
     "Access-Control-Allow-Headers: authorization, content-type\r\n" AGE EXPOSED},
    {"what supabase-js asks for", "*", "OPTIONS", "https://a.example",
     "apikey,authorization,content-type,x-client-info,x-supabase-api-version",
     ANY METHODS "Access-Control-Allow-Headers: apikey, authorization, content-type, "
                 "x-client-info, x-supabase-api-version\r\n" AGE EXPOSED},
    {"what tracing libraries and regional calls add", "*", "OPTIONS", "https://a.example",
     "baggage,sentry-trace,traceparent,tracestate,X-Region,x-regions",
     ANY METHODS "Access-Control-Allow-Headers: baggage, sentry-trace, traceparent, tracestate, "
                 "X-Region\r\n" AGE EXPOSED},
    {"newer x-supabase-client- names", "*", "OPTIONS", "https://a.example",
     "x-supabase-client-platform, X-Supabase-Client-Runtime-Version",
     ANY METHODS "Access-Control-Allow-Headers: x-supabase-client-platform, "
                 "X-Supabase-Client-Runtime-Version\r\n" AGE EXPOSED},
    {"our own names in any case", "*", "OPTIONS", "https://a.example",
     "Idempotency-Key, X-Request-ID",
     ANY METHODS "Access-Control-Allow-Headers: Idempotency-Key, X-Request-ID\r\n" AGE EXPOSED},
    {"others are passed over", "*", "OPTIONS", "https://a.example",
     "x-evil, apikey, , cookie,x-supabase-client-\r\nset-cookie: a,x-twilio-signature",
     ANY METHODS "Access-Control-Allow-Headers: apikey\r\n" AGE EXPOSED},
    {"nothing but others", "*", "OPTIONS", "https://a.example", "x-evil", ANY METHODS AGE EXPOSED},
};

static struct text header_lines(const struct cgi_response *response)
{
    struct buffer b;
    struct text lines;

    buffer_init(&b, &arena, 1 << 16);
    for (size_t i = 0; i < response->n_headers; i++) {
        buffer_addf(&b, "%s: ", response->headers[i].name);
        buffer_add(&b, response->headers[i].value);
        buffer_add(&b, TEXT("\r\n"));
    }
    assert_true(buffer_text(&b, &lines));
    return lines;
}

static void test_cors(void **state)
{
    const struct cors_row *row = *state;
    const struct cgi_request request = {.method = text_of(row->method),
                                        .origin = text_of(row->origin),
                                        .asked_headers = text_of(row->asked)};
    struct cgi_response response = {0};

    cgi_cors(&response, &arena, &request, text_of(row->allowed));
    assert_text_equal(header_lines(&response), row->want);
}

/* The names go through a buffer of 2048 bytes. */
static void test_too_many_asked(void **state)
{
    char asked[3000] = "apikey";
    struct cgi_request request = {.method = TEXT("OPTIONS")};
    struct cgi_response response = {0};

    (void)state;
    for (size_t i = 0; i < 70; i++) {
        size_t n = strlen(asked);
        snprintf(asked + n, sizeof(asked) - n, ", x-supabase-client-%013zu", i);
    }
    request.asked_headers = text_of(asked);
    cgi_cors(&response, &arena, &request, TEXT("*"));
    assert_text_equal(header_lines(&response), ANY METHODS AGE EXPOSED);
}

static void test_header_without_memory(void **state)
{
    struct cgi_response response = {0};
    struct arena none;

    (void)state;
    arena_init(&none, 0);
    cgi_headerf(&response, &none, "A", "%d", 1);
    assert_int_equal(response.n_headers, 0);
}

static const struct fault_row {
    const char *label;
    struct fault fault;
    const char *headers, *body;
} faults[] = {
    {"a fault has text and code",
     {.kind = FAULT_INVALID_TYPE, .detail = "not for the caller"},
     "",
     "{\"success\":false,\"error\":\"Type must be sms or whatsapp\",\"code\":\"invalid_type\"}"},
    {"a fault with everything",
     {.kind = FAULT_TWILIO_BUSY, .twilio_code = 20429, .retry_after = 5, .id = "row"},
     "Retry-After: 5\r\n",
     "{\"success\":false,\"error\":\"Twilio is busy. The message was not sent\","
     "\"code\":\"twilio_busy\",\"twilio_code\":20429,\"retry_after\":5,\"id\":\"row\"}"},
    {"another text in the table's place, escaped",
     {.kind = FAULT_TWILIO_REJECTED, .text = "The 'To' \"number\"\n"},
     "",
     "{\"success\":false,\"error\":\"The 'To' \\\"number\\\"\\n\",\"code\":\"twilio_rejected\"}"},
    {"401 names the scheme",
     {.kind = FAULT_UNAUTHORIZED},
     "WWW-Authenticate: Bearer\r\n",
     "{\"success\":false,\"error\":\"Unauthorized\",\"code\":\"unauthorized\"}"},
    {"405 names the methods",
     {.kind = FAULT_METHOD_NOT_ALLOWED},
     "Allow: POST, OPTIONS\r\n",
     "{\"success\":false,\"error\":\"Method not allowed\",\"code\":\"method_not_allowed\"}"},
};

static void test_fault(void **state)
{
    const struct fault_row *row = *state;
    struct cgi_response response = {.status = 200};

    cgi_fault(&response, &arena, &row->fault);
    assert_int_equal(response.status, fault_entry(row->fault.kind)->status);
    assert_text_equal(response.body, row->body);
    assert_text_equal(header_lines(&response), row->headers);
}

#define FAILURE "{\"success\":false,\"error\":\"Internal server error\",\"code\":\"internal\"}"
#define UNKNOWN                                                                                    \
    "{\"success\":false,\"error\":\"The message may have been sent. Do not send it again "         \
    "blindly\",\"code\":\"outcome_unknown\"}"

static const struct bare_row {
    const char *label;
    enum fault_kind kind;
    int status;
    const char *body;
} bare_faults[] = {
    {"a fault needs no memory", FAULT_INVALID_TYPE, 400, FAILURE},
    {"that nobody knows what was sent is said without memory", FAULT_OUTCOME_UNKNOWN, 504, UNKNOWN},
};

static void test_fault_without_memory(void **state)
{
    const struct bare_row *row = *state;
    const struct fault fault = {.kind = row->kind};
    struct cgi_response response = {.status = 200};
    struct arena none;

    arena_init(&none, 0);
    cgi_fault(&response, &none, &fault);
    assert_int_equal(response.status, row->status);
    assert_text_equal(response.body, row->body);
}

static void test_bare_words(void **state)
{
    (void)state;
    assert_non_null(strstr(UNKNOWN, fault_entry(FAULT_OUTCOME_UNKNOWN)->text));
    assert_non_null(strstr(UNKNOWN, fault_entry(FAULT_OUTCOME_UNKNOWN)->code));
    assert_non_null(strstr(FAILURE, fault_entry(FAULT_NO_MEMORY)->text));
    assert_non_null(strstr(FAILURE, fault_entry(FAULT_NO_MEMORY)->code));
}

/* each status that a fault has has its phrase */
static void test_phrases(void **state)
{
    static const char *const none[] = {NULL};
    const struct cgi_request request = {.id = "abc"};

    (void)state;
    for (int kind = 0; kind < FAULT__MAX; kind++) {
        struct cgi_response response = {.status = fault_entry((enum fault_kind)kind)->status};
        struct fake_connection fake = {.variables = none};
        const struct cgi_connection connection = fake_connection(&fake);
        assert_true(cgi_write(&connection, &arena, &request, &response));
        assert_null(strstr(fake.written, "Unknown"));
        fake_connection_release(&fake);
    }
}

static void test_no_phrase(void **state)
{
    static const char *const none[] = {NULL};
    const struct cgi_request request = {.id = "abc"};
    const struct cgi_response response = {.status = 299};
    struct fake_connection fake = {.variables = none};
    const struct cgi_connection connection = fake_connection(&fake);

    (void)state;
    assert_true(cgi_write(&connection, &arena, &request, &response));
    assert_ptr_equal(strstr(fake.written, "Status: 299 Unknown\r\n"), fake.written);
    fake_connection_release(&fake);
}

static void test_write(void **state)
{
    const struct cgi_request request = {.id = "abc"};
    struct cgi_response response = {.status = 201, .body = TEXT("{\"a\":1}")};
    struct fake_connection fake = {0};
    const struct cgi_connection connection = fake_connection(&fake);

    (void)state;
    response.status = 429;
    cgi_header(&response, "A", TEXT("1"));
    cgi_headerf(&response, &arena, "B", "%d-%s", 2, "x");
    cgi_header(&response, "Ends-The-Header", TEXT("1\r\n\r\n"));
    cgi_header(&response, "Is-None", TEXT("\x7F"));
    assert_true(cgi_write(&connection, &arena, &request, &response));
    assert_int_equal(fake.n_written, 1);
    assert_string_equal(fake.written, "Status: 429 Too Many Requests\r\n"
                                      "Content-Type: application/json; charset=utf-8\r\n"
                                      "Cache-Control: no-store\r\n"
                                      "X-Content-Type-Options: nosniff\r\n"
                                      "X-Request-Id: abc\r\n"
                                      "A: 1\r\n"
                                      "B: 2-x\r\n"
                                      "\r\n"
                                      "{\"a\":1}");
    fake_connection_release(&fake);
    fake.gone = true;
    assert_false(cgi_write(&connection, &arena, &request, &response));
}

/* What was sent was answered with 200: to say that it failed would have it sent again. */
static const struct bare_answer_row {
    const char *label;
    int status;
    const char *written;
} bare_answers[] = {
    {"without memory what was done is unknown", 200, "504 Gateway Timeout"},
    {"without memory what is unknown is unknown", 504, "504 Gateway Timeout"},
    {"without memory a refusal is a failure", 400, "500 Internal Server Error"},
    {"without memory a preflight is a failure", 204, "500 Internal Server Error"},
};

static void test_write_without_memory(void **state)
{
    const struct bare_answer_row *row = *state;
    const struct cgi_request request = {.id = "abc"};
    const struct cgi_response response = {.status = row->status, .body = TEXT("{}")};
    struct fake_connection fake = {0};
    const struct cgi_connection connection = fake_connection(&fake);
    struct arena none;
    char want[512];

    snprintf(want, sizeof(want),
             "Status: %s\r\nContent-Type: application/json; charset=utf-8\r\n\r\n%s", row->written,
             row->written[2] == '4' ? UNKNOWN : FAILURE);
    arena_init(&none, 0);
    assert_true(cgi_write(&connection, &none, &request, &response));
    assert_string_equal(fake.written, want);
    fake_connection_release(&fake);
}

static void test_too_many_headers(void **state)
{
    struct cgi_response response = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        cgi_header(&response, "A", TEXT("1"));
    assert_int_equal(response.n_headers, CGI_HEADERS_MAX);
}

static void test_note(void **state)
{
    struct cgi_response response = {0};

    (void)state;
    cgi_note(&response, &arena, "%d files %s", 3, "wait");
    assert_string_equal(response.log_note, "3 files wait");
}

static const struct type_row {
    const char *label, *type;
    bool want;
} types[] = {
    {"a media type alone", "application/json", true},
    {"a media type in another case, with parameters", "Application/JSON ; charset=utf-8", true},
    {"a media type that begins alike", "application/json-patch+json", false},
    {"a media type in a parameter", "text/plain;a=application/json", false},
    {"no media type", "", false},
};

static void test_type(void **state)
{
    const struct type_row *row = *state;

    assert_true(cgi_is_type(text_of(row->type), TEXT("application/json")) == row->want);
}

static const struct query_row {
    const char *label, *query, *want;
} queries[] = {
    {"a parameter alone", "id=1", "1"},
    {"a parameter among others", "a=0&id=1&b=2", "1"},
    {"the first of two", "id=1&id=2", "1"},
    {"it is not decoded", "id=%31+", "%31+"},
    {"with a '=' in it", "id=a=b", "a=b"},
    {"without a value", "id", ""},
    {"a name that begins alike", "idx=1&xid=2", ""},
    {"a name in another case", "ID=1", ""},
    {"an empty query", "", ""},
    {"nothing but separators", "&&=&", ""},
};

static void test_query(void **state)
{
    const struct query_row *row = *state;

    assert_text_equal(cgi_query(text_of(row->query), TEXT("id")), row->want);
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
        {.name = "the end of a body is read where it was announced", .test_func = test_end_of_body},
        {.name = "64 KiB are read, not one byte more", .test_func = test_largest},
        {.name = "a body too large is read away", .test_func = test_too_large_is_read_away},
        {.name = "each variable has its place", .test_func = test_variables},
        {.name = "what is known is known in spite of the body", .test_func = test_known_on_failure},
        {.name = "answers without memory have the table's words", .test_func = test_bare_words},
        {.name = "every status has its phrase", .test_func = test_phrases},
        {.name = "a status without a phrase has a word", .test_func = test_no_phrase},
        {.name = "too many headers asked for are not allowed", .test_func = test_too_many_asked},
        {.name = "for want of memory a header is left out",
         .test_func = test_header_without_memory},
        {.name = "an answer is written once", .test_func = test_write},
        {.name = "headers are bounded", .test_func = test_too_many_headers},
        {.name = "a note is formatted", .test_func = test_note},
    };
    struct CMUnitTest tests[ARRAY_LEN(bodies) + ARRAY_LEN(ids) + ARRAY_LEN(memories) +
                            ARRAY_LEN(cors) + ARRAY_LEN(faults) + ARRAY_LEN(bare_faults) +
                            ARRAY_LEN(bare_answers) + ARRAY_LEN(types) + ARRAY_LEN(queries) +
                            ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, bodies, test_body);
    ADD_ROWS(tests, n, ids, test_id);
    ADD_ROWS(tests, n, memories, test_read_without_memory);
    ADD_ROWS(tests, n, cors, test_cors);
    ADD_ROWS(tests, n, faults, test_fault);
    ADD_ROWS(tests, n, bare_faults, test_fault_without_memory);
    ADD_ROWS(tests, n, bare_answers, test_write_without_memory);
    ADD_ROWS(tests, n, types, test_type);
    ADD_ROWS(tests, n, queries, test_query);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    arena_init(&arena, 4 << 20);
    int failed = cmocka_run_group_tests_name("cgi", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
