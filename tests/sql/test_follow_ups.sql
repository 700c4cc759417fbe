-- What follows a failure: an SMS instead, another try; each once.
begin;
select no_plan();
create function message(p_metadata jsonb default '{"fallback_type": "sms"}', p_type text default 'whatsapp', p_recipient text default '+201012345678',
    p_key text default null, p_limit int default null)
returns table (outcome text, id uuid, saved jsonb, twilio_status text, remaining int, reset_seconds int, dead_code text, reason_ar text, sent_as text)
language sql as $$
    select * from messaging.reserve_message('t', p_key, '00000000-0000-4000-8000-00000000000a', p_limit, p_type, p_recipient, 'نص', null, null, p_metadata)
$$;
create function sent(p_sid text, p_metadata jsonb default '{"fallback_type": "sms"}', p_type text default 'whatsapp', p_recipient text default '+201012345678') returns uuid language plpgsql as $$
declare v_id uuid := (select id from message(p_metadata, p_type, p_recipient));
begin
    perform messaging.settle_message(v_id, p_sid, 'queued', null, null, '{}', false, null);
    return v_id;
end $$;
create function told(p_sid text, p_status text, p_code text default null, p_id uuid default null) returns text language sql as $$
    select status from messaging.record_status(p_id, p_sid, p_status, p_code, null, '{}', null)
$$;
create function row_of(p_id uuid) returns message_logs language sql as $$ select m from message_logs m where m.id = p_id $$;
-- Time goes by.
create function later(p_by interval default '5 minutes') returns void language sql as $$
    update messaging.follow_ups set due_at = due_at - p_by, ends_at = ends_at - p_by
$$;
create function claim(p_claim uuid default gen_random_uuid()) returns uuid language sql as $$ select (messaging.claim_follow_up(p_claim) ->> 'id')::uuid $$;

-- an SMS instead
select sent('SM1', '{"fallback_type": "sms", "tag": "visit-1"}') as first \gset
select is(claim(), null, 'nothing is due while it is under way');
select told('SM1', 'sent'), told('SM1', 'failed', '63016'), told('SM1', 'failed', '63016');
select is_empty('select from notifications', 'it has failed, and nobody is told yet');
select gen_random_uuid() as second \gset
select messaging.claim_follow_up(:'second') as claimed \gset
select row_eq(format('select recipient, message_type, message_content, status, external_id, sender_id, metadata from message_logs where id = %L', :'second'),
    row('+201012345678'::text, 'sms'::text, 'نص'::text, 'pending'::text, null::text, '00000000-0000-4000-8000-00000000000a'::uuid,
        jsonb_build_object('fallback_of', :'first', 'tag', 'visit-1')), 'its SMS');
select is(:'claimed'::jsonb ->> 'id', :'second', 'is what is to be sent');
select ok((:'claimed'::jsonb ->> 'seconds_left')::int between 3590 and 3600, 'within an hour of the first');
select is((row_of(:'first')).metadata ->> 'fallback', :'second', 'and the first knows it');
select is(messaging.claim_follow_up(:'second') ->> 'id', :'second', 'whoever lost the answer gets it again');
select is(claim(), null, 'nobody else does');
select told('SM1', 'undelivered', '63016');
select later();
select is(claim(), null, 'nor after another callback');
select messaging.settle_message(:'second', 'SM2', 'queued', null, null, '{}', false, null);
select is(told('SM2', 'delivered'), 'delivered', 'it has a status of its own');
select is_empty('select from notifications', 'and nobody was told of a failure');

