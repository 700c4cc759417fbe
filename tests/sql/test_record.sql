-- record_status
begin;
select no_plan();
create function record(p_sid text, p_status text, p_code text default null, p_message text default null, p_at timestamptz default null, p_id uuid default null)
returns table (outcome text, id uuid, external_id text, status text) language sql as $$
    select * from messaging.record_status(p_id, p_sid, p_status, p_code, p_message, jsonb_build_object('MessageSid', p_sid, 'ErrorMessage', p_message), p_at)
$$;

-- found by SID
select sent_message('SM1') as id \gset
select results_eq('select * from record(''SM1'', ''sent'')', format('values (''recorded'', %L::uuid, ''SM1'', ''sent'')', :'id'), 'recorded');
select results_eq('select * from record(''SM1'', ''sent'')', format('values (''recorded'', %L::uuid, ''SM1'', ''sent'')', :'id'), 'a duplicate too');
select is((select count(*) from messaging.message_status_events where external_id = 'SM1'), 1::bigint, 'once');
select is((select r.status from record('SM1', 'queued') as r), 'sent', 'a late one does not move it');
select is((select r.status from record('SM1', 'partly_sent') as r), 'sent', 'nor a word nobody knows');
select is((select r.status from record('SM1', 'DELIVERED') as r), 'sent', 'which one in capitals is');
select is((select count(*) from messaging.message_status_events where external_id = 'SM1'), 4::bigint, 'but all are kept');
select results_eq('select * from record(''SM1'', ''read'', p_at => ''2026-11-01 10:00:09+00'')', format('values (''recorded'', %L::uuid, ''SM1'', ''read'')', :'id'), 'read');
select row_eq('select delivered_at, read_at, failed_at from message_logs',
    row('2026-11-01 10:00:09+00'::timestamptz, '2026-11-01 10:00:09+00'::timestamptz, null::timestamptz), 'read proves delivered');
select record('SM1', 'delivered', p_at => '2026-11-01 10:00:07+00');
select row_eq('select status, delivered_at, read_at from message_logs',
    row('read'::text, '2026-11-01 10:00:07+00'::timestamptz, '2026-11-01 10:00:09+00'::timestamptz), 'the earliest evidence counts, also late from the spool');
select record('SM1', 'delivered', p_at => '2026-11-01 10:00:06+00'), record('SM1', 'delivered', p_at => '2026-11-01 10:00:08+00');
select is((select delivered_at from message_logs), '2026-11-01 10:00:06+00'::timestamptz, 'of equal ones as well');
select is((select received_at from messaging.message_status_events e where e.status = 'delivered'), '2026-11-01 10:00:06+00'::timestamptz, 'in the event too');
select record('SM1', 'failed', '30008', p_at => '2026-11-01 11:00+00');
select row_eq('select status, error_code, failed_at from message_logs', row('read'::text, '30008'::text, '2026-11-01 11:00+00'::timestamptz), 'a failure after delivered: its error and time, not its status');
select is_empty('select from notifications', 'and no notification');
select is((select metadata from message_logs), '{"read_at": "2026-11-01T10:00:09.000000Z", "error_status": "failed"}'::jsonb, 'the status that brought the error is remembered; read_at is in step');
select is((select parameters from messaging.message_status_events where status = 'read'), '{"ErrorMessage": null}', 'with all parameters that its columns lack');

-- not found; found by id
select results_eq('select * from record(''SM2'', ''sent'')', $$values ('unknown_message', null::uuid, 'SM2', null::text)$$, 'no such message');
select results_eq('select * from record(''SM2'', ''delivered'', p_id => gen_random_uuid())', $$values ('unknown_message', null::uuid, 'SM2', null::text)$$, 'by no id either');
select results_eq(format('select * from record(''SM2'', ''queued'', p_id => %L)', :'id'), $$values ('unknown_message', null::uuid, 'SM2', null::text)$$, 'a row that has a SID is not found by its id');
select id from messaging.reserve_message('t', null, null, null, 'sms', '+201012345678', 'x', '00000000-0000-4000-8000-0000000000b1', null, null) \gset
select results_eq(format('select * from record(''SM2'', ''undelivered'', ''30005'', p_id => %L)', :'id'), format('values (''recorded'', %L::uuid, ''SM2'', ''delivered'')', :'id'),
    'one that has none is, and what came before is joined in');
