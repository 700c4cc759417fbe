-- Who may do what: anon, own, foreign, staff, service_role, twilio_cgi, for every verb.
begin;
select no_plan();

insert into message_logs (id, recipient, message_type, sender_id, request_id) values
    ('00000000-0000-4000-8000-000000000001', '+1', 'whatsapp', '00000000-0000-4000-8000-00000000000a', null),
    ('00000000-0000-4000-8000-000000000002', '+2', 'whatsapp', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000a1'),
    ('00000000-0000-4000-8000-000000000003', '+3', 'sms', null, null),
    ('00000000-0000-4000-8000-000000000004', '+4', 'sms', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1');
select messaging.record_status(null, 'SM1', 'sent', null, null, '{}', null);
-- The neighbours' own policies say nothing to us.
alter table maintenance_requests enable row level security;
alter table user_roles enable row level security;
alter table notifications enable row level security;

-- What a statement comes to for somebody: the number of rows, or the error's code.
create function attempt(p_role text, p_user text, p_sql text) returns text
language plpgsql
as $$
declare
    v_rows bigint;
begin
    perform become(p_role, p_user);
    begin
        execute p_sql;
        get diagnostics v_rows = row_count;
        perform set_config('role', 'none', true);
        return v_rows;
    exception when others then
        perform set_config('role', 'none', true);
        return sqlstate;
    end;
end
$$;

create temporary table actors (place int, actor text, role text, claim text);
insert into actors values
    (1, 'anon', 'anon', null),
    (2, 'a user', 'authenticated', '00000000-0000-4000-8000-00000000000a'),
    (3, 'another user', 'authenticated', '00000000-0000-4000-8000-00000000000b'),
    (4, 'a user without a profile', 'authenticated', '00000000-0000-4000-8000-00000000000f'),
    (5, 'a user without a sub', 'authenticated', null),
    (6, 'staff', 'authenticated', '00000000-0000-4000-8000-00000000000c'),
    (7, 'service_role', 'service_role', null),
    (8, 'twilio_cgi', 'twilio_cgi', null);

create function check_all(p_what text, p_sql text, variadic p_wanted text[]) returns setof text
language sql
as $$
    select is(attempt(role, claim, p_sql), p_wanted[place], p_what || ': ' || actor) from actors order by place
$$;
--                                                                      anon     a        b    nobody   no sub   staff   service  twilio_cgi
select check_all('read messages', 'select from message_logs',          '42501', '2',     '2',     '0',     '0',     '4',     '4',     '42501');
select check_all('read one''s own', 'select from message_logs where recipient = ''+1''',
                                                                       '42501', '1',     '0',     '0',     '0',     '1',     '1',     '42501');
select check_all('read what is about one''s request', 'select from message_logs where recipient = ''+2''',
                                                                       '42501', '1',     '1',     '0',     '0',     '1',     '1',     '42501');
select check_all('read nobody''s', 'select from message_logs where recipient = ''+3''',
                                                                       '42501', '0',     '0',     '0',     '0',     '1',     '1',     '42501');
select check_all('write a message', 'insert into message_logs (recipient, message_type) values (''+5'', ''sms'')',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '1',     '42501');
delete from message_logs where recipient = '+5';
select check_all('change a message', 'update message_logs set provider = ''x'' where recipient = ''+1''',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '1',     '42501');
select check_all('delete a message', 'delete from message_logs where recipient = ''+1''',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('truncate', 'truncate message_logs cascade',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('read the view', 'select from whatsapp_messages',
                                                                       '42501', '2',     '1',     '0',     '0',     '2',     '2',     '42501');
select check_all('write to the view', 'update whatsapp_messages set status = ''queued''',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '2',     '42501');
select check_all('insert into the view', 'insert into whatsapp_messages (recipient_phone) values (''+5'')',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '1',     '42501');
delete from message_logs where recipient = '+5';
select check_all('make it another message', format('update whatsapp_messages set %I = %1$I', c),
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501')
from unnest(array['id', 'message_sid', 'sender_id', 'recipient_phone', 'message_body', 'message_content', 'request_id', 'media_url', 'sent_at', 'created_at']) as c;
select check_all('delete from the view', 'delete from whatsapp_messages',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('join by hand what the view is told', 'select messaging.join_told(gen_random_uuid(), ''read'', null, null, null, null, null, null)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('read events', 'select from messaging.message_status_events',
                                                                       '42501', '0',     '0',     '0',     '0',     '1',     '1',     '42501');
select check_all('write events', 'update messaging.message_status_events set status = ''read''',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('delete events', 'delete from messaging.message_status_events',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('insert events', 'insert into messaging.message_status_events (external_id, status) values (''SM1'', ''x'')',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('read keys', 'select from messaging.idempotency_keys',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('read ' || t, 'select from messaging.' || t,
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501')
from unnest(array['staff_roles', 'failure_readers']) as t;
select check_all('add to ' || t, format('insert into messaging.%I values (''customer'')', t),
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501')
from unnest(array['staff_roles', 'failure_readers']) as t;
select check_all('read the ledger', 'select from messaging.schema_migrations',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('the delivery report', 'select from messaging.delivery_report',
                                                                       '42501', '0',     '0',     '0',     '0',     '2',     '2',     '42501');
select check_all('the failure report', 'select from messaging.failure_report',
                                                                       '42501', '0',     '0',     '0',     '0',     '0',     '0',     '42501');
select check_all('the report', 'select from message_report',
                                                                       '42501', '0',     '0',     '0',     '0',     '2',     '2',     '42501');
select check_all('all figures', 'select messaging.report(30)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('reserve', 'select messaging.reserve_message(''c'', null, null, null, ''sms'', ''+6'', ''x'', null, null, null)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('settle', 'select messaging.settle_message(gen_random_uuid(), null, ''failed'', null, null, null, true, null)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('withdraw', 'select messaging.withdraw_reservation(gen_random_uuid())',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('restore', 'select messaging.restore_reservation(''00000000-0000-4000-8000-000000000001'', ''{"type": "sms", "recipient": "+6"}'')',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('reserve the SMS', 'select messaging.reserve_fallback(gen_random_uuid(), gen_random_uuid())',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('take what is due', 'select messaging.claim_follow_up(gen_random_uuid())',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('dead numbers', 'select from message_dead_numbers',
                                                                       '42501', '0',     '0',     '0',     '0',     '0',     '0',     '42501');
select check_all('record', 'select messaging.record_status(null, ''SM2'', ''sent'', null, null, ''{}'', null)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('look for unsettled ones', 'select messaging.unsettled_messages(''-1 minute'', null, null, 10)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '4');
select check_all('ask for SIDs', 'select messaging.known_sids(''{SM1}'')',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '0');
select check_all('ask for the version', 'select messaging.schema_version()',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '1');
select check_all('join a status by hand', 'select messaging.join_status(gen_random_uuid(), ''read'', null, null, now(), true)',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');
select check_all('make a notification by hand', 'select messaging.notify_failure(''00000000-0000-4000-8000-000000000001'')',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '42501', '42501');

-- The whole lists, so that what is added later is seen here.
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
    where p.pronamespace = 'messaging'::regnamespace and has_function_privilege('twilio_cgi', p.oid, 'execute')),
    'claim_follow_up expirable expire forget_recipient known_sids metrics reconcile_begin reconcile_day reconcile_end reconcile_listed reconcile_missed reconcile_orphans reconcile_redacted record_status record_statuses report reserve_fallback reserve_message restore_reservation schema_version settle_message unsettled_messages withdraw_reservation', 'functions of twilio_cgi');
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
    where p.pronamespace = 'messaging'::regnamespace and has_function_privilege('authenticated', p.oid, 'execute')),
    'cairo_day current_user_id day_begins day_failures day_sums error_meaning_ar is_staff may_read_reports own_requests reported_days', 'functions of authenticated');
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
    where p.pronamespace = 'messaging'::regnamespace and has_function_privilege('anon', p.oid, 'execute')),
    null, 'anon has none');
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
    where p.pronamespace = 'messaging'::regnamespace and has_function_privilege('service_role', p.oid, 'execute')),
    'cairo_day day_begins day_failures day_sums error_meaning_ar is_staff may_read_reports reported_days', 'functions of service_role');
select is((select string_agg(p.proname, ' ' order by p.proname) from pg_proc p, aclexplode(p.proacl) as x
    where p.pronamespace = 'messaging'::regnamespace and x.grantee = 0), null, 'the public has none');
select is((select string_agg(c.oid::regclass::text, ' ') from pg_class c
    where c.relnamespace in ('public'::regnamespace, 'messaging'::regnamespace) and c.relkind in ('r', 'v', 'p', 'm', 'S')
      and case when c.relkind = 'S' then has_sequence_privilege('twilio_cgi', c.oid, 'usage, select, update')
          else has_any_column_privilege('twilio_cgi', c.oid, 'select, insert, update, references')
              or has_table_privilege('twilio_cgi', c.oid, 'delete, truncate, trigger') end
      and c.relname not like 'pg\_%' and c.relname not in ('tap_funky')), null, 'twilio_cgi has no right on any table');
select is((select string_agg(polname, ', ' order by polname) from pg_policy where polrelid = 'message_logs'::regclass),
    'messaging: functions, messaging: service inserts, messaging: service reads, messaging: service updates, '
    'messaging: staff read all, users their own',
    'the policies of message_logs');
select ok(bool_and(relrowsecurity), 'row-level security is on') from pg_class
where oid = 'message_logs'::regclass or relnamespace = 'messaging'::regnamespace and relkind = 'r';
select is((select string_agg(lower(privilege_type), ' ' order by privilege_type) from pg_class c, aclexplode(c.relacl) as x
    where c.oid = 'message_logs'::regclass and x.grantee = 'messaging_owner'::regrole), 'delete insert select update',
    'the functions cannot delete a message');

select is((select string_agg(line, E'\n' order by line) from (
        select c.oid::regclass || ' ' || x.grantee::regrole || ': ' || string_agg(lower(x.privilege_type), ' ' order by x.privilege_type) as line
        from pg_class c, aclexplode(c.relacl) as x
        where (c.relnamespace = 'messaging'::regnamespace or c.oid in ('message_logs'::regclass, 'whatsapp_messages'::regclass))
          and x.grantee <> c.relowner and c.relkind in ('r', 'v', 'S')
        group by c.oid, x.grantee) as l),
    'message_logs authenticated: select
message_logs messaging_owner: delete insert select update
message_logs service_role: insert select update
messaging.daily_delivery authenticated: select
messaging.daily_delivery service_role: select
messaging.daily_failures authenticated: select
messaging.daily_failures service_role: select
messaging.daily_totals authenticated: select
messaging.daily_totals service_role: select
messaging.delivery_report authenticated: select
messaging.delivery_report service_role: select
messaging.failure_report authenticated: select
messaging.failure_report service_role: select
messaging.message_facts authenticated: select
messaging.message_facts service_role: select
messaging.message_report_lines authenticated: select
messaging.message_report_lines service_role: select
messaging.message_status_events authenticated: select
messaging.message_status_events service_role: select
messaging.message_sums authenticated: select
messaging.message_sums service_role: select
messaging.outbound_messages authenticated: select
messaging.outbound_messages service_role: select
messaging.twilio_errors authenticated: select
messaging.twilio_errors service_role: select
whatsapp_messages authenticated: select
whatsapp_messages service_role: insert select', 'every grant on a table');
select is((select string_agg(format('%s.%s %s %s', a.attrelid::regclass, a.attname, x.grantee::regrole, lower(x.privilege_type)), E'\n' order by a.attrelid::regclass::text, a.attname)
    from pg_attribute a, aclexplode(a.attacl) as x
    where a.attrelid in ('message_logs'::regclass, 'whatsapp_messages'::regclass) or a.attrelid in (select oid from pg_class where relnamespace = 'messaging'::regnamespace)),
    'whatsapp_messages.delivered_at service_role update
whatsapp_messages.error_code service_role update
whatsapp_messages.error_message service_role update
whatsapp_messages.failed_at service_role update
whatsapp_messages.read_at service_role update
whatsapp_messages.status service_role update
whatsapp_messages.updated_at service_role update', 'every grant on a column');
select is((select string_agg(x.grantee::regrole || ' ' || lower(x.privilege_type), ', ' order by x.grantee::regrole::text) from pg_namespace n, aclexplode(n.nspacl) as x
    where n.nspname = 'messaging' and x.grantee <> n.nspowner), 'authenticated usage, service_role usage, twilio_cgi usage', 'and on the schema');

-- The functions' work, where the neighbours have row-level security.
select become('twilio_cgi');
create temporary table about as select r.id from messaging.reserve_message('c', null, null, null, 'sms', '+7', 'x', '00000000-0000-4000-8000-0000000000b1', null, null) as r;
select messaging.record_status(id, 'SM7', 'failed', '30003', null, '{}', null) from about;
select set_config('role', 'none', true);
select is((select recipient_id from notifications), '00000000-0000-4000-8000-00000000000b', 'whoever made the request is told');
delete from message_logs where recipient = '+7';

-- Claims of every kind.
select is(attempt('authenticated', 'not a uuid', 'select from messaging.delivery_report'), '0', 'a sub that is no UUID is nobody');
select set_config('request.jwt.claims', '', true);
select set_config('role', 'authenticated', true);
select is_empty('select from message_logs', 'nor is one without claims');
select set_config('role', 'none', true);
-- An enumeration of the application's for role.
create type app_role as enum ('admin', 'customer', 'manager', 'owner', 'finance');
alter table user_roles alter column role type app_role using role::app_role;
select is(attempt('authenticated', '00000000-0000-4000-8000-00000000000c', 'select from message_logs'), '5', 'a role that is an enumeration');
select is(attempt('authenticated', '00000000-0000-4000-8000-00000000000b', 'select from message_logs'), '2', 'and a customer is none');
-- Who is staff the operator decides.
create function reads(p_role text) returns text language plpgsql as $$
begin
    update user_roles set role = p_role::app_role where user_id = '00000000-0000-4000-8000-00000000000c';
    return attempt('authenticated', '00000000-0000-4000-8000-00000000000c', 'select from message_logs');
end $$;
select results_eq('select role from messaging.staff_roles order by 1', '{admin,manager,owner,staff}'::text[], 'staff at first');
select is(reads('owner'), '5', 'the owner reads everything'), is(reads('finance'), '0', 'finance does not');
insert into messaging.staff_roles values ('finance');
delete from messaging.staff_roles where role = 'owner';
select is(reads('finance'), '5', 'until the operator says so'), is(reads('owner'), '0', 'or the contrary');
select is(attempt('authenticated', '00000000-0000-4000-8000-00000000000c', 'select from messaging.message_status_events'), '0', 'of events');
select is(attempt('authenticated', '00000000-0000-4000-8000-00000000000c', 'select from messaging.delivery_report'), '0', 'and of reports');

-- retry_count, where the application has it
alter table message_logs add column retry_count int;
\set QUIET on
set local search_path = pg_catalog, public;
\ir ../../sql/prepare.sql
\ir ../../sql/schema/access.sql
set local search_path = public, pg_catalog;
set local row_security = on;
select is(reads('finance'), '5', 'access again');
select check_all('count a retry', 'update message_logs set retry_count = 1 where recipient = ''+1''',
                                                                       '42501', '0',     '0',     '0',     '0',     '1',     '1',     '42501');
select check_all('and set a status with it', 'update message_logs set retry_count = 1, status = ''sent'' where recipient = ''+1''',
                                                                       '42501', '42501', '42501', '42501', '42501', '42501', '1',     '42501');
select * from finish();
rollback;
