/* Files that wait for the database: what becomes of them, whatever else lies in the directory, and
 * how many there may be. */

#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_record.h"
#include "fake_spool.h"
#include "spool_state.h"
#include "unit.h"

#define A_NAME  "1700000000000-11111111-1111-4111-8111-111111111111.json"
#define B_NAME  "1700000000001-22222222-2222-4222-8222-222222222222.json"
#define C_NAME  "1700000000002-33333333-3333-4333-8333-333333333333.json"
#define A_DRAFT ".11111111-1111-4111-8111-111111111111"

static void expect_refused(const char *why)
{
    struct fault fault;

    assert_false(spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), &fault));
    assert_int_equal(fault.kind, FAULT_SPOOL_UNAVAILABLE);
    assert_int_equal(fault.retry_after, 5);
    assert_string_equal(fault.detail, why);
}

static void what_is_put_is_taken(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_put("one event");
    fake_spool_expect(1, 0, 0);
    assert_true(fake_spool_waits());
    assert_true(fake_spool_take(&claim));
    assert_text_equal(claim.content, "one event");
    assert_int_equal(claim.passing, 0);
    fake_spool_expect(0, 1, 0);
    assert_false(fake_spool_waits());
    spool_end(&fake_spool, &claim, SPOOL_DONE);
    fake_spool_expect(0, 0, 0);
    assert_int_equal(fake_spool_entries(fake_spool_dir), 1); /* claimed/ */
}

