#include "rate_limit.h"

#include <stdio.h>

void rate_limit_headers(struct cgi_response *response, struct arena *arena,
                        const struct rate_limit *rate)
{
    if (!rate->counted || rate->limit == 0)
        return;
    cgi_headerf(response, arena, "RateLimit-Limit", "%d", rate->limit);
    cgi_headerf(response, arena, "RateLimit-Remaining", "%d", rate->remaining);
    cgi_headerf(response, arena, "RateLimit-Reset", "%d", rate->reset);
}

bool rate_limit_refuse(const struct rate_limit *rate, struct fault *reterr)
{
    fault_set(reterr, FAULT_RATE_LIMITED, "limit of %d message%s a minute", rate->limit,
              text_plural((uint64_t)rate->limit));
    reterr->retry_after = rate->reset > 0 ? rate->reset : 1;
    snprintf(reterr->text, sizeof(reterr->text),
             "Rate limit exceeded. Maximum %d messages per minute.", rate->limit);
    return false;
}
