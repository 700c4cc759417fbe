#include "callbacks.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "sandbox.h"
#include "url.h"

#define LATE_MS 3000

/* The callbacks of one message. */
struct plan {
    TAILQ_ENTRY(plan) entry;
    struct sandbox *sandbox;
    struct message *message;
    const struct behaviour *behaviour;
    struct url url;
    char install_sid[SID_SIZE]; /* the WhatsApp sender's; the same in all callbacks of a message */
    struct life_step steps[LIFE_STEPS_MAX];
    size_t order[LIFE_STEPS_MAX]; /* of telling */
    size_t count, next;
    bool one_by_one; /* wait for each answer, so that they arrive in order */
    struct event *timer;
    TAILQ_HEAD(, call) calls; /* waiting or under way */
    void (*done)(void *);
    void *argument;
};

void callbacks_init(struct callbacks *callbacks)
{
    TAILQ_INIT(&callbacks->plans);
    TAILQ_INIT(&callbacks->waiting);
}

static void plan_free(struct plan *plan)
{
    struct call *call, *next;

    for (call = TAILQ_FIRST(&plan->calls); call; call = next) {
        next = TAILQ_NEXT(call, of_plan);
        call_free(call);
    }
    TAILQ_REMOVE(&plan->sandbox->callbacks.plans, plan, entry);
    if (plan->timer)
        event_free(plan->timer);
    url_release(&plan->url);
    message_release(plan->message);
    if (plan->done)
        plan->done(plan->argument);
    free(plan);
}

/* "+201012345678" as "+2010123XXXX". */
static void mask_number(char *ret_masked, size_t room, const char *number)
{
    size_t length = strlen(number);

    snprintf(ret_masked, room, "%s", number);
    for (size_t i = length > 4 ? length - 4 : 0; i < length && i + 1 < room; i++)
        ret_masked[i] = 'X';
}

static void add_whatsapp_params(const struct plan *plan, const struct life_step *step,
                                struct params *params)
{
    char masked[24];

    mask_number(masked, sizeof masked, plan->message->to + strlen("whatsapp:"));
    params_add(params, "ChannelToAddress", masked);
    params_add(params, "ChannelPrefix", "whatsapp");
    params_add(params, "ChannelInstallSid", plan->install_sid);
    params_add(params, "StructuredMessage", "false");
    if (strcmp(step->status, "delivered") == 0)
        params_add(params, "EventType", "DELIVERED");
    else if (strcmp(step->status, "read") == 0)
        params_add(params, "EventType", "READ");
    else if (strcmp(step->status, "undelivered") == 0)
        params_add(params, "EventType", "UNDELIVERED");
    if (step->error_code)
        params_add(params, "ChannelStatusMessage", life_error_text(step->error_code));
}

/* The carrier's date: YYMMDDhhmm. */
static void add_sms_params(const struct life_step *step, struct params *params)
{
    time_t now = (time_t)(sandbox_now_ms() / 1000);
    struct tm parts;
    char text[24];

    if (strcmp(step->status, "delivered") != 0 && strcmp(step->status, "undelivered") != 0)
        return;
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%Y%m%d%H%M", &parts);
    params_add(params, "RawDlrDoneDate", text + 2);
}

static void add_params(const struct plan *plan, const struct life_step *step, struct params *params)
{
    const struct message *message = plan->message;
    char code[16];

    params_add(params, "SmsSid", message->sid);
    params_add(params, "SmsStatus", step->status);
    params_add(params, "MessageStatus", step->status);
    params_add(params, "To", message->to);
    params_add(params, "MessageSid", message->sid);
    params_add(params, "AccountSid", plan->sandbox->now.account_sid);
    params_add(params, "From", message->from);
    params_add(params, "ApiVersion", "2010-04-01");
    if (*message->service)
        params_add(params, "MessagingServiceSid", message->service);
    if (step->error_code) {
        snprintf(code, sizeof code, "%d", step->error_code);
        params_add(params, "ErrorCode", code);
    }
    if (message->whatsapp)
        add_whatsapp_params(plan, step, params);
    else
        add_sms_params(step, params);
    if (message->life == LIFE_UNKNOWN_STATUS) {
        params_add(params, "FutureParameter", "قيمة جديدة & ümlaut + ' \"");
        params_add(params, "EmptyParameter", "");
        params_add(params, "RepeatedParameter", "two");
        params_add(params, "RepeatedParameter", "one");
        params_add(params, "RepeatedParameter", "two");
    }
}

