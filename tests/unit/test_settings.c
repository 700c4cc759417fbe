/* The settings: defaults, what each value must look like, and what each program needs. */

#include "fake_record.h"
#include "settings.h"
#include "unit.h"

#define ACCOUNT   "AC0123456789abcdef0123456789abcdef"
#define SECRETS   "hush-hush"
#define KEY_OF_20 "0123456789abcdefghij"

/** An environment: "NAME=value", up to NULL. Later ones count. */
struct environment {
    const char *const *lists[2];
};

static const char *value_of(void *self, const char *name)
{
    const struct environment *environment = self;
    const char *value = NULL;
    size_t n = strlen(name);

    for (size_t i = 0; i < ARRAY_LEN(environment->lists); i++)
        for (const char *const *v = environment->lists[i]; v && *v; v++)
            if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
                value = *v + n + 1;
    return value;
}

static const char *const complete[] = {
    "TWILIO_ACCOUNT_SID=" ACCOUNT,      "TWILIO_AUTH_TOKEN=" SECRETS,
    "TWILIO_PHONE_NUMBER=+15005550006", "PUBLIC_URL=https://example.org/functions/v1",
    "SUPABASE_JWT_SECRET=" SECRETS,     NULL,
};

/** One value beside a complete environment, and what is wrong with it (NULL: nothing). */
static const struct value_row {
    const char *label;
    const char *variables[4];
    const char *problem; /* a part of the fault's detail */
    enum settings_user user;
} values[] = {
    {"a complete environment"},
    {"empty is absent: the account is missing",
     {"TWILIO_ACCOUNT_SID="},
     "setting 'TWILIO_ACCOUNT_SID' missing: is required"},
    {"empty is absent: the token is missing",
     {"TWILIO_AUTH_TOKEN="},
     "setting 'TWILIO_AUTH_TOKEN' missing: is required"},
    {"empty is absent: the number is missing",
     {"TWILIO_PHONE_NUMBER="},
     "setting 'TWILIO_PHONE_NUMBER' missing: is required"},
    {"empty is absent: the public URL is missing",
     {"PUBLIC_URL="},
     "setting 'PUBLIC_URL' missing: is required"},
    {"an account of another kind",
     {"TWILIO_ACCOUNT_SID=SK0123456789abcdef0123456789abcdef"},
     "'TWILIO_ACCOUNT_SID' invalid"},
    {"an account too short", {"TWILIO_ACCOUNT_SID=AC0123"}, "'TWILIO_ACCOUNT_SID' invalid"},
    {"an account that would change the URL",
     {"TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abc/.."},
     "'TWILIO_ACCOUNT_SID' invalid"},
    {"a token with a line end", {"TWILIO_AUTH_TOKEN=a\nb"}, "'TWILIO_AUTH_TOKEN' invalid"},
    {"a token with a line end behind it",
     {"TWILIO_AUTH_TOKEN=" SECRETS "\n"},
     "'TWILIO_AUTH_TOKEN' invalid: has a blank or a line end around it"},
    {"a token with a line end of Windows",
     {"TWILIO_AUTH_TOKEN=" SECRETS "\r"},
     "'TWILIO_AUTH_TOKEN' invalid: has a blank or a line end around it"},
    {"a token with a blank before it",
     {"TWILIO_AUTH_TOKEN= " SECRETS},
     "'TWILIO_AUTH_TOKEN' invalid: has a blank"},
    {"the webhook's token with a blank behind it",
     {"TWILIO_AUTH_TOKEN=" SECRETS " "},
     "'TWILIO_AUTH_TOKEN' invalid: has a blank",
     SETTINGS_WEBHOOK},
    {"a second token with a tabulator behind it",
     {"TWILIO_AUTH_TOKEN_SECONDARY=" SECRETS "\t"},
     "'TWILIO_AUTH_TOKEN_SECONDARY' invalid: has a blank",
     SETTINGS_WEBHOOK},
    {"a shared key with a line end behind it",
     {"TWILIO_WEBHOOK_SECRET=" SECRETS "\n"},
     "'TWILIO_WEBHOOK_SECRET' invalid: has a blank",
     SETTINGS_WEBHOOK},
    {"a second shared key with a blank before it",
     {"TWILIO_WEBHOOK_SECRET_SECONDARY= " SECRETS},
     "'TWILIO_WEBHOOK_SECRET_SECONDARY' invalid: has a blank",
     SETTINGS_WEBHOOK},
    {"an API key's secret with a blank behind it",
     {"TWILIO_API_KEY=SK0123456789abcdef0123456789abcdef", "TWILIO_API_KEY_SECRET=" SECRETS " "},
     "'TWILIO_API_KEY_SECRET' invalid: has a blank"},
    {"a JWT secret with a line end behind it",
     {"SUPABASE_JWT_SECRET=" SECRETS "\n"},
     "'SUPABASE_JWT_SECRET' invalid: has a blank"},
    {"a JWT secret with a no-break space before it",
     {"SUPABASE_JWT_SECRET=\xC2\xA0" SECRETS},
     "'SUPABASE_JWT_SECRET' invalid: has a blank"},
    {"a token with what nobody sees behind it",
     {"TWILIO_AUTH_TOKEN=" SECRETS "\xE2\x80\x8B"},
     "'TWILIO_AUTH_TOKEN' invalid: has a blank"},
    {"a token with a byte order mark before it",
     {"TWILIO_AUTH_TOKEN=\xEF\xBB\xBF" SECRETS},
     "'TWILIO_AUTH_TOKEN' invalid: has a blank"},
    {"a JWT secret of blanks", {"SUPABASE_JWT_SECRET=  "}, "'SUPABASE_JWT_SECRET' invalid"},
    {"a JWT secret with a blank inside", {"SUPABASE_JWT_SECRET=hush hush"}},
    {"an audience with a blank behind it", {"JWT_AUDIENCE=a "}, "'JWT_AUDIENCE' invalid"},
    {"an issuer with a blank behind it", {"JWT_ISSUER=https://a "}, "'JWT_ISSUER' invalid"},
    {"server keys with a line end behind them",
     {"SERVER_KEYS=" KEY_OF_20 "\n"},
     "'SERVER_KEYS' invalid: has a control character"},
    {"a database's URL with a blank behind it",
     {"DATABASE_URL=postgresql://a:" SECRETS "@h/d "},
     "'DATABASE_URL' invalid: has a blank"},
    {"a database's URL with a blank before it",
     {"DATABASE_URL= postgres://a:" SECRETS "@h/d"},
     "'DATABASE_URL' invalid: has a blank"},
    {"a database in words, with blanks around them", {"DATABASE_URL= host=h  dbname=d "}},
    {"a sender by name", {"TWILIO_PHONE_NUMBER=My Shop"}},
    {"a short code", {"TWILIO_PHONE_NUMBER=12345"}},
    {"a sender name of twelve letters",
     {"TWILIO_PHONE_NUMBER=ABCDEFGHIJKL"},
     "'TWILIO_PHONE_NUMBER' invalid"},
    {"a sender name with another character",
     {"TWILIO_PHONE_NUMBER=My#Shop"},
     "'TWILIO_PHONE_NUMBER' invalid"},
    {"a number with spaces",
     {"TWILIO_PHONE_NUMBER=+1 500 555 0006"},
     "'TWILIO_PHONE_NUMBER' invalid"},
    {"a WhatsApp number with its prefix", {"TWILIO_WHATSAPP_NUMBER=whatsapp:+201000000000"}},
    {"a WhatsApp number without +",
     {"TWILIO_WHATSAPP_NUMBER=201000000000"},
     "'TWILIO_WHATSAPP_NUMBER' invalid"},
    {"a WhatsApp number of 16 digits",
     {"TWILIO_WHATSAPP_NUMBER=+2010000000001234"},
     "'TWILIO_WHATSAPP_NUMBER' invalid"},
    {"a WhatsApp number of 15 digits", {"TWILIO_WHATSAPP_NUMBER=+201000000000123"}},
    {"a WhatsApp number of 7 digits", {"TWILIO_WHATSAPP_NUMBER=+2010000"}},
    {"a WhatsApp number of 6 digits",
     {"TWILIO_WHATSAPP_NUMBER=+201000"},
     "'TWILIO_WHATSAPP_NUMBER' invalid"},
    {"a WhatsApp number with a letter",
     {"TWILIO_WHATSAPP_NUMBER=+2010000000x"},
     "'TWILIO_WHATSAPP_NUMBER' invalid"},
    {"a Messaging Service", {"TWILIO_MESSAGING_SERVICE_SID=MG0123456789abcdef0123456789abcdef"}},
    {"a Messaging Service of another kind",
     {"TWILIO_MESSAGING_SERVICE_SID=" ACCOUNT},
     "'TWILIO_MESSAGING_SERVICE_SID' invalid"},
    {"an API key with its secret",
     {"TWILIO_API_KEY=SK0123456789abcdef0123456789abcdef", "TWILIO_API_KEY_SECRET=" SECRETS}},
    {"an API key alone",
     {"TWILIO_API_KEY=SK0123456789abcdef0123456789abcdef"},
     "'TWILIO_API_KEY_SECRET' missing: TWILIO_API_KEY is set without it"},
    {"an API key's secret alone",
     {"TWILIO_API_KEY_SECRET=" SECRETS},
     "'TWILIO_API_KEY' missing: TWILIO_API_KEY_SECRET is set without it"},
    {"an API key's secret that is empty is none", {"TWILIO_API_KEY_SECRET="}},
    {"an API key of another kind",
     {"TWILIO_API_KEY=" ACCOUNT, "TWILIO_API_KEY_SECRET=" SECRETS},
     "'TWILIO_API_KEY' invalid"},
    {"the API at a port", {"TWILIO_API_URL=https://api.example:8443"}},
    {"the API on loopback by http", {"TWILIO_API_URL=http://127.0.0.1:4010"}},
    {"the API on localhost by http", {"TWILIO_API_URL=http://localhost"}},
    {"the API on IPv6 loopback by http", {"TWILIO_API_URL=http://[::1]:4010"}},
    {"the API elsewhere by http", {"TWILIO_API_URL=http://api.twilio.com"}, "must be https"},
    {"the API on a name that looks like loopback",
     {"TWILIO_API_URL=http://127.0.0.1.example.org"},
     "must be https"},
    {"the API on another name that looks like loopback",
     {"TWILIO_API_URL=http://localhost.example.org"},
     "must be https"},
    {"the API with a path", {"TWILIO_API_URL=https://api.twilio.com/x"}, "without a path"},
    {"the API with a slash", {"TWILIO_API_URL=https://api.twilio.com/"}, "trailing slash"},
    {"the API with a user", {"TWILIO_API_URL=https://u@api.twilio.com"}, "TWILIO_API_URL"},
    {"the API without a host", {"TWILIO_API_URL=https://"}, "TWILIO_API_URL"},
    {"the API without a scheme", {"TWILIO_API_URL=api.twilio.com"}, "TWILIO_API_URL"},
    {"the API by another scheme", {"TWILIO_API_URL=file:///etc/passwd"}, "TWILIO_API_URL"},
    {"a short code", {"TWILIO_PHONE_NUMBER=12345"}},
    {"a sender without its country",
     {"TWILIO_PHONE_NUMBER=01012345678"},
     "'TWILIO_PHONE_NUMBER' invalid"},
    {"a public URL by http, for trials", {"PUBLIC_URL=http://localhost:8080/functions/v1"}},
    {"a public URL without a path", {"PUBLIC_URL=https://example.org"}},
    {"a public URL with a slash", {"PUBLIC_URL=https://example.org/"}, "'PUBLIC_URL' invalid"},
    {"a public URL with a query", {"PUBLIC_URL=https://example.org/?a"}, "'PUBLIC_URL' invalid"},
    {"a public URL with a fragment",
     {"PUBLIC_URL=https://example.org/#rc=1"},
     "'PUBLIC_URL' invalid"},
    {"a public URL that Twilio does not call",
     {"PUBLIC_URL=https://my_host.example.org/f"},
     "'PUBLIC_URL' invalid"},
    {"an underscore in its path", {"PUBLIC_URL=https://example.org/my_functions"}},
    {"a public URL at a port", {"PUBLIC_URL=https://example.org:8443/f"}},
    {"a public URL at the last port", {"PUBLIC_URL=https://example.org:65535"}},
    {"a public URL beyond the last port",
     {"PUBLIC_URL=https://example.org:65536/f"},
     "'PUBLIC_URL' invalid: must be an http or https URL (a port up to 65535)"},
    {"a public URL at port 0", {"PUBLIC_URL=https://example.org:0/f"}, "'PUBLIC_URL' invalid"},
    {"a public URL at no port", {"PUBLIC_URL=https://example.org:/f"}, "'PUBLIC_URL' invalid"},
    {"a public URL at a port by name",
     {"PUBLIC_URL=https://example.org:https/f"},
     "'PUBLIC_URL' invalid"},
    {"a public URL by IPv6", {"PUBLIC_URL=https://[2a00::1]/f"}},
    {"a public URL by IPv6 at a port", {"PUBLIC_URL=https://[2a00::1]:8443/f"}},
    {"a public URL by IPv6 beyond the last port",
     {"PUBLIC_URL=https://[2a00::1]:70000/f"},
     "'PUBLIC_URL' invalid"},
    {"a public URL by IPv6 with something behind it",
     {"PUBLIC_URL=https://[2a00::1]x/f"},
     "'PUBLIC_URL' invalid"},
    {"a public URL by IPv6 without its bracket",
     {"PUBLIC_URL=https://[2a00::1/f"},
     "'PUBLIC_URL' invalid"},
    {"a public URL by IPv6 without brackets",
     {"PUBLIC_URL=https://2a00::1/f"},
     "'PUBLIC_URL' invalid"},
    {"the API beyond the last port", {"TWILIO_API_URL=https://a.example:65536"}, "TWILIO_API_URL"},
    {"a public URL that is none", {"PUBLIC_URL=example.org"}, "'PUBLIC_URL' invalid"},
    {"a relative key file", {"JWT_JWKS_FILE=keys.json"}, "must be an absolute path"},
    {"a day", {"KEEP_TEXTS_DAYS=1", "KEEP_MESSAGES_DAYS=36500"}, .user = SETTINGS_DATABASE},
    {"no day",
     {"KEEP_TEXTS_DAYS=0"},
     "'KEEP_TEXTS_DAYS' invalid: must be a number from 1",
     SETTINGS_DATABASE},
    {"days that are no number",
     {"KEEP_MESSAGES_DAYS=30d"},
     "'KEEP_MESSAGES_DAYS' invalid",
     SETTINGS_WEBHOOK},
    {"a key set by https", {"JWT_JWKS_URL=https://a.example/jwks.json"}, .user = SETTINGS_WHATSAPP},
    {"a key set by http from here",
     {"JWT_JWKS_URL=http://127.0.0.1:8080/jwks"},
     .user = SETTINGS_WHATSAPP},
    {"a key set whose address has a query",
     {"JWT_JWKS_URL=https://a.example/jwks?apikey=a-b_c.d"},
     .user = SETTINGS_WHATSAPP},
    {"a key set by http",
     {"JWT_JWKS_URL=http://a.example/jwks.json"},
     "'JWT_JWKS_URL' invalid: must be https (http only for loopback)",
     SETTINGS_WHATSAPP},
    {"a key set by http from a name that looks like loopback",
     {"JWT_JWKS_URL=http://127.0.0.1.example.org/jwks.json"},
     "must be https",
     SETTINGS_WHATSAPP},
    {"a key set with a password",
     {"JWT_JWKS_URL=https://me:hush@a.example/jwks.json"},
     "'JWT_JWKS_URL' invalid: must be https://host/path",
     SETTINGS_WHATSAPP},
    {"a key set from a file",
     {"JWT_JWKS_URL=file:///etc/keys"},
     "'JWT_JWKS_URL' invalid",
     SETTINGS_WHATSAPP},
    {"a key set without a path",
     {"JWT_JWKS_URL=https://a.example"},
     "'JWT_JWKS_URL' invalid",
     SETTINGS_WHATSAPP},
    {"a key set with a fragment",
     {"JWT_JWKS_URL=https://a.example/jwks#here"},
     "'JWT_JWKS_URL' invalid",
     SETTINGS_WHATSAPP},
    {"keys are fetched to a file",
     {"JWT_JWKS_URL=https://a.example/jwks"},
     "'JWT_JWKS_FILE' missing: is required",
     SETTINGS_KEYS},
    {"keys are fetched from somewhere",
     {"JWT_JWKS_FILE=/keys.json"},
     "'JWT_JWKS_URL' missing: is required",
     SETTINGS_KEYS},
    {"keys are fetched without anything of Twilio's",
     {"JWT_JWKS_FILE=/keys.json", "JWT_JWKS_URL=https://a.example/jwks",
      "TWILIO_AUTH_TOKEN=", "PUBLIC_URL="},
     NULL,
     SETTINGS_KEYS},
    {"a relative spool", {"SPOOL_DIR=spool"}, "must be an absolute path"},
    {"a relative certificate file", {"TWILIO_CA_FILE=ca.pem"}, "must be an absolute path"},
    {"no tokens", {"SEND_TWILIO_MESSAGE_AUTH=none"}},
    {"tokens optional", {"SEND_TWILIO_MESSAGE_AUTH=optional"}},
    {"tokens required", {"SEND_TWILIO_MESSAGE_AUTH=required"}},
    {"tokens by another word", {"SEND_TWILIO_MESSAGE_AUTH=yes"}, "none, optional or required"},
    {"tokens in capitals", {"SEND_TWILIO_MESSAGE_AUTH=NONE"}, "none, optional or required"},
    {"tokens optional without a key",
     {"SEND_TWILIO_MESSAGE_AUTH=optional", "SUPABASE_JWT_SECRET="},
     "'SUPABASE_JWT_SECRET' missing: SEND_TWILIO_MESSAGE_AUTH asks for tokens"},
    {"tokens required without a key",
     {"SEND_TWILIO_MESSAGE_AUTH=required", "SUPABASE_JWT_SECRET="},
     "'SUPABASE_JWT_SECRET' missing"},
    {"tokens required with a key set alone",
     {"SEND_TWILIO_MESSAGE_AUTH=required", "SUPABASE_JWT_SECRET=", "JWT_JWKS_FILE=/keys.json"}},
    {"tokens required with server keys alone",
     {"SEND_TWILIO_MESSAGE_AUTH=required", "SUPABASE_JWT_SECRET=", "SERVER_KEYS=" KEY_OF_20}},
    {"a server key of 20 characters", {"SERVER_KEYS=" KEY_OF_20}},
    {"server keys with blanks around them and empty ones",
     {"SERVER_KEYS= ," KEY_OF_20 " , ," KEY_OF_20 "x, "}},
    {"a server key of 19 characters",
     {"SERVER_KEYS=0123456789abcdefghi"},
     "'SERVER_KEYS' invalid: has a key of fewer than 20 characters"},
    {"a short server key behind a long one",
     {"SERVER_KEYS=" KEY_OF_20 ",x"},
     "'SERVER_KEYS' invalid: has a key of fewer than 20 characters"},
    {"a server key with a blank inside",
     {"SERVER_KEYS=" KEY_OF_20 " " KEY_OF_20},
     "'SERVER_KEYS' invalid: has a key with a blank"},
    {"a server key that no header carries",
     {"SERVER_KEYS=" KEY_OF_20 "\xD9\x85"},
     "'SERVER_KEYS' invalid: has a key with a blank"},
    {"a publishable key among the server keys",
     {"SERVER_KEYS=" KEY_OF_20 ",sb_publishable_0123456789abcdef"},
     "'SERVER_KEYS' invalid: has a publishable key"},
    {"server keys of which there is none",
     {"SERVER_KEYS= , ,"},
     "'SERVER_KEYS' invalid: has no key"},
    {"the webhook does not look at server keys", {"SERVER_KEYS=x"}, .user = SETTINGS_WEBHOOK},
    {"no tokens, no key", {"SUPABASE_JWT_SECRET="}},
    {"no tokens by its word, no key", {"SEND_TWILIO_MESSAGE_AUTH=none", "SUPABASE_JWT_SECRET="}},
    {"send-whatsapp without a key",
     {"SUPABASE_JWT_SECRET="},
     "'SUPABASE_JWT_SECRET' missing: tokens cannot be verified",
     SETTINGS_WHATSAPP},
    {"send-whatsapp with a key set alone",
     {"SUPABASE_JWT_SECRET=", "JWT_JWKS_FILE=/keys.json"},
     NULL,
     SETTINGS_WHATSAPP},
    {"send-whatsapp does not look at the other's tokens",
     {"SEND_TWILIO_MESSAGE_AUTH=rubbish"},
     NULL,
     SETTINGS_WHATSAPP},
    {"a template", {"TWILIO_WHATSAPP_TEMPLATE=HX0123456789abcdef0123456789abcdef"}},
    {"a template that is none", {"TWILIO_WHATSAPP_TEMPLATE=HX01"}, "must be HX"},
    {"a template with another letter",
     {"TWILIO_WHATSAPP_TEMPLATE=HX0123456789abcdef0123456789abcdeg"},
     "must be HX and 32 hexadecimal digits"},
    {"dead numbers refused", {"REFUSE_DEAD_NUMBERS=on"}},
    {"dead numbers perhaps refused", {"REFUSE_DEAD_NUMBERS=yes"}, "must be on or off"},
    {"a limit of 1", {"RATE_LIMIT_PER_MINUTE=1"}},
    {"a limit of 1000", {"RATE_LIMIT_PER_MINUTE=1000"}},
    {"a limit of 0", {"RATE_LIMIT_PER_MINUTE=0"}, "from 1 to 1000"},
    {"a limit of 1001", {"RATE_LIMIT_PER_MINUTE=1001"}, "from 1 to 1000"},
    {"a negative limit", {"RATE_LIMIT_PER_MINUTE=-1"}, "from 1 to 1000"},
    {"a limit with a unit", {"RATE_LIMIT_PER_MINUTE=5/min"}, "from 1 to 1000"},
    {"no threads at all", {"FCGI_THREADS=0"}, "'FCGI_THREADS' invalid"},
    {"one thread", {"FCGI_THREADS=1"}},
    {"512 threads", {"FCGI_THREADS=512"}},
    {"513 threads", {"FCGI_THREADS=513"}, "'FCGI_THREADS' invalid"},
    {"as many threads as numbers go", {"FCGI_THREADS=99999"}, "'FCGI_THREADS' invalid"},
    {"no connections at all", {"DATABASE_POOL=0"}, "'DATABASE_POOL' invalid"},
    {"one connection", {"DATABASE_POOL=1"}},
    {"64 connections", {"DATABASE_POOL=64"}},
    {"65 connections", {"DATABASE_POOL=65"}, "'DATABASE_POOL' invalid"},
    {"any origin", {"CORS_ALLOW_ORIGIN=*"}},
    {"any origin with white space around it", {"CORS_ALLOW_ORIGIN= * "}},
    {"origins", {"CORS_ALLOW_ORIGIN=https://a.example, http://localhost:5173"}},
    {"an origin with a path",
     {"CORS_ALLOW_ORIGIN=https://a.example/"},
     "'CORS_ALLOW_ORIGIN' invalid"},
    {"any origin and one",
     {"CORS_ALLOW_ORIGIN=*, https://a.example"},
     "'CORS_ALLOW_ORIGIN' invalid"},
    {"an origin without a scheme", {"CORS_ALLOW_ORIGIN=a.example"}, "'CORS_ALLOW_ORIGIN' invalid"},
    {"an origin without a host", {"CORS_ALLOW_ORIGIN=https://"}, "'CORS_ALLOW_ORIGIN' invalid"},
    {"an origin without its slashes",
     {"CORS_ALLOW_ORIGIN=https:a.example"},
     "'CORS_ALLOW_ORIGIN' invalid"},
    {"an origin with a scheme that is none",
     {"CORS_ALLOW_ORIGIN=ht tp://a.example"},
     "'CORS_ALLOW_ORIGIN' invalid"},
    {"a comma behind the last", {"CORS_ALLOW_ORIGIN=https://a.example,"}},
    {"an origin of an application", {"CORS_ALLOW_ORIGIN=capacitor://localhost"}},
    {"origins with a quote", {"CORS_ALLOW_ORIGIN=\"*\""}, "'CORS_ALLOW_ORIGIN' invalid"},
    {"origins with a line end", {"CORS_ALLOW_ORIGIN=*\r\nX: y"}, "'CORS_ALLOW_ORIGIN' invalid"},
    {"the webhook needs neither account nor number nor key",
     {"TWILIO_ACCOUNT_SID=", "TWILIO_PHONE_NUMBER=", "SUPABASE_JWT_SECRET="},
     NULL,
     SETTINGS_WEBHOOK},
    {"the webhook needs the token",
     {"TWILIO_AUTH_TOKEN="},
     "'TWILIO_AUTH_TOKEN' missing: is required",
     SETTINGS_WEBHOOK},
    {"the webhook needs its public URL",
     {"PUBLIC_URL="},
     "'PUBLIC_URL' missing: is required",
     SETTINGS_WEBHOOK},
    {"the webhook does not look at a sender's settings",
     {"TWILIO_API_URL=rubbish", "RATE_LIMIT_PER_MINUTE=0"},
     NULL,
     SETTINGS_WEBHOOK},
    {"signatures if present", {"WEBHOOK_SIGNATURE=if-present"}, NULL, SETTINGS_WEBHOOK},
    {"signatures required", {"WEBHOOK_SIGNATURE=required"}, NULL, SETTINGS_WEBHOOK},
    {"signatures by another word",
     {"WEBHOOK_SIGNATURE=off"},
     "must be required or if-present",
     SETTINGS_WEBHOOK},
    {"a sender does not look at the webhook's signatures", {"WEBHOOK_SIGNATURE=off"}},
    {"the first of several faults is told",
     {"PUBLIC_URL=", "TWILIO_ACCOUNT_SID="},
     "'TWILIO_ACCOUNT_SID' missing"},
};

