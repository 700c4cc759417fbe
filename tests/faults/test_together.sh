#!/bin/sh
# Callbacks that arrive together are recorded together: many in any order over few messages, while the
# programs and PostgreSQL die. Nobody waits in a circle, nothing that was answered is lost, and every
# message ends where the order of statuses says.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
sql -c "alter system set track_functions = 'all'" -c 'select pg_reload_conf()' >/dev/null

# Of three messages one is found by its id first; every fourth has each life.
sql -c "set client_min_messages = warning" -c "
    create table life as
    select i, 'SM' || md5('few' || i) as sid, md5('log' || i)::uuid as log_id, status, error_code, ends
    from generate_series(1, 12) as i, lateral (values
        (0, 'queued', null, 'sent'), (0, 'sending', null, 'sent'), (0, 'sent', null, 'sent'),
        (1, 'sent', null, 'undelivered'), (1, 'undelivered', '30003', 'undelivered'), (1, 'failed', '30008', 'undelivered'),
        (2, 'sent', null, 'delivered'), (2, 'delivered', null, 'delivered'), (2, 'undelivered', '30005', 'delivered'),
        (3, 'queued', null, 'read'), (3, 'delivered', null, 'read'), (3, 'read', null, 'read'), (3, 'wondering', null, 'read')
    ) as l (kind, status, error_code, ends) where kind = i % 4"

# hunt CALLBACKS [OPTION]...: so many, in an order of its own, and then those that all must have come
begin_hunt()
{
    sql -c 'truncate message_logs, messaging.message_status_events, notifications cascade' -c "
        insert into message_logs (id, sender_id, recipient, message_type, message_content, provider, status, external_id)
        select distinct on (i) log_id, '$user'::uuid, '+201012345678', 'sms', 'message ' || i, 'twilio', 'queued',
            case when i % 3 > 0 then sid end from life" >/dev/null 2>&1
    sql -c 'select setseed(0.25)' -c "
        select line from (
            select 'twilio-delivery-status?id=' || log_id || e'\\tMessageSid=' || sid || '&MessageStatus=' || status
                || coalesce('&ErrorCode=' || error_code, '') || '&To=%2B201012345678' as line
            from (select *, row_number() over () - 1 as k from life) as l
            join generate_series(0, $1 - 1) as n on n % (select count(*) from life) = k
            order by random()) as shuffled" | grep MessageSid >"$work/hunt"
}
all_ended()
{
    verb -l 121 twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$? $(cat "$work/verb")"
    equals 'files in the spool' '' "$(find "$work/spool" -type f)"
    holds "select count(*), bool_and(status = 200) from answered" "$1|t"
    holds "select sid, status, error_code, log_id from life except
        select external_id, status, error_code, message_log_id from messaging.message_status_events" ''
    holds "select count(*) = (select count(*) from life) from messaging.message_status_events" t
    holds "select l.ends, m.status, m.external_id = l.sid from life l left join message_logs m on m.id = l.log_id
        where m.status is distinct from l.ends or m.external_id is distinct from l.sid" ''
    holds "select l.sid, count(distinct n.id) from life l left join notifications n on n.message_log_id = l.log_id
        group by l.sid, l.ends having not count(distinct n.id) between
            case when l.ends = 'undelivered' then 1 else 0 end and case when l.ends in ('undelivered', 'delivered') then 1 else 0 end" ''
    equals 'deadlocks' 0 "$(grep -c 'deadlock detected' "$work/db/postgres.log")"
}

hunted=$(size 1500 20000)
it "$hunted callbacks in any order over 12 messages, 64 at a time"
programs_start 2 100
begin_hunt "$hunted"
crowd --parallel 64 --sign "$auth_token" "$base" <"$work/hunt"
programs_stop # and their connections tell what they have called
all_ended "$hunted"
holds "select count(*), sum(calls) > 10 from pg_stat_user_functions where funcname = 'record_statuses'" '1|t'
echo "# $(sql -c "select string_agg(funcname || ' ' || calls, ', ') from pg_stat_user_functions where funcname in ('record_status', 'record_statuses')")"

hunted=$(size 1500 80000)
it "$hunted more, while the programs are killed and PostgreSQL restarts"
programs_start 2 100
begin_hunt "$hunted"
: >"$work/answers.txt"
for at in 4 2; do
    while [ "$(wc -l <"$work/answers.txt")" -lt $((hunted / at)) ]; do sleep 0.02; done
    database restart "$([ $at = 4 ] && echo immediate || echo fast)"
done &
disturbing=$!
programs_signal USR2 twilio-delivery-status
crowd --parallel 64 --tries 100 --sign "$auth_token" "$base" <"$work/hunt"
programs_stop
all_ended "$hunted"
# In a short hunt nobody may have been in the way of what died.
[ -z "$full" ] || holds "select max(tries) > 1 from answered" t
[ "$killed" -gt 0 ] || complain 'processes killed' 'some' "$killed"

finish
