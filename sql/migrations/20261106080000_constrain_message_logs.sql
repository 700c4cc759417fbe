-- The foreign keys of message_logs, under the names that the programs know them by: 23503 on one of
-- them tells what was missing. What an existing table has instead is renamed or replaced; a value
-- that points nowhere goes to metadata.
do $$
declare
    wanted record;
    found record;
    moved bigint;
begin
    for wanted in
        select * from (values
            ('request_id', 'public.maintenance_requests'::regclass, 'message_logs_request_id_fkey'),
            ('sender_id', 'public.profiles'::regclass, 'message_logs_sender_id_fkey')
        ) as keys (column_name, target, name)
    loop
        for found in
            select c.conname, c.confrelid = wanted.target and c.confdeltype = 'n' and c.convalidated
                    and not c.condeferrable and c.confkey = array[t.attnum]
                    and row_number() over (order by c.conname <> wanted.name, c.oid) = 1 as fits
            from pg_constraint c
            join pg_attribute a on a.attrelid = c.conrelid and a.attname = wanted.column_name
            join pg_attribute t on t.attrelid = wanted.target and t.attname = 'id'
            where c.conrelid = 'public.message_logs'::regclass and c.contype = 'f' and c.conkey = array[a.attnum]
        loop
            if not found.fits then
                execute format('alter table public.message_logs drop constraint %I', found.conname);
            elsif found.conname <> wanted.name then
                execute format('alter table public.message_logs rename constraint %I to %I',
                    found.conname, wanted.name);
            end if;
        end loop;

        if not exists (
            select from pg_constraint c
            where c.conrelid = 'public.message_logs'::regclass and c.conname = wanted.name)
        then
            execute format(
                'update public.message_logs m
                 set metadata = coalesce(m.metadata, ''{}'') || jsonb_build_object(%1$L, m.%1$I), %1$I = null
                 where m.%1$I is not null and not exists (select from %2$s t where t.id = m.%1$I)',
                wanted.column_name, wanted.target);
            get diagnostics moved = row_count;
            if moved > 0 then
                raise notice '% message_logs rows have a % without a row in %: it is in metadata now',
                    moved, wanted.column_name, wanted.target;
            end if;
            execute format(
                'alter table public.message_logs add constraint %I foreign key (%I) references %s (id)
                 on delete set null', wanted.name, wanted.column_name, wanted.target);
        end if;
    end loop;
end
$$;

-- Checks of an existing table that refuse what is valid now. The words a status may have are Twilio's
-- affair, and message_content may be empty where a template speaks.
do $$
declare
    found record;
begin
    for found in
        select c.conname, pg_get_constraintdef(c.oid) as definition
        from pg_constraint c
        where c.conrelid = 'public.message_logs'::regclass and c.contype = 'c'
          and exists (
              select from pg_attribute a
              where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
                and (a.attname in ('status', 'message_content')
                    or a.attname = 'message_type' and not (pg_get_constraintdef(c.oid) ~ 'sms'
                        and pg_get_constraintdef(c.oid) ~ 'whatsapp')
                    or a.attname = 'provider' and pg_get_constraintdef(c.oid) !~ 'twilio'))
    loop
        execute format('alter table public.message_logs drop constraint %I', found.conname);
        raise notice 'constraint % of message_logs is gone: %', found.conname, found.definition;
    end loop;
end
$$;

insert into messaging.schema_migrations (version) values ('20261106080000') on conflict do nothing;
