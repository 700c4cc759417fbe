/**
 * Shared libraries that not every request needs: found and loaded by the first that does.
 *
 * A CGI program's start is mostly its libraries. What can be had as an archive is linked in (see
 * lean.cmake); libjwt, of which there is none and which brings an OpenSSL of its own, is loaded by
 * the first request with a token. What a module calls of such a library it keeps in a table of
 * function pointers, with the types of the library's own header.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdatomic.h>

#include "fault.h"

struct library_function {
    const char *name;
    void *pointer; /* to the function pointer that is filled */
};

struct library {
    const char *soname; /* "libjwt.so.0"; the build asks the linker's library for it */
    const struct library_function *functions;
    size_t n;
    atomic_bool loaded;
};

/**
 * Make the functions callable: loads the library once (dlopen), and for good. Any thread may ask.
 * A library that was preloaded (LD_PRELOAD) and has a function of that name goes first, as it
 * would for a linked one. Fails with FAULT_NO_MEMORY: memory or a descriptor is
 * what it lacked, unless the library is not installed, which --check tells. Either way what is in
 * hand is as good as it was, and can be tried again.
 */
must_check bool library_load(struct library *library, struct fault *reterr);

#endif
