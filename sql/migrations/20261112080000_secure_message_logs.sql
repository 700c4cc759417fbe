-- Who may see and write messages: staff read all, a user reads what he sent and what is about his own
-- requests, service_role inserts and updates, messaging_owner does the functions' work. Nobody else
-- writes, and none of them deletes.

-- The user of the request, as auth.uid() reads it; null for anything that is no UUID.
create or replace function messaging.current_user_id() returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select case when claim ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' then claim::uuid end
    from coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub') as claim
$$;
comment on function messaging.current_user_id() is 'The JWT''s sub.';

create or replace function messaging.is_staff() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from public.user_roles r
        where r.user_id = messaging.current_user_id() and r.role::text in ('admin', 'manager', 'staff'))
$$;
comment on function messaging.is_staff() is 'Whether the current user is admin, manager or staff.';

create or replace function messaging.own_requests() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select r.id from public.maintenance_requests r where r.created_by = messaging.current_user_id()
$$;
comment on function messaging.own_requests() is 'The maintenance requests that the current user made.';

do $$
declare
    name regprocedure;
begin
    foreach name in array array[
        'messaging.current_user_id()', 'messaging.is_staff()', 'messaging.own_requests()']::regprocedure[]
    loop
        execute format('alter function %s owner to messaging_owner', name);
        execute format('revoke all on function %s from public, anon, service_role', name);
        execute format('grant execute on function %s to authenticated', name);
    end loop;
end
$$;

-- The policies that message_logs had are replaced, all of them: any one would widen what follows.
do $$
declare
    found record;
begin
    for found in
        select p.polname, p.polrelid::regclass as relation
        from pg_policy p
        where p.polrelid = 'public.message_logs'::regclass or p.polname like 'messaging: %'
    loop
        execute format('drop policy %I on %s', found.polname, found.relation);
        if found.polname not like 'messaging: %' then
            raise notice 'policy "%" of message_logs is replaced', found.polname;
        end if;
    end loop;
end
$$;

alter table public.message_logs enable row level security;
revoke all on public.message_logs from public, anon, authenticated, service_role, twilio_cgi;
grant select on public.message_logs to authenticated;
grant select, insert, update on public.message_logs to service_role;
grant select, insert, update on public.message_logs to messaging_owner;

create policy "messaging: staff read all" on public.message_logs
    for select to authenticated using ((select messaging.is_staff()));
create policy "messaging: users read what they sent" on public.message_logs
    for select to authenticated using (sender_id = (select auth.uid()));
create policy "messaging: users read about their requests" on public.message_logs
    for select to authenticated using (request_id in (select messaging.own_requests()));
create policy "messaging: service reads" on public.message_logs
    for select to service_role using (true);
create policy "messaging: service inserts" on public.message_logs
    for insert to service_role with check (true);
create policy "messaging: service updates" on public.message_logs
    for update to service_role using (true) with check (true);
create policy "messaging: functions" on public.message_logs
    for all to messaging_owner using (true) with check (true);

alter table messaging.message_status_events enable row level security;
revoke all on messaging.message_status_events from public, anon, authenticated, service_role, twilio_cgi;
grant select on messaging.message_status_events to authenticated;
create policy "messaging: staff read all" on messaging.message_status_events
    for select to authenticated using ((select messaging.is_staff()));

-- What the functions need of the neighbours, also where those have row-level security.
grant select (id, created_by) on public.maintenance_requests to messaging_owner;
grant select on public.user_roles to messaging_owner;
grant insert on public.notifications to messaging_owner;
create policy "messaging: functions" on public.maintenance_requests
    for select to messaging_owner using (true);
create policy "messaging: functions" on public.user_roles
    for select to messaging_owner using (true);
create policy "messaging: functions" on public.notifications
    for insert to messaging_owner with check (true);

-- Triggers that the functions set off run with the functions' rights.
do $$
declare
    found record;
begin
    for found in
        select t.tgname, t.tgrelid::regclass as relation, p.oid::regprocedure as function
        from pg_trigger t
        join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid in ('public.message_logs'::regclass, 'public.notifications'::regclass)
          and not t.tgisinternal and t.tgenabled <> 'D' and not p.prosecdef
          -- Not what compares or takes apart: is distinct from, extract(epoch from …).
          and regexp_replace(p.prosrc, '--[^\n]*|\mdistinct\s+from\M|\mextract\s*\(\s*\w+\s+from\M', '', 'gi')
              ~* '\m(insert\s+into|update|perform|execute|from|join)\M'
    loop
        raise notice 'trigger % of % does more than look at its row: make % security definer, or grant messaging_owner what it needs',
            found.tgname, found.relation, found.function;
    end loop;
end
$$;

insert into messaging.schema_migrations (version) values ('20261112080000') on conflict do nothing;
