#include "fake_reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

static const struct settings settings = {
    .twilio_account_sid = ACCOUNT,
    .twilio_auth_token = "token",
    .twilio_api_url = "https://api.twilio.com",
};

static void make_cells(struct arena *arena, const struct stored *row, struct text *cells)
{
    int64_t age = row->age_s ? row->age_s : 46800;
    char epoch[32], ago[32];

    snprintf(epoch, sizeof(epoch), "%lld", FAKE_EPOCH_MS / 1000 - (long long)age);
    snprintf(ago, sizeof(ago), "%lld s ago", (long long)age);
    const char *const texts[10] = {row->id,
                                   row->sid,
                                   row->whatsapp ? "whatsapp" : "sms",
                                   row->to ? row->to : TO,
                                   row->text ? row->text : "Hi",
                                   row->status,
                                   epoch,
                                   ago,
                                   row->template ? "t" : "f",
                                   "0"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i])
            assert_true(arena_copy(arena, text_of(texts[i]), &cells[i]));
}

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    struct fake_reconcile *fake = self;

    if (!fake->inner.query(fake->inner.self, arena, sql, parameters, n_parameters, ret_result,
                           reterr))
        return false;
    if (!strstr(sql, "unsettled_messages"))
        return true;
    size_t n = fake->n[fake->next];
    struct text *cells = arena_new(arena, struct text, n * 10);
    assert_non_null(cells);
    for (size_t i = 0; i < n; i++)
        make_cells(arena, &fake->tables[fake->next][i], cells + i * 10);
    fake->next++;
    *ret_result = (struct database_result){.rows = n, .columns = 10, .cells = cells};
    return true;
}

char *fake_reconcile(struct fake_reconcile *fake, struct http http, const char *older, bool dry_run,
                     int *ret_status)
{
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct service service = {.settings = &settings, .clock = &clock, .http = http};
    const char *argv[] = {"program", "--reconcile", "--older-than", older, "--dry-run"};
    const char *values[VERB_OPTIONS_MAX];
    struct fault fault;
    int out = dup(STDOUT_FILENO), file = memfd_create("output", MFD_CLOEXEC);
    char *output = calloc(1, 65536);

    fake->inner = fake_database(&fake->script);
    service.database = (struct database){.self = fake, .query = query};
    if (!older)
        argv[2] = argv[4];
    assert_true(verb_read(&reconcile_verb, (older ? 4 : 2) + dry_run, (char **)(uintptr_t)argv,
                          values, &fault));
    assert_true(output && out >= 0 && file >= 0);
    fflush(stdout);
    assert_true(dup2(file, STDOUT_FILENO) >= 0);
    *ret_status = reconcile_verb.run(&service, NULL, values);
    fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) >= 0);
    assert_true(pread(file, output, 65535, 0) >= 0);
    close(out);
    close(file);
    return output;
}