-- the pair's failure
select sent('SM3') as first \gset
select told('SM3', 'undelivered', '63024');
select claim() as second \gset
select messaging.settle_message(:'second', 'SM4', 'queued', null, null, '{}', false, null);
select told('SM4', 'undelivered', '30003'), told('SM4', 'failed', '30003'), told('SM3', 'failed', '63024');
select results_eq('select message_log_id, title from notifications', format('values (%L::uuid, ''فشل إرسال رسالة SMS''::text)', :'second'), 'is told once, of the last');
delete from notifications;
select sent('SM5') as first \gset
select told('SM5', 'undelivered', '63016');
select claim() as second \gset
select messaging.settle_message(:'second', null, 'failed', '21612', 'no', null, false, null);
select results_eq('select message_log_id from notifications', format('values (%L::uuid)', :'second'), 'also where Twilio refuses the SMS');
delete from notifications;
select sent('SM6') as first \gset
select told('SM6', 'undelivered', '63016');
select claim() as second \gset
select messaging.settle_message(:'second', 'SM7', 'queued', null, null, '{}', false, null);
select told('SM6', 'delivered'), told('SM7', 'failed', '30003');
select is_empty('select from notifications', 'nobody where the first has arrived after all');

select sent('SM8') as first \gset
select told('SM8', 'undelivered', '63016');
select claim() as second \gset
select messaging.settle_message(:'second', null, 'failed', null, 'Twilio could not be reached', null, true, null);
select told('SM8', 'delivered');
select later();
select is(claim(), null, 'an SMS that did not go out does not go where the first has arrived since');
select is_empty('select from notifications', 'and nobody is told');
select id as first from message() \gset
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select later();
select claim() as second \gset
select messaging.settle_message(:'second', 'SM9', 'queued', null, null, '{}', false, null);
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select is_empty('select from notifications', 'nobody where what was said of the first is said again, by the spool');
select told('SM9', 'delivered');

-- not at all
select sent('SM10') as first \gset
select told('SM10', 'failed', '63016'), told('SM10', 'delivered');
select is(claim(), null, 'not for what has arrived since');
select sent('SM11') as first \gset
select told('SM11', 'failed', '63016');
select later('61 minutes');
select is(claim(), null, 'not later than an hour');
select results_eq('select message_log_id from notifications', format('values (%L::uuid)', :'first'), 'the first is told then');
delete from notifications;
select sent('SM12', '{"fallback_type": "sms", "validity": 60}') as first \gset
select told('SM12', 'failed', '63016');
select later('61 seconds');
select is(claim(), null, 'not after its validity');
delete from notifications;
select sent('SM13', '{"fallback_type": "sms", "validity": 36000}') as first \gset
select told('SM13', 'failed', '63016');
select later('2 hours');
select claim() as second \gset
select ok(((row_of(:'second')).metadata ->> 'validity')::int between 28700 and 28800, 'which may be longer; the SMS has what is left');
select sent('SM14', '{}'), sent('SM15');
select told('SM14', 'failed', '63016'), told('SM15', 'failed', '63033');
select is(claim(), null, 'not where nobody asked for it, nor where the person has refused us');
select is((select count(*) from notifications), 2::bigint, 'which is told at once');
delete from notifications;
select sent('SM16', '{}', 'sms', '+201112345678');
select told('SM16', 'undelivered', '30006');
select sent('SM17', '{"fallback_type": "sms"}', 'whatsapp', '+201112345678');
select told('SM17', 'failed', '63016');
select is(claim(), null, 'not to a number that is dead for SMS');
delete from notifications;

