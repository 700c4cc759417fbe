/**
 * What the three programs share around their handler: verbs, the life of a request, its log line.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "service.h"

/** A maintenance verb: prints what it does, returns the exit status. */
struct program_verb {
    const char *name; /* "--drain" */
    const char *help;
    bool takes_arguments; /* else further ones are refused before it runs */
    int (*run)(struct service *service, struct arena *arena, int argc, char **argv);
};

struct program {
    const char *name;    /* "send-whatsapp" */
    const char *summary; /* one line */
    enum settings_user user;
    enum fault_kind bad_body; /* what a body that is cut short is called here */
    service_handler *handle;

    /* NULL: nothing more than settings and database. open is of a process, open_worker of a thread.
     */
    bool (*open)(struct service *service, struct fault *reterr);
    void (*close)(struct service *service);
    bool (*open_worker)(struct service *service, struct fault *reterr);
    void (*close_worker)(struct service *service);
    bool (*check)(const struct service *service);

    /** Load the libraries that only this program's requests may need. NULL: none. */
    bool (*load)(struct fault *reterr);

    const struct program_verb *verb; /* NULL: none */

    /** May a web page ask (OPTIONS) whether it may call? NULL: yes. */
    bool (*answers_preflight)(const struct settings *settings);
};

/**
 * A program's whole main: a verb (--check, --version, --help), FastCGI requests where descriptor
 * 0 is a listening socket, one CGI request, or the usage text when it was started by hand.
 * Arguments are only looked at where there is no request, since web servers pass a query string
 * without '=' as arguments (RFC 3875 section 4.4). The exit status is 0 also for a request that was
 * answered with an error.
 */
int program_main(const struct program *program, int argc, char **argv);

/**
 * One request from its first byte to its log line. `configured` is NULL, or why every request is
 * answered 500.
 */
void program_serve(const struct program *program, struct service *service,
                   const struct cgi_connection *connection, struct arena *arena, int log_fd,
                   const struct fault *configured);

#endif
