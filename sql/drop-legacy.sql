-- Drops messaging.whatsapp_messages_legacy, the frozen former table, for good. Refuses while anything
-- in it is not in message_logs, or while something still reads it.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f sql/drop-legacy.sql

\set ON_ERROR_STOP on
\set QUIET on
\set SHOW_CONTEXT never

begin isolation level read committed;
do $$ begin perform pg_advisory_xact_lock(hashtextextended('messaging.migrate', 0)); end $$;
set local lock_timeout = '60s';
set local statement_timeout = 0;
set local search_path = pg_catalog, public;
set local row_security = off;

do $$
declare
    v_missing bigint;
    v_example uuid;
    v_readers text;
    v_rows bigint;
begin
    if to_regclass('messaging.whatsapp_messages_legacy') is null then
        raise notice 'there is no messaging.whatsapp_messages_legacy: nothing to drop';
        return;
    end if;
    lock table messaging.whatsapp_messages_legacy in access exclusive mode;

    -- By way of jsonb, since not every old table has every column. A message must be there with its
    -- SID, and know of a status as great, and of every time and error that the old row knows.
    select count(*), (array_agg((l.old ->> 'id')::uuid order by l.old ->> 'id'))[1] into v_missing, v_example
    from (select to_jsonb(w) as old from messaging.whatsapp_messages_legacy w) as l
    left join lateral (
        select m.* from public.message_logs m where m.id = (l.old ->> 'id')::uuid
        union all
        select m.* from public.message_logs m where m.external_id = btrim(l.old ->> 'message_sid')
        limit 1
    ) as m on true
    where m.id is null
       or nullif(btrim(l.old ->> 'message_sid'), '')
           not in (coalesce(m.external_id, ''), coalesce(m.metadata ->> 'duplicate_external_id', ''))
       or messaging.status_rank(lower(btrim(l.old ->> 'status'))) > coalesce(messaging.status_rank(m.status), -1)
       or l.old ->> 'delivered_at' is not null and m.delivered_at is null
       or l.old ->> 'read_at' is not null and m.read_at is null
       or l.old ->> 'failed_at' is not null and m.failed_at is null
       or nullif(l.old ->> 'error_code', '') is not null and m.error_code is null;
    if v_missing > 0 then
        raise exception '% rows of messaging.whatsapp_messages_legacy are not or not wholly in message_logs (the first is %): '
            'move or delete them first', v_missing, v_example;
    end if;

    select string_agg(r, ', ' order by r) into v_readers
    from messaging.legacy_readers('messaging.whatsapp_messages_legacy') as r;
    if v_readers is not null then
        raise exception 'still reading messaging.whatsapp_messages_legacy: %; change or drop them first', v_readers;
    end if;

    select count(*) into v_rows from messaging.whatsapp_messages_legacy;
    drop table messaging.whatsapp_messages_legacy;
    drop function messaging.legacy_readers(regclass);
    raise notice 'messaging.whatsapp_messages_legacy is gone, its % rows are in message_logs', v_rows;
end
$$;
commit;
