#!/bin/sh
# Servers that take no writes any more, go in the middle, come back without the last commits, or commit
# long after nobody listens: the caller hears the truth, and it stays true.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults

message() { printf 'send-twilio-message\t{"to":"01012345678","message":"%s"}%s\n' "$1" "${2:+	Idempotency-Key: $2}"; }
event() { printf 'twilio-delivery-status\tMessageSid=%s&MessageStatus=sent&To=%%2B201012345678\n' "$1"; }
answered() { holds 'select status, code, count(*) from answered group by 1, 2' "$1"; }
drained() { verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"; }

it 'connections whose server takes no writes are not kept: once it does, it is used'
sql -c 'alter role twilio_cgi set default_transaction_read_only = on'
programs_start 1
for i in $(seq 8); do message "read-only $i"; done | crowd --parallel 8
answered '503|database_unavailable|8'
for i in $(seq 8); do event "SMreadonly$i"; done | crowd --parallel 8 --sign "$auth_token" "$base"
holds "select status, body->>'message', count(*) from answered group by 1, 2" '200|Status spooled|8'
sql -c 'alter role twilio_cgi reset default_transaction_read_only'
for i in $(seq 8); do message "writable $i"; done | crowd --parallel 8
answered '200||8'
for i in $(seq 8); do event "SMwritable$i"; done | crowd --parallel 8 --sign "$auth_token" "$base"
holds "select status, body->>'message', count(*) from answered group by 1, 2" '200|Message not found, status logged|8'
drained

# A server that many had connected to becomes a standby, and another one is behind its name.
it 'a kept connection that has become read-only is replaced unnoticed'
for i in $(seq 8); do message "warm $i"; done | crowd --parallel 8
answered '200||8'
# what a session that has become read-only says
sql -c 'create function refuse_old() returns trigger language plpgsql security definer as $$
        begin
            if (select backend_start < (select min(at) from public.since) from pg_stat_activity where pid = pg_backend_pid()) then
                raise sqlstate $q$25006$q$ using message = $q$cannot execute INSERT in a read-only transaction$q$;
            end if;
            return new;
        end $$' \
    -c 'create table public.since as select clock_timestamp() as at' \
    -c 'create trigger refuse_old before insert on message_logs for each row execute function refuse_old()'
for i in $(seq 8); do message "replaced $i"; done | crowd --parallel 8
answered '200||8'
sql -c 'drop trigger refuse_old on message_logs'

it 'a server that says good-bye to a reservation: it is made once more, and one message goes out'
sql -o /dev/null -c begin -c "select pg_advisory_xact_lock(hashtextextended('$user', 5202611160800))" -c 'select pg_sleep(36000)' 2>/dev/null &
holder=$!
waits() { [ "$(sql -c "select count(*) from pg_stat_activity where usename = 'twilio_cgi' and wait_event_type = 'Lock'")" = "$1" ]; }
is_held() { [ "$(sql -c "select count(*) from pg_stat_activity where query like '%pg_sleep(36000)%' and state = 'active' and pid <> pg_backend_pid()")" = 1 ]; }
await is_held
printf 'send-whatsapp\t{"to":"01012345678","message":"good-bye"}\t%s\tIdempotency-Key: good-bye\n' "$(bearer "$user")" >"$work/line"
( crowd <"$work/line" ) &
sender=$!
await waits 1
sql -o /dev/null -c "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'twilio_cgi'"
sql -o /dev/null -c "select pg_terminate_backend(pid, 5000) from pg_stat_activity where query like '%pg_sleep(36000)%' and pid <> pg_backend_pid()"
wait "$holder"
wait "$sender"
answered '200||1'
holds "select status, count(*) from message_logs where message_content = 'good-bye' group by 1" 'queued|1'
twilio_table
holds "select count(*) from posts where body = 'good-bye'" 1

# while_row_is_lost [COMMAND...]: sends the line; while Twilio thinks its row goes, as if the server had never
# heard of it, and the command runs
while_row_is_lost()
{
    kill -STOP "$sandbox_pid"
    to="--server $port"
    [ $way != cgi ] || to="--programs $work/cgi-bin"
    # shellcheck disable=SC2086
    with_settings "$work/crowd" $to <"$work/line" >"$work/answers.txt" 2>>"$work/stderr" &
    sender=$!
    until [ "$(sql -c "select count(*) from message_logs where status = 'pending'")" = 1 ]; do
        kill -0 $sender || break
        sleep 0.05
    done
    sql -c "delete from message_logs where status = 'pending'"
    "$@"
    kill -CONT "$sandbox_pid"
    wait "$sender"
}

# first_answer: of the line
first_answer()
{
    load answers answer "$work/answers.txt"
    answered '200||1'
    sql -c 'set client_min_messages = warning' -c 'drop table if exists first' \
        -c "create table first as select body->>'id' as id from answered"
}

# restored TEXT KEY: it is in the table again as if nothing had been, and a repetition sends nothing
restored()
{
    twilio_table
    holds "select m.status, m.external_id = p.sid, m.recipient, m.message_type, sent_at <= now()
        from message_logs m join posts p on p.body = m.message_content where message_content = '$1'" 'queued|t|+201012345678|sms|t'
    holds "select count(*) from message_logs m, first where m.id::text = first.id and m.message_content = '$1'" 1
    message "$1" "$2" | crowd
    holds "select status, headers->>'idempotent-replayed', body->>'id' = (select id from first) from answered" '200|true|t'
    message "another text" "$2" | crowd
    answered '422|idempotency_mismatch|1'
    twilio_table
    holds "select count(*) from posts where body = '$1'" 1
}

for way in fastcgi cgi; do
    it "a failover lost the row: it is written again, with its key ($way)"
    message "lost $way" "lost-$way" >"$work/line"
    while_row_is_lost true
    first_answer
    equals 'the log tells' 1 "$(tail -n 3 "$work/stderr" | grep -c 'row was lost, and is written again')"
    mode=$way
    restored "lost $way" "lost-$way"
    mode=fastcgi

    it "and the database went away too: the spool brings row and key ($way)"
    message "spooled $way" "spooled-$way" >"$work/line"
    while_row_is_lost database stop
    database start
    first_answer
    equals 'files that wait' 1 "$(spool_files)"
    drained
    mode=$way
    restored "spooled $way" "spooled-$way"
    mode=fastcgi
done

# A commit that takes long, as one does that waits for a standby: 8 and 14 s, and the program listens for 6.
it 'a reservation that commits when nobody listens any more is none: no row, no key, its place is free'
sql -c 'create function commit_late() returns trigger language plpgsql as $$
        begin perform pg_sleep(substring(new.message_content from $q$^late (\d+)$q$)::float8); return null; end $$' \
    -c "create constraint trigger commit_late after insert on message_logs deferrable initially deferred
        for each row when (new.message_content like 'late %') execute function commit_late()"
for seconds in 8 14; do
    printf 'send-whatsapp\t{"to":"01012345678","message":"late %s"}\t%s\tIdempotency-Key: late-%s\n' $seconds "$(bearer "$other_user")" $seconds
done >"$work/late"
mode=cgi
crowd --parallel 2 <"$work/late"
mode=fastcgi
answered '503|database_unavailable|2'
is_quiet() { [ "$(sql -c "select count(*) from pg_stat_activity where usename = 'twilio_cgi' and state = 'active'")" = 0 ]; }
await is_quiet
drained
equals 'files that wait' 0 "$(spool_files)"
holds "select count(*) from message_logs where message_content like 'late %'" 0
holds "select count(*) from messaging.idempotency_keys where key in (select messaging.key_name('send-whatsapp $other_user', 'late-' || n) from generate_series(0, 1000) as n)" 0
sql -c 'drop trigger commit_late on message_logs'
printf 'send-whatsapp\t{"to":"01012345678","message":"in time"}\t%s\n' "$(bearer "$other_user")" | crowd
holds "select status, headers->>'ratelimit-remaining' from answered" '200|4'
twilio_table
holds "select count(*) from posts where body like 'late %'" 0

it 'a spool copied by root from a host that is no more: its files stay, are told, and are replayed once they are ours'
if [ "$(id -u)" -eq 0 ]; then
    printf '{"kind":"event","sid":"SMrecovered","status":"sent","parameters":{},"received_at":"2026-01-01T00:00:00.000Z"}\n' \
        >"$work/spool/1700000000001-00000000-0000-4000-8000-000000000001.json"
    chmod 600 "$work"/spool/*.json
    verb twilio-delivery-status --drain && complain '--drain' 'exit status 1' 0
    equals 'what it says' 1 "$(grep -c '^1 left: not to be read by this user' "$work/verb")"
    equals 'files set aside' 0 "$(find "$work/spool/bad" -type f 2>/dev/null | wc -l | tr -d ' ')"
    verb twilio-delivery-status --check
    equals 'what --check says' 1 "$(grep -c '^spool .* 1 waiting, .*, 1 that cannot be read' "$work/verb")"
    mode=cgi
    event SMother | crowd --sign "$auth_token" "$base"
    event SMother | crowd --sign "$auth_token" "$base"
    mode=fastcgi
    equals 'the log tells' 2 "$(tail -n 2 "$work/stderr" | grep -c 'cannot be read')"
    chown "$unprivileged_user" "$work"/spool/*.json
    drained
    equals 'files that wait' 0 "$(spool_files)"
    holds "select count(*) from messaging.message_status_events where external_id = 'SMrecovered'" 1
else
    echo '# skipped: only root leaves such files'
fi

finish
