/**
 * Serving FastCGI requests from a listening socket on descriptor 0, as spawn-fcgi, systemd and
 * mod_fcgid hand it over. libfcgi appears in fastcgi.c only.
 *
 * https://fastcgi-archives.github.io/FastCGI_Specification.html
 */
#ifndef FASTCGI_H
#define FASTCGI_H

#include "cgi.h"

#define FASTCGI_THREADS_MAX 512

/** Is descriptor 0 a socket that somebody listens on? */
bool fastcgi_is_listening(void);

/** What a thread does. Each thread has a state of its own, made by open and ended by close. */
struct fastcgi_handler {
    void *payload;
    void *(*open)(void *payload); /* NULL: cannot start */
    void (*serve)(void *state, const struct cgi_connection *connection);
    void (*close)(void *state);
};

/**
 * Serve until SIGTERM or SIGINT, as many requests at once as `threads`; the requests in hand are
 * finished first, and none is accepted that is not served. Other processes on the same socket are
 * not disturbed.
 *
 * There is one thread that waits for the next request, and each one else for a request in hand: the
 * last one to wait starts another before it serves. A thread that nobody has wanted for a minute
 * ends.
 *
 * The exit status: 0, or 1 when there is no libfcgi, or no thread is left that could serve.
 */
int fastcgi_serve(const struct fastcgi_handler *handler, size_t threads);

#endif
