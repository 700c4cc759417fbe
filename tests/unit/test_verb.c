/* A verb's arguments: what is taken, and in which words anything else is refused. */

#include <sys/mman.h>
#include <unistd.h>

#include "fake_record.h"
#include "unit.h"
#include "verb.h"

enum { AGE, DRY, HTML, CSV, TABLE };

static int run(struct service *service, struct arena *arena, const char *const *values)
{
    (void)service;
    (void)arena;
    return values[AGE] ? 1 : 0;
}

static const struct verb report = {
    .name = "--report",
    .help = "say what became\nof it all",
    .options = {[AGE] = {"--older-than", "12h", verb_check_age},
                [DRY] = {"--dry-run"},
                [HTML] = {"--html", "FILE", .choice = 1},
                [CSV] = {"--csv", .choice = 1},
                [TABLE] = {"--table", .choice = 1}},
    .run = run,
};
static const struct verb drain = {.name = "--drain", .help = "empty it", .run = run};
static const struct verb *const verbs[] = {&report, &drain, NULL};

#define USAGE "--report [--older-than 12h] [--dry-run] [--html FILE | --csv | --table]"

static const struct read_row {
    const char *label;
    const char *argv[5];
    const char *problem; /* NULL: it is taken */
    const char *values[VERB_OPTIONS_MAX];
    const struct verb *verb; /* NULL: the report */
} reads[] = {
    {"nothing", {NULL}, NULL, {NULL}},
    {"an option and its value", {"--older-than", "2d"}, NULL, {[AGE] = "2d"}},
    {"in one word", {"--older-than=2d"}, NULL, {[AGE] = "2d"}},
    {"an option without one", {"--dry-run"}, NULL, {[DRY] = ""}},
    {"several in any order",
     {"--csv", "--dry-run", "--older-than", "0s"},
     NULL,
     {[AGE] = "0s", [DRY] = "", [CSV] = ""}},
    {"a value that looks like an option", {"--html", "--csv"}, NULL, {[HTML] = "--csv"}},
    {"a value with an equals sign", {"--html=a=b"}, NULL, {[HTML] = "a=b"}},
    {"another option", {"--dry"}, "'--report' takes no '--dry', usage: " USAGE},
    {"a word", {"now"}, "'--report' takes no 'now', usage: " USAGE},
    {"an empty word", {""}, "'--report' takes no '', usage: " USAGE},
    {"a value too many", {"--older-than", "1h", "2h"}, "'--report' takes no '2h', usage: " USAGE},
    {"an option twice", {"--dry-run", "--dry-run"}, "'--dry-run' is given twice"},
    {"an option without its value", {"--html"}, "'--html' needs a value: --html FILE"},
    {"an option with an empty value", {"--html", ""}, "'--html' needs a value: --html FILE"},
    {"an option with nothing behind its sign", {"--html="}, "'--html' needs a value: --html FILE"},
    {"a value where none belongs", {"--dry-run=yes"}, "'--dry-run' takes no value"},
    {"two that exclude each other",
     {"--csv", "--html", "x"},
     "'--csv' and '--html' exclude each other"},
    {"a value that its check refuses",
     {"--older-than", "12"},
     "'--older-than' must be a number and s, m, h or d: --older-than 12h"},
    {"anything where a verb takes nothing", {"now"}, "'--drain' takes no argument", .verb = &drain},
    {"an option where a verb takes none",
     {"--dry-run"},
     "'--drain' takes no argument",
     .verb = &drain},
};

static void test_read(void **state)
{
    const struct read_row *row = *state;
    char *argv[7] = {(char *)(uintptr_t) "program", (char *)(uintptr_t) "--verb"};
    const char *values[VERB_OPTIONS_MAX] = {"as it was"};
    struct fault fault = {0};
    int argc = 2;

    for (size_t i = 0; i < ARRAY_LEN(row->argv) && row->argv[i]; i++)
        argv[argc++] = (char *)(uintptr_t)row->argv[i];
    bool good = verb_read(row->verb ? row->verb : &report, argc, argv, values, &fault);
    assert_string_equal(fault.detail, row->problem ? row->problem : "");
    assert_true(good == !row->problem);
    if (!good)
        assert_string_equal(values[0], "as it was");
    for (size_t i = 0; good && i < VERB_OPTIONS_MAX; i++) {
        assert_true(!values[i] == !row->values[i]);
        if (values[i])
            assert_string_equal(values[i], row->values[i]);
    }
}

static const struct age_row {
    const char *label, *value;
    int64_t seconds; /* below 0: none */
} ages[] = {{"days", "2d", 172800},          {"hours", "1h", 3600},
            {"minutes", "90m", 5400},        {"seconds", "0s", 0},
            {"no number", "h", -1},          {"no unit", "12", -1},
            {"before now", "-1h", -1},       {"with an end", "1h ", -1},
            {"another unit", "1w", -1},      {"the age of the world", "1000001d", -1},
            {"a unit in capitals", "1H", -1}};

static void test_age(void **state)
{
    const struct age_row *row = *state;

    assert_int_equal(verb_age(row->value), row->seconds);
    assert_true((verb_check_age(text_of(row->value)) == NULL) == (row->seconds >= 0));
}

static void test_find(void **state)
{
    (void)state;
    assert_ptr_equal(verb_find(verbs, "--drain"), &drain);
    assert_ptr_equal(verb_find(verbs, "--report"), &report);
    assert_null(verb_find(verbs, "--repor"));
    assert_null(verb_find(verbs, ""));
    assert_null(verb_find(NULL, "--drain"));
}

static void test_print(void **state)
{
    int out = dup(STDOUT_FILENO), file = memfd_create("output", MFD_CLOEXEC);
    char printed[512] = "";

    (void)state;
    fflush(stdout);
    assert_true(out >= 0 && file >= 0 && dup2(file, STDOUT_FILENO) >= 0);
    verb_print(&report, "the-program");
    verb_print(&drain, "the-program");
    fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) >= 0);
    assert_true(pread(file, printed, sizeof(printed) - 1, 0) > 0);
    close(out);
    close(file);
    assert_string_equal(printed, "  the-program " USAGE "\n"
                                 "                          say what became\n"
                                 "                          of it all\n"
                                 "  the-program --drain     empty it\n");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(reads) + ARRAY_LEN(ages) + 2] = {
        {.name = "a verb is found by its name", .test_func = test_find},
        {.name = "help has its arguments", .test_func = test_print},
    };
    size_t n = 2;

    ADD_ROWS(tests, n, reads, test_read);
    ADD_ROWS(tests, n, ages, test_age);
    return cmocka_run_group_tests_name("verb", tests, NULL, NULL);
}