select is((select external_id from message_logs m where m.id = :'id'), 'SM2', 'and has the SID now');
select is_empty('select from messaging.message_status_events where external_id = ''SM2'' and message_log_id is null', 'and the events');
select is_empty('select from notifications', 'delivered already: no notification');

-- notifications
select sent_message('SM3', p_type => 'whatsapp') as id \gset
select record('SM3', 'failed', '63016', p_message => 'x'), record('SM3', 'failed', '63016', p_message => 'x'), record('SM3', 'undelivered', '30003'), record('SM3', 'failed', '30003');
select results_eq('select title, message, type, recipient_id, sender_id, entity_type, entity_id, message_log_id, read_at from notifications',
    format($$values ('فشل إرسال رسالة واتساب', 'فشل إرسال الرسالة إلى +201012345678. %s', 'error', '00000000-0000-4000-8000-00000000000a'::uuid, null::uuid,
        'message_log', %L::uuid, %L::uuid, null::timestamptz)$$, (select meaning_ar from messaging.twilio_errors where code = '63016'), :'id', :'id'), 'one notification, for the sender');
delete from notifications;
select sent_message('SM4', null, 'sms', '00000000-0000-4000-8000-0000000000b1');
select record('SM4', 'undelivered', '99999');
select results_eq('select title, message, recipient_id from notifications', $$values ('فشل إرسال رسالة SMS', 'فشل إرسال الرسالة إلى +201012345678. خطأ غير معروف (99999)', '00000000-0000-4000-8000-00000000000b'::uuid)$$,
    'without a sender for whoever made the request; an unknown code is named');
select is((select error_message from message_logs where external_id = 'SM4'), 'Twilio error 99999', 'in English too');
delete from notifications;
select sent_message('SM5');
select record('SM5', 'failed');
select is((select message from notifications), 'فشل إرسال الرسالة إلى +201012345678. خطأ غير معروف', 'no code, no reason');
delete from notifications;
select sent_message('SM6', null);
select is((select r.status from record('SM6', 'failed', '30003') as r), 'failed', 'nobody to tell');
select is_empty('select from notifications', 'nobody is told');
-- Nobody sent it: whoever reads failures is told, once for all of his roles.
insert into messaging.failure_readers values ('manager'), ('admin');
insert into user_roles (user_id, role) values ('00000000-0000-4000-8000-00000000000c', 'admin'), ('00000000-0000-4000-8000-00000000000a', 'admin');
select sent_message('SM61', null);
select record('SM61', 'failed', '30003'), record('SM61', 'undelivered', '30003'), record('SM61', 'failed', '30003');
select results_eq('select recipient_id, title, message_log_id from notifications order by 1', format($$values
    ('00000000-0000-4000-8000-00000000000a'::uuid, 'فشل إرسال رسالة SMS', %1$L::uuid), ('00000000-0000-4000-8000-00000000000c', 'فشل إرسال رسالة SMS', %1$L)$$,
    (select id from message_logs where external_id = 'SM61')), 'where nobody sent it, every reader of failures is told once');
delete from notifications;
select sent_message('SM62'), sent_message('SM63', null, 'sms', '00000000-0000-4000-8000-0000000000b1');
select record('SM62', 'failed', '30003'), record('SM63', 'failed', '30003');
select results_eq('select recipient_id from notifications order by 1', $$values ('00000000-0000-4000-8000-00000000000a'::uuid), ('00000000-0000-4000-8000-00000000000b')$$,
    'not where there is a sender or a request');
