/**
 * TLS for both sides: serving https (--tls-cert, --tls-key) and calling back to https addresses.
 */
#ifndef SANDBOX_TLS_H
#define SANDBOX_TLS_H

#include <stdbool.h>

struct bufferevent;
struct event_base;
struct options;
struct ssl_ctx_st;

struct tls {
    struct ssl_ctx_st *server; /* NULL: plain http */
    struct ssl_ctx_st *client;
};

/* Says on stderr what is wrong with the files. */
bool tls_init(struct tls *tls, const struct options *options);

/* For evhttp_set_bevcb: a stream that expects a client's handshake. argument: struct tls. */
struct bufferevent *tls_accept_stream(struct event_base *base, void *argument);

/* A stream that begins a handshake with that host when it is connected. */
struct bufferevent *tls_connect_stream(struct tls *tls, struct event_base *base, const char *host,
                                       bool verify);

void tls_release(struct tls *tls);

#endif
