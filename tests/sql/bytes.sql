-- Bytes a message of each table and index that grows with the messages, as they stand; after life.sql.
select c.relname as name, case c.relkind when 'i' then 'index' else 'table' end as kind,
    round((case c.relkind when 'i' then pg_relation_size(c.oid) else pg_table_size(c.oid) end)::numeric / :messages) as bytes
from pg_class c
join pg_class t on t.oid = coalesce((select i.indrelid from pg_index i where i.indexrelid = c.oid), c.oid)
where t.relkind = 'r' and c.relkind in ('r', 'i')
  and (t.relnamespace = 'messaging'::regnamespace and t.relname <> 'twilio_errors' or t.oid = 'public.message_logs'::regclass)
  and pg_relation_size(t.oid) > 20 * :messages
order by t.relname, c.relkind <> 'r', c.relname;
