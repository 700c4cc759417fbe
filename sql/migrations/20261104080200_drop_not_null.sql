-- Columns of message_logs that are empty in most rows or at first. An existing table may have them
-- not null (with an empty default, say), and then no message could be reserved; an empty SID would be
-- every row's, which can be but one's.
do $$
declare
    found record;
begin
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
end
$$;

insert into messaging.schema_migrations (version) values ('20261104080200') on conflict do nothing;
