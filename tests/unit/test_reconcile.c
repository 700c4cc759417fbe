/* The reconcile run: what is asked of Twilio, what is written, and what is told. The database is a
 * world of its own: tables of days, rows and orphans, and a list of what was written. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "fake_clock.h"
#include "fake_http.h"
#include "reconcile.h"
#include "unit.h"

#define ACCOUNT "AC0123456789abcdef0123456789abcdef"
#define PATH    "/2010-04-01/Accounts/" ACCOUNT "/Messages"
#define BASE    "https://api.twilio.com" PATH
#define AS      " as " ACCOUNT ":token with "

#define R1 "11111111-1111-4111-8111-111111111111"
#define R2 "22222222-2222-4222-8222-222222222222"
#define S1 "SM11111111111111111111111111111111"
#define S2 "SM22222222222222222222222222222222"
#define S3 "MM33333333333333333333333333333333"
#define TO "+201012345678"

/* Now is 2026-01-01 12:00 UTC; a row is 13 hours old unless it says otherwise. */
#define DAY(date)  "GET " BASE ".json?DateSent=" date "&PageSize=1000" AS
#define YESTERDAY  DAY("2025-12-31")
#define TODAY      DAY("2026-01-01")
#define ALL        "GET " BASE ".json?PageSize=1000" AS
#define FETCH(sid) "GET " BASE "/" sid ".json" AS
#define NEXT_URI   PATH ".json?Page=1&PageToken=PA1"
#define NEXT       "GET https://api.twilio.com" NEXT_URI AS

#define MESSAGE_TO(sid, status, to, body, time, more)                                              \
    "{\"sid\":\"" sid "\",\"status\":\"" status "\",\"to\":\"" to "\",\"body\":\"" body            \
    "\",\"direction\":\"outbound-api\",\"date_created\":\"" time " +0000\"" more "}"
#define MESSAGE(sid, status, body, second)                                                         \
    MESSAGE_TO(sid, status, TO, body, "Wed, 31 Dec 2025 23:00:" second, "")
#define OK(text)                                                                                   \
    {                                                                                              \
        .status = 200, .body = text                                                                \
    }
#define PAGE(next, text) OK("{\"messages\":[" text "],\"next_page_uri\":" next "}")
#define LAST(text)       PAGE("null", text)
#define PLURAL_0         "s"
#define PLURAL_1         ""
#define PLURAL_2         "s"
#define PLURAL_3         "s"
#define SUMMARY(prices, questions, checked, updated, found, unsent, unchanged)                     \
#prices " price" PLURAL_##prices ", " #questions " question" PLURAL_##questions                \
        " to Twilio\nreconciled: " #checked " checked, " #updated " updated, " #found              \
        " found, " #unsent " never sent, " #unchanged " unchanged\n"
#define ONE_PAGE(day)    day ": Twilio's list, 1 page\n"
#define BOTH_DAYS        ONE_PAGE("2025-12-31") ONE_PAGE("2026-01-01")
#define DID(id, was, is) "did:   " id " " was " -> " is "\n"
#define LEFT             "1 left alone: a message at Twilio's may belong there\n"

struct stored_day {
    const char *day;
    int due, of_others;
    const char *missed; /* a SID that is in no list */
};

/** A row with a SID, and what becomes of it when Twilio's list has it. */
struct stored_row {
    const char *sid, *id, *was, *is_now;
    bool priced;
};

struct stored_orphan {
    const char *id, *status;
    int64_t age_s;
    const char *text, *to;
    bool whatsapp, template, not_due;
};

