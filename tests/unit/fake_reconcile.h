/**
 * A reconcile run in a scripted world: the unsettled rows as tables, Twilio as one likes.
 */
#ifndef FAKE_RECONCILE_H
#define FAKE_RECONCILE_H

#include "fake_database.h"
#include "http.h"
#include "reconcile.h"

#define ACCOUNT "AC0123456789abcdef0123456789abcdef"
#define PATH    "/2010-04-01/Accounts/" ACCOUNT "/Messages"
#define BASE    "https://api.twilio.com" PATH
#define AS      " as " ACCOUNT ":token with "

#define R1 "11111111-1111-4111-8111-111111111111"
#define TO "+201012345678"

#define LIST "GET " BASE ".json?PageSize=100&To=%2B201012345678" AS

#define UNSETTLED                                                                                  \
    "select id, external_id, message_type, recipient, message_content, status, "                   \
    "floor(extract(epoch from sent_at))::bigint, sent_at, metadata ? 'template_id', "              \
    "case jsonb_typeof(metadata->'media_urls') when 'array' "                                      \
    "then jsonb_array_length(metadata->'media_urls') else 0 end "                                  \
    "from messaging.unsettled_messages("
#define FIRST_PAGE UNSETTLED "'43138 seconds',null,null,'200')"
#define ALL_YOUNG  UNSETTLED "'0 seconds',null,null,'200')"
#define KNOWN(sid) "select messaging.known_sids(array['" sid "'])"
#define RECORD(id, sid, status, code, text)                                                        \
    "select outcome, id, external_id, status from messaging.record_status(" id ",'" sid            \
    "','" status "'," code "," text ",'{\"source\":\"reconcile\"}',null)"
#define CLAIMED(id, sid, status) RECORD("'" id "'", sid, status, "null", "null")

/* Answers of the database. */
#define NONE                                                                                       \
    {                                                                                              \
        .no_rows = true                                                                            \
    }
#define TABLE              NONE /* the next of the tables */
#define RECORDED(id, word) FAKE_ROW("recorded", id, NULL, word)

#define SUMMARY(checked, updated, found, unsent, unchanged)                                        \
    "reconciled: " #checked " checked, " #updated " updated, " #found " found, " #unsent           \
    " never sent, " #unchanged " unchanged\n"

/** A row of the table: an SMS "Hi" to TO, 13 hours old, unless something else is said. */
struct stored {
    const char *id, *sid, *status;
    int64_t age_s;
    const char *text, *to;
    bool whatsapp, template;
};

/** The fake database, and a table for each time that the unsettled rows are asked for. */
struct fake_reconcile {
    struct fake_database script;
    const struct stored *tables[8];
    size_t n[8], next;
    struct database inner;
};

/** Run and give back what was printed, which the caller frees. `older` may be NULL. */
char *fake_reconcile(struct fake_reconcile *fake, struct http http, const char *older, bool dry_run,
                     int *ret_status);

#endif
