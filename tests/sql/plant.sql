-- As somebody who may create in public: functions named like PostgreSQL's own that ours call, and operators,
-- for every combination of the types about, so that some fit better than PostgreSQL's. Each says that it
-- was called. Run as that one.
\set ON_ERROR_STOP on
\set QUIET on
set search_path = pg_catalog;
set client_min_messages = warning;
do $$
declare
    v_types constant text[] := '{text,uuid,jsonb,integer,bigint,numeric,double precision,timestamptz,interval,boolean,bytea,text[]}';
    v_body constant text := $body$language plpgsql as 'begin raise exception ''caught as %'', current_user; end'$body$;
    v_name text;
    v_types_of text[];
begin
    for v_name in
        select distinct c.proname
        from pg_proc p
        cross join regexp_matches(p.prosrc, '\m([a-z_0-9]+)\s*\(', 'g') as called
        join pg_proc c on c.proname = called[1] and c.pronamespace = 'pg_catalog'::regnamespace
        where p.pronamespace = 'messaging'::regnamespace
    loop
        for v_types_of in
            select array[a] from unnest(v_types) as a
            union all
            select array[a, b] from unnest(v_types) as a, unnest(v_types) as b
            union all
            -- what takes any number of anything
            select array[a, b, c] || d from unnest('{text,uuid,jsonb}'::text[]) as a, unnest('{text,uuid,jsonb}'::text[]) as b,
                unnest('{text,uuid,jsonb}'::text[]) as c, (values ('{}'::text[]), ('{text}'), ('{jsonb}'), ('{text,jsonb}'), ('{text,text,jsonb}')) as v (d)
            where v_name ~ '^(format|concat|concat_ws|json.*)$'
        loop
            execute format('create function public.%I(%s) returns %s %s', v_name, array_to_string(v_types_of, ', '),
                case when v_name ~ '^json' then 'jsonb' else 'text' end, v_body);
        end loop;
    end loop;
    for v_types_of in select array[a, b] from unnest(v_types) as a, unnest(v_types) as b loop
        execute format('create function public.planted(%s) returns boolean %s', array_to_string(v_types_of, ', '), v_body);
        foreach v_name in array '{=,<>,<,<=,>,>=,||,->,->>,@>,+,-,?,?|,~,!~,#>>}'::text[] loop
            execute format('create operator public.%s (function = public.planted, leftarg = %s, rightarg = %s)', v_name, v_types_of[1], v_types_of[2]);
        end loop;
    end loop;
end
$$;
