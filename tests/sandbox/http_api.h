/**
 * The HTTP side: routes, credentials, and the lives of single requests.
 */
#ifndef SANDBOX_HTTP_API_H
#define SANDBOX_HTTP_API_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"

struct answer;
struct cJSON;
struct evhttp_request;
struct sandbox;

/* One request on its way to its answer. */
struct exchange {
    struct sandbox *sandbox;
    struct evhttp_request *request;
    const char *method;
    char *path;        /* without the query */
    const char *query; /* "" if there is none */
    struct params params;
    int64_t time_ms;
    const char *sid, *behaviour; /* for the log; NULL: nothing to say */
};

/* For evhttp_set_gencb; argument: struct sandbox. */
void http_api_handle(struct evhttp_request *request, void *argument);

/* Each ends the exchange but for the memory: logs and answers. */
void exchange_answer(struct exchange *exchange, const struct answer *answer);
void exchange_json(struct exchange *exchange, int status, struct cJSON *body);
void exchange_error(struct exchange *exchange, int status, int code, const char *text);

/* Reads the form in the body into exchange->params; answers 400 itself when it is none. */
bool exchange_read_form(struct exchange *exchange);

/* The same for the query. */
bool exchange_read_query(struct exchange *exchange);

#endif
