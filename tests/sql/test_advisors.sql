-- What Supabase's advisors look for (splinter's lints), in everything that is ours: they find nothing.
begin;
select no_plan();

create temporary view ours as
select c.oid, c.relkind, c.relrowsecurity, c.reloptions from pg_class c
where c.relnamespace = 'messaging'::regnamespace
   or c.oid in ('message_logs'::regclass, 'whatsapp_messages'::regclass)
   or c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm') and pg_get_viewdef(c.oid) ~ '\mmessaging\.';

select is_empty($$select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'messaging'::regnamespace
      and not exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%')$$,
    '0011: no function with a mutable search_path');
select is_empty($$select p.oid::regprocedure, s from pg_proc p, unnest(p.proconfig) as s
    where p.pronamespace = 'messaging'::regnamespace and s like 'search_path=%' and s <> 'search_path=pg_catalog, pg_temp'$$,
    'nor with one in which somebody else may create');
select is_empty($$select oid::regclass from ours where relkind = 'v' and not coalesce(reloptions && '{security_invoker=true,security_invoker=on}', false)$$,
    '0010: no security definer view');
select is_empty($$select oid::regclass from ours where relkind in ('r', 'p') and not relrowsecurity$$, '0013: no table without row-level security');
select is_empty($$select oid::regclass from ours where relkind in ('r', 'p') and not exists (select from pg_policy p where p.polrelid = ours.oid)$$,
    '0008: none with it and without a policy');
select is_empty($$select polrelid::regclass, polname from pg_policy p
    where polname like 'messaging: %' and (pg_get_expr(polqual, polrelid) || coalesce(pg_get_expr(polwithcheck, polrelid), ''))
        ~ '(?<!SELECT )(auth\.(uid|jwt|role)|current_setting|messaging\.\w+)\(\)'
      and pg_get_expr(polqual, polrelid) !~ 'SELECT messaging\.own_requests\(\)'$$,
    '0003: no policy that asks for each row who it is');
select is_empty($$select a.polrelid::regclass, a.polcmd, r from pg_policy a cross join unnest(a.polroles) as r
    where a.polrelid in (select oid from ours) and a.polpermissive
    group by a.polrelid, a.polcmd, r having count(*) > 1$$, '0006: no two permissive policies for one role and verb');
select is_empty($$select c.conrelid::regclass, c.conname from pg_constraint c
    where c.contype = 'f' and (c.conrelid in (select oid from ours) or c.confrelid = 'message_logs'::regclass)
      and not exists (select from pg_index i where i.indrelid = c.conrelid and c.conkey[1] = i.indkey[0])$$, '0001: no foreign key without an index');
select is_empty($$select array_agg(i.indexrelid::regclass) from pg_index i where i.indrelid in (select oid from ours)
    group by i.indrelid, i.indkey::text, i.indpred::text, i.indexprs::text, i.indisunique having count(*) > 1$$, '0009: no index twice');
select is_empty($$select oid::regclass from ours where relkind in ('r', 'p')
    and not exists (select from pg_index i where i.indrelid = ours.oid and i.indisprimary)$$, '0004: no table without a primary key');
select * from finish();
rollback;
