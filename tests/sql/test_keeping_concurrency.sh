# Keeping and forgetting beside sends and callbacks: each message is in its row or in the totals, once, with the
# status that the last callback before it went told, whatever runs beside it.
. "$root/tests/sql/tap.sh"
db=keeping_concurrency
fresh_database $db
export PGDATABASE=$db

# The model is what the calls themselves say: each send that was reserved, each status that was answered, under
# the message's id, written by whoever called in the same transaction.
psql -XAtq <<-'SQL'
	create table sent (id uuid primary key, person int not null, type text not null, tag text);
	create table told (id uuid, status text, at timestamptz default clock_timestamp());
	create function number(p_person int) returns text language sql as $$ select '+2010000000' || lpad(p_person::text, 2, '0') $$;
	create function send(p_person int) returns void language plpgsql as $$
	declare
	    v_sent constant sent := (gen_random_uuid(), p_person, (array['sms', 'whatsapp'])[1 + p_person % 2],
	        (array[null, 't', 'u'])[1 + p_person % 3]);
	begin
	    perform messaging.reserve_message('c', v_sent.id::text, null, null, v_sent.type, number(p_person), 'text', null, null,
	        jsonb_strip_nulls(jsonb_build_object('tag', v_sent.tag, 'variables', jsonb_build_object('1', number(p_person)))), v_sent.id);
	    insert into sent select v_sent.*;
	    perform settle(v_sent.id);
	    insert into told values (v_sent.id, 'queued');
	end $$;
	-- Also once more, as the spool may.
	create function settle(p_id uuid) returns void language plpgsql as $$
	begin
	    perform messaging.settle_message(p_id, 'SM' || replace(p_id::text, '-', ''), 'queued', null, null,
	        '{"num_segments": "1", "price": "-0.5", "price_unit": "USD"}', false, null);
	end $$;
	create function come_late(p_id uuid, p_person int) returns void language plpgsql as $$
	begin
	    perform messaging.restore_reservation(p_id, jsonb_build_object('caller', 'c', 'key', p_id, 'type', 'sms', 'recipient', number(p_person),
	        'content', 'text', 'metadata', '{}'::jsonb, 'at', now()));
	    perform settle(p_id);
	end $$;
	create function call_back(p_status text) returns void language plpgsql as $$
	declare
	    v_sent sent;
	    v_status text;
	begin
	    select s.* into v_sent from sent s order by random() limit 1;
	    select r.status into v_status from messaging.record_status(v_sent.id, 'SM' || replace(v_sent.id::text, '-', ''), p_status,
	        case when p_status = 'failed' then '30003' end, 'to ' || number(v_sent.person),
	        jsonb_build_object('To', number(v_sent.person), 'ErrorMessage', 'to ' || number(v_sent.person)), null) as r;
	    if v_status is not null then
	        insert into told values (v_sent.id, v_status);
	    end if;
	end $$;
	-- Who has waited for two seconds comes again.
	create function expire(p_texts float8, p_batch int) returns void language plpgsql as $$
	begin
	    perform messaging.expire(make_interval(secs => p_texts), make_interval(secs => 1), p_batch);
	exception when lock_not_available then
	    null;
	end $$;
SQL
for n in 1 2 3 4 5; do
    psql -XAtq -c 'select send(n) from generate_series(0, 19) as n' > /dev/null
done
cat > "$work/send" <<'SQL'
\set person random(0, 19)
select send(:person);
SQL
cat > "$work/call" <<'SQL'
\set n random(0, 5)
select call_back((array['sending', 'sent', 'failed', 'undelivered', 'delivered', 'read'])[:n + 1]);
SQL
cat > "$work/late" <<'SQL'
select come_late(id, person) from sent order by random() limit 1;
SQL
cat > "$work/expire" <<'SQL'
\set texts random(0, 2)
\set batch random(1, 9)
select expire(:texts, :batch);
SQL
cat > "$work/forget" <<'SQL'
\set person random(0, 19)
select messaging.forget_recipient('010000000' || lpad(:person::text, 2, '0'));
SQL
pgbench -n -c 6 -j 1 -t 150 -f "$work/send@4" -f "$work/call@8" -f "$work/late@2" -f "$work/expire@3" -f "$work/forget@1" > "$work/pgbench" 2>&1
is 'none of them fails' "$(grep -c -e ERROR -e aborted "$work/pgbench")" 0

