/* What is asked of Twilio, how often, and what is believed of the answers. */

#include "fake_http.h"
#include "twilio_lookup.h"
#include "unit.h"

#define SID      "SM0123456789abcdef0123456789abcdef"
#define ACCOUNT  "AC0123456789abcdef0123456789abcdef"
#define PATH     "/2010-04-01/Accounts/" ACCOUNT "/Messages"
#define BASE     "https://api.twilio.com" PATH
#define AS       " as " ACCOUNT ":token with "
#define ASK      "GET " BASE "/" SID ".json" AS
#define ASK_LIST "GET " BASE ".json?DateSent=2025-12-31&PageSize=1000" AS

#define RESOURCE(more)                                                                             \
    "{\"sid\":\"" SID "\",\"status\":\"sent\",\"to\":\"+201012345678\",\"body\":\"Hi\","           \
    "\"direction\":\"outbound-api\",\"num_media\":\"0\",\"error_code\":null,\"date_created\":"     \
    "\"Thu, 01 Jan 2026 12:00:00 +0000\",\"date_sent\":null" more "}"
#define LIST(next, messages) "{\"messages\":[" messages "],\"next_page_uri\":" next "}"

static struct arena arena;

static const struct settings usual = {
    .twilio_account_sid = ACCOUNT,
    .twilio_auth_token = "token",
    .twilio_api_url = "https://api.twilio.com",
};
static const struct settings with_key = {
    .twilio_account_sid = ACCOUNT,
    .twilio_auth_token = "token",
    .twilio_api_url = "http://127.0.0.1:4010",
    .twilio_api_key = "SK1",
    .twilio_api_key_secret = "secret",
};

struct question {
    struct fake_clock time;
    struct fake_http fake;
    struct clock clock;
    struct http http;
    struct twilio twilio;
    char detail[TWILIO_DETAIL_SIZE];
};

static void open_question(struct question *question, const struct settings *settings,
                          const struct fake_reply *replies)
{
    *question = (struct question){.fake = {.replies = replies}};
    question->clock = fake_clock(&question->time);
    question->http = fake_http(&question->fake);
    question->twilio = (struct twilio){settings, &question->http, &question->clock};
}

static void close_question(struct question *question, const char *const *want)
{
    fake_record_expect(&question->fake.record, want);
    fake_record_release(&question->fake.record);
}

#define BROKEN                                                                                     \
    {                                                                                              \
        .outcome = HTTP_NO_ANSWER, .error = "connection broke"                                     \
    }

