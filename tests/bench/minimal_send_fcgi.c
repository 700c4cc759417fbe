/* Floor of a send as FastCGI: MINIMAL_THREADS threads, each with its own libcurl handle, and
 * MINIMAL_POOL kept libpq connections that nobody holds while the POST is under way. */

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "minimal.h"
#include "minimal_fcgi.h"

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t pool_free;
static PGconn *pool[64];
static int pool_n;

static PGconn *take_connection(void)
{
    while (sem_wait(&pool_free) != 0)
        ;
    pthread_mutex_lock(&pool_lock);
    PGconn *conn = pool[--pool_n];
    pthread_mutex_unlock(&pool_lock);
    return conn;
}

static void give_connection(PGconn *conn)
{
    pthread_mutex_lock(&pool_lock);
    pool[pool_n++] = conn;
    pthread_mutex_unlock(&pool_lock);
    sem_post(&pool_free);
}

static bool handle(CURL *curl, const char *body, char id[37], char sid[40])
{
    const char *message;
    char to[32];
    size_t n;

    PGconn *conn = take_connection();
    bool good = minimal_reserve(conn, body, id, to, &message, &n);
    give_connection(conn);
    if (!good || !minimal_post(curl, id, to, message, n, sid))
        return false;
    conn = take_connection();
    good = minimal_settle(conn, id, sid);
    give_connection(conn);
    return good;
}

static void *serve(void *unused)
{
    CURL *curl = curl_easy_init();
    FCGX_Request request;

    (void)unused;
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        char body[4096], id[37] = "", sid[40] = "";
        minimal_fcgi_body(&request, body, sizeof(body));
        bool good = handle(curl, body, id, sid);
        minimal_fcgi_answer(&request, good, id, sid);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

int main(void)
{
    int threads = (int)strtol(getenv("MINIMAL_THREADS"), NULL, 10);
    int connections = (int)strtol(getenv("MINIMAL_POOL"), NULL, 10);
    pthread_attr_t attributes;
    pthread_t id;

    FCGX_Init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    while (pool_n < connections)
        pool[pool_n++] = PQconnectdb(getenv("DATABASE_URL"));
    sem_init(&pool_free, 0, (unsigned int)connections);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256u << 10);
    for (int i = 1; i < threads; i++)
        pthread_create(&id, &attributes, serve, NULL);
    serve(NULL);
    return 0;
}
