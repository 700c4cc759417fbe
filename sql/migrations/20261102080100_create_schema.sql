-- The schema, its two roles and the ledger.
--
--   messaging_owner  owns the schema's functions and tables; cannot log in, is no superuser and obeys
--                    row-level security, so whatever the functions may do stands in grants and policies
--   twilio_cgi       what the programs log in as; may call the functions and nothing else; has no
--                    password until the operator gives one

-- Roles belong to the whole cluster: another database's migration may be making them at this moment.
do $$
declare
    wanted record;
    v_enough boolean;
begin
    for wanted in
        select * from (values ('messaging_owner', 'nologin'), ('twilio_cgi', 'login')) as roles (name, options)
    loop
        begin
            if to_regrole(wanted.name) is null then
                execute format('create role %I %s', wanted.name, wanted.options);
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
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
revoke all on schema messaging from public;
grant usage on schema messaging to twilio_cgi, authenticated, service_role;
-- Triggers of the application that our functions set off find their tables where they expect them.
grant usage on schema public to messaging_owner;

create table if not exists messaging.schema_migrations (
    version text primary key,
    applied_at timestamptz not null default now()
);
alter table messaging.schema_migrations owner to messaging_owner;
revoke all on messaging.schema_migrations from public, anon, authenticated, service_role, twilio_cgi;
comment on table messaging.schema_migrations is 'Migrations that this database has had.';

create or replace function messaging.schema_version() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select max(m.version) from messaging.schema_migrations m
$$;
alter function messaging.schema_version() owner to messaging_owner;
revoke all on function messaging.schema_version() from public, anon, authenticated, service_role;
grant execute on function messaging.schema_version() to twilio_cgi;
comment on function messaging.schema_version() is 'Version of the newest migration.';

insert into messaging.schema_migrations (version) values ('20261102080000'), ('20261102080100')
on conflict do nothing;
