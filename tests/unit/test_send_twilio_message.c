/* send-twilio-message, whole: a request, what the database and Twilio say, and all that follows. */

#define main endpoint_main
int endpoint_main(int argc, char **argv);
#include "send_twilio_message.c"
#undef main

#include "fake_endpoint.h"
#include "fake_tokens.h"
#include "unit.h"

#define ID       "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID      "SM0123456789abcdef0123456789abcdef"
#define UUID     "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
#define TEMPLATE "HX0123456789abcdef0123456789abcdef"

#define JSON  "CONTENT_TYPE=application/json"
#define HELLO "{\"to\":\"01012345678\",\"message\":\"Hello\"}"

#define RESERVE_AS(who, key, sender, limit)                                                        \
    FAKE_RESERVE("'send-twilio-message " who "'", key, sender, limit, "'sms'", "'+201012345678'",  \
                 "'Hello'", "null", "null", "'{}'")
#define WITHDRAW                                                                                   \
    FAKE_SETTLE("'" FAKE_ROW_ID "'", "null", "'failed'", "null",                                   \
                "'The database's answer was lost; nothing was sent'", "null", "'t'")
#define RESERVE_HELLO RESERVE_AS("internal", "null", "null", "null")
#define PENDING                                                                                    \
    "{\"id\":\"" ID "\",\"status\":\"pending\",\"external_id\":null,\"error_code\":null,"          \
    "\"error_message\":null}"
#define RESERVED FAKE_ROW("reserved", ID, PENDING, NULL, NULL, NULL)

#define POST(form)                                                                                 \
    "POST https://api.twilio.com/2010-04-01/Accounts/" FAKE_ACCOUNT                                \
    "/Messages.json as " FAKE_ACCOUNT ":" FAKE_TOKEN " with " form                                 \
    "&StatusCallback=https%3A%2F%2Fexample.org%2Ffunctions%2Fv1%2Ftwilio-delivery-status%3Fid%"    \
    "3D" ID "%23rc%3D5%26rp%3Dall"
#define POST_HELLO POST("To=%2B201012345678&From=%2B15005550006&Body=Hello")

#define QUEUED                                                                                     \
    {                                                                                              \
        .status = 201,                                                                             \
        .body = "{\"sid\":\"" SID "\",\"status\":\"queued\",\"num_segments\":\"1\"}",              \
        .takes_ms = 84                                                                             \
    }
#define SETTLE_QUEUED                                                                              \
    FAKE_SETTLE("'" ID "'", "'" SID "'", "'queued'", "null", "null", "'{\"num_segments\":\"1\"}'", \
                "'f'")
#define SETTLED FAKE_ROW("{\"id\":\"" ID "\",\"status\":\"queued\"}")
#define SENT(to, type)                                                                             \
    "{\"success\":true,\"messageSid\":\"" SID "\",\"status\":\"queued\",\"to\":\"" to              \
    "\",\"type\":\"" type "\",\"id\":\"" ID "\"}"
#define SENT_SMS SENT("+201012345678", "sms")

#define ERROR(text, code) "{\"success\":false,\"error\":\"" text "\",\"code\":\"" code "\"}"
#define ERROR_WITH(text, code, more)                                                               \
    "{\"success\":false,\"error\":\"" text "\",\"code\":\"" code "\"," more "}"

/** What every request that is sent and taken has in common. */
#define TAKEN                                                                                      \
    .database = {RESERVED, SETTLED}, .twilio = {QUEUED}, .requests = {POST_HELLO},                 \
    .statements = {RESERVE_HELLO, SETTLE_QUEUED}, .status = "200 OK", .answer = SENT_SMS

/** What a request that is refused before anything happens has in common. */
#define REFUSED(status_, text, code) .status = status_, .answer = ERROR(text, code)

