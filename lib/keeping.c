#include "keeping.h"

#include <stdio.h>

#include "message_log_operation.h"

enum { DRY_RUN };

/* Small batches, and long rests between them: whoever sends meanwhile does not feel it. */
#define BATCH       100
#define REST_FACTOR 9

/* A batch that somebody's lock held up is tried again, so often in a row. */
#define BUSY_PAUSE_MS 1000
#define BUSY_MAX      30

#define PROGRESS_MS 10000

static struct message_log_ages ages_of(const struct settings *settings)
{
    return (struct message_log_ages){settings->keep_texts_days, settings->keep_messages_days};
}

static void print_age(const char *what, int days)
{
    if (days)
        printf("%s: kept for %d day%s\n", what, days, text_plural((uint64_t)days));
    else
        printf("%s: kept for ever\n", what);
}

static int stop(const struct fault *fault)
{
    fprintf(stderr, "stopped: %s\n", fault->detail);
    return VERB_INCOMPLETE;
}

static void print_count(uint64_t n, const char *noun, const char *fate)
{
    printf("%llu%s %s%s %s\n", (unsigned long long)n,
           n >= MESSAGE_LOG_COUNTED_MAX ? " or more" : "", noun, text_plural(n), fate);
}

static int count(const struct service *service, struct arena *arena,
                 const struct message_log_ages *ages)
{
    struct message_log_expirable found;
    struct fault fault = {0};

    if (!message_log_expirable(&service->database, arena, ages, &found, &fault))
        return stop(&fault);
    print_count(found.texts, "message", "would lose the text");
    print_count(found.messages, "message", "would go into the totals by day");
    print_count(found.keys, "idempotency key", "would be dropped");
    print_count(found.events, "event", "of no message would be emptied, or dropped");
    return VERB_DONE;
}

/** One batch, and the rest behind it. */
static bool do_batch(const struct service *service, struct arena *arena,
                     const struct message_log_ages *ages, size_t *ret_touched, struct fault *reterr)
{
    const struct clock *clock = service->clock;

    for (int busy = 0; busy < BUSY_MAX; busy++) {
        int64_t begun = clock->monotonic_ms(clock->self);
        arena_clear(arena);
        if (message_log_expire(&service->database, arena, ages, BATCH, ret_touched, reterr)) {
            int64_t took_ms = clock->monotonic_ms(clock->self) - begun;
            clock->sleep_ms(clock->self, *ret_touched ? REST_FACTOR * took_ms : 0);
            return true;
        }
        if (reterr->kind != FAULT_DATABASE_BUSY)
            return false;
        clock->sleep_ms(clock->self, BUSY_PAUSE_MS);
    }
    return false;
}

static int expire(const struct service *service, struct arena *arena,
                  const struct message_log_ages *ages)
{
    const struct clock *clock = service->clock;
    int64_t told = clock->monotonic_ms(clock->self);
    struct fault fault = {0};
    size_t touched, done = 0;

    while (do_batch(service, arena, ages, &touched, &fault)) {
        if (touched == 0) {
            printf("expired: %zu record%s\n", done, text_plural(done));
            return VERB_DONE;
        }
        done += touched;
        int64_t now = clock->monotonic_ms(clock->self);
        if (now - told >= PROGRESS_MS) {
            printf("%zu so far\n", done);
            fflush(stdout);
            told = now;
        }
    }
    printf("expired: %zu record%s, then it stopped\n", done, text_plural(done));
    return stop(&fault);
}

static int run(struct service *service, struct arena *arena, const char *const *values)
{
    const struct message_log_ages ages = ages_of(service->settings);

    print_age("texts", ages.texts_days);
    print_age("messages", ages.messages_days);
    return values[DRY_RUN] ? count(service, arena, &ages) : expire(service, arena, &ages);
}

const struct verb keeping_verb = {
    .name = "--expire",
    .help = "forget texts and messages that are older than KEEP_TEXTS_DAYS\n"
            "and KEEP_MESSAGES_DAYS say, and idempotency keys of more than 30 days",
    .options = {[DRY_RUN] = {.name = "--dry-run"}},
    .settings = SETTINGS_DATABASE,
    .needs = {&service_database},
    .run = run,
};
