#include "report_days.h"

#include <stdio.h>

#include "html.h"
#include "report_arabic.h"

#define BAR_STEP   10.0 /* units of a picture from day to day */
#define BAR_WIDTH  8.0
#define BAR_HEIGHT 100.0

const struct report_channel report_channels[REPORT_CHANNELS] = {
    [REPORT_SMS] = {"sms", "SMS"}, [REPORT_WHATSAPP] = {"whatsapp", "واتساب"}};

static size_t channel_of(struct text name)
{
    return text_equal(name, text_of(report_channels[REPORT_WHATSAPP].channel)) ? REPORT_WHATSAPP
                                                                               : REPORT_SMS;
}

static void add_line(const struct report_table *table, size_t line, struct report_day *day)
{
    size_t channel = channel_of(report_cell(table, line, REPORT_CHANNEL));

    day->total += report_count(table, line, REPORT_TOTAL);
    day->delivered += report_count(table, line, REPORT_DELIVERED);
    day->in_flight += report_count(table, line, REPORT_IN_FLIGHT);
    day->failed += report_count(table, line, REPORT_FAILED);
    day->price[channel] = report_number(table, line, REPORT_PRICE);
    day->price_text[channel] = report_cell(table, line, REPORT_PRICE);
    day->unit[channel] = report_cell(table, line, REPORT_PRICE_UNIT);
}

struct report_day *report_days_sum(const struct report *report, struct arena *arena)
{
    struct report_day *days = arena_new(arena, struct report_day, report->days.n + 1);
    size_t line = 0;

    for (size_t i = 0; days && i < report->days.n; i++) {
        days[i].day = report_cell(&report->days, i, DAYS_DAY);
        for (; text_equal(report_cell(&report->report, line, REPORT_DAY), days[i].day); line++)
            add_line(&report->report, line, &days[i]);
    }
    return days;
}

static void write_legend(struct buffer *b, const char *const *pairs)
{
    html_raw(b, "<ul class=\"legend\">");
    for (; *pairs; pairs += 2) {
        html_raw(b, "<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\">");
        html_bar(b, pairs[0], 0, 0, 1, 1);
        html_raw(b, "</svg>");
        html_raw(b, pairs[1]);
        html_raw(b, "</li>");
    }
    html_raw(b, "</ul>");
}

/** A picture of n days, in which time goes from right to left, as one reads. */
static void open_picture(struct buffer *b, size_t n, const char *title)
{
    char box[64];

    snprintf(box, sizeof(box), "0 0 %g %g", (double)n * BAR_STEP, BAR_HEIGHT);
    html_open(b, "svg", "viewBox", box, "preserveAspectRatio", "none", "role", "img", "aria-label",
              title, NULL);
    html_element(b, "title", NULL, text_of(title));
}

static void close_picture(struct buffer *b, const struct report *report)
{
    html_raw(b, "</svg><div class=\"ends\">");
    report_arabic_plain(b, report->first_day);
    report_arabic_plain(b, report->today);
    html_raw(b, "</div>");
}

/** Parts of a day's bar, upwards, of which `top` makes the whole height. */
static void write_bar(struct buffer *b, size_t place, double top, const char *const *classes,
                      const double *parts, size_t n)
{
    double y = BAR_HEIGHT;

    for (size_t i = 0; i < n; i++) {
        double height = top > 0 ? parts[i] / top * BAR_HEIGHT : 0;
        if (height <= 0)
            continue;
        y -= height;
        html_bar(b, classes[i], (double)place * BAR_STEP + 1, y < 0 ? 0 : y, BAR_WIDTH, height);
    }
}

static uint64_t canceled(const struct report_day *day)
{
    uint64_t known = day->delivered + day->in_flight + day->failed;

    return day->total > known ? day->total - known : 0;
}

static void write_outcome_table(struct buffer *b, const struct report_day *days, size_t n)
{
    static const char *const heads[] = {"اليوم", "اتبعت", "وصل", "لسه", "فشل", "اتلغى", NULL};

    html_raw(b, "<details><summary>نفس الأرقام في جدول</summary>");
    report_arabic_open_table(b, heads);
    for (size_t i = 0; i < n; i++) {
        report_arabic_open_line(b);
        report_arabic_plain(b, days[i].day);
        html_raw(b, "</th>");
        report_arabic_cell(b, days[i].total);
        report_arabic_cell(b, days[i].delivered);
        report_arabic_cell(b, days[i].in_flight);
        report_arabic_cell(b, days[i].failed);
        report_arabic_cell(b, canceled(&days[i]));
        html_raw(b, "</tr>");
    }
    report_arabic_close_table(b);
    html_raw(b, "</details>");
}

void report_days_outcomes(const struct report *report, const struct report_day *days,
                          struct buffer *b)
{
    static const char *const classes[] = {"ok", "wait", "off", "bad"};
    static const char *const legend[] = {"ok",  "وصلت", "wait", "لسه في الطريق", "off", "اتلغت",
                                         "bad", "فشلت", NULL};
    size_t n = report->days.n;
    uint64_t top = 0;

