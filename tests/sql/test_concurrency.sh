# What the functions promise to several connections at once.
. "$root/tests/sql/tap.sh"
db=concurrency
fresh_database $db
user=00000000-0000-4000-8000-00000000000a
export PGDATABASE=$db

# at_once N SQL: N connections of twilio_cgi, each once
at_once() {
    printf '%s\n' "$2" > "$work/script"
    pgbench -U twilio_cgi -n -c "$1" -j 2 -t 1 -f "$work/script" > "$work/pgbench" 2>&1 || cat "$work/pgbench"
}

# the limit
at_once 50 "select * from messaging.reserve_message('c', null, '$user', 5, 'sms', '+201012345678', ':client_id', null, null, '{}');"
is '50 reserves of one user at once: exactly 5' "$(value "select count(*) from message_logs where sender_id = '$user'")" 5
value 'delete from message_logs'
at_once 50 "select * from messaging.reserve_message('c', 'key :client_id', '$user', 5, 'sms', '+201012345678', ':client_id', null, null, '{}');"
is 'with keys too' "$(value 'select count(*) from message_logs') $(value 'select count(*) from messaging.idempotency_keys')" '5 5'
value 'delete from message_logs'
value "insert into message_logs (recipient, message_type, sender_id, created_at) select '+2010', 'sms', '$user', clock_timestamp() - interval '59 s' from generate_series(1, 3)"
# For 2 seconds, while the three old ones leave the minute.
printf '%s\n' "select * from messaging.reserve_message('c', null, '$user', 5, 'sms', '+201012345678', 'x', null, null, '{}');" > "$work/script"
pgbench -U twilio_cgi -n -c 16 -j 2 -T 2 -f "$work/script" > "$work/pgbench" 2>&1
is 'two at first, three as places become free' "$(value "select count(*) from message_logs where message_content = 'x'")" 5
is 'and in no span of 60 s more than 5' "$(value "select max(n) from (select count(*) over (order by created_at range between current row and interval '60 s' following) as n from message_logs) as w")" 5
value 'delete from message_logs'

# one key
at_once 50 "select * from messaging.reserve_message('c', 'one key', null, null, 'sms', '+201012345678', 'x', null, null, '{}');"
is '50 requests with one key: one message' "$(value 'select count(*) from message_logs')" 1
value 'delete from message_logs'

# a lock that is held longer than the programs wait: nothing is written once it is free
hold 'lock table message_logs in exclusive mode'
at_once 1 "select * from messaging.reserve_message('c', 'a locked key', null, null, 'sms', '+201012345678', 'x', null, null, '{}');" > /dev/null
let_go commit
is 'a lock held too long: no row, no key' "$(value 'select count(*) from message_logs') $(value 'select count(*) from messaging.idempotency_keys')" '0 0'

# one event
value "select sent_message('SM20')" > /dev/null
at_once 20 "select * from messaging.record_status(null, 'SM20', 'failed', '30003', null, '{}', null);"
is 'one event 20 times at once: one event, one notification' \
    "$(value 'select count(*) from messaging.message_status_events') $(value 'select count(*) from notifications') $(value 'select status from message_logs')" '1 1 failed'
id=$(value "select id from messaging.reserve_message('c', null, '$user', null, 'sms', '+201012345678', 'x', null, null, '{}')")
at_once 20 "select * from messaging.record_status('$id', 'SM21', 'failed', '30003', null, '{}', null);"
is 'by the id alone too' \
    "$(value "select count(*) from messaging.message_status_events where external_id = 'SM21'") $(value "select count(*) from notifications where message_log_id = '$id'")" '1 1'