static const struct run_row {
    const char *label;
    const char *older; /* NULL: by turns */
    bool dry_run, redacted;
    struct stored_day days[3];
    struct stored_row rows[3];
    struct stored_orphan orphans[4];
    struct fake_reply replies[8];
    const char *requests[8];
    const char *away; /* the statement at which the database goes away */
    const char *written;
    int status;
    const char *output;
} runs[] = {
    {"nothing is due: nothing is asked", .written = "", .output = SUMMARY(0, 0, 0, 0, 0, 0, 0)},
    {"a day's list settles its messages", .days = {{"2025-12-31", 2}},
     .rows = {{S1, R1, "sent", "delivered", true}, {S2, R2, "sent", "sent"}},
     .replies = {LAST(MESSAGE_TO(S1, "delivered", TO, "Hi", "Wed, 31 Dec 2025 23:00:00",
                                 ",\"price\":\"-0.04\",\"price_unit\":\"USD\",\"num_segments\":"
                                 "\"2\"") "," MESSAGE_TO(S2, "undelivered", TO, "Hi", "",
                                                         ",\"error_code\":30003,"
                                                         "\"error_message\":\"Unreachable\""))},
     .requests = {YESTERDAY},
     .written =
         "listed [{\"sid\":\"" S1 "\",\"status\":\"delivered\",\"details\":{\"price\":\"-0.04\","
         "\"price_unit\":\"USD\",\"num_segments\":\"2\"}},{\"sid\":\"" S2 "\",\"status\":"
         "\"undelivered\",\"code\":\"30003\",\"text\":\"Unreachable\",\"details\":{}}] t\n"
         "end 2025-12-31\n",
     .output = DID(R1, "sent", "delivered") ONE_PAGE("2025-12-31") SUMMARY(1, 1, 2, 1, 0, 0, 1)},
    {"a dry run writes nothing", .dry_run = true, .days = {{"2025-12-31", 1}},
     .rows = {{S1, R1, "sent", "delivered"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "00"))}, .requests = {YESTERDAY},
     .written = "listed [{\"sid\":\"" S1 "\",\"status\":\"delivered\",\"details\":{}}] f\n",
     .output = "would: " R1 " sent -> delivered\n" ONE_PAGE(
         "2025-12-31") "0 prices, 1 question to Twilio\nreconciled (dry run, nothing written): 1 "
                       "checked, 1 "
                       "updated, 0 found, 0 never sent, 0 unchanged\n"},
    {"a list goes on on its next page", .days = {{"2025-12-31", 1}},
     .rows = {{S1, R1, "sent", "read"}},
     .replies = {PAGE("\"" NEXT_URI "\"", ""), LAST(MESSAGE(S1, "read", "Hi", "00"))},
     .requests = {YESTERDAY, NEXT},
     .written =
         "listed [{\"sid\":\"" S1 "\",\"status\":\"read\",\"details\":{}}] t\nend 2025-12-31\n",
     .output = DID(R1, "sent", "read") "2025-12-31: Twilio's list, 2 pages\n" SUMMARY(0, 2, 1, 1, 0,
                                                                                      0, 0)},
    {"what was sent after midnight is in the next day's list",
     .days = {{"2025-12-31", 1, .missed = S1}}, .rows = {{S1, R1, "sent", "delivered"}},
     .replies = {LAST(""), LAST(MESSAGE(S1, "delivered", "Hi", "00"))},
     .requests = {YESTERDAY, TODAY},
     .written = "listed [{\"sid\":\"" S1
                "\",\"status\":\"delivered\",\"details\":{}}] t\nend 2025-12-31\n",
     .output = ONE_PAGE("2025-12-31") DID(R1, "sent", "delivered") ONE_PAGE("2026-01-01")
         SUMMARY(0, 2, 1, 1, 0, 0, 0)},
    {"what is in no list is asked for by itself", .days = {{"2025-12-31", 1, .missed = S1}},
     .rows = {{S1, R1, "queued", "failed"}},
     .replies = {LAST(""), LAST(""), OK(MESSAGE(S1, "failed", "Hi", "00"))},
     .requests = {YESTERDAY, TODAY, FETCH(S1)},
     .written =
         "listed [{\"sid\":\"" S1 "\",\"status\":\"failed\",\"details\":{}}] t\nend 2025-12-31\n",
     .output = BOTH_DAYS DID(R1, "queued", "failed") SUMMARY(0, 3, 1, 1, 0, 0, 0)},
    {"a message that Twilio has deleted has had its turn",
     .days = {{"2025-12-31", 1, .missed = S1}}, .replies = {LAST(""), LAST(""), {.status = 404}},
     .requests = {YESTERDAY, TODAY, FETCH(S1)}, .written = "end 2025-12-31\n",
     .output = BOTH_DAYS SUMMARY(0, 3, 1, 0, 0, 0, 1)},
    {"a list that breaks off leaves its day for the next run",
     .days = {{"2025-12-30", 3}, {"2025-12-31", 1}}, .rows = {{S1, R1, "sent", "delivered"}},
     .replies = {PAGE("\"" NEXT_URI "\"", ""),
                 {.status = 400},
                 LAST(MESSAGE(S1, "delivered", "Hi", "00"))},
     .requests = {DAY("2025-12-30"), NEXT, YESTERDAY}, .status = 1,
     .written = "listed [{\"sid\":\"" S1
                "\",\"status\":\"delivered\",\"details\":{}}] t\nend 2025-12-31\n",
     .output = "2025-12-30: Twilio's list, 2 pages\n" DID(R1, "sent", "delivered") ONE_PAGE(
         "2025-12-31") "3 could not be asked: Twilio answered 400\n" SUMMARY(0, 3, 1, 1, 0, 0, 0)},
    {"a list without an end is none", .days = {{"2025-12-31", 1}},
     .replies = {PAGE("\"" NEXT_URI "\"", ""), PAGE("\"" NEXT_URI "\"", "")},
     .requests = {YESTERDAY, NEXT}, .status = 1, .written = "",
     .output = "2025-12-31: Twilio's list, 2 pages\n1 could not be asked: Twilio's list has no "
               "end\n" SUMMARY(0, 2, 0, 0, 0, 0, 0)},
    {"refused three times, nobody asks on",
     .days = {{"2025-12-29", 1}, {"2025-12-30", 1}, {"2025-12-31", 1}},
     .replies = {{.status = 401}, {.status = 401}, {.status = 401}},
     .requests = {DAY("2025-12-29"), DAY("2025-12-30"), YESTERDAY}, .status = 1, .written = "",
     .output =
         "2025-12-29: Twilio's list, 1 page\n2025-12-30: Twilio's list, 1 page\nstopped: Twilio "
         "cannot be asked: Twilio answered 401\n" SUMMARY(0, 3, 0, 0, 0, 0, 0)},
    {"messages of another account are passed over, and counted", .days = {{"2025-12-31", 0, 7}},
     .written = "", .output = "7 of another account passed over\n" SUMMARY(0, 0, 0, 0, 0, 0, 0)},
    {"the database is away from the beginning", .away = "reconcile_begin", .status = 1,
     .written = "", .output = "stopped: statement failed\n" SUMMARY(0, 0, 0, 0, 0, 0, 0)},
    {"the database goes away when something is to be written", .days = {{"2025-12-31", 1}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "00"))}, .requests = {YESTERDAY},
     .away = "reconcile_listed", .status = 1, .written = "",
     .output = "stopped: statement failed\n" SUMMARY(0, 1, 0, 0, 0, 0, 0)},

    {"an unknown outcome is found by recipient, time and text", .orphans = {{R1, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "delivered", "Hi", "01")), LAST("")},
     .requests = {YESTERDAY, TODAY},
     .written = "record " R1 " " S1 " delivered\n"
                "listed [{\"sid\":\"" S1 "\",\"status\":\"delivered\",\"details\":{}}] t\n",
     .output = BOTH_DAYS DID(R1, "unknown", "delivered") SUMMARY(0, 2, 1, 0, 1, 0, 0)},
    {"what Twilio's lists do not have was never sent", .orphans = {{R1, "pending"}},
     .replies = {LAST(MESSAGE_TO(S1, "sent", TO, "Hi", "Wed, 31 Dec 2025 22:44:59", "")), LAST("")},
     .requests = {YESTERDAY, TODAY}, .written = "settle " R1 " failed\n",
     .output = BOTH_DAYS DID(R1, "pending", "failed") SUMMARY(0, 2, 1, 0, 0, 1, 0)},
    {"a message to a number that is spelt otherwise is a doubt", .orphans = {{R1, "unknown"}},
     .replies = {LAST(MESSAGE_TO(S1, "sent", "+4407700900123", "Hi", "Wed, 31 Dec 2025 23:00:01",
                                 "")),
                 LAST("")},
     .requests = {YESTERDAY, TODAY}, .written = "end " R1 "\n",
     .output = BOTH_DAYS LEFT SUMMARY(0, 2, 1, 0, 0, 0, 0)},
    {"unless a row here has it", .orphans = {{R1, "unknown"}}, .rows = {{S1, R2, "sent", "sent"}},
     .replies = {LAST(MESSAGE_TO(S1, "sent", "+4407700900123", "Hi", "Wed, 31 Dec 2025 23:00:01",
                                 "")),
                 LAST("")},
     .requests = {YESTERDAY, TODAY},
     .written = "listed [{\"sid\":\"" S1 "\",\"status\":\"sent\",\"details\":{}}] t\nsettle " R1
                " failed\n",
     .output = BOTH_DAYS DID(R1, "unknown", "failed") SUMMARY(0, 2, 1, 0, 0, 1, 0)},
    {"a blotted-out number anywhere proves nothing any more", .orphans = {{R1, "unknown"}},
     .replies = {LAST(
                     MESSAGE_TO(S1, "sent", "+2010123XXXX", "Ho", "Wed, 31 Dec 2025 11:00:00", "")),
                 LAST("")},
     .requests = {YESTERDAY, TODAY}, .written = "redacted\nend " R1 "\n",
     .output = BOTH_DAYS
     "numbers are blotted out in this account's lists: they prove nothing\n" LEFT SUMMARY(
         0, 2, 1, 0, 0, 0, 0)},
    {"nor does a list without one, once that was seen", .redacted = true,
     .orphans = {{R1, "unknown"}}, .replies = {LAST(""), LAST("")}, .requests = {YESTERDAY, TODAY},
     .written = "end " R1 "\n",
     .output = BOTH_DAYS
     "numbers are blotted out in this account's lists: they prove nothing\n" LEFT SUMMARY(
         0, 2, 1, 0, 0, 0, 0)},
    {"but what is found is found", .redacted = true, .orphans = {{R1, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "sent", "Hi", "01")), LAST("")}, .requests = {YESTERDAY, TODAY},
     .written = "record " R1 " " S1 " sent\n"
                "listed [{\"sid\":\"" S1 "\",\"status\":\"sent\",\"details\":{}}] t\n",
     .output =
         BOTH_DAYS DID(R1, "unknown", "sent") "numbers are blotted out in this account's lists: "
                                              "they prove nothing\n" SUMMARY(0, 2, 1, 0, 1, 0, 0)},
    {"a message that makes no sense is a doubt, and the others count", .orphans = {{R1, "unknown"}},
     .days = {{"2025-12-31", 1}}, .rows = {{S2, R2, "sent", "delivered"}},
     .replies = {LAST("{\"sid\":\"" S1 "\",\"status\":null,\"date_created\":"
                      "\"Wed, 31 Dec 2025 23:01:00 +0000\"}," MESSAGE(S2, "delivered", "Ho", "05")),
                 LAST("")},
     .requests = {YESTERDAY, TODAY},
     .written = "listed [{\"sid\":\"" S1 "\"},{\"sid\":\"" S2
                "\",\"status\":\"delivered\",\"details\":{}}] t\nend " R1 "\nend 2025-12-31\n",
     .output = DID(R2, "sent", "delivered") BOTH_DAYS LEFT SUMMARY(0, 2, 2, 1, 0, 0, 0)},
    {"one without SID and time is a doubt for all", .orphans = {{R1, "unknown"}},
     .replies = {LAST("{\"sid\":null}"), LAST("")}, .requests = {YESTERDAY, TODAY},
     .written = "end " R1 "\n", .output = BOTH_DAYS LEFT SUMMARY(0, 2, 1, 0, 0, 0, 0)},
    {"an answer of somebody's is none", .orphans = {{R1, "unknown"}},
     .replies = {LAST("{\"sid\":\"" S1 "\",\"status\":null,\"direction\":\"inbound\"}"), LAST("")},
     .requests = {YESTERDAY, TODAY}, .written = "settle " R1 " failed\n",
     .output = BOTH_DAYS DID(R1, "unknown", "failed") SUMMARY(0, 2, 1, 0, 0, 1, 0)},
    {"a template takes the only message there is",
     .orphans = {{R1, "pending", .text = "", .template = true}},
     .replies = {LAST(MESSAGE(S1, "sent", "Ho", "01")), LAST("")}, .requests = {YESTERDAY, TODAY},
     .written = "record " R1 " " S1 " sent\n"
                "listed [{\"sid\":\"" S1 "\",\"status\":\"sent\",\"details\":{}}] t\n",
     .output = BOTH_DAYS DID(R1, "pending", "sent") SUMMARY(0, 2, 1, 0, 1, 0, 0)},
    {"of two it takes none", .orphans = {{R1, "pending", .text = "", .template = true}},
     .replies = {LAST(MESSAGE(S1, "sent", "Ho", "01") "," MESSAGE(S2, "sent", "Hi", "02")),
                 LAST("")},
     .requests = {YESTERDAY, TODAY}, .written = "end " R1 "\n",
     .output = BOTH_DAYS LEFT SUMMARY(0, 2, 1, 0, 0, 0, 0)},
    {"a row that is not due takes part, and is left alone",
     .orphans = {{R1, "unknown"}, {R2, "unknown", 46790, .not_due = true}},
     .replies = {LAST(MESSAGE(S1, "sent", "Hi", "11")), LAST("")}, .requests = {YESTERDAY, TODAY},
     .written = "settle " R1 " failed\n",
     .output = BOTH_DAYS DID(R1, "unknown", "failed") SUMMARY(0, 2, 1, 0, 0, 1, 0)},
    {"a list that cannot be seen whole proves nothing", .orphans = {{R1, "unknown"}},
     .replies = {LAST(""), {.status = 400}}, .requests = {YESTERDAY, TODAY}, .status = 1,
     .written = "",
     .output =
         BOTH_DAYS "1 could not be asked: Twilio answered 400\n" SUMMARY(0, 2, 0, 0, 0, 0, 0)},
    {"two channels of one number are two recipients",
     .orphans = {{R1, "unknown"}, {R2, "unknown", .whatsapp = true}},
     .replies = {LAST(MESSAGE_TO(S3, "read", "whatsapp:" TO, "Hi", "Wed, 31 Dec 2025 23:00:01",
                                 "") "," MESSAGE(S1, "sent", "Hi", "01")),
                 LAST("")},
     .requests = {YESTERDAY, TODAY},
     .written = "record " R1 " " S1 " sent\n"
                "listed [{\"sid\":\"" S1 "\",\"status\":\"sent\",\"details\":{}}] t\n"
                "record " R2 " " S3 " read\n"
                "listed [{\"sid\":\"" S3 "\",\"status\":\"read\",\"details\":{}}] t\n",
     .output = BOTH_DAYS DID(R1, "unknown", "sent") DID(R2, "unknown", "read")
         SUMMARY(0, 2, 2, 0, 2, 0, 0)},
    {"a dry run finds, and writes nothing", .dry_run = true,
     .orphans = {{R1, "unknown"}, {R2, "pending", 50000}},
     .replies = {LAST(MESSAGE(S1, "sent", "Hi", "01")), LAST("")}, .requests = {YESTERDAY, TODAY},
     .written = "",
     .output = BOTH_DAYS
     "would: " R1 " unknown -> sent\nwould: " R2
     " pending -> failed\n0 prices, 2 questions to Twilio\nreconciled (dry run, nothing "
     "written): 2 checked, 0 updated, 1 found, 1 never sent, 0 unchanged\n"},
    {"a row that may be in flight is not looked for", .older = "0s",
     .orphans = {{R1, "pending", 61}}, .written = "", .output = SUMMARY(0, 0, 0, 0, 0, 0, 0)},
    {"a minute later it is, also among what is not sent yet", .older = "0s",
     .orphans = {{R1, "pending", 62}}, .replies = {LAST(""), LAST("")}, .requests = {TODAY, ALL},
     .written = "settle " R1 " failed\n",
     .output = ONE_PAGE("2026-01-01") DID(R1, "pending", "failed") SUMMARY(0, 2, 1, 0, 0, 1, 0)},
    {"what waits at Twilio is found there", .older = "0s", .orphans = {{R1, "unknown", 100}},
     .replies = {LAST(""), LAST(MESSAGE_TO(S1, "queued", TO, "Hi", "Thu, 01 Jan 2026 11:58:21",
                                           ",\"date_sent\":null"))},
     .requests = {TODAY, ALL},
     .written = "record " R1 " " S1 " queued\n"
                "listed [{\"sid\":\"" S1 "\",\"status\":\"queued\",\"details\":{}}] t\n",
     .output = ONE_PAGE("2026-01-01") DID(R1, "unknown", "queued") SUMMARY(0, 2, 1, 0, 1, 0, 0)},
    {"the list of all is read back to the row's time", .older = "0s",
     .orphans = {{R1, "unknown", 100}},
     .replies = {LAST(""), PAGE("\"" NEXT_URI "\"",
                                MESSAGE_TO(S1, "sent", TO, "Hi", "Thu, 01 Jan 2026 11:40:00",
                                           ",\"date_sent\":\"Thu, 01 Jan 2026 11:40:00 +0000\""))},
     .requests = {TODAY, ALL}, .written = "settle " R1 " failed\n",
     .output = ONE_PAGE("2026-01-01") DID(R1, "unknown", "failed") SUMMARY(0, 2, 1, 0, 0, 1, 0)},
    {"the database goes away when a SID is to be written", .orphans = {{R1, "unknown"}},
     .replies = {LAST(MESSAGE(S1, "sent", "Hi", "01")), LAST("")}, .requests = {YESTERDAY, TODAY},
     .away = "record_status", .status = 1, .written = "",
     .output = BOTH_DAYS "stopped: statement failed\n" SUMMARY(0, 2, 0, 0, 0, 0, 0)},
    {"it goes away when a row is to be settled", .orphans = {{R1, "unknown"}},
     .replies = {LAST(""), LAST("")}, .requests = {YESTERDAY, TODAY}, .away = "settle_message",
     .status = 1, .written = "",
     .output = BOTH_DAYS "stopped: statement failed\n" SUMMARY(0, 2, 1, 0, 0, 0, 1)},
};

