#include "report_page.h"

#include <stdio.h>

#include "html.h"
#include "report_days.h"
#include "report_arabic.h"

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
        report_arabic_price(b, report_number(costs, i, COST_PRICE),
                            report_cell(costs, i, COST_UNIT));
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
    report_arabic_count(b, stuck);
    close_figure(b);
}

static void write_figures(const struct report *report, const char *period, struct buffer *b)
{
    const struct report_table *totals = &report->totals;
    size_t line = report_total(report, period, "");
    uint64_t unpriced = report_count(totals, line, TOTAL_UNPRICED);

    html_raw(b, "<dl>");
    open_figure(b, "رسايل اتبعتت", period, "total");
    report_arabic_count(b, report_count(totals, line, TOTAL_TOTAL));
    close_figure(b);
    open_figure(b, "وصلت", period, "delivered");
    report_arabic_share(b, totals, line, TOTAL_DELIVERED_SHARE);
    html_raw(b, "<small>");
    report_arabic_count(b, report_count(totals, line, TOTAL_DELIVERED));
    html_raw(b, " رسالة</small>");
    close_figure(b);
    open_figure(b, "فشلت", period, "failed");
    report_arabic_count(b, report_count(totals, line, TOTAL_FAILED));
    html_raw(b, "<small>");
    report_arabic_share(b, totals, line, TOTAL_FAILED_SHARE);
    html_raw(b, "</small>");
    close_figure(b);
    open_figure(b, "التكلفة", period, "cost");
    write_costs(report, period, "", b);
    if (unpriced) {
        html_raw(b, "<small>");
        report_arabic_count(b, unpriced);
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
        report_arabic_period(b, report->days.n);
        html_raw(b, "</h2>");
        write_figures(report, all_days, b);
        html_raw(b, "</section>");
    }
    html_raw(b, "</div>");
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
    const char *name = report_channels[channel].channel;
    size_t total = report_total(report, all_days, name);
    size_t delivery = find_channel(&report->delivery, DELIVERY_CHANNEL, name);

    if (total == report->totals.n)
        return;
    report_arabic_open_line(b);
    html_raw(b, report_channels[channel].name);
    html_raw(b, "</th>");
    report_arabic_cell(b, report_count(&report->totals, total, TOTAL_TOTAL));
    html_raw(b, "<td>");
    report_arabic_share(b, &report->totals, total, TOTAL_DELIVERED_SHARE);
    html_raw(b, "</td><td>");
    report_arabic_duration(b, &report->delivery, delivery, DELIVERY_MEDIAN);
    html_raw(b, "</td><td>");
    report_arabic_duration(b, &report->delivery, delivery, DELIVERY_P95);
    html_raw(b, "</td></tr>");
}

static void write_channels(const struct report *report, struct buffer *b)
{
    static const char *const heads[] = {"القناة",        "اتبعت", "وصل", "نص الرسايل وصل خلال",
                                        "95% منها خلال", NULL};

    html_raw(b, "<section><h2>الوصول لكل قناة</h2>");
    if (report->report.n) {
        report_arabic_open_table(b, heads);
        for (size_t i = 0; i < REPORT_CHANNELS; i++)
            write_channel(report, i, b);
        report_arabic_close_table(b);
    } else {
        html_raw(b, "<p>مفيش رسايل في المدة دي.</p>");
    }
    html_raw(b, "</section>");
}

/* ---- why messages failed */

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

    report_arabic_open_line(b);
    report_arabic_digits(b, text_clip(report_cell(reasons, line, REASON_MEANING_AR), 300));
    html_raw(b, "</th><td>");
    report_arabic_plain(b, text_clip(code, 12));
    html_raw(b, "</td>");
    html_open(b, "td", "data-figure", "reason", NULL);
    report_arabic_count(b, messages);
    html_raw(b, "</td>");
    if (has_trend(report)) {
        html_raw(b, "<td>");
        html_raw(b, trend(recent, former));
        report_days_spark(report, code, b);
        html_raw(b, "</td>");
    }
    html_raw(b, "</tr>");
}