static enum settings_user user_of(const struct value_row *row)
{
    return row->user ? row->user : SETTINGS_SENDER;
}

static void test_value(void **state)
{
    const struct value_row *row = *state;
    struct environment environment = {{complete, row->variables}};
    const struct settings_source source = {&environment, value_of};
    struct settings settings;
    struct fault fault = {0};

    bool good = settings_read(&settings, user_of(row), &source, &fault);
    if (good != !row->problem)
        fail_msg("%s", good ? "was accepted" : fault.detail);
    if (!row->problem)
        return;
    assert_int_equal(fault.kind, FAULT_MISCONFIGURED);
    if (!strstr(fault.detail, row->problem))
        fail_msg("%s", fault.detail);
    for (size_t i = 0; row->variables[i]; i++) {
        const char *value = strchr(row->variables[i], '=') + 1;
        assert_true(strlen(value) < 9 || !strstr(fault.detail, value));
    }
}

/** What --check says of the same: good where reading is, and never a value. */
static void test_described(void **state)
{
    const struct value_row *row = *state;
    struct environment environment = {{complete, row->variables}};
    const struct settings_source source = {&environment, value_of};
    struct settings_line line;
    bool good = true;
    size_t n = 0;

    for (; settings_describe(user_of(row), &source, n, &line); n++) {
        bool bad = strcmp(line.state, "missing") == 0 || strcmp(line.state, "invalid") == 0;
        assert_true(bad == (line.problem != NULL));
        assert_non_null(line.help);
        assert_true(!line.problem || !strstr(line.problem, SECRETS));
        good = good && !line.problem;
    }
    assert_true(n >= 2);
    assert_true(good == !row->problem);
}

