-- reserve_message: the row, the limit, idempotency keys.
begin;
select no_plan();
create function reserve(p_key text default null, p_content text default 'نص', p_limit int default 5,
    p_sender uuid default '00000000-0000-4000-8000-00000000000a', p_caller text default 'test', p_metadata jsonb default '{}')
returns table (outcome text, id uuid, saved jsonb, twilio_status text, remaining int, reset_seconds int)
language sql
as $$
    select outcome, id, saved, twilio_status, remaining, reset_seconds from messaging.reserve_message(p_caller, p_key, p_sender, p_limit, 'whatsapp', '+201012345678', p_content, null,
        'https://example.org/a.jpg', p_metadata)
$$;
select become('twilio_cgi');

-- the row
create temporary table first as select * from messaging.reserve_message('c', null, '00000000-0000-4000-8000-00000000000a', null,
    'sms', '+201112345678', null, '00000000-0000-4000-8000-0000000000a1', null, '{"template": "HX1"}');
select set_config('role', 'none', true);
select results_eq('select outcome, twilio_status, remaining, reset_seconds from first', $$values ('reserved', null::text, null::int, null::int)$$,
    'reserved; no limit, no figures');
select row_eq('select recipient, message_type, message_content, provider, status, external_id, metadata, sender_id, request_id,
    sent_at = created_at, updated_at = created_at, sent_at > now() from message_logs',
    row('+201112345678'::text, 'sms'::text, ''::text, 'twilio'::text, 'pending'::text, null::text, '{"template": "HX1"}'::jsonb,
        '00000000-0000-4000-8000-00000000000a'::uuid, '00000000-0000-4000-8000-0000000000a1'::uuid, true, true, true), 'the row');
select is((select saved from first), (select to_jsonb(m) from message_logs m), 'and saved is it, all columns');
select is((select f.id from first f), (select m.id from message_logs m), 'and id');
select results_eq($$select outcome, id, remaining from messaging.reserve_message('c', 'k', null, null, 'sms', '+2', 'x', gen_random_uuid(), null, null)$$,
    $$values ('unknown_request', null::uuid, null::int)$$, 'a request that is not there');
select results_eq($$select outcome, id, remaining, reset_seconds from reserve('k', p_sender => gen_random_uuid())$$,
    $$values ('no_profile', null::uuid, 5, 0)$$, 'a sender without a profile');
select is((select count(*) from messaging.idempotency_keys where key in (messaging.key_name('c', 'k'), messaging.key_name('test', 'k'))), 0::bigint, 'neither leaves its key');
select results_eq($$select outcome, remaining from messaging.reserve_message('c', 'k', '00000000-0000-4000-8000-00000000000b', 5, 'sms', '+2', 'x', gen_random_uuid(), null, null)$$,
    $$values ('unknown_request', 5)$$, 'and no place of the limit is taken');
select is_empty('select from messaging.idempotency_keys', 'and the key is not claimed');

-- the limit
delete from message_logs;
select results_eq('select r.outcome, r.remaining, r.reset_seconds from generate_series(1, 5), lateral (select * from reserve(p_content => generate_series::text)) as r',
    $$values ('reserved', 4, 0), ('reserved', 3, 0), ('reserved', 2, 0), ('reserved', 1, 0), ('reserved', 0, 60)$$, 'five places');
