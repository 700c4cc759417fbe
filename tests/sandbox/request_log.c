#include "request_log.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TALLIES 65536

enum tally_kind { TALLY_POST, TALLY_GET, TALLY_OTHER, TALLY_CALLBACK };

struct tally {
    int64_t time_ms;
    enum tally_kind kind;
    int status;
};

bool request_log_open(struct request_log *log, const char *path)
{
    *log = (struct request_log){.fd = -1, .tallies = calloc(TALLIES, sizeof *log->tallies)};
    if (*path) {
        log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log->fd < 0)
            return false;
    }
    return log->tallies != NULL;
}

static cJSON *params_to_json(const struct params *params)
{
    cJSON *object;

    if (!params_are_utf8(params))
        return cJSON_CreateString("not UTF-8");
    object = cJSON_CreateObject();
    for (size_t i = 0; i < params->count; i++) {
        const char *name = params->items[i].name;
        cJSON *value = cJSON_CreateString(params->items[i].value);
        cJSON *before = cJSON_GetObjectItemCaseSensitive(object, name);

        if (!before) {
            cJSON_AddItemToObject(object, name, value);
        } else if (cJSON_IsArray(before)) {
            cJSON_AddItemToArray(before, value);
        } else {
            cJSON *array = cJSON_CreateArray();

            cJSON_AddItemToArray(array, cJSON_DetachItemViaPointer(object, before));
            cJSON_AddItemToArray(array, value);
            cJSON_AddItemToObject(object, name, array);
        }
    }
    return object;
}

static void add_text(cJSON *line, const char *name, const char *value)
{
    if (value)
        cJSON_AddStringToObject(line, name, value);
}

static cJSON *entry_to_json(const struct log_entry *entry)
{
    cJSON *line = cJSON_CreateObject();

    cJSON_AddNumberToObject(line, "time", (double)entry->time_ms);
    cJSON_AddStringToObject(line, "type", entry->callback ? "callback" : "request");
    add_text(line, "method", entry->method);
    add_text(line, entry->callback ? "url" : "path", entry->path);
    cJSON_AddItemToObject(line, "parameters", params_to_json(entry->params));
    if (entry->callback)
        cJSON_AddNumberToObject(line, "attempt", entry->attempt);
    cJSON_AddNumberToObject(line, "status", entry->status);
    add_text(line, "outcome", entry->outcome);
    if (entry->callback)
        cJSON_AddNumberToObject(line, "ms", (double)entry->took_ms);
    add_text(line, "sid", entry->sid);
    add_text(line, "behaviour", entry->behaviour);
    add_text(line, "signature", entry->signature);
    add_text(line, "token", entry->token);
    return line;
}

static void write_line(int fd, const struct log_entry *entry)
{
    cJSON *line = entry_to_json(entry);
    char *text = cJSON_PrintUnformatted(line);

    cJSON_Delete(line);
    if (!text)
        return;
    /* One write, newline included: readers never see half a line. The NUL gives the newline its
     * room. */
    size_t length = strlen(text);
    text[length] = '\n';
    if (write(fd, text, length + 1) < 0)
        perror("twilio-sandbox: log");
    cJSON_free(text);
}

static enum tally_kind kind_of(const struct log_entry *entry)
{
    if (entry->callback)
        return TALLY_CALLBACK;
    if (strcmp(entry->method, "POST") == 0)
        return TALLY_POST;
    return strcmp(entry->method, "GET") == 0 ? TALLY_GET : TALLY_OTHER;
}

void request_log_add(struct request_log *log, const struct log_entry *entry)
{
    log->tallies[log->count++ % TALLIES] = (struct tally){
        .time_ms = entry->time_ms,
        .kind = kind_of(entry),
        .status = entry->status,
    };
    if (log->fd >= 0)
        write_line(log->fd, entry);
}

static void count_one(cJSON *object, const char *name)
{
    cJSON *count = cJSON_GetObjectItemCaseSensitive(object, name);

    if (count)
        cJSON_SetNumberValue(count, count->valuedouble + 1);
    else
        cJSON_AddNumberToObject(object, name, 1);
}

struct cJSON *request_log_counts(const struct request_log *log, int64_t since_ms)
{
    static const char *const names[] = {"posts", "gets", "others", "callbacks"};
    cJSON *counts = cJSON_CreateObject();
    cJSON *statuses = cJSON_CreateObject();
    cJSON *callback_statuses = cJSON_CreateObject();
    uint64_t first = log->count > TALLIES ? log->count - TALLIES : 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cJSON_AddNumberToObject(counts, names[i], 0);
    for (uint64_t i = first; i < log->count; i++) {
        const struct tally *tally = &log->tallies[i % TALLIES];
        char status[16];

        if (tally->time_ms < since_ms)
            continue;
        snprintf(status, sizeof status, "%d", tally->status);
        count_one(counts, names[tally->kind]);
        count_one(tally->kind == TALLY_CALLBACK ? callback_statuses : statuses, status);
    }
    cJSON_AddItemToObject(counts, "statuses", statuses);
    cJSON_AddItemToObject(counts, "callback_statuses", callback_statuses);
    return counts;
}

void request_log_reset(struct request_log *log)
{
    log->count = 0;
}

void request_log_close(struct request_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    free(log->tallies);
    *log = (struct request_log){.fd = -1};
}