static void write_more_reasons(struct buffer *b, size_t n)
{
    if (n == 1)
        html_raw(b, "وفيه سبب تاني أقل.");
    else if (n == 2)
        html_raw(b, "وفيه سببين تانيين أقل.");
    else
        html_textf(b, n <= 10 ? "وفيه %zu أسباب تانية أقل." : "وفيه %zu سبب تاني أقل.", n);
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
    report_arabic_open_table(b, has_trend(report) ? with_trend : without);
    for (size_t i = 0; i < n && i < REASONS_MAX; i++)
        write_reason(report, i, b);
    report_arabic_close_table(b);
    html_raw(b, "<p class=\"soft\">");
    if (has_trend(report))
        html_raw(b, "الاتجاه: النص الأخير من المدة بالنسبة للنص اللي قبله، من غير النهارده. ");
    if (n > REASONS_MAX)
        write_more_reasons(b, n - REASONS_MAX);
    html_raw(b, "</p></section>");
}

/* ---- what it costs */

static void write_channel_costs(const struct report *report, struct buffer *b)
{
    static const char *const heads[] = {"القناة",  "رسايل",          "أجزاء",
                                        "التكلفة", "لسه من غير سعر", NULL};

    report_arabic_open_table(b, heads);
    for (size_t i = 0; i < REPORT_CHANNELS; i++) {
        size_t line = report_total(report, all_days, report_channels[i].channel);
        if (line == report->totals.n)
            continue;
        report_arabic_open_line(b);
        html_raw(b, report_channels[i].name);
        html_raw(b, "</th>");
        report_arabic_cell(b, report_count(&report->totals, line, TOTAL_TOTAL));
        report_arabic_cell(b, report_count(&report->totals, line, TOTAL_SEGMENTS));
        html_raw(b, "<td>");
        write_costs(report, all_days, report_channels[i].channel, b);
        html_raw(b, "</td>");
        report_arabic_cell(b, report_count(&report->totals, line, TOTAL_UNPRICED));
        html_raw(b, "</tr>");
    }
    report_arabic_close_table(b);
}

static void write_cost_section(const struct report *report, const struct report_day *days,
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
    report_days_costs(report, days, b);
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
        report_arabic_open_table(b, heads);
    for (size_t i = 0; i < stuck->n; i++) {
        report_arabic_open_line(b);
        html_raw(b, status_name(report_cell(stuck, i, STUCK_STATUS)));
        html_raw(b, "</th>");
        html_open(b, "td", "data-figure", "stuck", NULL);
        report_arabic_count(b, report_count(stuck, i, STUCK_MESSAGES));
        html_raw(b, "</td><td>");
        report_arabic_plain(b, report_cell(stuck, i, STUCK_OLDEST));
        html_raw(b, "</td></tr>");
    }
    if (stuck->n)
        report_arabic_close_table(b);
    else
        html_raw(b, "<p>مفيش رسايل معلّقة.</p>");
    html_raw(b, "</section>");
}

static void write_freshness(const struct report *report, struct buffer *b)
{
    html_raw(b, "<header><h1>تقرير الرسايل</h1><p class=\"soft\">اتعمل ");
    report_arabic_plain(b, report->made_at);
    html_raw(b, " بتوقيت القاهرة، وآخر إشعار من Twilio ");
    if (report->last_callback.n)
        report_arabic_plain(b, report->last_callback);
    else
        html_raw(b, "لسه ما جاش");
    html_raw(b, ".</p></header>");
}

void report_write_page(const struct report *report, struct buffer *b)
{
    const struct report_day *days = report_days_sum(report, b->arena);

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
    report_days_outcomes(report, days, b);
    html_raw(b, "<div class=\"pair\">");
    write_channels(report, b);
    write_stuck(report, b);
    html_raw(b, "</div>");
    write_reasons(report, b);
    write_cost_section(report, days, b);
    html_raw(b, "</main></body></html>\n");
}