delete from notifications;
create function refuse_one() returns trigger language plpgsql as $$ begin if new.recipient_id::text like '%0a' then raise exception 'not him'; end if; return new; end $$;
create trigger refuse_one before insert on notifications for each row execute function refuse_one();
set local client_min_messages = error;
select sent_message('SM64', null);
select record('SM64', 'failed', '30003');
set local client_min_messages = notice;
select results_eq('select recipient_id from notifications', $$values ('00000000-0000-4000-8000-00000000000c'::uuid)$$, 'one who cannot be told keeps nobody else from it');
drop trigger refuse_one on notifications;
delete from notifications;
delete from messaging.failure_readers;
delete from user_roles where role = 'admin';
select sent_message('SM7');
select record('SM7', 'canceled');
select is_empty('select from notifications', 'canceled is no failure');
select record('SM7', 'failed', '30003');
select is((select count(*) from notifications), 1::bigint, 'failed after it is');
delete from notifications;
-- A row that had failed before the migration has been announced, or never will be.
insert into message_logs (recipient, message_type, external_id, status, sender_id, error_message)
values ('+201012345678', 'whatsapp', 'SM8', 'failed', '00000000-0000-4000-8000-00000000000a', 'old text');
select record('SM8', 'failed', '30003');
select is_empty('select from notifications', 'an old failure is not announced again');
select row_eq('select error_code, error_message from message_logs where external_id = ''SM8''', row('30003'::text, 'Unreachable destination handset'::text), 'a code beats an old text without');
-- One that had no status at all.
alter table message_logs alter status drop not null;
select sent_message('SM8a');
set local session_replication_role = replica;
update message_logs set status = null where external_id = 'SM8a';
set local session_replication_role = origin;
select is((select r.status from record('SM8a', 'failed', '30003') as r), 'failed', 'a row without a status has one');
select is((select count(*) from notifications), 1::bigint, 'and its failure is announced');
set local session_replication_role = replica;
update message_logs set status = 'sent' where external_id = 'SM8a';
set local session_replication_role = origin;
select record('SM8a', 'failed', '30003'), record('SM8a', 'undelivered', '30003');
select is((select count(*) from notifications), 1::bigint, 'once, also where somebody has set its status back');
delete from notifications;
-- The application's own trigger fails.
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no more notifications'; end $$;
create trigger refuse before insert on notifications for each row execute function refuse();
select sent_message('SM9');
set client_min_messages = error;
select is((select r.status from record('SM9', 'failed', '30003') as r), 'failed', 'a notification that cannot be made does not cost the status');
reset client_min_messages;
select row_eq('select status, error_code from message_logs where external_id = ''SM9''', row('failed'::text, '30003'::text), 'or the error');
drop trigger refuse on notifications;
-- Nor can the request's maker be found out: a policy of the application's reads what we may not.
create table app_secret (n int);
alter table maintenance_requests enable row level security;
create policy secret on maintenance_requests as restrictive using (exists (select from app_secret));
select sent_message('SM11', null, 'sms', '00000000-0000-4000-8000-0000000000b1');
set client_min_messages = error;
select set_config('role', 'twilio_cgi', true);
select is((select r.status from messaging.record_status(null, 'SM11', 'failed', '30003', null, '{}', null) as r), 'failed', 'whoever is to be told cannot be found: the status is kept');
select set_config('role', 'none', true);
reset client_min_messages;
drop policy secret on maintenance_requests;
alter table maintenance_requests disable row level security;
-- One that finds its tables by the search path, and writes where we may not.
create table outbox (n int);
create function copy_out() returns trigger language plpgsql security definer set search_path = public as $$ begin insert into outbox values (1); return new; end $$;
create trigger copy_out before insert on notifications for each row execute function copy_out();
select sent_message('SM10');
select become('twilio_cgi');
select messaging.record_status(null, 'SM10', 'failed', null, null, '{}', null);
select set_config('role', 'none', true);
select is((select count(*) from outbox), 1::bigint, 'the application''s triggers work as ever');

