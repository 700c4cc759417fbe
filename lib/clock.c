#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_epoch_ms(void *self)
{
    (void)self;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(void *self)
{
    (void)self;
    return read_ms(CLOCK_MONOTONIC);
}

static void system_sleep_ms(void *self, int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)self;
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

static bool system_random(void *self, void *to, size_t n)
{
    (void)self;
    return getrandom(to, n, 0) == (ssize_t)n;
}

const struct clock clock_system = {NULL, system_epoch_ms, system_monotonic_ms, system_sleep_ms,
                                   system_random};

void clock_stamp(const struct clock *clock, char ret_stamp[32])
{
    int64_t ms = clock->epoch_ms(clock->self);
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    size_t n = strftime(ret_stamp, 26, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_stamp + n, 32 - n, ".%03dZ", (int)(ms % 1000));
}

bool clock_uuid(const struct clock *clock, char ret_uuid[37])
{
    uint64_t ms = (uint64_t)clock->epoch_ms(clock->self);
    unsigned char b[16] = {0};

    bool random = clock->random(clock->self, b + 6, sizeof(b) - 6);
    for (size_t i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (8 * (5 - i)));
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x70);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    snprintf(ret_uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return random;
}
