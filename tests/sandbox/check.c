#include "check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "segments.h"
#include "url.h"

#define BODY_MAX  1600
#define MEDIA_MAX 10

static const char channel[] = "whatsapp:";

static const struct {
    const char *name;
    const char *values; /* the only ones, between bars; NULL: checked elsewhere or free */
    bool repeatable;
} known_params[] = {
    {"To", NULL, false},
    {"From", NULL, false},
    {"MessagingServiceSid", NULL, false},
    {"Body", NULL, false},
    {"MediaUrl", NULL, true},
    {"ContentSid", NULL, false},
    {"ContentVariables", NULL, false},
    {"StatusCallback", NULL, false},
    {"ApplicationSid", NULL, false},
    {"ValidityPeriod", NULL, false},
    {"ScheduleType", NULL, false},
    {"SendAt", NULL, false},
    {"SmartEncoded", "|true|false|", false},
    {"ShortenUrls", "|true|false|", false},
    {"SendAsMms", "|true|false|", false},
    {"Attempt", NULL, false},
    {"ProvideFeedback", "|true|false|", false},
    {"ForceDelivery", "|true|false|", false},
    {"ContentRetention", "|retain|discard|", false},
    {"AddressRetention", "|retain|obfuscate|", false},
    {"PersistentAction", NULL, true},
    {"TrafficType", "|free|", false},
    {"RiskCheck", "|enable|disable|", false},
    {"FallbackFrom", NULL, false},
    {"MaxPrice", NULL, false},
    {"Tags", NULL, false},
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct refusal *reterr, int code,
                                                         const char *format, ...)
{
    va_list arguments;

    reterr->status = 400;
    reterr->code = code;
    va_start(arguments, format);
    vsnprintf(reterr->text, sizeof reterr->text, format, arguments);
    va_end(arguments);
    for (char *c = reterr->text; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?'; /* quoted texts are cut by bytes: what is left need not be UTF-8 */
    }
    return false;
}

/* NULL for a parameter that is absent or empty: Twilio makes no difference. */
static const char *given(const struct params *params, const char *name)
{
    const char *value = params_get(params, name);

    return value && *value ? value : NULL;
}

static bool is_one_of(const char *values, const char *value)
{
    const char *found = *value && !strchr(value, '|') ? strstr(values, value) : NULL;

    return found && found[-1] == '|' && found[strlen(value)] == '|';
}

static bool check_names(const struct params *params, struct refusal *reterr)
{
    const size_t known = sizeof known_params / sizeof *known_params;

    if (!params_are_utf8(params))
        return refuse(reterr, 20001, "Parameters are not well-formed UTF-8");
    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        size_t row = 0;

        while (row < known && strcmp(known_params[row].name, param->name) != 0)
            row++;
        if (row == known)
            return refuse(reterr, 20001, "Unknown parameter '%s'", param->name);
        if (!known_params[row].repeatable && params_times(params, param->name) > 1)
            return refuse(reterr, 20001, "Parameter '%s' is given more than once", param->name);
        if (known_params[row].values && !is_one_of(known_params[row].values, param->value))
            return refuse(reterr, 20001, "Invalid value of '%s'", param->name);
    }
    if (params_get(params, "ScheduleType") || params_get(params, "SendAt"))
        return refuse(reterr, 20001, "Scheduling is not part of this stand-in");
    return true;
}

/* E.164: a plus and up to 15 digits, of which the first is not 0. */
static bool is_e164(const char *number)
{
    size_t digits = number[0] == '+' ? strspn(number + 1, "0123456789") : 0;

    return digits >= 8 && digits <= 15 && number[digits + 1] == '\0' && number[1] != '0';
}

/* A number of the Egyptian plan: 10 digits from 10, 11, 12, 15 are mobiles. Fixed lines, toll-free
 * and premium numbers as in libphonenumber's region EG. */
static bool is_egyptian_mobile(const char *national)
{
    return strlen(national) == 10 && national[0] == '1' && strchr("0125", national[1]);
}

static bool is_egyptian_fixed(const char *national)
{
    size_t length = strlen(national);

    if (strncmp(national, "13", 2) == 0)
        return length == 9 && (national[2] == '2' || national[2] == '3');
    if (strncmp(national, "15", 2) == 0 || strncmp(national, "57", 2) == 0)
        return length == 8 || length == 9;
    if (strncmp(national, "800", 3) == 0 || strncmp(national, "900", 3) == 0)
        return length == 10;
    if (national[0] == '3')
        return length == 8;
    return length == 9 && national[0] != '0' && national[0] != '1';
}

static bool refuse_to(struct refusal *reterr, const char *to)
{
    return refuse(reterr, 21211, "Invalid 'To' Phone Number: %.64s", to);
}

