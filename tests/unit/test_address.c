/* Hosts that are found from anywhere, and those that are not; which are this one. */

#include "address.h"
#include "fake_record.h"
#include "unit.h"

static const struct host_row {
    const char *label, *host, *want; /* want: a part of the reason, NULL for none */
} hosts[] = {
    {"a name", "example.org"},
    {"a name with a dot behind it", "example.org."},
    {"a name in capitals", "API.Example.ORG"},
    {"a name that only ends like a private one", "mylocal.example.org"},
    {"a domain whose letters end like a private one", "xlocal.org"},
    {"a name whose last label only ends so", "host.mylocal"},
    {"a tunnel's name", "a1b2.ngrok-free.app"},
    {"a name with digits", "1.2.3.4.example.org"},
    {"a public address", "8.8.8.8"},
    {"just below 10/8", "9.255.255.255"},
    {"just above 10/8", "11.0.0.0"},
    {"just below 172.16/12", "172.15.255.255"},
    {"just above 172.16/12", "172.32.0.0"},
    {"just below 100.64/10", "100.63.255.255"},
    {"just above 100.64/10", "100.128.0.0"},
    {"just below 192.168/16", "192.167.255.255"},
    {"just above 169.254/16", "169.255.0.0"},
    {"just above 198.18/15", "198.20.0.0"},
    {"just below multicast", "223.255.255.255"},
    {"a public IPv6 address", "[2a00:1450:4001::1]"},
    {"the same without its bracket", "[2a00:1450:4001::1"},
    {"a public address mapped into IPv6", "[::ffff:8.8.8.8]"},
    {"a public address through NAT64", "[64:ff9b::808:808]"},

    {"localhost", "localhost", "this host"},
    {"localhost in capitals", "LOCALHOST", "this host"},
    {"localhost with a dot", "localhost.", "this host"},
    {"a name below localhost", "app.localhost", "this host"},
    {"localhost.localdomain", "localhost.localdomain", "this host"},
    {"127.0.0.1", "127.0.0.1", "this host"},
    {"the end of 127/8", "127.255.255.255", "this host"},
    {"0.0.0.0", "0.0.0.0", "this host"},
    {"10/8", "10.0.0.0", "private"},
    {"the end of 10/8", "10.255.255.255", "private"},
    {"172.16/12", "172.16.0.1", "private"},
    {"the end of 172.16/12", "172.31.255.255", "private"},
    {"192.168/16", "192.168.1.5", "private"},
    {"a carrier's network", "100.64.0.1", "provider"},
    {"the end of a carrier's network", "100.127.255.255", "provider"},
    {"link-local", "169.254.169.254", "link-local"},
    {"benchmarks", "198.19.0.1", "reserved"},
    {"documentation 1", "192.0.2.1", "documentation"},
    {"documentation 2", "198.51.100.7", "documentation"},
    {"documentation 3", "203.0.113.9", "documentation"},
    {"multicast", "224.0.0.1", "multicast"},
    {"broadcast", "255.255.255.255", "reserved"},
    {"an address with three parts", "127.0.1", "no address"},
    {"an address as one number", "2130706433", "no address"},
    {"an address in hexadecimal", "0x7f000001", "no address"},
    {"an address beyond bytes", "256.1.1.1", "no address"},

    {"IPv6 loopback", "[::1]", "this host"},
    {"IPv6 loopback in full", "[0:0:0:0:0:0:0:1]", "this host"},
    {"any IPv6 address", "[::]", "this host"},
    {"IPv6 link-local", "[fe80::1]", "link-local"},
    {"the end of IPv6 link-local", "[febf:ffff::1]", "link-local"},
    {"IPv6 link-local with a zone", "[fe80::1%25eth0]", "link-local"},
    {"site-local", "[fec0::1]", "private"},
    {"unique local", "[fc00::1]", "private"},
    {"unique local, as it is used", "[FD12:3456:789a::1]", "private"},
    {"IPv6 documentation", "[2001:db8::1]", "documentation"},
    {"new IPv6 documentation", "[3fff::1]", "documentation"},
    {"IPv6 multicast", "[ff02::1]", "multicast"},
    {"loopback mapped into IPv6", "[::ffff:127.0.0.1]", "this host"},
    {"a private address mapped into IPv6", "[::ffff:c0a8:105]", "private"},
    {"a private address through NAT64", "[64:ff9b::10.0.0.1]", "private"},
    {"a NAT64 of one's own", "[64:ff9b:1::1]", "private"},
    {"a private address by 6to4", "[2002:0a00:0001::1]", "private"},
    {"an IPv4 address in an old form", "[::10.0.0.1]", "reserved"},
    {"brackets around nothing", "[]", "no address"},
    {"brackets around a name", "[localhost]", "no address"},

    {"a single label", "webserver", "without a domain"},
    {"a single label with a dot", "webserver.", "without a domain"},
    {"Bonjour", "mac.local", ".local"},
    {"Bonjour in capitals", "Mac.LOCAL.", ".local"},
    {"the bare .local", "local", ".local"},
    {"a cloud's internal name", "vm1.c.project.internal", ".internal"},
    {"a container's host", "host.docker.internal", ".internal"},
    {"a router's name", "nas.lan", ".lan"},
    {"a home network", "nas.home.arpa", ".home.arpa"},
    {"a company's network", "web.corp", ".corp"},
    {"an intranet", "web.intranet", ".intranet"},
    {"a test's name", "app.test", ".test"},
    {"a manual's name", "app.example", ".example"},
    {"an invalid name", "app.invalid", ".invalid"},
    {"nothing", "", "without a domain"},
};

