/**
 * What every unit test needs: cmocka, an arena, and slices that can be compared.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "fault.h"
#include "text.h"

#define assert_text_equal(t, want)                                                                 \
    do {                                                                                           \
        struct text got_ = (t), want_ = text_of(want);                                             \
        if (!text_equal(got_, want_))                                                              \
            fail_msg("got '%.*s', want '%.*s'", TEXT_ARG(got_), TEXT_ARG(want_));                  \
    } while (0)

/** The wire word of a fault, for comparisons in tables of rows. */
static inline const char *fault_code(const struct fault *fault)
{
    return fault_entry(fault->kind)->code;
}

#endif