# settle and record crossing: one holds its transaction open, the other waits for it, nothing is lost
# crossing NAME FIRST SECOND, which say who they are
crossing() {
    hold "$2"
    behind "$1: the second waits" "$3"
}
for by in null id; do
    for order in 'settle first' 'record first'; do
        id=$(value "select id from messaging.reserve_message('c', null, '$user', null, 'sms', '+201012345678', 'x', null, null, '{}')")
        sid=SM30$by${order% first}
        settle="set role twilio_cgi; select messaging.settle_message('$id', '$sid', 'queued', null, null, '{}', false, null);"
        record="set role twilio_cgi; select * from messaging.record_status($([ $by = id ] && echo "'$id'" || echo null), '$sid', 'undelivered', '30003', null, '{}', null);"
        case $order in
        settle*) crossing "$order, by $by" "$settle" "$record" ;;
        record*) crossing "$order, by $by" "$record" "$settle" ;;
        esac
        is "$order, by $by: nothing is lost" "$(value "select status, error_code, external_id, (select count(*) from notifications n where n.message_log_id = m.id), (select count(*) from messaging.message_status_events e where e.message_log_id = m.id) from message_logs m where id = '$id'")" \
            "undelivered|30003|$sid|1|1"
    done
done

# the former sender, which has its row after Twilio's answer, and the webhook
insert="set role service_role; insert into whatsapp_messages (message_sid, sender_id, recipient_phone, status) values ('SM35', '$user', '+201012345678', 'queued');"
record="set role twilio_cgi; select * from messaging.record_status(null, 'SM35', 'undelivered', '30003', null, '{}', null);"
for order in 'insert first' 'record first'; do
    case $order in
    insert*) crossing "$order" "$insert" "$record" ;;
    record*) crossing "$order" "$record" "$insert" ;;
    esac
    is "$order: nothing is lost" "$(value "select status, error_code, (select count(*) from notifications n where n.message_log_id = m.id), (select count(*) from messaging.message_status_events e where e.message_log_id = m.id) from message_logs m where external_id = 'SM35'")" \
        'undelivered|30003|1|1'
    value "delete from messaging.message_status_events where external_id = 'SM35'; delete from message_logs where external_id = 'SM35'"
done

# reserve reads the clock after the wait: rows whose minute ends while it waits for the sender's lock are
# counted no more
value 'delete from message_logs'
psql -XAtq -c 'begin' -c "select pg_advisory_xact_lock(hashtextextended('$user', 5202611160800))" \
    -c "insert into message_logs (recipient, message_type, sender_id, created_at) select '+2010', 'sms', '$user', clock_timestamp() - interval '58 s' from generate_series(1, 5)" \
    -c 'select pg_sleep(2.5)' -c 'commit' > /dev/null &
held=$!
while [ "$(value "select count(*) from pg_stat_activity where datname = '$db' and state = 'active' and query like 'select pg_sleep%'")" = 0 ]; do
    sleep 0.02
done
is 'the clock is read after the wait' "$(value "select outcome from messaging.reserve_message('c', null, '$user', 5, 'sms', '+201012345678', 'x', null, null, '{}')")" reserved
wait $held

# several waits that are each shorter than lock_timeout: after 5 s nothing is written
value 'delete from message_logs'
psql -XAtq -c 'begin' -c "select pg_advisory_xact_lock(hashtextextended('$user', 5202611160800))" -c 'select pg_sleep(3)' -c 'commit' > /dev/null &
one=$!
psql -XAtq -c 'begin' -c 'lock table profiles in access exclusive mode' -c 'select pg_sleep(6.5)' -c 'commit' > /dev/null &
two=$!
while [ "$(value "select count(*) from pg_stat_activity where datname = '$db' and state = 'active' and query like 'select pg_sleep%'")" != 2 ]; do
    sleep 0.02
done
matches 'two waits of together more than 5 s' "$(psql -XAtq -c "select outcome from messaging.reserve_message('c', 'a patient key', '$user', 5, 'sms', '+201012345678', 'x', null, null, '{}')" 2>&1)" '*waited too long for others*'
wait $one $two
is 'no row, no key' "$(value 'select count(*) from message_logs') $(value "select count(*) from messaging.idempotency_keys where key = messaging.key_name('c', 'a patient key')")" '0 0'

