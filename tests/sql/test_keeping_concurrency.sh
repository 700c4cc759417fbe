# Keeping and forgetting beside sends and callbacks: each message is in its row or in the totals, once, with the
# status that the last callback before it went told, whatever runs beside it.
. "$root/tests/sql/tap.sh"
db=keeping_concurrency
fresh_database $db
export PGDATABASE=$db

# The model is what the calls themselves say: each send that was reserved, each status that was answered, under
# the message's id, written by whoever called in the same transaction.
psql -XAtq <<-'SQL'
	create table sent (id uuid primary key, person int not null);
	create table told (id uuid, status text, at timestamptz default clock_timestamp());
	create function send(p_person int) returns void language plpgsql as $$
	declare
	    v_id uuid := gen_random_uuid();
	begin
	    perform messaging.reserve_message('c', null, null, null, 'sms', '+2010000000' || lpad(p_person::text, 2, '0'), 'text', null, null,
	        '{"tag": "t"}', v_id);
	    insert into sent values (v_id, p_person);
	    perform messaging.settle_message(v_id, 'SM' || replace(v_id::text, '-', ''), 'queued', null, null, '{"num_segments": "1"}', false, null);
	    insert into told values (v_id, 'queued');
	end $$;
	create function call_back(p_status text) returns void language plpgsql as $$
	declare
	    v_id uuid;
	    v_status text;
	begin
	    select s.id into v_id from sent s order by random() limit 1;
	    select r.status into v_status from messaging.record_status(v_id, 'SM' || replace(v_id::text, '-', ''), p_status,
	        case when p_status = 'failed' then '30003' end, null, '{"To": "+201000000000"}', null) as r;
	    if v_status is not null then
	        insert into told values (v_id, v_status);
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
cat > "$work/expire" <<'SQL'
\set texts random(0, 2)
\set batch random(1, 9)
select expire(:texts, :batch);
SQL
cat > "$work/forget" <<'SQL'
\set person random(0, 19)
select messaging.forget_recipient('010000000' || lpad(:person::text, 2, '0'));
SQL
pgbench -n -c 6 -j 1 -t 150 -f "$work/send@4" -f "$work/call@8" -f "$work/expire@3" -f "$work/forget@1" > "$work/pgbench" 2>&1
is 'none of them fails' "$(grep -c -e ERROR -e aborted "$work/pgbench")" 0

# Of every message the greatest status it was told to have is what it counts as.
psql -XAtq > "$work/model" <<-'SQL'
	select count(*), count(*) filter (where s in ('delivered', 'read')), count(*) filter (where s = 'read'),
	    count(*) filter (where s in ('failed', 'undelivered')),
	    count(*) filter (where s not in ('failed', 'undelivered', 'delivered', 'read')), count(*)
	from (select id, (array_agg(t.status order by messaging.status_rank(t.status) desc))[1] as s from told t group by id) as m;
SQL
figures() {
    value "select sum(total), sum(delivered), sum(read), sum(failed), sum(in_flight), sum(segments) from $1"
}
is 'the report says what the model says' "$(figures message_report)" "$(cat "$work/model")"
is 'so does that by tag' "$(figures message_report_by_tag)" "$(cat "$work/model")"
is 'totals and rows are as many as were sent' "$(value 'select (select sum(total) from messaging.daily_totals) + (select count(*) from message_logs)')" \
    "$(value 'select count(*) from sent')"
is 'some went either way' "$(value 'select (select sum(total) from messaging.daily_totals) > 20 and (select count(*) from message_logs) > 20')" t
is 'failures too' "$(value 'select sum(messages) from message_failures')" "$(value "select sum(failed) from message_report")"
is 'whoever was forgotten, or expired, has no event left' \
    "$(value "select count(*) from messaging.message_status_events e where not exists (select from message_logs m where m.id = e.message_log_id)")" 0
is 'nor a number in one' "$(value "select count(*) from messaging.message_status_events where parameters::text like '%+20100%' and message_log_id in (select id from message_logs where recipient = '')")" 0
for person in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
    value "select messaging.forget_recipient('010000000' || lpad('$person', 2, '0'))"
done > /dev/null
is 'all are forgotten' "$(value "select count(*) from message_logs where recipient <> '' or message_content <> ''")" 0
is 'and counted as before' "$(figures message_report)" "$(cat "$work/model")"
done_testing
