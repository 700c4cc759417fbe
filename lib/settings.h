/**
 * The settings: one table that feeds the programs, --check, usage and the README.
 *
 * Read once: in CGI mode from the request's environment, in FastCGI mode from the process's.
 * Nothing else looks at the environment.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "fault.h"

/** Who uses a setting. */
enum settings_user {
    SETTINGS_SENDER = 1,   /* send-twilio-message */
    SETTINGS_WHATSAPP = 2, /* send-whatsapp */
    SETTINGS_WEBHOOK = 4,  /* twilio-delivery-status */
    SETTINGS_DATABASE = 8, /* verbs that need no more than database and spool */
    SETTINGS_KEYS = 16,    /* send-whatsapp --fetch-keys */
};

enum settings_auth { SETTINGS_AUTH_NONE, SETTINGS_AUTH_OPTIONAL, SETTINGS_AUTH_REQUIRED };

/** Every pointer is NULL where the setting is absent or empty, and lives as long as the
 * environment. */
struct settings {
    const char *twilio_account_sid, *twilio_auth_token, *twilio_auth_token_secondary;
    const char *twilio_api_key, *twilio_api_key_secret;
    const char *twilio_phone_number, *twilio_whatsapp_number, *twilio_messaging_service_sid;
    const char *twilio_whatsapp_template;
    const char *twilio_api_url, *twilio_ca_file, *twilio_ca_path;
    const char *webhook_secret, *webhook_secret_secondary;
    const char *public_url;
    const char *database_url;
    const char *jwt_secret, *jwks_file, *jwks_url, *jwt_audience, *jwt_issuer, *server_keys;
    const char *sender_auth_word, *rate_limit_word, *signature_word, *refuse_dead_word;
    const char *cors_allow_origin;
    const char *spool_dir;
    const char *keep_texts_word, *keep_messages_word;
    const char *fcgi_threads_word, *database_pool_word;

    /* what the words above mean */
    enum settings_auth sender_auth;
    int rate_limit;          /* messages a minute and user */
    int fcgi_threads;        /* FastCGI: requests at once in a process */
    int database_pool;       /* FastCGI: connections of a process */
    bool refuse_dead;        /* numbers at which nothing will arrive */
    int keep_texts_days;     /* 0: for ever */
    int keep_messages_days;  /* likewise */
    bool signature_required; /* false: if-present */
};

/** Where values come from: NULL for a name that is not set. */
struct settings_source {
    void *self;
    const char *(*value)(void *self, const char *name);
};

/** The environment of this process. */
extern const struct settings_source settings_environment;

/**
 * Read what `user` needs. Fails with FAULT_MISCONFIGURED; the detail names the setting and what is
 * wrong, never its value. All usable settings are filled in all the same, so that an answer can be
 * given in the configured form.
 */
must_check bool settings_read(struct settings *settings, enum settings_user user,
                              const struct settings_source *source, struct fault *reterr);

/** One line of --check. */
struct settings_line {
    const char *name, *help;
    const char *state;   /* "set", "default", "not set", "missing", "invalid" */
    const char *problem; /* what is wrong, for "missing" and "invalid" */
    const char *doubt; /* why a good PUBLIC_URL is not reached by Twilio itself; NULL: it may be */
    const char *fallback;
};

/** The i-th line for a user, from 0; false behind the last. */
bool settings_describe(enum settings_user user, const struct settings_source *source, size_t i,
                       struct settings_line *ret_line);

#endif
