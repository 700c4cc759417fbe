#!/bin/sh
# Every call of the system and of the libraries that can fail is made to fail, one at a time (fail.c):
# the caller hears what is true, and the next one sets right what is left.
#
# Of each function a few calls are tried, with FAULTS_FULL=1 many, from the first to the last: all of them
# would take hours.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
mode=cgi
type='Content-Type: application/json'
few=$(size 1 30)
few_allocations=$(size 3 150)
cp "$build/tests/faults/fail.so" "$work/"
make_directory "$work/counts"

sql -c "create table in_table (status int, code text);
    insert into in_table values (200, ''), (400, 'invalid_json'), (400, 'missing_fields'), (401, 'unauthorized'),
        (403, 'forbidden'), (403, 'invalid_signature'), (422, 'twilio_rejected'), (500, 'misconfigured'),
        (500, 'internal'), (502, 'twilio_unavailable'), (502, 'twilio_auth'), (503, 'database_unavailable'),
        (503, 'twilio_busy'), (504, 'outcome_unknown');
    create table logged (line text);
    create table first (fault text, name text, status int, code text, exit int, body jsonb);"

# Beside later.so: what is a minute old can be settled.
failing() { preload="LD_PRELOAD=$work/fail.so:$work/later.so $asan_preload $*"; }

