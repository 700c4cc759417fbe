/** Whether a request has come through a proxy, as far as its header fields tell. */
#ifndef PROXY_H
#define PROXY_H

#include "cgi.h"

/**
 * Has the request come straight from who made it: no `Origin`, and no header field that proxies,
 * tunnels and content networks add ("Forwarded", "X-Forwarded-For", "Via", "X-Real-IP", ...)?
 */
bool proxy_is_absent(const struct cgi_request *request);

#endif
