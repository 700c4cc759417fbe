#!/bin/sh
# Twilio tells of most messages and answers most requests: one run fetches the rest, a second one
# changes nothing.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
programs_start 4

count=$(size 200 2000)
twilio_config "callbacks=on&callback-delay-ms=20&callback-drop=30&fail=1:timeout,1:close-taken,1:close,1:error,1:error-taken"

reconcile() { verb -l 61 send-twilio-message --reconcile --older-than 0s "$@"; }
settled="'canceled', 'failed', 'undelivered', 'delivered', 'read'"

# Own texts, texts that several messages share (some to one recipient), numbers that fail in the end,
# one that stays sent for ever, one that Twilio takes and never answers, and both channels.
seq "$count" | awk '{
    to = "010" 10000000 + 1000 * $1
    text = "message " $1
    if ($1 % 10 == 1) to = "01012345901"
    if ($1 % 10 == 2) to = "01012345902"
    if ($1 % 10 >= 7) { to = "01012345678"; text = "the same for several" }
    if ($1 == 50) to = "01012345903"
    if ($1 == 60) to = "01012345919"
    printf "send-twilio-message\t{\"to\":\"%s\",\"message\":\"%s\",\"type\":\"%s\"}\tIdempotency-Key: key-%d\n",
        to, text, $1 % 3 ? "sms" : "whatsapp", $1
}' | crowd --parallel 16

# And while Twilio calls nobody back, only its list knows what it took.
sql -c 'create table first as select a.*, line from answered a join asked using (n)'
twilio_config "callbacks=off&fail=40:close-taken,40:close"
seq 20 | awk '{ printf "send-twilio-message\t{\"to\":\"010%d\",\"message\":\"silent %d\"}\tIdempotency-Key: silent-%d\n",
    12340000 + $1 % 3, $1, $1 }' | crowd --parallel 4
sql -c 'insert into first select a.*, line from answered a join asked using (n)'
count=$((count + 20))

it 'dropped callbacks and sends without an answer leave messages behind'
echo "# $(sql -c "select string_agg(n || ' x ' || status || coalesce(' ' || code, ''), ', ')
    from (select status, code, count(*) as n from first group by 1, 2 order by 1) as kinds")"
holds "select status, code from first where (status, coalesce(code, '')) not in ((200, ''), (504, 'outcome_unknown'))" ''
holds "select count(*) from message_logs" "$count"
holds "select count(*) > 0 from first where status = 504" t
# Until the last callback has come.
before=
while [ "$before" != "$(sql -c 'select count(*), max(updated_at) from message_logs')" ]; do
    before=$(sql -c 'select count(*), max(updated_at) from message_logs')
    sleep 1
done
holds "select count(*) > $count / 20 from message_logs where status not in ($settled)" t
echo "# without a final status: $(sql -c "select string_agg(n || ' ' || status, ', ') from (select status, count(*)
    as n from message_logs where status not in ($settled) group by 1) as k")"

it 'a dry run tells what it would do, and writes nothing'
dump >"$work/before"
reconcile --dry-run || complain 'the exit status' 0 "$verb_status: $(cat "$work/verb")"
tail -n 1 "$work/verb" | sed 's/^/# /'
dump >"$work/after"
cmp -s "$work/before" "$work/after" || complain 'the tables' 'as before' "$(diff "$work/before" "$work/after" | head)"
equals 'a summary that says so' 1 "$(grep -c '^reconciled (dry run' "$work/verb")"

it 'one run settles all of it, though Twilio is busy for each fifth question'
twilio_config 'get-429=20'
reconcile || complain 'the exit status' 0 "$verb_status: $(cat "$work/verb")"
equals "messages found in the list" yes "$(sed -n "s/^reconciled.* \([1-9][0-9]*\) found.*/yes/p" "$work/verb")"
twilio_config 'get-429=0'
tail -n 1 "$work/verb" | sed 's/^/# /'
taken_table
holds "select m.id, m.status, t.status from message_logs m left join taken t on t.sid = m.external_id
    where m.status is distinct from coalesce(t.status, 'failed')
        and (m.status, t.status) is distinct from ('delivered', 'read')" ''
holds "select status, recipient from message_logs where status not in ($settled)" 'sent|+201012345903'

it 'no message is claimed by the row of another'
# Which of several equal messages is whose nobody can tell where Twilio never called back.
holds "select m.id, t.log_id from message_logs m join taken t on t.sid = m.external_id
    where t.log_id <> m.id and (t.body, t.message->>'to') is distinct from (m.message_content,
        case m.message_type when 'whatsapp' then 'whatsapp:' else '' end || m.recipient)" ''
holds "select count(*) from message_logs m join taken t on t.sid = m.external_id
    where t.log_id <> m.id and m.message_content <> 'the same for several'" 0
