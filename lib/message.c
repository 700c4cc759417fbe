#include "message.h"

#include <string.h>

#include "json.h"
#include "phone.h"
#include "template_variables.h"

#define FALLBACK_RULE "fallback must be sms, for a WhatsApp message with a text"

struct text message_channel_name(enum message_channel channel)
{
    return channel == MESSAGE_WHATSAPP ? TEXT("whatsapp") : TEXT("sms");
}

struct text message_type(const struct message *message)
{
    return message_channel_name(message->channel);
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

/** The same of a number, an id or a URL, of which nothing may be left once what nobody sees is
 * dropped. */
static const struct json_value *id_member(const struct json_value *top, const char *name,
                                          const char *other)
{
    const struct json_value *value = member(top, name, other);

    return json_type(value) == JSON_STRING && text_strip(json_string(value)).n == 0 ? NULL : value;
}

static bool check_spellings(const struct json_value *top, struct fault *reterr)
{
    static const char *const pairs[][2] = {
        {"requestId", "request_id"}, {"templateId", "template_id"}, {"mediaUrl", "media_url"}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (json_get(top, pairs[i][0]) && json_get(top, pairs[i][1])) {
            fault_set(reterr, FAULT_INVALID_JSON, "both '%s' and '%s'", pairs[i][0], pairs[i][1]);
            return fault_say(reterr, "'%s' and '%s' are one member: use one of the names",
                             pairs[i][0], pairs[i][1]);
        }
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
    if (json_has_nul(value))
        return fault_set(reterr, kind, "'%s' has a NUL", name);
    if (!arena_copy(arena, json_string(value), ret_text))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for '%s'", name);
    return true;
}

/** The same of an id or a URL, without what nobody sees around it. */
static bool take_id(struct arena *arena, const struct json_value *value, enum fault_kind kind,
                    const char *name, struct text *ret_text, struct fault *reterr)
{
    if (!take_string(arena, value, kind, name, ret_text, reterr))
        return false;
    *ret_text = text_strip(*ret_text);
    return true;
}

/** Channel and number: a whatsapp: before the number says the channel too. */
static bool take_recipient(struct arena *arena, const struct json_value *top, bool whatsapp_only,
                           struct message *message, bool *ret_landline, struct fault *reterr)
{
    const struct json_value *type_value = whatsapp_only ? NULL : member(top, "type", NULL);
    struct text to = {0}, type = {0};
    struct phone phone;

    if (!take_string(arena, type_value, FAULT_INVALID_TYPE, "type", &type, reterr) ||
        !take_id(arena, member(top, "to", NULL), FAULT_INVALID_PHONE, "to", &to, reterr))
        return false;
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
    *ret_landline = phone.kind == PHONE_LANDLINE;
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
    if (!take_id(arena, id_member(top, "requestId", "request_id"), FAULT_INVALID_REQUEST_ID,
                 "requestId", &message->request_id, reterr))
        return false;
    return message->request_id.n == 0 || text_is_uuid(message->request_id) ||
           fault_set(reterr, FAULT_INVALID_REQUEST_ID, "request id is no UUID");
}

static bool take_variables(struct arena *arena, const struct json_value *variables,
                           struct message *message, struct fault *reterr)
{
    if (!variables)
        return true;
    if (message->template_id.n == 0)
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "variables without a template");
    if (json_type(variables) != JSON_OBJECT)
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "variables are no object");
    if (json_repeats(variables)) {
        fault_set(reterr, FAULT_INVALID_JSON, "a variable stands twice");
        return fault_say(reterr, "A variable stands twice");
    }
    if (!template_variables_check(variables, reterr))
        return false;
    return !json_first(variables) ||
           template_variables_write(arena, variables, &message->variables, reterr);
}

static bool take_template(struct arena *arena, const struct json_value *top,
                          struct message *message, struct fault *reterr)
{
    struct text id = {0};

    if (!take_id(arena, id_member(top, "templateId", "template_id"), FAULT_INVALID_TEMPLATE,
                 "templateId", &id, reterr))
        return false;
    if (id.n && (id.n != 34 || !text_starts(id, TEXT("HX")) || !text_is_hex(text_skip(id, 2))))
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "template id is no HX and 32 digits");
    if (id.n && message->channel != MESSAGE_WHATSAPP)
        return fault_set(reterr, FAULT_INVALID_TEMPLATE, "a template on a channel without any");
    message->template_id = id;
    return take_variables(arena, member(top, "variables", NULL), message, reterr);
}

/** A host, perhaps with a port (RFC 3986 section 3.2). */
static bool is_authority(struct text authority)
{
    struct text host, port, rest;
    uint64_t ignored;

    bool with_port = text_cut(authority, ':', &host, &port);
    if (authority.n && authority.s[0] == '[') {
        text_cut(authority, ']', &host, &rest);
        return host.n > 2 && text_only(text_skip(host, 1), ":.") &&
               (rest.n == 0 ||
                (rest.s[0] == ':' && text_number(text_skip(rest, 1), 65535, &ignored)));
    }
    return host.n > 0 && text_only(host, "-._~") &&
           (!with_port || port.n == 0 || text_number(port, 65535, &ignored));
}

static bool has_space(struct text t)
{
    for (size_t at = 0; at < t.n;)
        if (text_is_space(text_next(t, &at)))
            return true;
    return false;
}

