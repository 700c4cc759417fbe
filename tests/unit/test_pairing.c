/* Which message of Twilio's list is which row. */

#include "fake_record.h"
#include "pairing.h"
#include "unit.h"

#define TO "+201012345678"

/* Seconds from an hour on; a text may be NULL. */
struct reserved {
    int at;
    const char *text;
    bool template;
    size_t media;
};

struct taken {
    const char *sid; /* NULL: the end */
    int at;
    const char *text, *to;
    bool whatsapp, inbound, foreign;
    uint64_t media;
};

/* Rows, messages, and for each row (in order) the message it gets. */
static const struct pairing_row {
    const char *label;
    struct reserved rows[3];
    struct taken messages[3];
    const char *want;
    bool doubtful; /* the last row, afterwards */
} rows[] = {
    {"a message a second later", {{0, "Hi"}}, {{"a", 1, "Hi"}}, "a"},
    {"none for a row without messages", {{0, "Hi"}}, {{NULL}}, "-"},
    {"a message of the last moment", {{0, "Hi"}}, {{"a", 60, "Hi"}}, "a"},
    {"a message that is too late", {{0, "Hi"}}, {{"a", 61, "Hi"}}, "-", true},
    {"a message a quarter of an hour later", {{0, "Hi"}}, {{"a", 900, "Hi"}}, "-", true},
    {"a message that is nobody's business", {{0, "Hi"}}, {{"a", 901, "Hi"}}, "-"},
    {"Twilio's clock may be a little behind", {{0, "Hi"}}, {{"a", -2, "Hi"}}, "a"},
    {"a message from before the row", {{0, "Hi"}}, {{"a", -3, "Hi"}}, "-", true},
    {"a message from long before", {{0, "Hi"}}, {{"a", -901, "Hi"}}, "-"},
    {"another sender on the account", {{0, "Hi"}}, {{"a", 1, "Hi", .foreign = true}}, "-", true},
    {"another text", {{0, "Hi"}}, {{"a", 1, "Ho"}}, "-", true},
    {"another recipient: it may be the same number, spelt otherwise",
     {{0, "Hi"}},
     {{"a", 1, "Hi", .to = "+201012345679"}},
     "-",
     true},
    {"a number that is blotted out",
     {{0, "Hi"}},
     {{"a", 1, "Hi", .to = "+2010123XXXX"}},
     "-",
     true},
    {"another recipient, long after", {{0, "Hi"}}, {{"a", 901, "Hi", .to = "+201012345679"}}, "-"},
    {"another channel", {{0, "Hi"}}, {{"a", 1, "Hi", .whatsapp = true}}, "-", true},
    {"an answer of the recipient", {{0, "Hi"}}, {{"a", 1, "Hi", .inbound = true}}, "-"},
    {"two rows with the same text each get their own, in the order of time",
     {{0, "Hi"}, {10, "Hi"}},
     {{"a", 1, "Hi"}, {"b", 11, "Hi"}},
     "ab"},
    {"whatever the order of the list",
     {{0, "Hi"}, {10, "Hi"}},
     {{"b", 11, "Hi"}, {"a", 1, "Hi"}},
     "ab"},
    {"two rows in one second", {{0, "Hi"}, {1, "Hi"}}, {{"a", 1, "Hi"}, {"b", 2, "Hi"}}, "ab"},
    {"the row reserved last before a single message gets it",
     {{0, "Hi"}, {10, "Hi"}},
     {{"a", 11, "Hi"}},
     "-a"},
    {"a row from after a single message does not", {{0, "Hi"}, {2, "Hi"}}, {{"a", 1, "Hi"}}, "a-"},
    {"as many are paired as can be where the clocks differ",
     {{0, "Hi"}, {1, "Hi"}},
     {{"a", -2, "Hi"}, {"b", -1, "Hi"}},
     "ab"},
    {"three rows, two messages",
     {{0, "Hi"}, {20, "Hi"}, {40, "Hi"}},
     {{"b", 41, "Hi"}, {"a", 21, "Hi"}},
     "-ab"},
    {"a message more than rows", {{0, "Hi"}}, {{"a", 1, "Hi"}, {"b", 50, "Hi"}}, "b"},
    {"a template takes any text", {{0, "Hi", .template = true}}, {{"a", 1, "?"}}, "a"},
    {"but not the one that is another row's own",
     {{0, "Hi"}, {5, "Hi", .template = true}},
     {{"a", 6, "Hi"}},
     "a-"},
    {"two media are not three", {{0, "Hi", .media = 2}}, {{"a", 1, "Hi", .media = 3}}, "-", true},
    {"two media are two", {{0, "Hi", .media = 2}}, {{"a", 1, "Hi", .media = 2}}, "a"},
    {"media that Twilio has not counted yet", {{0, "Hi", .media = 2}}, {{"a", 1, "Hi"}}, "a"},
    {"of a single one the row does not tell", {{0, "Hi"}}, {{"a", 1, "Hi", .media = 1}}, "a"},
    {"the text with something behind it leaves a doubt",
     {{0, "Hi"}},
     {{"a", 1, "(1) Hi https://a.example"}},
     "-",
     true},
    {"a text that was taken out leaves a doubt", {{0, "Hi"}}, {{"a", 1, NULL}}, "-", true},
    {"a row without a text is in doubt of any",
     {{0, NULL}},
     {{"a", 1, "https://a.example"}},
     "-",
     true},
    {"a time that cannot be read leaves a doubt", {{0, "Hi"}}, {{"a", -1000, "Hi"}}, "-", true},
    {"a template is in doubt of any",
     {{0, "Hi", .template = true}},
     {{"a", -1000, "?"}},
     "-",
     true},
    {"what another row has got leaves none", {{0, "Hi"}, {10, "H"}}, {{"a", 1, "Hi"}}, "a-", false},
    {"a second message for a template leaves a doubt for the next",
     {{0, "Hi", .template = true}, {70, "Hi", .template = true}},
     {{"a", 1, "Hi"}, {"b", 135, "Hi"}},
     "a-",
     true},
    {"of two messages neither is a template's own",
     {{0, "", .template = true}},
     {{"a", 1, "?"}, {"b", 2, "!"}},
     "-",
     true},
    {"one message for two templates is nobody's",
     {{0, "", .template = true}, {5, "", .template = true}},
     {{"a", 6, "?"}},
     "--",
     true},
    {"two messages for two templates are nobody's",
     {{0, "", .template = true}, {5, "", .template = true}},
     {{"a", 1, "?"}, {"b", 6, "!"}},
     "--",
     true},
    {"a message that is a text's own leaves the other to the template",
     {{0, "Hi"}, {5, "", .template = true}},
     {{"a", 6, "Hi"}, {"b", 7, "!"}},
     "ab"},
    {"two templates that are far enough apart each have their only one",
     {{0, "", .template = true}, {100, "", .template = true}},
     {{"a", 1, "?"}, {"b", 101, "?"}},
     "ab"},
};

