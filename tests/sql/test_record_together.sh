# Callbacks in one statement: what comes of them is what comes of them one at a time, and nobody waits for
# anybody's message.
. "$root/tests/sql/tap.sh"
db=record_together
fresh_database ${db}_one
# What record_status has to tell apart: rows found by their SID, by their id, by a former SID, and none.
psql -XAtq -d ${db}_one > /dev/null <<'SQL'
select setseed(0.4);
create table rows as
select i, gen_random_uuid() as id from generate_series(1, 150) as i;
insert into message_logs (id, sender_id, recipient, message_type, message_content, provider, status, external_id,
    metadata, sent_at, created_at)
select id, '00000000-0000-4000-8000-00000000000a', '+201012345678', case when i % 3 = 0 then 'whatsapp' else 'sms' end, 'x', 'twilio',
    'queued', case when i % 4 <> 0 then 'SM' || i end,
    case when i % 5 = 0 then '{"fallback_type": "sms"}'
        when i % 7 = 0 then jsonb_build_object('attempts', jsonb_build_array(jsonb_build_object('sid', 'SMformer' || i)))
        else '{}' end, now(), now()
from rows;
insert into messaging.message_status_events (message_log_id, external_id, status)
select id, 'SMformer' || i, 'sent' from rows where i % 7 = 0;
create table calls as
select n, case when random() < 0.6 then r.id end as id,
    case when random() < 0.1 then 'SMformer' || r.i when random() < 0.1 then 'SMunknown' || r.i else 'SM' || r.i end as sid,
    status, case when status in ('failed', 'undelivered') then (array['30003', '63016', '63018', '30001', null])[1 + floor(random() * 5)] end as code,
    case when random() < 0.2 then 'text ' || floor(random() * 3) end as message,
    jsonb_build_object('To', '+201012345678', 'MessageStatus', status, 'n', floor(random() * 2), 'quoted', E'"\\{},') as parameters,
    '2030-01-01'::timestamptz + random() * interval '1 hour' as at
from (select n, 1 + floor(random() * 150)::integer as i,
        (array['queued', 'sending', 'sent', 'sent', 'delivered', 'read', 'failed', 'undelivered', 'undelivered', 'canceled', 'wondering'])[1 + floor(random() * 11)] as status
    from generate_series(1, 800) as n) as c
join rows r using (i);
create table answers (n bigint, outcome text, id uuid, sid text, status text);
grant select on calls to twilio_cgi;
grant insert on answers to twilio_cgi;
SQL
psql -XAtq -d postgres -c "drop database if exists $db" -c "create database $db template ${db}_one"

# Any partition into batches: of 1 to 40, one after the other, each in the order of its SIDs.
psql -XAtq -d ${db}_one -U twilio_cgi > "$work/one" 2>&1 <<'SQL'
do $$
declare
    c record;
begin
    for c in select *, floor(sqrt(n * 3)) as batch from calls order by batch, sid collate "C", n loop
        insert into answers select c.n, r.* from messaging.record_status(c.id, c.sid, c.status, c.code, c.message,
            c.parameters, c.at, p_patience => 200) r;
    end loop;
end
$$;
SQL
is 'one at a time: no error' "$(grep ERROR "$work/one")" ''
psql -XAtq -d postgres -c "alter database $db set track_functions = 'all'"
psql -XAtq -d $db -U twilio_cgi > "$work/together" 2>&1 <<'SQL'
select format('insert into answers select (%L::bigint[])[r.place], r.outcome, r.id, r.external_id, r.status
    from messaging.record_statuses(%L, %L, %L, %L, %L, %L, %L, 200) r', array_agg(n order by n), array_agg(id order by n),
    array_agg(sid order by n), array_agg(status order by n), array_agg(code order by n), array_agg(message order by n),
    array_agg(parameters order by n), array_agg(at order by n))
