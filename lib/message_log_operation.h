/**
 * What an operator, a timer or a monitor asks of message_logs: forgetting, figures, the schema's
 * version. Each call is one statement, as in message_log.h.
 */
#ifndef MESSAGE_LOG_OPERATION_H
#define MESSAGE_LOG_OPERATION_H

#include "database.h"

/** How long is kept what; 0: for ever. */
struct message_log_ages {
    int texts_days, messages_days;
};

/**
 * One batch of forgetting: of at most `batch` messages that are final and older than that, the
 * texts are blanked, or the rows deleted after their day's sums were taken. *ret_touched: how many
 * messages (where there was none, idempotency keys and events) it touched; 0: nothing is left but
 * what somebody holds, and what is behind it.
 */
must_check bool message_log_expire(const struct database *database, struct arena *arena,
                                   const struct message_log_ages *ages, size_t batch,
                                   size_t *ret_touched, struct fault *reterr);

/** Nothing is counted further than this. */
#define MESSAGE_LOG_COUNTED_MAX 100000

struct message_log_expirable {
    uint64_t texts, messages, keys, events; /* events without a message */
};

/** What message_log_expire would touch in all its batches. */
must_check bool message_log_expirable(const struct database *database, struct arena *arena,
                                      const struct message_log_ages *ages,
                                      struct message_log_expirable *ret_found,
                                      struct fault *reterr);

/** What became of the messages of today and the `days` - 1 before, as JSON: report_figures.h. */
must_check bool message_log_report(const struct database *database, struct arena *arena, int days,
                                   struct text *ret_json, struct fault *reterr);

/** The newest version of the schema (sql/schema/version.sql) that the database has had. For
 * --check: fails, too, where the server cannot load PL/pgSQL, as one whose files were replaced
 * underneath. */
must_check bool message_log_version(const struct database *database, struct arena *arena,
                                    struct text *ret_version, struct fault *reterr);

/** A figure of messaging.metrics() (sql/schema/metrics.sql). */
struct message_log_figure {
    struct text name, labels[3], value; /* "messages", {"24h", "sms", "sent"}, "12" */
};

/** How messages fare, in no order. */
must_check bool message_log_figures(const struct database *database, struct arena *arena,
                                    struct message_log_figure **ret_figures, size_t *ret_n,
                                    struct fault *reterr);

#endif
