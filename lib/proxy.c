#include "proxy.h"

#include <string.h>

/* By these the names of the header fields are known that a proxy adds, whoever made it: '^' stands
 * for the beginning of the name, '$' for its end. */
static const char *const proxy_marks[] = {
    /* who has asked, which way the request came */
    "^ORIGIN$",
    "^VIA$",
    "_VIA$",
    "FORWARD",
    "_IP$",
    "CLIENTIP",
    "SOCKETIP",
    "CLIENT_ADDR",
    "REMOTE_ADDR",
    "CLIENT_HOST",
    "EXTERNAL_ADDRESS",
    "ORIGINATING",
    "COMING_FROM",
    "^X_PROXY",
    "^PROXY_",
    "_PROXY_",
    "^X_ORIGINAL_",
    "^X_REWRITE_URL$",
    "^X_REQUEST_START$",
    "^X_SCHEME$",
    "^X_URL_SCHEME$",
    "^FRONT_END_HTTPS$",
    "^X_SSL_",
    "^SSL_CLIENT_",
    "^CDN_LOOP$",
    "^SURROGATE_",
    /* a product's own */
    "^CF_",
    "^CLOUDFRONT_",
    "^X_AMZN_",
    "^X_AMZ_CF_",
    "^X_ARR_",
    "^X_AZURE_",
    "^X_APPENGINE_",
    "^X_CLOUD_TRACE_",
    "^X_GFE_",
    "^FASTLY_",
    "^FLY_",
    "^AKAMAI_",
    "^X_AKAMAI_",
    "^X_VARNISH$",
    "^X_ENVOY_",
    "^X_KONG_",
    "^X_NF_",
    "^X_VERCEL_",
    "^X_RAILWAY_",
    "^RNDR_",
    "^TAILSCALE_",
    "^X_NGROK_",
    "^X_TRAEFIK_",
    "^INCAP_",
    "^X_SUCURI_",
};

static bool is_marked(struct text name, struct text mark)
{
    bool first = text_starts(mark, TEXT("^")), last = mark.s[mark.n - 1] == '$';
    struct text core = {mark.s + first, mark.n - first - last};

    if (name.n < core.n || (first && last && name.n != core.n))
        return false;
    if (first)
        return text_starts(name, core);
    if (last)
        return text_starts(text_skip(name, name.n - core.n), core);
    return memmem(name.s, name.n, core.s, core.n);
}

bool proxy_is_absent(const struct cgi_request *request)
{
    const struct cgi_connection *connection = request->connection;
    const char *variable;
    struct text name, value;

    for (size_t i = 0; (variable = connection->each(connection->self, i)); i++) {
        text_cut(text_of(variable), '=', &name, &value);
        if (!text_starts(name, TEXT("HTTP_")))
            continue;
        name = text_skip(name, 5);
        for (size_t k = 0; k < ARRAY_LEN(proxy_marks); k++)
            if (is_marked(name, text_of(proxy_marks[k])))
                return false;
    }
    return true;
}
