/**
 * --report: what became of the messages, as a table on a terminal, as CSV, as JSON, or as a page
 * that is put where a web server finds it.
 */
#ifndef REPORT_H
#define REPORT_H

#include "verb.h"

/**
 * The exit status: 0; 1 where the database does not answer; 2 where the page cannot be written.
 * Where it fails, the last page stays as it is.
 */
extern const struct verb report_verb;

#endif
