/** The FastCGI side of the floors. */
#ifndef BENCH_MINIMAL_FCGI_H
#define BENCH_MINIMAL_FCGI_H

#define NO_FCGI_DEFINES
#include <fcgiapp.h>

static inline void minimal_fcgi_body(FCGX_Request *request, char *body, int room)
{
    int n = FCGX_GetStr(body, room - 1, request->in);

    body[n] = '\0';
}

static inline void minimal_fcgi_answer(FCGX_Request *request, bool good, const char *id,
                                       const char *status)
{
    FCGX_FPrintF(request->out,
                 "Status: %s\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
                 "{\"success\":%s,\"id\":\"%s\",\"status\":\"%s\"}",
                 good ? "200 OK" : "500 Internal Server Error", good ? "true" : "false", id,
                 status);
    FCGX_Finish_r(request);
}

#endif