/* One SID, the replies, how often it was asked, and what came of it. */
static const struct fetch_row {
    const char *label, *sid;
    struct fake_reply replies[10];
    size_t asked;
    enum twilio_answer want;
    const char *detail;
    int64_t slept[8];
} fetches[] = {
    {"a message", SID, {{.status = 200, .body = RESOURCE("")}}, 1, TWILIO_FOUND},
    {"no such message", SID, {{.status = 404, .body = "{}"}}, 1, TWILIO_NOT_FOUND},
    {"what cannot be a SID is not asked for", "../Calls", {{0}}, 0, TWILIO_NOT_FOUND},
    {"nor a SID of something else",
     "CA0123456789abcdef0123456789abcdef",
     {{0}},
     0,
     TWILIO_NOT_FOUND},
    {"nor two letters alone", "SM", {{0}}, 0, TWILIO_NOT_FOUND},
    {"nor one that goes on as a path", "SM1/../../Calls", {{0}}, 0, TWILIO_NOT_FOUND},
    {"too many requests: later",
     SID,
     {{.status = 429}, {.status = 200, .body = RESOURCE("")}},
     2,
     TWILIO_FOUND,
     .slept = {500}},
    {"when Twilio says how much later, then",
     SID,
     {{.status = 429, .retry_after = 3}, {.status = 503}, {.status = 200, .body = RESOURCE("")}},
     3,
     TWILIO_FOUND,
     .slept = {3000, 6000}},
    {"but never longer than half a minute",
     SID,
     {{.status = 429, .retry_after = 3600}, {.status = 200, .body = RESOURCE("")}},
     2,
     TWILIO_FOUND,
     .slept = {30000}},
    {"a broken connection: again",
     SID,
     {BROKEN, {.outcome = HTTP_NOT_SENT, .error = "refused"}, {.status = 404}},
     3,
     TWILIO_NOT_FOUND,
     .slept = {500, 1000}},
    {"eight times, then no more",
     SID,
     {BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, {.status = 404}},
     8,
     TWILIO_NO_ANSWER,
     "connection broke",
     {500, 1000, 2000, 4000, 8000, 16000, 30000}},
    {"eight errors too",
     SID,
     {{.status = 500},
      {.status = 502},
      {.status = 503},
      {.status = 500},
      {.status = 500},
      {.status = 500},
      {.status = 500},
      {.status = 504}},
     8,
     TWILIO_NO_ANSWER,
     "Twilio answered 504",
     {500, 1000, 2000, 4000, 8000, 16000, 30000}},
    {"credentials that are refused are not tried again",
     SID,
     {{.status = 401}},
     1,
     TWILIO_NO_ANSWER,
     "Twilio answered 401"},
    {"forbidden is forbidden", SID, {{.status = 403}}, 1, TWILIO_NO_ANSWER, "Twilio answered 403"},
    {"another refusal", SID, {{.status = 400}}, 1, TWILIO_NO_SENSE, "Twilio answered 400"},
    {"a redirection is no answer",
     SID,
     {{.status = 302}},
     1,
     TWILIO_NO_SENSE,
     "Twilio answered 302"},
    {"garbage",
     SID,
     {{.status = 200, .body = "<html>"}},
     1,
     TWILIO_NO_SENSE,
     "Twilio answered with another thing than the message"},
    {"nothing", SID, {{.status = 200, .body = ""}}, 1, TWILIO_NO_SENSE},
    {"a message without a status",
     SID,
     {{.status = 200, .body = "{\"sid\":\"" SID "\"}"}},
     1,
     TWILIO_NO_SENSE},
    {"a status that is none",
     SID,
     {{.status = 200, .body = "{\"sid\":\"" SID "\",\"status\":\"se nt\\n\"}"}},
     1,
     TWILIO_NO_SENSE},
    {"a status that is too long",
     SID,
     {{.status = 200,
       .body = "{\"sid\":\"" SID "\",\"status\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"}},
     1,
     TWILIO_NO_SENSE},
    {"another message than the one asked for",
     "MM0123456789abcdef0123456789abcdef",
     {{.status = 200, .body = RESOURCE("")}},
     1,
     TWILIO_NO_SENSE},
};

static void fetch(void **state)
{
    const struct fetch_row *row = *state;
    const char *want[10] = {NULL};
    struct twilio_message message;
    struct question question;
    char url[256];

    open_question(&question, &usual, row->replies);
    snprintf(url, sizeof(url), "GET " BASE "/%s.json" AS, row->sid);
    for (size_t i = 0; i < row->asked; i++)
        want[i] = url;
    enum twilio_answer answer =
        twilio_fetch(&question.twilio, &arena, text_of(row->sid), &message, question.detail);
    assert_int_equal(answer, row->want);
    if (answer == TWILIO_FOUND)
        assert_text_equal(message.sid, row->sid);
    if (row->detail)
        assert_string_equal(question.detail, row->detail);
    assert_int_equal(question.time.n_slept, row->asked ? row->asked - 1 : 0);
    for (size_t i = 0; i < question.time.n_slept; i++)
        assert_int_equal(question.time.slept[i], row->slept[i]);
    close_question(&question, want);
}

