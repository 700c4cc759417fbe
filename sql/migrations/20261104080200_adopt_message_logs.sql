-- A message_logs that the application has already: it is given what it lacks, and loses what would stand
-- in the way of the programs. What is in it is taken care of by move_whatsapp_messages.
do $$
declare
    found record;
    v_index name;
begin
    if to_regclass('public.message_logs') is null then
        return;
    end if;

    for found in
        select * from (values
            ('request_id', 'uuid'), ('message_content', 'text'), ('provider', 'text'), ('external_id', 'text'),
            ('metadata', 'jsonb'), ('error_message', 'text'), ('sent_at', 'timestamptz'),
            ('delivered_at', 'timestamptz'), ('created_at', 'timestamptz default now()'),
            ('updated_at', 'timestamptz default now()'), ('sender_id', 'uuid'), ('media_url', 'text'),
            ('error_code', 'text'), ('read_at', 'timestamptz'), ('failed_at', 'timestamptz')
        ) as columns (name, type)
        where not exists (
            select from pg_attribute a
            where a.attrelid = 'public.message_logs'::regclass and a.attname = name and not a.attisdropped)
    loop
        execute format('alter table public.message_logs add column %I %s', found.name, found.type);
    end loop;

    -- Policies: any one would widen what is allowed from now on.
    for found in
        select p.polname from pg_policy p
        where p.polrelid = 'public.message_logs'::regclass and p.polname not like 'messaging: %'
    loop
        execute format('drop policy %I on public.message_logs', found.polname);
        raise notice 'policy "%" of message_logs is replaced', found.polname;
    end loop;

    -- Checks that refuse what is valid now. The words a status may have are Twilio's affair, and
    -- message_content may be empty where a template speaks.
    for found in
        select c.conname, pg_get_constraintdef(c.oid) as definition
        from pg_constraint c
        where c.conrelid = 'public.message_logs'::regclass and c.contype = 'c'
          and exists (
              select from pg_attribute a
              where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
                and (a.attname in ('status', 'message_content', 'notification_stage')
                    or a.attname = 'message_type' and not (pg_get_constraintdef(c.oid) ~ 'sms'
                        and pg_get_constraintdef(c.oid) ~ 'whatsapp')
                    or a.attname = 'provider' and pg_get_constraintdef(c.oid) !~ 'twilio'))
    loop
        execute format('alter table public.message_logs drop constraint %I', found.conname);
        raise notice 'constraint % of message_logs is gone: %', found.conname, found.definition;
    end loop;

    -- Indexes on what a status change writes: each makes every change dearer.
    for found in
        select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
        from pg_index i
        where i.indrelid = 'public.message_logs'::regclass
          and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
          and exists (
              select from pg_depend d
              join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
              where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
                and a.attname in ('status', 'error_code', 'error_message', 'delivered_at', 'read_at',
                    'failed_at', 'updated_at'))
    loop
        execute format('drop index %s', found.name);
        raise notice 'index % of message_logs is gone, it made every status change dearer: %',
            found.name, found.definition;
    end loop;

    -- A length that was enough for yesterday's words. Where a view uses it, it stays if it is enough for
    -- whatever may come.
    for found in
        select a.attname, format_type(a.atttypid, a.atttypmod) as type, a.atttypmod - 4 < w.enough as short
        from (values ('recipient', 16), ('message_type', 8), ('provider', 6), ('status', 11), ('external_id', 66),
            ('error_code', 10), ('notification_stage', 40), ('message_content', 10485760),
            ('error_message', 10485760), ('media_url', 10485760)) as w (name, enough)
        join pg_attribute a on a.attrelid = 'public.message_logs'::regclass and a.attname = w.name
        where not a.attisdropped and a.atttypid = 'character varying'::regtype and a.atttypmod > 0
    loop
        begin
            execute format('alter table public.message_logs alter column %I type text', found.attname);
        exception when feature_not_supported then
            if found.short then
                raise exception 'column message_logs.% is of type % and a view or policy uses it: drop that, make the column text, and create it again',
                    found.attname, found.type;
            end if;
        end;
    end loop;

    -- Columns that are empty in most rows or at first. Where they are not null (with an empty default,
    -- say) no message could be reserved; an empty SID would be every row's, which can be but one's.
    for found in
        select a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) as fallback
        from pg_attribute a
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated = ''
        where a.attrelid = 'public.message_logs'::regclass and not a.attisdropped
          and a.attname in ('request_id', 'sender_id', 'external_id', 'media_url', 'error_code', 'error_message',
              'delivered_at', 'read_at', 'failed_at')
          and (a.attnotnull or d.adbin is not null)
    loop
        if found.attnotnull then
            execute format('alter table public.message_logs alter column %I drop not null', found.attname);
            raise notice 'column % of message_logs may be null now: a message has none at first', found.attname;
        end if;
        if found.fallback is not null then
            execute format('alter table public.message_logs alter column %I drop default', found.attname);
            raise notice 'column % of message_logs has no default any more: %', found.attname, found.fallback;
        end if;
    end loop;

    -- Every row that is written from now on knows when it began, whoever writes it.
    alter table public.message_logs
        alter column id set default gen_random_uuid(),
        alter column provider set default 'twilio',
        alter column status set default 'pending',
        alter column metadata set default '{}',
        alter column sent_at set default now(),
        alter column created_at set default now(),
        alter column updated_at set default now();
    alter table public.message_logs set (fillfactor = 85);

    -- A table that is published (Supabase's realtime, all tables, all of a schema) takes no update unless
    -- its rows can be told apart: by the primary key, which this one may lack, by a unique index that was
    -- chosen, or by everything in them.
    if exists (
        select from pg_class c
        left join pg_index i on i.indrelid = c.oid and i.indisvalid and i.indimmediate
            and (c.relreplident = 'd' and i.indisprimary or c.relreplident = 'i' and i.indisreplident)
        where c.oid = 'public.message_logs'::regclass and c.relreplident <> 'f' and i.indexrelid is null)
    then
        select x.relname into v_index
        from pg_index i
        join pg_class x on x.oid = i.indexrelid
        join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'id' and a.attnotnull
        where i.indrelid = 'public.message_logs'::regclass and i.indisunique and i.indisvalid and i.indimmediate
          and i.indpred is null and i.indexprs is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
        order by not i.indisprimary, x.relname
        limit 1;
        if v_index is not null then
            execute format('alter table public.message_logs replica identity using index %I', v_index);
        else
            alter table public.message_logs replica identity full;
        end if;
        raise notice 'message_logs had no replica identity, without which a published table takes no update: it is % now',
            coalesce('index ' || v_index, 'the whole row');
    end if;
end
$$;
