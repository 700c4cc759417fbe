#include "fake_http.h"

#include "unit.h"

static char *describe(const struct http_request *request)
{
    char *text = NULL;

    if (asprintf(&text, "%s %s as %s:%s with %.*s", request->post ? "POST" : "GET", request->url,
                 request->user, request->password, TEXT_ARG(request->form)) < 0)
        fail();
    return text;
}

static void perform(void *self, struct arena *arena, const struct http_request *request,
                    struct http_reply *ret_reply)
{
    struct fake_http *fake = self;
    const struct fake_reply *reply = &fake->replies[fake->next];
    size_t i = fake->record.n;

    fake_record_add(&fake->record, describe(request));
    fake->connect_ms[i] = request->connect_ms;
    fake->total_ms[i] = request->total_ms;
    *ret_reply = (struct http_reply){.outcome = HTTP_NO_ANSWER};
    if (reply->outcome == HTTP_ANSWERED && reply->status == 0)
        return;
    fake->next++;
    if (fake->clock)
        fake->clock->passed_ms += reply->takes_ms;
    ret_reply->outcome = reply->outcome;
    ret_reply->status = reply->status;
    ret_reply->retry_after = reply->retry_after;
    snprintf(ret_reply->error, sizeof(ret_reply->error), "%s", reply->error ? reply->error : "");
    if (arena_copy(arena, text_of(reply->body), &ret_reply->body))
        return;
    ret_reply->outcome = HTTP_NO_ANSWER;
    snprintf(ret_reply->error, sizeof(ret_reply->error), "no memory for the answer");
}

struct http fake_http(struct fake_http *fake)
{
    return (struct http){fake, perform};
}
