/* A spool whose directory is not as it should be, and a system that refuses: rights, descriptors, a
 * full disk. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_spool.h"
#include "spool_state.h"
#include "unit.h"

#define A_NAME "1700000000000-11111111-1111-4111-8111-111111111111.json"

#define NOBODY 65534

static void expect_refused(const char *why)
{
    struct fault fault;

    assert_false(spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), &fault));
    assert_int_equal(fault.kind, FAULT_SPOOL_UNAVAILABLE);
    assert_int_equal(fault.retry_after, 5);
    assert_string_equal(fault.detail, why);
}

/** Run in a process of its own, as a user without rights: root may do everything. */
static void as_nobody(void (*act)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(2);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void modes_do_not_depend_on_the_umask(void **state)
{
    const mode_t masks[] = {0, 0777};
    struct spool_claim claim;
    struct stat status;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        mode_t old = umask(masks[i]);
        fake_spool_put("event");
        assert_true(fake_spool_take(&claim));
        assert_int_equal(stat(fake_spool_path("claimed"), &status), 0);
        assert_int_equal(status.st_mode, S_IFDIR | 0700);
        char name[160];
        snprintf(name, sizeof(name), "claimed/%s", claim.name);
        assert_int_equal(stat(fake_spool_path(name), &status), 0);
        assert_int_equal(status.st_mode, S_IFREG | 0600);
        spool_end(&fake_spool, &claim, SPOOL_SET_ASIDE);
        umask(old);
        assert_int_equal(stat(fake_spool_path("bad"), &status), 0);
        assert_int_equal(status.st_mode, S_IFDIR | 0700);
        assert_int_equal(stat(fake_spool_dir, &status), 0);
        assert_int_equal(status.st_mode, S_IFDIR | 0700);
        fake_spool_remove();
    }
}

static void a_directory_everybody_may_write_to_is_not_used(void **state)
{
    struct spool_state now;
    struct spool_walk walk;

    (void)state;
    fake_spool_make();
    fake_spool_file(A_NAME, "{\"kind\":\"event\"}");
    assert_int_equal(chmod(fake_spool_dir, 01777), 0);
    expect_refused("cannot open the spool: Operation not permitted");
    assert_false(fake_spool_waits());
    assert_false(fake_spool_look(1, &walk));
    assert_int_equal(walk.error, EPERM);
    spool_state(&fake_spool, &now);
    assert_true(now.exists);
    assert_false(now.writable || now.private);
    assert_int_equal(now.waiting, 1);
}

static void put_into_foreign(void)
{
    struct spool_state now;
    struct fault fault;

    spool_state(&fake_spool, &now);
    if (spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), &fault) || !now.exists || now.writable)
        _exit(1);
}

static void a_directory_of_somebody_else_is_not_used(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    fake_spool_make();
    assert_int_equal(chown(fake_spool_dir, 12345, NOBODY), 0);
    assert_int_equal(chmod(fake_spool_dir, 0770), 0);
    assert_int_equal(chmod(fake_spool_top, 0755), 0);
    as_nobody(put_into_foreign);
}

static void take_and_put(void)
{
    struct spool_claim claim;
    struct fault fault;

    if (!fake_spool_take(&claim) || !text_equal(claim.content, TEXT("by root")))
        _exit(1);
    spool_end(&fake_spool, &claim, SPOOL_SET_ASIDE);
    if (!spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), &fault) || !fake_spool_take(&claim))
        _exit(3);
}

static void what_root_did_by_hand_locks_nobody_out(void **state)
{
    struct spool_claim claim;

    (void)state;
    if (geteuid() != 0)
        skip();
    fake_spool_make();
    assert_int_equal(chown(fake_spool_dir, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(fake_spool_top, 0755), 0);
    fake_spool_put("by root");
    fake_spool_put("by root");
    assert_true(fake_spool_take(&claim)); /* makes claimed/ */
    spool_end(&fake_spool, &claim, SPOOL_SET_ASIDE);
    as_nobody(take_and_put);
    fake_spool_expect(0, 1, 2);
}

static void look_without_rights(void)
{
    struct spool_walk walk;
    struct fault fault;

    if (fake_spool_look(1, &walk) || walk.error != EACCES)
        _exit(1);
    if (spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), &fault) ||
        fault.kind != FAULT_SPOOL_UNAVAILABLE)
        _exit(3);
}