/* What a resource says. */
static const struct resource_row {
    const char *label, *body;
    struct {
        const char *status, *body, *to, *error_code, *error_message;
        const char *price, *price_unit, *num_segments;
        bool whatsapp, inbound;
        uint64_t num_media;
        int64_t created, sent;
    } want;
} resources[] = {
    {"an SMS", RESOURCE(""), {"sent", "Hi", "+201012345678", .created = FAKE_EPOCH_MS / 1000}},
    {"a WhatsApp message has its channel in front",
     "{\"sid\":\"" SID "\",\"status\":\"read\",\"to\":\"whatsapp:+201012345678\",\"body\":\"م\","
     "\"direction\":\"outbound-api\",\"num_media\":\"1\"}",
     {"read", "م", "+201012345678", .whatsapp = true, .num_media = 1}},
    {"an error, its number as a number",
     "{\"sid\":\"" SID "\",\"status\":\"undelivered\",\"error_code\":30003,\"error_message\":"
     "\"Unreachable\",\"direction\":\"outbound-reply\"}",
     {"undelivered", "", "", "30003", "Unreachable"}},
    {"an error whose number is a text",
     "{\"sid\":\"" SID "\",\"status\":\"failed\",\"error_code\":\"63016\","
     "\"direction\":\"outbound-call\"}",
     {"failed", "", "", "63016", ""}},
    {"error code 0 is none",
     "{\"sid\":\"" SID
     "\",\"status\":\"delivered\",\"error_code\":0,\"direction\":\"outbound-api\"}",
     {"delivered", "", ""}},
    {"nor is one in words, and a text is bounded",
     "{\"sid\":\"" SID
     "\",\"status\":\"sent\",\"error_code\":\"00\",\"direction\":\"outbound-api\"}",
     {"sent", "", ""}},
    {"price, its unit and segments",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"price\":\"-0.04500\",\"price_unit\":\"USD\","
     "\"num_segments\":\"2\",\"direction\":\"outbound-api\"}",
     {"sent", "", "", .price = "-0.04500", .price_unit = "USD", .num_segments = "2"}},
    {"no price has no unit, and no segments are not known yet",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"price\":null,\"price_unit\":\"USD\","
     "\"num_segments\":\"0\",\"direction\":\"outbound-api\"}",
     {"sent", "", ""}},
    {"a price that is none is not taken",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"price\":\"free!\",\"price_unit\":\"USD\","
     "\"num_segments\":\"many\",\"direction\":\"outbound-api\"}",
     {"sent", "", ""}},
    {"somebody's answer",
     "{\"sid\":\"" SID "\",\"status\":\"received\",\"direction\":\"inbound\"}",
     {"received", "", "", .inbound = true}},
    {"a status of two words",
     "{\"sid\":\"" SID "\",\"status\":\"partially_delivered\",\"direction\":\"outbound-api\"}",
     {"partially_delivered", "", ""}},
    {"without a direction it is not ours",
     "{\"sid\":\"" SID "\",\"status\":\"sent\"}",
     {"sent", "", "", .inbound = true}},
    {"a trial account's texts have something in front",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"direction\":\"outbound-api\",\"body\":"
     "\"Sent from your Twilio trial account - Hi\"}",
     {"sent", "Hi", ""}},
    {"times are UTC",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"direction\":\"outbound-api\",\"date_created\":"
     "\"Thu, 01 Jan 2026 12:00:01 +0000\",\"date_sent\":\"Fri, 02 Jan 2026 12:00:00 +0000\"}",
     {"sent", "", "", .created = FAKE_EPOCH_MS / 1000 + 1, .sent = FAKE_EPOCH_MS / 1000 + 86400}},
    {"another time is none",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"direction\":\"outbound-api\",\"date_created\":"
     "\"2026-01-01T12:00:00Z\",\"date_sent\":\"Thu, 01 Jan 2026 12:00:01 +0200\"}",
     {"sent", "", ""}},
};

static void resource(void **state)
{
    const struct resource_row *row = *state;
    const struct fake_reply replies[2] = {{.status = 200, .body = row->body}};
    static const char *const want[] = {ASK, NULL};
    struct twilio_message message;
    struct question question;

    open_question(&question, &usual, replies);
    assert_int_equal(twilio_fetch(&question.twilio, &arena, TEXT(SID), &message, question.detail),
                     TWILIO_FOUND);
    assert_text_equal(message.status, row->want.status);
    assert_text_equal(message.body, row->want.body);
    assert_text_equal(message.to, row->want.to);
    assert_text_equal(message.error_code, row->want.error_code);
    assert_text_equal(message.error_message, row->want.error_message);
    assert_text_equal(message.price, row->want.price);
    assert_text_equal(message.price_unit, row->want.price_unit);
    assert_text_equal(message.num_segments, row->want.num_segments);
    assert_int_equal(message.channel, row->want.whatsapp ? MESSAGE_WHATSAPP : MESSAGE_SMS);
    assert_int_equal(message.outbound, !row->want.inbound);
    assert_int_equal(message.num_media, row->want.num_media);
    assert_int_equal(message.created, row->want.created);
    assert_int_equal(message.sent, row->want.sent);
    close_question(&question, want);
}

