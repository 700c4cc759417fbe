#include "service.h"

static bool open_database(struct service *service, struct fault *reterr)
{
    size_t connections = service->connections ? service->connections : 1;

    return database_open(service->settings->database_url, connections, &service->database, reterr);
}

static void close_database(struct service *service)
{
    database_close(&service->database);
}

const struct service_part service_database = {.open = open_database, .close = close_database};

static bool open_spool(struct service *service, struct fault *reterr)
{
    (void)reterr;
    service->spool = (struct spool){service->settings->spool_dir, service->clock};
    return true;
}

static void close_spool(struct service *service)
{
    service->spool = (struct spool){0};
}

const struct service_part service_spool = {.open = open_spool, .close = close_spool};

bool service_open(struct service *service,
                  const struct service_part *const parts[SERVICE_PARTS_MAX], struct fault *reterr)
{
    for (size_t i = 0; i < SERVICE_PARTS_MAX && parts[i]; i++)
        if (!parts[i]->open(service, reterr))
            return false;
    return true;
}

void service_rest(struct service *service,
                  const struct service_part *const parts[SERVICE_PARTS_MAX])
{
    for (size_t i = 0; i < SERVICE_PARTS_MAX && parts[i]; i++)
        if (parts[i]->rest)
            parts[i]->rest(service);
}

void service_close(struct service *service,
                   const struct service_part *const parts[SERVICE_PARTS_MAX])
{
    size_t n = 0;

    while (n < SERVICE_PARTS_MAX && parts[n])
        n++;
    while (n > 0)
        parts[--n]->close(service);
}
