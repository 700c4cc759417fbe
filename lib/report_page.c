#include "report_page.h"

#include <stdio.h>

#include "html.h"

#define BAR_STEP   10.0 /* units of a picture from day to day */
#define BAR_WIDTH  8.0
#define BAR_HEIGHT 100.0

/* Reasons that have a line of their own. */
#define REASONS_MAX 15

static const char style[] =
    "<style>:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1d2330;--soft:#5b6475;"
    "--line:#dfe3ea;--ok:#1f8a5b;--wait:#8a94a6;--bad:#c8372d;--off:#c9a227;--sms:#2f6fb4;"
    "--whatsapp:#1f8a5b}"
    "@media(prefers-color-scheme:dark){:root{--page:#12151c;--card:#1b202a;--ink:#e8ebf1;"
    "--soft:#a2acbd;--line:#313846;--ok:#45c08a;--wait:#7d889c;--bad:#f0776c;--off:#d9b84a;"
    "--sms:#6ca6e6;--whatsapp:#45c08a}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);"
    "font:16px/1.6 system-ui,'Segoe UI',Tahoma,'Noto Sans Arabic','DejaVu Sans',sans-serif}"
    "main{max-width:72rem;margin-inline:auto;padding:1rem}"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:0 0 .5rem}"
    "p{margin:.25rem 0}.soft{color:var(--soft);font-size:.9rem}"
    "section,figure{background:var(--card);border:1px solid var(--line);border-radius:.6rem;"
    "padding:1rem;margin:1rem 0 0;min-width:0}"
    ".pair{display:grid;gap:0 1rem;grid-template-columns:minmax(0,1fr)}"
    "@media(min-width:56rem){.pair{grid-template-columns:repeat(2,minmax(0,1fr))}}"
    "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:0}"
    "dl div{min-width:0}dt{color:var(--soft);font-size:.9rem}"
    "dd{margin:0;font-size:1.3rem;font-weight:600;line-height:1.3;overflow-wrap:anywhere}"
    "dd>small{display:block}dd small{font-size:.85rem;font-weight:400;color:var(--soft)}"
    "bdi{white-space:nowrap}dd>bdi{display:block;text-align:end;white-space:normal}td>bdi>small{"
    "font-size:inherit}"
    "svg{display:block;width:100%;height:11rem}svg.spark{width:6rem;height:1.6rem}"
    ".ok{fill:var(--ok)}.wait{fill:var(--wait)}.bad{fill:var(--bad)}.off{fill:var(--off)}"
    ".sms{fill:var(--sms)}.whatsapp{fill:var(--whatsapp)}"
    ".ends{display:flex;justify-content:space-between;color:var(--soft);font-size:.85rem}"
    ".legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:.25rem 0 .75rem;"
    "padding:0;font-size:.9rem}"
    ".legend svg{display:inline-block;width:.8rem;height:.8rem;margin-inline-end:.35rem}"
    "table{width:100%;border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
    "th,td{padding:.3rem .25rem;text-align:start;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:break-word}"
    "thead th{color:var(--soft);font-weight:500}tbody th{font-weight:500}"
    "details{margin-top:.75rem}summary{cursor:pointer;color:var(--soft)}"
    "@media(max-width:30rem){main{padding:.5rem}section,figure{padding:.75rem}"
    "table{font-size:.8rem}svg.spark{width:3.5rem}}"
    "</style>";

/** What a day comes to; prices by channel, and whether there are any. */
struct day {
    struct text day;
    uint64_t total, delivered, in_flight, failed;
    double price[2];
    struct text price_text[2], unit[2];
};

enum { SMS, WHATSAPP };

static const struct {
    const char *channel, *name;
} channels[] = {[SMS] = {"sms", "SMS"}, [WHATSAPP] = {"whatsapp", "واتساب"}};

static size_t channel_of(struct text name)
{
    return text_equal(name, text_of(channels[WHATSAPP].channel)) ? WHATSAPP : SMS;
}

/* ---- numbers */