static struct settings read_settings(enum settings_user user, const char *const *variables)
{
    struct environment environment = {{complete, variables}};
    const struct settings_source source = {&environment, value_of};
    struct settings settings;
    struct fault fault;

    (void)!settings_read(&settings, user, &source, &fault);
    return settings;
}

static void test_defaults(void **state)
{
    static const char *const none[] = {NULL};
    struct settings settings = read_settings(SETTINGS_SENDER, none);

    (void)state;
    assert_string_equal(settings.twilio_account_sid, ACCOUNT);
    assert_string_equal(settings.twilio_whatsapp_number, "+14155238886");
    assert_string_equal(settings.twilio_api_url, "https://api.twilio.com");
    assert_string_equal(settings.twilio_ca_path, "/etc/ssl/certs");
    assert_null(settings.twilio_ca_file);
    assert_string_equal(settings.jwt_audience, "authenticated");
    assert_string_equal(settings.cors_allow_origin, "*");
    assert_string_equal(settings.spool_dir, "/var/spool/twilio-cgi");
    assert_null(settings.database_url);
    assert_null(settings.jwt_issuer);
    assert_null(settings.twilio_messaging_service_sid);
    assert_int_equal(settings.sender_auth, SETTINGS_AUTH_NONE);
    assert_int_equal(settings.rate_limit, 5);
    assert_true(read_settings(SETTINGS_WEBHOOK, none).signature_required);
}

