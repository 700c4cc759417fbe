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
 * A thread serves one request at a time. Eight wait for the next ones; the others are started when
 * they are wanted, and end when they were not for a minute. At most 32 requests are worked on at
 * once, beside those that have stepped aside (struct cgi_connection) to wait for Twilio: what is
 * more waits in the socket's backlog, where it costs nothing.
 *
 * A request whose body came as it was announced is handled only once the record has come that ends
 * it. When it is answered its connection is closed at once, unless the web server wants to keep it.
 *
 * The exit status: 0, or 1 when there is no libfcgi, or no thread is left that could serve.
 */
int fastcgi_serve(const struct fastcgi_handler *handler, size_t threads);

#endif