/** "1,234,567" */
static struct text grouped(uint64_t n, char to[32])
{
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), at = 0;

    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0)
            to[at++] = ',';
        to[at++] = digits[i];
    }
    return (struct text){to, (size_t)at};
}

static void write_count(struct buffer *b, uint64_t n)
{
    char digits[32];

    html_text(b, grouped(n, digits));
}

/** From left to right, whatever is around it. */
static void write_plain(struct buffer *b, struct text t)
{
    html_open(b, "bdi", "dir", "ltr", NULL);
    html_text(b, t.n ? t : TEXT("—"));
    html_close(b, "bdi");
}

static void write_share(struct buffer *b, const struct report_table *table, size_t line,
                        size_t column)
{
    char to[16] = "—";

    if (report_cell(table, line, column).n)
        snprintf(to, sizeof(to), "%.1f%%", report_number(table, line, column) * 100);
    write_plain(b, text_of(to));
}

/** "1,234.50", "0.0450", and of what is large no cents: "12,345". */
static void write_amount(struct buffer *b, double price)
{
    char whole[32], to[64];
    uint64_t cents = (uint64_t)(price * 100 + 0.5);

    if (price < 1)
        snprintf(to, sizeof(to), "%.4f", price);
    else if (price < 10000)
        snprintf(to, sizeof(to), "%.*s.%02u", TEXT_ARG(grouped(cents / 100, whole)),
                 (unsigned)(cents % 100));
    else
        snprintf(to, sizeof(to), "%.*s", TEXT_ARG(grouped((uint64_t)(price + 0.5), whole)));
    html_text(b, text_of(to));
}

static void write_price(struct buffer *b, double price, struct text unit)
{
    html_open(b, "bdi", "dir", "ltr", NULL);
    write_amount(b, price);
    html_raw(b, " <small>");
    html_text(b, text_clip(unit, 8));
    html_raw(b, "</small></bdi>");
}

static void write_duration(struct buffer *b, const struct report_table *table, size_t line,
                           size_t column)
{
    double seconds = report_number(table, line, column);
    bool known = report_cell(table, line, column).n;

    if (!known)
        html_raw(b, "—");
    else if (seconds < 100)
        html_textf(b, "%.1f ثانية", seconds);
    else if (seconds < 6000)
        html_textf(b, "%.1f دقيقة", seconds / 60);
    else
        html_textf(b, "%.1f ساعة", seconds / 3600);
}

/** "آخر 30 يوم"; a noun counts otherwise up to ten. */
static void write_period(struct buffer *b, uint64_t days)
{
    if (days == 2)
        html_raw(b, "آخر يومين");
    else
        html_textf(b, days <= 10 ? "آخر %llu أيام" : "آخر %llu يوم", (unsigned long long)days);
}

/** With the digits that the rest of the page has. */
static void write_with_digits(struct buffer *b, struct text t)
{
    for (size_t at = 0; at < t.n;) {
        size_t start = at;
        uint32_t c = text_next(t, &at);
        uint32_t digit = c >= 0x6F0 ? c - 0x6F0 : c - 0x660;
        if (c >= 0x660 && digit < 10)
            html_textf(b, "%u", (unsigned)digit);
        else
            html_text(b, (struct text){t.s + start, at - start});
    }
}

/* ---- tables */

static void open_table(struct buffer *b, const char *const *heads)
{
    html_raw(b, "<table><thead><tr>");
    for (; *heads; heads++) {
        html_open(b, "th", "scope", "col", NULL);
        html_raw(b, *heads);
        html_close(b, "th");
    }
    html_raw(b, "</tr></thead><tbody>");
}

static void close_table(struct buffer *b)
{
    html_raw(b, "</tbody></table>");
}

static void open_line(struct buffer *b)
{
    html_raw(b, "<tr><th scope=\"row\">");
}

static void write_cell(struct buffer *b, uint64_t n)
{
    html_open(b, "td", NULL);
    write_count(b, n);
    html_close(b, "td");
}

