#!/bin/sh
# Half of what the machine can do for a long time, while programs, PostgreSQL's processes and PostgreSQL
# itself are killed: no message and no callback is lost, and no memory either.
#
#   SOAK_MINUTES=30    how long; with FAULTS_FULL=1 thirty minutes, else some seconds

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox_options='--keep 2000000'
begin_faults
seconds=$((${SOAK_MINUTES:-0} * 60))
[ "$seconds" -gt 0 ] || seconds=$(size 6 1800)

# messages SCENARIO COUNT: a third of them by the front end's program
messages()
{
    awk -v name="$1" -v n="$2" -v token="$(server_bearer)" 'BEGIN {
        for (i = 1; i <= n; i++)
            printf "%s\t{\"to\":\"010%08d\",\"message\":\"%s %d\"}\tIdempotency-Key: %s-%d\tContent-Type: application/json\t%s\n",
                i % 3 ? "send-twilio-message" : "send-whatsapp", 12000678 + i % 900 * 1000, name, i, name, i,
                i % 3 ? "" : token
    }'
}

twilio_config "callbacks=on&callback-delay-ms=50&callback-order=shuffled&delay-ms=20"

# What each program's first process holds while nothing is to be done, after a minute in which threads
# and connections end that were there for the load. It is not killed, and stays the oldest; the least
# number may be another's, where so many die that numbers come round.
case $(ldd "$programs/send-whatsapp") in
*libasan* | *libclang_rt*) watched= ;;
*) watched=yes ;;
esac
held_at_rest()
{
    [ "$seconds" -lt 120 ] || sleep 75
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        echo "$program $(od -An -td8 -N8 "$work/held/$(processes $program -o)")"
    done
}

# The callbacks that have ended: their number stands still when Twilio has said all.
called() { grep -c '"type":"callback"' "$work/twilio.log"; }
twilio_is_done()
{
    before=-1
    while now=$(called) && [ "$now" -ne "$before" ]; do
        before=$now
        sleep 2
    done
}

# ---------------------------------------------------------------- as fast as it goes

if [ "$watched" ]; then
    make_directory "$work/held"
    cp "$build/tests/faults/held.so" "$work/"
    preload="LD_PRELOAD=$work/held.so HELD_IN=$work/held"
fi
programs_start 4 4000
preload=
measured=$(size 2 15)
messages measured 100000 >"$work/requests.measured"
head -n "$((measured * 1500))" "$work/requests.measured" | crowd --parallel 48 --seconds "$measured"
most=$(sql -c "select count(*) / $measured from answered where status = 200")
rate=$((most / 2 + 1))
twilio_is_done
[ -z "$watched" ] || held_at_rest >"$work/held_before"
echo "# most: $most messages a second, with their callbacks; from now on $rate"

# ---------------------------------------------------------------- half of it, with disturbances

# Every few seconds something else dies, until there is enough. Nobody kills this in the middle: the
# database would stay down.
disturb()
{
    dice=$(od -An -N2 -tu2 /dev/urandom)
    while sleep "$([ "$seconds" -lt 120 ] && echo 2 || echo 20)" && [ ! -e "$work/enough" ]; do
        dice=$(((dice * 75 + 74) % 65537))
        case $((dice % 6)) in
        0 | 1) sql -o /dev/null -c "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'twilio_cgi'
            order by random() limit 2" ;;
        2 | 3) kill -9 "$(sql -c "select pid from pg_stat_activity where usename = 'twilio_cgi' limit 1")" ;;
        4) database restart fast ;;
        5) database restart immediate ;;
        esac 2>/dev/null
        echo "$((dice % 6))" >>"$work/disturbances"
    done
}

it "$seconds seconds at $rate messages a second, while things die"
: >"$work/disturbances"
messages soak "$((rate * seconds))" >"$work/requests"
programs_signal USR2
disturb &
background=$!
with_settings "$work/crowd" --server "$port" --parallel 64 --rate "$rate" --tries 1000 \
    <"$work/requests" >"$work/answers.txt" 2>>"$work/stderr"
