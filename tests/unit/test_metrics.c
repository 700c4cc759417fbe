/* --metrics: the text for Prometheus, and what is told without the database. */

#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_database.h"
#include "fake_spool.h"
#include "file.h"
#include "unit.h"

static struct text written(const struct metrics *metrics)
{
    struct text text;
    struct buffer b;

    buffer_init(&b, &fake_spool_arena, 1 << 20);
    metrics_write(&b, metrics);
    assert_true(buffer_text(&b, &text));
    return text;
}

static void expect(struct text text, const char *part)
{
    if (!memmem(text.s, text.n, part, strlen(part)))
        fail_msg("'%s' is not in\n%.*s", part, TEXT_ARG(text));
}

static void expect_without(struct text text, const char *part)
{
    if (memmem(text.s, text.n, part, strlen(part)))
        fail_msg("'%s' is in\n%.*s", part, TEXT_ARG(text));
}

/** TEXT() is no constant. */
#define SLICE(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define FIGURE(name, one, two, three, value)                                                       \
    {                                                                                              \
        SLICE(name), {SLICE(one), SLICE(two), SLICE(three)}, SLICE(value)                          \
    }

static void a_figure_has_one_head_wherever_its_lines_stand(void **state)
{
    static const struct message_log_figure figures[] = {
        FIGURE("messages", "1h", "sms", "sent", "2"),
        FIGURE("sends", "1h", "", "", "3"),
        FIGURE("messages", "24h", "whatsapp", "read", "40"),
    };
    const struct metrics metrics = {true, figures, ARRAY_LEN(figures), {0}};
    struct text text = written(&metrics);

    (void)state;
    expect(text, "# TYPE twilio_cgi_messages gauge\n"
                 "twilio_cgi_messages{window=\"1h\",channel=\"sms\",status=\"sent\"} 2\n"
                 "twilio_cgi_messages{window=\"24h\",channel=\"whatsapp\",status=\"read\"} 40\n"
                 "# HELP ");
    expect(text, "# TYPE twilio_cgi_sends gauge\ntwilio_cgi_sends{window=\"1h\"} 3\n");
    expect(text, "# TYPE twilio_cgi_database_up gauge\ntwilio_cgi_database_up 1\n");
    expect_without(text, "callbacks");
}

static void a_label_s_value_ends_where_it_ends(void **state)
{
    static const struct message_log_figure figures[] = {
        FIGURE("failed_messages", "1h\"} 9\n", "\\n", "\xFF\xD9\xA3", "1"),
    };
    const struct metrics metrics = {true, figures, ARRAY_LEN(figures), {0}};

    (void)state;
    expect(written(&metrics),
           "\ntwilio_cgi_failed_messages{window=\"1h\\\"} 9\\n\",channel=\"\\\\n\","
           "code=\"\xEF\xBF\xBD\xD9\xA3\"} 1\n");
}

static void a_figure_that_nobody_knows_or_without_a_value_is_left_out(void **state)
{
    static const struct message_log_figure figures[] = {
        FIGURE("of_next_year", "", "", "", "1"),
        FIGURE("last_callback_age_seconds", "", "", "", ""),
    };
    const struct metrics metrics = {true, figures, ARRAY_LEN(figures), {0}};
    struct text text = written(&metrics);

    (void)state;
    expect_without(text, "next_year");
    expect_without(text, "last_callback");
}

static void the_spool_is_told_in_base_units(void **state)
{
    const struct metrics metrics = {.spool = {.waiting = 100000,
                                              .put_off = 3,
                                              .claimed = 2,
                                              .bad = 1,
                                              .unreadable = 4,
                                              .oldest_ms = 90061250,
                                              .exists = true}};
    struct text text = written(&metrics);

    (void)state;
    expect(text, "\ntwilio_cgi_spool_waiting_files 100000\n");
    expect(text, "\ntwilio_cgi_spool_put_off_files 3\n");
    expect(text, "\ntwilio_cgi_spool_claimed_files 2\n");
    expect(text, "\ntwilio_cgi_spool_bad_files 1\n");
    expect(text, "\ntwilio_cgi_spool_unreadable_files 4\n");
    expect(text, "\ntwilio_cgi_spool_oldest_age_seconds 90061.25\n");
    expect(text, "\ntwilio_cgi_spool_writable 0\n");
    expect_without(written(&(const struct metrics){.database_up = true}), "spool_writable");
}

