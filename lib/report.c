#include "report.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "file.h"
#include "report_page.h"
#include "report_text.h"

/* Ten years. */
#define DAYS_MAX     3660
#define DAYS_DEFAULT 30

/* What ten years need; a usual report takes a hundredth. */
#define MEMORY_CAP ((size_t)512 << 20)
#define OUTPUT_CAP ((size_t)128 << 20)

/* A web server's group may read the page. */
#define PAGE_MODE 0640

/* Options, in the order of the verb's. */
enum { DAYS, HTML, CSV, JSON };

static const char *check_days(struct text value)
{
    uint64_t days;

    return text_number(value, DAYS_MAX, &days) && days ? NULL : "must be a number from 1 to 3660";
}

/** May block elements be shown? Only where somebody looks, and the terminal has them. */
static bool has_bars(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool utf8 = locale && text_equal(text_of(nl_langinfo_l(CODESET, locale)), TEXT("UTF-8"));

    if (locale)
        freelocale(locale);
    return utf8 && isatty(STDOUT_FILENO);
}

static bool write_report(const struct report *report, const char *const *values,
                         struct arena *arena, struct text *ret_text, struct fault *reterr)
{
    struct buffer b;

    buffer_init(&b, arena, OUTPUT_CAP);
    if (values[HTML])
        report_write_page(report, &b);
    else if (values[CSV])
        report_write_csv(report, &b);
    else if (values[JSON])
        report_write_json(report, &b);
    else
        report_write_table(report, has_bars(), &b);
    return buffer_text(&b, ret_text) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the report");
}

static int complain(const struct fault *fault, int status)
{
    fprintf(stderr, "no report: %s\n", fault->detail);
    return status;
}

static int show(struct service *service, struct arena *arena, const char *const *values)
{
    uint64_t days = DAYS_DEFAULT;
    struct report report;
    struct fault fault = {0};
    struct text text;

    if (values[DAYS])
        (void)!text_number(text_of(values[DAYS]), DAYS_MAX, &days);
    if (!report_ask(&service->database, arena, (int)days, &report, &fault) ||
        !write_report(&report, values, arena, &text, &fault))
        return complain(&fault, VERB_INCOMPLETE);
    if (!values[HTML]) {
        fwrite(text.s, 1, text.n, stdout);
        return VERB_DONE;
    }
    if (!file_replace(values[HTML], text, PAGE_MODE, &fault))
        return complain(&fault, VERB_NOT_WRITTEN);
    printf("report of %d day%s written to '%s', %zu bytes\n", (int)days, text_plural(days),
           values[HTML], text.n);
    return VERB_DONE;
}

static int run(struct service *service, struct arena *arena, const char *const *values)
{
    struct arena own;

    (void)arena; /* that of a request is too small for ten years */
    arena_init(&own, MEMORY_CAP);
    int status = show(service, &own, values);
    arena_release(&own);
    return status;
}

const struct verb report_verb = {
    .name = "--report",
    .help = "what became of the messages of the last days, by day and\n"
            "channel: a table, a page, or what programs read",
    .options = {[DAYS] = {.name = "--days", .value = "30", .check = check_days},
                [HTML] = {.name = "--html", .value = "FILE", .choice = 1},
                [CSV] = {.name = "--csv", .choice = 1},
                [JSON] = {.name = "--json", .choice = 1}},
    .settings = SETTINGS_DATABASE,
    .needs = {&service_database},
    .run = run,
};
