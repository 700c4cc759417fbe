/**
 * The report's figures as a page has them: numbers, shares, prices and times in the words and
 * digits of an Egyptian reader, and the tables that they stand in.
 */
#ifndef REPORT_ARABIC_H
#define REPORT_ARABIC_H

#include "buffer.h"
#include "report_figures.h"

/** "1,234,567" */
void report_arabic_count(struct buffer *b, uint64_t n);

/** From left to right, whatever is around it; a dash for nothing. */
void report_arabic_plain(struct buffer *b, struct text t);

/** A cell from 0 to 1 as "98.5%"; a dash where it is empty. */
void report_arabic_share(struct buffer *b, const struct report_table *table, size_t line,
                         size_t column);

/** With its currency: "1,234.50 USD", "0.0450 USD", and of what is large no cents. */
void report_arabic_price(struct buffer *b, double price, struct text unit);

/** A cell of seconds, as seconds, minutes or hours; a dash where it is empty. */
void report_arabic_duration(struct buffer *b, const struct report_table *table, size_t line,
                            size_t column);

/** "آخر 30 يوم"; a noun counts otherwise up to ten. */
void report_arabic_period(struct buffer *b, uint64_t days);

/** A text with the digits that the rest of the page has. */
void report_arabic_digits(struct buffer *b, struct text t);

/** A table with these column heads, up to the first NULL; and its end. */
void report_arabic_open_table(struct buffer *b, const char *const *heads);
void report_arabic_close_table(struct buffer *b);

/** A line of it, inside of its own head, which whoever fills it closes ("</th>"). */
void report_arabic_open_line(struct buffer *b);

/** A cell with a count. */
void report_arabic_cell(struct buffer *b, uint64_t n);

#endif
