/**
 * An endpoint between scripts: one request in, and all that must come of it.
 *
 * The endpoint's .c file is included by its test with main renamed, so that its struct program is
 * at hand. Settings, tokens, signatures and the spool's files are real; the web server, Twilio, the
 * database and time are the fakes.
 */
#ifndef FAKE_ENDPOINT_H
#define FAKE_ENDPOINT_H

#include "fake_connection.h"
#include "fake_database.h"
#include "fake_http.h"
#include "program.h"

#define FAKE_ACCOUNT "AC0123456789abcdef0123456789abcdef"
#define FAKE_TOKEN   "fedcba9876543210fedcba9876543210"
#define FAKE_SECRET  "a-secret-of-at-least-32-characters!!"

struct endpoint_row {
    const char *label;
    const char *variables[8]; /* of the request, before those that every one has */
    const char *settings[4];  /* before the usual ones */
    const char *body;         /* NULL: none */
    const char *waiting;      /* a file in the spool */
    bool not_ours;            /* which another program replays */
    bool no_spool;            /* nothing can be spooled */

    struct fake_answer database[5];
    const char *statements[5];
    struct fake_reply twilio[4];
    const char *requests[4];

    const char *status;  /* "200 OK" */
    const char *headers; /* beside the ones of every answer, "Name: value\r\n" each */
    const char *cors;    /* NULL: those for any origin */
    const char *answer;  /* the body */
    const char *log;     /* the log line from "ms" on; NULL: not looked at */
    const char *spooled; /* the one file that waits afterwards; NULL: none does */
};

#define FAKE_EXPOSED                                                                               \
    "Access-Control-Expose-Headers: X-Request-Id, RateLimit-Limit, RateLimit-Remaining, "          \
    "RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate\r\n"

/** The id that a row is asked for with: there is no randomness in a fake's clock. */
#define FAKE_ROW_ID "019b796d-d600-7000-8000-000000000000"

/** The statements, arguments with their quotes: FAKE_SETTLE("'id'", "null", ...). */
#define FAKE_RESERVE(scope, key, sender, limit, type, to, body, request, media, metadata)          \
    "select outcome, id, saved, twilio_status, remaining, reset_seconds, dead_code, reason_ar, "   \
    "sent_as from messaging.reserve_message(" scope "," key "," sender "," limit "," type "," to   \
    "," body "," request "," media "," metadata ",'" FAKE_ROW_ID                                   \
    "',p_refuse_dead=>'f',p_template=>null)"

/** The metadata of a message that needs none: by which account it goes out. */
#define FAKE_METADATA "'{\"account_sid\":\"" FAKE_ACCOUNT "\"}'"
#define FAKE_SETTLE(id, sid, status, code, error, details, release)                                \
    "select messaging.settle_message(" id "," sid "," status "," code "," error "," details        \
    "," release ",null)"
#define FAKE_RECORD(id, sid, status, code, error, parameters, at)                                  \
    "select outcome, id, external_id, status "                                                     \
    "from messaging.record_status(" id "," sid "," status "," code "," error "," parameters "," at \
    ")"

/** Serve the row's request and compare everything. */
void endpoint_expect(const struct program *program, const struct endpoint_row *row);

/**
 * Serve the row's request with little memory, then more, until the answer is the row's status: it
 * never is without what had to be asked, once; and what Twilio was asked for is that or unknown.
 */
void endpoint_expect_truth(const struct program *program, const struct endpoint_row *row);

#endif
