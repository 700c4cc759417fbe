#include "reconcile_log.h"

#include <stdio.h>

#include "buffer.h"

/** Run a statement; an empty slice is SQL's null. */
static bool ask(const struct database *database, struct arena *arena, const char *sql,
                const struct text *values, size_t n, struct database_result *ret_result,
                struct fault *reterr)
{
    const char *parameters[DATABASE_PARAMETERS_MAX] = {NULL};

    for (size_t i = 0; i < n; i++)
        if (values[i].n && !(parameters[i] = arena_cstr(arena, values[i])))
            return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a statement");
    return database->query(database->self, arena, sql, parameters, n, ret_result, reterr);
}

/** One that reads the messages of a day or more, however many they are. */
static bool ask_of_day(const struct reconcile_log *log, struct arena *arena, const char *sql,
                       const struct text *values, size_t n, struct database_result *ret_result,
                       struct fault *reterr)
{
    const struct database unhurried = database_apart(log->database, DATABASE_UNHURRIED);

    return ask(&unhurried, arena, sql, values, n, ret_result, reterr);
}

static struct text number_text(struct arena *arena, size_t n)
{
    struct text text = {0};
    char digits[24];

    snprintf(digits, sizeof(digits), "%zu", n);
    return arena_copy(arena, text_of(digits), &text) ? text : TEXT("1");
}

static bool is_true(const struct database_result *result, size_t row, size_t column)
{
    return text_equal(database_cell(result, row, column), TEXT("t"));
}

static uint64_t count(const struct database_result *result, size_t row, size_t column, uint64_t max)
{
    uint64_t n = 0;

    return text_number(database_cell(result, row, column), max, &n) ? n : 0;
}

bool reconcile_log_begin(struct reconcile_log *log, struct arena *arena, struct fault *reterr)
{
    struct database_result result;

    if (!ask_of_day(log, arena, "select since, today, redacted from messaging.reconcile_begin($1)",
                    &log->account, 1, &result, reterr))
        return false;
    log->since = database_cell(&result, 0, 0);
    log->today = database_cell(&result, 0, 1);
    log->redacted = is_true(&result, 0, 2);
    return true;
}

bool reconcile_log_day(const struct reconcile_log *log, struct arena *arena, struct text day,
                       size_t *ret_due, size_t *ret_of_others, struct fault *reterr)
{
    const struct text values[] = {day, log->account, log->older_than, log->since};
    struct database_result result;

    if (!ask_of_day(log, arena, "select due, of_others from messaging.reconcile_day($1,$2,$3,$4)",
                    values, ARRAY_LEN(values), &result, reterr))
        return false;
    *ret_due = count(&result, 0, 0, SIZE_MAX);
    *ret_of_others = count(&result, 0, 1, SIZE_MAX);
    return true;
}

static void read_orphan(const struct database_result *result, size_t row,
                        struct message_log_unsettled *orphan)
{
    bool whatsapp = text_equal(database_cell(result, row, 1), TEXT("whatsapp"));

    *orphan = (struct message_log_unsettled){
        .id = database_cell(result, row, 0),
        .channel = whatsapp ? MESSAGE_WHATSAPP : MESSAGE_SMS,
        .recipient = database_cell(result, row, 2),
        .body = database_cell(result, row, 3),
        .status = database_cell(result, row, 4),
        .sent_at = (int64_t)count(result, row, 5, INT64_MAX),
        .sent_at_text = database_cell(result, row, 6),
        .template = is_true(result, row, 7),
        .n_media = count(result, row, 8, MESSAGE_MAX_MEDIA),
        .due = is_true(result, row, 9),
    };
}

bool reconcile_log_orphans(const struct reconcile_log *log, struct arena *arena,
                           const struct message_log_unsettled *after, size_t most,
                           struct message_log_unsettled **ret_rows, size_t *ret_n,
                           struct fault *reterr)
{
    const struct text values[] = {log->account,
                                  log->older_than,
                                  log->since,
                                  after ? after->sent_at_text : (struct text){0},
                                  after ? after->id : (struct text){0},
                                  number_text(arena, most)};
    struct database_result result;

