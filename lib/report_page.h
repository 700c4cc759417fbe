/**
 * The report as a page: one file that needs nothing else, in Egyptian Arabic, from right to left,
 * for a phone and a desk, light and dark.
 *
 * What a test or a screen wants to find has an attribute data-figure: "today-total", "days-failed".
 * There is no recipient and no text of a message in it, nor any text of Twilio's, which may name
 * one.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "buffer.h"
#include "report_figures.h"

void report_write_page(const struct report *report, struct buffer *b);

#endif