select results_eq('select outcome, id, saved, remaining, reset_seconds from reserve(''k'')', $$values ('limited', null::uuid, null::jsonb, 0, 60)$$, 'no sixth');
select is((select count(*) from message_logs), 5::bigint, 'which leaves no row');
select is_empty('select from messaging.idempotency_keys', 'and no key');
select is((select outcome from reserve(p_sender => '00000000-0000-4000-8000-00000000000b')), 'reserved', 'somebody else''s are his own');
select is((select outcome from reserve(p_limit => null)), 'reserved', 'no limit, no limit');
select is((select outcome from reserve(p_sender => null)), 'reserved', 'no sender, none either');
delete from message_logs where sender_id is null or sender_id = '00000000-0000-4000-8000-00000000000b';
delete from message_logs m where m.id = (select id from message_logs order by created_at desc limit 1);
update message_logs m set created_at = clock_timestamp() - n * interval '10 seconds' - interval '1 ms'
from (select id, row_number() over (order by created_at desc) as n from message_logs) as o where o.id = m.id;
select results_eq('select outcome, remaining, reset_seconds from reserve(''k'')', $$values ('limited', 0, 10)$$, 'the oldest of five is 50 s old: 10 more');
update message_logs set created_at = clock_timestamp() - interval '60.001 seconds' where created_at < clock_timestamp() - interval '45 seconds';
select results_eq('select outcome, remaining, reset_seconds from reserve()', $$values ('reserved', 0, 20)$$, 'after 60 s its place is free, once');
select results_eq('select outcome, remaining, reset_seconds from reserve()', $$values ('limited', 0, 20)$$, 'not twice');
select results_eq('select outcome, remaining, reset_seconds from reserve(p_limit => 2)', $$values ('limited', 0, 50)$$, 'a lower limit counts the newest');
update message_logs set status = 'failed', external_id = null;
select is((select outcome from reserve()), 'limited', 'what Twilio refused counts');
update message_logs set message_type = 'email';
select is((select outcome from reserve()), 'reserved', 'e-mails of others do not');
select is((select outcome from reserve(p_limit => 1)), 'limited', 'one a minute');

-- idempotency keys
delete from message_logs;
create temporary table one as select * from reserve('k1');
select is((select outcome from one), 'reserved', 'a new key');
select results_eq('select outcome, id, saved from reserve(''k1'')', 'select ''in_progress'', id, null::jsonb from one', 'again at once: in progress');
select results_eq('select outcome, remaining from reserve(''k1'')', $$values ('in_progress', 4)$$, 'which does not count');
select is((select outcome from reserve('k1', 'other')), 'mismatch', 'another text is a mismatch');
select is((select outcome from reserve('k1', p_metadata => '{"template": "HX1"}')), 'mismatch', 'another template too');
select is((select outcome from messaging.reserve_message('test', 'k1', '00000000-0000-4000-8000-00000000000a', 5, 'sms', '+201012345678', 'نص', null,
    'https://example.org/a.jpg', '{}')), 'mismatch', 'another type too');
select is((select outcome from messaging.reserve_message('test', 'k1', '00000000-0000-4000-8000-00000000000a', 5, 'whatsapp', '+201012345678', 'نص', null,
    null, '{}')), 'mismatch', 'no media too');
select is((select outcome from reserve('k1', p_caller => 'else')), 'reserved', 'another caller''s key is another key');
select is((select outcome from reserve('K1')), 'reserved', 'capitals make another key');
update messaging.idempotency_keys set begun_at = clock_timestamp() - interval '61 seconds' where key = messaging.key_name('test', 'k1');
select results_eq('select outcome, id from reserve(''k1'')', 'select ''unknown'', id from one', 'begun 61 s ago and never ended: unknown');

create temporary table answer as
select messaging.settle_message(id, 'SM1', 'queued', null, null, '{"segments": "1"}', false, null) as row from one;
select results_eq('select outcome, id, saved, twilio_status from reserve(''k1'')', 'select ''replay'', id, row, ''queued'' from one, answer', 'ended: the answer again');
select messaging.record_status(null, 'SM1', 'delivered', null, null, '{}', null);
select results_eq('select outcome, saved, twilio_status from reserve(''k1'')', 'select ''replay'', row, ''queued'' from answer', 'the same one, whatever came since');
select is((select outcome from reserve('k1', 'other')), 'mismatch', 'another text is still a mismatch');
select results_eq('select r.outcome from generate_series(1, 4), lateral (select * from reserve(p_content => generate_series::text)) as r',
    $$values ('reserved'), ('reserved'), ('limited'), ('limited')$$, 'the places fill');
select results_eq('select outcome, remaining from reserve(''k1'')', $$values ('replay', 0)$$, 'a known key is answered before the limit');
delete from message_logs m where m.id <> (select id from one);