-- errors
create function error_of(p_sid text) returns text language sql as $$
    select coalesce(error_code, '-') || ' ' || coalesce(error_message, '-') from message_logs m where m.external_id = p_sid $$;
select sent_message('SM20');
select record('SM20', 'failed', '30005', 'five');
select is(error_of('SM20'), '30005 five', 'an error');
select record('SM20', 'failed', '30003', 'three');
select is(error_of('SM20'), '30003 three', 'of equals the smaller code');
select record('SM20', 'failed', '9999', 'nine');
select is(error_of('SM20'), '9999 nine', 'as a number');
select record('SM20', 'failed', '30001', 'one'), record('SM20', 'failed', null, 'none'), record('SM20', 'sent');
select is(error_of('SM20'), '9999 nine', 'not a greater one, nor one without, nor none');
select record('SM20', 'undelivered', '30099', 'ninety-nine');
select is(error_of('SM20'), '30099 ninety-nine', 'that of the greater status');
select record('SM20', 'delivered'), record('SM20', 'failed', '1', 'lesser');
select is(error_of('SM20'), '30099 ninety-nine', 'delivered takes it not away, a lesser status neither');
select sent_message('SM21');
select record('SM21', 'failed', '30003'), record('SM21', 'undelivered', null, 'only text');
select is(error_of('SM21'), '30003 Unreachable destination handset', 'a text without a code is none where there is a code');
select record('SM21', 'failed', '30001', 'x');
select is(error_of('SM21'), '30001 x', 'so the code keeps its own');
select record('SM21', 'undelivered', '30009', 'y');
select is(error_of('SM21'), '30009 y', 'and one with a code beats one without');
select is((select metadata from message_logs where external_id = 'SM21'), '{"error_status": "undelivered"}'::jsonb, 'the marks');
select sent_message('SM23');
select record('SM23', 'undelivered', null, 'only text');
select is(error_of('SM23'), '- only text', 'a text alone is shown');
select record('SM23', 'failed', '30003');
select is(error_of('SM23'), '30003 Unreachable destination handset', 'until a code comes, also with a lesser status');
select is((select metadata from message_logs where external_id = 'SM23'), '{"error_status": "failed"}'::jsonb, 'its mark goes with it');
-- 0 is no error
select sent_message('SM24'), sent_message('SM25');
select record('SM24', 'sent', '0'), record('SM24', 'delivered', ' 00 ');
select row_eq('select error_code, error_message, metadata from message_logs where external_id = ''SM24''', row(null::text, null::text, '{}'::jsonb), 'error code 0 is none');
select is((select count(*) from messaging.message_status_events where external_id = 'SM24' and error_code is not null), 0::bigint, 'in the events neither');
select record('SM25', 'failed', '0', 'a text');
select is(error_of('SM25'), '- a text', 'a text beside it is one without a code');
select record('SM25', 'undelivered', ' 30005 ');
select is(error_of('SM25'), '30005 Unknown destination handset', 'blanks about a code are no part of it');
select sent_message('SM22');
select record('SM22', 'failed', '', '');
select row_eq('select error_code, error_message, metadata from message_logs where external_id = ''SM22''', row(null::text, null::text, '{}'::jsonb), 'empty is none');

-- metadata that service_role has made no object
create function odd_metadata(p_sid text, p_metadata jsonb) returns jsonb language plpgsql as $$
begin
    perform sent_message(p_sid);
    set local session_replication_role = replica;
    update message_logs set metadata = p_metadata where external_id = p_sid;
    set local session_replication_role = origin;
    perform record(p_sid, 'failed', '30003');
    perform record(p_sid, 'undelivered', null, 'text');
    perform record(p_sid, 'undelivered', '30005');
    return (select metadata - 'error_status' from message_logs m where m.external_id = p_sid and m.error_code = '30005');
