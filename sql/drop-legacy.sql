-- Drops messaging.whatsapp_messages_legacy, the frozen former table, for good, and the view
-- public._legacy_message_logs, the name that message_logs had for a while. Refuses while anything in the
-- former is not in message_logs, or while something still reads either.
--
--   psql "$OWNER" -v ON_ERROR_STOP=1 -f sql/drop-legacy.sql

\set ON_ERROR_STOP on
\set QUIET on
\set SHOW_CONTEXT never

begin isolation level read committed;
set local search_path = pg_catalog, pg_temp;
do $$ begin perform set_config(s.name, '0', true) from pg_settings s where s.name = 'transaction_timeout'; end $$;
set local statement_timeout = 0;
set local lock_timeout = 0;
do $$ begin perform pg_advisory_xact_lock(hashtextextended('messaging.migrate', 0)); end $$;
set local lock_timeout = '60s';
set local row_security = off;

do $$
declare
    v_readers text;
begin
    if not exists (
        select from pg_rewrite r
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass('public.message_logs')
        where r.ev_class = to_regclass('public._legacy_message_logs'))
    then
        return;
    end if;
    select string_agg(r, ', ' order by r) into v_readers
    from messaging.legacy_readers('public._legacy_message_logs') as r;
    if v_readers is not null then
        raise exception 'still going by the name of public._legacy_message_logs: %; let them use public.message_logs, or drop them first', v_readers;
    end if;
    drop view public._legacy_message_logs;
    raise notice 'public._legacy_message_logs is gone, the table is public.message_logs';
end
$$;

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
    -- SID, and know of a status as great, and of every time that the old row knows. Its text, media and
    -- error must be there as they are: in their columns or anywhere in metadata; an error may have given
    -- way to that of a later status, which the row then tells by another code or its mark in metadata.
    -- Sender and request must be in a column or in metadata too, but for those that have been deleted
    -- since: their going has emptied the column, and nothing could point to them any more.
    select count(*), (array_agg((l.old ->> 'id')::uuid order by l.old ->> 'id'))[1] into v_missing, v_example
    from (select to_jsonb(w) as old from messaging.whatsapp_messages_legacy w) as l
    cross join lateral (
        select nullif(l.old ->> 'message_body', '') as body, nullif(l.old ->> 'message_content', '') as content,
            nullif(l.old ->> 'media_url', '') as media_url, nullif(l.old ->> 'error_message', '') as error_message,
            nullif(l.old ->> 'error_code', '') as error_code,
            nullif(l.old ->> 'sender_id', '')::uuid as sender_id,
            nullif(l.old ->> 'request_id', '')::uuid as request_id
    ) as o
    left join lateral (
        select m.* from public.message_logs m where m.id = (l.old ->> 'id')::uuid
        union all
        select m.* from public.message_logs m where m.external_id = btrim(l.old ->> 'message_sid')
        limit 1
    ) as m on true
    cross join lateral (
        select coalesce(array_agg(v.value #>> '{}'), '{}') as texts
        from jsonb_path_query(m.metadata, 'strict $.**') as v (value)
        where jsonb_typeof(v.value) in ('string', 'number')
    ) as kept
    where m.id is null
       or nullif(btrim(l.old ->> 'message_sid'), '')
           not in (coalesce(m.external_id, ''), coalesce(m.metadata ->> 'duplicate_external_id', ''))
       or messaging.status_rank(lower(btrim(l.old ->> 'status'))) > coalesce(messaging.status_rank(m.status), -1)
       or l.old ->> 'delivered_at' is not null and m.delivered_at is null
       or l.old ->> 'read_at' is not null and m.read_at is null
       or l.old ->> 'failed_at' is not null and m.failed_at is null
       or o.error_code is not null and m.error_code is null
       or o.body <> all (kept.texts || coalesce(m.message_content, ''))
       or o.content <> all (kept.texts || coalesce(m.message_content, ''))
       or o.media_url <> all (kept.texts || coalesce(m.media_url, ''))
       or o.error_message <> all (kept.texts || coalesce(m.error_message, ''))
           and not (m.error_message is not null
               and (m.error_code is distinct from o.error_code or m.metadata ?| '{error_status,error_message_status}'))
       or o.sender_id is not null and o.sender_id is distinct from m.sender_id and o.sender_id::text <> all (kept.texts)
           and (m.sender_id is not null or exists (select from public.profiles p where p.id = o.sender_id))
       or o.request_id is not null and o.request_id is distinct from m.request_id
           and o.request_id::text <> all (kept.texts)
           and (m.request_id is not null
               or exists (select from public.maintenance_requests r where r.id = o.request_id));
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