# p_patience: a lock that is held is waited for no longer than that
value 'delete from message_logs'
value "select sent_message('SM60')" > /dev/null
id=$(value "select id from message_logs where external_id = 'SM60'")
hold "select from message_logs where external_id = 'SM60' for update"
# impatient NAME CALL
impatient() {
    matches "$1 waits as long as it is told" "$(PGOPTIONS='-c statement_timeout=4s' psql -XAtq -U twilio_cgi -v VERBOSITY=verbose -c "select * from messaging.$2" 2>&1)" '*55P03*'
}
impatient record "record_status(null, 'SM60', 'sent', null, null, '{}', null, p_patience => 100)"
impatient settle "settle_message('$id', 'SM60', 'sent', null, null, null, false, null, p_patience => 100)"
let_go rollback
hold "select pg_advisory_xact_lock(hashtextextended('$user', 5202611160800))"
impatient reserve "reserve_message('c', null, '$user', 5, 'sms', '+201012345678', 'x', null, null, '{}', gen_random_uuid(), p_patience => 100)"
let_go rollback

# A reservation whose answer was lost and that is written late: whoever withdraws it waits for it.
value 'delete from message_logs'
late="messaging.reserve_message('c', 'late', '$user', 1, 'sms', '+201012345678', 'x', null, null, '{}', '00000000-0000-4000-8000-0000000000aa')"
for end in commit rollback; do
    hold "select * from $late"
    matches "before a late $end nothing is certain" "$(psql -XAtq -v VERBOSITY=verbose -c "select messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000aa', 100)" 2>&1)" '*55P03*'
    behind "before a late $end who withdraws waits" "select messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000aa')" $end
    is "withdrawn before a late $end: no row, no key, the place is free" \
        "$(value 'select count(*) from message_logs') $(value "select count(*) from messaging.idempotency_keys where key = messaging.key_name('c', 'late')") $(value "select remaining from messaging.reserve_message('c', null, '$user', 1, 'sms', '+201012345678', 'x', null, null, '{}')")" '0 0 0'
    value 'delete from message_logs; delete from messaging.withdrawn_reservations'
done
# The other way round: the withdrawal is being written when the reservation comes.
hold "select messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000aa')"
behind 'a reservation that comes while it is withdrawn waits' "select * from $late"
matches 'and is refused' "$(cat "$work/behind")" '*was withdrawn*'
is 'no row either' "$(value 'select count(*) from message_logs')" 0

# Row locks: the former functions update rows without a SID's lock, so only the row's keeps a join from
# overwriting another. One holds the row, and two come in a known order.
# queued_up FIRST SECOND: both wait for the row of SM50, the first one first
queued_up() {
    value "delete from messaging.message_status_events; delete from notifications; delete from message_logs; select sent_message('SM50', p_type => 'whatsapp')" > /dev/null
    hold "select from message_logs where external_id = 'SM50' for no key update"
    psql -XAtq -c "$1" > /dev/null &
    first=$!
    waiters 1
    psql -XAtq -c "$2" > /dev/null &
    second=$!
    waiters 2
    let_go commit
    wait $first $second
    value "select status, delivered_at is not null, read_at is not null, failed_at is not null, error_code, metadata - 'read_at' from message_logs where external_id = 'SM50'"
}
told() {
    echo "set role service_role; update whatsapp_messages set status = '$1', error_code = $2, delivered_at = $3 where message_sid = 'SM50';"
}
recorded() {
    echo "set role twilio_cgi; select * from messaging.record_status(null, 'SM50', '$1', $2, null, '{}', null);"
}
written() {
    echo "set role service_role; update message_logs set status = '$1' where external_id = 'SM50';"
}
of_row="(select id from message_logs where external_id = 'SM50')"
settled="select messaging.settle_message($of_row, 'SM50', 'sending', null, null, '{\"segments\": \"2\"}', false, null);"
for order in 1 2; do
    swap() { if [ $order = 1 ]; then queued_up "$1" "$2"; else queued_up "$2" "$1"; fi; }
    is "a view update and a callback, order $order" "$(swap "$(told read null null)" "$(recorded delivered null)")" 'read|t|t|f||{}'
    is "the view's failure and a callback's, order $order" "$(swap "$(told failed "'30008'" null)" "$(recorded failed "'30003'")")" 'failed|f|f|t|30003|{"error_status": "failed"}'
    is "two view updates, order $order" "$(swap "$(told read null null)" "$(told delivered null null)")" 'read|t|t|f||{}'
    is "two errors without a status, order $order" "$(swap "$(told bounced "'30003'" null)" "$(told bounced "'30008'" null)")" 'queued|f|f|f|30003|{"error_status": "failed"}'
    is "the view's failure and an answer, order $order" "$(swap "$(told failed "'30008'" null)" "$settled")" 'failed|f|f|t|30008|{"segments": "2", "error_status": "failed"}'
    is "two joins, order $order" "$(swap "select messaging.join_status($of_row, 'read', null, null, now(), true)" "select messaging.join_status($of_row, 'delivered', null, null, now(), true)")" 'read|t|t|f||{}'
    is "somebody else's late sent and a callback, order $order" "$(swap "$(written sent)" "$(recorded delivered null)")" 'delivered|t|f|f||{}'
    is "somebody else's failure and a callback, order $order" "$(swap "$(written failed)" "$(recorded undelivered "'30008'")")" 'undelivered|f|f|t|30008|{"error_status": "undelivered"}'
    is "a time and a callback, order $order" "$(swap "$(told queued null "'2026-11-01 10:00+00'")" "$(recorded read null)")" 'read|t|t|f||{}'
