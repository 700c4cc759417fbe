/**
 * The messages that were taken, in memory: found by SID, walked from the newest to the oldest.
 *
 * Holds the newest `capacity` messages; the oldest is forgotten when a new one needs its place.
 */
#ifndef SANDBOX_STORE_H
#define SANDBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "life.h"

#define SID_SIZE 35 /* two letters, 32 hexadecimal digits, NUL */

/* Texts are never NULL; "" is none. */
struct message {
    const char *to, *from, *body, *service, *status_callback;
    bool whatsapp, from_hidden; /* hidden: the service chose it, the answer says null */
    int64_t created_ms;
    long step_ms, price_delay_ms;
    bool redacted;
    enum life life;
    unsigned media;
    unsigned segments;
    unsigned reached; /* steps that a callback has already told about */
    unsigned callbacks_made;
    char sid[SID_SIZE];

    /* The store's own. */
    uint64_t sequence;
    unsigned references;
    struct message *next_in_bucket;
};

struct store {
    struct message **ring; /* sequence % capacity */
    struct message **buckets;
    size_t capacity, bucket_count;
    uint64_t first, next; /* sequences of the oldest message, and of the one to come */
};

/* A set of texts seen before, by hash. */
struct seen {
    uint64_t *hashes;
    size_t count, room;
};

/* Adds the pair; false if it was there already. */
bool seen_add(struct seen *seen, const char *first, const char *second);
void seen_clear(struct seen *seen);

/* prefix: two letters. 128 random bits, so unique over restarts. */
void sid_make(char ret_sid[SID_SIZE], const char *prefix);

bool store_init(struct store *store, size_t capacity);

/* Keeps a copy of draft with a fresh SID. NULL: no memory. The store holds the message; whoever
 * needs it later than this turn of the event loop takes a reference of his own. */
struct message *store_add(struct store *store, const struct message *draft);

struct message *store_find(const struct store *store, const char *sid);

/* By sequence; NULL where there is none (any more). */
struct message *store_at(const struct store *store, uint64_t sequence);

struct message *message_reference(struct message *message);
void message_release(struct message *message);

/* Forgets all messages. */
void store_clear(struct store *store);
void store_release(struct store *store);

#endif
