-- the reports
begin;
select no_plan();
set local time zone 'UTC';
insert into message_logs (recipient, message_type, status, sent_at, delivered_at, error_code, error_message)
select '+2010', 'sms', s, '2026-11-01 10:00', '2026-11-01 10:00'::timestamptz + d * interval '1 second', c, t
from (values ('delivered', 1, null, null), ('delivered', 2, null, null), ('delivered', 3, null, null), ('read', 10, null, null),
    ('failed', null, '30003', null), ('failed', null, '30003', 'Twilio''s own'), ('undelivered', null, null, 'boom'), ('undelivered', null, null, null),
    ('failed', null, '77777', null), ('received', null, '30003', null), ('sent', null, null, null), ('pending', null, null, null), ('canceled', null, null, null), ('delivered', -5, null, null)) as v (s, d, c, t);
insert into message_logs (recipient, message_type, status, sent_at) values ('+2010', 'whatsapp', 'read', '2026-11-01 23:30'), ('+2010', 'whatsapp', 'queued', '2026-11-02 00:00');
insert into message_logs (recipient, message_type, provider, status, sent_at, metadata) values
    ('+2010', 'sms', 'twilio', 'failed', '2026-11-01 10:00', '{"direction": "incoming"}'), ('+2010', 'whatsapp', 'meta', 'failed', '2026-11-01 10:00', '{}'),
    ('x@example.org', 'email', 'twilio', 'failed', '2026-11-01 10:00', null);
select become('authenticated', '00000000-0000-4000-8000-00000000000c');
select results_eq('select day, message_type, total, delivered, read, failed, in_flight, delivered_share, read_share, median_delivery_seconds, p95_delivery_seconds
    from messaging.delivery_report order by 1, 2',
    $$values ('2026-11-01'::date, 'sms', 13::bigint, 5::bigint, 1::bigint, 5::bigint, 2::bigint, 0.3846, 0.0769, 2.500, 8.950),
        ('2026-11-02', 'whatsapp', 2, 1, 1, 0, 1, 0.5000, 0.5000, null, null)$$, 'deliveries, by days of Cairo');
select results_eq('select day, message_type, error_code, reason, messages from messaging.failure_report order by error_code, reason',
    $$values ('2026-11-01'::date, 'sms', '30003', 'Twilio''s own', 2::bigint), ('2026-11-01', 'sms', '77777', 'Unknown error', 1),
        ('2026-11-01', 'sms', null, 'Unknown error', 1), ('2026-11-01', 'sms', null, 'boom', 1)$$, 'failures');
select become('service_role');
select is((select count(*) from messaging.delivery_report), 2::bigint, 'a server reads them');
select set_config('role', 'none', true);
set local session_replication_role = replica;
update message_logs set error_message = null;
set local session_replication_role = origin;
select is((select reason from messaging.failure_report where error_code = '30003'), 'Unreachable destination handset', 'the meaning where Twilio sent no text');

-- days that are gone
update message_logs set sent_at = sent_at - interval '1 year', delivered_at = delivered_at - interval '1 year' where message_type = 'sms' and sent_at is not null;
create temporary table deliveries as select * from messaging.delivery_report;
create temporary table failures as select * from messaging.failure_report;
select is(messaging.expire(null, '300 days', 4), 4, 'a day half gone');
select is_empty('(table deliveries except select * from messaging.delivery_report) union all (select * from messaging.delivery_report except table deliveries)', 'its deliveries are as they were');
select is_empty('(table failures except select * from messaging.failure_report) union all (select * from messaging.failure_report except table failures)', 'and its failures');
select cmp_ok(messaging.expire(null, '300 days', 100), '>', 5, 'all gone that had come to an end');
select is_empty('(table deliveries except select * from messaging.delivery_report) union all (select * from messaging.delivery_report except table deliveries)', 'the deliveries are as they were');
select is_empty('(table failures except select * from messaging.failure_report) union all (select * from messaging.failure_report except table failures)', 'and the failures');
select become('authenticated', '00000000-0000-4000-8000-00000000000b');
select is_empty('select messages from messaging.failure_report union all select total from messaging.delivery_report', 'whoever is not staff sees none of it');
select set_config('role', 'none', true);
insert into message_logs (recipient, message_type, status, sent_at, metadata)
select '+2010', 'sms', 'sent', '2026-11-20 10:00', m from (values ('{}'::jsonb), ('{"tag": ""}')) as v (m);
select results_eq($$select tag, total from message_report_by_tag where day = '2026-11-20'$$, 'values (null::text, 2::bigint)', 'an empty tag is none, as in the totals');
select is((select string_agg(distinct code, ' ') from messaging.twilio_errors where btrim(meaning) = '' or meaning_ar !~ '[ء-ي]'), null, 'every code has both meanings');
select ok(count(*) >= 68, 'and there are all of them') from messaging.twilio_errors;
select * from finish();
rollback;
