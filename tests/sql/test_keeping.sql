-- expire, forget_recipient, messages_of: what goes, what stays, and that it stays gone.
begin;
select no_plan();

-- A message of so many days ago, reserved with a key, settled, called back for; returns its id.
create function message(p_sid text, p_status text, p_days int, p_to text default '+201012345678',
    p_type text default 'sms', p_code text default null, p_metadata jsonb default '{}')
returns uuid language plpgsql
as $$
declare
    v_id uuid;
    v_to text := case p_type when 'whatsapp' then 'whatsapp:' else '' end || p_to;
begin
    select r.id into v_id from messaging.reserve_message('c', 'key ' || p_sid, '00000000-0000-4000-8000-00000000000a', null, p_type,
        p_to, 'نص ' || p_sid, null, 'https://example.org/a.jpg', p_metadata) as r;
    perform messaging.settle_message(v_id, p_sid, 'queued', null, null, '{"num_segments": "2", "account_sid": "AC1"}', false, null);
    perform messaging.record_status(v_id, p_sid, p_status, p_code, null,
        jsonb_build_object('MessageSid', p_sid, 'SmsSid', p_sid, 'MessageStatus', p_status, 'To', v_to, 'From', '+201000000000',
            'AccountSid', 'AC1', 'ApiVersion', '2010-04-01'), null);
    update message_logs set sent_at = sent_at - make_interval(days => p_days), created_at = created_at - make_interval(days => p_days),
        delivered_at = delivered_at - make_interval(days => p_days), metadata = metadata || '{"price": "-0.05", "price_unit": "USD"}'
    where id = v_id;
    return v_id;
end
$$;
-- Where anything of ours has a text in it.
create function where_is(p_text text) returns text language plpgsql
as $$
declare
    v_table regclass;
    v_found boolean;
    v_all text := '';
begin
    for v_table in select c.oid from pg_class c where c.relkind = 'r'
        and (c.relnamespace = 'messaging'::regnamespace or c.oid in ('public.message_logs'::regclass, 'public.notifications'::regclass)) loop
        execute format('select exists (select from %s t where strpos(t::text, %L) > 0)', v_table, p_text) into v_found;
        v_all := v_all || case when v_found then v_table || ' ' else '' end;
    end loop;
    return v_all;
end
$$;
create function sums() returns table (total bigint, delivered bigint, read bigint, failed bigint, in_flight bigint, segments bigint, price numeric, unpriced bigint)
language sql as $$
    select sum(total)::bigint, sum(delivered)::bigint, sum(read)::bigint, sum(failed)::bigint, sum(in_flight)::bigint, sum(segments)::bigint, sum(price), sum(unpriced)::bigint from message_report
$$;

-- numbers as `to` takes them
select is(messaging.international_number(typed), wanted, typed) from (values
    ('01012345678', '+201012345678'), ('1012345678', '+201012345678'), ('201012345678', '+201012345678'), ('+201012345678', '+201012345678'),
    ('00201012345678', '+201012345678'), ('+20 0101 234 5678', '+201012345678'), ('٠١٠١٢٣٤٥٦٧٨', '+201012345678'), ('۰۱۰-۱۲۳۴.۵۶۷۸', '+201012345678'),
    ('whatsapp:+201012345678', '+201012345678'), (' whatsapp: 010 1234 5678 ', '+201012345678'), (E'\u200e+20 (10) 1234-5678\u2069\n', '+201012345678'),
    ('02 2345 6789', '+20223456789'), ('0572345678', '+20572345678'), ('057234567', '+2057234567'), ('+44 (0)7700 900123', '+447700900123'), ('0044 7700 900123', '+447700900123'),
    ('0151234567', null), ('0101234567', null), ('12345', null), ('', null), ('010 1234 5678 x2', null), ('+', null), ('+0123456789', null),
    (E'01012345678\n01112345678', null), ('2012345678', null), ('20223456789', '+20223456789'), ('+966501234567', '+966501234567'), ('966501234567', null)
) as n (typed, wanted);