    for (size_t i = 0; i < n; i++)
        top = days[i].total > top ? days[i].total : top;
    html_raw(b, "<figure><figcaption><h2>الرسايل كل يوم</h2>");
    if (top == 0) {
        html_raw(b, "<p>مفيش رسايل في المدة دي.</p></figcaption></figure>");
        return;
    }
    html_raw(b, "<p class=\"soft\">أعلى يوم: ");
    report_arabic_count(b, top);
    html_raw(b, " رسالة</p>");
    write_legend(b, legend);
    html_raw(b, "</figcaption>");
    open_picture(b, n, "عدد الرسايل كل يوم، واللي وصل منها واللي فشل؛ الأرقام في الجدول اللي تحت");
    for (size_t i = 0; i < n; i++) {
        const double parts[] = {(double)days[i].delivered, (double)days[i].in_flight,
                                (double)canceled(&days[i]), (double)days[i].failed};
        write_bar(b, i, (double)top, classes, parts, ARRAY_LEN(parts));
    }
    close_picture(b, report);
    write_outcome_table(b, days, n);
    html_raw(b, "</figure>");
}

void report_days_spark(const struct report *report, struct text code, struct buffer *b)
{
    const struct report_table *failures = &report->failures;
    size_t n = report->days.n, line = 0;
    double *counts = arena_new(b->arena, double, n + 1), top = 0;
    static const char *const class[] = {"bad"};

    for (size_t i = 0; counts && i < n; i++) {
        struct text day = report_cell(&report->days, i, DAYS_DAY);
        for (; line < failures->n && text_equal(report_cell(failures, line, FAILURE_DAY), day);
             line++)
            if (text_equal(report_cell(failures, line, FAILURE_CODE), code))
                counts[i] += report_number(failures, line, FAILURE_MESSAGES);
        top = counts[i] > top ? counts[i] : top;
    }
    char box[64];
    snprintf(box, sizeof(box), "0 0 %g %g", (double)n * BAR_STEP, BAR_HEIGHT);
    html_open(b, "svg", "class", "spark", "viewBox", box, "preserveAspectRatio", "none",
              "aria-hidden", "true", NULL);
    for (size_t i = 0; counts && i < n; i++)
        write_bar(b, i, top, class, &counts[i], 1);
    html_raw(b, "</svg>");
}

static void write_cost_table(struct buffer *b, const struct report_day *days, size_t n)
{
    static const char *const heads[] = {"اليوم", "SMS", "واتساب", NULL};

    html_raw(b, "<details><summary>التكلفة كل يوم في جدول</summary>");
    report_arabic_open_table(b, heads);
    for (size_t i = 0; i < n; i++) {
        report_arabic_open_line(b);
        report_arabic_plain(b, days[i].day);
        html_raw(b, "</th>");
        for (size_t channel = 0; channel < REPORT_CHANNELS; channel++) {
            html_raw(b, "<td>");
            if (days[i].price_text[channel].n)
                report_arabic_price(b, days[i].price[channel], days[i].unit[channel]);
            else
                html_raw(b, "—");
            html_raw(b, "</td>");
        }
        html_raw(b, "</tr>");
    }
    report_arabic_close_table(b);
    html_raw(b, "</details>");
}

/** Only where all is in one currency do bars compare. */
static bool has_one_currency(const struct report *report)
{
    const struct report_table *costs = &report->costs;

    for (size_t i = 1; i < costs->n; i++)
        if (!text_equal(report_cell(costs, i, COST_UNIT), report_cell(costs, 0, COST_UNIT)))
            return false;
    return costs->n > 0;
}

static void write_cost_picture(const struct report *report, const struct report_day *days,
                               struct buffer *b)
{
    static const char *const legend[] = {"sms", "SMS", "whatsapp", "واتساب", NULL};
    static const char *const classes[] = {"sms", "whatsapp"};
    double top = 0;

    for (size_t i = 0; i < report->days.n; i++)
        if (days[i].price[REPORT_SMS] + days[i].price[REPORT_WHATSAPP] > top)
            top = days[i].price[REPORT_SMS] + days[i].price[REPORT_WHATSAPP];
    html_raw(b, "<p class=\"soft\">أغلى يوم: ");
    report_arabic_price(b, top, report_cell(&report->costs, 0, COST_UNIT));
    html_raw(b, "</p>");
    write_legend(b, legend);
    open_picture(b, report->days.n, "تكلفة كل يوم، SMS وواتساب؛ الأرقام في الجدول اللي تحت");
    for (size_t i = 0; i < report->days.n; i++)
        write_bar(b, i, top, classes, days[i].price, ARRAY_LEN(classes));
    close_picture(b, report);
}

void report_days_costs(const struct report *report, const struct report_day *days, struct buffer *b)
{
    if (has_one_currency(report))
        write_cost_picture(report, days, b);
    write_cost_table(b, days, report->days.n);
}
