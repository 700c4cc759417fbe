#include "replay.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

#define DRAIN_AT_A_TIME 1000

/** A member that is JSON itself. */
static void add_object(struct buffer *b, const char *name, struct text object)
{
    if (object.n == 0)
        return;
    buffer_addf(b, ",\"%s\":", name);
    buffer_add(b, object);
}

/** The time that is given, else now. */
static void add_time(struct buffer *b, const struct clock *clock, const char *name,
                     struct text given)
{
    char stamp[32];

    clock_stamp(clock, stamp);
    buffer_add_member(b, name, given.n ? given : text_of(stamp));
}

static bool put(const struct spool *spool, enum spool_kind kind, struct buffer *b,
                struct fault *reterr)
{
    struct text content;

    buffer_add(b, TEXT("}\n"));
    if (!buffer_text(b, &content))
        return fault_set(reterr, FAULT_SPOOL_UNAVAILABLE, "event does not fit into a file");
    return spool_put(spool, kind, content, reterr);
}

bool replay_keep_event(const struct spool *spool, struct arena *arena,
                       const struct message_log_event *event, struct fault *reterr)
{
    struct buffer b;

    buffer_init(&b, arena, SPOOL_FILE_MAX);
    buffer_add(&b, TEXT("{\"kind\":\"event\""));
    buffer_add_member(&b, "id", event->id);
    buffer_add_member(&b, "sid", event->sid);
    buffer_add_member(&b, "status", event->status);
    buffer_add_member(&b, "error_code", event->error_code);
    buffer_add_member(&b, "error_message", event->error_message);
    add_object(&b, "parameters", event->parameters);
    add_time(&b, spool->clock, "received_at", event->received_at);
    return put(spool, SPOOL_EVENT, &b, reterr);
}

bool replay_keep_settlement(const struct spool *spool, struct arena *arena,
                            const struct message_log_settlement *settlement, struct fault *reterr)
{
    struct buffer b;

    buffer_init(&b, arena, SPOOL_FILE_MAX);
    buffer_add(&b, TEXT("{\"kind\":\"settlement\""));
    buffer_add_member(&b, "id", settlement->id);
    buffer_add_member(&b, "sid", settlement->sid);
    buffer_add_member(&b, "status", settlement->status);
    buffer_add_member(&b, "error_code", settlement->error_code);
    buffer_add_member(&b, "error_message", settlement->error_message);
    add_object(&b, "details", settlement->details);
    buffer_addf(&b, ",\"release\":%s", settlement->release ? "true" : "false");
    if (settlement->in_doubt)
        buffer_add(&b, TEXT(",\"in_doubt\":true"));
    add_object(&b, "order", settlement->order);
    add_time(&b, spool->clock, "at", settlement->at);
    return put(spool, SPOOL_SETTLEMENT, &b, reterr);
}

static struct text string(const struct json_value *top, const char *name)
{
    return json_string(json_get(top, name));
}

static bool object(struct arena *arena, const struct json_value *top, const char *name,
                   struct text *ret_object, struct fault *reterr)
{
    const struct json_value *value = json_get(top, name);
    struct buffer b;

    *ret_object = (struct text){0};
    if (!value)
        return true;
    buffer_init(&b, arena, SPOOL_FILE_MAX);
    json_write(&b, value);
    return buffer_text(&b, ret_object) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the '%s' of a file", name);
}

static bool replay_event(const struct database *database, struct arena *arena,
                         const struct json_value *top, struct fault *reterr)
{
    struct message_log_recorded ignored;
    struct message_log_event event = {.id = string(top, "id"),
                                      .sid = string(top, "sid"),
                                      .status = string(top, "status"),
                                      .error_code = string(top, "error_code"),
                                      .error_message = string(top, "error_message"),
                                      .received_at = string(top, "received_at"),
                                      .replayed = true};

    if (event.sid.n == 0 || event.status.n == 0 || event.received_at.n == 0)
        return fault_set(reterr, FAULT_INVALID_JSON, "an event without its members");
    return object(arena, top, "parameters", &event.parameters, reterr) &&
           message_log_record(database, arena, &event, &ignored, reterr);
}

/** Settle; a row that was lost is written again where the file has it. */
static bool settle(const struct database *database, struct arena *arena,
                   const struct message_log_settlement *settlement, struct fault *reterr)
{
    struct text row;

    if (settlement->in_doubt)
        return message_log_withdraw(database, arena, settlement->id, true, reterr);
    if (!message_log_settle(database, arena, settlement, &row, reterr))
        return false;
    if (row.n)
        return true;
    if (!settlement->order.n)
        return fault_set(reterr, FAULT_INTERNAL, "a settlement of no message");
    return message_log_restore(database, arena, settlement, &row, reterr);
}

static bool replay_settlement(const struct database *database, struct arena *arena,
                              const struct json_value *top, struct fault *reterr)
{
    struct message_log_settlement settlement = {.id = string(top, "id"),
                                                .sid = string(top, "sid"),
                                                .status = string(top, "status"),
                                                .error_code = string(top, "error_code"),
                                                .error_message = string(top, "error_message"),
                                                .release = json_true(json_get(top, "release")),
                                                .in_doubt = json_true(json_get(top, "in_doubt")),
                                                .replayed = true,
                                                .at = string(top, "at")};

    if (!text_is_uuid(settlement.id) || settlement.status.n == 0 || settlement.at.n == 0)
        return fault_set(reterr, FAULT_INVALID_JSON, "a settlement without its members");
    return object(arena, top, "details", &settlement.details, reterr) &&
           object(arena, top, "order", &settlement.order, reterr) &&
           settle(database, arena, &settlement, reterr);
}