/** Run the verb beside a spool in which one file waits; what it printed. */
static int run(const struct fake_answer *answers, const char *file, struct text *ret_out)
{
    struct fake_database fake = {.answers = answers};
    struct service service = {.database = fake_database(&fake), .spool = fake_spool};
    const char *values[VERB_OPTIONS_MAX] = {file};
    static char printed[1 << 16];
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    FILE *to = tmpfile();

    assert_non_null(to);
    fake_spool_put("{}");
    fflush(stdout);
    assert_true(dup2(fileno(to), STDOUT_FILENO) >= 0 && dup2(fileno(to), STDERR_FILENO) >= 0);
    int status = metrics_verb.run(&service, &fake_spool_arena, values);
    fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    close(out);
    close(err);
    rewind(to);
    *ret_out = (struct text){printed, fread(printed, 1, sizeof(printed), to)};
    fclose(to);
    fake_record_release(&fake.record);
    return status;
}

static const struct fake_answer one_figure[] = {FAKE_ROW("sends", "1h", NULL, NULL, "7"), FAKE_END};
static const struct fake_answer away[] = {FAKE_AWAY, FAKE_END};

static void one_question_is_asked(void **state)
{
    struct text out;

    (void)state;
    assert_int_equal(run(one_figure, NULL, &out), 0);
    assert_true(text_starts(out, TEXT("# HELP twilio_cgi_build_info ")));
    expect(out, "\ntwilio_cgi_sends{window=\"1h\"} 7\n");
    expect(out, "\ntwilio_cgi_database_up 1\n");
    expect(out, "\ntwilio_cgi_spool_waiting_files 1\n");
    expect(out, "\ntwilio_cgi_spool_writable 1\n");
}

static void without_the_database_the_rest_is_told(void **state)
{
    struct text out;

    (void)state;
    assert_int_equal(run(away, NULL, &out), 1);
    expect(out, "no figures of the database's: ");
    expect(out, "\ntwilio_cgi_database_up 0\n");
    expect(out, "\ntwilio_cgi_spool_waiting_files 1\n");
    expect_without(out, "twilio_cgi_sends");
}

static void a_file_is_replaced_also_without_the_database(void **state)
{
    char file[120];
    struct stat status;
    struct text out, there;
    mode_t mask = umask(077);

    (void)state;
    snprintf(file, sizeof(file), "%s/metrics.prom", fake_spool_top);
    assert_int_equal(run(one_figure, file, &out), 0);
    expect(out, "metrics written to '");
    expect_without(out, "twilio_cgi_");
    assert_int_equal(run(away, file, &out), 1);
    umask(mask);
    assert_true(file_read("file", file, 1 << 16, &fake_spool_arena, &status, &there, NULL));
    expect(there, "\ntwilio_cgi_database_up 0\n");
    expect(there, "\ntwilio_cgi_spool_waiting_files 2\n");
    assert_int_equal(status.st_mode & 0777, 0644);
}

static void a_file_that_cannot_be_written_is_told(void **state)
{
    struct text out;

    (void)state;
    assert_int_equal(run(one_figure, "/nowhere/metrics.prom", &out), 2);
    assert_text_equal(out, "no metrics: cannot write '/nowhere/metrics.prom': No such file or "
                           "directory\n");
    assert_int_equal(run(one_figure, "/dev/full", &out), 2);
    assert_text_equal(out, "no metrics: cannot write '/dev/full': it is no file\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPOOL("a figure has one head, wherever its lines stand",
                 a_figure_has_one_head_wherever_its_lines_stand),
        IN_SPOOL("a label's value ends where it ends", a_label_s_value_ends_where_it_ends),
        IN_SPOOL("a figure that nobody knows, or without a value, is left out",
                 a_figure_that_nobody_knows_or_without_a_value_is_left_out),
        IN_SPOOL("the spool is told in base units", the_spool_is_told_in_base_units),
        IN_SPOOL("one question is asked", one_question_is_asked),
        IN_SPOOL("without the database the rest is told", without_the_database_the_rest_is_told),
        IN_SPOOL("a file is replaced, also without the database",
                 a_file_is_replaced_also_without_the_database),
        IN_SPOOL("a file that cannot be written is told", a_file_that_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
