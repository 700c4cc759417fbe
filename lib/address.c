#include "address.h"

#include <arpa/inet.h>
#include <string.h>

static const char loopback[] = "this host itself", private_address[] = "a private address",
                  shared[] = "an address of a provider's own network",
                  link_local[] = "a link-local address", multicast[] = "a multicast address",
                  documentation[] = "an address for documentation",
                  reserved[] = "a reserved address";

/** The first `bits` of an address, in network order. */
struct net {
    unsigned char bytes[16];
    unsigned bits;
    const char *what;
};

static const struct net nets4[] = {
    {{0}, 8, loopback},
    {{10}, 8, private_address},
    {{100, 64}, 10, shared},
    {{127}, 8, loopback},
    {{169, 254}, 16, link_local},
    {{172, 16}, 12, private_address},
    {{192, 0, 0}, 24, reserved},
    {{192, 0, 2}, 24, documentation},
    {{192, 88, 99}, 24, reserved},
    {{192, 168}, 16, private_address},
    {{198, 18}, 15, reserved},
    {{198, 51, 100}, 24, documentation},
    {{203, 0, 113}, 24, documentation},
    {{224}, 4, multicast},
    {{240}, 4, reserved},
};

static const struct net nets6[] = {
    {{[15] = 1}, 128, loopback},
    {{0}, 128, loopback},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, private_address},
    {{0}, 8, reserved},
    {{0x01}, 64, reserved},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, documentation},
    {{0x3f, 0xff}, 20, documentation},
    {{0xfc}, 7, private_address},
    {{0xfe, 0x80}, 10, link_local},
    {{0xfe, 0xc0}, 10, private_address},
    {{0xff}, 8, multicast},
};

/** Where an IPv4 address stands inside an IPv6 address that begins so. */
static const struct carrier {
    struct net net;
    size_t at;
} carriers[] = {
    {{{[10] = 0xff, [11] = 0xff}, 96, NULL}, 12},
    {{{0x00, 0x64, 0xff, 0x9b}, 96, NULL}, 12},
    {{{0x20, 0x02}, 16, NULL}, 2},
};

static const struct name {
    struct text last; /* label or labels */
    const char *what;
} names[] = {
    {{"localhost", 9}, loopback},
    {{"localdomain", 11}, loopback},
    {{"local", 5}, "a name of the local network (.local)"},
    {{"internal", 8}, "a name of a private network (.internal)"},
    {{"intranet", 8}, "a name of a private network (.intranet)"},
    {{"private", 7}, "a name of a private network (.private)"},
    {{"lan", 3}, "a name of a private network (.lan)"},
    {{"home", 4}, "a name of a private network (.home)"},
    {{"home.arpa", 9}, "a name of a private network (.home.arpa)"},
    {{"corp", 4}, "a name of a private network (.corp)"},
    {{"test", 4}, "a name for tests (.test)"},
    {{"example", 7}, "a name for documentation (.example)"},
    {{"invalid", 7}, "a name that is none (.invalid)"},
    {{"onion", 5}, "a name of another network (.onion)"},
};

static bool is_in(const struct net *net, const unsigned char *address)
{
    size_t whole = net->bits / 8;
    unsigned mask = 0xFFu << (8 - net->bits % 8) & 0xFFu;

    return memcmp(net->bytes, address, whole) == 0 &&
           (mask == 0 || (net->bytes[whole] & mask) == (address[whole] & mask));
}

static const char *find_net(const struct net *nets, size_t n, const unsigned char *address)
{
    for (size_t i = 0; i < n; i++)
        if (is_in(&nets[i], address))
            return nets[i].what;
    return NULL;
}

static const char *unreachable4(const unsigned char *address)
{
    return find_net(nets4, ARRAY_LEN(nets4), address);
}

static const char *unreachable6(const unsigned char *address)
{
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++)
        if (is_in(&carriers[i].net, address))
            return unreachable4(address + carriers[i].at);
    return find_net(nets6, ARRAY_LEN(nets6), address);
}

/** As a C string; false for what no address has room for. */
static bool copy_to(char *room, size_t size, struct text t)
{
    if (t.n >= size)
        return false;
    if (t.n)
        memcpy(room, t.s, t.n);
    room[t.n] = '\0';
    return true;
}

/** [2001:db8::1], perhaps with a zone (RFC 6874), which only links have. */
static const char *in_brackets(struct text host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    struct text zone;

    host = (struct text){host.s + 1, host.n - 1};
    if (host.n && host.s[host.n - 1] == ']')
        host.n--;
    if (text_cut(host, '%', &host, &zone))
        return link_local;
    if (!copy_to(text, sizeof(text), host) || inet_pton(AF_INET6, text, address) != 1)
        return "no address";
    return unreachable6(address);
}

/** Does a name end in these labels, or is it they? */
static bool ends_in(struct text name, struct text last)
{
    if (name.n < last.n || !text_equal_nocase(text_skip(name, name.n - last.n), last))
        return false;
    return name.n == last.n || name.s[name.n - last.n - 1] == '.';
}

static bool is_number(struct text label)
{
    uint64_t ignored;

    return text_number(label, UINT64_MAX, &ignored) || text_starts_nocase(label, TEXT("0x"));
}

const char *address_unreachable(struct text host)
{
    unsigned char address[4];
    char text[INET_ADDRSTRLEN];
    struct text last = host, rest;
    bool more = true;

    if (text_starts(host, TEXT("[")))
        return in_brackets(host);
    if (host.n && host.s[host.n - 1] == '.')
        host.n--;
    if (copy_to(text, sizeof(text), host) && inet_pton(AF_INET, text, address) == 1)
        return unreachable4(address);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (ends_in(host, names[i].last))
            return names[i].what;
    for (rest = host; more;)
        more = text_cut(rest, '.', &last, &rest);
    if (is_number(last)) /* 127.1, 2130706433 */
        return "no address";
    return last.n == host.n ? "a name without a domain" : NULL;
}

bool address_is_loopback(struct text address)
{
    static const unsigned char mapped[13] = {[10] = 0xFF, [11] = 0xFF, [12] = 127};
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (!copy_to(text, sizeof(text), address))
        return false;
    if (inet_pton(AF_INET, text, bytes) == 1)
        return bytes[0] == 127;
    return inet_pton(AF_INET6, text, bytes) == 1 &&
           (memcmp(bytes, &in6addr_loopback, 16) == 0 || memcmp(bytes, mapped, 13) == 0);
}
