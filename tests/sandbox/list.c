#include "list.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http_api.h"
#include "message_resource.h"
#include "sandbox.h"

#define PAGE_SIZE     50
#define PAGE_SIZE_MAX 1000

struct query {
    const char *to, *from;
    int64_t sent_from_ms, sent_to_ms; /* first included, first not included */
    long page, page_size;
    const char *token; /* NULL: none */
    int64_t now_ms;
};

/* What is on one page, as sequences of messages, newest first. */
struct page {
    uint64_t sequences[PAGE_SIZE_MAX];
    size_t count;
    bool more; /* there are older ones */
};

/* Reads a day or a time; false if it is neither. */
static bool parse_time(const char *text, int64_t *ret_ms, int64_t *ret_length_ms)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%d", &parts);

    *ret_length_ms = INT64_C(86400000);
    if (rest && *rest == 'T') {
        rest = strptime(rest, "T%H:%M:%S", &parts);
        *ret_length_ms = 1000;
        if (rest && *rest == '.')
            rest += 1 + strspn(rest + 1, "0123456789");
        if (rest && *rest == 'Z')
            rest++;
    }
    if (!rest || *rest)
        return false;
    *ret_ms = (int64_t)timegm(&parts) * 1000;
    return true;
}

static bool parse_dates(struct query *query, const struct params *params)
{
    const char *at = params_get(params, "DateSent");
    const char *after = params_get(params, "DateSent>");
    const char *before = params_get(params, "DateSent<");
    int64_t ms, length;

    query->sent_from_ms = 0;
    query->sent_to_ms = INT64_MAX;
    if (after) {
        if (!parse_time(after, &ms, &length))
            return false;
        query->sent_from_ms = ms;
    }
    if (before) {
        if (!parse_time(before, &ms, &length))
            return false;
        query->sent_to_ms = ms + length;
    }
    if (at) {
        if (!parse_time(at, &ms, &length))
            return false;
        query->sent_from_ms = ms;
        query->sent_to_ms = ms + length;
    }
    return true;
}

static bool parse_count(const char *text, long initial, long min, long max, long *ret_number)
{
    char *end;

    *ret_number = initial;
    if (!text)
        return true;
    *ret_number = strtol(text, &end, 10);
    if (*ret_number > max)
        *ret_number = max;
    return end != text && *end == '\0' && *ret_number >= min;
}

static bool names_are_known(const struct params *params)
{
    static const char *const known[] = {"To",        "From",     "DateSent", "DateSent<",
                                        "DateSent>", "PageSize", "Page",     "PageToken"};
    const size_t count = sizeof known / sizeof *known;

    for (size_t i = 0; i < params->count; i++) {
        size_t row = 0;

        while (row < count && strcmp(known[row], params->items[i].name) != 0)
            row++;
        if (row == count)
            return false;
    }
    return true;
}

/* NULL, or what is wrong with it. */
static const char *parse_query(struct query *query, const struct params *params)
{
    if (!names_are_known(params))
        return "Unknown parameter";
    query->to = params_get(params, "To");
    query->from = params_get(params, "From");
    query->token = params_get(params, "PageToken");
    if (!parse_dates(query, params))
        return "Invalid DateSent";
    if (!parse_count(params_get(params, "PageSize"), PAGE_SIZE, 1, PAGE_SIZE_MAX,
                     &query->page_size))
        return "Invalid PageSize";
    if (!parse_count(params_get(params, "Page"), 0, 0, 1000000000, &query->page))
        return "Invalid Page";
    return NULL;
}

static bool matches(const struct query *query, const struct message *message)
{
    int64_t sent;

    if (query->to && strcmp(query->to, message->to) != 0)
        return false;
    if (query->from && strcmp(query->from, message->from) != 0)
        return false;
    sent = resource_sent_ms(message, query->now_ms);
    if (sent == 0)
        sent = message->created_ms;
    return sent >= query->sent_from_ms && sent < query->sent_to_ms;
}

/* Collects from below `end` downwards, passing over `skip` matches. */
static void collect_older(const struct store *store, const struct query *query, uint64_t end,
                          uint64_t skip, struct page *page)
{
    for (uint64_t sequence = end; sequence > store->first; sequence--) {
        const struct message *message = store_at(store, sequence - 1);

        if (!message || !matches(query, message))
            continue;
        if (skip > 0) {
            skip--;
        } else if (page->count == (size_t)query->page_size) {
            page->more = true;
            return;
        } else {
            page->sequences[page->count++] = sequence - 1;
        }
    }
}

