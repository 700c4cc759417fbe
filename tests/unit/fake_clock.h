/**
 * A clock that stands still until somebody sleeps, and dice that always fall the same way.
 */
#ifndef FAKE_CLOCK_H
#define FAKE_CLOCK_H

#include "clock.h"

/** 2026-01-01T12:00:00.000Z */
#define FAKE_EPOCH_MS 1767268800000
#define FAKE_STAMP    "2026-01-01T12:00:00.000Z"

/** Zero-initialised it stands at FAKE_EPOCH_MS with dice of 0. */
struct fake_clock {
    int64_t passed_ms;
    uint32_t dice; /* random bytes are this number, again and again */
    bool no_random;
    int64_t slept[64]; /* each pause */
    size_t n_slept;
};

/** The seam; the fake must outlive it. */
struct clock fake_clock(struct fake_clock *fake);

#endif
