#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

/* Where so many wait, one more may lead while another records several. */
#define ENOUGH (RECORDER_TOGETHER_MAX / 2)

/* Who is first in the line and has waited so long does not wait for what is under way any more: its
 * connection may have died. */
#define STUCK_MS 100

/* Who comes so soon behind several is one of many: the others are on their way. */
#define SOON_MS 10

/* Who has waited so long when the database turns out to be away, is told so too. */
#define PATIENCE_MS 1000

enum role {
    ROLE_LEADER, /* take what waits, and record it */
    ROLE_ALONE,  /* record it by itself */
    ROLE_DONE,
};

/** A thread's event, on its stack. While it waits its arena is the leader's to write to. */
struct waiting {
    struct waiting *next;
    struct message_log_entry entry;
    struct arena *arena;
    int64_t since_ms;
    sem_t told;
    enum role role; /* from here on: once it has been told */
    bool good;
    struct fault fault; /* not good */
};

struct recorder {
    const struct clock *clock;
    size_t leaders_max;
    pthread_mutex_t lock;
    size_t n_leaders, n_batches; /* who records, and who of them several */
    bool several;                /* the statement that ended last recorded several, */
    int64_t ended_ms;            /* and ended then */
    struct waiting *first, **end;
    size_t n_waiting;
    bool appointed; /* the first of those that wait is to lead, and on its way */
};

struct recorder *recorder_open(const struct clock *clock, size_t connections)
{
    struct recorder *recorder = calloc(1, sizeof(*recorder));

    if (!recorder)
        return NULL;
    *recorder = (struct recorder){
        .clock = clock, .leaders_max = (connections + 1) / 2, .end = &recorder->first};
    pthread_mutex_init(&recorder->lock, NULL);
    return recorder;
}

void recorder_close(struct recorder *recorder)
{
    if (!recorder)
        return;
    pthread_mutex_destroy(&recorder->lock);
    free(recorder);
}

static int64_t now_ms(const struct recorder *recorder)
{
    return recorder->clock->monotonic_ms(recorder->clock->self);
}

/** It goes on from here, and may be gone when this returns. */
static void tell(struct waiting *waiting, enum role role)
{
    waiting->role = role;
    sem_post(&waiting->told);
}

/** Has it been told, now or within `wait_ms` (below 1,000)? A clock that is set back only makes it
 * wait longer. */
static bool is_told(struct waiting *mine, int wait_ms)
{
    struct timespec until;
    int result;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += wait_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while ((result = sem_timedwait(&mine->told, &until)) != 0 && errno == EINTR)
        ;
    return result == 0;
}

/** The lock is held. */
static struct waiting *take_first(struct recorder *recorder)
{
    struct waiting *first = recorder->first;

    recorder->n_waiting--;
    recorder->first = first->next;
    if (!recorder->first)
        recorder->end = &recorder->first;
    return first;
}

static bool is_stuck(const struct recorder *recorder)
{
    return recorder->first && now_ms(recorder) - recorder->first->since_ms >= STUCK_MS;
}

/** Did several end just now? Then one alone is the first of many. The lock is held. */
static bool is_soon_behind_several(const struct recorder *recorder)
{
    return recorder->several && now_ms(recorder) - recorder->ended_ms < SOON_MS;
}

/** May one more lead? The lock is held. */
static bool has_room(const struct recorder *recorder)
{
    if (recorder->n_leaders == 0)
        return true;
    return recorder->n_leaders < recorder->leaders_max &&
           ((recorder->n_batches == 0 && !is_soon_behind_several(recorder)) ||
            recorder->n_waiting >= ENOUGH || is_stuck(recorder));
}

/** The first in the line leads, if there is room. The lock is held. */
static void appoint_leader(struct recorder *recorder)
{
    if (!recorder->first || recorder->appointed || !has_room(recorder))
        return;
    recorder->n_leaders++;
    recorder->appointed = true;
    tell(recorder->first, ROLE_LEADER);
}

static enum role await(struct recorder *recorder, struct waiting *mine)
{
    int wait_ms = SOON_MS; /* first it may have been sent here for no longer than that */

    while (!is_told(mine, wait_ms)) {
        pthread_mutex_lock(&recorder->lock);
        appoint_leader(recorder);
        pthread_mutex_unlock(&recorder->lock);
        wait_ms = STUCK_MS;
    }
    return mine->role;
}

/** Begin to wait; false where nobody does, and it is the caller who leads. */
static bool line_up(struct recorder *recorder, struct waiting *mine)
{
    pthread_mutex_lock(&recorder->lock);
    bool waits = recorder->first || !has_room(recorder);
    if (waits) {
        *recorder->end = mine;
        recorder->end = &mine->next;
        recorder->n_waiting++;
        appoint_leader(recorder);
    } else {
        recorder->n_leaders++;
    }
    pthread_mutex_unlock(&recorder->lock);
    return waits;
}