static void the_oldest_seen_comes_first(void **state)
{
    static const char *const names[] = {C_NAME, A_NAME, B_NAME};
    struct spool_claim claim;
    struct spool_walk walk;

    (void)state;
    fake_spool_make();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        fake_spool_file(names[i], names[i]);
    assert_true(fake_spool_look(10, &walk));
    assert_int_equal(walk.n, 3);
    assert_true(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_text_equal(claim.content, A_NAME);
    assert_string_equal(claim.name, A_NAME);
    assert_true(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_text_equal(claim.content, B_NAME);
    assert_true(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_text_equal(claim.content, C_NAME);
    assert_false(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_int_equal(walk.error, 0);
    spool_finish(&walk);
}

static void no_more_are_looked_at_than_asked_for(void **state)
{
    struct spool_walk walk;

    (void)state;
    for (int i = 0; i < 5; i++)
        fake_spool_put("event");
    assert_true(fake_spool_look(3, &walk));
    assert_int_equal(walk.n, 3);
    spool_finish(&walk);
}

static void what_another_has_taken_is_passed_over(void **state)
{
    struct spool_claim claim, other;
    struct spool_walk walk;

    (void)state;
    fake_spool_make();
    fake_spool_file(A_NAME, "a");
    fake_spool_file(B_NAME, "b");
    assert_true(fake_spool_look(2, &walk));
    assert_int_equal(rename(fake_spool_path(A_NAME), fake_spool_top),
                     -1); /* the name is still there */
    assert_int_equal(unlink(fake_spool_path(A_NAME)), 0);
    assert_true(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_text_equal(claim.content, "b");
    assert_false(spool_claim(&fake_spool, &walk, &fake_spool_arena, &other));
    assert_int_equal(walk.error, 0);
    spool_finish(&walk);
}

static void what_is_given_back_waits_again(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    spool_end(&fake_spool, &claim, SPOOL_GIVE_BACK);
    fake_spool_expect(1, 0, 0);
    assert_true(fake_spool_take(&claim));
    assert_text_equal(claim.content, "event");
}

static void what_is_put_off_is_due_after_the_pause(void **state)
{
    const struct spool_choice all = spool_all(&fake_spool);
    struct spool_claim claim;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    spool_end(&fake_spool, &claim, SPOOL_PUT_OFF);
    fake_spool_expect(1, 0, 0);
    assert_false(fake_spool_waits());
    assert_false(fake_spool_take(&claim));
    assert_false(spool_waits(&fake_spool, &all)); /* put off since */
    const struct spool_choice later = spool_all(&fake_spool);
    usleep(2000);
    fake_spool_moved_s = SPOOL_PAUSE_SECONDS - 5;
    assert_false(fake_spool_waits());
    fake_spool_moved_s = 1;
    assert_true(spool_waits(&fake_spool, &(struct spool_choice){SPOOL_ANY, later.until_ms + 1000}));
    fake_spool_moved_s = SPOOL_PAUSE_SECONDS + 1;
    assert_true(fake_spool_take(&claim));
    assert_text_equal(claim.content, "event");
}

static void its_state_tells_what_is_put_off_and_how_old_the_oldest_is(void **state)
{
    struct spool_claim claim;
    struct spool_state now;

    (void)state;
    fake_spool_put("one");
    assert_true(fake_spool_take(&claim));
    spool_end(&fake_spool, &claim, SPOOL_PUT_OFF);
    fake_spool_put("two");
    fake_spool_moved_s = 5;
    spool_state(&fake_spool, &now);
    assert_true(now.waiting == 2 && now.put_off == 1);
    fake_spool_moved_s = 1000;
    spool_state(&fake_spool, &now);
    assert_true(now.waiting == 2 && now.put_off == 0);
    assert_true(now.oldest_ms >= 1000000 && now.oldest_ms < 2000000);
    fake_spool_moved_s = 60;
    assert_true(fake_spool_take(&claim) && fake_spool_take(&claim));
    spool_state(&fake_spool, &now); /* claimed is not handled */
    assert_true(now.waiting == 0 && now.oldest_ms >= 60000);
    fake_spool_remove();
    spool_state(&fake_spool, &now);
    assert_true(now.oldest_ms == 0);
}

static void all_that_waits_is_taken_put_off_or_not(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    fake_spool_moved_s = -1;
    spool_end(&fake_spool, &claim, SPOOL_PUT_OFF);
    fake_spool_moved_s = 0;
    const struct spool_choice all = spool_all(&fake_spool);
    assert_false(fake_spool_waits());
    assert_true(spool_waits(&fake_spool, &all));
}

/* Names that somebody made, two of which become one, and one that has no room for the time. */
static void any_name_can_be_put_off(void **state)
{
    static const char *const names[] = {
        "1.json", "2.json",
        "1-12345678901234567890123456789012345678901234567890123456789012345678901.json"};
    struct spool_claim claim;

    (void)state;
    fake_spool_make();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        fake_spool_file(names[i], names[i]);
        assert_true(fake_spool_take(&claim));
        assert_text_equal(claim.content, names[i]);
        spool_end(&fake_spool, &claim, SPOOL_PUT_OFF);
        fake_spool_expect(i + 1, 0, 0);
    }
    assert_false(fake_spool_waits());
}

/* A clock that was an hour ahead when the file was written. */
static void a_name_from_the_future_is_due(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_moved_s = 3600;
    fake_spool_put("event");
    fake_spool_moved_s = 0;
    assert_true(fake_spool_waits());
    assert_true(fake_spool_take(&claim));
}

static void a_claim_from_the_future_is_dead(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    fake_spool_moved_s = -SPOOL_CLAIM_SECONDS - 5;
    assert_true(fake_spool_take(&claim));
}

static void events_and_settlements_are_told_apart(void **state)
{
    struct spool_choice due;
    struct spool_walk walk;
    struct fault fault;

    (void)state;
    assert_true(spool_put(&fake_spool, SPOOL_SETTLEMENT, TEXT("settlement"), &fault));
    due = spool_due(&fake_spool, SPOOL_EVENT);
    assert_false(spool_waits(&fake_spool, &due));
    assert_false(spool_look(&fake_spool, &due, 8, &walk));
    fake_spool_put("event");
    due = spool_due(&fake_spool, SPOOL_EVENT);
    assert_true(spool_waits(&fake_spool, &due));
    assert_true(spool_look(&fake_spool, &due, 8, &walk));
    assert_int_equal(walk.n, 1);
    assert_null(strstr(walk.names[0], "settlement"));
    spool_finish(&walk);
    due = spool_due(&fake_spool, SPOOL_SETTLEMENT);
    assert_true(spool_look(&fake_spool, &due, 8, &walk));
    assert_int_equal(walk.n, 1);
    assert_non_null(strstr(walk.names[0], ".settlement.json"));
    spool_finish(&walk);
    due = spool_due(&fake_spool, SPOOL_ANY);
    assert_true(spool_look(&fake_spool, &due, 8, &walk));
    assert_int_equal(walk.n, 2);
    spool_finish(&walk);
}

static void what_is_set_aside_is_kept_and_taken_no_more(void **state)
{
    struct spool_claim claim;
    char bad[160];

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    spool_end(&fake_spool, &claim, SPOOL_SET_ASIDE);
    fake_spool_expect(0, 0, 1);
    assert_false(fake_spool_waits());
    assert_false(fake_spool_take(&claim));
    snprintf(bad, sizeof(bad), "bad/%s", claim.name);
    struct stat status;
    assert_int_equal(stat(fake_spool_path(bad), &status), 0);
    assert_int_equal(status.st_size, 5);
}

static void a_dead_claim_is_given_back(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    fake_spool_moved_s = SPOOL_CLAIM_SECONDS - 5;
    assert_false(fake_spool_waits());
    assert_false(fake_spool_take(&claim));
    fake_spool_moved_s = SPOOL_CLAIM_SECONDS + 5;
    assert_true(fake_spool_waits());
    assert_true(fake_spool_take(&claim));
    assert_text_equal(claim.content, "event");
}

static void a_dead_claim_ended_twice_harms_nothing(void **state)
{
    struct spool_claim slow, fast;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&slow));
    fake_spool_moved_s = SPOOL_CLAIM_SECONDS + 5;
    assert_true(fake_spool_take(&fast));
    spool_end(&fake_spool, &fast, SPOOL_DONE);
    spool_end(&fake_spool, &slow, SPOOL_GIVE_BACK);
    spool_end(&fake_spool, &slow, SPOOL_SET_ASIDE);
    fake_spool_expect(0, 0, 0);
}

static void a_draft_is_never_taken_and_goes_in_time(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_make();
    fake_spool_file(A_DRAFT, "half an ev");
    assert_false(fake_spool_waits());
    assert_false(fake_spool_take(&claim));
    assert_int_equal(access(fake_spool_path(A_DRAFT), F_OK), 0);
    fake_spool_moved_s = SPOOL_CLAIM_SECONDS + 5;
    assert_false(fake_spool_take(&claim));
    assert_int_equal(access(fake_spool_path(A_DRAFT), F_OK), -1);
}

static void foreign_files_are_left_alone(void **state)
{
    static const char *const names[] = {"README", ".profile", "1.txt",      "1700000000000.txt",
                                        "a.json", ".full",    A_NAME A_NAME};
    struct spool_claim claim;

    (void)state;
    fake_spool_make();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        fake_spool_file(names[i], "foreign");
    fake_spool_moved_s = 1000000;
    assert_false(fake_spool_waits());
    assert_false(fake_spool_take(&claim));
    fake_spool_expect(0, 0, 0);
    assert_int_equal(fake_spool_entries(fake_spool_dir), ARRAY_LEN(names));
}

static void an_empty_spool_is_no_fault(void **state)
{
    struct spool_state now;
    struct spool_walk walk;

    (void)state;
    assert_false(fake_spool_waits());
    assert_false(fake_spool_look(8, &walk));
    assert_int_equal(walk.error, 0);
    spool_state(&fake_spool, &now);
    assert_false(now.exists || now.writable || now.private);
    assert_int_equal(access(fake_spool_dir, F_OK), -1);
}

static void plant_link(const char *path)
{
    assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void plant_pipe(const char *path)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void plant_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void plant_huge(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SPOOL_FILE_MAX + 1), 0);
    close(fd);
}

static void plant_empty(const char *path)
{
    close(open(path, O_WRONLY | O_CREAT, 0600));
}

/* What may lie there under a good name, and is no event. */
static const struct planted_row {
    const char *label;
    void (*plant)(const char *path);
} planted_rows[] = {
    {"a symbolic link is not followed", plant_link},
    {"a named pipe holds nobody", plant_pipe},
    {"a folder is no event", plant_folder},
    {"a file that is too long is not read", plant_huge},
    {"an empty file is no event", plant_empty},
};

static void planted(void **state)
{
    const struct planted_row *row = *state;
    struct spool_claim claim;

    fake_spool_make();
    row->plant(fake_spool_path(A_NAME));
    assert_true(fake_spool_take(&claim));
    assert_int_equal(claim.content.n, 0);
    assert_int_equal(claim.passing, 0);
    spool_end(&fake_spool, &claim, SPOOL_SET_ASIDE);
    fake_spool_expect(0, 0, 1);
}

static void links_for_the_folders_are_not_followed(void **state)
{
    struct spool_claim claim = {.name = A_NAME};
    struct spool_walk walk;

    (void)state;
    fake_spool_make();
    fake_spool_file(A_NAME, "event");
    assert_int_equal(symlink("/tmp", fake_spool_path("claimed")), 0);
    assert_true(fake_spool_look(1, &walk));
    assert_false(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_true(walk.error == ENOTDIR || walk.error == ELOOP);
    spool_finish(&walk);
    fake_spool_expect(1, 0, 0);
}

/* A claim whose folder is gone, or no folder any more, when it comes to its end. */
static void a_claim_without_its_folder_is_left(void **state)
{
    struct spool_claim claim;
    char aside[160];

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    snprintf(aside, sizeof(aside), "%s/aside", fake_spool_top);
    assert_int_equal(rename(fake_spool_path("claimed"), aside), 0);
    assert_int_equal(symlink(aside, fake_spool_path("claimed")), 0);
    for (int end = SPOOL_DONE; end <= SPOOL_SET_ASIDE; end++)
        spool_end(&fake_spool, &claim, (enum spool_end)end);
    assert_int_equal(fake_spool_entries(aside), 1);
    fake_spool_expect(0, 0, 0);
    fake_spool_remove();
    spool_end(&fake_spool, &claim, SPOOL_DONE);
    assert_int_equal(access(fake_spool_dir, F_OK), -1);
}

static void what_cannot_be_set_aside_stays_claimed(void **state)
{
    struct spool_claim claim;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_take(&claim));
    fake_spool_file("bad", "no folder");
    spool_end(&fake_spool, &claim, SPOOL_SET_ASIDE);
    fake_spool_expect(0, 1, 0);
}

static void a_spool_that_is_gone_is_told(void **state)
{
    struct spool_claim claim;
    struct spool_walk walk;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_look(1, &walk));
    fake_spool_remove();
    assert_false(spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim));
    assert_int_equal(walk.error, ENOENT);
    spool_finish(&walk);
}

