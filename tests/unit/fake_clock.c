#include "fake_clock.h"

#include "unit.h"

static int64_t epoch_ms(void *self)
{
    return FAKE_EPOCH_MS + ((struct fake_clock *)self)->passed_ms;
}

static int64_t monotonic_ms(void *self)
{
    return 1000000 + ((struct fake_clock *)self)->passed_ms;
}

static void sleep_ms(void *self, int64_t ms)
{
    struct fake_clock *fake = self;

    assert_true(ms >= 0);
    assert_true(fake->n_slept < ARRAY_LEN(fake->slept));
    fake->slept[fake->n_slept++] = ms;
    fake->passed_ms += ms;
}

static bool random_bytes(void *self, void *to, size_t n)
{
    const struct fake_clock *fake = self;
    unsigned char *bytes = to;

    if (fake->no_random)
        return false;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(fake->dice >> (i % 4 * 8));
    return true;
}

struct clock fake_clock(struct fake_clock *fake)
{
    return (struct clock){fake, epoch_ms, monotonic_ms, sleep_ms, random_bytes};
}
