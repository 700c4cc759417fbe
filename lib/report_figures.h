/**
 * The figures of the report: what became of the messages of the last days. They are asked for once,
 * and then shown (report_text.h, report_page.h).
 *
 * They are tables of text, as messaging.report() (sql/schema/report_figures.sql) has them:
 * numbers by their digits, days as 2026-11-29, moments as 2026-11-29 14:05, both Cairo's. What is
 * not known is the empty slice.
 */
#ifndef REPORT_FIGURES_H
#define REPORT_FIGURES_H

#include "message_log_operation.h"

/** Columns of the table `report`, public.message_report: a line a day and channel, newest first. */
enum report_line {
    REPORT_DAY,
    REPORT_CHANNEL, /* "sms", "whatsapp" */
    REPORT_TOTAL,
    REPORT_DELIVERED, /* the read ones included */
    REPORT_READ,
    REPORT_FAILED,
    REPORT_IN_FLIGHT,
    REPORT_DELIVERED_SHARE, /* of the total, 0 to 1 */
    REPORT_READ_SHARE,
    REPORT_MEDIAN, /* seconds from sending to delivery */
    REPORT_P95,
    REPORT_SEGMENTS,
    REPORT_PRICE, /* positive; empty where none is known, or a day has two currencies */
    REPORT_PRICE_UNIT,
    REPORT_UNPRICED, /* messages that Twilio has not priced yet */
};

/** Of `failures`, public.message_failures, newest day first. */
enum report_failure {
    FAILURE_DAY,
    FAILURE_CHANNEL,
    FAILURE_CODE,
    FAILURE_REASON,
    FAILURE_REASON_AR,
    FAILURE_MESSAGES,
};

/** Of `totals`: of the period "today" or "days", of one channel or of all. */
enum report_total {
    TOTAL_PERIOD,
    TOTAL_CHANNEL, /* empty: all */
    TOTAL_TOTAL,
    TOTAL_DELIVERED,
    TOTAL_READ,
    TOTAL_FAILED,
    TOTAL_IN_FLIGHT,
    TOTAL_DELIVERED_SHARE,
    TOTAL_FAILED_SHARE,
    TOTAL_SEGMENTS,
    TOTAL_UNPRICED,
};

/** Of `costs`: likewise, a line a currency. */
enum report_cost { COST_PERIOD, COST_CHANNEL, COST_UNIT, COST_PRICE };

/** Of `days`: each, newest first, whether anything was sent on it or not. */
enum report_days { DAYS_DAY };

/** Of `reasons`: why messages failed, over all days, the most frequent first. No Twilio's own
 * texts. */
enum report_reason {
    REASON_CODE, /* empty: none */
    REASON_MEANING,
    REASON_MEANING_AR,
    REASON_MESSAGES,
    REASON_RECENT, /* of these in the last half of the days, today left out */
    REASON_FORMER, /* and in that before it */
};

/** Of `delivery`: over all days. */
enum report_delivery { DELIVERY_CHANNEL, DELIVERY_MEDIAN, DELIVERY_P95 };

/** Of `stuck`: what should have come to something by now, by status. */
enum report_stuck { STUCK_STATUS, STUCK_MESSAGES, STUCK_OLDEST };

struct report_column {
    const char *name; /* the database's */
    bool number;      /* its cells are digits */
};

struct report_table {
    const struct report_column *columns;
    size_t n_columns, n;
    struct text *cells; /* line by line */
};

struct report {
    struct text made_at, first_day, today;
    struct text last_callback;     /* empty: there was none */
    struct text two_currency_days; /* whose costs are in no sum */
    struct report_table report, failures, totals, costs, days, reasons, delivery, stuck;
};

/**
 * Ask for the figures of today and the `days` - 1 days before. They live in the arena. Fails with
 * the database's faults, with FAULT_INTERNAL where the answer is not what it should be, with
 * FAULT_NO_MEMORY.
 */
must_check bool report_ask(const struct database *database, struct arena *arena, int days,
                           struct report *ret_report, struct fault *reterr);

/** A cell; the empty slice outside the table. */
struct text report_cell(const struct report_table *table, size_t line, size_t column);

/** A cell as a number; 0 where there is none. */
uint64_t report_count(const struct report_table *table, size_t line, size_t column);
double report_number(const struct report_table *table, size_t line, size_t column);

/** A share, of four places, in per cent; printed with one place, half of one goes up, as SQL
 * rounds. */
double report_percent(const struct report_table *table, size_t line, size_t column);

/** The line of these totals, or behind the last. */
size_t report_total(const struct report *report, const char *period, const char *channel);

#endif
