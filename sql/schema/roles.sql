-- The two roles, the schema and its ledger.
--
--   messaging_owner  owns the schema's functions and tables; cannot log in, is no superuser and obeys
--                    row-level security, so whatever the functions may do stands in grants and policies
--   twilio_cgi       what the programs log in as; may call the functions and nothing else; has no
--                    password until the operator gives one

call pg_temp.make_role('messaging_owner', 'nologin');
call pg_temp.make_role('twilio_cgi', 'login');

do $$
declare
    v_from_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
    v_missing text;
begin
    -- Who is no superuser may give objects to the roles he is a member of; from PostgreSQL 16 on a
    -- role's maker is a member in name only, until he grants himself the rest.
    begin
        if not v_from_16 then
            if not pg_has_role('messaging_owner', 'member') then
                execute format('grant messaging_owner to %I', current_user);
            end if;
        elsif not (pg_has_role('messaging_owner', 'set') and pg_has_role('messaging_owner', 'usage')) then
            execute format('grant messaging_owner to %I with inherit true, set true', current_user);
        end if;
    exception when unique_violation then
        null;
    end;

    v_missing := concat_ws('; ',
        case when not (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
            then format('alter role %I createrole', current_user) end,
        case when v_from_16 and not pg_has_role('twilio_cgi', 'usage with admin option')
            then format('grant twilio_cgi to %I with admin option', current_user) end);
    if v_missing <> '' then
        raise warning 'role % may not give twilio_cgi a password: let a superuser do so, or run %',
            quote_ident(current_user), v_missing;
    end if;
end
$$;

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
