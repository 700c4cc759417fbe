/**
 * The report as text: for a terminal, as CSV, as JSON.
 */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "buffer.h"
#include "report_figures.h"

/** {"report":[...],"failures":[...]} with the views' column names. */
void report_write_json(const struct report *report, struct buffer *b);

/** The report's lines with a head, by RFC 4180. */
void report_write_csv(const struct report *report, struct buffer *b);

/** For people at a terminal, in at most 80 columns; `bars`: it shows block elements. */
void report_write_table(const struct report *report, bool bars, struct buffer *b);

#endif
