/* --fetch-keys: which answers become the key set, and that all others leave it as it was. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_http.h"
#include "fetch_keys.h"
#include "file.h"
#include "unit.h"

#define URL "https://project.supabase.co/auth/v1/.well-known/jwks.json?key=hush-hush"
#define GET "GET " URL " as (null):(null) with "

/* The keys of RFC 7515, appendices A.3 and A.2. */
#define EC_POINT                                                                                   \
    "\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC(kid) "{\"kty\":\"EC\",\"kid\":\"" kid "\"," EC_POINT "}"
#define SECRET(kid)                                                                                \
    "{\"kty\":\"EC\",\"kid\":\"" kid "\"," EC_POINT                                                \
    ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define OCT(kid)  "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"aHVzaC1odXNo\",\"alg\":\"HS256\"}"
#define ED        "{\"kty\":\"OKP\",\"kid\":\"e\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg\"}"
#define SET(keys) "{\"keys\":[" keys "]}"
#define OLD       SET(EC("old"))
#define BOM       "\xEF\xBB\xBF"
#define ANSWER(text)                                                                               \
    {                                                                                              \
        .status = 200, .body = (text)                                                              \
    }

static char dir[] = "/tmp/unit-fetch-keys-XXXXXX", file[64];

static const struct fetch_row {
    const char *label;
    struct fake_reply reply;
    const char *before; /* NULL: there is no file */
    const char *after;  /* NULL: as before */
    const char *told;   /* %s is the file; on success on standard output, else on standard error */
    bool fails;
} rows[] = {
    {"a first set", ANSWER(SET(EC("a"))), NULL, SET(EC("a")),
     "key set written: 1 usable key in '%s'\n"},
    {"another set", ANSWER(SET(EC("a") "," EC("b")) "\n"), OLD, SET(EC("a") "," EC("b")) "\n",
     "key set written: 2 usable keys in '%s'\n"},
    {"the same set", ANSWER(OLD), OLD, NULL, "key set unchanged: 1 usable key in '%s'\n"},
    {"a set over a file that is none", ANSWER(SET(EC("a"))), "<html>", SET(EC("a")),
     "key set written: 1 usable key in '%s'\n"},
    {"keys that are of no use stay in it", ANSWER("{ \"keys\" : [" ED ",null," EC("a") "] }"), OLD,
     "{ \"keys\" : [" ED ",null," EC("a") "] }", "key set written: 1 usable key in '%s'\n"},
    {"a byte order mark does not", ANSWER(BOM SET(EC("a"))), OLD, SET(EC("a")),
     "key set written: 1 usable key in '%s'\n"},
    {"nor do symmetric keys", ANSWER(SET(OCT("s") "," EC("a"))), OLD, SET(EC("a")) "\n",
     "key set written: 1 usable key in '%s', 1 secret one left out, which should not be "
     "published\n"},
    {"nor private ones", ANSWER(SET(EC("a") "," SECRET("p") "," EC("b") "," OCT("s"))), OLD,
     SET(EC("a") "," EC("b")) "\n",
     "key set written: 2 usable keys in '%s', 2 secret ones left out, which should not be "
     "published\n"},
    {"nor a key that only looks like a public one",
     ANSWER(SET(EC("a") ",{\"kty\":\"RSA\",\"k\":\"aHVzaC1odXNo\"}")), OLD, SET(EC("a")) "\n",
     "key set written: 1 usable key in '%s', 1 secret one left out, which should not be "
     "published\n"},
    {"private keys alone", ANSWER(SET(SECRET("p"))), OLD, NULL,
     "key set not fetched, '%s' is as it was: the set has no public key for ES256 or RS256: while "
     "the legacy secret signs, SUPABASE_JWT_SECRET is what verifies\n",
     true},
    {"symmetric keys alone", ANSWER(SET(OCT("s"))), OLD, NULL,
     "the set has no public key for ES256 or RS256", true},
    {"an empty set", ANSWER(SET("")), OLD, NULL, "the set has no key for ES256 or RS256: ", true},
    {"an empty set, the first time", ANSWER(SET("")), NULL, NULL, "the set has no key", true},
    {"no usable key", ANSWER(SET(ED)), OLD, NULL, "the set has no key", true},
    {"a page", ANSWER("<!DOCTYPE html><title>Not found</title>"), OLD, NULL,
     "the answer is no key set: ", true},
    {"nothing", ANSWER(""), OLD, NULL, "the answer is no key set: ", true},
    {"half a set", ANSWER("{\"keys\":[" EC("a")), OLD, NULL, "the answer is no key set: ", true},
    {"a key by itself", ANSWER(EC("a")), OLD, NULL, "key set has no array 'keys'", true},
    {"a list of keys", ANSWER("[" EC("a") "]"), OLD, NULL, "the answer is no key set: ", true},
    {"keys that are no list", ANSWER("{\"keys\":{\"a\":" OCT("s") ",\"b\":" EC("a") "}}"), OLD,
     NULL, "key set has no array 'keys'", true},
    {"two lists of keys", ANSWER("{\"keys\":[" EC("a") "],\"keys\":[" OCT("s") "]}"), OLD, NULL,
     "a name stands twice in a JSON object", true},
    {"a redirect",
     {.status = 302, .body = SET(EC("a"))},
     OLD,
     NULL,
     "'project.supabase.co' answered 302, and redirects are not followed",
     true},
    {"an error",
     {.status = 404, .body = SET(EC("a"))},
     OLD,
     NULL,
     "'project.supabase.co' answered 404, see JWT_JWKS_URL\n",
     true},
    {"a success without content", {.status = 204}, OLD, NULL, " answered 204", true},
    {"another success", {.status = 203, .body = SET(EC("a"))}, OLD, NULL, " answered 203", true},
    {"no answer",
     {.outcome = HTTP_NOT_SENT, .error = "certificate has expired"},
     OLD,
     NULL,
     "no answer from 'project.supabase.co': certificate has expired\n",
     true},
};

static void read_back(int fd, char *to, size_t size)
{
    ssize_t n = pread(fd, to, size - 1, 0);

    assert_true(n >= 0);
    to[n] = '\0';
    close(fd);
}

/** Run the verb; what it printed on either stream. */
static int run(const struct fake_reply *reply, const struct settings *settings, char *out,
               char *err, size_t size)
{
    int kept[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    int files[2] = {memfd_create("out", MFD_CLOEXEC), memfd_create("err", MFD_CLOEXEC)};
    struct fake_reply script[2] = {*reply};
    struct fake_http fake = {.replies = script};
    struct service service = {.settings = settings, .http = fake_http(&fake)};
    static const char *const asked[] = {GET, NULL};
    struct arena arena;

    arena_init(&arena, 12 << 20);
    fflush(stdout);
    assert_true(dup2(files[0], STDOUT_FILENO) >= 0 && dup2(files[1], STDERR_FILENO) >= 0);
    int status = fetch_keys_verb.run(&service, &arena, NULL);
    fflush(stdout);
    assert_true(dup2(kept[0], STDOUT_FILENO) >= 0 && dup2(kept[1], STDERR_FILENO) >= 0);
    close(kept[0]);
    close(kept[1]);
    read_back(files[0], out, size);
    read_back(files[1], err, size);
    fake_record_expect(&fake.record, asked);
    fake_record_release(&fake.record);
    arena_release(&arena);
    return status;
}

static void expect_file(const char *want)
{
    struct fault fault = {0};
    struct stat status;
    struct arena arena;
    struct text got;

    if (!want) {
        assert_int_not_equal(access(file, F_OK), 0);
        return;
    }
    arena_init(&arena, 1 << 20);
    assert_true(file_read("file", file, 1 << 18, &arena, &status, &got, &fault));
    assert_text_equal(got, want);
    assert_int_equal(status.st_mode & 0777, 0644);
    arena_release(&arena);
}

static void put_file(const char *content)
{
    struct fault fault;

    unlink(file);
    if (content)
        assert_true(file_replace(file, text_of(content), 0644, &fault));
}

static void test_fetch(void **state)
{
    const struct fetch_row *row = *state;
    const struct settings settings = {.jwks_url = URL, .jwks_file = file};
    char out[512], err[512], want[512];
    struct stat before = {0}, after = {0};

    put_file(row->before);
    stat(file, &before);
    assert_int_equal(run(&row->reply, &settings, out, err, sizeof(out)), row->fails);
    stat(file, &after);
    expect_file(row->after ? row->after : row->before);
    if (!row->after)
        assert_int_equal(before.st_ino, after.st_ino);
    assert_string_equal(row->fails ? out : err, "");
    const char *told = row->fails ? err : out, *rest = strstr(row->told, "%s");
    if (rest)
        snprintf(want, sizeof(want), "%.*s%s%s", (int)(rest - row->told), row->told, file,
                 rest + 2);
    else
        snprintf(want, sizeof(want), "%s", row->told);
    if (!strstr(told, want))
        fail_msg("'%s' is not in: %s", want, told);
    assert_int_equal(strcspn(told, "\n"), strlen(told) - 1); /* one sentence */
    assert_null(strstr(told, "hush-hush"));
}

/* 64 KiB are a set, one byte more is none. */
static void test_size(void **state)
{
    const struct settings settings = {.jwks_url = URL, .jwks_file = file};
    char *body = calloc(1, 65538), out[512], err[512];

    (void)state;
    assert_non_null(body);
    memset(body, ' ', 65537);
    memcpy(body, SET(EC("a")), sizeof(SET(EC("a"))) - 1);
    put_file(OLD);
    const struct fake_reply reply = ANSWER(body);
    assert_int_equal(run(&reply, &settings, out, err, sizeof(out)), 1);
    assert_non_null(strstr(err, "'project.supabase.co' answered more than 65536 bytes"));
    expect_file(OLD);
    body[65536] = '\0';
    assert_int_equal(run(&reply, &settings, out, err, sizeof(out)), 0);
    expect_file(body);
    free(body);
}

/* The same keys in a file that the programs' user may not read are written again. */
static void test_mode(void **state)
{
    const struct settings settings = {.jwks_url = URL, .jwks_file = file};
    static const struct fake_reply reply = ANSWER(OLD);
    char out[512], err[512];

    (void)state;
    put_file(OLD);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(run(&reply, &settings, out, err, sizeof(out)), 0);
    assert_non_null(strstr(out, "key set written"));
    expect_file(OLD);
}

static void test_no_place(void **state)
{
    const struct settings settings = {.jwks_url = URL, .jwks_file = "/dev/null/keys.json"};
    static const struct fake_reply reply = ANSWER(OLD);
    char out[512], err[512];

    (void)state;
    assert_int_equal(run(&reply, &settings, out, err, sizeof(out)), 1);
    assert_non_null(strstr(err, "cannot write '/dev/null/keys.json': Not a directory"));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3] = {
        {.name = "64 KiB and not a byte more", .test_func = test_size},
        {.name = "a file that cannot be read is written again", .test_func = test_mode},
        {.name = "where there is no place for it", .test_func = test_no_place},
    };
    size_t n = 3;

    if (!mkdtemp(dir))
        return 1;
    snprintf(file, sizeof(file), "%s/keys.json", dir);
    ADD_ROWS(tests, n, rows, test_fetch);
    int failed = cmocka_run_group_tests_name("fetch_keys", tests, NULL, NULL);
    unlink(file);
    return rmdir(dir) != 0 || failed; /* nothing else may lie there */
}
