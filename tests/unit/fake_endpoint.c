#include "fake_endpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program_request.h"
#include "unit.h"

#define STANDARD                                                                                   \
    "Content-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n"                 \
    "X-Content-Type-Options: nosniff\r\nX-Request-Id: test\r\n"
#define ANY_ORIGIN "Access-Control-Allow-Origin: *\r\n" FAKE_EXPOSED

static const char *const usual_settings[] = {
    "TWILIO_ACCOUNT_SID=" FAKE_ACCOUNT, "TWILIO_AUTH_TOKEN=" FAKE_TOKEN,
    "TWILIO_PHONE_NUMBER=+15005550006", "PUBLIC_URL=https://example.org/functions/v1",
    "SUPABASE_JWT_SECRET=" FAKE_SECRET, NULL,
};

static const char *find(const char *const *list, const char *name)
{
    size_t n = strlen(name);

    for (; *list; list++)
        if (strncmp(*list, name, n) == 0 && (*list)[n] == '=')
            return *list + n + 1;
    return NULL;
}

/** The row's setting, else the usual one. */
static const char *setting(void *self, const char *name)
{
    const struct endpoint_row *row = self;
    const char *value = find(row->settings, name);

    return value ? value : find(usual_settings, name);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void put_file(const char *dir, const char *content)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/1700000000000-11111111-1111-4111-8111-111111111111%s.json",
             dir, strstr(content, "\"kind\":\"settlement\"") ? ".settlement" : "");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/** What the files that wait say, one after the other. */
static char *waiting_files(const char *dir)
{
    char path[512], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    DIR *open_dir = opendir(dir);

    assert_non_null(out);
    for (struct dirent *entry; open_dir && (entry = readdir(open_dir));) {
        if (!strstr(entry->d_name, ".json"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        for (int c; (c = fgetc(file)) != EOF;)
            fputc(c, out);
        assert_int_equal(fclose(file), 0);
    }
    if (open_dir)
        closedir(open_dir);
    assert_int_equal(fclose(out), 0);
    return text;
}

/** All the world that one request sees. */
struct world {
    const struct endpoint_row *row;
    struct fake_clock time;
    struct clock clock;
    struct settings settings;
    struct fake_database database;
    struct fake_http twilio;
    struct fake_connection web;
    struct service service;
    char dir[64];
    int log_fd;
    size_t room; /* of the request's arena */
};

static void make_world(struct world *world, const struct endpoint_row *row)
{
    *world = (struct world){.row = row,
                            .database = {.answers = row->database, .clock = &world->time},
                            .twilio = {.replies = row->twilio, .clock = &world->time},
                            .web = {.body = text_of(row->body)},
                            .dir = "/tmp/unit-spool-XXXXXX",
                            .room = 12 << 20};
    world->clock = fake_clock(&world->time);
    assert_non_null(mkdtemp(world->dir));
    if (row->waiting)
        put_file(world->dir, row->waiting);
    world->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(world->log_fd >= 0);
    world->service = (struct service){
        .settings = &world->settings,
        .clock = &world->clock,
        .database = fake_database(&world->database),
        .spool = {row->no_spool ? "/dev/null/spool" : world->dir, &world->clock},
        .http = fake_http(&world->twilio),
    };
}

static void serve(struct world *world, const struct program *program)
{
    const struct settings_source source = {(void *)(uintptr_t)world->row, setting};
    const char *variables[16] = {NULL};
    char length[48] = "CONTENT_LENGTH=";
    struct fault fault;
    struct arena arena;
    size_t n = 0;

    for (; world->row->variables[n]; n++)
        variables[n] = world->row->variables[n];
    if (world->row->body)
        snprintf(length, sizeof(length), "CONTENT_LENGTH=%zu", strlen(world->row->body));
    variables[n++] = length;
    variables[n++] = "REQUEST_METHOD=POST";
    variables[n++] = "HTTP_X_REQUEST_ID=test";
    world->web.variables = variables;
    const struct cgi_connection connection = fake_connection(&world->web);
    bool good = settings_read(&world->settings, program->user, &source, &fault);
    arena_init(&arena, world->room);
    program_serve(program, &world->service, &connection, &arena, world->log_fd,
                  good ? NULL : &fault);
    arena_release(&arena);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void expect_answer(const struct world *world)
{
    const struct endpoint_row *row = world->row;
    char want[16384];

    snprintf(want, sizeof(want), "Status: %s\r\n" STANDARD "%s%s\r\n%s", row->status,
             row->cors ? row->cors : ANY_ORIGIN, or_empty(row->headers), or_empty(row->answer));
    assert_int_equal(world->web.n_written, 1);
    assert_string_equal(world->web.written, want);
}

/** One line, as the row has it, and never a secret, a text or a whole number. */
static void expect_log(const struct world *world)
{
    static const char *const never[] = {"201012345678", "01012345678", "223456789", FAKE_TOKEN,
                                        FAKE_SECRET,    "Hello",       "eyJ"};
    char line[16384];
    ssize_t n = pread(world->log_fd, line, sizeof(line) - 1, 0);

    assert_true(n > 0);
    line[n] = '\0';
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (strstr(line, never[i]))
            fail_msg("'%s' is in the log: %s", never[i], line);
    const char *rest = strstr(line, ",\"ms\":");
    assert_non_null(rest);
    if (world->row->log)
        assert_string_equal(rest, world->row->log);
}

static void expect_spool(const struct world *world)
{
    char *files = waiting_files(world->dir);

    assert_string_equal(files, or_empty(world->row->spooled));
    free(files);
}

static void leave_world(struct world *world)
{
    close(world->log_fd);
    fake_record_release(&world->database.record);
    fake_record_release(&world->twilio.record);
    fake_connection_release(&world->web);
    nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void endpoint_expect(const struct program *program, const struct endpoint_row *row)
{
    static const char *const none[] = {NULL};
    struct world world;

    make_world(&world, row);
    serve(&world, program);
    fake_record_expect(&world.database.record, row->statements[0] ? row->statements : none);
    fake_record_expect(&world.twilio.record, row->requests[0] ? row->requests : none);
    expect_answer(&world);
    expect_log(&world);
    expect_spool(&world);
    assert_int_equal(world.web.n_finished, row->waiting && !row->not_ours ? 1 : 0);
    leave_world(&world);
}

/** Is this the status of the answer? */
static bool is_status(const struct world *world, const char *status)
{
    return text_starts(text_of(world->web.written), TEXT("Status: ")) &&
           text_starts(text_of(world->web.written + 8), text_of(status));
}

void endpoint_expect_truth(const struct program *program, const struct endpoint_row *row)
{
    bool sends = row->requests[0], done = false;
    struct world world;

    for (size_t room = 0; !done; room += 16) {
        make_world(&world, row);
        world.room = room;
        serve(&world, program);
        done = is_status(&world, row->status);
        size_t asked = sends ? world.twilio.record.n : world.database.record.n;
        if (done ? asked != 1 : sends && asked && !is_status(&world, "504 Gateway Timeout"))
            fail_msg("%zu bytes, asked %zu times: %s", room, asked, world.web.written);
        leave_world(&world);
        assert_true(room < 64 << 10);
    }
}