-- parameters
select message('SM1', 'delivered', 0);
select is(parameters, '{"From": "+201000000000", "ApiVersion": "2010-04-01"}', 'what columns and row hold is not kept in an event')
from messaging.message_status_events where external_id = 'SM1';
select messaging.record_status(null, 'SM2', 'sent', '30001', 'x', '{"MessageSid": "SM2", "To": "whatsapp:+201012345678", "ErrorCode": "30001", "ErrorMessage": "x", "SmsStatus": "Sent"}', null);
select is(parameters, '{"To": "whatsapp:+201012345678", "ErrorMessage": "x", "SmsStatus": "Sent"}', 'of a message that is not known all that its columns lack is kept, letter for letter')
from messaging.message_status_events where external_id = 'SM2';
select messaging.settle_message((select id from messaging.reserve_message('c', null, null, null, 'whatsapp', '+201012345678', 'x', null, null, '{}')), 'SM2', 'queued', null, null, '{}', false, null);
select is(parameters, '{"ErrorMessage": "x", "SmsStatus": "Sent"}', 'until it is') from messaging.message_status_events where external_id = 'SM2';
select messaging.record_status(null, 'SM1', 'delivered', null, null, '{"MessageSid": "SM1", "SmsSid": "SM1", "MessageStatus": "delivered", "To": "+201012345678", "From": "+201000000000", "AccountSid": "AC1", "ApiVersion": "2010-04-01"}', null);
select is((select count(*) from messaging.message_status_events where external_id = 'SM1'), 1::bigint, 'a repetition is one still');

select message('SM4', 'queued', 0, p_metadata => '{"account_sid": "AC1", "from": "whatsapp:+14155238886", "api_version": "2010-04-01", "messaging_service_sid": "MG1"}', p_type => 'whatsapp');
select messaging.record_status(null, 'SM4', 'read', null, null, '{"MessageSid": "SM4", "From": "whatsapp:+14155238886", "ApiVersion": "2010-04-01", "ChannelPrefix": "whatsapp", "MessagingServiceSid": "MG1", "AccountSid": "AC1", "EventType": "READ"}', null),
    messaging.record_status(null, 'SM4', 'sent', null, null, '{"From": "whatsapp:+14155238887", "ApiVersion": "2010", "ChannelPrefix": "WhatsApp", "MessagingServiceSid": "MG2", "AccountSid": "AC2"}', null);
select is((select parameters from messaging.message_status_events where external_id = 'SM4' and status = 'read'), '{"EventType": "READ"}', 'nor what the row has of Twilio''s answer');
select is((select parameters from messaging.message_status_events where external_id = 'SM4' and status = 'sent'), '{"From": "whatsapp:+14155238887", "ApiVersion": "2010", "ChannelPrefix": "WhatsApp", "MessagingServiceSid": "MG2", "AccountSid": "AC2"}', 'letter for letter, that is');

-- keys
create temporary table answered as select messaging.settle_message(id, 'SM3', 'queued', null, null, '{"num_segments": "1"}', false, null) as row
from messaging.reserve_message('c', 'replayed', '00000000-0000-4000-8000-00000000000a', null, 'whatsapp', '+201112345678', 'x', '00000000-0000-4000-8000-0000000000a1', 'https://example.org/a.jpg',
    '{"variables": {"1": "a"}, "template_id": "HX1", "media_urls": ["u", "v"]}');
select messaging.record_status(null, 'SM3', s, c, 'text', '{"ErrorMessage": "text"}', null) from (values ('read', null), ('failed', '30003')) as e (s, c);
select messaging.settle_message((row ->> 'id')::uuid, 'SM3', 'read', null, null, '{"price": "-1"}', false, null) from answered;
select is((select saved from messaging.reserve_message('c', 'replayed', '00000000-0000-4000-8000-00000000000a', null, 'whatsapp', '+201112345678', 'x', '00000000-0000-4000-8000-0000000000a1', 'https://example.org/a.jpg',
    '{"variables": {"1": "a"}, "template_id": "HX1", "media_urls": ["u", "v"]}')), (select row from answered), 'a repetition gets the row as it was then, whatever came of it');
