/* The limit of a FastCGI program that is built on libfcgi: one thread, and the answer at once. It
 * records nothing. */

#include <stdbool.h>

#include "minimal_fcgi.h"

int main(void)
{
    FCGX_Request request;
    char body[4096];

    FCGX_Init();
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        minimal_fcgi_body(&request, body, sizeof(body));
        minimal_fcgi_answer(&request, true, "", "");
    }
    return 0;
}
