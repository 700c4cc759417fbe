#include "settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

enum {
    SENDERS = SETTINGS_SENDER | SETTINGS_WHATSAPP,
    ALL = SENDERS | SETTINGS_WEBHOOK,
    DATABASE_TOO = ALL | SETTINGS_DATABASE,
    KEYS_TOO = SENDERS | SETTINGS_KEYS,
};

/* Of each of SERVER_KEYS, in characters. */
#define SERVER_KEY_MIN 20

/** One setting. `check` says what is wrong with a value that is there, NULL for nothing. */
struct setting {
    const char *name;
    size_t offset;
    unsigned users, required; /* of enum settings_user */
    const char *fallback;
    const char *(*check)(struct text value);
    const char *help;
};

static bool is_hex_id(struct text value, struct text prefix)
{
    return value.n == 34 && text_starts(value, prefix) && text_only(value, "");
}

static const char *check_account(struct text value)
{
    return is_hex_id(value, TEXT("AC")) ? NULL : "must be AC and 32 characters";
}

static const char *check_api_key(struct text value)
{
    return is_hex_id(value, TEXT("SK")) ? NULL : "must be SK and 32 characters";
}

static const char *check_service(struct text value)
{
    return is_hex_id(value, TEXT("MG")) ? NULL : "must be MG and 32 characters";
}

static const char *check_content(struct text value)
{
    return is_hex_id(value, TEXT("HX")) && text_is_hex(text_skip(value, 2))
               ? NULL
               : "must be HX and 32 hexadecimal digits";
}

static const char *check_switch(struct text value)
{
    return text_equal(value, TEXT("on")) || text_equal(value, TEXT("off")) ? NULL
                                                                           : "must be on or off";
}

static const char *check_number(struct text value)
{
    uint64_t ignored;

    value = text_without(value, TEXT("whatsapp:"));
    if (!text_starts(value, TEXT("+")) || value.n < 8 || value.n > 16 ||
        !text_number(text_skip(value, 1), UINT64_MAX, &ignored))
        return "must be an international number: + and 7 to 15 digits";
    return NULL;
}

/* Twilio also sends SMS from a name (up to 11 letters) or a short code. What else has digits alone
 * is a number without its country. */
static const char *check_sms_sender(struct text value)
{
    uint64_t ignored;

    if (text_starts(value, TEXT("+")))
        return check_number(value);
    if (value.n > 8 && text_number(value, UINT64_MAX, &ignored))
        return "must be an international number: + and 7 to 15 digits";
    return value.n <= 11 && text_only(value, " -_&+") ? NULL : "must be a number or a sender name";
}

/** A host, an IPv6 address as "[::1", and behind it nothing but a port that there is. */
static bool cut_authority(struct text authority, struct text *ret_host)
{
    struct text port;
    uint64_t number;
    bool has_port, bracket = text_starts(authority, TEXT("["));

    has_port = text_cut(authority, bracket ? ']' : ':', ret_host, &port);
    if (bracket) {
        if (!has_port || (port.n && port.s[0] != ':'))
            return false;
        has_port = port.n > 0;
        port = text_without(port, TEXT(":"));
    }
    return ret_host->n > 0 && (!has_port || (text_number(port, 65535, &number) && number > 0));
}

/** The parts of an http or https URL without user, query or fragment. */
static bool cut_url(struct text url, bool *ret_https, struct text *ret_host, struct text *ret_path)
{
    struct text authority;

    *ret_https = text_starts(url, TEXT("https://"));
    if (!*ret_https && !text_starts(url, TEXT("http://")))
        return false;
    if (!text_only(url, ":/.-_~[]%"))
        return false;
    text_cut(text_skip(url, *ret_https ? 8 : 7), '/', &authority, ret_path);
    return cut_authority(authority, ret_host);
}

/* 127.0.0.1.example.org is somebody's name: letters make no address of this network. */
static bool is_loopback(struct text host)
{
    uint64_t ignored;
    struct text last = host, rest;

    while (text_cut(last, '.', &last, &rest))
        last = rest;
    return text_equal(host, TEXT("localhost")) || text_equal(host, TEXT("[::1")) ||
           (text_starts(host, TEXT("127.")) && text_number(last, 255, &ignored));
}

static const char *check_api_url(struct text value)
{
    struct text host, path;
    bool https;

    if (!cut_url(value, &https, &host, &path) || path.n || value.s[value.n - 1] == '/')
        return "must be https://host without a path or a trailing slash";
    return https || is_loopback(host) ? NULL : "must be https (http only for loopback)";
}

