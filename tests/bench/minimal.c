#include "minimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void minimal_field(const char *form, const char *name, char *to, size_t room)
{
    size_t length = strlen(name);
    const char *at = form;

    to[0] = '\0';
    while ((at = strstr(at, name))) {
        if ((at == form || at[-1] == '&') && at[length] == '=') {
            at += length + 1;
            snprintf(to, room, "%.*s", (int)strcspn(at, "&"), at);
            return;
        }
        at += length;
    }
}

bool minimal_record(PGconn *conn, const char *query, const char *body, char *status, size_t room)
{
    /* as long as what a program stores of the same callback */
    static const char parameters_of_all[] =
        "{\"AccountSid\":\"AC0123456789abcdef0123456789abcdef\",\"ApiVersion\":\"2010-04-01\","
        "\"From\":\"+15005550006\",\"MessageSid\":\"SM0123456789abcdef0123456789abcdef\","
        "\"MessageStatus\":\"delivered\",\"SmsSid\":\"SM0123456789abcdef0123456789abcdef\","
        "\"SmsStatus\":\"delivered\",\"To\":\"+201012345678\"}";
    char id[64], sid[64], word[64];
    const char *const parameters[] = {id, sid, word, NULL, NULL, parameters_of_all, NULL};

    minimal_field(query, "id", id, sizeof(id));
    minimal_field(body, "MessageSid", sid, sizeof(sid));
    minimal_field(body, "MessageStatus", word, sizeof(word));
    PGresult *result = PQexecParams(conn,
                                    "select outcome, id, external_id, status "
                                    "from messaging.record_status($1,$2,$3,$4,$5,$6,$7)",
                                    7, NULL, parameters, NULL, NULL, 0);
    bool good = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "recorded") == 0;
    if (good)
        snprintf(status, room, "%s", PQgetvalue(result, 0, 3));
    PQclear(result);
    return good;
}

bool minimal_reserve(PGconn *conn, const char *body, char id[37], char to[32],
                     const char **ret_message, size_t *ret_n)
{
    static const char before_to[] = "{\"to\":\"", before_message[] = "\"message\":\"";
    const char *message = strstr(body, before_message);
    char copy[2048];

    if (strncmp(body, before_to, sizeof(before_to) - 1) != 0 || !message)
        return false;
    body += sizeof(before_to) - 1;
    snprintf(to, 32, "%.*s", (int)strcspn(body, "\""), body);
    *ret_message = message + sizeof(before_message) - 1;
    *ret_n = strcspn(*ret_message, "\"");
    snprintf(copy, sizeof(copy), "%.*s", (int)*ret_n, *ret_message);
    const char *const parameters[] = {"internal", NULL, NULL, NULL, "sms",
                                      to,         copy, NULL, NULL, "{}"};
    PGresult *result =
        PQexecParams(conn,
                     "select outcome, id, saved, twilio_status, remaining, reset_seconds "
                     "from messaging.reserve_message($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
                     10, NULL, parameters, NULL, NULL, 0);
    bool good = PQntuples(result) == 1;
    if (good)
        snprintf(id, 37, "%s", PQgetvalue(result, 0, 1));
    PQclear(result);
    return good;
}

bool minimal_settle(PGconn *conn, const char *id, const char *sid)
{
    /* as long as what a program stores of the same answer */
    static const char details[] = "{\"num_segments\":\"1\",\"num_media\":\"0\",\"direction\":"
                                  "\"outbound-api\",\"from\":\"+15005550006\","
                                  "\"api_version\":\"2010-04-01\"}";
    const char *const parameters[] = {id, sid, "queued", NULL, NULL, details, "f", NULL};
    PGresult *result =
        PQexecParams(conn, "select messaging.settle_message($1,$2,$3,$4,$5,$6,$7,$8)", 8, NULL,
                     parameters, NULL, NULL, 0);
    bool good = PQntuples(result) == 1;
    PQclear(result);
    return good;
}
