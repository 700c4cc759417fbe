/**
 * Time and chance, as a seam: tests freeze both.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "text.h"

struct clock {
    void *self;
    int64_t (*epoch_ms)(void *self);     /* milliseconds of the Unix epoch */
    int64_t (*monotonic_ms)(void *self); /* never goes back */
    void (*sleep_ms)(void *self, int64_t ms);
    bool (*random)(void *self, void *to,
                   size_t n); /* n unpredictable bytes; false: there are none */
};

/** The system's. */
extern const struct clock clock_system;

/** Now, as "2026-01-31T12:00:00.123Z". */
void clock_stamp(const struct clock *clock, char ret_stamp[32]);

/**
 * A UUID of now and of chance (version 7, RFC 9562 section 5.7) as 36 characters and a NUL. As a
 * row's id it lies beside those of the same hour in an index, however large the table has grown.
 * False where there is no randomness: all its random digits are 0 then.
 */
bool clock_uuid(const struct clock *clock, char ret_uuid[37]);

#endif