static void test_host(void **state)
{
    const struct host_row *row = *state;
    const char *got = address_unreachable(text_of(row->host));

    if (!row->want && got)
        fail_msg("'%s': %s", row->host, got);
    if (row->want && (!got || !strstr(got, row->want)))
        fail_msg("'%s': %s", row->host, got ? got : "nothing");
}

static const struct loopback_row {
    const char *label, *address;
    bool want;
} addresses[] = {
    {"127.0.0.1 is loopback", "127.0.0.1", true},
    {"127.8.8.8 is loopback", "127.8.8.8", true},
    {"::1 is loopback", "::1", true},
    {"127.0.0.1 in IPv6 is loopback", "::ffff:127.0.0.1", true},
    {"127.255.255.255 is loopback", "127.255.255.255", true},
    {"127.1.2.3 in IPv6, in its digits, is loopback", "::FFFF:7f01:203", true},
    {"::1 in full is loopback", "0:0:0:0:0:0:0:1", true},
    {"a unix socket is none: behind one stands a proxy", "unix:", false},
    {"a name that begins like loopback", "127.0.0.1.evil.example", false},
    {"a name alone", "localhost", false},
    {"127.1 is no address", "127.1", false},
    {"127.0.0.256 is no address", "127.0.0.256", false},
    {"an octal 127 is no address", "0127.0.0.1", false},
    {"two addresses", "127.0.0.1, 127.0.0.1", false},
    {"an address and its port", "127.0.0.1:80", false},
    {"in brackets", "[::1]", false},
    {"128.0.0.1 in IPv6 is not loopback", "::ffff:128.0.0.1", false},
    {"127.0.0.1 in another prefix", "::fffe:127.0.0.1", false},
    {"127.0.0.1 as the old kind of IPv6", "::127.0.0.1", false},
    {"a long one", "127.0.0.1000000000000000000000000000000000000000000000000", false},
    {"no address is not loopback", "", false},
    {"a private address is not loopback", "10.0.0.1", false},
    {"::11 is not loopback", "::11", false},
    {"1127.0.0.1 is not loopback", "1127.0.0.1", false},
};

static void test_loopback(void **state)
{
    const struct loopback_row *row = *state;

    assert_true(address_is_loopback(text_of(row->address)) == row->want);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(hosts) + ARRAY_LEN(addresses)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, hosts, test_host);
    ADD_ROWS(tests, n, addresses, test_loopback);
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