/* What it has behind a question mark is its own affair. */
static const char *check_set_url(struct text value)
{
    struct text url, query, host, path;
    bool https;

    text_cut(value, '?', &url, &query);
    if (!cut_url(url, &https, &host, &path) || path.n == 0 || !text_only(query, "-._~%&=+:/,"))
        return "must be https://host/path";
    return https || is_loopback(host) ? NULL : "must be https (http only for loopback)";
}

static const char *check_public_url(struct text value)
{
    struct text host, path;
    bool https;

    if (!cut_url(value, &https, &host, &path) || value.s[value.n - 1] == '/')
        return "must be an http or https URL (a port up to 65535) without a trailing slash";
    /* Twilio calls back to no such host (error 21609) */
    return memchr(host.s, '_', host.n) ? "must have no underscore in its host" : NULL;
}

static const char *check_auth(struct text value)
{
    return text_equal(value, TEXT("none")) || text_equal(value, TEXT("optional")) ||
                   text_equal(value, TEXT("required"))
               ? NULL
               : "must be none, optional or required";
}

static const char *check_signature(struct text value)
{
    return text_equal(value, TEXT("required")) || text_equal(value, TEXT("if-present"))
               ? NULL
               : "must be required or if-present";
}

static const char *check_rate(struct text value)
{
    uint64_t rate;

    return text_number(value, 1000, &rate) && rate > 0 ? NULL : "must be a number from 1 to 1000";
}

static const char *check_threads(struct text value)
{
    uint64_t n;

    return text_number(value, 512, &n) && n > 0 ? NULL : "must be a number from 1 to 512";
}

static const char *check_pool(struct text value)
{
    uint64_t n;

    return text_number(value, 64, &n) && n > 0 ? NULL : "must be a number from 1 to 64";
}

#define DAYS_MAX 36500

static const char *check_days(struct text value)
{
    uint64_t n;

    return text_number(value, DAYS_MAX, &n) && n > 0 ? NULL : "must be a number from 1 to 36500";
}

/* As a browser says it: a scheme, a host and perhaps a port (RFC 6454 section 6.2). */
static bool is_origin(struct text origin)
{
    struct text scheme, rest;

    return text_cut(origin, ':', &scheme, &rest) && text_only(scheme, "+-.") &&
           text_starts(rest, TEXT("//")) && text_only(text_skip(rest, 2), ":.-_[]") && rest.n > 2;
}

static const char *check_origins(struct text value)
{
    struct text item;
    bool more = true;

    if (text_equal(text_trim(value), TEXT("*")))
        return NULL;
    while (more) {
        more = text_cut(value, ',', &item, &value);
        item = text_trim(item);
        if (item.n && !is_origin(item))
            return "must be * or origins (https://host, no path) separated by commas";
    }
    return NULL;
}

/* What a header field can carry and nobody guesses. Publishable keys are everybody's. */
static const char *check_server_keys(struct text value)
{
    struct text key;
    size_t n = 0;

    while (value.n) {
        text_cut(value, ',', &key, &value);
        key = text_trim(key);
        if (key.n == 0)
            continue;
        if (key.n < SERVER_KEY_MIN)
            return "has a key of fewer than 20 characters";
        if (text_starts(key, TEXT("sb_publishable_")))
            return "has a publishable key, which is no secret";
        for (size_t i = 0; i < key.n; i++)
            if (key.s[i] < 0x21 || key.s[i] > 0x7E)
                return "has a key with a blank or another character than visible ASCII";
        n++;
    }
    return n ? NULL : "has no key in it";
}

/* What people paste along with a value that must be right to the letter. */
static const char *check_exact(struct text value)
{
    return text_strip(value).n == value.n ? NULL : "has a blank or a line end around it";
}

/* In libpq's other form blanks mean nothing. */
static const char *check_database_url(struct text value)
{
    struct text url = text_trim(value);
    bool is_url = text_starts(url, TEXT("postgresql://")) || text_starts(url, TEXT("postgres://"));

    return is_url ? check_exact(value) : NULL;
}

static const char *check_dir(struct text value)
{
    return value.s[0] == '/' ? NULL : "must be an absolute path";
}

#define AT(field) offsetof(struct settings, field)