static bool check_magic_to(const char *to, struct refusal *reterr)
{
    if (strcmp(to, "+15005550001") == 0)
        return refuse_to(reterr, to);
    if (strcmp(to, "+15005550002") == 0)
        return refuse(
            reterr, 21612,
            "The 'To' phone number: %s, is not currently reachable using the 'From' phone "
            "number via SMS.",
            to);
    if (strcmp(to, "+15005550003") == 0)
        return refuse(reterr, 21408,
                      "Permission to send an SMS has not been enabled for the region indicated by "
                      "the 'To' number: %s",
                      to);
    if (strcmp(to, "+15005550004") == 0)
        return refuse(reterr, 21610, "Attempt to send to unsubscribed recipient");
    if (strcmp(to, "+15005550009") == 0)
        return refuse(reterr, 21614, "'To' number: %s, is not a valid mobile number", to);
    return true;
}

static bool check_to(const struct params *params, struct draft *draft, struct refusal *reterr)
{
    const char *to = given(params, "To");
    const char *number;

    if (!to)
        return refuse(reterr, 21604, "A 'To' phone number is required.");
    draft->message.whatsapp = strncmp(to, channel, sizeof channel - 1) == 0;
    number = draft->message.whatsapp ? to + sizeof channel - 1 : to;
    if (!is_e164(number))
        return refuse_to(reterr, to);
    if (strncmp(number, "+20", 3) == 0 && !is_egyptian_mobile(number + 3)) {
        if (!is_egyptian_fixed(number + 3))
            return refuse_to(reterr, to);
        if (!draft->message.whatsapp)
            return refuse(reterr, 21614, "'To' number: %s, is not a valid mobile number", to);
    }
    draft->message.to = to;
    return check_magic_to(number, reterr);
}

/* A number, a short code or an alphanumeric sender id (1 to 11 characters, one letter at least). */
static bool is_sms_sender(const char *from)
{
    size_t length = strlen(from);
    bool letter = false;

    if (from[0] == '+')
        return is_e164(from);
    if (strspn(from, "0123456789") == length)
        return length >= 3 && length <= 8;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)from[i]) && !strchr(" -_+&", from[i]))
            return false;
        letter = letter || isalpha((unsigned char)from[i]);
    }
    return length <= 11 && letter;
}

static bool check_sms_sender(const struct options *options, const char *from,
                             struct refusal *reterr)
{
    if (strcmp(from, "+15005550001") == 0 || !is_sms_sender(from))
        return refuse(reterr, 21212, "Invalid From Number (caller ID): %.64s", from);
    if (strcmp(from, "+15005550008") == 0)
        return refuse(reterr, 21611,
                      "This 'From' number has exceeded the maximum number of queued messages");
    if (strcmp(from, "+15005550006") != 0 && !options_list_has(options->from, from))
        return refuse(reterr, 21606,
                      "The 'From' phone number provided (%s) is not a valid message-capable Twilio "
                      "phone number for this destination/account",
                      from);
    return true;
}

static bool check_from(const struct options *options, const char *from, struct draft *draft,
                       struct refusal *reterr)
{
    bool whatsapp = strncmp(from, channel, sizeof channel - 1) == 0;

    if (whatsapp != draft->message.whatsapp)
        return refuse(
            reterr, 21910,
            "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel");
    if (strcmp(from, draft->message.to) == 0)
        return refuse(reterr, whatsapp ? 63031 : 21266,
                      "'To' and 'From' number cannot be the same: %s", from);
    if (whatsapp && !is_e164(from + sizeof channel - 1))
        return refuse(reterr, 21212, "Invalid From Number (caller ID): %.64s", from);
    if (whatsapp && !options_list_has(options->whatsapp_from, from))
        return refuse(reterr, 63007,
                      "Twilio could not find a Channel with the specified From address");
    draft->message.from = from;
    return whatsapp || check_sms_sender(options, from, reterr);
}

/* The service's own choice: its first sender for the channel. */
static bool choose_sender(const struct options *options, struct draft *draft,
                          struct refusal *reterr)
{
    bool whatsapp = draft->message.whatsapp;
    char *number = options_list_first(whatsapp ? options->whatsapp_from : options->from);
    int written = -1;

    if (number && *number)
        written = asprintf(&draft->from, "%s%s", whatsapp ? channel : "", number);
    free(number);
    if (written < 0) {
        draft->from = NULL;
        return refuse(reterr, 21703,
                      "The Messaging Service does not have a phone number available");
    }
    draft->message.from = draft->from;
    draft->message.from_hidden = true;
    return true;
}

