-- the reports that staff read in public: days of Cairo, costs, failures, timelines
begin;
select no_plan();
set local time zone 'America/New_York';
create function put(p_at timestamptz, p_type text, p_status text, p_seconds numeric, p_code text, p_text text, p_metadata jsonb, p_sid text default 'SM' || gen_random_uuid())
returns uuid language sql as $$
    insert into message_logs (recipient, message_type, status, sent_at, created_at, delivered_at, error_code, error_message, metadata, external_id)
    values ('+2010', p_type, p_status, p_at, '2026-07-01', p_at + p_seconds * interval '1 second', p_code, p_text, p_metadata, p_sid) returning id
$$;
select put('2026-11-01 10:00+02', 'sms', s, d, c, t, m) from (values
    ('delivered', 1, null, null, '{"price": "-0.0450", "price_unit": "USD", "num_segments": "2"}'::jsonb), ('delivered', 2, null, null, '{"price": "-0.0150", "price_unit": "USD", "num_segments": 1, "tag": "visit"}'),
    ('delivered', 3, null, null, '{"tag": "visit"}'), ('read', 10, null, null, '{"price": null, "num_segments": "1"}'),
    ('failed', null, '30003', null, '{}'), ('failed', null, '30003', 'Twilio''s own', '{}'), ('undelivered', null, null, 'boom', '"text"'), ('undelivered', null, null, null, null),
    ('failed', null, '77777', null, '{"price": "free", "num_segments": "-1"}'), ('received', null, '30003', null, '{"price": "-9"}'), ('sent', null, null, null, '{"price": "-1e9", "price_unit": "USD"}'),
    ('canceled', null, null, null, '{}'), ('delivered', -5, null, null, '{"price": 0, "price_unit": "USD"}')) as v (s, d, c, t, m);
select put('2026-11-01 10:00+02', 'sms', 'pending', null, null, null, '{}', null);
select put('2026-11-01 23:59:59.9+02', 'whatsapp', 'read', null, null, null, '{"price": "-0.1", "price_unit": "USD"}'), put('2026-11-02 00:00+02', 'whatsapp', 'queued', null, null, null, '{}'),
    put('2026-11-02 01:00+02', 'whatsapp', 'sent', null, null, null, '{"price": "-0.1", "price_unit": "EUR"}'), put('2026-11-02 01:00+02', 'whatsapp', 'sent', null, null, null, '{"price": "-0.2", "price_unit": "USD"}');
-- without sent_at it is the day of created_at; rows of others count nowhere, and what is dated to the end of time makes no days
insert into message_logs (recipient, message_type, status) select '+2010', 'sms', 'sent' from generate_series(1, 3);
update message_logs set sent_at = null, created_at = v from (values ('2026-10-31 23:00+02'::timestamptz)) as t (v) where sent_at = now();
insert into message_logs (recipient, message_type, provider, status, sent_at, metadata) values
    ('+2010', 'sms', 'twilio', 'failed', '2026-11-01 10:00', '{"direction": "incoming"}'), ('+2010', 'whatsapp', 'meta', 'failed', '2026-11-01 10:00', '{}'),
    ('x@example.org', 'email', 'twilio', 'failed', '2026-11-01 10:00', null), ('+2010', 'sms', 'twilio', 'sent', 'infinity', null), ('+2010', 'sms', 'twilio', 'sent', '-infinity', null),
    ('+2010', 'sms', 'twilio', 'sent', '9999-01-01', null);

select become('authenticated', '00000000-0000-4000-8000-00000000000c');
select results_eq('select day, message_type, total, delivered, read, failed, in_flight, delivered_share, read_share, median_delivery_seconds, p95_delivery_seconds, segments, price, price_unit, unpriced
    from message_report order by 1, 2',
    $$values ('2026-10-31'::date, 'sms', 3::bigint, 0::bigint, 0::bigint, 0::bigint, 3::bigint, 0.0000, 0.0000, null::numeric, null::numeric, 0::bigint, null::numeric, null, 0::bigint),
        ('2026-11-01', 'sms', 13, 5, 1, 5, 2, 0.3846, 0.0769, 2.500, 8.950, 4, 0.0600, 'USD', 8),
        ('2026-11-01', 'whatsapp', 1, 1, 1, 0, 0, 1.0000, 1.0000, null, null, 0, 0.1, 'USD', 0),
        ('2026-11-02', 'whatsapp', 3, 0, 0, 0, 3, 0.0000, 0.0000, null, null, 0, null, null, 1)$$, 'what became of the messages of a day');
