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
    v_enough boolean;
begin
    -- Who is no superuser may give objects to the roles he is a member of; from PostgreSQL 16 on a
    -- role's maker is a member in name only, until he grants himself the rest.
    if current_setting('server_version_num')::integer < 160000 then
        v_enough := pg_has_role('messaging_owner', 'member');
    else
        v_enough := pg_has_role('messaging_owner', 'set') and pg_has_role('messaging_owner', 'usage');
    end if;
    begin
        if not v_enough then
            execute format('grant messaging_owner to %I', current_user);
        end if;
    exception when unique_violation then
        null;
    end;
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
-- find that.
create or replace function messaging.schema_version() returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select max(m.version) from messaging.schema_migrations m);
end
$$;
comment on function messaging.schema_version() is
    'The newest version of the schema that this database has had; answered only where PL/pgSQL can be loaded.';
