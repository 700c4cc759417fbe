#include "message.h"

#include <math.h>

#include "json.h"
#include "phone.h"

struct text message_type(const struct message *message)
{
    return message->channel == MESSAGE_WHATSAPP ? TEXT("whatsapp") : TEXT("sms");
}

/** A member in either spelling; null and "" are absent (NULL). */
static const struct json_value *member(const struct json_value *top, const char *name,
                                       const char *other)
{
    const struct json_value *value = json_get(top, name);

    if (!value && other)
        value = json_get(top, other);
    if (json_type(value) == JSON_NULL ||
        (json_type(value) == JSON_STRING && json_string(value).n == 0))
        return NULL;
    return value;
}

static bool check_spellings(const struct json_value *top, struct fault *reterr)
{
    static const char *const pairs[][2] = {
        {"requestId", "request_id"}, {"templateId", "template_id"}, {"mediaUrl", "media_url"}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (json_get(top, pairs[i][0]) && json_get(top, pairs[i][1]))
            return fault_set(reterr, FAULT_INVALID_JSON, "both '%s' and '%s'", pairs[i][0],
                             pairs[i][1]);
    return true;
}

/** An optional string in the arena; a wrong type is `kind`. */
static bool take_string(struct arena *arena, const struct json_value *value, enum fault_kind kind,
                        const char *name, struct text *ret_text, struct fault *reterr)
{
    if (!value)
        return true;
    if (json_type(value) != JSON_STRING)
        return fault_set(reterr, kind, "'%s' is no string", name);
    if (!arena_copy(arena, json_string(value), ret_text))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for '%s'", name);
    return true;
}

/** Channel and number: a whatsapp: before the number says the channel too. */
static bool take_recipient(struct arena *arena, const struct json_value *top, bool whatsapp_only,
                           struct message *message, struct fault *reterr)
{
    const struct json_value *type_value = whatsapp_only ? NULL : member(top, "type", NULL);
    struct text to = {0}, type = {0};
    struct phone phone;

    if (!take_string(arena, type_value, FAULT_INVALID_TYPE, "type", &type, reterr) ||
        !take_string(arena, member(top, "to", NULL), FAULT_INVALID_PHONE, "to", &to, reterr))
        return false;
    to = text_trim(to);
    bool sms = text_equal(type, TEXT("sms"));
    bool prefixed = text_starts_nocase(to, TEXT("whatsapp:"));
    if (type.n && !sms && !text_equal(type, TEXT("whatsapp")))
        return fault_set(reterr, FAULT_INVALID_TYPE, "unknown type");
    if (sms && prefixed)
        return fault_set(reterr, FAULT_INVALID_TYPE, "type sms beside a whatsapp: prefix");
    message->channel =
        whatsapp_only || prefixed || (type.n && !sms) ? MESSAGE_WHATSAPP : MESSAGE_SMS;
    if (!phone_normalize(arena, text_skip(to, prefixed ? 9 : 0), &phone, reterr))
        return false;
    if (message->channel == MESSAGE_SMS && phone.kind == PHONE_LANDLINE)
        return fault_set(reterr, FAULT_LANDLINE, "SMS to a landline");
    message->to = phone.e164;
    return true;
}

static bool take_body(struct arena *arena, const struct json_value *top, struct message *message,
                      struct fault *reterr)
{
    if (!take_string(arena, member(top, "message", NULL), FAULT_INVALID_MESSAGE, "message",
                     &message->body, reterr))
        return false;
    size_t units = text_utf16_units(message->body);
    return units <= MESSAGE_MAX_UNITS ||
           fault_set(reterr, FAULT_INVALID_MESSAGE, "message has %zu units", units);
}

static bool take_request_id(struct arena *arena, const struct json_value *top,
                            struct message *message, struct fault *reterr)
{
    if (!take_string(arena, member(top, "requestId", "request_id"), FAULT_INVALID_REQUEST_ID,
                     "requestId", &message->request_id, reterr))
        return false;
    return message->request_id.n == 0 || text_is_uuid(message->request_id) ||
           fault_set(reterr, FAULT_INVALID_REQUEST_ID, "request id is no UUID");
}

static bool is_hex(struct text t)
{
    for (size_t i = 0; i < t.n; i++)
        if (!((t.s[i] >= '0' && t.s[i] <= '9') || (t.s[i] >= 'a' && t.s[i] <= 'f') ||
              (t.s[i] >= 'A' && t.s[i] <= 'F')))
            return false;
    return true;
}

/* Beyond it a number is not the one that was sent: a string keeps every digit (RFC 8259 section 6).
 */
#define NUMBER_MAX 9007199254740991.0

/** Values of a template: strings with something in them, or numbers (Twilio's error 21656). */
static bool check_variables(const struct json_value *variables, struct fault *reterr)
{
    size_t n = 0;

    for (const struct json_value *v = json_first(variables); v; v = json_next(v)) {
        bool string = json_type(v) == JSON_STRING && json_string(v).n > 0;
        bool number = json_type(v) == JSON_NUMBER && fabs(json_number(v)) <= NUMBER_MAX;
        if (!string && !number)
            return fault_set(reterr, FAULT_INVALID_TEMPLATE,
                             "a variable is empty, no string or too great a number");
        if (++n > MESSAGE_MAX_VARIABLES)
            return fault_set(reterr, FAULT_INVALID_TEMPLATE, "too many variables");
    }
    return true;
}

static bool take_variables(struct arena *arena, const struct json_value *variables,
                           struct message *message, struct fault *reterr)
{
    struct buffer b;

    if (!variables)
        return true;
    if (message->template_id.n == 0)
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "variables without a template");
    if (json_type(variables) != JSON_OBJECT)
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "variables are no object");
    if (json_repeats(variables))
        return fault_set(reterr, FAULT_INVALID_JSON, "a variable stands twice");
    if (!check_variables(variables, reterr))
        return false;
    if (!json_first(variables))
        return true;
    buffer_init(&b, arena, 1u << 20);
    json_write(&b, variables);
    return buffer_text(&b, &message->variables) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the variables");
}