static const struct setting table[] = {
    {"TWILIO_ACCOUNT_SID", AT(twilio_account_sid), SENDERS, SENDERS, NULL, check_account,
     "the Twilio account (AC...)"},
    {"TWILIO_AUTH_TOKEN", AT(twilio_auth_token), ALL, ALL, NULL, check_exact,
     "its auth token: sends, and verifies Twilio's signatures"},
    {"TWILIO_PHONE_NUMBER", AT(twilio_phone_number), SENDERS, SENDERS, NULL, check_sms_sender,
     "the sender of SMS"},
    {"TWILIO_WHATSAPP_NUMBER", AT(twilio_whatsapp_number), SENDERS, 0, "+14155238886", check_number,
     "the sender on WhatsApp, with or without whatsapp: (default: Twilio's sandbox)"},
    {"TWILIO_MESSAGING_SERVICE_SID", AT(twilio_messaging_service_sid), SENDERS, 0, NULL,
     check_service, "a Messaging Service (MG...), used instead of the number for SMS"},
    {"TWILIO_WHATSAPP_TEMPLATE", AT(twilio_whatsapp_template), SENDERS, 0, NULL, check_content,
     "a template (HX...) for WhatsApp text to who has not written within 24 hours"},
    {"TWILIO_API_KEY", AT(twilio_api_key), SENDERS, 0, NULL, check_api_key,
     "an API key (SK...) to send with instead of the auth token"},
    {"TWILIO_API_KEY_SECRET", AT(twilio_api_key_secret), SENDERS, 0, NULL, check_exact,
     "the secret of that API key"},
    {"TWILIO_AUTH_TOKEN_SECONDARY", AT(twilio_auth_token_secondary), SETTINGS_WEBHOOK, 0, NULL,
     check_exact, "a second auth token accepted in signatures, for rotation"},
    {"TWILIO_WEBHOOK_SECRET", AT(webhook_secret), SETTINGS_WEBHOOK, 0, NULL, check_exact,
     "the shared key of a webhook rule, where Twilio signs with one"},
    {"TWILIO_WEBHOOK_SECRET_SECONDARY", AT(webhook_secret_secondary), SETTINGS_WEBHOOK, 0, NULL,
     check_exact, "a second shared key accepted in signatures, for rotation"},
    {"TWILIO_API_URL", AT(twilio_api_url), SENDERS, 0, "https://api.twilio.com", check_api_url,
     "where Twilio's API is; http only for loopback"},
    {"TWILIO_CA_FILE", AT(twilio_ca_file), KEYS_TOO, 0, NULL, check_dir,
     "a file of certificates to trust instead of the system's"},
    {"TWILIO_CA_PATH", AT(twilio_ca_path), KEYS_TOO, 0, "/etc/ssl/certs", check_dir,
     "a hashed directory of certificates to trust"},
    {"PUBLIC_URL", AT(public_url), ALL, ALL, NULL, check_public_url,
     "how Twilio reaches us, e.g. https://example.org/functions/v1"},
    {"DATABASE_URL", AT(database_url), DATABASE_TOO, 0, NULL, check_database_url,
     "a libpq connection string; without it libpq's own PG* variables"},
    {"SUPABASE_JWT_SECRET", AT(jwt_secret), SENDERS, 0, NULL, check_exact,
     "the secret of HS256 tokens"},
    {"JWT_JWKS_FILE", AT(jwks_file), KEYS_TOO, SETTINGS_KEYS, NULL, check_dir,
     "a JWK set with the keys of ES256 and RS256 tokens"},
    {"JWT_JWKS_URL", AT(jwks_url), SETTINGS_WHATSAPP | SETTINGS_KEYS, SETTINGS_KEYS, NULL,
     check_set_url, "where --fetch-keys finds that set; http only for loopback"},
    {"JWT_AUDIENCE", AT(jwt_audience), SENDERS, 0, "authenticated", check_exact,
     "what a user's token must have among its audiences"},
    {"JWT_ISSUER", AT(jwt_issuer), SENDERS, 0, NULL, check_exact,
     "what a user's token must name as its issuer"},
    {"SERVER_KEYS", AT(server_keys), SENDERS, 0, NULL, check_server_keys,
     "secrets, separated by commas, that servers present instead of a token (sb_secret_...)"},
    {"SEND_TWILIO_MESSAGE_AUTH", AT(sender_auth_word), SETTINGS_SENDER, 0, "none", check_auth,
     "none, optional or required: whether callers need a token"},
    {"RATE_LIMIT_PER_MINUTE", AT(rate_limit_word), SENDERS, 0, "5", check_rate,
     "messages of one user in any 60 seconds"},
    {"REFUSE_DEAD_NUMBERS", AT(refuse_dead_word), SENDERS, 0, "off", check_switch,
     "on: numbers at which nothing will arrive are refused before anything is spent"},
    {"WEBHOOK_SIGNATURE", AT(signature_word), SETTINGS_WEBHOOK, 0, "required", check_signature,
     "required, or if-present: unsigned callbacks from this host itself are taken too"},
    {"CORS_ALLOW_ORIGIN", AT(cors_allow_origin), ALL, 0, "*", check_origins,
     "* or the origins of the front end, separated by commas"},
    {"SPOOL_DIR", AT(spool_dir), DATABASE_TOO, 0, "/var/spool/twilio-cgi", check_dir,
     "where events wait while the database is away"},
    {"KEEP_TEXTS_DAYS", AT(keep_texts_word), SETTINGS_WEBHOOK | SETTINGS_DATABASE, 0, NULL,
     check_days, "--expire: how many days what messages say is kept; unset: for ever"},
    {"KEEP_MESSAGES_DAYS", AT(keep_messages_word), SETTINGS_WEBHOOK | SETTINGS_DATABASE, 0, NULL,
     check_days, "--expire: how many days messages are kept, of which sums stay; unset: for ever"},
    {"FCGI_THREADS", AT(fcgi_threads_word), ALL, 0, "256", check_threads,
     "FastCGI: requests that a process works on at once, at most"},
    {"DATABASE_POOL", AT(database_pool_word), ALL, 0, "4", check_pool,
     "FastCGI: database connections of a process"},
};

