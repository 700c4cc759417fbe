/**
 * The report's days on a page: what each comes to, as bars and as the table that says the same.
 *
 * A picture has a title, a legend and a table below; in it time goes from right to left, as one
 * reads.
 */
#ifndef REPORT_DAYS_H
#define REPORT_DAYS_H

#include "buffer.h"
#include "report_figures.h"

enum { REPORT_SMS, REPORT_WHATSAPP, REPORT_CHANNELS };

/** The channels in the order they are shown in: as the tables name them, and as a reader does. */
struct report_channel {
    const char *channel, *name;
};
extern const struct report_channel report_channels[REPORT_CHANNELS];

/** What a day comes to; prices by channel, and whether there are any. */
struct report_day {
    struct text day;
    uint64_t total, delivered, in_flight, failed;
    double price[REPORT_CHANNELS];
    struct text price_text[REPORT_CHANNELS], unit[REPORT_CHANNELS];
};

/** The report's days, newest first, as its tables are; NULL for want of memory. */
struct report_day *report_days_sum(const struct report *report, struct arena *arena);

/** The figure of what became of each day's messages. */
void report_days_outcomes(const struct report *report, const struct report_day *days,
                          struct buffer *b);

/** What each day cost: bars where all is in one currency, as only then they compare, and a table.
 */
void report_days_costs(const struct report *report, const struct report_day *days,
                       struct buffer *b);

/** A small picture without words: how many failed by that code each day. */
void report_days_spark(const struct report *report, struct text code, struct buffer *b);

#endif