static bool take_template(struct arena *arena, const struct json_value *top,
                          struct message *message, struct fault *reterr)
{
    struct text id = {0};

    if (!take_string(arena, member(top, "templateId", "template_id"), FAULT_INVALID_TEMPLATE,
                     "templateId", &id, reterr))
        return false;
    if (id.n && (id.n != 34 || !text_starts(id, TEXT("HX")) || !is_hex(text_skip(id, 2))))
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "template id is no HX and 32 digits");
    if (id.n && message->channel != MESSAGE_WHATSAPP)
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "a template on a channel without any");
    message->template_id = id;
    return take_variables(arena, member(top, "variables", NULL), message, reterr);
}

/** https, a host, no user, nothing that a URL must percent-encode (RFC 3986). */
static bool is_media_url(struct text url)
{
    struct text authority, path, host, port;
    uint64_t ignored;

    if (url.n > MESSAGE_MAX_URL || !text_starts_nocase(url, TEXT("https://")) ||
        !text_only(url, ":/?#[]@!$&'()*+,;=-._~%"))
        return false;
    authority = text_skip(url, 8);
    for (size_t i = 0; i < authority.n; i++)
        if (authority.s[i] == '/' || authority.s[i] == '?' || authority.s[i] == '#') {
            authority.n = i;
            break;
        }
    bool with_port = text_cut(authority, ':', &host, &port);
    if (authority.n && authority.s[0] == '[') {
        text_cut(authority, ']', &host, &path);
        return host.n > 2 && text_only(text_skip(host, 1), ":.") &&
               (path.n == 0 ||
                (path.s[0] == ':' && text_number(text_skip(path, 1), 65535, &ignored)));
    }
    return host.n > 0 && text_only(host, "-._~") &&
           (!with_port || port.n == 0 || text_number(port, 65535, &ignored));
}

