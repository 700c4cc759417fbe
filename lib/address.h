/**
 * What a host's name or number says by itself: whether it can be found from anywhere, whether it is
 * this host. No name is looked up.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "text.h"

/**
 * Why nobody outside reaches this host: "a private address", "a name without a domain", …; NULL
 * where nothing speaks against it. `host` is as a URL has it, an IPv6 address with its brackets;
 * letters of any case, and a dot behind the last label.
 *
 * Numbers: RFC 6890 and IANA's registries of special-purpose addresses, IPv4 inside IPv6 (mapped,
 * 64:ff9b::/96, 6to4) included. Names: RFC 6761, 6762, 7686, 8375, 9476, and those that routers and
 * companies use.
 *
 *     address_unreachable(TEXT("192.168.1.5"))   -> "a private address"
 *     address_unreachable(TEXT("[fe80::1]"))     -> "a link-local address"
 *     address_unreachable(TEXT("example.org"))   -> NULL
 */
const char *address_unreachable(struct text host);

/** Is this the address of a loopback interface: 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104? No name is.
 */
bool address_is_loopback(struct text address);

#endif
