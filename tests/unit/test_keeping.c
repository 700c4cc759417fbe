/* --expire: batches until nothing is left, rests between them, and what stops it. */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_database.h"
#include "keeping.h"
#include "unit.h"

#define KEPT   "texts: kept for 30 days\nmessages: kept for 365 days\n"
#define EXPIRE "select messaging.expire('30 days','365 days','100')"
#define BUSY                                                                                       \
    {                                                                                              \
        .fails = true, .fault = FAULT_DATABASE_BUSY                                                \
    }

static const struct keeping_row {
    const char *label;
    struct settings settings;
    struct fake_answer answers[5];
    const char *asked[5];
    const char *told;
    int status;
    bool dry_run;
    int64_t ms; /* that all of it took */
} rows[] = {
    {.label = "batches until nothing is left, and a rest of nine times as long after each",
     .settings = {.keep_texts_days = 30, .keep_messages_days = 365},
     .answers = {{.cells = {"100"}, .n_cells = 1, .takes_ms = 300},
                 {.cells = {"7"}, .n_cells = 1, .takes_ms = 20},
                 {.cells = {"0"}, .n_cells = 1, .takes_ms = 5}},
     .asked = {EXPIRE, EXPIRE, EXPIRE},
     .told = KEPT "expired: 107 records\n",
     .ms = 3205},
    {.label = "progress is told every ten seconds",
     .settings = {.keep_texts_days = 30, .keep_messages_days = 365},
     .answers = {{.cells = {"100"}, .n_cells = 1, .takes_ms = 10000}, FAKE_ROW("0")},
     .asked = {EXPIRE, EXPIRE},
     .told = KEPT "100 so far\nexpired: 100 records\n",
     .ms = 100000},
    {.label = "what is not set is for ever; old keys go all the same",
     .answers = {FAKE_ROW("0")},
     .asked = {"select messaging.expire(null,null,'100')"},
     .told = "texts: kept for ever\nmessages: kept for ever\nexpired: 0 records\n"},
    {.label = "one day, and messages for ever",
     .settings = {.keep_texts_days = 1},
     .answers = {FAKE_ROW("0")},
     .asked = {"select messaging.expire('1 days',null,'100')"},
     .told = "texts: kept for 1 day\nmessages: kept for ever\nexpired: 0 records\n"},
    {.label = "a lock of somebody else's is waited for",
     .settings = {.keep_texts_days = 30, .keep_messages_days = 365},
     .answers = {BUSY, FAKE_ROW("3"), FAKE_ROW("0")},
     .asked = {EXPIRE, EXPIRE, EXPIRE},
     .told = KEPT "expired: 3 records\n",
     .ms = 1000},
    {.label = "a database that goes away stops it; what is done is done",
     .settings = {.keep_texts_days = 30, .keep_messages_days = 365},
     .answers = {FAKE_ROW("3"), FAKE_AWAY},
     .asked = {EXPIRE, EXPIRE},
     .told = KEPT "expired: 3 records, then it stopped\n",
     .status = 1},
    {.label = "a dry run counts",
     .settings = {.keep_texts_days = 30, .keep_messages_days = 365},
     .answers = {FAKE_ROW("100000", "12", "0", "100000")},
     .asked = {"unhurried: select texts, messages, keys, events from messaging.expirable('30 "
               "days','365 days')"},
     .told = KEPT "100000 or more messages would lose the text\n"
                  "12 messages would go into the totals by day\n"
                  "0 idempotency keys would be dropped\n"
                  "100000 or more events of no message would be emptied, or dropped\n",
     .dry_run = true},
    {.label = "one is one",
     .settings = {.keep_texts_days = 30, .keep_messages_days = 365},
     .answers = {FAKE_ROW("1", "0", "1", "1")},
     .asked = {"unhurried: select texts, messages, keys, events from messaging.expirable('30 "
               "days','365 days')"},
     .told = KEPT "1 message would lose the text\n"
                  "0 messages would go into the totals by day\n"
                  "1 idempotency key would be dropped\n"
                  "1 event of no message would be emptied, or dropped\n",
     .dry_run = true},
    {.label = "a dry run without a database",
     .answers = {FAKE_AWAY},
     .asked =
         {"unhurried: select texts, messages, keys, events from messaging.expirable(null,null)"},
     .told = "texts: kept for ever\nmessages: kept for ever\n",
     .status = 1,
     .dry_run = true},
};

static void test_expire(void **state)
{
    const struct keeping_row *row = *state;
    struct fake_clock time = {0};
    struct fake_database fake = {.answers = row->answers, .clock = &time};
    const struct clock clock = fake_clock(&time);
    struct service service = {
        .settings = &row->settings, .clock = &clock, .database = fake_database(&fake)};
    const char *const values[VERB_OPTIONS_MAX] = {row->dry_run ? "" : NULL};
    int kept = dup(STDOUT_FILENO), file = memfd_create("out", MFD_CLOEXEC);
    int64_t begun = clock.monotonic_ms(clock.self);
    struct arena arena;
    char out[512];

    arena_init(&arena, 1 << 20);
    fflush(stdout);
    assert_true(dup2(file, STDOUT_FILENO) >= 0);
    int status = keeping_verb.run(&service, &arena, values);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    ssize_t n = pread(file, out, sizeof(out) - 1, 0);
    assert_true(n >= 0);
    out[n] = '\0';
    close(kept);
    close(file);
    assert_string_equal(out, row->told);
    assert_int_equal(status, row->status);
    assert_int_equal(clock.monotonic_ms(clock.self) - begun, row->ms);
    fake_record_expect(&fake.record, row->asked);
    fake_record_release(&fake.record);
    arena_release(&arena);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    size_t n = 0;

    ADD_ROWS(tests, n, rows, test_expire);
    return cmocka_run_group_tests_name("keeping", tests, NULL, NULL);
}
