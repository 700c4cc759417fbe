/**
 * Status callbacks: what is told of a message, when and in which order.
 * Source: https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
 */
#ifndef SANDBOX_CALLBACKS_H
#define SANDBOX_CALLBACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct behaviour;
struct call;
struct message;
struct plan;
struct sandbox;

struct callbacks {
    TAILQ_HEAD(, plan) plans;
    TAILQ_HEAD(, call) waiting; /* for one of --callback-concurrency places */
    long active;
};

void callbacks_init(struct callbacks *callbacks);

/* Begins a message's callbacks. False: there are none to be made (no address, off). done, if not
 * NULL, is called once when the last has been answered, given up, or forgotten by callbacks_clear.
 */
bool callbacks_begin(struct sandbox *sandbox, struct message *message,
                     const struct behaviour *behaviour, void (*done)(void *), void *argument);

/* Forgets all that is to come and breaks off what is under way. */
void callbacks_clear(struct callbacks *callbacks);

#endif
