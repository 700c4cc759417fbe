/**
 * What the three programs share around their handler: how they are started, and what they answer
 * to somebody at a terminal.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "linkage.h"
#include "verb.h"

struct program {
    const char *name;    /* "send-whatsapp" */
    const char *summary; /* one line */
    enum settings_user user;
    enum fault_kind bad_body; /* what a body that is cut short is called here */
    service_handler *handle;

    /* What its requests need beside settings, spool and database; all threads of a process. */
    const struct service_part *needs[SERVICE_PARTS_MAX];

    /** What --check tells of these; is all well? NULL: nothing. */
    bool (*check)(const struct service *service);

    const char *linked; /* LINKED_PACKAGES; NULL: nothing */

    /** Load the libraries that only this program's requests may need. NULL: none. */
    bool (*load)(struct fault *reterr);

    const struct verb *const *verbs; /* up to the first NULL; NULL: none */

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

#endif
