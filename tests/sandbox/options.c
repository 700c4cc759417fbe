#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_NUMBER, KIND_PERCENT, KIND_SWITCH, KIND_ORDER, KIND_FAIL };

struct row {
    const char *name, *argument, *initial, *environment, *help;
    enum kind kind;
    bool fixed; /* not to be changed while running */
    size_t offset;
    long min, max;
};

#define AT(member) .offset = offsetof(struct options, member)
#define MS_MAX     3600000

static const struct row rows[] = {
    {"listen", "ADDRESS:PORT", "127.0.0.1:0", NULL, "where to serve; port 0 is any free port",
     KIND_TEXT, true, AT(listen)},
    {"port-file", "FILE", "", NULL, "gets the port as soon as it is listened on", KIND_TEXT, true,
     AT(port_file)},
    {"account-sid", "AC...", "", "TWILIO_ACCOUNT_SID", "required", KIND_TEXT, false,
     AT(account_sid)},
    {"auth-token", "TOKEN", "", "TWILIO_AUTH_TOKEN", "required; also signs callbacks", KIND_TEXT,
     false, AT(auth_token)},
    {"api-key", "SK...", "", "TWILIO_API_KEY", "accepted beside the account's own credentials",
     KIND_TEXT, false, AT(api_key)},
    {"api-key-secret", "SECRET", "", "TWILIO_API_KEY_SECRET", "its secret", KIND_TEXT, false,
     AT(api_key_secret)},
    {"from", "LIST", "+15005550006", "TWILIO_PHONE_NUMBER", "senders owned, for SMS", KIND_TEXT,
     false, AT(from)},
    {"whatsapp-from", "LIST", "+14155238886", "TWILIO_WHATSAPP_NUMBER",
     "senders owned, for WhatsApp", KIND_TEXT, false, AT(whatsapp_from)},
    {"messaging-service", "MG...", "", "TWILIO_MESSAGING_SERVICE_SID",
     "the Messaging Service owned", KIND_TEXT, false, AT(messaging_service)},
    {"delay-ms", "N", "0", NULL, "wait before each answer", KIND_NUMBER, false, AT(delay_ms), 0,
     MS_MAX},
    {"together", "N", "0", NULL, "messages are answered when so many wait, all at once",
     KIND_NUMBER, false, AT(together), 0, 10000},
    {"slow-ms", "N", "20000", NULL, "how slow a slow answer is", KIND_NUMBER, false, AT(slow_ms), 0,
     MS_MAX},
    {"callbacks", "on|off", "on", NULL, "make status callbacks", KIND_SWITCH, false, AT(callbacks)},
    {"callback-delay-ms", "N", "150", NULL, "from one status of a message to the next", KIND_NUMBER,
     false, AT(callback_delay_ms), 0, MS_MAX},
    {"callback-order", "in-order|shuffled", "in-order", NULL,
     "in-order waits for each callback's answer", KIND_ORDER, false, AT(callback_order)},
    {"callback-repeat", "N", "1", NULL, "make each callback so many times", KIND_NUMBER, false,
     AT(callback_repeat), 1, 100},
    {"callback-drop", "PERCENT", "0", NULL, "leave out so many callbacks", KIND_PERCENT, false,
     AT(callback_drop)},
    {"callback-concurrency", "N", "32", NULL, "callbacks under way at a time", KIND_NUMBER, false,
     AT(callback_concurrency), 1, 10000},
    {"callback-verify", "on|off", "on", NULL, "verify certificates of https callbacks", KIND_SWITCH,
     false, AT(callback_verify)},
    {"callback-ca", "FILE", "", NULL, "trust these certificates in https callbacks", KIND_TEXT,
     true, AT(callback_ca)},
    {"early-callbacks", "on|off", "off", NULL, "make all callbacks before the answer", KIND_SWITCH,
     false, AT(early_callbacks)},
    {"fail", "PERCENT:KIND,...", "", NULL, "misbehave at random; kinds: see below", KIND_FAIL,
     false, AT(fail)},
    {"get-429", "PERCENT", "0", NULL, "answer 429 to so many GETs", KIND_PERCENT, false,
     AT(get_429)},
    {"price-delay-ms", "N", "0", NULL,
     "the price comes so long after the creation, at the earliest", KIND_NUMBER, false,
     AT(price_delay_ms), 0, 2147483647},
    {"age-s", "N", "0", NULL, "messages are taken for so much older than they are", KIND_NUMBER,
     false, AT(age_s), 0, 31536000},
    {"redact", "on|off", "off", NULL,
     "blot out the last digits of To in GETs, of messages from now on", KIND_SWITCH, false,
     AT(redact)},
    {"seed", "N", "0", NULL, "makes chance repeatable; 0 is a new one each time", KIND_NUMBER, true,
     AT(seed), 0, 2147483647},
    {"keep", "N", "250000", NULL, "messages kept; the oldest is forgotten first", KIND_NUMBER, true,
     AT(keep), 1, 10000000},
    {"log", "FILE", "", NULL, "one JSON line per request and callback, appended", KIND_TEXT, true,
     AT(log)},
    {"tls-cert", "FILE", "", NULL, "serve https with this certificate chain (PEM)", KIND_TEXT, true,
     AT(tls_cert)},
    {"tls-key", "FILE", "", NULL, "its private key (PEM)", KIND_TEXT, true, AT(tls_key)},
};

