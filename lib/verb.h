/**
 * A maintenance verb as a value: what it is called, what it takes, what it needs, what it does.
 *
 * Each module that has one exports it as <module>_verb, a program lists its own, and nobody else
 * knows it:
 *
 *     enum { OLDER_THAN, DRY_RUN };
 *     const struct verb reconcile_verb = {
 *         .name = "--reconcile",
 *         .help = "ask Twilio for messages without a final status",
 *         .options = {[OLDER_THAN] = {.name = "--older-than", .value = "12h",
 *                                     .check = verb_check_age},
 *                     [DRY_RUN] = {.name = "--dry-run"}},
 *         .needs = {&service_database, &twilio_client},
 *         .run = run,
 *     };
 */
#ifndef VERB_H
#define VERB_H

#include "service.h"

#define VERB_OPTIONS_MAX 6

/**
 * The exit status of every verb. Whether all that was printed has arrived is looked at once, for
 * all of them, when the verb has returned.
 */
enum {
    VERB_DONE = 0,
    VERB_INCOMPLETE = 1, /* something is away, is left, or was set aside: another run may help */
    VERB_NOT_UNDERSTOOD = 2, /* the words behind the program's name */
    VERB_NOT_WRITTEN = 2,    /* the output, or the file that was asked for */
};

/** An option of a verb; at most once each, in any order, as "--option value" or "--option=value".
 */
struct verb_option {
    const char *name;                        /* "--older-than" */
    const char *value;                       /* an example of what follows it: "12h"; NULL: none */
    const char *(*check)(struct text value); /* what is wrong with one, "must be ..."; NULL: any */
    int choice; /* of options with one number above 0 only one may be given; they stand together */
};

struct verb {
    const char *name; /* "--drain" */
    const char *help; /* what it does, in lower case, no full stop; lines of 60 characters */
    struct verb_option options[VERB_OPTIONS_MAX]; /* up to the first without a name */

    /* Whose settings must be good before it runs; 0: all of the program's. */
    enum settings_user settings;

    /* What is opened before it runs; without any it has settings and clock alone. */
    const struct service_part *needs[SERVICE_PARTS_MAX];

    /**
     * Does it: prints progress and a summary, returns the exit status (above). `values` is in the
     * order of `options`: the value, "" for an option that has none, NULL for one that was not
     * given.
     */
    int (*run)(struct service *service, struct arena *arena, const char *const *values);
};

/** The verb of that name in a list that ends with NULL; NULL where there is none. */
const struct verb *verb_find(const struct verb *const *verbs, const char *name);

/** How it is called and what it does, as --help has it: "  PROGRAM --drain   replay ...". */
void verb_print(const struct verb *verb, const char *program);

/**
 * What stands behind the verb (argv[2] on) as values. Fails where anything is not what it takes;
 * the detail says what, in words for a terminal.
 */
must_check bool verb_read(const struct verb *verb, int argc, char *const *argv,
                          const char *ret_values[VERB_OPTIONS_MAX], struct fault *reterr);

/** For `check`: "30s", "90m", "12h", "7d"; and the seconds of one that is good. */
const char *verb_check_age(struct text value);
int64_t verb_age(const char *value);

#endif