static void schedule_next(struct plan *plan);

static void on_call_done(struct call *call)
{
    struct plan *plan = call_argument(call);

    TAILQ_REMOVE(&plan->calls, call, of_plan);
    call_free(call);
    if (!TAILQ_EMPTY(&plan->calls))
        return;
    if (plan->next == plan->count)
        plan_free(plan);
    else if (plan->one_by_one)
        schedule_next(plan);
}

static void make_call(struct plan *plan, const struct life_step *step)
{
    struct sandbox *sandbox = plan->sandbox;
    struct params params = {0};
    struct call *call;

    add_params(plan, step, &params);
    if (sandbox_chance(sandbox, sandbox->now.callback_drop)) {
        const struct log_entry entry = {
            .callback = true,
            .time_ms = sandbox_now_ms(),
            .path = plan->message->status_callback,
            .params = &params,
            .sid = plan->message->sid,
            .outcome = "dropped",
        };

        request_log_add(&sandbox->log, &entry);
    } else {
        call = call_new(sandbox, &plan->url, &params, plan->message->sid, on_call_done, plan);
        TAILQ_INSERT_TAIL(&plan->calls, call, of_plan);
        plan->message->callbacks_made++;
        call_submit(call);
    }
    params_clear(&params);
}

static void on_step_due(evutil_socket_t fd, short what, void *argument)
{
    struct plan *plan = argument;
    size_t index = plan->order[plan->next++];
    long copies =
        plan->behaviour->copies ? plan->behaviour->copies : plan->sandbox->now.callback_repeat;

    (void)fd;
    (void)what;
    if (plan->message->reached < index + 1)
        plan->message->reached = (unsigned)index + 1;
    for (long i = 0; i < copies; i++)
        make_call(plan, &plan->steps[index]);
    if (TAILQ_EMPTY(&plan->calls) && plan->next == plan->count)
        plan_free(plan);
    else if (plan->next < plan->count && (!plan->one_by_one || TAILQ_EMPTY(&plan->calls)))
        schedule_next(plan);
}

/* Steps keep the message's own pace, however long the answers to the callbacks take. */
static void schedule_next(struct plan *plan)
{
    int64_t due = plan->message->created_ms + (plan->behaviour->late ? LATE_MS : 0) +
                  ((int64_t)plan->next + 1) * plan->message->step_ms;
    int64_t wait = due - sandbox_now_ms();
    struct timeval delay = {0};

    if (wait > 0)
        delay = (struct timeval){.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    evtimer_add(plan->timer, &delay);
}

static void set_order(struct plan *plan)
{
    bool shuffled = plan->sandbox->now.callback_order == ORDER_SHUFFLED;

    for (size_t i = 0; i < plan->count; i++)
        plan->order[i] = plan->behaviour->reversed ? plan->count - 1 - i : i;
    plan->one_by_one = !shuffled || plan->behaviour->reversed;
    if (plan->one_by_one)
        return;
    for (size_t i = plan->count; i > 1; i--) {
        size_t other = (size_t)(sandbox_random(plan->sandbox) % i);
        size_t step = plan->order[i - 1];

        plan->order[i - 1] = plan->order[other];
        plan->order[other] = step;
    }
}

bool callbacks_begin(struct sandbox *sandbox, struct message *message,
                     const struct behaviour *behaviour, void (*done)(void *), void *argument)
{
    struct plan *plan;

    if (!*message->status_callback || !sandbox->now.callbacks || behaviour->silent)
        return false;
    plan = calloc(1, sizeof *plan);
    if (!plan || !url_parse(&plan->url, message->status_callback))
        abort();
    plan->sandbox = sandbox;
    plan->message = message_reference(message);
    plan->behaviour = behaviour;
    plan->count =
        life_steps(message->life, message->whatsapp, *message->service != '\0', plan->steps);
    plan->done = done;
    plan->argument = argument;
    plan->timer = evtimer_new(sandbox->base, on_step_due, plan);
    if (!plan->timer)
        abort();
    sid_make(plan->install_sid, "XE");
    TAILQ_INIT(&plan->calls);
    TAILQ_INSERT_TAIL(&sandbox->callbacks.plans, plan, entry);
    set_order(plan);
    schedule_next(plan);
    return true;
}

void callbacks_clear(struct callbacks *callbacks)
{
    struct plan *plan, *next;

    for (plan = TAILQ_FIRST(&callbacks->plans); plan; plan = next) {
        next = TAILQ_NEXT(plan, entry);
        plan_free(plan);
    }
}
