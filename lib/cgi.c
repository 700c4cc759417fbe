#include "cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"

/* How much of a body that is too large is read before it is refused: a web server sends it all. */
#define DRAIN_MAX (8u << 20)

static const char *plain_variable(void *self, const char *name)
{
    (void)self;
    return getenv(name); // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
}

/* Asked for from 0 on, up to the end. */
static const char *plain_each(void *self, size_t i)
{
    (void)self;
    return environ[i];
}

static ssize_t plain_read(void *self, char *to, size_t n)
{
    ssize_t got;

    (void)self;
    do
        got = read(STDIN_FILENO, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool plain_write(void *self, const char *from, size_t n)
{
    (void)self;
    while (n) {
        ssize_t done = write(STDOUT_FILENO, from, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        from += done;
        n -= (size_t)done;
    }
    return true;
}

/* A web server waits until nobody holds its pipes; the descriptors stay taken. */
static void plain_finish(void *self)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)self;
    for (int fd = STDIN_FILENO; nowhere >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(nowhere, fd);
    if (nowhere > STDERR_FILENO)
        close(nowhere);
}

const struct cgi_connection cgi_plain = {.variable = plain_variable,
                                         .each = plain_each,
                                         .read = plain_read,
                                         .write = plain_write,
                                         .finish = plain_finish,
                                         .finish_ends_log = true};

/** Read until `n` bytes or the end; what came. */
static size_t read_up_to(const struct cgi_connection *connection, char *to, size_t n)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = connection->read(connection->self, to + have, n - have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static void drain(const struct cgi_connection *connection, size_t n)
{
    char scrap[8192];

    while (n) {
        size_t want = n < sizeof(scrap) ? n : sizeof(scrap);
        ssize_t got = connection->read(connection->self, scrap, want);
        if (got <= 0)
            return;
        n -= (size_t)got;
    }
}

/** A body without CONTENT_LENGTH: there is one only where it came in chunks. */
static bool read_chunked(const struct cgi_connection *connection, struct arena *arena,
                         struct text *ret_body, struct fault *reterr)
{
    char *body = arena_new(arena, char, CGI_BODY_MAX + 1);

    if (!body)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the body");
    size_t n = read_up_to(connection, body, CGI_BODY_MAX + 1);
    if (n > CGI_BODY_MAX) {
        drain(connection, DRAIN_MAX);
        return fault_set(reterr, FAULT_BODY_TOO_LARGE, "body in chunks is too large");
    }
    *ret_body = (struct text){body, n};
    return true;
}

static bool read_body(const struct cgi_connection *connection, struct arena *arena,
                      struct text length, struct text encoding, struct text *ret_body,
                      struct fault *reterr)
{
    uint64_t n;

    if (length.n == 0)
        return encoding.n == 0 || read_chunked(connection, arena, ret_body, reterr);
    if (!text_number(length, UINT64_MAX, &n))
        return fault_set(reterr, FAULT_INVALID_JSON, "cannot parse 'CONTENT_LENGTH'");
    if (n > CGI_BODY_MAX) {
        drain(connection, n < DRAIN_MAX ? (size_t)n : DRAIN_MAX);
        return fault_set(reterr, FAULT_BODY_TOO_LARGE, "body has %llu bytes",
                         (unsigned long long)n);
    }
    char *body = arena_new(arena, char, (size_t)n + 1);
    if (!body)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the body");
    size_t got = read_up_to(connection, body, (size_t)n);
    if (got < n)
        return fault_set(reterr, FAULT_INVALID_JSON, "body ends after %zu of %llu byte%s", got,
                         (unsigned long long)n, text_plural(n));
    if (connection->end_body)
        connection->end_body(connection->self);
    *ret_body = (struct text){body, (size_t)n};
    return true;
}

static void take_request_id(struct cgi_request *request, const struct clock *clock,
                            struct text given)
{
    if (given.n > 0 && given.n < sizeof(request->id) && text_only(given, "-_.:+/=")) {
        memcpy(request->id, given.s, given.n);
        request->id[given.n] = '\0';
    } else {
        clock_uuid(clock, request->id);
    }
}

bool cgi_read(const struct cgi_connection *connection, struct arena *arena,
              const struct clock *clock, struct cgi_request *ret_request, struct fault *reterr)
{
    struct text length = {0}, encoding = {0}, id = {0};
    const struct {
        const char *name;
        struct text *to;
    } variables[] = {
        {"REQUEST_METHOD", &ret_request->method},
        {"QUERY_STRING", &ret_request->query},
        {"CONTENT_TYPE", &ret_request->content_type},
        {"HTTP_CONTENT_ENCODING", &ret_request->content_encoding},
        {"REMOTE_ADDR", &ret_request->remote_addr},
        {"TWILIO_CGI_LISTENER", &ret_request->listener},
        {"HTTP_AUTHORIZATION", &ret_request->authorization},
        {"HTTP_APIKEY", &ret_request->apikey},
        {"HTTP_ORIGIN", &ret_request->origin},
        {"HTTP_IDEMPOTENCY_KEY", &ret_request->idempotency_key},
        {"HTTP_X_TWILIO_SIGNATURE", &ret_request->twilio_signature},
        {"HTTP_X_TWILIO_WEBHOOKS_SIGNATURE_SETTINGS", &ret_request->twilio_signature_settings},
        {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS", &ret_request->asked_headers},
        {"CONTENT_LENGTH", &length},
        {"HTTP_TRANSFER_ENCODING", &encoding},
        {"HTTP_X_REQUEST_ID", &id},
    };

    *ret_request = (struct cgi_request){.connection = connection};
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const char *value = connection->variable(connection->self, variables[i].name);
        good = arena_copy(arena, text_of(value), variables[i].to) && good;
    }
    take_request_id(ret_request, clock, id);
    if (!good)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the request");
    return read_body(connection, arena, length, encoding, &ret_request->body, reterr);
}

/** A control character could end the field, or all of them (RFC 9110 section 5.5). */
static bool is_field_value(struct text value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.s[i] < ' ' || value.s[i] == 0x7F)
            return false;
    return true;
}

void cgi_header(struct cgi_response *response, const char *name, struct text value)
{
    if (response->n_headers < CGI_HEADERS_MAX && is_field_value(value))
        response->headers[response->n_headers++] = (struct cgi_header){name, value};
}

void cgi_headerf(struct cgi_response *response, struct arena *arena, const char *name,
                 const char *format, ...)
{
    char value[256];
    struct text copy;
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (arena_copy(arena, text_of(value), &copy))
        cgi_header(response, name, copy);
}

void cgi_note(struct cgi_response *response, struct arena *arena, const char *format, ...)
{
    char note[256];
    va_list args;

    va_start(args, format);
    vsnprintf(note, sizeof(note), format, args);
    va_end(args);
    response->log_note = arena_cstr(arena, text_of(note));
}

static const char allowed_headers[] =
    "authorization, x-client-info, apikey, content-type, idempotency-key, x-request-id, "
    "x-region, traceparent, tracestate, baggage, sentry-trace, x-supabase-api-version";
static const char exposed_headers[] =
    "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "Idempotent-Replayed, WWW-Authenticate";

/** Is a name in a list separated by commas? */
static bool is_listed(struct text list, struct text name)
{
    struct text item;
    bool more;

    do {
        more = text_cut(list, ',', &item, &list);
        if (text_equal_nocase(text_trim(item), name))
            return true;
    } while (more);
    return false;
}

/** Of the headers that a preflight asks for those that are ours; all of ours where it names none.
 */
static void add_allowed_headers(struct cgi_response *response, struct arena *arena,
                                struct text asked)
{
    struct buffer b;
    struct text item, value;
    bool more = asked.n > 0;

    buffer_init(&b, arena, 2048);
    if (!more)
        buffer_add(&b, text_of(allowed_headers));
    while (more) {
        more = text_cut(asked, ',', &item, &asked);
        item = text_trim(item);
        bool supabase =
            text_starts_nocase(item, TEXT("x-supabase-client-")) && text_only(item, "-");
        if (item.n == 0 || (!supabase && !is_listed(text_of(allowed_headers), item)))
            continue;
        if (b.n)
            buffer_add(&b, TEXT(", "));
        buffer_add(&b, item);
    }
    if (buffer_text(&b, &value) && value.n)
        cgi_header(response, "Access-Control-Allow-Headers", value);
}

void cgi_cors(struct cgi_response *response, struct arena *arena, const struct cgi_request *request,
              struct text allowed)
{
    allowed = text_trim(allowed);
    if (text_equal(allowed, TEXT("*"))) {
        cgi_header(response, "Access-Control-Allow-Origin", allowed);
    } else {
        cgi_header(response, "Vary", TEXT("Origin"));
        if (request->origin.n == 0 || !is_listed(allowed, request->origin))
            return;
        cgi_header(response, "Access-Control-Allow-Origin", request->origin);
    }
    if (text_equal(request->method, TEXT("OPTIONS"))) {
        cgi_header(response, "Access-Control-Allow-Methods", TEXT("POST, OPTIONS"));
        add_allowed_headers(response, arena, request->asked_headers);
        cgi_header(response, "Access-Control-Max-Age", TEXT("86400"));
    }
    cgi_header(response, "Access-Control-Expose-Headers", text_of(exposed_headers));
}

/* Answers that need no memory. What was done, or may have been, is not said to have failed. */
#define BARE_BODY(text, code) "{\"success\":false,\"error\":\"" text "\",\"code\":\"" code "\"}"
#define BARE_FAILURE          BARE_BODY("Internal server error", "internal")
#define BARE_UNKNOWN                                                                               \
    BARE_BODY("The message may have been sent. Do not send it again blindly", "outcome_unknown")
#define BARE(status, body)                                                                         \
    "Status: " status "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n" body

void cgi_fault(struct cgi_response *response, struct arena *arena, const struct fault *fault)
{
    const struct fault_entry *entry = fault_entry(fault->kind);
    struct buffer b;

    buffer_init(&b, arena, 8192);
    buffer_add(&b, TEXT("{\"success\":false,\"error\":"));
    buffer_add_json(&b, text_of(fault_text(fault)));
    buffer_addf(&b, ",\"code\":\"%s\"", entry->code);
    if (fault->twilio_code)
        buffer_addf(&b, ",\"twilio_code\":%d", fault->twilio_code);
    if (fault->retry_after)
        buffer_addf(&b, ",\"retry_after\":%d", fault->retry_after);
    if (fault->id[0])
        buffer_addf(&b, ",\"id\":\"%s\"", fault->id);
    buffer_add_char(&b, '}');
    response->status = entry->status;
    if (!buffer_text(&b, &response->body))
        response->body = entry->status == 504 ? TEXT(BARE_UNKNOWN) : TEXT(BARE_FAILURE);
    if (fault->retry_after)
        cgi_headerf(response, arena, "Retry-After", "%d", fault->retry_after);
    if (entry->status == 401)
        cgi_header(response, "WWW-Authenticate", TEXT("Bearer"));
    if (entry->status == 405)
        cgi_header(response, "Allow", TEXT("POST, OPTIONS"));
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

bool cgi_write(const struct cgi_connection *connection, struct arena *arena,
               const struct cgi_request *request, const struct cgi_response *response)
{
    bool done = response->status == 200 || response->status == 504;
    struct buffer b;
    struct text whole;

    buffer_init(&b, arena, response->body.n + 16384);
    buffer_addf(&b, "Status: %d %s\r\n", response->status, reason(response->status));
    buffer_add(&b, TEXT("Content-Type: application/json; charset=utf-8\r\n"
                        "Cache-Control: no-store\r\n"
                        "X-Content-Type-Options: nosniff\r\n"));
    buffer_addf(&b, "X-Request-Id: %s\r\n", request->id);
    for (size_t i = 0; i < response->n_headers; i++) {
        buffer_addf(&b, "%s: ", response->headers[i].name);
        buffer_add(&b, response->headers[i].value);
        buffer_add(&b, TEXT("\r\n"));
    }
    buffer_add(&b, TEXT("\r\n"));
    buffer_add(&b, response->body);
    if (!buffer_text(&b, &whole))
        whole = done ? TEXT(BARE("504 Gateway Timeout", BARE_UNKNOWN))
                     : TEXT(BARE("500 Internal Server Error", BARE_FAILURE));
    return connection->write(connection->self, whole.s, whole.n);
}

bool cgi_is_type(struct text content_type, struct text wanted)
{
    struct text type, parameters;

    text_cut(content_type, ';', &type, &parameters);
    return text_equal_nocase(text_trim(type), wanted);
}

struct text cgi_query(struct text query, struct text name)
{
    struct text item, key, value;

    while (query.n) {
        text_cut(query, '&', &item, &query);
        text_cut(item, '=', &key, &value);
        if (text_equal(key, name))
            return value;
    }
    return (struct text){0};
}
