/**
 * Names to addresses, with a deadline. getaddrinfo() has none: a nameserver that does not answer
 * holds it for half a minute.
 *
 * Each name is asked for in a thread of its own, which ends when the resolver does; who asks for
 * the same name meanwhile waits for the same answer, so a name that nobody knows costs a process
 * one thread. Nothing is remembered.
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include "fault.h"

#define RESOLVER_LIST_MAX 1024 /* bytes of a list, with its NUL */

/** Lists separated by commas, as libpq takes them: an entry for each address. */
struct resolver_hosts {
    char hosts[RESOLVER_LIST_MAX];     /* names, addresses and directories of sockets, as given */
    char addresses[RESOLVER_LIST_MAX]; /* of the names; empty for the others */
    char ports[RESOLVER_LIST_MAX];     /* where each host has its own; else empty */
};

/** Is a name, which must be asked for, in a list of hosts? NULL is an empty list. */
bool resolver_has_names(const char *hosts);

/**
 * Find the addresses of the names in a list of hosts, up to 8 of each, in the resolver's order.
 * `ports` has one port for all, or one for each host. A name that is not there, or not found in
 * time, is left out where others are left. Fails with FAULT_DATABASE_UNAVAILABLE; the detail does
 * not repeat the name, which may be a part of a password.
 */
must_check bool resolver_find(const char *hosts, const char *ports, int64_t wait_ms,
                              struct resolver_hosts *ret_hosts, struct fault *reterr);

/** Is the name found within so many milliseconds? For --check; *ret_why says why not. */
bool resolver_knows(const char *host, int64_t wait_ms, const char **ret_why);

#endif
