-- The version is what --check asks for. A server whose files were replaced while it runs, by an upgrade
-- say, starts backends that cannot load PL/pgSQL any more, which all that is recorded needs: whoever
-- asks for the version is to find that.
create or replace function messaging.schema_version() returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select max(m.version) from messaging.schema_migrations m);
end
$$;
comment on function messaging.schema_version() is
    'Version of the newest migration; answered only where PL/pgSQL can be loaded.';

insert into messaging.schema_migrations (version) values ('20261129094700') on conflict do nothing;