/** The database: the row's tables, and what was written. */
struct world {
    const struct run_row *row;
    char written[4096];
    bool seen; /* a message that was missed has come in a list */
};

/** A verb and what it is about, as far as given. */
static void write_down(struct world *world, const char *verb, const char *a, const char *b,
                       const char *c)
{
    const char *const words[] = {a, b, c};
    size_t n = strlen(world->written);

    n += (size_t)snprintf(world->written + n, sizeof(world->written) - n, "%s", verb);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i])
            n += (size_t)snprintf(world->written + n, sizeof(world->written) - n, " %s", words[i]);
    snprintf(world->written + n, sizeof(world->written) - n, "\n");
}

static struct text *new_cells(struct arena *arena, size_t rows, size_t columns,
                              struct database_result *ret_result)
{
    struct text *cells = arena_new(arena, struct text, rows * columns);

    assert_non_null(cells);
    *ret_result = (struct database_result){.rows = rows, .columns = columns, .cells = cells};
    return cells;
}

static void set(struct arena *arena, struct text *cell, const char *value)
{
    if (value)
        assert_true(arena_copy(arena, text_of(value), cell));
}

static void set_number(struct arena *arena, struct text *cell, long long value)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%lld", value);
    set(arena, cell, digits);
}

static void answer_day(const struct world *world, struct arena *arena, const char *day,
                       struct database_result *ret_result)
{
    struct text *cells = new_cells(arena, 1, 2, ret_result);

