/**
 * What is written to the spool while the database is away, and how it gets into the table later.
 *
 * Delivery events and settlements as JSON. Both are recorded by functions that may be repeated, so
 * a file that is replayed twice changes nothing, and their order does not matter
 * (sql/schema/join.sql).
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "message_log.h"
#include "verb.h"

/** Keep a delivery event with its received_at, else the time of now. Fails as spool_put does. */
must_check bool replay_keep_event(const struct spool *spool, struct arena *arena,
                                  const struct message_log_event *event, struct fault *reterr);

/**
 * Keep a settlement with its `at`, else the time of now, and its order: replayed where its row is
 * not there any more, it brings row and key again. Fails as spool_put does.
 */
must_check bool replay_keep_settlement(const struct spool *spool, struct arena *arena,
                                       const struct message_log_settlement *settlement,
                                       struct fault *reterr);

struct replay_summary {
    size_t done, bad;
    size_t left;       /* given back: the database is away, or the file cannot be read now */
    size_t locked;     /* put off: somebody else holds what the file is about */
    size_t unreadable; /* put off: we may not read the file */
    bool stuck;        /* the spool cannot be read, or its files not claimed */
    char problem[256]; /* the last fault, "" for none */
};

/**
 * Replay at most `most` files of the choice into the database; stops where the database is away, or
 * has no connection to spare. The arena is cleared after each file. What makes no sense, is refused
 * for its content, or settles a message that is not in the table, is set aside; what is about
 * something that is locked, or cannot be read, is put off. The summary is counted on,
 * zero-initialise it.
 */
void replay_some(const struct spool *spool, const struct spool_choice *choice,
                 const struct database *database, struct arena *arena, size_t most,
                 struct replay_summary *summary);

/** One line on what is wrong, in the order of what matters; false where nothing is. */
bool replay_trouble(const struct replay_summary *summary, char ret_line[320]);

/**
 * --drain: all that waits, whatever its number. The exit status: 0, or 1 where something was set
 * aside or is left.
 */
extern const struct verb replay_verb;

#endif
