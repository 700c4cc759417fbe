#!/bin/sh
# FastCGI processes end without losing a request, outlive their database, and do not grow.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
ulimit -S -n 1024 # as a shell has it
programs_start 1

it 'one process has 240 requests at Twilio at once, and before that eight threads beside its first'
threads=$(sed -n 's/^Threads:[^0-9]*//p' "/proc/$(processes send-twilio-message)/status")
[ "$threads" -le 10 ] || complain 'threads of an idle process' 'at most 10' "$threads"
twilio_config together=240
awk 'BEGIN { for (i = 0; i < 240; i++)
    printf "send-twilio-message\t{\"to\":\"01012345678\",\"message\":\"together %d\"}\n", i }' | crowd --parallel 240
holds 'select status, code, count(*) from answered group by 1, 2' '200||240'
twilio_config together=0
programs_stop
programs_start 8

# events FIRST COUNT: callbacks of messages that nobody knows
events()
{
    awk -v first="$1" -v n="$2" 'BEGIN { for (i = first; i < first + n; i++)
        printf "twilio-delivery-status\tMessageSid=SM%032d&MessageStatus=sent&To=%%2B201012345678\n", i }'
}
messages()
{
    awk -v first="$1" -v n="$2" 'BEGIN { for (i = first; i < first + n; i++)
        printf "send-twilio-message\t{\"to\":\"01012345678\",\"message\":\"message %d\"}\n", i }'
}

it 'SIGTERM to all processes under load loses no request'
twilio_config delay-ms=100
for round in 1 2 3 4 5 6; do sleep 0.5; programs_signal USR1; done &
disturbing=$!
ended=$(processes send-twilio-message | sort | tr '\n' ' ')
messages 1 "$(size 1000 5000)" | crowd --parallel 64
holds 'select status, code, count(*) from answered group by 1, 2' "200||$(size 1000 5000)"
for pid in $(processes send-twilio-message); do
    case $ended in *"$pid "*) complain 'a process of the beginning' ended "$pid lives" ;; esac
done
twilio_table
holds "select count(*), count(distinct body) from posts where body like 'message %'" "$(size '1000|1000' '5000|5000')"
holds "select count(*) from message_logs where status = 'pending'" 0
twilio_config delay-ms=0

it 'SIGTERM under load: no callback is lost either'
for round in 1 2 3; do sleep 0.3; programs_signal USR1; done &
disturbing=$!
events 1 "$(size 2000 20000)" | crowd --parallel 32 --sign "$auth_token" "$base"
holds "select status, body->>'message', count(*) from answered group by 1, 2" \
    "200|Message not found, status logged|$(size 2000 20000)"
holds 'select count(*) from messaging.message_status_events' "$(size 2000 20000)"

it 'a restart of PostgreSQL between requests is not noticed'
for how in fast immediate; do
    events 100000 200 | crowd --parallel 32 --sign "$auth_token" "$base"
    messages 100000 200 | crowd --parallel 32
    database restart "$how"
    messages 200000 200 | crowd --parallel 32
    holds 'select status, code, count(*) from answered group by 1, 2' '200||200'
    events 200000 200 | crowd --parallel 32 --sign "$auth_token" "$base"
    holds "select status, body->>'message', count(*) from answered group by 1, 2" \
        '200|Message not found, status logged|200'
done

it 'nor are connections that an administrator ends'
for round in 1 2; do
    messages 300000 200 | crowd --parallel 32
    sql -o /dev/null -c "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'twilio_cgi'"
    messages 400000 200 | crowd --parallel 32
    holds 'select status, code, count(*) from answered group by 1, 2' '200||200'
done

# Proportional set sizes would share what is shared; what is of no file is what can grow.
private()
{
    for pid in $(processes "$1"); do cat "/proc/$pid/status"; done |
        awk '/^RssAnon:|^VmSwap:/ { n += $2 } END { print n + 0 }'
}

# What a sanitizer keeps of freed memory, so that nobody gets it again, is no figure of ours.
case $(ldd "$work/cgi-bin/send-twilio-message") in
*libasan* | *libclang_rt*) finish ;;
esac

it 'memory does not grow from request 2,000 to request 10,000'
programs_stop
programs_start 2
first=$(size 2000 10000) last=$(size 10000 100000)
events 1000000 "$first" | crowd --parallel 128 --sign "$auth_token" "$base"
before=$(private twilio-delivery-status)
events 2000000 "$((last - first))" | crowd --parallel 32 --sign "$auth_token" "$base"
after=$(private twilio-delivery-status)
echo "# twilio-delivery-status, 2 processes: $before KiB after $first, $after KiB after $last"
[ "$after" -le "$((before + before / 10 + 256))" ] || complain 'KiB of memory' "about $before" "$after"
messages 1000000 "$first" | crowd --parallel 128
before=$(private send-twilio-message)
messages 2000000 "$((last - first))" | crowd --parallel 32
after=$(private send-twilio-message)
echo "# send-twilio-message, 2 processes: $before KiB after $first, $after KiB after $last"
[ "$after" -le "$((before + before / 10 + 256))" ] || complain 'KiB of memory' "about $before" "$after"

finish
