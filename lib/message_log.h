/**
 * The table message_logs, reached by the SQL functions of the schema `messaging` (sql/schema).
 *
 * Each call is one statement. What the functions promise under concurrency stands with them.
 *
 * Where something is locked by somebody else a call waits for it, for up to 5 s, and where a
 * process has several connections most of that time over those that are for it (DATABASE_PATIENT);
 * then it fails with FAULT_DATABASE_BUSY. What is replayed does not wait.
 */
#ifndef MESSAGE_LOG_H
#define MESSAGE_LOG_H

#include "database.h"
#include "message.h"
#include "rate_limit.h"

/** Before Twilio is called: a row for the message. */
struct message_log_order {
    struct text id;     /* UUID that the row is to have */
    struct text scope;  /* whose idempotency keys: "send-whatsapp user <uuid>" */
    struct text key;    /* Idempotency-Key, empty: none */
    struct text sender; /* UUID of the user, empty: a server */
    int limit;          /* messages in any 60 s, 0: none */
    struct text
        account; /* Twilio's SID of the account that sends it; no part of what a key is for */
    const struct message *message;
    bool refuse_dead;     /* a number at which nothing will arrive is refused */
    struct text template; /* free text goes as this template, but to who has just written; empty: */
                          /* as it is */
};

enum message_log_outcome {
    MESSAGE_LOG_RESERVED,    /* a new row, pending: send it */
    MESSAGE_LOG_REPLAY,      /* the key is known and its attempt has ended: answer the same */
    MESSAGE_LOG_IN_PROGRESS, /* the key is known and its attempt is running */
    MESSAGE_LOG_MISMATCH,    /* the key is known, for another message */
    MESSAGE_LOG_UNKNOWN,     /* the key is known, and whether Twilio took it is not */
    MESSAGE_LOG_LIMITED,     /* no place left: no row was written */
};

struct message_log_reservation {
    enum message_log_outcome outcome;
    struct text id;            /* the row */
    struct text row;           /* the row as JSON; for a replay as it was answered then */
    struct text twilio_status; /* MESSAGE_LOG_REPLAY: Twilio's word then */
    struct text dead_code;     /* MESSAGE_LOG_RESERVED: not to be sent, for that reason; an SMS */
                               /* may go instead */
    bool as_template;          /* the message is to go as the template */
    bool in_doubt;             /* on failure: the row may be there all the same */
};

/**
 * Reserve: idempotency, limit, foreign keys, row. *ret_rate is filled where a limit was counted, on
 * failure too.
 * Fails with FAULT_UNKNOWN_REQUEST, FAULT_FORBIDDEN (the sender has no profile), FAULT_DEAD_NUMBER
 * (`text` says why, in Arabic), or the database's faults; nothing is written then. On failure
 * ret_reservation->in_doubt is valid too: where it is set the answer was lost and the row
 * `order->id` may stand, or come to: withdraw it.
 */
must_check bool message_log_reserve(const struct database *database, struct arena *arena,
                                    const struct message_log_order *order,
                                    struct message_log_reservation *ret_reservation,
                                    struct rate_limit *ret_rate, struct fault *reterr);

/**
 * Take back a reservation of which nothing was sent. Once this has succeeded there is neither row
 * nor key nor place taken of it, and will not be, whenever the database comes to write it.
 */
must_check bool message_log_withdraw(const struct database *database, struct arena *arena,
                                     struct text id, bool replayed, struct fault *reterr);

/**
 * The order as JSON, reserved at that time (ISO 8601): all that is needed to write its row and key
 * again. Holds number and text.
 */
must_check bool message_log_describe(struct arena *arena, const struct message_log_order *order,
                                     struct text at, struct text *ret_order, struct fault *reterr);