static void test_words(void **state)
{
    static const char *const given[] = {"SEND_TWILIO_MESSAGE_AUTH=optional",
                                        "RATE_LIMIT_PER_MINUTE=12", "WEBHOOK_SIGNATURE=if-present",
                                        NULL};
    static const char *const required[] = {"SEND_TWILIO_MESSAGE_AUTH=required", NULL};
    static const char *const numbers[] = {"FCGI_THREADS=512", "DATABASE_POOL=64", NULL};
    struct settings settings = read_settings(SETTINGS_SENDER, given);

    (void)state;
    assert_int_equal(settings.sender_auth, SETTINGS_AUTH_OPTIONAL);
    assert_int_equal(settings.rate_limit, 12);
    assert_false(read_settings(SETTINGS_WEBHOOK, given).signature_required);
    assert_int_equal(read_settings(SETTINGS_SENDER, required).sender_auth, SETTINGS_AUTH_REQUIRED);
    settings = read_settings(SETTINGS_SENDER, numbers);
    assert_int_equal(settings.fcgi_threads, 512);
    assert_int_equal(settings.database_pool, 64);
}

static void test_wrong_words_are_strict(void **state)
{
    static const char *const wrong[] = {"SEND_TWILIO_MESSAGE_AUTH=nothing",
                                        "RATE_LIMIT_PER_MINUTE=many", "WEBHOOK_SIGNATURE=no",
                                        "CORS_ALLOW_ORIGIN=\"", NULL};
    struct settings settings = read_settings(SETTINGS_SENDER, wrong);

    (void)state;
    assert_int_equal(settings.sender_auth, SETTINGS_AUTH_REQUIRED);
    assert_int_equal(settings.rate_limit, 5);
    assert_null(settings.cors_allow_origin);
    assert_true(read_settings(SETTINGS_WEBHOOK, wrong).signature_required);
}

