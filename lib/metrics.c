#include "metrics.h"

#include <stdio.h>

#include "file.h"
#include "version.h"

#define TEXT_MAX ((size_t)1 << 20)

/* For whoever collects it. */
#define FILE_MODE 0644

/** What stands under one HELP and TYPE. */
struct family {
    const char *name, *labels[3], *help;
};

static const struct family figures[] = {
    {"schema_version", {NULL}, "Version of the schema of the database, a time as YYYYMMDDhhmmss."},
    {"messages",
     {"window", "channel", "status"},
     "Messages that were handed to Twilio in the time until now, by what became of them."},
    {"failed_messages",
     {"window", "channel", "code"},
     "Those of them that failed, by error code; none: without one, other: no number, or rare."},
    {"ownerless_failed_messages",
     {"window"},
     "Those that failed and have nobody to tell: no sender, and no request that somebody made."},
    {"sends", {"window"}, "Messages that were handed to Twilio in the time until now."},
    {"callbacks", {"window"}, "Different callbacks that arrived in the time until now."},
    {"last_callback_age_seconds", {NULL}, "Time since Twilio last called."},
    {"unsettled_messages",
     {"status"},
     "Messages of the last 30 days without a word of Twilio's, and whether it took them is known "
     "(pending) or will not be known without asking (unknown)."},
    {"unsettled_oldest_age_seconds",
     {"status"},
     "How old the oldest of them is; 0: there is none."},
};

static void add_head(struct buffer *b, const struct family *family)
{
    buffer_addf(b, "# HELP twilio_cgi_%s %s\n# TYPE twilio_cgi_%s gauge\n", family->name,
                family->help, family->name);
}

/** In a label's quotes; what is not UTF-8 becomes U+FFFD. */
static void add_escaped(struct buffer *b, struct text value)
{
    for (size_t at = 0; at < value.n;) {
        size_t start = at;
        uint32_t c = text_next(value, &at);
        if (c == '\n')
            buffer_add(b, TEXT("\\n"));
        else if (c == '"' || c == '\\')
            buffer_addf(b, "\\%c", (char)c);
        else if (c == 0xFFFD)
            buffer_add(b, TEXT("\xEF\xBF\xBD"));
        else
            buffer_add(b, (struct text){value.s + start, at - start});
    }
}

static void add_sample(struct buffer *b, const struct family *family, const struct text *labels,
                       struct text value)
{
    buffer_addf(b, "twilio_cgi_%s", family->name);
    for (size_t i = 0; i < ARRAY_LEN(family->labels) && family->labels[i]; i++) {
        buffer_addf(b, "%c%s=\"", i ? ',' : '{', family->labels[i]);
        add_escaped(b, labels[i]);
        buffer_add_char(b, '"');
    }
    if (family->labels[0])
        buffer_add_char(b, '}');
    buffer_add_char(b, ' ');
    buffer_add(b, value);
    buffer_add_char(b, '\n');
}

static void add_figures(struct buffer *b, const struct family *family,
                        const struct metrics *metrics)
{
    bool begun = false;

    for (size_t i = 0; i < metrics->n_figures; i++) {
        const struct message_log_figure *figure = &metrics->figures[i];
        if (!text_equal(figure->name, text_of(family->name)) || figure->value.n == 0)
            continue;
        if (!begun)
            add_head(b, family);
        begun = true;
        add_sample(b, family, figure->labels, figure->value);
    }
}

static void add_value(struct buffer *b, const char *name, const char *help, struct text value)
{
    const struct family family = {name, {NULL}, help};
    const struct text no_label = {0};

    add_head(b, &family);
    add_sample(b, &family, &no_label, value);
}

static void add_number(struct buffer *b, const char *name, const char *help, double number)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%.15g", number);
    add_value(b, name, help, text_of(digits));
}

static void add_program(struct buffer *b)
{
    static const struct family info = {
        "build_info", {"version"}, "1; the version of the programs."};
    const struct text version = TEXT(TWILIO_CGI_VERSION);

    add_head(b, &info);
    add_sample(b, &info, &version, TEXT("1"));
    add_value(b, "schema_required_version", "Version of the schema that the programs are made for.",
              TEXT(SCHEMA_VERSION));
}

static void add_spool(struct buffer *b, const struct spool_state *spool)
{
    add_number(b, "spool_waiting_files", "Files that wait for the database.",
               (double)spool->waiting);
    add_number(b, "spool_put_off_files", "Those of them that are not due yet.",
               (double)spool->put_off);
    add_number(b, "spool_claimed_files", "Files that are being replayed.", (double)spool->claimed);
    add_number(b, "spool_oldest_age_seconds",
               "How long the oldest of those that wait or are replayed has been there; 0: none.",
               (double)spool->oldest_ms / 1000);
    add_number(b, "spool_bad_files", "Files that were set aside, as nobody can make sense of them.",
               (double)spool->bad);
    add_number(b, "spool_unreadable_files", "Files and folders that the programs may not read.",
               (double)spool->unreadable);
    if (spool->exists)
        add_number(b, "spool_writable", "Whether anything can be put into the spool.",
                   spool->writable);
}

void metrics_write(struct buffer *b, const struct metrics *metrics)
{
    add_program(b);
    add_number(b, "database_up", "Whether the database gave its figures.", metrics->database_up);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        add_figures(b, &figures[i], metrics);
    add_spool(b, &metrics->spool);
}

static bool show(const char *file, struct text text, struct fault *reterr)
{
    if (!file) {
        fwrite(text.s, 1, text.n, stdout);
        return true;
    }
    if (!file_replace(file, text, FILE_MODE, reterr))
        return false;
    printf("metrics written to '%s'\n", file);
    return true;
}

enum { FILE_OPTION };

static int run(struct service *service, struct arena *arena, const char *const *values)
{
    struct message_log_figure *found = NULL;
    struct metrics metrics = {0};
    struct fault fault = {0};
    struct text text;
    struct buffer b;

    metrics.database_up =
        message_log_figures(&service->database, arena, &found, &metrics.n_figures, &fault);
    metrics.figures = found;
    if (!metrics.database_up)
        fprintf(stderr, "no figures of the database's: %s\n", fault.detail);
    spool_state(&service->spool, &metrics.spool);
    buffer_init(&b, arena, TEXT_MAX);
    metrics_write(&b, &metrics);
    if (!buffer_text(&b, &text))
        fault_set(&fault, FAULT_NO_MEMORY, "the metrics do not fit into memory");
    else if (show(values[FILE_OPTION], text, &fault))
        return metrics.database_up ? VERB_DONE : VERB_INCOMPLETE;
    fprintf(stderr, "no metrics: %s\n", fault.detail);
    return VERB_NOT_WRITTEN;
}

const struct verb metrics_verb = {
    .name = "--metrics",
    .help = "tell how messages and the spool fare, for Prometheus",
    .options = {[FILE_OPTION] = {.name = "--file", .value = "FILE"}},
    .settings = SETTINGS_DATABASE,
    .needs = {&service_database, &service_spool},
    .run = run,
};