#define ROW_COUNT (sizeof rows / sizeof *rows)

static void *field(struct options *options, const struct row *row)
{
    return (char *)options + row->offset;
}

static bool set_text(char **target, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return false;
    free(*target);
    *target = copy;
    return true;
}

static bool set_number(long *target, const char *value, long min, long max)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < min || number > max)
        return false;
    *target = number;
    return true;
}

static bool set_percent(double *target, const char *value, char stop, const char **ret_end)
{
    char *end;
    double number = strtod(value, &end);

    if (end == value || *end != stop || !(number >= 0 && number <= 100))
        return false;
    *target = number;
    if (ret_end)
        *ret_end = end + 1;
    return true;
}

static bool set_switch(bool *target, const char *value)
{
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        return false;
    *target = strcmp(value, "on") == 0;
    return true;
}

static bool set_order(enum callback_order *target, const char *value)
{
    if (strcmp(value, "in-order") != 0 && strcmp(value, "shuffled") != 0)
        return false;
    *target = strcmp(value, "shuffled") == 0 ? ORDER_SHUFFLED : ORDER_IN_ORDER;
    return true;
}

/* "5:timeout,1.5:busy"; "" is none. */
static bool set_fail(struct fail_rules *target, const char *value)
{
    struct fail_rules rules = {0};

    while (*value) {
        size_t length;

        if (rules.count == FAIL_RULES_MAX ||
            !set_percent(&rules.rules[rules.count].percent, value, ':', &value))
            return false;
        length = strcspn(value, ",");
        rules.rules[rules.count].behaviour = behaviour_of_kind(value, length);
        if (!rules.rules[rules.count].behaviour)
            return false;
        rules.count++;
        value += length;
        if (*value == ',')
            value++;
    }
    *target = rules;
    return true;
}

static bool set_row(struct options *options, const struct row *row, const char *value)
{
    void *target = field(options, row);

    switch (row->kind) {
    case KIND_TEXT:
        return set_text(target, value);
    case KIND_NUMBER:
        return set_number(target, value, row->min, row->max);
    case KIND_PERCENT:
        return set_percent(target, value, '\0', NULL);
    case KIND_SWITCH:
        return set_switch(target, value);
    case KIND_ORDER:
        return set_order(target, value);
    case KIND_FAIL:
        return set_fail(target, value);
    }
    return false;
}

bool options_init(struct options *options)
{
    *options = (struct options){0};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *value = rows[i].environment ? getenv(rows[i].environment) : NULL;

        if (!set_row(options, &rows[i], value && *value ? value : rows[i].initial))
            return false;
    }
    return true;
}

static bool complain(const char *what, const char *subject)
{
    fprintf(stderr, "twilio-sandbox: %s '%s'\n", what, subject);
    return false;
}

static bool check_required(const struct options *options)
{
    if (strncmp(options->account_sid, "AC", 2) != 0)
        return complain("needs --account-sid or TWILIO_ACCOUNT_SID beginning with", "AC");
    if (!*options->auth_token)
        return complain("needs --auth-token or", "TWILIO_AUTH_TOKEN");
    if (!*options->tls_cert != !*options->tls_key)
        return complain("--tls-cert needs", "--tls-key");
    return true;
}

