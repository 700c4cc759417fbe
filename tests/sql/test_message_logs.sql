-- message_logs and what is around it.
begin;
select no_plan();

select columns_are('public', 'message_logs', array['id', 'request_id', 'recipient', 'message_type', 'message_content',
    'provider', 'status', 'external_id', 'metadata', 'error_message', 'sent_at', 'delivered_at', 'created_at',
    'updated_at', 'sender_id', 'media_url', 'error_code', 'read_at', 'failed_at']);
select col_type_is('public', 'message_logs', c, t, c || ' is ' || t) from (values
    ('id', 'uuid'), ('request_id', 'uuid'), ('sender_id', 'uuid'), ('metadata', 'jsonb'), ('error_code', 'text'),
    ('media_url', 'text'), ('sent_at', 'timestamp with time zone'), ('read_at', 'timestamp with time zone'),
    ('failed_at', 'timestamp with time zone'), ('delivered_at', 'timestamp with time zone')) as v (c, t);
select fk_ok('public', 'message_logs', 'request_id', 'public', 'maintenance_requests', 'id');
select fk_ok('public', 'message_logs', 'sender_id', 'public', 'profiles', 'id');
select fk_ok('public', 'notifications', 'message_log_id', 'public', 'message_logs', 'id');
select is((select string_agg(conname, ' ' order by conname) from pg_constraint
    where conrelid = 'message_logs'::regclass and contype = 'f'),
    'message_logs_request_id_fkey message_logs_sender_id_fkey', 'the programs know these names');
select indexes_are('public', 'message_logs', array['message_logs_pkey', 'message_logs_external_id_key',
    'message_logs_sender_id_created_at_idx', 'message_logs_request_id_idx', 'message_logs_recipient_idx',
    'message_logs_sent_at_idx', 'message_logs_created_at_idx', 'message_logs_created_at_not_sent_idx',
    'message_logs_sent_at_no_sid_idx'], 'no index on status or what changes with it');
select columns_are('messaging', 'message_status_events',
    array['id', 'message_log_id', 'external_id', 'status', 'error_code', 'parameters', 'received_at']);
select columns_are('messaging', 'twilio_errors', array['code', 'meaning', 'meaning_ar', 'other_channel', 'try_again', 'dead']);
select columns_are('messaging', 'delivery_report', array['day', 'message_type', 'total', 'delivered', 'read', 'failed',
    'in_flight', 'delivered_share', 'read_share', 'median_delivery_seconds', 'p95_delivery_seconds']);
select columns_are('messaging', 'failure_report', array['day', 'message_type', 'error_code', 'reason', 'messages']);
select columns_are('public', 'message_report', array['day', 'message_type', 'total', 'delivered', 'read', 'failed', 'in_flight',
    'delivered_share', 'read_share', 'median_delivery_seconds', 'p95_delivery_seconds', 'segments', 'price', 'price_unit', 'unpriced']);
select columns_are('public', 'message_failures', array['day', 'message_type', 'error_code', 'reason', 'reason_ar', 'messages']);
select columns_are('public', 'message_timeline', array['message_log_id', 'at', 'status', 'error_code', 'reason_ar']);
select ok(attname is not null, 'the view has the old column ' || name)
from unnest(array['id', 'message_sid', 'sender_id', 'recipient_phone', 'message_body', 'message_content', 'status',
    'request_id', 'media_url', 'delivered_at', 'read_at', 'error_code', 'error_message', 'created_at', 'updated_at',
    'sent_at', 'failed_at']) as name
left join pg_attribute on attrelid = 'public.whatsapp_messages'::regclass and attname = name;
select is(reloptions, '{security_invoker=true}', relname || ' reads with the reader''s rights') from pg_class
where oid in ('public.whatsapp_messages'::regclass, 'messaging.delivery_report'::regclass, 'messaging.failure_report'::regclass);

select throws_ok($$insert into message_logs (recipient, message_type, external_id)
    select '+201012345678', 'sms', 'SM1' from generate_series(1, 2)$$, '23505', null, 'one SID, one row');
select lives_ok($$insert into message_logs (recipient, message_type) select 'x@example.org', 'email' from generate_series(1, 2)$$,
    'others write their e-mails, without a SID');
select ok(bool_and(sent_at is not null and created_at is not null and status = 'pending' and metadata = '{}'),
    'a row of others has its times too') from message_logs;

-- functions: owner, rights, search_path
select is(count(*), 0::bigint, 'every function belongs to messaging_owner, and pins its search_path where it is a definer''s')
from pg_proc p
where p.pronamespace = 'messaging'::regnamespace
  and (p.proowner <> 'messaging_owner'::regrole or p.prosecdef and not exists (
      select from unnest(p.proconfig) as setting where setting ~ '^search_path=pg_catalog,.*pg_temp$'));
select is(count(*), 5::bigint, 'no function of the programs waits for a lock longer than the program for it')
from pg_proc p
where p.pronamespace = 'messaging'::regnamespace and p.proconfig @> '{lock_timeout=5s}'
  and p.proname in ('reserve_message', 'settle_message', 'record_status', 'withdraw_reservation', 'restore_reservation');
select ok(not (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb), 'messaging_owner is nobody special')
from pg_roles where rolname = 'messaging_owner';
select ok(rolcanlogin and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb), 'twilio_cgi may log in, and no more')
from pg_roles where rolname = 'twilio_cgi';
select is((select rolpassword from pg_authid where rolname = 'twilio_cgi'), null, 'without a password yet');
select is(count(*), 0::bigint, 'neither is a member of anything')
from pg_auth_members where member in ('twilio_cgi'::regrole, 'messaging_owner'::regrole);

-- a status change stays on its page
select sent_message('SM2');
create temporary table before_it as select pg_stat_get_xact_tuples_hot_updated('message_logs'::regclass) as n;
select messaging.record_status(null, 'SM2', s, null, null, '{}', null)
from unnest(array['sending', 'sent', 'delivered', 'read']) as s;
select is(pg_stat_get_xact_tuples_hot_updated('message_logs'::regclass) - n, 4::bigint, 'four status changes, all HOT')
from before_it;
select is((select string_agg(c.relname, ' ' order by c.relname) from pg_class c
    where c.relnamespace in ('public'::regnamespace, 'messaging'::regnamespace)
      and c.reloptions @> '{autovacuum_vacuum_scale_factor=0.01,autovacuum_vacuum_insert_scale_factor=0.01,autovacuum_analyze_scale_factor=0.01,autovacuum_vacuum_cost_delay=10}'),
    'idempotency_keys message_logs message_status_events', 'large tables are cleaned when a hundredth of them is dead, and slowly');
select * from finish();
rollback;