static const char *environment_value(void *self, const char *name)
{
    (void)self;
    return getenv(name); // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
}

const struct settings_source settings_environment = {NULL, environment_value};

/** The value of a setting, NULL where it is absent or empty; never the default. */
static const char *given(const struct setting *setting, const struct settings_source *source)
{
    const char *value = source->value(source->self, setting->name);

    return value && *value ? value : NULL;
}

static const char *problem_of(const struct setting *setting, const char *value)
{
    if (!value)
        return NULL;
    const char *problem = setting->check ? setting->check(text_of(value)) : NULL;
    for (const char *c = value; !problem && *c; c++)
        if ((unsigned char)*c < 0x20)
            problem = "has a control character";
    return problem;
}

static const char *value_of(const char *name, const struct settings_source *source)
{
    const char *value = source->value(source->self, name);

    return value && *value ? value : NULL;
}

/** What is missing because of another setting; NULL for nothing. */
static const char *missing_because(const char *name, enum settings_user user,
                                   const struct settings_source *source)
{
    struct text setting = text_of(name);

    if (text_equal(setting, TEXT("TWILIO_API_KEY")) && value_of("TWILIO_API_KEY_SECRET", source))
        return "TWILIO_API_KEY_SECRET is set without it";
    if (text_equal(setting, TEXT("TWILIO_API_KEY_SECRET")) && value_of("TWILIO_API_KEY", source))
        return "TWILIO_API_KEY is set without it";
    if (!text_equal(setting, TEXT("SUPABASE_JWT_SECRET")) || value_of("JWT_JWKS_FILE", source) ||
        value_of("SERVER_KEYS", source))
        return NULL;
    if (user == SETTINGS_WHATSAPP)
        return "tokens cannot be verified without it (or JWT_JWKS_FILE, or SERVER_KEYS)";
    struct text auth = text_of(value_of("SEND_TWILIO_MESSAGE_AUTH", source));
    return auth.n == 0 || text_equal(auth, TEXT("none"))
               ? NULL
               : "SEND_TWILIO_MESSAGE_AUTH asks for tokens, which need it (or another key)";
}

/** Does a path end in this endpoint? */
static bool ends_in(struct text path, struct text endpoint)
{
    return text_equal(path, endpoint) ||
           (path.n > endpoint.n && path.s[path.n - endpoint.n - 1] == '/' &&
            text_equal(text_skip(path, path.n - endpoint.n), endpoint));
}

/** Why Twilio's callbacks would not come to this PUBLIC_URL; NULL where nothing is known. */
static const char *unreachable_because(struct text public_url)
{
    static const struct text endpoints[] = {
        {"twilio-delivery-status", 22}, {"send-twilio-message", 19}, {"send-whatsapp", 13}};
    struct text host, path;
    bool https;

    if (!cut_url(public_url, &https, &host, &path))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        if (ends_in(path, endpoints[i]))
            return "names an endpoint; '/twilio-delivery-status' is put behind it";
    return address_unreachable(host);
}

