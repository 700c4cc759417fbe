-- What Supabase and the application would have provided, for a plain PostgreSQL without them: the
-- roles, auth.uid() and the neighbouring tables, as small as messaging needs them. What is there
-- already is left as it is, so the file may be run again.
--
--   psql "$OWNER" -f sql/standalone.sql
--   psql "$OWNER" -f sql/migrate.sql

\set ON_ERROR_STOP on
\set QUIET on
begin;
\ir prepare.sql

call pg_temp.make_role('anon', 'nologin noinherit');
call pg_temp.make_role('authenticated', 'nologin noinherit');
call pg_temp.make_role('service_role', 'nologin noinherit bypassrls');

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

create table if not exists auth.users (
    id uuid primary key default gen_random_uuid(),
    email text,
    created_at timestamptz not null default now()
);

do $$
begin
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid
        language sql stable
        as $uid$
            select coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $uid$;
    end if;
end
$$;

create table if not exists public.profiles (
    id uuid primary key default gen_random_uuid(),
    full_name text,
    phone text,
    created_at timestamptz not null default now()
);

create table if not exists public.user_roles (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    role text not null,
    unique (user_id, role)
);

create table if not exists public.maintenance_requests (
    id uuid primary key default gen_random_uuid(),
    title text,
    status text,
    created_by uuid,
    created_at timestamptz not null default now()
);

create table if not exists public.notifications (
    id uuid primary key default gen_random_uuid(),
    title text,
    message text,
    type text,
    recipient_id uuid not null,
    sender_id uuid,
    entity_type text,
    entity_id uuid,
    read_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- The application's internal messages; not ours.
create table if not exists public.messages (
    id uuid primary key default gen_random_uuid(),
    sender_id uuid,
    recipient_id uuid,
    body text,
    created_at timestamptz not null default now()
);

commit;
