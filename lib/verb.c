#include "verb.h"

#include <stdio.h>
#include <string.h>

/* What --help says of a verb begins here, behind the program's name. */
#define HELP_COLUMN 12

const struct verb *verb_find(const struct verb *const *verbs, const char *name)
{
    for (; verbs && *verbs; verbs++)
        if (strcmp((*verbs)->name, name) == 0)
            return *verbs;
    return NULL;
}

static size_t count_options(const struct verb *verb)
{
    size_t n = 0;

    while (n < VERB_OPTIONS_MAX && verb->options[n].name)
        n++;
    return n;
}

/** "--drain", "--reconcile [--older-than 12h] [--dry-run]", "--report [--csv | --json]". */
static void write_usage(const struct verb *verb, char *to, size_t size)
{
    size_t n = count_options(verb), at = (size_t)snprintf(to, size, "%s", verb->name);

    for (size_t i = 0; i < n && at < size; i++) {
        const struct verb_option *option = &verb->options[i];
        bool goes_on = i > 0 && option->choice && option->choice == option[-1].choice;
        bool ends = i + 1 == n || !option->choice || option->choice != option[1].choice;
        at += (size_t)snprintf(to + at, size - at, "%s%s%s%s%s", goes_on ? " | " : " [",
                               option->name, option->value ? " " : "",
                               option->value ? option->value : "", ends ? "]" : "");
    }
}

void verb_print(const struct verb *verb, const char *program)
{
    int indent = 2 + (int)strlen(program) + 1 + HELP_COLUMN;
    const char *line = verb->help, *end;
    char usage[256];

    write_usage(verb, usage, sizeof(usage));
    if (strlen(usage) < HELP_COLUMN)
        printf("  %s %-*s", program, HELP_COLUMN, usage);
    else
        printf("  %s %s\n%*s", program, usage, indent, "");
    while ((end = strchr(line, '\n'))) {
        printf("%.*s\n%*s", (int)(end - line), line, indent, "");
        line = end + 1;
    }
    printf("%s\n", line);
}

static size_t find_option(const struct verb *verb, struct text word)
{
    size_t n = count_options(verb), at = 0;

    while (at < n && !text_equal(text_of(verb->options[at].name), word))
        at++;
    return at;
}

static bool refuse(const struct verb *verb, const char *argument, struct fault *reterr)
{
    char usage[256];

    if (count_options(verb) == 0)
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' takes no argument", verb->name);
    write_usage(verb, usage, sizeof(usage));
    return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' takes no '%.40s', usage: %s", verb->name,
                     argument, usage);
}

/** An option that excludes the at-th and was given; NULL for none. */
static const struct verb_option *find_rival(const struct verb *verb, size_t at,
                                            const char *const *values)
{
    int choice = verb->options[at].choice;

    for (size_t i = 0; choice && i < VERB_OPTIONS_MAX; i++)
        if (i != at && values[i] && verb->options[i].choice == choice)
            return &verb->options[i];
    return NULL;
}

/** An option that is known, with what was given to it, or NULL. */
static bool take_option(const struct verb *verb, size_t at, const char *value, const char **values,
                        struct fault *reterr)
{
    const struct verb_option *option = &verb->options[at], *rival = find_rival(verb, at, values);

    if (values[at])
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' is given twice", option->name);
    if (rival)
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' and '%s' exclude each other",
                         rival->name, option->name);
    if (option->value && (!value || !*value))
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' needs a value: %s %s", option->name,
                         option->name, option->value);
    if (!option->value && value)
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' takes no value", option->name);
    const char *problem = value && option->check ? option->check(text_of(value)) : NULL;
    if (problem)
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%s' %s: %s %s", option->name, problem,
                         option->name, option->value);
    values[at] = value ? value : "";
    return true;
}

bool verb_read(const struct verb *verb, int argc, char *const *argv,
               const char *ret_values[VERB_OPTIONS_MAX], struct fault *reterr)
{
    const char *values[VERB_OPTIONS_MAX] = {NULL};

    for (int i = 2; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        struct text name = {argv[i], value ? (size_t)(value - argv[i]) : strlen(argv[i])};
        size_t at = find_option(verb, name);
        if (at == count_options(verb))
            return refuse(verb, argv[i], reterr);
        if (value)
            value++;
        else if (verb->options[at].value && i + 1 < argc)
            value = argv[++i];
        if (!take_option(verb, at, value, values, reterr))
            return false;
    }
    memcpy(ret_values, values, sizeof(values));
    return true;
}

static int64_t read_age(struct text word)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t n;

    for (size_t i = 0; word.n > 1 && i < ARRAY_LEN(units); i++)
        if (word.s[word.n - 1] == units[i].unit &&
            text_number((struct text){word.s, word.n - 1}, 1000000, &n))
            return (int64_t)n * units[i].seconds;
    return -1;
}

const char *verb_check_age(struct text value)
{
    return read_age(value) < 0 ? "must be a number and s, m, h or d" : NULL;
}

int64_t verb_age(const char *value)
{
    return read_age(text_of(value));
}
