#include "report_arabic.h"

#include <stdio.h>

#include "html.h"

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

void report_arabic_count(struct buffer *b, uint64_t n)
{
    char digits[32];

    html_text(b, grouped(n, digits));
}

void report_arabic_plain(struct buffer *b, struct text t)
{
    html_open(b, "bdi", "dir", "ltr", NULL);
    html_text(b, t.n ? t : TEXT("—"));
    html_close(b, "bdi");
}

void report_arabic_share(struct buffer *b, const struct report_table *table, size_t line,
                         size_t column)
{
    char to[16] = "—";

    if (report_cell(table, line, column).n)
        snprintf(to, sizeof(to), "%.1f%%", report_percent(table, line, column));
    report_arabic_plain(b, text_of(to));
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

void report_arabic_price(struct buffer *b, double price, struct text unit)
{
    html_open(b, "bdi", "dir", "ltr", NULL);
    write_amount(b, price);
    html_raw(b, " <small>");
    html_text(b, text_clip(unit, 8));
    html_raw(b, "</small></bdi>");
}

void report_arabic_duration(struct buffer *b, const struct report_table *table, size_t line,
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

void report_arabic_period(struct buffer *b, uint64_t days)
{
    if (days == 2)
        html_raw(b, "آخر يومين");
    else
        html_textf(b, days <= 10 ? "آخر %llu أيام" : "آخر %llu يوم", (unsigned long long)days);
}

void report_arabic_digits(struct buffer *b, struct text t)
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

void report_arabic_open_table(struct buffer *b, const char *const *heads)
{
    html_raw(b, "<table><thead><tr>");
    for (; *heads; heads++) {
        html_open(b, "th", "scope", "col", NULL);
        html_raw(b, *heads);
        html_close(b, "th");
    }
    html_raw(b, "</tr></thead><tbody>");
}

void report_arabic_close_table(struct buffer *b)
{
    html_raw(b, "</tbody></table>");
}

void report_arabic_open_line(struct buffer *b)
{
    html_raw(b, "<tr><th scope=\"row\">");
}

void report_arabic_cell(struct buffer *b, uint64_t n)
{
    html_open(b, "td", NULL);
    report_arabic_count(b, n);
    html_close(b, "td");
}