static void a_spool_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    fake_spool_make();
    fake_spool_file(A_NAME, "event");
    assert_int_equal(chmod(fake_spool_top, 0700), 0);
    if (geteuid() != 0)
        assert_int_equal(chmod(fake_spool_dir, 0), 0);
    as_nobody(look_without_rights);
    assert_int_equal(chmod(fake_spool_dir, 0700), 0);
}

static void claim_without_rights(void)
{
    struct spool_claim claim;
    struct spool_walk walk;

    if (!fake_spool_look(1, &walk) || spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim) ||
        walk.error != EACCES)
        _exit(1);
    spool_finish(&walk);
}

static void a_spool_that_allows_no_claim_is_told(void **state)
{
    (void)state;
    fake_spool_make();
    fake_spool_file(A_NAME, "event");
    assert_int_equal(chmod(fake_spool_dir, 0555), 0);
    assert_int_equal(chmod(fake_spool_top, 0755), 0);
    as_nobody(claim_without_rights);
    assert_int_equal(chmod(fake_spool_dir, 0700), 0);
    fake_spool_expect(1, 0, 0);
}

static void read_without_rights(void)
{
    struct spool_claim claim;
    struct spool_state now;

    spool_state(&fake_spool, &now);
    if (now.waiting != 1 || now.unreadable != 1 || !now.writable)
        _exit(1);
    if (!spool_complaint(&fake_spool))
        _exit(3);
    if (!fake_spool_take(&claim) || claim.content.n != 0 || claim.passing != 0 ||
        claim.unreadable != EACCES)
        _exit(4);
    spool_end(&fake_spool, &claim, SPOOL_PUT_OFF);
}

/* Copied from a host that is no more, by root, who gave the directory away and not what is in it.
 */
static void a_file_that_may_not_be_read_stays_and_is_told(void **state)
{
    struct stat status;

    (void)state;
    fake_spool_make();
    fake_spool_file(A_NAME, "event");
    assert_int_equal(chmod(fake_spool_path(A_NAME), geteuid() == 0 ? 0600 : 0), 0);
    assert_int_equal(chmod(fake_spool_top, 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(fake_spool_dir, NOBODY, NOBODY), 0);
    as_nobody(read_without_rights);
    assert_int_equal(stat(fake_spool_path("bad"), &status), -1);
    fake_spool_expect(1, 0, 0);
    assert_false(fake_spool_waits()); /* for a while */
    fake_spool_moved_s = SPOOL_PAUSE_SECONDS + 1;
    assert_true(fake_spool_waits());
}

static void look_without_a_folder(void)
{
    struct spool_state now;

    spool_state(&fake_spool, &now);
    if (now.unreadable != 1)
        _exit(1);
}

static void a_folder_that_may_not_be_read_is_told(void **state)
{
    (void)state;
    fake_spool_make();
    assert_int_equal(mkdir(fake_spool_path("claimed"), 0), 0);
    assert_int_equal(chmod(fake_spool_top, 0755), 0);
    assert_int_equal(chmod(fake_spool_dir, 0755), 0);
    as_nobody(look_without_a_folder);
}

static void the_folder_above_must_be_there(void **state)
{
    (void)state;
    assert_int_equal(rmdir(fake_spool_top), 0);
    expect_refused("cannot open the spool: No such file or directory");
    assert_int_equal(mkdir(fake_spool_top, 0700), 0);
}

static void without_random_bytes_nothing_is_overwritten(void **state)
{
    (void)state;
    fake_spool_no_dice = true;
    expect_refused("cannot write to the spool: no random bytes for a name");
    fake_spool_expect(0, 0, 0);
}

/** All descriptors are in use but `left`. */
static void leave_descriptors(struct rlimit *ret_old, int left)
{
    int lowest = dup(0);

    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_old), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)(lowest + left), .rlim_max = ret_old->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static void without_descriptors_nothing_is_called_bad(void **state)
{
    struct spool_claim claim;
    struct spool_walk walk;
    struct rlimit old;
    struct fault fault;

    (void)state;
    fake_spool_put("event");
    assert_true(fake_spool_look(1, &walk));
    leave_descriptors(&old, 2); /* directory and claimed/, not the file */
    bool claimed = spool_claim(&fake_spool, &walk, &fake_spool_arena, &claim);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(claimed);
    assert_int_equal(claim.passing, EMFILE);
    spool_end(&fake_spool, &claim, SPOOL_GIVE_BACK);
    spool_finish(&walk);
    for (int left = 0; left < 2; left++) {
        leave_descriptors(&old, left);
        bool looked = fake_spool_look(1, &walk);
        bool stored = spool_put(&fake_spool, SPOOL_EVENT, TEXT("event"), &fault);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_false(looked || stored);
        assert_int_equal(walk.error, EMFILE);
        assert_int_equal(fault.kind, FAULT_SPOOL_UNAVAILABLE);
    }
    fake_spool_expect(1, 0, 0);
    assert_int_equal(fake_spool_entries(fake_spool_dir), 2); /* the event, claimed/: no draft */
}

