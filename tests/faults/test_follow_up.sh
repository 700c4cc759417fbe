#!/bin/sh
# WhatsApp messages with a fallback; callbacks in another order, twice and not at all; runs of --follow-up
# that are killed beside each other; a database that restarts: each person gets one message, none two.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
programs_start 4

count=$(size 100 10000)
twilio_config "callbacks=on&callback-delay-ms=20&callback-drop=10&callback-repeat=2&callback-order=shuffled"

# Runs that are killed, at any moment of theirs, until there is no file "$work/go".
killed_runs()
{
    while [ -e "$work/go" ]; do
        with_settings timeout -s KILL "0.$1" "$work/cgi-bin/send-twilio-message" --follow-up >/dev/null 2>&1
    done
}

# What is due later is due now.
sooner() { sql -c "update messaging.follow_ups set due_at = due_at - interval '121 seconds' where due_at is not null"; }

open_rows() { sql -c "select (select count(*) from message_logs where status not in ('failed', 'undelivered', 'delivered', 'read'))
    + (select count(*) from messaging.follow_ups where due_at is not null)"; }

# Outside of the 24 hours; not on WhatsApp, told later and at once; a rate exceeded; delivered. Each text
# is a person's own.
it "$count messages are taken, beside runs that are killed and a database that restarts"
touch "$work/go"
killed_runs 2 & background="$!"
killed_runs 3 & background="$background $!"
seq "$count" | awk -v request="$maintenance_request" '{ split("950 951 952 953 900", kinds, " ")
    printf "send-twilio-message\t{\"to\":\"010%05d%s\",\"message\":\"message %d\",\"type\":\"whatsapp\",\"fallback\":\"sms\",\"validity\":36000,\"requestId\":\"%s\"}\tIdempotency-Key: key-%d\n",
        $1, kinds[$1 % 5 + 1], $1, request, $1 }' | crowd --parallel 8
holds "select status, code from answered where status <> 200 group by 1, 2" ''
sooner
database restart immediate
sleep 2
rm "$work/go"
# shellcheck disable=SC2086 # a list
wait $background
background=
echo "# open after it: $(open_rows)"

it 'runs and reconcile runs bring all to an end'
for _ in 1 2 3 4 5 6; do
    sooner
    verb send-twilio-message --follow-up
    tail -n 1 "$work/verb" | sed 's/^/# /'
    sleep 1
    verb -l 1000 send-twilio-message --reconcile --older-than 0s
    tail -n 1 "$work/verb" | sed 's/^/# /'
    [ "$(open_rows)" != 0 ] || break
done
holds "select status, count(*) from message_logs where status not in ('failed', 'undelivered', 'delivered', 'read') group by 1" ''

it 'each person got one message that arrived, none two'
taken_table
echo "# $(sql -c "select string_agg(n || ' x ' || arrived, ', ') from (select arrived, count(*) as n from (select g,
    count(t.sid) filter (where t.status in ('delivered', 'read')) as arrived from generate_series(1, $count) as g
    left join taken t on t.body = 'message ' || g group by g) as a group by 1 order by 1) as k") messages arrived"
holds "select g, count(t.sid) filter (where t.status in ('delivered', 'read')) from generate_series(1, $count) as g
    left join taken t on t.body = 'message ' || g group by g having count(t.sid) filter (where t.status in ('delivered', 'read')) <> 1" ''
holds "select m.metadata ->> 'fallback_of' from message_logs m where m.metadata ? 'fallback_of' group by 1 having count(*) > 1" ''
holds "select count(*) from notifications" 0

it 'and a repetition of each request sends nothing'
cp "$work/requests" "$work/again"
posts=$(sql -c 'select count(*) from taken')
crowd --parallel 8 <"$work/again"
holds "select status, code from answered where status <> 200 group by 1, 2" ''
taken_table
holds 'select count(*) from taken' "$posts"

finish