/** After Twilio was called: what came of it. Empty slices are null. */
struct message_log_settlement {
    struct text id, sid, status;
    struct text error_code, error_message;
    struct text details; /* JSON object, merged into metadata */
    bool release;        /* certainly nothing was sent: the idempotency key is free again */
    bool in_doubt;       /* the reservation's answer was lost: it is to be withdrawn */
    bool replayed;       /* from the spool */
    struct text at;      /* time of the settlement (ISO 8601), empty: now */
    struct text order;   /* of message_log_describe; empty: not known */
};

/** Settle. May be repeated. *ret_row: the row after it as JSON, empty where there is no such row.
 */
must_check bool message_log_settle(const struct database *database, struct arena *arena,
                                   const struct message_log_settlement *settlement,
                                   struct text *ret_row, struct fault *reterr);

/**
 * Settle what is not there any more (a failover lost the last commits): write the row and its key
 * again as `settlement->order` has them, then settle. *ret_row is empty where it is not to be there
 * (it was withdrawn).
 */
must_check bool message_log_restore(const struct database *database, struct arena *arena,
                                    const struct message_log_settlement *settlement,
                                    struct text *ret_row, struct fault *reterr);

/**
 * Reserve the SMS `id` that goes out instead of the WhatsApp message `first`, which Twilio has just
 * refused. Safe to repeat where the answer was lost. *ret_row: its row as JSON, empty where none is
 * due.
 */
must_check bool message_log_reserve_fallback(const struct database *database, struct arena *arena,
                                             struct text first, struct text id,
                                             struct text *ret_row, struct fault *reterr);

/**
 * Take what is due next after a failure, under a UUID of the caller's own, with which the same is
 * got again where the answer was lost. *ret_row: the row to be sent now as JSON, with
 * "seconds_left" and "window_open" (the person has written to us within 24 hours); empty where
 * nothing is due.
 */
must_check bool message_log_claim(const struct database *database, struct arena *arena,
                                  struct text claim, struct text *ret_row, struct fault *reterr);

/** A delivery event. Empty slices are null. */
struct message_log_event {
    struct text id; /* the row's id as the callback URL had it; anything but a UUID is ignored */
    struct text sid, status, error_code, error_message;
    struct text parameters;  /* JSON object */
    struct text received_at; /* ISO 8601, empty: now */
    bool replayed;           /* from the spool */
};

struct message_log_recorded {
    bool found; /* false: no such message (yet); the event is kept */
    struct text id, external_id, status;
};

/** Record an event, once however often it comes. */
must_check bool message_log_record(const struct database *database, struct arena *arena,
                                   const struct message_log_event *event,
                                   struct message_log_recorded *ret_recorded, struct fault *reterr);

/** One of several events that are recorded together. */
struct message_log_entry {
    const struct message_log_event *event;
    struct message_log_recorded recorded;
    bool left; /* nothing was written of it: it is to be recorded by itself */
};

/**
 * Record events (none that is replayed) by one statement and in one transaction, those of one SID
 * in the order given. One alone is recorded by message_log_record()'s own call. Hardly any time is
 * spent waiting for who holds a message: what is about such is left. Where the server refuses the
 * statement, whosever fault that is, or it does not fit into memory, all are left; one alone where
 * somebody was in its way.
 * Fails where the database is away or does not answer, and then they may be recorded all the same,
 * as after message_log_record().
 */
must_check bool message_log_record_all(const struct database *database, struct arena *arena,
                                       struct message_log_entry *const *entries, size_t n,
                                       struct fault *reterr);

/** A message without a SID whose outcome is not known; for the reconcile run, see reconcile_log.h.
 */
struct message_log_unsettled {
    struct text id, sid; /* the SID that it is found to have */
    struct text status, recipient, body;
    enum message_channel channel;
    bool template;
    size_t n_media;
    int64_t sent_at; /* seconds of the Unix epoch */
    struct text sent_at_text;
    bool due;      /* to be asked about now */
    bool doubtful; /* a message of nobody's is near: it may be its own */
};

#endif