    set(arena, &cells[0], "0");
    set(arena, &cells[1], "0");
    for (size_t i = 0; i < 3 && world->row->days[i].day; i++)
        if (strcmp(world->row->days[i].day, day) == 0) {
            set_number(arena, &cells[0], world->row->days[i].due);
            set_number(arena, &cells[1], world->row->days[i].of_others);
        }
}

static void answer_missed(const struct world *world, struct arena *arena, const char *day,
                          struct database_result *ret_result)
{
    for (size_t i = 0; i < 3 && world->row->days[i].day; i++)
        if (strcmp(world->row->days[i].day, day) == 0 && world->row->days[i].missed && !world->seen)
            set(arena, new_cells(arena, 1, 1, ret_result), world->row->days[i].missed);
}

static void answer_orphans(const struct world *world, struct arena *arena,
                           struct database_result *ret_result)
{
    const struct stored_orphan *orphans = world->row->orphans;
    size_t n = 0;

    while (n < 4 && orphans[n].id)
        n++;
    struct text *cells = new_cells(arena, n, 10, ret_result);
    for (size_t i = 0; i < n; i++, cells += 10) {
        int64_t age = orphans[i].age_s ? orphans[i].age_s : 46800;
        set(arena, &cells[0], orphans[i].id);
        set(arena, &cells[1], orphans[i].whatsapp ? "whatsapp" : "sms");
        set(arena, &cells[2], orphans[i].to ? orphans[i].to : TO);
        set(arena, &cells[3], orphans[i].text ? orphans[i].text : "Hi");
        set(arena, &cells[4], orphans[i].status);
        set_number(arena, &cells[5], FAKE_EPOCH_MS / 1000 - age);
        set(arena, &cells[6], "then");
        set(arena, &cells[7], orphans[i].template ? "t" : "f");
        set(arena, &cells[8], "0");
        set(arena, &cells[9], orphans[i].not_due ? "f" : "t");
    }
}

