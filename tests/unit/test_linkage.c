/* What was linked into a program, and whether the system has newer ones. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake_record.h"
#include "linkage.h"
#include "unit.h"

/* What dpkg knows. */
static const char status[] = "Package: libssl3\nStatus: install ok installed\nVersion: 3.0.19-1\n\n"
                             "Package: libpq5\nStatus: deinstall ok config-files\nVersion: 17.1\n\n"
                             "Package: libssl3t64\nStatus: install ok installed\nVersion: 9\n";

static const struct linkage_row {
    const char *label, *packages;
    bool newest;
    const char *want; /* a part of what --check says; NULL: nothing is said */
} rows[] = {
    {"nothing built in is nothing to say", "", true, NULL},
    {"and so is no list", NULL, true, NULL},
    {"what is built in is named", "libssl3=3.0.19-1", true, "libssl3 3.0.19-1\n"},
    {"an older one installed is no news", "libssl3=3.0.20-1", true, "libssl3 3.0.20-1\n"},
    {"an installed one that is newer is told", "libssl3=3.0.9-1", false,
     "libssl3 3.0.19-1 is installed, newer than"},
    {"each of several", "zlib1g=1 libssl3=3.0.19-1~deb12u2", false, "zlib1g 1, libssl3 3.0.19-1~"},
    {"one that was removed is no news", "libpq5=15.1", true, "libpq5 15.1"},
};

/* The examples of deb-version(7) and Debian Policy 5.6.12, and versions as they are. */
static const struct version_row {
    const char *label, *a, *b;
    int want;
} versions[] = {
    {"equal", "3.0.19-1~deb12u2", "3.0.19-1~deb12u2", 0},
    {"numbers are numbers", "3.0.19-1", "3.0.9-1", 1},
    {"noughts before a number are none", "1.02", "1.2", 0},
    {"a tilde comes before the end", "1.0~rc1", "1.0", -1},
    {"two before one", "1.0~~", "1.0~", -1},
    {"~~a before ~", "~~a", "~", -1},
    {"letters before what is none", "1.0a", "1.0+", -1},
    {"an epoch decides", "1:1.0", "2.0", 1},
    {"no epoch is epoch 0", "0:2.0", "2.0", 0},
    {"a security update", "15.20-0+deb12u2", "15.20-0+deb12u1", 1},
    {"ten is more than nine", "7.88.1-10+deb12u15", "7.88.1-10+deb12u9", 1},
    {"the revision comes last", "1.2-2", "1.3-1", -1},
    {"no revision is before one", "1.2", "1.2-1", -1},
    {"a dash in the middle belongs to the version", "1-2-3", "1-2-4", -1},
};

/** What `say` prints to standard output. */
static bool printed(bool (*say)(const char *), const char *packages, char out[static 1024])
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);

    assert_non_null(file);
    fflush(stdout);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    bool result = say(packages);
    fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    close(saved);
    rewind(file);
    out[fread(out, 1, 1023, file)] = '\0';
    fclose(file);
    return result;
}

static bool check(const char *packages)
{
    char name[] = "/tmp/test_linkage.XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0 && write(fd, status, sizeof(status) - 1) == (ssize_t)sizeof(status) - 1);
    close(fd);
    bool newest = linkage_check(packages, name);
    unlink(name);
    return newest;
}

static bool check_elsewhere(const char *packages)
{
    return linkage_check(packages, "/nonexistent/status");
}

static void versions_are_ordered_as_dpkg_does(void **state)
{
    const struct version_row *row = *state;

    assert_int_equal(linkage_compare(row->a, row->b), row->want);
    assert_int_equal(linkage_compare(row->b, row->a), -row->want);
}

static void a_system_without_dpkg_is_no_news(void **state)
{
    char out[1024];

    (void)state;
    assert_true(printed(check_elsewhere, "libssl3=0", out));
    assert_string_equal(out, "built in                       libssl3 0\n");
}

static bool print(const char *packages)
{
    linkage_print(packages);
    return true;
}

static void a_check_names_what_is_newer(void **state)
{
    const struct linkage_row *row = *state;
    char out[1024];

    assert_int_equal(printed(check, row->packages, out), row->newest);
    if (!row->want)
        assert_string_equal(out, "");
    else
        assert_non_null(strstr(out, row->want));
}

static void a_version_names_what_is_built_in(void **state)
{
    char out[1024];

    (void)state;
    printed(print, "a=1 b=2:3-4", out);
    assert_string_equal(out, "a 1, b 2:3-4\n");
    printed(print, NULL, out);
    assert_string_equal(out, "nothing, the libraries are shared\n");
}

int main(void)
{
    struct CMUnitTest tests[32] = {
        {.name = "--version names what is built in", .test_func = a_version_names_what_is_built_in},
        {.name = "a system without dpkg is no news", .test_func = a_system_without_dpkg_is_no_news},
    };
    size_t n = 2;

    ADD_ROWS(tests, n, versions, versions_are_ordered_as_dpkg_does);
    ADD_ROWS(tests, n, rows, a_check_names_what_is_newer);
    return _cmocka_run_group_tests("linkage", tests, n, NULL, NULL);
}