holds "select external_id, count(*) from message_logs where external_id is not null group by 1 having count(*) > 1" ''
holds "select count(*) from taken where sid not in (select external_id from message_logs where external_id is not null)" 0
holds "select m.message_content, m.status from message_logs m where external_id is null and message_content
    <> 'the same for several' and exists (select from taken t where t.log_id = m.id)" ''
holds "select count(*) from message_logs where external_id is null and error_message is null" 0

it 'each message that failed at the network has one notification at most, and its error'
holds "select count(*) from message_logs m where (select count(*) from notifications n
    where n.message_log_id = m.id) > 1" 0
holds "select count(*) from message_logs where external_id is not null
    and status in ('failed', 'undelivered') and error_code is null" 0

it 'a second run changes nothing'
dump >"$work/before"
reconcile || complain 'the exit status' 0 "$verb_status: $(cat "$work/verb")"
dump >"$work/after"
cmp -s "$work/before" "$work/after" || complain 'the tables' 'as before' "$(diff "$work/before" "$work/after" | head)"

it 'every key is known or free, and never sends a second message'
sql -c 'select line from first order by line' >"$work/again"
twilio_config 'fail=&callbacks=off'
crowd --parallel 16 <"$work/again"
holds "select status, code from answered where status <> 200" ''
twilio_table
holds "select body, recipient, count(*) from posts p where body <> 'the same for several'
    and status = 201 group by 1, 2 having count(*) > 1" ''

# questions: the lists, of however many pages, and messages that Twilio was asked for since the mark, and a
# new mark
questions()
{
    tail -n +"$((${mark:-0} + 1))" "$work/twilio.log" | grep '"type":"request","method":"GET","path":"/2010' |
        grep -vc '"PageToken":'
    mark=$(wc -l <"$work/twilio.log")
}
# older TEXT INTERVAL: a message, and when it was asked about, become so much older
older()
{
    sql -c "update messaging.reconcile_turns set asked_at = asked_at - interval '$2'
        where message_log_id in (select id from message_logs where message_content = '$1')" \
        -c "update message_logs set sent_at = sent_at - interval '$2' where message_content = '$1'"
}
one() { printf 'send-twilio-message\t{"to":"%s","message":"%s"}\n' "$1" "$2" | crowd; }
word_on() { sql -c "select status from message_logs where message_content = '$1'"; }

it 'prices and segments have come with the lists'
holds "select count(*) from message_logs where external_id is not null and status = 'delivered'
    and (metadata->>'price', metadata->>'price_unit', metadata->>'num_segments') is distinct from ('-0.04500', 'USD', '1')" 0

it 'without an age, a message is asked about after 12 hours, and then not before a day is over'
twilio_config 'callbacks=off&fail=&age-s=46800&price-delay-ms=2000000000'
one 01012345700 'in turns'
questions >/dev/null
verb send-twilio-message --reconcile || complain 'the exit status' 0 "$(cat "$work/verb")"
equals 'questions about what is young' 0 "$(questions)"
older 'in turns' '13 h'
verb send-twilio-message --reconcile || complain 'the exit status' 0 "$(cat "$work/verb")"
equals 'its status' delivered "$(word_on 'in turns')"
equals 'questions, two lists at most' yes "$(n=$(questions); [ "$n" -ge 1 ] && [ "$n" -le 2 ] && echo yes)"
mark=$(wc -l <"$work/twilio.log")
verb send-twilio-message --reconcile || complain 'the exit status' 0 "$(cat "$work/verb")"
equals 'questions an hour later, though there is no price yet' 0 "$(questions)"
older 'in turns' '12 h'
mark=$(wc -l <"$work/twilio.log")
verb send-twilio-message --reconcile || complain 'the exit status' 0 "$(cat "$work/verb")"
equals 'questions when it is a day old' yes "$([ "$(questions)" -ge 1 ] && echo yes)"

it 'messages of another account are passed over, and counted'
twilio_config 'price-delay-ms=0'
one 01012345917 'by another account'
older 'by another account' '13 h'
sql -c "update message_logs set metadata = metadata || '{\"account_sid\":\"AC00000000000000000000000000000000\"}'
    where message_content = 'by another account'"
verb send-twilio-message --reconcile
equals 'what is told' 1 "$(grep -c '^1 of another account passed over$' "$work/verb")"
equals 'its status' unknown "$(word_on 'by another account')"

it 'where Twilio blots numbers out nothing is proved, then and later'
twilio_config 'redact=on'
one 01012346917 'blotted out'
older 'blotted out' '13 h'
verb send-twilio-message --reconcile || complain 'the exit status' 0 "$(cat "$work/verb")"
equals 'what is told' 1 "$(grep -c "^numbers are blotted out in this account's lists" "$work/verb")"
equals 'its status' unknown "$(word_on 'blotted out')"
twilio_config 'redact=off&age-s=0'
one 01012347916 'not taken'
holds "select status from message_logs where message_content = 'not taken'" unknown
verb -l 61 send-twilio-message --reconcile --older-than 0s
equals 'its status' unknown "$(word_on 'not taken')"

finish
