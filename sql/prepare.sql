-- How migrate.sql, standalone.sql and what supabase.sh writes begin: inside a transaction, plain SQL.

-- Where others may create in public, nobody is to slip whoever migrates a function of his own.
set local search_path = pg_catalog, pg_temp;
-- However long it takes: limits of the role or the database are for the application. The first is known
-- from PostgreSQL 17 on.
do $$ begin perform set_config(s.name, '0', true) from pg_settings s where s.name = 'transaction_timeout'; end $$;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local lock_timeout = 0;
-- Then, so that a second run waits here and then finds the work done.
do $$ begin perform pg_advisory_xact_lock(hashtextextended('messaging.migrate', 0)); end $$;
-- On a live database give up rather than hold everybody up behind someone's forgotten transaction.
set local lock_timeout = '60s';
-- Rows that a policy would hide are an error, not rows that are lost.
set local row_security = off;
-- A table is read a few times, and whole.
set local work_mem = '64MB';
set local maintenance_work_mem = '256MB';
set local jit = off;
-- That something is there already is no news; what a migration has to tell is.
set local client_min_messages = warning;

-- Roles belong to the whole cluster: another database's run may be making them at this moment.
create or replace procedure pg_temp.make_role(p_name text, p_options text)
language plpgsql
as $$
begin
    if to_regrole(p_name) is null then
        execute format('create role %I %s', p_name, p_options);
    end if;
exception when duplicate_object or unique_violation then
    null;
end
$$;

-- Whether this database has not had a file of migrations/ yet.
create or replace function pg_temp.pending(p_migration text) returns boolean
language plpgsql
as $$
begin
    return not exists (select from messaging.schema_migrations m where m.version = left(p_migration, 14));
end
$$;

-- Whether a view reads a table itself, not through another view.
create or replace function pg_temp.reads(p_view regclass, p_table regclass) returns boolean
language sql
as $$
    select exists (
        select from pg_rewrite r
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid = p_table
        join pg_class c on c.oid = r.ev_class and c.relkind = 'v'
        where r.ev_class = p_view)
$$;

-- The table that public.p_name stands for: the one of that name, or _legacy_p_name where the application
-- has renamed it and has a view, or nothing any more, under the former name.
create or replace function pg_temp.table_behind(p_name text) returns regclass
language sql
as $$
    select c.oid
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and (c.relname = p_name
          or c.relname = '_legacy_' || p_name
              and (to_regclass(format('public.%I', p_name)) is null
                  or pg_temp.reads(to_regclass(format('public.%I', p_name)), c.oid)))
$$;

-- Whether a relation, table or view, is of Meta's messages, which are not this project's: the name
-- whatsapp_messages stays theirs where they have it.
create or replace function pg_temp.of_meta(p_relation regclass) returns boolean
language sql
as $$
    select coalesce(bool_or(a.attname = 'wa_message_id') and not bool_or(a.attname = 'message_sid'), false)
    from pg_attribute a
    where a.attrelid = p_relation and not a.attisdropped
$$;

-- Whether a view gives columns of a table under their names and does nothing else.
create or replace function pg_temp.is_plain(p_view regclass, p_table regclass) returns boolean
language plpgsql
as $$
declare
    v_plain boolean;
begin
    execute format('create temporary view messaging_plain as select %s from %s', (
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
        where a.attrelid = p_view and a.attnum > 0), p_table);
    v_plain := pg_get_viewdef(p_view) = pg_get_viewdef('pg_temp.messaging_plain'::regclass);
    drop view pg_temp.messaging_plain;
    return v_plain;
exception when undefined_column then
    return false;
end
$$;

-- What stands under a name, to compare.
create or replace function pg_temp.definition(p_kind text, p_name text, p_relation regclass) returns text
language sql
as $$
    select row(p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid),
        pg_get_expr(p.polwithcheck, p.polrelid))::text
    from pg_policy p
    where p_kind = 'policy' and p.polrelid = p_relation and p.polname = p_name
    union all
    select regexp_replace(pg_get_triggerdef(t.oid), ' ON \S+ ', ' ')
    from pg_trigger t
    where p_kind = 'trigger' and t.tgrelid = p_relation and t.tgname = p_name
    union all
    select row(c.reloptions, pg_get_viewdef(c.oid))::text
    from pg_class c
    where p_kind = 'view' and c.oid = p_relation
    union all
    select 'there'
    from pg_attribute a
    where p_kind = 'column' and a.attrelid = p_relation and a.attname = p_name and not a.attisdropped
    union all
    select 'there'
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where p_kind = 'index' and i.indrelid = p_relation and c.relname = p_name
$$;

