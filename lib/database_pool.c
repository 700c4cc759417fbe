#include "database_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "database.h"
#include "database_connection.h"

/* So many threads wait for each place of those that are for patient statements. */
#define PATIENT_PER_PLACE 4

/** A thread that waits for a place. */
struct waiter {
    TAILQ_ENTRY(waiter) others;
    enum database_entrance entrance;
    pthread_cond_t come_in;
    bool has_place;
};

struct database_pool {
    size_t size;
    pthread_mutex_t lock;
    TAILQ_HEAD(waiters, waiter) queue; /* who came first is first */
    size_t n_out, n_idle;
    size_t n_patient, n_waiting; /* of those out, and threads that wait to be */
    struct pg_conn *idle[DATABASE_POOL_MAX];
};

static size_t patient_places(const struct database_pool *pool)
{
    return pool->size / 2;
}

/** May a place be taken now? */
static bool is_open(const struct database_pool *pool, enum database_entrance entrance)
{
    size_t kept_free = entrance == DATABASE_ENTRANCE_SPARE ? 1 : 0;

    return pool->n_out + kept_free < pool->size &&
           (entrance != DATABASE_ENTRANCE_PATIENT || pool->n_patient < patient_places(pool));
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    ms += until.tv_nsec / 1000000;
    return (struct timespec){until.tv_sec + ms / 1000,
                             until.tv_nsec % 1000000 + ms % 1000 * 1000000};
}

static void enter(struct database_pool *pool, enum database_entrance entrance)
{
    pool->n_out++;
    pool->n_patient += entrance == DATABASE_ENTRANCE_PATIENT;
}

/** Wait for a place, which whoever gives one back hands over; the pool's lock is held. */
static bool queue_up(struct database_pool *pool, enum database_entrance entrance, int wait_ms)
{
    bool patient = entrance == DATABASE_ENTRANCE_PATIENT, in_time = wait_ms > 0;
    struct waiter waiter = {.entrance = entrance, .come_in = PTHREAD_COND_INITIALIZER};
    const struct timespec until = after_ms(wait_ms);

    if (patient && pool->n_waiting >= PATIENT_PER_PLACE * patient_places(pool))
        return false;
    pool->n_waiting += patient;
    TAILQ_INSERT_TAIL(&pool->queue, &waiter, others);
    while (!waiter.has_place && in_time)
        in_time =
            pthread_cond_clockwait(&waiter.come_in, &pool->lock, CLOCK_MONOTONIC, &until) == 0;
    if (!waiter.has_place)
        TAILQ_REMOVE(&pool->queue, &waiter, others);
    pool->n_waiting -= patient;
    pthread_cond_destroy(&waiter.come_in);
    return waiter.has_place;
}

bool database_pool_take(struct database_pool *pool, enum database_entrance entrance, int wait_ms,
                        struct pg_conn **ret_idle, struct fault *reterr)
{
    enum fault_kind closed =
        entrance == DATABASE_ENTRANCE_PATIENT ? FAULT_DATABASE_BUSY : FAULT_DATABASE_UNAVAILABLE;

    pthread_mutex_lock(&pool->lock);
    bool place = is_open(pool, entrance);
    if (place)
        enter(pool, entrance);
    else
        place = queue_up(pool, entrance, wait_ms);
    if (place)
        *ret_idle = pool->n_idle ? pool->idle[--pool->n_idle] : NULL;
    pthread_mutex_unlock(&pool->lock);
    return place || database_unavailable(reterr, closed, "no database connection", "all are busy");
}

/** The first of those that wait and may come in now has a place. */
static void admit_next(struct database_pool *pool)
{
    struct waiter *waiter = TAILQ_FIRST(&pool->queue);

    while (waiter && !is_open(pool, waiter->entrance))
        waiter = TAILQ_NEXT(waiter, others);
    if (!waiter)
        return;
    TAILQ_REMOVE(&pool->queue, waiter, others);
    enter(pool, waiter->entrance);
    waiter->has_place = true;
    pthread_cond_signal(&waiter->come_in);
}

void database_pool_give(struct database_pool *pool, enum database_entrance entrance,
                        struct pg_conn *conn)
{
    bool good = conn && database_connection_is_good(conn);

    pthread_mutex_lock(&pool->lock);
    pool->n_out--;
    pool->n_patient -= entrance == DATABASE_ENTRANCE_PATIENT;
    if (good)
        pool->idle[pool->n_idle++] = conn;
    admit_next(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!good)
        database_connection_close(conn);
}

struct database_pool *database_pool_new(size_t size)
{
    struct database_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pool->size = size < DATABASE_POOL_MAX ? size : DATABASE_POOL_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    TAILQ_INIT(&pool->queue);
    return pool;
}

void database_pool_free(struct database_pool *pool)
{
    if (!pool)
        return;
    while (pool->n_idle)
        database_connection_close(pool->idle[--pool->n_idle]);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
