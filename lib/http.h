/**
 * One HTTP exchange with Twilio, and the one thing that matters of a failed one: can the request
 * have been processed? libcurl appears in http.c only.
 */
#ifndef HTTP_H
#define HTTP_H

#include "arena.h"
#include "fault.h"

/** A longer answer is no answer of Twilio's, unless more was asked for. */
#define HTTP_REPLY_MAX (2u << 20)

enum http_outcome {
    HTTP_ANSWERED,  /* a whole answer came, whatever its status */
    HTTP_NOT_SENT,  /* certain: no connection or TLS session came about, or not a byte left */
    HTTP_NO_ANSWER, /* the request, or a part of it, went out, and no whole answer to it came */
};

struct http_request {
    const char *url;
    const char *user, *password; /* basic authentication */
    bool post;                   /* else GET */
    struct text form;            /* the body of a POST, urlencoded */
    int connect_ms, total_ms;    /* deadlines */
    size_t reply_max;            /* bytes of an answer, 0: HTTP_REPLY_MAX */
};

struct http_reply {
    enum http_outcome outcome;
    int status;       /* 0 without an answer */
    int retry_after;  /* seconds, at most six hours; 0: not said */
    struct text body; /* in the arena */
    char error[128];  /* for the log: why there was no answer */
};

/** The seam: perform() never fails, it tells. */
struct http {
    void *self;
    void (*perform)(void *self, struct arena *arena, const struct http_request *request,
                    struct http_reply *ret_reply);
};

struct http_options {
    const char *ca_file, *ca_path; /* one of them, or none: libcurl's own */
    bool plain;                    /* http is allowed: loopback only, see settings */
};

/**
 * A client by libcurl, for as many threads as like. An exchange has a connection to itself, which
 * is kept for the next one: the one used last is used first, so there are as many as were wanted at
 * once, not one of each thread, and what has not been wanted for 50 s is closed by the next
 * exchange or by http_close_idle(). Nothing is initialised before the first exchange.
 *
 * A kept connection on which anything stands before the request is written (an answer to nothing,
 * noise, its end) is left, and an answer that begins before the request is out in whole is none
 * (RFC 9112, 9.2: what comes unasked is no answer). Head and body leave in one piece.
 *
 * https only unless plain, certificates verified, no redirects, no proxies for loopback, replies
 * capped, no signals. A request is never repeated by itself. To a proxy that the environment names
 * (https_proxy) only CONNECT is said, which is no part of a request:
 * https://curl.se/libcurl/c/libcurl-security.html
 */
must_check bool http_open(const struct http_options *options, struct http *ret_http,
                          struct fault *reterr);

/** Close a few of the connections that have not been wanted for 50 s, as every exchange does. Of a
 * client that was not opened: nothing. */
void http_close_idle(struct http *http);

/** Close all. No exchange may be under way. */
void http_close(struct http *http);

#endif
