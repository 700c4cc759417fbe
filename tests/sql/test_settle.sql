-- settle_message
begin;
select no_plan();
create function new_message() returns uuid language sql as $$
    select id from messaging.reserve_message('t', 'k' || gen_random_uuid(), '00000000-0000-4000-8000-00000000000a', null, 'whatsapp', '+201012345678', 'x', null, null, '{"variables": {"1": null}}')
$$;
create function row_of(p_id uuid) returns message_logs language sql as $$ select m from message_logs m where m.id = p_id $$;

select new_message() as id \gset
select messaging.settle_message(:'id', 'SM1', 'accepted', null, null, '{"segments": "2", "price": null}', false, null) as saved \gset
select is(:'saved'::jsonb, to_jsonb(row_of(:'id')), 'the row after it is what it returns');
select row_eq(format('select status, external_id, metadata, error_code, failed_at from message_logs where id = %L', :'id'),
    row('accepted'::text, 'SM1'::text, '{"variables": {"1": null}, "segments": "2", "price": null}'::jsonb, null::text, null::timestamptz), 'SID, status, details');
select is(messaging.settle_message(:'id', 'SM1', 'accepted', null, null, '{"segments": "2", "price": null}', false, null), :'saved'::jsonb, 'a second time changes nothing');
select is(messaging.settle_message(gen_random_uuid(), 'SM9', 'queued', null, null, null, false, null), null, 'no row, null');
select is(messaging.settle_message(:'id', null, 'unknown', null, null, null, false, null) ->> 'status', 'accepted', 'unknown is less than accepted');
select is(messaging.settle_message(:'id', 'SM1', 'sent', null, null, null, false, null) ->> 'status', 'sent', 'a later word moves it up');
select is(messaging.settle_message(:'id', 'SM1', 'queued', null, null, null, false, null) ->> 'status', 'sent', 'an earlier one does not move it down');
select is(messaging.settle_message(:'id', 'SM1', 'odd', null, null, null, false, null) ->> 'status', 'sent', 'nor a word nobody knows');

-- failure
select new_message() as id \gset
select messaging.settle_message(:'id', null, 'failed', '21610', 'Attempt to send to unsubscribed recipient', null, false, '2026-11-01 10:00+00');
select row_eq(format('select status, error_code, error_message, failed_at, external_id from message_logs where id = %L', :'id'),
    row('failed'::text, '21610'::text, 'Attempt to send to unsubscribed recipient'::text, '2026-11-01 10:00+00'::timestamptz, null::text), 'rejected');
select messaging.settle_message(:'id', null, 'failed', '21610', null, null, false, '2026-11-01 10:00+00');
select is((row_of(:'id')).error_message, 'Attempt to send to unsubscribed recipient', 'a text is not taken away');
select is_empty('select from notifications', 'and nobody is told what the answer told him');
select messaging.settle_message(:'id', '', 'failed', '21610', null, null, false, null);
select is_empty('select from notifications', 'an empty SID is none');
select new_message() as id \gset
select messaging.settle_message(:'id', 'SM0', 'failed', '30008', 'Queue overflow at once', null, false, null) as saved \gset
select row_eq(format('select status, error_code, error_message, failed_at is not null from message_logs where id = %L', :'id'),
    row('failed'::text, '30008'::text, 'Queue overflow at once'::text, true), 'created, and failed at once');
select is(:'saved'::jsonb, to_jsonb(row_of(:'id')), 'as the caller is told');
select messaging.settle_message(:'id', 'SM0', 'failed', '30008', 'Queue overflow at once', null, false, null),
    messaging.record_status(null, 'SM0', 'failed', '30008', null, '{}', null), messaging.record_status(null, 'SM0', 'undelivered', '30008', null, '{}', null);
select results_eq('select recipient_id, message_log_id from notifications', format('values (''00000000-0000-4000-8000-00000000000a''::uuid, %L::uuid)', :'id'),
    'is announced as by a callback, once');
delete from notifications;
select new_message() as id \gset
select messaging.settle_message(:'id', 'SM0a', 'queued', '0', '', null, false, null);
select row_eq(format('select status, error_code, error_message, metadata from message_logs where id = %L', :'id'),
    row('queued'::text, null::text, null::text, '{"variables": {"1": null}}'::jsonb), 'error code 0 is none');
select new_message() as id \gset
select messaging.settle_message(:'id', null, 'failed', '21612', null, null, false, null);
select is((row_of(:'id')).error_message, (select meaning from messaging.twilio_errors where code = '21612'), 'the meaning where Twilio sent no text');
select new_message() as id \gset
select messaging.settle_message(:'id', null, 'unknown', null, 'time-out', '{}', false, null);
select row_eq(format('select status, error_message from message_logs where id = %L', :'id'), row('unknown'::text, 'time-out'::text), 'outcome unknown');
select messaging.settle_message(:'id', 'SM2', 'delivered', null, null, null, false, '2026-11-01 10:00+00');
select row_eq(format('select status, external_id, delivered_at, read_at from message_logs where id = %L', :'id'),
    row('delivered'::text, 'SM2'::text, '2026-11-01 10:00+00'::timestamptz, null::timestamptz), 'until it is known');
select isnt((select answer from messaging.idempotency_keys where message_log_id = :'id'), null, 'and then its key has an answer');

