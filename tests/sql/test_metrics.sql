-- the figures of --metrics
begin;
select no_plan();
create function put(p_age interval, p_type text, p_status text, p_sid text default null, p_code text default null, p_sender uuid default null, p_request uuid default null)
returns void language sql as $$
    insert into message_logs (recipient, message_type, status, sent_at, external_id, error_code, sender_id, request_id)
    values ('+201012345678', p_type, p_status, now() - p_age, p_sid, p_code, p_sender, p_request)
$$;
create function told(p_figure text) returns setof text language sql as $$
    select concat_ws(' ', m.label_1, m.label_2, m.label_3, round(m.value::numeric, 3)) from messaging.metrics() as m where m.figure = p_figure order by 1
$$;

-- nothing yet
select set_eq('select distinct figure from messaging.metrics()', array['ownerless_failed_messages', 'sends', 'callbacks', 'unsettled_messages', 'unsettled_oldest_age_seconds', 'schema_version'],
    'without a message those that are a number all the same');
select results_eq('select told(''unsettled_messages'')', array['pending 0.000', 'unknown 0.000'], 'nothing is unsettled');
select results_eq('select told(''schema_version'')', array[messaging.schema_version() || '.000'], 'the version is the schema''s');

select put(a, t, s, 'SM' || gen_random_uuid(), c) from (values
    ('1 min'::interval, 'sms', 'delivered', null), ('59 min', 'sms', 'delivered', null), ('61 min', 'sms', 'delivered', null), ('1 min', 'whatsapp', 'read', null), ('23 h', 'whatsapp', 'read', null),
    ('25 h', 'sms', 'delivered', null), ('25 h', 'sms', 'failed', '30003'), ('-1 min', 'sms', 'sent', null), ('1 min', 'sms', 'called +201012345678', null),
    ('1 min', 'sms', 'failed', '30003'), ('2 h', 'sms', 'undelivered', '30003'), ('2 h', 'sms', 'undelivered', '30003'), ('1 min', 'whatsapp', 'failed', null), ('1 min', 'sms', 'failed', '+201012345678')) as v (a, t, s, c);
-- rows of others
insert into message_logs (recipient, message_type, provider, status, error_code, metadata) values ('x@example.org', 'email', 'twilio', 'failed', '1', null), ('+20', 'sms', 'meta', 'failed', '1', null),
    ('+20', 'whatsapp', 'twilio', 'received', null, null), ('+20', 'sms', 'twilio', 'pending', null, '{"direction": "incoming"}'), ('x@example.org', 'email', 'twilio', 'pending', null, null);
select results_eq('select told(''messages'')', array['1h sms delivered 2.000', '1h sms failed 2.000', '1h sms other 1.000', '1h whatsapp failed 1.000', '1h whatsapp read 1.000',
    '24h sms delivered 3.000', '24h sms failed 2.000', '24h sms other 1.000', '24h sms undelivered 2.000', '24h whatsapp failed 1.000', '24h whatsapp read 2.000'],
    'messages of the last hour and day, and a status that is none of ours is other');
select results_eq('select told(''sends'')', array['1h 7.000'], 'what was handed over in the last hour');
select results_eq('select told(''failed_messages'')', array['1h sms 30003 1.000', '1h sms other 1.000', '1h whatsapp none 1.000', '24h sms 30003 3.000', '24h sms other 1.000', '24h whatsapp none 1.000'],
    'failures by code, and a code that is no number is other');
select is((select count(*) from messaging.metrics() as m where concat_ws(' ', m.label_1, m.label_2, m.label_3) ~ '\+|\d{7}'), 0::bigint, 'nobody''s number is in a label');

-- failures that are nobody's
select results_eq('select told(''ownerless_failed_messages'')', array['1h 3.000', '24h 5.000'], 'nobody was told of them');
select put('1 min', 'sms', 'failed', null, '30003', '00000000-0000-4000-8000-00000000000a', null), put('1 min', 'sms', 'failed', null, '30003', null, '00000000-0000-4000-8000-0000000000a1'),
    put('1 min', 'sms', 'delivered', 'SMx');
insert into messaging.failure_readers values ('manager');
select results_eq('select told(''ownerless_failed_messages'')', array['1h 3.000', '24h 5.000'], 'a sender, or who made the request, is somebody; and they count whoever reads of failures');

-- of a great many codes the most frequent
select put('1 min', 'sms', 'failed', null, (20000 + n)::text) from generate_series(1, 60) as n, generate_series(1, 1 + (n < 40)::int) as k;
select is((select count(distinct label_3) from messaging.metrics() as m where m.figure = 'failed_messages'), 51::bigint, 'fifty codes, and other');
select is((select sum(value) from messaging.metrics() as m where m.figure = 'failed_messages' and m.label_1 = '1h'),
    (select sum(value) from messaging.metrics() as m where m.figure = 'messages' and m.label_1 = '1h' and m.label_3 in ('failed', 'undelivered')), 'which are all of them');

-- what waits for Twilio's word
select put('5 min', 'sms', 'pending'), put('2 days', 'sms', 'unknown'), put('10 s', 'whatsapp', 'unknown'), put('40 days', 'sms', 'unknown'), put('40 days', 'sms', 'pending');
select results_eq('select told(''unsettled_messages'')', array['pending 1.000', 'unknown 2.000'], 'of the last 30 days');
select results_eq('select told(''unsettled_oldest_age_seconds'')', array['pending 300.000', 'unknown 172800.000'], 'and how old the oldest is');

-- callbacks
select results_eq('select told(''callbacks'')', array['1h 0.000'], 'no callback yet');
select messaging.record_status(null, 'SMx', 'sent', null, null, '{}', now() - interval '2 h'), messaging.record_status(null, 'SMx', 'delivered', null, null, '{"a": "b"}', now() - interval '30 min'),
    messaging.record_status(null, 'SMx', 'delivered', null, null, '{"a": "b"}', now() - interval '20 min'), messaging.record_status(null, 'SMnobody', 'sent', null, null, '{}', now() - interval '50 min'),
    messaging.record_status(null, 'SMx', 'read', null, null, '{"source": "reconcile"}', now() - interval '1 min');
select results_eq('select told(''callbacks'')', array['1h 2.000'], 'those of the last hour, each once; what a reconcile run found out is none');
select results_eq('select told(''last_callback_age_seconds'')', array['1800.000'], 'and when the last came');

select become('twilio_cgi');
select ok((select count(*) > 20 from messaging.metrics()), 'the programs may ask');
select set_config('role', 'none', true);
select is(has_function_privilege('authenticated', 'messaging.metrics()', 'execute') or has_function_privilege('anon', 'messaging.metrics()', 'execute')
    or has_function_privilege('service_role', 'messaging.metrics()', 'execute'), false, 'nobody else may');
select * from finish();
rollback;
