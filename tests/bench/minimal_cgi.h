/** The CGI side of the floors: one read, one write. */
#ifndef BENCH_MINIMAL_CGI_H
#define BENCH_MINIMAL_CGI_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void minimal_cgi_body(char *body, size_t room)
{
    size_t length = strtoul(getenv("CONTENT_LENGTH"), NULL, 10), n = 0;
    ssize_t got = 1;

    while (n < length && n < room - 1 && got > 0) {
        got = read(STDIN_FILENO, body + n, room - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    body[n] = '\0';
}

static inline void minimal_cgi_answer(bool good, const char *id, const char *status)
{
    char answer[512];

    int n = snprintf(answer, sizeof(answer),
                     "Status: %s\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
                     "{\"success\":%s,\"id\":\"%s\",\"status\":\"%s\"}",
                     good ? "200 OK" : "500 Internal Server Error", good ? "true" : "false", id,
                     status);
    (void)!write(STDOUT_FILENO, answer, (size_t)n);
}

#endif
