/* Floor of a send as CGI: libpq and libcurl; reserve, POST, settle on one connection. */

#include <curl/curl.h>

#include "minimal.h"
#include "minimal_cgi.h"

int main(void)
{
    char body[4096], id[37] = "", to[32], sid[40] = "";
    const char *message;
    size_t n;

    minimal_cgi_body(body, sizeof(body));
    PGconn *conn = PQconnectdb(getenv("DATABASE_URL"));
    CURL *curl = curl_easy_init();
    bool good = minimal_reserve(conn, body, id, to, &message, &n) &&
                minimal_post(curl, id, to, message, n, sid) && minimal_settle(conn, id, sid);
    minimal_cgi_answer(good, id, sid);
    curl_easy_cleanup(curl);
    PQfinish(conn);
    return 0;
}
