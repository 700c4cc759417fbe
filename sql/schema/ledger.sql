-- The schema, its ledger, and the version that it has reached.

do $$
begin
    if to_regnamespace('messaging') is null then
        create schema messaging authorization messaging_owner;
    end if;
end
$$;

create table if not exists messaging.schema_migrations (
    version text primary key,
    applied_at timestamptz not null default now()
);
comment on table messaging.schema_migrations is 'Migrations and versions of the schema that this database has had.';

-- For --check. A server whose files were replaced while it runs, by an upgrade say, starts backends that
-- cannot load PL/pgSQL any more, which all that is recorded needs: whoever asks for the version is to
-- find that. And the application may have renamed its tables since.
create or replace function messaging.schema_version() returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from pg_class c where c.oid = to_regclass('public.message_logs') and c.relkind = 'v') then
        raise exception using errcode = 'wrong_object_type', message = 'public.message_logs is a view, not the table';
    end if;
    return (select max(m.version) from messaging.schema_migrations m);
end
$$;
comment on function messaging.schema_version() is
    'The newest version of the schema that this database has had; answered only where PL/pgSQL can be loaded.';
