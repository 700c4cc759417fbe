-- What stands in a database's schemas, a line or more for each thing, in an order that is always the same:
-- to compare databases where pg_dump cannot be asked.
--
--   psql -XAtq -v schema=NAME -v relation=SCHEMA.NAME -v without=SCHEMA.NAME -f schema.sql
--
-- Each may be empty: of one schema, of one relation alone, without one relation.

set search_path = pg_catalog;
set quote_all_identifiers = off;

create function pg_temp.sorted(p_acl aclitem[]) returns text
return (select string_agg(a::text, ' ' order by a::text) from unnest(p_acl) as a);

create temporary view theirs as
select d.classid, d.objid from pg_depend d where d.deptype = 'e';

create temporary table relations as
select c.*, format('%I.%I', n.nspname, c.relname) as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and (c.oid, 'pg_class'::regclass) not in (select t.objid, t.classid from theirs t)
  and :'schema' in ('', n.nspname) and :'relation' in ('', format('%I.%I', n.nspname, c.relname))
  and :'without' <> format('%I.%I', n.nspname, c.relname);
create temporary table routines as
select p.* from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and :'relation' = ''
  and (p.oid, 'pg_proc'::regclass) not in (select t.objid, t.classid from theirs t)
  and :'schema' in ('', n.nspname);

select 'schema', n.nspname, n.nspowner::regrole, pg_temp.sorted(n.nspacl), obj_description(n.oid, 'pg_namespace')
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and :'relation' = '' and :'schema' in ('', n.nspname)
order by n.nspname;

select 'relation', c.name, c.relkind, c.relpersistence, c.relowner::regrole, pg_temp.sorted(c.relacl), c.reloptions,
    c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispopulated, c.relispartition,
    obj_description(c.oid, 'pg_class'), case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end
from relations c where c.relkind <> 'i' order by c.name;
select 'inherits', c.name, i.inhparent::regclass from pg_inherits i join relations c on c.oid = i.inhrelid order by c.name, 3;
select 'column', c.name, row_number() over (partition by c.oid order by a.attnum), a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation,
    a.attstorage, a.attcompression, pg_temp.sorted(a.attacl), pg_get_expr(d.adbin, d.adrelid),
    col_description(c.oid, a.attnum)
from relations c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind <> 'i' order by c.name, a.attnum;
-- That a column is not null stands above, in all versions.
select 'constraint', c.name, k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
from relations c join pg_constraint k on k.conrelid = c.oid where k.contype <> 'n' order by c.name, k.conname;
select 'index', c.name, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident
from relations c join pg_index i on i.indrelid = c.oid order by c.name, 3;
select 'trigger', c.name, pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger')
from relations c join pg_trigger t on t.tgrelid = c.oid where not t.tgisinternal order by c.name, t.tgname;
select 'rule', c.name, pg_get_ruledef(r.oid) from relations c join pg_rewrite r on r.ev_class = c.oid
where r.rulename <> '_RETURN' order by c.name, r.rulename;
select 'policy', c.name, p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, c.oid),
    pg_get_expr(p.polwithcheck, c.oid), obj_description(p.oid, 'pg_policy')
from relations c join pg_policy p on p.polrelid = c.oid order by c.name, p.polname;
select 'sequence', c.name, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle
from relations c join pg_sequence s on s.seqrelid = c.oid order by c.name;
select 'statistics', c.name, pg_get_statisticsobjdef(s.oid) from relations c join pg_statistic_ext s on s.stxrelid = c.oid
order by c.name, s.stxname;

select 'routine', p.oid::regprocedure, p.proowner::regrole, pg_temp.sorted(p.proacl), obj_description(p.oid, 'pg_proc'),
    case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end
from routines p order by p.oid::regprocedure::text;
select 'type', t.oid::regtype, t.typtype, t.typowner::regrole, pg_temp.sorted(t.typacl), format_type(t.typbasetype, t.typtypmod),
    (select string_agg(e.enumlabel, ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
    (select string_agg(pg_get_constraintdef(k.oid), ', ' order by k.conname) from pg_constraint k where k.contypid = t.oid and k.contype <> 'n')
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('d', 'e', 'r') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and :'relation' = ''
  and (t.oid, 'pg_type'::regclass) not in (select x.objid, x.classid from theirs x)
  and :'schema' in ('', n.nspname)
order by t.oid::regtype::text;

-- What belongs to the database.
select 'publication', p.pubname, p.pubowner::regrole, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
    (select string_agg(concat_ws(' ', r.prrelid::regclass, r.prattrs, pg_get_expr(r.prqual, r.prrelid)), ', ' order by r.prrelid::regclass::text)
     from pg_publication_rel r where r.prpubid = p.oid),
    (select string_agg(s.pnnspid::regnamespace::text, ', ' order by 1) from pg_publication_namespace s where s.pnpubid = p.oid)
from pg_publication p where :'schema' || :'relation' = '' order by p.pubname;
select 'extension', e.extname, e.extnamespace::regnamespace, e.extversion
from pg_extension e where :'schema' || :'relation' = '' order by e.extname;
select 'event trigger', e.evtname, e.evtevent, e.evtowner::regrole, e.evtfoid::regprocedure, e.evtenabled, e.evttags
from pg_event_trigger e where :'schema' || :'relation' = '' order by e.evtname;
select 'default rights', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype, pg_temp.sorted(d.defaclacl)
from pg_default_acl d
where :'schema' || :'relation' = '' order by d.defaclrole::regrole::text, d.defaclnamespace::regnamespace::text, d.defaclobjtype;