/* One page: its address, the reply, and what is made of it. */
static const struct list_row {
    const char *label;
    bool undated;
    const struct settings *settings;
    const char *next; /* the page before said so; NULL: the first page */
    struct fake_reply reply;
    const char *asked;
    enum twilio_answer want;
    size_t n;
    const char *want_next;
    size_t unreadable, without_sid, redacted; /* of the n */
} lists[] = {
    {"the first page",
     .reply = {.status = 200, .body = LIST("null", RESOURCE("") "," RESOURCE(""))},
     .asked = ASK_LIST, .n = 2},
    {"an empty list", .reply = {.status = 200, .body = LIST("null", "")}, .asked = ASK_LIST},
    {"an empty address is none", .reply = {.status = 200, .body = LIST("\"\"", "")},
     .asked = ASK_LIST},
    {"of all, by an API key, at another address", true, &with_key,
     .reply = {.status = 200, .body = LIST("null", RESOURCE(""))},
     .asked = "GET http://127.0.0.1:4010" PATH ".json?PageSize=1000 as SK1:secret with ", .n = 1},
    {"a page with another behind it",
     .reply = {.status = 200, .body = LIST("\"" PATH ".json?Page=1&PageToken=PA1\"", RESOURCE(""))},
     .asked = ASK_LIST, .n = 1, .want_next = PATH ".json?Page=1&PageToken=PA1"},
    {"the next page", .next = PATH ".json?Page=1&PageToken=PA1",
     .reply = {.status = 200, .body = LIST("null", RESOURCE(""))},
     .asked = "GET " BASE ".json?Page=1&PageToken=PA1" AS, .n = 1},
    {"a next page on another host is not asked for", .next = ".evil.example" PATH ".json?Page=1",
     .want = TWILIO_NO_SENSE},
    {"nor one that takes our address for a user name", .next = "@evil.example/",
     .want = TWILIO_NO_SENSE},
    {"nor another list", .next = "/2010-04-01/Accounts/" ACCOUNT "/Calls.json?Page=1",
     .want = TWILIO_NO_SENSE},
    {"nor that of another account", .next = "/2010-04-01/Accounts/AC1/Messages.json?Page=1",
     .want = TWILIO_NO_SENSE},
    {"a list that is not there is no empty one", .reply = {.status = 404}, .asked = ASK_LIST,
     .want = TWILIO_NO_SENSE},
    {"refused credentials", .reply = {.status = 401}, .asked = ASK_LIST, .want = TWILIO_NO_ANSWER},
    {"an answer without a list", .reply = {.status = 200, .body = "{}"}, .asked = ASK_LIST,
     .want = TWILIO_NO_SENSE},
    {"a list that is an object", .reply = {.status = 200, .body = "{\"messages\":{}}"},
     .asked = ASK_LIST, .want = TWILIO_NO_SENSE},
    {"a message without a status is there, unreadable",
     .reply = {.status = 200,
               .body = LIST("null", RESOURCE("") ",{\"sid\":\"" SID "\",\"status\":null}")},
     .asked = ASK_LIST, .n = 2, .unreadable = 1},
    {"one with a NUL in its text is too",
     .reply = {.status = 200,
               .body = LIST("null", "{\"sid\":\"" SID "\",\"status\":\"sent\",\"body\":\"a\\u0000"
                                    "b\",\"direction\":\"outbound-api\"}," RESOURCE(""))},
     .asked = ASK_LIST, .n = 2, .unreadable = 1},
    {"half a surrogate pair in a text spoils nothing",
     .reply = {.status = 200,
               .body = LIST("null", "{\"sid\":\"" SID "\",\"status\":\"sent\",\"body\":\"cut "
                                    "\\ud83d\",\"direction\":\"outbound-api\"}," RESOURCE(""))},
     .asked = ASK_LIST, .n = 2},
    {"what is no message at all may still be one",
     .reply = {.status = 200,
               .body = LIST("null", RESOURCE("") ",{\"sid\":\"CA1\",\"status\":\"sent\"},7,null")},
     .asked = ASK_LIST, .n = 4, .unreadable = 3, .without_sid = 3},
    {"blotted-out numbers are seen, in any resource",
     .reply = {.status = 200,
               .body = LIST(
                   "null", "{\"sid\":\"" SID "\",\"status\":\"sent\",\"to\":\"+2010123XXXX\"},"
                           "{\"sid\":\"" SID "\",\"status\":\"sent\",\"to\":\"whatsapp:+201XXXX\"},"
                           "{\"sid\":\"" SID "\",\"status\":null,\"to\":\"+2010123****\"},"
                           "{\"sid\":\"" SID "\",\"status\":\"received\",\"from\":\"+2010123xxxx\","
                           "\"direction\":\"inbound\"},"
                           "{\"sid\":\"" SID "\",\"status\":\"sent\",\"to\":\"+201012345678\","
                           "\"from\":\"MAXX1\"}")},
     .asked = ASK_LIST, .n = 5, .unreadable = 1, .redacted = 4},
    {"half an answer", .reply = {.status = 200, .body = "{\"messages\":[" RESOURCE("")},
     .asked = ASK_LIST, .want = TWILIO_NO_SENSE},
};

