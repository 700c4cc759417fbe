#!/bin/sh
# Rows that somebody's open transaction holds are those rows' trouble: what is about others goes on, live
# and from the spool.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
programs_start 2

# hold SQL: in a transaction that stays open until let_go
hold()
{
    sql -o /dev/null -c begin -c "$1" -c 'select pg_sleep(36000)' 2>/dev/null &
    holder=$!
    await holds_it
}
holds_it() { [ "$(sql -c "select count(*) from pg_stat_activity where query like '%pg_sleep(36000)%' and state = 'active' and pid <> pg_backend_pid()")" = 1 ]; }
let_go()
{
    sql -o /dev/null -c "select pg_terminate_backend(pid, 5000) from pg_stat_activity where query like '%pg_sleep(36000)%' and pid <> pg_backend_pid()"
    wait "$holder"
}

# aside FILE: requests in the background, whose answers are read once all have come
aside()
{
    with_settings "$work/crowd" --server "$port" --parallel 64 --sign "$auth_token" "$base" \
        <"$1" >"$work/aside.txt" 2>>"$work/stderr" &
    beside=$!
}

sql -c "insert into message_logs (recipient, message_type, message_content, status, external_id, provider)
    select '+20101234567' || i % 10, 'sms', 'locked', 'queued', 'SMlocked' || i, 'twilio' from generate_series(1, 12) as i"
locked() { awk -v status="$1" 'BEGIN { for (i = 0; i < 24; i++)
    printf "twilio-delivery-status\tMessageSid=SMlocked%d&MessageStatus=%s&To=%%2B201012345678\n", i % 12 + 1, i < 12 ? status : "sending" }'; }
events()
{
    awk -v first="$1" -v n="$2" 'BEGIN { for (i = first; i < first + n; i++)
        printf "twilio-delivery-status\tMessageSid=SMfree%d&MessageStatus=sent&To=%%2B201012345678\n", i }'
}
messages()
{
    awk -v first="$1" -v n="$2" 'BEGIN { for (i = first; i < first + n; i++)
        printf "send-twilio-message\t{\"to\":\"01012345678\",\"message\":\"message %d\"}\n", i }'
}

it '24 callbacks about 12 locked rows wait and are spooled; who has nothing to do with them is served'
hold "select from message_logs where message_content = 'locked' for update"
locked sent >"$work/locked"
aside "$work/locked"
events 1 100 | crowd --parallel 16 --sign "$auth_token" "$base"
holds "select status, body->>'message', count(*) from answered group by 1, 2" '200|Message not found, status logged|100'
holds "select count(*) from messaging.message_status_events where external_id like 'SMlocked%'" 0
wait "$beside"
equals 'what Twilio heard' 24 "$(grep -c 'Status spooled' "$work/aside.txt")"
equals 'files that wait' 24 "$(spool_files)"

it 'while they wait in the spool, sends and callbacks go on'
messages 1 100 | crowd --parallel 16
holds 'select status, code, count(*) from answered group by 1, 2' '200||100'
events 1000 100 | crowd --parallel 16 --sign "$auth_token" "$base"
holds "select status, body->>'message', count(*) from answered group by 1, 2" '200|Message not found, status logged|100'
equals 'files that wait' 24 "$(spool_files)"

it 'plain CGI too'
mode=cgi
messages 1000 20 | crowd --parallel 4
holds 'select status, code, count(*) from answered group by 1, 2' '200||20'
events 2000 20 | crowd --parallel 4 --sign "$auth_token" "$base"
holds "select status, body->>'message', count(*) from answered group by 1, 2" '200|Message not found, status logged|20'
mode=fastcgi

it '--drain takes the 40 good files behind the locked ones, leaves those, and says so'
for i in $(seq 40); do
    printf '{"kind":"event","sid":"SMbehind%s","status":"sent","parameters":{},"received_at":"2026-01-01T00:00:00.000Z"}\n' "$i" >"$work/event"
    as_user cp "$work/event" "$work/spool/$((1800000000000 + i))-00000000-0000-4000-8000-0000000000$((10 + i)).json"
done
verb twilio-delivery-status --drain && complain '--drain' 'exit status 1' 0
holds "select count(*) from messaging.message_status_events where external_id like 'SMbehind%'" 40
equals 'files that wait' 24 "$(spool_files)"
equals 'what it says' 1 "$(grep -c '^24 left for later' "$work/verb")"
equals 'its summary' "drained: 40 replayed, 0 set aside in '$work/spool/bad'" "$(tail -n 1 "$work/verb")"

it 'once nobody holds the rows, --drain takes them at once'
let_go
verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
equals 'files that wait' 0 "$(spool_files)"
holds "select count(*) from messaging.message_status_events where external_id like 'SMlocked%'" 24

it 'or the requests do, after a while'
hold "select from message_logs where message_content = 'locked' for update"
locked delivered >"$work/locked"
head -n 12 "$work/locked" >"$work/twelve"
aside "$work/twelve"
wait "$beside"
equals 'files that wait' 12 "$(spool_files)"
events 3000 20 | crowd --parallel 4 --sign "$auth_token" "$base"
let_go
number=4000
until [ "$(spool_files)" = 0 ]; do
    events $number 1 | crowd --sign "$auth_token" "$base"
    number=$((number + 1))
    sleep 0.5
done
holds "select count(*) from message_logs where message_content = 'locked' and status = 'delivered'" 12

it "a profile that somebody holds delays that user's messages alone"
programs_stop
settings SEND_TWILIO_MESSAGE_AUTH=optional RATE_LIMIT_PER_MINUTE=100
programs_start 2
hold "select from profiles where id = '$user' for update"
for i in $(seq 24); do
    printf 'send-twilio-message\t{"to":"01012345678","message":"held %s"}\t%s\n' "$i" "$(bearer "$user")"
done >"$work/held"
aside "$work/held"
messages 5000 100 | crowd --parallel 16
holds 'select status, code, count(*) from answered group by 1, 2' '200||100'
let_go
wait "$beside"
load answers answer "$work/aside.txt"
holds "select count(*) from answered where status not in (200, 503)" 0
holds "select count(*) from message_logs where message_content like 'held %'" "$(sql -c 'select count(*) from answered where status = 200')"

finish
