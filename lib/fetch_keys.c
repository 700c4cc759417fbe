#include "fetch_keys.h"

#include <stdio.h>

#include "buffer.h"
#include "file.h"
#include "json.h"

#define SET_MAX ((size_t)64 << 10) /* bytes of an answer */

/* Public keys: the web server's user may be the one who verifies. */
#define FILE_MODE 0644

#define CONNECT_MS 5000
#define TOTAL_MS   15000

/** A set that may be written. */
struct set {
    struct text text;
    size_t usable; /* keys */
    size_t secret; /* keys that were left out */
};

static bool open_client(struct service *service, struct fault *reterr)
{
    const struct settings *settings = service->settings;
    struct http_options options = {
        .ca_file = settings->twilio_ca_file,
        .ca_path = settings->twilio_ca_path,
        .plain = text_starts(text_of(settings->jwks_url), TEXT("http:")),
    };

    return http_open(&options, &service->http, reterr);
}

static void close_client(struct service *service)
{
    http_close(&service->http);
}

static const struct service_part client = {.open = open_client, .close = close_client};

/** Of an address what may be told: what follows the host is nobody's business. */
static struct text host_of(const char *url)
{
    struct text scheme, host, rest;

    text_cut(text_of(url), '/', &scheme, &rest);
    text_cut(text_without(rest, TEXT("/")), '/', &host, &rest);
    return host;
}

static bool fetch(struct service *service, struct arena *arena, struct text *ret_body,
                  struct fault *reterr)
{
    const char *url = service->settings->jwks_url;
    struct http_request request = {.url = url, .connect_ms = CONNECT_MS, .total_ms = TOTAL_MS};
    struct text host = host_of(url);
    struct http_reply reply;

    service->http.perform(service->http.self, arena, &request, &reply);
    if (reply.outcome != HTTP_ANSWERED)
        return fault_set(reterr, FAULT_MISCONFIGURED, "no answer from '%.*s': %s", TEXT_ARG(host),
                         reply.error);
    if (reply.status >= 300 && reply.status < 400)
        return fault_set(reterr, FAULT_MISCONFIGURED,
                         "'%.*s' answered %d, and redirects are not followed: JWT_JWKS_URL must be "
                         "where the set is",
                         TEXT_ARG(host), reply.status);
    if (reply.status != 200)
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%.*s' answered %d, see JWT_JWKS_URL",
                         TEXT_ARG(host), reply.status);
    if (reply.body.n > SET_MAX)
        return fault_set(reterr, FAULT_MISCONFIGURED, "'%.*s' answered more than %zu bytes",
                         TEXT_ARG(host), SET_MAX);
    *ret_body = reply.body;
    return true;
}

/** Has it a member that RFC 7518 (section 6) calls private or secret? */
static bool is_secret(const struct json_value *jwk)
{
    static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    if (json_is_text(json_get(jwk, "kty"), TEXT("oct")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_get(jwk, members[i]))
            return true;
    return false;
}

/** The public ones of `keys`, as a set. */
static bool leave_secrets_out(struct arena *arena, const struct json_value *keys, struct set *set,
                              struct fault *reterr)
{
    struct buffer b;

    if (json_type(keys) != JSON_ARRAY)
        return true; /* which is said when it is read */
    buffer_init(&b, arena, 2 * SET_MAX);
    buffer_add(&b, TEXT("{\"keys\":["));
    for (const struct json_value *jwk = json_first(keys); jwk; jwk = json_next(jwk)) {
        if (is_secret(jwk)) {
            set->secret++;
            continue;
        }
        if (b.n > sizeof("{\"keys\":[") - 1)
            buffer_add_char(&b, ',');
        json_write(&b, jwk);
    }
    buffer_add(&b, TEXT("]}\n"));
    return set->secret == 0 || buffer_text(&b, &set->text) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the key set");
}

static bool read_set(struct arena *arena, struct text body, struct set *ret_set,
                     struct fault *reterr)
{
    struct set set = {.text = text_without(body, TEXT("\xEF\xBB\xBF"))};
    struct fault fault = {0};
    json_scoped struct json_document *document = json_parse(arena, set.text, &fault);

    if (!document)
        return fault_set(reterr, FAULT_MISCONFIGURED, "the answer is no key set: %s", fault.detail);
    if (!leave_secrets_out(arena, json_get(json_top(document), "keys"), &set, reterr) ||
        !auth_keys_count(set.text, &set.usable, reterr))
        return false;
    if (set.usable == 0)
        return fault_set(reterr, FAULT_MISCONFIGURED,
                         "the set has no %skey for ES256 or RS256: while the legacy secret signs, "
                         "SUPABASE_JWT_SECRET is what verifies",
                         set.secret ? "public " : "");
    *ret_set = set;
    return true;
}

/** As it is, and where all may read it. */
static bool is_in_file(struct arena *arena, const char *file, struct text set)
{
    struct stat status;
    struct text there;

    return file_read("key set", file, SET_MAX, arena, &status, &there, NULL) &&
           text_equal(there, set) && (status.st_mode & FILE_MODE) == FILE_MODE;
}

static bool update(struct service *service, struct arena *arena, struct set *ret_set,
                   bool *ret_written, struct fault *reterr)
{
    const char *file = service->settings->jwks_file;
    struct text body = {0};

    if (!fetch(service, arena, &body, reterr) || !read_set(arena, body, ret_set, reterr))
        return false;
    *ret_written = !is_in_file(arena, file, ret_set->text);
    return !*ret_written || file_replace(file, ret_set->text, FILE_MODE, reterr);
}

static int run(struct service *service, struct arena *arena, const char *const *values)
{
    const char *file = service->settings->jwks_file;
    struct fault fault = {0};
    struct set set = {0};
    bool written;

    (void)values;
    if (!update(service, arena, &set, &written, &fault)) {
        fprintf(stderr, "key set not fetched, '%s' is as it was: %s\n", file, fault.detail);
        return VERB_INCOMPLETE;
    }
    printf("key set %s: %zu usable key%s in '%s'", written ? "written" : "unchanged", set.usable,
           text_plural(set.usable), file);
    if (set.secret)
        printf(", %zu secret one%s left out, which should not be published", set.secret,
               text_plural(set.secret));
    printf("\n");
    return VERB_DONE;
}

const struct verb fetch_keys_verb = {
    .name = "--fetch-keys",
    .help = "fetch the key set of JWT_JWKS_URL into JWT_JWKS_FILE",
    .settings = SETTINGS_KEYS,
    .needs = {&client},
    .run = run,
};
