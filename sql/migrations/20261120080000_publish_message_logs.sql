-- Screens that listened to whatsapp_messages by Supabase's realtime listen to message_logs.
do $$
begin
    if exists (select from pg_publication where pubname = 'supabase_realtime')
        and not exists (
            select from pg_publication_tables
            where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = 'message_logs')
    then
        alter publication supabase_realtime add table public.message_logs;
        raise notice 'publication supabase_realtime has message_logs';
    end if;
exception when insufficient_privilege then
    raise notice 'publication supabase_realtime belongs to another role: let it run '
        'alter publication supabase_realtime add table public.message_logs';
end
$$;