-- events that came before
select messaging.record_status(null, 'SM3', 'undelivered', '63016', null, '{"a": "1"}', '2026-11-01 10:00:05+00');
select messaging.record_status(null, 'SM3', 'sent', null, null, '{}', '2026-11-01 10:00:01+00');
select is_empty('select from notifications', 'no message, no notification');
select new_message() as id \gset
select messaging.settle_message(:'id', 'SM3', 'failed', '63016', 'Twilio says so', null, false, null);
select row_eq(format('select status, error_code, error_message, failed_at from message_logs where id = %L', :'id'),
    row('undelivered'::text, '63016'::text, (select meaning from messaging.twilio_errors where code = '63016'), '2026-11-01 10:00:05+00'::timestamptz), 'are joined in; the text of a lesser status does not count');
select messaging.settle_message(:'id', 'SM3', 'undelivered', '63016', 'Twilio says so', null, false, null);
select is((row_of(:'id')).error_message, 'Twilio says so', 'with the same status and code Twilio''s own text counts, not the meaning');
select is((select count(*) from messaging.message_status_events where message_log_id = :'id'), 2::bigint, 'and belong to it');
select is((select count(*) from notifications where message_log_id = :'id'), 1::bigint, 'with the notification of the failure');
select messaging.settle_message(:'id', 'SM3', 'failed', '63016', 'Twilio says so', null, false, null);
select is((select count(*) from notifications), 1::bigint, 'which is made once');

-- a SID that another row has; a release after a callback
select new_message() as id \gset
select is(messaging.settle_message(:'id', 'SM3', 'queued', null, null, '{}', false, null) -> 'metadata' ->> 'duplicate_external_id', 'SM3', 'a SID of another row goes to metadata');
select is((row_of(:'id')).external_id, null, 'and only there');
select is((select count(*) from messaging.message_status_events where message_log_id = :'id'), 0::bigint, 'its events stay where they are');
select new_message() as id \gset
select messaging.record_status(:'id', 'SM4', 'sent', null, null, '{}', null);
select messaging.settle_message(:'id', null, 'failed', null, 'no connection', null, true, null);
select isnt_empty(format('select from messaging.idempotency_keys where message_log_id = %L', :'id'), 'a callback proved that it was sent: the key is not freed');
select new_message() as id \gset
select messaging.settle_message(:'id', null, 'failed', null, 'no connection', null, true, null);
select is_empty(format('select from messaging.idempotency_keys where message_log_id = %L', :'id'), 'nothing was sent: it is');
select is((row_of(:'id')).status, 'failed', 'and the row says so');

-- What nearly all settlements come to is one update, and calls nothing that finds nothing.
select id from messaging.reserve_message('t', null, null, null, 'sms', '+201012345678', 'x', null, null, '{}') \gset
set local track_functions = 'all';
select messaging.settle_message(:'id', 'SM7', 'queued', null, null, '{"num_segments": "1"}', false, null);
set local track_functions = 'none';
select is((select string_agg(format('%s %s', funcname, calls), ', ' order by funcname) from pg_stat_xact_user_functions where schemaname = 'messaging'),
    'settle_message 1, sid_lock 1', 'a message that Twilio has taken is settled with the SID''s lock and nothing else');
select is((row_of(:'id')).status || ' ' || (row_of(:'id')).external_id || (row_of(:'id')).metadata, 'queued SM7{"num_segments": "1"}', 'and has all of it');
select id from messaging.reserve_message('t', null, null, null, 'sms', '+201012345678', 'x', null, null, '{}') \gset
select messaging.record_status(null, 'SM8', 'delivered', null, null, '{}', null);
select is(messaging.settle_message(:'id', 'SM8', 'queued', null, null, '{}', false, null) ->> 'status', 'delivered', 'what came before is joined in');

-- What an answer keeps of its row
select is(messaging.slim_answer(saved, id, status), wanted, wanted::text) from (values
    (null::jsonb, null::uuid, null::text, '{}'::jsonb),
    ('{}', null, null, '{}'),
    ('{"id": null, "status": null, "sent_at": null, "metadata": null, "updated_at": null, "external_id": null, "error_code": null}', null, null, '{}'),
    ('{"id": "00000000-0000-4000-8000-0000000000a1", "status": "sent", "sent_at": "a", "created_at": "a", "updated_at": "b", "recipient": "+2010", "stage": "x"}', null, null,
        '{"id": "00000000-0000-4000-8000-0000000000a1", "status": "sent", "updated_at": "b"}'),
    ('{"id": "00000000-0000-4000-8000-0000000000a1", "status": "sent", "sent_at": "b", "created_at": "a", "updated_at": "b"}', '00000000-0000-4000-8000-0000000000a1', 'sent', '{"sent_at": "b"}'),
    ('{"id": "00000000-0000-4000-8000-0000000000a1", "status": "sent", "sent_at": "b", "updated_at": "b"}', '00000000-0000-4000-8000-0000000000b1', 'queued',
        '{"id": "00000000-0000-4000-8000-0000000000a1", "status": "sent", "sent_at": "b"}'),
    ('{"external_id": "SM1", "error_code": "1", "error_message": "m", "delivered_at": "d", "read_at": "r", "failed_at": "f", "metadata": {"from": "+2", "price": null}}', null, null,
        '{"external_id": "SM1", "error_code": "1", "error_message": "m", "delivered_at": "d", "read_at": "r", "failed_at": "f", "metadata": {"price": null}}'),
    ('{"metadata": "x", "external_id": ""}', null, null, '{"metadata": "x", "external_id": ""}')
) as a (saved, id, status, wanted);
select * from finish();
rollback;
