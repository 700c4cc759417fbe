# Every statement of the functions, as it is run inside them, finds its rows by an index; with plans
# made for the values and with those that a kept connection ends up with.
#   ROWS=1000000 run.sh DIR test_plans.sh     for the large table
. "$root/tests/sql/tap.sh"
db=plans
rows=${ROWS:-20000}
# Where a table has a few pages no index pays; then it must do that there is one.
[ "$rows" -ge 1000000 ] && seqscan=on || seqscan=off
# read_whole PLANS: the tables that are; but for one that fits a page or two, or (large) has no rows here.
read_whole() {
    small='twilio_errors|staff_roles|user_roles|daily_[a-z]+'
    [ $seqscan = off ] || small="$small|failure_readers|schema_migrations|follow_ups|forgotten_messages|withdrawn_reservations"
    grep 'Seq Scan' "$1" | grep -vE " on ($small) "
}
fresh_database $db
psql -XAtq -d $db -v rows="$rows" -f "$root/tests/sql/generate.sql"
# The neighbour's table has rows too: of an empty one the whole is read.
psql -XAtq -d $db -c "insert into notifications (recipient_id, message_log_id)
    select test_id('u', 0), id from message_logs limit 10000" -c 'analyze notifications'
sid=$(value "select external_id from message_logs where external_id is not null order by id limit 1")
user=$(value "select test_id('u', 0)")

for mode in force_custom_plan force_generic_plan; do
    # auto_explain shows the plans of nested statements; as the function's owner's policies apply.
    psql -XAtq -d $db > "$work/plans_$mode" 2>&1 <<SQL
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_level = notice;
set plan_cache_mode = $mode;
set enable_seqscan = $seqscan;
begin;
select id from messaging.reserve_message('c', 'key', '$user', 5, 'sms', '+201012345678', 'x', test_id('r', 1), null, '{}') \gset
select from messaging.reserve_message('c', 'key', '$user', 5, 'sms', '+201012345678', 'x', test_id('r', 1), null, '{}');
select messaging.settle_message(:'id', 'SMnew', 'queued', null, null, '{"segments": "1"}', false, null);
select from messaging.record_status(:'id', 'SMnew', 'sent', null, null, '{}', null);
select from messaging.record_status(null, '$sid', 'sent', null, null, '{}', null);
select from messaging.record_status(null, 'SMnew', 'failed', '30003', null, '{}', null);
select from messaging.record_status(null, 'SMunknown', 'failed', '30003', null, '{}', null);
select from messaging.record_statuses(array[null, :'id']::uuid[], array['$sid', 'SMnobody'], array['sent', 'sent'], null, null, null, null, 50);
select id from messaging.reserve_message('c', null, null, null, 'sms', '+201012345678', 'x', null, null, '{}') \gset
select from messaging.record_status(:'id', 'SMunknown', 'failed', '30003', null, '{}', null);
select messaging.settle_message(:'id', null, 'failed', null, null, null, true, null);
select from messaging.unsettled_messages('12 hours', null, null, 100);
select from messaging.unsettled_messages('12 hours', now() - interval '3 days', test_id('u', 0), 100);
select from messaging.known_sids(array['$sid', 'SM1', 'SM2']);
select from messaging.metrics();
rollback;
SQL
    is "$mode: no table is read whole" "$(read_whole "$work/plans_$mode")" ''
    is "$mode: no error" "$(grep -E 'ERROR|FATAL' "$work/plans_$mode")" ''
    matches "$mode: the sender's newest rows by his index" "$(cat "$work/plans_$mode")" \
        '*Index Scan Backward using message_logs_sender_id_created_at_idx*Index Cond: ((ROW(sender_id, created_at) >= ROW(* AND (sender_id <= *'
    for index in message_logs_external_id_key message_logs_pkey message_logs_sent_at_idx message_logs_sent_at_no_sid_idx message_status_events_received_at_idx idempotency_keys_pkey \
        idempotency_keys_message_log_id_key message_status_events_external_id_status_error_code_key; do
        is "$mode: by $index" "$(grep -cE "Scan.* (using|on) $index" "$work/plans_$mode" | sed 's/^[1-9].*/used/')" used
    done
done

# A few of many: by the order of an index, where the planner would begin to read the table.
psql -XAtq -d $db > "$work/expire" 2>&1 <<'SQL'
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_level = notice;
set enable_sort = off;
begin;
select messaging.expire('60 days', '70 days', 10);
rollback;
SQL
for index in message_logs_sent_at_idx idempotency_keys_begun_at_idx message_status_events_unknown_idx message_status_events_unknown_told_idx forgotten_messages_forgotten_at_idx; do
    is "--expire: by $index" "$(grep -c "Scan using $index" "$work/expire" | sed 's/^[1-9].*/used/')" used
done
is '--expire: and an index is entered where its rows begin, or end' "$(grep -A 1 'Index.* Scan.* using' "$work/expire" |
    grep -v -e ' Scan ' -e 'Index Cond' -e '^--')" ''