# Of every message the greatest status it was told to have is what it counts as.
figures() {
    value "select message_type, $1 as tag, sum(total), sum(delivered), sum(read), sum(failed), sum(in_flight), sum(segments), sum(price)
        from $2 group by 1, 2 order by 1, 2"
}
value "create table model as
    select s.type as message_type, s.tag, 1 as total, (m.s in ('delivered', 'read'))::int as delivered, (m.s = 'read')::int as read,
        (m.s in ('failed', 'undelivered'))::int as failed, (m.s not in ('failed', 'undelivered', 'delivered', 'read'))::int as in_flight,
        1 as segments, 0.5 as price
    from (select id, (array_agg(t.status order by messaging.status_rank(t.status) desc))[1] as s from told t group by id) as m
    join sent s on s.id = m.id"
counts_right() {
    is "$1: the report says what the model says" "$(figures null::text message_report)" "$(figures null::text model)"
    is "$1: so does that by tag" "$(figures tag message_report_by_tag)" "$(figures tag model)"
}
counts_right 'when all is quiet'
is 'totals and rows are as many as were sent' "$(value 'select (select sum(total) from messaging.daily_totals) + (select count(*) from message_logs)')" \
    "$(value 'select count(*) from sent')"
is 'some went either way' "$(value 'select (select sum(total) from messaging.daily_totals) > 20 and (select count(*) from message_logs) > 20')" t
is 'failures too' "$(value 'select sum(messages) from message_failures')" "$(value "select sum(failed) from message_report")"
is 'whoever was forgotten, or expired, has no event left' \
    "$(value "select count(*) from messaging.message_status_events e where not exists (select from message_logs m where m.id = e.message_log_id)")" 0
# Whatever holds the number of anybody who was forgotten, in any row of ours, as text.
value "create function holders() returns text language plpgsql as \$\$
declare
    v_table regclass;
    v_rows bigint;
    v_all text := '';
begin
    for v_table in select c.oid from pg_class c where c.relkind = 'r'
        and (c.relnamespace = 'messaging'::regnamespace or c.oid in ('message_logs'::regclass, 'notifications'::regclass)) loop
        execute format('select count(*) from %s t where t::text ~ %L', v_table, '10000000[0-9][0-9]') into v_rows;
        v_all := v_all || case when v_rows > 0 then format('%s %s ', v_table, v_rows) else '' end;
    end loop;
    return v_all;
end \$\$"
is 'numbers are seen while they are there' "$(value "select holders() <> ''")" t
for person in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
    value "select messaging.forget_recipient('010000000' || lpad('$person', 2, '0'))"
done > /dev/null
is 'all are forgotten' "$(value "select count(*) from message_logs where recipient <> '' or message_content <> ''") $(value 'select holders()')" '0 '
counts_right 'all forgotten'
# What was on its way all the while, of every message, whether a row of it is left or not.
value "select count(r.outcome), count(come_late(s.id, s.person)) from sent s,
    lateral messaging.record_status(s.id, 'SM' || replace(s.id::text, '-', ''), 'sending', '30003', 'to ' || number(s.person),
        jsonb_build_object('To', number(s.person), 'ErrorMessage', 'to ' || number(s.person)), null) as r" > /dev/null
is 'late callbacks and spooled settlements bring no number back' "$(value 'select holders()')" ''
counts_right 'after late ones'

# One is forgotten while the spool writes it again, which waits for the row.
value "select send(1)"
value "update message_logs set status = 'delivered' where recipient <> ''"
id=$(value "select id from message_logs where recipient <> ''")
hold "select messaging.forget_recipient('01000000001')"
behind 'the spool waits for it' "select come_late('$id', 1)"
is 'the spool writes it' "$(cat "$work/behind")" ''
is 'one that goes meanwhile does not come back' "$(value 'select holders()')" ''

# Whatever somebody holds, and however: the others go, and the next run gets it.
value "delete from messaging.late_texts" && value "delete from messaging.text_expiry"
value "insert into message_logs (recipient, message_type, message_content, provider, status, external_id, sent_at)
    select '+201000000077', 'sms', 'held ' || n, 'twilio', 'delivered', 'SMheld' || n, now() - interval '50 days' + n * interval '1 minute' from generate_series(1, 3) as n"
