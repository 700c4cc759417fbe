/* The reconcile run: what is asked of Twilio, what is written, and what is told. */

#include <stdlib.h>

#include "fake_http.h"
#include "fake_reconcile.h"
#include "unit.h"

#define R2 "22222222-2222-4222-8222-222222222222"
#define S1 "SM11111111111111111111111111111111"
#define S2 "SM22222222222222222222222222222222"
#define S3 "MM33333333333333333333333333333333"

#define FETCH(sid)     "GET " BASE "/" sid ".json" AS
#define LIST_WA        "GET " BASE ".json?PageSize=100&To=whatsapp%3A%2B201012345678" AS
#define LIST_OF(digit) "GET " BASE ".json?PageSize=100&To=%2B20101234567" digit AS
#define NEXT_URI       PATH ".json?Page=1&PageToken=PA1"
#define NEXT           "GET https://api.twilio.com" NEXT_URI AS

#define AGAIN(age)                                                                                 \
    UNSETTLED "'0 seconds','" #age " s ago','00000000-0000-0000-0000-000000000000','16')"
#define MOVED(sid, status) RECORD("null", sid, status, "null", "null")
#define NEVER_SENT(id)                                                                             \
    "select messaging.settle_message('" id                                                         \
    "',null,'failed',null,'Twilio never received this message',null,'t',null)"

/* A message of 13 hours ago and some seconds (two digits) later. */
#define MESSAGE_AT(sid, status, body, date, more)                                                  \
    "{\"sid\":\"" sid "\",\"status\":\"" status "\",\"to\":\"" TO "\",\"body\":\"" body            \
    "\",\"direction\":\"outbound-api\",\"date_created\":\"" date " +0000\"" more "}"
#define MESSAGE(sid, status, body, second)                                                         \
    MESSAGE_AT(sid, status, body, "Wed, 31 Dec 2025 23:00:" second, "")
#define OK(text)                                                                                   \
    {                                                                                              \
        .status = 200, .body = text                                                                \
    }
#define PAGE(next, text) OK("{\"messages\":[" text "],\"next_page_uri\":" next "}")
#define LAST(text)       PAGE("null", text)

