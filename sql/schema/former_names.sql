-- Since April 2026 the application calls its tables _legacy_message_logs and _legacy_whatsapp_messages, and
-- has a view of each under the former name. Both get their names back, and the views take the others: what
-- there is of rows, rights, foreign keys, publications, materialized views and views of views goes by no
-- name, and stays. Looks at every run, since the application's renaming may come after this project's.
--
-- A table of Meta's messages and its view are left alone.
do $$
declare
    v_name text;
    v_table regclass;
    v_readers text[];
begin
    perform set_config('client_min_messages', 'notice', true);
    foreach v_name in array '{message_logs,whatsapp_messages}'::text[] loop
        v_table := pg_temp.table_behind(v_name);
        continue when v_table is null or v_table = to_regclass(format('public.%I', v_name))
            or pg_temp.of_meta(v_table);

        -- The view first, and through it the table, as those do who write.
        if to_regclass(format('public.%I', v_name)) is not null then
            execute format('lock table public.%I in access exclusive mode', v_name);
            execute format('alter view public.%I set (security_invoker = true)', v_name);
            execute format('alter view public.%I rename to %I', v_name, 'messaging_' || v_name);
        end if;
        execute format('alter table public.%I rename to %I', '_legacy_' || v_name, v_name);
        if to_regclass(format('public.%I', 'messaging_' || v_name)) is not null then
            execute format('alter view public.%I rename to %I', 'messaging_' || v_name, '_legacy_' || v_name);
        elsif v_name = 'message_logs' then
            create view public._legacy_message_logs with (security_invoker = true) as table public.message_logs;
        end if;
        raise notice '% is a table again, which was called _legacy_%', v_name, v_name;

        select array_agg(r order by r) into v_readers
        from messaging.legacy_readers(to_regclass(format('public.%I', '_legacy_' || v_name))) as r;
        if v_readers is not null then
            raise notice 'going by the name of _legacy_%, which is a view until sql/drop-legacy.sql: %',
                v_name, array_to_string(v_readers, ', ');
        elsif v_name = 'whatsapp_messages' then
            drop view if exists public._legacy_whatsapp_messages;
        end if;
    end loop;
    perform set_config('client_min_messages', 'warning', true);
end
$$;