left() { value "select coalesce(string_agg(message_content, ', ' order by message_content), '') from message_logs where message_content like 'held %'"; }
for how in 'select from message_logs %s for key share' 'select from message_logs %s for no key update' \
    'select from message_logs %s for update' "update message_logs set message_content = 'held again' %s"; do
    value "update message_logs set message_content = 'held ' || right(external_id, 1) where external_id like 'SMheld%'"
    value "truncate messaging.late_texts, messaging.text_expiry" && value "insert into messaging.text_expiry default values"
    hold "$(printf "$how" "where external_id = 'SMheld2'")"
    is "$how: the others go, and nobody is waited for" "$(value "select messaging.expire('40 days', null, 100) > 0; select messaging.expire('40 days', null, 100)" 2>&1) $(left)" "t
0 held 2"
    let_go rollback
    value "select messaging.expire('40 days', null, 100)" > /dev/null
    is "$how: the next run gets it" "$(left)" ''
done
# A text that is just being given to a row without one, and is noted for it.
value "update message_logs set message_content = '' where external_id like 'SMheld%'"
value "truncate messaging.late_texts, messaging.text_expiry" && value "insert into messaging.text_expiry default values"
hold "update message_logs set message_content = 'held again' where external_id = 'SMheld2'"
is 'a text that comes is not waited for' "$(value "select messaging.expire('40 days', null, 100)" 2>&1)" 0
is 'it was coming' "$(value "select count(*) from message_logs where message_content like 'held %'")" 0
let_go commit
is 'it came' "$(left)" 'held again'
value "select messaging.expire('40 days', null, 100)" > /dev/null
is 'and goes' "$(left)" ''
value "insert into notifications (recipient_id, title, message, type, entity_type, message_log_id)
    select gen_random_uuid(), 'x', 'x', 'error', 'message_log', id from message_logs where external_id = 'SMheld2'" > /dev/null
hold "update notifications set title = 'y' where title = 'x'"
is 'a notification that is held: the others go' "$(value "select messaging.expire(null, '40 days', 100)" 2>&1) $(value "select string_agg(external_id, ' ') from message_logs where external_id like 'SMheld%'")" '2 SMheld2'
let_go rollback
is 'the next run gets its message' "$(value "select messaging.expire(null, '40 days', 100)") $(value "select count(*) from message_logs where external_id like 'SMheld%'")" '1 0'

# A key that is being answered is not waited for either.
value "select from generate_series(1, 3) as n, messaging.reserve_message('c', 'old ' || n, null, null, 'sms', '+201000000088', 'x', null, null, '{}');
    update messaging.idempotency_keys set begun_at = now() - interval '31 days'; insert into messaging.forgotten_messages values ('SMmarked', now() - interval '91 days'), ('SMlately', now())" > /dev/null
hold "select from messaging.idempotency_keys where key = messaging.key_name('c', 'old 2') for update"
is 'old keys, but for one that is held, and marks go' "$(value "set lock_timeout = '1ms'; select messaging.expire(null, null, 10000) > 0" 2>&1) $(value "select count(*) from messaging.idempotency_keys where begun_at < now() - interval '30 days'") $(value "select string_agg(name, ' ') from messaging.forgotten_messages where name in ('SMmarked', 'SMlately')")" 't 1 SMlately'
let_go rollback
is 'by the next run that too' "$(value "select messaging.expire(null, null, 100)") $(value "select count(*) from messaging.idempotency_keys where begun_at < now() - interval '30 days'")" '1 0'
value "delete from message_logs where recipient = '+201000000088'"

# One is forgotten while the SMS of his message is being made.
value "insert into message_logs (id, recipient, message_type, message_content, provider, status, error_code, metadata, sent_at)
    values ('00000000-0000-4000-8000-00000000000f', '+201000000077', 'whatsapp', 'private', 'twilio', 'failed', '63024', '{\"fallback_type\": \"sms\"}', now())"
value "insert into messaging.follow_ups (message_log_id, step, due_at, ends_at) values ('00000000-0000-4000-8000-00000000000f', 'sms', now(), now() + interval '1 hour')
    on conflict (message_log_id) do update set due_at = now()"
hold "select messaging.claim_follow_up('00000000-0000-4000-8000-0000000000f2') ->> 'recipient'"
behind 'who forgets waits for it' "select messaging.forget_recipient('+201000000077')"
is 'it was being made' "$(cat "$work/held")" '+201000000077'
is 'both are found' "$(cat "$work/behind")" 2
is 'and nothing of the person is left' "$(value "select count(*) from message_logs where recipient <> '' or message_content <> ''") $(value "select count(*) from messaging.follow_ups")" '0 0'
done_testing
