/**
 * Delivery events of many threads, recorded together: most of what an event costs the database is
 * its transaction.
 *
 * Half of a process's connections, rounded up, may do so at once. Who finds one free, while others
 * record single events at most, uses it at once; who does not lines up, and the first in the line
 * takes all that wait (RECORDER_TOGETHER_MAX at most), records them by one statement and hands each
 * thread what became of its own. While several are recorded the next ones wait for that: two such
 * statements beside each other, with half of them each, record a quarter less in a second. So they
 * do while one alone is recorded that came right behind several, for 10 ms, as the others are on
 * their way. Another goes beside it only where half as many wait as one takes, as they do when the
 * database is far away, or where it takes so long that it may have died. Each thread goes on when
 * what it brought is committed, or has failed.
 *
 *     if (!recorder_record(service->recorder, &service->database, arena, &event, &recorded,
 * reterr))
 *         ...to the spool with it
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "message_log.h"
#include "service.h"

/** So many events are recorded by one statement at most. */
#define RECORDER_TOGETHER_MAX 32

struct recorder;

/** For a process with so many database connections (at least 1); recorder_close(). NULL: no memory.
 */
must_check struct recorder *recorder_open(const struct clock *clock, size_t connections);

/** No event may be under way. NULL is fine. */
void recorder_close(struct recorder *recorder);

/**
 * message_log_record(), together with events of other threads where some wait. What is in the way
 * of one, or wrong with it, harms no other: those that cannot be recorded together are recorded one
 * by one, each by its own thread. Where the database is away, all that were to be recorded together
 * fail with that. What is replayed goes alone; everything does where `recorder` is NULL.
 */
must_check bool recorder_record(struct recorder *recorder, const struct database *database,
                                struct arena *arena, const struct message_log_event *event,
                                struct message_log_recorded *ret_recorded, struct fault *reterr);

/** A recorder for all threads of a FastCGI process; none for a process that serves one request. */
extern const struct service_part recorder_part;

#endif