/** What is wrong with a media URL, for people; NULL: nothing. */
static const char *url_fault(struct text url)
{
    struct text authority;

    if (!text_starts_nocase(url, TEXT("https://")))
        return "a URL begins with https://";
    if (has_space(url))
        return "no blanks in a URL, write %20";
    if (url.n > MESSAGE_MAX_URL)
        return "a URL has at most 2048 characters";
    if (!text_only(url, ":/?#[]@!$&'()*+,;=-._~%"))
        return "in a URL other characters than ASCII's are written as %D9%85";
    authority = text_skip(url, 8);
    for (size_t i = 0; i < authority.n; i++)
        if (authority.s[i] == '/' || authority.s[i] == '?' || authority.s[i] == '#') {
            authority.n = i;
            break;
        }
    if (authority.n && memchr(authority.s, '@', authority.n))
        return "no user and password in a URL";
    return is_authority(authority) ? NULL : "no good host or port in the URL";
}

static bool add_medium(struct arena *arena, const struct json_value *value, struct message *message,
                       struct fault *reterr)
{
    size_t most = message->channel == MESSAGE_WHATSAPP ? 1 : MESSAGE_MAX_MEDIA;
    struct text url = {0};

    if (!take_id(arena, value, FAULT_INVALID_MEDIA_URL, "media_url", &url, reterr))
        return false;
    const char *why = url_fault(url);
    if (why) {
        fault_set(reterr, FAULT_INVALID_MEDIA_URL, "media URL refused: %s", why);
        return fault_say(reterr, "Invalid media URL: %s", why);
    }
    if (message->n_media == most)
        return fault_set(reterr, FAULT_INVALID_MEDIA_URL, "more than %zu media", most);
    message->media[message->n_media++] = url;
    return true;
}

static bool take_media(struct arena *arena, const struct json_value *top, struct message *message,
                       struct fault *reterr)
{
    const struct json_value *media = id_member(top, "media_url", "mediaUrl");

    if (!media)
        return true;
    if (json_type(media) != JSON_ARRAY)
        return add_medium(arena, media, message, reterr);
    for (const struct json_value *v = json_first(media); v; v = json_next(v))
        if (!add_medium(arena, v, message, reterr))
            return false;
    return true;
}

static bool take_tag(struct arena *arena, const struct json_value *top, struct message *message,
                     struct fault *reterr)
{
    if (!take_string(arena, member(top, "tag", NULL), FAULT_INVALID_TAG, "tag", &message->tag,
                     reterr))
        return false;
    return (message->tag.n <= MESSAGE_MAX_TAG && text_only(message->tag, "-_")) ||
           fault_set(reterr, FAULT_INVALID_TAG, "tag of %zu byte%s", message->tag.n,
                     text_plural(message->tag.n));
}

static bool take_validity(const struct json_value *top, struct message *message,
                          struct fault *reterr)
{
    const struct json_value *value = member(top, "validity", NULL);
    double seconds = json_number(value);

    if (!value)
        return true;
    if (!(seconds >= MESSAGE_MIN_VALIDITY && seconds <= MESSAGE_MAX_VALIDITY) ||
        seconds != (int)seconds)
        return fault_set(reterr, FAULT_INVALID_VALIDITY, "validity out of range, or no number");
    message->validity = (int)seconds;
    return true;
}

/** A landline gets no SMS. */
static bool take_fallback(const struct json_value *top, bool landline, struct message *message,
                          struct fault *reterr)
{
    const struct json_value *value = member(top, "fallback", NULL);

    if (!value)
        return true;
    if (!json_is_text(value, TEXT("sms")) || json_has_nul(value) ||
        message->channel != MESSAGE_WHATSAPP || message->body.n == 0) {
        fault_set(reterr, FAULT_INVALID_TYPE, "a fallback that is none");
        return fault_say(reterr, FALLBACK_RULE);
    }
    message->fallback = !landline;
    return true;
}

/** What must be there: a recipient, and something to say. */
static bool check_presence(const struct json_value *top, struct fault *reterr)
{
    const struct json_value *media = id_member(top, "media_url", "mediaUrl");
    bool content = member(top, "message", NULL) || id_member(top, "templateId", "template_id") ||
                   (media && (json_type(media) != JSON_ARRAY || json_first(media)));

    if (!id_member(top, "to", NULL) || !content)
        return fault_set(reterr, FAULT_MISSING_FIELDS, "no '%s'", content ? "to" : "message");
    return true;
}

bool message_parse(struct arena *arena, struct text body, bool whatsapp_only,
                   struct message *ret_message, struct fault *reterr)
{
    struct message message = {0};
    bool landline = false;
    json_scoped struct json_document *document = json_parse(arena, body, reterr);

    if (!document)
        return false;
    const struct json_value *top = json_top(document);
    if (!check_spellings(top, reterr) || !check_presence(top, reterr) ||
        !take_recipient(arena, top, whatsapp_only, &message, &landline, reterr) ||
        !take_body(arena, top, &message, reterr) ||
        !take_request_id(arena, top, &message, reterr) ||
        !take_template(arena, top, &message, reterr) || !take_media(arena, top, &message, reterr) ||
        !take_tag(arena, top, &message, reterr) || !take_validity(top, &message, reterr) ||
        !take_fallback(top, landline, &message, reterr))
        return false;
    if (message.template_id.n)
        message.n_media =
            0; /* Twilio takes a template or media: nothing is logged as sent that isn't */
    *ret_message = message;
    return true;
}

struct message message_fallback(const struct message *message, struct text id)
{
    return (struct message){.channel = MESSAGE_SMS,
                            .to = message->to,
                            .body = message->body,
                            .request_id = message->request_id,
                            .tag = message->tag,
                            .validity = message->validity,
                            .fallback_of = id};
}

bool message_is_free_text(const struct message *message)
{
    return message->channel == MESSAGE_WHATSAPP && message->template_id.n == 0 &&
           message->n_media == 0;
}

bool message_as_template(struct arena *arena, struct text template_id, struct message *message)
{
    if (!template_variables_of_text(arena, message->body, &message->variables))
        return false;
    message->template_id = template_id;
    return true;
}
