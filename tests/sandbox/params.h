/**
 * Form parameters (application/x-www-form-urlencoded), read and written.
 *
 * Names may stand more than once and keep their order. Twilio treats names as case-sensitive.
 * Source: WHATWG URL standard, section 5.
 */
#ifndef SANDBOX_PARAMS_H
#define SANDBOX_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#define PARAMS_MAX 128

struct param {
    char *name; /* one allocation holds name and value */
    char *value;
};

struct params {
    size_t count;
    struct param items[PARAMS_MAX];
};

/* Appends the parameters in text. False: broken percent encoding, a NUL, or too many. What was read
 * until then stays in params; release it with params_clear in either case. */
bool params_parse(struct params *params, const char *text, size_t length);

/* Appends a copy of name and value. False: too many. */
bool params_add(struct params *params, const char *name, const char *value);

/* The first value of that name; NULL if there is none. */
const char *params_get(const struct params *params, const char *name);

size_t params_times(const struct params *params, const char *name);

/* name=value&..., escaped; the caller frees it. */
char *params_encode(const struct params *params);

/* Are all names and values well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool params_are_utf8(const struct params *params);

void params_clear(struct params *params);

#endif
