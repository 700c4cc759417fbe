/**
 * One HTTP request and its answer, whichever way the web server hands them over.
 *
 * RFC 3875 (CGI 1.1): variables by name, the body on standard input, the answer on standard output.
 * A handler never sees the difference to FastCGI: both are a struct cgi_connection.
 */
#ifndef CGI_H
#define CGI_H

#include "arena.h"
#include "clock.h"
#include "fault.h"

/** A longer body is refused with 413. */
#define CGI_BODY_MAX 65536

/** Where a request comes from and its answer goes to. */
struct cgi_connection {
    void *self;
    const char *(*variable)(void *self, const char *name); /* NULL: not there */
    const char *(*each)(void *self, size_t i);       /* the i-th as "NAME=value"; NULL: no more */
    ssize_t (*read)(void *self, char *to, size_t n); /* 0: end, -1: broken */
    void (*end_body)(void *self); /* all of it was read, and nothing else is wanted; FastCGI only */
    bool (*write)(void *self, const char *from, size_t n); /* all of it or false */
    void (*finish)(void *self);     /* the answer is complete: the web server need not wait */
    void (*step_aside)(void *self); /* somebody else is waited for; FastCGI only */
    bool finish_ends_log;           /* nor is there anybody from then on who hears standard error */
};

/** The connection of a plain CGI process: its environment and descriptors 0 and 1. */
extern const struct cgi_connection cgi_plain;

/** Everything lives in the arena. Header fields that are not there are empty. */
struct cgi_request {
    struct text method, query, content_type, content_encoding, remote_addr;
    struct text authorization, apikey, origin, idempotency_key;
    struct text twilio_signature, twilio_signature_settings;
    struct text listener; /* TWILIO_CGI_LISTENER: what the web server says of its own, "public" */
    struct text asked_headers; /* Access-Control-Request-Headers */
    struct text body;
    const struct cgi_connection *connection;
    char id[129]; /* X-Request-Id: the caller's where it is sane, else a new UUID */
};

#define CGI_HEADERS_MAX 24

struct cgi_header {
    const char *name;
    struct text value;
};

/** An answer, built in memory and written once. Zero-initialise. */
struct cgi_response {
    int status;
    struct text body;
    struct cgi_header headers[CGI_HEADERS_MAX];
    size_t n_headers;

    struct text log_id, log_sid, log_to, log_event; /* what the log line tells of it */
    const char *log_note;
};

/**
 * Read a whole request: the variables, then the body to its end.
 *
 * The body is read before anything can be answered, since fcgiwrap turns an earlier answer into a
 * 502; one that is too large is read and thrown away up to a bound. *ret_request is filled as far
 * as it is known even on failure, so that the refusal can carry the caller's request id. Fails with
 * FAULT_BODY_TOO_LARGE, with FAULT_INVALID_JSON for a CONTENT_LENGTH that is no number or is more
 * than what came, FAULT_NO_MEMORY for want of memory.
 */
must_check bool cgi_read(const struct cgi_connection *connection, struct arena *arena,
                         const struct clock *clock, struct cgi_request *ret_request,
                         struct fault *reterr);

/** Add a header field; one whose value has a control character is left out. The value must live as
 * long as the response. */
void cgi_header(struct cgi_response *response, const char *name, struct text value);

/** The same by printf; up to 255 bytes, in the arena. */
void cgi_headerf(struct cgi_response *response, struct arena *arena, const char *name,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/** What the log line says besides; up to 255 bytes, by printf, in the arena. */
void cgi_note(struct cgi_response *response, struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * CORS for this answer (https://fetch.spec.whatwg.org/#http-cors-protocol): `allowed` is "*" or a
 * list of origins separated by commas. A preflight (OPTIONS) also gets methods, headers and
 * max-age.
 */
void cgi_cors(struct cgi_response *response, struct arena *arena, const struct cgi_request *request,
              struct text allowed);

/** Make the response the JSON form of a fault, with the header fields that belong to it. */
void cgi_fault(struct cgi_response *response, struct arena *arena, const struct fault *fault);

/** Write the answer: Status first, CRLF, one write. False when the peer has gone. */
bool cgi_write(const struct cgi_connection *connection, struct arena *arena,
               const struct cgi_request *request, const struct cgi_response *response);

/** A media type without its parameters: "Application/JSON; charset=utf-8" is "application/json". */
bool cgi_is_type(struct text content_type, struct text wanted);

/** The value of a parameter of a query string, not decoded; empty where there is none. */
struct text cgi_query(struct text query, struct text name);

#endif
