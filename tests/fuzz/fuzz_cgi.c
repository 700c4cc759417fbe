/* A whole CGI request: any variables, any body, ends in an answer that is well formed. */

#include <string.h>

#include "address.h"
#include "cgi.h"
#include "fuzz.h"
#include "proxy.h"

struct input {
    struct text rest; /* what of the body has not been read */
    char variables[16][128];
    struct text answer;
    struct arena *arena;
};

static const char *const names[16] = {
    "REQUEST_METHOD",       "QUERY_STRING",
    "CONTENT_TYPE",         "REMOTE_ADDR",
    "HTTP_AUTHORIZATION",   "HTTP_ORIGIN",
    "HTTP_IDEMPOTENCY_KEY", "HTTP_X_TWILIO_SIGNATURE",
    "CONTENT_LENGTH",       "HTTP_TRANSFER_ENCODING",
    "HTTP_X_REQUEST_ID",    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
};

static const char *variable(void *self, const char *name)
{
    struct input *input = self;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && strcmp(name, names[i]) == 0 && input->variables[i][0])
            return input->variables[i];
    return NULL;
}

/** The lines as they are: any name, any value. */
static const char *each(void *self, size_t i)
{
    struct input *input = self;

    return i < ARRAY_LEN(input->variables) ? input->variables[i] : NULL;
}

static ssize_t take(void *self, char *to, size_t n)
{
    struct input *input = self;

    if (n > input->rest.n)
        n = input->rest.n;
    if (n)
        memcpy(to, input->rest.s, n);
    input->rest = text_skip(input->rest, n);
    return (ssize_t)n;
}

static bool give(void *self, const char *from, size_t n)
{
    struct input *input = self;

    return arena_copy(input->arena, (struct text){from, n}, &input->answer);
}

/** Lines of "Name: value" up to an empty one, then the body; no line end but CRLF. */
static void check_answer(struct text answer)
{
    struct text line, rest = answer;
    size_t lines = 0;

    MUST(text_starts(answer, TEXT("Status: ")));
    while (text_cut(rest, '\n', &line, &rest)) {
        MUST(line.n && line.s[line.n - 1] == '\r');
        if (line.n == 1)
            return;
        MUST(memchr(line.s, ':', line.n) && !memchr(line.s, '\r', line.n - 1));
        lines++;
    }
    MUST(lines == SIZE_MAX); /* the header has no end */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text line, rest = {(const char *)data, size};
    struct cgi_response response = {.status = 200, .body = TEXT("{}")};
    struct cgi_request request;
    struct fault fault = {0};
    FUZZ_ARENA(arena);
    struct input input = {.arena = &arena};
    const struct cgi_connection connection = {
        .self = &input, .variable = variable, .each = each, .read = take, .write = give};

    for (size_t i = 0; i < 12 && text_cut(rest, '\n', &line, &rest); i++)
        snprintf(input.variables[i], sizeof(input.variables[i]), "%.*s", TEXT_ARG(line));
    input.rest = rest;
    bool good = cgi_read(&connection, &arena, &clock_system, &request, &fault);
    MUST(request.body.n <= CGI_BODY_MAX);
    cgi_cors(&response, &arena, &request, text_of(input.variables[1]));
    cgi_cors(&response, &arena, &request, TEXT("*"));
    if (!good)
        cgi_fault(&response, &arena, &fault);
    (void)!cgi_query(request.query, TEXT("id")).n;
    if (memmem(input.variables[11], strlen(input.variables[11]), "HTTP_VIA=", 9) ==
        input.variables[11])
        MUST(!proxy_is_absent(&request));
    else
        (void)!proxy_is_absent(&request);
    /* a name is none */
    MUST(!address_is_loopback(request.remote_addr) || text_only(request.remote_addr, ".:"));
    MUST(cgi_write(&connection, &arena, &request, &response));
    check_answer(input.answer);
    return 0;
}
