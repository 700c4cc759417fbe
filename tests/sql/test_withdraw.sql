-- withdraw_reservation and restore_reservation: a lost answer, a lost row.
begin;
select no_plan();
create function reserve(p_key text, p_id uuid, p_content text default 'نص', p_limit int default 5)
returns table (outcome text, id uuid, saved jsonb, twilio_status text, remaining int, reset_seconds int)
language sql
as $$
    select outcome, id, saved, twilio_status, remaining, reset_seconds from messaging.reserve_message('c', p_key, '00000000-0000-4000-8000-00000000000a', p_limit, 'whatsapp',
        '+201012345678', p_content, '00000000-0000-4000-8000-0000000000a1', 'https://example.org/a.jpg', '{"n": 1.50}', p_id)
$$;
create function order_of(p_key text) returns jsonb language sql
as $$
    select jsonb_build_object('caller', 'c', 'key', p_key, 'sender', '00000000-0000-4000-8000-00000000000a',
        'type', 'whatsapp', 'recipient', '+201012345678', 'content', 'نص', 'request', '00000000-0000-4000-8000-0000000000a1',
        'media_url', 'https://example.org/a.jpg', 'metadata', '{"n": 1.50}'::jsonb, 'at', date_trunc('day', now()) - interval '11:59:59.5')
$$;

-- withdraw
select reserve('k', '00000000-0000-4000-8000-0000000000d1', p_limit => 1);
select is((select outcome from reserve('l', '00000000-0000-4000-8000-0000000000d2', p_limit => 1)), 'limited', 'a place is taken');
select is(messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000d1'), true, 'a reservation is taken back');
select is_empty('select from message_logs', 'its row is gone');
select is_empty('select from messaging.idempotency_keys', 'its key is free');
select results_eq($$select outcome, remaining from reserve('k', '00000000-0000-4000-8000-0000000000d3', p_limit => 1)$$,
    $$values ('reserved', 0)$$, 'and its place');
select is(messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000d1'), false, 'once more changes nothing');
select is(messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000d4'), false, 'one that was never made');
select throws_ok($$select reserve('late', '00000000-0000-4000-8000-0000000000d4')$$, '55000', 'was withdrawn',
    'is not made any more');
select is_empty($$select from messaging.idempotency_keys where key = messaging.key_name('c', 'late')$$, 'nor has it a key');
select messaging.settle_message('00000000-0000-4000-8000-0000000000d3', 'SM1', 'queued', null, null, null, false, null);
select is(messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000d3'), false, 'what Twilio has is not taken back');
select is((select status from message_logs where external_id = 'SM1'), 'queued', 'its row stays');
update messaging.withdrawn_reservations set withdrawn_at = withdrawn_at - interval '25 hours';
select messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000d5');
select results_eq('select id from messaging.withdrawn_reservations', $$values ('00000000-0000-4000-8000-0000000000d5'::uuid)$$,
    'a mark is kept for a day');

-- restore
select reserve('lost', '00000000-0000-4000-8000-0000000000e1');
create temporary table was as select * from message_logs where id = '00000000-0000-4000-8000-0000000000e1';
create temporary table key_was as select * from messaging.idempotency_keys where key = messaging.key_name('c', 'lost');
delete from message_logs where id = '00000000-0000-4000-8000-0000000000e1';
select is(messaging.settle_message('00000000-0000-4000-8000-0000000000e1', 'SM2', 'queued', null, null, null, false, null), null,
    'a row that was lost cannot be settled');
select is(messaging.restore_reservation('00000000-0000-4000-8000-0000000000e1', order_of('lost')), true, 'it is written again');
select is((select to_jsonb(m) - array['sent_at', 'created_at', 'updated_at'] from message_logs m where id = '00000000-0000-4000-8000-0000000000e1'),
    (select to_jsonb(w) - array['sent_at', 'created_at', 'updated_at'] from was w), 'as it was');
select results_eq($$select sent_at, created_at from message_logs where id = '00000000-0000-4000-8000-0000000000e1'$$,
    $$select t, t from (values (date_trunc('day', now()) - interval '11:59:59.5')) as v (t)$$, 'with its time');
select results_eq($$select key, fingerprint, message_log_id, ended from messaging.idempotency_keys where key = messaging.key_name('c', 'lost')$$,
    'select key, fingerprint, message_log_id, ended from key_was', 'and its key');
select messaging.settle_message('00000000-0000-4000-8000-0000000000e1', 'SM2', 'queued', null, null, null, false, null);
select results_eq($$select outcome, saved ->> 'external_id' from reserve('lost', '00000000-0000-4000-8000-0000000000e9')$$,
    $$values ('replay', 'SM2')$$, 'a repetition sends nothing');
select is((select outcome from reserve('lost', '00000000-0000-4000-8000-0000000000e9', 'other')), 'mismatch', 'another message is told apart');
select is(messaging.restore_reservation('00000000-0000-4000-8000-0000000000e1', order_of('lost')), true, 'once more');
select is((select status || external_id from message_logs where id = '00000000-0000-4000-8000-0000000000e1'), 'queuedSM2', 'changes nothing');
select is(messaging.restore_reservation('00000000-0000-4000-8000-0000000000e2', order_of('lost')), true, 'a key that is another''s by now');
select is((select message_log_id from messaging.idempotency_keys where key = messaging.key_name('c', 'lost')), '00000000-0000-4000-8000-0000000000e1', 'stays his');
select messaging.restore_reservation('00000000-0000-4000-8000-0000000000e3', order_of(null) || jsonb_build_object(
    'sender', '00000000-0000-4000-8000-0000000000ff', 'at', clock_timestamp() + interval '1 hour'));
select row_eq($$select sender_id, request_id, metadata, created_at <= clock_timestamp() from message_logs where id = '00000000-0000-4000-8000-0000000000e3'$$,
    row(null::uuid, null::uuid, '{"n": 1.50, "sender_id": "00000000-0000-4000-8000-0000000000ff", "request_id": "00000000-0000-4000-8000-0000000000a1"}'::jsonb, true),
    'a sender who was lost as well stands in metadata, and no row is from the future');
select messaging.record_status('00000000-0000-4000-8000-0000000000e4', 'SM4', 'delivered', null, null, '{}', null);
select messaging.restore_reservation('00000000-0000-4000-8000-0000000000e4', order_of(null));
select is(messaging.settle_message('00000000-0000-4000-8000-0000000000e4', 'SM4', 'queued', null, null, null, false, null) ->> 'status',
    'delivered', 'callbacks that came before it are joined in');
select messaging.withdraw_reservation('00000000-0000-4000-8000-0000000000e5');
select is(messaging.restore_reservation('00000000-0000-4000-8000-0000000000e5', order_of('taken back')), false, 'what was withdrawn is not restored');
select is_empty($$select from message_logs where id = '00000000-0000-4000-8000-0000000000e5'$$, 'no row');
set constraints all immediate;
select pass('and every key has its row');
select * from finish();
rollback;