static void test_usable_ones_are_filled_in(void **state)
{
    static const char *const wrong[] = {
        "TWILIO_ACCOUNT_SID=", "CORS_ALLOW_ORIGIN=https://a.example", NULL};
    struct settings settings = read_settings(SETTINGS_SENDER, wrong);

    (void)state;
    assert_null(settings.twilio_account_sid);
    assert_string_equal(settings.cors_allow_origin, "https://a.example");
    assert_string_equal(settings.public_url, "https://example.org/functions/v1");
}

static void test_certificates(void **state)
{
    static const char *const file[] = {"TWILIO_CA_FILE=/ca.pem", NULL};
    static const char *const both[] = {"TWILIO_CA_FILE=/ca.pem", "TWILIO_CA_PATH=/certs", NULL};
    struct settings settings = read_settings(SETTINGS_SENDER, file);

    (void)state;
    assert_string_equal(settings.twilio_ca_file, "/ca.pem");
    assert_null(settings.twilio_ca_path);
    settings = read_settings(SETTINGS_SENDER, both);
    assert_string_equal(settings.twilio_ca_file, "/ca.pem");
    assert_string_equal(settings.twilio_ca_path, "/certs");
}

/** The settings of section 8 by program; the README and --check are made of the same table. */
static void test_names(void **state)
{
    static const struct {
        enum settings_user user;
        const char *names;
    } programs[] = {
        {SETTINGS_SENDER,
         "TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_PHONE_NUMBER TWILIO_WHATSAPP_NUMBER "
         "TWILIO_MESSAGING_SERVICE_SID TWILIO_WHATSAPP_TEMPLATE TWILIO_API_KEY "
         "TWILIO_API_KEY_SECRET TWILIO_API_URL TWILIO_CA_FILE TWILIO_CA_PATH PUBLIC_URL "
         "DATABASE_URL SUPABASE_JWT_SECRET "
         "JWT_JWKS_FILE JWT_AUDIENCE JWT_ISSUER SERVER_KEYS SEND_TWILIO_MESSAGE_AUTH "
         "RATE_LIMIT_PER_MINUTE REFUSE_DEAD_NUMBERS "
         "CORS_ALLOW_ORIGIN SPOOL_DIR FCGI_THREADS DATABASE_POOL "},
        {SETTINGS_WHATSAPP,
         "TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_PHONE_NUMBER TWILIO_WHATSAPP_NUMBER "
         "TWILIO_MESSAGING_SERVICE_SID TWILIO_WHATSAPP_TEMPLATE TWILIO_API_KEY "
         "TWILIO_API_KEY_SECRET TWILIO_API_URL TWILIO_CA_FILE TWILIO_CA_PATH PUBLIC_URL "
         "DATABASE_URL SUPABASE_JWT_SECRET "
         "JWT_JWKS_FILE JWT_JWKS_URL JWT_AUDIENCE JWT_ISSUER SERVER_KEYS RATE_LIMIT_PER_MINUTE "
         "REFUSE_DEAD_NUMBERS CORS_ALLOW_ORIGIN SPOOL_DIR FCGI_THREADS DATABASE_POOL "},
        {SETTINGS_WEBHOOK,
         "TWILIO_AUTH_TOKEN TWILIO_AUTH_TOKEN_SECONDARY TWILIO_WEBHOOK_SECRET "
         "TWILIO_WEBHOOK_SECRET_SECONDARY PUBLIC_URL DATABASE_URL "
         "WEBHOOK_SIGNATURE CORS_ALLOW_ORIGIN SPOOL_DIR KEEP_TEXTS_DAYS KEEP_MESSAGES_DAYS "
         "FCGI_THREADS DATABASE_POOL "},
        {SETTINGS_DATABASE, "DATABASE_URL SPOOL_DIR KEEP_TEXTS_DAYS KEEP_MESSAGES_DAYS "},
        {SETTINGS_KEYS, "TWILIO_CA_FILE TWILIO_CA_PATH JWT_JWKS_FILE JWT_JWKS_URL "},
    };
    struct environment environment = {{NULL, NULL}};
    const struct settings_source source = {&environment, value_of};
    struct settings_line line;

    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(programs); p++) {
        char names[1024] = "";
        for (size_t i = 0; settings_describe(programs[p].user, &source, i, &line); i++) {
            size_t n = strlen(names);
            snprintf(names + n, sizeof(names) - n, "%s ", line.name);
        }
        assert_string_equal(names, programs[p].names);
    }
}