select results_eq('select tag, total, delivered, segments, price, unpriced from message_report_by_tag where day = ''2026-11-01'' and message_type = ''sms'' order by tag',
    $$values ('visit', 2::bigint, 2::bigint, 1::bigint, 0.0150, 1::bigint), (null, 11, 3, 3, 0.0450, 7)$$, 'and of each tag');
select results_eq('select day, message_type, error_code, reason, reason_ar, messages from message_failures order by error_code, reason',
    $$values ('2026-11-01'::date, 'sms', '30003', 'Twilio''s own', messaging.error_meaning_ar('30003'), 2::bigint), ('2026-11-01', 'sms', '77777', 'Unknown error', 'خطأ غير معروف (77777)', 1),
        ('2026-11-01', 'sms', null, 'Unknown error', 'خطأ غير معروف', 1), ('2026-11-01', 'sms', null, 'boom', 'خطأ غير معروف', 1)$$, 'why they failed, in Arabic too');
select results_eq('select json_agg(t) ->> 0 from (select * from message_report where day >= ''2026-11-02'' and message_type = ''whatsapp'' order by day desc limit 1) as t',
    array['{"day":"2026-11-02","message_type":"whatsapp","total":3,"delivered":0,"read":0,"failed":0,"in_flight":3,"delivered_share":0.0000,"read_share":0.0000,"median_delivery_seconds":null,"p95_delivery_seconds":null,"segments":0,"price":null,"price_unit":null,"unpriced":1}'],
    'as PostgREST asks for it');
select become('service_role');
select is((select sum(total) from message_report), 20::numeric, 'a server reads it');
select set_config('role', 'none', true);
select is((select array_agg(d.day) from messaging.reported_days() as d (day) where d.day between '2026-10-31' and '2026-11-03'), '{2026-10-31,2026-11-01,2026-11-02,2026-11-03}', 'each day once');

-- Cairo's midnight, and summer time: every half hour of the changes' days belongs to the day that a clock on a wall there shows
delete from message_logs;
select put(t, 'sms', 'sent', null, null, null, null)
from (values ('2023-04-27'), ('2023-10-25'), ('2024-04-25'), ('2024-10-30'), ('2025-12-31'), ('2026-04-22'), ('2026-10-28')) as v (day),
    generate_series(v.day::timestamptz, v.day::timestamptz + interval '3 days', '30 min') as t;
select results_eq('select day, total from message_report order by 1',
    'select (sent_at at time zone ''Africa/Cairo'')::date, count(*) from message_logs group by 1 order by 1', 'summer time begins and ends');
select results_eq('select d.day, l.length from messaging.reported_days() as d (day), lateral (select messaging.day_begins(d.day + 1) - messaging.day_begins(d.day)) as l (length) where l.length <> interval ''24 h'' order by 1',
    $$values ('2023-04-28'::date, interval '23 h'), ('2023-10-26', '25 h'), ('2024-04-26', '23 h'), ('2024-10-31', '25 h'), ('2025-04-25', '23 h'), ('2025-10-30', '25 h'),
        ('2026-04-24', '23 h'), ('2026-10-29', '25 h')$$, 'the last Friday of April has 23 hours, the last Thursday of October 25');