static bool add_medium(struct arena *arena, const struct json_value *value, struct message *message,
                       struct fault *reterr)
{
    size_t most = message->channel == MESSAGE_WHATSAPP ? 1 : MESSAGE_MAX_MEDIA;
    struct text url = {0};

    if (!take_string(arena, value, FAULT_INVALID_MEDIA_URL, "media_url", &url, reterr))
        return false;
    if (!is_media_url(url))
        return fault_set(reterr, FAULT_INVALID_MEDIA_URL, "media URL is no https URL");
    if (message->n_media == most)
        return fault_set(reterr, FAULT_INVALID_MEDIA_URL, "more than %zu media", most);
    message->media[message->n_media++] = url;
    return true;
}

static bool take_media(struct arena *arena, const struct json_value *top, struct message *message,
                       struct fault *reterr)
{
    const struct json_value *media = member(top, "media_url", "mediaUrl");

    if (!media)
        return true;
    if (json_type(media) != JSON_ARRAY)
        return add_medium(arena, media, message, reterr);
    for (const struct json_value *v = json_first(media); v; v = json_next(v))
        if (!add_medium(arena, v, message, reterr))
            return false;
    return true;
}

/** What must be there: a recipient, and something to say. */
static bool check_presence(const struct json_value *top, struct fault *reterr)
{
    const struct json_value *media = member(top, "media_url", "mediaUrl");
    bool content = member(top, "message", NULL) || member(top, "templateId", "template_id") ||
                   (media && (json_type(media) != JSON_ARRAY || json_first(media)));

    if (!member(top, "to", NULL) || !content)
        return fault_set(reterr, FAULT_MISSING_FIELDS, "no '%s'", content ? "to" : "message");
    return true;
}

bool message_parse(struct arena *arena, struct text body, bool whatsapp_only,
                   struct message *ret_message, struct fault *reterr)
{
    struct message message = {0};
    json_scoped struct json_document *document = json_parse(arena, body, reterr);

    if (!document)
        return false;
    const struct json_value *top = json_top(document);
    if (!check_spellings(top, reterr) || !check_presence(top, reterr) ||
        !take_recipient(arena, top, whatsapp_only, &message, reterr) ||
        !take_body(arena, top, &message, reterr) ||
        !take_request_id(arena, top, &message, reterr) ||
        !take_template(arena, top, &message, reterr) || !take_media(arena, top, &message, reterr))
        return false;
    if (message.template_id.n)
        message.n_media =
            0; /* Twilio takes a template or media: nothing is logged as sent that isn't */
    *ret_message = message;
    return true;
}

bool message_metadata(struct arena *arena, const struct message *message, struct text *ret_json,
                      struct fault *reterr)
{
    struct buffer b;
    const char *comma = "";

    buffer_init(&b, arena, 1u << 20);
    buffer_add_char(&b, '{');
    if (message->template_id.n) {
        buffer_add(&b, TEXT("\"template_id\":"));
        buffer_add_json(&b, message->template_id);
        comma = ",";
    }
    if (message->variables.n) {
        buffer_addf(&b, "%s\"variables\":", comma);
        buffer_add(&b, message->variables);
        comma = ",";
    }
    for (size_t i = 0; i < message->n_media && message->n_media > 1; i++) {
        buffer_addf(&b, "%s", i ? "," : comma);
        buffer_add(&b, i ? TEXT("") : TEXT("\"media_urls\":["));
        buffer_add_json(&b, message->media[i]);
        buffer_add(&b, i + 1 == message->n_media ? TEXT("]") : TEXT(""));
    }
    buffer_add_char(&b, '}');
    return buffer_text(&b, ret_json) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for metadata");
}
