-- Who asks, as policies and reports want to know it.

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

-- Which of the application's roles are staff, and which are told of a failed message that nobody sent
-- (no sender, and no request). Filled once, and the operator's to change from then on.
do $$
begin
    if to_regclass('messaging.staff_roles') is null then
        create table messaging.staff_roles (role text primary key);
        insert into messaging.staff_roles values ('owner'), ('admin'), ('manager'), ('staff');
    end if;
end
$$;
create table if not exists messaging.failure_readers (role text primary key);
comment on table messaging.staff_roles is 'Roles of public.user_roles that are staff: they read all messages.';
comment on table messaging.failure_readers is
    'Roles of public.user_roles that are notified of a failed message which has neither sender nor request.';

create or replace function messaging.is_staff() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from public.user_roles r
        join messaging.staff_roles s on s.role = r.role::text
        where r.user_id = (select messaging.current_user_id()))
$$;
comment on function messaging.is_staff() is 'Whether the current user has a role of messaging.staff_roles.';

create or replace function messaging.own_requests() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select r.id from public.maintenance_requests r
    where r.created_by = (select messaging.current_user_id())
$$;
comment on function messaging.own_requests() is 'The maintenance requests that the current user made.';