select is(answer, '{"external_id": "SM3", "metadata": {"num_segments": "1"}}', 'of which the key holds what may change alone')
from messaging.idempotency_keys where key = messaging.key_name('c', 'replayed');
update messaging.idempotency_keys set answer = (select row - '{message_content,recipient,sent_at,created_at}'::text[] from answered) where key = messaging.key_name('c', 'replayed');
select is((select saved from messaging.reserve_message('c', 'replayed', '00000000-0000-4000-8000-00000000000a', null, 'whatsapp', '+201112345678', 'x', '00000000-0000-4000-8000-0000000000a1', 'https://example.org/a.jpg',
    '{"variables": {"1": "a"}, "template_id": "HX1", "media_urls": ["u", "v"]}')), (select row from answered), 'one of before may hold more, and nulls');
update messaging.idempotency_keys set answer = '{"id": "x", "created_at": "then", "a": 1}' where key = messaging.key_name('c', 'replayed');
select is((select saved from messaging.reserve_message('c', 'replayed', '00000000-0000-4000-8000-00000000000a', null, 'whatsapp', '+201112345678', 'x', '00000000-0000-4000-8000-0000000000a1', 'https://example.org/a.jpg',
    '{"variables": {"1": "a"}, "template_id": "HX1", "media_urls": ["u", "v"]}')), '{"id": "x", "created_at": "then", "a": 1}', 'one of before is what it is');

-- further tries tell of another sender
create temporary table tried as select messaging.settle_message(id, 'SM5', 'queued', null, null, '{"from": "whatsapp:+14155238886", "num_media": "0"}', false, null) as row
from messaging.reserve_message('c', 'tried', null, null, 'whatsapp', '+201112345678', 'x', null, null, '{"tag": "t"}');
select messaging.record_status(null, 'SM5', 'failed', '63018', null, '{}', null);
update messaging.follow_ups set due_at = now();
select isnt(messaging.claim_follow_up(gen_random_uuid()), null, 'a further try');
select messaging.settle_message((row ->> 'id')::uuid, 'SM6', 'queued', null, null, '{"from": "whatsapp:+14155238887", "messaging_service_sid": "MG1"}', false, null) from tried;
select is((select saved from messaging.reserve_message('c', 'tried', null, null, 'whatsapp', '+201112345678', 'x', null, null, '{"tag": "t"}')), (select row from tried), 'a repetition gets the first answer again');
create temporary table refused as select messaging.settle_message(id, null, 'failed', '21610', 'no', null, false, null) as row
from messaging.reserve_message('c', 'refused', null, null, 'sms', '+201112345678', 'x', null, null, '{}');
select is((select saved from messaging.reserve_message('c', 'refused', null, null, 'sms', '+201112345678', 'x', null, null, '{}')), (select row from refused), 'a refusal too');
delete from message_logs; delete from messaging.message_status_events; delete from notifications;

-- expire: texts
select message('SM10', 'delivered', 40, p_metadata => '{"variables": {"1": "زعفران"}, "tag": "t"}'), message('SM11', 'failed', 40, p_code => '30003'),
    message('SM12', 'sent', 3), message('SM13', 'sent', 40), message('SM14', 'sent', 40, '+201112345678', 'whatsapp'),
    message('SM15', 'delivered', 20), message('SM16', 'queued', 400);
select is(messaging.expire(null, null, 100), 0, 'null is never');
select is(messaging.expire('30 days', null, 2), 2, 'a batch of texts');
select is(messaging.expire('30 days', null, 2), 1, 'the rest: sent is final for an SMS after 7 days, for WhatsApp it is not');
select is(messaging.expire('30 days', null, 2), 0, 'nothing is left');
select results_eq('select external_id, message_content, media_url from message_logs order by external_id', $$values
    ('SM10', '', null::text), ('SM11', '', null), ('SM12', 'نص SM12', 'https://example.org/a.jpg'), ('SM13', '', null),
    ('SM14', 'نص SM14', 'https://example.org/a.jpg'), ('SM15', 'نص SM15', 'https://example.org/a.jpg'), ('SM16', 'نص SM16', 'https://example.org/a.jpg')$$, 'those that are old and final');
