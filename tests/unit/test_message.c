/* What a valid outbound message is: every rule of the request's members, and its form in the log.
 */

#include "buffer.h"
#include "fake_record.h"
#include "json.h"
#include "message.h"
#include "message_row.h"
#include "unit.h"

#define UUID     "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
#define TEMPLATE "HX0123456789abcdef0123456789ABCDEF"

static struct arena arena;

/**
 * A body that is taken, and what is made of it: "sms +2010… body=… request=… template=… variables=…
 * media=…". A '@' in the body stands for `many` times `unit`.
 */
struct taken_row {
    const char *label, *json, *want;
    bool whatsapp_only;
    const char *unit;
    size_t many;
};

/** A body that is refused, and the word for it. */
struct refused_row {
    const char *label, *json;
    enum fault_kind want;
    bool whatsapp_only;
    const char *unit;
    size_t many;
};

static const struct taken_row taken[] = {
    {"SMS is the default", "{\"to\":\"01012345678\",\"message\":\"Hi\"}",
     "sms +201012345678 body=Hi"},
    {"type sms", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"sms\"}",
     "sms +201012345678 body=Hi"},
    {"type whatsapp", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"whatsapp\"}",
     "whatsapp +201012345678 body=Hi"},
    {"a whatsapp: prefix says the channel", "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\"}",
     "whatsapp +201012345678 body=Hi"},
    {"the prefix in any case, with white space",
     "{\"to\":\" WhatsApp: +20 101 234 5678 \",\"message\":\"Hi\"}",
     "whatsapp +201012345678 body=Hi"},
    {"the prefix beside type whatsapp",
     "{\"to\":\"whatsapp:+201012345678\",\"message\":\"Hi\",\"type\":\"whatsapp\"}",
     "whatsapp +201012345678 body=Hi"},
    {"send-whatsapp sends WhatsApp", "{\"to\":\"01012345678\",\"message\":\"Hi\"}",
     "whatsapp +201012345678 body=Hi", .whatsapp_only = true},
    {"send-whatsapp knows no type, whatever it says",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":5}", "whatsapp +201012345678 body=Hi",
     .whatsapp_only = true},
    {"send-whatsapp takes the prefix too",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"type\":\"sms\"}",
     "whatsapp +201012345678 body=Hi", .whatsapp_only = true},
    {"a landline may have WhatsApp",
     "{\"to\":\"02 2345 6789\",\"message\":\"Hi\",\"type\":\"whatsapp\"}",
     "whatsapp +20223456789 body=Hi"},
    {"a foreign number", "{\"to\":\"+14155238886\",\"message\":\"Hi\"}",
     "sms +14155238886 body=Hi"},
    {"Arabic digits and text", "{\"to\":\"٠١٠١٢٣٤٥٦٧٨\",\"message\":\"مرحبا\"}",
     "sms +201012345678 body=مرحبا"},
    {"unknown members are not looked at",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"from\":[1,{\"a\":null}],\"To\":5}",
     "sms +201012345678 body=Hi"},
    {"null in every optional member is absent",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":null,\"requestId\":null,"
     "\"templateId\":null,\"variables\":null,\"media_url\":null}",
     "sms +201012345678 body=Hi"},
    {"the empty string in every optional member is absent",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"\",\"request_id\":\"\","
     "\"template_id\":\"\",\"variables\":\"\",\"mediaUrl\":\"\"}",
     "sms +201012345678 body=Hi"},
    {"requestId", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":\"" UUID "\"}",
     "sms +201012345678 body=Hi request=" UUID},
    {"request_id", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"request_id\":\"" UUID "\"}",
     "sms +201012345678 body=Hi request=" UUID},
    {"a request id in upper case",
     "{\"to\":\"01012345678\",\"message\":\"Hi\","
     "\"requestId\":\"3F2504E0-4F89-41D3-9A0C-0305E82C3301\"}",
     "sms +201012345678 body=Hi request=3F2504E0-4F89-41D3-9A0C-0305E82C3301"},

/* what nobody sees around what was pasted */
#define UNSEEN                                                                                     \
    "\xC2\x85\u00A0\u00AD\u061C\u1680\u180E\u2000\u200A\u200B\u200E\u200F\u2028\u2029\u202A\u202E" \
    "\u202F\u205F\u2060\u2066\u2069\u3000\uFEFF \\n\\r\\t\\u000b\\f"
    {"unseen characters around a number",
     "{\"to\":\"" UNSEEN "01012345678" UNSEEN "\",\"message\":\"Hi\"}",
     "sms +201012345678 body=Hi"},
    {"unseen characters around the prefix",
     "{\"to\":\"" UNSEEN "wHatsapp:" UNSEEN "+201012345678" UNSEEN "\",\"message\":\"Hi\"}",
     "whatsapp +201012345678 body=Hi"},
    {"a line break and a mark behind a number",
     "{\"to\":\"01012345678\\n\\u200f\",\"message\":\"Hi\"}", "sms +201012345678 body=Hi"},
    {"unseen characters around ids and URLs",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"requestId\":\"" UNSEEN UUID UNSEEN
     "\",\"mediaUrl\":\"" UNSEEN "https://a.example/b" UNSEEN "\"}",
     "whatsapp +201012345678 body=Hi request=" UUID " media=https://a.example/b"},
    {"unseen characters in the other spelling",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"request_id\":\"" UUID UNSEEN
     "\",\"media_url\":[\"https://a.example/b\",\"" UNSEEN "https://a.example/c\\n\"]}",
     "sms +201012345678 body=Hi request=" UUID " media=https://a.example/b,https://a.example/c"},
    {"unseen characters around a template",
     "{\"to\":\"whatsapp:01012345678\",\"template_id\":\"" UNSEEN TEMPLATE UNSEEN "\"}",
     "whatsapp +201012345678 template=" TEMPLATE},
    {"ids of which nothing is left are absent",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":\" \\n\",\"templateId\":\"\u200F\","
     "\"media_url\":\"" UNSEEN "\"}",
     "sms +201012345678 body=Hi"},
    {"a message keeps its white space", "{\"to\":\"01012345678\",\"message\":\" Hi\u200F\"}",
     "sms +201012345678 body= Hi\u200F"},

    /* what programs write */
    {"a byte order mark before the body", "\xEF\xBB\xBF{\"to\":\"01012345678\",\"message\":\"Hi\"}",
     "sms +201012345678 body=Hi"},
    {"half a surrogate pair in the text", "{\"to\":\"01012345678\",\"message\":\"cut \\ud83d\"}",
     "sms +201012345678 body=cut \uFFFD"},
    {"half a surrogate pair counts as one unit",
     "{\"to\":\"01012345678\",\"message\":\"@\\ud83d\"}", "sms +201012345678 body=1602",
     .unit = "a", .many = 1599},
    {"halves and NULs in members that nobody reads",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"a\":\"\\u0000\",\"\\u0000\":[\"\\ude00\",{"
     "\"\\ud83d\":\"\\u0000\"}]}",
     "sms +201012345678 body=Hi"},
    {"send-whatsapp knows no type, whatever NULs it has",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"\\u0000\"}",
     "whatsapp +201012345678 body=Hi", .whatsapp_only = true},

    /* tag and validity */
    {"a tag and a validity",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":\"rent-2026_01\",\"validity\":60}",
     "sms +201012345678 body=Hi tag=rent-2026_01 validity=60"},
    {"the longest tag and validity, by WhatsApp",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":\"@\",\"validity\":3.6e4}",
     "whatsapp +201012345678 body=Hi tag=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa validity=36000",
     true, "a", 40},
    {"a fallback",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"whatsapp\",\"fallback\":\"sms\"}",
     "whatsapp +201012345678 body=Hi fallback"},
    {"a fallback beside media and a template with a text",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"fallback\":\"sms\","
     "\"templateId\":\"HX0123456789abcdef0123456789abcdef\",\"media_url\":\"https://a.example/x\"}",
     "whatsapp +201012345678 body=Hi template=HX0123456789abcdef0123456789abcdef fallback"},
    {"a landline has no fallback",
     "{\"to\":\"whatsapp:0223456789\",\"message\":\"Hi\",\"fallback\":\"sms\"}",
     "whatsapp +20223456789 body=Hi"},
    {"no fallback by null", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"fallback\":null}",
     "sms +201012345678 body=Hi"},
    {"tag and validity null and ''",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":null,\"validity\":\"\"}",
     "sms +201012345678 body=Hi"},

    /* length: UTF-16 code units */
    {"a message of one character", "{\"to\":\"01012345678\",\"message\":\".\"}",
     "sms +201012345678 body=."},
    {"a message of white space is a message", "{\"to\":\"01012345678\",\"message\":\" \"}",
     "sms +201012345678 body= "},
    {"1600 letters", "{\"to\":\"01012345678\",\"message\":\"@\"}", "sms +201012345678 body=1600",
     .unit = "a", .many = 1600},
    {"1600 Arabic letters", "{\"to\":\"01012345678\",\"message\":\"@\"}",
     "sms +201012345678 body=3200", .unit = "م", .many = 1600},
    {"800 emoji are 1600 units", "{\"to\":\"01012345678\",\"message\":\"@\"}",
     "sms +201012345678 body=3200", .unit = "😀", .many = 800},
    {"799 emoji and two letters are 1600 units", "{\"to\":\"01012345678\",\"message\":\"a@b\"}",
     "sms +201012345678 body=3198", .unit = "😀", .many = 799},
    {"1598 letters and an escaped emoji at the edge",
     "{\"to\":\"01012345678\",\"message\":\"@\\ud83d\\ude00\"}", "sms +201012345678 body=1602",
     .unit = "a", .many = 1598},
    {"an escape is one unit, not six", "{\"to\":\"01012345678\",\"message\":\"@\"}",
     "sms +201012345678 body=3200", .unit = "\\u0645", .many = 1600},

    /* templates */
    {"templateId alone, without a message",
     "{\"to\":\"01012345678\",\"type\":\"whatsapp\",\"templateId\":\"" TEMPLATE "\"}",
     "whatsapp +201012345678 template=" TEMPLATE},
    {"a template with message '' as the hook sends it",
     "{\"to\":\"01012345678\",\"message\":\"\",\"type\":\"whatsapp\",\"templateId\":\"" TEMPLATE
     "\",\"variables\":{\"1\":\"Ali\",\"2\":\"3\"}}",
     "whatsapp +201012345678 template=" TEMPLATE " variables={\"1\":\"Ali\",\"2\":\"3\"}"},
    {"template_id", "{\"to\":\"whatsapp:01012345678\",\"template_id\":\"" TEMPLATE "\"}",
     "whatsapp +201012345678 template=" TEMPLATE},
    {"a message beside a template is kept for the log",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"template_id\":\"" TEMPLATE "\"}",
     "whatsapp +201012345678 body=Hi template=" TEMPLATE},
    {"media beside a template are left out",
     "{\"to\":\"whatsapp:01012345678\",\"media_url\":\"https://a.example/b.png\","
     "\"template_id\":\"" TEMPLATE "\"}",
     "whatsapp +201012345678 template=" TEMPLATE},
#define VARIABLES(taken)                                                                           \
    "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":" taken "}"