static const struct run_row {
    const char *label;
    const char *older; /* NULL: 12h */
    bool dry_run;
    struct stored rows[5];  /* what is unsettled */
    struct stored later[2]; /* and when it is looked at again */
    struct fake_reply replies[8];
    const char *requests[8];
    struct fake_answer answers[10];
    const char *statements[10];
    int status;
    const char *output;
} runs[] = {
    {"nothing is unsettled", .answers = {TABLE}, .statements = {FIRST_PAGE},
     .output = "0 messages checked\n" SUMMARY(0, 0, 0, 0, 0)},
    {"a callback that never came", .rows = {{R1, S1, "sent"}},
     .replies = {OK(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {FETCH(S1)},
     .answers = {TABLE, RECORDED(R1, "delivered")},
     .statements = {FIRST_PAGE, MOVED(S1, "delivered")},
     .output = "did:   " R1 " sent -> delivered\n1 messages checked\n" SUMMARY(1, 1, 0, 0, 0)},
    {"a failure with its code and its text", .rows = {{R1, S3, "queued", .whatsapp = true}},
     .replies = {OK(MESSAGE_AT(S3, "undelivered", "Hi", "",
                               ",\"error_code\":63024,\"error_message\":\"Invalid\""))},
     .requests = {FETCH(S3)}, .answers = {TABLE, RECORDED(R1, "undelivered")},
     .statements = {FIRST_PAGE, RECORD("null", S3, "undelivered", "'63024'", "'Invalid'")},
     .output = "did:   " R1 " queued -> undelivered\n1 messages checked\n" SUMMARY(1, 1, 0, 0, 0)},
    {"a message that was canceled", .rows = {{R1, S1, "scheduled"}},
     .replies = {OK(MESSAGE(S1, "canceled", "Hi", "01"))}, .requests = {FETCH(S1)},
     .answers = {TABLE, RECORDED(R1, "canceled")},
     .statements = {FIRST_PAGE, MOVED(S1, "canceled")},
     .output = "did:   " R1 " scheduled -> canceled\n1 messages checked\n" SUMMARY(1, 1, 0, 0, 0)},
    {"'sent' may be the last that is known: nothing is written", .rows = {{R1, S1, "sent"}},
     .replies = {OK(MESSAGE(S1, "sent", "Hi", "01"))}, .requests = {FETCH(S1)}, .answers = {TABLE},
     .statements = {FIRST_PAGE}, .output = "1 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"what Twilio says is older than what is known: nothing is told", .rows = {{R1, S1, "sent"}},
     .replies = {OK(MESSAGE(S1, "sending", "Hi", "01"))}, .requests = {FETCH(S1)},
     .answers = {TABLE, RECORDED(R1, "sent")}, .statements = {FIRST_PAGE, MOVED(S1, "sending")},
     .output = "1 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"a message that Twilio has deleted", .rows = {{R1, S1, "sent"}}, .replies = {{.status = 404}},
     .requests = {FETCH(S1)}, .answers = {TABLE}, .statements = {FIRST_PAGE},
     .output = "1 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"an old row whose SID is none", .rows = {{R1, "old/../id", "sent"}}, .answers = {TABLE},
     .statements = {FIRST_PAGE}, .output = "1 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"a dry run writes nothing", .dry_run = true, .rows = {{R1, S1, "sent"}},
     .replies = {OK(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {FETCH(S1)},
     .answers = {TABLE}, .statements = {FIRST_PAGE},
     .output = "would: " R1 " sent -> delivered\n1 messages checked\n"
               "reconciled (dry run, nothing written): 1 checked, 1 updated, 0 found, 0 never "
               "sent, 0 unchanged\n"},
    {"too many requests: it waits and asks again", .rows = {{R1, S1, "sent"}},
     .replies = {{.status = 429, .retry_after = 1}, OK(MESSAGE(S1, "delivered", "Hi", "01"))},
     .requests = {FETCH(S1), FETCH(S1)}, .answers = {TABLE, RECORDED(R1, "delivered")},
     .statements = {FIRST_PAGE, MOVED(S1, "delivered")},
     .output = "did:   " R1 " sent -> delivered\n1 messages checked\n" SUMMARY(1, 1, 0, 0, 0)},
    {"one answer without sense: the others are asked for",
     .rows = {{R1, S1, "sent"}, {R2, S2, "sent"}},
     .replies = {OK("[]"), OK(MESSAGE(S2, "delivered", "Hi", "01"))},
     .requests = {FETCH(S1), FETCH(S2)}, .answers = {TABLE, RECORDED(R2, "delivered")},
     .statements = {FIRST_PAGE, MOVED(S2, "delivered")}, .status = 1,
     .output = "did:   " R2 " sent -> delivered\n2 messages checked\n1 could not be asked: Twilio "
               "answered with another thing than the message\n" SUMMARY(2, 1, 0, 0, 0)},
    {"refused three times, nobody asks on",
     .rows = {{R1, S1, "sent"}, {R1, S1, "sent"}, {R1, S1, "sent"}, {R1, S1, "sent"}},
     .replies = {{.status = 401}, {.status = 401}, {.status = 401}},
     .requests = {FETCH(S1), FETCH(S1), FETCH(S1)}, .answers = {TABLE}, .statements = {FIRST_PAGE},
     .status = 1,
     .output = "stopped: Twilio cannot be asked: Twilio answered 401\n3 could not be asked: Twilio "
               "answered 401\n" SUMMARY(2, 0, 0, 0, 0)},
    {"refused now and then, it goes on",
     .rows = {{R1, S1, "sent"}, {R1, S1, "sent"}, {R1, S1, "sent"}, {R1, S1, "sent"}},
     .replies = {{.status = 401}, {.status = 401}, {.status = 404}, {.status = 401}},
     .requests = {FETCH(S1), FETCH(S1), FETCH(S1), FETCH(S1)}, .answers = {TABLE},
     .statements = {FIRST_PAGE}, .status = 1,
     .output =
         "4 messages checked\n3 could not be asked: Twilio answered 401\n" SUMMARY(4, 0, 0, 0, 1)},
    {"the database is away from the beginning", .answers = {FAKE_AWAY}, .statements = {FIRST_PAGE},
     .status = 1, .output = "stopped: statement failed\n" SUMMARY(0, 0, 0, 0, 0)},
    {"the database goes away when something is to be written",
     .rows = {{R1, S1, "sent"}, {R2, S2, "sent"}},
     .replies = {OK(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {FETCH(S1)},
     .answers = {TABLE, FAKE_AWAY}, .statements = {FIRST_PAGE, MOVED(S1, "delivered")}, .status = 1,
     .output = "stopped: statement failed\n" SUMMARY(0, 0, 0, 0, 0)},
    {"an unknown outcome is found by recipient, time and text", .rows = {{R1, NULL, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {LIST},
     .answers = {TABLE, NONE, RECORDED(R1, "delivered")},
     .statements = {FIRST_PAGE, KNOWN(S1), CLAIMED(R1, S1, "delivered")},
     .output = "0 messages checked\ndid:   " R1 " unknown -> delivered\n" SUMMARY(1, 0, 1, 0, 0)},
    {"a dry run finds it and writes nothing", .dry_run = true,
     .rows = {{R1, NULL, "unknown"}, {R2, NULL, "pending", .text = "Ho"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {LIST},
     .answers = {TABLE, NONE}, .statements = {FIRST_PAGE, KNOWN(S1)},
     .output = "0 messages checked\nwould: " R1 " unknown -> delivered\nwould: " R2
               " pending -> failed\nreconciled (dry run, nothing written): 2 checked, 0 updated, "
               "1 found, 1 never sent, 0 unchanged\n"},
    {"a failure that is found keeps its code", .rows = {{R1, NULL, "pending"}},
     .replies = {LAST(MESSAGE_AT(S1, "failed", "Hi", "Wed, 31 Dec 2025 23:00:00",
                                 ",\"error_code\":30008,\"error_message\":null"))},
     .requests = {LIST}, .answers = {TABLE, NONE, RECORDED(R1, "failed")},
     .statements = {FIRST_PAGE, KNOWN(S1), RECORD("'" R1 "'", S1, "failed", "'30008'", "null")},
     .output = "0 messages checked\ndid:   " R1 " pending -> failed\n" SUMMARY(1, 0, 1, 0, 0)},
    {"two rows with one text each get their own message",
     .rows = {{R1, NULL, "unknown"}, {R2, NULL, "unknown", 46790}},
     .replies = {LAST(MESSAGE(S2, "sent", "Hi", "11") "," MESSAGE(S1, "delivered", "Hi", "01"))},
     .requests = {LIST},
     .answers = {TABLE, NONE, NONE, RECORDED(R2, "sent"), RECORDED(R1, "delivered")},
     .statements = {FIRST_PAGE, KNOWN(S2), KNOWN(S1), CLAIMED(R2, S2, "sent"),
                    CLAIMED(R1, S1, "delivered")},
     .output = "0 messages checked\ndid:   " R2 " unknown -> sent\ndid:   " R1
               " unknown -> delivered\n" SUMMARY(2, 0, 2, 0, 0)},
    {"a message that another row has is not claimed", .rows = {{R1, NULL, "unknown"}},
     .later = {{R1, NULL, "unknown"}}, .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01"))},
     .requests = {LIST}, .answers = {TABLE, FAKE_ROW(S1), TABLE, FAKE_ROW("{}")},
     .statements = {FIRST_PAGE, KNOWN(S1), AGAIN(46800), NEVER_SENT(R1)},
     .output = "0 messages checked\ndid:   " R1 " unknown -> failed\n" SUMMARY(1, 0, 0, 1, 0)},
    {"nor one that another row gets at this moment", .rows = {{R1, NULL, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {LIST},
     .answers = {TABLE, NONE, RECORDED(R2, "delivered")},
     .statements = {FIRST_PAGE, KNOWN(S1), CLAIMED(R1, S1, "delivered")},
     .output = "0 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"what Twilio's whole list does not have was never sent", .rows = {{R1, NULL, "unknown"}},
     .later = {{R2, NULL, "unknown"}, {R1, NULL, "unknown"}},
     .replies = {LAST(MESSAGE_AT(S1, "delivered", "Hi", "Wed, 31 Dec 2025 22:44:59", ""))},
     .requests = {LIST}, .answers = {TABLE, TABLE, FAKE_ROW("{}")},
     .statements = {FIRST_PAGE, AGAIN(46800), NEVER_SENT(R1)},
     .output = "0 messages checked\ndid:   " R1 " unknown -> failed\n" SUMMARY(1, 0, 0, 1, 0)},
    {"a row that was settled meanwhile is left alone", .rows = {{R1, NULL, "unknown"}},
     .later = {{R2, NULL, "unknown"}}, .replies = {LAST("")}, .requests = {LIST},
     .answers = {TABLE, TABLE}, .statements = {FIRST_PAGE, AGAIN(46800)},
     .output = "0 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"and one that has its SID now", .rows = {{R1, NULL, "unknown"}}, .later = {{R1, S1, "sent"}},
     .replies = {LAST("")}, .requests = {LIST}, .answers = {TABLE, TABLE},
     .statements = {FIRST_PAGE, AGAIN(46800)},
     .output = "0 messages checked\n" SUMMARY(1, 0, 0, 0, 1)},
    {"where a message may be its own, a row stays as it is", .rows = {{R1, NULL, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Ho", "01"))}, .requests = {LIST},
     .answers = {TABLE, NONE}, .statements = {FIRST_PAGE, KNOWN(S1)},
     .output = "0 messages checked\n1 left as they are: Twilio has a message that may be "
               "theirs\n" SUMMARY(1, 0, 0, 0, 0)},
    {"a template is found without its text",
     .rows = {{R1, NULL, "pending", .template = true, .whatsapp = true, .text = ""}},
     .replies = {LAST("{\"sid\":\"" S3 "\",\"status\":\"read\",\"to\":\"whatsapp:" TO
                      "\",\"body\":\"Ho\",\"direction\":\"outbound-api\",\"date_created\":"
                      "\"Wed, 31 Dec 2025 23:00:02 +0000\"}")},
     .requests = {LIST_WA}, .answers = {TABLE, NONE, RECORDED(R1, "read")},
     .statements = {FIRST_PAGE, KNOWN(S3), CLAIMED(R1, S3, "read")},
     .output = "0 messages checked\ndid:   " R1 " pending -> read\n" SUMMARY(1, 0, 1, 0, 0)},
    {"one number on two channels has two lists, whatever the order of its rows", .dry_run = true,
     .rows = {{R1, NULL, "unknown"},
              {R2, NULL, "unknown", 46795, .whatsapp = true},
              {R1, NULL, "unknown", 46790}},
     .replies = {LAST(""), LAST("")}, .requests = {LIST, LIST_WA}, .answers = {TABLE},
     .statements = {FIRST_PAGE},
     .output = "0 messages checked\nwould: " R1 " unknown -> failed\nwould: " R1
               " unknown -> failed\nwould: " R2
               " unknown -> failed\nreconciled (dry run, nothing written): 3 checked, 0 updated, "
               "0 found, 3 never sent, 0 unchanged\n"},
    {"a row that is too young is not failed beside an older one",
     .rows = {{R1, NULL, "unknown", 43205}, {R2, NULL, "unknown", 43190}},
     .replies = {LAST(MESSAGE_AT(S1, "sent", "Hi", "Thu, 01 Jan 2026 00:00:00", ""))},
     .requests = {LIST}, .answers = {TABLE, NONE, RECORDED(R1, "sent")},
     .statements = {FIRST_PAGE, KNOWN(S1), CLAIMED(R1, S1, "sent")},
     .output = "0 messages checked\ndid:   " R1 " unknown -> sent\n" SUMMARY(1, 0, 1, 0, 0)},
    {"two numbers have two lists, whatever the order of their rows", .dry_run = true,
     .rows = {{R1, NULL, "unknown"},
              {R2, NULL, "unknown", 46790, .to = "+201112345678"},
              {R1, NULL, "unknown", 46780}},
     .replies = {LAST(""), LAST("")},
     .requests = {LIST, "GET " BASE ".json?PageSize=100&To=%2B201112345678" AS}, .answers = {TABLE},
     .statements = {FIRST_PAGE},
     .output = "0 messages checked\nwould: " R1 " unknown -> failed\nwould: " R1
               " unknown -> failed\nwould: " R2 " unknown -> failed\nreconciled (dry run, nothing "
               "written): 3 checked, 0 updated, 0 found, 3 never sent, 0 unchanged\n"},
    {"a list goes on on its next page", .rows = {{R1, NULL, "unknown"}},
     .replies = {PAGE("\"" NEXT_URI "\"",
                      MESSAGE_AT(S2, "delivered", "Ho", "Wed, 31 Dec 2025 22:59:58",
                                 ",\"date_sent\":\"Wed, 31 Dec 2025 22:59:58 +0000\"")),
                 LAST(MESSAGE(S1, "delivered", "Hi", "01"))},
     .requests = {LIST, NEXT}, .answers = {TABLE, NONE, NONE, RECORDED(R1, "delivered")},
     .statements = {FIRST_PAGE, KNOWN(S2), KNOWN(S1), CLAIMED(R1, S1, "delivered")},
     .output = "0 messages checked\ndid:   " R1 " unknown -> delivered\n" SUMMARY(1, 0, 1, 0, 0)},
    {"a message that comes twice, on two pages, is one",
     .rows = {{R1, NULL, "unknown"}, {R2, NULL, "unknown", 46799}},
     .later = {{R1, NULL, "unknown"}},
     .replies = {PAGE("\"" NEXT_URI "\"", MESSAGE(S1, "sent", "Hi", "02")),
                 LAST(MESSAGE(S1, "sent", "Hi", "02"))},
     .requests = {LIST, NEXT},
     .answers = {TABLE, NONE, RECORDED(R2, "sent"), TABLE, FAKE_ROW("{}")},
     .statements = {FIRST_PAGE, KNOWN(S1), CLAIMED(R2, S1, "sent"), AGAIN(46800), NEVER_SENT(R1)},
     .output = "0 messages checked\ndid:   " R2 " unknown -> sent\ndid:   " R1
               " unknown -> failed\n" SUMMARY(2, 0, 1, 1, 0)},
    {"a list that breaks off in the middle says nothing",
     .rows = {{R1, NULL, "unknown"}, {R2, NULL, "unknown"}},
     .replies = {PAGE("\"" NEXT_URI "\"", MESSAGE(S1, "delivered", "Hi", "01")), {.status = 400}},
     .requests = {LIST, NEXT}, .answers = {TABLE, NONE}, .statements = {FIRST_PAGE, KNOWN(S1)},
     .status = 1,
     .output =
         "0 messages checked\n2 could not be asked: Twilio answered 400\n" SUMMARY(2, 0, 0, 0, 0)},
    {"what was sent before the row ends the list", .dry_run = true, .rows = {{R1, NULL, "unknown"}},
     .replies = {PAGE("\"" NEXT_URI "\"",
                      MESSAGE_AT(S1, "sent", "Hi", "Wed, 31 Dec 2025 22:44:59",
                                 ",\"date_sent\":\"Wed, 31 Dec 2025 22:44:59 +0000\""))},
     .requests = {LIST}, .answers = {TABLE}, .statements = {FIRST_PAGE},
     .output = "0 messages checked\nwould: " R1
               " unknown -> failed\nreconciled (dry run, nothing written): 1 checked, 0 updated, 0 "
               "found, 1 never sent, 0 unchanged\n"},
    {"a message that is yet to be sent ends nothing", .rows = {{R1, NULL, "unknown"}},
     .replies = {PAGE("\"" NEXT_URI "\"",
                      MESSAGE_AT(S1, "queued", "Hi", "Wed, 31 Dec 2025 20:00:00",
                                 ",\"date_sent\":null")),
                 LAST(MESSAGE(S2, "delivered", "Hi", "01"))},
     .requests = {LIST, NEXT}, .answers = {TABLE, NONE, RECORDED(R1, "delivered")},
     .statements = {FIRST_PAGE, KNOWN(S2), CLAIMED(R1, S2, "delivered")},
     .output = "0 messages checked\ndid:   " R1 " unknown -> delivered\n" SUMMARY(1, 0, 1, 0, 0)},
    {"a row that may be in flight is not looked for", .older = "0s",
     .rows = {{R1, NULL, "pending", 61}}, .answers = {TABLE}, .statements = {ALL_YOUNG},
     .output = "0 messages checked\n" SUMMARY(0, 0, 0, 0, 0)},
    {"a minute later it is", .older = "0s", .dry_run = true, .rows = {{R1, NULL, "pending", 62}},
     .replies = {LAST("")}, .requests = {LIST}, .answers = {TABLE}, .statements = {ALL_YOUNG},
     .output = "0 messages checked\nwould: " R1
               " pending -> failed\nreconciled (dry run, nothing written): 1 checked, 0 updated, 0 "
               "found, 1 never sent, 0 unchanged\n"},
    {"the message of a row in flight is not taken for an older one's", .older = "0s",
     .rows = {{R1, NULL, "unknown", 80}, {R2, NULL, "pending", 30}},
     .later = {{R1, NULL, "unknown", 80}},
     .replies = {LAST(MESSAGE_AT(S1, "queued", "Hi", "Thu, 01 Jan 2026 11:59:31", ""))},
     .requests = {LIST}, .answers = {TABLE, NONE, TABLE, FAKE_ROW("{}")},
     .statements = {ALL_YOUNG, KNOWN(S1), AGAIN(80), NEVER_SENT(R1)},
     .output = "0 messages checked\ndid:   " R1 " unknown -> failed\n" SUMMARY(1, 0, 0, 1, 0)},
    {"nor that of a row a little too young to be asked for",
     .rows = {{R1, NULL, "unknown", 43205}, {R2, NULL, "unknown", 43190}},
     .later = {{R1, NULL, "unknown", 43205}},
     .replies = {LAST(MESSAGE_AT(S1, "sent", "Hi", "Thu, 01 Jan 2026 00:00:11", ""))},
     .requests = {LIST}, .answers = {TABLE, NONE, TABLE, FAKE_ROW("{}")},
     .statements = {FIRST_PAGE, KNOWN(S1), AGAIN(43205), NEVER_SENT(R1)},
     .output = "0 messages checked\ndid:   " R1 " unknown -> failed\n" SUMMARY(1, 0, 0, 1, 0)},
    {"a row with a SID that is too young is not asked for", .rows = {{R1, S1, "sent", 43199}},
     .answers = {TABLE}, .statements = {FIRST_PAGE},
     .output = "0 messages checked\n" SUMMARY(0, 0, 0, 0, 0)},
    {"the database goes away in the search", .rows = {{R1, NULL, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {LIST},
     .answers = {TABLE, FAKE_AWAY}, .statements = {FIRST_PAGE, KNOWN(S1)}, .status = 1,
     .output = "0 messages checked\nstopped: statement failed\n" SUMMARY(0, 0, 0, 0, 0)},
    {"it goes away when a SID is to be written", .rows = {{R1, NULL, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01"))}, .requests = {LIST},
     .answers = {TABLE, NONE, FAKE_AWAY},
     .statements = {FIRST_PAGE, KNOWN(S1), CLAIMED(R1, S1, "delivered")}, .status = 1,
     .output = "0 messages checked\nstopped: statement failed\n" SUMMARY(1, 0, 0, 0, 0)},
    {"it goes away when a row is looked at again", .rows = {{R1, NULL, "unknown"}},
     .replies = {LAST("")}, .requests = {LIST}, .answers = {TABLE, FAKE_AWAY},
     .statements = {FIRST_PAGE, AGAIN(46800)}, .status = 1,
     .output = "0 messages checked\nstopped: statement failed\n" SUMMARY(1, 0, 0, 0, 0)},
    {"it goes away when a row is to be settled", .rows = {{R1, NULL, "unknown"}},
     .later = {{R1, NULL, "unknown"}}, .replies = {LAST("")}, .requests = {LIST},
     .answers = {TABLE, TABLE, FAKE_AWAY}, .statements = {FIRST_PAGE, AGAIN(46800), NEVER_SENT(R1)},
     .status = 1,
     .output = "0 messages checked\nstopped: statement failed\n" SUMMARY(1, 0, 0, 0, 0)},
    {"refused three times, nobody asks for further lists",
     .rows = {{R1, NULL, "unknown", .to = "+201012345671"},
              {R1, NULL, "unknown", .to = "+201012345672"},
              {R1, NULL, "unknown", .to = "+201012345673"},
              {R1, NULL, "unknown", .to = "+201012345674"}},
     .replies = {{.status = 401}, {.status = 401}, {.status = 401}},
     .requests = {LIST_OF("1"), LIST_OF("2"), LIST_OF("3")}, .answers = {TABLE},
     .statements = {FIRST_PAGE}, .status = 1,
     .output = "0 messages checked\nstopped: Twilio cannot be asked: Twilio answered 401\n2 could "
               "not be asked: Twilio answered 401\n" SUMMARY(2, 0, 0, 0, 0)},
};

static void expect_no_secrets(const char *output)
{
    static const char *const never[] = {"2010123", "+20", "Hi", "Ho", "token", "SM1", "SM2", "MM3"};

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (strstr(output, never[i]))
            fail_msg("'%s' was printed:\n%s", never[i], output);
}

static void add_table(struct fake_reconcile *fake, size_t at, const struct stored *rows,
                      size_t most)
{
    fake->tables[at] = rows;
    while (fake->n[at] < most && rows[fake->n[at]].id)
        fake->n[at]++;
}

static void reconcile(void **state)
{
    const struct run_row *row = *state;
    struct fake_reconcile fake = {.script = {.answers = row->answers}};
    struct fake_http twilio = {.replies = row->replies};
    int status;

    add_table(&fake, 0, row->rows, 5);
    add_table(&fake, 1, row->later, 2);
    char *output = fake_reconcile(&fake, fake_http(&twilio), row->older, row->dry_run, &status);
    fake_record_expect(&twilio.record, row->requests);
    fake_record_expect(&fake.script.record, row->statements);
    assert_string_equal(output, row->output);
    assert_int_equal(status, row->status);
    expect_no_secrets(output);
    free(output);
    fake_record_release(&twilio.record);
    fake_record_release(&fake.script.record);
}

int main(void)
{
    struct CMUnitTest tests[64];
    size_t n = 0;

    ADD_ROWS(tests, n, runs, reconcile);
    return _cmocka_run_group_tests("reconcile", tests, n, NULL, NULL);
}
