-- How migrate.sql, and what supabase.sh writes, begin: inside a transaction, plain SQL.

-- First, so that a second run waits here and then finds the work done.
do $$ begin perform pg_advisory_xact_lock(hashtextextended('messaging.migrate', 0)); end $$;
-- On a live database give up rather than hold everybody up behind someone's forgotten transaction.
set local lock_timeout = '60s';
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local search_path = pg_catalog, pg_temp;
-- Rows that a policy would hide are an error, not rows that are lost.
set local row_security = off;
-- A table is read a few times, and whole.
set local work_mem = '64MB';
set local maintenance_work_mem = '256MB';
set local jit = off;
-- That something is there already is no news; what a migration has to tell is.
set local client_min_messages = warning;

-- Whether this database has not had a file of migrations/ yet.
create or replace function pg_temp.pending(p_migration text) returns boolean
language plpgsql
as $$
begin
    return not exists (select from messaging.schema_migrations m where m.version = left(p_migration, 14));
end
$$;

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
$$;

-- Runs a CREATE INDEX, CREATE POLICY, CREATE TRIGGER or ALTER TABLE … ADD COLUMN unless what it makes
-- stands there already: once more would lock the table, and hold up whoever sends. An index or a column
-- is known by its name. A policy or trigger is made on an empty copy of the table first, and what comes
-- of it compared.
create or replace procedure pg_temp.keep(p_statement text)
language plpgsql
as $$
declare
    v_words constant text[] := regexp_match(p_statement,
        '^\s*create\s+(?:unique\s+)?(index|policy|trigger)\s+("[^"]+"|\w+)\s+(?:[a-z\s]*\s)?on\s+(\w+)\.(\w+)');
    v_column constant text[] := regexp_match(p_statement,
        '^\s*alter\s+table\s+(\w+)\.(\w+)\s+add\s+column\s+(\w+)');
    v_kind constant text := v_words[1];
    v_name constant text := btrim(v_words[2], '"');
    v_relation constant text := case when v_words is not null then format('%I.%I', v_words[3], v_words[4]) end;
    v_there text;
    v_wanted text;
begin
    if v_column is not null then
        if not exists (
            select from pg_attribute a
            where a.attrelid = format('%I.%I', v_column[1], v_column[2])::regclass and a.attname = v_column[3]
              and not a.attisdropped)
        then
            execute p_statement;
        end if;
        return;
    elsif v_kind = 'index' then
        if to_regclass(format('%I.%I', v_words[3], v_name)) is null then
            execute p_statement;
        end if;
        return;
    elsif v_kind is null then
        raise exception 'nothing that keep() knows: %', p_statement;
    end if;
    execute format('create temporary table %I (like %s)', v_words[4], v_relation);
    execute regexp_replace(p_statement, '\mon\s+\w+\.', 'on pg_temp.');
    v_wanted := pg_temp.definition(v_kind, v_name, format('pg_temp.%I', v_words[4])::regclass);
    execute format('drop table pg_temp.%I', v_words[4]);

    v_there := pg_temp.definition(v_kind, v_name, v_relation::regclass);
    if v_there is distinct from v_wanted then
        if v_there is not null then
            execute format('drop %s %I on %s', v_kind, v_name, v_relation);
        end if;
        execute p_statement;
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
