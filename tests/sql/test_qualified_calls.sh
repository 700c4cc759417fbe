# Where PUBLIC may create in public (databases that were PostgreSQL 14's keep that) nobody slips our functions
# one of his own: each that twilio_cgi may call is called among thousands that fit better.
. "$root/tests/sql/tap.sh"

# What each comes to, told in a line; the temporary tables are named as ours are.
work_of() {
    psql -XAtq -d "$1" -U twilio_cgi <<-'SQL' 2>&1
	set search_path = pg_catalog;
	create temporary table message_logs (x int);
	create temporary table twilio_errors (x int);
	create temporary table idempotency_keys (x int);
	create temporary table notifications (x int);
	\set user '''00000000-0000-4000-8000-00000000000a'''
	\set first '''00000000-0000-4000-8000-000000000001'''
	\set second '''00000000-0000-4000-8000-000000000002'''
	\set third '''00000000-0000-4000-8000-000000000003'''
	select 'reserve_message', outcome, remaining, reset_seconds > 0, saved ->> 'status' from messaging.reserve_message('c', 'k', :user, 2, 'whatsapp', '+201012345678', 'نص', null, null, '{"a": 1}', :first);
	select 'reserve_message', outcome, remaining, reset_seconds > 0, saved ->> 'status' from messaging.reserve_message('c', 'k', :user, 2, 'whatsapp', '+201012345678', 'نص', null, null, '{"a": 1}', :first);
	select 'reserve_message', outcome, remaining, reset_seconds > 0, saved ->> 'status' from messaging.reserve_message('c', 'k', :user, 2, 'whatsapp', '+201012345678', 'x', null, null, '{"a": 1}', :first);
	select 'reserve_message', outcome, remaining, reset_seconds > 0, saved ->> 'status' from messaging.reserve_message('c', null, :user, 2, 'sms', '+201012345678', 'x', null, null, null, :second);
	select 'reserve_message', outcome, remaining, reset_seconds > 0, saved ->> 'status' from messaging.reserve_message('c', null, :user, 2, 'sms', '+201012345678', 'x', null, null, null, :third);
	select 'record_status', outcome, status from messaging.record_status(null, 'SM1', 'failed', '63016', 'early', '{"ErrorMessage": "early"}', now());
	select 'settle_message', j ->> 'status', j ->> 'error_code', j ->> 'error_message', j ->> 'external_id' from messaging.settle_message(:first, 'SM1', 'queued', null, null, '{"num_segments": "1"}', false, null) as j;
	select 'settle_message', j ->> 'status', j -> 'metadata' ->> 'duplicate_external_id' from messaging.settle_message(:second, 'SM1', 'queued', null, null, null, false, null) as j;
	select 'record_status', outcome, status from messaging.record_status(:second, 'SM2', 'undelivered', '30003', null, '{}', null);
	select 'record_status', outcome, status from messaging.record_status(null, 'SM2', 'undelivered', '30003', 'text', '{"ErrorMessage": "text"}', null);
	select 'record_status', outcome, status from messaging.record_status(null, 'SM2', 'read', null, null, '{}', null);
	select 'record_statuses', place, outcome, status from messaging.record_statuses(array[:second, :third]::uuid[], array['SM2', 'SM3x'], array['read', 'sent'], null, null, null, null, 50);
	select 'settle_message', j ->> 'status', j ->> 'error_code' from messaging.settle_message(:second, null, 'unknown', '30008', 'x', null, true, null) as j;
	select 'reserve_message', outcome, sent_as from messaging.reserve_message('c', null, null, null, 'whatsapp', '+201112345678', 'x', null, null, '{"fallback_type": "sms"}', '00000000-0000-4000-8000-000000000004', p_refuse_dead => true, p_template => 'HX1');
	select 'settle_message', j ->> 'status' from messaging.settle_message('00000000-0000-4000-8000-000000000004', null, 'failed', '63003', null, null, false, null) as j;
	select 'reserve_fallback', j ->> 'status' from messaging.reserve_fallback('00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000005') as j;
	select 'reserve_message', outcome from messaging.reserve_message('c', null, null, null, 'whatsapp', '+201212345678', 'x', null, null, '{"fallback_type": "sms"}', '00000000-0000-4000-8000-000000000006');
	select 'settle_message', j ->> 'status' from messaging.settle_message('00000000-0000-4000-8000-000000000006', 'SM6', 'failed', '63016', null, null, false, null) as j;
	select 'claim_follow_up', j ->> 'status' from messaging.claim_follow_up(:third) as j;
	select 'unsettled_messages', count(*) from messaging.unsettled_messages('0 s', null, null, 10);
	select 'known_sids', messaging.known_sids('{SM1,SM3}');
	\set day '(now() at time zone \'UTC\')::date'
	select 'reconcile_begin', since <= now(), redacted from messaging.reconcile_begin('AC1');
	select 'reconcile_day', due, of_others from messaging.reconcile_day(:day, 'AC1', '0 s', now());
	select 'reconcile_orphans', count(*) from messaging.reconcile_orphans('AC1', '0 s', now(), null, null, 10);
	select 'reconcile_listed', was, is_now, priced from messaging.reconcile_listed('[{"sid": "SM1", "status": "delivered", "code": "30008", "details": {"price": "-1", "price_unit": "USD"}}]', true);
	select 'reconcile_missed', count(*) from messaging.reconcile_missed(:day, 'AC1', '0 s', now(), 10);
	select 'reconcile_end', count(*) from messaging.reconcile_end(:day, 'AC1', '0 s', now(), null);
	select 'reconcile_end', count(*) from messaging.reconcile_end(null, 'AC1', '0 s', now(), array[:second]::uuid[]);
	select 'reconcile_redacted', count(*) from messaging.reconcile_redacted('AC1');
	select 'reconcile_begin', since <= now(), redacted from messaging.reconcile_begin('AC1');
	select 'schema_version', messaging.schema_version();
	select 'report', r -> 'report' -> 0 ->> 'total', r -> 'failures' -> 0 ->> 'reason_ar', r ->> 'stuck' from messaging.report(30) as r;
	select 'metrics', figure, label_1, label_2, label_3, case when figure !~ 'age' then value end from messaging.metrics() order by 2, 3, 4, 5;
	select 'restore_reservation', messaging.restore_reservation(:third, '{"caller": "c", "key": "l", "sender": "00000000-0000-4000-8000-00000000000e", "type": "sms", "recipient": "+201012345678", "content": "x", "metadata": {}, "at": "2026-01-01T00:00:00Z"}');
	select 'withdraw_reservation', messaging.withdraw_reservation(:third);
	select 'withdraw_reservation', messaging.withdraw_reservation(:second);
	select 'expirable', messaging.expirable('0 s', '0 s', 10);
	select 'expire', messaging.expire('0 s', null, 10);
	select 'expire', messaging.expire(null, '0 s', 10);
	select 'forget_recipient', messaging.forget_recipient('whatsapp:٠١٠ 1234 5678');
	SQL
    psql -XAtq -d "$1" -c "select title, message from notifications order by 1, 2"
}

