/* Twilio's Messages API: the exact requests, what each answer means, and when a message is sent a
 * second time. */

#include "fake_http.h"
#include "twilio.h"
#include "unit.h"

#define LOG_ID   "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID      "SM0123456789abcdef0123456789abcdef"
#define ACCOUNT  "AC0123456789abcdef0123456789abcdef"
#define TEMPLATE "HX0123456789abcdef0123456789abcdef"
#define SERVICE  "MG0123456789abcdef0123456789abcdef"

#define URL "https://api.twilio.com/2010-04-01/Accounts/" ACCOUNT "/Messages.json"
#define CALLBACK                                                                                   \
    "&StatusCallback=https%3A%2F%2Fexample.org%2Ffunctions%2Fv1%2Ftwilio-delivery-status%3Fid%3D"  \
    "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11%23rc%3D5%26rp%3Dall"
#define POST(form) "POST " URL " as " ACCOUNT ":token with " form CALLBACK
#define HI         POST("To=%2B201012345678&From=%2B15005550006&Body=Hi")

static struct arena arena;

static const struct settings usual = {
    .twilio_account_sid = ACCOUNT,
    .twilio_auth_token = "token",
    .twilio_phone_number = "+15005550006",
    .twilio_whatsapp_number = "+14155238886",
    .twilio_api_url = "https://api.twilio.com",
    .public_url = "https://example.org/functions/v1",
};

#define TEXT_INIT(literal)                                                                         \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static const struct message hi = {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")};

/** One message sent to a scripted Twilio. */
struct sending {
    struct fake_clock time;
    struct fake_http http;
    struct twilio_result result;
    int64_t took_ms;
};

static void send(struct sending *sending, const struct settings *settings,
                 const struct message *message, int64_t allowed_ms,
                 const struct fake_reply *replies)
{
    const struct clock clock = fake_clock(&sending->time);
    const struct http http = fake_http(&sending->http);
    const struct twilio twilio = {settings, &http, &clock};

    sending->http.replies = replies;
    sending->http.clock = &sending->time;
    int64_t start = clock.monotonic_ms(clock.self);
    twilio_send(&twilio, &arena, message, TEXT(LOG_ID), start + allowed_ms, &sending->result);
    sending->took_ms = clock.monotonic_ms(clock.self) - start;
}

#define MESSAGE_JSON                                                                               \
    "{\"sid\":\"" SID "\",\"status\":\"queued\",\"num_segments\":\"1\",\"num_media\":\"0\","       \
    "\"price\":null,\"price_unit\":\"USD\",\"direction\":\"outbound-api\",\"from\":"               \
    "\"+15005550006\",\"messaging_service_sid\":null,\"error_code\":null,\"error_message\":null,"  \
    "\"api_version\":\"2010-04-01\",\"body\":\"Hi\",\"to\":\"+201012345678\"}"

