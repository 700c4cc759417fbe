#!/bin/sh
# One key, one message, however many ask at the same time.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
[ "$mode" = cgi ] || programs_start 8

# same KEY RECIPIENT COUNT
same()
{
    yes "send-twilio-message	{\"to\":\"$2\",\"message\":\"$1\"}	Idempotency-Key: $1	Content-Type: application/json" |
        head -n "$3"
}

# On a slow machine some wait for the first one's row longer than the database is waited for: 503.
for delay in 0 300; do
    twilio_config "delay-ms=$delay"
    it "of 50 requests with one key one is sent, the others repeat its answer or wait; Twilio takes $delay ms ($mode)"
    same "key-$delay" 01012345678 50 | crowd --parallel 50
    twilio_table
    holds "select count(*) from posts where body = 'key-$delay'" 1
    holds "select count(*) from answered where status = 200 and not headers ? 'idempotent-replayed'" 1
    holds "select status, code, headers->>'idempotent-replayed' from answered
        where (status, code) is distinct from (200, null) and (status, code) is distinct from (409, 'in_progress')
            and (status, code) is distinct from (503, 'database_unavailable')" ''
    holds "select count(*) from answered where status = 200 and headers ? 'idempotent-replayed'
        and headers->>'idempotent-replayed' <> 'true'" 0
    holds "select count(distinct body->>'messageSid'), count(distinct body->>'id') from answered where status = 200" '1|1'
    holds "select count(*) from answered where status = 409 and headers->>'retry-after' <> '1'" 0
    holds "select count(*) from message_logs where message_content = 'key-$delay'" 1
    echo "# $(sql -c "select string_agg(c || ' x ' || status || coalesce(' ' || replayed, ''), ', ') from (select
        status, headers->>'idempotent-replayed' as replayed, count(*) as c from answered group by 1, 2) as kinds")"
    same "key-$delay" 01012345678 1 | crowd
    holds "select status, headers->>'idempotent-replayed' from answered" '200|true'
done
twilio_config delay-ms=0

it 'what Twilio refused is refused alike, and was asked once'
same refused 01012345928 50 | crowd --parallel 50
twilio_table
holds "select count(*) from posts where body = 'refused'" 1
holds "select status, code, body->>'twilio_code' from answered
    where status <> 409 and (status, code) is distinct from (503, 'database_unavailable')
    group by 1, 2, 3" '422|twilio_rejected|21610'
holds "select count(*) from answered where status = 422 and not headers ? 'idempotent-replayed'" 1

it 'a 503 releases its key: the next one may send'
same busy 01012345911 1 | crowd
holds 'select status, code from answered' '503|twilio_busy'
holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'busy')" 0

finish
