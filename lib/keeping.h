/**
 * What is forgotten, and when: KEEP_TEXTS_DAYS, KEEP_MESSAGES_DAYS, and the batches in which the
 * database does it (sql/schema/keeping.sql).
 */
#ifndef KEEPING_H
#define KEEPING_H

#include "verb.h"

/**
 * --expire: batch after batch until nothing is left, resting after each for nine times as long as
 * it took, so that whoever sends has the database for himself nine tenths of the time. --dry-run
 * counts. The exit status: 0, or 1 where it had to stop; what is done is done, and the next run
 * goes on.
 */
extern const struct verb keeping_verb;

#endif