/** A disk that is full in the middle of a file. */
static void write_beyond_limit(void)
{
    struct rlimit small = {.rlim_cur = 100, .rlim_max = 100};
    char content[200] = {0};
    struct fault fault;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) != 0 ||
        spool_put(&fake_spool, SPOOL_EVENT, (struct text){content, sizeof(content)}, &fault) ||
        fault.kind != FAULT_SPOOL_UNAVAILABLE ||
        strcmp(fault.detail, "cannot write to the spool: File too large") != 0)
        _exit(1);
}

static void a_file_that_cannot_be_written_whole_leaves_nothing(void **state)
{
    (void)state;
    fake_spool_make();
    if (geteuid() == 0) {
        assert_int_equal(chown(fake_spool_dir, NOBODY, NOBODY), 0);
        assert_int_equal(chmod(fake_spool_top, 0755), 0);
    }
    as_nobody(write_beyond_limit);
    assert_int_equal(fake_spool_entries(fake_spool_dir), 0);
}

static void the_state_tells_who_may_read(void **state)
{
    struct spool_state now;

    (void)state;
    fake_spool_put("event");
    spool_state(&fake_spool, &now);
    assert_true(now.exists && now.writable && now.private);
    assert_int_equal(chmod(fake_spool_dir, 0750), 0);
    spool_state(&fake_spool, &now);
    assert_true(now.exists && now.writable);
    assert_false(now.private);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPOOL("modes do not depend on the umask", modes_do_not_depend_on_the_umask),
        IN_SPOOL("a directory everybody may write to is not used",
                 a_directory_everybody_may_write_to_is_not_used),
        IN_SPOOL("a directory of somebody else is not used",
                 a_directory_of_somebody_else_is_not_used),
        IN_SPOOL("what root did by hand locks nobody out", what_root_did_by_hand_locks_nobody_out),
        IN_SPOOL("a spool that cannot be read is told", a_spool_that_cannot_be_read_is_told),
        IN_SPOOL("a spool that allows no claim is told", a_spool_that_allows_no_claim_is_told),
        IN_SPOOL("a file that may not be read stays and is told",
                 a_file_that_may_not_be_read_stays_and_is_told),
        IN_SPOOL("a folder that may not be read is told", a_folder_that_may_not_be_read_is_told),
        IN_SPOOL("the folder above must be there", the_folder_above_must_be_there),
        IN_SPOOL("without random bytes nothing is overwritten",
                 without_random_bytes_nothing_is_overwritten),
        IN_SPOOL("without descriptors nothing is called bad",
                 without_descriptors_nothing_is_called_bad),
        IN_SPOOL("a file that cannot be written whole leaves nothing",
                 a_file_that_cannot_be_written_whole_leaves_nothing),
        IN_SPOOL("the state tells who may read", the_state_tells_who_may_read),
    };

    return cmocka_run_group_tests_name("spool_faults", tests, NULL, NULL);
}
