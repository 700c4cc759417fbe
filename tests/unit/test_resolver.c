/* Names to addresses: getaddrinfo() is replaced by one that knows three names, and says nothing of
 * two others until it is let go. */

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fake_record.h"
#include "resolver.h"
#include "unit.h"

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);

static int go[2], quiet[2];    /* a question about silent*.test, quiet.test may be answered */
static atomic_size_t n_asked;  /* about quiet.test */
static atomic_size_t n_let_go; /* questions about silent*.test */

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list)
{
    char scrap;

    n_asked += strcmp(host, "quiet.test") == 0;
    if (strncmp(host, "silent", 6) == 0) {
        if (read(go[0], &scrap, 1) != 1)
            return EAI_AGAIN;
        n_let_go++;
    }
    if (strcmp(host, "quiet.test") == 0 && read(quiet[0], &scrap, 1) != 1)
        return EAI_AGAIN;
    if (strcmp(host, "nobody.test") == 0)
        return EAI_NONAME;
    return __real_getaddrinfo(strcmp(host, "six.test") == 0 ? "::1" : "127.0.0.1", port, hints,
                              ret_list);
}

/** Lists, and what becomes of them. */
static const struct list_row {
    const char *label, *hosts, *ports;
    const char *want_hosts, *want_addresses, *want_ports; /* NULL: none is found */
} lists[] = {
    {"a name", "one.test", NULL, "one.test", "127.0.0.1", ""},
    {"an address of version 6", "six.test", "5432", "six.test", "::1", ""},
    {"names with one port", "one.test,six.test", "1", "one.test,six.test", "127.0.0.1,::1", ""},
    {"names with a port each", "one.test,six.test", "1,2", "one.test,six.test", "127.0.0.1,::1",
     "1,2"},
    {"what is no name is left as it is", "/run,::1,one.test,10.0.0.1,@abstract", "1,2,3,4,5",
     "/run,::1,one.test,10.0.0.1,@abstract", ",,127.0.0.1,,", "1,2,3,4,5"},
    {"a name that is not there is left out", "nobody.test,one.test", "1,2", "one.test", "127.0.0.1",
     "2"},
    {"as is one of which nothing is heard", "silent.test,one.test", "1,2", "one.test", "127.0.0.1",
     "2"},
    {"none", "nobody.test", NULL, NULL, NULL, NULL},
    /* another name: the question of the case before may still be under way, and be joined */
    {"none in time", "silent-too.test", NULL, NULL, NULL, NULL},
};

static void test_list(void **state)
{
    const struct list_row *row = *state;
    bool silent = strstr(row->hosts, "silent");
    struct resolver_hosts found;
    struct fault fault;

    assert_true(resolver_has_names(row->hosts));
    size_t before = n_let_go;
    bool good = resolver_find(row->hosts, row->ports, silent ? 200 : 60000, &found, &fault);
    if (silent) {
        assert_int_equal(write(go[1], "x", 1), 1);
        while (n_let_go == before) /* or the next case's question would take it */
            usleep(1000);
    }
    if (!row->want_hosts) {
        assert_false(good);
        assert_int_equal(fault.kind, FAULT_DATABASE_UNAVAILABLE);
        assert_non_null(strstr(fault.detail, "cannot find its host: "));
        assert_null(strstr(fault.detail, ".test"));
        return;
    }
    assert_true(good);
    assert_string_equal(found.hosts, row->want_hosts);
    assert_string_equal(found.addresses, row->want_addresses);
    assert_string_equal(found.ports, row->want_ports);
}

static void test_no_names(void **state)
{
    static const char *const none[] = {NULL,          "",          "/run/postgresql", "127.0.0.1",
                                       "::1,/run,::", "@abstract", "p@ss@host"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_false(resolver_has_names(none[i]));
}

static void *ask_too(void *ret_good)
{
    const char *why;

    *(bool *)ret_good = resolver_knows("quiet.test", 60000, &why);
    return NULL;
}

/* One question to the nameserver, however many wait for its answer. */
static void test_company(void **state)
{
    bool good[4] = {false};
    pthread_t threads[4];
    const char *why;

    (void)state;
    assert_false(resolver_knows("quiet.test", 10, &why));
    assert_non_null(why);
    while (n_asked == 0)
        usleep(1000);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_too, &good[i]), 0);
    usleep(100000);
    assert_int_equal(n_asked, 1);
    assert_int_equal(write(quiet[1], "xxxxx", 5), 5); /* those that were late ask anew */
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_true(good[i]);
    }
}

static void test_many(void **state)
{
    static char hosts[2 * RESOLVER_LIST_MAX];
    struct resolver_hosts found;
    struct fault fault;

    (void)state;
    for (size_t i = 0; i < 120; i++)
        snprintf(hosts + strlen(hosts), sizeof(hosts) - strlen(hosts), "%sone.test", i ? "," : "");
    assert_true(resolver_find(hosts, NULL, 600000, &found, &fault));
    assert_true(strlen(found.hosts) < RESOLVER_LIST_MAX);
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "what is not asked for", .test_func = test_no_names},
        {.name = "one question for all who wait", .test_func = test_company},
        {.name = "more hosts than there is room for", .test_func = test_many},
    };
    struct CMUnitTest tests[ARRAY_LEN(lists) + ARRAY_LEN(singles)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, lists, test_list);
    memcpy(tests + n, singles, sizeof(singles));
    if (pipe(go) != 0 || pipe(quiet) != 0)
        return 1;
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
