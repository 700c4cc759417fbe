/* twilio-delivery-status, whole: a callback, what the database says, and all that follows.
 * The signatures were made by another program (Python's hmac). */

#define main endpoint_main
int endpoint_main(int argc, char **argv);
#include "twilio_delivery_status.c"
#undef main

#include "fake_endpoint.h"
#include "unit.h"

#define ID     "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID    "SM0123456789abcdef0123456789abcdef"
#define SECOND "00112233445566778899aabbccddeeff"

#define QUERY     "QUERY_STRING=id=" ID
#define FORM      "CONTENT_TYPE=application/x-www-form-urlencoded"
#define SIGNED(s) "HTTP_X_TWILIO_SIGNATURE=" s
#define RULE(algorithm)                                                                            \
    "HTTP_X_TWILIO_WEBHOOKS_SIGNATURE_SETTINGS=key=webhooks_sharedkey_01,algorithm=" algorithm
#define FIRST_KEY  "TWILIO_WEBHOOK_SECRET=the-first-shared-key"
#define SECOND_KEY "TWILIO_WEBHOOK_SECRET_SECONDARY=the-second-shared-key"
#define LOOPBACK   "REMOTE_ADDR=127.0.0.1"

#define DELIVERED       "MessageSid=" SID "&MessageStatus=delivered&To=%2B201012345678"
#define DELIVERED_BY_ID "EtJGkLPVa7sJ2ruCrJXNhPOYPLk="
#define DELIVERED_JSON                                                                             \
    "'{\"MessageSid\":\"" SID "\",\"MessageStatus\":\"delivered\",\"To\":\"+201012345678\"}'"
#define RECORD_DELIVERED(id)                                                                       \
    FAKE_RECORD(id, "'" SID "'", "'delivered'", "null", "null", DELIVERED_JSON, "null")

#define RECORDED FAKE_ROW("recorded", ID, SID, "delivered")
#define UPDATED                                                                                    \
    "{\"success\":true,\"message\":\"Status updated successfully\",\"data\":{\"id\":\"" ID         \
    "\",\"external_id\":\"" SID "\",\"status\":\"delivered\"}}"

#define ERROR(text, code) "{\"success\":false,\"error\":\"" text "\",\"code\":\"" code "\"}"

#define REFUSED(status_, text, code) .status = status_, .answer = ERROR(text, code)

#define WRONG_SIGNATURE REFUSED("403 Forbidden", "Invalid signature", "invalid_signature")
#define MISSING                                                                                    \
    REFUSED("400 Bad Request", "Missing required fields: MessageSid, MessageStatus",               \
            "missing_fields")
#define TAKEN                                                                                      \
    .database = {RECORDED}, .statements = {RECORD_DELIVERED("'" ID "'")}, .status = "200 OK",      \
    .answer = UPDATED