done

# the same a thousand times without holding anybody
value "create table crossing as select n, r.id from generate_series(1, 1000) as n, lateral (select id from messaging.reserve_message('c', null, '$user', null, 'sms', '+201012345678', 'x' || n, null, null, '{}')) as r" > /dev/null
value "select format('select messaging.settle_message(%L, %L, ''queued'', null, null, ''{}'', false, null);', id, 'SM40' || n) from crossing order by n" > "$work/settles"
for half in a b; do
    value "select format('select * from messaging.record_status(%s, %L, %L, %s, null, ''{}'', null);', case when n % 2 = 0 then quote_nullable(id) else 'null' end, 'SM40' || n, s, c)
        from crossing, (values ('sent', 'null'), ('failed', quote_literal('30003'))) as v (s, c) where ('$half' = 'a') = (n % 3 = 0) or s = 'failed' order by n, s = 'failed'" > "$work/records_$half"
done
for file in settles records_a records_b; do
    psql -XAtq -U twilio_cgi -v ON_ERROR_STOP=1 -f "$work/$file" > /dev/null 2> "$work/$file.errors" &
done
wait
is '1000 settles against 3000 records: no error, no deadlock' "$(cat "$work"/*.errors)" ''
is 'every one failed, with its SID and events' "$(value "select count(*) from crossing c join message_logs m using (id) where m.status = 'failed' and m.external_id = 'SM40' || c.n and m.error_code = '30003'
    and 2 = (select count(*) from messaging.message_status_events e where e.message_log_id = m.id)")" 1000
is 'and announced once' "$(value 'select count(*), count(distinct n.message_log_id) from notifications n join crossing c on c.id = n.message_log_id')" '1000|1000'

# two migrations and drop-legacy at once
db=concurrency_drop
starting_point $db 2 500 0
migrate $db > /dev/null
for n in 1 2; do
    psql -X -d $db -U app_owner -f "$root/sql/drop-legacy.sql" > "$work/drop$n" 2>&1 &
    migrate $db > "$work/migrate$n" &
done
wait
is 'drop-legacy twice beside two migrations' "$(cat "$work/drop1" "$work/drop2" "$work/migrate1" "$work/migrate2" | grep -c ERROR)" 0
# Two databases of one cluster: the roles are common.
psql -XAtq -d postgres -c 'drop database if exists concurrency_one' -c 'drop database if exists concurrency_two' -c 'create database concurrency_one' -c 'create database concurrency_two' 2> /dev/null
for one in concurrency_one concurrency_two; do
    (psql -XAtq -d $one -f "$root/sql/standalone.sql" && psql -XAtq -d $one -f "$root/sql/migrate.sql") > "$work/$one" 2>&1 &
done
wait
is 'two databases of one cluster at once' "$(cat "$work/concurrency_one" "$work/concurrency_two" | grep -c -e ERROR)" 0
done_testing
