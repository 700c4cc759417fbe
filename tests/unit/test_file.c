/* Whole files: what is read, and that a file is replaced in one step or not at all. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "unit.h"

static char dir[] = "/tmp/unit-file-XXXXXX";
static char path[64], link_path[64], below[64];
static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/unit-file-XXXXXX");
    arena_init(&arena, 1 << 20);
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/file", dir);
    snprintf(link_path, sizeof(link_path), "%s/link", dir);
    snprintf(below, sizeof(below), "%s/file/below", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    unlink(path);
    unlink(link_path);
    rmdir(path);
    return rmdir(dir); /* fails where anything was left behind */
}

static bool put(const char *to, const char *content, mode_t mode, struct fault *reterr)
{
    return file_replace(to, text_of(content), mode, reterr);
}

static void expect(const char *from, const char *content)
{
    struct fault fault = {0};
    struct stat status;
    struct text got;

    assert_true(file_read("test file", from, 64, &arena, &status, &got, &fault));
    assert_text_equal(got, content);
}

static void test_made_and_replaced(void **state)
{
    mode_t mask = umask(077);
    struct stat before, after;
    struct fault fault;

    (void)state;
    assert_true(put(path, "one", 0644, &fault));
    expect(path, "one");
    assert_int_equal(stat(path, &before), 0);
    assert_true(put(path, "two, and longer", 0640, &fault));
    expect(path, "two, and longer");
    assert_int_equal(stat(path, &after), 0);
    umask(mask);
    assert_int_equal(before.st_mode & 0777, 0644);
    assert_int_equal(after.st_mode & 0777, 0640);
    assert_true(before.st_ino != after.st_ino);
}

static void test_open_reader(void **state)
{
    struct fault fault;
    char got[8] = "";

    (void)state;
    assert_true(put(path, "one", 0644, &fault));
    FILE *reader = fopen(path, "r");
    assert_non_null(reader);
    assert_true(put(path, "two", 0644, &fault));
    assert_int_equal(fread(got, 1, sizeof(got) - 1, reader), 3);
    fclose(reader);
    assert_string_equal(got, "one");
}

static void test_link(void **state)
{
    struct stat status;
    struct fault fault;

    (void)state;
    assert_true(put(path, "one", 0644, &fault));
    assert_int_equal(symlink("file", link_path), 0);
    assert_true(put(link_path, "two", 0644, &fault));
    assert_int_equal(lstat(link_path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    expect(path, "two");
}

static void test_not_replaced(void **state)
{
    struct fault fault;
    char want[128];

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(put(path, "one", 0644, &fault));
    snprintf(want, sizeof(want), "cannot write '%s': Is a directory", path);
    assert_string_equal(fault.detail, want);
    rmdir(path);
    assert_false(put(below, "one", 0644, &fault));
    assert_non_null(strstr(fault.detail, "No such file or directory"));
    assert_true(put(path, "one", 0644, &fault));
    assert_false(put(below, "one", 0644, &fault));
    assert_non_null(strstr(fault.detail, "Not a directory"));
}

static void test_no_file(void **state)
{
    struct stat status;
    struct fault fault;
    char want[128];

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(symlink("file", link_path), 0);
    assert_false(put(link_path, "one", 0644, &fault));
    snprintf(want, sizeof(want), "cannot write '%s': it is no file", link_path);
    assert_string_equal(fault.detail, want);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
}

static void test_too_long_a_name(void **state)
{
    static char name[5000];
    struct fault fault;

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[0] = '/';
    assert_false(put(name, "one", 0644, &fault));
    name[4094] = '\0';
    assert_false(put(name, "one", 0644, &fault));
    assert_non_null(strstr(fault.detail, "cannot write '/aaa"));
}

static void test_disk_full(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(full >= 0);
    assert_false(file_write_all(full, TEXT("one")));
    assert_int_equal(errno, ENOSPC);
    file_close(&full);
    assert_false(file_write_all(full, TEXT("one")));
}

static void test_read(void **state)
{
    struct stat status = {0};
    struct fault fault;
    struct text got;

    (void)state;
    assert_false(file_read("test file", path, 8, &arena, &status, &got, &fault));
    assert_int_equal(fault.kind, FAULT_MISCONFIGURED);
    assert_non_null(strstr(fault.detail, "cannot open test file '/tmp/unit-file-"));
    assert_int_equal(status.st_ino, 0);
    assert_true(put(path, "12345678", 0644, &fault));
    assert_true(file_read("test file", path, 8, &arena, &status, &got, &fault));
    assert_text_equal(got, "12345678");
    assert_true(put(path, "123456789", 0644, &fault));
    assert_false(file_read("test file", path, 8, &arena, &status, &got, &fault));
    assert_string_equal(fault.detail, "test file has more than 8 bytes");
    assert_int_equal(status.st_size, 9);
    assert_false(file_read("test file", path, 2 << 20, &arena, &status, &got, &fault));
    assert_int_equal(fault.kind, FAULT_INTERNAL);
    assert_false(file_read("test file", "/dev/zero", 8, &arena, &status, &got, &fault));
    assert_string_equal(fault.detail, "test file '/dev/zero' is no file");
    assert_false(file_read("test file", dir, 8, &arena, &status, &got, &fault));
}

#define CASE(sentence, function)                                                                   \
    {                                                                                              \
        .name = sentence, .test_func = function, .setup_func = set_up, .teardown_func = tear_down  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE("a file is made and replaced, with its mode", test_made_and_replaced),
        CASE("who reads the old one goes on", test_open_reader),
        CASE("a link stays", test_link),
        CASE("what cannot be replaced stays", test_not_replaced),
        CASE("what is no file stays what it is", test_no_file),
        CASE("names have an end", test_too_long_a_name),
        CASE("a full disk is told", test_disk_full),
        CASE("a file is read up to a limit", test_read),
    };

    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