/* ---- the first glance */

static void open_figure(struct buffer *b, const char *label, const char *period, const char *name)
{
    char figure[32];

    snprintf(figure, sizeof(figure), "%s-%s", period, name);
    html_raw(b, "<div><dt>");
    html_raw(b, label);
    html_raw(b, "</dt>");
    html_open(b, "dd", "data-figure", figure, NULL);
}

static void close_figure(struct buffer *b)
{
    html_raw(b, "</dd></div>");
}

static void write_costs(const struct report *report, const char *period, const char *channel,
                        struct buffer *b)
{
    const struct report_table *costs = &report->costs;
    bool any = false;

    for (size_t i = 0; i < costs->n; i++) {
        if (!text_equal(report_cell(costs, i, COST_PERIOD), text_of(period)) ||
            !text_equal(report_cell(costs, i, COST_CHANNEL), text_of(channel)))
            continue;
        html_raw(b, any ? " + " : "");
        write_price(b, report_number(costs, i, COST_PRICE), report_cell(costs, i, COST_UNIT));
        any = true;
    }
    html_raw(b, any ? "" : "—");
}

static const char now[] = "today", all_days[] = "days";

static void write_stuck_figure(const struct report *report, struct buffer *b)
{
    uint64_t stuck = 0;

    for (size_t i = 0; i < report->stuck.n; i++)
        stuck += report_count(&report->stuck, i, STUCK_MESSAGES);
    open_figure(b, "معلّقة دلوقتي", now, "stuck");
    write_count(b, stuck);
    close_figure(b);
}

static void write_figures(const struct report *report, const char *period, struct buffer *b)
{
    const struct report_table *totals = &report->totals;
    size_t line = report_total(report, period, "");
    uint64_t unpriced = report_count(totals, line, TOTAL_UNPRICED);

    html_raw(b, "<dl>");
    open_figure(b, "رسايل اتبعتت", period, "total");
    write_count(b, report_count(totals, line, TOTAL_TOTAL));
    close_figure(b);
    open_figure(b, "وصلت", period, "delivered");
    write_share(b, totals, line, TOTAL_DELIVERED_SHARE);
    html_raw(b, "<small>");
    write_count(b, report_count(totals, line, TOTAL_DELIVERED));
    html_raw(b, " رسالة</small>");
    close_figure(b);
    open_figure(b, "فشلت", period, "failed");
    write_count(b, report_count(totals, line, TOTAL_FAILED));
    html_raw(b, "<small>");
    write_share(b, totals, line, TOTAL_FAILED_SHARE);
    html_raw(b, "</small>");
    close_figure(b);
    open_figure(b, "التكلفة", period, "cost");
    write_costs(report, period, "", b);
    if (unpriced) {
        html_raw(b, "<small>");
        write_count(b, unpriced);
        html_raw(b, " لسه من غير سعر</small>");
    }
    close_figure(b);
    if (period == now)
        write_stuck_figure(report, b);
    html_raw(b, "</dl>");
}

static void write_first_glance(const struct report *report, struct buffer *b)
{
    html_raw(b, "<div class=\"pair\"><section><h2>النهارده</h2>");
    write_figures(report, now, b);
    html_raw(b, "</section>");
    if (report->days.n > 1) {
        html_raw(b, "<section><h2>");
        write_period(b, report->days.n);
        html_raw(b, "</h2>");
        write_figures(report, all_days, b);
        html_raw(b, "</section>");
    }
    html_raw(b, "</div>");
}

/* ---- day by day */

static void add_line(const struct report_table *table, size_t line, struct day *day)
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