#define SENT(variables) "whatsapp +201012345678 template=" TEMPLATE " variables=" variables
    {"a variable's digits as they were written",
     VARIABLES("{\"1\":42,\"2\":1200.50,\"3\":1E5,\"4\":-0,\"5\":1e400,\"6\":9007199254740993}"),
     SENT("{\"1\":\"42\",\"2\":\"1200.50\",\"3\":\"1E5\",\"4\":\"-0\",\"5\":\"1e400\",\"6\":"
          "\"9007199254740993\"}")},
    {"a variable with a line break", VARIABLES("{\"1\":\"a\\nb\"}"), SENT("{\"1\":\"a b\"}")},
    {"a variable with a line break of two characters", VARIABLES("{\"1\":\"a\\r\\nb\"}"),
     SENT("{\"1\":\"a b\"}")},
    {"a variable with tabs and line breaks", VARIABLES("{\"1\":\"a\\tb\\n\\n c\"}"),
     SENT("{\"1\":\"a b c\"}")},
    {"a variable with the line ends of Unicode",
     VARIABLES("{\"1\":\"a\\u2028b\\u2029c\\u0085d\\u000be\\ff\"}"),
     SENT("{\"1\":\"a b c d e f\"}")},
    {"a variable with four blanks in a row", VARIABLES("{\"1\":\"a    b\"}"),
     SENT("{\"1\":\"a    b\"}")},
    {"a variable with five blanks in a row", VARIABLES("{\"1\":\"a     b c\"}"),
     SENT("{\"1\":\"a b c\"}")},
    {"a variable with five blanks of other widths",
     VARIABLES("{\"1\":\"a\u00A0\u00A0\u2003\u3000 b\u00A0c\"}"), SENT("{\"1\":\"a b\u00A0c\"}")},
    {"a variable of a line break alone", VARIABLES("{\"1\":\"\\n\"}"), SENT("{\"1\":\" \"}")},
    {"a variable with blanks at its ends", VARIABLES("{\"1\":\" a  \"}"), SENT("{\"1\":\" a  \"}")},
    {"apostrophes in a variable and its name", VARIABLES("{\"it's\":\"'o'clock\"}"),
     SENT("{\"it\\u0027s\":\"\\u0027o\\u0027clock\"}")},
    {"half a surrogate pair in a variable", VARIABLES("{\"1\":\"cut \\ud83d\"}"),
     SENT("{\"1\":\"cut \uFFFD\"}")},
    {"a variable's name of 16 characters", VARIABLES("{\"مممممممممممممممم\":\"a\"}"),
     SENT("{\"مممممممممممممممم\":\"a\"}")},
    {"numbers among the variables",
     "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"" TEMPLATE
     "\",\"variables\":{\"1\":5,\"2\":-2.50,\"name\":\"علي\"}}",
     "whatsapp +201012345678 template=" TEMPLATE
     " variables={\"1\":\"5\",\"2\":\"-2.50\",\"name\":\"علي\"}"},
    {"no variables at all",
     "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":{}}",
     "whatsapp +201012345678 template=" TEMPLATE},

    /* media */
    {"media_url",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"media_url\":\"https://a.example/b\"}",
     "sms +201012345678 body=Hi media=https://a.example/b"},
    {"mediaUrl", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"mediaUrl\":\"https://a.example/b\"}",
     "sms +201012345678 body=Hi media=https://a.example/b"},
    {"media without a message", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/b\"}",
     "sms +201012345678 media=https://a.example/b"},
    {"media with message ''",
     "{\"to\":\"01012345678\",\"message\":\"\",\"media_url\":[\"https://a.example/b\"]}",
     "sms +201012345678 media=https://a.example/b"},
    {"ten media for MMS", "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/0\"@]}",
     "sms +201012345678 media=https://a.example/0,https://a.example/1,https://a.example/1,"
     "https://a.example/1,https://a.example/1,https://a.example/1,https://a.example/1,"
     "https://a.example/1,https://a.example/1,https://a.example/1",
     .unit = ",\"https://a.example/1\"", .many = 9},
    {"one medium for WhatsApp, in an array",
     "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/b\"]}",
     "whatsapp +201012345678 media=https://a.example/b", .whatsapp_only = true},
    {"an empty array of media is none",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"media_url\":[]}", "sms +201012345678 body=Hi"},
    {"a URL with port, query, escapes and fragment",
     "{\"to\":\"01012345678\",\"mediaUrl\":\"HTTPS://A.example:8443/b%20c/d.jpg?e=f&g=@h#i\"}",
     "sms +201012345678 media=HTTPS://A.example:8443/b%20c/d.jpg?e=f&g=h#i", .unit = "", .many = 1},
    {"a URL of nothing but a host and a query",
     "{\"to\":\"01012345678\",\"mediaUrl\":\"https://a.example?b\"}",
     "sms +201012345678 media=https://a.example?b"},
    {"an IPv6 address as host",
     "{\"to\":\"01012345678\",\"mediaUrl\":\"https://[2001:db8::1]:443/b\"}",
     "sms +201012345678 media=https://[2001:db8::1]:443/b"},
    {"media at an IPv6 address without a port",
     "{\"to\":\"01012345678\",\"mediaUrl\":\"https://[2001:db8::1]/b\"}",
     "sms +201012345678 media=https://[2001:db8::1]/b"},
    {"media at an empty port", "{\"to\":\"01012345678\",\"mediaUrl\":\"https://a.example:/b\"}",
     "sms +201012345678 media=https://a.example:/b"},
    {"media at a host alone", "{\"to\":\"01012345678\",\"mediaUrl\":\"https://a.example\"}",
     "sms +201012345678 media=https://a.example"},
    {"media with a fragment and no path",
     "{\"to\":\"01012345678\",\"mediaUrl\":\"https://a.example#b\"}",
     "sms +201012345678 media=https://a.example#b"},
    {"a URL of 2048 characters", "{\"to\":\"01012345678\",\"mediaUrl\":\"https://a.example/@\"}",
     "sms +201012345678 media=2048", .unit = "b", .many = 2030},
};

