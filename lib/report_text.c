#include "report_text.h"

#include <stdio.h>
#include <string.h>

/** As JSON a number is its digits, and what is not known null. */
static void write_value(struct buffer *b, struct text cell, bool number)
{
    if (cell.n == 0)
        buffer_add(b, TEXT("null"));
    else if (number)
        buffer_add(b, cell);
    else
        buffer_add_json(b, cell);
}

static void write_lines(struct buffer *b, const char *name, const struct report_table *table)
{
    buffer_addf(b, "\"%s\":[", name);
    for (size_t line = 0; line < table->n; line++) {
        buffer_add(b, line ? TEXT(",\n{") : TEXT("\n{"));
        for (size_t i = 0; i < table->n_columns; i++) {
            buffer_addf(b, "%s\"%s\":", i ? "," : "", table->columns[i].name);
            write_value(b, report_cell(table, line, i), table->columns[i].number);
        }
        buffer_add_char(b, '}');
    }
    buffer_add_char(b, ']');
}

void report_write_json(const struct report *report, struct buffer *b)
{
    buffer_add_char(b, '{');
    write_lines(b, "report", &report->report);
    buffer_add(b, TEXT(",\n"));
    write_lines(b, "failures", &report->failures);
    buffer_add(b, TEXT("}\n"));
}

static bool wants_quotes(struct text cell)
{
    for (size_t i = 0; i < cell.n; i++)
        if (strchr("\",\r\n", cell.s[i]))
            return true;
    return false;
}

static void write_field(struct buffer *b, struct text cell)
{
    if (!wants_quotes(cell)) {
        buffer_add(b, cell);
        return;
    }
    buffer_add_char(b, '"');
    for (size_t i = 0; i < cell.n; i++) {
        if (cell.s[i] == '"')
            buffer_add_char(b, '"');
        buffer_add_char(b, cell.s[i]);
    }
    buffer_add_char(b, '"');
}

void report_write_csv(const struct report *report, struct buffer *b)
{
    const struct report_table *table = &report->report;

    for (size_t i = 0; i < table->n_columns; i++)
        buffer_addf(b, "%s%s", i ? "," : "", table->columns[i].name);
    buffer_add(b, TEXT("\r\n"));
    for (size_t line = 0; line < table->n; line++) {
        for (size_t i = 0; i < table->n_columns; i++) {
            buffer_add(b, i ? TEXT(",") : TEXT(""));
            write_field(b, report_cell(table, line, i));
        }
        buffer_add(b, TEXT("\r\n"));
    }
}

/* ---- for a terminal */

/* The table's columns: a bar stands where the read share stands without bars. */
#define LEFT_FORMAT  "%-10.*s %-8s %7s %6s "
#define RIGHT_FORMAT " %6s %6s %5s %11s\n"
#define BAR_WIDTH    6

/* A line of it, and what is not of the table, is at most so wide. */
#define SCREEN 80

/* Reasons that are shown. */
#define REASONS_MAX 12

/** A cell that is a number or a word of ours; "-" for one that is not, or is not known. */
static const char *word(const struct report_table *table, size_t line, size_t column)
{
    struct text cell = report_cell(table, line, column);

    return cell.n && cell.n <= 11 && text_only(cell, "-.") ? cell.s : "-";
}

/** A share as "98.5%"; "-" where there is none. */
static const char *percent(const struct report_table *table, size_t line, size_t column,
                           char to[16])
{
    if (report_cell(table, line, column).n == 0)
        return "-";
    snprintf(to, 16, "%.1f%%", report_percent(table, line, column));
    return to;
}

/** Seconds in at most five characters: "12.3s", "4.0m", "2.5h". */
static const char *duration(struct text cell, double seconds, char to[16])
{
    static const struct {
        double from, unit;
        char letter;
    } units[] = {{360000, 86400, 'd'}, {6000, 3600, 'h'}, {99.95, 60, 'm'}, {0, 1, 's'}};
    size_t i = 0;

    if (cell.n == 0)
        return "-";
    while (i + 1 < ARRAY_LEN(units) && seconds < units[i].from)
        i++;
    snprintf(to, 16, "%.1f%c", seconds / units[i].unit, units[i].letter);
    return to;
}

static const char *cost(const struct report_table *table, size_t line, char to[32])
{
    double price = report_number(table, line, REPORT_PRICE);

    if (report_cell(table, line, REPORT_PRICE).n == 0)
        return "-";
    snprintf(to, 32, "%.*f %.4s", price < 10000 ? 2 : 0, price,
             word(table, line, REPORT_PRICE_UNIT));
    return to;
}