for db in qualified_clean qualified_calls; do
    fresh_database $db
done
psql -XAtq -d $db -c 'grant create on schema public to public'
psql -X -d $db -U twilio_cgi -f "$root/tests/sql/plant.sql"
is 'the functions are planted' "$(value "select count(*) > 5000 from pg_proc where proowner = 'twilio_cgi'::regrole")" t
work_of qualified_clean > "$work/clean"
work_of $db > "$work/planted"
is 'every function that twilio_cgi may call is tried' "$(value "select string_agg(distinct p.proname, ' ' order by p.proname) from pg_proc p
    where pronamespace = 'messaging'::regnamespace and has_function_privilege('twilio_cgi', p.oid, 'execute')")" \
    "$(sed -n 's/^\([a-z_]*\)|.*/\1/p' "$work/clean" | sort -u | tr '\n' ' ' | sed 's/ $//')"
is 'without an error' "$(grep -v -e '|' "$work/clean")" ''
is 'none calls what was planted' "$(diff "$work/clean" "$work/planted")" ''

# Neither does who migrates, or drops the old table.
said=$(migrate $db postgres)
is 'the migration does not' $? 0
matches 'and warns' "$said" '*WARNING:  everybody may create in schema public*revoke create on schema public from public*'
psql -X -d $db -f "$root/sql/drop-legacy.sql" > "$work/drop" 2>&1
is 'drop-legacy.sql does not' $? 0
psql -X -d $db -f "$root/sql/standalone.sql" > "$work/standalone" 2>&1
is 'standalone.sql does not' $? 0
is 'where nobody may, nothing is said' "$(migrate qualified_clean postgres)" "the messaging schema is at version $(value 'select messaging.schema_version()')"

# That it would be seen: with public in the path they take what was planted for their own, as messaging_owner.
fresh_database qualified_clean
psql -XAtq -d qualified_clean -c 'grant create on schema public to public'
psql -X -d qualified_clean -U twilio_cgi -f "$root/tests/sql/plant.sql"
psql -XAtq -d qualified_clean <<'SQL'
do $$
declare
    v_function regprocedure;
begin
    for v_function in select p.oid from pg_proc p where p.pronamespace = 'messaging'::regnamespace loop
        execute pg_catalog.concat('alter function '::text, v_function::text, ' set search_path = pg_catalog, public'::text);
    end loop;
end
$$;
SQL
work_of qualified_clean > "$work/caught"
for function in reserve_message settle_message record_status record_statuses; do
    is "with public in its path $function comes to nothing" "$(grep -c "^$function|" "$work/clean") $(grep -c "^$function|" "$work/caught")" \
        "$(grep -c "^$function|" "$work/planted") 0"
done
db=qualified_clean
value "create function messaging.bait() returns text language sql volatile security definer set search_path = pg_catalog, public as 'select length(1)'" > /dev/null
value 'alter function messaging.bait() owner to messaging_owner; grant execute on function messaging.bait() to twilio_cgi'
matches 'and one that needs nothing else is caught' "$(psql -XAtq -d qualified_clean -U twilio_cgi -c 'select messaging.bait()' 2>&1)" '*ERROR:  caught as messaging_owner*'
done_testing
