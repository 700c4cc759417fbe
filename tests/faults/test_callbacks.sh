#!/bin/sh
# A storm of callbacks while PostgreSQL and the programs die: nothing that was answered 200 is lost,
# and every message ends where the order of statuses says, whatever came first.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
[ "$mode" = cgi ] || programs_start 8 40

# What is expected stands in "callback": one row per callback, made from the kinds of lives below.
# Of ten messages one has no SID yet and is found by its id, and one is not there until later.
# storm MESSAGES: makes the rows and the requests
storm()
{
    sql -c "set client_min_messages = warning" -c "truncate message_logs, messaging.message_status_events, notifications cascade" \
        -c "drop table if exists callback" -c "
        create table callback as
        select i, 'SM' || md5(i::text) as sid, md5('log' || i)::uuid as log_id, status, error_code
        from generate_series(1, $1) as i, lateral (
            select * from (values
                (0, 'queued', null), (0, 'sent', null), (0, 'delivered', null), (0, 'read', null),
                (1, 'queued', null), (1, 'sending', null), (1, 'sent', null), (1, 'delivered', null),
                (2, 'queued', null), (2, 'sending', null), (2, 'sent', null), (2, 'undelivered', '30003'),
                (3, 'queued', null), (3, 'sending', null), (3, 'failed', '30008'), (3, 'wondering', null),
                (4, 'queued', null), (4, 'sent', null), (4, 'undelivered', '30005'), (4, 'delivered', null)
            ) as life (kind, status, error_code) where kind = i % 5) as life;
        insert into message_logs (id, sender_id, request_id, recipient, message_type, message_content,
            provider, status, external_id, sent_at)
        select log_id, case when i % 2 = 0 then '$user'::uuid end, '$maintenance_request', '+201012345678',
            'sms', 'message ' || i, 'twilio', case when i % 10 = 7 then 'pending' else 'queued' end,
            case when i % 10 <> 7 then sid end, now()
        from callback where i % 10 <> 8 group by i, sid, log_id"
    sql -c "select setseed(0.5)" -c "
        select 'twilio-delivery-status?id=' || log_id || e'\\tMessageSid=' || sid || '&SmsSid=' || sid
            || '&MessageStatus=' || status || coalesce('&ErrorCode=' || error_code, '')
            || '&To=%2B201012345678&From=%2B15005550006&ApiVersion=2010-04-01&AccountSid=$sid'
        from callback, generate_series(1, $2) order by random()" | grep MessageSid
}

twilio_crowd() { crowd --parallel 16 --sign "$auth_token" "$base" "$@"; }

# Wait until so many answers are there, then do what the line says.
disturb()
{
    while read -r answers what; do
        while [ "$(wc -l <"$work/answers.txt" 2>/dev/null || echo 0)" -lt "$answers" ]; do sleep 0.02; done
        eval "$what"
    done
}

