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

create or replace function messaging.is_staff() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from public.user_roles r
        where r.user_id = (select messaging.current_user_id())
          and r.role::text in ('admin', 'manager', 'staff'))
$$;
comment on function messaging.is_staff() is 'Whether the current user is admin, manager or staff.';

create or replace function messaging.own_requests() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select r.id from public.maintenance_requests r
    where r.created_by = (select messaging.current_user_id())
$$;
comment on function messaging.own_requests() is 'The maintenance requests that the current user made.';