end $$;
select is(odd_metadata('SModd1', '"{\"a\": 1}"'), '{"former_metadata": "{\"a\": 1}"}', 'metadata that is a string costs no error');
select is(odd_metadata('SModd2', 'null'), '{}', 'nor one that is null');
select is(odd_metadata('SModd3', '["error_message_status"]'), '{"former_metadata": ["error_message_status"]}', 'nor a list');
select is(odd_metadata('SModd4', '7'), '{"former_metadata": 7}', 'nor a number');
select is(odd_metadata('SModd5', null), '{}', 'nor none');
set local session_replication_role = replica;
update message_logs set metadata = '"x"' where external_id = 'SModd1';
set local session_replication_role = origin;
select is(messaging.settle_message(id, 'SModd1', 'sent', null, null, '{"segments": "2"}', false, null) -> 'metadata',
    '{"former_metadata": "x", "segments": "2"}', 'nor the details that come with an answer') from message_logs m where m.external_id = 'SModd1';

-- accepted and scheduled have one rank
select sent_message('SM30'), sent_message('SM31');
set local session_replication_role = replica;
update message_logs set status = 'pending' where external_id in ('SM30', 'SM31');
set local session_replication_role = origin;
select is((select string_agg(r.status, ' ') from (values (1, 'accepted'), (2, 'scheduled')) as v (n, s), lateral (select * from record('SM30', s) offset 0) as r),
    'accepted scheduled', 'accepted, then scheduled');
select is((select string_agg(r.status, ' ') from (values (1, 'scheduled'), (2, 'accepted')) as v (n, s), lateral (select * from record('SM31', s) offset 0) as r),
    'scheduled scheduled', 'scheduled, then accepted: the same end');

-- a large metadata is not written again by a status without an error
update message_logs set metadata = jsonb_build_object('x', (select string_agg(md5(n::text), '') from generate_series(1, 4000) as n)) where external_id = 'SM31';
select pg_relation_size(reltoastrelid) as before from pg_class where oid = 'message_logs'::regclass \gset
select record('SM31', 'sent'), record('SM31', 'delivered');
select is(pg_relation_size(reltoastrelid), :before::bigint, 'metadata stays where it is') from pg_class where oid = 'message_logs'::regclass;
select record('SM31', 'read', p_at => '2026-11-01 12:00:00.123456+02'), record('SM31', 'read', p_at => '2026-11-01 13:00+02');
select is((select metadata - 'x' from message_logs where external_id = 'SM31'), '{"read_at": "2026-11-01T10:00:00.123456Z"}', 'read_at stands in it too, as ISO 8601');
select is(messaging.clipped(repeat('ش', 400)), repeat('ش', 250), 'a text is clipped by its bytes');
select is(messaging.clipped('a' || repeat('ش', 250)), 'a' || repeat('ش', 249), 'and not within a letter');
select is(messaging.clipped(repeat('a', 500)), repeat('a', 500), 'what just fits is whole');

-- What nearly all callbacks come to costs no call that finds nothing, and not the SID's lock.
select sent_message('SM32') as id \gset
set local track_functions = 'all';
select record('SM32', 'sent');
set local track_functions = 'none';
select is((select string_agg(format('%s %s', funcname, calls), ', ' order by funcname) from pg_stat_xact_user_functions where schemaname = 'messaging'),
    'event_parameters 1, record_status 1', 'a known message''s next status is recorded with one call');
set local track_functions = 'all';
select record('SM32', 'sent');
set local track_functions = 'none';
select is((select string_agg(format('%s %s', funcname, calls), ', ' order by funcname) from pg_stat_xact_user_functions
        where schemaname = 'messaging' and funcname in ('record_status', 'repeat_event')), 'record_status 2, repeat_event 1', 'what an event is compared with costs a repetition alone');
select is((select parameters from messaging.message_status_events where external_id = 'SM32'), '{"ErrorMessage": null}', 'what its columns hold is not kept twice');
select * from finish();
rollback;
