/**
 * What a fake was asked, one text a call, and its comparison with what was to be asked.
 */
#ifndef FAKE_RECORD_H
#define FAKE_RECORD_H

#include <stddef.h>

#define FAKE_CALLS_MAX 128

struct fake_record {
    char *calls[FAKE_CALLS_MAX];
    size_t n;
};

/** Take over a text from malloc. */
void fake_record_add(struct fake_record *record, char *call);

/** Exactly these calls in this order (NULL: the end), or the test fails and shows both. */
void fake_record_expect(const struct fake_record *record, const char *const *want);

void fake_record_release(struct fake_record *record);

/** A cmocka test for each row of a table, named by its label. `n` counts on. */
#define ADD_ROWS(tests, n, rows, test)                                                             \
    for (size_t i_ = 0; i_ < sizeof(rows) / sizeof((rows)[0]); i_++)                               \
        (tests)[(n)++] = (struct CMUnitTest)                                                       \
        {                                                                                          \
            .name = (rows)[i_].label, .test_func = (test), .initial_state = (void *)&(rows)[i_]    \
        }

#endif
