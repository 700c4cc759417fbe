/* HTML: what is written between tags is text, whatever it is. */

#include "html.h"

#include "fake_record.h"
#include "unit.h"

static struct arena arena;

static const struct text_row {
    const char *label, *in, *out;
} text_rows[] = {
    {"plain text stands for itself", "فشل 63016, ok", "فشل 63016, ok"},
    {"a tag is text", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
    {"quotes do not end an attribute", "\"' onload='x", "&quot;&#39; onload=&#39;x"},
    {"an entity is its letters", "&lt;b&gt; &", "&amp;lt;b&amp;gt; &amp;"},
    {"control characters are none", "a\x01\x1b[31m\x7f\tb\n", "a\uFFFD\uFFFD[31m\uFFFD\tb\n"},
    {"C1 control characters neither", "\xc2\x85", "\uFFFD"},
    {"bytes that are no UTF-8", "a\xff\xc3<", "a\uFFFD\uFFFD&lt;"},
    {"a noncharacter", "\xef\xbf\xbf\xef\xb7\x90", "\uFFFD\uFFFD"},
    {"marks that turn the direction are left out", "a\u202Eb\u2066c\u200Fd\u061Ce", "abcde"},
    {"joiners are letters' own", "a\u200Cb\u200Dc", "a\u200Cb\u200Dc"},
    {"nothing", "", ""},
};

static void test_text(void **state)
{
    const struct text_row *row = *state;
    struct buffer b;
    struct text got;

    buffer_init(&b, &arena, 4096);
    html_text(&b, text_of(row->in));
    assert_true(buffer_text(&b, &got));
    assert_text_equal(got, row->out);
    buffer_init(&b, &arena, 4096);
    html_open(&b, "td", "class", "x", "title", row->in, NULL);
    html_close(&b, "td");
    assert_true(buffer_text(&b, &got));
    assert_true(text_starts(got, TEXT("<td class=\"x\" title=\"")));
    got = text_skip(got, sizeof("<td class=\"x\" title=\"") - 1);
    assert_true(text_starts(got, text_of(row->out)));
    assert_text_equal(text_skip(got, strlen(row->out)), "\"></td>");
}

static void test_pieces(void **state)
{
    struct buffer b;
    struct text got;

    (void)state;
    buffer_init(&b, &arena, 4096);
    html_element(&b, "p", "soft", TEXT("1 < 2"));
    html_element(&b, "p", NULL, TEXT("x"));
    html_textf(&b, "%d%s", 5, "&");
    html_open(&b, "br", NULL);
    html_bar(&b, "ok", 1, 0.5, 8, 99.25);
    html_raw(&b, "<hr>");
    assert_true(buffer_text(&b, &got));
    assert_text_equal(got,
                      "<p class=\"soft\">1 &lt; 2</p><p>x</p>5&amp;<br><rect class=\"ok\" x=\"1\" "
                      "y=\"0.5\" width=\"8\" height=\"99.25\"/><hr>");
}

/* A piece of printf's that does not fit is not cut, where a tag might end inside. */
static void test_too_long(void **state)
{
    struct buffer b;
    struct text got;

    (void)state;
    buffer_init(&b, &arena, 4096);
    html_textf(&b, "%0256d", 0);
    assert_false(buffer_text(&b, &got));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(text_rows) + 2] = {
        {.name = "elements, bars, what is HTML already", .test_func = test_pieces},
        {.name = "what does not fit is told", .test_func = test_too_long},
    };
    size_t n = 2;

    arena_init(&arena, 1 << 20);
    ADD_ROWS(tests, n, text_rows, test_text);
    int failed = cmocka_run_group_tests_name("html", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
