#include "message_log_operation.h"

#include <stdio.h>

/** Both ages as SQL intervals, NULL for ever. */
static void write_ages(const struct message_log_ages *ages, char words[2][24],
                       const char *parameters[2])
{
    const int days[2] = {ages->texts_days, ages->messages_days};

    for (size_t i = 0; i < 2; i++) {
        snprintf(words[i], sizeof(words[i]), "%d days", days[i]);
        parameters[i] = days[i] ? words[i] : NULL;
    }
}

bool message_log_expire(const struct database *database, struct arena *arena,
                        const struct message_log_ages *ages, size_t batch, size_t *ret_touched,
                        struct fault *reterr)
{
    char words[2][24], digits[24];
    const char *parameters[3] = {NULL, NULL, digits};
    struct database_result result;
    uint64_t touched;

    write_ages(ages, words, parameters);
    snprintf(digits, sizeof(digits), "%zu", batch);
    if (!database->query(database->self, arena, "select messaging.expire($1,$2,$3)", parameters,
                         ARRAY_LEN(parameters), &result, reterr))
        return false;
    if (!text_number(database_cell(&result, 0, 0), UINT32_MAX, &touched))
        return fault_set(reterr, FAULT_INTERNAL, "expire said nothing known");
    *ret_touched = touched;
    return true;
}

bool message_log_expirable(const struct database *database, struct arena *arena,
                           const struct message_log_ages *ages,
                           struct message_log_expirable *ret_found, struct fault *reterr)
{
    const struct database unhurried = database_apart(database, DATABASE_UNHURRIED);
    char words[2][24];
    const char *parameters[2];
    struct message_log_expirable found;
    struct database_result result;

    write_ages(ages, words, parameters);
    if (!unhurried.query(unhurried.self, arena,
                         "select texts, messages, keys, events from messaging.expirable($1,$2)",
                         parameters, ARRAY_LEN(parameters), &result, reterr))
        return false;
    if (!text_number(database_cell(&result, 0, 0), UINT32_MAX, &found.texts) ||
        !text_number(database_cell(&result, 0, 1), UINT32_MAX, &found.messages) ||
        !text_number(database_cell(&result, 0, 2), UINT32_MAX, &found.keys) ||
        !text_number(database_cell(&result, 0, 3), UINT32_MAX, &found.events))
        return fault_set(reterr, FAULT_INTERNAL, "expirable said nothing known");
    *ret_found = found;
    return true;
}

bool message_log_report(const struct database *database, struct arena *arena, int days,
                        struct text *ret_json, struct fault *reterr)
{
    const struct database unhurried = database_apart(database, DATABASE_UNHURRIED);
    char digits[16];
    const char *parameter = digits;
    struct database_result result;

    snprintf(digits, sizeof(digits), "%d", days);
    if (!unhurried.query(unhurried.self, arena, "select messaging.report($1)", &parameter, 1,
                         &result, reterr))
        return false;
    *ret_json = database_cell(&result, 0, 0);
    return true;
}

bool message_log_version(const struct database *database, struct arena *arena,
                         struct text *ret_version, struct fault *reterr)
{
    struct database_result result;

    if (!database->query(database->self, arena, "select messaging.schema_version()", NULL, 0,
                         &result, reterr))
        return false;
    *ret_version = database_cell(&result, 0, 0);
    return true;
}

bool message_log_figures(const struct database *database, struct arena *arena,
                         struct message_log_figure **ret_figures, size_t *ret_n,
                         struct fault *reterr)
{
    struct database_result result;

    if (!database->query(database->self, arena,
                         "select figure, label_1, label_2, label_3, value from messaging.metrics()",
                         NULL, 0, &result, reterr))
        return false;
    struct message_log_figure *figures = arena_new(arena, struct message_log_figure, result.rows);
    if (!figures)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the figures");
    for (size_t i = 0; i < result.rows; i++) {
        figures[i].name = database_cell(&result, i, 0);
        for (size_t label = 0; label < ARRAY_LEN(figures[i].labels); label++)
            figures[i].labels[label] = database_cell(&result, i, 1 + label);
        figures[i].value = database_cell(&result, i, 4);
    }
    *ret_figures = figures;
    *ret_n = result.rows;
    return true;
}