/* The page that ends just above `start`: collected upwards, then turned round. */
static void collect_newer(const struct store *store, const struct query *query, uint64_t start,
                          struct page *page)
{
    for (uint64_t sequence = start + 1;
         sequence < store->next && page->count < (size_t)query->page_size; sequence++) {
        const struct message *message = store_at(store, sequence);

        if (message && matches(query, message))
            page->sequences[page->count++] = sequence;
    }
    for (size_t i = 0; i < page->count / 2; i++) {
        uint64_t other = page->sequences[page->count - 1 - i];

        page->sequences[page->count - 1 - i] = page->sequences[i];
        page->sequences[i] = other;
    }
    page->more = true; /* the message of the token, at least */
}

/* False: a token that is none of ours. */
static bool find_page(const struct store *store, const struct query *query, struct page *page)
{
    const struct message *anchor;

    if (!query->token) {
        collect_older(store, query, store->next, (uint64_t)query->page * (uint64_t)query->page_size,
                      page);
        return true;
    }
    anchor = strlen(query->token) > 2 ? store_find(store, query->token + 2) : NULL;
    if (!anchor)
        return false;
    if (strncmp(query->token, "PA", 2) == 0)
        collect_older(store, query, anchor->sequence, 0, page);
    else if (strncmp(query->token, "PB", 2) == 0)
        collect_newer(store, query, anchor->sequence, page);
    else
        return false;
    return true;
}

/* An address of a page of the same query; the names as the query has them, the paging ours. */
static void add_uri(cJSON *object, const char *name, const struct exchange *exchange,
                    const struct query *query, long page, const char *direction, const char *sid)
{
    struct params params = {0};
    char number[24], token[SID_SIZE + 2];
    char *text, *uri = NULL;

    for (size_t i = 0; i < exchange->params.count; i++) {
        const struct param *param = &exchange->params.items[i];

        if (strncmp(param->name, "Page", 4) != 0)
            params_add(&params, param->name, param->value);
    }
    snprintf(number, sizeof number, "%ld", query->page_size);
    params_add(&params, "PageSize", number);
    snprintf(number, sizeof number, "%ld", page);
    params_add(&params, "Page", number);
    if (sid) {
        snprintf(token, sizeof token, "%s%s", direction, sid);
        params_add(&params, "PageToken", token);
    }
    text = params_encode(&params);
    if (!text || asprintf(&uri, "%s?%s", exchange->path, text) < 0)
        abort();
    cJSON_AddStringToObject(object, name, uri);
    free(text);
    free(uri);
    params_clear(&params);
}

static void add_envelope(cJSON *object, const struct exchange *exchange, const struct query *query,
                         const struct page *page)
{
    const struct store *store = &exchange->sandbox->store;
    long start = query->page * query->page_size;
    const char *first = page->count > 0 ? store_at(store, page->sequences[0])->sid : NULL;
    const char *last =
        page->count > 0 ? store_at(store, page->sequences[page->count - 1])->sid : NULL;

    add_uri(object, "first_page_uri", exchange, query, 0, NULL, NULL);
    cJSON_AddNumberToObject(object, "end", (double)(start + (long)page->count - (last ? 1 : 0)));
    if (query->page > 0 && first)
        add_uri(object, "previous_page_uri", exchange, query, query->page - 1, "PB", first);
    else
        cJSON_AddNullToObject(object, "previous_page_uri");
    if (page->more && last)
        add_uri(object, "next_page_uri", exchange, query, query->page + 1, "PA", last);
    else
        cJSON_AddNullToObject(object, "next_page_uri");
    cJSON_AddNumberToObject(object, "page", (double)query->page);
    cJSON_AddNumberToObject(object, "page_size", (double)query->page_size);
    cJSON_AddNumberToObject(object, "start", (double)start);
    add_uri(object, "uri", exchange, query, query->page, query->token, query->token ? "" : NULL);
}

void list_messages(struct exchange *exchange)
{
    const struct sandbox *sandbox = exchange->sandbox;
    struct query query = {.now_ms = exchange->time_ms};
    struct page page = {.count = 0};
    const char *error = parse_query(&query, &exchange->params);
    cJSON *object, *messages;

    if (!error && !find_page(&sandbox->store, &query, &page))
        error = "Invalid PageToken";
    if (error) {
        exchange_error(exchange, 400, 20001, error);
        return;
    }
    object = cJSON_CreateObject();
    add_envelope(object, exchange, &query, &page);
    messages = cJSON_AddArrayToObject(object, "messages");
    for (size_t i = 0; i < page.count; i++)
        cJSON_AddItemToArray(messages,
                             resource_of_message(store_at(&sandbox->store, page.sequences[i]),
                                                 sandbox->now.account_sid, query.now_ms, false));
    exchange_json(exchange, 200, object);
}
