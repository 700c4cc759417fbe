/**
 * Status callbacks: what Twilio posts to the webhook.
 *
 * https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
 */
#ifndef TWILIO_CALLBACK_H
#define TWILIO_CALLBACK_H

#include "arena.h"
#include "form.h"

/** What a status callback says. Slices point into the form; empty means absent. */
struct twilio_callback {
    struct text sid, status;
    struct text error_code;    /* digits */
    struct text error_message; /* ErrorMessage, or on channels ChannelStatusMessage */
    struct text to;
};

/**
 * Read a callback's form. Fails with FAULT_MISSING_CALLBACK_FIELDS where MessageSid (SM or MM and 1
 * to 64 letters or digits) or MessageStatus (1 to 32 letters or '_') is absent or malformed, or
 * where any name or value has a NUL.
 */
must_check bool twilio_callback_read(const struct form *form, struct twilio_callback *ret_callback,
                                     struct fault *reterr);

/** All parameters of a callback as one JSON object; a repeated name becomes an array. */
must_check bool twilio_callback_json(struct arena *arena, const struct form *form,
                                     struct text *ret_json, struct fault *reterr);

#endif