touch "$work/enough"
wait "$background"
background=
programs_signal USR2
await sql -c 'select 1'
twilio_is_done
load answers answer "$work/answers.txt"
load asked line "$work/requests"
echo "# $(sql -c "select string_agg(n || ' x ' || status || coalesce(' ' || code, ''), ', ') from (select status, code,
    count(*) as n from answered group by 1, 2 order by 1) as k"); disturbances: $(wc -l <"$work/disturbances")"
holds 'select count(*) from answered' "$((rate * seconds))"
holds "select status, code from answered where (status, coalesce(code, '')) not in ((200, ''), (409, 'in_progress'),
    (503, 'database_unavailable'), (504, 'outcome_unknown')) group by 1, 2" ''
# In some seconds nobody may have been in the way of what died.
[ "$seconds" -lt 60 ] || holds 'select count(*) > 0 from answered where tries > 1' t

it 'no callback is lost: what was not answered comes again, as from Twilio'
sql -c 'create table callbacks (line jsonb)'
grep '"type":"callback"' "$work/twilio.log" >"$work/callbacks"
load callbacks line "$work/callbacks"
sql -c "select 'twilio-delivery-status' || coalesce('?' || substring(line->>'url' from '[?]([^#]*)'), '') || e'\\t' ||
    (select string_agg(key || '=' || replace(replace(value, '+', '%2B'), ':', '%3A'), '&') from jsonb_each_text(line->'parameters'))
    from callbacks where (line->>'status')::int is distinct from 200" >"$work/again"
holds 'select count(*) > 2 * (select count(*) from answered where status = 200) from callbacks' t
echo "# $(wc -l <"$work/callbacks") callbacks, $(wc -l <"$work/again") of them not answered"
crowd --parallel 16 --tries 100 --sign "$auth_token" "$base" <"$work/again"
holds 'select status from answered where status <> 200' ''
verb -l 121 twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
equals 'files in the spool' '' "$(find "$work/spool" -type f)"
holds "select line->'parameters'->>'MessageSid', line->'parameters'->>'MessageStatus' from callbacks
    except select external_id, status from messaging.message_status_events" ''
holds "select external_id, status, error_code from messaging.message_status_events group by 1, 2, 3 having count(*) > 1" ''

it 'no message is lost or sent twice, and one run settles what nobody knew'
grep '"type":"request","method":"POST"' "$work/twilio.log" >"$work/twilio.posts"
mv "$work/twilio.posts" "$work/twilio.log"
twilio_table
holds "select body, count(*) from posts where status = 201 group by body having count(*) > 1" ''
holds "select body from posts p where not exists (select from message_logs m where m.id = p.log_id
    and m.message_content = p.body)" ''
verb -l 121 send-twilio-message --reconcile --older-than 0s || complain '--reconcile' 'exit status 0' "$(cat "$work/verb")"
echo "# $(tail -n 1 "$work/verb")"
holds "select p.sid, m.status from posts p left join message_logs m on m.external_id = p.sid
    where p.status = 201 and m.status is distinct from 'delivered' and m.status is distinct from 'read'" ''
holds "select status, count(*) from message_logs where status in ('pending', 'unknown') group by 1" ''

if [ "$watched" ]; then
    it 'nothing leaks: at rest a process holds what it held before'
    held_at_rest >"$work/held_after"
    join "$work/held_before" "$work/held_after" >"$work/held_both"
    while read -r program before after; do
        echo "# $program: $before bytes before, $after after"
        [ "${after:-0}" -gt 0 ] || complain "bytes that $program holds" 'some' "$after"
        # A short run shows that they are counted, and no leak.
        [ "$seconds" -lt 120 ] || [ "$after" -le $((before + 262144)) ] || complain "bytes that $program holds" "$before" "$after"
    done <"$work/held_both"
    equals 'programs that were looked at' 3 "$(wc -l <"$work/held_both")"
fi
programs_stop
echo "# killed: $killed processes"

finish
