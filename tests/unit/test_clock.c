/* Time and chance. */

#include <signal.h>
#include <sys/time.h>

#include "fake_clock.h"
#include "fake_record.h"
#include "unit.h"

/** A clock that stands at some millisecond, with random bytes 0, 1, 2, ... or all alike. */
struct stopped {
    int64_t epoch_ms;
    int byte; /* -1: counting */
    bool none;
};

static int64_t stopped_epoch_ms(void *self)
{
    return ((struct stopped *)self)->epoch_ms;
}

static bool stopped_random(void *self, void *to, size_t n)
{
    const struct stopped *stopped = self;
    unsigned char *bytes = to;

    for (size_t i = 0; i < n && !stopped->none; i++)
        bytes[i] = (unsigned char)(stopped->byte < 0 ? (int)i : stopped->byte);
    return !stopped->none;
}

static const struct stamp_row {
    const char *label;
    int64_t epoch_ms;
    const char *want;
} stamps[] = {
    {"the beginning", 0, "1970-01-01T00:00:00.000Z"},
    {"milliseconds have three digits", 7, "1970-01-01T00:00:00.007Z"},
    {"a leap day", 1709251199999, "2024-02-29T23:59:59.999Z"},
    {"now", FAKE_EPOCH_MS, FAKE_STAMP},
    {"after 2038", 2147483648000, "2038-01-19T03:14:08.000Z"},
    {"the last that fits into four digits", 253402300799999, "9999-12-31T23:59:59.999Z"},
};

static void stamp(void **state)
{
    const struct stamp_row *row = *state;
    struct stopped stopped = {.epoch_ms = row->epoch_ms};
    const struct clock clock = {.self = &stopped, .epoch_ms = stopped_epoch_ms};
    char got[32];

    clock_stamp(&clock, got);
    assert_string_equal(got, row->want);
}

static const struct uuid_row {
    const char *label;
    struct stopped stopped;
    bool random;
    const char *want;
} uuids[] = {
    {"version and variant stand over the dice; the time of RFC 9562's appendix A.6",
     {.epoch_ms = 0x017F22E279B0, .byte = -1},
     true,
     "017f22e2-79b0-7001-8203-040506070809"},
    {"all bits set",
     {.epoch_ms = 0xFFFFFFFFFFFF, .byte = 255},
     true,
     "ffffffff-ffff-7fff-bfff-ffffffffffff"},
    {"no bit set", {.byte = 0}, true, "00000000-0000-7000-8000-000000000000"},
    {"without randomness it is told",
     {.epoch_ms = FAKE_EPOCH_MS, .none = true},
     false,
     "019b796d-d600-7000-8000-000000000000"},
};

static void uuid(void **state)
{
    const struct uuid_row *row = *state;
    struct stopped stopped = row->stopped;
    const struct clock clock = {
        .self = &stopped, .epoch_ms = stopped_epoch_ms, .random = stopped_random};
    char got[37];

    assert_int_equal(clock_uuid(&clock, got), row->random);
    assert_string_equal(got, row->want);
    assert_true(text_is_uuid(text_of(got)));
}

static void the_system_tells_the_time(void **state)
{
    const struct clock *clock = &clock_system;
    struct timeval now;

    (void)state;
    gettimeofday(&now, NULL);
    int64_t before = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
    int64_t got = clock->epoch_ms(clock->self);
    assert_true(got >= before && got < before + 5000);
}

static void ignore(int number)
{
    (void)number;
}

static void sleeping_takes_its_time_whatever_comes(void **state)
{
    const struct clock *clock = &clock_system;
    const struct itimerval soon = {.it_interval = {.tv_usec = 5000}, .it_value = {.tv_usec = 5000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    const struct sigaction action = {.sa_handler = ignore};

    (void)state;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    int64_t start = clock->monotonic_ms(clock->self);
    clock->sleep_ms(clock->self, 40);
    int64_t took = clock->monotonic_ms(clock->self) - start;
    setitimer(ITIMER_REAL, &never, NULL);
    assert_true(took >= 40 && took < 5000);
}

static void the_dice_differ(void **state)
{
    char one[37], other[37];

    (void)state;
    assert_true(clock_uuid(&clock_system, one));
    assert_true(clock_uuid(&clock_system, other));
    assert_string_not_equal(one, other);
}

int main(void)
{
    struct CMUnitTest tests[16] = {
        {.name = "the system tells the time", .test_func = the_system_tells_the_time},
        {.name = "sleeping takes its time, whatever comes",
         .test_func = sleeping_takes_its_time_whatever_comes},
        {.name = "the dice differ", .test_func = the_dice_differ},
    };
    size_t n = 3;

    ADD_ROWS(tests, n, stamps, stamp);
    ADD_ROWS(tests, n, uuids, uuid);
    return _cmocka_run_group_tests("clock", tests, n, NULL, NULL);
}