-- Runs a CREATE INDEX, POLICY, TRIGGER or VIEW or an ALTER TABLE … ADD COLUMN unless what it makes stands
-- there already: once more would lock the table, and hold up whoever sends. An index or a column is known
-- by its name. The others are made on an empty copy of the table, or in pg_temp, first, and what comes of
-- it compared.
create or replace procedure pg_temp.keep(p_statement text)
language plpgsql
as $$
declare
    v_on constant text[] := regexp_match(p_statement,
        '^\s*create\s+(?:unique\s+)?(index|policy|trigger)\s+("[^"]+"|\w+)\s+(?:[a-z_,\s]*\s)?on\s+(\w+)\.(\w+)');
    v_column constant text[] := regexp_match(p_statement, '^\s*alter\s+table\s+(\w+)\.(\w+)\s+add\s+column\s+(\w+)');
    v_view constant text[] := regexp_match(p_statement, '^\s*create\s+view\s+(\w+)\.(\w+)');
    v_kind constant text := case when v_column is not null then 'column' when v_view is not null then 'view'
        else v_on[1] end;
    v_name constant text := coalesce(btrim(v_on[2], '"'), v_column[3], v_view[2]);
    v_schema constant text := coalesce(v_on[3], v_column[1], v_view[1]);
    v_table constant text := coalesce(v_on[4], v_column[2], v_view[2]);
    v_relation constant regclass := to_regclass(format('%I.%I', v_schema, v_table));
    v_of_view constant boolean := exists (select from pg_class c where c.oid = v_relation and c.relkind = 'v');
    v_there constant text := pg_temp.definition(v_kind, v_name, v_relation);
    v_wanted text := 'there';
begin
    if v_kind is null then
        raise exception 'nothing that keep() knows: %', p_statement;
    elsif v_kind = 'view' then
        execute regexp_replace(p_statement, '\mview\s+\w+\.', 'temporary view ');
        v_wanted := pg_temp.definition(v_kind, v_name, format('pg_temp.%I', v_table)::regclass);
        execute format('drop view pg_temp.%I', v_table);
    elsif v_kind in ('policy', 'trigger') then
        execute format(case when v_of_view then 'create temporary view %I as select * from %s'
            else 'create temporary table %I (like %s)' end, v_table, v_relation);
        execute regexp_replace(p_statement, '\mon\s+\w+\.', 'on pg_temp.');
        v_wanted := pg_temp.definition(v_kind, v_name, format('pg_temp.%I', v_table)::regclass);
        execute format('drop %s pg_temp.%I', case when v_of_view then 'view' else 'table' end, v_table);
    end if;

    if v_there is distinct from v_wanted then
        if v_kind in ('policy', 'trigger') and v_there is not null then
            execute format('drop %s %I on %s', v_kind, v_name, v_relation);
        end if;
        execute regexp_replace(p_statement, '^\s*create\s+view', 'create or replace view');
    end if;
end
$$;

-- Before a CREATE OR REPLACE that PostgreSQL would refuse: drops a function that returns something else
-- than p_shape (as pg_get_function_result tells it), or a view with other columns than these.
--
--   call pg_temp.drop_former('messaging.known_sids(text[])', 'SETOF text');
--   call pg_temp.drop_former('messaging.delivery_report', 'day, message_type, total');
create or replace procedure pg_temp.drop_former(p_name text, p_shape text)
language plpgsql
as $$
declare
    v_view constant boolean := p_name not like '%(%';
    v_shape text;
begin
    if v_view then
        select string_agg(a.attname, ', ' order by a.attnum) into v_shape
        from pg_attribute a
        where a.attrelid = to_regclass(p_name) and a.attnum > 0 and not a.attisdropped;
    else
        v_shape := pg_get_function_result(to_regprocedure(p_name));
    end if;
    if v_shape <> p_shape then
        execute format('drop %s %s', case when v_view then 'view' else 'function' end, p_name);
    end if;
end
$$;
