/* send-whatsapp, whole: a request, what the database and Twilio say, and all that follows. */

#define main endpoint_main
int endpoint_main(int argc, char **argv);
#include "send_whatsapp.c"
#undef main

#include "fake_endpoint.h"
#include "fake_tokens.h"
#include "unit.h"

#define ID   "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID  "SM0123456789abcdef0123456789abcdef"
#define UUID "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

#define JSON   "CONTENT_TYPE=application/json"
#define ORIGIN "HTTP_ORIGIN=https://a.example"
#define HELLO  "{\"to\":\"01012345678\",\"message\":\"Hello\"}"

#define RESERVE_AS(who, key, sender, limit)                                                        \
    FAKE_RESERVE("'send-whatsapp " who "'", key, sender, limit, "'whatsapp'", "'+201012345678'",   \
                 "'Hello'", "null", "null", FAKE_METADATA)
#define RESERVE_HELLO RESERVE_AS(FAKE_USER, "null", "'" FAKE_USER "'", "'5'")
#define PENDING                                                                                    \
    "{\"id\": \"" ID "\", \"status\": \"pending\", \"external_id\": null, "                        \
    "\"metadata\": {\"a\": [1, \"ب\"]}}"
#define RESERVED FAKE_ROW("reserved", ID, PENDING, NULL, "4", "0")

#define POST(form)                                                                                 \
    "POST https://api.twilio.com/2010-04-01/Accounts/" FAKE_ACCOUNT                                \
    "/Messages.json as " FAKE_ACCOUNT ":" FAKE_TOKEN " with " form                                 \
    "&StatusCallback=https%3A%2F%2Fexample.org%2Ffunctions%2Fv1%2Ftwilio-delivery-status%3Fid%"    \
    "3D" ID "%23rc%3D5%26rp%3Dall"
#define POST_HELLO POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&Body=Hello")
#define QUEUED                                                                                     \
    {                                                                                              \
        .status = 201, .body = "{\"sid\":\"" SID "\",\"status\":\"queued\"}"                       \
    }
#define SETTLE_QUEUED                                                                              \
    FAKE_SETTLE("'" ID "'", "'" SID "'", "'queued'", "null", "null", "'{}'", "'f'")
#define ROW     "{\"id\": \"" ID "\", \"status\": \"queued\", \"external_id\": \"" SID "\"}"
#define SETTLED FAKE_ROW(ROW)
#define SENT_AS(status, row)                                                                       \
    "{\"success\":true,\"message\":\"تم إرسال الرسالة بنجاح\",\"data\":{\"message_sid\":\"" SID    \
    "\",\"status\":\"" status "\",\"to\":\"whatsapp:+201012345678\",\"saved_message\":" row "}}"
#define SENT(row) SENT_AS("queued", row)

#define RATE "RateLimit-Limit: 5\r\nRateLimit-Remaining: 4\r\nRateLimit-Reset: 0\r\n"

#define ERROR(text, code) "{\"success\":false,\"error\":\"" text "\",\"code\":\"" code "\"}"
#define ERROR_WITH(text, code, more)                                                               \
    "{\"success\":false,\"error\":\"" text "\",\"code\":\"" code "\"," more "}"
#define REFUSED(status_, text, code) .status = status_, .answer = ERROR(text, code)
#define CHALLENGE                    .headers = "WWW-Authenticate: Bearer\r\n"

