#include "url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_plain_ascii(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

static bool host_is_valid(const char *host, size_t length)
{
    if (length == 0 || length > 253)
        return false;
    if (host[0] == '[')
        return length > 3 && host[length - 1] == ']' &&
               strspn(host + 1, "0123456789abcdefABCDEF:.") == length - 2;
    if (host[0] == '-' || host[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host[i]) && host[i] != '-' && host[i] != '.')
            return false;
        if (host[i] == '.' && i > 0 && host[i - 1] == '.')
            return false;
    }
    return true;
}

/* Reads :port; the default when there is none. */
static bool parse_port(struct url *url, const char *text, size_t length)
{
    long port = 0;

    if (length == 0)
        return true;
    if (length == 1 || length > 6)
        return false;
    for (size_t i = 1; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        port = port * 10 + (text[i] - '0');
    }
    url->port = (int)port;
    return port > 0 && port < 65536;
}

static bool parse_authority(struct url *url, const char *text, size_t length)
{
    const char *at = memrchr(text, '@', length);
    const char *host = at ? at + 1 : text;
    size_t rest = length - (size_t)(host - text);
    const char *bracket = rest > 0 && host[0] == '[' ? memchr(host, ']', rest) : NULL;
    const char *colon = bracket ? bracket + 1 : memchr(host, ':', rest);
    size_t host_length = colon && colon < host + rest ? (size_t)(colon - host) : rest;

    if (!host_is_valid(host, host_length))
        return false;
    if (host_length < rest && host[host_length] != ':')
        return false;
    if (!parse_port(url, host + host_length, rest - host_length))
        return false;
    url->userinfo = at ? strndup(text, (size_t)(at - text)) : NULL;
    url->authority = strndup(host, rest);
    url->host = bracket ? strndup(host + 1, host_length - 2) : strndup(host, host_length);
    return true;
}

static unsigned parse_policy(const char *text, size_t length)
{
    static const struct {
        const char *word;
        unsigned flags;
    } words[] = {
        {"ct", URL_RETRY_CONNECT},
        {"rt", URL_RETRY_READ},
        {"4xx", URL_RETRY_4XX},
        {"5xx", URL_RETRY_5XX},
        {"all", URL_RETRY_CONNECT | URL_RETRY_READ | URL_RETRY_4XX | URL_RETRY_5XX},
    };
    unsigned flags = 0;

    while (length > 0) {
        const char *comma = memchr(text, ',', length);
        size_t word = comma ? (size_t)(comma - text) : length;

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strlen(words[i].word) == word && memcmp(words[i].word, text, word) == 0)
                flags |= words[i].flags;
        }
        if (!comma)
            break;
        text += word + 1;
        length -= word + 1;
    }
    return flags;
}

/* A number within its range; otherwise the default stays. */
static void parse_number(long *target, const char *text, size_t length, long min, long max)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (length > 0 && isdigit((unsigned char)text[0]) && end == text + length && number >= min &&
        number <= max)
        *target = number;
}

static void parse_overrides(struct url *url, const char *fragment)
{
    while (*fragment) {
        size_t length = strcspn(fragment, "&");
        const char *value = fragment + 3;

        if (length > 3 && strncmp(fragment, "rp=", 3) == 0)
            url->retry_on = parse_policy(value, length - 3);
        else if (length > 3 && strncmp(fragment, "rc=", 3) == 0)
            parse_number(&url->retries, value, length - 3, 0, 5);
        else if (length > 3 && strncmp(fragment, "ct=", 3) == 0)
            parse_number(&url->connect_ms, value, length - 3, 100, 10000);
        else if (length > 3 && strncmp(fragment, "rt=", 3) == 0)
            parse_number(&url->read_ms, value, length - 3, 100, 15000);
        else if (length > 3 && strncmp(fragment, "tt=", 3) == 0)
            parse_number(&url->total_ms, value, length - 3, 100, 15000);
        fragment += length;
        if (*fragment == '&')
            fragment++;
    }
}

bool url_parse(struct url *url, const char *text)
{
    bool https = strncasecmp(text, "https://", 8) == 0;
    size_t scheme = https ? 8 : 7;
    size_t authority, target;
    char *prefix, *verbatim;

    *url = (struct url){
        .https = https,
        .port = https ? 443 : 80,
        .retry_on = URL_RETRY_CONNECT,
        .retries = 1,
        .connect_ms = 5000,
        .read_ms = 15000,
        .total_ms = 15000,
    };
    if ((!https && strncasecmp(text, "http://", 7) != 0) || !is_plain_ascii(text))
        return false;
    authority = strcspn(text + scheme, "/?#");
    if (!parse_authority(url, text + scheme, authority))
        return false;
    target = strcspn(text + scheme + authority, "#");
    prefix = strndup(text, scheme);
    verbatim = strndup(text + scheme + authority, target);
    if (!prefix || !verbatim || !url->authority ||
        asprintf(&url->target, "%s%s", verbatim[0] == '/' ? "" : "/", verbatim) < 0)
        url->target = NULL;
    else if (asprintf(&url->to_sign, "%s%s%s", prefix, url->authority, verbatim) < 0)
        url->to_sign = NULL;
    free(prefix);
    free(verbatim);
    if (text[scheme + authority + target] == '#')
        parse_overrides(url, text + scheme + authority + target + 1);
    if (url->host && url->target && url->to_sign)
        return true;
    url_release(url);
    return false;
}

bool url_is_http(const char *text)
{
    struct url url;

    if (!url_parse(&url, text))
        return false;
    url_release(&url);
    return true;
}

void url_release(struct url *url)
{
    free(url->host);
    free(url->authority);
    free(url->userinfo);
    free(url->target);
    free(url->to_sign);
    *url = (struct url){0};
}
