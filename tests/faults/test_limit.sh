#!/bin/sh
# Five messages a minute, whoever counts at the same time.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
[ "$mode" = cgi ] || programs_start 8

type='Content-Type: application/json'

# whatsapp WHO COUNT: so many requests of one user, each with its own text
whatsapp()
{
    token=$(bearer "$1")
    seq -f "send-whatsapp	{\"to\":\"01012345678\",\"message\":\"$1 %.0f\"}	$type	$token" "$2"
}

it "of 200 requests at once exactly 5 become messages ($mode)"
whatsapp "$user" 200 | crowd --parallel "$(if [ "$mode" = cgi ]; then echo 150; else echo 200; fi)"
twilio_table
# On a slow machine some wait for their turn longer than the database is waited for: 503, nothing sent.
holds "select count(*) filter (where status = 200), count(*) filter (where code = 'rate_limited') > 97,
    count(*) filter (where status <> 200 and code not in ('rate_limited', 'database_unavailable'))
    from answered" '5|t|0'
holds "select count(*), count(distinct id), count(external_id), bool_and(sender_id = '$user')
    from message_logs" '5|5|5|t'
holds 'select count(*), count(distinct body), count(distinct log_id) from posts' '5|5|5'

it 'each of the five was told another number of places that are left'
holds "select string_agg(headers->>'ratelimit-remaining', ' ' order by headers->>'ratelimit-remaining')
    from answered where status = 200" '0 1 2 3 4'

it 'the refused are told when to come again'
holds "select count(*) from answered where status = 429 and ((headers->>'retry-after')::int not between 1
    and 60 or headers->>'ratelimit-remaining' <> '0' or (body->>'retry_after') <> headers->>'retry-after')" 0

it 'another user has five places of his own meanwhile'
whatsapp "$other_user" 20 | crowd --parallel 20
holds "select status, count(*) from answered group by 1 order by 1" "200|5
429|15"

# Three minutes of everything. In the short run the rows grow older by five seconds again and again: for
# the limit, which compares them with the clock, that is a clock that goes faster.
it "in a mixed run of three minutes no 60 seconds have more than 5 messages of one user ($mode)"
forget_rows
seconds=$(size 20 185)
if [ -z "$full" ]; then
    while sleep 0.1; do
        echo shift >>"$work/shifts"
        sql -c "update message_logs set created_at = created_at - interval '5 seconds',
            sent_at = sent_at - interval '5 seconds'"
    done &
    background=$!
fi
{
    for i in 1 2 3 4 5 6 7 8; do
        whatsapp "$user" 3
        whatsapp "$other_user" 1
        # A server's own, one that is refused for its content, one that is repeated.
        echo "send-twilio-message	{\"to\":\"01012345678\",\"message\":\"server $i\"}	$type"
        echo "send-whatsapp	{\"to\":\"02 2345\",\"message\":\"landline\"}	$type	$(bearer "$user")"
        echo "send-whatsapp	{\"to\":\"01012345678\",\"message\":\"once\"}	$type	$(bearer "$user")	Idempotency-Key: once-$i"
    done
} | crowd --parallel 8 --seconds "$seconds"
[ -n "$full" ] || { kill "$background"; wait "$background" 2>/dev/null; background=; }
holds "select sender_id, created_at, gap from (select sender_id, created_at, created_at - lag(created_at, 5)
    over (partition by sender_id order by created_at) as gap from message_logs where sender_id is not null)
    as sixth where gap < interval '60 seconds'" ''
# Somebody was always asking: more than the first minute was used.
holds "select sender_id, count(*) from message_logs where sender_id is not null group by 1
    having count(*) <= 5" ''
holds "select count(distinct sender_id) from message_logs where sender_id is not null" 2
holds "select status, code from answered where status not in (200, 400, 409, 429) group by 1, 2" ''
twilio_table
holds "select count(*) from message_logs m where status <> 'failed'
    and 1 <> (select count(*) from posts p where p.log_id = m.id)" 0
[ -n "$full" ] || seconds=$((seconds + 5 * $(wc -l <"$work/shifts")))
echo "# $seconds seconds, $(sql -c "select count(*) from answered") requests," \
    "$(sql -c "select string_agg(n::text, ' and ') from (select count(*) as n from message_logs
        where sender_id is not null group by sender_id) as users") messages of the two users"

finish