static void who_does_not_ask_why_is_not_told(void **state)
{
    (void)state;
    fake_spool_no_dice = true;
    assert_false(spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), NULL));
}

static void the_longest_event_fits(void **state)
{
    struct spool_claim claim;
    struct fault fault;
    char *content = malloc(SPOOL_FILE_MAX + 1);

    (void)state;
    assert_non_null(content);
    memset(content, 'x', SPOOL_FILE_MAX + 1);
    assert_true(
        spool_put(&fake_spool, SPOOL_EVENT, (struct text){content, SPOOL_FILE_MAX}, &fault));
    assert_false(
        spool_put(&fake_spool, SPOOL_EVENT, (struct text){content, SPOOL_FILE_MAX + 1}, &fault));
    assert_string_equal(fault.detail, "cannot write to the spool: event is too long");
    assert_true(fake_spool_take(&claim));
    assert_int_equal(claim.content.n, SPOOL_FILE_MAX);
    assert_memory_equal(claim.content.s, content, SPOOL_FILE_MAX);
    free(content);
}

static void fill(const char *name)
{
    fake_spool_file(name, "");
    assert_int_equal(truncate(fake_spool_path(name), SPOOL_BYTES_MAX), 0);
}

/* Where a gigabyte may lie. */
static const struct full_row {
    const char *label, *folder, *name;
} full_rows[] = {
    {"a full spool takes nothing in", NULL, A_NAME},
    {"what is claimed counts", "claimed", "claimed/" A_NAME},
    {"what was set aside counts", "bad", "bad/" A_NAME},
};

