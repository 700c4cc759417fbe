/**
 * Rows whose SID never came back, and the messages of Twilio's lists that may be theirs.
 *
 * Of the lists, which may be long, only that is kept which went to one of the rows' recipients
 * about its time; of all others that are near in time it is noted that they were there.
 */
#ifndef ORPHANS_H
#define ORPHANS_H

#include "pairing.h"

/** Zero-initialise, but for the arenas. */
struct orphans {
    struct arena *kept, *found;         /* of rows, and of messages */
    struct message_log_unsettled *rows; /* after orphans_index() by recipient, then time */
    struct message_log_unsettled **by_time;
    size_t n, room;
    struct pairing *pairings; /* messages of nobody's */
    size_t n_pairings, pairings_room;
};

/** Take a copy of a row; false where there is no room. */
must_check bool orphans_keep(struct orphans *orphans, const struct message_log_unsettled *row);

/** All rows are there. */
must_check bool orphans_index(struct orphans *orphans, struct fault *reterr);

/** A message of Twilio's that no row in the database has. It may come twice. */
void orphans_see(struct orphans *orphans, const struct twilio_message *message);

/** All messages have been seen: which is whose, and which rows are in doubt. */
void orphans_pair(struct orphans *orphans);

#endif
