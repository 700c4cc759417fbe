-- The foreign keys of message_logs, under the names that the programs know them by: 23503 on one of
-- them tells what was missing. What an existing table has instead is renamed or replaced.
do $$
declare
    wanted record;
    found record;
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
                'alter table public.message_logs add constraint %I foreign key (%I) references %s (id)
                 on delete set null', wanted.name, wanted.column_name, wanted.target);
        end if;
    end loop;
end
$$;

-- The indexes of message_logs: one for each query that exists, and none on a column that a status
-- change writes, so that it stays on its page (HOT).
do $$
declare
    found record;
    wanted record;
    v_fits boolean;
begin
    -- One of the same columns under another name will do, for all rows too. Ours were for all rows once.
    for wanted in
        select * from (values
            ('message_logs_external_id_key', true, '{external_id}'::text[], '(external_id IS NOT NULL)'),
            ('message_logs_sender_id_created_at_idx', false, '{sender_id,created_at}', '(sender_id IS NOT NULL)'),
            ('message_logs_request_id_idx', false, '{request_id}', '(request_id IS NOT NULL)'),
            ('message_logs_recipient_idx', false, '{recipient}', null),
            ('message_logs_sent_at_idx', false, '{sent_at}', null),
            ('message_logs_created_at_idx', false, '{created_at}', null)
        ) as indexes (name, is_unique, columns, predicate)
    loop
        v_fits := false;
        for found in
            select i.indexrelid::regclass::text as name, i.indisunique or wanted.predicate is null
                or i.indpred is not null or c.relname <> wanted.name as fits
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            join pg_am m on m.oid = c.relam and m.amname = 'btree'
            where i.indrelid = 'public.message_logs'::regclass and i.indisvalid and i.indexprs is null
              and i.indnkeyatts = i.indnatts and i.indisunique = wanted.is_unique
              and (i.indpred is null
                  or pg_get_expr(i.indpred, i.indrelid) = wanted.predicate
                  or c.relname = wanted.name)
              and wanted.columns = (
                  select array_agg(a.attname::text order by k.place)
                  from unnest(i.indkey) with ordinality as k (attnum, place)
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum)
        loop
            if not found.fits then
                execute format('drop index %s', found.name);
            end if;
            v_fits := v_fits or found.fits;
        end loop;
        if not v_fits then
            execute format('create %s index %I on public.message_logs (%s) %s',
                case when wanted.is_unique then 'unique' else '' end, wanted.name,
                array_to_string(wanted.columns, ', '), 'where ' || wanted.predicate);
        end if;
    end loop;

    -- The plain one on external_id that the unique one makes superfluous.
    for found in
        select i.indexrelid::regclass::text as name
        from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'external_id'
        where i.indrelid = 'public.message_logs'::regclass and not i.indisunique
          and i.indnatts = 1 and i.indkey[0] = a.attnum and i.indpred is null
    loop
        execute format('drop index %s', found.name);
    end loop;
end
$$;
