-- Brings a supported database to the current schema. Safe to run again, and twice at the same time:
-- one transaction, an advisory lock, a ledger (messaging.schema_migrations). At the first error
-- nothing has happened.
--
--   psql "$OWNER" -v ON_ERROR_STOP=1 -f sql/migrate.sql
--   psql "$OWNER" -v rehearse=1 -f sql/migrate.sql    # does it all, tells of it, undoes it
--
-- schema/ says what is, each thing once, and is applied at every run; migrations/ moves what was there
-- before, once. The list below is in the order in which they need, and explain, each other.
--
-- To change something, change it where it stands, and write the time into schema/version.sql. What
-- CREATE OR REPLACE cannot do:
--   * other parameters: drop function if exists FORMER SIGNATURE, before the function. Programs of the
--     release before go on beside new ones: what they call stays callable with what they give it, so new
--     parameters go last and have defaults; tests/sql/former_calls.txt has their statements. Their living
--     connections have prepared them with the types of before: a parameter's new type that the old one is
--     cast to by itself (date, timestamptz) would read what it gets in the old one, so it gets a new name
--   * another result, other columns of a view: call pg_temp.drop_former, before it
--   * indexes, policies, new columns; triggers and views of those who send: call pg_temp.keep, which locks
--     nothing that is as it should be
-- Owner, row-level security and revoking are done in schema/access.sql for everything in the schema; there
-- it is granted what it needs.

\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set QUIET on
\set SHOW_CONTEXT never

begin isolation level read committed;
\ir prepare.sql

\ir migrations/20261102080000_check_starting_point.sql
\ir schema/roles.sql
\ir schema/ledger.sql
\ir schema/status_order.sql

\ir schema/legacy_readers.sql
\ir schema/former_names.sql
\set migration 20261104080200_adopt_message_logs \ir once.sql
\ir schema/message_logs.sql
\set migration 20261105080000_move_whatsapp_messages \ir once.sql
\ir schema/message_logs_indexes.sql

\ir schema/errors.sql
\ir schema/twilio_errors.sql
\ir schema/events.sql
\ir schema/keys.sql
\set migration 20261129131000_shorten_idempotency_keys \ir once.sql
\ir schema/remains.sql
\ir schema/phone_numbers.sql

\set migration 20261111080000_link_notifications \ir once.sql
\ir schema/notifications.sql
\ir schema/follow_ups.sql
\ir schema/join.sql
\ir schema/withdraw.sql
\ir schema/reserve.sql
\ir schema/settle.sql
\ir schema/record.sql
\ir schema/record_together.sql
\ir schema/reconcile.sql

\set migration 20261129090100_pair_errors_and_read_times \ir once.sql
\ir schema/rows_of_others.sql
\ir schema/inbound.sql
\ir schema/stage.sql
\ir schema/whatsapp_messages.sql
\ir schema/legacy_message_logs.sql
\ir schema/users.sql
\ir schema/daily_totals.sql
\ir schema/message_reports.sql
\ir schema/dead_numbers.sql
\ir schema/keeping.sql
\ir schema/report_figures.sql
\ir schema/metrics.sql

\ir schema/access.sql
\set migration 20261120080000_publish_message_logs \ir once.sql
\set migration 20261129095900_look_at_neighbours \ir once.sql
\ir schema/version.sql

select messaging.schema_version() as schema_version \gset
\if :{?rehearse}
rollback;
\echo the messaging schema would be at version :schema_version; nothing has been changed
\else
commit;
\echo the messaging schema is at version :schema_version
\endif