static bool is_sid(const char *text, const char *prefix)
{
    return strncmp(text, prefix, 2) == 0 && strlen(text) == 34 &&
           strspn(text + 2, "0123456789abcdefABCDEF") == 32;
}

static bool check_sender(const struct options *options, const struct params *params,
                         struct draft *draft, struct refusal *reterr)
{
    const char *from = given(params, "From");
    const char *service = given(params, "MessagingServiceSid");

    if (!from && !service)
        return refuse(reterr, 21603, "A 'From' phone number is required.");
    if (service && (!is_sid(service, "MG") || strcmp(service, options->messaging_service) != 0))
        return refuse(reterr, 21705, "The Messaging Service Sid %.64s is invalid.", service);
    draft->message.service = service ? service : "";
    if (!from)
        return choose_sender(options, draft, reterr);
    return check_from(options, from, draft, reterr);
}

static bool check_media(const struct params *params, struct draft *draft, struct refusal *reterr)
{
    size_t media = params_times(params, "MediaUrl");

    for (size_t i = 0; i < params->count; i++) {
        if (strcmp(params->items[i].name, "MediaUrl") == 0 && !url_is_http(params->items[i].value))
            return refuse(reterr, 21620, "Invalid media URL(s)");
    }
    if (media > MEDIA_MAX)
        return refuse(reterr, 21623, "Number of media files exceeds allowed limit");
    if (media > 1 && draft->message.whatsapp)
        return refuse(reterr, 63030, "WhatsApp messages carry one media file, not %zu", media);
    draft->message.media = (unsigned)media;
    return true;
}

static bool check_content(const struct params *params, struct draft *draft, struct refusal *reterr)
{
    const char *content = given(params, "ContentSid");
    const char *variables = given(params, "ContentVariables");

    if (!content && variables)
        return refuse(reterr, 21654, "ContentSid Required");
    if (!content)
        return true;
    if (!is_sid(content, "HX"))
        return refuse(reterr, 21655, "The ContentSid %.64s is Invalid", content);
    if (params_get(params, "Body") || draft->message.media > 0)
        return refuse(reterr, 20001, "Body and MediaUrl do not go with ContentSid");
    switch (content_render(content, variables, &draft->body)) {
    case CONTENT_INVALID:
        return refuse(reterr, 21656, "The ContentVariables Parameter is invalid");
    case CONTENT_TOO_LONG:
        return refuse(reterr, 21658, "A parameter exceeds the 1600 character limit");
    case CONTENT_OK:
        break;
    }
    draft->message.body = draft->body;
    return true;
}

static bool check_body(const struct params *params, struct draft *draft, struct refusal *reterr)
{
    const char *body = given(params, "Body");

    if (draft->body)
        return true; /* rendered from a template */
    if (!body && draft->message.media == 0)
        return refuse(reterr, 21602, "Message body is required.");
    draft->message.body = body ? body : "";
    if (segments_utf16_units(draft->message.body) > BODY_MAX)
        return refuse(reterr, 21617,
                      "The concatenated message body exceeds the 1600 character limit");
    return true;
}

static bool check_rest(const struct params *params, struct draft *draft, struct refusal *reterr)
{
    const char *callback = given(params, "StatusCallback");
    const char *application = given(params, "ApplicationSid");
    const char *validity = given(params, "ValidityPeriod");
    char *end = NULL;
    long seconds = validity ? strtol(validity, &end, 10) : 1;

    if (callback && !url_is_http(callback))
        return refuse(reterr, 21609, "The 'StatusCallback' URL %.200s is not a valid URL.",
                      callback);
    if (application && !is_sid(application, "AP"))
        return refuse(reterr, 20001, "The ApplicationSid %.64s is invalid.", application);
    if ((validity && !isdigit((unsigned char)*validity)) || (end && *end) || seconds < 1 ||
        seconds > 36000)
        return refuse(reterr, 21624, "Invalid validity period value");
    draft->message.status_callback = callback ? callback : "";
    return true;
}

bool check_message(const struct options *options, const struct params *params,
                   struct draft *ret_draft, struct refusal *reterr)
{
    struct draft draft = {.message = {.to = "", .from = "", .body = "", .service = ""}};

    if (check_names(params, reterr) && check_to(params, &draft, reterr) &&
        check_sender(options, params, &draft, reterr) && check_media(params, &draft, reterr) &&
        check_content(params, &draft, reterr) && check_body(params, &draft, reterr) &&
        check_rest(params, &draft, reterr)) {
        draft.message.segments = draft.message.whatsapp ? 1 : segments_count(draft.message.body);
        *ret_draft = draft;
        return true;
    }
    draft_release(&draft);
    return false;
}

void draft_release(struct draft *draft)
{
    free(draft->from);
    free(draft->body);
    draft->from = draft->body = NULL;
}
