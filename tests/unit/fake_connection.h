/**
 * A web server: variables, a body, and what was written back.
 */
#ifndef FAKE_CONNECTION_H
#define FAKE_CONNECTION_H

#include "cgi.h"

struct fake_connection {
    const char *const *variables; /* "NAME=value", up to NULL; the first of a name counts */
    struct text body;             /* what standard input holds, whatever CONTENT_LENGTH says */
    size_t most_at_once;          /* bytes a read gives at most; 0: as many as asked for */
    size_t breaks_at;             /* reading fails once so many were read; 0: never */
    bool gone;                    /* writing fails */

    size_t n_read;     /* bytes */
    size_t n_asked;    /* bytes that all reads had room for */
    size_t n_ended;    /* calls, that all of the body was read */
    size_t n_written;  /* calls */
    size_t n_finished; /* calls, none before something was written */
    char *written;     /* from malloc; NULL: nothing */
};

struct cgi_connection fake_connection(struct fake_connection *fake);

void fake_connection_release(struct fake_connection *fake);

#endif