select is(where_is('زعفران'), '', 'variables are nowhere any more');
select is((select recipient from message_logs where external_id = 'SM10'), '+201012345678', 'the row knows its recipient');
select is_empty($$select from messaging.message_status_events where external_id = 'SM10' and parameters::text ~ '\+20'$$, 'no number in its event');
update message_logs set status = 'delivered' where external_id = 'SM14';
update message_logs set sent_at = now() - interval '50 days' where external_id = 'SM12';
insert into message_logs (recipient, message_type, message_content, status, sent_at) values ('+201112345678', 'sms', 'late', 'delivered', now() - interval '60 days'),
    ('a@example.org', 'email', 'mail', 'sent', now() - interval '60 days');
select is(messaging.expire('30 days', null, 100), 3, 'what ended, or came to stand there, later');
select is((select string_agg(message_content, ',' order by message_content) from message_logs where message_content <> ''), 'mail,نص SM15,نص SM16', 'those are left');
delete from message_logs where external_id is null;

-- expire: rows
create temporary table before as select * from sums();
create temporary table daily as select * from message_report; create temporary table failures as select * from message_failures;
create temporary table tagged as select * from message_report_by_tag;
select is(messaging.expire(null, '30 days', 2), 2, 'a batch of rows');
select is(messaging.expire(null, '30 days', 100), 3, 'the rest');
select is(messaging.expire(null, '30 days', 100), 0, 'nothing is left');
select results_eq('select external_id from message_logs order by 1', $$values ('SM15'), ('SM16')$$, 'those under way stay');
select results_eq('select * from sums()', 'select * from before', 'no message counts less, and none twice');
select is_empty('(select * from message_report except select * from daily) union all (select * from daily except select * from message_report)', 'each day''s line is what it was, percentiles too');
select is_empty('(select * from message_report_by_tag except select * from tagged) union all (select * from tagged except select * from message_report_by_tag)', 'so are those of tags');
select is_empty('(select * from message_failures except select * from failures) union all (select * from failures except select * from message_failures)', 'and the failures');
select is((select sum(total)::bigint from messaging.daily_totals), 5::bigint, 'the totals have each once');
select is_empty($$select from messaging.message_status_events where external_id in ('SM10', 'SM11', 'SM12')$$, 'events are gone');
select is_empty($$select from messaging.idempotency_keys where key = messaging.key_name('c', 'key SM10')$$, 'keys are gone');
select is((select message from notifications), 'فشل إرسال الرسالة إلى …. ' || messaging.error_meaning_ar('30003'), 'the notification stays, without the number');
select is(outcome, 'unknown_message', 'a late callback is taken') from messaging.record_status(null, 'SM10', 'read', null, null, '{"To": "+201012345678"}', null);
select is_empty($$select from messaging.message_status_events where external_id = 'SM10'$$, 'and brings nothing back');

-- keys and events of no message
update messaging.idempotency_keys set begun_at = now() - interval '31 days' where key = messaging.key_name('c', 'key SM15');
select is((select outcome from messaging.reserve_message('c', 'key SM15', null, null, 'sms', '+201012345678', 'other', null, null, '{}')), 'reserved', 'a key of 31 days is free');
update messaging.idempotency_keys set begun_at = now() - interval '31 days' where key = messaging.key_name('c', 'key SM15');
select messaging.record_status(null, 'SM19', 'sent', null, null, '{"To": "+201012345678", "A": "b", "ErrorMessage": "to 201012345678"}', now() - interval '50 days');
select is((select e::text from messaging.expirable('30 days', '300 days') as e), '(0,0,1,1)', 'what a dry run tells');
select is((select e::text from messaging.expirable('60 days', '300 days') as e), '(0,0,1,0)', 'an event that is young says nothing');
select is((select e::text from messaging.expirable(null, '45 days') as e), '(0,0,1,1)', 'or goes without its numbers before');
insert into message_logs (recipient, message_type, message_content, status, provider, created_at) values
    ('+201000000007', 'sms', 'a', 'failed', 'twilio', now() - interval '50 days');