is '--expire: nothing large is read whole' "$(grep -E 'Seq Scan on (message_logs|message_status_events|idempotency_keys)' "$work/expire")" ''

# What a screen reads: who asks is found out once, for whatever number of roles and requests, and staff
# do not wait for the list of their own.
value "insert into maintenance_requests (id, created_by) select test_id('x', n), test_id('u', 2 + n % 40) from generate_series(1, 2000) as n;
    insert into user_roles (user_id, role) select test_id('u', n), case when n = 1 then 'staff' else 'customer' end from generate_series(1, 100) as n"
# read_as WHO SQL: what the screen's query does
read_as() {
    psql -XAtq -d $db 2>&1 <<SQL
set track_functions = 'all';
begin;
select from become('authenticated', test_id('u', $1)::text);
$2;
select set_config('role', 'none', true) is null;
select string_agg(f.proname || ' ' || pg_stat_get_xact_function_calls(f.oid), ', ' order by f.proname)
from pg_proc f where f.proname in ('is_staff', 'own_requests', 'current_user_id');
rollback;
SQL
}
newest='select from message_logs order by sent_at desc limit 20'
is 'staff: who asks is found out once, and nothing else is' "$(read_as 1 "$newest" | tail -n 1)" 'current_user_id 1, is_staff 1'
is 'a user: once for each list' "$(read_as 2 "$newest" | tail -n 1)" 'current_user_id 2, is_staff 1, own_requests 1'
is 'staff read all, a user his own' "$(read_as 1 'select count(*) from message_logs' | head -n 1) $(read_as 2 'select count(*) from message_logs' | head -n 1)" \
    "$rows $(value "select count(*) from message_logs where sender_id = test_id('u', 2) or request_id in (select id from maintenance_requests where created_by = test_id('u', 2))")"

# Reports find the days that are asked for by the index on time, with row-level security, and no other day;
# who may not read them reads no message for it.
# plan_as WHO SQL: the plans of it, and of what runs inside the functions it calls, once for each call
plan_as() {
    psql -XAtq -d $db 2>&1 <<SQL
load 'auto_explain';
set enable_seqscan = $seqscan;
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_level = notice;
begin;
select from become('authenticated', test_id('u', $1)::text);
$2;
rollback;
SQL
}
days="day >= (now() at time zone 'Africa/Cairo')::date - 9"
days_by() { grep -A 1 "using $1 on message_logs .*loops=1)" "$work/plan" | grep -c "Index Cond: (($2 >= "; }
for view in message_report message_report_by_tag message_failures; do
    plan_as 1 "select * from $view where $days" > "$work/plan"
    is "$view: by the time of sending" "$(days_by message_logs_sent_at_idx sent_at)" 10
    is "$view: and of writing, of those that have none" "$(days_by message_logs_created_at_not_sent_idx created_at)" 10
    is "$view: nothing is read whole" "$(read_whole "$work/plan")" ''
    is "$view: nothing is compiled" "$(grep -c JIT "$work/plan")" 0
    plan_as 1 "select * from $view where day = (now() at time zone 'Africa/Cairo')::date - 3" > "$work/plan"
    is "$view: one day is one day" "$(days_by message_logs_sent_at_idx sent_at)" 1
    plan_as 2 "select * from $view" > "$work/plan"
    is "$view: a user has no days" "$(grep -c 'Function Scan on reported_days d .*rows=0\(\.00\)\{0,1\} loops=1)' "$work/plan"; grep -c 'message_logs .*(actual' "$work/plan")" '1
0'
done
plan_of_one() { read_as "$1" "set local enable_seqscan = $seqscan; explain (analyze, costs off, timing off, summary off) $2"; }
message=$(value 'select id from message_logs where external_id is not null limit 1')
plan_of_one 1 "select * from message_timeline where message_log_id = '$message'" > "$work/plan"
is 'a timeline: by its message' "$(grep -oE 'message_[a-z_]*_(pkey|idx)' "$work/plan" | sort | uniq -c | sed 's/^ *//')" \
    '1 message_logs_pkey
2 message_status_events_message_log_id_idx'
is 'and nothing is read whole' "$(read_whole "$work/plan")" ''

# However many e-mails and old messages a sender has, and whatever the rest writes in this minute, the
# window is a few rows; and the few unsettled of many are found in what 30 days hold.
value "insert into message_logs (recipient, message_type, sender_id, created_at) select '+2010', 'sms', test_id('u', 1 + n % 50), clock_timestamp() from generate_series(1, 5000) as n"
value 'analyze message_logs'
read_rows=$(psql -XAtq -d $db 2>&1 <<SQL | grep -A 5 'Limit .*actual' | grep 'Index Scan' | grep -o 'rows=[0-9.]* loops' | head -n 1
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_level = notice;
begin;
select from messaging.reserve_message('c', null, '$user', 5, 'sms', '+201012345678', 'x', null, null, '{}');
rollback;
SQL
)
is 'a busy minute of others is not read' "$(echo "$read_rows" | sed 's/\.00 / /')" 'rows=0 loops'
done_testing