/** The days, newest first; NULL for want of memory. Both tables are in that order. */
static struct day *sum_days(const struct report *report, struct arena *arena)
{
    struct day *days = arena_new(arena, struct day, report->days.n + 1);
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
    write_plain(b, report->first_day);
    write_plain(b, report->today);
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

static uint64_t canceled(const struct day *day)
{
    uint64_t known = day->delivered + day->in_flight + day->failed;

    return day->total > known ? day->total - known : 0;
}

static void write_outcome_table(struct buffer *b, const struct day *days, size_t n)
{
    static const char *const heads[] = {"اليوم", "اتبعت", "وصل", "لسه", "فشل", "اتلغى", NULL};

    html_raw(b, "<details><summary>نفس الأرقام في جدول</summary>");
    open_table(b, heads);
    for (size_t i = 0; i < n; i++) {
        open_line(b);
        write_plain(b, days[i].day);
        html_raw(b, "</th>");
        write_cell(b, days[i].total);
        write_cell(b, days[i].delivered);
        write_cell(b, days[i].in_flight);
        write_cell(b, days[i].failed);
        write_cell(b, canceled(&days[i]));
        html_raw(b, "</tr>");
    }
    close_table(b);
    html_raw(b, "</details>");
}

static void write_outcomes(const struct report *report, const struct day *days, struct buffer *b)
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
    write_count(b, top);
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

/* ---- by channel */

static size_t find_channel(const struct report_table *table, size_t column, const char *channel)
{
    size_t line = 0;

    while (line < table->n && !text_equal(report_cell(table, line, column), text_of(channel)))
        line++;
    return line;
}

static void write_channel(const struct report *report, size_t channel, struct buffer *b)
{
    const char *name = channels[channel].channel;
    size_t total = report_total(report, all_days, name);
    size_t delivery = find_channel(&report->delivery, DELIVERY_CHANNEL, name);

    if (total == report->totals.n)
        return;
    open_line(b);
    html_raw(b, channels[channel].name);
    html_raw(b, "</th>");
    write_cell(b, report_count(&report->totals, total, TOTAL_TOTAL));
    html_raw(b, "<td>");
    write_share(b, &report->totals, total, TOTAL_DELIVERED_SHARE);
    html_raw(b, "</td><td>");
    write_duration(b, &report->delivery, delivery, DELIVERY_MEDIAN);
    html_raw(b, "</td><td>");
    write_duration(b, &report->delivery, delivery, DELIVERY_P95);
    html_raw(b, "</td></tr>");
}

static void write_channels(const struct report *report, struct buffer *b)
{
    static const char *const heads[] = {"القناة",        "اتبعت", "وصل", "نص الرسايل وصل خلال",
                                        "95% منها خلال", NULL};

    html_raw(b, "<section><h2>الوصول لكل قناة</h2>");
    if (report->report.n) {
        open_table(b, heads);
        for (size_t i = 0; i < ARRAY_LEN(channels); i++)
            write_channel(report, i, b);
        close_table(b);
    } else {
        html_raw(b, "<p>مفيش رسايل في المدة دي.</p>");
    }
    html_raw(b, "</section>");
}

/* ---- why messages failed */

/** How many failed so each day. */
static void write_spark(const struct report *report, struct text code, struct buffer *b)
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

/** Of two days before today at least. */
static bool has_trend(const struct report *report)
{
    return report->days.n > 2;
}

/** A tenth more or less is no trend. */
static const char *trend(uint64_t recent, uint64_t former)
{
    return recent * 10 > former * 11 ? "▲ بيزيد" : recent * 10 < former * 9 ? "▼ بيقل" : "● ثابت";
}

static void write_reason(const struct report *report, size_t line, struct buffer *b)
{
    const struct report_table *reasons = &report->reasons;
    struct text code = report_cell(reasons, line, REASON_CODE);
    uint64_t messages = report_count(reasons, line, REASON_MESSAGES);
    uint64_t recent = report_count(reasons, line, REASON_RECENT);
    uint64_t former = report_count(reasons, line, REASON_FORMER);

    open_line(b);
    write_with_digits(b, text_clip(report_cell(reasons, line, REASON_MEANING_AR), 300));
    html_raw(b, "</th><td>");
    write_plain(b, text_clip(code, 12));
    html_raw(b, "</td>");
    html_open(b, "td", "data-figure", "reason", NULL);
    write_count(b, messages);
    html_raw(b, "</td>");
    if (has_trend(report)) {
        html_raw(b, "<td>");
        html_raw(b, trend(recent, former));
        write_spark(report, code, b);
        html_raw(b, "</td>");
    }
    html_raw(b, "</tr>");
}

static void write_reasons(const struct report *report, struct buffer *b)
{
    static const char *const with_trend[] = {"السبب", "الكود", "العدد", "الاتجاه", NULL};
    static const char *const without[] = {"السبب", "الكود", "العدد", NULL};
    size_t n = report->reasons.n;

    html_raw(b, "<section><h2>أسباب الفشل</h2>");
    if (n == 0) {
        html_raw(b, "<p>مفيش رسايل فشلت.</p></section>");
        return;
    }
    open_table(b, has_trend(report) ? with_trend : without);
    for (size_t i = 0; i < n && i < REASONS_MAX; i++)
        write_reason(report, i, b);
    close_table(b);
    html_raw(b, "<p class=\"soft\">");
    if (has_trend(report))
        html_raw(b, "الاتجاه: النص الأخير من المدة بالنسبة للنص اللي قبله، من غير النهارده. ");
    if (n > REASONS_MAX)
        html_textf(b, "وفيه %zu أسباب تانية أقل.", n - REASONS_MAX);
    html_raw(b, "</p></section>");
}

/* ---- what it costs */

static void write_channel_costs(const struct report *report, struct buffer *b)
{
    static const char *const heads[] = {"القناة",  "رسايل",          "أجزاء",
                                        "التكلفة", "لسه من غير سعر", NULL};

    open_table(b, heads);
    for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
        size_t line = report_total(report, all_days, channels[i].channel);
        if (line == report->totals.n)
            continue;
        open_line(b);
        html_raw(b, channels[i].name);
        html_raw(b, "</th>");
        write_cell(b, report_count(&report->totals, line, TOTAL_TOTAL));
        write_cell(b, report_count(&report->totals, line, TOTAL_SEGMENTS));
        html_raw(b, "<td>");
        write_costs(report, all_days, channels[i].channel, b);
        html_raw(b, "</td>");
        write_cell(b, report_count(&report->totals, line, TOTAL_UNPRICED));
        html_raw(b, "</tr>");
    }
    close_table(b);
}