-- in the request
select id as first from message(p_key => 'k1') \gset
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select is(claim(), null, 'who was refused is at it himself');
select is((select outcome from message(p_key => 'k1')), 'in_progress', 'and its key waits for him');
select is(messaging.reserve_fallback(:'first', gen_random_uuid()) is null, false, 'reserved');
select is(messaging.reserve_fallback(:'first', gen_random_uuid()), null, 'once');
select (row_of(:'first')).metadata ->> 'fallback' as second \gset
select is(messaging.reserve_fallback(:'first', :'second') ->> 'id', :'second', 'again for who lost the answer');
select is((select outcome from message(p_key => 'k1')), 'in_progress', 'the key is in use');
select messaging.settle_message(:'second', 'SM20', 'queued', null, null, '{}', false, null) as saved \gset
select results_eq('select outcome, saved, twilio_status from message(p_key => ''k1'')', format('values (''replay'', %L::jsonb, ''queued'')', :'saved'), 'and then stands for the SMS');
select id as first from message(p_key => 'k2') \gset
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select messaging.reserve_fallback(:'first', gen_random_uuid()) ->> 'id' as second \gset
select messaging.settle_message(:'second', null, 'failed', null, 'Twilio is busy', null, true, null);
select is((select outcome from message(p_key => 'k2')), 'reserved', 'what was certainly not sent frees it');
select later();
select is(claim(), null, 'and who asked may ask again: nobody else sends it');
select id as first from message(p_key => 'k3') \gset
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select messaging.reserve_fallback(:'first', gen_random_uuid()) ->> 'id' as second \gset
select messaging.settle_message(:'second', null, 'unknown', null, null, null, false, null);
select is((select outcome from message(p_key => 'k3')), 'unknown', 'an SMS in doubt is in doubt');
select told('SM21', 'sent', null, :'second');
select results_eq('select outcome, saved ->> ''external_id'' from message(p_key => ''k3'')', $$values ('replay', 'SM21')$$, 'until a callback tells');
select id as first from message(p_key => 'k4') \gset
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select later();
select claim() as second \gset
select is((select outcome from message(p_key => 'k4')), 'unknown', 'a request that died before its SMS: another sends it');
select messaging.settle_message(:'second', 'SM22', 'queued', null, null, '{}', false, null);
select results_eq('select outcome, saved ->> ''id'' from message(p_key => ''k4'')', format('values (''replay'', %L)', :'second'), 'and its key stands for that');
select is(messaging.reserve_fallback(:'first', gen_random_uuid()), null, 'who comes late himself does nothing');
select id as first from message(p_key => 'k5') \gset
select messaging.settle_message(:'first', 'SM23', 'queued', null, null, '{}', false, null) as saved \gset
select told('SM23', 'failed', '63016');
select claim() as second \gset
select messaging.settle_message(:'second', 'SM24', 'queued', null, null, '{}', false, null);
select is((select saved from message(p_key => 'k5')), :'saved'::jsonb, 'a key that had its answer keeps it');
delete from notifications;

-- certainly not sent
select sent('SM30') as first \gset
select told('SM30', 'failed', '63016');
select claim() as second \gset
select messaging.settle_message(:'second', null, 'failed', null, 'Twilio could not be reached', null, true, null);
select is_empty('select from notifications', 'nobody is told');
select is(claim(), null, 'not at once');
select later();
select is(claim(), :'second'::uuid, 'a later run sends the same row');
select is((row_of(:'second')).status, 'pending', 'which begins anew');
select is(claim(), null, 'once');
select later();
select is(claim(), null, 'and stays in doubt when that run dies');
select messaging.settle_message(:'second', null, 'failed', null, 'never received', null, true, null);
select later('56 minutes');
select is(claim(), null, 'nor later than an hour');
select results_eq('select message_log_id from notifications', format('values (%L::uuid)', :'second'), 'which is told');
delete from notifications;

-- another try
select sent('SM40') as first \gset
update message_logs set metadata = metadata || '{"attempts": null}' where id = :'first';
select told('SM40', 'failed', '63018');
select is(claim(), null, 'not at once');
select later('40 seconds');
select is(claim(), :'first'::uuid, 'the same row');
select row_eq(format('select status, external_id, error_code, failed_at, (metadata #> ''{attempts,0}'') - ''{sent_at,failed_at}''::text[] from message_logs where id = %L', :'first'),
    row('pending'::text, null::text, null::text, null::timestamptz, '{"sid": "SM40", "status": "failed", "error_code": "63018"}'::jsonb), 'begins anew, and keeps its chain');
