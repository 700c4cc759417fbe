-- For migrate.sql: runs the file :migration of migrations/, once for each database.
select pg_temp.pending(:'migration') as pending \gset
\if :pending
set local client_min_messages = notice;
\ir migrations/:migration.sql
set local client_min_messages = warning;
insert into messaging.schema_migrations (version) values (left(:'migration', 14));
\endif