static void answer_listed(struct world *world, struct arena *arena, const char *json,
                          const char *write, struct database_result *ret_result)
{
    const struct stored_row *rows = world->row->rows;
    struct text *cells = new_cells(arena, 3, 5, ret_result);
    bool status = strstr(json, "\"status\"");

    ret_result->rows = 0;
    for (size_t i = 0; i < 3 && rows[i].sid; i++) {
        if (!strstr(json, rows[i].sid))
            continue;
        set(arena, &cells[0], rows[i].sid);
        set(arena, &cells[1], rows[i].id);
        set(arena, &cells[2], rows[i].was);
        set(arena, &cells[3], rows[i].is_now);
        set(arena, &cells[4], rows[i].priced ? "t" : "f");
        cells += 5;
        ret_result->rows++;
        world->seen = true;
    }
    /* what has no row here is nobody's, unless it has been claimed */
    if (status && (ret_result->rows || strstr(world->written, "record")))
        write_down(world, "listed", json, write, NULL);
}

struct way {
    struct world *world;
    bool unhurried;
};

static bool answer(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                   size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    const struct way *way = self;
    struct world *world = way->world;

    (void)n_parameters;
    /* what reads a day has the time that it needs */
    bool of_day = strstr(sql, "messaging.reconcile_") && !strstr(sql, "reconcile_listed") &&
                  !strstr(sql, "reconcile_redacted");
    assert_int_equal(way->unhurried, of_day);
    *ret_result = (struct database_result){0};
    if (world->row->away && strstr(sql, world->row->away))
        return fault_set(reterr, FAULT_DATABASE_UNAVAILABLE, "statement failed");
    if (strstr(sql, "reconcile_begin")) {
        struct text *cells = new_cells(arena, 1, 3, ret_result);
        set(arena, &cells[0], "at noon");
        set(arena, &cells[1], "2026-01-01");
        set(arena, &cells[2], world->row->redacted ? "t" : "f");
    } else if (strstr(sql, "reconcile_day")) {
        assert_string_equal(parameters[1], ACCOUNT);
        assert_true(!parameters[2] == !world->row->older);
        answer_day(world, arena, parameters[0], ret_result);
    } else if (strstr(sql, "reconcile_missed")) {
        answer_missed(world, arena, parameters[0], ret_result);
    } else if (strstr(sql, "reconcile_orphans")) {
        answer_orphans(world, arena, ret_result);
    } else if (strstr(sql, "reconcile_listed")) {
        answer_listed(world, arena, parameters[0], parameters[1], ret_result);
    } else if (strstr(sql, "reconcile_end")) {
        write_down(world, "end", parameters[0], parameters[4], NULL);
    } else if (strstr(sql, "reconcile_redacted")) {
        write_down(world, "redacted", NULL, NULL, NULL);
    } else if (strstr(sql, "record_status")) {
        write_down(world, "record", parameters[0], parameters[1], parameters[2]);
        struct text *cells = new_cells(arena, 1, 4, ret_result);
        set(arena, &cells[0], "recorded");
        set(arena, &cells[1], parameters[0]);
        set(arena, &cells[3], parameters[2]);
    } else if (strstr(sql, "settle_message")) {
        assert_string_equal(parameters[6], "t");
        write_down(world, "settle", parameters[0], parameters[2], NULL);
        set(arena, new_cells(arena, 1, 1, ret_result), "{}");
    } else {
        fail_msg("%s", sql);
    }
    return true;
}