/** A message and the one request it becomes. */
static const struct request_row {
    const char *label;
    struct message message;
    struct settings settings; /* what differs from the usual */
    const char *want;
} requests[] = {
    {"an SMS", {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")}, {0}, HI},
    {"text is percent-encoded UTF-8",
     {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("a b+c&d=e%\nم😀~-._")},
     {0},
     POST("To=%2B201012345678&From=%2B15005550006&Body=a%20b%2Bc%26d%3De%25%0A%D9%85%F0%9F%98%80~-"
          "._")},
    {"WhatsApp from Twilio's sandbox number",
     {.channel = MESSAGE_WHATSAPP, .to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {0},
     POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&Body=Hi")},
    {"a WhatsApp number set with its prefix is not given another",
     {.channel = MESSAGE_WHATSAPP, .to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {.twilio_whatsapp_number = "whatsapp:+201000000000"},
     POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B201000000000&Body=Hi")},
    {"a template goes without Body and MediaUrl",
     {.channel = MESSAGE_WHATSAPP,
      .to = TEXT_INIT("+201012345678"),
      .body = TEXT_INIT("Hi"),
      .template_id = TEXT_INIT(TEMPLATE),
      .variables = TEXT_INIT("{\"1\":\"Ali\"}"),
      .media = {TEXT_INIT("https://a.example/b")},
      .n_media = 1},
     {0},
     POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&ContentSid=" TEMPLATE
          "&ContentVariables=%7B%221%22%3A%22Ali%22%7D")},
    {"a template without variables",
     {.channel = MESSAGE_WHATSAPP,
      .to = TEXT_INIT("+201012345678"),
      .template_id = TEXT_INIT(TEMPLATE)},
     {0},
     POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&ContentSid=" TEMPLATE)},
    {"media, each in a field of its own",
     {.to = TEXT_INIT("+201012345678"),
      .body = TEXT_INIT("Hi"),
      .media = {TEXT_INIT("https://a.example/b?c=d&e"), TEXT_INIT("https://a.example/f")},
      .n_media = 2},
     {0},
     POST("To=%2B201012345678&From=%2B15005550006&Body=Hi&MediaUrl=https%3A%2F%2Fa.example%2Fb%3F"
          "c%3Dd%26e&MediaUrl=https%3A%2F%2Fa.example%2Ff")},
    {"media without a text have no Body",
     {.to = TEXT_INIT("+201012345678"), .media = {TEXT_INIT("https://a.example/b")}, .n_media = 1},
     {0},
     POST("To=%2B201012345678&From=%2B15005550006&MediaUrl=https%3A%2F%2Fa.example%2Fb")},
    {"an SMS with a validity",
     {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi"), .validity = 60},
     {0},
     POST("To=%2B201012345678&From=%2B15005550006&Body=Hi&ValidityPeriod=60")},
    {"a validity is not for WhatsApp",
     {.channel = MESSAGE_WHATSAPP,
      .to = TEXT_INIT("+201012345678"),
      .body = TEXT_INIT("Hi"),
      .validity = 60},
     {0},
     POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&Body=Hi")},
    {"a Messaging Service takes the place of From for SMS",
     {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {.twilio_messaging_service_sid = SERVICE},
     POST("To=%2B201012345678&MessagingServiceSid=" SERVICE "&Body=Hi")},
    {"a Messaging Service is not for WhatsApp",
     {.channel = MESSAGE_WHATSAPP, .to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {.twilio_messaging_service_sid = SERVICE},
     POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&Body=Hi")},
    {"an API key signs in, the account stays in the URL",
     {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {.twilio_api_key = "SK1", .twilio_api_key_secret = "secret"},
     "POST " URL " as SK1:secret with To=%2B201012345678&From=%2B15005550006&Body=Hi" CALLBACK},
    {"an API key without its secret does not sign in",
     {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {.twilio_api_key = "SK1"},
     HI},
    {"another API address and a sender by name",
     {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hi")},
     {.twilio_api_url = "http://127.0.0.1:4010", .twilio_phone_number = "My Shop"},
     "POST http://127.0.0.1:4010/2010-04-01/Accounts/" ACCOUNT "/Messages.json as " ACCOUNT
     ":token with To=%2B201012345678&From=My%20Shop&Body=Hi" CALLBACK},
};

static const char *or_usual(const char *given, const char *otherwise)
{
    return given ? given : otherwise;
}

static void test_request(void **state)
{
    static const struct fake_reply taken[] = {{.status = 201, .body = MESSAGE_JSON}, {0}};
    const struct request_row *row = *state;
    const char *const want[] = {row->want, NULL};
    struct settings settings = usual;
    struct sending sending = {0};

    settings.twilio_api_key = row->settings.twilio_api_key;
    settings.twilio_api_key_secret = row->settings.twilio_api_key_secret;
    settings.twilio_messaging_service_sid = row->settings.twilio_messaging_service_sid;
    settings.twilio_whatsapp_number =
        or_usual(row->settings.twilio_whatsapp_number, usual.twilio_whatsapp_number);
    settings.twilio_phone_number =
        or_usual(row->settings.twilio_phone_number, usual.twilio_phone_number);
    settings.twilio_api_url = or_usual(row->settings.twilio_api_url, usual.twilio_api_url);
    send(&sending, &settings, &row->message, 26000, taken);
    fake_record_expect(&sending.http.record, want);
    assert_int_equal(sending.http.connect_ms[0], 5000);
    assert_int_equal(sending.http.total_ms[0], 15000);
    assert_int_equal(sending.result.verdict, TWILIO_TAKEN);
    fake_record_release(&sending.http.record);
}

/** One answer, and what it means. None of these is sent twice. */
static const struct answer_row {
    const char *label;
    struct fake_reply reply;
    enum twilio_verdict want;
    const char *sid, *status, *details; /* TWILIO_TAKEN */
    int code;
    const char *error;
} answers[] = {
    {"201 with a Message resource is taken",
     {.status = 201, .body = MESSAGE_JSON},
     TWILIO_TAKEN,
     SID,
     "queued",
     "{\"num_segments\":\"1\",\"num_media\":\"0\",\"price_unit\":\"USD\",\"direction\":"
     "\"outbound-api\",\"from\":\"+15005550006\",\"api_version\":\"2010-04-01\"}"},
    {"a Messaging Service accepts, and names itself",
     {.status = 201,
      .body = "{\"sid\":\"MM0123456789abcdef0123456789ABCDEF\",\"status\":\"accepted\","
              "\"num_segments\":\"0\",\"from\":null,\"messaging_service_sid\":\"" SERVICE "\"}"},
     TWILIO_TAKEN,
     "MM0123456789abcdef0123456789ABCDEF",
     "accepted",
     "{\"num_segments\":\"0\",\"messaging_service_sid\":\"" SERVICE "\"}"},
    {"200 with a Message resource is taken too",
     {.status = 200, .body = "{\"sid\":\"" SID "\",\"status\":\"queued\"}"},
     TWILIO_TAKEN,
     SID,
     "queued",
     "{}"},
    {"numbers and strings of details are kept as they are, other types are not",
     {.status = 201,
      .body = "{\"sid\":\"" SID "\",\"status\":\"queued\",\"num_segments\":2,\"price\":\"-0.05\","
              "\"num_media\":{},\"direction\":true}"},
     TWILIO_TAKEN,
     SID,
     "queued",
     "{\"num_segments\":2,\"price\":\"-0.05\"}"},
    {"a message that has failed at its creation has been taken, with its code and words",
     {.status = 201,
      .body = "{\"sid\":\"" SID "\",\"status\":\"failed\",\"error_code\":30001,"
              "\"error_message\":\"Queue overflow\"}"},
     TWILIO_TAKEN,
     SID,
     "failed",
     "{}",
     30001,
     "Queue overflow"},
    {"its code may be a string, and its words may be missing",
     {.status = 201,
      .body = "{\"sid\":\"" SID "\",\"status\":\"undelivered\",\"error_code\":\"30003\","
              "\"error_message\":null}"},
     TWILIO_TAKEN,
     SID,
     "undelivered",
     "{}",
     30003,
     ""},
    {"error code 0 is none",
     {.status = 201, .body = "{\"sid\":\"" SID "\",\"status\":\"queued\",\"error_code\":0}"},
     TWILIO_TAKEN,
     SID,
     "queued",
     "{}"},
    {"201 without a body leaves it unknown", {.status = 201, .body = ""}, TWILIO_UNKNOWN},
    {"201 with HTML leaves it unknown", {.status = 201, .body = "<html>"}, TWILIO_UNKNOWN},
    {"201 without a SID leaves it unknown",
     {.status = 201, .body = "{\"status\":\"queued\"}"},
     TWILIO_UNKNOWN},
    {"201 with a SID of another thing leaves it unknown",
     {.status = 201,
      .body = "{\"sid\":\"CA0123456789abcdef0123456789abcdef\",\"status\":\"queued\"}"},
     TWILIO_UNKNOWN},
    {"201 with a short SID leaves it unknown",
     {.status = 201, .body = "{\"sid\":\"SM01\",\"status\":\"queued\"}"},
     TWILIO_UNKNOWN},
    {"201 with a SID of other characters leaves it unknown",
     {.status = 201,
      .body = "{\"sid\":\"SM0123456789abcdef0123456789abcd/.\",\"status\":\"queued\"}"},
     TWILIO_UNKNOWN},
    {"201 without a status leaves it unknown",
     {.status = 201, .body = "{\"sid\":\"" SID "\"}"},
     TWILIO_UNKNOWN},
    {"201 with a number for a status leaves it unknown",
     {.status = 201, .body = "{\"sid\":\"" SID "\",\"status\":1}"},
     TWILIO_UNKNOWN},
    {"a redirect leaves it unknown", {.status = 302, .body = ""}, TWILIO_UNKNOWN},
    {"a redirect with a Message resource leaves it unknown",
     {.status = 302, .body = MESSAGE_JSON},
     TWILIO_UNKNOWN},
    {"400 is a refusal of the message",
     {.status = 400,
      .body = "{\"code\":21211,\"message\":\"The 'To' number is not a valid phone number.\","
              "\"more_info\":\"https://www.twilio.com/docs/errors/21211\",\"status\":400}"},
     TWILIO_REJECTED,
     .code = 21211,
     .error = "The 'To' number is not a valid phone number."},
    {"404 is a refusal of the message",
     {.status = 404, .body = "{\"code\":20404,\"message\":\"Not found\",\"status\":404}"},
     TWILIO_REJECTED,
     .code = 20404,
     .error = "Not found"},
    {"400 that is no JSON is a refusal without a reason",
     {.status = 400, .body = "<html>"},
     TWILIO_REJECTED,
     .error = ""},
    {"a code that is no number, and a text that is none, are not taken over",
     {.status = 400, .body = "{\"code\":\"21211\",\"message\":5}"},
     TWILIO_REJECTED,
     .error = ""},
    {"an absurd code is not taken over",
     {.status = 400, .body = "{\"code\":1e15,\"message\":\"x\"}"},
     TWILIO_REJECTED,
     .error = "x"},
    {"a negative code is not taken over",
     {.status = 400, .body = "{\"code\":-5,\"message\":\"x\"}"},
     TWILIO_REJECTED,
     .error = "x"},
    {"401 is a refusal of the credentials",
     {.status = 401, .body = "{\"code\":20003,\"message\":\"Authenticate\",\"status\":401}"},
     TWILIO_REFUSED,
     .code = 20003,
     .error = "Authenticate"},
    {"403 is a refusal of the credentials",
     {.status = 403, .body = "{\"code\":20005,\"message\":\"Account not active\"}"},
     TWILIO_REFUSED,
     .code = 20005,
     .error = "Account not active"},
    {"500 leaves it unknown",
     {.status = 500, .body = "{\"code\":20500,\"message\":\"Internal Server Error\"}"},
     TWILIO_UNKNOWN,
     .code = 20500,
     .error = "Internal Server Error"},
    {"503 leaves it unknown, with Retry-After too",
     {.status = 503, .retry_after = 1, .body = ""},
     TWILIO_UNKNOWN,
     .error = ""},
    {"no answer leaves it unknown",
     {.outcome = HTTP_NO_ANSWER, .error = "timed out"},
     TWILIO_UNKNOWN,
     .error = ""},
};

static void test_answer(void **state)
{
    const char *const want[] = {HI, NULL};
    const struct answer_row *row = *state;
    const struct fake_reply replies[] = {row->reply, {0}};
    struct sending sending = {0};
    const struct twilio_result *result = &sending.result;

    send(&sending, &usual, &hi, 26000, replies);
    fake_record_expect(&sending.http.record, want);
    assert_int_equal(result->verdict, row->want);
    assert_int_equal(result->status_code, row->reply.status);
    assert_int_equal(result->error_code, row->code);
    assert_text_equal(result->sid, row->sid);
    assert_text_equal(result->status, row->status);
    assert_text_equal(result->details, row->details);
    assert_text_equal(result->error, row->error);
    assert_string_not_equal(result->detail, "");
    assert_int_equal(sending.time.n_slept, 0);
    fake_record_release(&sending.http.record);
}

#define BUSY                                                                                       \
    {                                                                                              \
        .status = 429, .body = "{\"code\":20429,\"message\":\"Too Many Requests\"}"                \
    }
#define NOT_SENT                                                                                   \
    {                                                                                              \
        .outcome = HTTP_NOT_SENT, .error = "connection refused"                                    \
    }
#define TAKEN                                                                                      \
    {                                                                                              \
        .status = 201, .body = MESSAGE_JSON                                                        \
    }

/**
 * Several attempts: the pauses between them with given dice, and where it ends. `deadline_ms` is
 * what the caller allows, 0: enough.
 */
static const struct retry_row {
    const char *label;
    struct fake_reply replies[32];
    uint32_t dice;
    int64_t deadline_ms;
    bool no_random;
    enum twilio_verdict want;
    size_t attempts;
    int64_t pauses[32];
    int retry_after;
} retries[] = {
    {"after 429 it is sent again", {BUSY, TAKEN}, 100, 0, false, TWILIO_TAKEN, 2, {100}},
    {"after a failed connection it is sent again",
     {NOT_SENT, TAKEN},
     200,
     0,
     false,
     TWILIO_TAKEN,
     2,
     {200}},
    {"jitter is full: the longest first pause is followed by none",
     {BUSY, TAKEN},
     201,
     0,
     false,
     TWILIO_TAKEN,
     2,
     {0}},
    {"the pauses double, from 200 ms to 3 s at most",
     {BUSY, NOT_SENT, BUSY, NOT_SENT, BUSY, BUSY, TAKEN},
     3000,
     0,
     false,
     TWILIO_TAKEN,
     7,
     {3000 % 201, 3000 % 401, 3000 % 801, 3000 % 1601, 3000, 3000}},
    {"without random bytes the pause is the whole step",
     {BUSY, BUSY, TAKEN},
     0,
     0,
     true,
     TWILIO_TAKEN,
     3,
     {200, 400}},
    {"after a time-out it is not sent again",
     {BUSY, {.outcome = HTTP_NO_ANSWER, .error = "timed out"}, TAKEN},
     100,
     0,
     false,
     TWILIO_UNKNOWN,
     2,
     {100}},
    {"after 500 it is not sent again",
     {NOT_SENT, {.status = 500, .body = ""}, TAKEN},
     100,
     0,
     false,
     TWILIO_UNKNOWN,
     2,
     {100}},
    {"after 201 that is no message it is not sent again",
     {NOT_SENT, {.status = 201, .body = "{}"}, TAKEN},
     100,
     0,
     false,
     TWILIO_UNKNOWN,
     2,
     {100}},
    {"a refusal is final",
     {BUSY, {.status = 400, .body = "{\"code\":21211,\"message\":\"x\"}"}, TAKEN},
     100,
     0,
     false,
     TWILIO_REJECTED,
     2,
     {100}},
    {"Retry-After is waited for",
     {{.status = 429, .retry_after = 2, .body = ""}, TAKEN},
     100,
     0,
     false,
     TWILIO_TAKEN,
     2,
     {2000}},
    {"Retry-After shorter than the pause changes nothing",
     {BUSY, BUSY, BUSY, BUSY, {.status = 429, .retry_after = 1, .body = ""}, TAKEN},
     3000,
     0,
     false,
     TWILIO_TAKEN,
     6,
     {3000 % 201, 3000 % 401, 3000 % 801, 3000 % 1601, 3000}},
    {"Retry-After beyond the budget ends it at once, and is told",
     {{.status = 429, .retry_after = 30, .body = ""}, TAKEN},
     100,
     0,
     false,
     TWILIO_BUSY,
     1,
     {0},
     30},
    {"busy to the end of 10 s",
     {{.status = 429, .body = "", .takes_ms = 4000},
      {.status = 429, .body = "", .takes_ms = 4000},
      {.status = 429, .body = "", .takes_ms = 1900},
      TAKEN},
     100,
     0,
     false,
     TWILIO_BUSY,
     3,
     {100, 100}},
    {"connecting takes 5 s, twice: after that the budget is spent",
     {{.outcome = HTTP_NOT_SENT, .error = "x", .takes_ms = 5000},
      {.outcome = HTTP_NOT_SENT, .error = "x", .takes_ms = 5000},
      TAKEN},
     50,
     0,
     false,
     TWILIO_NOT_SENT,
     2,
     {50}},
    {"nothing is begun at the caller's deadline",
     {{.status = 429, .body = "", .takes_ms = 2000}, TAKEN},
     100,
     2100,
     false,
     TWILIO_BUSY,
     1,
     {0}},
    {"an attempt before the caller's deadline is made",
     {{.status = 429, .body = "", .takes_ms = 2000}, TAKEN},
     100,
     2101,
     false,
     TWILIO_TAKEN,
     2,
     {100}},
};

static void test_retry(void **state)
{
    const struct retry_row *row = *state;
    struct sending sending = {.time = {.dice = row->dice, .no_random = row->no_random}};
    int64_t allowed = row->deadline_ms ? row->deadline_ms : 26000;

    send(&sending, &usual, &hi, allowed, row->replies);
    assert_int_equal(sending.result.verdict, row->want);
    assert_int_equal(sending.http.record.n, row->attempts);
    assert_int_equal(sending.time.n_slept, row->attempts - 1);
    for (size_t i = 0; i < sending.time.n_slept; i++)
        assert_int_equal(sending.time.slept[i], row->pauses[i]);
    for (size_t i = 0; i < row->attempts; i++)
        assert_string_equal(sending.http.record.calls[i], HI);
    assert_int_equal(sending.result.retry_after, row->retry_after);
    assert_true(sending.took_ms <= allowed);
    fake_record_release(&sending.http.record);
}

static void test_time_left(void **state)
{
    static const struct fake_reply replies[] = {
        {.status = 429, .body = "", .takes_ms = 7000}, TAKEN, {0}};
    struct sending sending = {0};

    (void)state;
    send(&sending, &usual, &hi, 18000, replies);
    assert_int_equal(sending.http.total_ms[0], 15000);
    assert_int_equal(sending.http.total_ms[1], 11000);
    fake_record_release(&sending.http.record);
}

static void test_no_time_left(void **state)
{
    static const struct fake_reply replies[] = {{.outcome = HTTP_NOT_SENT, .error = "x"}, {0}};
    struct sending sending = {0};

    (void)state;
    send(&sending, &usual, &hi, -5, replies);
    assert_int_equal(sending.http.total_ms[0], 1);
    assert_int_equal(sending.http.record.n, 1);
    fake_record_release(&sending.http.record);
}

static void test_bounded_tries(void **state)
{
    struct fake_reply replies[64];
    struct sending sending = {.time = {.dice = 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        replies[i] = (struct fake_reply){
            .outcome = HTTP_NOT_SENT, .error = "connection refused", .takes_ms = 200};
    send(&sending, &usual, &hi, 26000, replies);
    assert_int_equal(sending.result.verdict, TWILIO_NOT_SENT);
    assert_int_equal(sending.http.record.n, 50);
    fake_record_release(&sending.http.record);
}

/** Twilio that answers everything alike, and needs no memory for it. */
struct spare {
    int status;
    const char *body;
    size_t n_asked;
};

static void answer_sparingly(void *self, struct arena *none, const struct http_request *request,
                             struct http_reply *ret_reply)
{
    struct spare *spare = self;

    (void)none;
    (void)request;
    spare->n_asked++;
    *ret_reply = (struct http_reply){.status = spare->status, .body = text_of(spare->body)};
}

/** Send with an arena of `room` bytes; `small` holds the result's texts. */
static void send_with_room(struct spare *spare, size_t room, struct arena *small,
                           struct twilio_result *ret_result)
{
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    const struct http http = {spare, answer_sparingly};
    const struct twilio twilio = {&usual, &http, &clock};

    arena_init(small, room);
    twilio_send(&twilio, small, &hi, TEXT(LOG_ID), INT64_MAX, ret_result);
}

/* Little memory, then more: what Twilio has taken is never taken for a message that was not sent.
 */
static void test_no_memory(void **state)
{
    size_t n_not_sent = 0, n_unknown = 0, n_bare = 0;

    (void)state;
    for (size_t room = 0;; room++) {
        struct spare spare = {.status = 201, .body = MESSAGE_JSON};
        struct twilio_result result;
        struct arena small;
        send_with_room(&spare, room, &small, &result);
        bool whole = result.verdict == TWILIO_TAKEN && result.details.n > 2;
        if (spare.n_asked == 0) {
            assert_int_equal(result.verdict, TWILIO_NOT_SENT);
            assert_string_equal(result.detail, "no memory for the request");
            n_not_sent++;
        } else if (result.verdict == TWILIO_TAKEN) {
            assert_int_equal(spare.n_asked, 1);
            assert_text_equal(result.sid, SID);
            assert_text_equal(result.status, "queued");
            n_bare += !whole;
        } else {
            assert_int_equal(result.verdict, TWILIO_UNKNOWN);
            n_unknown++;
        }
        arena_release(&small);
        if (whole)
            break;
        assert_true(room < 8192);
    }
    assert_true(n_not_sent > 0 && n_unknown > 0 && n_bare > 0);
}

/* Nor is a refusal another one for want of its words. */
static void test_no_memory_for_a_refusal(void **state)
{
    size_t n_wordless = 0;
    bool whole = false;

    (void)state;
    for (size_t room = 0; !whole; room++) {
        struct spare spare = {.status = 400, .body = "{\"code\":21211,\"message\":\"wrong\"}"};
        struct twilio_result result;
        struct arena small;
        send_with_room(&spare, room, &small, &result);
        if (spare.n_asked)
            assert_int_equal(result.verdict, TWILIO_REJECTED);
        n_wordless += result.error_code == 21211 && result.error.n == 0;
        whole = result.error_code == 21211 && text_equal(result.error, TEXT("wrong"));
        arena_release(&small);
        assert_true(room < 8192);
    }
    assert_true(n_wordless > 0);
}

static void test_long_error(void **state)
{
    char body[2048];
    struct sending sending = {0};

    (void)state;
    memset(body, 0, sizeof(body));
    snprintf(body, sizeof(body), "{\"code\":1,\"message\":\"%0499d\xD9\x85 and more\"}", 0);
    const struct fake_reply replies[] = {{.status = 400, .body = body}, {0}};
    send(&sending, &usual, &hi, 26000, replies);
    assert_int_equal(sending.result.error.n, 499);
    fake_record_release(&sending.http.record);
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
        {.name = "an attempt gets the time that is left", .test_func = test_time_left},
        {.name = "without time an attempt is given a moment", .test_func = test_no_time_left},
        {.name = "refused connections are tried for 10 s", .test_func = test_bounded_tries},
        {.name = "want of memory leaves not sent, unknown and taken apart",
         .test_func = test_no_memory},
        {.name = "for want of memory a refusal has no words",
         .test_func = test_no_memory_for_a_refusal},
        {.name = "Twilio's text is cut between characters", .test_func = test_long_error},
    };
    struct CMUnitTest
        tests[ARRAY_LEN(requests) + ARRAY_LEN(answers) + ARRAY_LEN(retries) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, requests, test_request);
    ADD_ROWS(tests, n, answers, test_answer);
    ADD_ROWS(tests, n, retries, test_retry);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    arena_init(&arena, 4 << 20);
    int failed = cmocka_run_group_tests_name("twilio", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
