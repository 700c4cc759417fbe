#include "settings_check.h"

#include <string.h>

/* Of each of SERVER_KEYS, in characters. */
#define SERVER_KEY_MIN 20

static bool is_hex_id(struct text value, struct text prefix)
{
    return value.n == 34 && text_starts(value, prefix) && text_only(value, "");
}

const char *settings_check_account(struct text value)
{
    return is_hex_id(value, TEXT("AC")) ? NULL : "must be AC and 32 characters";
}

const char *settings_check_api_key(struct text value)
{
    return is_hex_id(value, TEXT("SK")) ? NULL : "must be SK and 32 characters";
}

const char *settings_check_service(struct text value)
{
    return is_hex_id(value, TEXT("MG")) ? NULL : "must be MG and 32 characters";
}

const char *settings_check_content(struct text value)
{
    return is_hex_id(value, TEXT("HX")) && text_is_hex(text_skip(value, 2))
               ? NULL
               : "must be HX and 32 hexadecimal digits";
}

const char *settings_check_switch(struct text value)
{
    return text_equal(value, TEXT("on")) || text_equal(value, TEXT("off")) ? NULL
                                                                           : "must be on or off";
}

const char *settings_check_number(struct text value)
{
    uint64_t ignored;

    value = text_without(value, TEXT("whatsapp:"));
    if (!text_starts(value, TEXT("+")) || value.n < 8 || value.n > 16 ||
        !text_number(text_skip(value, 1), UINT64_MAX, &ignored))
        return "must be an international number: + and 7 to 15 digits";
    return NULL;
}

const char *settings_check_sms_sender(struct text value)
{
    uint64_t ignored;

    if (text_starts(value, TEXT("+")))
        return settings_check_number(value);
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

bool settings_check_cut_url(struct text url, bool *ret_https, struct text *ret_host,
                            struct text *ret_path)
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

const char *settings_check_api_url(struct text value)
{
    struct text host, path;
    bool https;

    if (!settings_check_cut_url(value, &https, &host, &path) || path.n ||
        value.s[value.n - 1] == '/')
        return "must be https://host without a path or a trailing slash";
    return https || is_loopback(host) ? NULL : "must be https (http only for loopback)";
}

const char *settings_check_set_url(struct text value)
{
    struct text url, query, host, path;
    bool https;

    text_cut(value, '?', &url, &query);
    if (!settings_check_cut_url(url, &https, &host, &path) || path.n == 0 ||
        !text_only(query, "-._~%&=+:/,"))
        return "must be https://host/path";
    return https || is_loopback(host) ? NULL : "must be https (http only for loopback)";
}

const char *settings_check_public_url(struct text value)
{
    struct text host, path;
    bool https;

    if (!settings_check_cut_url(value, &https, &host, &path) || value.s[value.n - 1] == '/')
        return "must be an http or https URL (a port up to 65535) without a trailing slash";
    /* Twilio calls back to no such host (error 21609) */
    return memchr(host.s, '_', host.n) ? "must have no underscore in its host" : NULL;
}

const char *settings_check_auth(struct text value)
{
    return text_equal(value, TEXT("none")) || text_equal(value, TEXT("optional")) ||
                   text_equal(value, TEXT("required"))
               ? NULL
               : "must be none, optional or required";
}

const char *settings_check_signature(struct text value)
{
    return text_equal(value, TEXT("required")) || text_equal(value, TEXT("if-present"))
               ? NULL
               : "must be required or if-present";
}

const char *settings_check_rate(struct text value)
{
    uint64_t rate;

    return text_number(value, 1000, &rate) && rate > 0 ? NULL : "must be a number from 1 to 1000";
}

const char *settings_check_threads(struct text value)
{
    uint64_t n;

    return text_number(value, 512, &n) && n > 0 ? NULL : "must be a number from 1 to 512";
}

const char *settings_check_pool(struct text value)
{
    uint64_t n;

    return text_number(value, 64, &n) && n > 0 ? NULL : "must be a number from 1 to 64";
}

const char *settings_check_days(struct text value)
{
    uint64_t n;

    return text_number(value, SETTINGS_DAYS_MAX, &n) && n > 0 ? NULL
                                                              : "must be a number from 1 to 36500";
}

/* As a browser says it: a scheme, a host and perhaps a port (RFC 6454 section 6.2). */
static bool is_origin(struct text origin)
{
    struct text scheme, rest;

    return text_cut(origin, ':', &scheme, &rest) && text_only(scheme, "+-.") &&
           text_starts(rest, TEXT("//")) && text_only(text_skip(rest, 2), ":.-_[]") && rest.n > 2;
}

const char *settings_check_origins(struct text value)
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

const char *settings_check_server_keys(struct text value)
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

const char *settings_check_exact(struct text value)
{
    return text_strip(value).n == value.n ? NULL : "has a blank or a line end around it";
}

/* In libpq's other form blanks mean nothing. */
const char *settings_check_database_url(struct text value)
{
    struct text url = text_trim(value);
    bool is_url = text_starts(url, TEXT("postgresql://")) || text_starts(url, TEXT("postgres://"));

    return is_url ? settings_check_exact(value) : NULL;
}

const char *settings_check_dir(struct text value)
{
    return value.s[0] == '/' ? NULL : "must be an absolute path";
}
