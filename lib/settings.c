#include "settings.h"

#include <stddef.h>
#include <stdlib.h>

#include "address.h"
#include "settings_check.h"

enum {
    SENDERS = SETTINGS_SENDER | SETTINGS_WHATSAPP,
    ALL = SENDERS | SETTINGS_WEBHOOK,
    DATABASE_TOO = ALL | SETTINGS_DATABASE,
    KEYS_TOO = SENDERS | SETTINGS_KEYS,
};

/** One setting. `check` says what is wrong with a value that is there, NULL for nothing. */
struct setting {
    const char *name;
    size_t offset;
    unsigned users, required; /* of enum settings_user */
    const char *fallback;
    const char *(*check)(struct text value);
    const char *help;
};

#define AT(field) offsetof(struct settings, field)

static const struct setting table[] = {
    {"TWILIO_ACCOUNT_SID", AT(twilio_account_sid), SENDERS, SENDERS, NULL, settings_check_account,
     "the Twilio account (AC...)"},
    {"TWILIO_AUTH_TOKEN", AT(twilio_auth_token), ALL, ALL, NULL, settings_check_exact,
     "its auth token: sends, and verifies Twilio's signatures"},
    {"TWILIO_PHONE_NUMBER", AT(twilio_phone_number), SENDERS, SENDERS, NULL,
     settings_check_sms_sender, "the sender of SMS"},
    {"TWILIO_WHATSAPP_NUMBER", AT(twilio_whatsapp_number), SENDERS, 0, "+14155238886",
     settings_check_number,
     "the sender on WhatsApp, with or without whatsapp: (default: Twilio's sandbox)"},
    {"TWILIO_MESSAGING_SERVICE_SID", AT(twilio_messaging_service_sid), SENDERS, 0, NULL,
     settings_check_service, "a Messaging Service (MG...), used instead of the number for SMS"},
    {"TWILIO_WHATSAPP_TEMPLATE", AT(twilio_whatsapp_template), SENDERS, 0, NULL,
     settings_check_content,
     "a template (HX...) for WhatsApp text to who has not written within 24 hours"},
    {"TWILIO_API_KEY", AT(twilio_api_key), SENDERS, 0, NULL, settings_check_api_key,
     "an API key (SK...) to send with instead of the auth token"},
    {"TWILIO_API_KEY_SECRET", AT(twilio_api_key_secret), SENDERS, 0, NULL, settings_check_exact,
     "the secret of that API key"},
    {"TWILIO_AUTH_TOKEN_SECONDARY", AT(twilio_auth_token_secondary), SETTINGS_WEBHOOK, 0, NULL,
     settings_check_exact, "a second auth token accepted in signatures, for rotation"},
    {"TWILIO_WEBHOOK_SECRET", AT(webhook_secret), SETTINGS_WEBHOOK, 0, NULL, settings_check_exact,
     "the shared key of a webhook rule, where Twilio signs with one"},
    {"TWILIO_WEBHOOK_SECRET_SECONDARY", AT(webhook_secret_secondary), SETTINGS_WEBHOOK, 0, NULL,
     settings_check_exact, "a second shared key accepted in signatures, for rotation"},
    {"TWILIO_API_URL", AT(twilio_api_url), SENDERS, 0, "https://api.twilio.com",
     settings_check_api_url, "where Twilio's API is; http only for loopback"},
    {"TWILIO_CA_FILE", AT(twilio_ca_file), KEYS_TOO, 0, NULL, settings_check_dir,
     "a file of certificates to trust instead of the system's"},
    {"TWILIO_CA_PATH", AT(twilio_ca_path), KEYS_TOO, 0, "/etc/ssl/certs", settings_check_dir,
     "a hashed directory of certificates to trust"},
    {"PUBLIC_URL", AT(public_url), ALL, ALL, NULL, settings_check_public_url,
     "how Twilio reaches us, e.g. https://example.org/functions/v1"},
    {"DATABASE_URL", AT(database_url), DATABASE_TOO, 0, NULL, settings_check_database_url,
     "a libpq connection string; without it libpq's own PG* variables"},
    {"SUPABASE_JWT_SECRET", AT(jwt_secret), SENDERS, 0, NULL, settings_check_exact,
     "the secret of HS256 tokens"},
    {"JWT_JWKS_FILE", AT(jwks_file), KEYS_TOO, SETTINGS_KEYS, NULL, settings_check_dir,
     "a JWK set with the keys of ES256 and RS256 tokens"},
    {"JWT_JWKS_URL", AT(jwks_url), SETTINGS_WHATSAPP | SETTINGS_KEYS, SETTINGS_KEYS, NULL,
     settings_check_set_url, "where --fetch-keys finds that set; http only for loopback"},
    {"JWT_AUDIENCE", AT(jwt_audience), SENDERS, 0, "authenticated", settings_check_exact,
     "what a user's token must have among its audiences"},
    {"JWT_ISSUER", AT(jwt_issuer), SENDERS, 0, NULL, settings_check_exact,
     "what a user's token must name as its issuer"},
    {"SERVER_KEYS", AT(server_keys), SENDERS, 0, NULL, settings_check_server_keys,
     "secrets, separated by commas, that servers present instead of a token (sb_secret_...)"},
    {"SEND_TWILIO_MESSAGE_AUTH", AT(sender_auth_word), SETTINGS_SENDER, 0, "none",
     settings_check_auth, "none, optional or required: whether callers need a token"},
    {"RATE_LIMIT_PER_MINUTE", AT(rate_limit_word), SENDERS, 0, "5", settings_check_rate,
     "messages of one user in any 60 seconds"},
    {"REFUSE_DEAD_NUMBERS", AT(refuse_dead_word), SENDERS, 0, "off", settings_check_switch,
     "on: numbers at which nothing will arrive are refused before anything is spent"},
    {"WEBHOOK_SIGNATURE", AT(signature_word), SETTINGS_WEBHOOK, 0, "required",
     settings_check_signature,
     "required, or if-present: unsigned callbacks from this host itself are taken too"},
    {"CORS_ALLOW_ORIGIN", AT(cors_allow_origin), ALL, 0, "*", settings_check_origins,
     "* or the origins of the front end, separated by commas"},
    {"SPOOL_DIR", AT(spool_dir), DATABASE_TOO, 0, "/var/spool/twilio-cgi", settings_check_dir,
     "where events wait while the database is away"},
    {"KEEP_TEXTS_DAYS", AT(keep_texts_word), SETTINGS_WEBHOOK | SETTINGS_DATABASE, 0, NULL,
     settings_check_days, "--expire: how many days what messages say is kept; unset: for ever"},
    {"KEEP_MESSAGES_DAYS", AT(keep_messages_word), SETTINGS_WEBHOOK | SETTINGS_DATABASE, 0, NULL,
     settings_check_days,
     "--expire: how many days messages are kept, of which sums stay; unset: for ever"},
    {"FCGI_THREADS", AT(fcgi_threads_word), ALL, 0, "256", settings_check_threads,
     "FastCGI: threads of a process at most: 32 work, the others wait for Twilio"},
    {"DATABASE_POOL", AT(database_pool_word), ALL, 0, "4", settings_check_pool,
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

    if (!settings_check_cut_url(public_url, &https, &host, &path))
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

    if (!api_url || !settings_check_cut_url(text_of(api_url), &https, &host, &path))
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
    uint64_t rate = 5, threads = 256, pool = 4, texts = 0, messages = 0;

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
    (void)!text_number(text_of(settings->keep_texts_word), SETTINGS_DAYS_MAX, &texts);
    settings->keep_texts_days = (int)texts;
    (void)!text_number(text_of(settings->keep_messages_word), SETTINGS_DAYS_MAX, &messages);
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
