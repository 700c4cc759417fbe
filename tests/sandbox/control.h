/**
 * For tests, without credentials: the sandbox serves loopback only by default.
 *
 *   GET  /sandbox/messages              each message taken, oldest first, a Message resource per
 * line, with status_callback and callbacks_made besides GET  /sandbox/requests?since=MS     counts
 * of requests and callbacks since that time (Unix, ms) POST /sandbox/reset                 forgets
 * messages, counts and callbacks to come; options as started POST /sandbox/config                a
 * form of options by their names; all are taken or none POST /sandbox/sink?status=N&delay_ms=N
 * answers N (200 if absent): a place to send callbacks to
 */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

struct exchange;

void control_handle(struct exchange *exchange);

#endif