static void full(void **state)
{
    const struct full_row *row = *state;

    fake_spool_dice = 0; /* count */
    fake_spool_put("event");
    if (row->folder)
        assert_int_equal(mkdir(fake_spool_path(row->folder), 0700), 0);
    fill(row->name);
    expect_refused("cannot write to the spool: it is full");
    fake_spool_dice = 1; /* don't */
    expect_refused("cannot write to the spool: it is full");
    assert_int_equal(unlink(fake_spool_path(row->name)), 0);
    expect_refused("cannot write to the spool: it is full"); /* nobody has looked again */
    fake_spool_moved_s = 15;
    fake_spool_put("event");
    fake_spool_moved_s = 0;
    fake_spool_put("event");
    fake_spool_expect(3, 0, 0);
}

static void while_it_is_full_it_stays_full(void **state)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};

    (void)state;
    fake_spool_dice = 0;
    fake_spool_make();
    fill(A_NAME);
    expect_refused("cannot write to the spool: it is full");
    assert_int_equal(utimensat(AT_FDCWD, fake_spool_path(".full"), long_ago, 0), 0);
    expect_refused("cannot write to the spool: it is full");
    assert_int_equal(unlink(fake_spool_path(A_NAME)), 0);
    expect_refused("cannot write to the spool: it is full"); /* the mark is new again */
}