static const struct refused_row refused[] = {
    {"no JSON at all", "", FAULT_INVALID_JSON},
    {"an array", "[]", FAULT_INVALID_JSON},
    {"a form", "to=01012345678&message=Hi", FAULT_INVALID_JSON},
    {"a member that stands twice",
     "{\"to\":\"01012345678\",\"to\":\"01012345678\",\"message\":\"Hi\"}", FAULT_INVALID_JSON},
    {"an unknown member that stands twice",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"x\":1,\"x\":1}", FAULT_INVALID_JSON},
    {"both spellings of the request",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":\"" UUID "\",\"request_id\":\"" UUID
     "\"}",
     FAULT_INVALID_JSON},
    {"both spellings, one of them null",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":null,\"request_id\":\"" UUID "\"}",
     FAULT_INVALID_JSON},
    {"both spellings of the template",
     "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"" TEMPLATE "\",\"template_id\":\"" TEMPLATE
     "\"}",
     FAULT_INVALID_JSON},
    {"both spellings of the media",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"mediaUrl\":\"\",\"media_url\":\"\"}",
     FAULT_INVALID_JSON},
    {"a member that stands twice behind a byte order mark",
     "\xEF\xBB\xBF{\"to\":\"01012345678\",\"to\":\"01012345678\",\"message\":\"Hi\"}",
     FAULT_INVALID_JSON},
    {"a NUL in the text", "{\"to\":\"01012345678\",\"message\":\"a\\u0000b\"}",
     FAULT_INVALID_MESSAGE},
    {"a NUL in the number", "{\"to\":\"01012345678\\u0000\",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"a number of a NUL alone", "{\"to\":\"\\u0000\",\"message\":\"Hi\"}", FAULT_INVALID_PHONE},
    {"a line break between the digits", "{\"to\":\"010123\\n45678\",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"a line end of Unicode between the digits",
     "{\"to\":\"010123\\u202845678\",\"message\":\"Hi\"}", FAULT_INVALID_PHONE},
    {"a NUL in the type", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"sms\\u0000\"}",
     FAULT_INVALID_TYPE},
    {"a NUL in the request",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"request_id\":\"" UUID "\\u0000\"}",
     FAULT_INVALID_REQUEST_ID},
    {"a NUL in the template", "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\\u0000\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a NUL in a variable", VARIABLES("{\"1\":\"a\\u0000\"}"), FAULT_INVALID_TEMPLATE},
    {"a NUL in a variable's name", VARIABLES("{\"a\\u0000\":\"b\"}"), FAULT_INVALID_TEMPLATE},
    {"a NUL in a URL", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/\\u0000\"}",
     FAULT_INVALID_MEDIA_URL},
    {"a NUL in the second URL",
     "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/b\",\"https://a.example/"
     "\\u0000\"]}",
     FAULT_INVALID_MEDIA_URL},
    {"a NUL in a tag", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":\"a\\u0000\"}",
     FAULT_INVALID_TAG},
    {"a NUL for a validity", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":\"\\u0000\"}",
     FAULT_INVALID_VALIDITY},
    {"a tag with a blank", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":\"a b\"}",
     FAULT_INVALID_TAG},
    {"a tag in Arabic", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":\"م\"}",
     FAULT_INVALID_TAG},
    {"a tag of 41 letters", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":\"@\"}",
     FAULT_INVALID_TAG, false, "a", 41},
    {"a tag that is a number", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"tag\":5}",
     FAULT_INVALID_TAG},
    {"a fallback of an SMS", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"fallback\":\"sms\"}",
     FAULT_INVALID_TYPE},
    {"a fallback to whatsapp",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"fallback\":\"whatsapp\"}",
     FAULT_INVALID_TYPE},
    {"a fallback that is true",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"fallback\":true}", FAULT_INVALID_TYPE},
    {"a fallback with a NUL",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"fallback\":\"sms\\u0000\"}",
     FAULT_INVALID_TYPE},
    {"a fallback of a template without a text",
     "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcdef\","
     "\"fallback\":\"sms\"}",
     FAULT_INVALID_TYPE},
    {"a validity of 59 seconds", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":59}",
     FAULT_INVALID_VALIDITY},
    {"a validity of 36001 seconds",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":36001}", FAULT_INVALID_VALIDITY},
    {"a validity with a fraction", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":60.5}",
     FAULT_INVALID_VALIDITY},
    {"a validity without an end", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":1e999}",
     FAULT_INVALID_VALIDITY},
    {"a validity of 0", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":0}",
     FAULT_INVALID_VALIDITY, true},
    {"a validity below 0", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":-60}",
     FAULT_INVALID_VALIDITY},
    {"a validity in a string", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"validity\":\"60\"}",
     FAULT_INVALID_VALIDITY},
    {"a variable without a name", VARIABLES("{\"\":\"a\"}"), FAULT_INVALID_TEMPLATE},
    {"a variable's name of 17 characters", VARIABLES("{\"abcdefghijklmnopq\":\"a\"}"),
     FAULT_INVALID_TEMPLATE},
    {"a variable's name with a blank", VARIABLES("{\"a b\":\"a\"}"), FAULT_INVALID_TEMPLATE},
    {"a variable's name with a blank of another width", VARIABLES("{\"a\u00A0b\":\"a\"}"),
     FAULT_INVALID_TEMPLATE},
    {"a variable's name with a line break", VARIABLES("{\"a\\n\":\"a\"}"), FAULT_INVALID_TEMPLATE},
    {"a variable in a list", VARIABLES("{\"1\":[\"a\"]}"), FAULT_INVALID_TEMPLATE},
    {"no good UTF-8", "{\"to\":\"01012345678\",\"message\":\"\xD9\"}", FAULT_INVALID_JSON},

    {"nothing", "{}", FAULT_MISSING_FIELDS},
    {"no recipient", "{\"message\":\"Hi\"}", FAULT_MISSING_FIELDS},
    {"recipient null", "{\"to\":null,\"message\":\"Hi\"}", FAULT_MISSING_FIELDS},
    {"recipient ''", "{\"to\":\"\",\"message\":\"Hi\"}", FAULT_MISSING_FIELDS},
    {"no message", "{\"to\":\"01012345678\"}", FAULT_MISSING_FIELDS},
    {"message null", "{\"to\":\"01012345678\",\"message\":null}", FAULT_MISSING_FIELDS},
    {"message ''", "{\"to\":\"01012345678\",\"message\":\"\"}", FAULT_MISSING_FIELDS},
    {"message '' beside a template ''",
     "{\"to\":\"01012345678\",\"message\":\"\",\"templateId\":\"\"}", FAULT_MISSING_FIELDS},
    {"message '' beside no media at all",
     "{\"to\":\"01012345678\",\"message\":\"\",\"media_url\":[]}", FAULT_MISSING_FIELDS},
    {"a template without a recipient", "{\"templateId\":\"" TEMPLATE "\"}", FAULT_MISSING_FIELDS},

    {"recipient a number", "{\"to\":1012345678,\"message\":\"Hi\"}", FAULT_INVALID_PHONE},
    {"recipient an array", "{\"to\":[\"01012345678\"],\"message\":\"Hi\"}", FAULT_INVALID_PHONE},
    {"recipient white space", "{\"to\":\"  \",\"message\":\"Hi\"}", FAULT_MISSING_FIELDS},
    {"recipient of what nobody sees", "{\"to\":\"" UNSEEN "\",\"message\":\"Hi\"}",
     FAULT_MISSING_FIELDS},
    {"recipient whatsapp: alone", "{\"to\":\"whatsapp: \",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"recipient nothing but the prefix", "{\"to\":\"whatsapp:\",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"the prefix twice", "{\"to\":\"whatsapp:whatsapp:01012345678\",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"another prefix", "{\"to\":\"messenger:01012345678\",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"a number that fits no plan", "{\"to\":\"0991234\",\"message\":\"Hi\"}", FAULT_INVALID_PHONE},
    {"a name beside the number", "{\"to\":\"Ali 01012345678\",\"message\":\"Hi\"}",
     FAULT_INVALID_PHONE},
    {"SMS to a landline", "{\"to\":\"02 2345 6789\",\"message\":\"Hi\"}", FAULT_LANDLINE},

    {"message a number", "{\"to\":\"01012345678\",\"message\":5}", FAULT_INVALID_MESSAGE},
    {"message an object", "{\"to\":\"01012345678\",\"message\":{}}", FAULT_INVALID_MESSAGE},
    {"message false", "{\"to\":\"01012345678\",\"message\":false}", FAULT_INVALID_MESSAGE},
    {"1601 letters", "{\"to\":\"01012345678\",\"message\":\"@\"}", FAULT_INVALID_MESSAGE, false,
     "a", 1601},
    {"1601 Arabic letters", "{\"to\":\"01012345678\",\"message\":\"@\"}", FAULT_INVALID_MESSAGE,
     true, "م", 1601},
    {"800 emoji and a letter are 1601 units", "{\"to\":\"01012345678\",\"message\":\"@a\"}",
     FAULT_INVALID_MESSAGE, false, "😀", 800},
    {"1599 letters and an emoji are 1601 units", "{\"to\":\"01012345678\",\"message\":\"@😀\"}",
     FAULT_INVALID_MESSAGE, false, "a", 1599},
    {"801 emoji are fewer characters than 1600 and too long",
     "{\"to\":\"01012345678\",\"message\":\"@\"}", FAULT_INVALID_MESSAGE, false, "😀", 801},

    {"an unknown type", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"email\"}",
     FAULT_INVALID_TYPE},
    {"a type in capitals", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":\"SMS\"}",
     FAULT_INVALID_TYPE},
    {"type a number", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"type\":1}", FAULT_INVALID_TYPE},
    {"type sms beside a whatsapp: prefix",
     "{\"to\":\"whatsapp:01012345678\",\"message\":\"Hi\",\"type\":\"sms\"}", FAULT_INVALID_TYPE},

    {"request id no UUID", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":\"12\"}",
     FAULT_INVALID_REQUEST_ID},
    {"request id with a brace",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"request_id\":\"{" UUID "}\"}",
     FAULT_INVALID_REQUEST_ID},
    {"request id a number", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"request_id\":12}",
     FAULT_INVALID_REQUEST_ID},

    {"a template for SMS", "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\"}",
     FAULT_INVALID_TEMPLATE},
    {"a template of 31 digits",
     "{\"to\":\"01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcde\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a template of 33 digits",
     "{\"to\":\"01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcdef0\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a template that is not hexadecimal",
     "{\"to\":\"01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcdeg\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a template with the capital behind the last digit",
     "{\"to\":\"01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcdeG\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a template with the character before the first digit",
     "{\"to\":\"01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcde/\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a template with the character behind the decimal digits",
     "{\"to\":\"01012345678\",\"templateId\":\"HX0123456789abcdef0123456789abcde:\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a template with another beginning",
     "{\"to\":\"01012345678\",\"templateId\":\"HY0123456789abcdef0123456789abcdef\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"template a number", "{\"to\":\"01012345678\",\"templateId\":5}", FAULT_INVALID_TEMPLATE,
     true},
    {"variables without a template",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"variables\":{\"1\":\"a\"}}",
     FAULT_INVALID_TEMPLATE, true},
    {"variables in an array",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":[\"a\"]}",
     FAULT_INVALID_TEMPLATE, true},
    {"variables as the text of an object",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE
     "\",\"variables\":\"{\\\"1\\\":\\\"a\\\"}\"}",
     FAULT_INVALID_TEMPLATE, true},
    {"a variable that is null",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":{\"1\":null}}",
     FAULT_INVALID_TEMPLATE, true},
    {"a variable that is empty",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE
     "\",\"variables\":{\"1\":\"a\",\"2\":\"\"}}",
     FAULT_INVALID_TEMPLATE, true},
    {"a variable that is true",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":{\"1\":true}}",
     FAULT_INVALID_TEMPLATE, true},
    {"a variable that is an object",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":{\"1\":{}}}",
     FAULT_INVALID_TEMPLATE, true},
    {"a variable that stands twice",
     "{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE
     "\",\"variables\":{\"1\":\"a\",\"1\":\"b\"}}",
     FAULT_INVALID_JSON, true},

    {"media by http", "{\"to\":\"01012345678\",\"media_url\":\"http://a.example/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media without a scheme", "{\"to\":\"01012345678\",\"media_url\":\"a.example/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media without a host", "{\"to\":\"01012345678\",\"media_url\":\"https:///b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media with a user", "{\"to\":\"01012345678\",\"media_url\":\"https://u@a.example/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media with user and password",
     "{\"to\":\"01012345678\",\"media_url\":\"https://u:80@a.example/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media with a space", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/b c\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media with letters that are not ASCII",
     "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/م\"}", FAULT_INVALID_MEDIA_URL},
    {"media with a backslash", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example\\\\b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media with a port that is no number",
     "{\"to\":\"01012345678\",\"media_url\":\"https://a.example:x/b\"}", FAULT_INVALID_MEDIA_URL},
    {"media with a port above 65535",
     "{\"to\":\"01012345678\",\"media_url\":\"https://a.example:65536/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media at an IPv6 address with a zone",
     "{\"to\":\"01012345678\",\"media_url\":\"https://[fe80::1%25eth0]/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media with letters behind an IPv6 address",
     "{\"to\":\"01012345678\",\"media_url\":\"https://[::1]x/b\"}", FAULT_INVALID_MEDIA_URL},
    {"media at an IPv6 address with a port above 65535",
     "{\"to\":\"01012345678\",\"media_url\":\"https://[::1]:65536/b\"}", FAULT_INVALID_MEDIA_URL},
    {"media with an empty IPv6 address", "{\"to\":\"01012345678\",\"media_url\":\"https://[]/b\"}",
     FAULT_INVALID_MEDIA_URL},
    {"media of 2049 characters", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/@\"}",
     FAULT_INVALID_MEDIA_URL, false, "b", 2031},
    {"media of 10,000 characters", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/@\"}",
     FAULT_INVALID_MEDIA_URL, false, "b", 10000},
    {"media a number", "{\"to\":\"01012345678\",\"media_url\":5}", FAULT_INVALID_MEDIA_URL},
    {"media an object", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"media_url\":{}}",
     FAULT_INVALID_MEDIA_URL},
    {"media a number beside good ones",
     "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/b\",5]}", FAULT_INVALID_MEDIA_URL},
    {"media null in an array", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"media_url\":[null]}",
     FAULT_INVALID_MEDIA_URL},
    {"media '' in an array", "{\"to\":\"01012345678\",\"message\":\"Hi\",\"media_url\":[\"\"]}",
     FAULT_INVALID_MEDIA_URL},
    {"media in an array in an array",
     "{\"to\":\"01012345678\",\"media_url\":[[\"https://a.example/b\"]]}", FAULT_INVALID_MEDIA_URL},
    {"eleven media for MMS", "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/0\"@]}",
     FAULT_INVALID_MEDIA_URL, false, ",\"https://a.example/1\"", 10},
    {"two media for WhatsApp",
     "{\"to\":\"01012345678\",\"media_url\":[\"https://a.example/0\",\"https://a.example/1\"]}",
     FAULT_INVALID_MEDIA_URL, true},
};

/** The body with '@' replaced. */
static struct text make_body(const char *json, const char *unit, size_t many)
{
    struct buffer b;
    struct text head, tail, body;

    buffer_init(&b, &arena, 1 << 20);
    if (!unit) {
        buffer_add(&b, text_of(json));
    } else {
        text_cut(text_of(json), '@', &head, &tail);
        buffer_add(&b, head);
        for (size_t i = 0; i < many; i++)
            buffer_add(&b, text_of(unit));
        buffer_add(&b, tail);
    }
    assert_true(buffer_text(&b, &body));
    return body;
}

static void add_part(struct buffer *b, const char *name, struct text value)
{
    if (value.n == 0)
        return;
    buffer_addf(b, " %s=", name);
    if (value.n < 200)
        buffer_add(b, value);
    else
        buffer_addf(b, "%zu", value.n);
}

static struct text describe(const struct message *message)
{
    struct buffer b;
    struct text text;

    buffer_init(&b, &arena, 1 << 20);
    buffer_add(&b, message_type(message));
    buffer_add_char(&b, ' ');
    buffer_add(&b, message->to);
    add_part(&b, "body", message->body);
    add_part(&b, "request", message->request_id);
    add_part(&b, "template", message->template_id);
    add_part(&b, "variables", message->variables);
    add_part(&b, "tag", message->tag);
    if (message->validity)
        buffer_addf(&b, " validity=%d", message->validity);
    if (message->fallback)
        buffer_add(&b, TEXT(" fallback"));
    for (size_t i = 0; i < message->n_media; i++) {
        if (i == 0) {
            add_part(&b, "media", message->media[i]);
            continue;
        }
        buffer_add_char(&b, ',');
        buffer_add(&b, message->media[i]);
    }
    assert_true(buffer_text(&b, &text));
    return text;
}

static void test_taken(void **state)
{
    const struct taken_row *row = *state;
    struct text body = make_body(row->json, row->unit, row->many);
    struct message message;
    struct fault fault;

    if (!message_parse(&arena, body, row->whatsapp_only, &message, &fault))
        fail_msg("refused: %s (%s)", fault_code(&fault), fault.detail);
    assert_text_equal(describe(&message), row->want);
}

static void test_refused(void **state)
{
    const struct refused_row *row = *state;
    struct text body = make_body(row->json, row->unit, row->many);
    struct message message, before;
    struct fault fault;

    memset(&message, 0x55, sizeof(message));
    memset(&before, 0x55, sizeof(before));
    assert_false(message_parse(&arena, body, row->whatsapp_only, &message, &fault));
    if (fault.kind != row->want)
        fail_msg("refused as %s (%s)", fault_code(&fault), fault.detail);
    assert_memory_equal(&message, &before, sizeof(message));
    assert_null(strstr(fault.detail, "1012345678"));
    assert_null(strstr(fault.text, "1012345678"));
}

/** What people are told of it. */
static const struct told_row {
    const char *label, *json, *want;
} told[] = {
    {"of both spellings",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"mediaUrl\":\"\",\"media_url\":\"\"}",
     "'mediaUrl' and 'media_url' are one member: use one of the names"},
    {"of a member that stands twice", "{\"to\":\"1\",\"to\":\"2\"}", "Request body has 'to' twice"},
    {"of a blank in a URL",
     "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/my photo.jpg\"}",
     "Invalid media URL: no blanks in a URL, write %20"},
    {"of http", "{\"to\":\"01012345678\",\"media_url\":\"http://a.example/b\"}",
     "Invalid media URL: a URL begins with https://"},
    {"of Arabic in a URL", "{\"to\":\"01012345678\",\"media_url\":\"https://a.example/م\"}",
     "Invalid media URL: in a URL other characters than ASCII's are written as %D9%85"},
    {"of a user in a URL", "{\"to\":\"01012345678\",\"media_url\":\"https://u:p@a.example/\"}",
     "Invalid media URL: no user and password in a URL"},
    {"of a URL without a host", "{\"to\":\"01012345678\",\"media_url\":\"https:///b\"}",
     "Invalid media URL: no good host or port in the URL"},
    {"of an empty variable", VARIABLES("{\"1\":\"\"}"),
     "A template's variables are non-empty strings, or numbers"},
    {"of a variable's name", VARIABLES("{\"a b\":\"c\"}"),
     "The names of a template's variables have 1 to 16 characters and no blanks"},
    {"of a variable that stands twice", VARIABLES("{\"1\":\"a\",\"1\":\"b\"}"),
     "A variable stands twice"},
    {"of a number as ever", "{\"to\":\"5\",\"message\":\"Hi\"}",
     "Invalid phone number format. Use international format: +201234567890"},
};

static void test_told(void **state)
{
    const struct told_row *row = *state;
    struct message message;
    struct fault fault;

    assert_false(message_parse(&arena, text_of(row->json), false, &message, &fault));
    assert_string_equal(fault_text(&fault), row->want);
}

static void test_hundred_variables(void **state)
{
    struct text head =
        TEXT("{\"to\":\"01012345678\",\"templateId\":\"" TEMPLATE "\",\"variables\":{\"0\":1");
    struct message message;
    struct buffer b;
    struct fault fault;
    struct text body;

    (void)state;
    for (int most = 99; most <= 100; most++) {
        buffer_init(&b, &arena, 1 << 16);
        buffer_add(&b, head);
        for (int i = 1; i <= most; i++)
            buffer_addf(&b, ",\"%d\":\"v\"", i);
        buffer_add(&b, TEXT("}}"));
        assert_true(buffer_text(&b, &body));
        bool good = message_parse(&arena, body, true, &message, &fault);
        assert_int_equal(good, most == 99);
    }
    assert_string_equal(fault_code(&fault), "invalid_template");
}

/** A row of message_logs, and the message that is sent again. */
static const struct row_row {
    const char *label, *row, *want;
} rows[] = {
    {"an SMS",
     "{\"message_type\":\"sms\",\"recipient\":\"+201012345678\",\"message_content\":\"Hi\","
     "\"media_url\":null,\"metadata\":{\"tag\":\"a\",\"validity\":90,\"from\":\"+1\"}}",
     "sms +201012345678 body=Hi tag=a validity=90"},
    {"media",
     "{\"message_type\":\"sms\",\"recipient\":\"+201012345678\",\"message_content\":\"\","
     "\"media_url\":\"https://a.example/1\",\"metadata\":{\"media_urls\":[\"https://a.example/1\","
     "\"https://a.example/2\"]}}",
     "sms +201012345678 media=https://a.example/1,https://a.example/2"},
    {"one medium",
     "{\"message_type\":\"whatsapp\",\"recipient\":\"+201012345678\",\"message_content\":\"\","
     "\"media_url\":\"https://a.example/1\",\"metadata\":{}}",
     "whatsapp +201012345678 media=https://a.example/1"},
    {"a template",
     "{\"message_type\":\"whatsapp\",\"recipient\":\"+201012345678\",\"message_content\":\"Hi\","
     "\"metadata\":{\"template_id\":\"" TEMPLATE "\",\"variables\":{\"1\":\"it's\"}}}",
     "whatsapp +201012345678 body=Hi template=" TEMPLATE " variables={\"1\":\"it\\u0027s\"}"},
    {"free text that went as a template",
     "{\"message_type\":\"whatsapp\",\"recipient\":\"+201012345678\",\"message_content\":\"Hi\","
     "\"metadata\":{\"template_id\":\"" TEMPLATE "\",\"sent_as\":\"template\"}}",
     "whatsapp +201012345678 body=Hi"},
};

static void test_of_row(void **state)
{
    const struct row_row *row = *state;
    json_scoped struct json_document *document = json_parse(&arena, text_of(row->row), NULL);
    struct message message;
    struct fault fault;

    assert_non_null(document);
    assert_true(message_row_read(&arena, json_top(document), &message, &fault));
    assert_text_equal(describe(&message), row->want);
}

static void test_as_template(void **state)
{
    struct message message = {
        .channel = MESSAGE_WHATSAPP, .to = TEXT("+201012345678"), .body = TEXT("two\nlines, it's")};

    (void)state;
    assert_true(message_is_free_text(&message));
    assert_true(message_as_template(&arena, TEXT(TEMPLATE), &message));
    assert_text_equal(describe(&message),
                      "whatsapp +201012345678 body=two\nlines, it's template=" TEMPLATE
                      " variables={\"1\":\"two lines, it\\u0027s\"}");
    assert_false(message_is_free_text(&message));
}

static void test_slices_outlive_the_document(void **state)
{
    char json[] = "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":\"" UUID
                  "\",\"mediaUrl\":\"https://a.example/b\"}";
    struct message message;
    struct fault fault;

    (void)state;
    assert_true(message_parse(&arena, text_of(json), false, &message, &fault));
    memset(json, 'x', sizeof(json));
    assert_text_equal(describe(&message),
                      "sms +201012345678 body=Hi request=" UUID " media=https://a.example/b");
}

/** Bodies that take memory at every turn. */
static const struct memory_row {
    const char *label, *body;
} bodies[] = {
    {"want of memory for a text is our fault",
     "{\"to\":\"01012345678\",\"message\":\"Hi\",\"requestId\":\"" UUID
     "\",\"mediaUrl\":\"https://a.example/b\"}"},
    {"want of memory for a template is our fault",
     "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"" TEMPLATE
     "\",\"variables\":{\"1\":\"Ali\"}}"},
};

static void test_no_memory(void **state)
{
    const struct memory_row *row = *state;
    struct message message;
    struct fault fault;
    bool good = false;

    for (size_t cap = 1; cap < 4096 && !good; cap++) {
        struct arena small;
        arena_init(&small, cap);
        good = message_parse(&small, text_of(row->body), false, &message, &fault);
        if (!good)
            assert_int_equal(fault.kind, FAULT_NO_MEMORY);
        arena_release(&small);
    }
    assert_true(good);
}

/** What of a message goes to metadata. */
static const struct metadata_row {
    const char *label;
    struct message message;
    const char *want;
} metadata[] = {
    {"metadata of a text is nothing", {.body = {"Hi", 2}}, "{}"},
    {"one medium has its column", {.media = {{"https://a", 9}}, .n_media = 1}, "{}"},
    {"two media go to metadata",
     {.media = {{"https://a", 9}, {"https://b", 9}}, .n_media = 2},
     "{\"media_urls\":[\"https://a\",\"https://b\"]}"},
    {"three media go to metadata",
     {.media = {{"https://a", 9}, {"https://b", 9}, {"https://c", 9}}, .n_media = 3},
     "{\"media_urls\":[\"https://a\",\"https://b\",\"https://c\"]}"},
    {"a template goes to metadata",
     {.template_id = {TEMPLATE, 34}},
     "{\"template_id\":\"" TEMPLATE "\"}"},
    {"a tag goes to metadata", {.tag = {"a-1", 3}}, "{\"tag\":\"a-1\"}"},
    {"a validity goes to metadata", {.validity = 600}, "{\"validity\":600}"},
    {"a fallback goes to metadata", {.fallback = true}, "{\"fallback_type\":\"sms\"}"},
    {"and so does what an SMS is sent instead of",
     {.fallback_of = {UUID, 36}},
     "{\"fallback_of\":\"" UUID "\"}"},
    {"a tag, media and a validity together",
     {.tag = {"a", 1}, .validity = 60, .media = {{"https://a", 9}, {"https://b", 9}}, .n_media = 2},
     "{\"tag\":\"a\",\"media_urls\":[\"https://a\",\"https://b\"],\"validity\":60}"},
    {"template, variables and media together",
     {.template_id = {TEMPLATE, 34},
      .variables = {"{\"1\":\"a\"}", 9},
      .media = {{"https://a", 9}, {"https://b", 9}},
      .n_media = 2},
     "{\"template_id\":\"" TEMPLATE "\",\"variables\":{\"1\":\"a\"},"
     "\"media_urls\":[\"https://a\",\"https://b\"]}"},
};

static void test_metadata(void **state)
{
    const struct metadata_row *row = *state;
    struct fault fault;
    struct text json;

    assert_true(message_row_metadata(&arena, &row->message, &json, &fault));
    assert_text_equal(json, row->want);
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "a hundred variables, not one more", .test_func = test_hundred_variables},
        {.name = "free text as a template", .test_func = test_as_template},
        {.name = "a message outlives the body", .test_func = test_slices_outlive_the_document},
    };
    struct CMUnitTest tests[ARRAY_LEN(taken) + ARRAY_LEN(refused) + ARRAY_LEN(told) +
                            ARRAY_LEN(bodies) + ARRAY_LEN(rows) + ARRAY_LEN(metadata) +
                            ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, taken, test_taken);
    ADD_ROWS(tests, n, refused, test_refused);
    ADD_ROWS(tests, n, told, test_told);
    ADD_ROWS(tests, n, bodies, test_no_memory);
    ADD_ROWS(tests, n, rows, test_of_row);
    ADD_ROWS(tests, n, metadata, test_metadata);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    arena_init(&arena, 4 << 20);
    int failed = cmocka_run_group_tests_name("message", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
