/* Floor of the webhook as CGI: libpq, one statement. */

#include "minimal.h"
#include "minimal_cgi.h"

int main(void)
{
    char body[4096], status[64] = "";

    minimal_cgi_body(body, sizeof(body));
    PGconn *conn = PQconnectdb(getenv("DATABASE_URL"));
    bool good = minimal_record(conn, getenv("QUERY_STRING"), body, status, sizeof(status));
    minimal_cgi_answer(good, "", status);
    PQfinish(conn);
    return 0;
}
