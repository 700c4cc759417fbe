#include "store.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SID_BYTES 16

/* Fetched for many SIDs at a time: a call per SID was a twelfth of all the work. */
static const unsigned char *random_bytes(void)
{
    static unsigned char pool[256 * SID_BYTES];
    static size_t used = sizeof pool;

    if (used == sizeof pool) {
        if (RAND_bytes(pool, sizeof pool) != 1)
            abort();
        used = 0;
    }
    used += SID_BYTES;
    return &pool[used - SID_BYTES];
}

void sid_make(char ret_sid[SID_SIZE], const char *prefix)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *random = random_bytes();

    memcpy(ret_sid, prefix, 2);
    for (size_t i = 0; i < SID_BYTES; i++) {
        ret_sid[2 + 2 * i] = digits[random[i] >> 4];
        ret_sid[3 + 2 * i] = digits[random[i] & 15];
    }
    ret_sid[SID_SIZE - 1] = '\0';
}

/* FNV-1a over the text and its NUL, so that pairs do not run together. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    while (*text++);
    return hash;
}

static struct message **bucket_of(const struct store *store, const char *sid)
{
    uint64_t hash = hash_text(14695981039346656037u, sid);

    return &store->buckets[hash & (store->bucket_count - 1)];
}

bool store_init(struct store *store, size_t capacity)
{
    size_t buckets = 1;

    while (buckets < 2 * capacity)
        buckets *= 2;
    *store = (struct store){
        .ring = calloc(capacity, sizeof(void *)),
        .buckets = calloc(buckets, sizeof(void *)),
        .capacity = capacity,
        .bucket_count = buckets,
    };
    return store->ring && store->buckets;
}

static const char *put_text(char **tail, const char *text)
{
    size_t size = strlen(text) + 1;
    char *place = *tail;

    memcpy(place, text, size);
    *tail += size;
    return place;
}

/* One allocation: the message, then its texts. */
static struct message *copy_message(const struct message *draft)
{
    size_t texts = strlen(draft->to) + strlen(draft->from) + strlen(draft->body) +
                   strlen(draft->service) + strlen(draft->status_callback) + 5;
    struct message *message = malloc(sizeof *message + texts);
    char *tail;

    if (!message)
        return NULL;
    *message = *draft;
    tail = (char *)(message + 1);
    message->to = put_text(&tail, draft->to);
    message->from = put_text(&tail, draft->from);
    message->body = put_text(&tail, draft->body);
    message->service = put_text(&tail, draft->service);
    message->status_callback = put_text(&tail, draft->status_callback);
    return message;
}

static void forget_oldest(struct store *store)
{
    struct message **place = &store->ring[store->first % store->capacity];
    struct message *message = *place;
    struct message **link = bucket_of(store, message->sid);

    while (*link != message)
        link = &(*link)->next_in_bucket;
    *link = message->next_in_bucket;
    *place = NULL;
    store->first++;
    message_release(message);
}

struct message *store_add(struct store *store, const struct message *draft)
{
    struct message *message = copy_message(draft);
    struct message **bucket;

    if (!message)
        return NULL;
    if (store->next - store->first == store->capacity)
        forget_oldest(store);
    sid_make(message->sid, message->media > 0 ? "MM" : "SM");
    message->references = 1;
    message->sequence = store->next++;
    store->ring[message->sequence % store->capacity] = message;
    bucket = bucket_of(store, message->sid);
    message->next_in_bucket = *bucket;
    *bucket = message;
    return message;
}

struct message *store_find(const struct store *store, const char *sid)
{
    struct message *message = *bucket_of(store, sid);

    while (message && strcmp(message->sid, sid) != 0)
        message = message->next_in_bucket;
    return message;
}

struct message *store_at(const struct store *store, uint64_t sequence)
{
    if (sequence < store->first || sequence >= store->next)
        return NULL;
    return store->ring[sequence % store->capacity];
}

struct message *message_reference(struct message *message)
{
    message->references++;
    return message;
}

void message_release(struct message *message)
{
    if (--message->references == 0)
        free(message);
}

void store_clear(struct store *store)
{
    while (store->first < store->next)
        forget_oldest(store);
}

void store_release(struct store *store)
{
    if (store->ring && store->buckets)
        store_clear(store);
    free(store->ring);
    free(store->buckets);
    *store = (struct store){0};
}

bool seen_add(struct seen *seen, const char *first, const char *second)
{
    uint64_t hash = hash_text(hash_text(14695981039346656037u, first), second);

    for (size_t i = 0; i < seen->count; i++) {
        if (seen->hashes[i] == hash)
            return false;
    }
    if (seen->count == seen->room) {
        size_t room = seen->room ? 2 * seen->room : 64;
        uint64_t *larger = realloc(seen->hashes, room * sizeof *larger);

        if (!larger)
            return false;
        seen->hashes = larger;
        seen->room = room;
    }
    seen->hashes[seen->count++] = hash;
    return true;
}

void seen_clear(struct seen *seen)
{
    free(seen->hashes);
    *seen = (struct seen){0};
}
