/**
 * What is due after a failure, and that it is done once: send-twilio-message --follow-up.
 *
 * Which failure something follows from, what, when, and until when, is the database's decision
 * (sql/schema/follow_ups.sql): an SMS for a WhatsApp message that asked for it, another try where
 * only a rate was exceeded, and again what did certainly not go out. Each is taken in one
 * transaction, by one run, before it is sent; a run that dies between leaves a message whose
 * outcome is not known, which nobody sends again and --reconcile settles.
 */
#ifndef FOLLOWUP_H
#define FOLLOWUP_H

#include "verb.h"

/**
 * Prints what it sends, by log id, and a summary; with nothing due it is one statement. Stops where
 * Twilio does not take anything, or the database does not answer. The exit status: 0, or 1 when
 * something is left for a later run.
 */
extern const struct verb followup_verb;

#endif
