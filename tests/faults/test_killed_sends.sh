#!/bin/sh
# Killed at any moment of a send: what Twilio took has a row, and a key never sends twice.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults

if [ "$mode" = cgi ]; then
    count=$(size 120 400) # most of them are killed
else
    count=$(size 300 1200)
    programs_start 8 15
fi
twilio_config delay-ms=20

# Requests with keys, the text of each its own; FIRST and LAST.
requests()
{
    awk -v first="$1" -v last="$2" 'BEGIN { for (i = first; i <= last; i++)
            printf "send-twilio-message\t{\"to\":\"01012345678\",\"message\":\"message %d\"}\tIdempotency-Key: key-%d\tContent-Type: application/json\n", i, i }'
}

# After each round.
once_with_a_row()
{
    twilio_table
    holds "select body, count(*) from posts group by body having count(*) > 1" ''
    holds "select body from posts p where not exists (select from message_logs m where m.id = p.log_id
        and m.message_content = p.body)" ''
    holds "select m.message_content from message_logs m join posts p on p.log_id = m.id
        where m.external_id <> p.sid" ''
}

kinds()
{
    echo "# $1: $(sql -c "select string_agg(n || ' x ' || status || coalesce(' ' || code, ''), ', ')
        from (select status, code, count(*) as n from answered group by 1, 2 order by 1) as kinds")"
}

# requests_end_well: what was not killed was sent
requests_end_well()
{
    kinds 'killed'
    holds "select status, code from answered where status not in (0, 200) group by 1, 2" ''
}

least=$(size 60 200)
it "killed at $least random moments and more, no message of Twilio's is without its row ($mode)"
if [ "$mode" = cgi ]; then
    requests 1 16 | crowd --parallel 8
    # The moments are spread over the life of a process that is a little slower than most; where the others
    # have become faster since, fewer are killed, and more are sent.
    usual=$(sql -c "select 1000 * percentile_disc(0.75) within group (order by (answer->>'ms')::int)
        from answers")
    killed=0 early=0 sent=0
    while [ "$killed" -lt "$least" ] && [ "$sent" -lt $((count * 10)) ]; do
        requests $((sent + 1)) $((sent + count)) | crowd --parallel 8 --kill "$usual"
        killed=$((killed + $(sql -c 'select count(*) from answered where status = 0')))
        early=$((early + $(sql -c "select count(*) from answered where status = 0 and n + $sent > 16 and not exists
            (select from message_logs m where m.message_content = 'message ' || n + $sent)")))
        sent=$((sent + count))
        requests_end_well
    done
    count=$sent
    echo "# killed: $killed, $early of them before the row was there"
else
    programs_signal USR2
    requests 1 "$count" | crowd --parallel 16
    programs_stop
    programs_start 8
    echo "# killed: $killed processes"
    requests_end_well
fi
[ "$killed" -ge "$least" ] || complain 'processes killed' "$least at least" "$killed"
once_with_a_row
# Each phase was hit: before Twilio, while it worked, and after.
holds "select count(*) > 0 from message_logs where status = 'pending'" t
holds "select status from message_logs where status not in ('pending', 'queued') group by 1" ''

it 'each asked again with its key sends nothing twice'
requests 1 "$count" | crowd --parallel 8
kinds 'asked again'
holds "select status, code from answered where (status, coalesce(code, '')) not in
    ((200, ''), (409, 'in_progress'), (504, 'outcome_unknown')) group by 1, 2" ''
holds "select count(*) from answered a join posts p on p.body = 'message ' || a.n
    where a.status = 200 and a.headers ? 'idempotent-replayed' and a.body->>'messageSid' <> p.sid" 0
once_with_a_row

it 'a minute later those whose outcome nobody knows say so'
sql -c "update messaging.idempotency_keys set begun_at = begun_at - interval '61 seconds'"
requests 1 "$count" | crowd --parallel 8
kinds 'a minute later'
holds "select status, code from answered where (status, coalesce(code, '')) not in
    ((200, ''), (504, 'outcome_unknown')) group by 1, 2" ''
once_with_a_row

it 'the reconcile run settles what was left, and then each key has its one message'
verb -l 61 send-twilio-message --reconcile --older-than 0s ||
    complain 'the exit status of --reconcile' 0 "$? $(cat "$work/verb")"
tail -n 1 "$work/verb" | sed 's/^/# /'
once_with_a_row
holds "select status from message_logs where status in ('pending', 'unknown') group by 1" ''
requests 1 "$count" | crowd --parallel 8
kinds 'after the reconcile run'
holds "select status, code from answered where status <> 200 group by 1, 2" ''
once_with_a_row
holds "select count(distinct body) from posts" "$count"

finish