static void test_states(void **state)
{
    static const char *const some[] = {"TWILIO_ACCOUNT_SID=AC1", "PUBLIC_URL=", NULL};
    struct environment environment = {{complete, some}};
    const struct settings_source source = {&environment, value_of};
    char got[1024] = "";
    struct settings_line line;

    (void)state;
    for (size_t i = 0; settings_describe(SETTINGS_SENDER, &source, i, &line); i++) {
        size_t n = strlen(got);
        snprintf(got + n, sizeof(got) - n, "%s\n", line.state);
    }
    assert_string_equal(got,
                        "invalid\nset\nset\ndefault\nnot set\nnot set\nnot set\nnot set\ndefault\n"
                        "not set\ndefault\nmissing\nnot set\nset\nnot set\ndefault\n"
                        "not set\nnot set\ndefault\ndefault\ndefault\ndefault\ndefault\n"
                        "default\ndefault\n");
}

/** A PUBLIC_URL that is taken, and what --check tells of it. */
static const struct doubt_row {
    const char *label;
    const char *variables[3];
    const char *doubt; /* a part of it; NULL: none */
    enum settings_user user;
} doubts[] = {
    {"a public URL that Twilio reaches", {"PUBLIC_URL=https://example.org/functions/v1"}},
    {"localhost", {"PUBLIC_URL=http://localhost:8080/functions/v1"}, "this host itself"},
    {"localhost, with the webhook",
     {"PUBLIC_URL=http://localhost:8080/functions/v1"},
     "this host itself",
     SETTINGS_WEBHOOK},
    {"a private address", {"PUBLIC_URL=https://192.168.1.5/f"}, "a private address"},
    {"a private address at a port", {"PUBLIC_URL=https://192.168.1.5:8443/f"}, "a private address"},
    {"a private IPv6 address at a port", {"PUBLIC_URL=http://[fd00::5]:80/f"}, "a private address"},
    {"a name without a domain", {"PUBLIC_URL=https://webserver/functions/v1"}, "without a domain"},
    {"Twilio's address, written out",
     {"TWILIO_API_URL=https://api.twilio.com", "PUBLIC_URL=http://localhost/f"},
     "this host itself"},
    {"Twilio's address in another region",
     {"TWILIO_API_URL=https://api.dublin.ie1.twilio.com", "PUBLIC_URL=http://localhost/f"},
     "this host itself"},
    {"a stand-in for Twilio reaches what it reaches",
     {"TWILIO_API_URL=http://127.0.0.1:4010", "PUBLIC_URL=http://localhost/f"}},
    {"a stand-in with a name like Twilio's",
     {"TWILIO_API_URL=https://api.twilio.com.example.org", "PUBLIC_URL=http://localhost/f"}},
    {"the webhook's own path",
     {"PUBLIC_URL=https://example.org/functions/v1/twilio-delivery-status"},
     "names an endpoint"},
    {"the webhook's own path, with the webhook",
     {"PUBLIC_URL=https://example.org/twilio-delivery-status"},
     "names an endpoint",
     SETTINGS_WEBHOOK},
    {"a sender's path",
     {"PUBLIC_URL=https://example.org/functions/v1/send-whatsapp"},
     "names an endpoint"},
    {"a path that only ends like an endpoint",
     {"PUBLIC_URL=https://example.org/not-twilio-delivery-status"}},
};