/* A switch alone means on; "on" or "off" may follow it, with a space or with =. */
static const char *switch_value(int argc, char **argv)
{
    bool value;

    return optind < argc && set_switch(&value, argv[optind]) ? argv[optind++] : "on";
}

bool options_read(struct options *options, int argc, char **argv, int *ret_first, bool *ret_sign,
                  bool *ret_help)
{
    struct option known[ROW_COUNT + 3] = {{0}};
    int index, letter;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        known[i].name = rows[i].name;
        known[i].has_arg = rows[i].kind == KIND_SWITCH ? optional_argument : required_argument;
    }
    known[ROW_COUNT].name = "sign";
    known[ROW_COUNT + 1].name = "help";
    *ret_sign = *ret_help = false;
    while (index = 0, (letter = getopt_long(argc, argv, "+", known, &index)) != -1) {
        if (letter != 0)
            return complain("try", "--help");
        if ((size_t)index == ROW_COUNT)
            *ret_sign = true;
        else if ((size_t)index == ROW_COUNT + 1)
            *ret_help = true;
        else if (!set_row(options, &rows[index], optarg ? optarg : switch_value(argc, argv)))
            return complain("no valid value of an option:", rows[index].name);
    }
    *ret_first = optind;
    if (*ret_help)
        return true;
    if (*ret_sign)
        return *options->auth_token || complain("needs --auth-token or", "TWILIO_AUTH_TOKEN");
    return check_required(options);
}

bool options_change(struct options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return !rows[i].fixed && set_row(options, &rows[i], value);
    }
    return false;
}

bool options_copy(struct options *target, const struct options *source)
{
    bool ok = true;

    *target = *source;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char **text = field(target, &rows[i]);

        if (rows[i].kind == KIND_TEXT) {
            *text = strdup(*text);
            ok = ok && *text;
        }
    }
    if (!ok)
        options_release(target);
    return ok;
}

void options_release(struct options *options)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].kind == KIND_TEXT)
            free(*(char **)field(options, &rows[i]));
    }
    *options = (struct options){0};
}

void options_print_help(FILE *out)
{
    fputs("Usage: twilio-sandbox [OPTION]...\n"
          "       twilio-sandbox --sign URL [NAME=VALUE]...\n\n"
          "A stand-in for Twilio's Messages API: as strict as Twilio, with signed callbacks, and "
          "with\n"
          "misbehaviours on demand. --sign prints the signature of a callback.\n\n",
          out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        fprintf(out, "  --%s %s\n      %s", rows[i].name, rows[i].argument, rows[i].help);
        if (rows[i].environment)
            fprintf(out, " [%s]", rows[i].environment);
        if (*rows[i].initial)
            fprintf(out, " (default: %s)", rows[i].initial);
        fputc('\n', out);
    }
    fputs("\nBehaviour by the last three digits of a recipient +2010xxxxxNNN, and the kinds of "
          "--fail;\n"
          "for both channels. Any other number lives normally.\n\n",
          out);
    behaviour_print_table(out);
    fputs("\nControl: GET /sandbox/messages, GET /sandbox/requests?since=MS, POST /sandbox/reset,\n"
          "POST /sandbox/config (a form of options), POST /sandbox/sink?status=N (answers N).\n",
          out);
}

/* Past "whatsapp:" and its like. */
static const char *without_prefix(const char *item)
{
    const char *colon = strchr(item, ':');

    return colon ? colon + 1 : item;
}

bool options_list_has(const char *list, const char *item)
{
    item = without_prefix(item);
    while (*list) {
        size_t length = strcspn(list, ",");
        const char *colon = memchr(list, ':', length);
        size_t prefix = colon ? (size_t)(colon - list) + 1 : 0;

        if (strlen(item) == length - prefix && memcmp(list + prefix, item, length - prefix) == 0)
            return true;
        list += length;
        if (*list == ',')
            list++;
    }
    return false;
}

char *options_list_first(const char *list)
{
    size_t length = strcspn(list, ",");
    const char *colon = memchr(list, ':', length);
    size_t prefix = colon ? (size_t)(colon - list) + 1 : 0;

    return strndup(list + prefix, length - prefix);
}