select is(told('SM40', 'failed', '63018', :'first'), 'pending', 'a callback of the first try comes again');
select is(told('SM40', 'sent', null, :'first'), 'pending', 'or late');
select is((row_of(:'first')).external_id, null, 'and is not taken for the new one''s');
select messaging.settle_message(:'first', 'SM41', 'queued', null, null, '{}', false, null);
select is(told('SM40', 'undelivered', '63018'), 'queued', 'nor does it move that');
select is_empty('select from notifications', 'nobody is told');
select told('SM41', 'failed', '63018');
select later('40 seconds');
select is(claim(), null, 'the distance grows');
select later('90 seconds');
select is(claim(), :'first'::uuid, 'a second further try');
select messaging.settle_message(:'first', 'SM42', 'queued', null, null, '{}', false, null);
select told('SM42', 'failed', '63018');
select is_empty('select from notifications', 'nobody is told yet');
select claim() as second \gset
select is((row_of(:'second')).metadata ->> 'fallback_of', :'first', 'no third, but the SMS');
select is(jsonb_path_query_array((row_of(:'first')).metadata, '$.attempts[*].sid'), '["SM40", "SM41"]', 'the chain');
select set_eq(format('select external_id from messaging.message_status_events where message_log_id = %L', :'first'), '{SM40,SM41,SM42}'::text[], 'and its events');
select set_eq($$select messaging.known_sids('{SM40,SM41,SM42,SM4x}')$$, '{SM40,SM41,SM42}'::text[], 'all of which are known');
select results_eq($$select sid, id::text, was = is_now from messaging.reconcile_listed('[{"sid": "SM40", "status": "failed", "code": "63018"}, {"sid": "SM4x", "status": "sent"}]', true)$$,
    format('values (''SM40'', %L, true)', :'first'), 'to the reconcile run too, which takes none of them for another row''s');
select sent('SM50', '{}', 'sms') as first \gset
select told('SM50', 'undelivered', '30001');
select later('40 seconds');
select is(claim(), :'first'::uuid, 'an SMS too');
select is(told('SM50', 'delivered', null, :'first'), 'delivered', 'the first try has arrived after all');
select messaging.settle_message(:'first', 'SM51', 'queued', null, null, '{}', false, null);
select is((row_of(:'first')).status, 'delivered', 'and that is kept');
select is_empty('select from notifications', 'nobody is told');
select sent('SM52', '{}', 'sms') as first \gset
select told('SM52', 'undelivered', '30001'), told('SM52', 'delivered');
select later();
select is(claim(), null, 'no try after a sign of delivery');
select sent('SM53', '{}', 'sms') as first \gset
select told('SM53', 'failed', '30001');
select later('40 seconds');
select claim();
select messaging.settle_message(:'first', null, 'failed', '21610', 'stopped', null, false, null);
select results_eq('select message_log_id, message ~ ''المستلم طلب'' from notifications', format('values (%L::uuid, true)', :'first'), 'a try that is refused is told');
delete from notifications;
select id as first from message('{}', 'sms', p_key => 'k6') \gset
select messaging.settle_message(:'first', 'SM54', 'queued', null, null, '{}', false, null) as saved \gset
select told('SM54', 'failed', '30001');
select later('40 seconds');
select claim();
select messaging.settle_message(:'first', null, 'failed', null, 'Twilio is busy', null, true, null);
select is((select saved from message('{}', 'sms', p_key => 'k6')), :'saved'::jsonb, 'a try that did not go out leaves the key its answer');
select later();
select is(claim(), :'first'::uuid, 'and goes out later');
select is(messaging.settle_message(:'first', 'SM54', 'queued', null, null, '{}', false, null) ->> 'external_id', null, 'the spool says late by which SID the first try went: it is not the new one''s');
select messaging.settle_message(:'first', 'SM55', 'queued', null, null, '{}', false, null);
select is((row_of(:'first')).external_id, 'SM55', 'which is known');
delete from notifications;
select id as first from message(p_recipient => '+201512345678', p_key => 'k7') \gset
select messaging.settle_message(:'first', null, 'failed', '63003', 'no such', null, false, null);
select messaging.reserve_fallback(:'first', gen_random_uuid()) ->> 'id' as second \gset
select messaging.settle_message(:'second', 'SM56', 'queued', null, null, '{}', false, null);
select told('SM56', 'failed', '30001');
select later('40 seconds');
select is(claim(), :'second'::uuid, 'also an SMS that went out in the request');
select messaging.settle_message(:'second', null, 'failed', null, 'Twilio is busy', null, true, null);
select is((select outcome from message(p_recipient => '+201512345678', p_key => 'k7')), 'replay', 'whose key stays taken');
select later();
select is(claim(), :'second'::uuid, 'and which goes out later');
select messaging.settle_message(:'second', null, 'failed', '21610', 'stopped', null, false, null);
select results_eq('select message_log_id from notifications', format('values (%L::uuid)', :'second'), 'or is told');

