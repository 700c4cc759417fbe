/**
 * The way of one message: reserve a row, call Twilio, settle the row.
 *
 * Nothing reaches Twilio without a row, and no lock or connection state is held while Twilio
 * thinks.
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "auth.h"
#include "message_log.h"
#include "service.h"
#include "twilio.h"

struct dispatch_order {
    const char *endpoint; /* idempotency keys are each endpoint's and caller's own */
    const struct auth_caller *caller;
    const struct message *message;
    struct text key; /* idempotency key, empty: none */
};

/** A message that Twilio has taken. Slices live in the arena. */
struct dispatch_receipt {
    struct text id, sid;
    struct text status; /* Twilio's first word: queued, accepted, ... */
    struct text row;    /* the message_logs row as JSON */
    enum message_channel channel;
    struct text fallback_from; /* of an SMS that went out instead: the WhatsApp message's log id */
    bool replayed;             /* answered from an earlier attempt with the same key */
    const char *note; /* for the log: where the settlement went instead, NULL: to the row */
};

/**
 * Send a message, or answer for an earlier attempt with the same key. Where Twilio refuses it at
 * once, or its number is known to be dead on WhatsApp, and it has a fallback that is due, that goes
 * out as well, and the receipt, or the fault, is that SMS's.
 *
 * Fails with the faults of message_log_reserve, FAULT_RATE_LIMITED, FAULT_IN_PROGRESS,
 * FAULT_IDEMPOTENCY_MISMATCH, and for what Twilio did with FAULT_TWILIO_REJECTED (code and text as
 * Twilio gave them), FAULT_TWILIO_AUTH, FAULT_TWILIO_BUSY, FAULT_TWILIO_UNAVAILABLE and
 * FAULT_OUTCOME_UNKNOWN. The fault's id is the row, where there is one. *ret_rate is filled from
 * the reservation on, on failure too.
 */
must_check bool dispatch_message(struct service *service, struct arena *arena,
                                 const struct dispatch_order *order,
                                 struct dispatch_receipt *ret_receipt, struct rate_limit *ret_rate,
                                 struct fault *reterr);

/**
 * Send a message whose row stands already (`order->id`, reserved at `begun`, ISO 8601), as a text
 * or, with a template, as that; and settle it, with `details` (a JSON object, empty: none) merged
 * into its metadata whatever comes of it. Ends within half a minute. *ret_verdict says what
 * Twilio did; a settlement goes to the spool where the database is away (*ret_note; else NULL).
 */
void dispatch_reserved(struct service *service, struct arena *arena,
                       const struct message_log_order *order, struct text begun,
                       struct text details, enum twilio_verdict *ret_verdict,
                       const char **ret_note);

#endif
