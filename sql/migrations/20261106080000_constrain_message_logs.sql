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

insert into messaging.schema_migrations (version) values ('20261106080000') on conflict do nothing;