static const struct settings settings = {
    .twilio_account_sid = ACCOUNT,
    .twilio_auth_token = "token",
    .twilio_api_url = "https://api.twilio.com",
};

/** Run and give back what was printed, which the caller frees. */
static char *run(struct world *world, struct http http, int *ret_status)
{
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct way way = {world, false}, unhurried = {world, true};
    struct service service = {.settings = &settings,
                              .clock = &clock,
                              .http = http,
                              .database = {.self = &way, .query = answer, .unhurried = &unhurried}};
    const char *values[VERB_OPTIONS_MAX] = {world->row->older, world->row->dry_run ? "" : NULL};
    int out = dup(STDOUT_FILENO), file = memfd_create("output", MFD_CLOEXEC);
    char *output = calloc(1, 65536);

    assert_true(output && out >= 0 && file >= 0);
    fflush(stdout);
    assert_true(dup2(file, STDOUT_FILENO) >= 0);
    *ret_status = reconcile_verb.run(&service, NULL, values);
    fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) >= 0);
    assert_true(pread(file, output, 65535, 0) >= 0);
    close(out);
    close(file);
    return output;
}

static void expect_no_secrets(const char *output)
{
    static const char *const never[] = {"2010123", "+20", "Hi", "Ho", "token", "SM1", "SM2", "MM3"};

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (strstr(output, never[i]))
            fail_msg("'%s' was printed:\n%s", never[i], output);
}

