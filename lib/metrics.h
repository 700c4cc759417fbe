/**
 * --metrics: how messages and the spool fare, as text for Prometheus, which a node_exporter's
 * textfile collector picks up.
 *
 * All are gauges: they tell of the last hour and day, or of now, and are made anew at each run. The
 * names of the database's figures are messaging.metrics()'s (sql/schema/metrics.sql) behind
 * "twilio_cgi_". No label holds anything of a person's.
 *
 *     # HELP twilio_cgi_sends Messages that were handed to Twilio.
 *     # TYPE twilio_cgi_sends gauge
 *     twilio_cgi_sends{window="1h"} 12
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef METRICS_H
#define METRICS_H

#include "buffer.h"
#include "message_log_operation.h"
#include "spool_state.h"
#include "verb.h"

/** What is told. */
struct metrics {
    bool database_up;
    const struct message_log_figure *figures; /* without the database none */
    size_t n_figures;
    struct spool_state spool;
};

/** The text. A figure that has no name here, as a newer schema's may be, is left out. */
void metrics_write(struct buffer *b, const struct metrics *metrics);

/**
 * The exit status: 0; 1 where the database gives no figures, and then all that is known without it
 * is told all the same, twilio_cgi_database_up as 0, for a file that says so is better than one
 * that is old; 2 where the file cannot be written.
 */
extern const struct verb metrics_verb;

#endif
