/* Floor of the webhook as FastCGI: libfcgi, one thread, one kept libpq connection. */

#include <stdlib.h>

#include "minimal.h"
#include "minimal_fcgi.h"

int main(void)
{
    PGconn *conn = PQconnectdb(getenv("DATABASE_URL"));
    FCGX_Request request;

    FCGX_Init();
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        char body[4096], status[64] = "";
        minimal_fcgi_body(&request, body, sizeof(body));
        const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
        bool good = minimal_record(conn, query, body, status, sizeof(status));
        minimal_fcgi_answer(&request, good, "", status);
    }
    PQfinish(conn);
    return 0;
}