    if (!ask_of_day(
            log, arena,
            "select id, message_type, recipient, message_content, status, "
            "floor(extract(epoch from sent_at))::bigint, sent_at, metadata ? 'template_id', "
            "case jsonb_typeof(metadata->'media_urls') "
            "when 'array' then jsonb_array_length(metadata->'media_urls') else 0 end, due "
            "from messaging.reconcile_orphans($1,$2,$3,$4,$5,$6)",
            values, ARRAY_LEN(values), &result, reterr))
        return false;
    struct message_log_unsettled *rows =
        arena_new(arena, struct message_log_unsettled, result.rows);
    if (!rows)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the rows");
    for (size_t i = 0; i < result.rows; i++)
        read_orphan(&result, i, &rows[i]);
    *ret_rows = rows;
    *ret_n = result.rows;
    return true;
}

static void add_member(struct buffer *b, const char *name, struct text value)
{
    if (value.n == 0)
        return;
    buffer_addf(b, "%s\"%s\":", b->n && b->s[b->n - 1] == '{' ? "" : ",", name);
    buffer_add_json(b, value);
}

static void add_message(struct buffer *b, const struct twilio_message *message)
{
    buffer_add(b, b->n > 1 ? TEXT(",{") : TEXT("{"));
    add_member(b, "sid", message->sid);
    if (!message->unreadable) {
        add_member(b, "status", message->status);
        add_member(b, "code", message->error_code);
        add_member(b, "text", message->error_message);
        buffer_add(b, TEXT(",\"details\":{"));
        add_member(b, "price", message->price);
        add_member(b, "price_unit", message->price_unit);
        add_member(b, "num_segments", message->num_segments);
        buffer_add_char(b, '}');
    }
    buffer_add_char(b, '}');
}

static bool write_messages(struct arena *arena, const struct twilio_message *messages, size_t n,
                           struct text *ret_json, struct fault *reterr)
{
    struct buffer b;

    buffer_init(&b, arena, 4u << 20);
    buffer_add_char(&b, '[');
    for (size_t i = 0; i < n; i++)
        if (messages[i].sid.n)
            add_message(&b, &messages[i]);
    buffer_add_char(&b, ']');
    return buffer_text(&b, ret_json) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for Twilio's messages");
}

bool reconcile_log_listed(const struct reconcile_log *log, struct arena *arena,
                          const struct twilio_message *messages, size_t n,
                          struct reconcile_log_row **ret_rows, size_t *ret_n, struct fault *reterr)
{
    struct text values[] = {{0}, log->dry_run ? TEXT("f") : TEXT("t")};
    struct database_result result;

    if (!write_messages(arena, messages, n, &values[0], reterr) ||
        !ask(log->database, arena,
             "select sid, id, was, is_now, priced from messaging.reconcile_listed($1,$2)", values,
             ARRAY_LEN(values), &result, reterr))
        return false;
    struct reconcile_log_row *rows = arena_new(arena, struct reconcile_log_row, result.rows);
    if (!rows)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the rows");
    for (size_t i = 0; i < result.rows; i++)
        rows[i] = (struct reconcile_log_row){.sid = database_cell(&result, i, 0),
                                             .id = database_cell(&result, i, 1),
                                             .was = database_cell(&result, i, 2),
                                             .is_now = database_cell(&result, i, 3),
                                             .priced = is_true(&result, i, 4)};
    *ret_rows = rows;
    *ret_n = result.rows;
    return true;
}

bool reconcile_log_missed(const struct reconcile_log *log, struct arena *arena, struct text day,
                          size_t most, struct text **ret_sids, size_t *ret_n, struct fault *reterr)
{
    const struct text values[] = {day, log->account, log->older_than, log->since,
                                  number_text(arena, most)};
    struct database_result result;

    if (!ask_of_day(log, arena, "select messaging.reconcile_missed($1,$2,$3,$4,$5)", values,
                    ARRAY_LEN(values), &result, reterr))
        return false;
    *ret_sids = result.cells;
    *ret_n = result.rows;
    return true;
}

bool reconcile_log_end(const struct reconcile_log *log, struct arena *arena, struct text day,
                       struct text id, struct fault *reterr)
{
    const struct text values[] = {day, log->account, log->older_than, log->since, id};
    struct database_result ignored;

    return log->dry_run ||
           ask_of_day(
               log, arena,
               "select "
               "messaging.reconcile_end($1,$2,$3,$4,pg_catalog.array_remove(array[$5::uuid],null))",
               values, ARRAY_LEN(values), &ignored, reterr);
}

bool reconcile_log_redacted(struct reconcile_log *log, struct arena *arena, struct fault *reterr)
{
    struct database_result ignored;

    log->redacted = true;
    return log->dry_run || ask(log->database, arena, "select messaging.reconcile_redacted($1)",
                               &log->account, 1, &ignored, reterr);
}
