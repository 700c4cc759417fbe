-- Puts what message_logs holds in order, moves public.whatsapp_messages into it and freezes the old
-- table as messaging.whatsapp_messages_legacy. One transaction: nobody can write a row to the old
-- table after it has been read and before it is out of the way.

-- A list for a notice, cut where it would fill the screen.
create or replace function pg_temp.listed(p_items text[]) returns text
language sql
as $$
    select array_to_string(p_items[1:50], ', ')
        || case when cardinality(p_items) > 50 then format(' and %s more', cardinality(p_items) - 50) else '' end
$$;

do $$
declare
    v_old constant regclass := (
        select c.oid from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relname = 'whatsapp_messages' and c.relkind = 'r'
          and not pg_temp.of_meta(c.oid));
    v_waiting constant text[] := '{sender_id,media_url,read_at,error_code}';
    v_triggers record;
    v_columns text[];
    v_sql text;
    v_before bigint;
    v_all bigint;
    v_there bigint;
    v_moved bigint;
    v_rows bigint;
    v_list text[];
    v_readers text[];
    v_item record;
begin
    lock table public.message_logs in access exclusive mode;
    if v_old is not null then
        execute format('lock table %s in access exclusive mode', v_old);
        alter table public.whatsapp_messages no force row level security;
    end if;
    -- Else the owner would not see what he is to move.
    alter table public.message_logs no force row level security;

    -- The application's triggers are for what happens, not for what is put in order: an old failure is
    -- announced to nobody, and updated_at stays.
    set constraints all immediate;
    create temporary table messaging_triggers on commit drop as
        select t.tgname, t.tgenabled from pg_trigger t
        where t.tgrelid = 'public.message_logs'::regclass and not t.tgisinternal and t.tgenabled <> 'D';
    for v_triggers in select tgname from messaging_triggers loop
        execute format('alter table public.message_logs disable trigger %I', v_triggers.tgname);
    end loop;

    ---- message_logs in order

    -- metadata that is no object (JSON.stringify into jsonb leaves a string) becomes part of one.
    update public.message_logs m
    set metadata = case jsonb_typeof(m.metadata) when 'null' then '{}'
        else jsonb_build_object('former_metadata', m.metadata) end
    where jsonb_typeof(m.metadata) <> 'object';
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
        raise notice '% message_logs rows had metadata that is no object; it is their metadata''s former_metadata',
            v_rows;
    end if;

    -- Nothing is null where a message has none.
    update public.message_logs m
    set error_message = nullif(m.error_message, ''), error_code = nullif(m.error_code, ''),
        media_url = nullif(m.media_url, '')
    where '' in (m.error_message, m.error_code, m.media_url);

    -- Of two rows with one SID, whatever spaces are about it, the older keeps it.
    with placed as (
        select m.id, btrim(m.external_id) as external_id,
            row_number() over (
                partition by btrim(m.external_id) order by coalesce(m.created_at, m.sent_at), m.id) as place
        from public.message_logs m
        where btrim(m.external_id) <> ''),
    doubles as (
        update public.message_logs m
        set external_id = null,
            metadata = coalesce(m.metadata, '{}') || jsonb_build_object('duplicate_external_id', p.external_id)
        from placed p
        where p.id = m.id and p.place > 1
        returning p.external_id)
    select array_agg(distinct d.external_id order by d.external_id), count(*) into v_list, v_rows from doubles d;
    if v_rows > 0 then
        raise notice '% message_logs rows had the SID of an older one; it is in their metadata as duplicate_external_id: %',
            v_rows, pg_temp.listed(v_list);
    end if;

    -- The prefix off recipients, known words in small letters; and what waited in metadata becomes the
    -- columns. What does not fit stays where it is.
    with tidy as materialized (
        select m.id,
            regexp_replace(m.recipient, '^\s*whatsapp:\s*', '', 'i') as recipient,
            nullif(btrim(m.external_id), '') as external_id,
            case when messaging.status_rank(lower(btrim(m.status))) is null then m.status
                else lower(btrim(m.status)) end as status,
            messaging.time_of(m.metadata -> 'read_at') as read_at,
            case when jsonb_typeof(m.metadata -> 'media_url') = 'string'
                then nullif(m.metadata ->> 'media_url', '') end as media_url,
            case when jsonb_typeof(m.metadata -> 'error_code') in ('string', 'number')
                then nullif(m.metadata ->> 'error_code', '') end as error_code,
            p.id as sender_id,
            coalesce(m.metadata ?| v_waiting, false) as waiting
        from public.message_logs m
        left join public.profiles p on p.id::text = lower(m.metadata ->> 'sender_id')
        where m.recipient ~* '^\s*whatsapp:'
           or m.external_id <> btrim(m.external_id) or m.external_id = ''
           or m.status <> lower(btrim(m.status)) and messaging.status_rank(lower(btrim(m.status))) is not null
           or m.metadata ?| v_waiting),
    tidied as (
        update public.message_logs m
        set recipient = t.recipient,
            external_id = t.external_id,
            status = t.status,
            read_at = coalesce(m.read_at, t.read_at),
            media_url = coalesce(m.media_url, t.media_url),
            error_code = coalesce(m.error_code, t.error_code),
            sender_id = coalesce(m.sender_id, t.sender_id),
            metadata = m.metadata - array_remove(array[
                case when coalesce(m.read_at, t.read_at) = t.read_at then 'read_at' end,
                case when coalesce(m.media_url, t.media_url) = t.media_url then 'media_url' end,
                case when coalesce(m.error_code, t.error_code) = t.error_code then 'error_code' end,
                case when coalesce(m.sender_id, t.sender_id) = t.sender_id then 'sender_id' end,
                -- A null or nothing says no more than the column's own null.
                case when m.metadata -> 'read_at' in ('null', '""') then 'read_at' end,
                case when m.metadata -> 'media_url' in ('null', '""') then 'media_url' end,
                case when m.metadata -> 'error_code' in ('null', '""') then 'error_code' end,
                case when m.metadata -> 'sender_id' in ('null', '""') then 'sender_id' end], null)
        from tidy t
        where t.id = m.id
        returning t.waiting)
    select count(*) filter (where t.waiting) into v_rows from tidied t;
    if v_rows > 0 then
        raise notice '% message_logs rows had sender_id, media_url, read_at or error_code in metadata', v_rows;
    end if;

    -- What the foreign keys that follow would not take.
    update public.message_logs m
    set sender_id = null, metadata = coalesce(m.metadata, '{}') || jsonb_build_object('sender_id', m.sender_id)
    where m.sender_id is not null and not exists (select from public.profiles p where p.id = m.sender_id);
    update public.message_logs m
    set request_id = null, metadata = coalesce(m.metadata, '{}') || jsonb_build_object('request_id', m.request_id)
    where m.request_id is not null
      and not exists (select from public.maintenance_requests r where r.id = m.request_id);
    get diagnostics v_rows = row_count;
    if v_rows > 0 then
        raise notice '% message_logs rows had a request_id without a maintenance request; it is in metadata', v_rows;
    end if;

    ---- the old table's rows

    if v_old is not null then
        select array_agg(a.attname::text order by a.attnum) into v_columns
        from pg_attribute a where a.attrelid = v_old and a.attnum > 0 and not a.attisdropped;

        -- Columns are taken where they are. Those that nobody expected go to metadata, with what is in
        -- them; so does the second of two different texts.
        with w (name, sources, type, expression) as (values
            ('id', '{id}'::text[], 'uuid', '$'),
            ('sid', '{message_sid}', 'text', 'nullif(btrim($), '''')'),
            ('sender_id', '{sender_id}', 'uuid', '$'),
            ('recipient', '{recipient_phone}', 'text',
                'coalesce(regexp_replace($, ''^\s*whatsapp:\s*'', '''', ''i''), '''')'),
            ('content', '{message_body,message_content}', 'text', 'coalesce($, '''')'),
            ('status', '{status}', 'text',
                'coalesce(case when messaging.status_rank(lower(btrim($))) is null then $ '
                'else lower(btrim($)) end, ''pending'')'),
            ('request_id', '{request_id}', 'uuid', '$'),
            ('media_url', '{media_url}', 'text', '$'),
            ('sent_at', '{sent_at,created_at}', 'timestamptz', '$'),
            ('delivered_at', '{delivered_at}', 'timestamptz', '$'),
            ('read_at', '{read_at}', 'timestamptz', '$'),
            ('failed_at', '{failed_at}', 'timestamptz', '$'),
            ('error_code', '{error_code}', 'text', 'nullif($::text, '''')'),
            ('error_message', '{error_message}', 'text', 'nullif($, '''')'),
            ('created_at', '{created_at,sent_at,updated_at}', 'timestamptz', 'coalesce($, now())'),
            ('updated_at', '{updated_at,created_at}', 'timestamptz', 'coalesce($, now())')
        ),
        taken as (select array_agg(s) as columns from w cross join unnest(w.sources) as s)
        select 'create temporary table messaging_raw on commit drop as select '
            || string_agg(
                case when w.sources && v_columns
                    then format('%s as %I', replace(w.expression, '$', (
                        select 'coalesce(' || string_agg(format(
                            case w.name when 'content' then 'nullif(w.%I, '''')' else 'w.%I' end, s), ', ') || ')'
                        from unnest(w.sources) as s where s = any (v_columns))), w.name)
                    else format('null::%s as %I', w.type, w.name) end, ', ')
            || ', ' || case when v_columns <@ min(t.columns) then '''{}''::jsonb'
                else format('(select coalesce(jsonb_object_agg(e.key, e.value), ''{}'')
                    from jsonb_each(to_jsonb(w) - %L::text[]) as e where e.value <> ''null'')', min(t.columns)) end
            || case when v_columns @> '{message_body,message_content}'
                then $text$ || case when nullif(w.message_content, '') <> nullif(w.message_body, '')
                    then jsonb_build_object('message_content', w.message_content) else '{}' end$text$
                else '' end
            || ' as extra from public.whatsapp_messages w'
        into v_sql
        from w cross join taken t;
        execute v_sql;

        -- Unique with spaces, and not without them.
        with placed as (
            select o.id, o.sid, row_number() over (partition by o.sid order by o.created_at, o.id) as place
            from messaging_raw o
            where o.sid is not null),
        doubles as (
            update messaging_raw o
            set sid = null, extra = o.extra || jsonb_build_object('duplicate_external_id', p.sid)
            from placed p
            where p.id = o.id and p.place > 1
            returning p.sid)
        select array_agg(d.sid order by d.sid), count(*) into v_list, v_rows from doubles d;
        if v_rows > 0 then
            raise notice '% old rows have the SID of an older one; it is in their metadata as duplicate_external_id: %',
                v_rows, pg_temp.listed(v_list);
        end if;
        analyze messaging_raw;

        -- One message, not two: the same id, or the same SID. Senders without a profile and requests
        -- that are gone go to metadata.
        create temporary table messaging_old on commit drop as
        select o.id, o.sid, p.id as sender_id, o.recipient, o.content, o.status, r.id as request_id, o.media_url,
            o.sent_at, o.delivered_at, o.read_at, o.failed_at, o.error_code, o.error_message, o.created_at,
            o.updated_at,
            o.extra || case when p.id is null and o.sender_id is not null
                    then jsonb_build_object('sender_id', o.sender_id) else '{}' end
                || case when r.id is null and o.request_id is not null
                    then jsonb_build_object('request_id', o.request_id) else '{}' end as extra,
            same_id.id as same_id, same_sid.id as same_sid, same_id.external_id as sid_of_same_id
        from messaging_raw o
        left join public.profiles p on p.id = o.sender_id
        left join public.maintenance_requests r on r.id = o.request_id
        left join public.message_logs same_id on same_id.id = o.id
        left join public.message_logs same_sid on same_sid.external_id = o.sid;
        create index on messaging_old (id);
        analyze messaging_old;

        select count(*) into v_rows from messaging_old o
        where o.request_id is null and o.extra ? 'request_id';
        if v_rows > 0 then
            raise notice '% old rows have a request_id without a maintenance request; it is in metadata', v_rows;
        end if;

        -- An id counts for more than a SID: a row that has the SID of one old message and the id of
        -- another is the latter. A SID that another row of message_logs keeps goes to metadata.
        with doubles as (
            update messaging_old o
            set sid = null, same_sid = null, extra = o.extra || jsonb_build_object('duplicate_external_id', o.sid)
            where o.same_sid <> o.same_id
               or o.sid_of_same_id <> o.sid
               or o.same_id is null and o.same_sid is not null
                   and exists (select from messaging_old other where other.id = o.same_sid)
            returning o.extra ->> 'duplicate_external_id' as sid)
        select array_agg(d.sid order by d.sid), count(*) into v_list, v_rows from doubles d;
        if v_rows > 0 then
            raise notice '% old rows have the SID of another message; it is in their metadata as duplicate_external_id: %',
                v_rows, pg_temp.listed(v_list);
        end if;

        select count(*) into v_before from public.message_logs;
        select count(*), count(coalesce(o.same_id, o.same_sid)) into v_all, v_there from messaging_old o;

        -- What the old row knows and the new one lacks; the status is the greater one. Where both know
        -- something else, the new one's counts and the old one's is kept in metadata.
        update public.message_logs m
        set message_type = 'whatsapp',
            recipient = coalesce(nullif(m.recipient, ''), o.recipient),
            message_content = coalesce(nullif(m.message_content, ''), o.content),
            provider = coalesce(m.provider, 'twilio'),
            external_id = coalesce(m.external_id, o.sid),
            status = messaging.greater_status(m.status, o.status),
            sender_id = coalesce(m.sender_id, o.sender_id),
            request_id = coalesce(m.request_id, o.request_id),
            media_url = coalesce(m.media_url, o.media_url),
            sent_at = coalesce(m.sent_at, o.sent_at),
            delivered_at = coalesce(m.delivered_at, o.delivered_at),
            read_at = coalesce(m.read_at, o.read_at),
            failed_at = coalesce(m.failed_at, o.failed_at),
            error_code = coalesce(m.error_code, o.error_code),
            error_message = coalesce(m.error_message,
                case when m.error_code is null or m.error_code = o.error_code or o.error_code is null
                    then o.error_message end),
            created_at = coalesce(m.created_at, o.created_at),
            updated_at = coalesce(m.updated_at, o.updated_at),
            metadata = o.extra || case
                when m.sender_id is not null or o.sender_id is not null
                then coalesce(m.metadata, '{}') - 'sender_id' || case
                    when m.metadata ? 'sender_id' and m.metadata ->> 'sender_id' <> coalesce(m.sender_id, o.sender_id)::text
                    then jsonb_build_object('sender_id', m.metadata -> 'sender_id') else '{}' end
                else coalesce(m.metadata, '{}') end || case
                -- A word outside the order gives way to one inside, and is kept.
                when messaging.status_rank(m.status) is null and m.status <> o.status
                    and messaging.greater_status(m.status, o.status) = o.status
                then jsonb_build_object('former_status', m.status)
                when messaging.status_rank(o.status) is null and m.status <> o.status
                    and messaging.greater_status(m.status, o.status) = m.status
                then jsonb_build_object('former_status', o.status)
                else '{}' end
                || jsonb_strip_nulls(jsonb_build_object(
                    'former_message_content', case when nullif(m.message_content, '') <> nullif(o.content, '')
                        then o.content end,
                    'former_media_url', case when m.media_url <> nullif(o.media_url, '') then o.media_url end,
                    'former_error_code', case when m.error_code <> o.error_code then o.error_code end,
                    'former_error_message', case when m.error_message <> o.error_message
                        or m.error_message is null and m.error_code <> o.error_code then o.error_message end,
                    'former_sender_id', case when m.sender_id <> o.sender_id then o.sender_id end,
                    'former_request_id', case when m.request_id <> o.request_id then o.request_id end))
        from messaging_old o
        where m.id = coalesce(o.same_id, o.same_sid);
        get diagnostics v_rows = row_count;
        if v_rows <> v_there then
            raise exception 'moving whatsapp_messages went wrong: % of % rows that are in message_logs were met',
                v_rows, v_there;
        end if;

        insert into public.message_logs
            (id, request_id, recipient, message_type, message_content, provider, status, external_id, metadata,
             error_message, sent_at, delivered_at, created_at, updated_at, sender_id, media_url, error_code,
             read_at, failed_at)
        select o.id, o.request_id, o.recipient, 'whatsapp', o.content, 'twilio', o.status, o.sid, o.extra,
            o.error_message, o.sent_at, o.delivered_at, o.created_at, o.updated_at, o.sender_id, o.media_url,
            o.error_code, o.read_at, o.failed_at
        from messaging_old o
        where o.same_id is null and o.same_sid is null;
        get diagnostics v_moved = row_count;

        select count(*) into v_rows from public.message_logs;
        if v_moved + v_there <> v_all or v_rows <> v_before + v_moved then
            raise exception 'moving whatsapp_messages went wrong: % rows, of which % were there and % moved, made % of %',
                v_all, v_there, v_moved, v_rows, v_before;
        end if;
        select count(*) into v_rows
        from messaging_old o
        where not exists (select from public.message_logs m where m.id = o.id)
          and not exists (select from public.message_logs m where m.id = o.same_sid and m.external_id = o.sid);
        if v_rows > 0 then
            raise exception 'moving whatsapp_messages went wrong: % rows did not arrive', v_rows;
        end if;
        raise notice 'whatsapp_messages: % rows, % moved to message_logs, % were there already', v_all, v_moved, v_there;
    end if;

    select array_agg(distinct m.metadata ->> 'sender_id'), count(*) into v_list, v_rows
    from public.message_logs m
    where m.sender_id is null and m.metadata ? 'sender_id';
    if v_rows > 0 then
        raise notice '% messages have a sender without a profile; it is in metadata: %', v_rows, pg_temp.listed(v_list);
    end if;

    for v_triggers in select * from messaging_triggers loop
        execute format('alter table public.message_logs enable %s trigger %I',
            case v_triggers.tgenabled when 'R' then 'replica' when 'A' then 'always' else '' end, v_triggers.tgname);
    end loop;

    ---- the old table is frozen

    if v_old is not null then
        select array_agg(r order by r) into v_readers from messaging.legacy_readers(v_old) as r;

        for v_item in
            select p.pubname from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
            where r.prrelid = v_old
        loop
            begin
                execute format('alter publication %I drop table public.whatsapp_messages', v_item.pubname);
                raise notice 'publication % no longer has whatsapp_messages', v_item.pubname;
            exception when insufficient_privilege then
                raise notice 'publication % belongs to another role: let it run alter publication % drop table messaging.whatsapp_messages_legacy',
                    v_item.pubname, quote_ident(v_item.pubname);
            end;
        end loop;
        for v_item in
            select t.tgname, t.tgfoid::regprocedure as function, t.tgtype & 2 = 0 as comes_after from pg_trigger t
            where t.tgrelid = v_old and not t.tgisinternal
        loop
            execute format('drop trigger %I on public.whatsapp_messages', v_item.tgname);
            -- One that comes before only keeps its row in order.
            if v_item.comes_after then
                raise notice 'trigger % of whatsapp_messages is dropped: let what % does be a trigger of message_logs, where it is still wanted',
                    v_item.tgname, v_item.function;
            end if;
        end loop;
        -- A user or request that is deleted later finds no obstacle here, and deletes nothing here.
        for v_item in
            select c.conname from pg_constraint c where c.conrelid = v_old and c.contype = 'f'
        loop
            execute format('alter table public.whatsapp_messages drop constraint %I', v_item.conname);
        end loop;
        -- Whose query reads it through a policy or a view of his own needs its select policies and
        -- grants; where nothing does, nobody sees it.
        for v_item in
            select p.polname from pg_policy p
            where p.polrelid = v_old and (v_readers is null or p.polcmd not in ('r', '*'))
        loop
            execute format('drop policy %I on public.whatsapp_messages', v_item.polname);
        end loop;
        for v_item in
            select distinct case x.grantee when 0 then 'public' else x.grantee::regrole::text end as name
            from pg_class c cross join aclexplode(c.relacl) as x
            where c.oid = v_old and x.grantee <> c.relowner
        loop
            execute format('revoke %s on public.whatsapp_messages from %s', case when v_readers is null then 'all'
                else 'insert, update, delete, truncate, references, trigger' end, v_item.name);
        end loop;
        if v_readers is null then
            alter table public.whatsapp_messages enable row level security;
        else
            raise notice 'still reading the old table, now messaging.whatsapp_messages_legacy: %',
                array_to_string(v_readers, ', ');
        end if;
        select array_agg(pg_describe_object('pg_proc'::regclass, p.oid, 0)) into v_list
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prosrc ~ '\mwhatsapp_messages\M' and n.nspname not in ('messaging', 'pg_catalog')
          and n.nspname not like 'pg\_temp\_%';
        if v_list is not null then
            raise notice 'naming whatsapp_messages, which is a view from now on that service_role alone may write to: %',
                array_to_string(v_list, ', ');
        end if;

        alter table public.whatsapp_messages set schema messaging;
        alter table messaging.whatsapp_messages rename to whatsapp_messages_legacy;
        comment on table messaging.whatsapp_messages_legacy is
            'The former public.whatsapp_messages, frozen; all of it is in message_logs. sql/drop-legacy.sql drops it.';
    end if;
end
$$;

drop function pg_temp.listed(text[]);