static const struct endpoint_row rows[] = {
    {"a user's message, and the row that was saved",
     {JSON, ORIGIN, FAKE_USER_TOKEN},
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .headers = RATE,
     .answer = SENT(ROW),
     .log = ",\"ms\":0,\"id\":\"" ID "\",\"sid\":\"" SID "\",\"to\":\"+2010*****678\"}\n"},
    {"what useWhatsApp sends, with media and request",
     {JSON, ORIGIN, FAKE_USER_TOKEN},
     .body = "{\"to\":\"whatsapp:+201012345678\",\"message\":\"Hello\",\"request_id\":\"" UUID
             "\",\"media_url\":\"https://a.example/b\"}",
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {FAKE_RESERVE("'send-whatsapp " FAKE_USER "'", "null", "'" FAKE_USER "'", "'5'",
                                 "'whatsapp'", "'+201012345678'", "'Hello'", "'" UUID "'",
                                 "'https://a.example/b'", FAKE_METADATA),
                    SETTLE_QUEUED},
     .requests = {POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&Body=Hello&"
                       "MediaUrl=https%3A%2F%2Fa.example%2Fb")},
     .status = "200 OK",
     .headers = RATE,
     .answer = SENT(ROW)},
    {"a server has no sender, no limit and no limit's headers",
     {JSON, FAKE_SERVER_TOKEN},
     .body = HELLO,
     .database = {FAKE_ROW("reserved", ID, PENDING, NULL, NULL, NULL), SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_AS("service_role", "null", "null", "null"), SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT(ROW)},
    {"type has no meaning here",
     {JSON, FAKE_USER_TOKEN},
     .body = "{\"to\":\"01012345678\",\"message\":\"Hello\",\"type\":\"sms\"}",
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .headers = RATE,
     .answer = SENT(ROW)},
    {"the other endpoint's setting has no meaning here",
     {JSON},
     {"SEND_TWILIO_MESSAGE_AUTH=none"},
     .body = HELLO,
     CHALLENGE,
     REFUSED("401 Unauthorized", "Missing authorization header", "missing_authorization")},
    {"no token is 401",
     {JSON, ORIGIN},
     .body = HELLO,
     CHALLENGE,
     REFUSED("401 Unauthorized", "Missing authorization header", "missing_authorization")},
    {"an expired token is 401",
     {JSON, FAKE_EXPIRED_TOKEN},
     .body = HELLO,
     CHALLENGE,
     REFUSED("401 Unauthorized", "Unauthorized", "unauthorized")},
    {"a false token is 401",
     {JSON, FAKE_FALSE_TOKEN},
     .body = HELLO,
     CHALLENGE,
     REFUSED("401 Unauthorized", "Unauthorized", "unauthorized")},
    {"a token of another secret is 401",
     {JSON, FAKE_USER_TOKEN},
     {"SUPABASE_JWT_SECRET=another-secret-of-at-least-32-chars"},
     .body = HELLO,
     CHALLENGE,
     REFUSED("401 Unauthorized", "Unauthorized", "unauthorized")},
    {"anon is 403",
     {JSON, FAKE_ANON_TOKEN},
     .body = HELLO,
     REFUSED("403 Forbidden", "Forbidden", "forbidden")},
    {"the token is looked at before the body",
     {JSON},
     .body = "rubbish",
     CHALLENGE,
     REFUSED("401 Unauthorized", "Missing authorization header", "missing_authorization")},
    {"a user without a profile is 403",
     {JSON, FAKE_USER_TOKEN},
     .body = HELLO,
     .database = {FAKE_ROW("no_profile", NULL, NULL, NULL, "5", "0")},
     .statements = {RESERVE_HELLO},
     .headers = "RateLimit-Limit: 5\r\nRateLimit-Remaining: 5\r\nRateLimit-Reset: 0\r\n",
     REFUSED("403 Forbidden", "Forbidden", "forbidden")},
    {"above the limit is 429 with all headers",
     {JSON, FAKE_USER_TOKEN},
     .body = HELLO,
     .database = {FAKE_ROW("limited", NULL, NULL, NULL, "0", "59")},
     .statements = {RESERVE_HELLO},
     .status = "429 Too Many Requests",
     .headers = "RateLimit-Limit: 5\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 59\r\n"
                "Retry-After: 59\r\n",
     .answer = ERROR_WITH("Rate limit exceeded. Maximum 5 messages per minute.", "rate_limited",
                          "\"retry_after\":59")},
    {"a failure after the reservation has the limit's headers",
     {JSON, FAKE_USER_TOKEN},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.outcome = HTTP_NO_ANSWER, .error = "timed out"}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'unknown'", "null", "null",
                                               "'{\"unknown_reason\":\"timed out\"}'", "'f'")},
     .requests = {POST_HELLO},
     .status = "504 Gateway Timeout",
     .headers = RATE,
     .answer = ERROR_WITH("The message may have been sent. Do not send it again blindly",
                          "outcome_unknown", "\"id\":\"" ID "\"")},
    {"content is refused before the limit is asked",
     {JSON, FAKE_USER_TOKEN},
     .body = "{\"to\":\"01012345678\",\"message\":\"\"}",
     REFUSED("400 Bad Request", "Missing required fields: to, message", "missing_fields")},
    {"a key is the user's own",
     {JSON, FAKE_USER_TOKEN, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_ROW("replay", ID, ROW, "queued", NULL, NULL)},
     .statements = {RESERVE_AS(FAKE_USER, "'k'", "'" FAKE_USER "'", "'5'")},
     .status = "200 OK",
     .headers = "Idempotent-Replayed: true\r\n",
     .answer = SENT(ROW)},
    {"a row that could not be settled is answered as it will be",
     {JSON, FAKE_USER_TOKEN},
     .body = HELLO,
     .database = {RESERVED, FAKE_AWAY},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .headers = RATE,
     .answer = SENT("{\"id\":\"" ID "\",\"status\":\"queued\",\"external_id\":\"" SID
                    "\",\"metadata\":{\"a\":[1,\"ب\"]}}"),
     .spooled =
         "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"sid\":\"" SID
         "\",\"status\":\"queued\",\"details\":{},\"release\":false,"
         "\"order\":{\"at\":\"" FAKE_STAMP "\",\"caller\":\"send-whatsapp " FAKE_USER "\","
         "\"sender\":\"" FAKE_USER "\",\"type\":\"whatsapp\",\"recipient\":\"+201012345678\","
         "\"content\":\"Hello\",\"metadata\":{\"account_sid\":\"" FAKE_ACCOUNT
         "\"}},\"at\":\"" FAKE_STAMP "\"}\n"},
    {"with its error, where Twilio's answer had one",
     {JSON, FAKE_USER_TOKEN},
     .body = HELLO,
     .database =
         {FAKE_ROW("reserved", ID,
                   "{\"status\": \"pending\", \"error_code\": null, \"error_message\": null}", NULL,
                   "4", "0"),
          FAKE_AWAY},
     .twilio = {{.status = 201,
                 .body = "{\"sid\":\"" SID "\",\"status\":\"failed\",\"error_code\":30001,"
                         "\"error_message\":\"Queue overflow\"}"}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "'" SID "'", "'failed'", "'30001'",
                                               "'Queue overflow'", "'{}'", "'f'")},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .headers = RATE,
     .answer = SENT_AS("failed", "{\"status\":\"failed\",\"error_code\":\"30001\","
                                 "\"error_message\":\"Queue overflow\"}"),
     .spooled =
         "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"sid\":\"" SID
         "\",\"status\":\"failed\",\"error_code\":\"30001\",\"error_message\":\"Queue overflow\","
         "\"details\":{},\"release\":false,"
         "\"order\":{\"at\":\"" FAKE_STAMP "\",\"caller\":\"send-whatsapp " FAKE_USER "\","
         "\"sender\":\"" FAKE_USER "\",\"type\":\"whatsapp\",\"recipient\":\"+201012345678\","
         "\"content\":\"Hello\",\"metadata\":{\"account_sid\":\"" FAKE_ACCOUNT
         "\"}},\"at\":\"" FAKE_STAMP "\"}\n"},
    {"an origin of the list is let in",
     {JSON, ORIGIN, FAKE_USER_TOKEN},
     {"CORS_ALLOW_ORIGIN=https://b.example,https://a.example"},
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .cors = "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n" FAKE_EXPOSED,
     .headers = RATE,
     .answer = SENT(ROW)},
    {"a refusal can be read by the web page",
     {JSON, ORIGIN},
     {"CORS_ALLOW_ORIGIN=https://a.example"},
     .body = HELLO,
     .cors = "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n" FAKE_EXPOSED,
     CHALLENGE,
     REFUSED("401 Unauthorized", "Missing authorization header", "missing_authorization")},
    {"a preflight touches nothing",
     {"REQUEST_METHOD=OPTIONS", ORIGIN,
      "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=apikey,authorization,content-type,x-client-info"},
     .status = "204 No Content",
     .cors = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"
             "Access-Control-Allow-Headers: apikey, authorization, content-type, x-client-info\r\n"
             "Access-Control-Max-Age: 86400\r\n" FAKE_EXPOSED},
    {"GET is 405",
     {"REQUEST_METHOD=GET"},
     .headers = "Allow: POST, OPTIONS\r\n",
     REFUSED("405 Method Not Allowed", "Method not allowed", "method_not_allowed")},
    {"no key for tokens is 500",
     {JSON, FAKE_USER_TOKEN},
     {"SUPABASE_JWT_SECRET="},
     .body = HELLO,
     REFUSED("500 Internal Server Error", "Missing Twilio configuration", "misconfigured")},
};

static void test_row(void **state)
{
    endpoint_expect(&program, *state);
}

static void test_little_memory(void **state)
{
    (void)state;
    endpoint_expect_truth(&program, &rows[0]);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 1];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, rows, test_row);
    tests[n] = (struct CMUnitTest){.name = "with little memory what was sent is sent or unknown",
                                   .test_func = test_little_memory};
    return cmocka_run_group_tests_name("send_whatsapp", tests, NULL, NULL);
}