# plan [PATTERN]: from the calls of a good run (in $work/counts/*) what shall fail: "NAME:CALL[:ERRNO]".
plan()
{
    cat "$work"/counts/* | sort -u -k 1,1 | awk -v few="$few" -v allocations="$few_allocations" \
        -v pattern="${1:-.}" '
        $1 ~ pattern {
            most = $1 ~ /^(malloc|calloc|realloc)$/ ? allocations : few
            for (i = 0; i < most && i < $2; i++) {
                call = $2 <= most || most == 1 ? i + 1 : 1 + int(i * ($2 - 1) / (most - 1))
                print $1 ":" call
                # EINTR: to be tried again
                if ($1 ~ /^(read|write|poll|send|recv|getrandom)$/) print $1 ":" call ":4"
            }
        }'
    rm -f "$work"/counts/*
}

# requests SCENARIO LINE: a request for each planned fault; NAME in LINE is its own, SID a number.
requests()
{
    awk -v scenario="$1" -v line="$2" '{
        name = scenario "-" $1
        gsub(/:/, "-", name)
        request = line
        gsub(/NAME/, name, request)
        gsub(/SID/, sprintf("SM%s%06d", scenario, NR), request)
        print request "\tX-Request-Id: " name "\tX-Fail: " $1
    }'
}

# first_try [OPTION]...: each request with its fault; what must hold of every one.
first_try()
{
    failing
    crowd --parallel 4 "$@"
    preload=
    sql -c 'truncate first' -c "insert into first select substring(line from 'X-Fail: ([^\t]*)'),
        substring(line from 'X-Request-Id: ([^\t]*)'), status, coalesce(code, ''), (answer->>'exit')::int, body
        from answered join asked using (n) join answers on (answer->>'n')::int = n"
    holds "select fault, exit from first where exit <> 0" ''
    # Nobody hears an answer that cannot be written.
    holds "select fault, status, code from first where (status, code) not in (select * from in_table)
        and (status <> 0 or fault !~ '^write:\d+$')" ''
    grep '^{"time"' "$work/stderr" >"$work/lines"
    load logged line "$work/lines"
    holds "select fault from first where fault !~ '^write:\d+$' and 1 <> (select count(*) from logged
        where line like '%\"request_id\":\"' || name || '\"%')" ''
    echo "# $(sql -c "select count(*) from first") faults: $(sql -c "select string_agg(n || ' x ' || status || ' ' || code, ', ')
        from (select status, code, count(*) as n from first group by 1, 2 order by 1) as k")"
}

# Without the fault.
second_try()
{
    sql -c "select regexp_replace(line, '\tX-(Fail|Request-Id): [^\t]*', '', 'g') from asked order by n" >"$work/again"
    crowd --parallel 4 "$@" <"$work/again"
}

drained()
{
    verb -l 121 twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
    equals 'files in the spool' '' "$(find "$work/spool" -type f)"
}

# count LINE: a good run, for its calls
count()
{
    failing
    printf "%s\tX-Count: $work/counts/calls\n" "$1" | crowd ${2:+--sign "$auth_token" "$base"}
    preload=
    holds 'select status from answered' 200
}

# ---------------------------------------------------------------- sending

# sends SCENARIO PROGRAM [HEADER [PATTERN]]
sends()
{
    line=$(printf '%s\t{"to":"01012345678","message":"NAME"}\tIdempotency-Key: NAME\t%s\t%s' "$2" "$type" "${3:-}")
    forget_rows
    it "$1: whatever fails, the answer is true"
    count "$line"
    plan "${4:-}" | requests "$1" "$line" | first_try
    drained
    twilio_table
    holds "select fault, status, code from first where status not in (200, 0, 504)
        and exists (select from posts p where p.body = name)" ''
    holds "select fault from first where status = 200
        and 1 <> (select count(*) from posts p where p.body = name and p.sid = coalesce(first.body->>'messageSid',
            first.body->'data'->>'message_sid'))" ''

    it "$1: what Twilio took has a row, settled or known to be unknown; nothing stays pending"
    holds "select name, m.status from first join posts p on p.body = name left join message_logs m on m.id = p.log_id
        where (m.status = 'queued' and m.external_id = p.sid) is not true and m.status is distinct from 'unknown'" ''
    holds "select message_content from message_logs where status = 'pending'" ''

    it "$1: asked again with its key, nothing is sent twice, and what was not sent is"
    second_try
    twilio_table
    holds "select body, count(*) from posts where body like '$1-%' group by 1 having count(*) > 1" ''
    holds "select fault, first.status, first.code, a.status, a.code from first join asked on line like '%Key: ' || name || e'\\t%'
        join answered a using (n) where not case first.status when 504 then a.status = 504
            when 0 then a.status in (200, 504) else a.status = 200 end" ''
    holds "select fault from first where status not in (504, 0)
        and 1 <> (select count(*) from posts p where p.body = name)" ''
}

sends send send-twilio-message
sends whatsapp send-whatsapp "$(server_bearer)" "$(size '^(jwt|cJSON|BIO|malloc|calloc|open|recv)' .)"

# ---------------------------------------------------------------- callbacks

# callbacks SCENARIO
callbacks()
{
    line='twilio-delivery-status	MessageSid=SID&MessageStatus=sent&To=%2B201012345678'
    count "$(echo "$line" | sed 's/SID/SM0/')" signed
    plan | requests "$1" "$line" | first_try --sign "$auth_token" "$base"
}

# Twilio comes again where it was not told 200.
all_recorded()
{
    holds "select fault from first join asked on line like '%Id: ' || name || e'\\t%' where status = 200 and 1 <> (select count(*)
        from messaging.message_status_events e where e.external_id = substring(line from 'MessageSid=(\w+)'))" ''
    second_try --sign "$auth_token" "$base"
    holds 'select status from answered group by 1' 200
    holds "select line from asked where 1 <> (select count(*) from messaging.message_status_events e
        where e.external_id = substring(line from 'MessageSid=(\w+)'))" ''
}

it 'a callback: what was answered 200 is recorded or waits in the spool'
callbacks record
drained
all_recorded

it 'a callback while the database is away: what was answered 200 waits in the spool'
settings DATABASE_URL=host=/nonexistent
callbacks spool
settings
drained
all_recorded

it 'the first callback of all, which makes the spool'
failing
for fault in mkdir:1 chmod:1 open:2 open:3 openat:1 fsync:1 fsync:2 fsync:3 fstat:1; do
    directory=$work/new-$fault
    make_directory "$directory"
    settings DATABASE_URL=host=/nonexistent SPOOL_DIR="$directory/spool"
    printf 'twilio-delivery-status\tMessageSid=SM1&MessageStatus=sent\tX-Fail: %s\n' "$fault" |
        crowd --sign "$auth_token" "$base"
    answered=$(sql -c 'select status from answered')
    case $answered in
    200) equals "$fault: files" 1 "$(find "$directory" -type f -name '[0-9]*.json' | wc -l | tr -d ' ')" ;;
    503) ;; # whether the event is there or not, Twilio comes again
    *) complain "$fault" '200 or 503' "$answered" ;;
    esac
    equals "$fault: other files" '' "$(find "$directory" -type f -name '.*')"
done
preload=
settings

# ---------------------------------------------------------------- verbs

# count_verb PROGRAM VERB...: a good run, for its calls
count_verb() { with_faults "HTTP_X_COUNT=$work/counts/calls" "$@"; }

# with_faults VARIABLE PROGRAM VERB...: sets $verb_status
with_faults()
{
    failing SECONDS_LATER=121 "$1"
    program=$2
    shift 2
    with_settings "$work/cgi-bin/$program" "$@" >"$work/verb" 2>"$work/verb.stderr"
    verb_status=$?
    preload=
    grep -v '^{"time"' "$work/verb.stderr" >"$work/verb.words"
    case $verb_status in
    0 | 1) ;;
    *) complain "exit status of $program $*, $fault" '0 or 1' "$verb_status $(cat "$work/verb.stderr")" ;;
    esac
}

waiting()
{
    for event in 1 2 3; do
        printf '{"kind":"event","sid":"SM%s%s","status":"sent","parameters":{"To":"x"},"received_at":"2026-01-01T00:00:00.000Z"}\n' \
            "$1" "$event" >"$work/event"
        as_user cp "$work/event" "$work/spool/170000000000$event-00000000-0000-4000-8000-00000000000$event.json"
    done
}

waiting_files() { find "$work/spool" -maxdepth 1 -name '[0-9]*' | wc -l | tr -d ' '; }

it '--drain: whatever fails, the next one finds what is left, and no event is lost or set aside'
waiting first
fault=none
count_verb twilio-delivery-status --drain
equals '--drain' 0 "$verb_status"
plan >"$work/plan"
number=0
while read -r fault; do
    number=$((number + 1))
    waiting "drain$number"
    with_faults "HTTP_X_FAIL=$fault" twilio-delivery-status --drain
    [ "$verb_status" -ne 0 ] || equals "$fault: files that wait after exit status 0" 0 "$(waiting_files)"
    verb -l 121 twilio-delivery-status --drain || complain "$fault: --drain again" 0 "$(cat "$work/verb")"
    [ "$(spool_files)" -eq 0 ] || complain "$fault: files" 0 "$(find "$work/spool" -type f)"
    find "$work/spool" -type f -delete
done <"$work/plan"
holds "select n from generate_series(1, $number) as n where 3 <> (select count(*) from messaging.message_status_events
    where external_id ~ ('^SMdrain' || n || '[123]\$'))" ''
echo "# $number faults"

it '--reconcile: whatever fails, the next one settles what is left'
printf 'send-twilio-message\t{"to":"01012345917","message":"lost %s"}\n' 1 2 | crowd
holds 'select status from answered group by 1' 504
lost="message_content like 'lost %'"
# As before the first run: without what it has found out.
reset_lost()
{
    sql -c "delete from messaging.message_status_events where message_log_id in (select id from message_logs where $lost)" \
        -c "set session_replication_role = replica" \
        -c "update message_logs set status = 'unknown', external_id = null, metadata = '{}' where $lost"
}
fault=none
count_verb send-twilio-message --reconcile --older-than 0s
equals '--reconcile' 0 "$verb_status"
few_allocations=$(size 2 50)
few=$(size 1 10)
plan >"$work/plan"
number=0
while read -r fault; do
    number=$((number + 1))
    reset_lost
    with_faults "HTTP_X_FAIL=$fault" send-twilio-message --reconcile --older-than 0s
    if [ "$verb_status" -eq 0 ]; then
        holds "select '$fault', count(distinct external_id) from message_logs where $lost" "$fault|2"
    else
        verb -l 121 send-twilio-message --reconcile --older-than 0s || complain "$fault: --reconcile again" 0 "$(cat "$work/verb")"
        holds "select '$fault again', count(distinct external_id) from message_logs where $lost" "$fault again|2"
    fi
done <"$work/plan"
echo "# $number faults"

it '--check: whatever fails, it says ready or not ready'
for program in send-twilio-message twilio-delivery-status; do
    fault=none
    count_verb $program --check
    plan >"$work/plan"
    while read -r fault; do
        with_faults "HTTP_X_FAIL=$fault" $program --check
        case $fault in
        write:?) ;; # nobody hears
        *) equals "$program $fault" "$program: $([ "$verb_status" -eq 0 ] || echo 'not ')ready" "$(tail -n 1 "$work/verb")" ;;
        esac
    done <"$work/plan"
done

# ---------------------------------------------------------------- FastCGI

# serve VARIABLE...: one process, started again when it ends, behind nginx
serve()
{
    failing "$@"
    rm -f "$web/run/send-twilio-message"
    ( cd "$web/run" && with_settings "$work/keeper" send-twilio-message 1 "$work/cgi-bin/send-twilio-message" ) \
        </dev/null >"$web/log/send-twilio-message.killed" 2>>"$work/served" &
    keepers=$!
    preload=
    await test -S "$web/run/send-twilio-message"
}

# three NAME: messages
three()
{
    for message in 1 2 3; do
        printf 'send-twilio-message\t{"to":"01012345678","message":"%s %s"}\tIdempotency-Key: %s-%s\n' "$1" $message "$1" $message
    done
}

it 'FastCGI: whatever fails in a process, the next request is served, and nothing is sent twice'
mode=fastcgi
few=$(size 1 10)
few_allocations=$(size 2 60)
nginx_start
serve "HTTP_X_COUNT=$work/counts/calls"
three counted | crowd
programs_stop
plan "$(size '^(pthread|epoll_c|eventfd|accept|calloc|FCGX_P)' .)" | grep -v '^write' >"$work/plan"
while read -r fault; do
    as_user touch "$work/counts/once"
    serve "HTTP_X_FAIL=$fault" "HTTP_X_ONCE=$work/counts/once"
    three "$fault" | crowd --parallel 3 --tries 500
    # 409 where the process died for one of them while another had taken its key, and comes again.
    holds "select '$fault', status, code from answered where (status, coalesce(code, '')) not in (select * from in_table)
        and (tries > 1 and code = 'in_progress') is not true" ''
    # A call that did not come to it; how many they are depends on who comes first.
    rm -f "$work/counts/once"
    three "$fault" | crowd --parallel 3 --tries 500
    # 409 where the first one's end waits in the spool.
    holds "select '$fault', status, code from answered where status not in (200, 504)
        and coalesce(code, '') <> 'in_progress'" ''
    programs_stop
done <"$work/plan"
rm -f "$work/counts/once"
twilio_table
holds "select body, count(*) from posts where body <> 'NAME' group by body having count(*) > 1" ''
holds "select message_content from message_logs m where message_content ~ '^[a-zA-Z0-9_]+:[0-9:]+ [123]$'
    and status = 'queued' and not exists (select from posts p where p.body = m.message_content and p.sid = m.external_id)" ''
# libfcgi has no other way to say that there is no memory.
equals 'processes that died, for an assertion of libfcgi' "$(grep -c 'fcgiapp\.c:.* Assertion .* failed' "$work/served")" \
    "$(grep -c '^keeper: .* died of signal 6$' "$work/served")"
grep -v -e '^{"time"' -e '^send-twilio-message: ' -e '^keeper: .* died of signal 6$' "$work/served" >"$work/died"
equals 'what was said beside the log' '' "$(cat "$work/died")"
echo "# $(wc -l <"$work/plan") faults"
mode=cgi

finish