static void list(void **state)
{
    const struct list_row *row = *state;
    const struct fake_reply replies[2] = {row->reply};
    const char *const want[] = {row->asked, NULL};
    struct twilio_page page = {.next = text_of(row->next)};
    struct question question;

    open_question(&question, row->settings ? row->settings : &usual, replies);
    enum twilio_answer answer =
        twilio_list(&question.twilio, &arena, row->undated ? TEXT("") : TEXT("2025-12-31"), &page,
                    question.detail);
    assert_int_equal(answer, row->want);
    if (answer == TWILIO_FOUND) {
        assert_int_equal(page.n, row->n);
        assert_text_equal(page.next, row->want_next);
    }
    size_t unreadable = 0, without_sid = 0, redacted = 0;
    for (size_t i = 0; i < page.n; i++) {
        const struct twilio_message *message = &page.messages[i];
        unreadable += message->unreadable;
        without_sid += message->sid.n == 0;
        redacted += message->redacted;
        if (message->sid.n)
            assert_text_equal(message->sid, SID);
        if (message->unreadable)
            assert_true(message->outbound && message->status.n == 0);
    }
    assert_int_equal(unreadable, row->unreadable);
    assert_int_equal(without_sid, row->without_sid);
    assert_int_equal(redacted, row->redacted);
    close_question(&question, want);
}

#define FROM(from, service) ",\"from\":" from ",\"messaging_service_sid\":" service

/* Whose message it is. */
static const struct sender_row {
    const char *label, *resource, *service;
    bool foreign;
} senders[] = {
    {"our number", RESOURCE(FROM("\"+15005550006\"", "null"))},
    {"another number", RESOURCE(FROM("\"+15005550007\"", "null")), .foreign = true},
    {"no number yet", RESOURCE(FROM("null", "null"))},
    {"our service, whatever the number", RESOURCE(FROM("\"+1\"", "\"MG1\"")), "MG1"},
    {"another service", RESOURCE(FROM("\"+15005550006\"", "\"MG2\"")), "MG1", true},
    {"no service said", RESOURCE(FROM("\"+1\"", "null")), "MG1"},
    {"our number on WhatsApp",
     "{\"sid\":\"" SID
     "\",\"status\":\"sent\",\"to\":\"whatsapp:+2\",\"from\":\"whatsapp:+14155238886\"}",
     "MG1"},
    {"another on WhatsApp",
     "{\"sid\":\"" SID "\",\"status\":\"sent\",\"to\":\"whatsapp:+2\",\"from\":\"whatsapp:+1\"}",
     NULL, true},
};

static void sender(void **state)
{
    const struct sender_row *row = *state;
    const struct fake_reply replies[2] = {{.status = 200, .body = row->resource}};
    const char *const want[] = {ASK, NULL};
    struct settings settings = usual;
    struct twilio_message message;
    struct question question;

    settings.twilio_phone_number = "+15005550006";
    settings.twilio_whatsapp_number = "whatsapp:+14155238886";
    settings.twilio_messaging_service_sid = row->service;
    open_question(&question, &settings, replies);
    assert_int_equal(twilio_fetch(&question.twilio, &arena, TEXT(SID), &message, question.detail),
                     TWILIO_FOUND);
    assert_int_equal(message.foreign, row->foreign);
    close_question(&question, want);
}