static const struct endpoint_row rows[] = {
    {"an SMS is reserved, sent, settled and answered",
     {JSON},
     .body = HELLO,
     TAKEN,
     .log = ",\"ms\":84,\"id\":\"" ID "\",\"sid\":\"" SID "\",\"to\":\"+2010*****678\"}\n"},
    {"WhatsApp, with all members in camel case",
     {JSON},
     .body = "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hello\",\"requestId\":\"" UUID
             "\",\"mediaUrl\":\"https://a.example/b\"}",
     .database = {RESERVED, SETTLED},
     .statements = {FAKE_RESERVE("'send-twilio-message internal'", "null", "null", "null",
                                 "'whatsapp'", "'+201012345678'", "'Hello'", "'" UUID "'",
                                 "'https://a.example/b'", "'{}'"),
                    SETTLE_QUEUED},
     .twilio = {QUEUED},
     .requests = {POST("To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&Body=Hello&"
                       "MediaUrl=https%3A%2F%2Fa.example%2Fb")},
     .status = "200 OK",
     .answer = SENT("whatsapp:+201012345678", "whatsapp")},
    {"a template as the hook sends it, without Body",
     {JSON},
     .body = "{\"to\":\"+201012345678\",\"message\":\"\",\"type\":\"whatsapp\",\"templateId\":"
             "\"" TEMPLATE "\",\"variables\":{\"1\":\"Ali\"}}",
     .database = {RESERVED, SETTLED},
     .statements = {FAKE_RESERVE("'send-twilio-message internal'", "null", "null", "null",
                                 "'whatsapp'", "'+201012345678'", "null", "null", "null",
                                 "'{\"template_id\":\"" TEMPLATE
                                 "\",\"variables\":{\"1\":\"Ali\"}}'"),
                    SETTLE_QUEUED},
     .twilio = {QUEUED},
     .requests = {POST(
         "To=whatsapp%3A%2B201012345678&From=whatsapp%3A%2B14155238886&ContentSid=" TEMPLATE
         "&ContentVariables=%7B%221%22%3A%22Ali%22%7D")},
     .status = "200 OK",
     .answer = SENT("whatsapp:+201012345678", "whatsapp")},
    {"several media are all sent, the first has the column",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/b\","
             "\"https://a.example/c\"]}",
     .database = {RESERVED, SETTLED},
     .statements = {FAKE_RESERVE("'send-twilio-message internal'", "null", "null", "null", "'sms'",
                                 "'+201012345678'", "null", "null", "'https://a.example/b'",
                                 "'{\"media_urls\":[\"https://a.example/b\","
                                 "\"https://a.example/c\"]}'"),
                    SETTLE_QUEUED},
     .twilio = {QUEUED},
     .requests = {POST("To=%2B201012345678&From=%2B15005550006&MediaUrl=https%3A%2F%2Fa.example%2F"
                       "b&MediaUrl=https%3A%2F%2Fa.example%2Fc")},
     .status = "200 OK",
     .answer = SENT_SMS},

    /* media types and methods */
    {"no media type is JSON", {NULL}, .body = HELLO, TAKEN},
    {"text/plain is JSON", {"CONTENT_TYPE=text/plain;charset=UTF-8"}, .body = HELLO, TAKEN},
    {"what curl -d says is JSON",
     {"CONTENT_TYPE=application/x-www-form-urlencoded"},
     .body = HELLO,
     TAKEN},
    {"multipart is 415",
     {"CONTENT_TYPE=multipart/form-data; boundary=x"},
     .body = HELLO,
     REFUSED("415 Unsupported Media Type", "Unsupported media type", "unsupported_media_type")},
    {"text/plain with an Origin is 415",
     {"CONTENT_TYPE=text/plain", "HTTP_ORIGIN=https://a.example", FAKE_USER_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .body = HELLO,
     REFUSED("415 Unsupported Media Type", "Unsupported media type", "unsupported_media_type")},
    {"a form with an Origin is 415",
     {"CONTENT_TYPE=application/x-www-form-urlencoded", "HTTP_ORIGIN=https://a.example",
      FAKE_USER_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .body = HELLO,
     REFUSED("415 Unsupported Media Type", "Unsupported media type", "unsupported_media_type")},
    {"no media type with an Origin is 415",
     {"HTTP_ORIGIN=https://a.example", FAKE_USER_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .body = HELLO,
     REFUSED("415 Unsupported Media Type", "Unsupported media type", "unsupported_media_type")},
    {"GET is 405",
     {"REQUEST_METHOD=GET"},
     .headers = "Allow: POST, OPTIONS\r\n",
     REFUSED("405 Method Not Allowed", "Method not allowed", "method_not_allowed")},
    {"PUT is 405, whatever its body",
     {"REQUEST_METHOD=PUT", JSON, "CONTENT_LENGTH=junk"},
     .body = HELLO,
     .headers = "Allow: POST, OPTIONS\r\n",
     REFUSED("405 Method Not Allowed", "Method not allowed", "method_not_allowed")},
    {"OPTIONS gets no CORS headers where no token is asked for",
     {"REQUEST_METHOD=OPTIONS", "HTTP_ORIGIN=https://a.example"},
     .status = "204 No Content",
     .cors = ""},
    {"OPTIONS gets CORS headers where tokens are required",
     {"REQUEST_METHOD=OPTIONS", "HTTP_ORIGIN=https://a.example",
      "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=authorization"},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .status = "204 No Content",
     .cors = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"
             "Access-Control-Allow-Headers: authorization\r\n"
             "Access-Control-Max-Age: 86400\r\n" FAKE_EXPOSED},
    {"OPTIONS is answered though settings are missing",
     {"REQUEST_METHOD=OPTIONS"},
     {"SEND_TWILIO_MESSAGE_AUTH=optional", "TWILIO_AUTH_TOKEN="},
     .status = "204 No Content",
     .cors = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"
             "Access-Control-Allow-Headers: authorization, x-client-info, apikey, content-type, "
             "idempotency-key, x-request-id, x-supabase-api-version\r\n"
             "Access-Control-Max-Age: 86400\r\n" FAKE_EXPOSED},

    /* content: one of each word, with its text; test_message has the rest */
    {"no JSON is 400",
     {JSON},
     .body = "to=1",
     REFUSED("400 Bad Request", "Request body must be a JSON object", "invalid_json")},
    {"a body that is cut short is 400",
     {JSON, "CONTENT_LENGTH=1000"},
     .body = HELLO,
     REFUSED("400 Bad Request", "Request body must be a JSON object", "invalid_json")},
    {"a body too large is 413",
     {JSON, "CONTENT_LENGTH=65537"},
     .body = HELLO,
     REFUSED("413 Content Too Large", "Request body is too large", "body_too_large")},
    {"no recipient is 400",
     {JSON},
     .body = "{\"message\":\"Hello\"}",
     REFUSED("400 Bad Request", "Missing required fields: to, message", "missing_fields")},
    {"a wrong number is 400",
     {JSON},
     .body = "{\"to\":\"0991234\",\"message\":\"Hello\"}",
     REFUSED("400 Bad Request",
             "Invalid phone number format. Use international format: +201234567890",
             "invalid_phone")},
    {"SMS to a landline is 400 with its own text",
     {JSON},
     .body = "{\"to\":\"0223456789\",\"message\":\"Hello\"}",
     REFUSED("400 Bad Request", "This is a landline number and cannot receive SMS",
             "invalid_phone")},
    {"a message of another type is 400",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"message\":[]}",
     REFUSED("400 Bad Request", "Message must be between 1 and 1600 characters",
             "invalid_message")},
    {"an unknown type is 400",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"message\":\"Hello\",\"type\":\"email\"}",
     REFUSED("400 Bad Request", "Type must be sms or whatsapp", "invalid_type")},
    {"a template for SMS is 400",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\"}",
     REFUSED("400 Bad Request",
             "Invalid template: use a WhatsApp content SID (HX...) and an object of non-empty "
             "variables",
             "invalid_template")},
    {"media by http are 400",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"media_url\":\"http://a.example/b\"}",
     REFUSED("400 Bad Request",
             "Invalid media URL. Use https URLs: at most 10 for SMS, 1 for WhatsApp",
             "invalid_media_url")},
    {"a request id that is none is 400",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"message\":\"Hello\",\"requestId\":\"1\"}",
     REFUSED("400 Bad Request", "Invalid request id. It must be a UUID", "invalid_request_id")},

    /* settings and database */
    {"a missing setting is 500 and named in the log only",
     {JSON},
     {"TWILIO_ACCOUNT_SID="},
     .body = HELLO,
     REFUSED("500 Internal Server Error", "Missing Twilio configuration", "misconfigured"),
     .log = ",\"ms\":0,\"code\":\"misconfigured\",\"detail\":\"setting 'TWILIO_ACCOUNT_SID' "
            "missing: is required\"}\n"},
    {"a database that is away is 503, and Twilio is not called",
     {JSON},
     .body = HELLO,
     .database = {FAKE_AWAY},
     .statements = {RESERVE_HELLO},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 5\r\n",
     .answer = ERROR_WITH("Database unavailable. Nothing was sent", "database_unavailable",
                          "\"retry_after\":5")},
    {"a reservation whose answer is lost is taken back",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_LOST, FAKE_ROW("{}")},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null"), WITHDRAW},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 5\r\n",
     .answer = ERROR_WITH("Database unavailable. Nothing was sent", "database_unavailable",
                          "\"retry_after\":5")},
    {"a reservation that is not there yet is taken back a little later",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_LOST, FAKE_ROW(NULL), FAKE_ROW("{}")},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null"), WITHDRAW, WITHDRAW},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 5\r\n",
     .answer = ERROR_WITH("Database unavailable. Nothing was sent", "database_unavailable",
                          "\"retry_after\":5"),
     .log = ",\"ms\":250,\"code\":\"database_unavailable\",\"detail\":\"statement failed\","
            "\"to\":\"+2010*****678\"}\n"},
    {"with the database still away it is spooled that it is taken back",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_LOST, FAKE_AWAY},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null"), WITHDRAW},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 5\r\n",
     .answer = ERROR_WITH("Database unavailable. Nothing was sent", "database_unavailable",
                          "\"retry_after\":5"),
     .spooled = "{\"kind\":\"settlement\",\"id\":\"" FAKE_ROW_ID "\",\"status\":\"failed\","
                "\"error_message\":\"The database's answer was lost; nothing was sent\","
                "\"release\":true,\"in_doubt\":true,\"at\":\"" FAKE_STAMP "\"}\n"},
    {"a schema that is not there is 500",
     {JSON},
     .body = HELLO,
     .database = {{.fails = true, .fault = FAULT_MISCONFIGURED, .sqlstate = "42883"}},
     .statements = {RESERVE_HELLO},
     REFUSED("500 Internal Server Error", "Missing Twilio configuration", "misconfigured")},
    {"an unknown maintenance request is 422",
     {JSON},
     .body = "{\"to\":\"01012345678\",\"message\":\"Hello\",\"request_id\":\"" UUID "\"}",
     .database = {FAKE_ROW("unknown_request", NULL, NULL, NULL, NULL, NULL)},
     .statements = {FAKE_RESERVE("'send-twilio-message internal'", "null", "null", "null", "'sms'",
                                 "'+201012345678'", "'Hello'", "'" UUID "'", "null", "'{}'")},
     REFUSED("422 Unprocessable Content", "Maintenance request not found", "unknown_request")},
    {"another failure of the database is 500",
     {JSON},
     .body = HELLO,
     .database = {{.fails = true, .fault = FAULT_INTERNAL, .sqlstate = "23502"}},
     .statements = {RESERVE_HELLO},
     REFUSED("500 Internal Server Error", "Internal server error", "internal")},
    {"a reservation that says nothing known is 500",
     {JSON},
     .body = HELLO,
     .database = {FAKE_ROW("perhaps", ID, PENDING, NULL, NULL, NULL)},
     .statements = {RESERVE_HELLO},
     REFUSED("500 Internal Server Error", "Internal server error", "internal")},

    /* what Twilio says */
    {"a refusal is 422 with Twilio's number and the row's text",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{\"status\":\"failed\",\"error_code\":\"21211\","
                                     "\"error_message\":\"Invalid 'To' Phone Number\"}")},
     .twilio = {{.status = 400,
                 .body = "{\"code\":21211,\"message\":\"Invalid 'To' Phone Number\"}"}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'failed'", "'21211'",
                                               "'Invalid 'To' Phone Number'", "null", "'f'")},
     .requests = {POST_HELLO},
     .status = "422 Unprocessable Content",
     .answer = ERROR_WITH("Invalid 'To' Phone Number", "twilio_rejected",
                          "\"twilio_code\":21211,\"id\":\"" ID "\""),
     .log = ",\"ms\":0,\"code\":\"twilio_rejected\",\"detail\":\"Twilio rejected the message\","
            "\"twilio_code\":21211,\"id\":\"" ID "\",\"to\":\"+2010*****678\"}\n"},
    {"a refusal without a text has the one of the table of errors",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{\"status\":\"failed\",\"error_code\":\"21610\","
                                     "\"error_message\":\"From the table\"}")},
     .twilio = {{.status = 400, .body = "{\"code\":21610}"}},
     .statements = {RESERVE_HELLO,
                    FAKE_SETTLE("'" ID "'", "null", "'failed'", "'21610'", "null", "null", "'f'")},
     .requests = {POST_HELLO},
     .status = "422 Unprocessable Content",
     .answer = ERROR_WITH("From the table", "twilio_rejected",
                          "\"twilio_code\":21610,\"id\":\"" ID "\"")},
    {"a refusal that cannot be stored is spooled and told all the same",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_AWAY},
     .twilio = {{.status = 404, .body = "{\"code\":20404,\"message\":\"Not found\"}"}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'failed'", "'20404'",
                                               "'Not found'", "null", "'f'")},
     .requests = {POST_HELLO},
     .status = "422 Unprocessable Content",
     .answer =
         ERROR_WITH("Not found", "twilio_rejected", "\"twilio_code\":20404,\"id\":\"" ID "\""),
     .spooled = "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"status\":\"failed\",\"error_code\":"
                "\"20404\",\"error_message\":\"Not found\",\"release\":false,\"at\":\"" FAKE_STAMP
                "\"}\n"},
    {"refused credentials are 502, and the key is free again",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.status = 401, .body = "{\"code\":20003,\"message\":\"Authenticate\"}"}},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null"),
                    FAKE_SETTLE("'" ID "'", "null", "'failed'", "'20003'", "'Authenticate'", "null",
                                "'t'")},
     .requests = {POST_HELLO},
     .status = "502 Bad Gateway",
     .answer = ERROR_WITH("Twilio refused our credentials. The message was not sent", "twilio_auth",
                          "\"twilio_code\":20003,\"id\":\"" ID "\"")},
    {"a busy Twilio is 503 with its Retry-After",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.status = 429,
                 .retry_after = 30,
                 .body = "{\"code\":20429,\"message\":\"Too Many Requests\"}"}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'failed'", "'20429'",
                                               "'Too Many Requests'", "null", "'t'")},
     .requests = {POST_HELLO},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 30\r\n",
     .answer = ERROR_WITH("Twilio is busy. The message was not sent", "twilio_busy",
                          "\"twilio_code\":20429,\"retry_after\":30,\"id\":\"" ID "\"")},
    {"a busy Twilio that names no time is 503 with one",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.status = 429, .body = "", .takes_ms = 5000},
                {.status = 429, .body = "", .takes_ms = 5000}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'failed'", "null",
                                               "'Twilio is busy'", "null", "'t'")},
     .requests = {POST_HELLO, POST_HELLO},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 5\r\n",
     .answer = ERROR_WITH("Twilio is busy. The message was not sent", "twilio_busy",
                          "\"retry_after\":5,\"id\":\"" ID "\"")},
    {"busy, then taken: two requests for one row",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {{.status = 429, .body = ""}, QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO, POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS},
    {"a Twilio that cannot be reached is 502",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.outcome = HTTP_NOT_SENT, .error = "connection refused", .takes_ms = 12000}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'failed'", "null",
                                               "'Twilio could not be reached'", "null", "'t'")},
     .requests = {POST_HELLO},
     .status = "502 Bad Gateway",
     .answer = ERROR_WITH("Could not reach Twilio. The message was not sent", "twilio_unavailable",
                          "\"id\":\"" ID "\""),
     .log = ",\"ms\":12000,\"code\":\"twilio_unavailable\",\"detail\":\"connection refused\","
            "\"id\":\"" ID "\",\"to\":\"+2010*****678\"}\n"},
    {"a time-out is 504 and never sent again",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.outcome = HTTP_NO_ANSWER, .error = "timed out", .takes_ms = 15000}},
     .statements = {RESERVE_HELLO, FAKE_SETTLE("'" ID "'", "null", "'unknown'", "null", "null",
                                               "'{\"unknown_reason\":\"timed out\"}'", "'f'")},
     .requests = {POST_HELLO},
     .status = "504 Gateway Timeout",
     .answer = ERROR_WITH("The message may have been sent. Do not send it again blindly",
                          "outcome_unknown", "\"id\":\"" ID "\"")},
    {"Twilio's 500 is 504",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.status = 500, .body = "{\"code\":20500,\"message\":\"Internal\"}"}},
     .statements = {RESERVE_HELLO,
                    FAKE_SETTLE("'" ID "'", "null", "'unknown'", "null", "null",
                                "'{\"unknown_reason\":\"Twilio answered 500\"}'", "'f'")},
     .requests = {POST_HELLO},
     .status = "504 Gateway Timeout",
     .answer = ERROR_WITH("The message may have been sent. Do not send it again blindly",
                          "outcome_unknown", "\"twilio_code\":20500,\"id\":\"" ID "\"")},
    {"201 with garbage is 504",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_ROW("{}")},
     .twilio = {{.status = 201, .body = "<html>"}},
     .statements = {RESERVE_HELLO,
                    FAKE_SETTLE("'" ID "'", "null", "'unknown'", "null", "null",
                                "'{\"unknown_reason\":\"Twilio answered 201\"}'", "'f'")},
     .requests = {POST_HELLO},
     .status = "504 Gateway Timeout",
     .answer = ERROR_WITH("The message may have been sent. Do not send it again blindly",
                          "outcome_unknown", "\"id\":\"" ID "\"")},

    /* the database goes away once Twilio has accepted */
    {"a settlement that cannot be stored is spooled, the answer is 200",
     {JSON},
     .body = HELLO,
     .database = {RESERVED, FAKE_AWAY},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS,
     .log = ",\"ms\":84,\"note\":\"settlement spooled\",\"id\":\"" ID "\",\"sid\":\"" SID
            "\",\"to\":\"+2010*****678\"}\n",
     .spooled = "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"sid\":\"" SID
                "\",\"status\":\"queued\",\"details\":{\"num_segments\":\"1\"},\"release\":false,"
                "\"at\":\"2026-01-01T12:00:00.084Z\"}\n"},
    {"neither stored nor spooled, the answer is 200 still",
     {JSON},
     .no_spool = true,
     .body = HELLO,
     .database = {RESERVED, FAKE_AWAY},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS,
     .log = ",\"ms\":84,\"note\":\"settlement lost until a callback or --reconcile\",\"id\":\"" ID
            "\",\"sid\":\"" SID "\",\"to\":\"+2010*****678\"}\n"},
    {"what waits in the spool follows the answer",
     {JSON},
     .waiting = "{\"kind\":\"settlement\",\"id\":\"" UUID "\",\"sid\":\"SM1\",\"status\":"
                "\"queued\",\"release\":false,\"at\":\"2026-01-01T00:00:00.000Z\"}\n",
     .body = HELLO,
     .database = {RESERVED, SETTLED, FAKE_ROW("{}")},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED,
                    "select messaging.settle_message('" UUID "','SM1','queued',null,null,null,'f',"
                    "'2026-01-01T00:00:00.000Z')"},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS},
    {"an event that waits in the spool is the webhook's",
     {JSON},
     .waiting = "{\"kind\":\"event\"}\n",
     .not_ours = true,
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_HELLO, SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS,
     .spooled = "{\"kind\":\"event\"}\n"},

    /* idempotency keys */
    {"a bare key",
     {JSON, "HTTP_IDEMPOTENCY_KEY=abc-1"},
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_AS("internal", "'abc-1'", "null", "null"), SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS},
    {"a quoted key is the same key",
     {JSON, "HTTP_IDEMPOTENCY_KEY= \"abc-1\" "},
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_AS("internal", "'abc-1'", "null", "null"), SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS},
    {"an attempt that was taken is answered again",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_ROW(
         "replay", ID, "{\"id\":\"" ID "\",\"status\":\"delivered\",\"external_id\":\"" SID "\"}",
         "queued", NULL, NULL)},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null")},
     .status = "200 OK",
     .headers = "Idempotent-Replayed: true\r\n",
     .answer = SENT_SMS,
     .log = ",\"ms\":0,\"id\":\"" ID "\",\"sid\":\"" SID "\",\"to\":\"+2010*****678\"}\n"},
    {"an attempt that was rejected is answered again",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_ROW("replay", ID,
                           "{\"id\":\"" ID "\",\"status\":\"failed\",\"external_id\":null,"
                           "\"error_code\":\"21211\",\"error_message\":\"Invalid 'To' Phone "
                           "Number\"}",
                           NULL, NULL, NULL)},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null")},
     .status = "422 Unprocessable Content",
     .headers = "Idempotent-Replayed: true\r\n",
     .answer = ERROR_WITH("Invalid 'To' Phone Number", "twilio_rejected",
                          "\"twilio_code\":21211,\"id\":\"" ID "\"")},
    {"an attempt that is running is 409",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_ROW("in_progress", ID, PENDING, NULL, NULL, NULL)},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null")},
     .status = "409 Conflict",
     .headers = "Retry-After: 1\r\n",
     .answer = ERROR_WITH("A request with this Idempotency-Key is still in progress", "in_progress",
                          "\"retry_after\":1,\"id\":\"" ID "\"")},
    {"a key of another body is 422",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_ROW("mismatch", ID, NULL, NULL, NULL, NULL)},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null")},
     REFUSED("422 Unprocessable Content", "This Idempotency-Key was used with a different request",
             "idempotency_mismatch")},
    {"an attempt with an unknown outcome is 504",
     {JSON, "HTTP_IDEMPOTENCY_KEY=k"},
     .body = HELLO,
     .database = {FAKE_ROW("unknown", ID, PENDING, NULL, NULL, NULL)},
     .statements = {RESERVE_AS("internal", "'k'", "null", "null")},
     .status = "504 Gateway Timeout",
     .answer = ERROR_WITH("The message may have been sent. Do not send it again blindly",
                          "outcome_unknown", "\"id\":\"" ID "\"")},
    {"a key with a space is 400",
     {JSON, "HTTP_IDEMPOTENCY_KEY=a b"},
     .body = HELLO,
     REFUSED("400 Bad Request", "Invalid Idempotency-Key. Use 1 to 255 visible ASCII characters",
             "invalid_idempotency_key")},

    /* who may call */
    {"a browser is 403 where no token is asked for",
     {JSON, "HTTP_ORIGIN=https://a.example", FAKE_USER_TOKEN},
     .body = HELLO,
     REFUSED("403 Forbidden", "Forbidden", "forbidden")},
    {"a token is ignored where none is asked for", {JSON, FAKE_FALSE_TOKEN}, .body = HELLO, TAKEN},
    {"no token is 401 where one is required",
     {JSON},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .body = HELLO,
     .headers = "WWW-Authenticate: Bearer\r\n",
     REFUSED("401 Unauthorized", "Missing authorization header", "missing_authorization")},
    {"anon is 403 where a token is required",
     {JSON, FAKE_ANON_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .body = HELLO,
     REFUSED("403 Forbidden", "Forbidden", "forbidden")},
    {"a server's token has no sender and no limit",
     {JSON, FAKE_SERVER_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=required"},
     .body = HELLO,
     .database = {RESERVED, SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_AS("service_role", "null", "null", "null"), SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .answer = SENT_SMS},
    {"a user's token brings sender, limit and headers",
     {JSON, FAKE_USER_TOKEN, "HTTP_ORIGIN=https://a.example"},
     {"SEND_TWILIO_MESSAGE_AUTH=optional"},
     .body = HELLO,
     .database = {FAKE_ROW("reserved", ID, PENDING, NULL, "4", "0"), SETTLED},
     .twilio = {QUEUED},
     .statements = {RESERVE_AS(FAKE_USER, "null", "'" FAKE_USER "'", "'5'"), SETTLE_QUEUED},
     .requests = {POST_HELLO},
     .status = "200 OK",
     .headers = "RateLimit-Limit: 5\r\nRateLimit-Remaining: 4\r\nRateLimit-Reset: 0\r\n",
     .answer = SENT_SMS},
    {"without a token there is no user where tokens are optional",
     {JSON},
     {"SEND_TWILIO_MESSAGE_AUTH=optional"},
     .body = HELLO,
     TAKEN},
    {"anon is no user where tokens are optional",
     {JSON, FAKE_ANON_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=optional"},
     .body = HELLO,
     TAKEN},
    {"a false token is 401 where tokens are optional",
     {JSON, FAKE_FALSE_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=optional"},
     .body = HELLO,
     .headers = "WWW-Authenticate: Bearer\r\n",
     REFUSED("401 Unauthorized", "Unauthorized", "unauthorized")},
    {"a user above the limit is 429, and Twilio is not called",
     {JSON, FAKE_USER_TOKEN},
     {"SEND_TWILIO_MESSAGE_AUTH=required", "RATE_LIMIT_PER_MINUTE=3"},
     .body = HELLO,
     .database = {FAKE_ROW("limited", NULL, NULL, NULL, "0", "17")},
     .statements = {RESERVE_AS(FAKE_USER, "null", "'" FAKE_USER "'", "'3'")},
     .status = "429 Too Many Requests",
     .headers = "RateLimit-Limit: 3\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 17\r\n"
                "Retry-After: 17\r\n",
     .answer = ERROR_WITH("Rate limit exceeded. Maximum 3 messages per minute.", "rate_limited",
                          "\"retry_after\":17")},
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
    return cmocka_run_group_tests_name("send_twilio_message", tests, NULL, NULL);
}
