-- A table that is published (Supabase's realtime, all tables, all of a schema) takes no update unless
-- its rows can be told apart: by the primary key, which an existing message_logs may lack, by a unique
-- index that was chosen, or by everything in them.
do $$
declare
    v_index name;
begin
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

insert into messaging.schema_migrations (version) values ('20261104080100') on conflict do nothing;
