#include "tls.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "options.h"

static bool complain(const char *file)
{
    fprintf(stderr, "twilio-sandbox: cannot use '%s': %s\n", file,
            ERR_reason_error_string(ERR_get_error()));
    return false;
}

static bool init_server(struct tls *tls, const struct options *options)
{
    tls->server = SSL_CTX_new(TLS_server_method());
    if (!tls->server)
        return false;
    SSL_CTX_set_options(tls->server, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_id_context(tls->server, (const unsigned char *)"sandbox", 7);
    if (SSL_CTX_use_certificate_chain_file(tls->server, options->tls_cert) != 1)
        return complain(options->tls_cert);
    if (SSL_CTX_use_PrivateKey_file(tls->server, options->tls_key, SSL_FILETYPE_PEM) != 1)
        return complain(options->tls_key);
    return true;
}

bool tls_init(struct tls *tls, const struct options *options)
{
    *tls = (struct tls){.client = SSL_CTX_new(TLS_client_method())};
    if (!tls->client)
        return false;
    SSL_CTX_set_options(tls->client, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (*options->callback_ca) {
        if (SSL_CTX_load_verify_locations(tls->client, options->callback_ca, NULL) != 1)
            return complain(options->callback_ca);
    } else {
        SSL_CTX_set_default_verify_paths(tls->client);
    }
    return !*options->tls_cert || init_server(tls, options);
}

static struct bufferevent *make_stream(struct event_base *base, SSL *session,
                                       enum bufferevent_ssl_state state)
{
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        base, -1, session, state, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);

    if (stream)
        bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    else
        SSL_free(session);
    return stream;
}

struct bufferevent *tls_accept_stream(struct event_base *base, void *argument)
{
    struct tls *tls = argument;
    SSL *session = SSL_new(tls->server);

    return session ? make_stream(base, session, BUFFEREVENT_SSL_ACCEPTING) : NULL;
}

struct bufferevent *tls_connect_stream(struct tls *tls, struct event_base *base, const char *host,
                                       bool verify)
{
    SSL *session = SSL_new(tls->client);

    if (!session)
        return NULL;
    SSL_set_verify(session, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) != 1) {
        SSL_set1_host(session, host);
        SSL_set_tlsext_host_name(session, host);
    }
    ERR_clear_error(); /* of the attempt to read a name as an address: it would look like TLS's own
                        */
    return make_stream(base, session, BUFFEREVENT_SSL_CONNECTING);
}

void tls_release(struct tls *tls)
{
    SSL_CTX_free(tls->server);
    SSL_CTX_free(tls->client);
    *tls = (struct tls){0};
}
