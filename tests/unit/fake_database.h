/**
 * The database as a script: each statement gets the next answer, and is written down.
 */
#ifndef FAKE_DATABASE_H
#define FAKE_DATABASE_H

#include "database.h"
#include "fake_clock.h"
#include "fake_record.h"

#define FAKE_CELLS_MAX 8

/** What a statement gets. Zero (FAKE_END) is the end of a script. */
struct fake_answer {
    const char *cells[FAKE_CELLS_MAX]; /* one row; NULL is null */
    size_t n_cells;
    bool no_rows;
    bool fails; /* with the rest */
    enum fault_kind fault;
    const char *sqlstate, *constraint;
    bool in_doubt;
    int64_t takes_ms; /* the clock goes on by so much */
};

/** One row: FAKE_ROW("reserved", id, NULL). */
#define FAKE_ROW(...)                                                                              \
    {                                                                                              \
        .cells = {__VA_ARGS__},                                                                    \
        .n_cells = sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)                    \
    }

#define FAKE_END                                                                                   \
    {                                                                                              \
        .n_cells = 0                                                                               \
    }

/** A database that is away. */
#define FAKE_AWAY                                                                                  \
    {                                                                                              \
        .fails = true, .fault = FAULT_DATABASE_UNAVAILABLE                                         \
    }

/** A database that goes away before its answer is here. */
#define FAKE_LOST                                                                                  \
    {                                                                                              \
        .fails = true, .fault = FAULT_DATABASE_UNAVAILABLE, .in_doubt = true                       \
    }

struct fake_way {
    struct fake_database *fake;
    bool unhurried;
};

struct fake_database {
    const struct fake_answer *answers;
    struct fake_clock *clock; /* NULL: answers take no time */
    size_t next;
    /**
     * The statement with its parameters in their places: "select f('a',null)", and "unhurried: "
     * before one that has time. One behind the script's end is recorded too and fails with
     * FAULT_INTERNAL.
     */
    struct fake_record record;
    struct fake_way way, unhurried; /* fake_database()'s own */
};

struct database fake_database(struct fake_database *fake);

#endif