-- the limit
delete from message_logs;
select message(p_limit => 5);
select messaging.settle_message(id, null, 'failed', '63003', 'no', null, false, null), messaging.reserve_fallback(id, gen_random_uuid()) from message_logs;
select results_eq('select count(*) from message_logs', 'values (2::bigint)', 'of a pair');
select is((select remaining from message(p_limit => 5)), 3, 'one counts');
delete from message_logs;
select is_empty('select from messaging.follow_ups', 'what is due goes with its row');

-- by template
create function by_template(p_recipient text) returns text language sql as $$
    select sent_as || coalesce(saved #>> '{metadata,template_id}', '') || (saved #>> '{metadata,sent_as}') from messaging.reserve_message('t', null, null, null, 'whatsapp', p_recipient, 'نص', null, null, '{}', p_template => 'HX1')
$$;
insert into message_logs (recipient, message_type, message_content, status, metadata, created_at, sent_at) values
    ('+201000000001', 'whatsapp', 'x', 'received', '{}', now() - interval '23 hours', now() - interval '23 hours'),
    ('+14155238886', 'whatsapp', 'x', 'received', '{"direction": "incoming", "from": "whatsapp:+201000000002"}', now(), now()),
    ('+14155238886', 'whatsapp', 'x', 'delivered', '{"direction": "incoming", "from": "+201000000003"}', now(), now()),
    ('+201000000004', 'whatsapp', 'x', 'received', '{}', now() - interval '25 hours', now() - interval '25 hours'),
    ('+201000000005', 'sms', 'x', 'received', '{"direction": "incoming"}', now(), now()),
    ('+201000000006', 'whatsapp', 'x', 'delivered', '{}', now(), now());
select is(array(select by_template('+20100000000' || n) from generate_series(1, 7) as n), '{texttext,texttext,texttext,templateHX1template,templateHX1template,templateHX1template,templateHX1template}',
    'within 24 hours of the person''s own message as text, else by template');
create function tried(p_details jsonb, p_sid text) returns jsonb language sql as $$
    select messaging.settle_message(r.id, p_sid, 'queued', null, null, p_details, false, null) -> 'metadata'
    from messaging.reserve_message('t', null, null, null, 'whatsapp', '+201000000007', 'نص', null, null, '{"tag": "a"}', p_template => 'HX1') as r
$$;
select is(tried('{"sent_as": "text"}', 'SM-way-1'), '{"tag": "a", "sent_as": "text"}', 'a further try as text leaves nothing of the template');
select is(tried('{"sent_as": "template", "template_id": "HX2"}', 'SM-way-2'), '{"tag": "a", "sent_as": "template", "template_id": "HX2"}', 'as another template: that one');
select is(tried('{}', 'SM-way-3'), '{"tag": "a", "sent_as": "template", "template_id": "HX1"}', 'the first try is as it was reserved');
select is(messaging.window_is_open('+201000000001'), true, 'open');
update message_logs set created_at = now() - interval '25 hours' where recipient = '+201000000001';
select is(messaging.window_is_open('+201000000001'), false, 'closed');

insert into message_logs (recipient, message_type, message_content, status, metadata)
select '+14155238886', 'whatsapp', 'x', 'received', jsonb_build_object('direction', 'incoming', 'from', n)
from unnest('{201100000001,whatsapp:201100000002,+20 110 000 0003,00201100000004,01100000005,whatsapp: +201100000006}'::text[]) as n;
select is(array(select messaging.window_is_open('+20110000000' || n) from generate_series(1, 7) as n), '{t,t,t,t,t,t,f}', 'however the number is written');
insert into message_logs (recipient, message_type, message_content, status, metadata)
values ('+14155238886', 'whatsapp', 'x', 'received', '{"from": "15005550009"}');
select is(messaging.window_is_open('+15005550009'), true, 'a foreign one too');

select * from finish();
rollback;
