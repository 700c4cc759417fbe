/**
 * A callback address as Twilio reads it.
 *
 * The part after # is not sent and not signed: it holds connection overrides such as rc=5&rp=all.
 * User information is not signed either; it is sent as basic authentication after a 401.
 * Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
 */
#ifndef SANDBOX_URL_H
#define SANDBOX_URL_H

#include <stdbool.h>
#include <stddef.h>

enum url_retry {
    URL_RETRY_CONNECT = 1, /* ct: no connection or no TLS session */
    URL_RETRY_READ = 2,    /* rt: no answer, or not all of it, in time */
    URL_RETRY_4XX = 4,
    URL_RETRY_5XX = 8,
};

struct url {
    bool https;
    int port;
    char *host;      /* without the brackets of an IPv6 address */
    char *authority; /* host and port as they stand in the address: the Host header */
    char *userinfo;  /* NULL: none */
    char *target;    /* path and query, verbatim */
    char *to_sign;   /* everything but user information and fragment */
    unsigned retry_on;
    long retries, connect_ms, read_ms, total_ms;
};

/* False: not an address that Twilio would call (error 21609): http or https, a host of letters,
 * digits, dots and hyphens (no underscore) or an IPv6 address. Release with url_release. */
bool url_parse(struct url *url, const char *text);

/* The same check without the result; for media addresses. */
bool url_is_http(const char *text);

void url_release(struct url *url);

#endif