from (select *, floor(sqrt(n * 3)) as batch from calls) as c group by batch order by batch \gexec
SQL
is 'together: no error' "$(grep ERROR "$work/together")" ''
# What it is compared by: all but serial numbers and the clock.
state_of() {
    psql -XAtq -d "$1" <<'SQL'
select n, outcome, id, sid, status from answers order by n;
select to_jsonb(m) - '{updated_at,created_at,sent_at}'::text[] from message_logs m order by id;
select message_log_id, external_id, status, error_code, parameters, received_at from messaging.message_status_events order by 2, 3, 4;
select message_log_id, recipient_id, message, title from notifications order by 1, 2;
select message_log_id, step, tries, due_at is null from messaging.follow_ups order by 1;
SQL
}
state_of ${db}_one > "$work/state_one"
state_of $db > "$work/state"
is 'each is answered as one at a time' "$(value "select count(*), count(*) filter (where outcome = 'busy') from answers")" '800|0'
is 'there was something to compare' "$(value "select count(*) > 5 from notifications") $(value 'select count(*) > 2 from messaging.follow_ups') $(value "select count(*) > 5 from answers where outcome = 'unknown_message'")" 't t t'
is 'plain ones were recorded at once' "$(value "select sum(calls) between 1 and 780 from pg_stat_user_functions where funcname = 'record_status'")" t
is 'and leaves the same' "$(diff "$work/state_one" "$work/state" | head -n 10)" ''

# What is plain, and what is not.
value "insert into message_logs (recipient, message_type, external_id, provider, status, metadata) select '+2010', 'sms', 'SMplain' || i, 'twilio', 'queued', '{}' from generate_series(1, 9) as i;
    insert into messaging.message_status_events (external_id, status) values ('SMplain8', 'delivered');
    insert into messaging.message_status_events (message_log_id, external_id, status) select id, external_id, 'sent' from message_logs where external_id = 'SMplain9'" > /dev/null
is 'plain is the first of a SID, of the next status, without an error, and nothing follows from it' "$(value "select p.sids, p.statuses, (select string_agg(m.status || ' ' || (m.delivered_at is not null), ', ' order by m.external_id) from message_logs m where m.id = any (p.ids))
    from messaging.record_plain(
        '{SMplain1,SMplain2,SMplain3,SMplain4,SMplain5,SMplain6,SMplain7,SMplain1,SMplain8,SMplain9,SMnobodys}', '{sent,delivered,failed,read,queued,sent,sent,delivered,sent,sent,sent}',
        '{null,\"\",null,null,null,30003,null,null,null,null,null}', '{null,\"\",null,null,null,null,text,null,null,null,null}', null, null) as p")" \
    '{SMplain1,SMplain2}|{sent,delivered}|queued false, queued false'
is 'and is recorded' "$(value "select string_agg(m.status || ' ' || (m.delivered_at is not null), ', ' order by m.external_id) from message_logs m where m.external_id like 'SMplain%'")" \
    'sent false, delivered true, queued false, queued false, queued false, queued false, queued false, queued false, queued false'

# held NAME SQL BUSY OTHERS: who holds something is passed over at once
together="array['SMheld', 'SMfree', 'SMgone', 'SMheld']"
held() {
    hold "$2"
    value "set role twilio_cgi; set statement_timeout = '5s'; begin; select string_agg(external_id || ' ' || outcome, ', ' order by place) filter (where outcome <> 'busy'),
        string_agg(place::text, ' ' order by place) filter (where outcome = 'busy') from messaging.record_statuses(array['$held', null, null, '$held']::uuid[], $together, array_fill('sent'::text, array[4]), null, null, array_fill('{}'::jsonb, array[4]), null, 2000);
        reset role; select count(*) from messaging.message_status_events where external_id = 'SMheld' and status = 'sent'; commit" > "$work/passed" 2>&1
    is "$1" "$(cat "$work/passed")" "SMfree recorded, SMgone unknown_message|1 4
0"
    let_go rollback
}
value "insert into message_logs (recipient, message_type, external_id, provider) values ('+2010', 'sms', 'SMfree', 'twilio')"
held=$(value "insert into message_logs (recipient, message_type, external_id, provider) values ('+2010', 'sms', 'SMheld', 'twilio') returning id")
held 'a row that somebody holds' "select from message_logs where external_id = 'SMheld' for update"
value "update message_logs set external_id = null where external_id = 'SMheld'"
held 'a SID that somebody works on, whose row does not have it yet' "select messaging.sid_lock('SMheld')"
held 'a row that has no SID yet' "select from message_logs where id = '$held' for update"
value "update message_logs set external_id = 'SMnew', metadata = '{\"attempts\": [{\"sid\": \"SMheld\"}]}' where id = '$held';
    insert into messaging.message_status_events (message_log_id, external_id, status) values ('$held', 'SMheld', 'failed')"
