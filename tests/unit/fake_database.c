#include "fake_database.h"

#include "unit.h"

#define PARAMETERS_MAX 16

/** The statement with 'values' for $1 and so on; each must be there. */
static char *describe(const struct fake_way *way, const char *sql, const char *const *parameters,
                      size_t n_parameters)
{
    bool used[PARAMETERS_MAX + 1] = {false};
    char *text = NULL, *end;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_true(n_parameters <= PARAMETERS_MAX);
    fputs(way->unhurried ? "unhurried: " : "", out);
    while (*sql) {
        if (*sql != '$') {
            fputc(*sql++, out);
            continue;
        }
        size_t at = strtoul(sql + 1, &end, 10);
        if (at < 1 || at > n_parameters)
            fail_msg("a statement has $%zu and %zu parameters", at, n_parameters);
        used[at] = true;
        if (parameters[at - 1])
            fprintf(out, "'%s'", parameters[at - 1]);
        else
            fputs("null", out);
        sql = end;
    }
    for (size_t at = 1; at <= n_parameters; at++)
        if (!used[at])
            fail_msg("a statement does not use its parameter %zu", at);
    assert_int_equal(fclose(out), 0);
    return text;
}

/** What is done, and whose answer finds no memory, is in doubt. */
static bool make_row(struct arena *arena, const struct fake_answer *answer,
                     struct database_result *ret_result, struct fault *reterr)
{
    struct text *cells = arena_new(arena, struct text, answer->n_cells);

    for (size_t i = 0; cells && i < answer->n_cells; i++)
        if (answer->cells[i] && !arena_copy(arena, text_of(answer->cells[i]), &cells[i]))
            cells = NULL;
    ret_result->in_doubt = !cells;
    if (!cells)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the result");
    *ret_result = (struct database_result){.rows = 1, .columns = answer->n_cells, .cells = cells};
    return true;
}

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    const struct fake_way *way = self;
    struct fake_database *fake = way->fake;
    const struct fake_answer *answer = &fake->answers[fake->next];

    fake_record_add(&fake->record, describe(way, sql, parameters, n_parameters));
    *ret_result = (struct database_result){0};
    if (!answer->n_cells && !answer->no_rows && !answer->fails)
        return fault_set(reterr, FAULT_INTERNAL, "a statement too many");
    fake->next++;
    if (fake->clock)
        fake->clock->passed_ms += answer->takes_ms;
    if (answer->fails) {
        snprintf(ret_result->sqlstate, sizeof(ret_result->sqlstate), "%s",
                 answer->sqlstate ? answer->sqlstate : "");
        ret_result->in_doubt = answer->in_doubt;
        snprintf(ret_result->constraint, sizeof(ret_result->constraint), "%s",
                 answer->constraint ? answer->constraint : "");
        fault_set(reterr, answer->fault, "statement failed");
        if (reterr && answer->fault == FAULT_DATABASE_UNAVAILABLE)
            reterr->retry_after = 5;
        return false;
    }
    return answer->no_rows || make_row(arena, answer, ret_result, reterr);
}

struct database fake_database(struct fake_database *fake)
{
    fake->way = (struct fake_way){fake, false};
    fake->unhurried = (struct fake_way){fake, true};
    return (struct database){.self = &fake->way, .query = query, .unhurried = &fake->unhurried};
}
