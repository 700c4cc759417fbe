-- notifications.message_log_id: the message that a notification is about.
alter table public.notifications add column if not exists message_log_id uuid;

do $$
declare
    found record;
begin
    -- One that pointed at the old table's messages points at the same messages in their new place.
    for found in
        select c.conname
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'message_log_id'
        where c.conrelid = 'public.notifications'::regclass and c.contype = 'f' and c.conkey = array[a.attnum]
          and c.confrelid <> 'public.message_logs'::regclass
    loop
        execute format('alter table public.notifications drop constraint %I', found.conname);
    end loop;
    if not exists (
        select from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'message_log_id'
        where c.conrelid = 'public.notifications'::regclass and c.contype = 'f' and c.conkey = array[a.attnum])
    then
        alter table public.notifications
            add constraint notifications_message_log_id_fkey
            foreign key (message_log_id) references public.message_logs (id) on delete set null not valid;
        begin
            alter table public.notifications validate constraint notifications_message_log_id_fkey;
        exception when foreign_key_violation then
            raise notice 'some notifications have a message_log_id of no message: the foreign key holds for new ones';
        end;
    end if;
end
$$;
create index if not exists notifications_message_log_id_idx
    on public.notifications (message_log_id) where message_log_id is not null;
comment on column public.notifications.message_log_id is 'The message that this is about.';