update message_logs set sent_at = null where recipient = '+201000000007';
select is((select (texts, messages)::text from messaging.expirable('30 days', '300 days')), '(1,0)', 'a row without sent_at has a text, too');
select is((select (texts, messages)::text from messaging.expirable('30 days', '40 days')), '(0,1)', 'and goes');
select is((select (texts, messages)::text from messaging.expirable('60 days', '300 days')), '(0,0)', 'when it is old');
delete from message_logs where recipient = '+201000000007';
select is(messaging.expire('40 days', '300 days', 100), 2, 'keys, and events that nobody asked for');
select is((select parameters from messaging.message_status_events where external_id = 'SM19'), '{}', 'empty at first');
select is(messaging.expire('30 days', '45 days', 100), 1, 'then not at all');
select is(messaging.expire('30 days', '45 days', 100), 0, 'nothing is left');

-- whatever a row that was passed by is given later, and a row without sent_at has
insert into message_logs (recipient, message_type, message_content, status, provider, metadata, sent_at, created_at) values
    ('+201000000007', 'sms', '', 'failed', 'twilio', '{"variables": {"1": "x"}}', now() - interval '50 days', now() - interval '50 days'),
    ('+201000000008', 'sms', '', 'failed', 'twilio', '{}', now() - interval '50 days', now() - interval '50 days'),
    ('+201000000009', 'sms', '', 'failed', 'twilio', '{}', now() - interval '50 days', now() - interval '50 days'),
    ('+201000000010', 'sms', 'a', 'failed', 'twilio', '{}', now(), now());
update message_logs set sent_at = null where recipient in ('+201000000007', '+201000000010');
create function expire_all() returns void language plpgsql as $$
begin
    while messaging.expire('30 days', '300 days', 100) > 0 loop end loop;
end $$;
select expire_all();
update message_logs set message_content = 'b' where recipient = '+201000000008';
update message_logs set media_url = 'https://example.org/a.jpg' where recipient = '+201000000009';
update message_logs set sent_at = now() - interval '50 days' where recipient = '+201000000010';
select is((select (texts, messages)::text from messaging.expirable('30 days', '300 days')), '(3,0)', 'texts that came late are seen');
select expire_all();
select is((select string_agg(concat_ws(' ', message_content, media_url, metadata), ', ' order by recipient) from message_logs where recipient like '+2010000000%'),
    ' {}, ' || ' {}, ' || ' {}, ' || ' {}', 'no text is left, of none of them');
select is((select (texts, messages)::text from messaging.expirable('30 days', '300 days')), '(0,0)', 'nor seen');
delete from message_logs where recipient like '+2010000000%';

-- forget_recipient
delete from message_logs where external_id is null;
select message('SM20', 'read', 0, '+201512345678', 'whatsapp'), message('SM21', 'sent', 0, '+201512345678'), message('SM22', 'undelivered', 1, '+201512345678', p_code => '30003'),
    message('SM23', 'delivered', 0);
select messaging.record_status(null, 'SM24', 'sent', null, null, '{"To": "+201512345678"}', null);
insert into message_logs (recipient, message_type, message_content, status, provider, metadata) values
    ('+201000000000', 'whatsapp', 'مرحبا', 'received', 'twilio', '{"direction": "incoming", "from": "whatsapp:+201512345678"}'),
    ('201512345678', 'whatsapp', 'x', 'sent', 'meta', '{}');
