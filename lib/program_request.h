/**
 * The life of a request: read, answered, logged; then some of what waits in the spool is replayed,
 * for which nobody waits.
 */
#ifndef PROGRAM_REQUEST_H
#define PROGRAM_REQUEST_H

#include "program.h"

/**
 * One request from its first byte to its log line. `configured` is NULL, or why every request is
 * answered 500.
 */
void program_serve(const struct program *program, struct service *service,
                   const struct cgi_connection *connection, struct arena *arena, int log_fd,
                   const struct fault *configured);

#endif
