-- The schema's version, and the only place where it stands. Who changes what migrate.sql does writes the
-- time here (UTC, YYYYMMDDhhmmss; it only grows).
insert into messaging.schema_migrations (version) values ('20261129100500') on conflict do nothing;
