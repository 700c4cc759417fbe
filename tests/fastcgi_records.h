/**
 * The web server's side of FastCGI, for tests: a socket that fastcgi_serve() listens on, and the
 * records that go onto it. Whoever uses it checks the buffer in the end.
 *
 * https://fastcgi-archives.github.io/FastCGI_Specification.html
 */
#ifndef FASTCGI_RECORDS_H
#define FASTCGI_RECORDS_H

#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buffer.h"

/** Where it listens: an abstract name, of this process. */
struct fastcgi_address {
    struct sockaddr_un name;
    socklen_t size;
};

/** Listen, as descriptor 0. */
static inline bool fastcgi_listen(struct fastcgi_address *ret_address)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un *name = &ret_address->name;

    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(name->sun_path + 1, 64, "twilio-cgi-%d", getpid());
    ret_address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    bool good = listener >= 0 &&
                bind(listener, (const struct sockaddr *)name, ret_address->size) == 0 &&
                listen(listener, 16) == 0 && dup2(listener, 0) == 0;
    if (listener > 0)
        close(listener);
    return good;
}

/** A connection to it; -1: none. */
static inline int fastcgi_connect(const struct fastcgi_address *address)
{
    int peer = socket(AF_UNIX, SOCK_STREAM, 0);

    if (peer >= 0 && connect(peer, (const struct sockaddr *)&address->name, address->size) != 0) {
        close(peer);
        return -1;
    }
    return peer;
}

/** FCGI_Header (section 3.3): version, type, request 1, content length, padding, reserved. */
static inline void fastcgi_add_record(struct buffer *b, unsigned char type, struct text content)
{
    const char header[] = {1, (char)type, 0, 1, (char)(content.n >> 8), (char)content.n, 0, 0};

    buffer_add(b, (struct text){header, sizeof(header)});
    buffer_add(b, content);
}

/** A variable; name and value have less than 128 bytes: lengths of one byte (section 3.4). */
static inline void fastcgi_add_pair(struct buffer *b, struct text name, struct text value)
{
    buffer_add_char(b, (char)name.n);
    buffer_add_char(b, (char)value.n);
    buffer_add(b, name);
    buffer_add(b, value);
}

#endif