/** Twilio's own address, which calls back from outside. */
static bool is_real_twilio(const char *api_url)
{
    struct text host, path;
    bool https;

    if (!api_url || !cut_url(text_of(api_url), &https, &host, &path))
        return !api_url;
    return host.n >= 11 && text_equal_nocase(text_skip(host, host.n - 11), TEXT(".twilio.com"));
}

static const char *doubt_of(const struct setting *setting, const struct settings_source *source)
{
    const char *value = given(setting, source);

    if (!value || !text_equal(text_of(setting->name), TEXT("PUBLIC_URL")) ||
        !is_real_twilio(value_of("TWILIO_API_URL", source)))
        return NULL;
    return unreachable_because(text_of(value));
}

static const char *fault_of(const struct setting *setting, enum settings_user user,
                            const struct settings_source *source, const char **ret_state)
{
    const char *value = given(setting, source);
    const char *problem = problem_of(setting, value);

    *ret_state = "invalid";
    if (problem)
        return problem;
    *ret_state = value ? "set" : setting->fallback ? "default" : "not set";
    if (value)
        return NULL;
    problem =
        (setting->required & user) ? "is required" : missing_because(setting->name, user, source);
    if (problem)
        *ret_state = "missing";
    return problem;
}

/** The words whose meaning the programs ask for. Words that are wrong leave the strict meaning. */
static void interpret(struct settings *settings)
{
    struct text auth = text_of(settings->sender_auth_word);
    uint64_t rate = 5, threads = 32, pool = 4, texts = 0, messages = 0;

    settings->sender_auth = text_equal(auth, TEXT("none"))       ? SETTINGS_AUTH_NONE
                            : text_equal(auth, TEXT("optional")) ? SETTINGS_AUTH_OPTIONAL
                                                                 : SETTINGS_AUTH_REQUIRED;
    (void)!text_number(text_of(settings->rate_limit_word), 1000, &rate);
    settings->rate_limit = (int)rate;
    (void)!text_number(text_of(settings->fcgi_threads_word), 512, &threads);
    settings->fcgi_threads = (int)threads;
    (void)!text_number(text_of(settings->database_pool_word), 64, &pool);
    settings->database_pool = (int)pool;
    settings->refuse_dead = text_equal(text_of(settings->refuse_dead_word), TEXT("on"));
    (void)!text_number(text_of(settings->keep_texts_word), DAYS_MAX, &texts);
    settings->keep_texts_days = (int)texts;
    (void)!text_number(text_of(settings->keep_messages_word), DAYS_MAX, &messages);
    settings->keep_messages_days = (int)messages;
    settings->signature_required =
        !text_equal(text_of(settings->signature_word), TEXT("if-present"));
}

bool settings_read(struct settings *settings, enum settings_user user,
                   const struct settings_source *source, struct fault *reterr)
{
    bool good = true;

    *settings = (struct settings){0};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *setting = &table[i];
        const char *state, *value = given(setting, source);
        if (!(setting->users & user))
            continue;
        const char *problem = fault_of(setting, user, source, &state);
        if (problem && good)
            good = fault_set(reterr, FAULT_MISCONFIGURED, "setting '%s' %s: %s", setting->name,
                             state, problem);
        if (problem)
            value = NULL;
        else if (!value)
            value = setting->fallback;
        *(const char **)((char *)settings + setting->offset) = value;
    }
    if (value_of("TWILIO_CA_FILE", source) && !value_of("TWILIO_CA_PATH", source))
        settings->twilio_ca_path = NULL;
    interpret(settings);
    return good;
}

bool settings_describe(enum settings_user user, const struct settings_source *source, size_t i,
                       struct settings_line *ret_line)
{
    for (size_t at = 0; at < ARRAY_LEN(table); at++) {
        const struct setting *setting = &table[at];
        if (!(setting->users & user) || i-- > 0)
            continue;
        *ret_line = (struct settings_line){
            .name = setting->name, .help = setting->help, .fallback = setting->fallback};
        ret_line->problem = fault_of(setting, user, source, &ret_line->state);
        if (!ret_line->problem)
            ret_line->doubt = doubt_of(setting, source);
        return true;
    }
    return false;
}