/* The clock has been put back since. */
static void a_mark_of_tomorrow_is_none(void **state)
{
    (void)state;
    fake_spool_make();
    fake_spool_file(".full", "");
    fake_spool_moved_s = -5;
    fake_spool_put("event");
    assert_int_equal(access(fake_spool_path(".full"), F_OK), -1);
}

static void a_link_in_the_marks_place_is_not_followed(void **state)
{
    char elsewhere[160];

    (void)state;
    fake_spool_make();
    fill(A_NAME);
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", fake_spool_top);
    assert_int_equal(symlink(elsewhere, fake_spool_path(".full")), 0);
    fake_spool_moved_s = 15;
    expect_refused("cannot write to the spool: it is full");
    assert_int_equal(access(elsewhere, F_OK), -1);
}

static void one_put_in_many_counts(void **state)
{
    (void)state;
    fake_spool_make();
    fill(A_NAME);
    fake_spool_dice = 33;
    fake_spool_put("event");
    fake_spool_dice = 32;
    expect_refused("cannot write to the spool: it is full");
}

int main(void)
{
    struct CMUnitTest tests[64] = {
        IN_SPOOL("what is put is taken", what_is_put_is_taken),
        IN_SPOOL("the oldest seen comes first", the_oldest_seen_comes_first),
        IN_SPOOL("no more are looked at than asked for", no_more_are_looked_at_than_asked_for),
        IN_SPOOL("what another has taken is passed over", what_another_has_taken_is_passed_over),
        IN_SPOOL("what is given back waits again", what_is_given_back_waits_again),
        IN_SPOOL("what is put off is due after the pause", what_is_put_off_is_due_after_the_pause),
        IN_SPOOL("its state tells what is put off, and how old the oldest is",
                 its_state_tells_what_is_put_off_and_how_old_the_oldest_is),
        IN_SPOOL("all that waits is taken, put off or not", all_that_waits_is_taken_put_off_or_not),
        IN_SPOOL("any name can be put off", any_name_can_be_put_off),
        IN_SPOOL("a name from the future is due", a_name_from_the_future_is_due),
        IN_SPOOL("a claim from the future is dead", a_claim_from_the_future_is_dead),
        IN_SPOOL("events and settlements are told apart", events_and_settlements_are_told_apart),
        IN_SPOOL("what is set aside is kept and taken no more",
                 what_is_set_aside_is_kept_and_taken_no_more),
        IN_SPOOL("a dead claim is given back", a_dead_claim_is_given_back),
        IN_SPOOL("a dead claim ended twice harms nothing", a_dead_claim_ended_twice_harms_nothing),
        IN_SPOOL("a draft is never taken and goes in time",
                 a_draft_is_never_taken_and_goes_in_time),
        IN_SPOOL("foreign files are left alone", foreign_files_are_left_alone),
        IN_SPOOL("an empty spool is no fault", an_empty_spool_is_no_fault),
        IN_SPOOL("links for the folders are not followed", links_for_the_folders_are_not_followed),
        IN_SPOOL("the longest event fits", the_longest_event_fits),
        IN_SPOOL("a claim without its folder is left", a_claim_without_its_folder_is_left),
        IN_SPOOL("what cannot be set aside stays claimed", what_cannot_be_set_aside_stays_claimed),
        IN_SPOOL("a spool that is gone is told", a_spool_that_is_gone_is_told),
        IN_SPOOL("who does not ask why is not told", who_does_not_ask_why_is_not_told),
        IN_SPOOL("a mark of tomorrow is none", a_mark_of_tomorrow_is_none),
        IN_SPOOL("a link in the mark's place is not followed",
                 a_link_in_the_marks_place_is_not_followed),
        IN_SPOOL("while it is full it stays full", while_it_is_full_it_stays_full),
        IN_SPOOL("one put in many counts", one_put_in_many_counts),
    };
    size_t n = 0;

    while (tests[n].name)
        n++;
    ADD_ROWS(tests, n, planted_rows, planted);
    ADD_ROWS(tests, n, full_rows, full);
    for (size_t i = 0; i < n; i++) {
        tests[i].setup_func = fake_spool_set_up;
        tests[i].teardown_func = fake_spool_tear_down;
    }
    return _cmocka_run_group_tests("spool", tests, n, NULL, NULL);
}
