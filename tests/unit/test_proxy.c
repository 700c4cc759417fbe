/* Header fields by which proxies are known. */

#include "fake_connection.h"
#include "fake_record.h"
#include "proxy.h"
#include "unit.h"

/** Each of these beside what a client of our own sends. */
static const struct proxy_row {
    const char *label, *variable;
    bool want;
} proxies[] = {
    {"a client's own request is direct", "HTTP_USER_AGENT=curl/7.88.1", true},
    {"a path through our own web server is direct", "HTTP_PROXY=", true},
    {"tracing is no proxy", "HTTP_TRACEPARENT=00-4bf9-00f0-01", true},
    {"supabase-js is no proxy", "HTTP_X_CLIENT_INFO=supabase-js/2", true},
    {"Twilio's own mark is no proxy", "HTTP_I_TWILIO_IDEMPOTENCY_TOKEN=x", true},
    {"a language is no proxy", "HTTP_ACCEPT_LANGUAGE=ar", true},
    {"what is no header field", "X_REAL_IP=192.0.2.7", true},
    {"Origin", "HTTP_ORIGIN=null"},
    {"Origin, empty", "HTTP_ORIGIN="},
    {"Forwarded", "HTTP_FORWARDED=for=192.0.2.7"},
    {"X-Forwarded-For", "HTTP_X_FORWARDED_FOR=192.0.2.7"},
    {"X-Forwarded-Host", "HTTP_X_FORWARDED_HOST=a"},
    {"X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO=https"},
    {"X-Forwarded", "HTTP_X_FORWARDED=a"},
    {"Forwarded-For", "HTTP_FORWARDED_FOR=a"},
    {"X-Original-Forwarded-For", "HTTP_X_ORIGINAL_FORWARDED_FOR=a"},
    {"Via", "HTTP_VIA=1.1 varnish"},
    {"X-Real-IP", "HTTP_X_REAL_IP=127.0.0.1"},
    {"CF-Connecting-IP", "HTTP_CF_CONNECTING_IP=a"},
    {"CF-Ray", "HTTP_CF_RAY=a"},
    {"CDN-Loop", "HTTP_CDN_LOOP=cloudflare"},
    {"True-Client-IP", "HTTP_TRUE_CLIENT_IP=a"},
    {"X-Client-IP", "HTTP_X_CLIENT_IP=a"},
    {"Client-IP", "HTTP_CLIENT_IP=a"},
    {"X-Cluster-Client-IP", "HTTP_X_CLUSTER_CLIENT_IP=a"},
    {"Fastly-Client-IP", "HTTP_FASTLY_CLIENT_IP=a"},
    {"Fly-Client-IP", "HTTP_FLY_CLIENT_IP=a"},
    {"Fly-Region", "HTTP_FLY_REGION=a"},
    {"DO-Connecting-IP", "HTTP_DO_CONNECTING_IP=a"},
    {"X-Azure-ClientIP", "HTTP_X_AZURE_CLIENTIP=a"},
    {"WL-Proxy-Client-IP", "HTTP_WL_PROXY_CLIENT_IP=a"},
    {"X-ProxyUser-Ip", "HTTP_X_PROXYUSER_IP=a"},
    {"Proxy-Connection", "HTTP_PROXY_CONNECTION=keep-alive"},
    {"X-Envoy-External-Address", "HTTP_X_ENVOY_EXTERNAL_ADDRESS=a"},
    {"X-Amzn-Trace-Id", "HTTP_X_AMZN_TRACE_ID=a"},
    {"X-Remote-Addr", "HTTP_X_REMOTE_ADDR=a"},
    {"X-Originating-IP", "HTTP_X_ORIGINATING_IP=a"},
    {"X-Request-Start", "HTTP_X_REQUEST_START=t=1"},
    {"Tailscale-User-Login", "HTTP_TAILSCALE_USER_LOGIN=a"},
};

static void test_proxy(void **state)
{
    const struct proxy_row *row = *state;
    const char *const variables[] = {"REMOTE_ADDR=127.0.0.1",     "HTTP_HOST=localhost",
                                     "HTTP_ACCEPT=*/*",           "REQUEST_METHOD=POST",
                                     "HTTP_CONTENT_TYPE=a/b",     row->variable,
                                     "HTTP_X_REQUEST_ID=0123456", NULL};
    struct fake_connection fake = {.variables = variables};
    const struct cgi_connection connection = fake_connection(&fake);
    const struct cgi_request request = {.connection = &connection};

    assert_true(proxy_is_absent(&request) == row->want);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(proxies)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, proxies, test_proxy);
    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
