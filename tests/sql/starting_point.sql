-- A database as the migration may find it, with generated data of every nasty kind. Run by a role
-- that is no superuser, as on Supabase, after sql/standalone.sql's roles and auth schema are there.
--
--   psql -v shape=1..6 -v rows=N -v readers=0|1 -f tests/sql/starting_point.sql
--
-- shape 1: the neighbours only; 2: the live application; 3: the described one; 4: partly moved; 5: the
-- application since April 2026, with views in the tables' places; 6: the same, whatsapp_messages being Meta's.
-- readers: others' view, policy, function and foreign key that read the old table.

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = error;
begin;

select :shape >= 2 as live, :shape = 2 as body, :shape = 4 as partly, :shape >= 5 as renamed, :shape = 6 as meta,
    :readers = 1 as others_read \gset

-- uuid of a kind and a number: kinds u user, w old message, l message, r request
create function public.test_id(kind text, n bigint) returns uuid
language sql immutable
as $$ select (md5(kind)::char(8) || '-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
create function public.test_sid(n bigint) returns text
language sql immutable
as $$ select 'SM' || lpad(to_hex(n), 32, '0') $$;

create type public.app_role as enum ('admin', 'manager', 'staff', 'technician', 'vendor', 'customer', 'warehouse',
    'accounting', 'engineering', 'dispatcher', 'owner', 'finance');
create table public.profiles (id uuid primary key references auth.users (id) on delete cascade, full_name text);
create table public.user_roles (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, role public.app_role not null);
create table public.maintenance_requests (
    id uuid primary key, title text not null default 'x', created_by uuid references public.profiles (id));
create table public.notifications (
    id uuid primary key default gen_random_uuid(), title text not null, message text not null, type text not null,
    recipient_id uuid not null references public.profiles (id), sender_id uuid, entity_type text, entity_id uuid,
    read_at timestamptz, created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create table public.messages (id uuid primary key default gen_random_uuid(), body text);

-- 60 users, 50 of them with a profile; 1 to 3 are staff.
insert into auth.users (id) select public.test_id('u', n) from generate_series(1, 60) as n;
insert into public.profiles (id) select public.test_id('u', n) from generate_series(1, 50) as n;
insert into public.user_roles (user_id, role)
select public.test_id('u', n), (array['admin', 'manager', 'staff', 'technician', 'customer'])[n]::public.app_role
from generate_series(1, 5) as n;
insert into public.maintenance_requests (id, created_by)
select public.test_id('r', n), public.test_id('u', n) from generate_series(1, 50) as n;

-- Row-level security that the neighbours have of their own; the policy calls what we may not call.
create function public.app_only() returns boolean language sql stable as $$ select true $$;
revoke execute on function public.app_only() from public;
grant execute on function public.app_only() to authenticated;
alter table public.maintenance_requests enable row level security;
alter table public.user_roles enable row level security;
alter table public.notifications enable row level security;
create policy "own" on public.maintenance_requests using (public.app_only() and created_by = auth.uid());
create policy "only today" on public.maintenance_requests as restrictive using (true);
create policy "only now" on public.notifications as restrictive to authenticated using (true);
create policy "own" on public.user_roles using (public.app_only() and user_id = auth.uid());
create policy "own" on public.notifications using (public.app_only() and recipient_id = auth.uid());

\if :live
create function public.touch_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end $$;
create table public.trigger_calls (name text);
create function public.count_call() returns trigger language plpgsql as $$
begin
    insert into public.trigger_calls values (tg_table_name || ' ' || tg_op);
    return null;
end $$;

create table public.message_logs (
    id uuid primary key default gen_random_uuid(),
    request_id uuid constraint fk_message_logs_request references public.maintenance_requests (id) on delete set null,
    recipient text not null,
    message_type text not null check (message_type in ('sms', 'whatsapp', 'email')),
    message_content text not null,
    provider text not null default 'twilio',
    status varchar(20) not null default 'pending'
        check (status in ('pending', 'queued', 'sent', 'DELIVERED', 'delivered', 'failed', 'bounced')),
    external_id text,
    metadata jsonb default '{}',
    error_message text,
    sent_at timestamptz,
    delivered_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index idx_message_logs_status on public.message_logs (status);
create index idx_message_logs_created_at on public.message_logs (created_at desc);
create index idx_message_logs_external_id on public.message_logs (external_id);
create index idx_message_logs_request_id on public.message_logs (request_id);
create index idx_message_logs_type_status on public.message_logs (message_type, status);
alter table public.message_logs enable row level security;
create policy "Everybody reads" on public.message_logs for select using (true);
create policy "Everybody writes" on public.message_logs for insert with check (true);
grant all on public.message_logs to anon, authenticated, service_role;
create trigger touch before update on public.message_logs
    for each row execute function public.touch_updated_at();
create trigger counted after insert or update on public.message_logs
    for each row execute function public.count_call();
-- It reads another table; the next only compares.
create function public.look_up() returns trigger language plpgsql as $$
declare
    v_title text;
begin
    select r.title into v_title from public.maintenance_requests r where r.id = new.request_id;
    return null;
end $$;
create trigger looks_up after insert on public.message_logs
    for each row execute function public.look_up();
create function public.compare() returns trigger language plpgsql as $$
begin
    -- whatever it comes from
    if new.status is distinct from old.status and extract(epoch from now()) < 0 then
        raise notice 'changed';
    end if;
    return null;
end $$;
create trigger compares after update on public.message_logs
    for each row execute function public.compare();
create trigger off_already after insert on public.message_logs
    for each row execute function public.count_call();
alter table public.message_logs disable trigger off_already;

create table public.whatsapp_messages (
    id uuid primary key default gen_random_uuid(),
    message_sid text not null unique,
    sender_id uuid references auth.users (id) on delete set null,
    recipient_phone text not null,
    message_body text,
    status text not null default 'queued',
    request_id uuid references public.maintenance_requests (id) on delete set null,
    media_url text,
    delivered_at timestamptz,
    read_at timestamptz,
    error_code text,
    error_message text,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
\if :body
\else
alter table public.whatsapp_messages rename column message_body to message_content;
alter table public.whatsapp_messages add column sent_at timestamptz, add column failed_at timestamptz,
    add column campaign text,
    -- named like what the migration calls things inside
    add column recipient text, add column content jsonb, add column sid text;
\endif
create index idx_whatsapp_messages_status on public.whatsapp_messages (status);
create index idx_whatsapp_messages_sender on public.whatsapp_messages (sender_id);
alter table public.whatsapp_messages enable row level security;
create policy "Users view own" on public.whatsapp_messages for select to authenticated using (sender_id = auth.uid());
create policy "Staff all" on public.whatsapp_messages for all to authenticated
    using (exists (select from public.user_roles r where r.user_id = auth.uid() and r.role in ('admin', 'manager', 'staff')));
create policy "Service inserts" on public.whatsapp_messages for insert to service_role with check (true);
grant all on public.whatsapp_messages to anon, authenticated, service_role;
create trigger touch before update on public.whatsapp_messages
    for each row execute function public.touch_updated_at();

create publication supabase_realtime for table public.whatsapp_messages, public.messages;
create publication other_feed for table public.whatsapp_messages;

-- The old table's rows.
insert into public.whatsapp_messages
    (id, message_sid, sender_id, recipient_phone, status, request_id, media_url, delivered_at, read_at, error_code,
     error_message, created_at, updated_at)
select
    public.test_id('w', n), public.test_sid(n),
    case n % 10 when 0 then null when 1 then public.test_id('u', 51 + n % 7) else public.test_id('u', 1 + n % 50) end,
    case n % 3 when 0 then 'whatsapp:' when 1 then 'WhatsApp: ' else '' end || '+2010' || lpad(n::text, 8, '0'),
    (array['queued', 'sent', 'delivered', 'read', 'failed', 'undelivered', 'DELIVERED', 'Read', 'bounced', 'sending', 'QUEUED'])[1 + n % 11],
    case when n % 4 = 0 then public.test_id('r', 1 + n % 50) end,
    case when n % 6 = 0 then 'https://example.org/' || n || '.jpg' end,
    case n % 11 when 2 then at + interval '3 seconds' when 6 then at - interval '1 hour' when 7 then at + interval '1 day' end,
    case n % 11 when 3 then at + interval '5 seconds' when 7 then at - interval '1 minute' end,
    case when n % 11 in (4, 5) and n % 2 = 0 then '30003' when n % 11 = 4 then '63016' when n % 11 = 5 then '' end,
    case when n % 11 in (4, 5) then (array['Unreachable', null, 'خطأ ⚠️', ''])[1 + n % 4] end,
    at, at + interval '7 minutes'
from generate_series(1, :rows) as n, lateral (select timestamptz '2026-06-01' + n * interval '97 seconds') as t (at);
\if :body
update public.whatsapp_messages w set message_body = t.body
\else
update public.whatsapp_messages w set message_content = t.body,
    sent_at = case when n % 3 = 0 then null else w.created_at + interval '1 second' end,
    failed_at = case when n % 11 in (4, 5) then w.created_at + interval '2 seconds' end,
    campaign = case when n % 8 = 0 then 'ramadan' end,
    recipient = case when n % 8 = 1 then 'a tenant' end,
    content = case when n % 8 in (1, 2) then '{"a": null, "b": [1, null]}'::jsonb end,
    sid = case when n % 8 = 2 then 'x' end
\endif
from (select n, public.test_id('w', n) as id,
        case n % 5 when 0 then 'رسالة رقم ' || n || ' 🔧👩🏽‍🔧' when 1 then 'x' when 2 then E'two\nlines; ''quoted''' when 3 then null
            else repeat('طويل ', 300) end as body
    from generate_series(1, :rows) as n) as t
where w.id = t.id;

-- message_logs' own: SMS and WhatsApp of the other function, others' e-mails, one SID twice.
insert into public.message_logs
    (id, request_id, recipient, message_type, message_content, status, external_id, metadata, error_message, sent_at,
     delivered_at, created_at, updated_at)
select
    public.test_id('l', n), case when n % 4 = 0 then public.test_id('r', 1 + n % 50) end,
    case when n % 5 = 0 then 'someone@example.org' when n % 5 = 1 then 'whatsapp:+2012' || lpad(n::text, 8, '0')
        else '+2012' || lpad(n::text, 8, '0') end,
    case n % 5 when 0 then 'email' when 1 then 'whatsapp' else 'sms' end,
    'نص ' || n, (array['pending', 'sent', 'DELIVERED', 'failed', 'bounced'])[1 + n % 5],
    case when n % 5 = 0 then null when n % 50 = 2 then '' when n % 50 = 3 then public.test_sid(10000000 + n + 1)
        when n % 50 = 6 then ' ' || public.test_sid(10000000 + n) || ' ' else public.test_sid(10000000 + n) end,
    case n % 9 when 0 then null when 1 then '{"segments": 2, "note": null}'::jsonb
        -- JSON.stringify, null and a list into jsonb
        when 2 then to_jsonb('{"segments": 2}'::text) when 3 then 'null' when 4 then '["a", "read_at"]' when 5 then '7'
        -- Unix seconds
        when 6 then '{"read_at": 1780000000}' when 8 then '{"read_at": "1780000000"}'
        else '{}' end,
    case when n % 5 = 3 then 'boom' end,
    case when n % 7 = 0 then null else at end, case when n % 5 = 2 then at + interval '4 seconds' end, at, at
from generate_series(1, :rows / 2) as n, lateral (select timestamptz '2026-05-01' + n * interval '61 seconds') as t (at);

\if :partly
-- Of five old rows one is here under its id and SID, one under another id, one under its id without
-- the SID; what the table has no columns for is in metadata.
insert into public.message_logs
    (id, request_id, recipient, message_type, message_content, status, external_id, metadata, error_message, sent_at,
     created_at, updated_at)
select
    case when n % 5 = 1 then public.test_id('l', 20000000 + n) else w.id end,
    case when n % 2 = 0 then w.request_id end, w.recipient_phone, 'whatsapp',
    case when n % 20 = 0 then 'another text' else coalesce(w.message_content, '') end,
    case when n % 3 = 0 then 'pending' when n % 3 = 1 then 'sent' else 'delivered' end,
    case when n % 5 = 2 then null else w.message_sid end,
    jsonb_build_object('sender_id', w.sender_id, 'template', 'HX1')
        || case when n % 2 = 0 then jsonb_build_object('media_url', w.media_url, 'read_at', w.read_at) else '{}' end
        || case when n % 3 = 0 then jsonb_build_object('error_code', w.error_code) else '{}' end
        || case when n % 12 = 0 then '{"read_at": "soon", "media_url": ["https://a", "https://b"]}'::jsonb else '{}' end
        || case when n % 15 = 0 then '{"error_code": 30005}'::jsonb else '{}' end,
    case when n % 2 = 0 then w.error_message end, case when n % 2 = 0 then w.created_at end, w.created_at, w.updated_at
from generate_series(1, :rows) as n
join public.whatsapp_messages w on w.id = public.test_id('w', n)
where n % 5 in (0, 1, 2);
\endif

\if :others_read
create view public.whatsapp_by_day as
    select created_at::date as day, count(*) from public.whatsapp_messages group by 1;
create function public.whatsapp_count() returns bigint language sql stable security definer
begin atomic
    select count(*) from public.whatsapp_messages;
end;
create function public.whatsapp_by_name() returns bigint language sql stable
as $$ select count(*) from public.whatsapp_messages $$;
create table public.campaigns (id int primary key, message uuid references public.whatsapp_messages (id));
insert into public.campaigns values (1, public.test_id('w', 3)), (2, null);
alter table public.campaigns enable row level security;
create policy "with own messages" on public.campaigns for select to authenticated
    using (exists (select from public.whatsapp_messages w where w.id = campaigns.message));
grant select on public.campaigns to authenticated;
\endif

\if :renamed
-- What the application has added since, and who reads what.
alter table public.message_logs drop constraint message_logs_message_type_check, drop constraint message_logs_status_check,
    alter column status type text, add column read_at timestamptz,
    add column channel text generated always as (case message_type when 'sms' then 'sms' when 'email' then 'email'
        when 'whatsapp' then 'whatsapp' else message_type end) stored,
    add column notification_stage text check (notification_stage in ('created', 'assigned', 'closed')),
    add column retry_count integer not null default 0;
create index idx_message_logs_sent_at on public.message_logs (sent_at);
create index idx_message_logs_recipient on public.message_logs (recipient);
create policy "Staff count retries" on public.message_logs for update to authenticated
    using (exists (select from public.user_roles r where r.user_id = auth.uid() and r.role in ('admin', 'manager', 'staff')));
create policy "Staff read" on public.message_logs for select to authenticated
    using (exists (select from public.user_roles r where r.user_id = auth.uid() and r.role::text in ('admin', 'manager', 'staff')));
update public.message_logs set notification_stage = 'created', retry_count = 2 where right(id::text, 1) = '3';
-- Inbound, and Meta's, with the seconds that its webhook writes.
insert into public.message_logs (id, recipient, message_type, message_content, provider, status, external_id, metadata, sent_at, created_at)
select public.test_id('i', n), '+2011' || lpad(n::text, 8, '0'), 'whatsapp', 'وارد ' || n, 'twilio', 'received', public.test_sid(40000000 + n),
    '{"direction": "incoming"}'::jsonb, at, at
from generate_series(1, 20) as n, lateral (select timestamptz '2026-05-02' + n * interval '1 hour') as t (at)
union all
select public.test_id('m', n), '+2015' || lpad(n::text, 8, '0'), 'whatsapp', 'ميتا ' || n, 'meta', (array['sent', 'delivered', 'read'])[1 + n % 3],
    'wamid.' || n, case n % 3 when 2 then '{"read_at": 1770000000}' else '{}' end::jsonb, at, at
from generate_series(1, 20) as n, lateral (select timestamptz '2026-05-03' + n * interval '1 hour') as t (at);

alter table public.notifications add column sms_sent boolean default false, add column whatsapp_sent boolean default false,
    add column message_log_id uuid constraint notifications_message_log_id_fkey references public.message_logs (id);
insert into public.notifications (title, message, type, recipient_id, message_log_id)
select 'x', 'x', 'info', public.test_id('u', 1 + n % 50), public.test_id('l', n) from generate_series(1, 10) as n;

create type public.message_channel as enum ('whatsapp', 'sms', 'email', 'push', 'in_app');
create table public.outbound_messages (id uuid primary key, channel public.message_channel, recipient text, body text,
    retry_count integer not null default 0, sent_at timestamptz);
insert into public.outbound_messages (id, channel, recipient, body, sent_at)
select id, channel::public.message_channel, recipient, message_content, sent_at from public.message_logs;

create materialized view public.notification_stats_daily as
    select created_at::date as day, message_type, status, count(*) as messages from public.message_logs group by 1, 2, 3;
create unique index notification_stats_daily_key on public.notification_stats_daily (day, message_type, status);
create function public.refresh_notification_stats() returns void language plpgsql security definer set search_path = public
as $$ begin refresh materialized view concurrently public.notification_stats_daily; end $$;

alter publication supabase_realtime add table public.message_logs;
alter table public.message_logs rename to _legacy_message_logs;
create view public.message_logs with (security_invoker = true) as select * from public._legacy_message_logs;
comment on view public.message_logs is 'compat view';
grant all on public.message_logs to anon, authenticated, service_role;
alter table public.messages rename to _legacy_messages;
create view public.messages with (security_invoker = true) as select * from public._legacy_messages;

-- What was made upon either name since.
create view public.failed_messages with (security_invoker = true) as
    select id, recipient, error_message, retry_count from public.message_logs where status = 'failed';
create view public.failed_by_type as
    select l.message_type, count(*) from public.failed_messages f join public._legacy_message_logs l using (id) group by 1;
create function public.recent_logs() returns setof public.message_logs language sql stable
as $$ select * from public.message_logs order by created_at desc limit 3 $$;
create function public.recent_legacy_logs() returns setof public._legacy_message_logs language plpgsql stable
as $$ begin return query select * from public._legacy_message_logs order by created_at desc limit 3; end $$;
create function public.log_message(p_recipient text) returns uuid language plpgsql security definer set search_path = public
as $$
declare
    v_row public._legacy_message_logs%rowtype;
begin
    insert into message_logs (recipient, message_type, message_content) values (p_recipient, 'sms', 'x') returning * into v_row;
    update _legacy_message_logs set retry_count = retry_count + 1 where id = v_row.id;
    return v_row.id;
end $$;
\if :meta
alter publication supabase_realtime drop table public.whatsapp_messages;
drop publication other_feed;
create temporary table emptied on commit drop as select w.*, null::text as body from public.whatsapp_messages w limit 0;
drop table public.whatsapp_messages cascade;
create table public._legacy_whatsapp_messages (
    id uuid primary key default gen_random_uuid(), wa_message_id text unique, direction text not null, phone_number text not null,
    customer_name text, content text, message_type text default 'text', media_url text, status text default 'received',
    created_at timestamptz not null default now(), updated_at timestamptz not null default now());
insert into public._legacy_whatsapp_messages (wa_message_id, direction, phone_number, content)
select 'wamid.' || n, 'inbound', '+2015' || lpad(n::text, 8, '0'), 'x' from generate_series(1, 50) as n;
alter table public._legacy_whatsapp_messages enable row level security;
create policy "service" on public._legacy_whatsapp_messages to service_role using (true);
alter publication supabase_realtime add table public._legacy_whatsapp_messages;
\else
alter table public.whatsapp_messages rename to _legacy_whatsapp_messages;
\endif
create view public.whatsapp_messages with (security_invoker = true) as select * from public._legacy_whatsapp_messages;
grant all on public.whatsapp_messages to anon, authenticated, service_role;
\endif

-- What there was, to compare with afterwards.
create schema before;
\if :meta
create table before.whatsapp_messages as table emptied;
create table before.meta as table public._legacy_whatsapp_messages;
\else
create table before.whatsapp_messages as
    select w.*, to_jsonb(w) ->> 'message_body' as body from public.whatsapp_messages w;
update before.whatsapp_messages b set body = to_jsonb(b) ->> 'message_content' where b.body is null;
\endif
create table before.message_logs as select * from public.message_logs;
truncate public.trigger_calls;
-- The owner is under the old table's policies too, and sees nothing in it.
\if :renamed
alter table public._legacy_whatsapp_messages force row level security;
\else
alter table public.whatsapp_messages force row level security;
\endif
\endif
commit;