static const struct endpoint_row rows[] = {
    {"a signed callback is recorded",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .body = DELIVERED,
     TAKEN,
     .log = ",\"ms\":0,\"id\":\"" ID "\",\"sid\":\"" SID
            "\",\"event\":\"delivered\",\"to\":\"+2010*****678\"}\n"},
    {"a signature over the address with its port holds too",
     {FORM, QUERY, SIGNED("gFzVT7+YjUMMVmLh2HHQjg+XAv0=")},
     .body = DELIVERED,
     TAKEN},
    {"a signature by the second token holds",
     {FORM, QUERY, SIGNED("0q6j5FloTQ4eoExwvko5TkuqZlI=")},
     {"TWILIO_AUTH_TOKEN_SECONDARY=" SECOND},
     .body = DELIVERED,
     TAKEN},
    {"a signature by a token that is not ours is 403",
     {FORM, QUERY, SIGNED("0q6j5FloTQ4eoExwvko5TkuqZlI=")},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"without an id the SID finds the message",
     {FORM, SIGNED("szmhsQD3fmiqXhl57l4e+Lf/2OU=")},
     .body = DELIVERED,
     .database = {RECORDED},
     .statements = {RECORD_DELIVERED("null")},
     .status = "200 OK",
     .answer = UPDATED},
    {"an id that is no UUID never reaches the database",
     {FORM, "QUERY_STRING=id=1'--", SIGNED("iC0n/bZRkoBUM1n/QvIgYD7vouQ=")},
     .body = DELIVERED,
     .database = {RECORDED},
     .statements = {RECORD_DELIVERED("null")},
     .status = "200 OK",
     .answer = UPDATED},
    {"a failure brings its number and the channel's text",
     {FORM, QUERY, SIGNED("i+WUZAAJP6UTZK7GF+hmXIE6wPM=")},
     .body = "MessageSid=" SID "&MessageStatus=undelivered&ErrorCode=63016&ChannelStatusMessage="
             "Outside+window&To=whatsapp%3A%2B201012345678",
     .database = {FAKE_ROW("recorded", ID, SID, "undelivered")},
     .statements = {FAKE_RECORD("'" ID "'", "'" SID "'", "'undelivered'", "'63016'",
                                "'Outside window'",
                                "'{\"MessageSid\":\"" SID "\",\"MessageStatus\":\"undelivered\","
                                "\"ErrorCode\":\"63016\",\"ChannelStatusMessage\":\"Outside "
                                "window\",\"To\":\"whatsapp:+201012345678\"}'",
                                "null")},
     .status = "200 OK",
     .answer =
         "{\"success\":true,\"message\":\"Status updated successfully\",\"data\":{\"id\":\"" ID
         "\",\"external_id\":\"" SID "\",\"status\":\"undelivered\"}}"},
    {"repeated names are signed sorted and kept as they came",
     {FORM, QUERY, SIGNED("xB0vmLg9jR9mN1d+J3cD9g1UgzQ=")},
     .body = "MessageSid=" SID "&x=2&MessageStatus=delivered&x=1&x=2",
     .database = {RECORDED},
     .statements = {FAKE_RECORD("'" ID "'", "'" SID "'", "'delivered'", "null", "null",
                                "'{\"MessageSid\":\"" SID "\",\"x\":[\"2\",\"1\",\"2\"],"
                                "\"MessageStatus\":\"delivered\"}'",
                                "null")},
     .status = "200 OK",
     .answer = UPDATED},
    {"a message nobody knows is logged",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .body = DELIVERED,
     .database = {FAKE_ROW("kept", NULL, NULL, NULL)},
     .statements = {RECORD_DELIVERED("'" ID "'")},
     .status = "200 OK",
     .answer = "{\"success\":true,\"message\":\"Message not found, status logged\"}"},

    /* signatures */
    {"no signature is 403", {FORM, QUERY, LOOPBACK}, .body = DELIVERED, WRONG_SIGNATURE},
    {"a wrong signature is 403",
     {FORM, QUERY, SIGNED("EtJGkLPVa7sJ2ruCrJXNhPOYPLl=")},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"a signature over another query is 403",
     {FORM, QUERY "&x", SIGNED(DELIVERED_BY_ID)},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"a signature over another body is 403",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .body = DELIVERED "&x=1",
     WRONG_SIGNATURE},
    {"the Host header has no say in what was signed",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID), "HTTP_HOST=evil.example", "HTTPS=off"},
     .body = DELIVERED,
     TAKEN},
    {"the signature is looked at before the fields",
     {FORM, QUERY},
     .body = "MessageSid=SM",
     WRONG_SIGNATURE},
    {"if-present: the owner's own line from loopback",
     {FORM, LOOPBACK},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = "MessageSid=SM123456789&MessageStatus=delivered&To=+201234567890",
     .database = {FAKE_ROW("kept", NULL, NULL, NULL)},
     .statements = {FAKE_RECORD("null", "'SM123456789'", "'delivered'", "null", "null",
                                "'{\"MessageSid\":\"SM123456789\",\"MessageStatus\":\"delivered\","
                                "\"To\":\" 201234567890\"}'",
                                "null")},
     .status = "200 OK",
     .answer = "{\"success\":true,\"message\":\"Message not found, status logged\"}"},
    {"if-present: no signature from elsewhere is 403",
     {FORM, "REMOTE_ADDR=192.0.2.1"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: no signature from nowhere is 403",
     {FORM},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: a wrong signature from loopback is 403",
     {FORM, LOOPBACK, SIGNED("rubbish")},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"a shared key signs by SHA-256",
     {FORM, QUERY, SIGNED("Aa2C/DWLSEOyWXNx4prGHTwCmillufKgGYQfhlwFTno="), RULE("HMAC_SHA256")},
     {FIRST_KEY, SECOND_KEY},
     .body = DELIVERED,
     TAKEN},
    {"so does the second one",
     {FORM, QUERY, SIGNED("7awIcpWr4Rn+AhAE2IcG5gIFLGW0HChmfZZnQCYV0y4="), RULE("hmac_sha256")},
     {FIRST_KEY, SECOND_KEY},
     .body = DELIVERED,
     TAKEN},
    {"so does the second one alone",
     {FORM, QUERY, SIGNED("7awIcpWr4Rn+AhAE2IcG5gIFLGW0HChmfZZnQCYV0y4="), RULE("HMAC_SHA256")},
     {SECOND_KEY},
     .body = DELIVERED,
     TAKEN},
    {"a shared key signs by SHA-1",
     {FORM, QUERY, SIGNED("V1btub+HmSBQy8nEqqBrkbE9bjo="), RULE("HMAC_SHA1")},
     {FIRST_KEY},
     .body = DELIVERED,
     TAKEN},
    {"a shared key without an algorithm signs by SHA-1",
     {FORM, QUERY, SIGNED("V1btub+HmSBQy8nEqqBrkbE9bjo="), RULE("")},
     {FIRST_KEY},
     .body = DELIVERED,
     TAKEN},
    {"an unknown algorithm is 403",
     {FORM, QUERY, SIGNED("Aa2C/DWLSEOyWXNx4prGHTwCmillufKgGYQfhlwFTno="), RULE("HMAC_SHA512")},
     {FIRST_KEY},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"under a rule the auth token signs nothing by SHA-1",
     {FORM, QUERY, SIGNED("EtJGkLPVa7sJ2ruCrJXNhPOYPLk="), RULE("HMAC_SHA1")},
     {FIRST_KEY},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"under a rule the auth token signs nothing by SHA-256",
     {FORM, QUERY, SIGNED("3tohrhb42Ma3OoohfwIC/ijv6ShP2NW8tHhGZ0wlDQU="), RULE("HMAC_SHA256")},
     {FIRST_KEY},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"under a rule without an algorithm the auth token signs nothing",
     {FORM, QUERY, SIGNED("EtJGkLPVa7sJ2ruCrJXNhPOYPLk="), RULE("")},
     {FIRST_KEY},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"under a rule the auth token signs nothing where no shared key is set",
     {FORM, QUERY, SIGNED("EtJGkLPVa7sJ2ruCrJXNhPOYPLk="), RULE("HMAC_SHA1")},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"without a rule a shared key signs nothing",
     {FORM, QUERY, SIGNED("V1btub+HmSBQy8nEqqBrkbE9bjo=")},
     {FIRST_KEY},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"an empty rule is none",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID), "HTTP_X_TWILIO_WEBHOOKS_SIGNATURE_SETTINGS= "},
     {FIRST_KEY},
     .body = DELIVERED,
     TAKEN},
    {"a rule and no signature is 403, from loopback too",
     {FORM, QUERY, LOOPBACK, RULE("HMAC_SHA256")},
     {FIRST_KEY, "WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: no signature and ORIGIN is 403",
     {FORM, QUERY, LOOPBACK, "HTTP_ORIGIN=https://a.example"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: no signature and X_FORWARDED_FOR is 403",
     {FORM, QUERY, LOOPBACK, "HTTP_X_FORWARDED_FOR=127.0.0.1"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: no signature and VIA is 403",
     {FORM, QUERY, LOOPBACK, "HTTP_VIA=1.1 a"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: no signature and CF_CONNECTING_IP is 403",
     {FORM, QUERY, LOOPBACK, "HTTP_CF_CONNECTING_IP=127.0.0.1"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: a name that begins like loopback is 403",
     {FORM, QUERY, "REMOTE_ADDR=127.0.0.1.evil.example"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     WRONG_SIGNATURE},
    {"if-present: a signed one may come through a proxy",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID), LOOPBACK, "HTTP_X_FORWARDED_FOR=192.0.2.1"},
     {"WEBHOOK_SIGNATURE=if-present"},
     .body = DELIVERED,
     TAKEN},

    /* bad input, signed or not asked for a signature */
    {"no SID is 400",
     {FORM, QUERY, SIGNED("weMXUmE2BSrKsuY+q7djsWRhXD0=")},
     .body = "MessageStatus=delivered",
     MISSING},
    {"a NUL is 400",
     {FORM, QUERY, SIGNED("OkAwSfhK0C4F6KZcWmEKvw7LrSo=")},
     .body = "MessageSid=" SID "&MessageStatus=delivered&x=a%00b",
     MISSING},
    {"no body is 400", {FORM, LOOPBACK}, {"WEBHOOK_SIGNATURE=if-present"}, MISSING},
    {"a body that is cut short is 400",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID), "CONTENT_LENGTH=1000"},
     .body = DELIVERED,
     MISSING},
    {"a length that is no number is 400",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID), "CONTENT_LENGTH=1e3"},
     .body = DELIVERED,
     MISSING},
    {"a body too large is 413",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID), "CONTENT_LENGTH=65537"},
     .body = DELIVERED,
     REFUSED("413 Content Too Large", "Request body is too large", "body_too_large")},
    {"GET is 405, never a redirect",
     {"REQUEST_METHOD=GET", QUERY},
     .headers = "Allow: POST, OPTIONS\r\n",
     REFUSED("405 Method Not Allowed", "Method not allowed", "method_not_allowed")},
    {"a missing setting is 500",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     {"TWILIO_AUTH_TOKEN="},
     .body = DELIVERED,
     REFUSED("500 Internal Server Error", "Missing Twilio configuration", "misconfigured")},

    /* the database is away */
    {"a database that is away: the event is spooled with its time",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .body = DELIVERED,
     .database = {{.fails = true, .fault = FAULT_DATABASE_UNAVAILABLE, .takes_ms = 5000}},
     .statements = {RECORD_DELIVERED("'" ID "'")},
     .status = "200 OK",
     .answer = "{\"success\":true,\"message\":\"Status spooled\"}",
     .spooled = "{\"kind\":\"event\",\"id\":\"" ID "\",\"sid\":\"" SID
                "\",\"status\":\"delivered\",\"parameters\":{\"MessageSid\":\"" SID
                "\",\"MessageStatus\":\"delivered\",\"To\":\"+201012345678\"},"
                "\"received_at\":\"" FAKE_STAMP "\"}\n"},
    {"no database and no spool is 503",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .no_spool = true,
     .body = DELIVERED,
     .database = {FAKE_AWAY},
     .statements = {RECORD_DELIVERED("'" ID "'")},
     .status = "503 Service Unavailable",
     .headers = "Retry-After: 5\r\n",
     .answer = "{\"success\":false,\"error\":\"Database unavailable. The event was not stored\","
               "\"code\":\"database_unavailable\",\"retry_after\":5}"},
    {"what is refused is not spooled",
     {FORM, QUERY, SIGNED("rubbish")},
     .body = DELIVERED,
     .database = {FAKE_AWAY},
     WRONG_SIGNATURE},
    {"what waits in the spool follows the answer",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .waiting = "{\"kind\":\"event\",\"sid\":\"SM2\",\"status\":\"sent\",\"parameters\":{\"a\":"
                "\"b\"},\"received_at\":\"2026-01-01T00:00:00.000Z\"}\n",
     .body = DELIVERED,
     .database = {RECORDED, FAKE_ROW("recorded", ID, "SM2", "sent")},
     .statements = {RECORD_DELIVERED("'" ID "'"),
                    FAKE_RECORD("null", "'SM2'", "'sent'", "null", "null", "'{\"a\":\"b\"}'",
                                "'2026-01-01T00:00:00.000Z',p_patience=>'100'")},
     .status = "200 OK",
     .answer = UPDATED},
    {"a settlement that waits in the spool is the senders'",
     {FORM, QUERY, SIGNED(DELIVERED_BY_ID)},
     .waiting = "{\"kind\":\"settlement\"}\n",
     .not_ours = true,
     .body = DELIVERED,
     .database = {RECORDED},
     .statements = {RECORD_DELIVERED("'" ID "'")},
     .status = "200 OK",
     .answer = UPDATED,
     .spooled = "{\"kind\":\"settlement\"}\n"},
};

static void test_row(void **state)
{
    endpoint_expect(&program, *state);
}

static void test_many_parameters(void **state)
{
    static char body[8192];
    struct endpoint_row row = {
        .variables = {FORM, LOOPBACK},
        .settings = {"WEBHOOK_SIGNATURE=if-present"},
        .body = body,
        REFUSED("413 Content Too Large", "Request body is too large", "body_too_large")};

    (void)state;
    for (size_t i = 0; i < 1001; i++)
        memcpy(body + 4 * i, "a=b&", 4);
    endpoint_expect(&program, &row);
}

static void test_little_memory(void **state)
{
    (void)state;
    endpoint_expect_truth(&program, &rows[0]);
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "with little memory what is acknowledged is recorded or spooled",
         .test_func = test_little_memory},
        {.name = "a thousand and one parameters are 413", .test_func = test_many_parameters},
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(singles)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, rows, test_row);
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("twilio_delivery_status", tests, NULL, NULL);
}
