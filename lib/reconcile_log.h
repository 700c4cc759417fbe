/**
 * What the reconcile run asks of the table message_logs, and how it writes there what Twilio's
 * lists say (sql/schema/reconcile.sql). Each call is one statement.
 */
#ifndef RECONCILE_LOG_H
#define RECONCILE_LOG_H

#include "database.h"
#include "message_log.h"
#include "twilio_lookup.h"

/** Messages of Twilio's that one call takes at most. */
#define RECONCILE_LOG_MOST 100

/** A run. Texts live in the caller's arena. */
struct reconcile_log {
    const struct database *database;
    struct text account;    /* whose lists they are */
    struct text older_than; /* an SQL interval; empty: by turns, 12 hours, 1, 3 and 7 days */
    struct text since;      /* when the run began, by the database's clock */
    struct text today;      /* UTC's, YYYY-MM-DD */
    bool redacted;          /* numbers were seen blotted out: nothing is proved */
    bool dry_run;           /* nothing is written */
};

/** Begin: database, account, older_than and dry_run are given, the rest is filled. */
must_check bool reconcile_log_begin(struct reconcile_log *log, struct arena *arena,
                                    struct fault *reterr);

/** How many messages of a day (YYYY-MM-DD) are due, and how many of another account would be. */
must_check bool reconcile_log_day(const struct reconcile_log *log, struct arena *arena,
                                  struct text day, size_t *ret_due, size_t *ret_of_others,
                                  struct fault *reterr);

/** Messages without a SID, oldest first, at most `most`, from behind one of them (NULL: all). */
must_check bool reconcile_log_orphans(const struct reconcile_log *log, struct arena *arena,
                                      const struct message_log_unsettled *after, size_t most,
                                      struct message_log_unsettled **ret_rows, size_t *ret_n,
                                      struct fault *reterr);

/** What a message of Twilio's list turned out to be here. */
struct reconcile_log_row {
    struct text sid, id, was, is_now; /* statuses before and after */
    bool priced;                      /* its price is new */
};

/** Write (but for a dry run) what Twilio says of them; the rows of those that have one here. */
must_check bool reconcile_log_listed(const struct reconcile_log *log, struct arena *arena,
                                     const struct twilio_message *messages, size_t n,
                                     struct reconcile_log_row **ret_rows, size_t *ret_n,
                                     struct fault *reterr);

/** SIDs of what is due of a day and was in no list, at most `most`. */
must_check bool reconcile_log_missed(const struct reconcile_log *log, struct arena *arena,
                                     struct text day, size_t most, struct text **ret_sids,
                                     size_t *ret_n, struct fault *reterr);

/** What was due of a day (empty: of none), and this row (empty: none), has been asked about. */
must_check bool reconcile_log_end(const struct reconcile_log *log, struct arena *arena,
                                  struct text day, struct text id, struct fault *reterr);

/** Numbers are blotted out: remember it for the account. */
must_check bool reconcile_log_redacted(struct reconcile_log *log, struct arena *arena,
                                       struct fault *reterr);

#endif