-- a message's way
delete from message_logs;
select id as row from messaging.reserve_message('c', null, null, null, 'whatsapp', '+201012345678', 'x', null, null, '{}') \gset
select messaging.settle_message(:'row', 'SM1', 'queued', null, null, '{}', false, null);
select messaging.record_status(null, 'SM1', s, c, null, '{}', t::timestamptz) from (values (1, 'sent', null, '2030-01-01 10:00'), (2, 'undelivered', '63016', '2030-01-01 10:01'), (3, 'undelivered', '63016', '2030-01-01 10:02')) as v (n, s, c, t);
insert into messaging.message_status_events (message_log_id, external_id, status, received_at) values (:'row', 'SM2', 'delivered', '2030-01-01 11:00');
select put('2026-11-01 10:00+02', 'sms', 'failed', null, '21610', null, null, null) as refused, put('2026-11-01 10:00+02', 'sms', 'unknown', null, null, null, null, null) as lost \gset
update message_logs set failed_at = '2026-11-01 10:00:01+02' where id = :'refused';
update message_logs set updated_at = '2026-11-01 10:00:30+02' where id = :'lost';
select put('2026-11-01 10:00+02', 'sms', 'read', 5, null, null, null) as old \gset
update message_logs set read_at = '2026-11-01 10:01+02' where id = :'old';
select become('authenticated', '00000000-0000-4000-8000-00000000000c');
select results_eq(format('select status, error_code, reason_ar from message_timeline where message_log_id = %L order by at', :'row'),
    $$values ('pending', null, null), ('sent', null, null), ('undelivered', '63016', messaging.error_meaning_ar('63016')), ('delivered', null, null)$$, 'further attempts included');
select results_eq(format('select at, status, error_code, reason_ar is not null from message_timeline where message_log_id = %L order by at', v.id), v.want, v.name) from (values
    (:'refused', $$values ('2026-11-01 10:00+02'::timestamptz, 'pending', null, false), ('2026-11-01 10:00:01+02', 'failed', '21610', true)$$, 'what failed in Twilio''s answer'),
    (:'lost', $$values ('2026-11-01 10:00+02'::timestamptz, 'pending', null, false), ('2026-11-01 10:00:30+02', 'unknown', null, false)$$, 'what nobody knows of'),
    (:'old', $$values ('2026-11-01 10:00+02'::timestamptz, 'pending', null, false), ('2026-11-01 10:00:05+02', 'delivered', null, false), ('2026-11-01 10:01+02', 'read', null, false)$$, 'what came without events')) as v (id, want, name);

-- for each role
select set_config('role', 'none', true);
update message_logs set sender_id = '00000000-0000-4000-8000-00000000000a';
create function reads(p_role text, p_user text, p_view text) returns text language plpgsql as $$
declare
    v_rows bigint;
begin
    perform become(p_role, p_user);
    begin
        execute 'select from ' || p_view;
        get diagnostics v_rows = row_count;
    exception when insufficient_privilege then
        perform set_config('role', 'none', true);
        return 'refused';
    end;
    perform set_config('role', 'none', true);
    return case when v_rows > 0 then 'rows' else 'nothing' end;
end $$;
select is(reads(r, u, view), want, view || ': ' || who)
from unnest(array['message_report', 'message_report_by_tag', 'message_failures', 'message_timeline']) as view,
    (values ('anon', null, 'refused', 'anon'), ('authenticated', '00000000-0000-4000-8000-00000000000a', 'nothing', 'a user with rows of his own'),
        ('authenticated', '00000000-0000-4000-8000-00000000000b', 'nothing', 'another user'), ('authenticated', null, 'nothing', 'nobody'), ('authenticated', 'x', 'nothing', 'a sub that is none'),
        ('authenticated', '00000000-0000-4000-8000-00000000000c', 'rows', 'staff'), ('service_role', null, 'rows', 'a server'), ('twilio_cgi', null, 'refused', 'the programs')) as v (r, u, want, who);
select is(reads('authenticated', '00000000-0000-4000-8000-00000000000a', 'message_logs'), 'rows', 'who sees his rows');
select is((select string_agg(distinct x.privilege_type, ' ') from pg_class c, aclexplode(c.relacl) as x
    where c.relname like 'message\_%' and c.relnamespace = 'public'::regnamespace and c.relkind = 'v' and x.grantee <> c.relowner), 'SELECT', 'they are read, and nothing else');
-- a day of which both channels have two currencies is one day
select set_config('role', 'none', true);
delete from message_logs;
select put(now(), c, 'sent', null, null, null, jsonb_build_object('price', '-1', 'price_unit', u)) from (values ('sms'), ('whatsapp')) as t (c), (values ('USD'), ('EUR')) as v (u);
select is(messaging.report(1) ->> 'two_currency_days', '1', 'a day is counted once');

select * from finish();
rollback;
