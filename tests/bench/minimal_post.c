#include "minimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

struct reply {
    size_t n;
    char text[8192];
};

static size_t take(char *from, size_t size, size_t count, void *payload)
{
    struct reply *reply = payload;
    size_t n = size * count, room = sizeof(reply->text) - 1 - reply->n;

    memcpy(reply->text + reply->n, from, n < room ? n : room);
    reply->n += n < room ? n : room;
    return n;
}

bool minimal_post(void *curl, const char *id, const char *to, const char *message, size_t n,
                  char sid[40])
{
    static const char before_sid[] = "\"sid\":";
    char url[512], form[8192];
    struct reply reply = {0};

    char *text = curl_easy_escape(curl, message, (int)n);
    snprintf(url, sizeof(url), "%s/2010-04-01/Accounts/%s/Messages.json", getenv("TWILIO_API_URL"),
             getenv("TWILIO_ACCOUNT_SID"));
    snprintf(
        form, sizeof(form),
        "To=%%2B%s&From=%%2B15005550006&Body=%s&StatusCallback="
        "http%%3A%%2F%%2Flocalhost%%2Ftwilio-delivery-status%%3Fid%%3D%s%%23rc%%3D5%%26rp%%3Dall",
        to + 1, text, id);
    curl_free(text);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, getenv("TWILIO_CA_PATH"));
    curl_easy_setopt(curl, CURLOPT_USERNAME, getenv("TWILIO_ACCOUNT_SID"));
    curl_easy_setopt(curl, CURLOPT_PASSWORD, getenv("TWILIO_AUTH_TOKEN"));
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    if (curl_easy_perform(curl) != CURLE_OK)
        return false;
    const char *at = strstr(reply.text, before_sid);
    at = at ? strchr(at + sizeof(before_sid) - 1, '"') : NULL;
    if (!at)
        return false;
    snprintf(sid, 40, "%.34s", at + 1);
    return true;
}