static struct message_log_unsettled row_of(const struct reserved *reserved)
{
    return (struct message_log_unsettled){.sent_at = 1000 + reserved->at,
                                          .recipient = TEXT(TO),
                                          .body = text_of(reserved->text),
                                          .template = reserved->template,
                                          .n_media = reserved->media};
}

static struct pairing message_of(const struct taken *taken)
{
    return (struct pairing){.message = {.sid = text_of(taken->sid),
                                        .created = 1000 + taken->at,
                                        .body = text_of(taken->text),
                                        .to = text_of(taken->to ? taken->to : TO),
                                        .channel = taken->whatsapp ? MESSAGE_WHATSAPP : MESSAGE_SMS,
                                        .num_media = taken->media,
                                        .outbound = !taken->inbound,
                                        .foreign = taken->foreign}};
}

static void pair(void **state)
{
    const struct pairing_row *row = *state;
    struct message_log_unsettled unsettled[3];
    struct pairing pairings[3];
    size_t n = strlen(row->want), m = 0;
    char got[4] = "";

    for (size_t i = 0; i < n; i++)
        unsettled[i] = row_of(&row->rows[i]);
    for (; m < 3 && row->messages[m].sid; m++)
        pairings[m] = message_of(&row->messages[m]);
    pairing_make(unsettled, n, pairings, m);
    for (size_t i = 0; i < n; i++)
        got[i] = unsettled[i].sid.n ? unsettled[i].sid.s[0] : '-';
    assert_string_equal(got, row->want);
    for (size_t i = 0; i < m; i++)
        if (pairings[i].row)
            assert_text_equal(pairings[i].row->sid, pairings[i].message.sid.s);
    bool doubtful = false;
    for (size_t i = 0; i < m; i++)
        doubtful |= !pairings[i].row && pairing_is_doubt(&unsettled[n - 1], &pairings[i].message);
    if (got[n - 1] == '-')
        assert_int_equal(doubtful, row->doubtful);
}

int main(void)
{
    struct CMUnitTest tests[64];
    size_t n = 0;

    ADD_ROWS(tests, n, rows, pair);
    return _cmocka_run_group_tests("pairing", tests, n, NULL, NULL);
}