-- rows from the future count as of now
update message_logs m set created_at = clock_timestamp() + interval '1 hour' where m.id = (select id from one);
select results_eq($$select outcome, remaining, reset_seconds from reserve(p_limit => 1)$$, $$values ('limited', 0, 60)$$,
    'a row of an hour from now');
update message_logs m set created_at = clock_timestamp() + interval '2 seconds' where m.id = (select id from one);
select results_eq($$select outcome, reset_seconds from reserve(p_limit => 1)$$, $$values ('limited', 60)$$, 'and of two seconds from now');
update message_logs m set created_at = clock_timestamp() where m.id = (select id from one);
create temporary table ahead as select id from reserve('ahead');
update messaging.idempotency_keys set begun_at = clock_timestamp() + interval '1 hour' where key = messaging.key_name('test', 'ahead');
select is((select outcome from reserve('ahead')), 'unknown', 'a key that was begun in an hour is not running');
delete from message_logs m where m.id = (select id from ahead);

-- what a refusal, an unknown outcome and a release leave
select messaging.settle_message((select id from reserve('rejected')), null, 'failed', '21610', 'no', null, false, null);
select results_eq($$select outcome, saved ->> 'status', saved ->> 'error_code', twilio_status from reserve('rejected')$$,
    $$values ('replay', 'failed', '21610', 'failed')$$, 'rejected by Twilio: the same answer');
create temporary table lost as select id from reserve('lost');
select messaging.settle_message(id, null, 'unknown', null, 'time-out', null, false, null) from lost;
select is((select outcome from reserve('lost')), 'unknown', 'outcome unknown');
select is((select ended from messaging.idempotency_keys where key = messaging.key_name('test', 'lost')), true, 'its request has ended');
select messaging.record_status(id, 'SM2', 'sent', null, null, '{}', null) from lost;
select results_eq($$select outcome, saved ->> 'external_id', twilio_status from reserve('lost')$$, $$values ('replay', 'SM2', 'sent')$$,
    'until a callback proves that it was sent');
select messaging.settle_message(id, 'SM2', 'sent', null, null, null, false, null) from lost;
select results_eq($$select outcome, saved ->> 'external_id', twilio_status from reserve('lost')$$, $$values ('replay', 'SM2', 'sent')$$,
    'or the reconcile run');
create temporary table early as select id from reserve('early', p_sender => null);
select messaging.record_status(id, 'SM3', 'delivered', null, null, '{}', null) from early;
select is((select outcome from reserve('early', p_sender => null)), 'in_progress', 'a callback does not end the request that is running');
select messaging.settle_message(id, null, 'failed', null, 'no connection', null, true, null) from early;
select results_eq('select status, external_id, error_message from message_logs where id = (select id from early)',
    $$values ('delivered', 'SM3', null::text)$$, 'nor does anybody say then that nothing was sent');
update messaging.idempotency_keys set begun_at = begun_at - interval '61 seconds' where key = messaging.key_name('test', 'early');
select results_eq($$select outcome, twilio_status from reserve('early', p_sender => null)$$, $$values ('replay', 'delivered')$$,
    'after its 60 s the callback''s word is all there is');
select is((select id from messaging.reserve_message('test', null, null, null, 'sms', '+201012345678', 'x', null, null, '{}',
    '00000000-0000-4000-8000-00000000abcd')), '00000000-0000-4000-8000-00000000abcd', 'a row has the id asked for');
select messaging.settle_message((select id from reserve('unsent')), null, 'failed', null, 'no connection', null, true, null);
select is((select outcome from reserve('unsent')), 'reserved', 'what certainly was not sent frees its key');
delete from message_logs m where m.id = (select message_log_id from messaging.idempotency_keys where key = messaging.key_name('test', 'rejected'));
select is((select outcome from reserve('rejected')), 'reserved', 'so does a row that is gone');
set session_replication_role = replica;
delete from message_logs m where m.id = (select message_log_id from messaging.idempotency_keys where key = messaging.key_name('test', 'rejected'));
set session_replication_role = origin;
select is((select outcome from reserve('rejected')), 'reserved', 'even one that left its key behind');
set constraints all immediate;
select pass('and every key has its row');
select * from finish();
rollback;
