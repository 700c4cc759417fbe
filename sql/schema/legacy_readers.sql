-- What reads a table or view of before and is not part of it: it goes on reading it. Needed until
-- sql/drop-legacy.sql, which drops it too.
create or replace function messaging.legacy_readers(p_table regclass) returns setof text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select distinct case
        when d.classid = 'pg_rewrite'::regclass then (
            select pg_describe_object('pg_class'::regclass, r.ev_class, 0) from pg_rewrite r where r.oid = d.objid)
        else pg_describe_object(d.classid, d.objid, 0) end
    from pg_class c
    join pg_depend d
        on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
        or d.refclassid = 'pg_type'::regclass
            and d.refobjid in (select t.oid from pg_type t where t.oid = c.reltype
                union all select t.typarray from pg_type t where t.oid = c.reltype)
    where c.oid = p_table
      and d.deptype = 'n'
      and not (d.classid = 'pg_class'::regclass and d.objid = c.oid)
      and not exists (select from pg_constraint o
          where d.classid = 'pg_constraint'::regclass and o.oid = d.objid and o.conrelid = c.oid)
      and not exists (select from pg_policy o
          where d.classid = 'pg_policy'::regclass and o.oid = d.objid and o.polrelid = c.oid)
      and not exists (select from pg_trigger o
          where d.classid = 'pg_trigger'::regclass and o.oid = d.objid and o.tgrelid = c.oid)
      and not exists (select from pg_rewrite o
          where d.classid = 'pg_rewrite'::regclass and o.oid = d.objid and o.ev_class = c.oid)
    union
    -- A body that is a string leaves no dependency.
    select pg_describe_object('pg_proc'::regclass, p.oid, 0)
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    join pg_class c on c.oid = p_table
    where p.prosrc ~ format('\m%s\M', case c.relname when 'whatsapp_messages' then 'whatsapp_messages_legacy'
            else c.relname end)
      and n.nspname not in ('messaging', 'pg_catalog')
      and n.nspname not like 'pg\_temp\_%'
$$;
comment on function messaging.legacy_readers(regclass) is 'What reads a table or view and is not part of it.';
