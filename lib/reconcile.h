/**
 * What Twilio never told us is fetched: send-twilio-message --reconcile.
 *
 * A row with a SID is asked for by that SID. A row without one (its outcome is unknown, or its
 * process died) is looked for in Twilio's list by recipient, time and text, a minute after it was
 * handed over at the earliest; a message that another row has already is never claimed. A row that
 * Twilio's complete list does not have was never sent and becomes `failed`; where any message of
 * nobody's went to the same recipient about that time, it stays as it is. Everything is written by
 * the functions that callbacks and senders use, so live traffic, a second run and a late callback
 * change nothing that is right.
 *
 * Best practice: https://www.twilio.com/docs/messaging/guides/outbound-message-logging
 */
#ifndef RECONCILE_H
#define RECONCILE_H

#include "verb.h"

/**
 * [--older-than 12h] [--dry-run] (ask, tell, write nothing).
 *
 * Prints progress and a summary, without numbers and texts. Stops where the database or Twilio does
 * not answer. The exit status: 0, or 1 when not everything could be asked and written.
 */
extern const struct verb reconcile_verb;

#endif
