#include "fake_record.h"

#include "unit.h"

void fake_record_add(struct fake_record *record, char *call)
{
    assert_non_null(call);
    assert_true(record->n < FAKE_CALLS_MAX);
    record->calls[record->n++] = call;
}

void fake_record_expect(const struct fake_record *record, const char *const *want)
{
    size_t n = 0;

    while (want[n])
        n++;
    for (size_t i = 0; i < n && i < record->n; i++)
        if (strcmp(record->calls[i], want[i]) != 0)
            fail_msg("call %zu was\n  %s\nand should have been\n  %s", i + 1, record->calls[i],
                     want[i]);
    if (record->n > n)
        fail_msg("%zu calls and not %zu; one too many:\n  %s", record->n, n, record->calls[n]);
    if (record->n < n)
        fail_msg("%zu calls and not %zu; missing:\n  %s", record->n, n, want[record->n]);
}

void fake_record_release(struct fake_record *record)
{
    for (size_t i = 0; i < record->n; i++)
        free(record->calls[i]);
    *record = (struct fake_record){0};
}