# Settles the messages that came later, replays what waits, and compares all with what was expected.
all_is_there()
{
    sql -o /dev/null -c "insert into message_logs (id, sender_id, recipient, message_type, message_content, provider,
            status, sent_at)
        select log_id, '$user', '+201012345678', 'sms', 'message ' || i, 'twilio', 'pending', now()
        from callback where i % 10 = 8 group by i, log_id" -c "
        select messaging.settle_message(log_id, sid, 'queued', null, null, null, false, null)
        from callback where i % 10 = 8 group by i, log_id, sid"
    # What a killed process had taken in hand waits again after two minutes.
    verb -l 121 twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$? $(cat "$work/verb")"
    tail -n 1 "$work/verb" | sed 's/^/# /'
    equals 'files in the spool' '' "$(find "$work/spool" -type f)"
    holds "select external_id, status, error_code, count(*) from messaging.message_status_events
        group by 1, 2, 3 having count(*) > 1" ''
    holds "select 'lost', * from (select sid, status, error_code from callback
        except select external_id, status, error_code from messaging.message_status_events) as lost
        union all select 'made up', * from (select external_id, status, error_code
        from messaging.message_status_events except select sid, status, error_code from callback) as made" ''
    holds "select count(*) from messaging.message_status_events e join callback c on c.sid = e.external_id
        where e.message_log_id is distinct from c.log_id" 0
    # The order of sql/schema/status_order.sql, written down once more.
    holds "select m.id, m.external_id, m.status, expected.status from message_logs m join (
            select log_id, sid, (array_agg(status order by array_position(array['pending', 'unknown', 'accepted',
                'queued', 'sending', 'sent', 'canceled', 'failed', 'undelivered', 'delivered', 'read'], status)
                desc) filter (where status <> 'wondering'))[1] as status
            from callback group by 1, 2) as expected on expected.log_id = m.id
        where (m.status, m.external_id) is distinct from (expected.status, expected.sid)" ''
    holds "select count(*) from message_logs m join callback c on c.log_id = m.id
        where c.error_code is not null and m.error_code is distinct from c.error_code" 0
    holds "select count(*) from message_logs where status in ('delivered', 'read') and delivered_at is null
        or status = 'read' and read_at is null or status in ('failed', 'undelivered') and failed_at is null" 0
    holds "select m.status, n.count from message_logs m, lateral (select count(*) from notifications n
        where n.message_log_id = m.id) as n where m.status in ('failed', 'undelivered') and n.count <> 1
        or n.count > 1 or n.count > 0 and m.status not in ('failed', 'undelivered') and m.failed_at is null" ''
    holds "select count(distinct id) = $1 from message_logs" t
}

told()
{
    echo "# $(sql -c "select string_agg(n || ' x ' || status || ' ' || message, ', ') from (select status,
        coalesce(body->>'message', code, '(no answer)') as message, count(*) as n from answered group by 1, 2) as k")"
}

messages=$(size 500 2500)
[ "$mode" != cgi ] || messages=$(size 120 2500)
all=$((messages * 8))

it "each callback twice, 16 at a time, while PostgreSQL goes away three times ($mode)"
storm "$messages" 2 >"$work/storm"
: >"$work/answers.txt"
disturb <<TEXT &
$((all / 6)) database restart fast
$((all / 3)) database stop fast; sleep 3; database start
$((all * 2 / 3)) database restart immediate
TEXT
disturbing=$!
twilio_crowd <"$work/storm"
told
holds "select count(*), bool_and(status = 200) from answered" "$all|t"
holds "select bool_or(body->>'message' = 'Status spooled') from answered" t
all_is_there "$messages"

it "the same with the programs killed: what was answered 200 is there ($mode)"
storm "$messages" 1 >"$work/storm"
all=$((messages * 4))
: >"$work/answers.txt"
disturb <<TEXT &
$((all / 3)) database restart immediate
$((all * 2 / 3)) database restart fast
TEXT
disturbing=$!
if [ "$mode" = cgi ]; then
    # at most twice as late as most have ended
    usual=$(sql -c "select 2000 * (percentile_disc(0.5) within group (order by (answer->>'ms')::int) + 1) from answers")
    twilio_crowd --kill "$usual" <"$work/storm"
else
    programs_signal USR2 twilio-delivery-status
    twilio_crowd <"$work/storm"
    programs_signal USR2 twilio-delivery-status
fi
told
holds "select status from answered where status not in (0, 200) group by 1" ''
holds "select count(*) > 0 from answered where status = 0" t
verb -l 121 twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$? $(cat "$work/verb")"
holds "select a.n, line from answered a join asked using (n) where status = 200 and not exists (
    select from messaging.message_status_events e where e.external_id = substring(line from 'MessageSid=(\w+)')
        and e.status = substring(line from 'MessageStatus=(\w+)'))" ''

it "and after Twilio has repeated those that were not answered, all is there ($mode)"
sql -c "select line from answered join asked using (n) where status = 0 order by n" >"$work/again"
twilio_crowd --tries 20 <"$work/again"
told
holds "select bool_and(status = 200) from answered" t
all_is_there "$messages"

finish
