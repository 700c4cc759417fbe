/**
 * A spool of a test's own in a new directory, with the system's clock moved by some seconds.
 */
#ifndef FAKE_SPOOL_H
#define FAKE_SPOOL_H

#include "spool.h"

/** The directory and the one above, which is removed with all that is in it. */
extern char fake_spool_top[64], fake_spool_dir[80];

extern const struct spool fake_spool;
extern struct arena fake_spool_arena;

/** The clock goes before the system's by so much. */
extern int64_t fake_spool_moved_s;

/** No random bytes; and what a single random byte is, -1: anything. */
extern bool fake_spool_no_dice;
extern int fake_spool_dice;

/** For cmocka: a new directory above, not the spool; all gone. */
int fake_spool_set_up(void **state);
int fake_spool_tear_down(void **state);

/** Removes the spool and all that is in it. */
void fake_spool_remove(void);

/** The path of a file of the spool, until the next call. */
const char *fake_spool_path(const char *name);

/** Store an event, or fail the test. */
void fake_spool_put(const char *content);

/** Make the spool's directory; a file in it. */
void fake_spool_make(void);
void fake_spool_file(const char *name, const char *content);

/** So many files wait, are claimed, were set aside. */
void fake_spool_expect(size_t waiting, size_t claimed, size_t bad);

/** Entries of any kind in a directory. */
size_t fake_spool_entries(const char *path);

/** spool_look() and spool_waits() for what is due, of any kind. */
bool fake_spool_look(size_t most, struct spool_walk *ret_walk);
bool fake_spool_waits(void);

/** The next of what waits, claimed. */
bool fake_spool_take(struct spool_claim *claim);

/** A test in a spool of its own. */
#define IN_SPOOL(sentence, function)                                                               \
    {                                                                                              \
        .name = sentence, .test_func = function, .setup_func = fake_spool_set_up,                  \
        .teardown_func = fake_spool_tear_down                                                      \
    }

#endif