static bool replay_content(const struct database *database, struct arena *arena,
                           struct text content, struct fault *reterr)
{
    json_scoped struct json_document *document = json_parse(arena, content, reterr);

    if (!document)
        return false;
    const struct json_value *top = json_top(document);
    if (text_equal(string(top, "kind"), TEXT("event")))
        return replay_event(database, arena, top, reterr);
    if (text_equal(string(top, "kind"), TEXT("settlement")))
        return replay_settlement(database, arena, top, reterr);
    return fault_set(reterr, FAULT_INVALID_JSON, "an unknown kind");
}

/** Will the same file be taken another time? */
static bool is_passing(const struct fault *fault)
{
    return fault->kind == FAULT_DATABASE_UNAVAILABLE || fault->kind == FAULT_MISCONFIGURED ||
           fault->kind == FAULT_NO_MEMORY;
}

/** Replay one claim and say what becomes of it; the fault is set where it is not done. */
static enum spool_end replay_claim(const struct database *database, struct arena *arena,
                                   const struct spool_claim *claim, struct fault *fault)
{
    int error = claim->passing ? claim->passing : claim->unreadable;

    if (error) {
        fault_set(fault, FAULT_SPOOL_UNAVAILABLE, "cannot read a file of the spool: %s",
                  strerrordesc_np(error));
        return claim->passing ? SPOOL_GIVE_BACK : SPOOL_PUT_OFF;
    }
    if (replay_content(database, arena, claim->content, fault))
        return SPOOL_DONE;
    if (fault->kind == FAULT_DATABASE_BUSY)
        return SPOOL_PUT_OFF;
    return is_passing(fault) ? SPOOL_GIVE_BACK : SPOOL_SET_ASIDE;
}

void replay_some(const struct spool *spool, const struct spool_choice *choice,
                 const struct database *database, struct arena *arena, size_t most,
                 struct replay_summary *summary)
{
    enum spool_end end = SPOOL_DONE;
    struct spool_claim claim;
    struct spool_walk walk;
    struct fault fault;

    (void)!spool_look(spool, choice, most, &walk);
    while (end != SPOOL_GIVE_BACK && walk.n && spool_claim(spool, &walk, arena, &claim)) {
        end = replay_claim(database, arena, &claim, &fault);
        spool_end(spool, &claim, end);
        summary->done += end == SPOOL_DONE;
        summary->bad += end == SPOOL_SET_ASIDE;
        summary->left += end == SPOOL_GIVE_BACK;
        summary->locked += end == SPOOL_PUT_OFF && !claim.unreadable;
        summary->unreadable += end == SPOOL_PUT_OFF && claim.unreadable;
        if (end != SPOOL_DONE)
            snprintf(summary->problem, sizeof(summary->problem), "%s", fault.detail);
        arena_clear(arena);
    }
    if (walk.error) {
        summary->stuck = true;
        snprintf(summary->problem, sizeof(summary->problem), "cannot use the spool: %s",
                 strerrordesc_np(walk.error));
    }
    spool_finish(&walk);
}

bool replay_trouble(const struct replay_summary *summary, char ret_line[320])
{
    if (summary->stuck)
        snprintf(ret_line, 320, "%s", summary->problem);
    else if (summary->bad)
        snprintf(ret_line, 320, "%zu set aside, the last: %s", summary->bad, summary->problem);
    else if (summary->unreadable)
        snprintf(ret_line, 320, "%zu left that cannot be read: %s", summary->unreadable,
                 summary->problem);
    return summary->stuck || summary->bad || summary->unreadable;
}

static size_t handled(const struct replay_summary *summary)
{
    return summary->done + summary->bad + summary->locked + summary->unreadable;
}

static int drain(struct service *service, struct arena *arena, const char *const *values)
{
    const struct spool_choice all = spool_all(&service->spool);
    struct replay_summary summary = {0};
    size_t before;

    (void)values;
    do {
        before = handled(&summary);
        replay_some(&service->spool, &all, &service->database, arena, DRAIN_AT_A_TIME, &summary);
        if (handled(&summary) > before)
            printf("%zu replayed, %zu set aside\n", summary.done, summary.bad);
    } while (!summary.left && handled(&summary) > before);
    if (summary.left || summary.stuck)
        printf("stopped: %s\n", summary.problem);
    else if (summary.bad)
        printf("last one set aside: %s\n", summary.problem);
    if (summary.locked)
        printf("%zu left for later: the row is held by somebody\n", summary.locked);
    if (summary.unreadable)
        printf("%zu left: not to be read by this user, see chown(1)\n", summary.unreadable);
    printf("drained: %zu replayed, %zu set aside in '%s/bad'\n", summary.done, summary.bad,
           service->spool.dir);
    return summary.done == handled(&summary) && !summary.left && !summary.stuck ? VERB_DONE
                                                                                : VERB_INCOMPLETE;
}

const struct verb replay_verb = {
    .name = "--drain",
    .help = "replay the events that wait in the spool",
    .needs = {&service_spool, &service_database},
    .run = drain,
};
