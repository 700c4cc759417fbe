/**
 * Which message of Twilio's list is which row: for rows whose SID never came back.
 *
 * A message has no identifier of ours, so recipient, channel, time and text must do. Rows and
 * messages are paired in the order of their times, as many as can be; a row that is no template
 * takes nothing but its own text. A template, whose text only Twilio knows, takes a message only
 * where this one is the only one for it, and it the only one for this.
 */
#ifndef PAIRING_H
#define PAIRING_H

#include "message_log.h"
#include "twilio_lookup.h"

/* Twilio's clock against the database's, and the longest way from reservation to Twilio (seconds).
 */
#define PAIRING_EARLIER_S 2
#define PAIRING_LATER_S   60

/* How far apart a row and a message may be that it is better not to take for somebody else's:
 * clocks go wrong, and Twilio may change a text (Smart Encoding). */
#define PAIRING_DOUBT_S 900

/** A message that no row in the database has. */
struct pairing {
    struct twilio_message message;
    struct message_log_unsettled *row; /* whose it is; NULL: nobody's */
};

/** Recipient, channel and, by and large, time agree: it may be that row's, whatever the texts say.
 */
bool pairing_is_near(const struct message_log_unsettled *row, const struct twilio_message *message);

/**
 * Pair rows (of one recipient, oldest first, without SIDs) with its messages, which are sorted. A
 * row that has found its message gets its SID: a slice of the message's.
 */
void pairing_make(struct message_log_unsettled *rows, size_t n, struct pairing *pairings,
                  size_t n_pairings);

/**
 * An outbound message about the time of that row. Where it is nobody's it may be the row's after
 * all, whatever its text and number: who cannot tell does not say that nothing was sent, or the
 * message would be sent again.
 */
bool pairing_is_doubt(const struct message_log_unsettled *row,
                      const struct twilio_message *message);

#endif
