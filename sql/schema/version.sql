-- The schema's version, and the only place where it stands. Who releases a change of what migrate.sql does
-- writes the time here (UTC, YYYYMMDDhhmm00; it only grows).
insert into messaging.schema_migrations (version) values ('20261130072000') on conflict do nothing;