static void reconcile(void **state)
{
    struct world world = {.row = *state};
    struct fake_http twilio = {.replies = world.row->replies};
    int status;

    char *output = run(&world, fake_http(&twilio), &status);
    fake_record_expect(&twilio.record, world.row->requests);
    assert_string_equal(world.written, world.row->written);
    assert_string_equal(output, world.row->output);
    assert_int_equal(status, world.row->status);
    expect_no_secrets(output);
    free(output);
    fake_record_release(&twilio.record);
}

/** Twilio's list as a function: 300 pages of a thousand messages about the orphan's time. */
struct long_list {
    size_t asked;
    const char *to;
};

#define LONG_PAGES 300

static void perform(void *self, struct arena *arena, const struct http_request *request,
                    struct http_reply *ret_reply)
{
    struct long_list *list = self;
    struct buffer b;

    buffer_init(&b, arena, 16 << 20);
    buffer_add(&b, TEXT("{\"messages\":["));
    for (size_t i = 0; i < 1000 && strstr(request->url, "2025-12-31"); i++) {
        buffer_addf(&b,
                    "%s{\"sid\":\"SM%032zu\",\"status\":\"delivered\",\"to\":\"%s\",\"body\":\"",
                    i ? "," : "", list->asked * 1000 + i, list->to);
        buffer_addf(
            &b,
            "not its text, but one of some length that has to be kept somewhere\",\"direction\":"
            "\"outbound-api\",\"date_created\":\"Wed, 31 Dec 2025 23:00:30 +0000\"}");
    }
    list->asked++;
    if (list->asked < LONG_PAGES)
        buffer_addf(&b, "],\"next_page_uri\":\"" PATH ".json?DateSent=2025-12-31&Page=%zu\"}",
                    list->asked);
    else
        buffer_add(&b, TEXT("],\"next_page_uri\":null}"));
    *ret_reply = (struct http_reply){.outcome = HTTP_ANSWERED, .status = 200};
    assert_true(buffer_text(&b, &ret_reply->body));
}

/* 300,000 messages to others, or (more than fit) to the row's own number: it is in doubt, and no
 * more memory is taken than the run has set itself. */
static void a_long_list(void **state)
{
    static const struct run_row row = {.label = "", .orphans = {{R1, "unknown"}}};
    struct world world = {.row = &row};
    struct long_list list = {.to = *state};
    int status;

    char *output = run(&world, (struct http){&list, perform}, &status);
    assert_string_equal(world.written, "end " R1 "\n");
    assert_non_null(strstr(output, LEFT));
    assert_int_equal(status, 0);
    assert_int_equal(list.asked, LONG_PAGES + 1);
    free(output);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(runs) + 2];
    size_t n = 0;

    ADD_ROWS(tests, n, runs, reconcile);
    tests[n++] = (struct CMUnitTest){.name = "a list of 300,000 messages to others",
                                     .test_func = a_long_list,
                                     .initial_state = (void *)(uintptr_t) "+201112345678"};
    tests[n++] = (struct CMUnitTest){.name = "a list of 300,000 messages to one number",
                                     .test_func = a_long_list,
                                     .initial_state = (void *)(uintptr_t)TO};
    return _cmocka_run_group_tests("reconcile", tests, n, NULL, NULL);
}