/** What waits; the first is the caller's own. */
static size_t take_waiting(struct recorder *recorder, struct waiting *taken[RECORDER_TOGETHER_MAX])
{
    size_t n = 0;

    pthread_mutex_lock(&recorder->lock);
    while (recorder->first && n < RECORDER_TOGETHER_MAX)
        taken[n++] = take_first(recorder);
    recorder->n_batches += n > 1;
    recorder->appointed = false;
    appoint_leader(recorder);
    pthread_mutex_unlock(&recorder->lock);
    return n;
}

/**
 * Who recorded so many leaves room for the next. Where the database is away those are told that
 * waited for it long enough.
 */
static void step_down(struct recorder *recorder, size_t n, const struct fault *away)
{
    struct waiting *first = NULL, **end = &first;

    pthread_mutex_lock(&recorder->lock);
    recorder->n_leaders--;
    recorder->n_batches -= n > 1;
    recorder->several = n > 1;
    recorder->ended_ms = now_ms(recorder);
    while (away && !recorder->appointed && recorder->first &&
           now_ms(recorder) - recorder->first->since_ms >= PATIENCE_MS) {
        *end = take_first(recorder);
        end = &(*end)->next;
    }
    *end = NULL;
    appoint_leader(recorder);
    pthread_mutex_unlock(&recorder->lock);
    while (away && first) {
        struct waiting *waiting = first;
        first = first->next;
        waiting->fault = *away;
        tell(waiting, ROLE_DONE);
    }
}

static bool copy_recorded(struct arena *arena, struct message_log_recorded *recorded,
                          struct fault *reterr)
{
    return (arena_copy(arena, recorded->id, &recorded->id) &&
            arena_copy(arena, recorded->external_id, &recorded->external_id) &&
            arena_copy(arena, recorded->status, &recorded->status)) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the result");
}

static void record_alone(const struct database *database, struct waiting *mine)
{
    mine->good = message_log_record(database, mine->arena, mine->entry.event, &mine->entry.recorded,
                                    &mine->fault);
}

/** Record all of them by one statement, in the first one's memory; false: all have its fault. */
static bool record_together(const struct database *database, struct waiting *const *taken, size_t n)
{
    struct message_log_entry *entries[RECORDER_TOGETHER_MAX] = {NULL};
    struct fault away;

    for (size_t i = 0; i < n; i++)
        entries[i] = &taken[i]->entry;
    bool good = message_log_record_all(database, taken[0]->arena, entries, n, &away);
    for (size_t i = 0; i < n; i++) {
        struct waiting *each = taken[i];
        each->entry.left = each->entry.left && good;
        each->good = good;
        if (!good)
            each->fault = away;
        else if (!each->entry.left)
            each->good = copy_recorded(each->arena, &each->entry.recorded, &each->fault);
    }
    return good;
}

/** Of a fault that is one event's own nobody else hears. */
static const struct fault *if_away(const struct waiting *waiting)
{
    return waiting->fault.kind == FAULT_DATABASE_UNAVAILABLE ? &waiting->fault : NULL;
}

/** Record what is taken: the next leader goes on at once, then the others hear of it. */
static void lead(struct recorder *recorder, const struct database *database,
                 struct waiting *const *taken, size_t n)
{
    struct waiting *mine = taken[0];
    bool good = record_together(database, taken, n);

    step_down(recorder, n, good ? NULL : if_away(mine));
    for (size_t i = 1; i < n; i++)
        tell(taken[i], taken[i]->entry.left ? ROLE_ALONE : ROLE_DONE);
    if (mine->entry.left)
        record_alone(database, mine);
}

static void record_with_others(struct recorder *recorder, const struct database *database,
                               struct waiting *mine)
{
    struct waiting *taken[RECORDER_TOGETHER_MAX] = {mine};

    if (!line_up(recorder, mine)) {
        lead(recorder, database, taken, 1);
        return;
    }
    switch (await(recorder, mine)) {
    case ROLE_LEADER:
        lead(recorder, database, taken, take_waiting(recorder, taken));
        break;
    case ROLE_ALONE:
        record_alone(database, mine);
        break;
    case ROLE_DONE:
        break;
    }
}

bool recorder_record(struct recorder *recorder, const struct database *database,
                     struct arena *arena, const struct message_log_event *event,
                     struct message_log_recorded *ret_recorded, struct fault *reterr)
{
    struct waiting mine;

    if (!recorder || event->replayed)
        return message_log_record(database, arena, event, ret_recorded, reterr);
    mine = (struct waiting){.entry.event = event, .arena = arena, .since_ms = now_ms(recorder)};
    sem_init(&mine.told, 0, 0);
    record_with_others(recorder, database, &mine);
    sem_destroy(&mine.told);
    if (mine.good)
        *ret_recorded = mine.entry.recorded;
    else if (reterr)
        *reterr = mine.fault;
    return mine.good;
}

static bool open_part(struct service *service, struct fault *reterr)
{
    if (!service->connections)
        return true;
    service->recorder = recorder_open(service->clock, service->connections);
    return service->recorder || fault_set(reterr, FAULT_NO_MEMORY, "no memory for the recorder");
}

static void close_part(struct service *service)
{
    recorder_close(service->recorder);
    service->recorder = NULL;
}

const struct service_part recorder_part = {.open = open_part, .close = close_part};