/** The share of what was delivered, in eighths of a character. */
static void write_bar(const struct report_table *table, size_t line, struct buffer *b)
{
    static const char *const blocks[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    double share = report_number(table, line, REPORT_DELIVERED_SHARE);
    int eighths = (int)(share * BAR_WIDTH * 8 + 0.5);

    for (int i = 0; i < BAR_WIDTH; i++) {
        int here = eighths - 8 * i;
        buffer_add(b, text_of(blocks[here < 0 ? 0 : here > 8 ? 8 : here]));
    }
}

static const char *channel_name(struct text channel)
{
    return text_equal(channel, TEXT("whatsapp")) ? "WhatsApp"
           : text_equal(channel, TEXT("sms"))    ? "SMS"
                                                 : "all";
}

static void write_period(const struct report *report, const char *period, const char *label,
                         struct buffer *b)
{
    size_t line = report_total(report, period, "");
    char delivered[16], failed[16];

    buffer_addf(b, "%-10s %llu sent, %s delivered, %llu failed (%s)", label,
                (unsigned long long)report_count(&report->totals, line, TOTAL_TOTAL),
                percent(&report->totals, line, TOTAL_DELIVERED_SHARE, delivered),
                (unsigned long long)report_count(&report->totals, line, TOTAL_FAILED),
                percent(&report->totals, line, TOTAL_FAILED_SHARE, failed));
    for (size_t i = 0; i < report->costs.n; i++)
        if (text_equal(report_cell(&report->costs, i, COST_PERIOD), text_of(period)) &&
            report_cell(&report->costs, i, COST_CHANNEL).n == 0)
            buffer_addf(b, ", %.2f %s", report_number(&report->costs, i, COST_PRICE),
                        word(&report->costs, i, COST_UNIT));
    buffer_add_char(b, '\n');
}

static void write_day(const struct report_table *table, size_t line, bool bars, struct buffer *b)
{
    struct text day = report_cell(table, line, REPORT_DAY);
    bool again = line && text_equal(day, report_cell(table, line - 1, REPORT_DAY));
    char delivered[16], read[16], price[32], median[16];

    if (again)
        day = TEXT("");
    buffer_addf(
        b, LEFT_FORMAT, TEXT_ARG(day), channel_name(report_cell(table, line, REPORT_CHANNEL)),
        word(table, line, REPORT_TOTAL), percent(table, line, REPORT_DELIVERED_SHARE, delivered));
    if (bars)
        write_bar(table, line, b);
    else
        buffer_addf(b, "%*s", BAR_WIDTH, percent(table, line, REPORT_READ_SHARE, read));
    buffer_addf(b, RIGHT_FORMAT, word(table, line, REPORT_FAILED),
                word(table, line, REPORT_IN_FLIGHT),
                duration(report_cell(table, line, REPORT_MEDIAN),
                         report_number(table, line, REPORT_MEDIAN), median),
                cost(table, line, price));
}

static void write_days(const struct report_table *table, bool bars, struct buffer *b)
{
    buffer_addf(b, "\n" LEFT_FORMAT, 3, "day", "channel", "sent", "deliv.");
    buffer_addf(b, "%*s" RIGHT_FORMAT, BAR_WIDTH, bars ? "" : "read", "failed", "open", "time",
                "cost");
    for (size_t line = 0; line < table->n; line++)
        write_day(table, line, bars, b);
    if (table->n == 0)
        buffer_add(b, TEXT("no messages\n"));
}

/** A text of an operator's, in one line: what moves a terminal or turns the line is a blank. */
static void write_words(struct text t, struct buffer *b)
{
    for (size_t at = 0, width = 0; at < t.n && width < SCREEN - 19; width++) {
        size_t start = at;
        uint32_t c = text_next(t, &at);
        bool plain = c >= 0x20 && (c < 0x7F || c >= 0xA0) && !text_is_line_end(c) &&
                     !text_turns_direction(c);
        buffer_add(b, plain ? (struct text){t.s + start, at - start} : TEXT(" "));
    }
}

static void write_reasons(const struct report_table *table, struct buffer *b)
{
    if (table->n)
        buffer_add(b, TEXT("\nfailed because\n"));
    for (size_t line = 0; line < table->n && line < REASONS_MAX; line++) {
        buffer_addf(b, "%10s %7s ", word(table, line, REASON_MESSAGES),
                    word(table, line, REASON_CODE));
        write_words(report_cell(table, line, REASON_MEANING), b);
        buffer_add_char(b, '\n');
    }
    if (table->n > REASONS_MAX)
        buffer_addf(b, "%10s %zu more reason%s\n", "", table->n - REASONS_MAX,
                    text_plural(table->n - REASONS_MAX));
}

static void write_stuck(const struct report_table *table, struct buffer *b)
{
    if (table->n)
        buffer_add(b, TEXT("\nstuck\n"));
    for (size_t line = 0; line < table->n; line++)
        buffer_addf(b, "%10s %-9s the oldest since %.*s\n", word(table, line, STUCK_MESSAGES),
                    word(table, line, STUCK_STATUS),
                    TEXT_ARG(report_cell(table, line, STUCK_OLDEST)));
}

void report_write_table(const struct report *report, bool bars, struct buffer *b)
{
    buffer_addf(b, "messages from %.*s to %.*s, days of Cairo; last callback: %.*s\n",
                TEXT_ARG(report->first_day), TEXT_ARG(report->today),
                TEXT_ARG(report->last_callback.n ? report->last_callback : TEXT("none")));
    write_period(report, "today", "today", b);
    write_period(report, "days", "all days", b);
    if (!text_equal(report->two_currency_days, TEXT("0")))
        buffer_addf(b, "%10s days in two currencies, not counted in the cost: %.*s\n", "",
                    TEXT_ARG(report->two_currency_days));
    write_days(&report->report, bars, b);
    write_reasons(&report->reasons, b);
    write_stuck(&report->stuck, b);
}
