-- Brings a supported database to the current schema. Safe to run again, and twice at the same time:
-- one transaction, an advisory lock, a ledger (messaging.schema_migrations). At the first error
-- nothing has happened.
--
--   psql "$OWNER" -v ON_ERROR_STOP=1 -f sql/migrate.sql
--   psql "$OWNER" -v rehearse=1 -f sql/migrate.sql    # does it all, tells of it, undoes it

\set ON_ERROR_STOP on
\set QUIET on
\set SHOW_CONTEXT never

begin isolation level read committed;

-- First, so that a second run waits here and then finds the work done.
do $$ begin perform pg_advisory_xact_lock(hashtextextended('messaging.migrate', 0)); end $$;
-- On a live database give up rather than hold everybody up behind someone's forgotten transaction.
set local lock_timeout = '60s';
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local search_path = pg_catalog, public;
-- Rows that a policy would hide are an error, not rows that are lost.
set local row_security = off;
-- A table is read a few times, and whole.
set local work_mem = '64MB';
set local maintenance_work_mem = '256MB';
set local jit = off;

create function pg_temp.pending(p_version text) returns boolean
language plpgsql
as $$
begin
    -- Not by to_regclass(), which fails where the schema is somebody else's.
    if not exists (
        select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'messaging' and c.relname = 'schema_migrations')
    then
        return true;
    end if;
    return not exists (select from messaging.schema_migrations m where m.version = p_version);
end
$$;

select pg_temp.pending('20261102080000') as pending \gset
\if :pending
\ir migrations/20261102080000_check_starting_point.sql
\endif

select pg_temp.pending('20261102080100') as pending \gset
\if :pending
\ir migrations/20261102080100_create_schema.sql
\endif

select pg_temp.pending('20261103080000') as pending \gset
\if :pending
\ir migrations/20261103080000_create_twilio_errors.sql
\endif

select pg_temp.pending('20261103080100') as pending \gset
\if :pending
\ir migrations/20261103080100_create_status_order.sql
\endif

select pg_temp.pending('20261104080000') as pending \gset
\if :pending
\ir migrations/20261104080000_create_message_logs.sql
\endif

select pg_temp.pending('20261104080100') as pending \gset
\if :pending
\ir migrations/20261104080100_give_replica_identity.sql
\endif

select pg_temp.pending('20261104080200') as pending \gset
\if :pending
\ir migrations/20261104080200_drop_not_null.sql
\endif

select pg_temp.pending('20261105080000') as pending \gset
\if :pending
\ir migrations/20261105080000_move_whatsapp_messages.sql
\endif

select pg_temp.pending('20261106080000') as pending \gset
\if :pending
\ir migrations/20261106080000_constrain_message_logs.sql
\endif

select pg_temp.pending('20261107080000') as pending \gset
\if :pending
\ir migrations/20261107080000_index_message_logs.sql
\endif

select pg_temp.pending('20261109080000') as pending \gset
\if :pending
\ir migrations/20261109080000_create_message_status_events.sql
\endif

select pg_temp.pending('20261110080000') as pending \gset
\if :pending
\ir migrations/20261110080000_create_idempotency_keys.sql
\endif

select pg_temp.pending('20261111080000') as pending \gset
\if :pending
\ir migrations/20261111080000_link_notifications.sql
\endif

select pg_temp.pending('20261112080000') as pending \gset
\if :pending
\ir migrations/20261112080000_secure_message_logs.sql
\endif

select pg_temp.pending('20261113080000') as pending \gset
\if :pending
\ir migrations/20261113080000_create_whatsapp_messages_view.sql
\endif

select pg_temp.pending('20261114080000') as pending \gset
\if :pending
\ir migrations/20261114080000_create_join_status.sql
\endif

select pg_temp.pending('20261116080000') as pending \gset
\if :pending
\ir migrations/20261116080000_create_reserve_message.sql
\endif

select pg_temp.pending('20261117080000') as pending \gset
\if :pending
\ir migrations/20261117080000_create_settle_message.sql
\endif

select pg_temp.pending('20261117080100') as pending \gset
\if :pending
\ir migrations/20261117080100_create_record_status.sql
\endif

select pg_temp.pending('20261118080000') as pending \gset
\if :pending
\ir migrations/20261118080000_create_reconcile_functions.sql
\endif

select pg_temp.pending('20261119080000') as pending \gset
\if :pending
\ir migrations/20261119080000_create_reports.sql
\endif

select pg_temp.pending('20261120080000') as pending \gset
\if :pending
\ir migrations/20261120080000_publish_message_logs.sql
\endif

select pg_temp.pending('20261121080000') as pending \gset
\if :pending
\ir migrations/20261121080000_bound_lock_waits.sql
\endif

select pg_temp.pending('20261122080000') as pending \gset
\if :pending
\ir migrations/20261122080000_accept_writes_of_former_functions.sql
\endif

select pg_temp.pending('20261123080000') as pending \gset
\if :pending
\ir migrations/20261123080000_read_current_user_once.sql
\endif

select pg_temp.pending('20261123080100') as pending \gset
\if :pending
\ir migrations/20261123080100_take_any_metadata.sql
\endif

select pg_temp.pending('20261123080300') as pending \gset
\if :pending
\ir migrations/20261123080300_notify_once.sql
\endif

select pg_temp.pending('20261123080400') as pending \gset
\if :pending
\ir migrations/20261123080400_join_error_texts.sql
\endif

select pg_temp.pending('20261123080600') as pending \gset
\if :pending
\ir migrations/20261123080600_try_notification.sql
\endif

select pg_temp.pending('20261123080700') as pending \gset
\if :pending
\ir migrations/20261123080700_compare_texts_that_differ.sql
\endif

select pg_temp.pending('20261129094700') as pending \gset
\if :pending
\ir migrations/20261129094700_answer_version_in_plpgsql.sql
\endif

drop function pg_temp.pending(text);
select messaging.schema_version() as schema_version \gset
\if :{?rehearse}
rollback;
\echo the messaging schema would be at version :schema_version; nothing has been changed
\else
commit;
\echo the messaging schema is at version :schema_version
\endif
