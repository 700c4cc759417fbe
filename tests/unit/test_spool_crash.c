/* Many processes at one spool, and processes that are killed at any moment. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_spool.h"
#include "unit.h"

#define WRITERS 4
#define READERS 4
#define EVENTS  150

/** A counter for each event: how often was it handled? */
static unsigned char *handled;

static void put_many(int writer)
{
    struct fault fault;
    char content[300];

    for (int i = 0; i < EVENTS; i++) {
        int n = snprintf(content, sizeof(content), "%d %0200d end", writer * EVENTS + i, i);
        if (!spool_put(&fake_spool, SPOOL_EVENT, (struct text){content, (size_t)n}, &fault))
            _exit(1);
    }
}

/** Count one claim; false where its content is not whole. */
static bool count_claim(const struct spool_claim *claim)
{
    size_t n = claim->content.n;
    long event = n ? strtol(claim->content.s, NULL, 10) : -1;

    if (n < 200 || memcmp(claim->content.s + n - 4, " end", 4) != 0)
        return false;
    __atomic_fetch_add(&handled[event], 1, __ATOMIC_SEQ_CST);
    return true;
}

static void take_many(const int *writing)
{
    struct spool_claim claim;
    struct spool_walk walk;

    for (bool more = true; more;) {
        more = __atomic_load_n(writing, __ATOMIC_SEQ_CST) > 0;
        (void)!fake_spool_look(8, &walk);
        while (walk.n && spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim)) {
            if (!count_claim(&claim))
                _exit(1);
            spool_end(&fake_spool, &claim, SPOOL_DONE);
            arena_clear(&fake_spool_arena);
            more = true;
        }
        if (walk.error)
            _exit(2);
        spool_finish(&walk);
    }
}

static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

static void many_processes_lose_and_double_nothing(void **state)
{
    pid_t pids[WRITERS + READERS];
    int status, *writing = shared(sizeof(int));

    (void)state;
    handled = shared(WRITERS * EVENTS);
    *writing = WRITERS;
    for (int i = 0; i < WRITERS + READERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0 && i < WRITERS) {
            put_many(i);
            __atomic_fetch_sub(writing, 1, __ATOMIC_SEQ_CST);
            _exit(0);
        } else if (pids[i] == 0) {
            take_many(writing);
            _exit(0);
        }
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < WRITERS * EVENTS; i++)
        if (handled[i] != 1)
            fail_msg("event %d was handled %d times", i, handled[i]);
    fake_spool_expect(0, 0, 0);
    munmap(handled, WRITERS * EVENTS);
    munmap(writing, sizeof(int));
}

#define KILLS  60
#define STORED 60

/** What the victim was promised: puts that returned true, and ends that it began. */
struct promise {
    int stored[10000], n_stored, next, total;
    unsigned char ended[10000];
};

static void live_until_killed(struct promise *promise)
{
    struct spool_claim claim;
    struct spool_walk walk;
    struct fault fault;
    char content[300];

    for (;;) {
        int i = promise->next++;
        int n = snprintf(content, sizeof(content), "%d %0200d end", i, i);
        if (!spool_put(&fake_spool, SPOOL_EVENT, (struct text){content, (size_t)n}, &fault))
            _exit(1);
        promise->stored[promise->n_stored] = i;
        /* Only then: death may come in between. */
        __atomic_store_n(&promise->n_stored, promise->n_stored + 1, __ATOMIC_SEQ_CST);
        promise->total++;
        if (i % 2 == 0)
            continue;
        (void)!fake_spool_look(1, &walk);
        while (walk.n && spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim)) {
            promise->ended[strtol(claim.content.s, NULL, 10)] = 1;
            spool_end(&fake_spool, &claim, SPOOL_DONE);
        }
        spool_finish(&walk);
        arena_clear(&fake_spool_arena);
    }
}

static void check_promise(struct promise *promise)
{
    struct spool_claim claim;

    fake_spool_moved_s = SPOOL_CLAIM_SECONDS + 60; /* whoever held a claim is dead */
    memset(handled, 0, 10000);
    while (fake_spool_take(&claim)) {
        if (!count_claim(&claim))
            fail_msg("'%s' was taken and is not whole", claim.name);
        spool_end(&fake_spool, &claim, SPOOL_DONE);
        arena_clear(&fake_spool_arena);
    }
    for (int i = 0; i < promise->n_stored; i++)
        if (!handled[promise->stored[i]] && !promise->ended[promise->stored[i]])
            fail_msg("event %d was stored and is lost", promise->stored[i]);
    assert_int_equal(fake_spool_entries(fake_spool_dir), 1); /* claimed/: no draft is left */
    assert_int_equal(fake_spool_entries(fake_spool_path("claimed")), 0);
    promise->n_stored = 0;
    fake_spool_moved_s = 0;
}

static void killed_at_any_moment_the_promise_is_kept(void **state)
{
    struct promise *promise = shared(sizeof(*promise));
    unsigned seed = 1;
    int status;

    (void)state;
    handled = shared(10000);
    fake_spool_put("0 warm up, and never counted");
    struct spool_claim claim;
    assert_true(fake_spool_take(&claim));
    spool_end(&fake_spool, &claim, SPOOL_DONE);
    /* On a busy machine some live too short a time to store anything. */
    for (int i = 0; i < KILLS || (promise->total < STORED && i < 10 * KILLS); i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            live_until_killed(promise);
        usleep(500 + (useconds_t)(rand_r(&seed) % 25000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        if (i % 6 == 5)
            check_promise(promise);
    }
    check_promise(promise);
    assert_true(promise->total >= STORED);
    munmap(promise, sizeof(*promise));
    munmap(handled, 10000);
}

static void make_and_put(void)
{
    struct fault fault;

    if (!spool_put(&fake_spool, SPOOL_EVENT, TEXT("first"), &fault))
        _exit(1);
}

static void many_processes_may_make_the_directory(void **state)
{
    enum { PROCESSES = 8, ROUNDS = 10 };
    int status;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PROCESSES; i++) {
            pid_t pid = fork();
            assert_true(pid >= 0);
            if (pid == 0) {
                make_and_put();
                _exit(0);
            }
        }
        for (int i = 0; i < PROCESSES; i++) {
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        fake_spool_expect(PROCESSES, 0, 0);
        fake_spool_remove();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPOOL("many processes lose and double nothing", many_processes_lose_and_double_nothing),
        IN_SPOOL("killed at any moment, the promise is kept",
                 killed_at_any_moment_the_promise_is_kept),
        IN_SPOOL("many processes may make the directory", many_processes_may_make_the_directory),
    };

    return cmocka_run_group_tests_name("spool_crash", tests, NULL, NULL);
}