held 'the row of a former SID' "select from message_logs where id = '$held' for update"

# What else is held fails all of them, soon, and nothing is written; no notification is lost for it.
value "update message_logs set sender_id = '00000000-0000-4000-8000-00000000000b' where external_id = 'SMfree'"
hold 'lock table notifications in share mode'
matches "what a notification needs, and somebody holds, is waited for" "$(psql -XAtq -d $db -U twilio_cgi -v VERBOSITY=sqlstate -c "select from messaging.record_statuses(null, array['SMfree', 'SMother'], array['failed', 'sent'], null, null, null, null, 100)" 2>&1)" '*55P03*'
matches 'alone too' "$(psql -XAtq -d $db -U twilio_cgi -v VERBOSITY=sqlstate -c "select from messaging.record_status(null, 'SMfree', 'failed', null, null, null, null, 100)" 2>&1)" '*55P03*'
let_go rollback
is 'nothing is written then' "$(value "select count(*) from messaging.message_status_events where external_id = 'SMother'") $(value "select status from message_logs where external_id = 'SMfree'")" '0 sent'
value "select from messaging.record_statuses(null, array['SMfree', 'SMother'], array['failed', 'sent'], null, null, null, null, 100)"
is 'once nobody holds it there is the notification' "$(value "select count(*) from notifications where recipient_id = '00000000-0000-4000-8000-00000000000b'")" 1

# Batches in any order over the same few rows, twelve after twelve, beside single callbacks and settlements:
# nobody waits in a circle, and what is not busy is there.
each=$([ -n "${FAULTS_FULL:-}" ] && echo 2000 || echo 40)
value "insert into message_logs (id, recipient, message_type, external_id, provider, status) select md5('hunt' || i)::uuid, '+2010', 'sms', case when i % 3 > 0 then 'SMhunt' || i end, 'twilio', 'queued' from generate_series(1, 24 * ($each + 1)) as i;
    create sequence hunt; grant usage, select on sequence hunt to twilio_cgi"
value 'create table told (sid text, status text)'
value 'grant insert on told to twilio_cgi'
cat > "$work/batch" <<'SQL'
with e as materialized (select 'SMhunt' || i as sid, md5('hunt' || i)::uuid as id, (array['sending', 'sent', 'delivered', 'undelivered', 'read'])[1 + floor(random() * 5)] as status
    from (select nextval('hunt') / 8 * 12 as first) as h, lateral (select first + 1 + floor(random() * 12)::integer as i from generate_series(1, 12)) as n),
r as materialized (select * from messaging.record_statuses((select array_agg(id) from e), (select array_agg(sid) from e), (select array_agg(status) from e), null, null, null, null, 5000))
insert into told select e.sid, e.status from (select *, row_number() over () as place from e) as e join r using (place) where r.outcome <> 'busy';
SQL
cat > "$work/single" <<'SQL'
select nextval('hunt') / 8 * 12 + 1 + floor(random() * 12)::integer as i \gset
insert into told select 'SMhunt' || :i, 'sent' from messaging.record_status(md5('hunt' || :i)::uuid, 'SMhunt' || :i, 'sent', null, null, null, null);
SQL
cat > "$work/settle" <<'SQL'
select nextval('hunt') / 8 * 12 + 1 + floor(random() * 12)::integer as i \gset
select messaging.settle_message(md5('hunt' || :i)::uuid, 'SMhunt' || :i, 'queued', null, null, '{}', false, null);
SQL
value "select pg_stat_reset()" > /dev/null
pgbench -U twilio_cgi -n -c 16 -j 2 -t "$each" -f "$work/batch@6" -f "$work/single@2" -f "$work/settle@1" $db > "$work/pgbench" 2>&1
is '16 connections, the same rows: no error' "$(grep -E 'error|abort|ERROR' "$work/pgbench" | head -n 3)" ''
is 'no deadlock' "$(value "select deadlocks from pg_stat_database where datname = '$db'")" 0
is 'and what was recorded is there' "$(value "select count(*) > 100 from told") $(value "select count(*) from (select sid, status from told except select external_id, status from messaging.message_status_events) as lost")" 't 0'
done_testing