/** Twilio that answers everything alike, and needs no memory for it. */
static void say(void *self, struct arena *none, const struct http_request *request,
                struct http_reply *ret_reply)
{
    (void)none;
    (void)request;
    *ret_reply = (struct http_reply){.status = 200, .body = text_of(self)};
}

#define WHOLE                                                                                      \
    "{\"sid\":\"" SID "\",\"status\":\"failed\",\"to\":\"+201012345678\",\"body\":\"Hi\","         \
    "\"direction\":\"outbound-api\",\"num_media\":\"1\",\"error_code\":30008,\"error_message\":"   \
    "\"Unknown\",\"date_created\":\"Thu, 01 Jan 2026 12:00:00 +0000\",\"date_sent\":"              \
    "\"Thu, 01 Jan 2026 12:00:01 +0000\"}"

static void expect_whole(const struct twilio_message *message)
{
    assert_text_equal(message->sid, SID);
    assert_text_equal(message->status, "failed");
    assert_text_equal(message->to, "+201012345678");
    assert_text_equal(message->body, "Hi");
    assert_text_equal(message->error_code, "30008");
    assert_text_equal(message->error_message, "Unknown");
    assert_int_equal(message->num_media, 1);
    assert_int_equal(message->created, FAKE_EPOCH_MS / 1000);
    assert_int_equal(message->sent, FAKE_EPOCH_MS / 1000 + 1);
}

/** Little memory, then more: there is the whole message or none. */
static void fetch_with_little_memory(void **state)
{
    static char body[] = WHOLE;
    const struct http http = {body, say};
    const struct twilio twilio = {&usual, &http, NULL};
    enum twilio_answer answer = TWILIO_NO_SENSE;
    char detail[TWILIO_DETAIL_SIZE];

    (void)state;
    for (size_t room = 0; answer != TWILIO_FOUND; room++) {
        struct twilio_message message;
        arena_release(&arena);
        arena_init(&arena, room);
        answer = twilio_fetch(&twilio, &arena, TEXT(SID), &message, detail);
        if (answer == TWILIO_FOUND)
            expect_whole(&message);
        else
            assert_int_equal(answer, TWILIO_NO_SENSE);
        if (room == 0)
            assert_string_equal(detail, "no memory for the question");
        assert_true(room < 8192);
    }
}

/** And the whole page or none, or one that says what could not be read. */
static void list_with_little_memory(void **state)
{
    static char body[] = LIST("\"" PATH ".json?Page=2\"", WHOLE "," WHOLE);
    const struct http http = {body, say};
    const struct twilio twilio = {&usual, &http, NULL};
    enum twilio_answer answer = TWILIO_NO_SENSE;
    char detail[TWILIO_DETAIL_SIZE];

    (void)state;
    for (size_t room = 0; answer != TWILIO_FOUND; room++) {
        struct twilio_page page = {.next = TEXT(PATH ".json?Page=1")};
        arena_release(&arena);
        arena_init(&arena, room);
        answer = twilio_list(&twilio, &arena, TEXT("2026-01-01"), &page, detail);
        if (answer != TWILIO_FOUND) {
            assert_int_equal(answer, TWILIO_NO_SENSE);
            assert_text_equal(page.next, PATH ".json?Page=1");
            continue;
        }
        assert_int_equal(page.n, 2);
        if (page.messages[0].unreadable || page.messages[1].unreadable) {
            answer = TWILIO_NO_SENSE; /* a doubt, and no wrong message */
            continue;
        }
        expect_whole(&page.messages[0]);
        expect_whole(&page.messages[1]);
        assert_text_equal(page.next, PATH ".json?Page=2");
        assert_true(room < 8192);
    }
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[80] = {
        {.name = "with little memory there is the whole message or none",
         .test_func = fetch_with_little_memory},
        {.name = "with little memory there is the whole page or none",
         .test_func = list_with_little_memory},
    };
    size_t n = 2;

    ADD_ROWS(tests, n, fetches, fetch);
    ADD_ROWS(tests, n, resources, resource);
    ADD_ROWS(tests, n, lists, list);
    ADD_ROWS(tests, n, senders, sender);
    for (size_t i = 0; i < n; i++) {
        tests[i].setup_func = set_up;
        tests[i].teardown_func = tear_down;
    }
    return _cmocka_run_group_tests("twilio_lookup", tests, n, NULL, NULL);
}