static void test_doubt(void **state)
{
    const struct doubt_row *row = *state;
    struct environment environment = {{complete, row->variables}};
    const struct settings_source source = {&environment, value_of};
    struct settings_line line;
    const char *got = NULL;

    for (size_t i = 0;
         settings_describe(row->user ? row->user : SETTINGS_SENDER, &source, i, &line); i++) {
        assert_null(line.problem);
        if (strcmp(line.name, "PUBLIC_URL") == 0)
            got = line.doubt;
        else
            assert_null(line.doubt);
    }
    if (!row->doubt != !got || (got && !strstr(got, row->doubt)))
        fail_msg("%s", got ? got : "nothing");
}

static void test_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("TWILIO_AUTH_TOKEN", "here", 1), 0);
    assert_string_equal(settings_environment.value(settings_environment.self, "TWILIO_AUTH_TOKEN"),
                        "here");
    assert_int_equal(unsetenv("TWILIO_AUTH_TOKEN"), 0);
    assert_null(settings_environment.value(settings_environment.self, "TWILIO_AUTH_TOKEN"));
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "defaults", .test_func = test_defaults},
        {.name = "words are understood", .test_func = test_words},
        {.name = "wrong words have the strict meaning", .test_func = test_wrong_words_are_strict},
        {.name = "beside a fault the rest is filled in",
         .test_func = test_usable_ones_are_filled_in},
        {.name = "a certificate file replaces the default directory",
         .test_func = test_certificates},
        {.name = "each program has its settings", .test_func = test_names},
        {.name = "--check tells the state of each", .test_func = test_states},
        {.name = "the environment is the process's", .test_func = test_environment},
    };
    struct CMUnitTest tests[2 * ARRAY_LEN(values) + ARRAY_LEN(doubts) + ARRAY_LEN(singles)];
    char labels[ARRAY_LEN(values)][128];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, values, test_value);
    ADD_ROWS(tests, n, values, test_described);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        snprintf(labels[i], sizeof(labels[i]), "--check: %s", values[i].label);
        tests[ARRAY_LEN(values) + i].name = labels[i];
    }
    ADD_ROWS(tests, n, doubts, test_doubt);
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
