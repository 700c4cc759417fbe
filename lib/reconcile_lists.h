/**
 * Twilio's lists of messages, read for the reconcile run: a message that has a row is written
 * there, of the others the orphans are told.
 */
#ifndef RECONCILE_LISTS_H
#define RECONCILE_LISTS_H

#include "orphans.h"
#include "reconcile_log.h"
#include "twilio_lookup.h"

/** Zero-initialise, but for what is asked, what is told, and the arenas. */
struct reconcile_lists {
    struct twilio twilio;
    struct reconcile_log *log;
    struct orphans *orphans;
    struct arena page, scratch;       /* of a page of Twilio's; of a few rows */
    size_t asked, updated, priced;    /* questions; rows that moved, or have a price now */
    size_t silent;                    /* questions in a row without an answer */
    char detail[TWILIO_DETAIL_SIZE];  /* of the last answer */
    char problem[TWILIO_DETAIL_SIZE]; /* of the last bad one */
};

/**
 * A day's list ("2026-01-31", UTC; empty: of all days, back to a time) page by page. *ret_whole: it
 * was seen to its end. Fails where the database does not answer, or Twilio three times in a row.
 */
must_check bool reconcile_lists_walk(struct reconcile_lists *lists, struct text day,
                                     int64_t back_to, bool *ret_whole, struct fault *reterr);

/**
 * What of a day is in no list (not sent yet, or deleted), by its SID. *ret_asked: Twilio could be
 * reached. Fails like the above.
 */
must_check bool reconcile_lists_ask(struct reconcile_lists *lists, struct text day, bool *ret_asked,
                                    struct fault *reterr);

/** A row has moved, or would have in a dry run: for whoever looks on. */
void reconcile_lists_tell(const struct reconcile_log *log, struct text id, struct text was,
                          struct text is_now);

#endif