create temporary table pending as select id from messaging.reserve_message('c', 'key pending', '00000000-0000-4000-8000-00000000000a', null, 'sms', '+201512345678', 'زعفران', null, null, '{"variables": {"1": "+201512345678"}}');
alter table pending add column late uuid;
update pending set late = r.id from messaging.reserve_message('c', null, '00000000-0000-4000-8000-00000000000a', null, 'sms', '+201512345678', 'x', null, null, '{}') as r;
delete from before; insert into before select * from sums();
select is(jsonb_array_length(messaging.messages_of('01512345678') -> 'messages'), 7, 'a person''s export has all of it');
select ok(messaging.messages_of('01512345678')::text ~ 'مرحبا' and messaging.messages_of('01512345678')::text ~ 'فشل إرسال', 'inbound messages and notifications, too');
select throws_ok($$select messaging.forget_recipient('010')$$, '22023', 'that is no phone number', 'what is no number is told');
select is(messaging.forget_recipient('whatsapp:٠١٥ 1234 5678'), 7, 'a person is forgotten by a number as people write it');
select is(where_is('1512345678'), '', 'the number is nowhere');
select is(where_is('زعفران'), '', 'nor a text');
select is(where_is('مرحبا'), '', 'nor an inbound one');
select results_eq('select * from sums()', 'select * from before', 'the sums are what they were');
select results_eq('select external_id, recipient, status from message_logs order by created_at, external_id', $$values
    ('SM16', '+201012345678', 'queued'), ('SM15', '+201012345678', 'delivered'), ('SM21', '', 'sent'), ('SM23', '+201012345678', 'delivered'), (null, '', 'pending'), (null, '', 'pending')$$,
    'of what is under way a row without the person stays; nobody else is touched');
select is(messaging.forget_recipient('01512345678'), 0, 'once more finds nothing');

-- and stays forgotten
select messaging.settle_message((select id from pending), 'SM25', 'failed', '21211', 'Invalid To: +201512345678', '{"num_segments": "1", "note": "+201512345678"}', false, null);
select messaging.record_status(null, sid, 'delivered', null, 'to +201512345678', '{"To": "+201512345678", "ErrorMessage": "to +201512345678", "ApiVersion": "1"}', null)
from unnest('{SM20,SM21,SM22,SM24,SM25}'::text[]) as sid where sid <> 'SM24';
select is(messaging.restore_reservation(m.name::uuid, '{"caller": "c", "type": "sms", "recipient": "+201512345678", "content": "زعفران", "metadata": {}, "at": "2026-01-01T00:00:00Z"}'), false, 'the spool brings no row back')
from messaging.forgotten_messages m where m.name ~ '-' order by forgotten_at desc limit 1;
select messaging.restore_reservation(id, '{"caller": "c", "type": "sms", "recipient": "+201512345678", "content": "زعفران", "metadata": {}, "at": "2026-01-01T00:00:00Z"}') from pending;
select become('service_role');
update message_logs set metadata = '{"to": "+201512345678"}', message_content = '+201512345678', error_message = '+201512345678', status = 'read' where external_id = 'SM21';
reset role;
select messaging.record_status(late, 'SM26', 'undelivered', '30003', null, '{"To": "+201512345678"}', null) from pending;
select is(where_is('1512345678'), '', 'whatever comes late: the number is nowhere');
select is(where_is('زعفران'), '', 'nor the text');
select is((select status from message_logs where external_id = 'SM21'), 'read', 'but a status arrives where there is a row');
select is((select metadata - 'read_at' from message_logs where external_id = 'SM25'), '{"forgotten": true, "error_status": "failed", "num_segments": "1"}', 'with what tells of the sending alone');
select is((select message from notifications where entity_id = (select id from message_logs where external_id = 'SM26')), 'فشل إرسال الرسالة إلى …. ' || messaging.error_meaning_ar('30003'), 'its failure is told without the number');

-- who may
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p where p.pronamespace = 'messaging'::regnamespace
    and p.proname in ('expire', 'expirable', 'forget_recipient', 'messages_of') and has_function_privilege('twilio_cgi', p.oid, 'execute')), 'expirable expire forget_recipient', 'the programs may expire and forget');
select is_empty($$select p.proname, r from pg_proc p, unnest('{anon,authenticated,service_role}'::name[]) as r where p.pronamespace = 'messaging'::regnamespace
    and p.proname in ('expire', 'expirable', 'forget_recipient', 'messages_of') and has_function_privilege(r, p.oid, 'execute')$$, 'nobody else may');
select become('authenticated', '00000000-0000-4000-8000-00000000000b');
select is_empty('select from message_report', 'no totals for who is not staff');
select is_empty('select from messaging.daily_totals', 'nor by themselves');
select become('authenticated', '00000000-0000-4000-8000-00000000000c');
select isnt_empty('select from message_report where day < current_date - 30', 'staff read the days that are gone');
reset role;
select * from finish();
rollback;
