#include "report_figures.h"

#include <stdlib.h>

#include "json.h"

#define COUNT_MAX UINT64_C(1000000000000000)

static const struct report_column
    line_columns[] = {[REPORT_DAY] = {"day", false},
                      [REPORT_CHANNEL] = {"message_type", false},
                      [REPORT_TOTAL] = {"total", true},
                      [REPORT_DELIVERED] = {"delivered", true},
                      [REPORT_READ] = {"read", true},
                      [REPORT_FAILED] = {"failed", true},
                      [REPORT_IN_FLIGHT] = {"in_flight", true},
                      [REPORT_DELIVERED_SHARE] = {"delivered_share", true},
                      [REPORT_READ_SHARE] = {"read_share", true},
                      [REPORT_MEDIAN] = {"median_delivery_seconds", true},
                      [REPORT_P95] = {"p95_delivery_seconds", true},
                      [REPORT_SEGMENTS] = {"segments", true},
                      [REPORT_PRICE] = {"price", true},
                      [REPORT_PRICE_UNIT] = {"price_unit", false},
                      [REPORT_UNPRICED] = {"unpriced", true}},
    failure_columns[] = {[FAILURE_DAY] = {"day", false},
                         [FAILURE_CHANNEL] = {"message_type", false},
                         [FAILURE_CODE] = {"error_code", false},
                         [FAILURE_REASON] = {"reason", false},
                         [FAILURE_REASON_AR] = {"reason_ar", false},
                         [FAILURE_MESSAGES] = {"messages", true}},
    total_columns[] = {[TOTAL_PERIOD] = {"period", false},
                       [TOTAL_CHANNEL] = {"message_type", false},
                       [TOTAL_TOTAL] = {"total", true},
                       [TOTAL_DELIVERED] = {"delivered", true},
                       [TOTAL_READ] = {"read", true},
                       [TOTAL_FAILED] = {"failed", true},
                       [TOTAL_IN_FLIGHT] = {"in_flight", true},
                       [TOTAL_DELIVERED_SHARE] = {"delivered_share", true},
                       [TOTAL_FAILED_SHARE] = {"failed_share", true},
                       [TOTAL_SEGMENTS] = {"segments", true},
                       [TOTAL_UNPRICED] = {"unpriced", true}},
    cost_columns[] = {[COST_PERIOD] = {"period", false},
                      [COST_CHANNEL] = {"message_type", false},
                      [COST_UNIT] = {"price_unit", false},
                      [COST_PRICE] = {"price", true}},
    days_columns[] = {[DAYS_DAY] = {"day", false}},
    reason_columns[] =
        {[REASON_CODE] = {"error_code", false},      [REASON_MEANING] = {"meaning", false},
         [REASON_MEANING_AR] = {"reason_ar", false}, [REASON_MESSAGES] = {"messages", true},
         [REASON_RECENT] = {"recent", true},         [REASON_FORMER] = {"former", true}},
    delivery_columns[] = {[DELIVERY_CHANNEL] = {"message_type", false},
                          [DELIVERY_MEDIAN] = {"median_delivery_seconds", true},
                          [DELIVERY_P95] = {"p95_delivery_seconds", true}},
    stuck_columns[] = {[STUCK_STATUS] = {"status", false},
                       [STUCK_MESSAGES] = {"messages", true},
                       [STUCK_OLDEST] = {"oldest", false}};

static struct text value_text(const struct json_value *value)
{
    return json_type(value) == JSON_NUMBER ? json_digits(value) : json_string(value);
}

static size_t count(const struct json_value *list)
{
    size_t n = 0;

    for (const struct json_value *item = json_first(list); item; item = json_next(item))
        n++;
    return n;
}

static bool read_table(struct arena *arena, const struct json_value *top, const char *name,
                       const struct report_column *columns, size_t n_columns,
                       struct report_table *ret_table, struct fault *reterr)
{
    const struct json_value *list = json_get(top, name);
    struct report_table table = {.columns = columns, .n_columns = n_columns, .n = count(list)};
    size_t at = 0;

    if (json_type(list) != JSON_ARRAY)
        return fault_set(reterr, FAULT_INTERNAL, "the database's report has no '%s'", name);
    table.cells = arena_new(arena, struct text, table.n * n_columns + 1);
    if (!table.cells)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the report");
    for (const struct json_value *line = json_first(list); line; line = json_next(line))
        for (size_t i = 0; i < n_columns; i++)
            if (!arena_copy(arena, value_text(json_get(line, columns[i].name)), &table.cells[at++]))
                return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the report");
    *ret_table = table;
    return true;
}

static bool read_member(struct arena *arena, const struct json_value *top, const char *name,
                        struct text *ret_text, struct fault *reterr)
{
    return arena_copy(arena, value_text(json_get(top, name)), ret_text) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the report");
}

static bool read_answer(struct arena *arena, struct text answer, struct report *ret_report,
                        struct fault *reterr)
{
    json_scoped struct json_document *document = json_parse(arena, answer, reterr);

    if (!document)
        return false;
    const struct json_value *top = json_top(document);
    struct report report = {0};
#define READ(name, columns)                                                                        \
    read_table(arena, top, #name, columns, ARRAY_LEN(columns), &report.name, reterr)
    bool good = READ(report, line_columns) && READ(failures, failure_columns) &&
                READ(totals, total_columns) && READ(costs, cost_columns) &&
                READ(days, days_columns) && READ(reasons, reason_columns) &&
                READ(delivery, delivery_columns) && READ(stuck, stuck_columns) &&
#undef READ
                read_member(arena, top, "made_at", &report.made_at, reterr) &&
                read_member(arena, top, "first_day", &report.first_day, reterr) &&
                read_member(arena, top, "today", &report.today, reterr) &&
                read_member(arena, top, "last_callback", &report.last_callback, reterr) &&
                read_member(arena, top, "two_currency_days", &report.two_currency_days, reterr);
    if (good)
        *ret_report = report;
    return good;
}

bool report_ask(const struct database *database, struct arena *arena, int days,
                struct report *ret_report, struct fault *reterr)
{
    struct text answer;

    return message_log_report(database, arena, days, &answer, reterr) &&
           read_answer(arena, answer, ret_report, reterr);
}

struct text report_cell(const struct report_table *table, size_t line, size_t column)
{
    if (line >= table->n || column >= table->n_columns)
        return (struct text){0};
    return table->cells[line * table->n_columns + column];
}

uint64_t report_count(const struct report_table *table, size_t line, size_t column)
{
    uint64_t n = 0;

    (void)!text_number(report_cell(table, line, column), COUNT_MAX, &n);
    return n;
}

double report_number(const struct report_table *table, size_t line, size_t column)
{
    struct text cell = report_cell(table, line, column); /* of arena_copy: it ends with a NUL */

    return cell.n ? strtod(cell.s, NULL) : 0;
}

double report_percent(const struct report_table *table, size_t line, size_t column)
{
    return report_number(table, line, column) * 100 + 0.001;
}

size_t report_total(const struct report *report, const char *period, const char *channel)
{
    const struct report_table *totals = &report->totals;
    size_t at = 0;

    while (at < totals->n &&
           (!text_equal(report_cell(totals, at, TOTAL_PERIOD), text_of(period)) ||
            !text_equal(report_cell(totals, at, TOTAL_CHANNEL), text_of(channel))))
        at++;
    return at;
}