static void write_cost_table(struct buffer *b, const struct day *days, size_t n)
{
    static const char *const heads[] = {"اليوم", "SMS", "واتساب", NULL};

    html_raw(b, "<details><summary>التكلفة كل يوم في جدول</summary>");
    open_table(b, heads);
    for (size_t i = 0; i < n; i++) {
        open_line(b);
        write_plain(b, days[i].day);
        html_raw(b, "</th>");
        for (size_t channel = 0; channel < ARRAY_LEN(channels); channel++) {
            html_raw(b, "<td>");
            if (days[i].price_text[channel].n)
                write_price(b, days[i].price[channel], days[i].unit[channel]);
            else
                html_raw(b, "—");
            html_raw(b, "</td>");
        }
        html_raw(b, "</tr>");
    }
    close_table(b);
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

static void write_cost_picture(const struct report *report, const struct day *days,
                               struct buffer *b)
{
    static const char *const legend[] = {"sms", "SMS", "whatsapp", "واتساب", NULL};
    static const char *const classes[] = {"sms", "whatsapp"};
    double top = 0;

    for (size_t i = 0; i < report->days.n; i++)
        if (days[i].price[SMS] + days[i].price[WHATSAPP] > top)
            top = days[i].price[SMS] + days[i].price[WHATSAPP];
    html_raw(b, "<p class=\"soft\">أغلى يوم: ");
    write_price(b, top, report_cell(&report->costs, 0, COST_UNIT));
    html_raw(b, "</p>");
    write_legend(b, legend);
    open_picture(b, report->days.n, "تكلفة كل يوم، SMS وواتساب؛ الأرقام في الجدول اللي تحت");
    for (size_t i = 0; i < report->days.n; i++)
        write_bar(b, i, top, classes, days[i].price, ARRAY_LEN(classes));
    close_picture(b, report);
}

static void write_cost_section(const struct report *report, const struct day *days,
                               struct buffer *b)
{
    html_raw(b, "<figure><figcaption><h2>التكلفة</h2></figcaption>");
    if (report->report.n == 0) {
        html_raw(b, "<p>مفيش تكلفة في المدة دي.</p></figure>");
        return;
    }
    write_channel_costs(report, b);
    if (!text_equal(report->two_currency_days, TEXT("0"))) {
        html_raw(b, "<p class=\"soft\">أيام فيها عملتين ومش محسوبة في المجموع: ");
        html_text(b, report->two_currency_days);
        html_raw(b, "</p>");
    }
    if (has_one_currency(report))
        write_cost_picture(report, days, b);
    write_cost_table(b, days, report->days.n);
    html_raw(b, "</figure>");
}

/* ---- what is stuck, and how fresh all this is */

static const char *status_name(struct text status)
{
    static const struct {
        const char *status, *name;
    } names[] = {{"pending", "لسه ما اتسلمتش لـ Twilio"},
                 {"unknown", "مش معروف اتبعتت ولا لأ"},
                 {"accepted", "Twilio استلمتها"},
                 {"queued", "في الطابور"},
                 {"sending", "بتتبعت"},
                 {"sent", "اتبعتت ومفيش تأكيد وصول"}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_equal(status, text_of(names[i].status)))
            return names[i].name;
    return "حالة تانية";
}

static void write_stuck(const struct report *report, struct buffer *b)
{
    static const char *const heads[] = {"الحالة", "العدد", "أقدم واحدة", NULL};
    const struct report_table *stuck = &report->stuck;

    html_raw(b, "<section><h2>رسايل معلّقة</h2>");
    if (stuck->n)
        open_table(b, heads);
    for (size_t i = 0; i < stuck->n; i++) {
        open_line(b);
        html_raw(b, status_name(report_cell(stuck, i, STUCK_STATUS)));
        html_raw(b, "</th>");
        html_open(b, "td", "data-figure", "stuck", NULL);
        write_count(b, report_count(stuck, i, STUCK_MESSAGES));
        html_raw(b, "</td><td>");
        write_plain(b, report_cell(stuck, i, STUCK_OLDEST));
        html_raw(b, "</td></tr>");
    }
    if (stuck->n)
        close_table(b);
    else
        html_raw(b, "<p>مفيش رسايل معلّقة.</p>");
    html_raw(b, "</section>");
}

static void write_freshness(const struct report *report, struct buffer *b)
{
    html_raw(b, "<header><h1>تقرير الرسايل</h1><p class=\"soft\">اتعمل ");
    write_plain(b, report->made_at);
    html_raw(b, " بتوقيت القاهرة، وآخر إشعار من Twilio ");
    if (report->last_callback.n)
        write_plain(b, report->last_callback);
    else
        html_raw(b, "لسه ما جاش");
    html_raw(b, ".</p></header>");
}

void report_write_page(const struct report *report, struct buffer *b)
{
    const struct day *days = sum_days(report, b->arena);

    if (!days) {
        b->failed = true;
        return;
    }
    html_raw(b, "<!doctype html>\n<html lang=\"ar-EG\" dir=\"rtl\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<meta name=\"color-scheme\" content=\"light dark\">"
                "<meta name=\"robots\" content=\"noindex\"><title>تقرير الرسايل</title>");
    html_raw(b, style);
    html_raw(b, "</head><body><main>");
    write_freshness(report, b);
    write_first_glance(report, b);
    write_outcomes(report, days, b);
    html_raw(b, "<div class=\"pair\">");
    write_channels(report, b);
    write_stuck(report, b);
    html_raw(b, "</div>");
    write_reasons(report, b);
    write_cost_section(report, days, b);
    html_raw(b, "</main></body></html>\n");
}
